/* SPDX-License-Identifier: Apache-2.0 */
/* A v2 document in protobuf, by tables of its members. See openapi_v2.h.
 *
 * gnostic puts maps and alternatives into messages of their own, so a member has a path of field
 * numbers; `definitions` is {9, 1}: field 1 (a list of names with values) of the message in field
 * 9. Values without a type (defaults, members "x-...") are JSON texts.
 */
#include "api/openapi_v2.h"

#include <string.h>

#include "base/err.h"
#include "wire/json.h"
#include "wire/proto.h"

enum { NUMBERS_MAX = 5, NAMED_NAME = 1, NAMED_VALUE = 2, ANY_YAML = 2 };

enum form {
    TEXT,     /* string */
    TEXTS,    /* repeated string */
    FLAG,     /* bool */
    INTEGER,  /* int64 */
    REAL,     /* double */
    ANY,      /* any value */
    ANYS,     /* repeated */
    MESSAGE,  /* an object with a table */
    MESSAGES, /* repeated */
    NAMED,    /* an object whose members have a table: repeated {name, value} */
};

struct table;

struct member {
    const char *name;
    uint8_t numbers[NUMBERS_MAX]; /* 0 at the end */
    enum form form;
    const struct table *table; /* of messages */
};

struct table {
    const struct member *members; /* name NULL at the end */
    uint8_t extension;            /* of members "x-..."; 0: none */
};

static const struct table schema_table;

static const struct member schema_members[] = {
    {"$ref", {1}, TEXT, NULL},
    {"format", {2}, TEXT, NULL},
    {"title", {3}, TEXT, NULL},
    {"description", {4}, TEXT, NULL},
    {"default", {5}, ANY, NULL},
    {"multipleOf", {6}, REAL, NULL},
    {"maximum", {7}, REAL, NULL},
    {"exclusiveMaximum", {8}, FLAG, NULL},
    {"minimum", {9}, REAL, NULL},
    {"exclusiveMinimum", {10}, FLAG, NULL},
    {"maxLength", {11}, INTEGER, NULL},
    {"minLength", {12}, INTEGER, NULL},
    {"pattern", {13}, TEXT, NULL},
    {"maxItems", {14}, INTEGER, NULL},
    {"minItems", {15}, INTEGER, NULL},
    {"uniqueItems", {16}, FLAG, NULL},
    {"maxProperties", {17}, INTEGER, NULL},
    {"minProperties", {18}, INTEGER, NULL},
    {"required", {19}, TEXTS, NULL},
    {"enum", {20}, ANYS, NULL},
    {"additionalProperties", {21, 1}, MESSAGE, &schema_table},
    {"type", {22, 1}, TEXT, NULL},
    {"items", {23, 1}, MESSAGE, &schema_table},
    {"properties", {25, 1}, NAMED, &schema_table},
    {NULL, {0}, TEXT, NULL},
};

static const struct table schema_table = {schema_members, 31};

/* In a query alone, which is where ours are. */
static const struct member parameter_members[] = {
    {"in", {2}, TEXT, NULL},
    {"name", {4}, TEXT, NULL},
    {"type", {6}, TEXT, NULL},
    {NULL, {0}, TEXT, NULL},
};

static const struct table parameter_table = {parameter_members, 23};

static const struct member response_members[] = {
    {"description", {1, 1}, TEXT, NULL},
    {NULL, {0}, TEXT, NULL},
};

static const struct table response_table = {response_members, 0};

static const struct member operation_members[] = {
    {"parameters", {8, 1, 2, 3}, MESSAGES, &parameter_table},
    {"responses", {9, 1}, NAMED, &response_table},
    {NULL, {0}, TEXT, NULL},
};

static const struct table operation_table = {operation_members, 13};

static const struct member path_members[] = {
    {"get", {2}, MESSAGE, &operation_table},
    {"patch", {8}, MESSAGE, &operation_table},
    {NULL, {0}, TEXT, NULL},
};

static const struct table path_table = {path_members, 10};

static const struct member info_members[] = {
    {"title", {1}, TEXT, NULL},
    {"version", {2}, TEXT, NULL},
    {NULL, {0}, TEXT, NULL},
};

static const struct table info_table = {info_members, 7};

static const struct member document_members[] = {
    {"swagger", {1}, TEXT, NULL},
    {"info", {2}, MESSAGE, &info_table},
    {"paths", {8, 2}, NAMED, &path_table},
    {"definitions", {9, 1}, NAMED, &schema_table},
    {NULL, {0}, TEXT, NULL},
};

static const struct table document_table = {document_members, 16};

/* --- runs of bytes --- */

/* What is written between the two is in the field at the end of a path of numbers. */
struct run {
    size_t starts[NUMBERS_MAX];
    size_t count;
};

static struct run run_open(struct buf *out, const uint8_t *numbers)
{
    struct run run = {.count = 0};

    for (; numbers[run.count] != 0; run.count++) {
        proto_put_tag(out, numbers[run.count], PROTO_WIRE_BYTES);
        run.starts[run.count] = proto_run_begin(out);
    }
    return run;
}

static void run_close(struct buf *out, const struct run *run)
{
    for (size_t i = run->count; i-- > 0;)
        proto_run_end(out, run->starts[i]);
}

/* --- values --- */

static const uint8_t name_number[] = {NAMED_NAME, 0};
static const uint8_t value_number[] = {NAMED_VALUE, 0};

static void put_object(struct buf *out, const struct table *table, const json_t *object);

static void put_text(struct buf *out, const uint8_t *numbers, struct slice text)
{
    struct run run = run_open(out, numbers);

    (void)buf_append(out, text);
    run_close(out, &run);
}

static void put_number(struct buf *out, unsigned number, int64_t value)
{
    proto_put_tag(out, number, PROTO_WIRE_VARINT);
    proto_put_varint(out, (uint64_t)value);
}

static void put_real(struct buf *out, unsigned number, double value)
{
    proto_put_tag(out, number, PROTO_WIRE_64);
    proto_put_fixed(out, &value, sizeof(value));
}

static void put_any(struct buf *out, const uint8_t *numbers, const json_t *value)
{
    static const uint8_t yaml_number[] = {ANY_YAML, 0};
    struct run run = run_open(out, numbers);
    struct run text = run_open(out, yaml_number);

    (void)json_format(value, JSON_FORMAT_COMPACT, out);
    run_close(out, &text);
    run_close(out, &run);
}

static void put_message(struct buf *out, const uint8_t *numbers, const struct table *table,
                        const json_t *object)
{
    struct run run = run_open(out, numbers);

    put_object(out, table, object);
    run_close(out, &run);
}

/* The last number of the path is of each entry, the others of the list. */
static void put_named(struct buf *out, const struct member *member, const json_t *map)
{
    const uint8_t list_number[] = {member->numbers[0], 0};
    struct run list = run_open(out, list_number);
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        struct run entry = run_open(out, member->numbers + 1);

        put_text(out, name_number, slice_str(name));
        put_message(out, value_number, member->table, value);
        run_close(out, &entry);
    }
    run_close(out, &list);
}

static void put_each(struct buf *out, const struct member *member, const json_t *list)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (member->form == TEXTS)
            put_text(out, member->numbers, json_slice(item));
        else if (member->form == ANYS)
            put_any(out, member->numbers, item);
        else
            put_message(out, member->numbers, member->table, item);
    }
}

static void put_member(struct buf *out, const struct member *member, const json_t *value)
{
    switch (member->form) {
    case TEXT:
        put_text(out, member->numbers, json_slice(value));
        break;
    case FLAG:
        put_number(out, member->numbers[0], json_is_true(value));
        break;
    case INTEGER:
        put_number(out, member->numbers[0], json_integer_value(value));
        break;
    case REAL:
        put_real(out, member->numbers[0], json_number_value(value));
        break;
    case ANY:
        put_any(out, member->numbers, value);
        break;
    case MESSAGE:
        put_message(out, member->numbers, member->table, value);
        break;
    case NAMED:
        put_named(out, member, value);
        break;
    case TEXTS:
    case ANYS:
    case MESSAGES:
        put_each(out, member, value);
        break;
    }
}

static void put_extension(struct buf *out, uint8_t number, const char *name, const json_t *value)
{
    struct run entry = run_open(out, (const uint8_t[]){number, 0});

    put_text(out, name_number, slice_str(name));
    put_any(out, value_number, value);
    run_close(out, &entry);
}

/* Members that the table does not have are left out. */
static void put_object(struct buf *out, const struct table *table, const json_t *object)
{
    const char *name;
    json_t *value;

    for (const struct member *member = table->members; member->name != NULL; member++) {
        value = json_object_get(object, member->name);
        if (value != NULL)
            put_member(out, member, value);
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (table->extension && strncmp(name, "x-", 2) == 0)
            put_extension(out, table->extension, name, value);
    }
}

int openapi_v2_encode(const json_t *v2, struct buf *out)
{
    put_object(out, &document_table, v2);
    return out->failed ? ERR_LIMIT : 0;
}
