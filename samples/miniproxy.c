/* SPDX-License-Identifier: Apache-2.0 */
/* miniproxy LISTEN UPSTREAM: the smallest HTTP proxy on weft's libraries: one thread, one upstream.
 *
 *   server stream --on_head, on_data--> pool stream      back-pressure: ERR_AGAIN pauses the other
 *   pool stream   --on_head, on_data--> server stream    side, on_writable resumes it
 *
 * Place   a sample that keeps the interfaces of http/ and io/ honest, and the floor that
 *         weft-proxy is measured against
 * Limits  the libraries' defaults; what cannot be forwarded is answered 502
 */
#include "http/client.h"
#include "http/server.h"
#include "io/addr.h"
#include "io/loop.h"

#include <stdio.h>

/* One exchange; lies in the downstream stream's arena. */
struct exchange {
    struct http_stream *down; /* NULL after its on_close */
    struct http_stream *up;
    struct http_pool *pool;
    bool answered;
};

static void forward(struct http_stream *from, struct http_stream *to, struct slice data, bool end)
{
    int rc = to ? http_stream_send_data(to, data, end) : ERR_CLOSED;

    if (rc == ERR_AGAIN)
        http_stream_read_pause(from);
}

/* --- the upstream's side --- */

static void up_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct exchange *exchange = ctx;

    exchange->answered = true;
    if (exchange->down && http_stream_send_head(exchange->down, head, end) != 0)
        http_stream_reset(stream, HTTP_RESET_LOCAL);
}

static void up_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    forward(stream, ((struct exchange *)ctx)->down, data, end);
}

static void up_on_trailers(struct http_stream *stream, const struct http_headers *trailers,
                           void *ctx)
{
    struct exchange *exchange = ctx;

    (void)stream;
    if (exchange->down && http_stream_send_trailers(exchange->down, trailers) != 0)
        http_stream_reset(exchange->down, HTTP_RESET_LOCAL);
}

static void up_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct exchange *exchange = ctx;

    (void)stream;
    if (!exchange->down)
        return;
    if (exchange->answered)
        http_stream_reset(exchange->down, reason);
    else
        http_stream_respond(exchange->down, 502, "text/plain", slice_str(http_reset_text(reason)));
}

static void up_on_writable(struct http_stream *stream, void *ctx)
{
    struct exchange *exchange = ctx;

    (void)stream;
    if (exchange->down)
        http_stream_read_resume(exchange->down);
}

static void up_on_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    ((struct exchange *)ctx)->up = NULL;
}

static const struct http_stream_events up_events = {.on_head = up_on_head,
                                                    .on_data = up_on_data,
                                                    .on_trailers = up_on_trailers,
                                                    .on_reset = up_on_reset,
                                                    .on_writable = up_on_writable,
                                                    .on_close = up_on_close};

/* --- the client's side --- */

static void down_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct exchange *exchange = ctx;

    if (http_pool_stream(exchange->pool, &up_events, exchange, &exchange->up) != 0) {
        http_stream_respond(stream, 503, "text/plain", SLICE("no upstream"));
        return;
    }
    http_headers_remove(&head->headers, SLICE("expect"));
    http_headers_add(&head->headers, http_stream_arena(stream), SLICE("via"), SLICE("miniproxy"));
    if (http_stream_send_head(exchange->up, head, end) != 0)
        http_stream_respond(stream, 400, "text/plain", SLICE("cannot be forwarded"));
}

static void down_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    forward(stream, ((struct exchange *)ctx)->up, data, end);
}

static void down_on_writable(struct http_stream *stream, void *ctx)
{
    struct exchange *exchange = ctx;

    (void)stream;
    if (exchange->up)
        http_stream_read_resume(exchange->up);
}

static void down_on_close(struct http_stream *stream, void *ctx)
{
    struct exchange *exchange = ctx;

    (void)stream;
    exchange->down = NULL;
    if (exchange->up) {
        /* the exchange lies in memory that goes now */
        http_stream_events_set(exchange->up, NULL, NULL);
        http_stream_reset(exchange->up, HTTP_RESET_LOCAL);
    }
}

static const struct http_stream_events down_events = {.on_head = down_on_head,
                                                      .on_data = down_on_data,
                                                      .on_writable = down_on_writable,
                                                      .on_close = down_on_close};

static void on_stream(struct http_stream *stream, void *ctx)
{
    struct exchange *exchange = ARENA_NEW(http_stream_arena(stream), struct exchange);

    exchange->down = stream;
    exchange->pool = ctx;
    http_stream_events_set(stream, &down_events, exchange);
}

int main(int argc, char **argv)
{
    struct http_server_options server_options = {.codec = HTTP_CODEC_AUTO};
    struct http_pool_options pool_options = {.codec = HTTP_CODEC_HTTP1};
    struct http_server *server;
    struct http_pool *pool;
    struct error err = {0};
    struct addr listen_addr;
    struct loop *loop;

    if (argc != 3 || addr_parse(slice_str(argv[1]), &listen_addr) != 0 ||
        addr_parse(slice_str(argv[2]), &pool_options.addr) != 0) {
        fprintf(stderr, "usage: %s LISTEN_IP:PORT UPSTREAM_IP:PORT\n", argv[0]);
        return 2;
    }
    if (loop_new(&loop) != 0 || http_pool_new(loop, &pool_options, &pool) != 0 ||
        http_server_new(loop, &server_options, on_stream, pool, &server) != 0)
        return 1;
    if (http_server_listen(server, &listen_addr, NULL, &err) != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], err.reason);
        return 1;
    }
    loop_run(loop);
    http_server_free(server);
    http_pool_free(pool);
    loop_free(loop);
    return 0;
}
