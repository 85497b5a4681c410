/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of an HTTP/1 connection: carries one stream at a time for its pool.
 *
 *   idle --attach--> request out, answer in --both over--> ready: the next stream, or idle, or
 * closed
 *
 * An answer that is whole before its request ended ends the request too; the connection is closed
 * then, as nobody can tell what the peer still reads.
 *
 * Place   made by http/pool.c; on top of http/h1_conn.c
 * Owns    nothing of its own
 * Limits  INTERIM_MAX informational answers a request; struct http_limits
 * Spec    RFC 9112 section 9, RFC 9110 sections 15.2, 9.3.6
 */
#include "http/h1_conn.h"
#include "http/pool_int.h"

enum { INTERIM_MAX = 16 };

static struct http_pool *pool_of(const struct h1_conn *conn)
{
    return conn->owner;
}

/* --- the end of an exchange --- */

/* How long it may still be kept without a call. */
static uint64_t time_left_ms(const struct h1_conn *conn)
{
    const struct http_pool *pool = pool_of(conn);
    uint64_t now_ms = loop_now_ms(conn->loop);
    uint64_t end_ms = conn->since_ms + conn->limits->idle_timeout_ms;

    if (pool->options.conn_duration_max_ms)
        end_ms = MIN(end_ms, conn->opened_ms + pool->options.conn_duration_max_ms);
    return end_ms > now_ms ? end_ms - now_ms : 0;
}

static bool is_used_up(const struct h1_conn *conn)
{
    const struct http_pool_options *options = &pool_of(conn)->options;

    if (options->requests_per_conn_max && conn->request_count >= options->requests_per_conn_max)
        return true;
    return options->conn_duration_max_ms &&
           loop_now_ms(conn->loop) - conn->opened_ms >= options->conn_duration_max_ms;
}

/* `extra`: bytes came behind the answer. */
static void exchange_end(struct h1_conn *conn, bool extra)
{
    struct http_pool *pool = pool_of(conn);
    struct http_stream *stream = TAKE(conn->stream);
    bool reusable = !conn->close_after && !conn->draining && !conn->tunnel && !extra &&
                    !conn->write_broken && !h1_conn_has_output(conn) && stream->out_end &&
                    h1_parser_is_done(&conn->parser) && !is_used_up(conn);

    stream->in_end = true;
    stream->out_end = true;
    conn->since_ms = loop_now_ms(conn->loop);
    if (stream->read_paused)
        conn_read_resume(conn->io);
    /* The connection first: on_close may start the next stream, or free the pool. */
    if (reusable) {
        if (pool->options.conn_duration_max_ms)
            loop_timer_start(conn->loop, &conn->timer, time_left_ms(conn));
        pool_h1_ready(pool, conn);
    } else {
        h1_conn_kill(conn, 0, HTTP_RESET_LOCAL);
    }
    stream_on_close(stream);
    stream_free(conn->cache, stream);
}

static void on_turn(struct h1_conn *conn)
{
    if (conn->stream && conn->stream->in_end && conn->stream->out_end)
        exchange_end(conn, false);
}

/* --- input --- */

static void head_arrived(struct h1_conn *conn, bool end)
{
    struct http_stream *stream = conn->stream;
    unsigned status = stream->head.status;

    if (status < 200 && status != 101) {
        if (++conn->interim_count > INTERIM_MAX) {
            h1_conn_kill(conn, ERR_LIMIT, HTTP_RESET_LIMIT);
            return;
        }
        stream_on_informational(stream);
        h1_parser_begin(&conn->parser, &stream->arena, &stream->head);
        h1_parser_answer_to(&conn->parser, stream->asked_head, stream->asked_connect);
        return;
    }
    if (status == 101 && !stream->asked_protocol.len) {
        h1_conn_kill(conn, ERR_PROTOCOL, HTTP_RESET_PROTOCOL);
        return;
    }
    if (conn->tunnel_asked && (status == 101 || (stream->asked_connect && status / 100 == 2))) {
        conn->tunnel = true;
        conn->out_body = H1_BODY_RAW;
        h1_parser_tunnel(&conn->parser);
        end = false;
    } else if (conn->tunnel_asked) {
        stream->out_end = true;
    }
    conn->tunnel_asked = false;
    if (!conn->parser.keep_alive)
        conn->close_after = true;
    stream_on_head(stream, end);
}

static void on_input(struct h1_conn *conn, struct slice *in)
{
    while (in->len > 0 && !conn->dead) {
        struct http_stream *stream = conn->stream;
        struct h1_event event;
        int rc;

        if (!stream || !stream->head_sent) { /* an answer to nothing */
            h1_conn_kill(conn, ERR_PROTOCOL, HTTP_RESET_PROTOCOL);
            return;
        }
        if (stream->read_paused)
            return;
        rc = h1_parser_next(&conn->parser, in, &event);
        if (rc) {
            h1_conn_kill(conn, rc, rc == ERR_LIMIT ? HTTP_RESET_LIMIT : HTTP_RESET_PROTOCOL);
            return;
        }
        h1_conn_deliver(conn, &event);
        if (!conn->dead && conn->stream && conn->stream->in_end)
            exchange_end(conn, in->len > 0);
    }
}

static void on_end(struct h1_conn *conn, int code)
{
    struct http_stream *stream = conn->stream;
    struct h1_event event;

    if (code != ERR_EOF || !stream || !stream->head_received || stream->in_end ||
        h1_parser_eof(&conn->parser, &event) != 0) {
        h1_conn_kill(conn, code, HTTP_RESET_CONN_TERMINATED);
        return;
    }
    conn->close_after = true;
    stream_on_data(stream, (struct slice){0}, true);
    if (!conn->dead && conn->stream && (stream->out_end || !conn->tunnel))
        exchange_end(conn, false);
}

static void on_timer(struct h1_conn *conn)
{
    uint64_t left_ms = time_left_ms(conn);

    if (conn->stream)
        loop_timer_start(conn->loop, &conn->timer, conn->limits->idle_timeout_ms);
    else if (left_ms > 0)
        loop_timer_start(conn->loop, &conn->timer, left_ms);
    else
        h1_conn_kill(conn, 0, HTTP_RESET_IDLE_TIMEOUT);
}

static void on_gone(struct h1_conn *conn, int code)
{
    pool_conn_gone(pool_of(conn), code);
}

/* --- output --- */

static bool method_has_no_body(struct slice method)
{
    static const struct slice methods[] = {SLICE("GET"), SLICE("HEAD"), SLICE("CONNECT"),
                                           SLICE("DELETE"), SLICE("TRACE")};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (slice_eq(method, methods[i]))
            return true;
    return false;
}

static struct h1_framing framing_of(struct h1_conn *conn, const struct http_head *head, bool end)
{
    struct h1_framing framing = {.body = H1_BODY_NONE};

    if (head->protocol.len || slice_eq(head->method, SLICE("CONNECT"))) {
        framing.upgrade = head->protocol;
        framing.length_forbidden = true;
        conn->tunnel_asked = true;
    } else if (end && head->content_length <= 0) {
        if (head->content_length == 0 || !method_has_no_body(head->method))
            framing.body = H1_BODY_LENGTH;
    } else if (head->content_length >= 0) {
        framing.body = H1_BODY_LENGTH;
        framing.length = (uint64_t)head->content_length;
    } else {
        framing.body = H1_BODY_CHUNKED;
    }
    return framing;
}

static int send_head(struct http_stream *stream, const struct http_head *head, bool end)
{
    struct h1_conn *conn = stream->carrier;
    struct h1_framing framing = framing_of(conn, head, end);
    int rc;

    if (end && framing.length > 0)
        rc = ERR_INVALID;
    else
        rc = h1_request_format(h1_conn_out(conn), head, &framing);
    if (rc) {
        conn->tunnel_asked = false;
        return rc;
    }
    stream->head_sent = true;
    stream->asked_head = slice_eq(head->method, SLICE("HEAD"));
    stream->asked_connect = slice_eq(head->method, SLICE("CONNECT"));
    stream->asked_protocol =
        head->protocol.len ? arena_slice_dup(&stream->arena, head->protocol) : head->protocol;
    h1_parser_answer_to(&conn->parser, stream->asked_head, stream->asked_connect);
    h1_conn_body_start(conn, &framing);
    if (end && !conn->tunnel_asked) {
        stream->out_end = true;
        h1_conn_flush(conn);
    } else {
        h1_conn_task(conn);
    }
    return 0;
}

static void send_continue(struct http_stream *stream)
{
    (void)stream; /* servers only */
}

static const struct stream_ops client_ops = {
    .send_head = send_head,
    .send_data = h1_conn_send_data,
    .send_trailers = h1_conn_send_trailers,
    .send_continue = send_continue,
    .reset = h1_conn_reset,
    .read_changed = h1_conn_read_changed,
    .conn = h1_conn_io,
};

/* --- for the pool --- */

struct h1_conn *h1_client_open(struct http_pool *pool, struct conn *io)
{
    static const struct h1_side side = {.on_input = on_input,
                                        .on_head = head_arrived,
                                        .on_end = on_end,
                                        .on_turn = on_turn,
                                        .on_timer = on_timer,
                                        .on_gone = on_gone};
    struct h1_conn *conn =
        h1_conn_new(io, &side, H1_RESPONSE, pool, &pool->cache, &pool->options.limits);

    loop_timer_start(conn->loop, &conn->timer, conn->limits->idle_timeout_ms);
    return conn;
}

void h1_client_attach(struct h1_conn *conn, struct http_stream *stream)
{
    conn->stream = stream;
    conn->interim_count = 0;
    conn->tunnel_asked = false;
    stream->ops = &client_ops;
    stream->carrier = conn;
    stream->conn_reused = conn->request_count > 0;
    conn->request_count++;
    h1_parser_begin(&conn->parser, &stream->arena, &stream->head);
    if (stream->read_paused)
        conn_read_pause(conn->io);
}

void h1_client_drain(struct h1_conn *conn)
{
    conn->draining = true;
    if (!conn->stream && !conn->dead)
        h1_conn_kill(conn, 0, HTTP_RESET_LOCAL);
}
