/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf structs by table: presence, registry, Any, and the state that both decoders share.
 *
 * Place   see proto.h and proto_int.h
 */
#include "wire/proto_int.h"

#include "wire/pb_known.h"

#include <stdarg.h>
#include <stdio.h>

void proto_reader_init(struct proto_reader *reader, const struct proto_limits *limits,
                       struct arena *arena, struct proto_report *report, struct error *err)
{
    *reader = (struct proto_reader){
        .arena = arena,
        .report = report,
        .err = err,
        .memory_left = limits && limits->memory_max ? limits->memory_max : PROTO_MEMORY_DEFAULT_MAX,
        .depth_left = limits && limits->depth_max ? limits->depth_max : PROTO_DEPTH_DEFAULT_MAX,
    };
}

void *proto_reader_alloc(struct proto_reader *reader, size_t size)
{
    if (size > reader->memory_left)
        return NULL;
    reader->memory_left -= size;
    return arena_alloc(reader->arena, size);
}

int proto_reader_dup(struct proto_reader *reader, struct slice text, struct slice *ret)
{
    if (text.len == 0) {
        *ret = slice_make("", 0);
        return 0;
    }
    if (text.len >= reader->memory_left)
        return ERR_LIMIT;
    reader->memory_left -= text.len + 1;
    *ret = arena_slice_dup(reader->arena, text);
    return 0;
}

/* Arrays have no capacity field: they hold a power of two, so a full one is known by its count. */
static bool array_is_full(size_t count)
{
    return count == 0 || (count >= 4 && (count & (count - 1)) == 0);
}

static size_t array_grown_count(size_t count)
{
    return count == 0 ? 4 : count * 2;
}

void *proto_array_grow(struct arena *arena, void *items, size_t count, size_t item_size)
{
    void *grown;

    if (!array_is_full(count))
        return items;
    grown = arena_calloc(arena, array_grown_count(count), item_size);
    if (count > 0)
        memcpy(grown, items, count * item_size);
    return grown;
}

void *proto_reader_push(struct proto_reader *reader, const struct proto_field *field, void *message)
{
    size_t size = proto_field_size(field);
    void **items = proto_at(message, field);
    size_t *count = (size_t *)(void *)((char *)message + field->presence);

    if (array_is_full(*count)) {
        void *grown = proto_reader_alloc(reader, array_grown_count(*count) * size);

        if (!grown)
            return NULL;
        if (*count > 0)
            memcpy(grown, *items, *count * size);
        *items = grown;
    }
    return (char *)*items + (*count)++ * size;
}

const char *proto_path_format(const struct proto_path *path, char *out, size_t size)
{
    const struct proto_path *frames[PROTO_DEPTH_DEFAULT_MAX];
    size_t count = 0;
    size_t len = 0;

    out[0] = '\0';
    for (; path && count < ARRAY_LEN(frames); path = path->parent)
        frames[count++] = path;
    while (count-- > 0 && len < size - 1) {
        const struct proto_path *frame = frames[count];

        if (frame->name)
            snprintf(out + len, size - len, "%s%s", len ? "." : "", frame->name);
        len += strlen(out + len);
        if (frame->indexed)
            snprintf(out + len, size - len, "[%zu]", frame->index);
        len += strlen(out + len);
    }
    return out;
}

int proto_reader_fail(struct proto_reader *reader, const struct proto_path *path, int code,
                      const char *fmt, ...)
{
    char place[PROTO_PATH_MAX];
    char reason[ERR_REASON_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    return err_set_path(reader->err, code, proto_path_format(path, place, sizeof place), "%s",
                        reason);
}

void proto_reader_report(struct proto_reader *reader, const struct proto_path *path,
                         const char *name)
{
    struct proto_report *report = reader->report;
    char place[PROTO_PATH_MAX];

    if (!report)
        return;
    report->unknown_count++;
    if (report->path_count == PROTO_REPORT_PATH_MAX)
        return;
    proto_path_format(path, place, sizeof place);
    report->paths[report->path_count++] =
        arena_printf(reader->arena, "%s%s%s", place, *place ? "." : "", name);
}

size_t proto_field_size(const struct proto_field *field)
{
    static const uint8_t sizes[] = {
        [PROTO_DOUBLE] = sizeof(double),       [PROTO_FLOAT] = sizeof(float),
        [PROTO_INT64] = sizeof(int64_t),       [PROTO_UINT64] = sizeof(uint64_t),
        [PROTO_INT32] = sizeof(int32_t),       [PROTO_FIXED64] = sizeof(uint64_t),
        [PROTO_FIXED32] = sizeof(uint32_t),    [PROTO_BOOL] = sizeof(bool),
        [PROTO_STRING] = sizeof(struct slice), [PROTO_MESSAGE] = sizeof(void *),
        [PROTO_BYTES] = sizeof(struct slice),  [PROTO_UINT32] = sizeof(uint32_t),
        [PROTO_ENUM] = sizeof(int32_t),        [PROTO_SFIXED32] = sizeof(int32_t),
        [PROTO_SFIXED64] = sizeof(int64_t),    [PROTO_SINT32] = sizeof(int32_t),
        [PROTO_SINT64] = sizeof(int64_t),
    };

    if (field->flags & PROTO_INLINE)
        return field->message->size;
    return sizes[field->type];
}

const struct proto_field *proto_field_by_number(const struct proto_message *desc, uint32_t number)
{
    size_t low = 0;
    size_t high = desc->field_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (desc->fields[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < desc->field_count && desc->fields[low].number == number)
        return &desc->fields[low];
    return NULL;
}

unsigned proto_wire_type(uint8_t type)
{
    switch (type) {
    case PROTO_DOUBLE:
    case PROTO_FIXED64:
    case PROTO_SFIXED64:
        return PROTO_WIRE_64;
    case PROTO_FLOAT:
    case PROTO_FIXED32:
    case PROTO_SFIXED32:
        return PROTO_WIRE_32;
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_MESSAGE:
        return PROTO_WIRE_BYTES;
    default:
        return PROTO_WIRE_VARINT;
    }
}

bool proto_is_present(const void *message, const struct proto_field *field)
{
    static const char zeros[sizeof(struct slice)];
    const char *presence = (const char *)message + field->presence;
    const void *at = proto_at_const(message, field);

    if (field->flags & PROTO_ONEOF)
        return *(const uint32_t *)(const void *)presence == field->number;
    if (field->flags & PROTO_HAS)
        return *(const bool *)(const void *)presence;
    if (field->type == PROTO_STRING || field->type == PROTO_BYTES)
        return ((const struct slice *)at)->len > 0;
    return memcmp(at, zeros, proto_field_size(field)) != 0;
}

void proto_presence_set(void *message, const struct proto_field *field)
{
    char *presence = (char *)message + field->presence;

    if (field->flags & PROTO_ONEOF)
        *(uint32_t *)(void *)presence = field->number;
    else if (field->flags & PROTO_HAS)
        *(bool *)(void *)presence = true;
}

const struct proto_message *proto_registry_find(const struct proto_registry *registry,
                                                struct slice name_or_url)
{
    struct slice name = name_or_url;
    size_t low = 0;
    size_t high = registry ? registry->message_count : 0;

    for (size_t i = name.len; i > 0; i--) {
        if (name.data[i - 1] == '/') {
            name = slice_from(name, i);
            break;
        }
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_cmp(slice_str(registry->messages[middle]->name), name);

        if (order == 0)
            return registry->messages[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct pb_any *proto_any_pack(struct arena *arena, const struct proto_message *desc,
                              const void *message)
{
    struct pb_any *any = ARENA_NEW(arena, struct pb_any);
    struct buf bytes;

    buf_init(&bytes, SIZE_MAX / 2);
    ASSERT(proto_encode(desc, message, &bytes) == 0);
    any->type_url = slice_str(arena_printf(arena, "type.googleapis.com/%s", desc->name));
    any->value = bytes.len ? arena_slice_dup(arena, buf_slice(&bytes)) : slice_make("", 0);
    buf_deinit(&bytes);
    return any;
}

bool proto_any_is(const struct pb_any *any, const struct proto_message *desc)
{
    const struct proto_registry only = {&desc, 1};

    return any && proto_registry_find(&only, any->type_url) == desc;
}

int proto_any_unpack(const struct pb_any *any, const struct proto_message *desc,
                     struct arena *arena, void **ret, struct proto_report *report,
                     struct error *err)
{
    if (!proto_any_is(any, desc))
        return err_set(err, ERR_INVALID, "holds %.*s where %s is expected",
                       SLICE_ARG(any ? any->type_url : SLICE("nothing")), desc->name);
    return proto_decode(desc, any->value, NULL, arena, ret, report, err);
}

const char *proto_enum_name(const struct proto_enum *values, int32_t number)
{
    for (size_t i = 0; i < values->value_count; i++)
        if (values->values[i].number == number)
            return values->values[i].name;
    return NULL;
}
