/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy process: main loop, workers, signals, admin; from a bootstrap file or as a mesh's
 * sidecar or gateway (agent.c).
 *
 *   main thread: loop { admin, xDS, DNS, signals, log writing }   workers 0..N-1: loop { traffic }
 *
 * Place   bin/weft_proxy.c
 * Owns    everything of the process
 * Threads the main one; workers are started by server_run
 */
#ifndef WEFT_PROXY_SERVER_H
#define WEFT_PROXY_SERVER_H

#include "base/prelude.h"
#include "http/server.h"
#include "io/loop.h"
#include "proxy/resources.h"
#include "proxy/telemetry.h"
#include "proxy/worker.h"
#include "wire/json.h"

#include <pthread.h>

enum { SERVER_WORKERS_MAX = 256 };

/* Envoy's server.state. */
enum server_state {
    SERVER_LIVE = 0,
    SERVER_DRAINING = 1,
    SERVER_PRE_INITIALIZING = 2,
    SERVER_INITIALIZING = 3,
};

struct server_options {
    unsigned concurrency; /* 0: one a core */
    uint64_t drain_ms;    /* after SIGTERM, at most */
    bool drain_whole;     /* serve on for all of drain_ms: others have yet to learn of our end */
    bool unknown_fields_allowed;
    struct telemetry_node node; /* for metrics */
    bool telemetry;             /* Istio's metrics for all chains */
};

struct server_worker {
    struct worker *worker;
    pthread_t thread;
    bool started;
};

struct admin;
struct discovery;

struct server {
    struct loop *loop;
    struct server_options options;
    struct stats stats; /* one block a worker, and the last one for the main thread */
    struct resources resources;
    struct access_log_sinks sinks;
    struct server_worker *workers;
    unsigned worker_count;
    enum server_state state;
    bool running; /* workers run */
    uint64_t start_ms;
    int64_t start_realtime_ms;
    json_t *bootstrap; /* for /config_dump; NULL: none */
    char *node_id;
    char *node_cluster;
    struct admin *admin; /* NULL: no admin interface */
    int signal_fd;
    struct loop_watch signal_watch;
    struct loop_timer drain_timer;
    uint64_t drain_deadline_ms;
    bool healthcheck_failed;
    size_t listen_failures; /* of the first configuration */
    /* updates that xDS brought, for /stats: cds, lds */
    uint64_t update_success[4]; /* by xds_type: clusters, endpoints, listeners, routes */
    uint64_t update_rejected[4];
    struct discovery *discovery; /* NULL: static only. Owned. */
};

/* Allocates nothing for traffic yet. */
MUST_USE int server_new(const struct server_options *options, struct server **ret,
                        struct error *err);
void server_free(struct server *server);
/* Reads an Envoy bootstrap (YAML or JSON) and puts its static resources in force. */
MUST_USE int server_load_bootstrap(struct server *server, const char *path, struct error *err);
MUST_USE int server_apply_bootstrap(struct server *server, json_t *json, struct error *err);
/* Opens the admin interface. */
MUST_USE int server_open_admin(struct server *server, const struct addr *addr, struct error *err);
/* Starts the workers and runs until told to end. Returns 0, or an error before anything served. */
MUST_USE int server_run(struct server *server, struct error *err);
/* Hands what the store holds to the workers. */
void server_publish(struct server *server);
/* Ends at once. */
void server_quit(struct server *server);
/* Stops accepting, lets requests end, then quits. */
void server_drain(struct server *server);
/* Stops accepting on inbound listeners, or on all. */
void server_drain_listeners(struct server *server, bool inbound_only);
/* Connections open on all workers, as of their last tick. */
uint64_t server_active(const struct server *server);
/* Envoy's and Istio's metrics as Prometheus text. */
void server_print_prometheus(struct server *server, struct buf *out);
/* The block of statistics that the main thread writes. */
static inline unsigned server_main_block(const struct server *server)
{
    return server->worker_count;
}

#endif
