/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges: dense slots fixed at compile time, one block of them per worker, so that
 * counting is a plain add to memory that no other thread writes.
 *
 *   scope "cluster.outbound|9080||reviews..."   worker 0: [cx_total][cx_active]...   (cache lines)
 *                                               worker 1: [cx_total][cx_active]...
 *
 * A gauge is the sum of the workers' changes, so it may be raised by one and lowered by another.
 *
 * Place   clusters, listeners, HTTP and TCP prefixes, the server; read by admin
 * Owns    scopes, reference-counted; the registry keeps one reference to each
 * Threads each worker writes its own block (relaxed); the main thread sums
 * Limits  scopes die with the configuration that named them, at the next stats_sweep
 */
#ifndef WEFT_PROXY_STATS_H
#define WEFT_PROXY_STATS_H

#include "base/buf.h"
#include "base/list.h"
#include "base/prelude.h"
#include "base/slice.h"

#include <stdatomic.h>

/* X(slot, is_gauge); the slot's name is the name that people see, "__" standing for a dot. */
#define STATS_CLUSTER_MAP(X)                                                                       \
    X(upstream_cx_total, 0)                                                                        \
    X(upstream_cx_active, 1)                                                                       \
    X(upstream_cx_connect_fail, 0)                                                                 \
    X(upstream_cx_connect_timeout, 0)                                                              \
    X(upstream_cx_none_healthy, 0)                                                                 \
    X(upstream_cx_overflow, 0)                                                                     \
    X(upstream_cx_rx_bytes_total, 0)                                                               \
    X(upstream_cx_tx_bytes_total, 0)                                                               \
    X(upstream_rq_total, 0)                                                                        \
    X(upstream_rq_active, 1)                                                                       \
    X(upstream_rq_pending_overflow, 0)                                                             \
    X(upstream_rq_completed, 0)                                                                    \
    X(upstream_rq_1xx, 0)                                                                          \
    X(upstream_rq_2xx, 0)                                                                          \
    X(upstream_rq_3xx, 0)                                                                          \
    X(upstream_rq_4xx, 0)                                                                          \
    X(upstream_rq_5xx, 0)                                                                          \
    X(upstream_rq_retry, 0)                                                                        \
    X(upstream_rq_retry_success, 0)                                                                \
    X(upstream_rq_retry_overflow, 0)                                                               \
    X(upstream_rq_retry_limit_exceeded, 0)                                                         \
    X(upstream_rq_timeout, 0)                                                                      \
    X(upstream_rq_per_try_timeout, 0)                                                              \
    X(upstream_rq_rx_reset, 0)                                                                     \
    X(upstream_rq_tx_reset, 0)                                                                     \
    X(lb_healthy_panic, 0)                                                                         \
    X(membership_total, 1)                                                                         \
    X(membership_healthy, 1)                                                                       \
    X(outlier_detection__ejections_active, 1)                                                      \
    X(outlier_detection__ejections_enforced_total, 0)

#define STATS_LISTENER_MAP(X)                                                                      \
    X(downstream_cx_total, 0)                                                                      \
    X(downstream_cx_active, 1)                                                                     \
    X(no_filter_chain_match, 0)                                                                    \
    X(downstream_pre_cx_timeout, 0)

#define STATS_HTTP_MAP(X)                                                                          \
    X(downstream_rq_total, 0)                                                                      \
    X(downstream_rq_active, 1)                                                                     \
    X(downstream_rq_completed, 0)                                                                  \
    X(downstream_rq_1xx, 0)                                                                        \
    X(downstream_rq_2xx, 0)                                                                        \
    X(downstream_rq_3xx, 0)                                                                        \
    X(downstream_rq_4xx, 0)                                                                        \
    X(downstream_rq_5xx, 0)                                                                        \
    X(downstream_rq_rx_reset, 0)                                                                   \
    X(downstream_rq_timeout, 0)                                                                    \
    X(no_route, 0)                                                                                 \
    X(no_cluster, 0)                                                                               \
    X(rq_direct_response, 0)                                                                       \
    X(rq_redirect, 0)                                                                              \
    X(rs_too_large, 0)                                                                             \
    X(rq_mirrored, 0)                                                                              \
    X(rq_mirror_dropped, 0)                                                                        \
    X(fault__delays_injected, 0)                                                                   \
    X(fault__aborts_injected, 0)                                                                   \
    X(fault__active_faults, 1)                                                                     \
    X(fault__faults_overflow, 0)                                                                   \
    X(cors__origin_valid, 0)                                                                       \
    X(cors__origin_invalid, 0)

#define STATS_TCP_MAP(X)                                                                           \
    X(downstream_cx_total, 0)                                                                      \
    X(downstream_cx_active, 1)                                                                     \
    X(downstream_cx_no_route, 0)                                                                   \
    X(downstream_cx_rx_bytes_total, 0)                                                             \
    X(downstream_cx_tx_bytes_total, 0)                                                             \
    X(idle_timeout, 0)                                                                             \
    X(max_downstream_connection_duration, 0)

#define STATS_ENUM_CLUSTER(name, gauge) STATS_CLUSTER_##name,
#define STATS_ENUM_LISTENER(name, gauge) STATS_LISTENER_##name,
#define STATS_ENUM_HTTP(name, gauge) STATS_HTTP_##name,
#define STATS_ENUM_TCP(name, gauge) STATS_TCP_##name,
enum stats_cluster { STATS_CLUSTER_MAP(STATS_ENUM_CLUSTER) STATS_CLUSTER_COUNT };
enum stats_listener { STATS_LISTENER_MAP(STATS_ENUM_LISTENER) STATS_LISTENER_COUNT };
enum stats_http { STATS_HTTP_MAP(STATS_ENUM_HTTP) STATS_HTTP_COUNT };
enum stats_tcp { STATS_TCP_MAP(STATS_ENUM_TCP) STATS_TCP_COUNT };

enum stats_kind { STATS_CLUSTER, STATS_LISTENER, STATS_HTTP, STATS_TCP, STATS_KIND_COUNT };

struct stats_scope {
    /* read-only */
    enum stats_kind kind;
    char *name; /* without the kind's prefix */
    /* private */
    _Atomic unsigned refs;
    unsigned worker_count;
    size_t stride; /* cells from one worker's block to the next */
    _Atomic uint64_t *cells;
    struct list node;
};

struct stats {
    struct list scopes; /* main thread */
    unsigned worker_count;
};

void stats_init(struct stats *stats, unsigned worker_count);
/* Drops the registry's references; scopes still referenced elsewhere live on. */
void stats_deinit(struct stats *stats);
/* The scope of that kind and name: the one that exists, or a new one. The caller owns a reference.
 * Main thread. */
struct stats_scope *stats_scope_get(struct stats *stats, enum stats_kind kind, struct slice name);
void stats_scope_unref(struct stats_scope *scope);
/* Frees the scopes that nobody but the registry holds. Main thread. */
void stats_sweep(struct stats *stats);

/* Adds to a slot on the block of `worker`. One writer per block: a relaxed load and store is enough
 * and costs no locked instruction. */
static inline void stats_add(const struct stats_scope *scope, unsigned worker, unsigned slot,
                             uint64_t amount)
{
    _Atomic uint64_t *cell = &scope->cells[worker * scope->stride + slot];

    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static inline void stats_inc(const struct stats_scope *scope, unsigned worker, unsigned slot)
{
    stats_add(scope, worker, slot, 1);
}

static inline void stats_dec(const struct stats_scope *scope, unsigned worker, unsigned slot)
{
    stats_add(scope, worker, slot, UINT64_MAX);
}

/* Gauges: the share of this block is `value` from now on. */
static inline void stats_set(const struct stats_scope *scope, unsigned worker, unsigned slot,
                             uint64_t value)
{
    atomic_store_explicit(&scope->cells[worker * scope->stride + slot], value,
                          memory_order_relaxed);
}

/* The sum over all workers. */
uint64_t stats_read(const struct stats_scope *scope, unsigned slot);

/* One value while walking. */
struct stats_value {
    enum stats_kind kind;
    const char *prefix;     /* "cluster" */
    const char *scope_name; /* "outbound|80||a" */
    const char *name;       /* "upstream_rq_total" */
    const char *label;      /* Prometheus label of the scope: "cluster_name" */
    bool gauge;
    uint64_t value;
};
/* Visits all values, scopes sorted by kind and name. */
void stats_each(struct stats *stats, void (*visit)(const struct stats_value *value, void *ctx),
                void *ctx);
/* "cluster.X.upstream_rq_total: 5" lines of all scopes whose text starts as wanted by `keep` (NULL:
 * all). */
void stats_print_text(struct stats *stats, bool used_only,
                      bool (*keep)(struct slice name, void *ctx), void *ctx, struct buf *out);
/* Prometheus text: "# TYPE envoy_cluster_upstream_rq_total counter", one series per scope. */
void stats_print_prometheus(struct stats *stats, struct buf *out);
/* Appends a label value with \, " and newline escaped. */
void stats_print_label(struct slice value, struct buf *out);

#endif
