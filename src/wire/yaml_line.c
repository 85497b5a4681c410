/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a YAML text its fields stand: a walk over libyaml's events that keeps the path.
 *
 * Place   analyze, for the line numbers of its messages
 * Owns    while it runs: libyaml's parser, one path
 * Limits  depth and length of the path; aliases are not followed
 */
#include "wire/yaml_int.h"

#include "base/buf.h"

#include <yaml.h>

enum { PATH_SIZE_MAX = 4096 };

struct level {
    bool is_map;
    bool key_next;   /* in a map: the next scalar is a key */
    size_t index;    /* in a list: of the next item */
    size_t path_len; /* of the collection itself */
};

struct walk {
    yaml_on_field *on_field;
    void *ctx;
    size_t document;
    struct buf path;
    struct level levels[YAML_DEPTH_DEFAULT_MAX];
    size_t depth;
};

/* A value begins: puts its step on the path. False when the event is a key. */
static bool value_begin(struct walk *walk, const yaml_event_t *event)
{
    struct level *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;

    if (!level)
        return true;
    if (level->is_map && level->key_next) {
        walk->path.len = level->path_len;
        if (event->type == YAML_SCALAR_EVENT)
            (void)buf_printf(&walk->path, "%s%.*s", level->path_len ? "." : "",
                             (int)event->data.scalar.length,
                             (const char *)event->data.scalar.value);
        level->key_next = false;
        return false;
    }
    if (level->is_map) {
        level->key_next = true;
    } else {
        walk->path.len = level->path_len;
        (void)buf_printf(&walk->path, "[%zu]", level->index++);
    }
    return true;
}

static bool document_is_empty(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           yaml_scalar_resolve(slice_make(event->data.scalar.value, event->data.scalar.length))
                   .kind == YAML_KIND_NULL;
}

/* Whether the walk is over. */
static bool node_visit(struct walk *walk, const yaml_event_t *event)
{
    bool is_root = walk->depth == 0;
    bool is_value = value_begin(walk, event);
    bool is_step = !is_value || is_root || !walk->levels[walk->depth - 1].is_map;

    if (is_root && document_is_empty(event))
        return false;
    if (is_step && !walk->on_field(walk->document, buf_slice(&walk->path),
                                   event->start_mark.line + 1, walk->ctx))
        return true;
    if (event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT) {
        if (walk->depth == YAML_DEPTH_DEFAULT_MAX || walk->path.failed)
            return true;
        walk->levels[walk->depth++] = (struct level){
            .is_map = event->type == YAML_MAPPING_START_EVENT,
            .key_next = event->type == YAML_MAPPING_START_EVENT,
            .path_len = walk->path.len,
        };
    } else if (is_root) {
        walk->document++;
    }
    return false;
}

static bool event_visit(struct walk *walk, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return true;
    case YAML_DOCUMENT_START_EVENT:
        walk->path.len = 0;
        return false;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        walk->depth--;
        walk->path.len = walk->levels[walk->depth].path_len;
        walk->document += walk->depth == 0;
        return false;
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return node_visit(walk, event);
    default:
        return false;
    }
}

void yaml_fields_each(struct slice text, yaml_on_field *on_field, void *ctx)
{
    struct walk walk = {.on_field = on_field, .ctx = ctx};
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_over = false;

    if (!yaml_parser_initialize(&parser))
        return;
    buf_init(&walk.path, PATH_SIZE_MAX);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""),
                                 text.len);
    while (!is_over && yaml_parser_parse(&parser, &event)) {
        is_over = event_visit(&walk, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    buf_deinit(&walk.path);
}
