/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's side of a cluster: its hosts, their connection pools, the balancer over them.
 *
 *   upstream_cluster (per worker and slot; made on first use; survives updates)
 *     +- hosts: one per address, found again after an update, with its pool
 *     `- one balancer per priority level
 *
 * Place   router and tcp_proxy ask for a host; worker_apply tells of new configuration
 * Owns    hosts and pools; references to the cluster's configuration and endpoints
 * Limits  the cluster's circuit breakers; hosts of ORIGINAL_DST clusters at most 8,192, idle ones
 *         go after 10 s
 * Threads the worker's
 */
#ifndef WEFT_PROXY_UPSTREAM_H
#define WEFT_PROXY_UPSTREAM_H

#include "base/prelude.h"
#include "http/client.h"
#include "proxy/config.h"
#include "proxy/worker.h"

struct upstream_cluster;

struct upstream_host {
    /* read-only */
    struct upstream_cluster *cluster;
    struct addr addr;
    char *hostname; /* "" when unknown */
    char *workload; /* Istio's description, "" when unknown */
    struct host_shared *shared;
    int last_error; /* ERR_ code of the last failed connection */
    /* private */
    size_t index; /* in the cluster's arrays; SIZE_MAX: removed */
    uint32_t weight;
    uint32_t priority;
    enum endpoint_health health;
    uint32_t active; /* requests and TCP connections that hold it */
    uint64_t used_ms;
    struct http_pool *pool; /* NULL: not used yet */
    bool draining;          /* removed, its pool is ending */
};

/* What a pick needs to know. */
struct upstream_pick {
    bool hashed;
    uint64_t hash;
    const struct addr *original_dst;    /* ORIGINAL_DST clusters; NULL: none */
    struct upstream_host *const *tried; /* hosts to avoid */
    size_t tried_count;
    unsigned attempts_max; /* draws before a tried host is taken after all */
};

/* The worker's cluster in that slot, or NULL when the configuration has none. */
struct upstream_cluster *upstream_get(struct worker *worker, uint32_t slot);
const struct cluster_conf *upstream_conf(const struct upstream_cluster *cluster);
/* A host, or NULL when there is none healthy. It stays valid while held: every pick is followed by
 * one upstream_release. */
struct upstream_host *upstream_pick(struct upstream_cluster *cluster,
                                    const struct upstream_pick *pick);
void upstream_release(struct upstream_host *host);
/* Asks the breaker of requests. False: it refuses, which is counted. True with *ret_counted set:
 * upstream_leave has to follow. */
bool upstream_enter(struct upstream_cluster *cluster, bool *ret_counted);
void upstream_leave(struct upstream_cluster *cluster);
/* Starts an HTTP call on the host's pool. ERR_LIMIT when a breaker refuses. */
MUST_USE int upstream_stream(struct upstream_host *host, const struct http_stream_events *events,
                             void *ctx, struct http_stream **ret);
/* Tells outlier detection of an answer; status 0: no answer. */
void upstream_report(struct upstream_host *host, unsigned status);
/* Statistics of the cluster, and of the host, on this worker's block. */
void upstream_count(const struct upstream_cluster *cluster, unsigned slot, uint64_t amount);
void upstream_count_status(const struct upstream_cluster *cluster, unsigned status);

/* New configuration came: `entry` is the slot's content now. */
void upstream_update(struct upstream_cluster *cluster, const struct config_cluster *entry);
/* Each second: forgets idle hosts of ORIGINAL_DST clusters, follows ejections. */
void upstream_tick(struct upstream_cluster *cluster);
/* NULL is fine. */
void upstream_free(struct upstream_cluster *cluster);

#endif
