/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers' engine: caches, which change touches which item, and the queue. See
 * controllers.h. */
#include "sandbox/controllers/controllers.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "sandbox/controllers/gc.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

#include <stdlib.h>

enum { CONTROLLERS_TICK_MS = 500 };

/* --- which change touches which item --- */

static void mark_owner(struct sandbox_controllers *controllers, const json_t *object)
{
    json_t *owner = kube_owner(object);
    const char *kind = json_path_string_or(owner, "kind", "");
    const char *name = json_get_string(owner, "name");

    if (name && strcmp(kind, "ReplicaSet") == 0)
        work_mark(controllers, &work_replicaset, kube_namespace(object), name);
    else if (name && strcmp(kind, "Deployment") == 0)
        work_mark(controllers, &work_deployment, kube_namespace(object), name);
}

static void mark_services_of(struct sandbox_controllers *controllers, const json_t *pod)
{
    struct kube_cache *cache = controllers->caches[KUBE_RESOURCE_SERVICE];
    json_t *labels = json_path_get(pod, "metadata.labels");
    size_t cursor = 0;
    json_t *service;

    while ((service = kube_cache_next(cache, &cursor))) {
        json_t *selector = json_path_get(service, "spec.selector");

        if (strcmp(kube_namespace(service), kube_namespace(pod)) == 0 &&
            json_object_size(selector) && kube_selector_match_map(selector, labels))
            work_mark(controllers, &work_endpoints, kube_namespace(service), kube_name(service));
    }
}

/* Of a namespace; NULL: of all. */
static void mark_all(struct sandbox_controllers *controllers, const struct work_kind *kind,
                     const char *ns)
{
    struct kube_cache *cache = controllers->caches[kind->resource];
    size_t cursor = 0;
    json_t *object;

    while ((object = kube_cache_next(cache, &cursor)))
        if (!ns || strcmp(kube_namespace(object), ns) == 0)
            work_mark(controllers, kind, kube_namespace(object), kube_name(object));
}

static void mark_pod(struct sandbox_controllers *controllers, const json_t *pod, const json_t *old)
{
    work_mark(controllers, &work_schedule, kube_namespace(pod), kube_name(pod));
    if (kube_is_deleting(pod))
        work_mark(controllers, &work_namespace, NULL, kube_namespace(pod));
    mark_owner(controllers, pod);
    mark_services_of(controllers, pod);
    mark_all(controllers, &work_disruption, kube_namespace(pod));
    if (old &&
        !json_equal(json_path_get(pod, "metadata.labels"), json_path_get(old, "metadata.labels")))
        mark_services_of(controllers, old);
}

static void mark_endpoints(struct sandbox_controllers *controllers, const json_t *slice)
{
    const char *service = kube_label(slice, "kubernetes.io/service-name");

    if (!service)
        service = kube_name(slice);
    work_mark(controllers, &work_endpoints, kube_namespace(slice), service);
}

static void mark_by_resource(struct sandbox_controllers *controllers,
                             const struct kube_resource *resource, const json_t *object,
                             const json_t *old)
{
    const char *ns = kube_namespace(object);
    const char *name = kube_name(object);

    if (resource == kube_resource_get(KUBE_RESOURCE_POD))
        mark_pod(controllers, object, old);
    else if (resource == kube_resource_get(KUBE_RESOURCE_REPLICA_SET)) {
        work_mark(controllers, &work_replicaset, ns, name);
        mark_owner(controllers, object);
    } else if (resource == kube_resource_get(KUBE_RESOURCE_DEPLOYMENT))
        work_mark(controllers, &work_deployment, ns, name);
    else if (resource == kube_resource_get(KUBE_RESOURCE_SERVICE)) {
        work_mark(controllers, &work_endpoints, ns, name);
        work_mark(controllers, &work_balancer, ns, name);
    } else if (resource == kube_resource_get(KUBE_RESOURCE_ENDPOINT_SLICE) ||
               resource == kube_resource_get(KUBE_RESOURCE_ENDPOINTS))
        mark_endpoints(controllers, object);
    else if (resource == kube_resource_get(KUBE_RESOURCE_PDB))
        work_mark(controllers, &work_disruption, ns, name);
    else if (resource == kube_resource_get(KUBE_RESOURCE_HPA)) {
        if (!old || !json_equal(json_object_get(object, "spec"), json_object_get(old, "spec")))
            work_mark(controllers, &work_autoscale, ns, name);
    } else if (resource == kube_resource_get(KUBE_RESOURCE_NAMESPACE))
        work_mark(controllers, &work_namespace, NULL, name);
    else if (resource == kube_resource_get(KUBE_RESOURCE_NODE))
        mark_all(controllers, &work_schedule, NULL);
    else if (ns[0])
        work_mark(controllers, &work_namespace, NULL, ns); /* account and root of the namespace */
}

static void on_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    struct sandbox_controllers *controllers = ctx;

    mark_by_resource(controllers, kube_cache_resource(cache), object, old);
    gc_mark(controllers, kube_cache_resource(cache), change, object);
    loop_task_add(controllers->loop, &controllers->task); /* items that wait for this version */
}

static void on_synced(struct kube_cache *cache, void *ctx)
{
    struct sandbox_controllers *controllers = ctx;

    (void)cache;
    loop_task_add(controllers->loop, &controllers->task);
}

/* --- the queue --- */

static bool wait_is_over(const struct work_wait *wait, uint64_t now_ms)
{
    json_t *object = kube_cache_get(wait->cache, wait->ns, wait->name);
    const char *uid = kube_uid(object);

    if (now_ms >= wait->deadline_ms)
        return true;
    if (wait->uid)
        return !object || (uid && strcmp(uid, wait->uid) != 0);
    /* Gone again counts as seen: a later event will tell. */
    return object && strtoll(kube_resource_version(object), NULL, 10) >= wait->version;
}

static void wait_drop(struct work_wait *wait)
{
    mem_free(wait->ns);
    mem_free(wait->name);
    mem_free(wait->uid);
}

static bool waits_are_over(struct work *work)
{
    size_t kept = 0;

    for (size_t i = 0; i < work->wait_count; i++) {
        if (wait_is_over(&work->waits[i], loop_now_ms(work->controllers->loop)))
            wait_drop(&work->waits[i]);
        else
            work->waits[kept++] = work->waits[i];
    }
    work->wait_count = kept;
    return kept == 0;
}

static bool is_synced(const struct sandbox_controllers *controllers)
{
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (controllers->caches[i] && !kube_cache_is_synced(controllers->caches[i]))
            return false;
    return true;
}

static void work_free(struct work *work)
{
    for (size_t i = 0; i < work->wait_count; i++)
        wait_drop(&work->waits[i]);
    mem_free(work->memory);
    mem_free(work->key);
    mem_free(work->ns);
    mem_free(work->name);
    mem_free(work);
}

static void item_run(struct sandbox_controllers *controllers, struct work *work)
{
    json_t *object;

    if (work->call_count || !waits_are_over(work) || !work->dirty ||
        work->not_before_ms > loop_now_ms(controllers->loop))
        return;
    work->dirty = false;
    work->not_before_ms = 0;
    object = work_get(work, work->kind->resource, work->ns, work->name);
    work->kind->sync(work, object);
    if (!object && !work->dirty && !work->call_count && !work->wait_count) {
        map_remove(&controllers->items, slice_str(work->key));
        work_free(work);
    }
}

static void on_task(void *ctx)
{
    struct sandbox_controllers *controllers = ctx;
    VEC(struct work *) batch = {0};

    if (!is_synced(controllers))
        return;
    /* A sync may add items, so the map is not walked while they run. An item ends only in its own
     * run. */
    MAP_EACH (entry, &controllers->items)
        VEC_PUSH(&batch, entry->value);
    for (size_t i = 0; i < batch.count; i++)
        item_run(controllers, batch.items[i]);
    VEC_DEINIT(&batch);
}

/* Comes round for back-offs and for waits that nothing ends. */
static void on_tick(void *ctx)
{
    struct sandbox_controllers *controllers = ctx;
    uint64_t now_ms = loop_now_ms(controllers->loop);
    uint64_t delay_ms = CONTROLLERS_TICK_MS;

    on_task(ctx);
    MAP_EACH (entry, &controllers->items) {
        struct work *work = entry->value;

        if (work->dirty && work->not_before_ms > now_ms)
            delay_ms = MIN(delay_ms, work->not_before_ms - now_ms);
    }
    loop_timer_start(controllers->loop, &controllers->timer, delay_ms);
}

/* --- life --- */

static int caches_open(struct sandbox_controllers *controllers)
{
    static const struct kube_cache_events events = {on_change, on_synced};
    static const enum kube_resource_id watched[] = {
#define WATCHED(name) KUBE_RESOURCE_##name,
        WORK_CACHE_MAP(WATCHED)
#undef WATCHED
    };

    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        struct kube_cache_options options = {.resource = kube_resource_get(watched[i])};
        int rc = kube_cache_new(controllers->client, &options, &events, controllers,
                                &controllers->caches[watched[i]]);

        if (rc < 0)
            return rc;
    }
    return 0;
}

int sandbox_controllers_start(struct loop *loop, const struct sandbox_controllers_options *options,
                              struct sandbox_controllers **ret, struct error *err)
{
    SCOPED(kube_config_deinit) struct kube_config config = {0};
    struct sandbox_controllers *controllers;
    int rc = kube_config_load(options->kubeconfig, NULL, &config, err);

    if (rc < 0)
        return rc;
    controllers = MEM_NEW(struct sandbox_controllers);
    controllers->loop = loop;
    map_init(&controllers->items, 0);
    map_init(&controllers->lb_owners, 0);
    map_init(&controllers->deleted_uids, 0);
    loop_task_init(&controllers->task, on_task, controllers);
    loop_timer_init(&controllers->timer, on_tick, controllers);
    controllers->node_name = mem_strdup(options->node_name);
    controllers->lb_cidr = mem_strdup(options->lb_cidr);
    controllers->root_ca = mem_strdup(options->root_ca ? options->root_ca : config.ca_pem);
    rc = kube_client_new(loop, &config, "kube-controller-manager", &controllers->client, err);
    if (rc == 0) {
        rc = caches_open(controllers);
        if (rc < 0)
            err_set(err, rc, "cannot watch the API server: %s", err_text(rc));
    }
    if (rc < 0) {
        sandbox_controllers_free(controllers);
        return rc;
    }
    loop_timer_start(loop, &controllers->timer, CONTROLLERS_TICK_MS);
    *ret = controllers;
    return 0;
}

void sandbox_controllers_free(struct sandbox_controllers *controllers)
{
    if (!controllers)
        return;
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        kube_cache_free(controllers->caches[i]);
    kube_client_free(controllers->client);
    loop_timer_stop(controllers->loop, &controllers->timer);
    loop_task_cancel(&controllers->task);
    MAP_EACH (entry, &controllers->items)
        work_free(entry->value);
    MAP_EACH (entry, &controllers->lb_owners)
        mem_free(entry->value);
    map_deinit(&controllers->lb_owners);
    map_deinit(&controllers->deleted_uids);
    map_deinit(&controllers->items);
    mem_free(controllers->node_name);
    mem_free(controllers->lb_cidr);
    mem_free(controllers->root_ca);
    mem_free(controllers);
}

int sandbox_controllers_run(const struct sandbox_controllers_options *options, struct error *err)
{
    struct sandbox_controllers *controllers = NULL;
    struct loop *loop = NULL;
    int rc = loop_new(&loop);

    if (rc < 0)
        return err_set(err, rc, "cannot make a loop: %s", err_text(rc));
    rc = loop_signals_stop(loop);
    if (rc == 0)
        rc = sandbox_controllers_start(loop, options, &controllers, err);
    if (rc == 0) {
        log_info(controller, "controllers run");
        loop_run(loop);
    }
    sandbox_controllers_free(controllers);
    loop_free(loop);
    return rc;
}
