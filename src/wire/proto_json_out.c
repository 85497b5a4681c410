/* SPDX-License-Identifier: Apache-2.0 */
/* Structs to JSON by the proto3 mapping: 64-bit integers as text, bytes as base64, enums by name,
 * Duration "1.5s", Struct as plain JSON, Any with "@type".
 *
 * Place   see proto.h
 */
#include "wire/proto_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/pb_known.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* State of one run. */
struct writer {
    const struct proto_registry *registry;
    bool original_names;
    unsigned any_depth_left; /* an Any in an Any in an Any: the bytes may nest as they like */
};

enum { ANY_DEPTH_MAX = 16 };

static json_t *message_to_json(struct writer *writer, const struct proto_message *desc,
                               const void *message);

static json_t *real_to_json(double value)
{
    if (isnan(value))
        return json_string("NaN");
    if (isinf(value))
        return json_string(value < 0 ? "-Infinity" : "Infinity");
    if (value == floor(value) && fabs(value) < 1e15) /* 1, not 1.0: as Go and C++ print it */
        return json_integer((json_int_t)value);
    return json_real(value);
}

/* A float with as few digits as name it, not the digits of the double beside it. */
static json_t *float_to_json(float value)
{
    char digits[32];

    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    return real_to_json(isfinite(value) ? strtod(digits, NULL) : (double)value);
}

static json_t *bytes_to_json(struct slice bytes)
{
    struct buf text;
    json_t *value;

    buf_init(&text, SIZE_MAX / 2);
    base64_encode(bytes, &text);
    value = json_stringn(text.len ? text.data : "", text.len);
    buf_deinit(&text);
    return value;
}

static json_t *enum_to_json(const struct proto_enum *values, int32_t number)
{
    const char *name = proto_enum_name(values, number);

    return name ? json_string(name) : json_integer(number);
}

enum { FRACTION_SIZE = 16 };

/* ".5" with 3, 6 or 9 digits, or nothing. */
static const char *fraction_format(uint32_t nanos, char out[FRACTION_SIZE])
{
    if (nanos == 0)
        out[0] = '\0';
    else if (nanos % 1000000 == 0)
        snprintf(out, FRACTION_SIZE, ".%03u", nanos / 1000000);
    else if (nanos % 1000 == 0)
        snprintf(out, FRACTION_SIZE, ".%06u", nanos / 1000);
    else
        snprintf(out, FRACTION_SIZE, ".%09u", nanos);
    return out;
}

static json_t *duration_to_json(const struct pb_duration *duration)
{
    bool negative = duration->seconds < 0 || duration->nanos < 0;
    int64_t nanos = duration->nanos;
    uint64_t seconds = (uint64_t)duration->seconds;
    char fraction[FRACTION_SIZE];
    char text[64];

    snprintf(text, sizeof text, "%s%" PRIu64 "%ss", negative ? "-" : "",
             duration->seconds < 0 ? 0 - seconds : seconds,
             fraction_format((uint32_t)(nanos < 0 ? -nanos : nanos), fraction));
    return json_string(text);
}

static json_t *timestamp_to_json(const struct pb_timestamp *stamp)
{
    char fraction[FRACTION_SIZE];
    char text[CLOCK_RFC3339_SIZE + FRACTION_SIZE];
    int64_t ms;

    if (__builtin_mul_overflow(stamp->seconds, (int64_t)1000, &ms))
        return json_null();
    clock_format_rfc3339(ms, false, text);
    text[strcspn(text, "Z")] = '\0';
    snprintf(text + strlen(text), FRACTION_SIZE, "%sZ",
             fraction_format((uint32_t)stamp->nanos, fraction));
    return json_string(text);
}

static json_t *struct_to_json(struct writer *writer, const struct pb_struct *fields)
{
    json_t *object = json_object();

    for (size_t i = 0; i < fields->fields_count; i++) {
        const struct pb_struct_fields_entry *entry = fields->fields[i];
        json_t *value =
            entry->value ? message_to_json(writer, &pb_value_desc, entry->value) : json_null();

        json_object_setn_new(object, entry->key.len ? entry->key.data : "", entry->key.len, value);
    }
    return object;
}

static json_t *list_to_json(struct writer *writer, const struct pb_list_value *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->values_count; i++)
        json_array_append_new(array, message_to_json(writer, &pb_value_desc, list->values[i]));
    return array;
}

static json_t *value_to_json(struct writer *writer, const struct pb_value *value)
{
    switch (value->kind_case) {
    case PB_VALUE_CASE_NUMBER_VALUE:
        return real_to_json(value->number_value);
    case PB_VALUE_CASE_STRING_VALUE:
        return json_string_slice(value->string_value);
    case PB_VALUE_CASE_BOOL_VALUE:
        return json_boolean(value->bool_value);
    case PB_VALUE_CASE_STRUCT_VALUE:
        if (value->struct_value)
            return struct_to_json(writer, value->struct_value);
        return json_object();
    case PB_VALUE_CASE_LIST_VALUE:
        if (value->list_value)
            return list_to_json(writer, value->list_value);
        return json_array();
    default:
        return json_null();
    }
}

/* {"@type": url, fields...}; a message with a mapping of its own goes under "value". */
static json_t *any_to_json(struct writer *writer, const struct pb_any *any)
{
    const struct proto_message *desc = proto_registry_find(writer->registry, any->type_url);
    json_t *object = json_object();
    json_t *content = NULL;
    void *message = NULL;
    struct arena arena;

    if (writer->any_depth_left == 0)
        return object;
    writer->any_depth_left--;
    arena_init(&arena, 0);
    json_object_set_new(object, "@type", json_string_slice(any->type_url));
    if (desc && proto_decode(desc, any->value, NULL, &arena, &message, NULL, NULL) == 0)
        content = message_to_json(writer, desc, message);
    if (content && desc->kind == PROTO_KIND_PLAIN) {
        json_object_update(object, content);
        json_decref(content);
    } else {
        json_object_set_new(object, "value", content ? content : bytes_to_json(any->value));
    }
    arena_deinit(&arena);
    writer->any_depth_left++;
    return object;
}

static json_t *text_to_json(const char *fmt, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof text, fmt, value);
    return json_string(text);
}

static json_t *element_to_json(struct writer *writer, const struct proto_field *field,
                               const void *at)
{
    switch (field->type) {
    case PROTO_DOUBLE:
        return real_to_json(*(const double *)at);
    case PROTO_FLOAT:
        return float_to_json(*(const float *)at);
    case PROTO_INT64:
    case PROTO_SINT64:
    case PROTO_SFIXED64:
        return text_to_json("%" PRId64, *(const uint64_t *)at);
    case PROTO_UINT64:
    case PROTO_FIXED64:
        return text_to_json("%" PRIu64, *(const uint64_t *)at);
    case PROTO_UINT32:
    case PROTO_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTO_BOOL:
        return json_boolean(*(const bool *)at);
    case PROTO_STRING:
        return json_string_slice(*(const struct slice *)at);
    case PROTO_BYTES:
        return bytes_to_json(*(const struct slice *)at);
    case PROTO_ENUM:
        return enum_to_json(field->values, *(const int32_t *)at);
    case PROTO_MESSAGE:
        if (!(field->flags & PROTO_INLINE))
            at = *(const void *const *)at;
        return at ? message_to_json(writer, field->message, at) : json_object();
    default:
        return json_integer(*(const int32_t *)at);
    }
}

/* A map's key as text (it may be a number or a boolean). */
static json_t *key_to_json(struct writer *writer, const struct proto_field *key, const void *entry)
{
    json_t *value = element_to_json(writer, key, proto_at_const(entry, key));
    char text[32];

    if (json_is_string(value))
        return value;
    if (json_is_boolean(value))
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "true" : "false");
    else
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    json_decref(value);
    return json_string(text);
}

static json_t *map_to_json(struct writer *writer, const struct proto_field *field,
                           const void *message)
{
    const void *const *entries = *(const void *const *const *)proto_at_const(message, field);
    const struct proto_field *key = proto_field_by_number(field->message, 1);
    const struct proto_field *value = proto_field_by_number(field->message, 2);
    json_t *object = json_object();

    for (size_t i = 0; i < proto_count(message, field); i++) {
        json_t *name = key_to_json(writer, key, entries[i]);

        json_object_setn_new(object, json_string_value(name), json_string_length(name),
                             element_to_json(writer, value, proto_at_const(entries[i], value)));
        json_decref(name);
    }
    return object;
}

static json_t *repeated_to_json(struct writer *writer, const struct proto_field *field,
                                const void *message)
{
    const char *items = *(const char *const *)proto_at_const(message, field);
    json_t *array = json_array();

    for (size_t i = 0; i < proto_count(message, field); i++)
        json_array_append_new(array,
                              element_to_json(writer, field, items + i * proto_field_size(field)));
    return array;
}

static json_t *fields_to_json(struct writer *writer, const struct proto_message *desc,
                              const void *message)
{
    json_t *object = json_object();

    for (size_t i = 0; i < desc->field_count; i++) {
        const struct proto_field *field = &desc->fields[i];
        const char *name = writer->original_names ? field->name : field->json_name;
        json_t *value;

        if (field->flags & PROTO_REPEATED) {
            if (proto_count(message, field) == 0)
                continue;
            value = field->flags & PROTO_MAP ? map_to_json(writer, field, message)
                                             : repeated_to_json(writer, field, message);
        } else if (proto_is_present(message, field)) {
            value = element_to_json(writer, field, proto_at_const(message, field));
        } else {
            continue;
        }
        json_object_set_new(object, name, value);
    }
    return object;
}

static json_t *message_to_json(struct writer *writer, const struct proto_message *desc,
                               const void *message)
{
    switch (desc->kind) {
    case PROTO_KIND_ANY:
        return any_to_json(writer, message);
    case PROTO_KIND_DURATION:
        return duration_to_json(message);
    case PROTO_KIND_TIMESTAMP:
        return timestamp_to_json(message);
    case PROTO_KIND_STRUCT:
        return struct_to_json(writer, message);
    case PROTO_KIND_VALUE:
        return value_to_json(writer, message);
    case PROTO_KIND_LIST:
        return list_to_json(writer, message);
    default:
        return fields_to_json(writer, desc, message);
    }
}

json_t *proto_to_json(const struct proto_message *desc, const void *message,
                      const struct proto_registry *registry)
{
    struct writer writer = {registry, false, ANY_DEPTH_MAX};

    return message_to_json(&writer, desc, message);
}

json_t *proto_to_json_names(const struct proto_message *desc, const void *message,
                            const struct proto_registry *registry)
{
    struct writer writer = {registry, true, ANY_DEPTH_MAX};

    return message_to_json(&writer, desc, message);
}
