/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of google.protobuf's own messages, and small helpers for durations and structs.
 *
 * Place   the ends of every generated table
 */
#include "wire/pb_known.h"

static const struct proto_enum_value null_value_items[] = {{"NULL_VALUE", 0}};
static const struct proto_enum null_value_values = {"google.protobuf.NullValue", null_value_items,
                                                    1};

static const struct proto_field any_fields[] = {
    {"type_url", "typeUrl", 1, offsetof(struct pb_any, type_url), 0, PROTO_STRING, 0, {NULL}},
    {"value", "value", 2, offsetof(struct pb_any, value), 0, PROTO_BYTES, 0, {NULL}},
};
const struct proto_message pb_any_desc = {
    "google.protobuf.Any", any_fields, 2, sizeof(struct pb_any), PROTO_KIND_ANY,
};

static const struct proto_field duration_fields[] = {
    {"seconds", "seconds", 1, offsetof(struct pb_duration, seconds), 0, PROTO_INT64, 0, {NULL}},
    {"nanos", "nanos", 2, offsetof(struct pb_duration, nanos), 0, PROTO_INT32, 0, {NULL}},
};
const struct proto_message pb_duration_desc = {
    "google.protobuf.Duration", duration_fields, 2, sizeof(struct pb_duration), PROTO_KIND_DURATION,
};

static const struct proto_field timestamp_fields[] = {
    {"seconds", "seconds", 1, offsetof(struct pb_timestamp, seconds), 0, PROTO_INT64, 0, {NULL}},
    {"nanos", "nanos", 2, offsetof(struct pb_timestamp, nanos), 0, PROTO_INT32, 0, {NULL}},
};
const struct proto_message pb_timestamp_desc = {
    "google.protobuf.Timestamp", timestamp_fields,     2,
    sizeof(struct pb_timestamp), PROTO_KIND_TIMESTAMP,
};

const struct proto_message pb_empty_desc = {
    "google.protobuf.Empty", NULL, 0, sizeof(struct pb_empty), PROTO_KIND_PLAIN,
};

static const struct proto_field fields_entry_fields[] = {
    {"key", "key", 1, offsetof(struct pb_struct_fields_entry, key), 0, PROTO_STRING, 0, {NULL}},
    {"value",
     "value",
     2,
     offsetof(struct pb_struct_fields_entry, value),
     0,
     PROTO_MESSAGE,
     0,
     {.message = &pb_value_desc}},
};
static const struct proto_message fields_entry_desc = {
    "google.protobuf.Struct.FieldsEntry",  fields_entry_fields, 2,
    sizeof(struct pb_struct_fields_entry), PROTO_KIND_PLAIN,
};
static const struct proto_field struct_fields[] = {
    {"fields",
     "fields",
     1,
     offsetof(struct pb_struct, fields),
     offsetof(struct pb_struct, fields_count),
     PROTO_MESSAGE,
     PROTO_REPEATED | PROTO_MAP,
     {.message = &fields_entry_desc}},
};
const struct proto_message pb_struct_desc = {
    "google.protobuf.Struct", struct_fields, 1, sizeof(struct pb_struct), PROTO_KIND_STRUCT,
};

static const struct proto_field list_value_fields[] = {
    {"values",
     "values",
     1,
     offsetof(struct pb_list_value, values),
     offsetof(struct pb_list_value, values_count),
     PROTO_MESSAGE,
     PROTO_REPEATED,
     {.message = &pb_value_desc}},
};
const struct proto_message pb_list_value_desc = {
    "google.protobuf.ListValue",  list_value_fields, 1,
    sizeof(struct pb_list_value), PROTO_KIND_LIST,
};

#define VALUE_MEMBER(name, json, number, type, sub)                                                \
    {                                                                                              \
#name, json, number, offsetof(struct pb_value, name),                                      \
            offsetof(struct pb_value, kind_case), type, PROTO_ONEOF,                               \
        {                                                                                          \
            sub                                                                                    \
        }                                                                                          \
    }
static const struct proto_field value_fields[] = {
    VALUE_MEMBER(null_value, "nullValue", 1, PROTO_ENUM, .values = &null_value_values),
    VALUE_MEMBER(number_value, "numberValue", 2, PROTO_DOUBLE, NULL),
    VALUE_MEMBER(string_value, "stringValue", 3, PROTO_STRING, NULL),
    VALUE_MEMBER(bool_value, "boolValue", 4, PROTO_BOOL, NULL),
    VALUE_MEMBER(struct_value, "structValue", 5, PROTO_MESSAGE, .message = &pb_struct_desc),
    VALUE_MEMBER(list_value, "listValue", 6, PROTO_MESSAGE, .message = &pb_list_value_desc),
};
const struct proto_message pb_value_desc = {
    "google.protobuf.Value", value_fields, 6, sizeof(struct pb_value), PROTO_KIND_VALUE,
};

int64_t pb_duration_ms(struct pb_duration duration)
{
    int64_t ms;

    if (__builtin_mul_overflow(duration.seconds, (int64_t)1000, &ms))
        return duration.seconds < 0 ? INT64_MIN : INT64_MAX;
    if (__builtin_add_overflow(ms, (int64_t)(duration.nanos / 1000000), &ms))
        return duration.seconds < 0 ? INT64_MIN : INT64_MAX;
    return ms;
}

struct pb_duration pb_duration_of_ms(int64_t duration_ms)
{
    return (struct pb_duration){duration_ms / 1000, (int32_t)(duration_ms % 1000) * 1000000};
}

const struct pb_value *pb_struct_get(const struct pb_struct *fields, const char *key)
{
    const struct pb_value *found = NULL;

    for (size_t i = 0; fields && i < fields->fields_count; i++)
        if (slice_eq_str(fields->fields[i]->key, key))
            found = fields->fields[i]->value;
    return found;
}

struct slice pb_struct_get_string(const struct pb_struct *fields, const char *key)
{
    const struct pb_value *value = pb_struct_get(fields, key);

    if (value && value->kind_case == PB_VALUE_CASE_STRING_VALUE)
        return value->string_value;
    return slice_make(NULL, 0);
}

void pb_struct_set_string(struct arena *arena, struct pb_struct *fields, const char *key,
                          struct slice text)
{
    struct pb_struct_fields_entry *entry = NULL;

    for (size_t i = 0; i < fields->fields_count; i++)
        if (slice_eq_str(fields->fields[i]->key, key))
            entry = fields->fields[i];
    if (!entry) {
        entry = ARENA_NEW(arena, struct pb_struct_fields_entry);
        entry->key = arena_slice_dup(arena, slice_str(key));
        PROTO_PUSH(arena, fields, fields, entry);
    }
    entry->value = ARENA_NEW(arena, struct pb_value);
    entry->value->kind_case = PB_VALUE_CASE_STRING_VALUE;
    entry->value->string_value = arena_slice_dup(arena, text);
}
