/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: see server.h. A connection whose codec is not known yet is a struct server_detect: with
 * TLS until the handshake is done (ALPN decides), else until its first bytes differ from HTTP/2's
 * preface or are all of it.
 */
#include "http/server.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/h1_conn.h"
#include "http/h2_conn.h"
#include "http/server_int.h"
#include "io/conn.h"
#include "io/listener.h"

static const struct slice preface = SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

struct server_listener {
    struct list node;
    struct http_server *server;
    struct listener *listener;
};

struct server_detect {
    struct list node;
    struct http_server *server;
    struct conn *io;
    struct loop_timer timer;
    char seen[24]; /* a beginning of the preface */
    size_t seen_len;
};

int http_server_new(struct loop *loop, const struct http_server_options *options,
                    void (*on_stream)(struct http_stream *stream, void *ctx), void *ctx,
                    struct http_server **ret)
{
    struct http_server *server = MEM_NEW(struct http_server);

    server->loop = loop;
    server->options = *options;
    server->options.limits = stream_limits(&options->limits);
    if (options->tls)
        server->options.tls = tls_config_ref(options->tls);
    if (!server->options.conns_max)
        server->options.conns_max = SIZE_MAX;
    server->on_stream = on_stream;
    server->ctx = ctx;
    list_init(&server->listeners);
    list_init(&server->detecting);
    list_init(&server->h1_conns);
    list_init(&server->h2_conns);
    loop_task_init(&server->free_task, http_server_on_free, server);
    stream_cache_init(&server->cache);
    *ret = server;
    return 0;
}

/* --- which codec --- */

static void detect_drop(struct server_detect *detect)
{
    loop_timer_stop(detect->server->loop, &detect->timer);
    list_remove(&detect->node);
    mem_free(detect);
}

static void detect_close(struct server_detect *detect)
{
    struct http_server *server = detect->server;

    conn_close(detect->io);
    detect_drop(detect);
    server_conn_gone(server);
}

static void detect_done(struct server_detect *detect, bool h2, struct slice seen)
{
    struct http_server *server = detect->server;
    struct conn *io = detect->io;

    if (h2)
        h2_server_open(server, io, seen);
    else
        h1_server_open(server, io, seen);
    detect_drop(detect); /* last: `seen` may lie in it */
}

static void detect_on_readable(struct conn *io, void *ctx)
{
    struct server_detect *detect = ctx;
    char *scratch = loop_scratch(detect->server->loop);
    size_t common = 0;
    ssize_t got;

    memcpy(scratch, detect->seen, detect->seen_len);
    got = conn_read(io, scratch + detect->seen_len, LOOP_SCRATCH_SIZE - detect->seen_len);
    if (got == ERR_AGAIN)
        return;
    if (got < 0) {
        detect_close(detect);
        return;
    }
    got += (ssize_t)detect->seen_len;
    while (common < (size_t)got && common < preface.len && scratch[common] == preface.data[common])
        common++;
    if (common == preface.len) {
        detect_done(detect, true, slice_make(scratch, (size_t)got));
    } else if (common < (size_t)got) {
        detect_done(detect, false, slice_make(scratch, (size_t)got));
    } else {
        memcpy(detect->seen, scratch, common);
        detect->seen_len = common;
    }
}

static void detect_on_failed(struct conn *io, int code, void *ctx)
{
    (void)io;
    (void)code;
    detect_close(ctx);
}

static void detect_on_connected(struct conn *io, void *ctx)
{
    struct server_detect *detect = ctx;
    enum http_codec codec = detect->server->options.codec;
    struct slice alpn = conn_alpn(io);

    if (codec == HTTP_CODEC_HTTP2 || slice_eq(alpn, SLICE("h2")))
        detect_done(detect, true, (struct slice){0});
    else if (codec == HTTP_CODEC_HTTP1 || alpn.len > 0)
        detect_done(detect, false, (struct slice){0});
}

static const struct conn_events detect_events = {.on_connected = detect_on_connected,
                                                 .on_readable = detect_on_readable,
                                                 .on_failed = detect_on_failed};

static void detect_on_timer(void *ctx)
{
    detect_close(ctx);
}

static struct server_detect *detect_new(struct http_server *server)
{
    struct server_detect *detect = MEM_NEW(struct server_detect);

    detect->server = server;
    loop_timer_init(&detect->timer, detect_on_timer, detect);
    loop_timer_start(server->loop, &detect->timer, server->options.limits.idle_timeout_ms);
    list_append(&server->detecting, &detect->node);
    server->conn_count++;
    return detect;
}

/* --- connections --- */

int http_server_adopt_fd(struct http_server *server, int fd)
{
    struct server_detect *detect = detect_new(server);
    int rc = conn_adopt(server->loop, fd, server->options.tls, &detect_events, detect, &detect->io);

    if (rc) {
        detect_drop(detect);
        server->conn_count--;
        return rc;
    }
    if (server->conn_count > server->options.conns_max) {
        detect_close(detect);
        return ERR_LIMIT;
    }
    if (!server->options.tls && server->options.codec != HTTP_CODEC_AUTO)
        detect_done(detect, server->options.codec == HTTP_CODEC_HTTP2, (struct slice){0});
    return 0;
}

int http_server_adopt_conn(struct http_server *server, struct conn *conn, struct slice seen)
{
    enum http_codec codec = server->options.codec;
    bool h2 = codec == HTTP_CODEC_HTTP2;

    if (server->conn_count >= server->options.conns_max) {
        conn_close(conn);
        return ERR_LIMIT;
    }
    if (codec == HTTP_CODEC_AUTO && conn_alpn(conn).len > 0)
        h2 = slice_eq(conn_alpn(conn), SLICE("h2"));
    else if (codec == HTTP_CODEC_AUTO && seen.len > 0)
        h2 = slice_starts_with(preface, slice_head(seen, preface.len));
    if (codec == HTTP_CODEC_AUTO && conn_alpn(conn).len == 0 && seen.len < preface.len &&
        (seen.len == 0 || h2)) {
        struct server_detect *detect = detect_new(server);

        detect->io = conn;
        memcpy(detect->seen, seen.data ? seen.data : "", seen.len);
        detect->seen_len = seen.len;
        conn_events_set(conn, &detect_events, detect);
        return 0;
    }
    server->conn_count++;
    if (h2)
        h2_server_open(server, conn, seen);
    else
        h1_server_open(server, conn, seen);
    return 0;
}

void server_conn_gone(struct http_server *server)
{
    server->conn_count--;
}

/* --- listening --- */

static void on_accept(int fd, const struct addr *peer, void *ctx)
{
    struct server_listener *listener = ctx;

    (void)peer;
    if (http_server_adopt_fd(listener->server, fd) != 0)
        log_debug(http, "a connection was not taken"); /* concerns that peer alone */
}

int http_server_listen(struct http_server *server, const struct addr *addr, struct addr *ret_addr,
                       struct error *err)
{
    static const struct listener_options options;
    struct server_listener *listener = MEM_NEW(struct server_listener);
    int rc;

    listener->server = server;
    rc = listener_open(server->loop, addr, &options, on_accept, listener, &listener->listener, err);
    if (rc) {
        mem_free(listener);
        return rc;
    }
    list_append(&server->listeners, &listener->node);
    if (ret_addr)
        *ret_addr = *listener_addr(listener->listener);
    return 0;
}

static void listeners_close(struct http_server *server)
{
    struct list *node;

    while ((node = list_take_first(&server->listeners))) {
        struct server_listener *listener = CONTAINER_OF(node, struct server_listener, node);

        listener_close(listener->listener);
        mem_free(listener);
    }
}

/* --- ends --- */

void http_server_retire(struct http_server *server)
{
    listeners_close(server);
    LIST_EACH (node, &server->h1_conns)
        CONTAINER_OF(node, struct h1_conn, node)->retiring = true;
    LIST_EACH (node, &server->h2_conns)
        h2_conn_drain(h2_conn_of(node));
}

void http_server_drain(struct http_server *server)
{
    server->draining = true;
    listeners_close(server);
    while (!list_is_empty(&server->detecting))
        detect_close(CONTAINER_OF(server->detecting.next, struct server_detect, node));
    LIST_EACH (node, &server->h1_conns)
        h1_server_drain(CONTAINER_OF(node, struct h1_conn, node));
    LIST_EACH (node, &server->h2_conns)
        h2_conn_drain(h2_conn_of(node));
}

size_t http_server_conn_count(const struct http_server *server)
{
    return server->conn_count;
}

size_t http_server_stream_count(const struct http_server *server)
{
    size_t count = 0;

    LIST_EACH (node, &server->h1_conns) {
        const struct h1_conn *conn = CONTAINER_OF(node, struct h1_conn, node);

        count += conn->stream && conn->stream->head_received && !conn->stream->closed;
    }
    LIST_EACH (node, &server->h2_conns)
        count += h2_conn_stream_count(h2_conn_of(node));
    return count;
}

void http_server_on_free(void *ctx)
{
    struct http_server *server = ctx;

    stream_cache_deinit(&server->cache);
    tls_config_unref((struct tls_config *)server->options.tls);
    mem_free(server);
}

void http_server_free(struct http_server *server)
{
    struct list *node;

    if (!server)
        return;
    listeners_close(server);
    while (!list_is_empty(&server->detecting))
        detect_close(CONTAINER_OF(server->detecting.next, struct server_detect, node));
    while ((node = list_take_first(&server->h1_conns)))
        h1_conn_orphan(CONTAINER_OF(node, struct h1_conn, node));
    while ((node = list_take_first(&server->h2_conns)))
        h2_conn_orphan(h2_conn_of(node));
    loop_task_add(server->loop, &server->free_task);
}
