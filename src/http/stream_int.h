/* SPDX-License-Identifier: Apache-2.0 */
/* Inside http/: the body of a stream, what a codec does for it, and the memory that streams and
 * output buffers are recycled through.
 *
 * Place   http/ *.c only
 * Owns    see struct http_cache
 * Limits  a cache keeps CACHE_STREAMS_MAX streams and CACHE_BUFS_MAX buffers
 */
#ifndef WEFT_HTTP_STREAM_INT_H
#define WEFT_HTTP_STREAM_INT_H

#include "base/buf.h"
#include "base/list.h"
#include "http/server.h"
#include "http/stream.h"

/* What a codec (or the queue of a pool) does for the streams it carries. */
struct stream_ops {
    int (*send_head)(struct http_stream *stream, const struct http_head *head, bool end);
    int (*send_data)(struct http_stream *stream, struct slice data, bool end);
    int (*send_trailers)(struct http_stream *stream, const struct http_headers *trailers);
    void (*send_continue)(struct http_stream *stream);
    void (*reset)(struct http_stream *stream, enum http_reset reason);
    void (*close_after)(struct http_stream *stream); /* NULL: means nothing */
    /* stream->read_paused has just changed */
    void (*read_changed)(struct http_stream *stream);
    struct conn *(*conn)(const struct http_stream *stream);
};

struct stream_collect;

struct http_stream {
    const struct stream_ops *ops;
    const struct http_stream_events *events;
    void *ctx;
    void *carrier; /* the codec's connection, or the pool while waiting for one */
    struct loop *loop;
    struct list node; /* the carrier's */
    struct arena arena;
    struct http_head head; /* received */
    uint64_t sent;         /* bytes */
    uint64_t received;
    bool is_server;
    bool head_received; /* the final one */
    bool in_end;        /* nothing more comes */
    bool head_sent;     /* the final one */
    bool out_end;       /* nothing more goes */
    bool read_paused;
    bool writable_wanted; /* send_data said ERR_AGAIN */
    bool is_reset;        /* by either side; only on_close is left */
    bool closed;          /* on_close ran */
    bool conn_reused;
    bool expects_continue; /* servers: 100 was not sent yet */
    bool asked_head;       /* the request's method is HEAD */
    bool asked_connect;    /* ... CONNECT */
    int32_t id;            /* HTTP/2 */
    int pending_reason;    /* of a stream that waits in a pool: 1 + the reset that ends it, or 0 */
    struct slice asked_protocol;
    struct stream_collect *collect; /* in the arena; NULL: none */
    struct buf body;                /* of collect; of a pool's stream that waits: data to send */
    void *codec;                    /* the codec's own, in the arena */
    void *pending;                  /* the pool's, in the arena, while the stream waits */
};

enum { CACHE_STREAMS_MAX = 64, CACHE_BUFS_MAX = 16, CACHE_BUF_SIZE_MAX = 16384 };

/* One per server and per pool: a steady state allocates nothing. */
struct http_cache {
    struct list streams;
    size_t stream_count;
    struct buf bufs[CACHE_BUFS_MAX];
    size_t buf_count;
};

void stream_cache_init(struct http_cache *cache);
void stream_cache_deinit(struct http_cache *cache);
/* `cache` may be NULL in all of these: plain heap then. */
struct http_stream *stream_new(struct http_cache *cache, struct loop *loop,
                               const struct stream_ops *ops, void *carrier);
void stream_free(struct http_cache *cache, struct http_stream *stream);
/* An empty buffer for output, maybe with a block. */
void stream_buf_take(struct http_cache *cache, struct buf *ret);
/* Takes the block back (or frees it) and leaves an empty buffer without one. */
void stream_buf_give(struct http_cache *cache, struct buf *buf);

/* Events, for codecs. Each keeps the stream's flags right and does nothing after a reset. */
void stream_on_head(struct http_stream *stream, bool end);
void stream_on_data(struct http_stream *stream, struct slice data, bool end);
void stream_on_trailers(struct http_stream *stream, const struct http_headers *trailers);
void stream_on_informational(struct http_stream *stream);
void stream_on_reset(struct http_stream *stream, enum http_reset reason);
void stream_on_writable(struct http_stream *stream);
void stream_on_close(struct http_stream *stream);

static inline bool stream_is_done(const struct http_stream *stream)
{
    return stream->is_reset || (stream->in_end && stream->out_end);
}

/* Limits with defaults filled in. */
struct http_limits stream_limits(const struct http_limits *limits);

#endif
