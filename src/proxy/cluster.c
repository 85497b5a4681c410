/* SPDX-License-Identifier: Apache-2.0 */
/* Shared parts of clusters and hosts, endpoint sets, outlier ejection. See cluster.h.
 *
 * Ejection is decided by the worker that saw the failure, with relaxed atomics: two workers may
 * both pass the percentage check at once and eject one host too many, as Envoy's would.
 */
#include "proxy/cluster.h"

#include "base/mem.h"

#include <stdlib.h>

struct cluster_shared *cluster_shared_new(struct stats *stats, struct slice name,
                                          struct slice stat_name)
{
    struct cluster_shared *shared = aligned_alloc(64, sizeof *shared);

    ASSERT(shared != NULL);
    memset(shared, 0, sizeof *shared);
    atomic_init(&shared->refs, 1);
    shared->name = mem_slice_dup(name);
    shared->stats = stats_scope_get(stats, STATS_CLUSTER, stat_name);
    return shared;
}

struct cluster_shared *cluster_shared_ref(struct cluster_shared *shared)
{
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void cluster_shared_unref(struct cluster_shared *shared)
{
    if (shared == NULL || atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) != 1)
        return;
    stats_scope_unref(shared->stats);
    mem_free(shared->name);
    free(shared);
}

struct host_shared *cluster_host_new(unsigned worker_count)
{
    struct host_shared *host = aligned_alloc(64, sizeof *host);

    ASSERT(host != NULL);
    memset(host, 0, sizeof *host);
    atomic_init(&host->refs, 1);
    host->worker_count = worker_count;
    host->workers = aligned_alloc(64, worker_count * sizeof *host->workers);
    ASSERT(host->workers != NULL);
    memset(host->workers, 0, worker_count * sizeof *host->workers);
    return host;
}

struct host_shared *cluster_host_ref(struct host_shared *host)
{
    atomic_fetch_add_explicit(&host->refs, 1, memory_order_relaxed);
    return host;
}

void cluster_host_unref(struct host_shared *host)
{
    if (host == NULL || atomic_fetch_sub_explicit(&host->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(host->workers);
    free(host);
}

static void drop_hosts(void *object)
{
    struct endpoint_set *set = object;

    for (size_t i = 0; i < set->count; i++)
        cluster_host_unref(set->endpoints[i].shared);
}

struct endpoint_set *cluster_endpoints_new(size_t count)
{
    struct endpoint_set *set = resource_new(sizeof *set, 512);

    set->endpoints = ARENA_ARRAY(&set->resource.arena, struct endpoint, count + 1);
    set->count = count;
    resource_defer(&set->resource, drop_hosts, set);
    return set;
}

static int compare_priority(const void *a, const void *b)
{
    const struct endpoint *left = a;
    const struct endpoint *right = b;

    return left->priority < right->priority ? -1 : left->priority > right->priority;
}

static struct slice addr_key(const struct addr *addr)
{
    return slice_make(&addr->sa, addr->len);
}

void cluster_endpoints_seal(struct endpoint_set *set, const struct endpoint_set *old,
                            unsigned worker_count)
{
    qsort(set->endpoints, set->count, sizeof *set->endpoints, compare_priority);
    for (size_t i = 0; i < set->count; i++) {
        struct endpoint *endpoint = &set->endpoints[i];

        for (size_t k = 0; old != NULL && k < old->count && endpoint->shared == NULL; k++)
            if (slice_eq(addr_key(&endpoint->addr), addr_key(&old->endpoints[k].addr)))
                endpoint->shared = cluster_host_ref(old->endpoints[k].shared);
        if (endpoint->shared == NULL)
            endpoint->shared = cluster_host_new(worker_count);
    }
}

/* --- outlier detection --- */

static bool eject(const struct cluster_conf *conf, struct host_shared *host, size_t host_count,
                  uint64_t now_ms)
{
    struct cluster_gauges *gauges = &conf->shared->gauges;
    uint32_t ejected = atomic_load_explicit(&gauges->ejected, memory_order_relaxed);
    uint32_t times;
    uint64_t duration_ms;
    uint64_t expected = 0;

    /* At least one host may be ejected, whatever the percentage. */
    if (ejected > 0 && (ejected + 1) * 100 > conf->outlier.max_ejection_percent * host_count)
        return false;
    times = atomic_fetch_add_explicit(&host->ejections, 1, memory_order_relaxed) + 1;
    duration_ms = MIN(conf->outlier.base_ejection_ms * times, conf->outlier.max_ejection_ms);
    if (!atomic_compare_exchange_strong_explicit(&host->ejected_until_ms, &expected,
                                                 now_ms + duration_ms, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    atomic_fetch_add_explicit(&gauges->ejected, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&gauges->health_version, 1, memory_order_relaxed);
    return true;
}

/* One more failure in a row, or none; the number of them. Successes are the rule: written only when
 * there is something to forget. */
static uint32_t count_failure(_Atomic uint32_t *count, bool failed)
{
    if (failed)
        return atomic_fetch_add_explicit(count, 1, memory_order_relaxed) + 1;
    if (atomic_load_explicit(count, memory_order_relaxed) != 0)
        atomic_store_explicit(count, 0, memory_order_relaxed);
    return 0;
}

static bool reached(uint32_t count, uint32_t limit)
{
    return limit > 0 && count >= limit;
}

bool cluster_outlier_report(const struct cluster_conf *conf, struct host_shared *host,
                            unsigned status, size_t host_count, uint64_t now_ms)
{
    const struct cluster_outlier *outlier = &conf->outlier;
    bool local = status == 0;
    bool reached_any;
    bool reached_5xx;

    if (!outlier->enabled)
        return false;
    if (outlier->split_local) {
        reached_any =
            reached(count_failure(&host->consecutive_local, local), outlier->consecutive_local);
        if (local && reached_any)
            atomic_store_explicit(&host->consecutive_local, 0, memory_order_relaxed);
        if (local)
            return reached_any && eject(conf, host, host_count, now_ms);
    }
    reached_5xx = reached(count_failure(&host->consecutive_5xx, local || status >= 500),
                          outlier->consecutive_5xx);
    reached_any = reached(count_failure(&host->consecutive_gateway,
                                        local || (status >= 502 && status <= 504)),
                          outlier->consecutive_gateway) ||
                  reached_5xx; /* both count, whatever the first says */
    if (!reached_any)
        return false;
    atomic_store_explicit(&host->consecutive_5xx, 0, memory_order_relaxed);
    atomic_store_explicit(&host->consecutive_gateway, 0, memory_order_relaxed);
    return eject(conf, host, host_count, now_ms);
}

void cluster_outlier_tick(const struct cluster_conf *conf, const struct endpoint_set *set,
                          uint64_t now_ms)
{
    struct cluster_gauges *gauges = &conf->shared->gauges;
    uint32_t ejected = 0;

    for (size_t i = 0; i < set->count; i++) {
        struct host_shared *host = set->endpoints[i].shared;
        uint64_t until = atomic_load_explicit(&host->ejected_until_ms, memory_order_relaxed);

        if (until == 0) {
            uint32_t times = atomic_load_explicit(&host->ejections, memory_order_relaxed);

            /* One step of forgiveness per interval; a tick is about a second. */
            if (times > 0 && conf->outlier.interval_ms > 0 &&
                now_ms / conf->outlier.interval_ms != (now_ms - 1000) / conf->outlier.interval_ms)
                atomic_store_explicit(&host->ejections, times - 1, memory_order_relaxed);
        } else if (now_ms >= until) {
            atomic_store_explicit(&host->ejected_until_ms, 0, memory_order_relaxed);
            atomic_fetch_add_explicit(&gauges->health_version, 1, memory_order_relaxed);
        } else {
            ejected++;
        }
    }
    /* Hosts that left while ejected are forgotten here. */
    atomic_store_explicit(&gauges->ejected, ejected, memory_order_relaxed);
}
