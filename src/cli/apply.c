/* SPDX-License-Identifier: Apache-2.0 */
/* Compares with what is there, and writes only a difference.
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

static int patch_live(struct kube_client *client, const struct kube_request *where,
                      const json_t *wanted, struct error *err)
{
    struct kube_request request = *where;

    request.verb = KUBE_PATCH_STRATEGIC;
    request.query = "fieldManager=weft";
    request.body = wanted;
    return kube_call_wait(client, &request, NULL, err);
}

/* ERR_EXISTS: somebody was faster. */
static int create(struct kube_client *client, const struct kube_request *where,
                  const json_t *object, struct error *err)
{
    struct kube_request request = *where;

    request.verb = KUBE_CREATE;
    request.name = NULL;
    request.body = object;
    request.query = "fieldManager=weft";
    return kube_call_wait(client, &request, NULL, err);
}

int apply_object(struct kube_client *client, const json_t *object, bool dry_run,
                 enum apply_outcome *ret_outcome, struct error *err)
{
    struct kube_resource resource;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = &resource,
                                   .ns = kube_namespace(object),
                                   .name = kube_name(object)};
    SCOPED(json_drop) json_t *live = NULL;
    SCOPED(json_drop) json_t *wanted = NULL;
    int rc = resource_of(object, &resource, err);

    if (rc < 0)
        return rc;
    rc = kube_call_wait(client, &request, &live, err);
    if (rc == ERR_NOT_FOUND) {
        *ret_outcome = APPLY_CREATED;
        rc = dry_run ? 0 : create(client, &request, object, err);
        return rc == ERR_EXISTS ? apply_object(client, object, dry_run, ret_outcome, err) : rc;
    }
    if (rc < 0)
        return rc;
    wanted = without_dynamic(object);
    *ret_outcome = apply_is_subset(wanted, live) ? APPLY_UNCHANGED : APPLY_UPDATED;
    if (*ret_outcome == APPLY_UNCHANGED || dry_run)
        return 0;
    return patch_live(client, &request, wanted, err);
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
