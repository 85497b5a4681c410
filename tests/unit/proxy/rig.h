/* SPDX-License-Identifier: Apache-2.0 */
/* A whole proxy without its process: one worker with compiled configuration, upstreams and clients,
 * all turned by the test's own thread.
 *
 *   client (rig_ask, rig_connect) -> listener -> worker -> up0, up1, ... (HTTP servers of the rig)
 *
 * What an upstream does is told by request headers: x-status: N; x-hold: 1 (answers when the test
 * calls rig_release). Otherwise it answers 200 and says what it saw: "GET host /path".
 *
 * Place   tests/unit/proxy, for behaviour that a user of the proxy could notice
 * Limits  RIG_UPSTREAMS_MAX upstreams; each wait is bounded by RIG_WAIT_MS
 */
#ifndef WEFT_TESTS_PROXY_RIG_H
#define WEFT_TESTS_PROXY_RIG_H

#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/client.h"
#include "http/server.h"
#include "proxy/resources.h"
#include "proxy/worker.h"

enum { RIG_UPSTREAMS_MAX = 4, RIG_WAIT_MS = 10000, RIG_HELD_MAX = 8 };

struct rig;

struct rig_upstream {
    struct rig *rig;
    struct http_server *server;
    unsigned port;
    size_t request_count;
    size_t reset_count;
    const struct http_head *head; /* of the last request; lies in the rig's arena */
    struct buf body;              /* all bodies, one behind the other */
    size_t body_ends;             /* requests that came in whole */
    struct http_stream *held[RIG_HELD_MAX];
    size_t held_count;
};

struct rig {
    struct loop *main_loop;
    struct worker *worker;
    struct stats stats;
    struct resources resources;
    struct access_log_sinks sinks;
    struct telemetry_node node;
    struct arena arena;
    struct rig_upstream upstreams[RIG_UPSTREAMS_MAX];
    size_t upstream_count;
    unsigned port; /* of the last listener */
    char log_path[64];
};

struct rig_answer {
    unsigned status; /* 0: none came */
    const struct http_head *head;
    struct slice body;
};

/* Turns the loops until `condition` holds. */
#define RIG_UNTIL(rig, condition)                                                                  \
    do {                                                                                           \
        uint64_t until_ = clock_monotonic_ms() + RIG_WAIT_MS;                                      \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms() > until_)                                                     \
                fail_msg("never came true: %s", #condition);                                       \
            rig_turn(rig);                                                                         \
        }                                                                                          \
    } while (0)

void rig_init(struct rig *rig);
void rig_deinit(struct rig *rig);
/* One turn of both loops. */
void rig_turn(struct rig *rig);
/* An unused port of loopback. */
unsigned rig_free_port(void);
/* A resource from YAML; fails the test when it is refused. */
void rig_cluster(struct rig *rig, const char *yaml);
void rig_listener(struct rig *rig, const char *yaml);
/* An upstream, and cluster "upN" that has it as its one endpoint; `more` is YAML of further fields
 * of the cluster, or "". */
struct rig_upstream *rig_upstream(struct rig *rig, const char *more);
/* A STATIC cluster with one endpoint on loopback. */
void rig_cluster_at(struct rig *rig, const char *name, unsigned port, const char *more);
/* A STATIC cluster of the rig's first two upstreams. */
void rig_cluster_pair(struct rig *rig, const char *name, const char *more);
/* A socket that listens on loopback and does nothing by itself, and a cluster for it. */
int rig_raw_upstream(struct rig *rig, const char *name);
/* The next connection that came in there. */
int rig_accept(struct rig *rig, int listener);
/* A listener on rig->port with these fields (YAML), in which "TCP(cluster)" or "TCP(cluster, more
 * fields)" stands for a filter chain's TCP proxy; its log has lines "cluster flags server-name". */
void rig_chains(struct rig *rig, const char *fields);
/* A listener on rig->port whose HTTP connection manager has the filters fault and cors, an access
 * log, and one virtual host "*" with these routes (flow YAML: "{...}, {...}"). `more` is YAML of
 * further fields of the manager, or "". */
void rig_http(struct rig *rig, const char *routes, const char *more);
/* The same, where it must be refused: "path: reason". */
const char *rig_http_refused(struct rig *rig, const char *routes);
/* Puts what was configured in force. */
void rig_apply(struct rig *rig);

/* A request of the form "METHOD /path", with headers "name: value\n..." (or ""), to the end of its
 * answer. */
struct rig_answer rig_ask(struct rig *rig, const char *what, const char *headers,
                          struct slice body);
/* The value of an answer's header, "" when it has none. */
const char *rig_header(struct rig *rig, const struct http_head *head, const char *name);
/* A raw connection to the last listener. */
int rig_connect(struct rig *rig);
/* Reads from a connection until it ends or `until` (may be NULL) was seen; what came, lying in the
 * rig's arena. */
const char *rig_read(struct rig *rig, int fd, const char *until);
/* Lets an upstream answer what it holds. */
void rig_release(struct rig_upstream *upstream);
/* The access log so far: a line "status flags details" for each request. */
const char *rig_log(struct rig *rig);
/* The value of one statistic by its text name ("http.rig.no_route"). */
uint64_t rig_stat(struct rig *rig, const char *name);

#endif
