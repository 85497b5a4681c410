/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes with a maximum: for output that is built up, and for input sized by a
 * peer.
 *
 * Place   encoders, text output, connection buffers
 * Owns    its heap block
 * Limits  size_max given at init; an append past it appends nothing, marks the buffer failed and
 * returns ERR_LIMIT. The mark lasts until buf_reset, so a run of appends may be checked once, at
 * its end.
 */
#ifndef WEFT_BASE_BUF_H
#define WEFT_BASE_BUF_H

#include "base/prelude.h"
#include "base/slice.h"

struct buf {
    /* read-only */
    char *data; /* `len` bytes, and a terminator behind them once anything was appended */
    size_t len;
    bool failed; /* an append was refused */
    /* private */
    size_t cap;
    size_t size_max;
};

enum { BUF_SIZE_DEFAULT_MAX = 64 * 1024 * 1024 };

/* Caller's memory. size_max 0 means 64 MiB. Allocates nothing yet. */
void buf_init(struct buf *buf, size_t size_max);
/* Also for SCOPED(buf_deinit). NULL data is fine. */
void buf_deinit(struct buf *buf);
/* Empties, keeps the block, clears `failed`. */
void buf_reset(struct buf *buf);
/* Room for `len` more bytes at data+len: returns the place, or NULL past the maximum. */
char *buf_reserve(struct buf *buf, size_t len);
/* Declares that `len` bytes were written at the place that buf_reserve gave. */
void buf_commit(struct buf *buf, size_t len);
int buf_append(struct buf *buf, struct slice bytes);
int buf_append_str(struct buf *buf, const char *text);
int buf_append_char(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Drops the first `len` bytes (moves the rest down). */
void buf_consume(struct buf *buf, size_t len);
/* Borrows the content. */
static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_make(buf->data, buf->len);
}
/* Moves the block out as a terminated string (mem_free it); the buffer is empty afterwards. */
char *buf_take(struct buf *buf);

#endif
