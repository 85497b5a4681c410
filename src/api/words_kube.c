/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' words for what check.c finds: how its decoder refuses a body (400), and how its
 * validation refuses an object (422).
 *
 *   decode   names Go's types, and the path without indexes: the texts that kubectl users know
 *   causes   reason, path with indexes, message
 *
 * Place   the API server, for built-in kinds
 * Owns    nothing
 * Limits  named string types (v1.ServiceType) are told as string
 * Spec    kube-api reference, section 5.3
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/check_int.h"
#include "api/formats.h"
#include "base/buf.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/json.h"

/* --- decoding --- */

struct decoding {
    api_on_decode_error *on_error;
    void *ctx;
    const char *version;
};

/* "[]v1.Container", "map[string]string", "int32". */
static void go_type(struct buf *out, const struct api_schema *schema, const char *version)
{
    static const char *const names[] = {
        [API_BOOL] = "bool",     [API_INT32] = "int32",    [API_INT64] = "int64",
        [API_UINT32] = "uint32", [API_NUMBER] = "float64", [API_BYTES] = "[]uint8",
    };

    for (; schema->type == API_LIST || schema->type == API_MAP; schema = schema->item)
        buf_printf(out, "%s", schema->type == API_LIST ? "[]" : "map[string]");
    if (schema->type == API_OBJECT)
        buf_printf(out, "%s.%s", version, schema->name);
    else if (schema->type < ARRAY_LEN(names) && names[schema->type])
        buf_printf(out, "%s", names[schema->type]);
    else
        buf_printf(out, "string");
}

/* A path without its indexes and keys. */
static void plain_path(struct buf *out, const char *path)
{
    unsigned depth = 0;

    for (; *path; path++) {
        depth += *path == '[';
        if (depth == 0)
            buf_append_char(out, *path);
        depth -= *path == ']' && depth > 0;
    }
}

static const char *go_word(const json_t *value)
{
    if (json_is_boolean(value))
        return "bool";
    return json_is_number(value) ? "number" : json_type_name(value);
}

static void say_type(const struct api_finding *finding, const struct decoding *decoding,
                     struct buf *out)
{
    buf_printf(out, "json: cannot unmarshal %s", go_word(finding->value));
    if (json_is_real(finding->value))
        buf_printf(out, " %g", json_real_value(finding->value));
    buf_printf(out, " into Go struct field %s.", finding->owner);
    plain_path(out, finding->path);
    buf_printf(out, " of type ");
    go_type(out, finding->schema, decoding->version);
}

/* Where base64 text goes wrong: at its first foreign byte, or at its end. */
static size_t base64_error_at(struct slice text)
{
    size_t i = 0;

    while (i < text.len && (isalnum((unsigned char)text.data[i]) || text.data[i] == '+' ||
                            text.data[i] == '/' || text.data[i] == '\n' || text.data[i] == '\r'))
        i++;
    if (i < text.len && text.data[i] == '=')
        return text.len; /* padding is missing, or stands in the middle */
    return i == text.len ? i / 4 * 4 : i;
}

static void decode_on_finding(const struct api_finding *finding, void *ctx)
{
    const struct decoding *decoding = ctx;
    struct api_decode_error error = {0};
    struct buf text;

    buf_init(&text, 0);
    if (finding->kind == API_FOUND_UNKNOWN)
        error.unknown_field = finding->path;
    else if (finding->kind == API_FOUND_TYPE || finding->kind == API_FOUND_RANGE)
        say_type(finding, decoding, &text);
    else if (finding->kind == API_FOUND_FORM && finding->schema->type == API_BYTES)
        buf_printf(&text, "illegal base64 data at input byte %zu",
                   base64_error_at(json_slice(finding->value)));
    else if (finding->kind == API_FOUND_DEPTH)
        buf_printf(&text, "json: exceeded max depth");
    error.type_text = text.len ? text.data : NULL;
    if (error.type_text || error.unknown_field)
        decoding->on_error(&error, decoding->ctx);
    buf_deinit(&text);
}

/* Removes what the schema does not know. The depth was checked before. */
static void unknown_drop(const struct api_schema *schema, json_t *json)
{
    const char *key;
    void *next;
    json_t *value;
    size_t i;

    if (schema->type == API_LIST) {
        json_array_foreach(json, i, value) unknown_drop(schema->item, value);
        return;
    }
    if (schema->type != API_OBJECT && schema->type != API_MAP)
        return;
    json_object_foreach_safe(json, next, key, value)
    {
        const struct api_field *field =
            schema->type == API_OBJECT ? api_field_find(schema, slice_str(key)) : NULL;

        if (schema->type == API_MAP)
            unknown_drop(schema->item, value);
        else if (field)
            unknown_drop(field->schema, value);
        else
            json_object_del(json, key);
    }
}

void api_check_decode(const struct api_schema *schema, const char *version, json_t *json,
                      api_on_decode_error *on_error, void *ctx)
{
    struct decoding decoding = {on_error, ctx, version};

    (void)api_find(schema, json, decode_on_finding, &decoding);
    unknown_drop(schema, json);
}

/* --- validation --- */

void api_cause_tell(const struct api_cause_sink *sink, const char *reason, const char *field,
                    const char *fmt, ...)
{
    char text[API_CAUSE_SIZE];
    struct api_cause cause = {reason, field, text};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sink->on_cause(&cause, sink->ctx);
}

struct validation {
    api_on_cause *on_cause;
    void *ctx;
    size_t count;
};

static void tell(struct validation *validation, const char *reason, const char *field,
                 const char *message)
{
    struct api_cause cause = {reason, field, message};

    validation->count++;
    validation->on_cause(&cause, validation->ctx);
}

static void tell_missing(struct validation *validation, const struct api_schema *schema,
                         const char *path);

/* The required fields of an object that is absent itself: false when there are none. */
static bool tell_missing_inside(struct validation *validation, const struct api_schema *schema,
                                const char *path)
{
    bool told = false;

    for (size_t i = 0; schema->type == API_OBJECT && i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        char inner[ERR_PATH_SIZE];

        if (!field->required)
            continue;
        (void)snprintf(inner, sizeof(inner), "%s.%s", path, field->name);
        tell_missing(validation, field->schema, inner);
        told = true;
    }
    return told;
}

static void tell_missing(struct validation *validation, const struct api_schema *schema,
                         const char *path)
{
    if (!tell_missing_inside(validation, schema, path))
        tell(validation, "FieldValueRequired", path, "Required value");
}

static void tell_enum(struct validation *validation, const struct api_finding *finding)
{
    struct buf text;

    buf_init(&text, 0);
    buf_printf(&text,
               "Unsupported value: \"%s\": supported values: ", json_string_value(finding->value));
    for (const char *const *item = finding->schema->enums; *item; item++)
        buf_printf(&text, "%s\"%s\"", item == finding->schema->enums ? "" : ", ", *item);
    tell(validation, "FieldValueNotSupported", finding->path, text.data);
    buf_deinit(&text);
}

static void tell_bound(struct validation *validation, const struct api_finding *finding)
{
    const struct api_schema *schema = finding->schema;
    struct buf text;
    char *value;

    if (json_is_array(finding->value) || json_is_string(finding->value)) {
        tell(validation, "FieldValueRequired", finding->path, "Required value");
        return;
    }
    buf_init(&text, 0);
    value = json_format_str(finding->value, JSON_FORMAT_COMPACT);
    if (schema->has_min && schema->has_max)
        buf_printf(&text, "Invalid value: %s: must be between %lld and %lld, inclusive", value,
                   (long long)schema->min, (long long)schema->max);
    else
        buf_printf(&text, "Invalid value: %s: must be %s than or equal to %lld", value,
                   schema->has_min ? "greater" : "less",
                   (long long)(schema->has_min ? schema->min : schema->max));
    tell(validation, "FieldValueInvalid", finding->path, text.data);
    mem_free(value);
    buf_deinit(&text);
}

static void tell_text(struct validation *validation, const struct api_finding *finding)
{
    struct buf text;

    buf_init(&text, 0);
    if (finding->kind == API_FOUND_TWICE) {
        buf_printf(&text, "Duplicate value: \"%s\"", finding->text);
        tell(validation, "FieldValueDuplicate", finding->path, text.data);
    } else {
        buf_printf(&text, "Invalid value: \"%s\": %s", finding->text,
                   format_name_wrong(finding->schema->form, finding->text));
        tell(validation, "FieldValueInvalid", finding->path, text.data);
    }
    buf_deinit(&text);
}

static void cause_on_finding(const struct api_finding *finding, void *ctx)
{
    struct validation *validation = ctx;

    switch (finding->kind) {
    case API_FOUND_MISSING:
        tell_missing(validation, finding->schema, finding->path);
        break;
    case API_FOUND_ENUM:
        tell_enum(validation, finding);
        break;
    case API_FOUND_BOUND:
        tell_bound(validation, finding);
        break;
    case API_FOUND_NAME:
    case API_FOUND_TWICE:
        tell_text(validation, finding);
        break;
    case API_FOUND_EMPTY:
        tell(validation, "FieldValueRequired", finding->path, "Required value");
        break;
    case API_FOUND_UNKNOWN:
        break;
    case API_FOUND_TYPE:
    case API_FOUND_RANGE:
    case API_FOUND_FORM:
    case API_FOUND_DEPTH: /* a webhook's patch put it there: decoding has let no client's through */
        tell(validation, "FieldValueTypeInvalid", finding->path, "Invalid value: wrong type");
        break;
    }
}

size_t api_check_causes(const struct api_schema *schema, const json_t *json, api_on_cause *on_cause,
                        void *ctx)
{
    struct validation validation = {on_cause, ctx, 0};

    (void)api_find(schema, json, cause_on_finding, &validation);
    return validation.count;
}

/* --- changes --- */

static void immutable_check(struct validation *validation, const struct api_schema *schema,
                            const json_t *object, const json_t *old, struct api_path *path)
{
    size_t len = path->len;

    for (size_t i = 0; schema->type == API_OBJECT && i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        const json_t *before = json_object_get(old, field->name);
        const json_t *after = json_object_get(object, field->name);
        char *value;
        struct buf text;

        if (!before || json_equal(before, after))
            continue;
        api_path_push(path, "%s%s", len ? "." : "", field->name);
        if (!field->immutable) {
            immutable_check(validation, field->schema, after, before, path);
        } else {
            buf_init(&text, 0);
            value = after ? json_format_str(after, JSON_FORMAT_COMPACT) : mem_strdup("null");
            buf_printf(&text, "Invalid value: %s: field is immutable", value);
            tell(validation, "FieldValueInvalid", path->text, text.data);
            mem_free(value);
            buf_deinit(&text);
        }
        api_path_cut(path, len);
    }
}

void api_check_immutable(const struct api_schema *schema, const json_t *object, const json_t *old,
                         api_on_cause *on_cause, void *ctx)
{
    struct validation validation = {on_cause, ctx, 0};
    struct api_path path = {0};

    immutable_check(&validation, schema, object, old, &path);
}
