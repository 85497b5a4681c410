/* SPDX-License-Identifier: Apache-2.0 */
/* A straightforward recursive difference: members by name, items by place.
 */
#include "inject/patch.h"

#include "base/buf.h"

#include <stdio.h>

static void diff_value(const json_t *from, const json_t *to, struct buf *path, json_t *ops);

/* Appends "/" and the escaped name; returns the length to go back to. */
static size_t path_push(struct buf *path, const char *name)
{
    size_t len = path->len;

    buf_append_char(path, '/');
    for (; *name; name++) {
        if (*name == '~')
            buf_append_str(path, "~0");
        else if (*name == '/')
            buf_append_str(path, "~1");
        else
            buf_append_char(path, *name);
    }
    return len;
}

static void path_pop(struct buf *path, size_t len)
{
    path->len = len;
    if (path->data)
        path->data[len] = 0;
}

static void op_add(json_t *ops, const char *op, const struct buf *path, const json_t *value)
{
    json_t *item = json_pack("{s:s, s:o}", "op", op, "path", json_string_slice(buf_slice(path)));

    if (value)
        json_object_set_new(item, "value", json_deep_copy(value));
    json_array_append_new(ops, item);
}

static void diff_object(const json_t *from, const json_t *to, struct buf *path, json_t *ops)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        size_t len = path_push(path, key);
        const json_t *other = json_object_get(to, key);

        if (other)
            diff_value(value, other, path, ops);
        else
            op_add(ops, "remove", path, NULL);
        path_pop(path, len);
    }
    json_object_foreach((json_t *)(uintptr_t)to, key, value)
    {
        if (!json_object_get(from, key)) {
            size_t len = path_push(path, key);

            op_add(ops, "add", path, value);
            path_pop(path, len);
        }
    }
}

static void diff_array(const json_t *from, const json_t *to, struct buf *path, json_t *ops)
{
    size_t from_count = json_array_size(from);
    size_t to_count = json_array_size(to);
    char index[24];

    for (size_t i = 0; i < MIN(from_count, to_count); i++) {
        snprintf(index, sizeof index, "%zu", i);
        size_t len = path_push(path, index);

        diff_value(json_array_get(from, i), json_array_get(to, i), path, ops);
        path_pop(path, len);
    }
    for (size_t i = from_count; i < to_count; i++) {
        size_t len = path_push(path, "-");

        op_add(ops, "add", path, json_array_get(to, i));
        path_pop(path, len);
    }
    for (size_t i = from_count; i > to_count; i--) { /* from the end: places stay true */
        snprintf(index, sizeof index, "%zu", i - 1);
        size_t len = path_push(path, index);

        op_add(ops, "remove", path, NULL);
        path_pop(path, len);
    }
}

static void diff_value(const json_t *from, const json_t *to, struct buf *path, json_t *ops)
{
    if (json_equal(from, to))
        return;
    if (json_is_object(from) && json_is_object(to))
        diff_object(from, to, path, ops);
    else if (json_is_array(from) && json_is_array(to))
        diff_array(from, to, path, ops);
    else
        op_add(ops, "replace", path, to);
}

json_t *patch_diff(const json_t *from, const json_t *to)
{
    json_t *ops = json_array();
    struct buf path;

    buf_init(&path, 0);
    buf_append_str(&path, "");
    diff_value(from, to, &path, ops);
    buf_deinit(&path);
    return ops;
}
