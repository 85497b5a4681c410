/* SPDX-License-Identifier: Apache-2.0 */
/* Types for server-side apply. See type.h. */
#include "kube/objects/type.h"

static const struct kube_type unknown;

/* --- shapes --- */

static enum kube_shape api_shape(const struct api_schema *schema)
{
    if (schema->is_atomic)
        return KUBE_SHAPE_ATOMIC;
    if (schema->type == API_OBJECT || schema->type == API_MAP)
        return KUBE_SHAPE_MAP;
    if (schema->type != API_LIST || schema->list_kind == API_LIST_ATOMIC)
        return KUBE_SHAPE_ATOMIC;
    return schema->list_kind == API_LIST_SET ? KUBE_SHAPE_SET : KUBE_SHAPE_ITEMS;
}

static enum kube_shape open_shape(const json_t *schema, const json_t *value)
{
    const char *list = json_path_string_or(schema, "x-kubernetes-list-type", "atomic");

    if (json_is_object(value))
        return strcmp(json_path_string_or(schema, "x-kubernetes-map-type", ""), "atomic") == 0
                   ? KUBE_SHAPE_ATOMIC
                   : KUBE_SHAPE_MAP;
    if (strcmp(list, "set") == 0)
        return KUBE_SHAPE_SET;
    return strcmp(list, "map") == 0 ? KUBE_SHAPE_ITEMS : KUBE_SHAPE_ATOMIC;
}

enum kube_shape kube_type_shape(struct kube_type type, const json_t *value)
{
    enum kube_shape shape = json_is_object(value) ? KUBE_SHAPE_MAP : KUBE_SHAPE_ATOMIC;
    bool fits;

    if (type.api != NULL && type.api->type != API_ANY)
        shape = api_shape(type.api);
    else if (type.open != NULL)
        shape = open_shape(type.open, value);
    fits = shape == KUBE_SHAPE_MAP ? json_is_object(value) : json_is_array(value);
    return fits ? shape : KUBE_SHAPE_ATOMIC;
}

/* --- members and items --- */

static struct kube_member api_member(const struct api_schema *schema, const char *name)
{
    const struct api_field *field;

    if (schema->type == API_MAP)
        return (struct kube_member){.type = {.api = schema->item}};
    if (schema->type != API_OBJECT)
        return (struct kube_member){0};
    field = api_field_find(schema, slice_str(name));
    if (field == NULL)
        return (struct kube_member){0};
    return (struct kube_member){
        .type = {.api = field->schema}, .is_declared = true, .is_present = field->is_present};
}

static struct kube_member open_member(struct kube_type type, const char *name)
{
    const json_t *property = json_object_get(json_object_get(type.open, "properties"), name);
    const json_t *other = json_object_get(type.open, "additionalProperties");

    if (type.is_root && strcmp(name, "metadata") == 0)
        return (struct kube_member){.type = {.api = api_type_find("ObjectMeta")},
                                    .is_declared = true};
    if (json_is_object(property))
        return (struct kube_member){.type = {.open = property}, .is_declared = true};
    return (struct kube_member){.type = {.open = json_is_object(other) ? other : NULL}};
}

struct kube_member kube_type_member(struct kube_type type, const char *name)
{
    if (type.api != NULL)
        return api_member(type.api, name);
    return type.open ? open_member(type, name) : (struct kube_member){0};
}

struct kube_type kube_type_item(struct kube_type list)
{
    const json_t *items;

    if (list.api != NULL)
        return list.api->type == API_LIST ? (struct kube_type){.api = list.api->item} : unknown;
    items = json_object_get(list.open, "items");
    return json_is_object(items) ? (struct kube_type){.open = items} : unknown;
}

const char *kube_type_next_present(struct kube_type type, size_t *cursor)
{
    if (type.api == NULL || type.api->type != API_OBJECT)
        return NULL;
    while (*cursor < type.api->field_count) {
        const struct api_field *field = &type.api->fields[(*cursor)++];

        if (field->is_present)
            return field->name;
    }
    return NULL;
}

/* --- steps --- */

/* Scalars of built-in kinds that are no pointers have a zero. */
static json_t *field_default(const struct api_field *field)
{
    json_t *value = NULL;

    if (field->default_json != NULL) {
        if (json_parse(slice_str(field->default_json), NULL, &value, NULL) != 0)
            return NULL; /* cannot be: the generator parsed it */
        return value;
    }
    if (field->keeps_zero)
        return NULL;
    if (field->schema->type == API_STRING)
        return json_string("");
    return field->schema->type == API_INT32 || field->schema->type == API_INT64 ? json_integer(0)
                                                                                : NULL;
}

/* The default of a key that an item leaves out: a fresh reference, or NULL. */
static json_t *key_default(struct kube_type item, const char *key)
{
    const json_t *properties = json_object_get(item.open, "properties");
    const struct api_field *field = NULL;

    if (item.api != NULL && item.api->type == API_OBJECT)
        field = api_field_find(item.api, slice_str(key));
    if (field != NULL)
        return field_default(field);
    return json_incref(json_object_get(json_object_get(properties, key), "default"));
}

static int key_add(json_t *keys, struct kube_type item_type, const json_t *item, const char *key,
                   struct error *err)
{
    json_t *value = json_incref(json_object_get(item, key));

    if (value == NULL)
        value = key_default(item_type, key);
    if (value == NULL)
        return err_set(err, ERR_INVALID,
                       "associative list with keys has an element that omits key field \"%s\" (and "
                       "doesn't have default value)",
                       key);
    json_object_set_new(keys, key, value);
    return 0;
}

static int keys_add(struct kube_type list, const json_t *item, json_t *keys, struct error *err)
{
    struct kube_type item_type = kube_type_item(list);
    size_t i;
    json_t *key;
    int rc = 0;

    if (list.api != NULL) {
        for (i = 0; rc == 0 && list.api->list_keys[i] != NULL; i++)
            rc = key_add(keys, item_type, item, list.api->list_keys[i], err);
        return rc;
    }
    json_array_foreach(json_object_get(list.open, "x-kubernetes-list-map-keys"), i, key)
    {
        if (rc == 0 && json_is_string(key))
            rc = key_add(keys, item_type, item, json_string_value(key), err);
    }
    return rc;
}

int kube_type_step(struct kube_type list, const json_t *item, struct buf *out, struct error *err)
{
    const json_t *value = item;
    json_t *keys = NULL;
    bool is_set = list.api ? list.api->list_kind == API_LIST_SET
                           : open_shape(list.open, NULL) == KUBE_SHAPE_SET;
    int rc = 0;

    if (!is_set) {
        if (!json_is_object(item))
            return err_set(err, ERR_INVALID, "associative list has an element that is no object");
        value = keys = json_object();
        rc = keys_add(list, item, keys, err);
    }
    if (rc == 0) {
        buf_append_str(out, is_set ? "v:" : "k:");
        json_format(value, JSON_FORMAT_SORTED, out);
    }
    json_decref(keys);
    return rc;
}
