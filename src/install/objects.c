/* SPDX-License-Identifier: Apache-2.0 */
/* The order of things, what all objects share, CRDs and ConfigMaps.
 */
#include "install/objects.h"

#include "api/crd.h"
#include "api/schema.h"
#include "base/buf.h"
#include "base/mem.h"
#include "install/install_int.h"
#include "wire/yaml.h"

/* Each gateway of values.gateways; what one does not set is as in the standard one of its kind. */
static void gateways_add(struct install_run *run)
{
    json_t *gateways = json_object_get(run->tree, "gateways");
    const char *name;
    json_t *own;

    json_object_foreach(gateways, name, own)
    {
        SCOPED(mem_drop)
        char *standard = mem_printf("istio-%sgateway", json_path_string_or(own, "kind", "ingress"));
        SCOPED(json_drop) json_t *settings = json_deep_copy(json_object_get(gateways, standard));
        const char *ns;

        json_object_update_recursive(settings, own);
        ns = json_path_string_or(settings, "namespace", "");
        run->ns = *ns ? ns : INSTALL_NAMESPACE;
        if (json_get_bool(settings, "enabled", false))
            install_gateway(run, name, settings);
    }
    run->ns = INSTALL_NAMESPACE;
}

json_t *install_objects(const struct install_values *values)
{
    char *suffix = install_suffix(json_path_string(values->tree, "revision"));
    struct install_run run = {.tree = values->tree,
                              .revision = *suffix ? suffix + 1 : "default",
                              .suffix = suffix,
                              .ns = INSTALL_NAMESPACE,
                              .list = json_array()};

    install_crds(&run);
    if (json_path_bool(run.tree, "pilot.enabled", true)) {
        install_accounts(&run);
        install_config_maps(&run);
        install_webhooks(&run);
        install_control_plane(&run);
    }
    gateways_add(&run);
    mem_free(suffix);
    return run.list;
}

json_t *install_namespace(void)
{
    return json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace", "metadata",
                     "name", INSTALL_NAMESPACE);
}

static bool kind_is_namespaced(const char *kind)
{
    return strncmp(kind, "Cluster", 7) != 0 &&
           !slice_ends_with(slice_str(kind), SLICE("WebhookConfiguration"));
}

json_t *install_object(struct install_run *run, const char *api_version, const char *kind,
                       const char *component, char *name)
{
    json_t *object =
        json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "apiVersion", api_version, "kind", kind,
                  "metadata", "name", name, "labels", INSTALL_COMPONENT_LABEL, component);

    if (strcmp(component, INSTALL_BASE) != 0) /* those are all revisions' */
        json_set_string(json_path_get(object, "metadata.labels"), "istio.io/rev", run->revision);

    if (kind_is_namespaced(kind))
        json_set_string(json_object_get(object, "metadata"), "namespace", run->ns);
    json_array_append_new(run->list, object);
    mem_free(name);
    return object;
}

const char *install_text(const struct install_run *run, const char *path, const char *fallback)
{
    const char *text = json_path_string(run->tree, path);

    return text && *text ? text : fallback;
}

void install_crds(struct install_run *run)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        json_t *crd;

        if (!(kinds[i].flags & API_KIND_CRD))
            continue;
        crd = api_crd_new(&kinds[i]);
        json_set_string(json_path_get(crd, "metadata.labels"), INSTALL_COMPONENT_LABEL,
                        INSTALL_BASE);
        json_array_append_new(run->list, crd);
    }
}

/* --- ConfigMaps --- */

json_t *install_mesh_config(const struct install_run *run)
{
    json_t *mesh = json_deep_copy(json_object_get(run->tree, "meshConfig"));
    char *address = mem_printf("istiod%s." INSTALL_NAMESPACE ".svc:15010", run->suffix);

    if (!json_path_get(mesh, "defaultConfig.discoveryAddress"))
        (void)json_path_set(mesh, "defaultConfig.discoveryAddress", json_string(address));
    if (!json_object_get(mesh, "rootNamespace"))
        json_set_string(mesh, "rootNamespace", INSTALL_NAMESPACE);
    mem_free(address);
    return mesh;
}

char *install_ca_address(const struct install_run *run)
{
    const char *given = install_text(run, "global.caAddress", NULL);

    return given ? mem_strdup(given)
                 : mem_printf("istiod%s." INSTALL_NAMESPACE ".svc:15012", run->suffix);
}

/* The whole tree, with what empty texts stand for. */
static json_t *values_whole(const struct install_run *run)
{
    json_t *tree = json_deep_copy(run->tree);

    (void)json_path_set(tree, "global.tag",
                        json_string(install_text(run, "global.tag", WEFT_VERSION)));
    return tree;
}

static json_t *injection_values(const struct install_run *run)
{
    json_t *tree = values_whole(run);
    json_t *ret = json_pack(
        "{s:O, s:O, s:s}", "global", json_object_get(tree, "global"), "sidecarInjectorWebhook",
        json_object_get(tree, "sidecarInjectorWebhook"), "revision", run->revision);
    char *ca = install_ca_address(run);

    json_set_string(json_object_get(ret, "global"), "caAddress", ca);
    mem_free(ca);
    json_decref(tree);
    return ret;
}

/* Sets data[key] to the tree's text; takes `tree`. */
static void data_set(json_t *map, const char *key, json_t *tree, bool as_yaml)
{
    json_t *data = json_object_get(map, "data");
    struct buf text;

    if (!data) {
        data = json_object();
        json_object_set_new(map, "data", data);
    }
    buf_init(&text, 0);
    if (as_yaml)
        (void)yaml_format(tree, &text);
    else
        (void)json_format(tree, JSON_FORMAT_PRETTY, &text);
    json_object_set_new(data, key, json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
    json_decref(tree);
}

static json_t *config_map(struct install_run *run, const char *name)
{
    return install_object(run, "v1", "ConfigMap", INSTALL_PILOT,
                          mem_printf("%s%s", name, run->suffix));
}

void install_config_maps(struct install_run *run)
{
    json_t *map = config_map(run, "istio");

    data_set(map, "mesh", install_mesh_config(run), true);
    json_set_string(json_object_get(map, "data"), "meshNetworks", "networks: {}");
    map = config_map(run, "istio-sidecar-injector");
    data_set(map, "values", injection_values(run), false);
    json_set_string(json_object_get(map, "data"), "config", "policy: enabled\n");
    data_set(config_map(run, "values"), "merged-values", values_whole(run), false);
}
