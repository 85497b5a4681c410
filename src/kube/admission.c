/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests a webhook's rules name. See admission.h. */
#include "kube/admission.h"

#include <stdio.h>

#include "kube/selector.h"
#include "wire/json.h"

static bool list_has(const json_t *list, const char *wanted)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";

        if (strcmp(text, "*") == 0 || strcmp(text, wanted) == 0)
            return true;
    }
    return false;
}

/* "pods", "pods/status", "pods" with any subresource, "*", any kind with a subresource */
static bool resources_match(const json_t *list, const struct kube_admission_request *request)
{
    const char *sub = request->subresource;
    char full[256], any_sub[256], any_kind[256];
    size_t i;
    json_t *item;

    (void)snprintf(full, sizeof(full), "%s%s%s", request->plural, sub[0] ? "/" : "", sub);
    (void)snprintf(any_sub, sizeof(any_sub), "%s/*", request->plural);
    (void)snprintf(any_kind, sizeof(any_kind), "*/%s", sub);
    json_array_foreach(list, i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";

        if (strcmp(text, full) == 0 || strcmp(text, "*/*") == 0 || strcmp(text, any_sub) == 0 ||
            (sub[0] == '\0' && strcmp(text, "*") == 0) || (sub[0] && strcmp(text, any_kind) == 0))
            return true;
    }
    return false;
}

static bool rule_match(const json_t *rule, const struct kube_admission_request *request)
{
    const char *scope = json_path_string_or(rule, "scope", "*");

    if (strcmp(scope, "*") != 0 && (strcmp(scope, "Namespaced") == 0) != request->is_namespaced)
        return false;
    return list_has(json_object_get(rule, "operations"), request->operation) &&
           list_has(json_object_get(rule, "apiGroups"), request->group) &&
           list_has(json_object_get(rule, "apiVersions"), request->version) &&
           resources_match(json_object_get(rule, "resources"), request);
}

bool kube_admission_rules_match(const json_t *webhook, const struct kube_admission_request *request)
{
    size_t i;
    json_t *rule;

    json_array_foreach(json_object_get(webhook, "rules"), i, rule)
    {
        if (rule_match(rule, request))
            return true;
    }
    return false;
}

static bool labels_match(const json_t *selector, const json_t *object)
{
    return object != NULL &&
           kube_selector_match_object(selector, json_path_get(object, "metadata.labels"));
}

bool kube_admission_object_match(const json_t *webhook, const json_t *object, const json_t *old)
{
    const json_t *selector = json_object_get(webhook, "objectSelector");

    return labels_match(selector, object) || labels_match(selector, old);
}
