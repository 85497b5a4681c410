/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a JSON tree beside its schema: tells what is wrong, and puts in defaults.
 *
 * Place   the API server (create, update, fieldValidation), api_validate
 * Owns    the path of the field being checked, on the stack of one call
 * Limits  API_PROBLEMS_MAX problems, DEPTH_MAX levels
 */
#include "api/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/decode.h"
#include "wire/base64.h"
#include "wire/json.h"

enum { DEPTH_MAX = 64, PATH_SIZE = ERR_PATH_SIZE };

struct check {
    api_on_problem *on_problem;
    void *ctx;
    size_t count;
    char path[PATH_SIZE];
    size_t path_len;
};

static void check_value(struct check *check, const struct api_schema *schema, const json_t *json,
                        unsigned depth);

static void problem(struct check *check, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void problem(struct check *check, int code, const char *fmt, ...)
{
    struct error err = {0};
    va_list args;
    char reason[ERR_REASON_SIZE];

    if (check->count >= API_PROBLEMS_MAX)
        return;
    check->count++;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    err_set_path(&err, code, check->path, "%s", reason);
    if (check->on_problem)
        check->on_problem(&err, check->ctx);
}

static void path_push(struct check *check, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends to the path; cut when it is too long. Undone by setting path_len back. */
static void path_push(struct check *check, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len =
        vsnprintf(check->path + check->path_len, sizeof(check->path) - check->path_len, fmt, args);
    va_end(args);
    check->path_len = MIN(check->path_len + (size_t)MAX(len, 0), sizeof(check->path) - 1);
}

static void path_pop(struct check *check, size_t len)
{
    check->path_len = len;
    check->path[len] = '\0';
}

static void wrong_type(struct check *check, const char *expected, const json_t *json)
{
    problem(check, ERR_INVALID, "must be %s, not %s", expected, json_type_name(json));
}

static void check_bounds(struct check *check, const struct api_schema *schema, int64_t value,
                         const char *what)
{
    if (schema->has_min && value < schema->min)
        problem(check, ERR_INVALID, "%smust be at least %lld", what, (long long)schema->min);
    if (schema->has_max && value > schema->max)
        problem(check, ERR_INVALID, "%smust be at most %lld", what, (long long)schema->max);
}

static void check_enum(struct check *check, const struct api_schema *schema, const char *text)
{
    char allowed[ERR_REASON_SIZE / 2];
    size_t len = 0;

    if (!schema->enums || !text[0])
        return;
    for (size_t i = 0; schema->enums[i]; i++)
        if (strcmp(schema->enums[i], text) == 0)
            return;
    allowed[0] = '\0';
    for (size_t i = 0; schema->enums[i] && len < sizeof(allowed); i++)
        len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s\"%s\"", i ? ", " : "",
                                schema->enums[i]);
    problem(check, ERR_INVALID, "unsupported value \"%.100s\": must be one of %s", text, allowed);
}

static void check_string(struct check *check, const struct api_schema *schema, const json_t *json)
{
    if (!json_is_string(json)) {
        wrong_type(check, "a string", json);
        return;
    }
    check_enum(check, schema, json_string_value(json));
    check_bounds(check, schema, (int64_t)json_string_length(json), "length ");
}

static void check_integer(struct check *check, const struct api_schema *schema, const json_t *json)
{
    double real = json_is_real(json) ? json_real_value(json) : 0;
    int64_t value = json_is_real(json) ? (int64_t)real : json_integer_value(json);
    bool fits = schema->type == API_INT64 ||
                (schema->type == API_INT32 && value >= INT32_MIN && value <= INT32_MAX) ||
                (schema->type == API_UINT32 && value >= 0 && value <= UINT32_MAX);

    if (!json_is_number(json) || (json_is_real(json) && real != (double)value))
        wrong_type(check, "an integer", json);
    else if (!fits)
        problem(check, ERR_INVALID, "%lld is out of range", (long long)value);
    else
        check_bounds(check, schema, value, "");
}

static void check_duration(struct check *check, const json_t *json)
{
    int64_t ns;

    if (!json_is_string(json))
        wrong_type(check, "a duration such as \"1.5s\"", json);
    else if (api_duration_parse(slice_str(json_string_value(json)), &ns) < 0)
        problem(check, ERR_INVALID, "\"%.100s\" is not a duration such as \"1.5s\"",
                json_string_value(json));
}

static void check_bytes(struct check *check, const json_t *json)
{
    struct buf bytes;

    if (!json_is_string(json)) {
        wrong_type(check, "base64 text", json);
        return;
    }
    buf_init(&bytes, 0);
    if (base64_decode(json_slice(json), &bytes) < 0)
        problem(check, ERR_INVALID, "must be base64 text");
    buf_deinit(&bytes);
}

static void check_scalar(struct check *check, const struct api_schema *schema, const json_t *json)
{
    switch (schema->type) {
    case API_BOOL:
        if (!json_is_boolean(json))
            wrong_type(check, "a boolean", json);
        break;
    case API_INT32:
    case API_INT64:
    case API_UINT32:
        check_integer(check, schema, json);
        break;
    case API_NUMBER:
        if (!json_is_number(json))
            wrong_type(check, "a number", json);
        else
            check_bounds(check, schema, (int64_t)json_number_value(json), "");
        break;
    case API_DURATION:
        check_duration(check, json);
        break;
    case API_BYTES:
        check_bytes(check, json);
        break;
    case API_QUANTITY:
    case API_INT_OR_STRING:
        if (!json_is_string(json) && !json_is_number(json))
            wrong_type(check, "a number or a string", json);
        break;
    case API_ANY:
        break;
    default:
        check_string(check, schema, json);
        break;
    }
}

static void check_object(struct check *check, const struct api_schema *schema, const json_t *json,
                         unsigned depth)
{
    size_t len = check->path_len;
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        wrong_type(check, "an object", json);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const struct api_field *field = api_field_find(schema, slice_str(key));

        path_push(check, "%s%s", len ? "." : "", key);
        if (!field)
            problem(check, ERR_EXISTS, "unknown field \"%s\"", check->path);
        else if (!json_is_null(value))
            check_value(check, field->schema, value, depth + 1);
        path_pop(check, len);
    }
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        const json_t *present = json_object_get(json, field->name);

        if (!field->required || (present && !json_is_null(present)))
            continue;
        path_push(check, "%s%s", len ? "." : "", field->name);
        problem(check, ERR_NOT_FOUND, "required value");
        path_pop(check, len);
    }
}

static void check_list(struct check *check, const struct api_schema *schema, const json_t *json,
                       unsigned depth)
{
    size_t len = check->path_len;

    if (!json_is_array(json)) {
        wrong_type(check, "an array", json);
        return;
    }
    check_bounds(check, schema, (int64_t)json_array_size(json), "number of items ");
    for (size_t i = 0; i < json_array_size(json); i++) {
        path_push(check, "[%zu]", i);
        check_value(check, schema->item, json_array_get(json, i), depth + 1);
        path_pop(check, len);
    }
}

static void check_map(struct check *check, const struct api_schema *schema, const json_t *json,
                      unsigned depth)
{
    size_t len = check->path_len;
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        wrong_type(check, "an object", json);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        path_push(check, "[%s]", key);
        check_value(check, schema->item, value, depth + 1);
        path_pop(check, len);
    }
}

static void check_value(struct check *check, const struct api_schema *schema, const json_t *json,
                        unsigned depth)
{
    if (check->count >= API_PROBLEMS_MAX)
        return;
    if (depth > DEPTH_MAX) {
        problem(check, ERR_INVALID, "nested too deep");
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

size_t api_check(const struct api_schema *schema, const json_t *json, api_on_problem *on_problem,
                 void *ctx)
{
    struct check check = {.on_problem = on_problem, .ctx = ctx};

    check_value(&check, schema, json, 0);
    return check.count;
}

static void default_value(const struct api_schema *schema, json_t *json, unsigned depth);

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
        if (value)
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
