/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of built-in kinds. See rules.h: one function a kind, and a table of them at the end. */
#include "kube/objects/rules.h"

#include <stdio.h>

#include "api/structural.h"
#include "base/mem.h"
#include "kube/objects/pod.h"
#include "kube/objects/selector.h"
#include "wire/base64.h"
#include "wire/json.h"

enum {
    CONFIG_SIZE_MAX = 1024 * 1024, /* bytes of all values of a ConfigMap or Secret */
    CONFIG_KEY_SIZE = 320,         /* "data[key]"; a key has at most 253 letters */
};

struct rules {
    const struct api_kind *kind;
    const json_t *object;
    const json_t *old; /* NULL: the object is new */
    struct api_cause_sink sink;
};

/* --- what an object says it is --- */

/* Whether Kubernetes has the kinds of that group built in. */
static bool group_is_built_in(const char *group)
{
    return strchr(group, '.') == NULL || slice_ends_with(slice_str(group), SLICE(".k8s.io"));
}

/* A server is in two parts, each with kinds of its own; this is the one of the definitions. */
static bool group_is_extensions(const char *group)
{
    return strcmp(group, "apiextensions.k8s.io") == 0;
}

static const char *version_of(const char *api_version)
{
    const char *slash = strchr(api_version, '/');

    return slash ? slash + 1 : api_version;
}

int kube_rules_check_envelope(const struct kube_envelope *wanted, const json_t *object,
                              struct error *err)
{
    const char *api_version = json_path_string_or(object, "apiVersion", "");
    const char *name = json_path_string_or(object, "kind", "");
    const struct api_kind *kind;
    const char *version;

    api_version = api_version[0] ? api_version : wanted->api_version;
    name = name[0] ? name : wanted->kind;
    version = version_of(api_version);
    if (strcmp(api_version, wanted->api_version) == 0 && strcmp(name, wanted->kind) == 0)
        return 0;
    if (!group_is_built_in(wanted->group))
        return strcmp(api_version, wanted->api_version) == 0
                   ? 0
                   : err_set(err, ERR_INVALID,
                             "the API version in the data (%s) does not match the expected API "
                             "version (%s)",
                             api_version, wanted->api_version);
    kind = api_kind_find_object(api_version, name);
    if (kind == NULL || !group_is_built_in(kind->group) ||
        group_is_extensions(kind->group) != group_is_extensions(wanted->group))
        return err_set(err, ERR_INVALID,
                       "%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is "
                       "registered for version \"%s\" in scheme \"pkg/runtime/scheme.go:110\"",
                       name, version, wanted->kind, name, api_version);
    return err_set(err, ERR_INVALID,
                   "%s in version \"%s\" cannot be handled as a %s: converting (%s.%s) to "
                   "(%.*s.%s): unknown conversion",
                   name, version, wanted->kind, version, name,
                   wanted->group[0] ? (int)strcspn(wanted->group, ".") : 4,
                   wanted->group[0] ? wanted->group : "core", wanted->kind);
}

/* --- configuration --- */

static void immutable_check(const struct rules *rules)
{
    static const char *const fields[] = {"immutable", "data", "binaryData"};

    if (rules->old == NULL || !json_path_bool(rules->old, "immutable", false))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *before = json_object_get(rules->old, fields[i]);
        const json_t *after = json_object_get(rules->object, fields[i]);
        bool both_empty = json_object_size(before) + json_object_size(after) == 0;

        if (!json_equal(before, after) && (json_is_boolean(before) || !both_empty))
            api_cause_tell(&rules->sink, "FieldValueForbidden", fields[i],
                           "Forbidden: field is immutable when `immutable` is set");
    }
}

/* In bytes, without the keys. `is_coded`: they are in base64, which its own check has passed. */
static size_t values_size(const json_t *map, bool is_coded)
{
    size_t size = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        struct slice text = json_slice(value);

        while (is_coded && text.len && text.data[text.len - 1] == '=')
            text.len--;
        size += is_coded ? text.len * 3 / 4 : text.len;
    }
    return size;
}

static void size_check(const struct rules *rules, const char *field, size_t size)
{
    if (size > CONFIG_SIZE_MAX)
        api_cause_tell(&rules->sink, "FieldValueTooLong", field,
                       "Too long: may not be more than %d bytes", CONFIG_SIZE_MAX);
}

static void config_map_check(const struct rules *rules)
{
    const json_t *data = json_object_get(rules->object, "data");
    const json_t *binary = json_object_get(rules->object, "binaryData");
    const char *key;
    json_t *value;

    immutable_check(rules);
    json_object_foreach((json_t *)(uintptr_t)data, key, value)
    {
        char field[CONFIG_KEY_SIZE];

        if (json_object_get(binary, key) == NULL)
            continue;
        (void)snprintf(field, sizeof(field), "data[%s]", key);
        api_cause_tell(&rules->sink, "FieldValueInvalid", field,
                       "Invalid value: \"%s\": duplicate of key present in binaryData", key);
    }
    size_check(rules, "[]", values_size(data, false) + values_size(binary, true));
}

/* --- secrets --- */

enum secret_need {
    NEED_ALL,  /* of the keys */
    NEED_ONE,  /* of them */
    NEED_TEXT, /* the key, and that it is not empty */
    NEED_JSON, /* the key, and that it is an object */
};

static const struct secret_row {
    const char *type;
    enum secret_need need;
    const char *keys[2];
} secret_rows[] = {
    {"kubernetes.io/dockercfg", NEED_JSON, {".dockercfg", NULL}},
    {"kubernetes.io/dockerconfigjson", NEED_JSON, {".dockerconfigjson", NULL}},
    {"kubernetes.io/basic-auth", NEED_ONE, {"username", "password"}},
    {"kubernetes.io/ssh-auth", NEED_TEXT, {"ssh-privatekey", NULL}},
    {"kubernetes.io/tls", NEED_ALL, {"tls.crt", "tls.key"}},
};

/* The contents of a secret are never told. */
static void secret_json_check(const struct rules *rules, const char *key, const json_t *value)
{
    struct error err = {0};
    struct buf text;
    json_t *json = NULL;
    char field[CONFIG_KEY_SIZE];

    buf_init(&text, CONFIG_SIZE_MAX);
    if (base64_decode(json_slice(value), &text) < 0 || text.len == 0)
        err_set(&err, ERR_INVALID, "unexpected end of JSON input");
    else if (json_parse(buf_slice(&text), NULL, &json, &err) == 0 && !json_is_object(json) &&
             !json_is_null(json))
        err_set(&err, ERR_INVALID,
                "json: cannot unmarshal %s into Go value of type "
                "map[string]interface {}",
                json_is_number(json) ? "number" : json_type_name(json));
    (void)snprintf(field, sizeof(field), "data[%s]", key);
    if (err.code != 0)
        api_cause_tell(&rules->sink, "FieldValueInvalid", field,
                       "Invalid value: \"<secret contents redacted>\": %s", err.reason);
    json_decref(json);
    buf_deinit(&text);
}

static void secret_row_check(const struct rules *rules, const struct secret_row *row)
{
    const json_t *data = json_object_get(rules->object, "data");
    bool one_is_enough = false;

    for (size_t i = 0; row->need == NEED_ONE && i < ARRAY_LEN(row->keys); i++)
        one_is_enough = one_is_enough || json_object_get(data, row->keys[i]) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(row->keys) && row->keys[i] != NULL; i++) {
        const json_t *value = json_object_get(data, row->keys[i]);
        char field[CONFIG_KEY_SIZE];

        (void)snprintf(field, sizeof(field), "data[%s]", row->keys[i]);
        if (!one_is_enough &&
            (value == NULL || (row->need == NEED_TEXT && json_string_length(value) == 0)))
            api_cause_tell(&rules->sink, "FieldValueRequired", field, "Required value");
        else if (row->need == NEED_JSON)
            secret_json_check(rules, row->keys[i], value);
    }
}

static void secret_check(const struct rules *rules)
{
    static const char account[] = "kubernetes.io/service-account.name";
    const char *type = json_path_string_or(rules->object, "type", "");
    const json_t *annotations = json_path_get(rules->object, "metadata.annotations");
    const char *name = json_get_string(annotations, account);

    immutable_check(rules);
    size_check(rules, "data", values_size(json_object_get(rules->object, "data"), true));
    if (strcmp(type, "kubernetes.io/service-account-token") == 0 && (name == NULL || !name[0]))
        api_cause_tell(&rules->sink, "FieldValueRequired",
                       "metadata.annotations[kubernetes.io/service-account.name]",
                       "Required value");
    for (size_t i = 0; i < ARRAY_LEN(secret_rows); i++)
        if (strcmp(secret_rows[i].type, type) == 0)
            secret_row_check(rules, &secret_rows[i]);
}

/* --- pods --- */

/* Of a pod, or of a template below `path`. */
static void volumes_check(const struct rules *rules, const json_t *spec, const char *path)
{
    const json_t *volumes = json_object_get(spec, "volumes");
    json_t *container;

    for (size_t n = 0; (container = kube_pod_container_at(spec, n)) != NULL; n++) {
        char where[48], field[192];
        size_t i;
        json_t *mount;

        (void)kube_pod_container_path(spec, n, where, sizeof(where));
        json_array_foreach(json_object_get(container, "volumeMounts"), i, mount)
        {
            const char *name = json_path_string_or(mount, "name", "");

            if (json_array_find(volumes, "name", name) != NULL)
                continue;
            (void)snprintf(field, sizeof(field), "%s.%s.volumeMounts[%zu].name", path, where, i);
            api_cause_tell(&rules->sink, "FieldValueNotFound", field, "Not found: \"%s\"", name);
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
    json_t *container;

    for (size_t i = 0; i < ARRAY_LEN(free_fields); i++)
        json_object_del(spec, free_fields[i]);
    for (size_t n = 0; (container = kube_pod_container_at(spec, n)) != NULL; n++)
        json_object_del(container, "image");
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
        api_cause_tell(&rules->sink, "FieldValueForbidden", "spec",
                       "Forbidden: pod updates may not change fields other than "
                       "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                       "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                       "existing tolerations),`spec.terminationGracePeriodSeconds` (allow "
                       "it to be set to 1 if it was previously negative)");
    json_decref(before);
    json_decref(after);
}

/* --- services --- */

static void service_check(const struct rules *rules)
{
    const json_t *spec = json_object_get(rules->object, "spec");
    const json_t *ports = json_object_get(spec, "ports");
    bool is_headless = strcmp(json_path_string_or(spec, "clusterIP", ""), "None") == 0;
    bool is_name = strcmp(json_path_string_or(spec, "type", ""), "ExternalName") == 0;

    if (is_name && json_path_string_or(spec, "externalName", "")[0] == '\0')
        api_cause_tell(&rules->sink, "FieldValueRequired", "spec.externalName", "Required value");
    if (is_name)
        return;
    if (json_array_size(ports) == 0 && !is_headless)
        api_cause_tell(&rules->sink, "FieldValueRequired", "spec.ports", "Required value");
    for (size_t i = 0; json_array_size(ports) > 1 && i < json_array_size(ports); i++) {
        char field[64];

        (void)snprintf(field, sizeof(field), "spec.ports[%zu].name", i);
        if (json_path_string_or(json_array_get(ports, i), "name", "")[0] == '\0')
            api_cause_tell(&rules->sink, "FieldValueRequired", field, "Required value");
    }
}

/* --- workloads --- */

static void workload_check(const struct rules *rules)
{
    const json_t *selector = json_path_get(rules->object, "spec.selector");
    const json_t *labels = json_path_get(rules->object, "spec.template.metadata.labels");
    char *text;

    if (selector != NULL && json_object_size(selector) == 0)
        api_cause_tell(&rules->sink, "FieldValueInvalid", "spec.selector",
                       "Invalid value: {}: empty selector is invalid for %s",
                       rules->kind->singular);
    else if (selector == NULL || !kube_selector_match_object(selector, labels)) {
        text = labels ? json_format_str(labels, JSON_FORMAT_COMPACT) : mem_strdup("null");
        api_cause_tell(&rules->sink, "FieldValueInvalid", "spec.template.metadata.labels",
                       "Invalid value: %s: `selector` does not match template `labels`", text);
        mem_free(text);
    }
    if (json_path_int(rules->object, "spec.replicas", 0) < 0)
        api_cause_tell(&rules->sink, "FieldValueInvalid", "spec.replicas",
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
        api_cause_tell(&rules->sink, "FieldValueInvalid", "metadata.name",
                       "Invalid value: \"%s\": must be spec.names.plural+\".\"+spec.group", name);
    mem_free(expected);
    json_array_foreach(versions, i, version)
    {
        const json_t *schema = json_path_get(version, "schema.openAPIV3Schema");
        char field[96];

        storage_count += json_get_bool(version, "storage", false);
        (void)snprintf(field, sizeof(field), "spec.versions[%zu].schema.openAPIV3Schema", i);
        if (schema == NULL)
            api_cause_tell(&rules->sink, "FieldValueRequired", field, "Required value");
        else /* the real server checks a definition of one version in its old form */
            structural_check_schema(schema, alone ? "spec.validation.openAPIV3Schema" : field,
                                    rules->sink.on_cause, rules->sink.ctx);
    }
    if (storage_count != 1) {
        char *text = json_format_str(versions, JSON_FORMAT_COMPACT);

        api_cause_tell(&rules->sink, "FieldValueInvalid", "spec.versions",
                       "Invalid value: %.1000s: must have exactly one version marked as "
                       "storage version",
                       text);
        mem_free(text);
    }
    if (strcmp(json_path_string_or(rules->object, "spec.conversion.strategy", "None"), "None") != 0)
        api_cause_tell(&rules->sink, "FieldValueNotSupported", "spec.conversion.strategy",
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
        api_cause_tell(&rules->sink, "FieldValueRequired", field,
                       "Required value: exactly one of url or service is required");
    else if (url[0] && strncmp(url, "https://", 8) != 0)
        api_cause_tell(&rules->sink, "FieldValueInvalid", field,
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
        api_cause_tell(&rules->sink, "FieldValueInvalid", field,
                       "Invalid value: \"%s\": should be a domain with at least three "
                       "segments separated by dots",
                       name);
    (void)snprintf(field, sizeof(field), "webhooks[%zu].sideEffects", i);
    if (json_get_string(webhook, "sideEffects") == NULL)
        api_cause_tell(&rules->sink, "FieldValueRequired", field,
                       "Required value: must specify one of None, NoneOnDryRun");
    (void)snprintf(field, sizeof(field), "webhooks[%zu].admissionReviewVersions", i);
    if (json_array_size(json_object_get(webhook, "admissionReviewVersions")) == 0)
        api_cause_tell(&rules->sink, "FieldValueRequired", field,
                       "Required value: must specify one of v1, v1beta1");
    (void)snprintf(field, sizeof(field), "webhooks[%zu].timeoutSeconds", i);
    if (timeout_s < 1 || timeout_s > 30)
        api_cause_tell(&rules->sink, "FieldValueInvalid", field,
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
    {"", "Secret", secret_check},
    {"", "Service", service_check},
    {"", "ConfigMap", config_map_check},
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
    struct rules rules = {kind, object, old, {on_cause, ctx}};

    for (size_t i = 0; i < ARRAY_LEN(rule_rows); i++)
        if (strcmp(rule_rows[i].kind, kind->kind) == 0 &&
            strcmp(rule_rows[i].group, kind->group) == 0)
            rule_rows[i].check(&rules);
}
