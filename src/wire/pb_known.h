/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of google.protobuf that others build on. Wrappers (UInt32Value ...) need no struct:
 * they appear as has_x and x where they are used.
 *
 * Place   included by generated headers; see wire/proto.h for the shape of the structs
 * Owns    nothing: all lies in the caller's arena
 * Spec    protobuf's well-known types
 */
#ifndef WEFT_WIRE_PB_KNOWN_H
#define WEFT_WIRE_PB_KNOWN_H

#include "wire/proto.h"

struct pb_any {
    struct slice type_url;
    struct slice value;
};

struct pb_duration {
    int64_t seconds;
    int32_t nanos; /* same sign as seconds */
};

struct pb_timestamp {
    int64_t seconds; /* since 1970 */
    int32_t nanos;
};

struct pb_empty {
    char unused;
};

struct pb_struct_fields_entry {
    struct slice key;
    struct pb_value *value;
};

struct pb_struct {
    struct pb_struct_fields_entry **fields;
    size_t fields_count;
};

struct pb_list_value {
    struct pb_value **values;
    size_t values_count;
};

enum {
    PB_VALUE_CASE_NULL_VALUE = 1,
    PB_VALUE_CASE_NUMBER_VALUE = 2,
    PB_VALUE_CASE_STRING_VALUE = 3,
    PB_VALUE_CASE_BOOL_VALUE = 4,
    PB_VALUE_CASE_STRUCT_VALUE = 5,
    PB_VALUE_CASE_LIST_VALUE = 6,
};

struct pb_value {
    uint32_t kind_case;
    union {
        int32_t null_value;
        double number_value;
        struct slice string_value;
        bool bool_value;
        struct pb_struct *struct_value;
        struct pb_list_value *list_value;
    };
};

extern const struct proto_message pb_any_desc;
extern const struct proto_message pb_duration_desc;
extern const struct proto_message pb_timestamp_desc;
extern const struct proto_message pb_empty_desc;
extern const struct proto_message pb_struct_desc;
extern const struct proto_message pb_value_desc;
extern const struct proto_message pb_list_value_desc;

/* Whole milliseconds, towards zero; outside int64 it is clamped. */
int64_t pb_duration_ms(struct pb_duration duration);
struct pb_duration pb_duration_of_ms(int64_t duration_ms);
/* The value of a key, or NULL (also for a NULL struct). */
const struct pb_value *pb_struct_get(const struct pb_struct *fields, const char *key);
/* The text of a key, or the empty slice when it is absent or no text. */
struct slice pb_struct_get_string(const struct pb_struct *fields, const char *key);
/* Sets a key to a text (copied into the arena); an old value of that key is replaced. */
void pb_struct_set_string(struct arena *arena, struct pb_struct *fields, const char *key,
                          struct slice text);

#endif
