/* SPDX-License-Identifier: Apache-2.0 */
/* Our words for what check.c finds.
 *
 * Place   api_validate: the validating webhook, `weft validate`, analyze
 * Owns    nothing
 */
#include <stdio.h>

#include "api/check_int.h"
#include "api/formats.h"
#include "wire/json.h"

struct words {
    api_on_problem *on_problem;
    void *ctx;
};

static const char *type_word(enum api_type type)
{
    switch (type) {
    case API_OBJECT:
    case API_MAP:
        return "an object";
    case API_LIST:
        return "an array";
    case API_BOOL:
        return "a boolean";
    case API_INT32:
    case API_INT64:
    case API_UINT32:
        return "an integer";
    case API_NUMBER:
        return "a number";
    case API_DURATION:
        return "a duration such as \"1.5s\"";
    case API_BYTES:
        return "base64 text";
    case API_QUANTITY:
    case API_INT_OR_STRING:
        return "a number or a string";
    default:
        return "a string";
    }
}

static void say_enum(const struct api_finding *finding, struct error *err)
{
    char allowed[ERR_REASON_SIZE / 2] = "";
    size_t len = 0;
    const char *const *item = finding->schema->enums;

    for (; *item && len < sizeof(allowed); item++)
        len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s\"%s\"", len ? ", " : "",
                                *item);
    err_set_path(err, ERR_INVALID, finding->path, "unsupported value \"%.100s\": must be one of %s",
                 json_string_value(finding->value), allowed);
}

static void say_bound(const struct api_finding *finding, struct error *err)
{
    const struct api_schema *schema = finding->schema;
    const char *what = "";
    int64_t number = (int64_t)json_number_value(finding->value);
    bool is_low;

    if (json_is_string(finding->value)) {
        what = "length ";
        number = (int64_t)json_string_length(finding->value);
    } else if (json_is_array(finding->value)) {
        what = "number of items ";
        number = (int64_t)json_array_size(finding->value);
    }
    is_low = schema->has_min && number < schema->min;
    err_set_path(err, ERR_INVALID, finding->path, "%smust be at %s %lld", what,
                 is_low ? "least" : "most", (long long)(is_low ? schema->min : schema->max));
}

static void words_on_finding(const struct api_finding *finding, void *ctx)
{
    struct words *words = ctx;
    struct error err = {0};
    const char *path = finding->path;

    switch (finding->kind) {
    case API_FOUND_TYPE:
        err_set_path(&err, ERR_INVALID, path, "must be %s, not %s",
                     type_word(finding->schema->type), json_type_name(finding->value));
        break;
    case API_FOUND_FORM:
        if (finding->schema->type == API_DURATION)
            err_set_path(&err, ERR_INVALID, path, "\"%.100s\" is not a duration such as \"1.5s\"",
                         json_string_value(finding->value));
        else
            err_set_path(&err, ERR_INVALID, path, "must be base64 text");
        break;
    case API_FOUND_RANGE:
        err_set_path(&err, ERR_INVALID, path, "%.0f is out of range",
                     json_number_value(finding->value));
        break;
    case API_FOUND_BOUND:
        say_bound(finding, &err);
        break;
    case API_FOUND_ENUM:
        say_enum(finding, &err);
        break;
    case API_FOUND_MISSING:
        err_set_path(&err, ERR_NOT_FOUND, path, "required value");
        break;
    case API_FOUND_NAME:
        err_set_path(&err, ERR_INVALID, path, "\"%.100s\": %s", finding->text,
                     format_name_wrong(finding->schema->form, finding->text));
        break;
    case API_FOUND_TWICE:
        err_set_path(&err, ERR_INVALID, path, "\"%.100s\" is there twice", finding->text);
        break;
    case API_FOUND_EMPTY:
        return;
    case API_FOUND_UNKNOWN:
        err_set_path(&err, ERR_EXISTS, path, "unknown field \"%s\"", path);
        break;
    case API_FOUND_DEPTH:
        err_set_path(&err, ERR_INVALID, path, "nested too deep");
        break;
    }
    if (words->on_problem)
        words->on_problem(&err, words->ctx);
}

size_t api_check(const struct api_schema *schema, const json_t *json, api_on_problem *on_problem,
                 void *ctx)
{
    struct words words = {on_problem, ctx};

    return api_find(schema, json, words_on_finding, &words);
}
