/* SPDX-License-Identifier: Apache-2.0 */
/* Pods at admission: defaults that depend on other fields, the ServiceAccount's token volume,
 * tolerations, quality-of-service class; and what may change later. See apiserver_hooks.h.
 */
#include "sandbox/apiserver_hooks.h"

#include <stdio.h>

static const char token_path[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static const char *const container_lists[] = {"initContainers", "containers"};

/* --- defaults --- */

/* Always for ":latest" or no tag. */
static const char *pull_policy(const char *image)
{
    const char *slash = strrchr(image, '/');
    const char *name = slash ? slash + 1 : image;
    const char *tag = strchr(name, ':');

    if (strchr(name, '@') != NULL)
        return "IfNotPresent";
    return tag == NULL || strcmp(tag, ":latest") == 0 ? "Always" : "IfNotPresent";
}

static void container_defaults(json_t *container)
{
    const json_t *limits = json_path_get(container, "resources.limits");
    const char *key;
    json_t *value;

    if (json_object_get(container, "imagePullPolicy") == NULL)
        json_set_string(container, "imagePullPolicy",
                        pull_policy(json_path_string_or(container, "image", "")));
    json_object_foreach((json_t *)limits, key, value)
    {
        json_t *requests = json_path_get(container, "resources.requests");

        if (requests == NULL) {
            requests = json_object();
            json_path_set(container, "resources.requests", requests);
        }
        if (json_object_get(requests, key) == NULL)
            json_object_set(requests, key, value);
    }
}

void apiserver_hooks_pod_defaults(json_t *spec)
{
    const char *account = json_get_string(spec, "serviceAccountName");

    for (size_t n = 0; n < ARRAY_LEN(container_lists); n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container)
            container_defaults(container);
    }
    if (account != NULL)
        json_set_string(spec, "serviceAccount", account);
    else if (json_get_string(spec, "serviceAccount") != NULL)
        json_object_set(spec, "serviceAccountName", json_object_get(spec, "serviceAccount"));
}

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

    apiserver_object_random_suffix(name + sizeof name - 6, 5);
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

static const char *qos_class(const json_t *spec)
{
    bool any = false;
    bool all = true;
    size_t i;
    json_t *container;

    json_array_foreach(json_object_get(spec, "containers"), i, container)
    {
        const json_t *limits = json_path_get(container, "resources.limits");
        const json_t *requests = json_path_get(container, "resources.requests");

        any = any || json_object_size(limits) || json_object_size(requests);
        all = all && json_object_get(limits, "cpu") && json_object_get(limits, "memory") &&
              json_equal(json_object_get(limits, "cpu"), json_object_get(requests, "cpu")) &&
              json_equal(json_object_get(limits, "memory"), json_object_get(requests, "memory"));
    }
    return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

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

int apiserver_hooks_pod_prepare(struct apiserver_call *call)
{
    json_t *spec = json_object_get(call->object, "spec");

    apiserver_hooks_pod_defaults(spec);
    if (json_is_object(spec) && json_object_get(spec, "enableServiceLinks") == NULL)
        json_object_set_new(spec, "enableServiceLinks", json_true());
    return 0;
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

/* --- validation --- */

static bool has_volume(const json_t *spec, const char *name)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_object_get(spec, "volumes"), i, volume)
    {
        if (strcmp(json_path_string_or(volume, "name", ""), name) == 0)
            return true;
    }
    return false;
}

void apiserver_hooks_containers_check(struct apiserver_call *call, const json_t *spec,
                                      const char *path)
{
    for (size_t n = 0; n < ARRAY_LEN(container_lists); n++) {
        size_t i, j;
        json_t *container, *mount;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container)
        {
            json_array_foreach(json_object_get(container, "volumeMounts"), j, mount)
            {
                const char *name = json_path_string_or(mount, "name", "");
                char field[192];

                if (has_volume(spec, name))
                    continue;
                snprintf(field, sizeof field, "%s.%s[%zu].volumeMounts[%zu].name", path,
                         container_lists[n], i, j);
                apiserver_invalid_add(call, "FieldValueNotFound", field, "Not found: \"%s\"", name);
            }
        }
    }
}

/* The spec without what may change after creation. */
static json_t *fixed_spec(const json_t *object)
{
    static const char *const free_fields[] = {
        "activeDeadlineSeconds",         "tolerations",         "schedulingGates",
        "terminationGracePeriodSeconds", "ephemeralContainers", "nodeName"};
    json_t *spec = json_deep_copy(json_object_get(object, "spec"));

    for (size_t i = 0; i < ARRAY_LEN(free_fields); i++)
        json_object_del(spec, free_fields[i]);
    for (size_t n = 0; n < ARRAY_LEN(container_lists); n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container)
            json_object_del(container, "image");
    }
    return spec;
}

void apiserver_hooks_pod_check(struct apiserver_call *call)
{
    json_t *before;
    json_t *after;

    apiserver_hooks_containers_check(call, json_object_get(call->object, "spec"), "spec");
    if (call->old == NULL) {
        json_path_set(call->object, "status.qosClass",
                      json_string(qos_class(json_object_get(call->object, "spec"))));
        return;
    }
    before = fixed_spec(call->old->tree);
    after = fixed_spec(call->object);
    if (!json_equal(before, after))
        apiserver_invalid_add(call, "FieldValueForbidden", "spec",
                              "Forbidden: pod updates may not change fields other than "
                              "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                              "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                              "existing tolerations),`spec.terminationGracePeriodSeconds` (allow "
                              "it to be set to 1 if it was previously negative)");
    json_decref(before);
    json_decref(after);
}
