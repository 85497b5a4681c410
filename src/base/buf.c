/* SPDX-License-Identifier: Apache-2.0 */
/* Growing buffers: see buf.h. */
#include "base/buf.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void buf_init(struct buf *buf, size_t size_max)
{
    *buf = (struct buf){.size_max = size_max ? size_max : BUF_SIZE_DEFAULT_MAX};
}

void buf_deinit(struct buf *buf)
{
    mem_free(buf->data);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t cap = buf->cap ? buf->cap : 64;

    if (len > buf->size_max || buf->len > buf->size_max - len) {
        buf->failed = true;
        return NULL;
    }
    if (buf->cap - buf->len > len && buf->cap)
        return buf->data + buf->len;
    while (cap - buf->len <= len)
        cap *= 2;
    buf->data = mem_realloc(buf->data, cap);
    buf->cap = cap;
    return buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
    ASSERT(len < buf->cap - buf->len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

int buf_append(struct buf *buf, struct slice bytes)
{
    char *place = buf_reserve(buf, bytes.len);

    if (!place)
        return ERR_LIMIT;
    if (bytes.len)
        memcpy(place, bytes.data, bytes.len);
    buf_commit(buf, bytes.len);
    return 0;
}

int buf_append_str(struct buf *buf, const char *text)
{
    return buf_append(buf, slice_str(text));
}

int buf_append_char(struct buf *buf, char c)
{
    return buf_append(buf, slice_make(&c, 1));
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    char *place;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(len >= 0);
    place = buf_reserve(buf, (size_t)len);
    if (!place)
        return ERR_LIMIT;
    va_start(args, fmt);
    vsnprintf(place, (size_t)len + 1, fmt, args);
    va_end(args);
    buf_commit(buf, (size_t)len);
    return 0;
}

void buf_consume(struct buf *buf, size_t len)
{
    ASSERT(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

char *buf_take(struct buf *buf)
{
    char *data;

    if (!buf->data)
        return mem_strdup("");
    data = TAKE(buf->data);
    buf->len = 0;
    buf->cap = 0;
    buf->failed = false;
    return data;
}
