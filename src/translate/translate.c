/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of translation: runs the makers, encodes, hashes, hands out.
 *
 * Place   control, cli, golden tests
 * Owns    an output owns one arena with all names and bytes
 * Limits  TRANSLATE_RESOURCES_MAX resources of a type; RESOURCE_SIZE_MAX bytes of one
 */
#include "translate/translate_int.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

enum { RESOURCE_SIZE_MAX = 64 * 1024 * 1024 };

/* Its own resources of a type, in istiod's order. */
struct resources {
    const struct translate_resource *items;
    size_t count;
};

struct translate_output {
    atomic_uint refs;
    struct arena arena;
    struct translate_output *shared; /* what comes before its own; NULL: this is such a part */
    struct resources resources[TRANSLATE_TYPE_COUNT];
    struct translate_resource *by_name[TRANSLATE_TYPE_COUNT]; /* sorted */
    uint64_t hashes[TRANSLATE_TYPE_COUNT];
};

static const char *const type_urls[TRANSLATE_TYPE_COUNT] = {
    [TRANSLATE_CLUSTER] = "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    [TRANSLATE_ENDPOINT] = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    [TRANSLATE_LISTENER] = "type.googleapis.com/envoy.config.listener.v3.Listener",
    [TRANSLATE_ROUTE] = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

const char *translate_type_url(enum translate_type type)
{
    return type_urls[type];
}

int translate_type_find(struct slice type_url)
{
    for (int i = 0; i < TRANSLATE_TYPE_COUNT; i++)
        if (slice_eq_str(type_url, type_urls[i]))
            return i;
    return -1;
}

/* ---- what the makers call ---- */

bool translate_has(const struct translator *translator, enum translate_type type, const char *name)
{
    if (translator->shared && translate_find(translator->shared, type, slice_str(name)))
        return true;
    return map_get_str(&translator->names[type], name) != NULL;
}

void translate_add(struct translator *translator, enum translate_type type, const char *name,
                   const struct proto_message *desc, const void *message)
{
    struct translate_resource resource;

    if (translator->rc < 0 || translate_has(translator, type, name))
        return;
    buf_reset(&translator->bytes);
    if (proto_encode(desc, message, &translator->bytes) < 0 ||
        map_put(&translator->names[type], slice_str(name), translator, NULL) < 0) {
        translator->rc = err_set_path(translator->err, ERR_LIMIT, name,
                                      "a resource is above %d bytes, or there are more than %d",
                                      RESOURCE_SIZE_MAX, TRANSLATE_RESOURCES_MAX);
        return;
    }
    resource.name = arena_strdup(translator->out, name);
    resource.bytes = arena_slice_dup(translator->out, buf_slice(&translator->bytes));
    resource.hash = slice_hash(resource.bytes);
    VEC_PUSH(&translator->resources[type], resource);
}

static bool is_ipv6(const char *address)
{
    return strchr(address, ':') != NULL;
}

static bool has_family(const struct translate_scope *scope, bool ipv6)
{
    for (size_t i = 0; i < scope->address_count; i++)
        if (is_ipv6(scope->addresses[i]) == ipv6)
            return true;
    return false;
}

const char *translate_wildcard(const struct translator *translator)
{
    bool is_v6 = has_family(translator->scope, true) && !has_family(translator->scope, false);

    return is_v6 ? "::" : "0.0.0.0";
}

bool translate_is_dual(const struct translator *translator)
{
    return has_family(translator->scope, true) && has_family(translator->scope, false);
}

/* ---- the run ---- */

static void make_shared(struct translator *translator)
{
    clusters_make(translator);
    endpoints_make(translator);
    if (translator->scope->role == TRANSLATE_SIDECAR)
        listeners_make(translator);
}

static void make_own(struct translator *translator)
{
    inbound_find(translator);
    if (translator->scope->role == TRANSLATE_ROUTER) {
        gateway_make(translator);
        return;
    }
    clusters_make_inbound(translator);
    if (!translator->scope->interception_none)
        inbound_make(translator);
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(((const struct translate_resource *)a)->name,
                  ((const struct translate_resource *)b)->name);
}

/* Moves the resources of a type into the output. */
static void collect(struct translate_output *output, struct translator *translator,
                    enum translate_type type)
{
    size_t count = translator->resources[type].count;
    size_t size = count * sizeof(struct translate_resource);
    struct translate_resource *items =
        ARENA_ARRAY(&output->arena, struct translate_resource, count + 1);
    struct translate_resource *sorted =
        ARENA_ARRAY(&output->arena, struct translate_resource, count + 1);
    uint64_t *hashes = mem_calloc(count + 1, sizeof(*hashes));

    if (count) {
        memcpy(items, translator->resources[type].items, size);
        memcpy(sorted, items, size);
        qsort(sorted, count, sizeof(*sorted), name_cmp);
    }
    for (size_t i = 0; i < count; i++)
        hashes[i] = items[i].hash ^ slice_hash(slice_str(items[i].name));
    output->hashes[type] = slice_hash(slice_make(hashes, count * sizeof(*hashes)));
    mem_free(hashes);
    output->resources[type].items = items;
    output->resources[type].count = count;
    output->by_name[type] = sorted;
}

static int make(const struct mesh *mesh, const struct translate_scope *scope,
                struct translate_output *shared, struct translate_output **ret, struct error *err)
{
    struct translate_output *output = MEM_NEW(struct translate_output);
    struct translator translator = {.mesh = mesh,
                                    .config = mesh_config_get(mesh),
                                    .scope = scope,
                                    .shared = shared,
                                    .err = err};
    struct arena scratch;

    atomic_init(&output->refs, 1);
    arena_init(&output->arena, 16 * 1024);
    arena_init(&scratch, 64 * 1024);
    translator.scratch = &scratch;
    translator.out = &output->arena;
    buf_init(&translator.bytes, RESOURCE_SIZE_MAX);
    for (int i = 0; i < TRANSLATE_TYPE_COUNT; i++)
        map_init(&translator.names[i], TRANSLATE_RESOURCES_MAX);
    scope_find(&translator);
    if (shared)
        make_own(&translator);
    else
        make_shared(&translator);
    for (int i = 0; i < TRANSLATE_TYPE_COUNT; i++) {
        collect(output, &translator, (enum translate_type)i);
        VEC_DEINIT(&translator.resources[i]);
        map_deinit(&translator.names[i]);
    }
    scope_drop(&translator);
    buf_deinit(&translator.bytes);
    arena_deinit(&scratch);
    if (translator.rc < 0) {
        translate_output_unref(output);
        return translator.rc;
    }
    output->shared = shared ? translate_output_ref(shared) : NULL;
    *ret = output;
    return 0;
}

int translate_shared(const struct mesh *mesh, const struct translate_scope *scope,
                     struct translate_output **ret, struct error *err)
{
    return make(mesh, scope, NULL, ret, err);
}

int translate_run(const struct mesh *mesh, const struct translate_scope *scope,
                  struct translate_output *shared, struct translate_output **ret, struct error *err)
{
    struct translate_output *made = NULL;
    int rc = shared ? 0 : translate_shared(mesh, scope, &made, err);

    if (rc >= 0)
        rc = make(mesh, scope, shared ? shared : made, ret, err);
    translate_output_unref(made);
    return rc;
}

/* ---- outputs ---- */

struct translate_output *translate_output_ref(struct translate_output *output)
{
    /* relaxed: whoever refs holds one already */
    atomic_fetch_add_explicit(&output->refs, 1, memory_order_relaxed);
    return output;
}

void translate_output_unref(struct translate_output *output)
{
    /* acq_rel: the last one must see all uses before it frees */
    if (!output || atomic_fetch_sub_explicit(&output->refs, 1, memory_order_acq_rel) != 1)
        return;
    translate_output_unref(output->shared);
    arena_deinit(&output->arena);
    mem_free(output);
}

size_t translate_count(const struct translate_output *output, enum translate_type type)
{
    size_t before = output->shared ? output->shared->resources[type].count : 0;

    return before + output->resources[type].count;
}

const struct translate_resource *translate_at(const struct translate_output *output,
                                              enum translate_type type, size_t index)
{
    size_t before = output->shared ? output->shared->resources[type].count : 0;

    if (index < before)
        return &output->shared->resources[type].items[index];
    return &output->resources[type].items[index - before];
}

static int find_cmp(const void *key, const void *item)
{
    return slice_cmp(*(const struct slice *)key,
                     slice_str(((const struct translate_resource *)item)->name));
}

const struct translate_resource *translate_find(const struct translate_output *output,
                                                enum translate_type type, struct slice name)
{
    const struct translate_resource *found = NULL;

    if (output->resources[type].count)
        found = bsearch(&name, output->by_name[type], output->resources[type].count,
                        sizeof(*output->by_name[type]), find_cmp);
    if (!found && output->shared)
        found = translate_find(output->shared, type, name);
    return found;
}

uint64_t translate_hash(const struct translate_output *output, enum translate_type type)
{
    const uint64_t both[] = {output->shared ? output->shared->hashes[type] : 0,
                             output->hashes[type]};

    return slice_hash(slice_make(both, sizeof(both)));
}
