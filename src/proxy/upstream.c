/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, pools and balancers of one cluster on one worker. See upstream.h.
 *
 * Priorities: health(P) = min(100, 140 * available / total); load fills from P0 up. A level is in
 * panic (all its hosts are used) when the healths of all levels together are below 100 and its own
 * share of available hosts is below the cluster's threshold.
 */
#include "proxy/upstream.h"

#include "base/map.h"
#include "base/mem.h"

enum {
    LEVELS_MAX = 8,
    OVERPROVISIONING = 140,
    DYNAMIC_HOSTS_MAX = 8192,
    DYNAMIC_IDLE_MS = 10000,
    PERCENT = 100,
};

struct level {
    struct balance balance;
    size_t start; /* of its hosts in the arrays */
    size_t count;
    unsigned load; /* percent of requests */
};

struct upstream_cluster {
    struct worker *worker;
    struct cluster_conf *conf;      /* one reference */
    struct endpoint_set *endpoints; /* one reference, or NULL */
    struct upstream_host **hosts;   /* by priority */
    struct balance_host *items;     /* same order */
    size_t host_count;
    struct level levels[LEVELS_MAX];
    size_t level_count;
    uint32_t health_version; /* that the balancers were built for */
    struct map dynamic;      /* ORIGINAL_DST: address bytes -> host */
};

/* --- hosts --- */

static void host_count_conn(int change, int code, void *ctx)
{
    struct upstream_host *host = ctx;
    struct upstream_cluster *cluster = host->cluster;
    struct host_counters *counters = &host->shared->workers[cluster->worker->index];
    uint64_t active = atomic_load_explicit(&counters->cx_active, memory_order_relaxed);

    if (change > 0) {
        upstream_count(cluster, STATS_CLUSTER_upstream_cx_total, 1);
        upstream_count(cluster, STATS_CLUSTER_upstream_cx_active, 1);
        atomic_store_explicit(&counters->cx_active, active + 1, memory_order_relaxed);
        atomic_store_explicit(&counters->cx_total,
                              atomic_load_explicit(&counters->cx_total, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    } else if (change < 0) {
        upstream_count(cluster, STATS_CLUSTER_upstream_cx_active, UINT64_MAX);
        atomic_store_explicit(&counters->cx_active, active - 1, memory_order_relaxed);
    }
    if (code < 0) {
        host->last_error = code;
        upstream_count(cluster,
                       code == ERR_TIMEOUT ? STATS_CLUSTER_upstream_cx_connect_timeout
                                           : STATS_CLUSTER_upstream_cx_connect_fail,
                       1);
        atomic_store_explicit(
            &counters->cx_connect_fail,
            atomic_load_explicit(&counters->cx_connect_fail, memory_order_relaxed) + 1,
            memory_order_relaxed);
    }
}

static struct upstream_host *host_new(struct upstream_cluster *cluster, const struct addr *addr)
{
    struct upstream_host *host = MEM_NEW(struct upstream_host);

    host->cluster = cluster;
    host->addr = *addr;
    host->weight = 1;
    host->index = SIZE_MAX;
    return host;
}

static void host_free(struct upstream_host *host)
{
    http_pool_free(host->pool);
    cluster_host_unref(host->shared);
    mem_free(host->hostname);
    mem_free(host->workload);
    mem_free(host);
}

/* A removed host ends when its pool has drained and nobody holds it. */
static void host_maybe_free(struct upstream_host *host)
{
    if (host->draining && host->active == 0 && host->pool == NULL)
        host_free(host);
}

static void on_drained(void *ctx)
{
    struct upstream_host *host = ctx;

    http_pool_free(host->pool);
    host->pool = NULL;
    host_maybe_free(host);
}

static void host_remove(struct upstream_host *host)
{
    host->index = SIZE_MAX;
    host->draining = true;
    if (host->pool != NULL)
        http_pool_drain(host->pool, on_drained, host);
    else
        host_maybe_free(host);
}

static void set_text(char **text, struct slice value)
{
    if (*text != NULL && slice_eq_str(value, *text))
        return;
    mem_free(*text);
    *text = mem_slice_dup(value);
}

/* --- rebuilding --- */

static bool host_available(const struct upstream_host *host)
{
    if (host->health == ENDPOINT_UNHEALTHY || host->health == ENDPOINT_TIMEOUT ||
        host->health == ENDPOINT_DRAINING)
        return false;
    return atomic_load_explicit(&host->shared->ejected_until_ms, memory_order_relaxed) == 0;
}

static void build_levels(struct upstream_cluster *cluster)
{
    unsigned healths[LEVELS_MAX] = {0};
    size_t available[LEVELS_MAX] = {0};
    unsigned total = 0;
    unsigned left = PERCENT;

    for (size_t i = 0; i < cluster->level_count; i++)
        balance_deinit(&cluster->levels[i].balance);
    cluster->level_count = 0;
    for (size_t i = 0; i < cluster->host_count; i++) {
        struct upstream_host *host = cluster->hosts[i];
        bool starts = i == 0 || (host->priority != cluster->hosts[i - 1]->priority &&
                                 cluster->level_count < LEVELS_MAX);

        if (starts) {
            struct level *level = &cluster->levels[cluster->level_count++];

            level->start = i;
            level->count = 0;
        }
        cluster->levels[cluster->level_count - 1].count++;
        available[cluster->level_count - 1] += cluster->items[i].available;
    }
    for (size_t i = 0; i < cluster->level_count; i++) {
        size_t health = OVERPROVISIONING * available[i] / cluster->levels[i].count;

        healths[i] = (unsigned)MIN(health, (size_t)PERCENT);
        total += healths[i];
    }
    for (size_t i = 0; i < cluster->level_count; i++) {
        struct level *level = &cluster->levels[i];
        bool panic = total < PERCENT && (double)available[i] * PERCENT / (double)level->count <
                                            cluster->conf->panic_percent;

        level->load = total >= PERCENT ? MIN(healths[i], left)
                      : total > 0      ? healths[i] * PERCENT / total
                                       : (i == 0 ? PERCENT : 0);
        left -= MIN(level->load, left);
        if (panic)
            upstream_count(cluster, STATS_CLUSTER_lb_healthy_panic, 1);
        balance_init(&level->balance, &cluster->conf->balance);
        balance_rebuild(&level->balance, cluster->items + level->start, level->count, panic,
                        &cluster->worker->rng);
    }
}

static void refresh_health(struct upstream_cluster *cluster)
{
    cluster->health_version =
        atomic_load_explicit(&cluster->conf->shared->gauges.health_version, memory_order_relaxed);
    for (size_t i = 0; i < cluster->host_count; i++)
        cluster->items[i].available = host_available(cluster->hosts[i]);
    build_levels(cluster);
}

static struct upstream_host *take_old(struct upstream_host **old, size_t count,
                                      const struct endpoint *endpoint)
{
    for (size_t i = 0; i < count; i++) {
        struct upstream_host *host = old[i];

        /* The shared part is the identity: it survives updates of the same address. */
        if (host != NULL && host->shared == endpoint->shared) {
            old[i] = NULL;
            return host;
        }
    }
    return NULL;
}

static void take_endpoints(struct upstream_cluster *cluster, struct endpoint_set *set)
{
    struct upstream_host **old = cluster->hosts;
    size_t old_count = cluster->host_count;
    size_t count = set ? set->count : 0;

    cluster->hosts = mem_calloc(count + 1, sizeof *cluster->hosts);
    mem_free(cluster->items);
    cluster->items = mem_calloc(count + 1, sizeof *cluster->items);
    cluster->host_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct endpoint *endpoint = &set->endpoints[i];
        struct upstream_host *host = take_old(old, old_count, endpoint);

        if (host == NULL) {
            host = host_new(cluster, &endpoint->addr);
            host->shared = cluster_host_ref(endpoint->shared);
        }
        set_text(&host->hostname, endpoint->hostname);
        set_text(&host->workload, endpoint->workload);
        host->weight = endpoint->weight;
        host->priority = endpoint->priority;
        host->health = endpoint->health;
        host->index = i;
        cluster->hosts[i] = host;
        cluster->items[i] = (struct balance_host){
            host->weight, host->active, balance_hash(&endpoint->addr.sa, endpoint->addr.len), true};
    }
    for (size_t i = 0; i < old_count; i++)
        if (old[i] != NULL)
            host_remove(old[i]);
    mem_free(old);
    refresh_health(cluster);
}

void upstream_update(struct upstream_cluster *cluster, const struct config_cluster *entry)
{
    struct cluster_conf *old_conf = cluster->conf;
    struct endpoint_set *old_set = cluster->endpoints;
    bool changed = entry->conf != NULL && entry->conf != old_conf;

    if (changed) {
        resource_ref(&entry->conf->resource);
        cluster->conf = entry->conf;
    }
    if (entry->conf != NULL && entry->endpoints != old_set) {
        if (entry->endpoints != NULL)
            resource_ref(&entry->endpoints->resource);
        cluster->endpoints = entry->endpoints;
        take_endpoints(cluster, cluster->endpoints);
        if (old_set != NULL)
            resource_unref(&old_set->resource);
    } else if (changed) {
        refresh_health(cluster);
    }
    if (changed)
        resource_unref(&old_conf->resource);
}

static struct upstream_cluster *upstream_new(struct worker *worker,
                                             const struct config_cluster *entry)
{
    struct upstream_cluster *cluster = MEM_NEW(struct upstream_cluster);

    cluster->worker = worker;
    cluster->conf = entry->conf;
    resource_ref(&entry->conf->resource);
    map_init(&cluster->dynamic, DYNAMIC_HOSTS_MAX);
    if (entry->endpoints != NULL) {
        cluster->endpoints = entry->endpoints;
        resource_ref(&entry->endpoints->resource);
        take_endpoints(cluster, cluster->endpoints);
    }
    return cluster;
}

struct upstream_cluster *upstream_get(struct worker *worker, uint32_t slot)
{
    const struct config *config = worker->gen->config;

    if (slot >= config->cluster_count || config->clusters[slot].conf == NULL)
        return NULL;
    if (slot >= worker->cluster_count) {
        size_t count = config->cluster_count;

        worker->clusters = mem_realloc(worker->clusters, count * sizeof *worker->clusters);
        memset(worker->clusters + worker->cluster_count, 0,
               (count - worker->cluster_count) * sizeof *worker->clusters);
        worker->cluster_count = count;
    }
    if (worker->clusters[slot] == NULL)
        worker->clusters[slot] = upstream_new(worker, &config->clusters[slot]);
    return worker->clusters[slot];
}

const struct cluster_conf *upstream_conf(const struct upstream_cluster *cluster)
{
    return cluster->conf;
}

/* --- picking --- */

static struct upstream_host *dynamic_host(struct upstream_cluster *cluster,
                                          const struct addr *original)
{
    struct addr addr;
    struct slice key;
    struct upstream_host *host;

    if (original == NULL || original->len == 0)
        return NULL;
    addr = *original;
    if (cluster->conf->port_override != 0)
        addr_port_set(&addr, cluster->conf->port_override);
    key = slice_make(&addr.sa, addr.len);
    host = map_get(&cluster->dynamic, key);
    if (host == NULL) {
        host = host_new(cluster, &addr);
        host->hostname = mem_strdup("");
        host->workload = mem_strdup("");
        host->shared = cluster_host_new(cluster->worker->index + 1);
        if (map_put(&cluster->dynamic, key, host, NULL) < 0) {
            host_free(host);
            return NULL;
        }
    }
    host->used_ms = loop_now_ms(cluster->worker->loop);
    return host;
}

static struct level *pick_level(struct upstream_cluster *cluster)
{
    unsigned draw;

    if (cluster->level_count <= 1)
        return cluster->level_count ? &cluster->levels[0] : NULL;
    draw = (unsigned)rng_below(&cluster->worker->rng, PERCENT);
    for (size_t i = 0; i < cluster->level_count; i++) {
        if (draw < cluster->levels[i].load)
            return &cluster->levels[i];
        draw -= cluster->levels[i].load;
    }
    return &cluster->levels[0];
}

static bool was_tried(const struct upstream_pick *pick, const struct upstream_host *host)
{
    for (size_t i = 0; i < pick->tried_count; i++)
        if (pick->tried[i] == host)
            return true;
    return false;
}

static struct upstream_host *balanced_host(struct upstream_cluster *cluster,
                                           const struct upstream_pick *pick)
{
    struct upstream_host *host = NULL;
    unsigned attempts = 0;

    if (atomic_load_explicit(&cluster->conf->shared->gauges.health_version, memory_order_relaxed) !=
        cluster->health_version)
        refresh_health(cluster);
    do {
        struct level *level = pick_level(cluster);
        uint64_t hash = pick->hashed ? pick->hash : rng_u64(&cluster->worker->rng);
        ptrdiff_t index;

        if (level == NULL)
            return NULL;
        /* A ring gives the same host for the same hash: move on for another try. */
        index = balance_pick(&level->balance, hash + attempts * 0x9e3779b97f4a7c15ULL,
                             &cluster->worker->rng);
        if (index < 0)
            return NULL;
        host = cluster->hosts[level->start + (size_t)index];
    } while (pick->tried_count > 0 && was_tried(pick, host) && attempts++ < pick->attempts_max);
    return host;
}

struct upstream_host *upstream_pick(struct upstream_cluster *cluster,
                                    const struct upstream_pick *pick)
{
    struct upstream_host *host = cluster->conf->type == CLUSTER_ORIGINAL_DST
                                     ? dynamic_host(cluster, pick->original_dst)
                                     : balanced_host(cluster, pick);

    if (host == NULL) {
        upstream_count(cluster, STATS_CLUSTER_upstream_cx_none_healthy, 1);
        return NULL;
    }
    host->active++;
    if (host->index != SIZE_MAX)
        cluster->items[host->index].active = host->active;
    return host;
}

void upstream_release(struct upstream_host *host)
{
    host->active--;
    if (host->index != SIZE_MAX)
        host->cluster->items[host->index].active = host->active;
    else
        host_maybe_free(host);
}

/* --- calls --- */

bool upstream_enter(struct upstream_cluster *cluster, bool *ret_counted)
{
    struct cluster_gauges *gauges = &cluster->conf->shared->gauges;
    uint64_t max = cluster->conf->limits.requests_max;

    *ret_counted = false;
    if (max >= UINT32_MAX) /* Istio's "no limit" is 2^32 - 1 */
        return true;
    if ((uint64_t)atomic_fetch_add_explicit(&gauges->requests, 1, memory_order_relaxed) >= max) {
        atomic_fetch_sub_explicit(&gauges->requests, 1, memory_order_relaxed);
        upstream_count(cluster, STATS_CLUSTER_upstream_rq_pending_overflow, 1);
        return false;
    }
    *ret_counted = true;
    return true;
}

void upstream_leave(struct upstream_cluster *cluster)
{
    atomic_fetch_sub_explicit(&cluster->conf->shared->gauges.requests, 1, memory_order_relaxed);
}

static int open_pool(struct upstream_host *host)
{
    const struct cluster_conf *conf = host->cluster->conf;
    struct http_pool_options options = {
        .addr = host->addr,
        .codec = conf->protocol == CLUSTER_HTTP2 ? HTTP_CODEC_HTTP2 : HTTP_CODEC_HTTP1,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .conns_max = MIN(conf->limits.conns_max, (uint64_t)SIZE_MAX / 2),
        .pending_max = MIN(conf->limits.pending_max, (uint64_t)SIZE_MAX / 2),
        .requests_per_conn_max = conf->requests_per_conn_max,
        .conn_duration_max_ms = conf->conn_duration_max_ms,
        .ping_interval_ms = conf->ping_interval_ms,
        .limits.streams_max = conf->streams_max,
        .limits.idle_timeout_ms = conf->idle_timeout_ms,
        .budget = &conf->shared->gauges.budget,
        .keepalive = conf->keepalive,
        .on_conn = host_count_conn,
        .ctx = host,
    };

    options.bind_addr = addr_family(&host->addr) == AF_INET6 ? conf->bind_v6 : conf->bind_v4;
    return http_pool_new(host->cluster->worker->loop, &options, &host->pool);
}

int upstream_stream(struct upstream_host *host, const struct http_stream_events *events, void *ctx,
                    struct http_stream **ret)
{
    if (host->pool == NULL) {
        int rc = open_pool(host);

        if (rc < 0)
            return rc;
    }
    return http_pool_stream(host->pool, events, ctx, ret);
}

void upstream_report(struct upstream_host *host, unsigned status)
{
    struct upstream_cluster *cluster = host->cluster;
    struct host_counters *counters;
    _Atomic uint64_t *cell;

    counters = &host->shared->workers[cluster->worker->index];
    cell = status == 0 || status >= 500 ? &counters->rq_error : &counters->rq_success;
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    cell = &counters->rq_total;
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (cluster->conf->outlier.enabled && host->index != SIZE_MAX &&
        cluster_outlier_report(cluster->conf, host->shared, status, cluster->host_count,
                               loop_now_ms(cluster->worker->loop)))
        upstream_count(cluster, STATS_CLUSTER_outlier_detection__ejections_enforced_total, 1);
}

void upstream_count(const struct upstream_cluster *cluster, unsigned slot, uint64_t amount)
{
    stats_add(cluster->conf->shared->stats, cluster->worker->index, slot, amount);
}

void upstream_count_status(const struct upstream_cluster *cluster, unsigned status)
{
    if (status >= 100 && status < 600)
        upstream_count(cluster, STATS_CLUSTER_upstream_rq_1xx + status / 100 - 1, 1);
    upstream_count(cluster, STATS_CLUSTER_upstream_rq_completed, 1);
}

/* --- upkeep --- */

void upstream_tick(struct upstream_cluster *cluster)
{
    uint64_t now_ms = loop_now_ms(cluster->worker->loop);

    MAP_EACH (entry, &cluster->dynamic) {
        struct upstream_host *host = entry->value;

        if (host->active == 0 && now_ms - host->used_ms > DYNAMIC_IDLE_MS &&
            (host->pool == NULL || http_pool_stream_count(host->pool) == 0)) {
            (void)map_remove(&cluster->dynamic, entry->key);
            host_remove(host);
        }
    }
}

void upstream_free(struct upstream_cluster *cluster)
{
    if (cluster == NULL)
        return;
    for (size_t i = 0; i < cluster->level_count; i++)
        balance_deinit(&cluster->levels[i].balance);
    for (size_t i = 0; i < cluster->host_count; i++)
        host_free(cluster->hosts[i]);
    MAP_EACH (entry, &cluster->dynamic)
        host_free(entry->value);
    map_deinit(&cluster->dynamic);
    mem_free(cluster->hosts);
    mem_free(cluster->items);
    if (cluster->endpoints != NULL)
        resource_unref(&cluster->endpoints->resource);
    resource_unref(&cluster->conf->resource);
    mem_free(cluster);
}
