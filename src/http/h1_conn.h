/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1 connection, server's or client's: input that waits, output, timer, end.
 *
 *   readable -> loop scratch -> side->on_input        task (before the loop waits):
 *   send_*   -> out, or one writev with the body        output leaves; streams that ended close;
 *   writable -> out                                     input that waited is read; a dead one is
 * freed
 *
 * Nothing that a user calls runs a callback of that user: what follows from it happens in the task.
 *
 * Place   http/h1_server.c and http/h1_client.c are the roles; server.c and pool.c the owners
 * Owns    the io connection, the parser, both buffers (an idle connection holds neither)
 * Limits  H1_INPUT_MAX bytes of pipelined input; limits->output_high_watermark of output
 * Spec    RFC 9112
 */
#ifndef WEFT_HTTP_H1_CONN_H
#define WEFT_HTTP_H1_CONN_H

#include "http/stream_int.h"
#include "io/conn.h"
#include "io/loop.h"
#include "wire/h1.h"

enum { H1_INPUT_MAX = 65536, H1_LINGER_MS = 1000 };

struct h1_conn;

/* What the role does. */
struct h1_side {
    /* Takes from the front of *in what it can now. */
    void (*on_input)(struct h1_conn *conn, struct slice *in);
    /* A whole head is in the stream; `end` when nothing follows. */
    void (*on_head)(struct h1_conn *conn, bool end);
    /* The peer's end (ERR_EOF) or a broken connection. */
    void (*on_end)(struct h1_conn *conn, int code);
    /* In the task: something was sent or ended; close what is over. */
    void (*on_turn)(struct h1_conn *conn);
    /* The timer; may set it again. */
    void (*on_timer)(struct h1_conn *conn);
    /* The connection is off its owner's list from now on; tell the owner. */
    void (*on_gone)(struct h1_conn *conn, int code);
};

struct h1_conn {
    struct list node; /* the owner's */
    struct conn *io;
    struct loop *loop;
    const struct h1_side *side;
    void *owner;              /* struct http_server or http_pool; NULL once orphaned */
    struct http_cache *cache; /* the owner's */
    const struct http_limits *limits;
    struct h1_limits parser_limits;
    struct h1_parser parser;
    struct http_stream *stream; /* the one under way, or NULL: idle */
    struct loop_task task;
    struct loop_timer timer;
    struct buf out; /* data NULL when there is nothing to send */
    size_t out_at;  /* bytes of it that were sent */
    struct buf in;  /* input that waits; data NULL when there is none */
    enum h1_body out_body;
    uint64_t out_left; /* of LENGTH */
    uint64_t opened_ms;
    uint64_t since_ms; /* when it became idle, or the head began */
    unsigned request_count;
    unsigned interim_count; /* 1xx heads before this response */
    int code;               /* why it ended, for the owner */
    bool feeding;           /* within on_input */
    bool blocked;           /* the socket took no more: on_writable will come */
    bool write_broken;      /* the peer takes no more, but may have answered */
    bool close_after;       /* after this exchange */
    bool tunnel_asked;      /* the request asks for a tunnel; the answer decides */
    bool tunnel;
    bool lingering; /* our end is sent; the peer's is awaited */
    bool draining;
    bool retiring; /* the next response's head says close */
    bool input_paused;
    bool dead;
};

/* Takes `io`. Its bytes may already wait. */
struct h1_conn *h1_conn_new(struct conn *io, const struct h1_side *side, enum h1_role parser_role,
                            void *owner, struct http_cache *cache,
                            const struct http_limits *limits);
/* Input that waits (copied) until the task looks at it again: see h1_conn_task. */
void h1_conn_input_keep(struct h1_conn *conn, struct slice seen);
/* Ends it: off the list, socket closed; a stream under way is reset with `reason` (not when it is
 * done); the rest in the task. */
void h1_conn_kill(struct h1_conn *conn, int code, enum http_reset reason);
/* The owner goes: as kill, but everything now that can be; the owner hears nothing more. */
void h1_conn_orphan(struct h1_conn *conn);
/* A new stream of this connection, and the parser ready for its head. */
struct http_stream *h1_conn_stream_begin(struct h1_conn *conn, const struct stream_ops *ops);
/* on_close of the stream, which is gone then. */
void h1_conn_stream_close(struct h1_conn *conn);
/* A head (already in conn->out) may be followed by this body. */
void h1_conn_body_start(struct h1_conn *conn, const struct h1_framing *framing);
/* Gives what the parser found to the role (a head) or to the stream. */
void h1_conn_deliver(struct h1_conn *conn, const struct h1_event *event);
/* The buffer for heads. */
struct buf *h1_conn_out(struct h1_conn *conn);
/* Sends what is in out as far as the socket takes it. */
void h1_conn_flush(struct h1_conn *conn);
bool h1_conn_has_output(const struct h1_conn *conn);
/* Runs the task before the loop waits. */
void h1_conn_task(struct h1_conn *conn);

/* stream_ops that both roles share */
int h1_conn_send_data(struct http_stream *stream, struct slice data, bool end);
int h1_conn_send_trailers(struct http_stream *stream, const struct http_headers *trailers);
void h1_conn_reset(struct http_stream *stream, enum http_reset reason);
void h1_conn_read_changed(struct http_stream *stream);
struct conn *h1_conn_io(const struct http_stream *stream);

#endif
