/* SPDX-License-Identifier: Apache-2.0 */
/* Path normalisation: percent-decoding of unreserved characters, dot segments, doubled slashes.
 * See path.h.
 */
#include "proxy/path.h"

struct slice path_only(struct slice path)
{
    ptrdiff_t mark = slice_find_char(path, '?');

    return mark < 0 ? path : slice_head(path, (size_t)mark);
}

struct slice path_query(struct slice path)
{
    ptrdiff_t mark = slice_find_char(path, '?');

    return mark < 0 ? SLICE("") : slice_from(path, (size_t)mark + 1);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_unreserved(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* The byte that "%XY" at i stands for, or -1. */
static int escaped_byte(struct slice s, size_t i)
{
    if (s.data[i] != '%' || i + 2 >= s.len || hex_value(s.data[i + 1]) < 0 ||
        hex_value(s.data[i + 2]) < 0)
        return -1;
    return hex_value(s.data[i + 1]) * 16 + hex_value(s.data[i + 2]);
}

/* Decodes %2F and %5C; returns how many there were. */
static size_t unescape_slashes(struct slice s, char *out, size_t *ret_len)
{
    size_t found = 0;
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        int byte = escaped_byte(s, i);

        if (byte == '/' || byte == '\\') {
            out[len++] = (char)byte;
            found++;
            i += 2;
        } else {
            out[len++] = s.data[i];
        }
    }
    *ret_len = len;
    return found;
}

/* Decodes unreserved characters, writes other escapes in upper case, turns '\' into '/'.
 * -1: a broken escape. In place is fine: the output never gets ahead of the input. */
static ptrdiff_t decode_unreserved(struct slice s, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        int byte;

        if (s.data[i] != '%') {
            out[len++] = s.data[i] == '\\' ? '/' : s.data[i];
            continue;
        }
        byte = escaped_byte(s, i);
        if (byte <= 0)
            return -1;
        if (is_unreserved((unsigned)byte)) {
            out[len++] = (char)byte;
        } else {
            out[len++] = '%';
            out[len++] = "0123456789ABCDEF"[byte >> 4];
            out[len++] = "0123456789ABCDEF"[byte & 15];
        }
        i += 2;
    }
    return (ptrdiff_t)len;
}

/* Removes "." and ".." segments in place; returns the new length. */
static size_t remove_dots(char *path, size_t len)
{
    size_t out = 0;
    size_t i = 0;

    while (i < len) {
        size_t end = i + 1; /* path[i] is '/' */
        size_t size;

        while (end < len && path[end] != '/')
            end++;
        size = end - i - 1;
        if (size == 1 && path[i + 1] == '.') {
            if (end == len)
                path[out++] = '/';
        } else if (size == 2 && path[i + 1] == '.' && path[i + 2] == '.') {
            while (out > 0 && path[--out] != '/')
                ;
            if (end == len)
                path[out++] = '/';
        } else {
            memmove(path + out, path + i, end - i);
            out += end - i;
        }
        i = end;
    }
    if (out == 0)
        path[out++] = '/';
    return out;
}

static size_t merge(char *path, size_t len)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++)
        if (path[i] != '/' || out == 0 || path[out - 1] != '/')
            path[out++] = path[i];
    return out;
}

/* Nothing to do for most paths: no escape, backslash, doubled slash or dot segment in them. */
static bool is_plain(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];

        if (c == '%' || c == '\\')
            return false;
        if (c == '/' && i + 1 < path.len && (path.data[i + 1] == '/' || path.data[i + 1] == '.'))
            return false;
    }
    return true;
}

int path_normalize(struct slice path, const struct path_options *options, struct arena *arena,
                   struct slice *ret, bool *ret_redirect)
{
    ptrdiff_t mark = slice_find_char(path, '#');
    struct slice query;
    struct slice text;
    char *out;
    size_t len;
    size_t slashes = 0;

    *ret_redirect = false;
    if (mark >= 0)
        path = slice_head(path, (size_t)mark);
    text = path_only(path);
    query = slice_from(path, text.len);
    if (text.len == 0 || text.data[0] != '/' || is_plain(text)) {
        *ret = path;
        return 0;
    }
    out = arena_bytes(arena, path.len + 1);
    memcpy(out, text.data, text.len);
    len = text.len;
    if (options->escaped > PATH_ESCAPED_KEEP)
        slashes = unescape_slashes(text, out, &len);
    if (slashes > 0 && options->escaped == PATH_ESCAPED_REJECT)
        return ERR_INVALID;
    if (options->normalize) {
        ptrdiff_t decoded = decode_unreserved(slice_make(out, len), out);

        if (decoded < 0)
            return ERR_INVALID;
        len = remove_dots(out, (size_t)decoded);
    }
    if (options->merge_slashes)
        len = merge(out, len);
    if (query.len > 0)
        memcpy(out + len, query.data, query.len);
    *ret = slice_make(out, len + query.len);
    *ret_redirect = slashes > 0 && options->escaped == PATH_ESCAPED_REDIRECT;
    return 0;
}
