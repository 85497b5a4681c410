/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an object of a structural schema, in the words of the real server.
 *
 *   type first: a value of another type is not looked into
 *   then the value's own keywords, its members, the junctors (allOf, anyOf, oneOf, not)
 *   lists of kind set and map: no item twice; embedded objects: apiVersion and kind
 *
 * The alternatives of a junctor are walked silently; when none of them fits, the causes of the one
 * that came nearest are told too.
 *
 * Place   see structural.h
 * Owns    the path, on the stack of one call
 * Limits  STEPS_MAX nodes of the schema for one object
 */
#include "api/structural.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/check_int.h"
#include "api/formats.h"
#include "api/structural_int.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/regex.h"
#include "wire/json.h"
#include "wire/utf8.h"

enum { STEPS_MAX = 1000000 }; /* junctors within junctors multiply the work */

struct checking {
    api_on_cause *on_cause; /* NULL: silent, causes are only counted */
    void *ctx;
    size_t count;
    unsigned *steps; /* nodes looked at so far, alternatives included */
    struct api_path path;
};

static void check_node(struct checking *checking, const json_t *schema, const json_t *value,
                       unsigned depth);

/* --- telling --- */

static void tell_at(struct checking *checking, const char *field, const char *reason,
                    const char *fmt, ...) PRINTF_LIKE(4, 5);

static void tell_at(struct checking *checking, const char *field, const char *reason,
                    const char *fmt, ...)
{
    char text[ERR_REASON_SIZE];
    struct api_cause cause = {reason, field, text};
    va_list args;

    if (checking->count++ >= API_PROBLEMS_MAX || checking->on_cause == NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    checking->on_cause(&cause, checking->ctx);
}

/* "Invalid value: VALUE: PATH in body should ..." */
static void tell_value(struct checking *checking, const json_t *value, const char *should)
{
    char *text = json_format_str(value, JSON_FORMAT_COMPACT | JSON_FORMAT_SORTED);

    tell_at(checking, checking->path.text, "FieldValueInvalid",
            "Invalid value: %.120s: %s in body should %.200s", text, checking->path.text, should);
    mem_free(text);
}

static void tell_type(struct checking *checking, const char *wanted, const char *shown)
{
    tell_at(checking, checking->path.text, "FieldValueTypeInvalid",
            "Invalid value: %.120s: %s in body must be of type %s: %.120s", shown,
            checking->path.text, wanted, shown);
}

/* --- scalars --- */

static void check_number(struct checking *checking, const json_t *schema, const json_t *value)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *most = json_object_get(schema, "maximum");
    const json_t *step = json_object_get(schema, "multipleOf");
    double number = json_number_value(value);
    bool above = structural_is_true(schema, "exclusiveMinimum");
    bool below = structural_is_true(schema, "exclusiveMaximum");
    char text[96];

    if (json_is_number(least) &&
        (number < json_number_value(least) || (above && number <= json_number_value(least)))) {
        (void)snprintf(text, sizeof(text), "be greater than %s%.15g", above ? "" : "or equal to ",
                       json_number_value(least));
        tell_value(checking, value, text);
    }
    if (json_is_number(most) &&
        (number > json_number_value(most) || (below && number >= json_number_value(most)))) {
        (void)snprintf(text, sizeof(text), "be less than %s%.15g", below ? "" : "or equal to ",
                       json_number_value(most));
        tell_value(checking, value, text);
    }
    if (json_is_number(step) && json_number_value(step) > 0 &&
        fmod(number, json_number_value(step)) != 0) {
        (void)snprintf(text, sizeof(text), "be a multiple of %.15g", json_number_value(step));
        tell_value(checking, value, text);
    }
}

static void check_pattern(struct checking *checking, const json_t *schema, const json_t *value)
{
    const char *pattern = json_get_string(schema, "pattern");
    struct regex *regex = NULL;
    struct error err = {0};
    char text[ERR_REASON_SIZE];

    if (pattern == NULL || regex_new(slice_str(pattern), &regex, &err) != 0)
        return;
    if (!regex_match_part(regex, json_slice(value))) {
        (void)snprintf(text, sizeof(text), "match '%.180s'", pattern);
        tell_value(checking, value, text);
    }
    regex_free(regex);
}

static int64_t text_length(struct slice text)
{
    int64_t count = 0;

    for (; text.len > 0; count++) {
        size_t len = utf8_len(text);

        text = slice_from(text, len ? len : 1);
    }
    return count;
}

static void check_text(struct checking *checking, const json_t *schema, const json_t *value)
{
    int64_t least = json_get_int(schema, "minLength", 0);
    int64_t most = json_get_int(schema, "maxLength", -1);
    const char *format = json_get_string(schema, "format");
    int64_t length = text_length(json_slice(value));
    char text[64];

    if (length < least) {
        (void)snprintf(text, sizeof(text), "be at least %lld chars long", (long long)least);
        tell_value(checking, value, text);
    }
    if (most >= 0 && length > most)
        tell_at(checking, checking->path.text, "FieldValueTooLong",
                "Too long: may not be more than %lld bytes", (long long)most);
    check_pattern(checking, schema, value);
    if (format != NULL && !format_fits(format, json_slice(value))) {
        char *shown = json_format_str(value, JSON_FORMAT_COMPACT);

        tell_type(checking, format, shown);
        mem_free(shown);
    }
}

static void check_enum(struct checking *checking, const json_t *schema, const json_t *value)
{
    const json_t *allowed = json_object_get(schema, "enum");
    struct buf text;
    size_t i;
    json_t *item;

    if (!json_is_array(allowed))
        return;
    json_array_foreach(allowed, i, item)
    {
        if (json_equal(item, value))
            return;
    }
    buf_init(&text, ERR_REASON_SIZE);
    buf_printf(&text, "Unsupported value: ");
    (void)json_format(value, JSON_FORMAT_COMPACT, &text);
    buf_printf(&text, ": supported values: ");
    json_array_foreach(allowed, i, item)
    {
        buf_printf(&text, "%s", i ? ", " : "");
        if (json_is_string(item))
            (void)json_format(item, JSON_FORMAT_COMPACT, &text);
        else
            buf_printf(&text, "\"%lld\"", (long long)json_integer_value(item));
    }
    tell_at(checking, checking->path.text, "FieldValueNotSupported", "%s", text.data);
    buf_deinit(&text);
}

/* --- counts --- */

/* minItems and maxItems, or minProperties and maxProperties. */
static void check_count(struct checking *checking, const json_t *schema, size_t count,
                        const char *what)
{
    char name[32];
    int64_t least, most;

    (void)snprintf(name, sizeof(name), "min%s", what);
    least = json_get_int(schema, name, 0);
    (void)snprintf(name, sizeof(name), "max%s", what);
    most = json_get_int(schema, name, -1);
    if ((int64_t)count < least)
        tell_at(checking, checking->path.text, "FieldValueInvalid",
                "Invalid value: %zu: %s in body should have at least %lld %s", count,
                checking->path.text, (long long)least, what[0] == 'I' ? "items" : "properties");
    if (most >= 0 && (int64_t)count > most)
        tell_at(checking, checking->path.text, "FieldValueTooMany",
                "Too many: %zu: must have at most %lld items", count, (long long)most);
}

/* --- lists --- */

/* What tells an item of a list of kind map from the others: fresh reference. */
static json_t *item_key(const json_t *schema, const json_t *item)
{
    const json_t *names = json_object_get(schema, "x-kubernetes-list-map-keys");
    json_t *key = json_object();
    size_t i;
    json_t *name;

    json_array_foreach(names, i, name)
    {
        const char *text = json_is_string(name) ? json_string_value(name) : "";
        json_t *value = json_object_get(item, text);

        if (value != NULL)
            json_object_set(key, text, value);
    }
    return key;
}

static void check_twice(struct checking *checking, const json_t *schema, const json_t *list)
{
    const char *type = json_path_string_or(schema, "x-kubernetes-list-type", "atomic");
    bool is_map = strcmp(type, "map") == 0;
    json_t *seen = json_object(); /* text of the key -> true */
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        json_t *key = is_map ? item_key(schema, item) : json_incref(item);
        char *text = json_format_str(key, JSON_FORMAT_COMPACT | JSON_FORMAT_SORTED);
        size_t len = checking->path.len;

        if (json_object_get(seen, text) != NULL) {
            api_path_push(&checking->path, "[%zu]", i);
            tell_at(checking, checking->path.text, "FieldValueDuplicate", "Duplicate value: %.200s",
                    text);
            api_path_cut(&checking->path, len);
        }
        json_object_set_new(seen, text, json_true());
        mem_free(text);
        json_decref(key);
    }
    json_decref(seen);
}

static void check_list(struct checking *checking, const json_t *schema, const json_t *list,
                       unsigned depth)
{
    const json_t *items = json_object_get(schema, "items");
    const char *type = json_path_string_or(schema, "x-kubernetes-list-type", "atomic");
    size_t len = checking->path.len;
    size_t i;
    json_t *item;

    check_count(checking, schema, json_array_size(list), "Items");
    json_array_foreach(list, i, item)
    {
        api_path_push(&checking->path, "[%zu]", i);
        check_node(checking, items, item, depth + 1);
        api_path_cut(&checking->path, len);
    }
    if (strcmp(type, "set") == 0 || strcmp(type, "map") == 0)
        check_twice(checking, schema, list);
}

/* --- objects --- */

static void check_required(struct checking *checking, const char *name, const json_t *object)
{
    size_t len = checking->path.len;

    if (json_object_get(object, name) != NULL)
        return;
    api_path_push(&checking->path, "%s%s", len ? "." : "", name);
    tell_at(checking, checking->path.text, "FieldValueRequired", "Required value");
    api_path_cut(&checking->path, len);
}

static void check_object(struct checking *checking, const json_t *schema, const json_t *object,
                         unsigned depth)
{
    size_t len = checking->path.len;
    const char *key;
    size_t i;
    json_t *value;

    check_count(checking, schema, json_object_size(object), "Properties");
    json_array_foreach(json_object_get(schema, "required"), i, value)
        check_required(checking, json_is_string(value) ? json_string_value(value) : "", object);
    if (structural_is_true(schema, "x-kubernetes-embedded-resource")) {
        check_required(checking, "apiVersion", object);
        check_required(checking, "kind", object);
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (depth == 0 && structural_is_envelope(key))
            continue;
        api_path_push(&checking->path, "%s%s", len ? "." : "", key);
        check_node(checking, structural_member(schema, key), value, depth + 1);
        api_path_cut(&checking->path, len);
    }
}

/* --- junctors --- */

/* How many alternatives fit; *ret_nearest is the one with the fewest causes. */
static size_t fitting_count(struct checking *checking, const json_t *alternatives,
                            const json_t *value, unsigned depth, const json_t **ret_nearest)
{
    size_t fitting = 0;
    size_t fewest = SIZE_MAX;
    size_t i;
    json_t *alternative;

    json_array_foreach(alternatives, i, alternative)
    {
        struct checking silent = {.steps = checking->steps, .path = checking->path};

        check_node(&silent, alternative, value, depth);
        fitting += silent.count == 0;
        if (silent.count < fewest) {
            fewest = silent.count;
            *ret_nearest = alternative;
        }
    }
    return fitting;
}

static void tell_junctor(struct checking *checking, const char *must)
{
    tell_at(checking, "<nil>", "FieldValueInvalid", "Invalid value: \"\": \"%s\" must %s",
            checking->path.text, must);
}

static void check_junctors(struct checking *checking, const json_t *schema, const json_t *value,
                           unsigned depth)
{
    const json_t *any = json_object_get(schema, "anyOf");
    const json_t *one = json_object_get(schema, "oneOf");
    const json_t *all = json_object_get(schema, "allOf");
    const json_t *none = json_object_get(schema, "not");
    const json_t *nearest = NULL;
    char text[96];
    size_t count;

    if (json_array_size(any) > 0 && fitting_count(checking, any, value, depth, &nearest) == 0) {
        tell_junctor(checking, "validate at least one schema (anyOf)");
        check_node(checking, nearest, value, depth);
    }
    count = json_array_size(one) > 0 ? fitting_count(checking, one, value, depth, &nearest) : 1;
    if (count > 1) {
        (void)snprintf(text, sizeof(text),
                       "validate one and only one schema (oneOf). Found %zu valid alternatives",
                       count);
        tell_junctor(checking, text);
    } else if (count == 0) {
        tell_junctor(checking, "validate one and only one schema (oneOf). Found none valid");
        check_node(checking, nearest, value, depth);
    }
    for (size_t i = 0; i < json_array_size(all); i++)
        check_node(checking, json_array_get(all, i), value, depth);
    if (json_is_object(none)) {
        struct checking silent = {.steps = checking->steps, .path = checking->path};

        check_node(&silent, none, value, depth);
        if (silent.count == 0)
            tell_junctor(checking, "not validate the schema (not)");
    }
}

/* --- a node --- */

static bool type_fits(const char *type, const json_t *value)
{
    const char *own = json_type_name(value);

    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "integer") == 0 && json_is_real(value))
        return floor(json_real_value(value)) == json_real_value(value);
    return strcmp(type, own) == 0;
}

/* False, and told, when the value is of another type. */
static bool check_type(struct checking *checking, const json_t *schema, const json_t *value)
{
    const char *type = json_path_string_or(schema, "type", "");
    bool either = structural_is_true(schema, "x-kubernetes-int-or-string");
    char shown[32];

    if (json_is_null(value) && structural_is_true(schema, "nullable"))
        return true;
    if (either ? json_is_integer(value) || json_is_string(value)
               : !type[0] || type_fits(type, value))
        return true;
    (void)snprintf(shown, sizeof(shown), "\"%s\"", json_type_name(value));
    tell_type(checking, either ? "integer,string" : type, shown);
    return false;
}

static void check_node(struct checking *checking, const json_t *schema, const json_t *value,
                       unsigned depth)
{
    if (!json_is_object(schema))
        return;
    if (depth > STRUCTURAL_DEPTH_MAX || *checking->steps >= STEPS_MAX) {
        tell_at(checking, checking->path.text, "FieldValueInvalid",
                "Invalid value: nested too deep");
        return;
    }
    ++*checking->steps;
    if (!check_type(checking, schema, value) || json_is_null(value))
        return;
    check_enum(checking, schema, value);
    if (json_is_number(value))
        check_number(checking, schema, value);
    else if (json_is_string(value))
        check_text(checking, schema, value);
    else if (json_is_array(value))
        check_list(checking, schema, value, depth);
    else if (json_is_object(value))
        check_object(checking, schema, value, depth);
    check_junctors(checking, schema, value, depth);
}

size_t structural_check(const json_t *schema, const json_t *object, api_on_cause *on_cause,
                        void *ctx)
{
    unsigned steps = 0;
    struct checking checking = {.on_cause = on_cause, .ctx = ctx, .steps = &steps};

    check_node(&checking, schema, object, 0);
    return checking.count;
}
