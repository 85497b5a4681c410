/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the HTTP/2 codec: h2_conn.c (socket, output, life), h2_events.c (what nghttp2 tells),
 * h2_stream.c (what streams ask for).
 *
 * Place   http/h2_*.c only
 */
#ifndef WEFT_HTTP_H2_INT_H
#define WEFT_HTTP_H2_INT_H

#include "http/h2_conn.h"
#include "http/pool_int.h"
#include "http/server_int.h"

#include <nghttp2/nghttp2.h>

enum {
    H2_STREAM_WINDOW = 256 * 1024,
    H2_CONN_WINDOW = 1024 * 1024,
    H2_OUT_CHUNK = 64 * 1024, /* bytes serialised before they are offered to the socket */
    H2_STREAMS_AT_FIRST = 16, /* before the peer's SETTINGS told its limit */
    H2_CALM_BURST = 1000,
    H2_CALM_RATE = 100,
};

struct h2_conn {
    struct list node; /* the owner's */
    struct conn *io;
    struct loop *loop;
    struct http_server *server; /* one of the two; both NULL once orphaned */
    struct http_pool *pool;
    struct http_limits limits;
    nghttp2_session *session;
    struct list streams; /* struct http_stream.node */
    size_t stream_count;
    struct loop_task task;
    struct loop_timer timer; /* idle, head, ping */
    struct buf out;
    size_t out_at; /* bytes of it that were sent */
    uint64_t opened_ms;
    uint64_t since_ms;      /* when the last stream ended */
    uint64_t head_since_ms; /* when an unfinished head began; 0: none */
    uint64_t calm_ms;       /* when calm_left was filled up last */
    unsigned calm_left;     /* control frames that the peer may still send */
    unsigned request_count;
    bool blocked; /* the socket took no more: on_writable will come */
    bool settings_seen;
    bool draining;  /* no new streams */
    bool ping_sent; /* and not answered */
    bool dead;
    bool in_session; /* nghttp2 is on the stack */
    int code;        /* why it died */
    enum http_reset reason;
};

/* The codec's part of a stream (http_stream.codec, in its arena). */
struct h2_stream {
    struct buf out; /* data that nghttp2 has not taken */
    size_t out_at;
    struct buf in; /* data that came while reading was paused */
    struct http_headers in_trailers;
    const struct http_headers *out_trailers; /* in the arena; NULL: none */
    size_t head_size;                        /* of the block under way, bytes */
    size_t header_count;
    bool trailer_block; /* the block under way is trailers */
    bool deferred;      /* nghttp2 waits for data */
    bool in_closed;     /* the peer's END_STREAM came */
    bool in_end_due;    /* ... and is still to be told */
    bool trailers_due;
    bool closed; /* nghttp2 has let it go */
};

static inline struct h2_stream *h2_stream_of(const struct http_stream *stream)
{
    return stream->codec;
}

/* h2_conn.c */
void h2_conn_task(struct h2_conn *conn);
/* Ends the connection: off the list now, streams are reset with `reason` and freed in the task. */
void h2_conn_kill(struct h2_conn *conn, int code, enum http_reset reason);
struct http_cache *h2_conn_cache(struct h2_conn *conn);
/* Counts a frame that costs the peer little; false when there were too many. */
bool h2_conn_calm(struct h2_conn *conn);

/* h2_stream.c */
extern const struct stream_ops h2_server_ops;
extern const struct stream_ops h2_client_ops;
void h2_stream_init(struct h2_conn *conn, struct http_stream *stream);
/* Tells what waited (data, end, room) as far as the stream's user lets; runs callbacks. */
void h2_stream_turn(struct h2_conn *conn, struct http_stream *stream);
/* Whether only on_close is left. */
bool h2_stream_is_over(const struct http_stream *stream);
/* on_close, then frees. */
void h2_stream_finish(struct h2_conn *conn, struct http_stream *stream);

/* h2_events.c */
MUST_USE int h2_events_session(struct h2_conn *conn);

#endif
