/* SPDX-License-Identifier: Apache-2.0 */
/* Structs to protobuf bytes.
 *
 *   field: tag varint = number << 3 | wire type; then a varint, 4 or 8 bytes, or length + bytes
 *
 * A nested message is written behind one byte kept for its length; when the length needs more, the
 * bytes are moved up. That costs one copy per level for long messages, and no second pass.
 *
 * Place   see proto.h
 */
#include "wire/proto_int.h"

enum { VARINT_MAX = 10 };

void proto_put_varint(struct buf *out, uint64_t value)
{
    char *to = buf_reserve(out, VARINT_MAX);
    size_t len = 0;

    if (!to)
        return;
    while (value >= 0x80) {
        to[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    to[len++] = (char)value;
    buf_commit(out, len);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;

    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

size_t proto_run_begin(struct buf *out)
{
    buf_append_char(out, 0);
    return out->len;
}

void proto_run_end(struct buf *out, size_t start)
{
    size_t len = out->len - start;
    size_t more = varint_size(len) - 1;
    char *at;

    if (out->failed)
        return;
    if (more > 0) {
        if (!buf_reserve(out, more))
            return;
        memmove(out->data + start + more, out->data + start, len);
        buf_commit(out, more);
    }
    at = out->data + start - 1;
    for (; len >= 0x80; len >>= 7)
        *at++ = (char)(len | 0x80);
    *at = (char)len;
}

void proto_put_fixed(struct buf *out, const void *value, size_t size)
{
    /* little endian on the wire; every machine that weft builds for is, see below */
    buf_append(out, slice_make(value, size));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "proto_put_fixed and fixed_read swap bytes");

void proto_put_tag(struct buf *out, uint32_t number, unsigned wire)
{
    proto_put_varint(out, (uint64_t)number << 3 | wire);
}

/* The value as it goes into a varint. */
static uint64_t varint_value(uint8_t type, const void *at)
{
    switch (type) {
    case PROTO_INT64:
    case PROTO_UINT64:
        return *(const uint64_t *)at;
    case PROTO_UINT32:
        return *(const uint32_t *)at;
    case PROTO_BOOL:
        return *(const bool *)at;
    case PROTO_SINT32: {
        int64_t value = *(const int32_t *)at;

        return (uint32_t)(((uint64_t)value << 1) ^ (uint64_t)(value >> 31));
    }
    case PROTO_SINT64: {
        int64_t value = *(const int64_t *)at;

        return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    }
    default: /* int32 and enums: sign extended to ten bytes */
        return (uint64_t)(int64_t) * (const int32_t *)at;
    }
}

/* A scalar or text without its tag. */
static void value_append(struct buf *out, const struct proto_field *field, const void *at)
{
    const struct slice *text = at;

    switch (proto_wire_type(field->type)) {
    case PROTO_WIRE_64:
        proto_put_fixed(out, at, 8);
        break;
    case PROTO_WIRE_32:
        proto_put_fixed(out, at, 4);
        break;
    case PROTO_WIRE_BYTES:
        proto_put_varint(out, text->len);
        buf_append(out, *text);
        break;
    default:
        proto_put_varint(out, varint_value(field->type, at));
    }
}

static void message_append(struct buf *out, const struct proto_message *desc, const void *message);

/* One element with its tag. `at` points at the stored value (for a message, at the pointer). */
static void element_append(struct buf *out, const struct proto_field *field, const void *at)
{
    proto_put_tag(out, field->number, proto_wire_type(field->type));
    if (field->type == PROTO_MESSAGE) {
        size_t start = proto_run_begin(out);
        const void *message = field->flags & PROTO_INLINE ? at : *(const void *const *)at;

        if (message) /* an element or oneof member left NULL counts as the empty message */
            message_append(out, field->message, message);
        proto_run_end(out, start);
        return;
    }
    value_append(out, field, at);
}

/* An element is written as field 1 of a message of its own; zero is left out there. */
static void wrapper_append(struct buf *out, const struct proto_field *field, const void *at)
{
    static const char zeros[sizeof(struct slice)];
    bool text = field->type == PROTO_STRING || field->type == PROTO_BYTES;
    bool zero = text ? ((const struct slice *)at)->len == 0
                     : memcmp(at, zeros, proto_field_size(field)) == 0;
    size_t start;

    proto_put_tag(out, field->number, PROTO_WIRE_BYTES);
    start = proto_run_begin(out);
    if (!zero) {
        proto_put_tag(out, 1, proto_wire_type(field->type));
        value_append(out, field, at);
    }
    proto_run_end(out, start);
}

static void repeated_append(struct buf *out, const struct proto_field *field, const void *message)
{
    size_t count = proto_count(message, field);
    size_t size = proto_field_size(field);
    const char *items = *(const char *const *)proto_at_const(message, field);
    size_t start;

    if (count == 0)
        return;
    if (!(field->flags & PROTO_PACKED)) {
        for (size_t i = 0; i < count && !out->failed; i++)
            element_append(out, field, items + i * size);
        return;
    }
    proto_put_tag(out, field->number, PROTO_WIRE_BYTES);
    start = proto_run_begin(out);
    for (size_t i = 0; i < count && !out->failed; i++)
        value_append(out, field, items + i * size);
    proto_run_end(out, start);
}

static void message_append(struct buf *out, const struct proto_message *desc, const void *message)
{
    for (size_t i = 0; i < desc->field_count && !out->failed; i++) {
        const struct proto_field *field = &desc->fields[i];

        if (field->flags & PROTO_REPEATED)
            repeated_append(out, field, message);
        else if (!proto_is_present(message, field))
            continue;
        else if (field->flags & PROTO_WRAPPER)
            wrapper_append(out, field, proto_at_const(message, field));
        else
            element_append(out, field, proto_at_const(message, field));
    }
}

int proto_encode(const struct proto_message *desc, const void *message, struct buf *out)
{
    message_append(out, desc, message);
    return out->failed ? ERR_LIMIT : 0;
}
