/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and their schemas: api/'s tables for built-in kinds, the definition's structural schema
 * for custom ones.
 *
 *   decode   on what the client sends: wrong types of built-in kinds (400), unknown and repeated
 *            fields by fieldValidation; what nobody knows is taken out
 *   default  absent fields
 *   check    after admission: the causes of a 422
 *
 * Place   apiserver_write.c, in this order
 * Owns    call->unknown: texts of unknown and repeated fields, for a refusal or for warnings
 */
#include "api/check.h"
#include "api/structural.h"
#include "base/mem.h"
#include "sandbox/apiserver_int.h"

#include <stdio.h>

static const json_t *custom_schema(const struct kind *kind)
{
    return json_path_get(kind->crd_version, "schema.openAPIV3Schema");
}

/* --- decoding --- */

static void unknown_add(struct apiserver_call *call, const char *what, const char *path)
{
    char text[512];

    snprintf(text, sizeof text, "%s field \"%s\"", what, path);
    if (call->unknown == NULL)
        call->unknown = json_array();
    if (json_array_size(call->unknown) < API_PROBLEMS_MAX)
        json_array_append_new(call->unknown, json_string_slice(slice_str(text)));
}

static void on_duplicate(const char *path, void *ctx)
{
    unknown_add(ctx, "duplicate", path);
}

static void on_unknown(const char *path, void *ctx)
{
    unknown_add(ctx, "unknown", path);
}

void apiserver_schema_duplicates(struct apiserver_call *call, struct slice text)
{
    if (!slice_eq_str(apiserver_call_query(call, "fieldValidation"), "Ignore"))
        json_dup_find(text, on_duplicate, call);
}

/* A body that is no object of its kind. Of a patch, what it made of the object is shown. */
static int fail_decoding(struct apiserver_call *call, const char *why)
{
    if (call->verb == APISERVER_PATCH) {
        char *text = json_format_str(call->body, JSON_FORMAT_COMPACT);

        apiserver_invalid_add(call, "FieldValueInvalid", "patch", "Invalid value: \"%.600s\": %s",
                              text, why);
        mem_free(text);
        return apiserver_invalid_finish_as(call, "", "");
    }
    return apiserver_fail(call, 400, "BadRequest",
                          "%s in version \"%s\" cannot be handled as a %s: %s", call->kind->kind,
                          call->kind->version, call->kind->kind, why);
}

static void decode_on_error(const struct api_decode_error *error, void *ctx)
{
    struct apiserver_call *call = ctx;

    if (error->unknown_field != NULL)
        unknown_add(call, "unknown", error->unknown_field);
    else if (call->status == 0)
        fail_decoding(call, error->type_text);
}

/* The metadata of a custom object is typed, the rest is its definition's business. */
static void decode_custom(struct apiserver_call *call, json_t *object)
{
    json_t *head = json_pack("{s:O}", "metadata", json_object_get(object, "metadata"));

    api_check_decode(api_type_find("PartialObjectMetadata"), "v1", head, decode_on_error, call);
    json_decref(head);
    if (custom_schema(call->kind) != NULL)
        structural_prune(custom_schema(call->kind), object, on_unknown, call);
}

/* Refuses what was unknown, or warns of it. */
static int unknown_judge(struct apiserver_call *call)
{
    struct slice level = apiserver_call_query(call, "fieldValidation");
    struct buf text;
    size_t i;
    json_t *item;

    if (json_array_size(call->unknown) == 0 || slice_eq_str(level, "Ignore"))
        return 0;
    if (!slice_eq_str(level, "Strict")) {
        json_array_foreach(call->unknown, i, item)
            apiserver_call_warn(call, "%s", json_string_value(item));
        return 0;
    }
    buf_init(&text, 0);
    buf_printf(&text, "strict decoding error: ");
    json_array_foreach(call->unknown, i, item)
        buf_printf(&text, "%s%s", i ? ", " : "", json_string_value(item));
    fail_decoding(call, text.data);
    buf_deinit(&text);
    return ERR_INVALID;
}

/* Nulls of typed objects mean absent. */
static void nulls_drop(json_t *value)
{
    const char *key;
    void *next;
    json_t *member;
    size_t i;

    json_object_foreach_safe(value, next, key, member)
    {
        if (json_is_null(member))
            json_object_del(value, key);
        else
            nulls_drop(member);
    }
    json_array_foreach(value, i, member) nulls_drop(member);
}

int apiserver_schema_decode(struct apiserver_call *call, json_t *object)
{
    const struct kind *kind = call->kind;
    json_t *given = json_deep_copy(call->unknown); /* repeated keys: for a second attempt too */
    int rc;

    if (kind->api == NULL) {
        decode_custom(call, object);
    } else {
        nulls_drop(object);
        api_check_decode(kind->api->schema, kind->version, object, decode_on_error, call);
    }
    rc = call->status != 0 ? ERR_INVALID : unknown_judge(call);
    json_decref(call->unknown);
    call->unknown = given;
    return rc;
}

/* --- defaults and validation --- */

void apiserver_schema_default(struct apiserver_call *call)
{
    if (call->kind->api != NULL)
        api_default(call->kind->api->schema, call->object);
    else
        api_default(api_type_find("ObjectMeta"), json_object_get(call->object, "metadata"));
    if (call->kind->api == NULL && custom_schema(call->kind) != NULL)
        structural_default(custom_schema(call->kind), call->object);
}

void apiserver_schema_on_cause(const struct api_cause *cause, void *ctx)
{
    apiserver_invalid_add(ctx, cause->reason, cause->field, "%s", cause->message);
}

void apiserver_schema_check(struct apiserver_call *call)
{
    const struct api_schema *schema = call->kind->api ? call->kind->api->schema : NULL;

    if (schema != NULL && call->old != NULL && call->subresource[0] == '\0')
        api_check_immutable(schema, call->object, call->old->tree, apiserver_schema_on_cause, call);
    if (schema != NULL)
        api_check_causes(schema, call->object, apiserver_schema_on_cause, call);
    else if (custom_schema(call->kind) != NULL)
        structural_check(custom_schema(call->kind), call->object, apiserver_schema_on_cause, call);
}
