/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of built-in kinds. See rules.h: one function a kind, and a table of them at the end. */
#include "kube/rules.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/structural.h"
#include "base/mem.h"
#include "kube/selector.h"
#include "wire/json.h"

enum { TEXT_SIZE = 2048 };

struct rules {
    const struct api_kind *kind;
    const json_t *object;
    const json_t *old; /* NULL: the object is new */
    api_on_cause *on_cause;
    void *ctx;
};

static const char *const container_lists[] = {"initContainers", "containers"};

static void tell(const struct rules *rules, const char *reason, const char *field, const char *fmt,
                 ...) PRINTF_LIKE(4, 5);

static void tell(const struct rules *rules, const char *reason, const char *field, const char *fmt,
                 ...)
{
    char text[TEXT_SIZE];
    struct api_cause cause = {reason, field, text};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    rules->on_cause(&cause, rules->ctx);
}

/* --- configuration --- */

static void immutable_check(const struct rules *rules)
{
    static const char *const fields[] = {"binaryData", "data", "immutable"};

    if (rules->old == NULL || !json_path_bool(rules->old, "immutable", false))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *before = json_object_get(rules->old, fields[i]);
        const json_t *after = json_object_get(rules->object, fields[i]);

        if (before != after && !json_equal(before, after))
            tell(rules, "FieldValueForbidden", fields[i],
                 "Forbidden: field is immutable when `immutable` is set");
    }
}

/* --- pods --- */

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

/* Of a pod, or of a template below `path`. */
static void volumes_check(const struct rules *rules, const json_t *spec, const char *path)
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
                (void)snprintf(field, sizeof(field), "%s.%s[%zu].volumeMounts[%zu].name", path,
                               container_lists[n], i, j);
                tell(rules, "FieldValueNotFound", field, "Not found: \"%s\"", name);
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

static void pod_check(const struct rules *rules)
{
    json_t *before;
    json_t *after;

    volumes_check(rules, json_object_get(rules->object, "spec"), "spec");
    if (rules->old == NULL)
        return;
    before = fixed_spec(rules->old);
    after = fixed_spec(rules->object);
    if (!json_equal(before, after))
        tell(rules, "FieldValueForbidden", "spec",
             "Forbidden: pod updates may not change fields other than "
             "`spec.containers[*].image`,`spec.initContainers[*].image`,"
             "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
             "existing tolerations),`spec.terminationGracePeriodSeconds` (allow "
             "it to be set to 1 if it was previously negative)");
    json_decref(before);
    json_decref(after);
}
/* --- workloads --- */

static void workload_check(const struct rules *rules)
{
    const json_t *selector = json_path_get(rules->object, "spec.selector");
    const json_t *labels = json_path_get(rules->object, "spec.template.metadata.labels");
    char *text;

    if (selector != NULL && json_object_size(selector) == 0)
        tell(rules, "FieldValueInvalid", "spec.selector",
             "Invalid value: {}: empty selector is invalid for %s", rules->kind->singular);
    else if (selector == NULL || !kube_selector_match_object(selector, labels)) {
        text = labels ? json_format_str(labels, JSON_FORMAT_COMPACT) : mem_strdup("null");
        tell(rules, "FieldValueInvalid", "spec.template.metadata.labels",
             "Invalid value: %s: `selector` does not match template `labels`", text);
        mem_free(text);
    }
    if (json_path_int(rules->object, "spec.replicas", 0) < 0)
        tell(rules, "FieldValueInvalid", "spec.replicas",
             "Invalid value: %lld: must be greater than or equal to 0",
             (long long)json_path_int(rules->object, "spec.replicas", 0));
    volumes_check(rules, json_path_get(rules->object, "spec.template.spec"), "spec.template.spec");
}

/* --- definitions --- */

static void crd_check(const struct rules *rules)
{
    const char *group = json_path_string_or(rules->object, "spec.group", "");
    const char *plural = json_path_string_or(rules->object, "spec.names.plural", "");
    const char *name = json_path_string_or(rules->object, "metadata.name", "");
    char *expected = mem_printf("%s.%s", plural, group);
    const json_t *versions = json_path_get(rules->object, "spec.versions");
    bool alone = json_array_size(versions) == 1;
    size_t storage_count = 0;
    size_t i;
    json_t *version;

    if (strcmp(expected, name) != 0)
        tell(rules, "FieldValueInvalid", "metadata.name",
             "Invalid value: \"%s\": must be spec.names.plural+\".\"+spec.group", name);
    mem_free(expected);
    json_array_foreach(versions, i, version)
    {
        const json_t *schema = json_path_get(version, "schema.openAPIV3Schema");
        char field[96];

        storage_count += json_get_bool(version, "storage", false);
        (void)snprintf(field, sizeof(field), "spec.versions[%zu].schema.openAPIV3Schema", i);
        if (schema == NULL)
            tell(rules, "FieldValueRequired", field, "Required value");
        else /* the real server checks a definition of one version in its old form */
            structural_check_schema(schema, alone ? "spec.validation.openAPIV3Schema" : field,
                                    rules->on_cause, rules->ctx);
    }
    if (storage_count != 1) {
        char *text = json_format_str(versions, JSON_FORMAT_COMPACT);

        tell(rules, "FieldValueInvalid", "spec.versions",
             "Invalid value: %.1000s: must have exactly one version marked as "
             "storage version",
             text);
        mem_free(text);
    }
    if (strcmp(json_path_string_or(rules->object, "spec.conversion.strategy", "None"), "None") != 0)
        tell(rules, "FieldValueNotSupported", "spec.conversion.strategy",
             "Unsupported value: \"Webhook\": not supported: supported values: "
             "\"None\"");
}

/* --- webhook configurations --- */

static void webhook_client_check(const struct rules *rules, const json_t *webhook, size_t i)
{
    const char *url = json_path_string_or(webhook, "clientConfig.url", "");
    char field[64];

    (void)snprintf(field, sizeof(field), "webhooks[%zu].clientConfig%s", i, url[0] ? ".url" : "");
    if (url[0] == '\0' && json_path_get(webhook, "clientConfig.service") == NULL)
        tell(rules, "FieldValueRequired", field,
             "Required value: exactly one of url or service is required");
    else if (url[0] && strncmp(url, "https://", 8) != 0)
        tell(rules, "FieldValueInvalid", field,
             "Invalid value: \"%.*s\": 'https' is the only allowed URL scheme: "
             "desired format: https://host[/path]",
             (int)strcspn(url, ":"), url);
}

static void webhook_check(const struct rules *rules, const json_t *webhook, size_t i)
{
    const char *name = json_path_string_or(webhook, "name", "");
    const char *dot = strchr(name, '.');
    int64_t timeout_s = json_get_int(webhook, "timeoutSeconds", 10);
    char field[64];

    (void)snprintf(field, sizeof(field), "webhooks[%zu].name", i);
    if (name[0] && (dot == NULL || strchr(dot + 1, '.') == NULL))
        tell(rules, "FieldValueInvalid", field,
             "Invalid value: \"%s\": should be a domain with at least three "
             "segments separated by dots",
             name);
    (void)snprintf(field, sizeof(field), "webhooks[%zu].sideEffects", i);
    if (json_get_string(webhook, "sideEffects") == NULL)
        tell(rules, "FieldValueRequired", field,
             "Required value: must specify one of None, NoneOnDryRun");
    (void)snprintf(field, sizeof(field), "webhooks[%zu].admissionReviewVersions", i);
    if (json_array_size(json_object_get(webhook, "admissionReviewVersions")) == 0)
        tell(rules, "FieldValueRequired", field, "Required value: must specify one of v1, v1beta1");
    (void)snprintf(field, sizeof(field), "webhooks[%zu].timeoutSeconds", i);
    if (timeout_s < 1 || timeout_s > 30)
        tell(rules, "FieldValueInvalid", field,
             "Invalid value: %lld: the timeout value must be between 1 and 30 "
             "seconds",
             (long long)timeout_s);
    webhook_client_check(rules, webhook, i);
}

static void webhooks_check(const struct rules *rules)
{
    size_t i;
    json_t *webhook;

    json_array_foreach(json_object_get(rules->object, "webhooks"), i, webhook)
        webhook_check(rules, webhook, i);
}

/* --- the table --- */

static const struct rule_row {
    const char *group, *kind;
    void (*check)(const struct rules *rules);
} rule_rows[] = {
    {"", "Pod", pod_check},
    {"", "Secret", immutable_check},
    {"", "ConfigMap", immutable_check},
    {"apps", "Deployment", workload_check},
    {"apps", "ReplicaSet", workload_check},
    {"apps", "StatefulSet", workload_check},
    {"apps", "DaemonSet", workload_check},
    {"apiextensions.k8s.io", "CustomResourceDefinition", crd_check},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", webhooks_check},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", webhooks_check},
};

void kube_rules_check(const struct api_kind *kind, const json_t *object, const json_t *old,
                      api_on_cause *on_cause, void *ctx)
{
    struct rules rules = {kind, object, old, on_cause, ctx};

    for (size_t i = 0; i < ARRAY_LEN(rule_rows); i++)
        if (strcmp(rule_rows[i].kind, kind->kind) == 0 &&
            strcmp(rule_rows[i].group, kind->group) == 0)
            rule_rows[i].check(&rules);
}
