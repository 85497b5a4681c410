/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a JSON text gives twice: parsed trees keep only the last, and Kubernetes' clients want
 * to be told.
 *
 * Place   the API server: fieldValidation
 * Owns    the set of keys of each open object, during the call
 * Limits  DEPTH_MAX levels, deeper ones are not looked into; keys are compared as they are written
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"

enum { DEPTH_MAX = 100 };

struct dup {
    struct slice rest;
    struct buf path;
    void (*on_duplicate)(const char *path, void *ctx);
    void *ctx;
};

static void scan_value(struct dup *dup, unsigned depth);

static void path_cut(struct dup *dup, size_t len)
{
    dup->path.len = len;
    dup->path.data[len] = '\0';
}

static char next_char(struct dup *dup)
{
    while (dup->rest.len > 0 && strchr(" \t\r\n", dup->rest.data[0]) && dup->rest.data[0])
        dup->rest = slice_from(dup->rest, 1);
    return dup->rest.len > 0 ? dup->rest.data[0] : '\0';
}

/* Steps over the character when it is next. */
static bool take_char(struct dup *dup, char c)
{
    if (next_char(dup) != c || c == '\0')
        return false;
    dup->rest = slice_from(dup->rest, 1);
    return true;
}

/* The inside of a string that begins here. */
static struct slice take_string(struct dup *dup)
{
    size_t len = 1;
    struct slice inside;

    while (len < dup->rest.len && dup->rest.data[len] != '"')
        len += dup->rest.data[len] == '\\' ? 2 : 1;
    len = MIN(len, dup->rest.len);
    inside = slice_make(dup->rest.data + 1, len - 1);
    dup->rest = slice_from(dup->rest, MIN(len + 1, dup->rest.len));
    return inside;
}

static void scan_object(struct dup *dup, unsigned depth)
{
    json_t *seen = json_object();
    size_t len = dup->path.len;

    while (next_char(dup) == '"') {
        char *key = mem_slice_dup(take_string(dup));

        buf_printf(&dup->path, "%s%s", len ? "." : "", key);
        if (json_object_get(seen, key))
            dup->on_duplicate(dup->path.data, dup->ctx);
        json_object_set_new_nocheck(seen, key, json_true());
        mem_free(key);
        (void)take_char(dup, ':');
        scan_value(dup, depth + 1);
        path_cut(dup, len);
        (void)take_char(dup, ',');
    }
    (void)take_char(dup, '}');
    json_decref(seen);
}

static void scan_list(struct dup *dup, unsigned depth)
{
    size_t len = dup->path.len;

    for (size_t i = 0; next_char(dup) != ']' && dup->rest.len > 0; i++) {
        buf_printf(&dup->path, "[%zu]", i);
        scan_value(dup, depth + 1);
        path_cut(dup, len);
        (void)take_char(dup, ',');
    }
    (void)take_char(dup, ']');
}

static void scan_value(struct dup *dup, unsigned depth)
{
    char c = next_char(dup);

    if (depth > DEPTH_MAX)
        dup->rest = slice_make("", 0);
    else if (take_char(dup, '{'))
        scan_object(dup, depth);
    else if (take_char(dup, '['))
        scan_list(dup, depth);
    else if (c == '"')
        (void)take_string(dup);
    else
        do
            dup->rest = slice_from(dup->rest, MIN(dup->rest.len, 1));
        while (dup->rest.len > 0 && !strchr(",]} \t\r\n", dup->rest.data[0]));
}

void json_dup_find(struct slice text, void (*on_duplicate)(const char *path, void *ctx), void *ctx)
{
    struct dup dup = {.rest = text, .on_duplicate = on_duplicate, .ctx = ctx};

    buf_init(&dup.path, 0);
    scan_value(&dup, 0);
    buf_deinit(&dup.path);
}
