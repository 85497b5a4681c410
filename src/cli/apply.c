/* SPDX-License-Identifier: Apache-2.0 */
/* Server-side apply: fields that we set before and do not set now go away, those of others stay.
 */
#include "cli/apply.h"

#include "api/schema.h"
#include "wire/json.h"

#include <stdio.h>

static bool is_empty(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_REAL:
        return false;
    case JSON_TRUE:
        return false;
    case JSON_FALSE:
    case JSON_NULL:
        return true;
    }
    return false;
}

static bool object_is_subset(const json_t *wanted, const json_t *live)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        const json_t *other = json_object_get(live, key);

        if (other ? !apply_is_subset(value, other) : !is_empty(value))
            return false;
    }
    return true;
}

bool apply_is_subset(const json_t *wanted, const json_t *live)
{
    size_t i;
    json_t *item;

    if (json_is_object(wanted) && json_is_object(live))
        return object_is_subset(wanted, live);
    if (!json_is_array(wanted) || !json_is_array(live))
        return json_equal(wanted, live);
    if (json_array_size(wanted) != json_array_size(live))
        return false;
    json_array_foreach(wanted, i, item)
    {
        if (!apply_is_subset(item, json_array_get(live, i)))
            return false;
    }
    return true;
}

/* Where an object's kind lives; from the client's table, or the kinds of the API. */
static int resource_of(const json_t *object, struct kube_resource *ret, struct error *err)
{
    const char *version = json_path_string_or(object, "apiVersion", "");
    const char *kind = json_path_string_or(object, "kind", "");
    const struct kube_resource *resource = kube_resource_find(version, kind);
    const struct api_kind *api_kind;

    if (resource) {
        *ret = *resource;
        return 0;
    }
    api_kind = api_kind_find_object(version, kind);
    if (!api_kind)
        return err_set(err, ERR_UNSUPPORTED, "not supported: kind %.64s of %.64s", kind, version);
    *ret = (struct kube_resource){api_kind->group, api_kind->versions[0].name, api_kind->plural,
                                  api_kind->kind, (api_kind->flags & API_KIND_NAMESPACED) != 0};
    return 0;
}

/* What weftd itself changes in a live validating configuration. */
static json_t *without_dynamic(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    size_t i;
    json_t *webhook;

    if (strcmp(json_path_string_or(object, "kind", ""), "ValidatingWebhookConfiguration") != 0)
        return copy;
    json_array_foreach(json_object_get(copy, "webhooks"), i, webhook)
        json_object_del(webhook, "failurePolicy");
    return copy;
}

/* One call about the object; KUBE_PATCH_APPLY sends it. */
static int call(struct kube_client *client, enum kube_verb verb, const json_t *object, json_t **ret,
                struct error *err)
{
    bool sends = verb == KUBE_PATCH_APPLY;
    struct kube_resource resource;
    struct kube_request request = {.verb = verb,
                                   .resource = &resource,
                                   .ns = kube_namespace(object),
                                   .name = kube_name(object),
                                   .query = sends ? "fieldManager=weft&force=true" : NULL,
                                   .body = sends ? object : NULL};
    int rc = resource_of(object, &resource, err);

    return rc < 0 ? rc : kube_call_wait(client, &request, ret, err);
}

int apply_fetch(struct kube_client *client, const json_t *object, json_t **ret, struct error *err)
{
    return call(client, KUBE_GET, object, ret, err);
}

bool apply_matches(const json_t *object, const json_t *live)
{
    json_t *wanted = without_dynamic(object);
    bool same = apply_is_subset(wanted, live);

    json_decref(wanted);
    return same;
}

bool apply_deployment_is_ready(const json_t *live)
{
    int64_t wanted = json_path_int(live, "spec.replicas", 1);

    return json_path_int(live, "status.observedGeneration", 0) >=
               json_path_int(live, "metadata.generation", 1) &&
           json_path_int(live, "status.updatedReplicas", 0) >= wanted &&
           json_path_int(live, "status.availableReplicas", 0) >= wanted &&
           json_path_int(live, "status.replicas", 0) <= wanted;
}

int apply_object(struct kube_client *client, const json_t *object, bool dry_run,
                 enum apply_outcome *ret_outcome, struct error *err)
{
    SCOPED(json_drop) json_t *live = NULL;
    SCOPED(json_drop) json_t *wanted = NULL;
    SCOPED(json_drop) json_t *result = NULL;
    int rc = apply_fetch(client, object, &live, err);

    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (dry_run) {
        *ret_outcome = !live                         ? APPLY_CREATED
                       : apply_matches(object, live) ? APPLY_UNCHANGED
                                                     : APPLY_UPDATED;
        return 0;
    }
    wanted = live ? without_dynamic(object) : json_deep_copy(object);
    rc = call(client, KUBE_PATCH_APPLY, wanted, &result, err);
    if (rc < 0)
        return rc;
    *ret_outcome = !live ? APPLY_CREATED
                   : strcmp(kube_resource_version(live), kube_resource_version(result)) == 0
                       ? APPLY_UNCHANGED
                       : APPLY_UPDATED;
    return 0;
}

int apply_delete(struct kube_client *client, const json_t *object, bool *ret_found,
                 struct error *err)
{
    struct kube_resource resource;
    json_t *options = json_pack("{s:s}", "propagationPolicy", "Background");
    struct kube_request request = {.verb = KUBE_DELETE,
                                   .resource = &resource,
                                   .ns = kube_namespace(object),
                                   .name = kube_name(object),
                                   .body = options};
    int rc = resource_of(object, &resource, err);

    if (rc >= 0)
        rc = kube_call_wait(client, &request, NULL, err);
    json_decref(options);
    *ret_found = rc >= 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}
