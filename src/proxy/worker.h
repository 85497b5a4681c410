/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: one thread of the data path with its own loop, listening sockets, upstream connections
 * and counters.
 *
 * Place   made by server.c; everything on the request path takes it as a parameter
 * Owns    its loop, its view of the configuration (struct worker_gen), listeners, HTTP servers,
 *         upstream clusters, log buffers, metric series
 * Threads all functions run on the worker's thread, but for those marked "any thread"
 */
#ifndef WEFT_PROXY_WORKER_H
#define WEFT_PROXY_WORKER_H

#include "base/list.h"
#include "base/prelude.h"
#include "base/rng.h"
#include "io/loop.h"
#include "proxy/access_log.h"
#include "proxy/config.h"
#include "proxy/telemetry.h"

struct upstream_cluster;

/* A worker's hold on one generation: streams count here, without touching shared memory. */
struct worker_gen {
    struct config *config; /* one reference */
    size_t streams;
    bool current;
};

struct worker {
    struct loop *loop;
    unsigned index; /* block of statistics */
    struct rng rng;
    struct worker_gen *gen;             /* NULL before the first configuration */
    struct upstream_cluster **clusters; /* by slot; NULL: not used yet */
    size_t cluster_count;
    struct list listeners; /* struct inbound_listener */
    struct list hcms;      /* struct hcm */
    struct list pending;   /* connections whose first bytes are awaited */
    struct list tcp_sessions;
    struct list requests; /* active, for idle time-outs */
    struct list mirrors;  /* copies of requests under way */
    size_t mirror_count;
    struct loop_timer tick;
    struct access_log log;
    struct telemetry telemetry;
    int64_t realtime_offset_ms; /* real time minus loop_now_ms, renewed each tick */
    char date[32];              /* value of the date header, renewed each tick */
    bool draining;              /* listening no more */
    bool closing;               /* listening, but every response ends its connection */
    size_t listen_failures;     /* sockets that could not be bound by the last worker_apply */
    _Atomic uint64_t active;    /* connections and requests; read by the main thread */
};

MUST_USE int worker_new(unsigned index, struct loop *main_loop, struct access_log_sinks *sinks,
                        const struct telemetry_node *node, struct worker **ret);
/* After its loop ended. NULL is fine. */
void worker_free(struct worker *worker);
/* Takes over a generation (takes the reference): listeners open and close, clusters learn of new
 * endpoints. */
void worker_apply(struct worker *worker, struct config *config);
/* Stops accepting (only inbound listeners, if asked); open connections end as their protocols
 * allow. */
void worker_drain(struct worker *worker, bool inbound_only);
/* The gentle beginning of the end: goes on serving, but no connection is kept alive. */
void worker_close_conns(struct worker *worker);
/* A stream holds the generation that it was routed by. */
struct worker_gen *worker_gen_hold(struct worker *worker);
void worker_gen_release(struct worker_gen *gen);
/* Real time in milliseconds, from the loop's clock. */
static inline int64_t worker_realtime_ms(const struct worker *worker)
{
    return (int64_t)loop_now_ms(worker->loop) + worker->realtime_offset_ms;
}

#endif
