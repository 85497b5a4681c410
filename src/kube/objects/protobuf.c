/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies into JSON trees. See protobuf.h.
 *
 *   "k8s\0"  Unknown{ typeMeta(1){apiVersion(1) kind(2)}  raw(2) = the object's message }
 */
#include "kube/objects/protobuf.h"

#include "api/schema.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/base64.h"

#include <stdio.h>

enum { PROTOBUF_DEPTH_MAX = 40 };
enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_BYTES = 2, WIRE_I32 = 5 };

/* One field as it lies on the wire. */
struct wire_field {
    uint32_t number;
    unsigned type;
    uint64_t value;     /* of a varint or a fixed number */
    struct slice bytes; /* of a length-delimited field */
};

static int object_decode(const struct api_schema *schema, uint16_t inline_number,
                         struct slice message, json_t *object, int depth);
static json_t *value_decode(const struct api_schema *schema, const struct wire_field *field,
                            int depth);

static int take_varint(struct slice *rest, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        uint8_t byte = (uint8_t)rest->data[0];

        *rest = slice_from(*rest, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int take_fixed(struct slice *rest, size_t size, uint64_t *ret)
{
    if (rest->len < size)
        return ERR_INVALID;
    *ret = 0;
    memcpy(ret, rest->data, size); /* little endian, as are our machines */
    *rest = slice_from(*rest, size);
    return 0;
}

/* The next field: 1, 0 at the end, or ERR_INVALID. */
static int take_field(struct slice *rest, struct wire_field *ret)
{
    uint64_t tag;
    uint64_t len;

    if (rest->len == 0)
        return 0;
    if (take_varint(rest, &tag) != 0 || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
        return ERR_INVALID;
    *ret = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
    switch (ret->type) {
    case WIRE_VARINT:
        return take_varint(rest, &ret->value) == 0 ? 1 : ERR_INVALID;
    case WIRE_I64:
        return take_fixed(rest, 8, &ret->value) == 0 ? 1 : ERR_INVALID;
    case WIRE_I32:
        return take_fixed(rest, 4, &ret->value) == 0 ? 1 : ERR_INVALID;
    case WIRE_BYTES:
        if (take_varint(rest, &len) != 0 || len > rest->len)
            return ERR_INVALID;
        ret->bytes = slice_head(*rest, len);
        *rest = slice_from(*rest, len);
        return 1;
    default:
        return ERR_INVALID;
    }
}

/* Whether the bytes are a run of whole fields. */
static bool is_whole(struct slice message)
{
    struct wire_field field;
    int more;

    while ((more = take_field(&message, &field)) == 1)
        ;
    return more == 0;
}

/* A field of a small known message; false when absent or malformed. */
static bool find_field(struct slice message, uint32_t number, struct wire_field *ret)
{
    struct wire_field field;
    bool found = false;

    while (take_field(&message, &field) == 1) {
        if (field.number == number) {
            *ret = field;
            found = true;
        }
    }
    return found;
}

static json_t *time_decode(struct slice message, bool micro)
{
    struct wire_field seconds = {0};
    struct wire_field nanos = {0};
    char text[CLOCK_RFC3339_SIZE];
    char out[CLOCK_RFC3339_SIZE + 8];

    if (!find_field(message, 1, &seconds)) /* the zero time means none */
        return NULL;
    if (!micro)
        return json_string(clock_format_rfc3339((int64_t)seconds.value * 1000, false, text));
    find_field(message, 2, &nanos);
    clock_format_rfc3339((int64_t)seconds.value * 1000, false, text);
    snprintf(out, sizeof out, "%.19s.%06uZ", text, (unsigned)(nanos.value / 1000) % 1000000);
    return json_string(out);
}

static json_t *int_or_string_decode(struct slice message)
{
    struct wire_field type = {0};
    struct wire_field number = {0};
    struct wire_field text = {0};

    find_field(message, 1, &type);
    find_field(message, 2, &number);
    if (type.value == 1)
        return find_field(message, 3, &text) ? json_string_slice(text.bytes) : json_string("");
    return json_integer((int32_t)number.value);
}

static json_t *bytes_decode(struct slice bytes)
{
    struct buf text;
    json_t *value;

    buf_init(&text, 0);
    base64_encode(bytes, &text);
    value = json_string_slice(buf_slice(&text));
    buf_deinit(&text);
    return value;
}

static json_t *any_decode(struct slice message)
{
    struct wire_field raw;
    json_t *value = NULL;

    if (find_field(message, 1, &raw) && json_parse(raw.bytes, NULL, &value, NULL) != 0)
        return NULL;
    return value;
}

static json_t *scalar_decode(const struct api_schema *schema, const struct wire_field *field)
{
    struct wire_field text = {0};
    double real;

    switch (schema->type) {
    case API_STRING:
    case API_DURATION:
        return json_string_slice(field->bytes);
    case API_BOOL:
        return json_boolean(field->value != 0);
    case API_INT32:
        return json_integer((int32_t)field->value);
    case API_INT64:
        return json_integer((int64_t)field->value);
    case API_UINT32:
        return json_integer((uint32_t)field->value);
    case API_NUMBER:
        memcpy(&real, &field->value, sizeof real);
        return json_real(real);
    case API_BYTES:
        return bytes_decode(field->bytes);
    case API_TIME:
    case API_MICRO_TIME:
        return time_decode(field->bytes, schema->type == API_MICRO_TIME);
    case API_QUANTITY:
        return find_field(field->bytes, 1, &text) ? json_string_slice(text.bytes) : NULL;
    case API_INT_OR_STRING:
        return int_or_string_decode(field->bytes);
    case API_ANY:
        return any_decode(field->bytes);
    case API_OBJECT:
    case API_LIST:
    case API_MAP:
        break;
    }
    return NULL;
}

/* A fresh value; NULL when it means nothing or is malformed. */
static json_t *value_decode(const struct api_schema *schema, const struct wire_field *field,
                            int depth)
{
    json_t *object;

    if (schema->type != API_OBJECT)
        return scalar_decode(schema, field);
    object = json_object();
    if (object_decode(schema, 0, field->bytes, object, depth + 1) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *member_make(json_t *object, const char *name, json_t *fresh)
{
    json_t *old = json_object_get(object, name);

    if (old != NULL) {
        json_decref(fresh);
        return old;
    }
    json_object_set_new(object, name, fresh);
    return fresh;
}

static int map_entry_decode(const struct api_field *known, const struct wire_field *field,
                            json_t *object, int depth)
{
    struct wire_field key = {0};
    struct wire_field value = {.type = WIRE_BYTES};
    json_t *map = member_make(object, known->name, json_object());
    json_t *item;
    char *name;

    find_field(field->bytes, 1, &key);
    find_field(field->bytes, 2, &value);
    item = value_decode(known->schema->item, &value, depth);
    if (item == NULL)
        return ERR_INVALID;
    name = mem_slice_dup(key.bytes);
    if (json_object_set_new(map, name, item) != 0) {
        mem_free(name);
        return ERR_INVALID;
    }
    mem_free(name);
    return 0;
}

/* Repeated numbers may be packed. */
static int list_item_decode(const struct api_field *known, const struct wire_field *field,
                            json_t *object, int depth)
{
    const struct api_schema *item = known->schema->item;
    json_t *list = member_make(object, known->name, json_array());
    bool is_number = item->type >= API_BOOL && item->type <= API_UINT32;
    struct slice rest = field->bytes;
    struct wire_field number = {.type = WIRE_VARINT};
    json_t *value;

    if (is_number && field->type == WIRE_BYTES) {
        while (rest.len > 0) {
            if (take_varint(&rest, &number.value) != 0)
                return ERR_INVALID;
            json_array_append_new(list, scalar_decode(item, &number));
        }
        return 0;
    }
    value = value_decode(item, field, depth);
    return value && json_array_append_new(list, value) == 0 ? 0 : ERR_INVALID;
}

/* Zero means absent, unless the field is a pointer in Kubernetes. */
static bool is_zero(const json_t *value)
{
    return json_is_false(value) || (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_real(value) && json_real_value(value) == 0);
}

static int field_decode(const struct api_field *known, const struct wire_field *field,
                        json_t *object, int depth)
{
    json_t *value;

    if (known->schema->type == API_LIST)
        return list_item_decode(known, field, object, depth);
    if (known->schema->type == API_MAP)
        return map_entry_decode(known, field, object, depth);
    value = value_decode(known->schema, field, depth);
    if (value == NULL || (!known->keeps_zero && is_zero(value))) {
        json_decref(value);
        return known->schema->type == API_OBJECT && value == NULL ? ERR_INVALID : 0;
    }
    return json_object_set_new(object, known->name, value) == 0 ? 0 : ERR_INVALID;
}

static int object_decode(const struct api_schema *schema, uint16_t inline_number,
                         struct slice message, json_t *object, int depth)
{
    struct slice rest = message;
    struct wire_field field;
    int more;

    if (depth > PROTOBUF_DEPTH_MAX)
        return ERR_LIMIT;
    while ((more = take_field(&rest, &field)) == 1) {
        const struct api_field *known = api_field_find_number(schema, inline_number, field.number);
        int rc = 0;

        if (known != NULL)
            rc = field_decode(known, &field, object, depth);
        else if (inline_number == 0 && api_field_is_inline(schema, field.number))
            rc = object_decode(schema, (uint16_t)field.number, field.bytes, object, depth + 1);
        if (rc != 0)
            return rc;
    }
    return more;
}

int kube_protobuf_decode(struct slice body, json_t **ret, struct error *err)
{
    struct wire_field meta = {0}, raw = {0}, version = {0}, kind_name = {0};
    const struct api_kind *kind;
    json_t *object;
    char *version_text;
    char *kind_text;

    if (!slice_starts_with(body, slice_make("k8s\0", 4)))
        return err_set(err, ERR_INVALID, "the body does not begin with the protobuf prefix k8s");
    body = slice_from(body, 4);
    if (!is_whole(body))
        return err_set(err, ERR_INVALID, "the protobuf envelope is cut short");
    if (!find_field(body, 1, &meta) || !find_field(meta.bytes, 2, &kind_name))
        return err_set(err, ERR_INVALID, "the protobuf envelope names no kind");
    find_field(meta.bytes, 1, &version);
    find_field(body, 2, &raw);
    version_text = mem_slice_dup(version.bytes);
    kind_text = mem_slice_dup(kind_name.bytes);
    kind = api_kind_find_object(version_text, kind_text);
    if (kind == NULL && strcmp(kind_text, "DeleteOptions") == 0)
        kind = api_kind_find("meta.k8s.io", "", "DeleteOptions");
    object = json_object();
    json_set_string(object, "kind", kind_text);
    json_set_string(object, "apiVersion", version_text);
    mem_free(version_text);
    mem_free(kind_text);
    if (kind == NULL || object_decode(kind->schema, 0, raw.bytes, object, 0) != 0) {
        json_decref(object);
        return err_set(err, ERR_INVALID, "%s",
                       kind ? "the protobuf message is malformed" : "no protobuf for this kind");
    }
    *ret = object;
    return 0;
}
