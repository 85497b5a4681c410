/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters as configuration: who the upstream is, how to reach and to balance it.
 *
 *   cluster_conf (one arena, replaced by CDS)      endpoint_set (one arena, replaced by EDS)
 *        \                                              | endpoints
 *         `-> cluster_shared: breakers, statistics      `-> host_shared: ejection, counters
 *             (by name, outlives updates)                   (by address, outlives updates)
 *
 * Place   compiled on the main thread; read by workers through a struct config
 * Owns    arenas of the two resources; shared parts are reference-counted
 * Threads shared parts are written by all workers: relaxed atomics, on cache lines of their own
 */
#ifndef WEFT_PROXY_CLUSTER_H
#define WEFT_PROXY_CLUSTER_H

#include "base/prelude.h"
#include "http/client.h"
#include "io/addr.h"
#include "proxy/balance.h"
#include "proxy/resource.h"
#include "proxy/stats.h"

#include <stdatomic.h>

enum cluster_type {
    CLUSTER_STATIC,
    CLUSTER_STRICT_DNS,
    CLUSTER_LOGICAL_DNS,
    CLUSTER_EDS,
    CLUSTER_ORIGINAL_DST,
};

enum cluster_protocol { CLUSTER_HTTP1, CLUSTER_HTTP2, CLUSTER_DOWNSTREAM };

/* What the breakers count over all workers. */
struct cluster_gauges {
    _Alignas(64) struct http_pool_budget budget; /* connections, requests that wait for one */
    _Atomic int64_t requests;
    _Atomic int64_t retries;
    _Alignas(64) _Atomic uint32_t ejected; /* hosts out of rotation */
    _Atomic uint32_t health_version;       /* changes with each ejection and return */
};

struct cluster_shared {
    _Atomic unsigned refs;
    char *name;
    struct stats_scope *stats;
    struct cluster_gauges gauges;
};

/* Counters of one endpoint on one worker; a cache line. */
struct host_counters {
    _Alignas(64) _Atomic uint64_t cx_active;
    _Atomic uint64_t cx_total;
    _Atomic uint64_t cx_connect_fail;
    _Atomic uint64_t rq_active;
    _Atomic uint64_t rq_total;
    _Atomic uint64_t rq_success;
    _Atomic uint64_t rq_error;
    _Atomic uint64_t rq_timeout;
};

struct host_shared {
    _Atomic unsigned refs;
    unsigned worker_count;
    _Alignas(64) _Atomic uint32_t consecutive_5xx;
    _Atomic uint32_t consecutive_gateway;
    _Atomic uint32_t consecutive_local;
    _Atomic uint64_t ejected_until_ms; /* monotonic; 0: in rotation */
    _Atomic uint32_t ejections;        /* times ejected, lowered by good behaviour */
    struct host_counters *workers;
};

struct cluster_limits {
    uint64_t conns_max;
    uint64_t pending_max;
    uint64_t requests_max;
    uint64_t retries_max;
    double retry_budget_percent; /* of active requests; 0: retries_max counts */
    uint64_t retry_budget_min;
};

struct cluster_outlier {
    bool enabled;
    uint32_t consecutive_5xx; /* 0: not judged */
    uint32_t consecutive_gateway;
    bool split_local; /* what never became an answer counts apart: */
    uint32_t consecutive_local;
    uint64_t interval_ms;
    uint64_t base_ejection_ms;
    uint64_t max_ejection_ms;
    uint32_t max_ejection_percent;
};

/* A name to resolve, for DNS clusters. */
struct cluster_dns_host {
    struct slice host;
    unsigned port;
    uint32_t weight;
    uint32_t priority;
};

struct cluster_conf {
    struct resource resource; /* first */
    struct slice name;
    struct slice stat_name; /* alt_stat_name without its ';', or the name: for people */
    enum cluster_type type;
    bool added_by_api;
    struct balance_options balance;
    uint64_t connect_timeout_ms;
    uint64_t idle_timeout_ms;       /* of upstream connections; 0: none */
    uint64_t requests_per_conn_max; /* 0: no bound */
    uint64_t conn_duration_max_ms;  /* 0: no bound */
    unsigned streams_max;           /* of an HTTP/2 connection; 0: the codec's default */
    unsigned ping_interval_ms;      /* of HTTP/2 connections; 0: none */
    enum cluster_protocol protocol;
    struct cluster_limits limits;
    struct cluster_outlier outlier;
    double panic_percent;
    struct addr bind_v4; /* len 0: any */
    struct addr bind_v6;
    struct conn_keepalive keepalive;
    unsigned port_override; /* ORIGINAL_DST; 0: none */
    bool use_header;        /* ORIGINAL_DST: address from x-envoy-original-dst-host */
    struct slice eds_name;  /* EDS: resource to subscribe to */
    struct cluster_dns_host *dns_hosts;
    size_t dns_host_count;
    int dns_family;
    uint64_t dns_refresh_ms;
    /* of metadata istio.services[0], for metrics; data NULL: none */
    struct slice service_host;
    struct slice service_name;
    struct slice service_namespace;
    struct cluster_shared *shared;
};

enum endpoint_health {
    ENDPOINT_UNKNOWN,
    ENDPOINT_HEALTHY,
    ENDPOINT_UNHEALTHY,
    ENDPOINT_DRAINING,
    ENDPOINT_TIMEOUT,
    ENDPOINT_DEGRADED,
};

struct endpoint {
    struct addr addr;
    struct slice hostname;
    uint32_t weight;
    uint32_t priority;
    enum endpoint_health health;
    struct slice region;
    struct slice zone;
    struct slice sub_zone;
    struct slice workload; /* "workload;namespace;canonical name;revision;cluster", or empty */
    struct host_shared *shared;
};

struct endpoint_set {
    struct resource resource;   /* first */
    struct endpoint *endpoints; /* by priority */
    size_t count;
};

/* The shared part of a cluster of that name, with new statistics. One reference. */
struct cluster_shared *cluster_shared_new(struct stats *stats, struct slice name,
                                          struct slice stat_name);
struct cluster_shared *cluster_shared_ref(struct cluster_shared *shared);
void cluster_shared_unref(struct cluster_shared *shared);

struct host_shared *cluster_host_new(unsigned worker_count);
struct host_shared *cluster_host_ref(struct host_shared *host);
void cluster_host_unref(struct host_shared *host);

/* An empty set with room for `count` endpoints: fill them, then cluster_endpoints_seal. */
struct endpoint_set *cluster_endpoints_new(size_t count);
/* Sorts by priority, and takes the shared part of equal addresses over from `old` (may be NULL);
 * new addresses get a new one. */
void cluster_endpoints_seal(struct endpoint_set *set, const struct endpoint_set *old,
                            unsigned worker_count);

/* --- outlier detection --- */

/* Judges one answer (status; 0: connection failure, counted as 503) of a host. Returns true when
 * that ejected it. Any worker. */
bool cluster_outlier_report(const struct cluster_conf *conf, struct host_shared *host,
                            unsigned status, size_t host_count, uint64_t now_ms);
/* Returns hosts whose time is over to rotation, and forgives. Called each second by the main
 * thread. */
void cluster_outlier_tick(const struct cluster_conf *conf, const struct endpoint_set *set,
                          uint64_t now_ms);

#endif
