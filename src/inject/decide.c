/* SPDX-License-Identifier: Apache-2.0 */
/* Who is injected: the rules in order, first match wins.
 *
 * Spec    Istio: pkg/kube/inject injectRequired, and the selectors of its webhook configuration
 */
#include "inject/inject.h"

#include "base/mem.h"
#include "inject/inject_int.h"

static const char *const ignored_namespaces[] = {"kube-system", "kube-public", "kube-node-lease",
                                                 "local-path-storage"};

static bool text_is(const char *text, const char *expected)
{
    return text && strcmp(text, expected) == 0;
}

static bool namespace_is_ignored(const char *ns)
{
    for (size_t i = 0; ns && i < ARRAY_LEN(ignored_namespaces); i++)
        if (strcmp(ns, ignored_namespaces[i]) == 0)
            return true;
    return false;
}

/* What the webhook's namespace selectors would say: 1 selected, 0 opted out, -1 not labelled. */
static int namespace_choice(const struct inject_config *config, const json_t *labels)
{
    const char *injection = json_get_string(labels, "istio-injection");
    const char *rev = json_get_string(labels, "istio.io/rev");

    if (injection)
        return strcmp(injection, "enabled") == 0;
    if (rev)
        return strcmp(rev, inject_revision(config)) == 0;
    return -1;
}

/* The pod's own word: 1 yes, 0 no, -1 none; the label beats the annotation. */
static int pod_choice(const json_t *pod)
{
    static const char key[] = "sidecar.istio.io/inject";
    const char *text = json_get_string(json_path_get(pod, "metadata.labels"), key);

    if (!text)
        text = json_get_string(json_path_get(pod, "metadata.annotations"), key);
    if (!text)
        return -1;
    if (text_is(text, "true") || text_is(text, "y") || text_is(text, "yes") || text_is(text, "on"))
        return 1;
    return 0;
}

static bool decide_by_choices(int pod, int ns, const struct inject_config *config,
                              const char **reason)
{
    if (pod == 0) {
        *reason = "sidecar.istio.io/inject is not true";
        return false;
    }
    if (ns == 0) {
        *reason = "the namespace's labels disable injection";
        return false;
    }
    if (pod == 1) {
        *reason = "sidecar.istio.io/inject is true";
        return true;
    }
    if (ns == -1) {
        *reason = "neither namespace nor pod asks for injection";
        return false;
    }
    if (text_is(inject_value(config, "global.proxy.autoInject", "enabled"), "disabled")) {
        *reason = "global.proxy.autoInject is disabled";
        return false;
    }
    *reason = "the namespace is labelled for injection";
    return true;
}

bool inject_required(const struct inject_config *config, const json_t *pod,
                     const struct inject_scope *scope, const char **ret_reason)
{
    const char *unused;
    const char **reason = ret_reason ? ret_reason : &unused;

    if (json_path_bool(pod, "spec.hostNetwork", false)) {
        *reason = "the pod uses the host's network";
        return false;
    }
    if (namespace_is_ignored(scope->ns)) {
        *reason = "the namespace is never injected";
        return false;
    }
    if (json_get_string(json_path_get(pod, "metadata.annotations"), "sidecar.istio.io/status")) {
        *reason = "the pod has a sidecar already";
        return false;
    }
    return decide_by_choices(pod_choice(pod),
                             scope->ns_labels ? namespace_choice(config, scope->ns_labels) : 1,
                             config, reason);
}

const char *inject_value(const struct inject_config *config, const char *path, const char *fallback)
{
    const char *text = json_path_string(config->values, path);

    return text && *text ? text : fallback;
}

const char *inject_revision(const struct inject_config *config)
{
    return inject_value(config, "revision", "default");
}

/* A ReplicaSet "web-5d8f" of pods labelled pod-template-hash=5d8f belongs to Deployment "web". */
static char *deployment_of(const json_t *pod, const char *replica_set)
{
    const char *hash = json_get_string(json_path_get(pod, "metadata.labels"), "pod-template-hash");
    size_t len = strlen(replica_set);
    size_t hash_len = hash ? strlen(hash) : 0;

    if (hash_len == 0 || len <= hash_len + 1 || replica_set[len - hash_len - 1] != '-' ||
        strcmp(replica_set + len - hash_len, hash) != 0)
        return NULL;
    return mem_slice_dup(slice_make(replica_set, len - hash_len - 1));
}

static const json_t *controller_of(const json_t *pod)
{
    const json_t *owners = json_path_get(pod, "metadata.ownerReferences");
    size_t i;
    json_t *owner;

    json_array_foreach(owners, i, owner)
    {
        if (json_get_bool(owner, "controller", false))
            return owner;
    }
    return NULL;
}

void inject_workload(const json_t *pod, const struct inject_scope *scope, const char **ret_kind,
                     const char **ret_api_version, char **ret_name)
{
    const json_t *owner = controller_of(pod);
    const char *kind = json_get_string(owner, "kind");
    const char *name = json_get_string(owner, "name");
    char *deployment = NULL;

    *ret_api_version = "v1";
    *ret_kind = "Pod";
    if (scope->owner_name) {
        *ret_kind = scope->owner_kind;
        *ret_api_version = "apps/v1";
        *ret_name = mem_strdup(scope->owner_name);
        return;
    }
    if (!kind || !name) {
        const char *own = json_path_string(pod, "metadata.name");

        *ret_name = mem_strdup(own ? own : json_path_string_or(pod, "metadata.generateName", ""));
        return;
    }
    if (strcmp(kind, "ReplicaSet") == 0)
        deployment = deployment_of(pod, name);
    *ret_kind = deployment ? "Deployment" : kind;
    *ret_api_version = json_path_string_or(owner, "apiVersion", "v1");
    *ret_name = deployment ? deployment : mem_strdup(name);
}
