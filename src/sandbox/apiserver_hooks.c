/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of single kinds that schemas cannot say: a table of hooks, the short ones here. Pods are in
 * apiserver_hooks_pod.c, Services in apiserver_hooks_service.c.
 */
#include "sandbox/apiserver_hooks.h"

#include "base/mem.h"
#include "kube/selector.h"
#include "wire/base64.h"

#include <stdio.h>

/* --- namespaces --- */

static int namespace_prepare(struct apiserver_call *call)
{
    json_t *object = call->object;

    json_path_set(object, "metadata.labels[\"kubernetes.io/metadata.name\"]",
                  json_string(json_path_string_or(object, "metadata.name", "")));
    if (call->old == NULL) {
        json_path_set(object, "spec.finalizers", json_pack("[s]", "kubernetes"));
        json_path_set(object, "status.phase", json_string("Active"));
    } else if (strcmp(call->subresource, "finalize") != 0) {
        json_t *spec = json_object_get(call->old->tree, "spec");

        if (spec != NULL)
            json_object_set_new(object, "spec", json_deep_copy(spec));
    }
    return 0;
}

/* --- secrets --- */

static int secret_prepare(struct apiserver_call *call)
{
    json_t *texts = json_object_get(call->object, "stringData");
    const char *key;
    json_t *value;
    struct buf bytes;

    json_object_foreach(texts, key, value)
    {
        json_t *data = json_object_get(call->object, "data");

        if (data == NULL) {
            data = json_object();
            json_object_set_new(call->object, "data", data);
        }
        buf_init(&bytes, 0);
        base64_encode(json_slice(value), &bytes);
        json_object_set_new(data, key, json_string_slice(buf_slice(&bytes)));
        buf_deinit(&bytes);
    }
    json_object_del(call->object, "stringData");
    return 0;
}

static void immutable_check(struct apiserver_call *call)
{
    static const char *const fields[] = {"binaryData", "data", "immutable"};

    if (call->old == NULL || !json_path_bool(call->old->tree, "immutable", false))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *before = json_object_get(call->old->tree, fields[i]);
        const json_t *after = json_object_get(call->object, fields[i]);

        if (before != after && !json_equal(before, after))
            apiserver_invalid_add(call, "FieldValueForbidden", fields[i],
                                  "Forbidden: field is immutable when `immutable` is set");
    }
}

/* --- workloads --- */

static int workload_prepare(struct apiserver_call *call)
{
    apiserver_hooks_pod_defaults(json_path_get(call->object, "spec.template.spec"));
    return 0;
}

static int deployment_prepare(struct apiserver_call *call)
{
    json_t *object = call->object;
    const char *type = json_path_string_or(object, "spec.strategy.type", "RollingUpdate");

    if (strcmp(type, "RollingUpdate") == 0) {
        if (json_path_get(object, "spec.strategy.rollingUpdate.maxSurge") == NULL)
            json_path_set(object, "spec.strategy.rollingUpdate.maxSurge", json_string("25%"));
        if (json_path_get(object, "spec.strategy.rollingUpdate.maxUnavailable") == NULL)
            json_path_set(object, "spec.strategy.rollingUpdate.maxUnavailable", json_string("25%"));
    }
    return workload_prepare(call);
}

static void workload_check(struct apiserver_call *call)
{
    const json_t *selector = json_path_get(call->object, "spec.selector");
    const json_t *labels = json_path_get(call->object, "spec.template.metadata.labels");
    char *text;

    if (selector != NULL && json_object_size(selector) == 0)
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.selector",
                              "Invalid value: {}: empty selector is invalid for %s",
                              call->kind->singular);
    else if (selector == NULL || !kube_selector_match_object(selector, labels)) {
        text = labels ? json_format_str(labels, JSON_FORMAT_COMPACT) : mem_strdup("null");
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.template.metadata.labels",
                              "Invalid value: %s: `selector` does not match template `labels`",
                              text);
        mem_free(text);
    }
    if (json_path_int(call->object, "spec.replicas", 0) < 0)
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.replicas",
                              "Invalid value: %lld: must be greater than or equal to 0",
                              (long long)json_path_int(call->object, "spec.replicas", 0));
    apiserver_hooks_containers_check(call, json_path_get(call->object, "spec.template.spec"),
                                     "spec.template.spec");
}

/* --- definitions --- */

static int crd_prepare(struct apiserver_call *call)
{
    apiserver_crd_prepare(call);
    return 0;
}

static void crd_check(struct apiserver_call *call)
{
    const char *group = json_path_string_or(call->object, "spec.group", "");
    const char *plural = json_path_string_or(call->object, "spec.names.plural", "");
    const char *name = json_path_string_or(call->object, "metadata.name", "");
    char *expected = mem_printf("%s.%s", plural, group);
    const json_t *versions = json_path_get(call->object, "spec.versions");
    bool alone = json_array_size(versions) == 1;
    size_t storage_count = 0;
    size_t i;
    json_t *version;

    if (strcmp(expected, name) != 0)
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.name",
                              "Invalid value: \"%s\": must be spec.names.plural+\".\"+spec.group",
                              name);
    mem_free(expected);
    json_array_foreach(versions, i, version)
    {
        const json_t *schema = json_path_get(version, "schema.openAPIV3Schema");
        char field[96];

        storage_count += json_get_bool(version, "storage", false);
        snprintf(field, sizeof field, "spec.versions[%zu].schema.openAPIV3Schema", i);
        if (schema == NULL)
            apiserver_invalid_add(call, "FieldValueRequired", field, "Required value");
        else /* the real server checks a definition of one version in its old form */
            apiserver_schema_check_definition(call, schema,
                                              alone ? "spec.validation.openAPIV3Schema" : field);
    }
    if (storage_count != 1) {
        char *text = json_format_str(versions, JSON_FORMAT_COMPACT);

        apiserver_invalid_add(call, "FieldValueInvalid", "spec.versions",
                              "Invalid value: %.1000s: must have exactly one version marked as "
                              "storage version",
                              text);
        mem_free(text);
    }
    if (strcmp(json_path_string_or(call->object, "spec.conversion.strategy", "None"), "None") != 0)
        apiserver_invalid_add(call, "FieldValueNotSupported", "spec.conversion.strategy",
                              "Unsupported value: \"Webhook\": not supported: supported values: "
                              "\"None\"");
}

/* --- webhook configurations --- */

static void webhook_client_check(struct apiserver_call *call, const json_t *webhook, size_t i)
{
    const char *url = json_path_string_or(webhook, "clientConfig.url", "");
    char field[64];

    snprintf(field, sizeof field, "webhooks[%zu].clientConfig%s", i, url[0] ? ".url" : "");
    if (url[0] == '\0' && json_path_get(webhook, "clientConfig.service") == NULL)
        apiserver_invalid_add(call, "FieldValueRequired", field,
                              "Required value: exactly one of url or service is required");
    else if (url[0] && strncmp(url, "https://", 8) != 0)
        apiserver_invalid_add(call, "FieldValueInvalid", field,
                              "Invalid value: \"%.*s\": 'https' is the only allowed URL scheme: "
                              "desired format: https://host[/path]",
                              (int)strcspn(url, ":"), url);
}

static void webhook_check(struct apiserver_call *call, const json_t *webhook, size_t i)
{
    const char *name = json_path_string_or(webhook, "name", "");
    const char *dot = strchr(name, '.');
    int64_t timeout_s = json_get_int(webhook, "timeoutSeconds", 10);
    char field[64];

    snprintf(field, sizeof field, "webhooks[%zu].name", i);
    if (name[0] && (dot == NULL || strchr(dot + 1, '.') == NULL))
        apiserver_invalid_add(call, "FieldValueInvalid", field,
                              "Invalid value: \"%s\": should be a domain with at least three "
                              "segments separated by dots",
                              name);
    snprintf(field, sizeof field, "webhooks[%zu].sideEffects", i);
    if (json_get_string(webhook, "sideEffects") == NULL)
        apiserver_invalid_add(call, "FieldValueRequired", field,
                              "Required value: must specify one of None, NoneOnDryRun");
    snprintf(field, sizeof field, "webhooks[%zu].admissionReviewVersions", i);
    if (json_array_size(json_object_get(webhook, "admissionReviewVersions")) == 0)
        apiserver_invalid_add(call, "FieldValueRequired", field,
                              "Required value: must specify one of v1, v1beta1");
    snprintf(field, sizeof field, "webhooks[%zu].timeoutSeconds", i);
    if (timeout_s < 1 || timeout_s > 30)
        apiserver_invalid_add(call, "FieldValueInvalid", field,
                              "Invalid value: %lld: the timeout value must be between 1 and 30 "
                              "seconds",
                              (long long)timeout_s);
    webhook_client_check(call, webhook, i);
    if (json_array_size(json_object_get(webhook, "matchConditions")) > 0)
        apiserver_call_warn(call,
                            "webhooks[%zu].matchConditions: not supported: the sandbox does "
                            "not evaluate expressions, every request matches",
                            i);
}

static void webhooks_check(struct apiserver_call *call)
{
    size_t i;
    json_t *webhook;

    json_array_foreach(json_object_get(call->object, "webhooks"), i, webhook)
        webhook_check(call, webhook, i);
}

/* --- the table --- */

static const struct hook_row {
    const char *group, *plural;
    int (*prepare)(struct apiserver_call *call); /* may be NULL */
    void (*check)(struct apiserver_call *call);  /* may be NULL */
} hook_rows[] = {
    {"", "namespaces", namespace_prepare, NULL},
    {"", "pods", apiserver_hooks_pod_prepare, apiserver_hooks_pod_check},
    {"", "services", apiserver_hooks_service_prepare, apiserver_hooks_service_check},
    {"", "secrets", secret_prepare, immutable_check},
    {"", "configmaps", NULL, immutable_check},
    {"apps", "deployments", deployment_prepare, workload_check},
    {"apps", "replicasets", workload_prepare, workload_check},
    {"apps", "statefulsets", workload_prepare, workload_check},
    {"apps", "daemonsets", workload_prepare, workload_check},
    {"batch", "jobs", workload_prepare, NULL},
    {"apiextensions.k8s.io", "customresourcedefinitions", crd_prepare, crd_check},
    {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", NULL, webhooks_check},
    {"admissionregistration.k8s.io", "validatingwebhookconfigurations", NULL, webhooks_check},
};

static const struct hook_row *hooks_find(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(hook_rows) && kind->api != NULL; i++) {
        if (strcmp(hook_rows[i].plural, kind->plural) == 0 &&
            strcmp(hook_rows[i].group, kind->group) == 0)
            return &hook_rows[i];
    }
    return NULL;
}

/* Kinds that are stored, and that nothing here acts on: said, rather than pretended. */
static void idle_kind_warn(struct apiserver_call *call)
{
    if (call->kind->api != NULL && (call->kind->api->flags & API_KIND_IDLE) && call->old == NULL)
        apiserver_call_warn(call, "not supported: the sandbox stores %s, but nothing acts on them",
                            call->kind->plural);
}

int apiserver_hooks_admit(struct apiserver_call *call)
{
    if (strcmp(call->kind->plural, "pods") == 0 && call->kind->group[0] == '\0')
        return apiserver_hooks_pod_admit(call);
    return 0;
}

int apiserver_hooks_prepare(struct apiserver_call *call)
{
    const struct hook_row *row = hooks_find(call->kind);

    idle_kind_warn(call);
    return row != NULL && row->prepare != NULL ? row->prepare(call) : 0;
}

void apiserver_hooks_check(struct apiserver_call *call)
{
    const struct hook_row *row = hooks_find(call->kind);

    if (strcmp(call->subresource, "status") == 0)
        return;
    if (row != NULL && row->check != NULL)
        row->check(call);
}
