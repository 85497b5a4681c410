/* SPDX-License-Identifier: Apache-2.0 */
/* Resources on the main thread. See resources.h.
 */
#include "proxy/resources.h"

#include "base/log.h"
#include "base/mem.h"
#include "proxy/dns_cluster.h"

enum { ORPHANS_MAX = 100000, TICK_MS = 1000 };

static void on_change_task(void *ctx)
{
    struct resources *resources = ctx;

    resources->on_change(resources->ctx);
}

static void changed(struct resources *resources)
{
    loop_task_add(resources->loop, &resources->change);
}

/* The hosts of a cluster as gauges, on the main thread's block. */
static void count_members(const struct resources *resources, const struct config_cluster *cluster)
{
    const struct stats_scope *stats = cluster->conf->shared->stats;
    const struct endpoint_set *set = cluster->endpoints;
    unsigned block = resources->compiler.worker_count;
    uint64_t healthy = 0;
    uint64_t ejected = 0;

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        bool out = atomic_load_explicit(&set->endpoints[i].shared->ejected_until_ms,
                                        memory_order_relaxed) != 0;

        ejected += out;
        healthy += !out && set->endpoints[i].health <= ENDPOINT_HEALTHY;
    }
    stats_set(stats, block, STATS_CLUSTER_membership_total, set ? set->count : 0);
    stats_set(stats, block, STATS_CLUSTER_membership_healthy, healthy);
    stats_set(stats, block, STATS_CLUSTER_outlier_detection__ejections_active, ejected);
}

static void on_tick(void *ctx)
{
    struct resources *resources = ctx;
    struct config_store *store = &resources->store;

    for (size_t i = 0; i < store->clusters.count; i++) {
        const struct config_cluster *cluster = &store->clusters.items[i];

        if (cluster->conf != NULL && cluster->endpoints != NULL && cluster->conf->outlier.enabled)
            cluster_outlier_tick(cluster->conf, cluster->endpoints, loop_now_ms(resources->loop));
        if (cluster->conf != NULL)
            count_members(resources, cluster);
    }
    loop_timer_start(resources->loop, &resources->tick, TICK_MS);
}

void resources_init(struct resources *resources, struct loop *loop, struct stats *stats,
                    unsigned worker_count, void (*on_change)(void *ctx), void *ctx)
{
    memset(resources, 0, sizeof *resources);
    resources->loop = loop;
    resources->stats = stats;
    resources->on_change = on_change;
    resources->ctx = ctx;
    compile_init(&resources->compiler, stats, worker_count);
    config_store_init(&resources->store);
    dump_init(&resources->dump);
    map_init(&resources->dns, 0);
    map_init(&resources->orphans, ORPHANS_MAX);
    loop_task_init(&resources->change, on_change_task, resources);
    loop_timer_init(&resources->tick, on_tick, resources);
    loop_timer_start(loop, &resources->tick, TICK_MS);
}

void resources_deinit(struct resources *resources)
{
    loop_task_cancel(&resources->change);
    loop_timer_stop(resources->loop, &resources->tick);
    MAP_EACH (entry, &resources->dns)
        dns_cluster_free(entry->value);
    map_deinit(&resources->dns);
    MAP_EACH (entry, &resources->orphans)
        resource_unref(entry->value);
    map_deinit(&resources->orphans);
    resolver_free(resources->resolver);
    dump_deinit(&resources->dump);
    config_store_deinit(&resources->store);
    compile_deinit(&resources->compiler);
}

/* The message's bytes: those given, or encoded now into `out`. */
static struct slice bytes_of(const struct proto_message *desc, const void *message,
                             struct slice bytes, struct buf *out)
{
    if (bytes.data != NULL)
        return bytes;
    if (proto_encode(desc, message, out) < 0)
        return SLICE("");
    return buf_slice(out);
}

static bool is_same(const struct resources *resources, enum dump_kind kind, struct slice name,
                    struct slice bytes)
{
    struct slice old = dump_bytes(&resources->dump, kind, name);

    return old.data != NULL && slice_eq(old, bytes);
}

static void refused(struct resources *resources, enum dump_kind kind, struct slice name,
                    struct error *err)
{
    char text[800];

    dump_set_error(&resources->dump, kind, name, err_format(err, text, sizeof text));
    log_warn(config, "%.*s refused: %s", SLICE_ARG(name), text);
}

/* --- clusters --- */

static void on_resolved(void *ctx, const char *name, struct endpoint_set *set)
{
    struct resources *resources = ctx;
    uint32_t slot = names_find(&resources->compiler.clusters, slice_str(name));
    struct config_cluster current = config_store_get_cluster(&resources->store, slot);

    cluster_endpoints_seal(set, current.endpoints, resources->compiler.worker_count);
    config_store_endpoints(&resources->store, slot, set);
    changed(resources);
}

struct resolver *resources_resolver(struct resources *resources)
{
    if (resources->resolver == NULL && resolver_new(resources->loop, &resources->resolver) < 0)
        resources->resolver = NULL;
    return resources->resolver;
}

static int start_dns(struct resources *resources, const struct cluster_conf *conf)
{
    struct dns_cluster *cluster;
    void *old = NULL;
    struct resolver *resolver = resources_resolver(resources);

    if (resolver == NULL)
        return ERR_IO;
    cluster = dns_cluster_new(resources->loop, resolver, conf, on_resolved, resources);
    (void)map_put(&resources->dns, conf->name, cluster, &old);
    dns_cluster_free(old);
    return 0;
}

static void take_cluster(struct resources *resources, struct cluster_conf *conf,
                         struct endpoint_set *endpoints)
{
    uint32_t slot = names_slot(&resources->compiler.clusters, conf->name);
    struct config_cluster old = config_store_get_cluster(&resources->store, slot);

    if (endpoints != NULL)
        config_store_endpoints(&resources->store, slot, endpoints);
    else if (old.conf != NULL && old.conf->type != conf->type)
        config_store_endpoints(&resources->store, slot, NULL);
    if (conf->type == CLUSTER_EDS) {
        struct endpoint_set *orphan = map_remove(&resources->orphans, conf->eds_name);

        if (orphan != NULL)
            config_store_endpoints(&resources->store, slot, orphan);
    }
    dns_cluster_free(map_remove(&resources->dns, conf->name));
    if ((conf->type == CLUSTER_STRICT_DNS || conf->type == CLUSTER_LOGICAL_DNS) &&
        start_dns(resources, conf) < 0)
        log_error(config, "cluster %.*s: no resolver", SLICE_ARG(conf->name));
    config_store_cluster(&resources->store, slot, conf);
}

int resources_put_cluster(struct resources *resources, const struct pb_cluster *in,
                          struct slice bytes, const char *version, bool dynamic, struct error *err)
{
    uint32_t slot = names_find(&resources->compiler.clusters, in->name);
    struct config_cluster old = config_store_get_cluster(&resources->store, slot);
    struct cluster_conf *conf;
    struct endpoint_set *endpoints;
    struct buf out;
    int rc = 0;

    buf_init(&out, 0);
    bytes = bytes_of(&pb_cluster_desc, in, bytes, &out);
    if (!is_same(resources, DUMP_CLUSTER, in->name, bytes)) {
        rc = compile_cluster(&resources->compiler, in, old.conf, old.endpoints, &conf, &endpoints,
                             err);
        if (rc < 0) {
            refused(resources, DUMP_CLUSTER, in->name, err);
        } else {
            conf->added_by_api = dynamic;
            dump_put(&resources->dump, DUMP_CLUSTER, in->name, bytes, version, dynamic);
            take_cluster(resources, conf, endpoints);
            changed(resources);
        }
    }
    buf_deinit(&out);
    return rc;
}

void resources_remove_cluster(struct resources *resources, struct slice name)
{
    uint32_t slot = names_find(&resources->compiler.clusters, name);
    struct config_cluster old = config_store_get_cluster(&resources->store, slot);

    if (old.conf == NULL || !old.conf->added_by_api)
        return;
    dns_cluster_free(map_remove(&resources->dns, name));
    dump_remove(&resources->dump, DUMP_CLUSTER, name);
    config_store_cluster(&resources->store, slot, NULL);
    config_store_endpoints(&resources->store, slot, NULL);
    changed(resources);
}

/* --- endpoints --- */

/* Slots of the clusters that take endpoints of that EDS name. */
static uint32_t next_user(const struct resources *resources, struct slice name, uint32_t from)
{
    for (uint32_t i = from; i < resources->store.clusters.count; i++) {
        const struct cluster_conf *conf = resources->store.clusters.items[i].conf;

        if (conf != NULL && conf->type == CLUSTER_EDS && slice_eq(conf->eds_name, name))
            return i;
    }
    return UINT32_MAX;
}

static void take_endpoints(struct resources *resources, struct slice name, struct endpoint_set *set)
{
    bool used = false;

    for (uint32_t slot = next_user(resources, name, 0); slot != UINT32_MAX;
         slot = next_user(resources, name, slot + 1)) {
        if (used)
            resource_ref(&set->resource);
        used = true;
        config_store_endpoints(&resources->store, slot, set);
    }
    if (!used) {
        void *old = NULL;

        if (map_put(&resources->orphans, name, set, &old) < 0)
            resource_unref(&set->resource);
        resource_unref(old);
    }
}

int resources_put_endpoints(struct resources *resources,
                            const struct pb_cluster_load_assignment *in, struct slice bytes,
                            const char *version, struct error *err)
{
    uint32_t slot = next_user(resources, in->cluster_name, 0);
    struct config_cluster old = config_store_get_cluster(&resources->store, slot);
    struct endpoint_set *set;
    struct buf out;
    int rc = 0;

    buf_init(&out, 0);
    bytes = bytes_of(&pb_cluster_load_assignment_desc, in, bytes, &out);
    if (!is_same(resources, DUMP_ENDPOINTS, in->cluster_name, bytes) || old.endpoints == NULL) {
        rc = compile_endpoints(&resources->compiler, in, old.endpoints, &set, err);
        if (rc < 0) {
            refused(resources, DUMP_ENDPOINTS, in->cluster_name, err);
        } else {
            dump_put(&resources->dump, DUMP_ENDPOINTS, in->cluster_name, bytes, version, true);
            take_endpoints(resources, in->cluster_name, set);
            changed(resources);
        }
    }
    buf_deinit(&out);
    return rc;
}

void resources_remove_endpoints(struct resources *resources, struct slice name)
{
    /* Endpoints live as long as the cluster that uses them. */
    dump_remove(&resources->dump, DUMP_ENDPOINTS, name);
    resource_unref(map_remove(&resources->orphans, name));
}

/* --- listeners and routes --- */

int resources_put_listener(struct resources *resources, const struct pb_listener *in,
                           struct slice bytes, const char *version, bool dynamic, struct error *err)
{
    struct listener_conf *old = map_get(&resources->store.listeners, in->name);
    struct listener_conf *conf;
    struct buf out;
    int rc = 0;

    buf_init(&out, 0);
    bytes = bytes_of(&pb_listener_desc, in, bytes, &out);
    if (!is_same(resources, DUMP_LISTENER, in->name, bytes)) {
        rc = compile_listener(&resources->compiler, in, old, &conf, err);
        if (rc < 0) {
            refused(resources, DUMP_LISTENER, in->name, err);
        } else {
            conf->added_by_api = dynamic;
            dump_put(&resources->dump, DUMP_LISTENER, in->name, bytes, version, dynamic);
            config_store_listener(&resources->store, in->name, conf);
            changed(resources);
        }
    }
    buf_deinit(&out);
    return rc;
}

void resources_remove_listener(struct resources *resources, struct slice name)
{
    const struct listener_conf *old = map_get(&resources->store.listeners, name);

    if (old == NULL || !old->added_by_api)
        return;
    dump_remove(&resources->dump, DUMP_LISTENER, name);
    config_store_listener(&resources->store, name, NULL);
    changed(resources);
}

int resources_put_route(struct resources *resources, const struct pb_route_configuration *in,
                        struct slice bytes, const char *version, bool dynamic, struct error *err)
{
    struct route_table *table;
    struct buf out;
    int rc = 0;

    buf_init(&out, 0);
    bytes = bytes_of(&pb_route_configuration_desc, in, bytes, &out);
    if (!is_same(resources, DUMP_ROUTE, in->name, bytes)) {
        rc = compile_route(&resources->compiler, in, &table, err);
        if (rc < 0) {
            refused(resources, DUMP_ROUTE, in->name, err);
        } else {
            dump_put(&resources->dump, DUMP_ROUTE, in->name, bytes, version, dynamic);
            config_store_route(&resources->store, names_slot(&resources->compiler.routes, in->name),
                               table);
            changed(resources);
        }
    }
    buf_deinit(&out);
    return rc;
}

void resources_remove_route(struct resources *resources, struct slice name)
{
    uint32_t slot = names_find(&resources->compiler.routes, name);

    if (slot == UINT32_MAX)
        return;
    dump_remove(&resources->dump, DUMP_ROUTE, name);
    config_store_route(&resources->store, slot, NULL);
    changed(resources);
}
