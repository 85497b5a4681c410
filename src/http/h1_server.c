/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of an HTTP/1 connection: one request at a time, answered in order.
 *
 *   idle --first byte--> head --whole--> body --end--> (answer) --end--> idle | close
 *
 * An answer that begins before its request is whole says "connection: close", as Envoy's do: what
 * is left of the request is not worth reading. The connection lingers a second then, so that the
 * answer is not lost to a reset.
 *
 * Place   made by http/server.c; on top of http/h1_conn.c
 * Owns    nothing of its own
 * Limits  struct http_limits
 * Spec    RFC 9112 section 9, RFC 9110 sections 7.8, 9.3.6, 10.1.1
 */
#include "base/mem.h"
#include "http/h1_conn.h"
#include "http/server_int.h"

static struct http_server *server_of(const struct h1_conn *conn)
{
    return conn->owner;
}

/* --- the end of an exchange and of the connection --- */

static void linger(struct h1_conn *conn)
{
    conn->lingering = true;
    conn_shutdown(conn->io);
    loop_timer_start(conn->loop, &conn->timer, H1_LINGER_MS);
    conn_read_resume(conn->io);
    buf_deinit(&conn->in);
}

/* Closes once the output has left. */
static void conn_finish(struct h1_conn *conn)
{
    conn->close_after = true;
    if (conn->lingering)
        return;
    h1_conn_flush(conn);
    if (conn->dead || conn->write_broken)
        return;
    if (h1_conn_has_output(conn))
        loop_timer_start(conn->loop, &conn->timer, conn->limits->head_timeout_ms);
    else if (h1_parser_is_done(&conn->parser) && !conn->in.data)
        h1_conn_kill(conn, 0, HTTP_RESET_LOCAL);
    else
        linger(conn);
}

static void exchange_end(struct h1_conn *conn)
{
    struct http_stream *stream = TAKE(conn->stream);

    if (stream->read_paused)
        conn_read_resume(conn->io);
    stream_on_close(stream);
    stream_free(conn->cache, stream);
    if (conn->dead)
        return;
    conn->since_ms = loop_now_ms(conn->loop);
    if (conn->close_after || conn->tunnel || conn->draining)
        conn_finish(conn);
}

/* The answer is whole and the request is not. */
static void early_end(struct h1_conn *conn)
{
    struct http_stream *stream = TAKE(conn->stream);

    stream_on_close(stream);
    stream_free(conn->cache, stream);
    if (!conn->dead)
        conn_finish(conn);
}

static void on_turn(struct h1_conn *conn)
{
    struct http_stream *stream = conn->stream;

    if (!stream) {
        if (conn->close_after)
            conn_finish(conn);
    } else if (stream->out_end && stream->in_end) {
        exchange_end(conn);
    } else if (stream->out_end && !conn->tunnel) {
        early_end(conn);
    }
}

/* Answers without a stream and closes. */
static void refuse(struct h1_conn *conn, unsigned status)
{
    const struct http_server *server = server_of(conn);
    const char *text = h1_status_text(status);
    struct buf *out = h1_conn_out(conn);

    (void)buf_printf(out, "HTTP/1.1 %u %s\r\ncontent-length: %zu\r\ncontent-type: text/plain\r\n",
                     status, text, strlen(text));
    if (server->options.on_refusal)
        server->options.on_refusal(status, out, server->ctx);
    (void)buf_printf(out, "connection: close\r\n\r\n%s", text);
    if (conn->stream)
        stream_free(conn->cache, TAKE(conn->stream));
    conn_finish(conn);
}

/* An HTTP/1.0 request is first of all that. */
static unsigned refusal_status(const struct h1_conn *conn)
{
    if (conn->parser.fault == H1_FAULT_CHUNKED_IN_1_0 && !server_of(conn)->options.http10_accepted)
        return 426;
    return h1_fault_status(conn->parser.fault);
}

/* What came is not HTTP/1 as it should be. */
static void input_failed(struct h1_conn *conn, int code)
{
    unsigned status = refusal_status(conn);
    struct http_stream *stream = conn->stream;

    if (stream->head_received) {
        bool answer_begun = stream->head_sent;

        stream_on_reset(stream, code == ERR_LIMIT ? HTTP_RESET_LIMIT : HTTP_RESET_PROTOCOL);
        if (conn->dead)
            return;
        if (answer_begun) {
            h1_conn_kill(conn, code, HTTP_RESET_PROTOCOL);
            return;
        }
        stream_on_close(stream);
        if (conn->dead)
            return;
    }
    refuse(conn, status ? status : 400);
}

/* --- output --- */

/* 101, or 2xx to CONNECT, when that was asked. */
static bool grants_tunnel(const struct h1_conn *conn, const struct http_stream *stream,
                          unsigned status)
{
    return conn->tunnel_asked &&
           (status == 101 || (stream->asked_connect && status >= 200 && status < 300));
}

static void framing_body_set(struct h1_framing *framing, const struct http_stream *stream,
                             const struct http_head *head, bool end)
{
    framing->length_forbidden = head->status < 200 || head->status == 204;
    if (framing->length_forbidden || head->status == 304) {
        framing->body = H1_BODY_NONE;
    } else if (head->content_length >= 0 || (end && !stream->asked_head)) {
        framing->body = H1_BODY_LENGTH;
        framing->length = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    } else if (stream->head.version == HTTP_VERSION_1_0) {
        framing->body = H1_BODY_CLOSE;
    } else {
        framing->body = H1_BODY_CHUNKED;
    }
}

static struct h1_framing framing_of(struct h1_conn *conn, struct http_stream *stream,
                                    const struct http_head *head, bool end)
{
    struct h1_framing framing = {.body = H1_BODY_RAW, .length_forbidden = true};
    bool cut_short;
    bool early;

    if (grants_tunnel(conn, stream, head->status)) {
        if (head->status == 101)
            framing.upgrade = head->protocol.len ? head->protocol : stream->asked_protocol;
        return framing;
    }
    framing_body_set(&framing, stream, head, end);
    cut_short = end && framing.length > 0 && !stream->asked_head;
    early = !stream->in_end && !conn->tunnel_asked;
    if (conn->draining || conn->retiring || framing.body == H1_BODY_CLOSE || cut_short || early)
        conn->close_after = true;
    framing.close = conn->close_after;
    framing.keep_alive = !framing.close && stream->head.version == HTTP_VERSION_1_0;
    return framing;
}

static int interim_send(struct h1_conn *conn, const struct http_head *head)
{
    const struct h1_framing framing = {.body = H1_BODY_NONE, .length_forbidden = true};
    int rc = h1_response_format(h1_conn_out(conn), head, &framing);

    h1_conn_task(conn);
    return rc;
}

static int send_head(struct http_stream *stream, const struct http_head *head, bool end)
{
    struct h1_conn *conn = stream->carrier;
    struct h1_framing framing;
    int rc;

    if (head->status < 200 && head->status != 101)
        return interim_send(conn, head);
    if (head->status == 101 && !conn->tunnel_asked)
        return ERR_INVALID;
    framing = framing_of(conn, stream, head, end);
    rc = h1_response_format(h1_conn_out(conn), head, &framing);
    if (rc)
        return rc;
    stream->head_sent = true;
    if (stream->asked_head)
        framing.body = H1_BODY_NONE;
    h1_conn_body_start(conn, &framing);
    if (framing.body == H1_BODY_RAW) {
        conn->tunnel = true;
        h1_parser_tunnel(&conn->parser);
    } else if (conn->tunnel_asked) {
        stream->in_end = true;
    }
    conn->tunnel_asked = false;
    stream->out_end = end;
    h1_conn_task(conn);
    return 0;
}

static void send_continue(struct http_stream *stream)
{
    struct h1_conn *conn = stream->carrier;

    (void)buf_append_str(h1_conn_out(conn), "HTTP/1.1 100 Continue\r\n\r\n");
    h1_conn_task(conn);
}

static void close_after(struct http_stream *stream)
{
    struct h1_conn *conn = stream->carrier;

    conn->close_after = true;
}

static const struct stream_ops server_ops = {
    .send_head = send_head,
    .send_data = h1_conn_send_data,
    .send_trailers = h1_conn_send_trailers,
    .send_continue = send_continue,
    .reset = h1_conn_reset,
    .close_after = close_after,
    .read_changed = h1_conn_read_changed,
    .conn = h1_conn_io,
};

/* --- input --- */

static bool requests_are_used_up(const struct h1_conn *conn)
{
    return conn->limits->requests_per_conn &&
           conn->request_count >= conn->limits->requests_per_conn;
}

static void head_arrived(struct h1_conn *conn, bool end)
{
    struct http_server *server = server_of(conn);
    struct http_stream *stream = conn->stream;
    struct http_head *head = &stream->head;

    if (head->version == HTTP_VERSION_1_0 && !server->options.http10_accepted) {
        refuse(conn, 426);
        return;
    }
    conn->request_count++;
    conn->close_after = !conn->parser.keep_alive || requests_are_used_up(conn);
    stream->asked_head = slice_eq(head->method, SLICE("HEAD"));
    stream->asked_connect = slice_eq(head->method, SLICE("CONNECT"));
    if (!end) /* with a body it is no request for a tunnel */
        head->protocol = (struct slice){0};
    stream->asked_protocol = head->protocol;
    conn->tunnel_asked = stream->asked_connect || head->protocol.len > 0;
    stream->expects_continue = conn->parser.expect_continue && !end;
    server->on_stream(stream, server->ctx);
    if (!stream->is_reset)
        stream_on_head(stream, end && !conn->tunnel_asked);
    if (!conn->dead && conn->stream == stream && !stream->read_paused && !stream->is_reset)
        http_stream_continue(stream);
}

/* One event's worth of input; false when the rest has to wait. */
static bool input_step(struct h1_conn *conn, struct slice *in)
{
    struct http_stream *stream = conn->stream;
    struct h1_event event;
    int rc;

    if (stream->in_end || stream->read_paused || (conn->tunnel_asked && stream->head_received))
        return false;
    rc = h1_parser_next(&conn->parser, in, &event);
    if (rc) {
        input_failed(conn, rc);
        return !conn->dead;
    }
    h1_conn_deliver(conn, &event);
    if (conn->dead)
        return false;
    if (conn->stream && conn->stream->in_end && conn->stream->out_end)
        exchange_end(conn);
    return !conn->dead;
}

static void on_input(struct h1_conn *conn, struct slice *in)
{
    while (in->len > 0) {
        if (conn->lingering || (conn->close_after && !conn->stream)) {
            *in = slice_from(*in, in->len);
            return;
        }
        if (!conn->stream) {
            conn->since_ms = loop_now_ms(conn->loop);
            conn->tunnel_asked = false;
            h1_conn_stream_begin(conn, &server_ops)->is_server = true;
        }
        if (!input_step(conn, in))
            return;
    }
    if (conn->stream && !conn->stream->head_received)
        loop_timer_start(
            conn->loop, &conn->timer,
            conn->limits->head_timeout_ms -
                MIN(loop_now_ms(conn->loop) - conn->since_ms, conn->limits->head_timeout_ms));
}

static void on_end(struct h1_conn *conn, int code)
{
    struct http_stream *stream = conn->stream;
    struct h1_event event;

    if (code != ERR_EOF || !conn->tunnel || !stream || stream->in_end ||
        h1_parser_eof(&conn->parser, &event) != 0) {
        h1_conn_kill(conn, code == ERR_EOF ? 0 : code, HTTP_RESET_CONN_TERMINATED);
        return;
    }
    stream_on_data(stream, (struct slice){0}, true); /* the tunnel's other half may go on */
    if (!conn->dead && stream->out_end)
        h1_conn_task(conn);
}

static void on_timer(struct h1_conn *conn)
{
    uint64_t now = loop_now_ms(conn->loop);
    bool in_head = conn->stream && !conn->stream->head_received;
    uint64_t allowed = in_head ? conn->limits->head_timeout_ms : conn->limits->idle_timeout_ms;

    if (conn->lingering || (conn->close_after && !conn->stream)) {
        h1_conn_kill(conn, 0, HTTP_RESET_LOCAL);
    } else if (conn->stream && !in_head) {
        loop_timer_start(conn->loop, &conn->timer, allowed);
    } else if (now - conn->since_ms < allowed) {
        loop_timer_start(conn->loop, &conn->timer, allowed - (now - conn->since_ms));
    } else if (in_head) {
        refuse(conn, 408);
    } else {
        h1_conn_kill(conn, 0, HTTP_RESET_IDLE_TIMEOUT);
    }
}

static void on_gone(struct h1_conn *conn, int code)
{
    (void)code;
    server_conn_gone(server_of(conn));
}

/* --- made and ended by the server --- */

void h1_server_open(struct http_server *server, struct conn *io, struct slice seen)
{
    static const struct h1_side side = {.on_input = on_input,
                                        .on_head = head_arrived,
                                        .on_end = on_end,
                                        .on_turn = on_turn,
                                        .on_timer = on_timer,
                                        .on_gone = on_gone};
    struct h1_conn *conn =
        h1_conn_new(io, &side, H1_REQUEST, server, &server->cache, &server->options.limits);

    list_append(&server->h1_conns, &conn->node);
    loop_timer_start(conn->loop, &conn->timer, conn->limits->idle_timeout_ms);
    if (seen.len) {
        h1_conn_input_keep(conn, seen);
        h1_conn_task(conn);
    }
}

void h1_server_drain(struct h1_conn *conn)
{
    conn->draining = true;
    if (!conn->stream && !conn->dead && !conn->in.data)
        conn_finish(conn);
}
