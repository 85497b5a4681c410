/* SPDX-License-Identifier: Apache-2.0 */
/* Refreshing DNS clusters. See dns_cluster.h.
 */
#include "proxy/dns_cluster.h"

#include "base/log.h"
#include "base/mem.h"

enum { ADDRS_MAX = 32, REFRESH_MIN_MS = 1000 };

struct dns_name {
    struct dns_cluster *cluster;
    char *host;
    unsigned port;
    uint32_t weight;
    uint32_t priority;
    struct addr addrs[ADDRS_MAX];
    size_t addr_count;
    struct resolver_query *query; /* running; NULL: none */
};

struct dns_cluster {
    struct loop *loop;
    struct resolver *resolver;
    char *cluster_name;
    int family;
    bool first_only; /* LOGICAL_DNS: one address */
    uint64_t refresh_ms;
    struct loop_timer timer;
    struct dns_name *names;
    size_t name_count;
    size_t running;
    void (*on_resolved)(void *ctx, const char *name, struct endpoint_set *set);
    void *ctx;
};

static void publish(struct dns_cluster *cluster)
{
    struct endpoint_set *set;
    size_t count = 0;

    for (size_t i = 0; i < cluster->name_count; i++)
        count += cluster->names[i].addr_count;
    set = cluster_endpoints_new(count);
    count = 0;
    for (size_t i = 0; i < cluster->name_count; i++) {
        const struct dns_name *name = &cluster->names[i];

        for (size_t k = 0; k < name->addr_count; k++) {
            struct endpoint *endpoint = &set->endpoints[count++];

            endpoint->addr = name->addrs[k];
            endpoint->hostname = arena_slice_dup(&set->resource.arena, slice_str(name->host));
            endpoint->weight = name->weight ? name->weight : 1;
            endpoint->priority = name->priority;
        }
    }
    cluster->on_resolved(cluster->ctx, cluster->cluster_name, set);
}

static void finished_one(struct dns_cluster *cluster)
{
    if (--cluster->running > 0)
        return;
    loop_timer_start(cluster->loop, &cluster->timer, MAX(cluster->refresh_ms, REFRESH_MIN_MS));
    publish(cluster);
}

static void on_answer(int code, const struct addr *addrs, size_t count, unsigned ttl_s, void *ctx)
{
    struct dns_name *name = ctx;
    struct dns_cluster *cluster = name->cluster;

    (void)ttl_s;
    name->query = NULL;
    if (code == 0) {
        name->addr_count = MIN(count, cluster->first_only ? (size_t)1 : (size_t)ADDRS_MAX);
        memcpy(name->addrs, addrs, name->addr_count * sizeof *addrs);
    } else {
        log_debug(upstream, "cluster %s: cannot resolve %s: %s", cluster->cluster_name, name->host,
                  err_text(code));
    }
    finished_one(cluster);
}

static void refresh(void *ctx)
{
    struct dns_cluster *cluster = ctx;

    cluster->running = cluster->name_count + 1;
    for (size_t i = 0; i < cluster->name_count; i++) {
        struct dns_name *name = &cluster->names[i];

        if (resolver_lookup(cluster->resolver, name->host, name->port, cluster->family, on_answer,
                            name, &name->query) < 0) {
            name->query = NULL;
            cluster->running--;
        }
    }
    finished_one(cluster);
}

struct dns_cluster *
dns_cluster_new(struct loop *loop, struct resolver *resolver, const struct cluster_conf *conf,
                void (*on_resolved)(void *ctx, const char *name, struct endpoint_set *set),
                void *ctx)
{
    struct dns_cluster *cluster = MEM_NEW(struct dns_cluster);

    cluster->loop = loop;
    cluster->resolver = resolver;
    cluster->cluster_name = mem_slice_dup(conf->name);
    cluster->family = conf->dns_family;
    cluster->first_only = conf->type == CLUSTER_LOGICAL_DNS;
    cluster->refresh_ms = conf->dns_refresh_ms;
    cluster->on_resolved = on_resolved;
    cluster->ctx = ctx;
    cluster->name_count = conf->dns_host_count;
    cluster->names = mem_calloc(conf->dns_host_count + 1, sizeof *cluster->names);
    for (size_t i = 0; i < conf->dns_host_count; i++) {
        struct dns_name *name = &cluster->names[i];

        name->cluster = cluster;
        name->host = mem_slice_dup(conf->dns_hosts[i].host);
        name->port = conf->dns_hosts[i].port;
        name->weight = conf->dns_hosts[i].weight;
        name->priority = conf->dns_hosts[i].priority;
    }
    loop_timer_init(&cluster->timer, refresh, cluster);
    /* Not within this call: the caller has yet to store the cluster. */
    loop_timer_start(loop, &cluster->timer, 0);
    return cluster;
}

void dns_cluster_free(struct dns_cluster *cluster)
{
    if (cluster == NULL)
        return;
    loop_timer_stop(cluster->loop, &cluster->timer);
    for (size_t i = 0; i < cluster->name_count; i++) {
        resolver_cancel(cluster->names[i].query);
        mem_free(cluster->names[i].host);
    }
    mem_free(cluster->names);
    mem_free(cluster->cluster_name);
    mem_free(cluster);
}
