/* SPDX-License-Identifier: Apache-2.0 */
/* The proto3 JSON mapping to structs. People write this (a bootstrap), so each failure names its
 * field: "static_resources.listeners[0].adress: unknown field".
 *
 * Place   see proto.h
 * Limits  struct proto_limits
 */
#include "wire/proto_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/pb_known.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define FAIL_MEMORY(reader, path)                                                                  \
    proto_reader_fail((reader), (path), ERR_LIMIT, "message needs too much memory")

static int message_from_json(struct proto_reader *reader, const struct proto_message *desc,
                             const json_t *json, const struct proto_path *path, void *message);

static int type_fail(struct proto_reader *reader, const struct proto_path *path,
                     const char *expected, const json_t *json)
{
    return proto_reader_fail(reader, path, ERR_INVALID, "%s is expected, not %s", expected,
                             json_type_name(json));
}

/* A JSON number, or the same as text; false when it is neither or not finite. */
static bool real_get(const json_t *json, double *ret)
{
    char *end;

    if (json_is_number(json)) {
        *ret = json_number_value(json);
        return true;
    }
    if (!json_is_string(json) || json_string_length(json) == 0)
        return false;
    *ret = strtod(json_string_value(json), &end);
    return *end == '\0' && strspn(json_string_value(json), " \t\r\n") == 0;
}

static int real_from_json(struct proto_reader *reader, const json_t *json,
                          const struct proto_path *path, double *ret)
{
    static const struct {
        const char *text;
        double value;
    } special[] = {
        {"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};

    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        if (json_is_string(json) && strcmp(json_string_value(json), special[i].text) == 0) {
            *ret = special[i].value;
            return 0;
        }
    }
    if (!real_get(json, ret) || !isfinite(*ret))
        return type_fail(reader, path, "a number", json);
    return 0;
}

/* An integer: a number without fraction, or text of one. */
static bool integer_get(const json_t *json, int64_t *ret_signed, uint64_t *ret_unsigned)
{
    double real;

    *ret_signed = 0;
    *ret_unsigned = 0;
    if (json_is_integer(json)) {
        *ret_signed = json_integer_value(json);
    } else if (json_is_string(json) && slice_parse_i64(json_slice(json), ret_signed) == 0) {
        ; /* done */
    } else if (json_is_string(json) &&
               slice_parse_u64(json_slice(json), UINT64_MAX, ret_unsigned) == 0) {
        *ret_signed = INT64_MAX; /* above it: only uint64 holds such a value */
        return true;
    } else if (real_get(json, &real) && real == floor(real) && fabs(real) < 9007199254740992.0) {
        *ret_signed = (int64_t)real;
    } else {
        return false;
    }
    *ret_unsigned = (uint64_t)*ret_signed;
    return true;
}

struct integer_range {
    const char *name;
    int64_t min;
    uint64_t max;
};

static const struct integer_range *integer_range(uint8_t type)
{
    static const struct integer_range ranges[] = {
        {"a 32-bit integer", INT32_MIN, INT32_MAX},
        {"an unsigned 32-bit integer", 0, UINT32_MAX},
        {"a 64-bit integer", INT64_MIN, INT64_MAX},
        {"an unsigned 64-bit integer", 0, UINT64_MAX},
    };

    switch (type) {
    case PROTO_UINT32:
    case PROTO_FIXED32:
        return &ranges[1];
    case PROTO_INT64:
    case PROTO_SINT64:
    case PROTO_SFIXED64:
        return &ranges[2];
    case PROTO_UINT64:
    case PROTO_FIXED64:
        return &ranges[3];
    default:
        return &ranges[0];
    }
}

static int integer_from_json(struct proto_reader *reader, uint8_t type, const json_t *json,
                             const struct proto_path *path, void *at)
{
    const struct integer_range *range = integer_range(type);
    uint64_t magnitude;
    int64_t value;
    bool fits;

    if (!integer_get(json, &value, &magnitude))
        return type_fail(reader, path, range->name, json);
    fits = value < 0 ? value >= range->min : magnitude <= range->max;
    if (!fits)
        return proto_reader_fail(reader, path, ERR_INVALID, "does not fit %s", range->name);
    if (range->max > UINT32_MAX)
        *(uint64_t *)at = magnitude;
    else
        *(uint32_t *)at = (uint32_t)magnitude;
    return 0;
}

static int bytes_from_json(struct proto_reader *reader, const json_t *json,
                           const struct proto_path *path, struct slice *ret)
{
    SCOPED(buf_deinit) struct buf bytes = {0};

    if (!json_is_string(json))
        return type_fail(reader, path, "base64 text", json);
    buf_init(&bytes, reader->memory_left);
    if (base64_decode(json_slice(json), &bytes) < 0)
        return proto_reader_fail(reader, path, ERR_INVALID, "is not base64");
    return proto_reader_dup(reader, buf_slice(&bytes), ret) < 0 ? FAIL_MEMORY(reader, path) : 0;
}

static int enum_from_json(struct proto_reader *reader, const struct proto_enum *values,
                          const json_t *json, const struct proto_path *path, int32_t *ret)
{
    if (json_is_null(json)) { /* google.protobuf.NullValue */
        *ret = 0;
        return 0;
    }
    if (!json_is_string(json))
        return integer_from_json(reader, PROTO_INT32, json, path, ret);
    for (size_t i = 0; i < values->value_count; i++) {
        if (strcmp(values->values[i].name, json_string_value(json)) == 0) {
            *ret = values->values[i].number;
            return 0;
        }
    }
    return proto_reader_fail(reader, path, ERR_INVALID, "\"%s\" is no value of %s",
                             json_string_value(json), values->name);
}

/* "1.5s", "-0.000000001s": digits, up to nine of a fraction, and the unit. */
static int duration_from_json(struct proto_reader *reader, const json_t *json,
                              const struct proto_path *path, struct pb_duration *ret)
{
    struct slice text = json_slice(json);
    struct slice seconds;
    uint64_t whole;
    uint32_t nanos = 0;
    uint32_t unit = 100000000;
    bool negative = slice_starts_with(text, SLICE("-"));

    if (!json_is_string(json))
        return type_fail(reader, path, "a duration such as \"1.5s\"", json);
    if (!slice_ends_with(text, SLICE("s")))
        goto bad;
    text = slice_from(slice_head(text, text.len - 1), negative);
    if (!slice_split_next(&text, '.', &seconds) ||
        slice_parse_u64(seconds, 315576000000, &whole) < 0)
        goto bad;
    for (size_t i = 0; i < text.len; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9' || unit == 0)
            goto bad;
        nanos += (uint32_t)(text.data[i] - '0') * unit;
    }
    ret->seconds = negative ? -(int64_t)whole : (int64_t)whole;
    ret->nanos = negative ? -(int32_t)nanos : (int32_t)nanos;
    return 0;
bad:
    return proto_reader_fail(reader, path, ERR_INVALID, "\"%s\" is no duration such as \"1.5s\"",
                             json_string_value(json));
}

static int timestamp_from_json(struct proto_reader *reader, const json_t *json,
                               const struct proto_path *path, struct pb_timestamp *ret)
{
    int64_t ms;

    if (!json_is_string(json))
        return type_fail(reader, path, "a time", json);
    if (clock_parse_rfc3339(json_slice(json), &ms) < 0)
        return proto_reader_fail(reader, path, ERR_INVALID, "\"%s\" is no RFC 3339 time",
                                 json_string_value(json));
    ret->seconds = ms / 1000 - (ms % 1000 < 0);
    ret->nanos = (int32_t)(ms - ret->seconds * 1000) * 1000000;
    return 0;
}

static int string_from_json(struct proto_reader *reader, const json_t *json,
                            const struct proto_path *path, struct slice *ret)
{
    if (!json_is_string(json))
        return type_fail(reader, path, "text", json);
    return proto_reader_dup(reader, json_slice(json), ret) < 0 ? FAIL_MEMORY(reader, path) : 0;
}

/* A value at its place; for a message at the pointer to it (or at itself when it is inline). */
static int element_from_json(struct proto_reader *reader, const struct proto_field *field,
                             const json_t *json, const struct proto_path *path, void *at)
{
    double real;
    int rc;

    switch (field->type) {
    case PROTO_DOUBLE:
        return real_from_json(reader, json, path, at);
    case PROTO_FLOAT:
        rc = real_from_json(reader, json, path, &real);
        if (rc == 0 && isfinite(real) && fabs(real) > 3.4028234663852886e38)
            return proto_reader_fail(reader, path, ERR_INVALID, "does not fit a float");
        if (rc == 0)
            *(float *)at = (float)real;
        return rc;
    case PROTO_BOOL:
        if (!json_is_boolean(json))
            return type_fail(reader, path, "true or false", json);
        *(bool *)at = json_is_true(json);
        return 0;
    case PROTO_STRING:
        return string_from_json(reader, json, path, at);
    case PROTO_BYTES:
        return bytes_from_json(reader, json, path, at);
    case PROTO_ENUM:
        return enum_from_json(reader, field->values, json, path, at);
    case PROTO_MESSAGE:
        if (!(field->flags & PROTO_INLINE)) {
            void *message = proto_reader_alloc(reader, field->message->size);

            if (!message)
                return FAIL_MEMORY(reader, path);
            *(void **)at = message;
            at = message;
        }
        return message_from_json(reader, field->message, json, path, at);
    default:
        return integer_from_json(reader, field->type, json, path, at);
    }
}

static int repeated_from_json(struct proto_reader *reader, const struct proto_field *field,
                              const json_t *json, struct proto_path *path, void *message)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(json))
        return type_fail(reader, path, "a list", json);
    path->indexed = true;
    json_array_foreach((json_t *)json, i, item)
    {
        void *at = proto_reader_push(reader, field, message);
        int rc;

        path->index = i;
        if (!at)
            return FAIL_MEMORY(reader, path);
        rc = element_from_json(reader, field, item, path, at);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A map's key travels as text, whatever its type. */
static int key_from_json(struct proto_reader *reader, const struct proto_field *key,
                         struct slice text, const struct proto_path *path, void *entry)
{
    SCOPED(json_drop) json_t *json = NULL;

    if (key->type == PROTO_BOOL && (slice_eq_str(text, "true") || slice_eq_str(text, "false")))
        json = json_boolean(text.len == 4);
    else
        json = json_string_slice(text);
    return element_from_json(reader, key, json, path, proto_at(entry, key));
}

static int map_from_json(struct proto_reader *reader, const struct proto_field *field,
                         const json_t *json, const struct proto_path *path, void *message)
{
    const struct proto_field *key = proto_field_by_number(field->message, 1);
    const struct proto_field *value = proto_field_by_number(field->message, 2);
    const char *name;
    size_t name_len;
    json_t *item;

    if (!json_is_object(json))
        return type_fail(reader, path, "an object", json);
    json_object_keylen_foreach((json_t *)json, name, name_len, item)
    {
        const struct proto_path here = {path, name, 0, false};
        void *entry = proto_reader_alloc(reader, field->message->size);
        void **at = entry ? proto_reader_push(reader, field, message) : NULL;
        int rc;

        if (!at)
            return FAIL_MEMORY(reader, &here);
        *at = entry;
        rc = key_from_json(reader, key, slice_make(name, name_len), &here, entry);
        if (rc == 0)
            rc = element_from_json(reader, value, item, &here, proto_at(entry, value));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A list or an object whose members are values of any kind. */
static int value_from_json(struct proto_reader *reader, const json_t *json,
                           const struct proto_path *path, struct pb_value *value)
{
    static const uint32_t cases[] = {
        [JSON_OBJECT] = PB_VALUE_CASE_STRUCT_VALUE, [JSON_ARRAY] = PB_VALUE_CASE_LIST_VALUE,
        [JSON_STRING] = PB_VALUE_CASE_STRING_VALUE, [JSON_INTEGER] = PB_VALUE_CASE_NUMBER_VALUE,
        [JSON_REAL] = PB_VALUE_CASE_NUMBER_VALUE,   [JSON_TRUE] = PB_VALUE_CASE_BOOL_VALUE,
        [JSON_FALSE] = PB_VALUE_CASE_BOOL_VALUE,    [JSON_NULL] = PB_VALUE_CASE_NULL_VALUE,
    };
    const struct proto_field *member =
        proto_field_by_number(&pb_value_desc, cases[json_typeof(json)]);

    proto_presence_set(value, member);
    return element_from_json(reader, member, json, path, proto_at(value, member));
}

static const struct proto_field *field_by_name(const struct proto_message *desc, const char *name)
{
    for (size_t i = 0; i < desc->field_count; i++)
        if (strcmp(desc->fields[i].json_name, name) == 0 || strcmp(desc->fields[i].name, name) == 0)
            return &desc->fields[i];
    return NULL;
}

/* null means "not set", except where a value may itself be null. */
static bool is_unset(const struct proto_field *field, const json_t *json)
{
    if (!json_is_null(json))
        return false;
    if (field->type == PROTO_MESSAGE)
        return field->message->kind != PROTO_KIND_VALUE || (field->flags & PROTO_REPEATED);
    return field->type != PROTO_ENUM ||
           strcmp(field->values->name, "google.protobuf.NullValue") != 0;
}

static int field_from_json(struct proto_reader *reader, const struct proto_field *field,
                           const json_t *json, struct proto_path *path, void *message)
{
    if (field->flags & PROTO_MAP)
        return map_from_json(reader, field, json, path, message);
    if (field->flags & PROTO_REPEATED)
        return repeated_from_json(reader, field, json, path, message);
    if (field->flags & PROTO_ONEOF) {
        const uint32_t *set = (const uint32_t *)(const void *)((char *)message + field->presence);

        if (*set != 0)
            return proto_reader_fail(reader, path, ERR_INVALID,
                                     "only one of this and its alternatives may be set");
    }
    proto_presence_set(message, field);
    return element_from_json(reader, field, json, path, proto_at(message, field));
}

static int fields_from_json(struct proto_reader *reader, const struct proto_message *desc,
                            const json_t *json, const struct proto_path *path, void *message)
{
    const char *name;
    json_t *item;

    if (!json_is_object(json))
        return type_fail(reader, path, "an object", json);
    json_object_foreach((json_t *)json, name, item)
    {
        const struct proto_field *field = field_by_name(desc, name);
        struct proto_path here = {path, name, 0, false};
        int rc;

        if (!field && name[0] == '@') /* of the Any around it */
            continue;
        if (!field && reader->report) {
            proto_reader_report(reader, path, name);
            continue;
        }
        if (!field)
            return proto_reader_fail(reader, &here, ERR_INVALID, "unknown field of %s", desc->name);
        if (is_unset(field, item))
            continue;
        rc = field_from_json(reader, field, item, &here, message);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int any_from_json(struct proto_reader *reader, const json_t *json,
                         const struct proto_path *path, struct pb_any *any)
{
    SCOPED(buf_deinit) struct buf bytes = {0};
    const char *url = json_get_string(json, "@type");
    const struct proto_message *desc;
    void *message;
    int rc;

    if (!json_is_object(json))
        return type_fail(reader, path, "an object with \"@type\"", json);
    if (json_object_size(json) == 0)
        return 0;
    if (!url)
        return proto_reader_fail(reader, path, ERR_INVALID, "\"@type\" is missing");
    desc = proto_registry_find(reader->registry, slice_str(url));
    if (!desc)
        return proto_reader_fail(reader, path, ERR_UNSUPPORTED, "not supported: type %s", url);
    message = proto_reader_alloc(reader, desc->size);
    if (!message || proto_reader_dup(reader, slice_str(url), &any->type_url) < 0)
        return FAIL_MEMORY(reader, path);
    if (desc->kind != PROTO_KIND_PLAIN)
        json = json_object_get(json, "value");
    rc = json ? message_from_json(reader, desc, json, path, message) : 0;
    if (rc < 0)
        return rc;
    buf_init(&bytes, reader->memory_left);
    if (proto_encode(desc, message, &bytes) < 0 ||
        proto_reader_dup(reader, buf_slice(&bytes), &any->value) < 0)
        return FAIL_MEMORY(reader, path);
    return 0;
}

/* Struct and ListValue: their single field, read from the bare object or list. */
static int bare_from_json(struct proto_reader *reader, const struct proto_message *desc,
                          const json_t *json, const struct proto_path *path, void *message)
{
    struct proto_path here = path ? *path : (struct proto_path){0};

    if (desc->kind == PROTO_KIND_STRUCT)
        return map_from_json(reader, &desc->fields[0], json, path, message);
    if (here.indexed) /* a list in a list: an index of its own */
        here = (struct proto_path){path, NULL, 0, false};
    return repeated_from_json(reader, &desc->fields[0], json, &here, message);
}

static int kind_from_json(struct proto_reader *reader, const struct proto_message *desc,
                          const json_t *json, const struct proto_path *path, void *message)
{
    switch (desc->kind) {
    case PROTO_KIND_ANY:
        return any_from_json(reader, json, path, message);
    case PROTO_KIND_DURATION:
        return duration_from_json(reader, json, path, message);
    case PROTO_KIND_TIMESTAMP:
        return timestamp_from_json(reader, json, path, message);
    case PROTO_KIND_VALUE:
        return value_from_json(reader, json, path, message);
    case PROTO_KIND_STRUCT:
    case PROTO_KIND_LIST:
        return bare_from_json(reader, desc, json, path, message);
    default:
        return fields_from_json(reader, desc, json, path, message);
    }
}

static int message_from_json(struct proto_reader *reader, const struct proto_message *desc,
                             const json_t *json, const struct proto_path *path, void *message)
{
    int rc;

    if (reader->depth_left == 0)
        return proto_reader_fail(reader, path, ERR_LIMIT, "nested too deeply");
    reader->depth_left--;
    rc = kind_from_json(reader, desc, json, path, message);
    reader->depth_left++;
    return rc;
}

int proto_from_json(const struct proto_message *desc, const json_t *json,
                    const struct proto_registry *registry, struct arena *arena, void **ret,
                    struct proto_report *report, struct error *err)
{
    struct proto_reader reader;
    void *message;
    int rc;

    proto_reader_init(&reader, NULL, arena, report, err);
    reader.registry = registry;
    message = proto_reader_alloc(&reader, desc->size);
    if (!message)
        return FAIL_MEMORY(&reader, NULL);
    rc = message_from_json(&reader, desc, json, NULL, message);
    if (rc == 0)
        *ret = message;
    return rc;
}
