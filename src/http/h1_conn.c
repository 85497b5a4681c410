/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 connections, what servers and clients share: see h1_conn.h. */
#include "http/h1_conn.h"

#include "base/mem.h"

enum { WRITE_BROKEN_READS_MAX = 64, OUT_COMPACT_MIN = 65536, JOIN_MAX = 2048 };

static void on_readable(struct conn *io, void *ctx);
static void on_writable(struct conn *io, void *ctx);
static void on_failed(struct conn *io, int code, void *ctx);

static const struct conn_events io_events = {
    .on_readable = on_readable, .on_writable = on_writable, .on_failed = on_failed};

static void on_task(void *ctx);

static void on_timer(void *ctx)
{
    struct h1_conn *conn = ctx;

    conn->side->on_timer(conn);
}

struct h1_conn *h1_conn_new(struct conn *io, const struct h1_side *side, enum h1_role parser_role,
                            void *owner, struct http_cache *cache, const struct http_limits *limits)
{
    struct h1_conn *conn = MEM_NEW(struct h1_conn);

    conn->io = io;
    conn->loop = conn_loop(io);
    conn->side = side;
    conn->owner = owner;
    conn->cache = cache;
    conn->limits = limits;
    conn->parser_limits = (struct h1_limits){limits->head_size_max, limits->header_count_max};
    h1_parser_init(&conn->parser, parser_role, &conn->parser_limits);
    loop_task_init(&conn->task, on_task, conn);
    loop_timer_init(&conn->timer, on_timer, conn);
    list_init(&conn->node);
    conn->opened_ms = loop_now_ms(conn->loop);
    conn->since_ms = conn->opened_ms;
    conn_events_set(io, &io_events, conn);
    return conn;
}

void h1_conn_task(struct h1_conn *conn)
{
    loop_task_add(conn->loop, &conn->task);
}

/* --- the end --- */

static void conn_free(struct h1_conn *conn)
{
    loop_task_cancel(&conn->task);
    loop_timer_stop(conn->loop, &conn->timer);
    list_remove(&conn->node);
    h1_parser_deinit(&conn->parser);
    buf_deinit(&conn->out);
    buf_deinit(&conn->in);
    mem_free(conn);
}

void h1_conn_kill(struct h1_conn *conn, int code, enum http_reset reason)
{
    if (conn->dead)
        return;
    conn->dead = true;
    conn->code = code;
    if (conn->stream && !stream_is_done(conn->stream))
        stream_on_reset(conn->stream, reason);
    if (code == ERR_RESET)
        conn_reset(TAKE(conn->io));
    else
        conn_close(TAKE(conn->io));
    loop_timer_stop(conn->loop, &conn->timer);
    h1_conn_task(conn);
}

void h1_conn_orphan(struct h1_conn *conn)
{
    list_remove(&conn->node);
    if (!conn->dead) {
        conn->dead = true;
        conn_close(TAKE(conn->io));
        loop_timer_stop(conn->loop, &conn->timer);
    }
    if (conn->stream && !stream_is_done(conn->stream))
        stream_on_reset(conn->stream, HTTP_RESET_CONN_TERMINATED);
    conn->owner = NULL;
    if (conn->stream && !conn->feeding)
        h1_conn_stream_close(conn);
    if (conn->out.data)
        buf_deinit(&conn->out);
    conn->cache = NULL;
    conn->limits = NULL;
    h1_conn_task(conn);
}

static void dead_finish(struct h1_conn *conn)
{
    if (conn->stream)
        h1_conn_stream_close(conn);
    if (conn->owner) {
        list_remove(&conn->node);
        conn->side->on_gone(conn, conn->code);
    }
    conn_free(conn);
}

/* --- streams --- */

struct http_stream *h1_conn_stream_begin(struct h1_conn *conn, const struct stream_ops *ops)
{
    struct http_stream *stream = stream_new(conn->cache, conn->loop, ops, conn);

    conn->stream = stream;
    h1_parser_begin(&conn->parser, &stream->arena, &stream->head);
    return stream;
}

void h1_conn_stream_close(struct h1_conn *conn)
{
    struct http_stream *stream = TAKE(conn->stream);

    stream_on_close(stream);
    stream_free(conn->cache, stream); /* after on_close: the owner may just have gone */
}

struct conn *h1_conn_io(const struct http_stream *stream)
{
    const struct h1_conn *conn = stream->carrier;

    return conn->io;
}

void h1_conn_reset(struct http_stream *stream, enum http_reset reason)
{
    struct h1_conn *conn = stream->carrier;

    h1_conn_kill(conn, ERR_RESET, reason);
}

/* --- output --- */

void h1_conn_deliver(struct h1_conn *conn, const struct h1_event *event)
{
    struct http_stream *stream = conn->stream;

    switch (event->kind) {
    case H1_EVENT_HEAD:
        conn->side->on_head(conn, event->end);
        break;
    case H1_EVENT_DATA:
        stream_on_data(stream, event->data, event->end);
        break;
    case H1_EVENT_TRAILERS:
        stream->in_end = true; /* of a stream that was reset, too */
        stream_on_trailers(stream, &conn->parser.trailers);
        break;
    case H1_EVENT_NONE:
        break;
    }
}

struct buf *h1_conn_out(struct h1_conn *conn)
{
    if (!conn->out.data)
        stream_buf_take(conn->cache, &conn->out);
    return &conn->out;
}

bool h1_conn_has_output(const struct h1_conn *conn)
{
    return conn->out.len > conn->out_at;
}

static void out_drop(struct h1_conn *conn)
{
    conn->out_at = 0;
    stream_buf_give(conn->cache, &conn->out);
}

static void write_failed(struct h1_conn *conn)
{
    conn->write_broken = true;
    conn->close_after = true;
    out_drop(conn);
    h1_conn_task(conn);
}

/* Counts off what the socket took of out; returns what is left of `put` for the pieces. */
static size_t out_advance(struct h1_conn *conn, size_t put)
{
    size_t from_out = MIN(put, conn->out.len - conn->out_at);

    conn->out_at += from_out;
    if (conn->out_at == conn->out.len) {
        conn->out_at = 0;
        conn->out.len = 0;
    } else if (conn->out_at > OUT_COMPACT_MIN && conn->out_at > conn->out.len / 2) {
        buf_consume(&conn->out, conn->out_at);
        conn->out_at = 0;
    }
    return put - from_out;
}

/* Keeps what is left of the pieces behind the first `put` bytes. */
static int pieces_keep(struct h1_conn *conn, const struct slice *pieces, int count, size_t put)
{
    for (int i = 0; i < count; i++) {
        size_t sent = MIN(put, pieces[i].len);

        put -= sent;
        if (sent < pieces[i].len) {
            int rc = buf_append(h1_conn_out(conn), slice_from(pieces[i], sent));

            if (rc)
                return rc;
        }
    }
    return 0;
}

/* A copy of little costs less than handing the kernel a list. True when all is in out now. */
static bool small_join(struct h1_conn *conn, const struct slice *pieces, int count)
{
    size_t total = 0;

    for (int i = 0; i < count; i++)
        total += pieces[i].len;
    return total <= JOIN_MAX && pieces_keep(conn, pieces, count, 0) == 0;
}

/* Sends out and then the pieces (at most 3); what the socket does not take is kept in out. */
static void write_pieces(struct h1_conn *conn, const struct slice *pieces, int count)
{
    struct iovec iov[4];
    int iov_count = 0;
    ssize_t put = 0;

    if (conn->write_broken || conn->dead)
        return;
    if (h1_conn_has_output(conn))
        iov[iov_count++] =
            (struct iovec){conn->out.data + conn->out_at, conn->out.len - conn->out_at};
    for (int i = 0; i < count; i++)
        if (pieces[i].len)
            iov[iov_count++] = (struct iovec){(void *)pieces[i].data, pieces[i].len};
    if (iov_count == 0)
        return;
    if (iov_count > 1 && small_join(conn, pieces, count)) {
        iov[0].iov_base = conn->out.data + conn->out_at;
        iov[0].iov_len = conn->out.len - conn->out_at;
        count = 0;
        iov_count = 1;
    }
    if (!conn->blocked)
        put = conn_writev(conn->io, iov, iov_count);
    if (put == ERR_AGAIN)
        put = 0;
    if (put < 0 || pieces_keep(conn, pieces, count, out_advance(conn, (size_t)put)) != 0) {
        write_failed(conn);
        return;
    }
    conn->blocked = h1_conn_has_output(conn);
    if (!conn->blocked)
        out_drop(conn);
}

void h1_conn_flush(struct h1_conn *conn)
{
    if (h1_conn_has_output(conn) && !conn->blocked)
        write_pieces(conn, NULL, 0);
}

void h1_conn_body_start(struct h1_conn *conn, const struct h1_framing *framing)
{
    conn->out_body = framing->body;
    conn->out_left = framing->body == H1_BODY_LENGTH ? framing->length : 0;
}

/* A tunnel's direction ends when its last byte has left, not before. */
static void tunnel_end(struct h1_conn *conn)
{
    if (conn->tunnel && !conn->dead && !h1_conn_has_output(conn))
        conn_shutdown(conn->io);
}

/* Less was sent than content-length promised: the peer can only learn it from the connection. */
static void body_end(struct http_stream *stream, struct h1_conn *conn)
{
    if (conn->out_body == H1_BODY_LENGTH && conn->out_left > 0)
        conn->close_after = true;
    tunnel_end(conn);
    stream->out_end = true;
    h1_conn_task(conn);
}

int h1_conn_send_data(struct http_stream *stream, struct slice data, bool end)
{
    struct h1_conn *conn = stream->carrier;
    char chunk_head[H1_CHUNK_HEAD_SIZE];
    struct slice pieces[3] = {{0}, data, {0}};

    if (conn->tunnel_asked)
        return ERR_INVALID;
    if (conn->out_body == H1_BODY_NONE)
        pieces[1].len = 0;
    if (conn->out_body == H1_BODY_LENGTH) {
        if (data.len > conn->out_left)
            return ERR_INVALID;
        conn->out_left -= data.len;
    }
    if (conn->out_body == H1_BODY_CHUNKED) {
        if (data.len)
            pieces[0] = slice_make(chunk_head, h1_chunk_head_format(chunk_head, data.len));
        pieces[2] = !end ? SLICE("\r\n") : data.len ? SLICE("\r\n0\r\n\r\n") : SLICE("0\r\n\r\n");
    }
    stream->sent += pieces[1].len;
    write_pieces(conn, pieces, 3);
    if (end)
        body_end(stream, conn);
    return h1_conn_has_output(conn) &&
                   conn->out.len - conn->out_at > conn->limits->output_high_watermark
               ? ERR_AGAIN
               : 0;
}

int h1_conn_send_trailers(struct http_stream *stream, const struct http_headers *trailers)
{
    struct h1_conn *conn = stream->carrier;
    int rc;

    if (conn->out_body != H1_BODY_CHUNKED) /* no place for them: dropped, as RFC 9110 lets us */
        return h1_conn_send_data(stream, (struct slice){0}, true);
    rc = h1_trailers_format(h1_conn_out(conn), trailers);
    if (rc)
        return rc;
    write_pieces(conn, NULL, 0);
    body_end(stream, conn);
    return 0;
}

static void on_writable(struct conn *io, void *ctx)
{
    struct h1_conn *conn = ctx;

    (void)io;
    conn->blocked = false;
    h1_conn_flush(conn);
    if (conn->stream && conn->stream->writable_wanted &&
        conn->out.len - conn->out_at <= conn->limits->output_high_watermark / 2)
        stream_on_writable(conn->stream);
    if (conn->stream && conn->stream->out_end)
        tunnel_end(conn);
    if (!conn->dead && !h1_conn_has_output(conn) && conn->close_after && !conn->stream)
        h1_conn_task(conn);
}

/* --- input --- */

void h1_conn_input_keep(struct h1_conn *conn, struct slice seen)
{
    if (!seen.len)
        return;
    if (!conn->in.data)
        buf_init(&conn->in, H1_INPUT_MAX + LOOP_SCRATCH_SIZE);
    if (buf_append(&conn->in, seen) != 0) {
        h1_conn_kill(conn, ERR_LIMIT, HTTP_RESET_LIMIT);
        return;
    }
    if (conn->in.len >= H1_INPUT_MAX && !conn->input_paused) {
        conn->input_paused = true;
        conn_read_pause(conn->io);
    }
}

static void input(struct h1_conn *conn, struct slice in)
{
    conn->feeding = true;
    conn->side->on_input(conn, &in);
    conn->feeding = false;
    if (!conn->dead)
        h1_conn_input_keep(conn, in);
}

/* Input that waited is looked at again: something has changed. */
static void input_again(struct h1_conn *conn)
{
    struct buf in = conn->in;

    conn->in = (struct buf){0};
    if (conn->input_paused) {
        conn->input_paused = false;
        conn_read_resume(conn->io);
    }
    input(conn, buf_slice(&in));
    buf_deinit(&in);
}

/* One read; true when there may be more. */
static bool read_once(struct h1_conn *conn)
{
    char *scratch = loop_scratch(conn->loop);
    ssize_t got = conn_read(conn->io, scratch, LOOP_SCRATCH_SIZE);

    if (got == ERR_AGAIN)
        return false;
    if (got < 0)
        conn->side->on_end(conn, (int)got);
    else if (conn->in.data)
        h1_conn_input_keep(conn, slice_make(scratch, (size_t)got));
    else
        input(conn, slice_make(scratch, (size_t)got));
    return got > 0;
}

static void on_readable(struct conn *io, void *ctx)
{
    (void)io;
    (void)read_once(ctx);
}

static void on_failed(struct conn *io, int code, void *ctx)
{
    struct h1_conn *conn = ctx;

    (void)io;
    h1_conn_kill(conn, code, HTTP_RESET_CONN_TERMINATED);
}

void h1_conn_read_changed(struct http_stream *stream)
{
    struct h1_conn *conn = stream->carrier;

    if (conn->dead)
        return;
    if (stream->read_paused) {
        conn_read_pause(conn->io);
        return;
    }
    if (!conn->input_paused)
        conn_read_resume(conn->io);
    if (conn->in.data)
        h1_conn_task(conn);
}

/* --- the task --- */

/* An answer may have come before the connection broke. */
static void write_broken_finish(struct h1_conn *conn)
{
    for (int i = 0; i < WRITE_BROKEN_READS_MAX && !conn->dead; i++)
        if ((conn->stream && conn->stream->read_paused) || !read_once(conn))
            break;
    if (!conn->dead)
        h1_conn_kill(conn, ERR_CLOSED, HTTP_RESET_CONN_TERMINATED);
}

static void on_task(void *ctx)
{
    struct h1_conn *conn = ctx;

    if (!conn->dead)
        h1_conn_flush(conn);
    if (!conn->dead)
        conn->side->on_turn(conn);
    if (!conn->dead && conn->write_broken)
        write_broken_finish(conn);
    if (!conn->dead && conn->in.data && !(conn->stream && conn->stream->read_paused))
        input_again(conn);
    if (conn->dead)
        dead_finish(conn);
}
