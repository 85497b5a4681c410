/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults that depend on other fields. See defaults.h. */
#include "kube/objects/defaults.h"

#include "base/buf.h"
#include "kube/objects/pod.h"
#include "kube/objects/service.h"
#include "wire/base64.h"
#include "wire/json.h"

/* --- pods --- */

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

static void pod_spec_default(json_t *spec)
{
    const char *account = json_get_string(spec, "serviceAccountName");
    json_t *container;

    for (size_t n = 0; (container = kube_pod_container_at(spec, n)) != NULL; n++)
        container_defaults(container);
    if (account != NULL)
        json_set_string(spec, "serviceAccount", account);
    else if (json_get_string(spec, "serviceAccount") != NULL)
        json_object_set(spec, "serviceAccountName", json_object_get(spec, "serviceAccount"));
}

const char *kube_defaults_qos(const json_t *spec)
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

/* --- other kinds --- */

static void pod_default(json_t *object)
{
    json_t *spec = json_object_get(object, "spec");

    pod_spec_default(spec);
    if (json_is_object(spec) && json_object_get(spec, "enableServiceLinks") == NULL)
        json_object_set_new(spec, "enableServiceLinks", json_true());
}

static void workload_default(json_t *object)
{
    pod_spec_default(json_path_get(object, "spec.template.spec"));
}

static void deployment_default(json_t *object)
{
    static const char *const bounds[] = {"maxSurge", "maxUnavailable"};
    const char *type = json_path_string_or(object, "spec.strategy.type", "RollingUpdate");

    for (size_t i = 0; i < ARRAY_LEN(bounds) && strcmp(type, "RollingUpdate") == 0; i++) {
        json_t *update = json_path_get(object, "spec.strategy.rollingUpdate");

        if (update == NULL) {
            update = json_object();
            json_path_set(object, "spec.strategy.rollingUpdate", update);
        }
        if (json_object_get(update, bounds[i]) == NULL)
            json_set_string(update, bounds[i], "25%");
    }
    workload_default(object);
}

/* stringData is written only: it becomes data. */
static void secret_default(json_t *object)
{
    json_t *texts = json_object_get(object, "stringData");
    const char *key;
    json_t *value;
    struct buf bytes;

    if (json_object_size(texts) > 0 && json_object_get(object, "data") == NULL)
        json_object_set_new(object, "data", json_object());
    json_object_foreach(texts, key, value)
    {
        buf_init(&bytes, 0);
        base64_encode(json_slice(value), &bytes);
        json_object_set_new(json_object_get(object, "data"), key,
                            json_string_slice(buf_slice(&bytes)));
        buf_deinit(&bytes);
    }
    json_object_del(object, "stringData");
}

/* --- the table --- */

static const struct default_row {
    const char *group, *kind;
    void (*set)(json_t *object);
} default_rows[] = {
    {"", "Pod", pod_default},
    {"", "Secret", secret_default},
    {"", "Service", kube_service_default},
    {"apps", "Deployment", deployment_default},
    {"apps", "ReplicaSet", workload_default},
    {"apps", "StatefulSet", workload_default},
    {"apps", "DaemonSet", workload_default},
    {"batch", "Job", workload_default},
};

void kube_defaults_set(const struct api_kind *kind, json_t *object)
{
    for (size_t i = 0; i < ARRAY_LEN(default_rows); i++)
        if (strcmp(default_rows[i].kind, kind->kind) == 0 &&
            strcmp(default_rows[i].group, kind->group) == 0)
            default_rows[i].set(object);
}
