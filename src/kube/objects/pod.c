/* SPDX-License-Identifier: Apache-2.0 */
/* Pods. See pod.h. */
#include "kube/objects/pod.h"

#include <stdio.h>

#include "kube/objects/metadata.h"
#include "kube/objects/object.h"
#include "wire/json.h"

enum { GONE_NODE_S = 300, TOKEN_S = 3607, TOKEN_MODE = 0644, SUFFIX_LEN = 5 };

static const char token_path[] = "/var/run/secrets/kubernetes.io/serviceaccount";

/* --- containers --- */

json_t *kube_pod_container_at(const json_t *spec, size_t n)
{
    const json_t *init = json_object_get(spec, "initContainers");
    size_t init_count = json_array_size(init);

    return n < init_count ? json_array_get(init, n)
                          : json_array_get(json_object_get(spec, "containers"), n - init_count);
}

const char *kube_pod_container_path(const json_t *spec, size_t n, char *out, size_t size)
{
    size_t init_count = json_array_size(json_object_get(spec, "initContainers"));

    if (n < init_count)
        (void)snprintf(out, size, "initContainers[%zu]", n);
    else
        (void)snprintf(out, size, "containers[%zu]", n - init_count);
    return out;
}

/* --- admission --- */

const char *kube_pod_account(json_t *spec)
{
    if (json_path_string_or(spec, "serviceAccountName", "")[0] == '\0') {
        json_set_string(spec, "serviceAccountName", "default");
        json_set_string(spec, "serviceAccount", "default");
    }
    return json_get_string(spec, "serviceAccountName");
}

static json_t *token_volume(const char *name)
{
    return json_pack("{s:s, s:{s:[{s:{s:i, s:s}}, {s:{s:s, s:[{s:s, s:s}]}}, "
                     "{s:{s:[{s:s, s:{s:s, s:s}}]}}], s:i}}",
                     "name", name, "projected", "sources", "serviceAccountToken",
                     "expirationSeconds", TOKEN_S, "path", "token", "configMap", "name",
                     "kube-root-ca.crt", "items", "key", "ca.crt", "path", "ca.crt", "downwardAPI",
                     "items", "path", "namespace", "fieldRef", "apiVersion", "v1", "fieldPath",
                     "metadata.namespace", "defaultMode", TOKEN_MODE);
}

void kube_pod_mount_token(json_t *spec, const json_t *account)
{
    bool by_account = json_path_bool(account, "automountServiceAccountToken", true);
    char volume[] = "kube-api-access-xxxxx";
    json_t *container;

    if (!json_path_bool(spec, "automountServiceAccountToken", by_account))
        return;
    kube_metadata_suffix(volume + sizeof volume - 1 - SUFFIX_LEN, SUFFIX_LEN);
    for (size_t n = 0; (container = kube_pod_container_at(spec, n)) != NULL; n++) {
        if (json_array_find(json_object_get(container, "volumeMounts"), "mountPath", token_path))
            continue;
        json_array_append_new(
            json_member_array(container, "volumeMounts"),
            json_pack("{s:s, s:b, s:s}", "name", volume, "readOnly", 1, "mountPath", token_path));
    }
    json_array_append_new(json_member_array(spec, "volumes"), token_volume(volume));
}

void kube_pod_admit(json_t *pod)
{
    static const char *const gone[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};
    json_t *spec = json_object_get(pod, "spec");
    json_t *tolerations = json_member_array(spec, "tolerations");

    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        if (json_array_find(tolerations, "key", gone[i]) == NULL)
            json_array_append_new(
                tolerations, json_pack("{s:s, s:s, s:s, s:i}", "key", gone[i], "operator", "Exists",
                                       "effect", "NoExecute", "tolerationSeconds", GONE_NODE_S));
    }
    if (json_object_get(spec, "priority") == NULL)
        json_object_set_new(spec, "priority", json_integer(0));
    if (json_object_get(spec, "preemptionPolicy") == NULL)
        json_set_string(spec, "preemptionPolicy", "PreemptLowerPriority");
    json_object_set_new(pod, "status", json_pack("{s:s}", "phase", "Pending"));
}

/* --- binding --- */

void kube_pod_bind(json_t *pod, const char *node, int64_t now_ms)
{
    static const struct kube_condition scheduled = {.type = "PodScheduled", .value = true};
    json_t *conditions, *entry;

    json_path_set(pod, "spec.nodeName", json_string(node));
    if (json_object_get(pod, "status") == NULL)
        json_object_set_new(pod, "status", json_object());
    conditions = json_member_array(json_object_get(pod, "status"), "conditions");
    entry = kube_condition_set(conditions, conditions, &scheduled, now_ms);
    json_object_set_new(entry, "lastProbeTime", json_null());
}
