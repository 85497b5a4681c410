/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of messages: when all are told, each text is walked once, however many point into it.
 */
#include "analyze/analysis_int.h"

#include "wire/yaml.h"

enum { KEY_SIZE_MAX = 8192 };

struct walk {
    struct analyze_text *text;
    struct buf key;
};

static const char *full_path(struct analysis *analysis, const struct analyze_place *place)
{
    const char *prefix = place->object->prefix;

    if (!place->path)
        return prefix;
    return ANALYSIS_TEXT(analysis, "%s%s%s", prefix, prefix[0] ? "." : "", place->path);
}

/* The line's place in the map: wanted from now on. */
static size_t *line_slot(struct analysis *analysis, const struct analyze_object *object,
                         const char *path)
{
    const char *key = ANALYSIS_TEXT(analysis, "%zu:%s", object->document, path);
    size_t *slot = map_get_str(&object->text->lines, key);

    if (!slot) {
        slot = ARENA_NEW(&analysis->arena, size_t);
        (void)map_put(&object->text->lines, slice_str(key), slot, NULL);
    }
    return slot;
}

static bool on_field(size_t document, struct slice path, size_t line, void *ctx)
{
    struct walk *walk = ctx;
    size_t *slot;

    walk->key.len = 0;
    if (buf_printf(&walk->key, "%zu:%.*s", document, SLICE_ARG(path)) < 0)
        return false;
    slot = map_get(&walk->text->lines, buf_slice(&walk->key));
    if (slot && *slot == 0)
        *slot = line;
    return true;
}

static void text_walk(struct analyze_text *text)
{
    struct walk walk = {.text = text};

    if (text->lines.count == 0)
        return;
    buf_init(&walk.key, KEY_SIZE_MAX);
    yaml_fields_each(text->text, on_field, &walk);
    buf_deinit(&walk.key);
}

/* The field's line, else the object's, else none. */
static const char *reference_text(struct analysis *analysis, const struct analyze_place *place)
{
    const struct analyze_object *object = place->object;
    size_t line;

    if (!object->text)
        return "";
    line = *line_slot(analysis, object, full_path(analysis, place));
    if (line == 0)
        line = *line_slot(analysis, object, object->prefix);
    return line ? ANALYSIS_TEXT(analysis, "%s:%zu", object->text->name, line) : object->text->name;
}

void analysis_lines_find(struct analysis *analysis)
{
    for (size_t i = 0; i < analysis->places.count; i++) {
        const struct analyze_place *place = &analysis->places.items[i];

        if (!place->object->text)
            continue;
        (void)line_slot(analysis, place->object, full_path(analysis, place));
        (void)line_slot(analysis, place->object, place->object->prefix);
    }
    for (size_t i = 0; i < analysis->texts.count; i++)
        text_walk(analysis->texts.items[i]);
    for (size_t i = 0; i < analysis->places.count; i++)
        analysis->messages.items[i].reference =
            reference_text(analysis, &analysis->places.items[i]);
}
