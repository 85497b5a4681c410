/* SPDX-License-Identifier: Apache-2.0 */
/* See differ.h.
 */
#include "cli/differ.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>

enum { PATH_SIZE_MAX = 1024 };

struct differ {
    struct buf path; /* of what is compared */
    int indent;
    size_t count;
};

static void compare(struct differ *differ, const json_t *before, const json_t *after);

static char *text_of(const json_t *value)
{
    if (!value)
        return mem_strdup("(absent)");
    return json_is_string(value) ? mem_strdup(json_string_value(value))
                                 : json_format_str(value, JSON_FORMAT_COMPACT);
}

static void leaf_print(struct differ *differ, const json_t *before, const json_t *after)
{
    SCOPED(mem_drop) char *old_text = text_of(before);
    SCOPED(mem_drop) char *new_text = text_of(after);

    differ->count++;
    printf("%*s%.*s: %s -> %s\n", differ->indent, "", SLICE_ARG(buf_slice(&differ->path)), old_text,
           new_text);
}

static void member_compare(struct differ *differ, const char *key, const json_t *before,
                           const json_t *after)
{
    size_t len = differ->path.len;

    if (strchr(key, '.'))
        buf_printf(&differ->path, "[\"%s\"]", key);
    else
        buf_printf(&differ->path, "%s%s", len ? "." : "", key);
    compare(differ, before, after);
    differ->path.len = len;
}

static void objects_compare(struct differ *differ, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)before, key, value)
        member_compare(differ, key, value, json_object_get(after, key));
    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (!json_object_get(before, key))
            member_compare(differ, key, NULL, value);
    }
}

static void lists_compare(struct differ *differ, const json_t *before, const json_t *after)
{
    size_t old_count = json_array_size(before), new_count = json_array_size(after);
    size_t len = differ->path.len;

    for (size_t i = 0; i < old_count || i < new_count; i++) {
        buf_printf(&differ->path, "[%zu]", i);
        compare(differ, json_array_get(before, i), json_array_get(after, i));
        differ->path.len = len;
    }
}

static void compare(struct differ *differ, const json_t *before, const json_t *after)
{
    if (json_is_object(before) && json_is_object(after))
        objects_compare(differ, before, after);
    else if (json_is_array(before) && json_is_array(after))
        lists_compare(differ, before, after);
    else if (!before || !after || !json_equal(before, after))
        leaf_print(differ, before, after);
}

size_t differ_print(const json_t *before, const json_t *after, int indent)
{
    struct differ differ = {.indent = indent};

    buf_init(&differ.path, PATH_SIZE_MAX);
    compare(&differ, before, after);
    buf_deinit(&differ.path);
    return differ.count;
}
