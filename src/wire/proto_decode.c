/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bytes to structs. The bytes come from a peer: every length is checked against what is
 * left, nesting and memory are bounded, and what the tables do not know is skipped and reported.
 *
 * Place   see proto.h
 * Limits  struct proto_limits
 * Spec    protobuf encoding; a repeated singular message is merged, a later scalar wins, packed and
 *         unpacked forms are both read
 */
#include "wire/proto_int.h"

#include "wire/utf8.h"

#include <inttypes.h>
#include <stdio.h>

/* What is left to read at one level, and where that level is. */
struct input {
    struct slice left;
    const struct proto_path *path;
};

static int varint_read(struct slice *in, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < in->len && i < 10; i++) {
        uint8_t byte = (uint8_t)in->data[i];

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (i == 9 && byte > 1)
                return ERR_INVALID;
            *in = slice_from(*in, i + 1);
            *ret = value;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int bytes_read(struct slice *in, uint64_t len, struct slice *ret)
{
    if (len > in->len)
        return ERR_INVALID;
    *ret = slice_head(*in, (size_t)len);
    *in = slice_from(*in, (size_t)len);
    return 0;
}

static int run_read(struct slice *in, struct slice *ret)
{
    uint64_t len;

    return varint_read(in, &len) < 0 ? ERR_INVALID : bytes_read(in, len, ret);
}

/* Skips a field of that wire type; groups nest. */
static int field_skip(struct slice *in, uint32_t number, unsigned wire, unsigned depth_left)
{
    struct slice skipped;
    uint64_t value;

    switch (wire) {
    case PROTO_WIRE_VARINT:
        return varint_read(in, &value);
    case PROTO_WIRE_64:
        return bytes_read(in, 8, &skipped);
    case PROTO_WIRE_32:
        return bytes_read(in, 4, &skipped);
    case PROTO_WIRE_BYTES:
        return run_read(in, &skipped);
    case PROTO_WIRE_GROUP:
        break;
    default:
        return ERR_INVALID;
    }
    while (depth_left > 0 && varint_read(in, &value) == 0) {
        if ((value & 7) == PROTO_WIRE_GROUP_END)
            return value >> 3 == number ? 0 : ERR_INVALID;
        if (field_skip(in, (uint32_t)(value >> 3), value & 7, depth_left - 1) < 0)
            break;
    }
    return ERR_INVALID;
}

static int64_t zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static void varint_store(uint8_t type, uint64_t value, void *at)
{
    switch (type) {
    case PROTO_INT64:
    case PROTO_UINT64:
        *(uint64_t *)at = value;
        break;
    case PROTO_BOOL:
        *(bool *)at = value != 0;
        break;
    case PROTO_SINT32:
        *(int32_t *)at = (int32_t)zigzag((uint32_t)value);
        break;
    case PROTO_SINT64:
        *(int64_t *)at = zigzag(value);
        break;
    default: /* int32, uint32, enum: the low half */
        *(uint32_t *)at = (uint32_t)value;
    }
}

/* Reads a scalar or text into its place. */
static int value_read(struct proto_reader *reader, const struct proto_field *field,
                      struct input *in, void *at)
{
    struct slice bytes;
    uint64_t value;
    int rc = 0;

    switch (proto_wire_type(field->type)) {
    case PROTO_WIRE_VARINT:
        rc = varint_read(&in->left, &value);
        if (rc == 0)
            varint_store(field->type, value, at);
        break;
    case PROTO_WIRE_BYTES:
        rc = run_read(&in->left, &bytes);
        if (rc < 0)
            break;
        if (field->type == PROTO_STRING && !utf8_valid(bytes))
            return proto_reader_fail(reader, in->path, ERR_INVALID, "text is not UTF-8");
        if (proto_reader_dup(reader, bytes, at) < 0)
            return proto_reader_fail(reader, in->path, ERR_LIMIT, "message needs too much memory");
        break;
    default:
        rc = bytes_read(&in->left, proto_wire_type(field->type) == PROTO_WIRE_64 ? 8 : 4, &bytes);
        if (rc == 0)
            memcpy(at, bytes.data, bytes.len);
    }
    if (rc < 0)
        return proto_reader_fail(reader, in->path, ERR_INVALID, "truncated or malformed value");
    return 0;
}

static int message_read(struct proto_reader *reader, const struct proto_message *desc,
                        struct input in, void *message);

/* Reads the run of a nested message and decodes it into `message`. */
static int nested_read(struct proto_reader *reader, const struct proto_message *desc,
                       struct input *in, void *message)
{
    struct input nested = {.path = in->path};
    int rc;

    if (run_read(&in->left, &nested.left) < 0)
        return proto_reader_fail(reader, in->path, ERR_INVALID, "truncated message");
    if (reader->depth_left == 0)
        return proto_reader_fail(reader, in->path, ERR_LIMIT, "nested too deeply");
    reader->depth_left--;
    rc = message_read(reader, desc, nested, message);
    reader->depth_left++;
    return rc;
}

/* The message that a pointer field holds, made when it is not there yet. */
static int submessage_get(struct proto_reader *reader, const struct proto_field *field,
                          const struct input *in, void **at)
{
    if (*at)
        return 0;
    *at = proto_reader_alloc(reader, field->message->size);
    if (!*at)
        return proto_reader_fail(reader, in->path, ERR_LIMIT, "message needs too much memory");
    return 0;
}

static int wrapper_read(struct proto_reader *reader, const struct proto_field *field,
                        struct input *in, void *at)
{
    struct input nested = {.path = in->path};
    uint64_t tag;

    memset(at, 0, proto_field_size(field));
    if (run_read(&in->left, &nested.left) < 0)
        return proto_reader_fail(reader, in->path, ERR_INVALID, "truncated message");
    while (nested.left.len > 0) {
        int rc = varint_read(&nested.left, &tag);

        if (rc < 0)
            return proto_reader_fail(reader, in->path, ERR_INVALID, "malformed tag");
        if (tag >> 3 == 1 && (tag & 7) == proto_wire_type(field->type)) {
            rc = value_read(reader, field, &nested, at);
            if (rc < 0)
                return rc;
            continue;
        }
        if (field_skip(&nested.left, (uint32_t)(tag >> 3), tag & 7, reader->depth_left) < 0)
            return proto_reader_fail(reader, in->path, ERR_INVALID, "malformed field");
    }
    return 0;
}

static int packed_read(struct proto_reader *reader, const struct proto_field *field,
                       struct input *in, void *message)
{
    struct input run = {.path = in->path};

    if (run_read(&in->left, &run.left) < 0)
        return proto_reader_fail(reader, in->path, ERR_INVALID, "truncated list");
    while (run.left.len > 0) {
        void *at = proto_reader_push(reader, field, message);
        int rc;

        if (!at)
            return proto_reader_fail(reader, in->path, ERR_LIMIT, "message needs too much memory");
        rc = value_read(reader, field, &run, at);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int repeated_read(struct proto_reader *reader, const struct proto_field *field,
                         struct input *in, void *message)
{
    void *at = proto_reader_push(reader, field, message);
    int rc;

    if (!at)
        return proto_reader_fail(reader, in->path, ERR_LIMIT, "message needs too much memory");
    if (field->type != PROTO_MESSAGE)
        return value_read(reader, field, in, at);
    rc = submessage_get(reader, field, in, at);
    return rc < 0 ? rc : nested_read(reader, field->message, in, *(void **)at);
}

static int singular_read(struct proto_reader *reader, const struct proto_field *field,
                         struct input *in, void *message)
{
    void *at = proto_at(message, field);
    int rc;

    if ((field->flags & PROTO_ONEOF) && !proto_is_present(message, field))
        memset(at, 0, proto_field_size(field)); /* another member may lie there */
    proto_presence_set(message, field);
    if (field->flags & PROTO_WRAPPER)
        return wrapper_read(reader, field, in, at);
    if (field->type != PROTO_MESSAGE)
        return value_read(reader, field, in, at);
    if (field->flags & PROTO_INLINE)
        return nested_read(reader, field->message, in, at);
    rc = submessage_get(reader, field, in, at);
    return rc < 0 ? rc : nested_read(reader, field->message, in, *(void **)at);
}

static int field_read(struct proto_reader *reader, const struct proto_field *field, unsigned wire,
                      struct input *in, void *message, bool *ret_known)
{
    struct proto_path path = {in->path, field->name, 0, false};
    struct input here = {in->left, &path};
    unsigned own_wire =
        field->flags & PROTO_WRAPPER ? (unsigned)PROTO_WIRE_BYTES : proto_wire_type(field->type);
    bool scalars = (field->flags & PROTO_REPEATED) && own_wire != PROTO_WIRE_BYTES;
    int rc = 0;

    *ret_known = true;
    if (field->flags & PROTO_REPEATED) {
        path.index = proto_count(message, field);
        path.indexed = true;
    }
    if (scalars && wire == PROTO_WIRE_BYTES)
        rc = packed_read(reader, field, &here, message);
    else if (wire != own_wire)
        *ret_known = false;
    else if (field->flags & PROTO_REPEATED)
        rc = repeated_read(reader, field, &here, message);
    else
        rc = singular_read(reader, field, &here, message);
    in->left = here.left;
    return rc;
}

static int message_read(struct proto_reader *reader, const struct proto_message *desc,
                        struct input in, void *message)
{
    while (in.left.len > 0) {
        const struct proto_field *field;
        bool known = false;
        char name[24];
        uint64_t tag;

        if (varint_read(&in.left, &tag) < 0 || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
            return proto_reader_fail(reader, in.path, ERR_INVALID, "malformed tag");
        field = proto_field_by_number(desc, (uint32_t)(tag >> 3));
        if (field) {
            int rc = field_read(reader, field, tag & 7, &in, message, &known);

            if (rc < 0)
                return rc;
        }
        if (known)
            continue;
        snprintf(name, sizeof name, "#%" PRIu64, tag >> 3);
        proto_reader_report(reader, in.path, name);
        if (field_skip(&in.left, (uint32_t)(tag >> 3), tag & 7, reader->depth_left) < 0)
            return proto_reader_fail(reader, in.path, ERR_INVALID, "malformed field %s", name);
    }
    return 0;
}

int proto_decode(const struct proto_message *desc, struct slice in,
                 const struct proto_limits *limits, struct arena *arena, void **ret,
                 struct proto_report *report, struct error *err)
{
    struct proto_reader reader;
    void *message;
    int rc;

    proto_reader_init(&reader, limits, arena, report, err);
    message = proto_reader_alloc(&reader, desc->size);
    if (!message)
        return proto_reader_fail(&reader, NULL, ERR_LIMIT, "message needs too much memory");
    rc = message_read(&reader, desc, (struct input){in, NULL}, message);
    if (rc == 0)
        *ret = message;
    return rc;
}
