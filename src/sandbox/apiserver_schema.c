/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and their schemas (kube/objects/schema.h), and what a client hears of it.
 *
 *   decode   on what the client sends: wrong types of built-in kinds (400), unknown and repeated
 *            fields by fieldValidation
 *   default  absent fields
 *   check    after admission: the causes of a 422
 *
 * Place   apiserver_write.c, in this order
 * Owns    call->unknown: texts of unknown and repeated fields, for a refusal or for warnings
 */
#include "base/mem.h"
#include "kube/objects/schema.h"
#include "sandbox/apiserver_int.h"

/* --- decoding --- */

static void on_duplicate(const char *path, void *ctx)
{
    kube_schema_unknown_add(&((struct apiserver_call *)ctx)->unknown, "duplicate", path);
}

void apiserver_schema_duplicates(struct apiserver_call *call, struct slice text)
{
    if (!slice_eq_str(apiserver_call_query(call, "fieldValidation"), "Ignore"))
        json_dup_find(text, on_duplicate, call);
}

/* A body that is no object of its kind. Of a patch, what it made of the object is shown. */
static int fail_decoding(struct apiserver_call *call, const char *why)
{
    if (call->verb == KUBE_VERB_PATCH) {
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
        kube_schema_unknown_add(&call->unknown, "unknown", error->unknown_field);
    else if (call->status == 0)
        fail_decoding(call, error->type_text);
}

/* Refuses what was unknown, or warns of it. */
static int unknown_judge(struct apiserver_call *call)
{
    struct slice level = apiserver_call_query(call, "fieldValidation");
    char *text;
    size_t i;
    json_t *item;

    if (json_array_size(call->unknown) == 0 || slice_eq_str(level, "Ignore"))
        return 0;
    if (!slice_eq_str(level, "Strict")) {
        json_array_foreach(call->unknown, i, item)
            apiserver_call_warn(call, "%s", json_string_value(item));
        return 0;
    }
    text = kube_schema_unknown_text(call->unknown);
    fail_decoding(call, text);
    mem_free(text);
    return ERR_INVALID;
}

int apiserver_schema_decode(struct apiserver_call *call, json_t *object)
{
    json_t *given = json_deep_copy(call->unknown); /* repeated keys: for a second attempt too */
    int rc;

    kube_schema_decode(kinds_type(call->kind), call->kind->version, object, decode_on_error, call);
    rc = call->status != 0 ? ERR_INVALID : unknown_judge(call);
    json_decref(call->unknown);
    call->unknown = given;
    return rc;
}

void apiserver_schema_default(struct apiserver_call *call)
{
    kube_schema_default(kinds_type(call->kind), call->object);
}

void apiserver_schema_on_cause(const struct api_cause *cause, void *ctx)
{
    apiserver_invalid_add(ctx, cause->reason, cause->field, "%s", cause->message);
}

void apiserver_schema_check(struct apiserver_call *call)
{
    const json_t *old = call->old != NULL && call->subresource[0] == '\0' ? call->old->tree : NULL;

    kube_schema_check(kinds_type(call->kind), call->object, old, apiserver_schema_on_cause, call);
}
