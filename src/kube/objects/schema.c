/* SPDX-License-Identifier: Apache-2.0 */
/* One way in to two kinds of schema. See schema.h. */
#include "kube/objects/schema.h"

#include "api/structural.h"

struct decoding {
    api_on_decode_error *on_error;
    void *ctx;
};

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

static void on_unknown(const char *path, void *ctx)
{
    const struct decoding *decoding = ctx;
    const struct api_decode_error error = {.unknown_field = path};

    decoding->on_error(&error, decoding->ctx);
}

static void decode_custom(const json_t *schema, json_t *object, struct decoding *decoding)
{
    json_t *head = json_pack("{s:O}", "metadata", json_object_get(object, "metadata"));

    api_check_decode(api_type_find("PartialObjectMetadata"), "v1", head, decoding->on_error,
                     decoding->ctx);
    json_decref(head);
    if (schema != NULL)
        structural_prune(schema, object, on_unknown, decoding);
}

void kube_schema_decode(struct kube_type type, const char *version, json_t *object,
                        api_on_decode_error *on_error, void *ctx)
{
    struct decoding decoding = {on_error, ctx};

    if (type.api == NULL) {
        decode_custom(type.open, object, &decoding);
        return;
    }
    nulls_drop(object);
    api_check_decode(type.api, version, object, on_error, ctx);
}

void kube_schema_unknown_add(json_t **texts, const char *what, const char *path)
{
    if (*texts == NULL)
        *texts = json_array();
    if (json_array_size(*texts) < API_PROBLEMS_MAX)
        json_array_append_new(*texts, json_sprintf("%s field \"%.480s\"", what, path));
}

char *kube_schema_unknown_text(const json_t *texts)
{
    struct buf text;
    size_t i;
    json_t *item;

    buf_init(&text, 0);
    buf_append_str(&text, "strict decoding error: ");
    json_array_foreach(texts, i, item)
        buf_printf(&text, "%s%s", i ? ", " : "", json_string_value(item));
    return buf_take(&text);
}

void kube_schema_default(struct kube_type type, json_t *object)
{
    if (type.api != NULL) {
        api_default(type.api, object);
        return;
    }
    api_default(api_type_find("ObjectMeta"), json_object_get(object, "metadata"));
    if (type.open != NULL)
        structural_default(type.open, object);
}

void kube_schema_check(struct kube_type type, const json_t *object, const json_t *old,
                       api_on_cause *on_cause, void *ctx)
{
    if (type.api != NULL && old != NULL)
        api_check_immutable(type.api, object, old, on_cause, ctx);
    if (type.api != NULL)
        api_check_causes(type.api, object, on_cause, ctx);
    else if (type.open != NULL)
        structural_check(type.open, object, on_cause, ctx);
}
