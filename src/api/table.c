/* SPDX-License-Identifier: Apache-2.0 */
/* Tables. See table.h. */
#include "api/table.h"

#include "api/table_int.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>

/* --- columns --- */

static void column_add(json_t *columns, const char *name, const char *type, const char *description,
                       int priority)
{
    bool is_first = json_array_size(columns) == 0;

    json_array_append_new(columns, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "type",
                                             type, "format", is_first ? "name" : "", "description",
                                             description, "priority", priority));
}

/* Events alone begin with their age and have their name last. */
static bool has_name_first(const struct api_kind *kind)
{
    return kind == NULL || strcmp(kind->kind, "Event") != 0;
}

json_t *table_columns_new(const struct api_kind *kind, const json_t *custom)
{
    json_t *columns = json_array();
    size_t i;
    json_t *column;

    if (has_name_first(kind))
        column_add(columns, "Name", "string", "Name must be unique within a namespace.", 0);
    for (size_t n = 0; kind != NULL && n < kind->column_count; n++) {
        const struct api_column *built_in = &kind->columns[n];

        column_add(columns, built_in->name,
                   strcmp(built_in->type, "date") == 0 ? "string" : built_in->type,
                   built_in->description ? built_in->description : "", built_in->priority);
    }
    json_array_foreach(custom, i, column) column_add(
        columns, json_path_string_or(column, "name", ""),
        json_path_string_or(column, "type", "string"),
        json_path_string_or(column, "description", ""), (int)json_get_int(column, "priority", 0));
    if (kind == NULL && json_array_size(custom) == 0)
        column_add(columns, "Age", "date", "", 0);
    return columns;
}

/* --- ages --- */

const char *table_age(int64_t age_ms, char *out)
{
    long long s = age_ms < 0 ? 0 : age_ms / 1000;
    long long m = s / 60, h = s / 3600, d = s / 86400;

    if (s < 120)
        snprintf(out, 32, "%llds", s);
    else if (m < 10 && s % 60 != 0)
        snprintf(out, 32, "%lldm%llds", m, s % 60);
    else if (h < 3)
        snprintf(out, 32, "%lldm", m);
    else if (h < 8 && m % 60 != 0)
        snprintf(out, 32, "%lldh%lldm", h, m % 60);
    else if (h < 48)
        snprintf(out, 32, "%lldh", h);
    else if (d < 8 && h % 24 != 0)
        snprintf(out, 32, "%lldd%lldh", d, h % 24);
    else if (d < 365 * 2)
        snprintf(out, 32, "%lldd", d);
    else if (d < 365 * 8 && d % 365 != 0)
        snprintf(out, 32, "%lldy%lldd", d / 365, d % 365);
    else
        snprintf(out, 32, "%lldy", d / 365);
    return out;
}

json_t *table_cell_of_age(const char *time_text, const char *fallback, int64_t now_ms)
{
    char text[32];
    int64_t then_ms;

    if (time_text == NULL || clock_parse_rfc3339(slice_str(time_text), &then_ms) != 0)
        return json_string(fallback);
    return json_string(table_age(now_ms - then_ms, text));
}

/* --- JSON paths of printer columns --- */

/* "[?(@.type==\"Ready\")]": the first item whose member equals the text. */
static const json_t *filter_step(const json_t *list, struct slice filter)
{
    ptrdiff_t at = slice_find(filter, SLICE("=="));
    size_t i;
    json_t *item;

    if (at < 0 || !slice_starts_with(filter, SLICE("?(@.")))
        return NULL;
    json_array_foreach(list, i, item)
    {
        char *key = mem_slice_dup(slice_trim(slice_from(slice_head(filter, (size_t)at), 4)));
        struct slice wanted = slice_trim(slice_from(filter, (size_t)at + 2));
        const char *value = json_get_string(item, key);

        mem_free(key);
        if (wanted.len > 0 && wanted.data[wanted.len - 1] == ')')
            wanted.len--;
        if (wanted.len >= 2 && value != NULL &&
            slice_eq_str(slice_make(wanted.data + 1, wanted.len - 2), value))
            return item;
    }
    return NULL;
}

static const json_t *bracket_step(const json_t *at, struct slice inner)
{
    uint64_t index;

    if (inner.len > 0 && inner.data[0] == '?')
        return filter_step(at, inner);
    if (slice_parse_u64(inner, 1u << 20, &index) == 0)
        return json_array_get(at, (size_t)index);
    if (slice_eq_str(inner, "*"))
        return json_array_get(at, 0);
    return NULL;
}

/* Subset of Kubernetes' JSONPath: .a.b, .a[0].b, .a[?(@.k=="v")].b, .a\.b. Borrowed or NULL. */
static const json_t *column_value(const json_t *object, const char *path)
{
    const json_t *at = object;
    struct slice rest = slice_str(path);

    while (at != NULL && rest.len > 0) {
        size_t len = 0;

        if (rest.data[0] == '[') {
            ptrdiff_t end = slice_find_char(rest, ']');

            if (end < 0)
                return NULL;
            at = bracket_step(at, slice_make(rest.data + 1, (size_t)end - 1));
            rest = slice_from(rest, (size_t)end + 1);
            continue;
        }
        if (rest.data[0] == '.')
            rest = slice_from(rest, 1);
        char key[256];
        size_t key_len = 0;

        while (len < rest.len && rest.data[len] != '.' && rest.data[len] != '[') {
            if (rest.data[len] == '\\' && len + 1 < rest.len)
                len++;
            if (key_len < sizeof key - 1)
                key[key_len++] = rest.data[len];
            len++;
        }
        key[key_len] = '\0';
        at = json_object_get(at, key);
        rest = slice_from(rest, len);
    }
    return at;
}

/* The cell of a custom kind's column. */
static json_t *custom_cell(const json_t *object, const char *path, const char *type, int64_t now_ms)
{
    const json_t *value = column_value(object, path);
    char *text;
    json_t *cell;

    if (strcmp(type, "date") == 0)
        return value == NULL ? json_null()
                             : table_cell_of_age(json_string_value(value), "<unknown>", now_ms);
    if (value == NULL || json_is_null(value))
        return strcmp(type, "string") == 0 ? json_string("") : json_null();
    if (!json_is_object(value) && !json_is_array(value))
        return json_deep_copy(value);
    text = json_format_str(value, JSON_FORMAT_COMPACT | JSON_FORMAT_SORTED);
    cell = json_string(text);
    mem_free(text);
    return cell;
}

/* --- forms of built-in columns --- */

static void scalar_print(struct buf *out, const json_t *value)
{
    if (json_is_integer(value))
        buf_printf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        buf_append_str(out, json_is_true(value) ? "True" : "False");
    else if (json_is_string(value))
        buf_append(out, json_slice(value));
}

json_t *table_cell_of_buf(struct buf *buf, const char *fallback)
{
    json_t *cell = buf->len ? json_string_slice(buf_slice(buf)) : json_string(fallback);

    buf_deinit(buf);
    return cell;
}

static json_t *text_cell(const json_t *object, const char *path, const char *fallback)
{
    struct buf out;

    buf_init(&out, 0);
    scalar_print(&out, column_value(object, path));
    return table_cell_of_buf(&out, fallback);
}

/* "{status.readyReplicas|0}/{spec.replicas|0}": each brace a path and what stands for an absent
 * value. */
static json_t *format_cell(const json_t *object, const char *format)
{
    struct slice rest = slice_str(format);
    struct buf out;

    buf_init(&out, 0);
    while (rest.len > 0) {
        ptrdiff_t open = slice_find_char(rest, '{');
        ptrdiff_t close = slice_find_char(rest, '}');
        struct slice inner, path;
        char *name;
        json_t *cell;

        if (open < 0 || close < open) {
            buf_append(&out, rest);
            break;
        }
        buf_append(&out, slice_head(rest, (size_t)open));
        inner = slice_make(rest.data + open + 1, (size_t)(close - open) - 1);
        rest = slice_from(rest, (size_t)close + 1);
        (void)slice_split_next(&inner, '|', &path);
        name = mem_slice_dup(path);
        cell = text_cell(object, name, "");
        buf_append(&out, json_string_length(cell) ? json_slice(cell) : inner);
        json_decref(cell);
        mem_free(name);
    }
    return table_cell_of_buf(&out, "");
}

/* "a=b,c=d" */
static json_t *map_cell(const json_t *map)
{
    struct buf out;
    const char *key;
    json_t *value;

    buf_init(&out, 0);
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
        buf_printf(&out, "%s%s=%s", out.len ? "," : "", key, json_string_value(value));
    return table_cell_of_buf(&out, "<none>");
}

json_t *table_cell_of_join(const json_t *list, const char *member, const char *fallback)
{
    struct buf out;
    size_t i;
    json_t *item;

    buf_init(&out, 0);
    json_array_foreach(list, i, item)
    {
        const char *text = member ? json_get_string(item, member) : json_string_value(item);

        if (text != NULL)
            buf_printf(&out, "%s%s", out.len ? "," : "", text);
    }
    return table_cell_of_buf(&out, fallback);
}

static json_t *built_in_cell(const struct api_kind *kind, const struct api_column *column,
                             const json_t *object, int64_t now_ms)
{
    const char *path = column->json_path;
    const json_t *value = column->form == API_COLUMN_CODE || column->form == API_COLUMN_FORMAT
                              ? NULL
                              : column_value(object, path);
    json_t *cell = NULL;

    switch (column->form) {
    case API_COLUMN_CODE:
        cell = table_cell_of_code(kind, column->name, object, now_ms);
        return cell ? cell : json_string("");
    case API_COLUMN_TEXT:
        return text_cell(object, path, column->extra);
    case API_COLUMN_INT:
        return json_integer(json_integer_value(value));
    case API_COLUMN_COUNT:
        return json_integer((json_int_t)json_array_size(value));
    case API_COLUMN_MAP:
        return map_cell(value);
    case API_COLUMN_JOIN:
        return table_cell_of_join(value, column->extra[0] ? column->extra : NULL, "");
    case API_COLUMN_AGE:
        return table_cell_of_age(json_string_value(value), column->extra, now_ms);
    case API_COLUMN_FORMAT:
        break;
    }
    return format_cell(object, path);
}

/* --- cells --- */

json_t *table_cells_new(const struct api_kind *kind, const json_t *custom, const json_t *object,
                        int64_t now_ms)
{
    json_t *cells = json_array();
    size_t i;
    json_t *column;

    if (has_name_first(kind))
        json_array_append_new(cells, json_string(json_path_string_or(object, "metadata.name", "")));
    for (size_t n = 0; kind != NULL && n < kind->column_count; n++)
        json_array_append_new(cells, built_in_cell(kind, &kind->columns[n], object, now_ms));
    json_array_foreach(custom, i, column) json_array_append_new(
        cells, custom_cell(object, json_path_string_or(column, "jsonPath", ""),
                           json_path_string_or(column, "type", "string"), now_ms));
    if (kind == NULL && json_array_size(custom) == 0)
        json_array_append_new(
            cells, table_cell_of_age(json_path_string(object, "metadata.creationTimestamp"),
                                     "<unknown>", now_ms));
    return cells;
}

/* --- whole Tables --- */

json_t *table_partial_new(const json_t *object)
{
    return json_pack("{s:s, s:s, s:O}", "kind", "PartialObjectMetadata", "apiVersion",
                     "meta.k8s.io/v1", "metadata", json_object_get(object, "metadata"));
}

json_t *table_new(const struct api_kind *kind, const json_t *custom, bool has_header)
{
    return json_pack("{s:s, s:s, s:{}, s:o, s:[]}", "kind", "Table", "apiVersion", "meta.k8s.io/v1",
                     "metadata", "columnDefinitions",
                     has_header ? table_columns_new(kind, custom) : json_null(), "rows");
}

void table_add(json_t *table, const struct api_kind *kind, const json_t *custom,
               const json_t *object, struct slice include, int64_t now_ms)
{
    json_t *row = json_object();

    json_object_set_new(row, "cells", table_cells_new(kind, custom, object, now_ms));
    if (slice_eq_str(include, "Object"))
        json_object_set(row, "object", (json_t *)object);
    else
        json_object_set_new(
            row, "object", slice_eq_str(include, "None") ? json_null() : table_partial_new(object));
    json_array_append_new(json_object_get(table, "rows"), row);
}
