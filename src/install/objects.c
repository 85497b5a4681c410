/* SPDX-License-Identifier: Apache-2.0 */
/* The order of things, and what all objects share; CRDs, accounts, roles and ConfigMaps.
 */
#include "install/objects.h"

#include "api/crd.h"
#include "api/schema.h"
#include "base/buf.h"
#include "base/mem.h"
#include "install/install_int.h"
#include "wire/yaml.h"

json_t *install_objects(const struct install_values *values)
{
    json_t *list = json_array();

    install_crds(list);
    if (json_path_bool(values->tree, "components.pilot.enabled", true)) {
        install_accounts(values, list);
        install_config_maps(values, list);
        install_webhooks(values, list);
        install_control_plane(values, list);
    }
    if (json_path_bool(values->tree, "components.ingressGateways[0].enabled", true))
        install_gateways(values, list);
    return list;
}

json_t *install_namespace(void)
{
    return install_object("v1", "Namespace", NULL, INSTALL_NAMESPACE);
}

json_t *install_object(const char *api_version, const char *kind, const char *ns, const char *name)
{
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", api_version, "kind", kind,
                               "metadata", "name", name);

    if (ns)
        json_set_string(json_object_get(object, "metadata"), "namespace", ns);
    if (strcmp(kind, "Namespace") != 0)
        json_object_set_new(json_object_get(object, "metadata"), "labels",
                            json_pack("{s:s, s:s}", "istio.io/rev", "default",
                                      "operator.istio.io/component", ns ? "Pilot" : "Base"));
    return object;
}

char *install_image(const struct install_values *values, const char *name)
{
    const char *hub = install_text(values, "values.global.hub", NULL);
    const char *tag = install_text(values, "values.global.tag", NULL);

    return mem_printf("%s/%s:%s", hub ? hub : install_text(values, "hub", ""), name,
                      tag ? tag : install_text(values, "tag", ""));
}

const char *install_text(const struct install_values *values, const char *path,
                         const char *fallback)
{
    const char *text = json_path_string(values->tree, path);

    return text && *text ? text : fallback;
}

json_t *install_resources(const char *cpu, const char *memory, const char *cpu_limit,
                          const char *memory_limit)
{
    json_t *resources = json_pack("{s:{s:s, s:s}}", "requests", "cpu", cpu, "memory", memory);

    if (cpu_limit)
        json_object_set_new(resources, "limits",
                            json_pack("{s:s, s:s}", "cpu", cpu_limit, "memory", memory_limit));
    return resources;
}

void install_crds(json_t *list)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);

    for (size_t i = 0; i < count; i++)
        if (kinds[i].flags & API_KIND_CRD)
            json_array_append_new(list, api_crd_new(&kinds[i]));
}

/* --- accounts and roles --- */

/* A rule from comma lists. */
static json_t *list_of(const char *text)
{
    struct slice rest = slice_str(text);
    struct slice piece;
    json_t *list = json_array();

    while (slice_split_next(&rest, ',', &piece))
        json_array_append_new(list, json_string_slice(piece));
    return list;
}

static json_t *role(const char *kind, const char *ns, const char *name,
                    const char *const (*rules)[3], size_t rule_count)
{
    json_t *object = install_object("rbac.authorization.k8s.io/v1", kind, ns, name);
    json_t *list = json_array();

    for (size_t i = 0; i < rule_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "apiGroups", list_of(rules[i][0]),
                                              "resources", list_of(rules[i][1]), "verbs",
                                              list_of(rules[i][2])));
    json_object_set_new(object, "rules", list);
    return object;
}

static json_t *binding(const char *kind, const char *ns, const char *name, const char *role_kind,
                       const char *account)
{
    json_t *object = install_object("rbac.authorization.k8s.io/v1", kind, ns, name);

    json_object_set_new(object, "roleRef",
                        json_pack("{s:s, s:s, s:s}", "apiGroup", "rbac.authorization.k8s.io",
                                  "kind", role_kind, "name", name));
    json_object_set_new(object, "subjects",
                        json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "name", account,
                                  "namespace", INSTALL_NAMESPACE));
    return object;
}

/* apiGroups, resources, verbs */
static const char *const istiod_cluster_rules[][3] = {
    {"admissionregistration.k8s.io",
     "mutatingwebhookconfigurations,validatingwebhookconfigurations",
     "get,list,watch,update,patch"},
    {"networking.istio.io,security.istio.io,telemetry.istio.io,extensions.istio.io", "*",
     "get,list,watch"},
    {"networking.istio.io,security.istio.io,telemetry.istio.io,extensions.istio.io",
     "virtualservices/status,destinationrules/status,gateways/status,serviceentries/status",
     "get,update,patch"},
    {"apiextensions.k8s.io", "customresourcedefinitions", "get,list,watch"},
    {"", "pods,nodes,services,namespaces,endpoints,secrets", "get,list,watch"},
    {"discovery.k8s.io", "endpointslices", "get,list,watch"},
    {"", "configmaps", "create,get,list,watch,update,patch"},
    {"authentication.k8s.io", "tokenreviews", "create"},
    {"authorization.k8s.io", "subjectaccessreviews", "create"},
};
static const char *const istiod_rules[][3] = {
    {"", "secrets", "create,get,watch,list,update,patch,delete"},
    {"coordination.k8s.io", "leases", "get,update,patch,create"},
};
static const char *const reader_rules[][3] = {
    {"networking.istio.io,security.istio.io,telemetry.istio.io,extensions.istio.io", "*",
     "get,list,watch"},
    {"", "endpoints,pods,services,nodes,replicationcontrollers,namespaces,secrets",
     "get,list,watch"},
    {"discovery.k8s.io", "endpointslices", "get,list,watch"},
    {"apps", "replicasets", "get,list,watch"},
};
static const char *const gateway_rules[][3] = {
    {"", "secrets", "get,watch,list"},
};

void install_accounts(const struct install_values *values, json_t *list)
{
    static const char ns[] = INSTALL_NAMESPACE;
    static const char istiod_role[] = "istiod-clusterrole-" INSTALL_NAMESPACE;
    static const char reader_role[] = "istio-reader-clusterrole-" INSTALL_NAMESPACE;

    (void)values;
    json_array_append_new(list, install_object("v1", "ServiceAccount", ns, "istiod"));
    json_array_append_new(
        list, install_object("v1", "ServiceAccount", ns, "istio-reader-service-account"));
    json_array_append_new(list, role("ClusterRole", NULL, istiod_role, istiod_cluster_rules,
                                     ARRAY_LEN(istiod_cluster_rules)));
    json_array_append_new(
        list, role("ClusterRole", NULL, reader_role, reader_rules, ARRAY_LEN(reader_rules)));
    json_array_append_new(
        list, binding("ClusterRoleBinding", NULL, istiod_role, "ClusterRole", "istiod"));
    json_array_append_new(list, binding("ClusterRoleBinding", NULL, reader_role, "ClusterRole",
                                        "istio-reader-service-account"));
    json_array_append_new(list, role("Role", ns, "istiod", istiod_rules, ARRAY_LEN(istiod_rules)));
    json_array_append_new(list, binding("RoleBinding", ns, "istiod", "Role", "istiod"));
    if (!json_path_bool(values->tree, "components.ingressGateways[0].enabled", true))
        return;
    json_array_append_new(
        list, install_object("v1", "ServiceAccount", ns, "istio-ingressgateway-service-account"));
    json_array_append_new(list, role("Role", ns, "istio-ingressgateway-sds", gateway_rules,
                                     ARRAY_LEN(gateway_rules)));
    json_array_append_new(list, binding("RoleBinding", ns, "istio-ingressgateway-sds", "Role",
                                        "istio-ingressgateway-service-account"));
}

/* --- ConfigMaps --- */

static json_t *yaml_text(const json_t *tree)
{
    struct buf text;
    json_t *value;

    buf_init(&text, 0);
    (void)yaml_format(tree, &text);
    value = json_string_slice(buf_slice(&text));
    buf_deinit(&text);
    return value;
}

void install_config_maps(const struct install_values *values, json_t *list)
{
    json_t *mesh = install_object("v1", "ConfigMap", INSTALL_NAMESPACE, "istio");
    json_t *injector =
        install_object("v1", "ConfigMap", INSTALL_NAMESPACE, "istio-sidecar-injector");
    json_t *tree = json_deep_copy(json_object_get(values->tree, "values"));
    json_t *global = json_object_get(tree, "global");
    char *text;

    json_object_set_new(mesh, "data",
                        json_pack("{s:o, s:s}", "mesh",
                                  yaml_text(json_object_get(values->tree, "meshConfig")),
                                  "meshNetworks", "networks: {}"));
    json_array_append_new(list, mesh);
    if (!json_object_get(global, "hub"))
        json_set_string(global, "hub", install_text(values, "hub", ""));
    if (!json_object_get(global, "tag"))
        json_set_string(global, "tag", install_text(values, "tag", ""));
    json_set_string(tree, "revision", install_text(values, "revision", "default"));
    text = json_format_str(tree, JSON_FORMAT_PRETTY);
    json_object_set_new(injector, "data",
                        json_pack("{s:s, s:s}", "config", "policy: enabled\n", "values", text));
    json_array_append_new(list, injector);
    mem_free(text);
    json_decref(tree);
}
