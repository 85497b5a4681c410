/* SPDX-License-Identifier: Apache-2.0 */
/* Pods at admission: the ServiceAccount's token volume, tolerations, quality-of-service class. See
 * apiserver_hooks.h.
 */
#include "kube/defaults.h"
#include "kube/metadata.h"
#include "sandbox/apiserver_hooks.h"

#include <stdio.h>

static const char token_path[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static const char *const container_lists[] = {"initContainers", "containers"};

/* --- service account --- */

static bool mounts_token(const json_t *container)
{
    size_t i;
    json_t *mount;

    json_array_foreach(json_object_get(container, "volumeMounts"), i, mount)
    {
        if (strcmp(json_path_string_or(mount, "mountPath", ""), token_path) == 0)
            return true;
    }
    return false;
}

static void token_mount_add(json_t *container, const char *volume)
{
    json_t *mounts = json_object_get(container, "volumeMounts");

    if (mounts_token(container))
        return;
    if (mounts == NULL) {
        mounts = json_array();
        json_object_set_new(container, "volumeMounts", mounts);
    }
    json_array_append_new(mounts, json_pack("{s:s, s:b, s:s}", "name", volume, "readOnly", 1,
                                            "mountPath", token_path));
}

static json_t *token_volume(const char *name)
{
    return json_pack("{s:s, s:{s:[{s:{s:i, s:s}}, {s:{s:s, s:[{s:s, s:s}]}}, "
                     "{s:{s:[{s:s, s:{s:s, s:s}}]}}], s:i}}",
                     "name", name, "projected", "sources", "serviceAccountToken",
                     "expirationSeconds", 3607, "path", "token", "configMap", "name",
                     "kube-root-ca.crt", "items", "key", "ca.crt", "path", "ca.crt", "downwardAPI",
                     "items", "path", "namespace", "fieldRef", "apiVersion", "v1", "fieldPath",
                     "metadata.namespace", "defaultMode", 0644);
}

static void token_add(json_t *spec)
{
    char name[] = "kube-api-access-xxxxx";
    json_t *volumes = json_object_get(spec, "volumes");

    kube_metadata_suffix(name + sizeof name - 6, 5);
    for (size_t n = 0; n < ARRAY_LEN(container_lists); n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container)
            token_mount_add(container, name);
    }
    if (volumes == NULL) {
        volumes = json_array();
        json_object_set_new(spec, "volumes", volumes);
    }
    json_array_append_new(volumes, token_volume(name));
}

static int account_admit(struct apiserver_call *call, json_t *spec)
{
    const struct kind *accounts = kinds_builtin(&call->server->kinds, "", "serviceaccounts");
    const char *name = json_path_string_or(spec, "serviceAccountName", "");
    const struct store_object *account;
    bool automount;

    if (name[0] == '\0') {
        json_set_string(spec, "serviceAccountName", "default");
        json_set_string(spec, "serviceAccount", "default");
        name = "default";
    }
    account = store_get(accounts->bucket, call->ns, name);
    if (account == NULL)
        return apiserver_fail(call, 403, "Forbidden",
                              "pods \"%s\" is forbidden: error looking up service account %s/%s: "
                              "serviceaccount \"%s\" not found",
                              json_path_string_or(call->object, "metadata.name", ""), call->ns,
                              name, name);
    automount = json_path_bool(account->tree, "automountServiceAccountToken", true);
    if (json_path_bool(spec, "automountServiceAccountToken", automount))
        token_add(spec);
    return 0;
}

/* --- create --- */

static void toleration_add(json_t *spec, const char *key)
{
    json_t *list = json_object_get(spec, "tolerations");
    size_t i;
    json_t *item;

    if (list == NULL) {
        list = json_array();
        json_object_set_new(spec, "tolerations", list);
    }
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_path_string_or(item, "key", ""), key) == 0)
            return;
    }
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i}", "key", key, "operator", "Exists",
                                          "effect", "NoExecute", "tolerationSeconds", 300));
}

int apiserver_hooks_pod_admit(struct apiserver_call *call)
{
    json_t *spec = json_object_get(call->object, "spec");
    int rc;

    if (call->old != NULL || !json_is_object(spec))
        return 0;
    rc = account_admit(call, spec);
    if (rc != 0)
        return rc;
    toleration_add(spec, "node.kubernetes.io/not-ready");
    toleration_add(spec, "node.kubernetes.io/unreachable");
    if (json_object_get(spec, "priority") == NULL)
        json_object_set_new(spec, "priority", json_integer(0));
    if (json_object_get(spec, "preemptionPolicy") == NULL)
        json_set_string(spec, "preemptionPolicy", "PreemptLowerPriority");
    json_object_set_new(call->object, "status", json_pack("{s:s}", "phase", "Pending"));
    return 0;
}

void apiserver_hooks_pod_check(struct apiserver_call *call)
{
    if (call->old == NULL)
        json_path_set(call->object, "status.qosClass",
                      json_string(kube_defaults_qos(json_object_get(call->object, "spec"))));
}
