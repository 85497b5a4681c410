/* SPDX-License-Identifier: Apache-2.0 */
/* ServiceAccounts, and what they may do.
 *
 * Spec    Istio: charts base and istio-discovery (clusterrole.yaml, role.yaml, reader-clusterrole)
 */
#include "base/mem.h"
#include "install/install_int.h"

static const char rbac[] = "rbac.authorization.k8s.io/v1";

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

/* A role of `kind`, and its binding of the same name to the account. */
struct grant {
    const char *kind; /* "Role" or "ClusterRole" */
    const char *component;
    const char *name;
    const char *account;
    const char *const (*rules)[3];
    size_t rule_count;
};

static void grant_add(struct install_run *run, const struct grant *grant)
{
    json_t *object =
        install_object(run, rbac, grant->kind, grant->component, mem_strdup(grant->name));
    json_t *list = json_array();

    for (size_t i = 0; i < grant->rule_count; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o}", "apiGroups", list_of(grant->rules[i][0]),
                                        "resources", list_of(grant->rules[i][1]), "verbs",
                                        list_of(grant->rules[i][2])));
    json_object_set_new(object, "rules", list);
    object = install_object(run, rbac,
                            strcmp(grant->kind, "Role") == 0 ? "RoleBinding" : "ClusterRoleBinding",
                            grant->component, mem_strdup(grant->name));
    json_object_set_new(object, "roleRef",
                        json_pack("{s:s, s:s, s:s}", "apiGroup", "rbac.authorization.k8s.io",
                                  "kind", grant->kind, "name", grant->name));
    json_object_set_new(object, "subjects",
                        json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "name",
                                  grant->account, "namespace", run->ns));
}

/* Takes `name`. */
static void account_add(struct install_run *run, const char *component, char *name)
{
    json_t *object = install_object(run, "v1", "ServiceAccount", component, name);
    json_t *secrets = json_array();
    size_t i;
    json_t *secret;

    json_array_foreach(json_path_get(run->tree, "global.imagePullSecrets"), i, secret)
        json_array_append_new(secrets, json_pack("{s:O}", "name", secret));
    if (json_array_size(secrets) > 0)
        json_object_set(object, "imagePullSecrets", secrets);
    json_decref(secrets);
}

/* apiGroups, resources, verbs */
static const char *const istiod_cluster_rules[][3] = {
    {"admissionregistration.k8s.io",
     "mutatingwebhookconfigurations,validatingwebhookconfigurations",
     "get,list,watch,update,patch"},
    {"networking.istio.io,security.istio.io,telemetry.istio.io,extensions.istio.io", "*",
     "get,list,watch"},
    {"networking.istio.io,security.istio.io,telemetry.istio.io,extensions.istio.io",
     "virtualservices/status,destinationrules/status,gateways/status,serviceentries/status,"
     "sidecars/status",
     "get,update,patch"},
    {"networking.k8s.io", "ingresses,ingressclasses", "get,list,watch"},
    {"networking.k8s.io", "ingresses/status", "get,update,patch"},
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

void install_accounts(struct install_run *run)
{
    SCOPED(mem_drop) char *istiod = mem_printf("istiod%s", run->suffix);
    SCOPED(mem_drop)
    char *istiod_role = mem_printf("istiod-clusterrole%s-" INSTALL_NAMESPACE, run->suffix);
    SCOPED(mem_drop)
    char *reader_role = mem_printf("istio-reader-clusterrole%s-" INSTALL_NAMESPACE, run->suffix);
    const struct grant grants[] = {
        {"ClusterRole", INSTALL_PILOT, istiod_role, istiod, istiod_cluster_rules,
         ARRAY_LEN(istiod_cluster_rules)},
        {"ClusterRole", INSTALL_PILOT, reader_role, "istio-reader-service-account", reader_rules,
         ARRAY_LEN(reader_rules)},
        {"Role", INSTALL_PILOT, istiod, istiod, istiod_rules, ARRAY_LEN(istiod_rules)},
    };

    account_add(run, INSTALL_PILOT, mem_strdup(istiod));
    account_add(run, INSTALL_BASE, mem_strdup("istio-reader-service-account"));
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        grant_add(run, &grants[i]);
}

void install_gateway_accounts(struct install_run *run, const char *gateway, const char *component)
{
    SCOPED(mem_drop) char *account = mem_printf("%s-service-account", gateway);
    SCOPED(mem_drop) char *role = mem_printf("%s-sds", gateway);
    const struct grant grant = {"Role",  component,     role,
                                account, gateway_rules, ARRAY_LEN(gateway_rules)};

    account_add(run, component, mem_strdup(account));
    grant_add(run, &grant);
}
