/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and headers: see head.h. Lists are short (at most some hundred), so a scan in order is both
 * the simplest and the fastest; nothing here hashes. */
#include "http/head.h"

#include "wire/h1.h"

void http_headers_add(struct http_headers *headers, struct arena *arena, struct slice name,
                      struct slice value)
{
    if (headers->count == headers->cap) {
        size_t cap = headers->cap ? headers->cap * 2 : 16;
        struct http_header *items = ARENA_ARRAY(arena, struct http_header, cap);

        if (headers->count)
            memcpy(items, headers->items, headers->count * sizeof *items);
        headers->items = items;
        headers->cap = cap;
    }
    headers->items[headers->count++] = (struct http_header){name, value};
}

static struct http_header *find(const struct http_headers *headers, struct slice name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (slice_eq(headers->items[i].name, name))
            return &headers->items[i];
    return NULL;
}

void http_headers_set(struct http_headers *headers, struct arena *arena, struct slice name,
                      struct slice value)
{
    struct http_header *first = find(headers, name);
    size_t kept;

    if (!first) {
        http_headers_add(headers, arena, name, value);
        return;
    }
    first->value = value;
    kept = (size_t)(first - headers->items) + 1;
    for (size_t i = kept; i < headers->count; i++)
        if (!slice_eq(headers->items[i].name, name))
            headers->items[kept++] = headers->items[i];
    headers->count = kept;
}

const struct http_header *http_headers_get(const struct http_headers *headers, struct slice name)
{
    return find(headers, name);
}

struct slice http_headers_value(const struct http_headers *headers, struct slice name)
{
    const struct http_header *header = find(headers, name);

    if (!header)
        return (struct slice){0};
    return header->value.data ? header->value : SLICE("");
}

struct slice http_headers_joined(const struct http_headers *headers, struct arena *arena,
                                 struct slice name)
{
    struct slice first = {0};
    size_t count = 0;
    size_t size = 0;
    char *text;
    char *at;

    for (size_t i = 0; i < headers->count; i++)
        if (slice_eq(headers->items[i].name, name)) {
            if (count++ == 0)
                first = headers->items[i].value.data ? headers->items[i].value : SLICE("");
            size += headers->items[i].value.len + 1;
        }
    if (count <= 1)
        return first;
    at = text = arena_bytes(arena, size);
    for (size_t i = 0; i < headers->count; i++) {
        if (!slice_eq(headers->items[i].name, name))
            continue;
        if (at != text)
            *at++ = ',';
        memcpy(at, headers->items[i].value.data ? headers->items[i].value.data : "",
               headers->items[i].value.len);
        at += headers->items[i].value.len;
    }
    return slice_make(text, size - 1);
}

struct slice http_headers_bearer(const struct http_headers *headers)
{
    struct slice value = http_headers_value(headers, SLICE("authorization"));

    return slice_starts_with_nocase(value, SLICE("bearer ")) ? slice_trim(slice_from(value, 7))
                                                             : SLICE("");
}

size_t http_headers_remove(struct http_headers *headers, struct slice name)
{
    size_t kept = 0;
    size_t removed;

    for (size_t i = 0; i < headers->count; i++)
        if (!slice_eq(headers->items[i].name, name))
            headers->items[kept++] = headers->items[i];
    removed = headers->count - kept;
    headers->count = kept;
    return removed;
}

static struct slice text_copy(struct arena *arena, struct slice text)
{
    return text.data ? arena_slice_dup(arena, text) : text;
}

void http_head_copy(struct http_head *to, const struct http_head *from, struct arena *arena)
{
    *to = *from;
    to->method = text_copy(arena, from->method);
    to->scheme = text_copy(arena, from->scheme);
    to->authority = text_copy(arena, from->authority);
    to->path = text_copy(arena, from->path);
    to->protocol = text_copy(arena, from->protocol);
    to->headers.cap = from->headers.count;
    to->headers.items = ARENA_ARRAY(arena, struct http_header, to->headers.cap + 1);
    for (size_t i = 0; i < from->headers.count; i++) {
        to->headers.items[i].name = text_copy(arena, from->headers.items[i].name);
        to->headers.items[i].value = text_copy(arena, from->headers.items[i].value);
    }
}

const char *http_status_text(unsigned status)
{
    return h1_status_text(status);
}
