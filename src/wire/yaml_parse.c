/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text to JSON trees, over libyaml's events.
 *
 * Place   see yaml.h
 * Owns    while it runs: libyaml's parser, the anchors of the current document
 * Limits  depth, and nodes; an alias is copied, and its copy counted
 */
#include "wire/yaml_int.h"

#include "base/map.h"
#include "base/mem.h"
#include "wire/utf8.h"

#include <math.h>
#include <yaml.h>

enum { ANCHOR_MAX = 10000 };

struct reader {
    yaml_parser_t parser;
    struct map anchors; /* name -> json_t of this document */
    struct error *err;
    size_t nodes_left;
    unsigned depth_left;
};

static int fail_at(struct reader *reader, yaml_mark_t mark, int code, const char *why)
{
    return err_set(reader->err, code, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1,
                   why);
}

static int event_next(struct reader *reader, yaml_event_t *event)
{
    const yaml_parser_t *parser = &reader->parser;

    if (yaml_parser_parse(&reader->parser, event))
        return 0;
    if (parser->error == YAML_READER_ERROR)
        return err_set(reader->err, ERR_INVALID, "byte %zu: %s", parser->problem_offset,
                       parser->problem ? parser->problem : "unreadable");
    return fail_at(reader, parser->problem_mark, ERR_INVALID,
                   parser->problem ? parser->problem : "malformed YAML");
}

static int node_count(struct reader *reader, yaml_mark_t mark, size_t count)
{
    if (count > reader->nodes_left)
        return fail_at(reader, mark, ERR_LIMIT, "too many values (are aliases nested?)");
    reader->nodes_left -= count;
    return 0;
}

static size_t tree_size(const json_t *value)
{
    size_t count = 1;
    const char *key;
    json_t *item;
    size_t i;

    json_object_foreach((json_t *)value, key, item) count += tree_size(item);
    json_array_foreach(value, i, item) count += tree_size(item);
    return count;
}

static int string_value(struct reader *reader, yaml_mark_t mark, struct slice text, json_t **ret)
{
    if (memchr(text.data, '\0', text.len))
        return fail_at(reader, mark, ERR_INVALID, "text with a NUL character");
    *ret = json_string_slice(text);
    return 0;
}

/* 1e3 and 09 are 1000 and 9 in the JSON that Kubernetes makes of them. */
static json_t *real_value(double value)
{
    if (value == floor(value) && fabs(value) < 9e18)
        return json_integer((json_int_t)value);
    return json_real(value);
}

/* The value of a plain scalar without a tag. */
static int plain_value(struct reader *reader, yaml_mark_t mark, struct slice text, json_t **ret)
{
    struct yaml_scalar scalar = yaml_scalar_resolve(text);

    switch (scalar.kind) {
    case YAML_KIND_NULL:
        *ret = json_null();
        return 0;
    case YAML_KIND_BOOL:
        *ret = json_boolean(scalar.boolean);
        return 0;
    case YAML_KIND_INT:
        *ret = json_integer(scalar.integer);
        return 0;
    case YAML_KIND_REAL:
        *ret = real_value(scalar.real);
        return 0;
    case YAML_KIND_BIG:
        return fail_at(reader, mark, ERR_INVALID, "number does not fit 64 bits");
    case YAML_KIND_ENDLESS:
        return fail_at(reader, mark, ERR_INVALID, "JSON has no infinite numbers");
    default:
        return string_value(reader, mark, text, ret);
    }
}

static bool tag_is(const yaml_event_t *event, const char *tag)
{
    const char *given = (const char *)event->data.scalar.tag;

    return given && strcmp(given, tag) == 0;
}

static int scalar_value(struct reader *reader, const yaml_event_t *event, json_t **ret)
{
    static const char *const resolved[] = {YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
                                           YAML_NULL_TAG};
    struct slice text = slice_make(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (!event->data.scalar.tag || tag_is(event, "!"))
        return plain && !event->data.scalar.tag
                   ? plain_value(reader, event->start_mark, text, ret)
                   : string_value(reader, event->start_mark, text, ret);
    if (tag_is(event, YAML_STR_TAG))
        return string_value(reader, event->start_mark, text, ret);
    for (size_t i = 0; i < ARRAY_LEN(resolved); i++)
        if (tag_is(event, resolved[i]))
            return plain_value(reader, event->start_mark, text, ret);
    return fail_at(reader, event->start_mark, ERR_UNSUPPORTED, "not supported: this tag");
}

static int anchor_set(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
                      json_t *value)
{
    void *old = NULL;

    if (!anchor)
        return 0;
    if (map_put(&reader->anchors, slice_str((const char *)anchor), json_incref(value), &old) < 0) {
        json_decref(value);
        return fail_at(reader, event->start_mark, ERR_LIMIT, "too many anchors");
    }
    json_decref(old);
    return 0;
}

static int alias_value(struct reader *reader, const yaml_event_t *event, json_t **ret)
{
    const json_t *value = map_get_str(&reader->anchors, (const char *)event->data.alias.anchor);
    int rc;

    if (!value)
        return fail_at(reader, event->start_mark, ERR_INVALID, "alias of an unknown anchor");
    rc = node_count(reader, event->start_mark, tree_size(value));
    if (rc == 0)
        *ret = json_deep_copy(value);
    return rc;
}

static int node_value(struct reader *reader, const yaml_event_t *event, json_t **ret);

static int sequence_fill(struct reader *reader, json_t *array)
{
    for (;;) {
        yaml_event_t event;
        json_t *item = NULL;
        int rc = event_next(reader, &event);
        bool ended;

        if (rc < 0)
            return rc;
        ended = event.type == YAML_SEQUENCE_END_EVENT;
        rc = ended ? 0 : node_value(reader, &event, &item);
        yaml_event_delete(&event);
        if (ended || rc < 0)
            return rc;
        json_array_append_new(array, item);
    }
}

/* A mapping's key as JSON wants it: text. *ret_merge for an unquoted "<<". */
static int key_value(struct reader *reader, const yaml_event_t *event, char **ret, bool *ret_merge)
{
    SCOPED(json_drop) json_t *value = NULL;
    struct slice text;
    int rc;

    *ret_merge = false;
    if (event->type == YAML_SCALAR_EVENT) {
        text = slice_make(event->data.scalar.value, event->data.scalar.length);
        *ret_merge = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                     !event->data.scalar.tag && slice_eq_str(text, "<<");
    }
    if (event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
        return fail_at(reader, event->start_mark, ERR_INVALID, "a key must be text");
    rc = node_value(reader, event, &value);
    if (rc < 0)
        return rc;
    if (json_is_string(value))
        *ret = mem_strdup(json_string_value(value));
    else if (json_is_number(value) || json_is_boolean(value))
        *ret = json_format_str(value, JSON_FORMAT_COMPACT);
    else
        return fail_at(reader, event->start_mark, ERR_INVALID, "a key must be text");
    return 0;
}

/* Adds what `merged` (a mapping, or a list of them) has and `object` lacks. */
static int merge_into(struct reader *reader, yaml_mark_t mark, json_t *object, json_t *merged)
{
    json_t *item;
    size_t i;

    if (json_is_object(merged)) {
        json_object_update_missing(object, merged);
        return 0;
    }
    if (!json_is_array(merged))
        return fail_at(reader, mark, ERR_INVALID, "<< takes a mapping");
    json_array_foreach(merged, i, item)
    {
        if (!json_is_object(item))
            return fail_at(reader, mark, ERR_INVALID, "<< takes a mapping");
        json_object_update_missing(object, item);
    }
    return 0;
}

/* One key and its value. `merged` gathers what "<<" brings. */
static int pair_read(struct reader *reader, const yaml_event_t *key_event, json_t *object,
                     json_t *merged)
{
    SCOPED(mem_drop) char *key = NULL;
    SCOPED(json_drop) json_t *value = NULL;
    yaml_event_t event;
    bool merge;
    int rc = key_value(reader, key_event, &key, &merge);

    if (rc < 0)
        return rc;
    rc = event_next(reader, &event);
    if (rc < 0)
        return rc;
    rc = node_value(reader, &event, &value);
    yaml_event_delete(&event);
    if (rc < 0)
        return rc;
    if (merge)
        return merge_into(reader, key_event->start_mark, merged, value);
    if (json_object_get(object, key))
        return err_set(reader->err, ERR_INVALID, "line %zu, column %zu: key \"%s\" is set twice",
                       key_event->start_mark.line + 1, key_event->start_mark.column + 1, key);
    json_object_set(object, key, value);
    return 0;
}

static int mapping_fill(struct reader *reader, json_t *object)
{
    SCOPED(json_drop) json_t *merged = json_object();

    for (;;) {
        yaml_event_t event;
        int rc = event_next(reader, &event);
        bool ended;

        if (rc < 0)
            return rc;
        ended = event.type == YAML_MAPPING_END_EVENT;
        rc = ended ? 0 : pair_read(reader, &event, object, merged);
        yaml_event_delete(&event);
        if (rc < 0)
            return rc;
        if (ended)
            break;
    }
    json_object_update_missing(object, merged);
    return 0;
}

static int collection_value(struct reader *reader, const yaml_event_t *event, json_t **ret)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    json_t *value = mapping ? json_object() : json_array();
    int rc;

    if (reader->depth_left == 0) {
        json_decref(value);
        return fail_at(reader, event->start_mark, ERR_LIMIT, "nested too deeply");
    }
    reader->depth_left--;
    rc = mapping ? mapping_fill(reader, value) : sequence_fill(reader, value);
    reader->depth_left++;
    if (rc < 0)
        json_decref(value);
    else
        *ret = value;
    return rc;
}

/* The value that starts with this event; *ret is a new reference. */
static int node_value(struct reader *reader, const yaml_event_t *event, json_t **ret)
{
    const yaml_char_t *anchor = NULL;
    int rc = node_count(reader, event->start_mark, 1);

    if (rc < 0)
        return rc;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        rc = scalar_value(reader, event, ret);
        break;
    case YAML_ALIAS_EVENT:
        return alias_value(reader, event, ret);
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        rc = collection_value(reader, event, ret);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        rc = collection_value(reader, event, ret);
        break;
    default:
        return fail_at(reader, event->start_mark, ERR_INVALID, "a value is missing");
    }
    if (rc < 0)
        return rc;
    rc = anchor_set(reader, event, anchor, *ret);
    if (rc < 0)
        json_drop(ret);
    return rc;
}

static void anchors_clear(struct reader *reader)
{
    MAP_EACH (entry, &reader->anchors)
        json_decref(entry->value);
    map_clear(&reader->anchors);
}

/* The stream's events: documents are appended, empty ones left out. */
static int stream_read(struct reader *reader, json_t *documents)
{
    for (;;) {
        yaml_event_t event;
        json_t *value = NULL;
        int rc = event_next(reader, &event);
        bool ended;

        if (rc < 0)
            return rc;
        ended = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT ||
            event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            rc = node_value(reader, &event, &value);
        if (event.type == YAML_DOCUMENT_END_EVENT)
            anchors_clear(reader);
        yaml_event_delete(&event);
        if (value && !json_is_null(value))
            json_array_append_new(documents, value);
        else
            json_decref(value);
        if (ended || rc < 0)
            return rc;
    }
}

int yaml_parse(struct slice text, const struct yaml_limits *limits, json_t **ret_documents,
               struct error *err)
{
    size_t size_max = limits && limits->size_max ? limits->size_max : YAML_SIZE_DEFAULT_MAX;
    struct reader reader = {
        .err = err,
        .nodes_left = limits && limits->node_max ? limits->node_max : YAML_NODE_DEFAULT_MAX,
        .depth_left = limits && limits->depth_max ? limits->depth_max : YAML_DEPTH_DEFAULT_MAX,
    };
    json_t *documents;
    int rc;

    if (text.len > size_max)
        return err_set(err, ERR_LIMIT, "%zu bytes of YAML, more than the allowed %zu", text.len,
                       size_max);
    if (!yaml_parser_initialize(&reader.parser))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    yaml_parser_set_input_string(&reader.parser,
                                 (const unsigned char *)(text.data ? text.data : ""), text.len);
    map_init(&reader.anchors, ANCHOR_MAX);
    documents = json_array();
    rc = stream_read(&reader, documents);
    anchors_clear(&reader);
    map_deinit(&reader.anchors);
    yaml_parser_delete(&reader.parser);
    if (rc < 0)
        json_decref(documents);
    else
        *ret_documents = documents;
    return rc;
}

int yaml_parse_one(struct slice text, const struct yaml_limits *limits, json_t **ret,
                   struct error *err)
{
    SCOPED(json_drop) json_t *documents = NULL;
    int rc = yaml_parse(text, limits, &documents, err);

    if (rc < 0)
        return rc;
    if (json_array_size(documents) != 1)
        return err_set(err, ERR_INVALID, "one YAML document is expected, not %zu",
                       json_array_size(documents));
    *ret = json_incref(json_array_get(documents, 0));
    return 0;
}
