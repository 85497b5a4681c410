/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a JSON tree beside its schema: finds what is wrong, and puts in defaults.
 *
 *   api_find   the walk; tells findings, without words
 *   api_check  (words.c) our words for them: webhook and CLI
 *   api_check_decode, api_check_causes  (words_kube.c) Kubernetes' words: the API server
 *
 * Place   words.c, words_kube.c; api_default: the API server
 * Owns    the path of the field being checked, on the stack of one call
 * Limits  API_PROBLEMS_MAX findings, DEPTH_MAX levels
 */
#include "api/check.h"

#include "api/check_int.h"
#include "api/decode.h"
#include "api/formats.h"
#include "wire/base64.h"
#include "wire/json.h"

enum { DEPTH_MAX = 64 };

struct check {
    api_on_finding *on_finding;
    void *ctx;
    size_t count;
    struct api_path path;
    const char *owner; /* type of the object around the value */
};

static void check_value(struct check *check, const struct api_schema *schema, const json_t *json,
                        unsigned depth);

static void found_text(struct check *check, enum api_finding_kind kind,
                       const struct api_schema *schema, const json_t *value, const char *text)
{
    struct api_finding finding = {
        .kind = kind,
        .path = check->path.text,
        .owner = check->owner,
        .schema = schema,
        .value = value,
        .text = text,
    };

    if (check->count >= API_PROBLEMS_MAX)
        return;
    check->count++;
    check->on_finding(&finding, check->ctx);
}

static void found(struct check *check, enum api_finding_kind kind, const struct api_schema *schema,
                  const json_t *value)
{
    found_text(check, kind, schema, value, NULL);
}

static void check_bounds(struct check *check, const struct api_schema *schema, int64_t number,
                         const json_t *json)
{
    if ((schema->has_min && number < schema->min) || (schema->has_max && number > schema->max))
        found(check, API_FOUND_BOUND, schema, json);
}

static void check_string(struct check *check, const struct api_schema *schema, const json_t *json)
{
    const char *text = json_string_value(json);
    bool known = schema->enums == NULL || (text != NULL && text[0] == '\0');

    if (text == NULL) {
        found(check, API_FOUND_TYPE, schema, json);
        return;
    }
    for (size_t i = 0; !known && schema->enums[i]; i++)
        known = strcmp(schema->enums[i], text) == 0;
    if (!known)
        found(check, API_FOUND_ENUM, schema, json);
    if (text[0] && format_name_wrong(schema->form, text))
        found_text(check, API_FOUND_NAME, schema, json, text);
    check_bounds(check, schema, (int64_t)json_string_length(json), json);
}

/* An integer, or a number without a fraction. */
static bool whole_number(const json_t *json, int64_t *ret)
{
    double real = json_real_value(json);

    if (!json_is_real(json)) {
        *ret = json_integer_value(json);
        return json_is_integer(json);
    }
    if (real < -9e18 || real > 9e18 || real != (double)(int64_t)real)
        return false;
    *ret = (int64_t)real;
    return true;
}

static void check_integer(struct check *check, const struct api_schema *schema, const json_t *json)
{
    int64_t value = 0;
    bool is_whole = whole_number(json, &value);
    bool fits = schema->type == API_INT64 ||
                (schema->type == API_INT32 && value >= INT32_MIN && value <= INT32_MAX) ||
                (schema->type == API_UINT32 && value >= 0 && value <= UINT32_MAX);

    if (!is_whole)
        found(check, API_FOUND_TYPE, schema, json);
    else if (!fits)
        found(check, API_FOUND_RANGE, schema, json);
    else
        check_bounds(check, schema, value, json);
}

static void check_text_form(struct check *check, const struct api_schema *schema,
                            const json_t *json)
{
    struct buf bytes;
    int64_t ns;

    if (!json_is_string(json)) {
        found(check, API_FOUND_TYPE, schema, json);
    } else if (schema->type == API_DURATION) {
        if (api_duration_parse(json_slice(json), &ns) < 0)
            found(check, API_FOUND_FORM, schema, json);
    } else {
        buf_init(&bytes, 0);
        if (base64_decode(json_slice(json), &bytes) < 0)
            found(check, API_FOUND_FORM, schema, json);
        buf_deinit(&bytes);
    }
}

static void check_scalar(struct check *check, const struct api_schema *schema, const json_t *json)
{
    switch (schema->type) {
    case API_BOOL:
        if (!json_is_boolean(json))
            found(check, API_FOUND_TYPE, schema, json);
        break;
    case API_INT32:
    case API_INT64:
    case API_UINT32:
        check_integer(check, schema, json);
        break;
    case API_NUMBER:
        if (!json_is_number(json))
            found(check, API_FOUND_TYPE, schema, json);
        else
            check_bounds(check, schema, (int64_t)json_number_value(json), json);
        break;
    case API_DURATION:
    case API_BYTES:
        check_text_form(check, schema, json);
        break;
    case API_QUANTITY:
    case API_INT_OR_STRING:
        if (!json_is_string(json) && !json_is_number(json))
            found(check, API_FOUND_TYPE, schema, json);
        break;
    case API_ANY:
        break;
    default:
        check_string(check, schema, json);
        break;
    }
}

static void check_empty(struct check *check, const struct api_field *field, const json_t *value)
{
    size_t len = check->path.len;
    bool is_empty = (json_is_string(value) && json_string_length(value) == 0) ||
                    (json_is_array(value) && json_array_size(value) == 0);

    if (!is_empty)
        return;
    api_path_push(&check->path, "%s%s", len ? "." : "", field->name);
    found(check, API_FOUND_EMPTY, field->schema, value);
    api_path_cut(&check->path, len);
}

static void check_object(struct check *check, const struct api_schema *schema, const json_t *json,
                         unsigned depth)
{
    size_t len = check->path.len;
    const char *owner = check->owner;
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        found(check, API_FOUND_TYPE, schema, json);
        return;
    }
    check->owner = schema->name;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const struct api_field *field = api_field_find(schema, slice_str(key));

        api_path_push(&check->path, "%s%s", len ? "." : "", key);
        if (!field)
            found(check, API_FOUND_UNKNOWN, schema, value);
        else if (!json_is_null(value))
            check_value(check, field->schema, value, depth + 1);
        api_path_cut(&check->path, len);
    }
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        const json_t *present = json_object_get(json, field->name);

        if (!field->required)
            continue;
        if (present && !json_is_null(present)) {
            check_empty(check, field, present);
            continue;
        }
        api_path_push(&check->path, "%s%s", len ? "." : "", field->name);
        found(check, API_FOUND_MISSING, field->schema, present);
        api_path_cut(&check->path, len);
    }
    check->owner = owner;
}

static void check_twice(struct check *check, const struct api_schema *schema, const json_t *list)
{
    json_t *seen = json_object();
    size_t len = check->path.len;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_get_string(json_array_get(list, i), schema->unique);

        if (text == NULL || text[0] == '\0')
            continue;
        if (json_object_get(seen, text)) {
            api_path_push(&check->path, "[%zu].%s", i, schema->unique);
            found_text(check, API_FOUND_TWICE, schema, list, text);
            api_path_cut(&check->path, len);
        }
        json_object_set_new(seen, text, json_true());
    }
    json_decref(seen);
}

static void check_list(struct check *check, const struct api_schema *schema, const json_t *json,
                       unsigned depth)
{
    size_t len = check->path.len;

    if (!json_is_array(json)) {
        found(check, API_FOUND_TYPE, schema, json);
        return;
    }
    check_bounds(check, schema, (int64_t)json_array_size(json), json);
    if (schema->unique)
        check_twice(check, schema, json);
    for (size_t i = 0; i < json_array_size(json); i++) {
        api_path_push(&check->path, "[%zu]", i);
        check_value(check, schema->item, json_array_get(json, i), depth + 1);
        api_path_cut(&check->path, len);
    }
}

static void check_map(struct check *check, const struct api_schema *schema, const json_t *json,
                      unsigned depth)
{
    size_t len = check->path.len;
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        found(check, API_FOUND_TYPE, schema, json);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        api_path_push(&check->path, "[%s]", key);
        if (format_name_wrong(schema->form, key))
            found_text(check, API_FOUND_NAME, schema, NULL, key);
        check_value(check, schema->item, value, depth + 1);
        api_path_cut(&check->path, len);
    }
}

static void check_value(struct check *check, const struct api_schema *schema, const json_t *json,
                        unsigned depth)
{
    if (check->count >= API_PROBLEMS_MAX)
        return;
    if (depth > DEPTH_MAX) {
        found(check, API_FOUND_DEPTH, schema, json);
        return;
    }
    switch (schema->type) {
    case API_OBJECT:
        check_object(check, schema, json, depth);
        break;
    case API_LIST:
        check_list(check, schema, json, depth);
        break;
    case API_MAP:
        check_map(check, schema, json, depth);
        break;
    default:
        check_scalar(check, schema, json);
        break;
    }
}

size_t api_find(const struct api_schema *schema, const json_t *json, api_on_finding *on_finding,
                void *ctx)
{
    struct check check = {.on_finding = on_finding, .ctx = ctx, .owner = schema->name};

    check_value(&check, schema, json, 0);
    return check.count;
}

static void default_value(const struct api_schema *schema, json_t *json, unsigned depth);

/* Empty lists and maps are not there in Kubernetes, but for those that always are. */
static bool is_left_out(const struct api_field *field, const json_t *value)
{
    if (field->is_present)
        return false;
    return field->schema->type == API_LIST
               ? json_is_array(value) && json_array_size(value) == 0
               : field->schema->type == API_MAP && json_is_object(value) &&
                     json_object_size(value) == 0;
}

static void default_object(const struct api_schema *schema, json_t *json, unsigned depth)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        json_t *value = json_object_get(json, field->name);

        if ((!value || json_is_null(value)) && field->default_json) {
            json_t *fresh = json_loads(field->default_json, JSON_DECODE_ANY, NULL);

            ASSERT(fresh);
            json_object_set_new(json, field->name, fresh);
            value = fresh;
        }
        if (!value && field->is_present && field->schema->type == API_OBJECT) {
            value = json_object();
            json_object_set_new(json, field->name, value);
        }
        if (value && is_left_out(field, value))
            json_object_del(json, field->name);
        else if (value)
            default_value(field->schema, value, depth + 1);
    }
}

static void default_value(const struct api_schema *schema, json_t *json, unsigned depth)
{
    const char *key;
    json_t *value;

    if (depth > DEPTH_MAX)
        return;
    if (schema->type == API_OBJECT && json_is_object(json))
        default_object(schema, json, depth);
    if (schema->type == API_LIST && json_is_array(json))
        for (size_t i = 0; i < json_array_size(json); i++)
            default_value(schema->item, json_array_get(json, i), depth + 1);
    if (schema->type == API_MAP && json_is_object(json))
        json_object_foreach(json, key, value) default_value(schema->item, value, depth + 1);
}

void api_default(const struct api_schema *schema, json_t *json)
{
    default_value(schema, json, 0);
}
