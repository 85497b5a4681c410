/* SPDX-License-Identifier: Apache-2.0 */
/* What the binary and the JSON side of the protobuf codec share: access to fields of a struct by
 * table, path of the current field, limits.
 *
 * Place   proto.c, proto_encode.c, proto_decode.c, proto_json_out.c, proto_json_in.c only
 */
#ifndef WEFT_WIRE_PROTO_INT_H
#define WEFT_WIRE_PROTO_INT_H

#include "wire/proto.h"

enum {
    PROTO_DEPTH_DEFAULT_MAX = 100,
    PROTO_MEMORY_DEFAULT_MAX = 256 * 1024 * 1024,
    PROTO_PATH_MAX = 1024,
};

/* A place in the message: linked frames on the stack, joined only when someone asks. */
struct proto_path {
    const struct proto_path *parent;
    const char *name; /* NULL: an index alone */
    size_t index;
    bool indexed;
};

/* State of one decoding run, of bytes or of JSON. */
struct proto_reader {
    struct arena *arena;
    const struct proto_registry *registry; /* JSON only */
    struct proto_report *report;           /* may be NULL */
    struct error *err;                     /* may be NULL */
    size_t memory_left;
    unsigned depth_left;
};

void proto_reader_init(struct proto_reader *reader, const struct proto_limits *limits,
                       struct arena *arena, struct proto_report *report, struct error *err);
/* Zeroed memory within the reader's limit; NULL past it. */
void *proto_reader_alloc(struct proto_reader *reader, size_t size);
/* A terminated copy; ERR_LIMIT past the limit. */
int proto_reader_dup(struct proto_reader *reader, struct slice text, struct slice *ret);
/* Room for one more element of a repeated field of `message`; NULL past the limit. */
void *proto_reader_push(struct proto_reader *reader, const struct proto_field *field,
                        void *message);
/* Records the failure at the path and returns the code. */
int proto_reader_fail(struct proto_reader *reader, const struct proto_path *path, int code,
                      const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Counts an unknown field below `path`. */
void proto_reader_report(struct proto_reader *reader, const struct proto_path *path,
                         const char *name);
/* The path as text, "a.b[3].c", cut at size - 1. Returns out. */
const char *proto_path_format(const struct proto_path *path, char *out, size_t size);

/* Size of one element of the field in C, as stored. */
size_t proto_field_size(const struct proto_field *field);
const struct proto_field *proto_field_by_number(const struct proto_message *desc, uint32_t number);
/* How values of a type travel. */
unsigned proto_wire_type(uint8_t type);

static inline void *proto_at(void *message, const struct proto_field *field)
{
    return (char *)message + field->offset;
}

static inline const void *proto_at_const(const void *message, const struct proto_field *field)
{
    return (const char *)message + field->offset;
}

/* Count of a repeated field. */
static inline size_t proto_count(const void *message, const struct proto_field *field)
{
    return *(const size_t *)(const void *)((const char *)message + field->presence);
}

/* True when a singular field is to be written: set, or (without presence) not zero. */
bool proto_is_present(const void *message, const struct proto_field *field);
/* Marks a singular field as set. */
void proto_presence_set(void *message, const struct proto_field *field);

#endif
