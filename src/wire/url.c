/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: see url.h. */
#include "wire/url.h"

static size_t span_until(struct slice text, const char *stops)
{
    size_t len = 0;

    while (len < text.len && (text.data[len] == '\0' || !strchr(stops, text.data[len])))
        len++;
    return len;
}

static int host_parse(struct url *url)
{
    struct slice text = url->authority;
    struct slice port = {0};
    uint64_t number;
    size_t len;

    if (slice_find_char(text, '@') >= 0)
        return ERR_INVALID;
    if (text.len && text.data[0] == '[') {
        ptrdiff_t end = slice_find_char(text, ']');

        if (end < 0)
            return ERR_INVALID;
        url->host = slice_make(text.data + 1, (size_t)end - 1);
        port = slice_from(text, (size_t)end + 1);
    } else {
        len = span_until(text, ":");
        url->host = slice_head(text, len);
        port = slice_from(text, len);
    }
    if (url->host.len == 0 || (port.len && port.data[0] != ':'))
        return ERR_INVALID;
    if (port.len > 1) {
        if (slice_parse_u64(slice_from(port, 1), 65535, &number) != 0)
            return ERR_INVALID;
        url->port = (unsigned)number;
    }
    return 0;
}

int url_parse(struct slice text, struct url *ret)
{
    struct url url = {0};
    ptrdiff_t at = slice_find(text, SLICE("://"));
    struct slice rest;
    int rc;

    if (at <= 0)
        return ERR_INVALID;
    url.scheme = slice_head(text, (size_t)at);
    rest = slice_from(text, (size_t)at + 3);
    rest = slice_head(rest, span_until(rest, "#"));
    url.authority = slice_head(rest, span_until(rest, "/?"));
    url_target_split(slice_from(rest, url.authority.len), &url.path, &url.query);
    if (slice_eq_nocase(url.scheme, SLICE("http")))
        url.port = 80;
    else if (slice_eq_nocase(url.scheme, SLICE("https")))
        url.port = 443;
    rc = host_parse(&url);
    if (rc)
        return rc;
    *ret = url;
    return 0;
}

void url_target_split(struct slice target, struct slice *ret_path, struct slice *ret_query)
{
    size_t len = span_until(target, "?");

    *ret_path = slice_head(target, len);
    *ret_query = len < target.len ? slice_from(target, len + 1) : (struct slice){0};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the triplet at text[at], or -1. */
static int triplet_value(struct slice text, size_t at)
{
    int high = at + 2 < text.len ? hex_value(text.data[at + 1]) : -1;
    int low = high >= 0 ? hex_value(text.data[at + 2]) : -1;

    return low >= 0 ? high * 16 + low : -1;
}

/* Decodes; malformed triplets stay as they are and *ret_malformed is set. */
static struct slice decode(struct arena *arena, struct slice text, bool plus_is_space,
                           bool *ret_malformed)
{
    char *out = arena_bytes(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '%') {
            int value = triplet_value(text, i);

            if (value >= 0) {
                c = (char)value;
                i += 2;
            } else {
                *ret_malformed = true;
            }
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return slice_make(out, len);
}

int url_decode(struct arena *arena, struct slice text, struct slice *ret)
{
    bool malformed = false;
    struct slice decoded;

    if (slice_find_char(text, '%') < 0) {
        *ret = text;
        return 0;
    }
    decoded = decode(arena, text, false, &malformed);
    if (malformed)
        return ERR_INVALID;
    *ret = decoded;
    return 0;
}

int url_encode(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        int rc = plain ? buf_append_char(out, (char)c) : buf_printf(out, "%%%02X", c);

        if (rc)
            return rc;
    }
    return 0;
}

bool url_query_next(struct arena *arena, struct slice *query, struct slice *ret_name,
                    struct slice *ret_value)
{
    bool malformed = false;
    struct slice pair = {0};
    size_t len;

    while (pair.len == 0)
        if (!query->data || !slice_split_next(query, '&', &pair))
            return false;
    len = span_until(pair, "=");
    *ret_name = decode(arena, slice_head(pair, len), true, &malformed);
    *ret_value = decode(arena, slice_from(pair, len + 1), true, &malformed);
    return true;
}

struct slice url_query_value(struct arena *arena, struct slice query, const char *name)
{
    struct slice found;
    struct slice value;

    while (url_query_next(arena, &query, &found, &value))
        if (slice_eq_str(found, name))
            return value;
    return (struct slice){0};
}

bool url_query_is_true(struct arena *arena, struct slice query, const char *name)
{
    static const char *const truths[] = {"true", "1", "True", "TRUE", "t", "T"};
    struct slice value = url_query_value(arena, query, name);

    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        if (slice_eq_str(value, truths[i]))
            return true;
    }
    return false;
}
