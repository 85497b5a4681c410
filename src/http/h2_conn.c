/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 connections: socket, output, timers, life. See h2_conn.h. */
#include "http/h2_conn.h"

#include "base/mem.h"
#include "http/h2_int.h"

struct h2_conn *h2_conn_of(struct list *node)
{
    return CONTAINER_OF(node, struct h2_conn, node);
}

struct http_cache *h2_conn_cache(struct h2_conn *conn)
{
    if (conn->server)
        return &conn->server->cache;
    return conn->pool ? &conn->pool->cache : NULL;
}

void h2_conn_task(struct h2_conn *conn)
{
    loop_task_add(conn->loop, &conn->task);
}

bool h2_conn_calm(struct h2_conn *conn)
{
    uint64_t now_ms = loop_now_ms(conn->loop);
    uint64_t earned = (now_ms - conn->calm_ms) * H2_CALM_RATE / 1000;

    if (earned) {
        conn->calm_left = (unsigned)MIN(conn->calm_left + earned, (uint64_t)H2_CALM_BURST);
        conn->calm_ms = now_ms;
    }
    if (conn->calm_left == 0)
        return false;
    conn->calm_left--;
    return true;
}

/* --- end --- */

void h2_conn_kill(struct h2_conn *conn, int code, enum http_reset reason)
{
    if (conn->dead)
        return;
    conn->dead = true;
    conn->code = code;
    conn->reason = reason;
    list_remove(&conn->node);
    loop_timer_stop(conn->loop, &conn->timer);
    conn_close(TAKE(conn->io));
    if (conn->server)
        server_conn_gone(conn->server);
    else if (conn->pool)
        pool_conn_gone(conn->pool, code);
    h2_conn_task(conn);
}

static void streams_end(struct h2_conn *conn)
{
    while (!list_is_empty(&conn->streams)) {
        struct http_stream *stream = CONTAINER_OF(conn->streams.next, struct http_stream, node);

        stream_on_reset(stream, conn->reason);
        h2_stream_finish(conn, stream);
    }
}

static void conn_free(struct h2_conn *conn)
{
    streams_end(conn);
    nghttp2_session_del(conn->session);
    buf_deinit(&conn->out);
    loop_task_cancel(&conn->task);
    mem_free(conn);
}

void h2_conn_orphan(struct h2_conn *conn)
{
    struct http_server *server = TAKE(conn->server);
    struct http_pool *pool = TAKE(conn->pool);

    (void)server;
    (void)pool;
    if (!conn->dead) {
        conn->reason = HTTP_RESET_CONN_TERMINATED;
        h2_conn_kill(conn, 0, HTTP_RESET_CONN_TERMINATED);
    }
    streams_end(conn);
}

/* --- output --- */

static bool output_fill(struct h2_conn *conn)
{
    const uint8_t *bytes;

    while (conn->out.len - conn->out_at < H2_OUT_CHUNK) {
        ssize_t len;

        conn->in_session = true;
        len = nghttp2_session_mem_send(conn->session, &bytes);
        conn->in_session = false;
        if (len < 0 || buf_append(&conn->out, slice_make(bytes, (size_t)MAX(len, 0))) < 0) {
            h2_conn_kill(conn, ERR_PROTOCOL, HTTP_RESET_PROTOCOL);
            return false;
        }
        if (len == 0)
            break;
    }
    return conn->out.len > conn->out_at;
}

static void output_send(struct h2_conn *conn)
{
    while (!conn->dead && !conn->blocked && output_fill(conn)) {
        struct slice left = slice_from(buf_slice(&conn->out), conn->out_at);
        ssize_t put = conn_write(conn->io, left);

        if (put == ERR_AGAIN) {
            conn->blocked = true;
        } else if (put < 0) {
            h2_conn_kill(conn, (int)put, HTTP_RESET_CONN_TERMINATED);
        } else {
            conn->out_at += (size_t)put;
            conn->blocked = (size_t)put < left.len;
        }
        if (conn->out_at == conn->out.len) {
            buf_reset(&conn->out);
            conn->out_at = 0;
        }
    }
    if (!conn->dead && conn->out.len == 0)
        buf_deinit(&conn->out); /* an idle connection holds no buffer */
}

/* --- the task --- */

static void streams_turn(struct h2_conn *conn)
{
    LIST_EACH (node, &conn->streams) {
        struct http_stream *stream = CONTAINER_OF(node, struct http_stream, node);

        h2_stream_turn(conn, stream);
        if (conn->dead)
            return;
        if (!h2_stream_is_over(stream))
            continue;
        h2_stream_finish(conn, stream);
        if (conn->dead)
            return;
    }
}

static bool is_over(struct h2_conn *conn)
{
    if (conn->draining && conn->stream_count == 0 && conn->out.len == 0 &&
        !nghttp2_session_want_write(conn->session))
        return true;
    return !nghttp2_session_want_read(conn->session) &&
           !nghttp2_session_want_write(conn->session) && conn->out.len == 0;
}

static void on_task(void *ctx)
{
    struct h2_conn *conn = ctx;

    if (conn->dead) {
        conn_free(conn);
        return;
    }
    streams_turn(conn);
    output_send(conn);
    if (!conn->dead && is_over(conn))
        h2_conn_kill(conn, conn->draining ? 0 : ERR_PROTOCOL, HTTP_RESET_CONN_TERMINATED);
    if (conn->dead)
        return;
    /* Callbacks may have ended streams, and sending lets nghttp2 close some. */
    LIST_EACH (node, &conn->streams)
        if (h2_stream_is_over(CONTAINER_OF(node, struct http_stream, node)))
            h2_conn_task(conn);
    if (!conn->blocked && nghttp2_session_want_write(conn->session))
        h2_conn_task(conn);
}

/* --- input --- */

static void bytes_take(struct h2_conn *conn, struct slice bytes)
{
    ssize_t used;

    conn->in_session = true;
    used = nghttp2_session_mem_recv(conn->session, (const uint8_t *)bytes.data, bytes.len);
    conn->in_session = false;
    if (conn->dead)
        return;
    if (used < 0 || (size_t)used < bytes.len)
        h2_conn_kill(conn, ERR_PROTOCOL, HTTP_RESET_PROTOCOL);
    h2_conn_task(conn);
}

static void on_readable(struct conn *io, void *ctx)
{
    struct h2_conn *conn = ctx;
    char *scratch = loop_scratch(conn->loop);
    ssize_t got = conn_read(io, scratch, LOOP_SCRATCH_SIZE);

    if (got > 0)
        bytes_take(conn, slice_make(scratch, (size_t)got));
    else if (got != ERR_AGAIN)
        h2_conn_kill(conn, got == ERR_EOF ? 0 : (int)got, HTTP_RESET_CONN_TERMINATED);
}

static void on_writable(struct conn *io, void *ctx)
{
    struct h2_conn *conn = ctx;

    (void)io;
    conn->blocked = false;
    h2_conn_task(conn);
}

static void on_failed(struct conn *io, int code, void *ctx)
{
    (void)io;
    h2_conn_kill(ctx, code, HTTP_RESET_CONN_TERMINATED);
}

/* --- timer --- */

static uint64_t tick_ms(const struct h2_conn *conn)
{
    uint64_t delay_ms = MIN(conn->limits.idle_timeout_ms, conn->limits.head_timeout_ms);

    if (conn->pool && conn->pool->options.ping_interval_ms)
        delay_ms = MIN(delay_ms, conn->pool->options.ping_interval_ms);
    if (conn->pool && conn->pool->options.conn_duration_max_ms)
        delay_ms = MIN(delay_ms, conn->pool->options.conn_duration_max_ms);
    return MAX(delay_ms, (uint64_t)1);
}

static void ping(struct h2_conn *conn)
{
    if (conn->ping_sent) {
        h2_conn_kill(conn, ERR_TIMEOUT, HTTP_RESET_CONN_TERMINATED);
        return;
    }
    conn->ping_sent = nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL) == 0;
    h2_conn_task(conn);
}

static bool is_too_old(const struct h2_conn *conn, uint64_t now_ms)
{
    return conn->pool && conn->pool->options.conn_duration_max_ms &&
           now_ms - conn->opened_ms >= conn->pool->options.conn_duration_max_ms;
}

static void on_timer(void *ctx)
{
    struct h2_conn *conn = ctx;
    uint64_t now_ms = loop_now_ms(conn->loop);

    if ((conn->stream_count == 0 && now_ms - conn->since_ms >= conn->limits.idle_timeout_ms) ||
        is_too_old(conn, now_ms))
        h2_conn_drain(conn);
    if (conn->head_since_ms && now_ms - conn->head_since_ms >= conn->limits.head_timeout_ms)
        h2_conn_kill(conn, ERR_TIMEOUT, HTTP_RESET_LIMIT);
    else if (conn->pool && conn->pool->options.ping_interval_ms)
        ping(conn);
    if (!conn->dead)
        loop_timer_start(conn->loop, &conn->timer, tick_ms(conn));
}

/* --- life --- */

static struct h2_conn *open_conn(struct conn *io, struct http_server *server,
                                 struct http_pool *pool)
{
    static const struct conn_events events = {
        .on_readable = on_readable, .on_writable = on_writable, .on_failed = on_failed};
    struct h2_conn *conn = MEM_NEW(struct h2_conn);

    conn->io = io;
    conn->loop = conn_loop(io);
    conn->server = server;
    conn->pool = pool;
    conn->limits = stream_limits(server ? &server->options.limits : &pool->options.limits);
    conn->opened_ms = loop_now_ms(conn->loop);
    conn->since_ms = conn->opened_ms;
    conn->calm_ms = conn->since_ms;
    conn->calm_left = H2_CALM_BURST;
    list_init(&conn->node);
    list_init(&conn->streams);
    buf_init(&conn->out, 0);
    loop_task_init(&conn->task, on_task, conn);
    loop_timer_init(&conn->timer, on_timer, conn);
    list_append(server ? &server->h2_conns : &pool->h2_conns, &conn->node);
    conn_events_set(io, &events, conn);
    loop_timer_start(conn->loop, &conn->timer, tick_ms(conn));
    if (h2_events_session(conn) < 0)
        h2_conn_kill(conn, ERR_NO_MEMORY, HTTP_RESET_LIMIT);
    h2_conn_task(conn);
    return conn;
}

void h2_server_open(struct http_server *server, struct conn *io, struct slice seen)
{
    struct h2_conn *conn = open_conn(io, server, NULL);

    if (!conn->dead && seen.len)
        bytes_take(conn, seen);
}

void h2_client_open(struct http_pool *pool, struct conn *io)
{
    open_conn(io, NULL, pool);
    pool_h2_ready(pool);
}

size_t h2_conn_stream_count(const struct h2_conn *conn)
{
    return conn->stream_count;
}

bool h2_client_has_room(const struct h2_conn *conn)
{
    uint32_t theirs =
        nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    size_t per_conn = conn->pool->options.requests_per_conn_max;

    return !conn->dead && !conn->draining && conn->stream_count < theirs &&
           conn->stream_count < conn->limits.streams_max &&
           (conn->settings_seen || conn->stream_count < H2_STREAMS_AT_FIRST) &&
           (!per_conn || conn->request_count < per_conn) &&
           nghttp2_session_check_request_allowed(conn->session);
}

void h2_client_attach(struct h2_conn *conn, struct http_stream *stream)
{
    stream->ops = &h2_client_ops;
    stream->carrier = conn;
    stream->conn_reused = conn->request_count > 0;
    conn->request_count++;
    h2_stream_init(conn, stream);
}

void h2_conn_drain(struct h2_conn *conn)
{
    if (conn->dead || conn->draining)
        return;
    conn->draining = true;
    nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(conn->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
    h2_conn_task(conn);
}
