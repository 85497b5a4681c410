/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's side: one cache a kind, and from each change to the builder.
 */
#include "control/source.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/source_int.h"
#include "wire/json.h"

/* The kinds of the mesh and what they are called in the API. */
static const struct {
    enum kube_resource_id resource;
    bool absence_tolerated; /* a CRD that may come later */
} kinds[MESH_KIND_COUNT] = {
    [MESH_SERVICE] = {KUBE_RESOURCE_SERVICE, false},
    [MESH_ENDPOINT_SLICE] = {KUBE_RESOURCE_ENDPOINT_SLICE, false},
    [MESH_POD] = {KUBE_RESOURCE_POD, false},
    [MESH_NODE] = {KUBE_RESOURCE_NODE, false},
    [MESH_NAMESPACE] = {KUBE_RESOURCE_NAMESPACE, false},
    [MESH_VIRTUAL_SERVICE] = {KUBE_RESOURCE_VIRTUAL_SERVICE, true},
    [MESH_DESTINATION_RULE] = {KUBE_RESOURCE_DESTINATION_RULE, true},
    [MESH_GATEWAY] = {KUBE_RESOURCE_GATEWAY, true},
    [MESH_SERVICE_ENTRY] = {KUBE_RESOURCE_SERVICE_ENTRY, true},
    [MESH_INGRESS] = {KUBE_RESOURCE_INGRESS, true},
    [MESH_INGRESS_CLASS] = {KUBE_RESOURCE_INGRESS_CLASS, true},
    [MESH_SIDECAR] = {KUBE_RESOURCE_SIDECAR, true},
    [MESH_WORKLOAD_ENTRY] = {KUBE_RESOURCE_WORKLOAD_ENTRY, true},
};

struct source {
    struct mesh_builder *builder;
    const struct source_events *events;
    void *ctx;
    struct kube_cache *caches[MESH_KIND_COUNT];
    bool synced;
    struct folder *folder; /* NULL: a cluster */
};

/* --- cluster --- */

static int kind_of(const struct source *source, const struct kube_cache *cache)
{
    for (int i = 0; i < MESH_KIND_COUNT; i++)
        if (source->caches[i] == cache)
            return i;
    return -1;
}

int source_put(struct mesh_builder *builder, enum mesh_kind kind, const json_t *object)
{
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc = mesh_builder_put(builder, kind, object, &err);

    if (rc < 0)
        log_warn(config, "%s %s/%s: %s", mesh_kind_name(kind), kube_namespace(object),
                 kube_name(object), err_format(&err, text, sizeof text));
    return rc;
}

static void on_cache_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                            json_t *old, void *ctx)
{
    struct source *source = ctx;
    int kind = kind_of(source, cache);
    int rc;

    (void)old;
    if (kind < 0)
        return;
    if (kind == MESH_NAMESPACE && source->events->on_namespace)
        source->events->on_namespace(change, object, source->ctx);
    rc = change == KUBE_DELETED ? mesh_builder_remove(source->builder, (enum mesh_kind)kind,
                                                      kube_namespace(object), kube_name(object))
                                : source_put(source->builder, (enum mesh_kind)kind, object);
    if (rc != 0) /* also a refused object: the snapshot tells of it */
        source->events->on_change(source->ctx);
}

static void on_cache_synced(struct kube_cache *cache, void *ctx)
{
    struct source *source = ctx;

    (void)cache;
    for (int i = 0; i < MESH_KIND_COUNT; i++)
        if (!source->caches[i] || !kube_cache_is_synced(source->caches[i]))
            return;
    if (source->synced)
        return;
    source->synced = true;
    source->events->on_synced(source->ctx);
}

/* What nobody in weftd reads, and is large. */
static void object_trim(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");

    json_object_del(metadata, "managedFields");
    json_object_del(json_object_get(metadata, "annotations"),
                    "kubectl.kubernetes.io/last-applied-configuration");
}

int source_kube_new(struct kube_client *client, struct mesh_builder *builder,
                    const struct source_events *events, void *ctx, struct source **ret)
{
    static const struct kube_cache_events cache_events = {.on_change = on_cache_change,
                                                          .on_synced = on_cache_synced};
    struct source *source = MEM_NEW(struct source);

    source->builder = builder;
    source->events = events;
    source->ctx = ctx;
    for (int i = 0; i < MESH_KIND_COUNT; i++) {
        struct kube_cache_options options = {.resource = kube_resource_get(kinds[i].resource),
                                             .absence_tolerated = kinds[i].absence_tolerated,
                                             .trim = object_trim};
        int rc = kube_cache_new(client, &options, &cache_events, source, &source->caches[i]);

        if (rc < 0) {
            source_free(source);
            return rc;
        }
    }
    *ret = source;
    return 0;
}

/* --- both --- */

static void on_folder_read(void *ctx, bool changed)
{
    struct source *source = ctx;

    if (changed)
        source->events->on_change(source->ctx);
    if (source->synced)
        return;
    source->synced = true;
    source->events->on_synced(source->ctx);
}

int source_folder_new(struct loop *loop, const char *folder, struct mesh_builder *builder,
                      const struct source_events *events, void *ctx, struct source **ret,
                      struct error *err)
{
    struct source *source = MEM_NEW(struct source);
    int rc;

    source->builder = builder;
    source->events = events;
    source->ctx = ctx;
    rc = folder_new(loop, folder, builder, on_folder_read, source, &source->folder, err);
    if (rc < 0) {
        source_free(source);
        return rc;
    }
    *ret = source;
    return 0;
}

void source_free(struct source *source)
{
    if (!source)
        return;
    for (int i = 0; i < MESH_KIND_COUNT; i++)
        kube_cache_free(source->caches[i]);
    folder_free(source->folder);
    mem_free(source);
}

bool source_is_synced(const struct source *source)
{
    return source->synced;
}

struct kube_cache *source_cache(const struct source *source, enum mesh_kind kind)
{
    return source->caches[kind];
}
