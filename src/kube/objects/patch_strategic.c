/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge patch: objects are merged by field, lists as the schema says.
 * See patch.h.
 *
 *   schema list with merge key     items are matched by that key; {key, $patch: delete} removes
 *   schema list with merge key ""  a set of scalars: union; $deleteFromPrimitiveList/X removes
 *   any other list                 replaced whole
 *   $setElementOrder/X             order of the patched list's items; others keep their place
 *   $retainKeys                    fields of the object that are not named go
 *   $patch: replace | delete       the object is the patch's other fields | is emptied
 */
#include "kube/objects/patch.h"

static const char order_prefix[] = "$setElementOrder/";
static const char delete_prefix[] = "$deleteFromPrimitiveList/";

static int object_merge(json_t *target, const json_t *patch, const struct api_schema *schema,
                        struct error *err);

static const struct api_schema *field_schema(const struct api_schema *schema, const char *name)
{
    const struct api_field *field;

    if (schema == NULL)
        return NULL;
    if (schema->type == API_MAP)
        return schema->item;
    if (schema->type != API_OBJECT)
        return NULL;
    field = api_field_find(schema, slice_str(name));
    return field ? field->schema : NULL;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A list's item with the same value at `key`; for "" the same scalar. -1: none. */
static ptrdiff_t list_find(const json_t *list, const json_t *wanted, const char *key)
{
    const json_t *value = key[0] ? json_object_get(wanted, key) : wanted;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        const json_t *other = key[0] ? json_object_get(item, key) : item;

        if (value != NULL && other != NULL && json_equal(value, other))
            return (ptrdiff_t)i;
    }
    return -1;
}

/* A fresh value without directives and nulls. */
static int value_new(const json_t *patch, const struct api_schema *schema, json_t **ret,
                     struct error *err)
{
    int rc;

    if (json_is_object(patch)) {
        *ret = json_object();
        rc = object_merge(*ret, patch, schema, err);
        if (rc != 0)
            json_decref(*ret);
        return rc;
    }
    *ret = json_deep_copy(patch);
    return 0;
}

static int list_item_merge(json_t *list, const json_t *item, const struct api_schema *schema,
                           struct error *err)
{
    const char *key = schema->merge_key;
    const char *directive = json_get_string(item, "$patch");
    ptrdiff_t at = list_find(list, item, key);
    json_t *value;
    int rc;

    if (key[0] && json_object_get(item, key) == NULL)
        return err_set(err, ERR_INVALID, "map: %s does not contain declared merge key: %s",
                       json_type_name(item), key);
    if (directive != NULL && strcmp(directive, "delete") == 0)
        return at < 0 ? 0 : json_array_remove(list, (size_t)at);
    if (at >= 0 && key[0] == '\0')
        return 0;
    if (at >= 0 && (directive == NULL || strcmp(directive, "replace") != 0))
        return object_merge(json_array_get(list, (size_t)at), item, schema->item, err);
    rc = value_new(item, schema->item, &value, err);
    if (rc != 0)
        return rc;
    return at >= 0 ? json_array_set_new(list, (size_t)at, value)
                   : json_array_append_new(list, value);
}

static bool list_is_replaced(const json_t *patch)
{
    size_t i;
    json_t *item;

    json_array_foreach(patch, i, item)
    {
        const char *directive = json_get_string(item, "$patch");

        if (directive != NULL && strcmp(directive, "replace") == 0 && json_object_size(item) == 1)
            return true;
    }
    return false;
}

static int list_merge(json_t *object, const char *name, const json_t *patch,
                      const struct api_schema *schema, struct error *err)
{
    json_t *list = json_object_get(object, name);
    bool replaced = list_is_replaced(patch);
    size_t i;
    json_t *item;

    if (!json_is_array(list) || replaced || schema == NULL || schema->type != API_LIST ||
        schema->merge_key == NULL) {
        list = json_array();
        json_object_set_new(object, name, list);
    }
    json_array_foreach(patch, i, item)
    {
        json_t *value;
        int rc;

        if (replaced && json_get_string(item, "$patch") && json_object_size(item) == 1)
            continue;
        if (schema != NULL && schema->type == API_LIST && schema->merge_key != NULL) {
            rc = list_item_merge(list, item, schema, err);
        } else {
            rc = value_new(item, schema ? schema->item : NULL, &value, err);
            if (rc == 0)
                json_array_append_new(list, value);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Items named by `order` take each other's places in that order; others stay where they are. */
static void list_order(json_t *list, const json_t *order, const char *key)
{
    json_t *sorted = json_array();
    size_t i;
    size_t next = 0;
    json_t *item;

    json_array_foreach(order, i, item)
    {
        ptrdiff_t at = list_find(list, item, key);

        if (at >= 0)
            json_array_append(sorted, json_array_get(list, (size_t)at));
    }
    for (i = 0; i < json_array_size(list) && next < json_array_size(sorted); i++) {
        if (list_find(order, json_array_get(list, i), key) >= 0)
            json_array_set(list, i, json_array_get(sorted, next++));
    }
    json_decref(sorted);
}

static void primitives_delete(json_t *list, const json_t *removed)
{
    size_t i;
    json_t *item;

    json_array_foreach(removed, i, item)
    {
        ptrdiff_t at = list_find(list, item, "");

        if (at >= 0)
            json_array_remove(list, (size_t)at);
    }
}

static void keys_retain(json_t *object, const json_t *keys)
{
    const char *key;
    void *next;
    json_t *value;

    json_object_foreach_safe(object, next, key, value)
    {
        json_t *name = json_string(key);

        if (list_find(keys, name, "") < 0)
            json_object_del(object, key);
        json_decref(name);
    }
}

static int field_merge(json_t *target, const char *key, const json_t *value,
                       const struct api_schema *schema, struct error *err)
{
    json_t *old = json_object_get(target, key);
    json_t *fresh;
    int rc;

    if (json_is_null(value)) {
        json_object_del(target, key);
        return 0;
    }
    if (json_is_array(value))
        return list_merge(target, key, value, schema, err);
    if (json_is_object(value) && json_is_object(old))
        return object_merge(old, value, schema, err);
    rc = value_new(value, schema, &fresh, err);
    return rc ? rc : json_object_set_new(target, key, fresh);
}

/* Directives that run after the fields were merged. */
static void directives_apply(json_t *target, const json_t *patch, const struct api_schema *schema)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)patch, key, value)
    {
        const char *name = strchr(key, '/') ? strchr(key, '/') + 1 : "";
        const struct api_schema *list = field_schema(schema, name);
        const char *merge_key = list && list->merge_key ? list->merge_key : "";

        if (starts_with(key, order_prefix))
            list_order(json_object_get(target, name), value, merge_key);
        else if (starts_with(key, delete_prefix))
            primitives_delete(json_object_get(target, name), value);
    }
}

static int object_merge(json_t *target, const json_t *patch, const struct api_schema *schema,
                        struct error *err)
{
    const char *directive = json_get_string(patch, "$patch");
    const json_t *retained = json_object_get(patch, "$retainKeys");
    const char *key;
    json_t *value;

    if (directive != NULL && strcmp(directive, "merge") != 0)
        json_object_clear(target);
    if (directive != NULL && strcmp(directive, "delete") == 0)
        return 0;
    if (json_is_array(retained))
        keys_retain(target, retained);
    json_object_foreach((json_t *)patch, key, value)
    {
        int rc;

        if (key[0] == '$')
            continue;
        rc = field_merge(target, key, value, field_schema(schema, key), err);
        if (rc != 0)
            return err_prefix(err, "%s", key);
    }
    directives_apply(target, patch, schema);
    return 0;
}

int kube_patch_strategic(json_t *target, const json_t *patch, const struct api_schema *schema,
                         struct error *err)
{
    if (!json_is_object(patch))
        return err_set(err, ERR_INVALID, "a strategic merge patch must be an object");
    return object_merge(target, patch, schema, err) == 0 ? 0 : ERR_INVALID;
}
