/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees to YAML as kubectl prints it, over libyaml's emitter (go-yaml's is a port of it, so
 * indentation, folding and quoting agree).
 *
 * Place   see yaml.h
 */
#include "wire/yaml_int.h"

#include "base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

static int append_bytes(void *ctx, unsigned char *bytes, size_t len)
{
    return buf_append(ctx, slice_make(bytes, len)) == 0;
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (c & 0x80);
}

/* Digits from `at` as a number, and where they end. */
static uint64_t digits_value(const char *text, size_t at, size_t *ret_end, bool seen_nonzero)
{
    uint64_t value = seen_nonzero;

    while (isdigit((unsigned char)text[at]) && value < UINT64_MAX / 10 - 1)
        value = value * 10 + (uint64_t)(text[at++] - '0');
    *ret_end = at;
    return value;
}

/* Order where the keys differ first, at `at`: letters after other characters, runs of digits by
 * their value. */
static int keys_differ(const char *a, const char *b, size_t at)
{
    bool nonzero = false;
    size_t a_end;
    size_t b_end;
    uint64_t a_value;
    uint64_t b_value;

    if (is_letter(a[at]) && is_letter(b[at]))
        return (unsigned char)a[at] - (unsigned char)b[at];
    if (is_letter(a[at]) || is_letter(b[at]))
        return is_letter(a[at]) ? 1 : -1;
    if (a[at] == '0' || b[at] == '0')
        for (size_t i = at; i > 0 && isdigit((unsigned char)a[i - 1]); i--)
            nonzero |= a[i - 1] != '0';
    a_value = digits_value(a, at, &a_end, nonzero);
    b_value = digits_value(b, at, &b_end, nonzero);
    if (a_value != b_value)
        return a_value < b_value ? -1 : 1;
    if (a_end != b_end)
        return a_end < b_end ? -1 : 1;
    return (unsigned char)a[at] - (unsigned char)b[at];
}

static int keys_compare(const void *left, const void *right)
{
    const char *a = *(const char *const *)left;
    const char *b = *(const char *const *)right;
    size_t at = 0;

    while (a[at] && a[at] == b[at])
        at++;
    if (!a[at] || !b[at])
        return (a[at] != '\0') - (b[at] != '\0');
    return keys_differ(a, b, at);
}

/* go-yaml quotes what YAML 1.1 would read as a number to base 60, "1:30". */
static bool is_sexagesimal(struct slice text)
{
    size_t at = text.len && strchr("+-", text.data[0]) ? 1 : 0;
    bool colon = false;

    if (at >= text.len || !isdigit((unsigned char)text.data[at]))
        return false;
    for (; at < text.len; at++) {
        if (text.data[at] == ':')
            colon = true;
        else if (!strchr("0123456789_.", text.data[at]))
            return false;
    }
    return colon;
}

/* One number of 1 to `max` digits, up to `high`, and the mark behind it ('\0': the end). */
static bool number_next(struct slice *text, size_t max, unsigned high, char mark)
{
    unsigned value = 0;
    size_t len = 0;

    while (len < max && len < text->len && isdigit((unsigned char)text->data[len]))
        value = value * 10 + (unsigned)(text->data[len++] - '0');
    if (len == 0 || value > high)
        return false;
    *text = slice_from(*text, len);
    if (!mark)
        return true;
    if (text->len == 0 || text->data[0] != mark)
        return false;
    *text = slice_from(*text, 1);
    return true;
}

/* "09:53:52" with a fraction or none; what follows stays in *text. */
static bool time_next(struct slice *text)
{
    if (!number_next(text, 2, 23, ':') || !number_next(text, 2, 59, ':') ||
        !number_next(text, 2, 59, '\0'))
        return false;
    if (text->len == 0 || text->data[0] != '.')
        return true;
    *text = slice_from(*text, 1);
    return number_next(text, 9, UINT32_MAX, '\0');
}

/* go-yaml quotes "2026-11-25", "2026-11-25T09:53:52.5Z" (or +01:00), "2026-11-25 09:53:52". */
static bool is_timestamp(struct slice text)
{
    char separator;

    if (text.len < 8 || text.data[4] != '-' || !number_next(&text, 4, 9999, '-') ||
        !number_next(&text, 2, 12, '-') || !number_next(&text, 2, 31, '\0'))
        return false;
    if (text.len == 0)
        return true;
    separator = text.data[0];
    text = slice_from(text, 1);
    if (!strchr("Tt ", separator) || !time_next(&text))
        return false;
    if (separator == ' ')
        return text.len == 0;
    if (slice_eq(text, SLICE("Z")))
        return true;
    return text.len == 6 && strchr("+-", text.data[0]) && text.data[3] == ':';
}

static yaml_scalar_style_t string_style(struct slice text)
{
    if (slice_find_char(text, '\n') >= 0)
        return YAML_LITERAL_SCALAR_STYLE;
    if (yaml_scalar_resolve(text).kind != YAML_KIND_STRING || is_sexagesimal(text) ||
        is_timestamp(text))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return YAML_PLAIN_SCALAR_STYLE;
}

static int emit_text(yaml_emitter_t *emitter, struct slice text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    const char *bytes = text.len ? text.data : "";

    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)bytes,
                                        (int)text.len, 1, 1, style) &&
           yaml_emitter_emit(emitter, &event);
}

static int emit_real(yaml_emitter_t *emitter, double value)
{
    char text[40];

    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return emit_text(emitter, slice_str(text), YAML_PLAIN_SCALAR_STYLE);
}

static int emit_value(yaml_emitter_t *emitter, const json_t *value);

static int emit_mapping(yaml_emitter_t *emitter, const json_t *object)
{
    size_t count = json_object_size(object);
    const char **keys = mem_calloc(count + 1, sizeof *keys);
    yaml_event_t event;
    const char *key;
    json_t *item;
    size_t i = 0;
    int ok;

    json_object_foreach((json_t *)object, key, item) keys[i++] = key;
    qsort(keys, count, sizeof *keys, keys_compare);
    ok = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
         yaml_emitter_emit(emitter, &event);
    for (i = 0; ok && i < count; i++)
        ok = emit_text(emitter, slice_str(keys[i]), string_style(slice_str(keys[i]))) &&
             emit_value(emitter, json_object_get(object, keys[i]));
    mem_free(keys);
    return ok && yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static int emit_sequence(yaml_emitter_t *emitter, const json_t *array)
{
    yaml_event_t event;
    json_t *item;
    size_t i;
    int ok;

    ok = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) &&
         yaml_emitter_emit(emitter, &event);
    json_array_foreach(array, i, item)
    {
        if (!ok)
            return 0;
        ok = emit_value(emitter, item);
    }
    return ok && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static int emit_value(yaml_emitter_t *emitter, const json_t *value)
{
    char number[32];

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return emit_mapping(emitter, value);
    case JSON_ARRAY:
        return emit_sequence(emitter, value);
    case JSON_STRING:
        return emit_text(emitter, json_slice(value), string_style(json_slice(value)));
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return emit_text(emitter, slice_str(number), YAML_PLAIN_SCALAR_STYLE);
    case JSON_REAL:
        return emit_real(emitter, json_real_value(value));
    case JSON_TRUE:
        return emit_text(emitter, SLICE("true"), YAML_PLAIN_SCALAR_STYLE);
    case JSON_FALSE:
        return emit_text(emitter, SLICE("false"), YAML_PLAIN_SCALAR_STYLE);
    default:
        return emit_text(emitter, SLICE("null"), YAML_PLAIN_SCALAR_STYLE);
    }
}

static int emit_document(yaml_emitter_t *emitter, const json_t *value)
{
    yaml_event_t event;

    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(emitter, &event) && emit_value(emitter, value) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

int yaml_format(const json_t *value, struct buf *out)
{
    yaml_emitter_t emitter;
    int ok;

    if (!yaml_emitter_initialize(&emitter))
        return ERR_NO_MEMORY;
    yaml_emitter_set_output(&emitter, append_bytes, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, 80);
    ok = emit_document(&emitter, value);
    yaml_emitter_delete(&emitter);
    if (ok)
        return 0;
    return out->failed ? ERR_LIMIT : ERR_INTERNAL;
}
