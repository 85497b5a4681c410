/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing with limits, paths and output around jansson.
 *
 * jansson recurses as deep as its input nests, so the depth is measured before it sees the text.
 *
 * Place   see json.h
 */
#include "wire/json.h"

#include "base/mem.h"
#include "wire/utf8.h"

#include <stdio.h>
#include <stdlib.h>

/* Depth of nesting of the text, were it valid JSON. */
static unsigned text_depth(struct slice text)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
            continue;
        }
        if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = MAX(deepest, depth);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

int json_parse(struct slice text, const struct json_limits *limits, json_t **ret, struct error *err)
{
    size_t size_max = limits && limits->size_max ? limits->size_max : JSON_SIZE_DEFAULT_MAX;
    unsigned depth_max = limits && limits->depth_max ? limits->depth_max : JSON_DEPTH_DEFAULT_MAX;
    size_t flags = JSON_DECODE_ANY;
    json_error_t why;
    json_t *value;

    if (text.len > size_max)
        return err_set(err, ERR_LIMIT, "%zu bytes of JSON, more than the allowed %zu", text.len,
                       size_max);
    if (text_depth(text) > depth_max)
        return err_set(err, ERR_LIMIT, "JSON nested deeper than %u levels", depth_max);
    if (limits && limits->duplicate_refuse)
        flags |= JSON_REJECT_DUPLICATES;
    value = json_loadb(text.len ? text.data : "", text.len, flags, &why);
    if (!value)
        return err_set(err, ERR_INVALID, "line %d, column %d: %s", MAX(why.line, 1),
                       MAX(why.column, 0), why.text);
    *ret = value;
    return 0;
}

static int append_text(const char *text, size_t len, void *ctx)
{
    return buf_append(ctx, slice_make(text, len)) == 0 ? 0 : -1;
}

int json_format(const json_t *value, unsigned format, struct buf *out)
{
    size_t flags = JSON_ENCODE_ANY;

    flags |= format & JSON_FORMAT_PRETTY ? JSON_INDENT(4) : JSON_COMPACT;
    if (format & JSON_FORMAT_SORTED)
        flags |= JSON_SORT_KEYS;
    if (json_dump_callback(value, append_text, out, flags) < 0)
        return out->failed ? ERR_LIMIT : ERR_INVALID;
    return 0;
}

char *json_format_str(const json_t *value, unsigned format)
{
    struct buf out;

    buf_init(&out, SIZE_MAX / 2);
    if (json_format(value, format, &out) < 0 || out.len == 0) {
        buf_deinit(&out);
        return mem_strdup("null");
    }
    return buf_take(&out);
}

enum { STEP_KEY_MAX = 512 };

/* One step of a path: a key, or an index. */
struct step {
    bool is_index;
    size_t index;
    char key[STEP_KEY_MAX];
};

static bool step_key_set(struct step *step, const char *text, size_t len)
{
    if (len == 0 || len >= sizeof step->key)
        return false;
    memcpy(step->key, text, len);
    step->key[len] = '\0';
    step->is_index = false;
    return true;
}

/* Reads "[12]" or ["key"] at *path. */
static bool bracket_next(const char **path, struct step *step)
{
    const char *at = *path + 1;
    const char *end;
    uint64_t index;

    if (*at == '"') {
        end = strstr(at + 1, "\"]");
        if (!end || !step_key_set(step, at + 1, (size_t)(end - at - 1)))
            return false;
        *path = end + 2;
        return true;
    }
    end = strchr(at, ']');
    if (!end || slice_parse_u64(slice_make(at, (size_t)(end - at)), SIZE_MAX, &index) < 0)
        return false;
    step->is_index = true;
    step->index = index;
    *path = end + 1;
    return true;
}

/* Cuts the next step off *path; false at the end, or when it is malformed (*path is then not at its
 * end). */
static bool step_next(const char **path, struct step *step)
{
    size_t len;

    if (**path == '.')
        (*path)++;
    if (**path == '\0')
        return false;
    if (**path == '[')
        return bracket_next(path, step);
    len = strcspn(*path, ".[");
    if (!step_key_set(step, *path, len))
        return false;
    *path += len;
    return true;
}

static json_t *step_get(const json_t *value, const struct step *step)
{
    return step->is_index ? json_array_get(value, step->index) : json_object_get(value, step->key);
}

json_t *json_path_get(const json_t *root, const char *path)
{
    union {
        const json_t *in;
        json_t *out;
    } value = {.in = root};
    struct step step;

    while (value.in && step_next(&path, &step))
        value.out = step_get(value.in, &step);
    return *path == '\0' ? value.out : NULL;
}

const char *json_path_string(const json_t *root, const char *path)
{
    return json_string_value(json_path_get(root, path));
}

const char *json_path_string_or(const json_t *root, const char *path, const char *fallback)
{
    const char *text = json_path_string(root, path);

    return text ? text : fallback;
}

bool json_path_is(const json_t *root, const char *path, const char *text)
{
    const char *value = json_path_string(root, path);

    return value && strcmp(value, text) == 0;
}

int64_t json_path_int(const json_t *root, const char *path, int64_t fallback)
{
    const json_t *value = json_path_get(root, path);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_path_bool(const json_t *root, const char *path, bool fallback)
{
    const json_t *value = json_path_get(root, path);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

double json_path_real(const json_t *root, const char *path, double fallback)
{
    const json_t *value = json_path_get(root, path);

    return json_is_number(value) ? json_number_value(value) : fallback;
}

/* Sets one step; takes value. */
static int step_set(json_t *parent, const struct step *step, json_t *value)
{
    int rc;

    if (!step->is_index)
        rc = json_object_set_new(parent, step->key, value);
    else if (step->index == json_array_size(parent))
        rc = json_array_append_new(parent, value);
    else
        rc = json_array_set_new(parent, step->index, value);
    return rc < 0 ? ERR_INVALID : 0;
}

int json_path_set(json_t *root, const char *path, json_t *value)
{
    json_t *parent = root;
    struct step step;
    struct step next;

    if (!value || !step_next(&path, &step)) {
        json_decref(value);
        return ERR_INVALID;
    }
    while (step_next(&path, &next)) {
        json_t *child = step_get(parent, &step);

        if (!child) {
            child = next.is_index ? json_array() : json_object();
            if (step_set(parent, &step, child) < 0) {
                json_decref(value);
                return ERR_INVALID;
            }
        }
        parent = child;
        step = next;
    }
    if (*path != '\0') {
        json_decref(value);
        return ERR_INVALID;
    }
    return step_set(parent, &step, value);
}

int json_path_remove(json_t *root, const char *path)
{
    json_t *parent = root;
    struct step step;
    struct step next;
    int rc;

    if (!step_next(&path, &step))
        return ERR_NOT_FOUND;
    while (step_next(&path, &next)) {
        parent = step_get(parent, &step);
        step = next;
    }
    if (!parent || *path != '\0')
        return ERR_NOT_FOUND;
    rc = step.is_index ? json_array_remove(parent, step.index) : json_object_del(parent, step.key);
    return rc < 0 ? ERR_NOT_FOUND : 0;
}

const char *json_get_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t json_get_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_get_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_array_find(const json_t *array, const char *key, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        const char *value = json_get_string(item, key);

        if (value && strcmp(value, text) == 0)
            return item;
    }
    return NULL;
}

bool json_array_has(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *value = json_string_value(json_array_get(array, i));

        if (value && strcmp(value, text) == 0)
            return true;
    }
    return false;
}

json_t *json_member_array(json_t *object, const char *key)
{
    json_t *array = json_object_get(object, key);

    if (!json_is_array(array)) {
        array = json_array();
        json_object_set_new(object, key, array);
    }
    return array;
}

int json_set_string(json_t *object, const char *key, const char *text)
{
    return json_object_set_new(object, key, json_string(text)) < 0 ? ERR_INVALID : 0;
}

json_t *json_string_slice(struct slice text)
{
    json_t *value = json_stringn(text.len ? text.data : "", text.len);
    struct buf fixed;

    if (value)
        return value;
    buf_init(&fixed, SIZE_MAX / 2);
    while (text.len > 0) {
        size_t len = utf8_len(text);

        if (len == 0)
            buf_append_str(&fixed, "\xef\xbf\xbd");
        else
            buf_append(&fixed, slice_head(text, len));
        text = slice_from(text, len ? len : 1);
    }
    value = json_stringn(fixed.data, fixed.len);
    ASSERT(value);
    buf_deinit(&fixed);
    return value;
}

struct slice json_slice(const json_t *string)
{
    return slice_make(json_string_value(string), json_string_length(string));
}

const char *json_type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };

    return value ? names[json_typeof(value)] : "nothing";
}

void json_drop(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
