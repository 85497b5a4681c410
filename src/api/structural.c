/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schemas: pruning and defaults, and whether a schema is structural. See structural.h;
 * what is wrong with an object is structural_check.c's.
 */
#include "api/structural.h"

#include <stdio.h>

#include "api/check_int.h"
#include "api/structural_int.h"
#include "base/buf.h"
#include "wire/json.h"

bool structural_is_true(const json_t *schema, const char *name)
{
    return json_get_bool(schema, name, false);
}

const json_t *structural_member(const json_t *schema, const char *key)
{
    const json_t *property = json_object_get(json_object_get(schema, "properties"), key);
    const json_t *others = json_object_get(schema, "additionalProperties");

    if (property == NULL && json_is_object(others))
        return others;
    return property;
}

bool structural_is_envelope(const char *key)
{
    return strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0 ||
           strcmp(key, "metadata") == 0;
}

/* --- pruning --- */

struct pruning {
    struct api_path path;
    void (*on_unknown)(const char *path, void *ctx);
    void *ctx;
};

static void prune(struct pruning *pruning, const json_t *schema, json_t *value, bool whole,
                  unsigned depth);

static void prune_member(struct pruning *pruning, const json_t *schema, json_t *object,
                         const char *key, unsigned depth)
{
    const json_t *member = structural_member(schema, key);
    size_t len = pruning->path.len;

    api_path_push(&pruning->path, "%s%s", len ? "." : "", key);
    if (member != NULL) {
        prune(pruning, member, json_object_get(object, key), false, depth + 1);
    } else if (!structural_is_true(schema, "x-kubernetes-preserve-unknown-fields") &&
               !json_is_true(json_object_get(schema, "additionalProperties"))) {
        if (pruning->on_unknown)
            pruning->on_unknown(pruning->path.text, pruning->ctx);
        json_object_del(object, key);
    }
    api_path_cut(&pruning->path, len);
}

/* `whole`: an object of its own, with apiVersion, kind and metadata. */
static void prune(struct pruning *pruning, const json_t *schema, json_t *value, bool whole,
                  unsigned depth)
{
    size_t len = pruning->path.len;
    const char *key;
    void *next;
    json_t *item;
    size_t i;

    if (depth > STRUCTURAL_DEPTH_MAX)
        return;
    whole = whole || structural_is_true(schema, "x-kubernetes-embedded-resource");
    json_object_foreach_safe(value, next, key, item)
    {
        if (!whole || !structural_is_envelope(key))
            prune_member(pruning, schema, value, key, depth);
    }
    if (!json_is_object(json_object_get(schema, "items")))
        return;
    json_array_foreach(value, i, item)
    {
        api_path_push(&pruning->path, "[%zu]", i);
        prune(pruning, json_object_get(schema, "items"), item, false, depth + 1);
        api_path_cut(&pruning->path, len);
    }
}

void structural_prune(const json_t *schema, json_t *object,
                      void (*on_unknown)(const char *path, void *ctx), void *ctx)
{
    struct pruning pruning = {.on_unknown = on_unknown, .ctx = ctx};

    prune(&pruning, schema, object, true, 0);
}

/* --- defaults --- */

static void default_value(const json_t *schema, json_t *value, unsigned depth);

static void default_object(const json_t *schema, json_t *object, unsigned depth)
{
    const char *key;
    void *next;
    json_t *value;

    json_object_foreach_safe(object, next, key, value)
    {
        const json_t *member = structural_member(schema, key);

        if (json_is_null(value) && member != NULL && !structural_is_true(member, "nullable"))
            json_object_del(object, key);
    }
    json_object_foreach(json_object_get(schema, "properties"), key, value)
    {
        const json_t *preset = json_object_get(value, "default");

        if (preset != NULL && json_object_get(object, key) == NULL)
            json_object_set_new(object, key, json_deep_copy(preset));
    }
    json_object_foreach(object, key, value)
        default_value(structural_member(schema, key), value, depth + 1);
}

static void default_value(const json_t *schema, json_t *value, unsigned depth)
{
    size_t i;
    json_t *item;

    if (schema == NULL || depth > STRUCTURAL_DEPTH_MAX)
        return;
    if (json_is_object(value))
        default_object(schema, value, depth);
    json_array_foreach(value, i, item)
        default_value(json_object_get(schema, "items"), item, depth + 1);
}

void structural_default(const json_t *schema, json_t *object)
{
    default_value(schema, object, 0);
}

/* --- is it structural? --- */

struct shape {
    struct api_path path;
    api_on_cause *on_cause;
    void *ctx;
    size_t count;
};

static void shape_check(struct shape *shape, const json_t *schema, unsigned depth);

static void shape_tell(struct shape *shape, const char *member, const char *reason,
                       const char *message)
{
    size_t len = shape->path.len;
    struct api_cause cause = {reason, shape->path.text, message};

    if (shape->count++ >= API_PROBLEMS_MAX)
        return;
    api_path_push(&shape->path, ".%s", member);
    shape->on_cause(&cause, shape->ctx);
    api_path_cut(&shape->path, len);
}

static void shape_check_at(struct shape *shape, const json_t *schema, const char *step,
                           const char *key, unsigned depth)
{
    size_t len = shape->path.len;

    if (key)
        api_path_push(&shape->path, ".%s[%s]", step, key);
    else
        api_path_push(&shape->path, ".%s", step);
    shape_check(shape, schema, depth + 1);
    api_path_cut(&shape->path, len);
}

static void shape_check_type(struct shape *shape, const json_t *schema, unsigned depth)
{
    static const char *const types[] = {"array",  "boolean", "integer",
                                        "number", "object",  "string"};
    const char *type = json_get_string(schema, "type");
    bool known = false;
    char text[160];

    if (type == NULL || type[0] == '\0') {
        if (!structural_is_true(schema, "x-kubernetes-int-or-string") &&
            !structural_is_true(schema, "x-kubernetes-preserve-unknown-fields"))
            shape_tell(shape, "type", "FieldValueRequired",
                       depth ? "Required value: must not be empty for specified object fields"
                             : "Required value: must not be empty at the root");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || strcmp(types[i], type) == 0;
    if (known)
        return;
    (void)snprintf(text, sizeof(text),
                   "Unsupported value: \"%.40s\": supported values: \"array\", \"boolean\", "
                   "\"integer\", \"number\", \"object\", \"string\"",
                   type);
    shape_tell(shape, "type", "FieldValueNotSupported", text);
}

static void shape_check(struct shape *shape, const json_t *schema, unsigned depth)
{
    const json_t *items = json_object_get(schema, "items");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *type = json_path_string_or(schema, "type", "");
    const char *key;
    json_t *value;

    if (depth > STRUCTURAL_DEPTH_MAX) {
        shape_tell(shape, "properties", "FieldValueInvalid", "Invalid value: nested too deep");
        return;
    }
    shape_check_type(shape, schema, depth);
    if (json_object_get(schema, "$ref") != NULL)
        shape_tell(shape, "$ref", "FieldValueForbidden", "Forbidden: $ref is not supported");
    if (strcmp(type, "array") == 0 && !json_is_object(items))
        shape_tell(shape, "items", "FieldValueRequired", "Required value: must be specified");
    if (json_object_size(json_object_get(schema, "properties")) > 0 && json_is_object(others))
        shape_tell(shape, "additionalProperties", "FieldValueForbidden",
                   "Forbidden: additionalProperties and properties are mutual exclusive");
    json_object_foreach(json_object_get(schema, "properties"), key, value)
    {
        if (depth > 0 || !structural_is_envelope(key))
            shape_check_at(shape, value, "properties", key, depth);
    }
    if (json_is_object(items))
        shape_check_at(shape, items, "items", NULL, depth);
    if (json_is_object(others))
        shape_check_at(shape, others, "additionalProperties", NULL, depth);
}

size_t structural_check_schema(const json_t *schema, const char *path, api_on_cause *on_cause,
                               void *ctx)
{
    struct shape shape = {.on_cause = on_cause, .ctx = ctx};

    api_path_push(&shape.path, "%s", path);
    shape_check(&shape, schema, 0);
    return shape.count;
}
