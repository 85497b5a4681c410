/* SPDX-License-Identifier: Apache-2.0 */
/* See settings.h.
 */
#include "control/settings.h"

#include "base/log.h"
#include "base/mem.h"
#include "kube/cache.h"
#include "wire/json.h"
#include "wire/yaml.h"

struct settings {
    char *mesh_name;          /* "istio" */
    char *injector_name;      /* "istio-sidecar-injector" */
    struct kube_cache *cache; /* NULL: no cluster */
    json_t *mesh;
    json_t *values;
    void (*on_mesh)(const json_t *mesh, void *ctx); /* NULL: nobody asked */
    void *on_mesh_ctx;
};

/* Parses data[key] of the ConfigMap into *tree; keeps the former on failure. */
static void tree_set(json_t **tree, const json_t *config_map, const char *key)
{
    const char *text = json_get_string(json_object_get(config_map, "data"), key);
    json_t *parsed = NULL;
    struct error err = {0};
    char line[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (!text)
        return;
    if (yaml_parse_one(slice_str(text), NULL, &parsed, &err) < 0 || !json_is_object(parsed)) {
        log_warn(config, "ConfigMap %s, key %s: %s; the former settings stay in force",
                 kube_name(config_map), key,
                 err.code ? err_format(&err, line, sizeof line) : "not a mapping");
        json_decref(parsed);
        return;
    }
    json_decref(*tree);
    *tree = parsed;
}

/* A user must not believe in a setting that nothing carries out. */
static void mesh_check(const json_t *mesh)
{
    static const char *const known[] = {"accessLogEncoding",
                                        "accessLogFile",
                                        "accessLogFormat",
                                        "connectTimeout",
                                        "defaultConfig",
                                        "defaultHttpRetryPolicy",
                                        "defaultProviders",
                                        "enablePrometheusMerge",
                                        "outboundTrafficPolicy",
                                        "rootNamespace",
                                        "trustDomain"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)mesh, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known = is_known || strcmp(known[i], key) == 0;
        if (!is_known)
            log_warn(config, "ConfigMap istio: not supported: meshConfig.%s is ignored", key);
    }
}

static void on_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    struct settings *settings = ctx;

    (void)cache;
    (void)old;
    if (change == KUBE_DELETED)
        return;
    if (strcmp(kube_name(object), settings->mesh_name) == 0) {
        tree_set(&settings->mesh, object, "mesh");
        mesh_check(settings->mesh);
        if (settings->on_mesh)
            settings->on_mesh(settings->mesh, settings->on_mesh_ctx);
    } else if (strcmp(kube_name(object), settings->injector_name) == 0) {
        tree_set(&settings->values, object, "values");
    }
}

int settings_new(struct kube_client *client, const char *ns, const char *suffix,
                 struct settings **ret)
{
    static const struct kube_cache_events events = {.on_change = on_change};
    struct kube_cache_options options = {.resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                         .ns = ns};
    struct settings *settings = MEM_NEW(struct settings);
    int rc = 0;

    settings->mesh_name = mem_printf("istio%s", suffix);
    settings->injector_name = mem_printf("istio-sidecar-injector%s", suffix);
    settings->mesh = json_object();
    settings->values = json_object();
    if (client)
        rc = kube_cache_new(client, &options, &events, settings, &settings->cache);
    if (rc < 0) {
        settings_free(settings);
        return rc;
    }
    *ret = settings;
    return 0;
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    kube_cache_free(settings->cache);
    json_decref(settings->mesh);
    json_decref(settings->values);
    mem_free(settings->mesh_name);
    mem_free(settings->injector_name);
    mem_free(settings);
}

void settings_on_mesh(struct settings *settings, void (*on_mesh)(const json_t *mesh, void *ctx),
                      void *ctx)
{
    settings->on_mesh = on_mesh;
    settings->on_mesh_ctx = ctx;
    on_mesh(settings->mesh, ctx);
}

bool settings_is_synced(const struct settings *settings)
{
    return !settings->cache || kube_cache_is_synced(settings->cache);
}

struct inject_config settings_inject(const struct settings *settings)
{
    return (struct inject_config){.values = settings->values, .mesh = settings->mesh};
}
