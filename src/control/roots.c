/* SPDX-License-Identifier: Apache-2.0 */
/* See roots.h. Each writer compares its cache with what should be there.
 */
#include "control/roots.h"

#include "base/buf.h"
#include "base/mem.h"
#include "control/reconcile.h"
#include "kube/objects/object.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <stdio.h>

static const char map_name[] = "istio-ca-root-cert";

/* One webhook configuration kind that is kept. */
struct hooks {
    struct roots *roots;
    struct kube_cache *cache;
    struct reconcile *writer;
    bool fails_closed; /* failurePolicy is to be Fail from now on */
};

struct roots {
    const struct kube_cache *namespaces;
    char *root_pem;
    char *bundle; /* base64 of it */
    struct kube_cache *maps;
    struct reconcile *map_writer;
    struct hooks mutating;
    struct hooks validating;
};

/* --- ConfigMaps --- */

static bool namespace_is_ours(const json_t *ns)
{
    static const char *const ignored[] = {"kube-system", "kube-public", "kube-node-lease",
                                          "local-path-storage"};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (strcmp(kube_name(ns), ignored[i]) == 0)
            return false;
    return !kube_is_deleting(ns);
}

static void map_write(struct roots *roots, const char *ns, const json_t *live)
{
    json_t *body = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:s}}", "apiVersion", "v1", "kind",
                             "ConfigMap", "metadata", "name", map_name, "labels", "istio.io/config",
                             "true", "data", "root-cert.pem", roots->root_pem);
    struct kube_request request = {.verb = live ? KUBE_PATCH_MERGE : KUBE_CREATE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                   .ns = ns,
                                   .name = live ? map_name : NULL,
                                   .body = body};

    reconcile_write(roots->map_writer, &request);
    json_decref(body);
}

static void maps_run(void *ctx)
{
    struct roots *roots = ctx;
    size_t cursor = 0;
    json_t *ns;

    if (!kube_cache_is_synced(roots->maps))
        return;
    while ((ns = kube_cache_next(roots->namespaces, &cursor)) != NULL) {
        const json_t *live = kube_cache_get(roots->maps, kube_name(ns), map_name);
        const char *text = json_get_string(json_object_get(live, "data"), "root-cert.pem");

        if (namespace_is_ours(ns) && (!text || strcmp(text, roots->root_pem) != 0))
            map_write(roots, kube_name(ns), live);
    }
}

static void on_map_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                          json_t *old, void *ctx)
{
    struct roots *roots = ctx;

    (void)cache;
    (void)object;
    (void)old;
    if (change != KUBE_ADDED)
        reconcile_mark(roots->map_writer);
}

static void on_maps_synced(struct kube_cache *cache, void *ctx)
{
    struct roots *roots = ctx;

    (void)cache;
    reconcile_mark(roots->map_writer);
}

void roots_mark(struct roots *roots)
{
    reconcile_mark(roots->map_writer);
}

/* --- webhook configurations --- */

static void op_add(json_t *ops, const char *op, size_t index, const char *member, const char *value)
{
    char path[96];

    snprintf(path, sizeof path, "/webhooks/%zu/%s", index, member);
    json_array_append_new(ops,
                          json_pack("{s:s, s:s, s:s}", "op", op, "path", path, "value", value));
}

/* The operations that put our root (and failurePolicy) into the configuration. */
static json_t *hooks_diff(const struct hooks *hooks, const json_t *configuration)
{
    json_t *ops = json_array();
    size_t i;
    json_t *webhook;

    json_array_foreach(json_object_get(configuration, "webhooks"), i, webhook)
    {
        const char *bundle = json_path_string_or(webhook, "clientConfig.caBundle", "");
        const char *policy = json_path_string_or(webhook, "failurePolicy", "Fail");
        bool same_bundle = strcmp(bundle, hooks->roots->bundle) == 0;
        bool same_policy = !hooks->fails_closed || strcmp(policy, "Fail") == 0;

        if (same_bundle && same_policy)
            continue;
        op_add(ops, "test", i, "name", json_path_string_or(webhook, "name", ""));
        if (!same_bundle)
            op_add(ops, "add", i, "clientConfig/caBundle", hooks->roots->bundle);
        if (!same_policy)
            op_add(ops, "add", i, "failurePolicy", "Fail");
    }
    return ops;
}

static void hooks_run(void *ctx)
{
    struct hooks *hooks = ctx;
    size_t cursor = 0;
    json_t *configuration;

    while ((configuration = kube_cache_next(hooks->cache, &cursor)) != NULL) {
        json_t *ops = hooks_diff(hooks, configuration);
        struct kube_request request = {.verb = KUBE_PATCH_JSON,
                                       .resource = kube_cache_resource(hooks->cache),
                                       .name = kube_name(configuration),
                                       .body = ops};

        if (json_array_size(ops) > 0)
            reconcile_write(hooks->writer, &request);
        json_decref(ops);
    }
}

static void on_hook_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                           json_t *old, void *ctx)
{
    struct hooks *hooks = ctx;

    (void)cache;
    (void)object;
    (void)old;
    if (change != KUBE_DELETED)
        reconcile_mark(hooks->writer);
}

/* Takes `name`. */
static int hooks_init(struct hooks *hooks, struct roots *roots, struct kube_client *client,
                      enum kube_resource_id resource, char *name)
{
    static const struct kube_cache_events events = {.on_change = on_hook_change};
    char *selector = mem_printf("metadata.name=%s", name);
    struct kube_cache_options options = {.resource = kube_resource_get(resource),
                                         .field_selector = selector};
    int rc;

    hooks->roots = roots;
    hooks->writer = reconcile_new(client, "webhook configuration", hooks_run, hooks);
    rc = kube_cache_new(client, &options, &events, hooks, &hooks->cache);
    mem_free(selector);
    mem_free(name);
    return rc;
}

/* --- all --- */

int roots_new(struct kube_client *client, const struct kube_cache *namespaces, const char *root_pem,
              const char *ns, const char *suffix, struct roots **ret)
{
    static const struct kube_cache_events events = {.on_change = on_map_change,
                                                    .on_synced = on_maps_synced};
    struct kube_cache_options options = {.resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                         .field_selector = "metadata.name=istio-ca-root-cert"};
    struct roots *roots = MEM_NEW(struct roots);
    struct buf encoded;
    int rc;

    roots->namespaces = namespaces;
    roots->root_pem = mem_strdup(root_pem);
    buf_init(&encoded, 0);
    base64_encode(slice_str(root_pem), &encoded);
    roots->bundle = buf_take(&encoded);
    roots->validating.fails_closed = true;
    roots->map_writer = reconcile_new(client, "ConfigMap istio-ca-root-cert", maps_run, roots);
    rc = kube_cache_new(client, &options, &events, roots, &roots->maps);
    if (rc >= 0)
        rc = hooks_init(&roots->mutating, roots, client, KUBE_RESOURCE_MUTATING_WEBHOOK,
                        strcmp(ns, "istio-system") == 0
                            ? mem_printf("istio-sidecar-injector%s", suffix)
                            : mem_printf("istio-sidecar-injector%s-%s", suffix, ns));
    if (rc >= 0)
        rc = hooks_init(&roots->validating, roots, client, KUBE_RESOURCE_VALIDATING_WEBHOOK,
                        mem_printf("istio-validator%s-%s", suffix, ns));
    if (rc < 0)
        roots_free(roots);
    else
        *ret = roots;
    return rc;
}

void roots_free(struct roots *roots)
{
    if (!roots)
        return;
    reconcile_free(roots->map_writer);
    reconcile_free(roots->mutating.writer);
    reconcile_free(roots->validating.writer);
    kube_cache_free(roots->maps);
    kube_cache_free(roots->mutating.cache);
    kube_cache_free(roots->validating.cache);
    mem_free(roots->root_pem);
    mem_free(roots->bundle);
    mem_free(roots);
}
