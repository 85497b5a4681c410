/* SPDX-License-Identifier: Apache-2.0 */
/* Two servers on loopback, the second behind a relay of the first, and a raw WebSocket client:
 *
 *   client --TCP--> front --http/relay--> back: the protocol under test
 */
#ifndef WEFT_TESTS_STREAM_FIXTURE_H
#define WEFT_TESTS_STREAM_FIXTURE_H

#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/relay.h"
#include "http/server.h"
#include "wire/websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAM_WAIT_MS = 10000, STREAM_BYTES_MAX = 16 << 20 };

struct streams {
    struct loop *loop;
    struct http_server *front, *back;
    struct addr front_addr, back_addr;
    struct http_pool *pool;
    void (*serve)(struct http_stream *stream, struct streams *streams); /* at the back */
    int relays;                                                         /* closed */
    /* client */
    int fd;
    struct buf head; /* of the answer, with its empty line */
    struct websocket_reader reader;
    struct buf payload; /* of all messages, one after another */
    bool closed;        /* by a close frame */
    bool ended;         /* the connection's end was read */
    void *test;         /* the test's own */
};

#define STREAM_UNTIL(streams, condition)                                                           \
    do {                                                                                           \
        uint64_t until_ = clock_monotonic_ms() + STREAM_WAIT_MS;                                   \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms() > until_)                                                     \
                fail_msg("never came true: %s", #condition);                                       \
            loop_run_once((streams)->loop, 5);                                                     \
            client_read(streams);                                                                  \
        }                                                                                          \
    } while (0)

static bool client_on_message(enum websocket_opcode opcode, struct slice payload, void *ctx)
{
    struct streams *s = ctx;

    if (opcode == WEBSOCKET_CLOSE)
        s->closed = true;
    else if (opcode == WEBSOCKET_BINARY)
        buf_append(&s->payload, payload);
    return !s->closed;
}

static void client_read(struct streams *s)
{
    char bytes[16384];
    struct slice in;
    ssize_t got;

    while ((got = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        in = slice_make(bytes, (size_t)got);
        while (in.len > 0 && slice_find(buf_slice(&s->head), SLICE("\r\n\r\n")) < 0) {
            buf_append(&s->head, slice_head(in, 1));
            in = slice_from(in, 1);
        }
        if (slice_starts_with(buf_slice(&s->head), SLICE("HTTP/1.1 101")) && !s->closed)
            assert_int_equal(websocket_reader_feed(&s->reader, in, client_on_message, s), 0);
        else
            buf_append(&s->payload, in);
    }
    if (got == 0)
        s->ended = true;
}

static void client_send(struct streams *s, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = send(s->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (put < 0 && errno == EAGAIN) {
            loop_run_once(s->loop, 5);
            client_read(s);
            continue;
        }
        assert_true(put > 0);
        bytes = slice_from(bytes, (size_t)put);
    }
}

static inline void client_message(struct streams *s, struct slice payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    struct buf out;

    buf_init(&out, STREAM_BYTES_MAX);
    assert_int_equal(
        websocket_frame_encode(WEBSOCKET_BINARY, payload, (struct slice){0}, mask, &out), 0);
    client_send(s, buf_slice(&out));
    buf_deinit(&out);
}

static void on_back_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct streams *s = ctx;

    (void)head, (void)end;
    s->serve(stream, s);
}

static void on_back_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_back_head};

    http_stream_events_set(stream, &events, ctx);
}

static void on_relay_refused(struct http_stream *client, unsigned status, struct slice text,
                             void *ctx)
{
    (void)ctx;
    http_stream_respond(client, status ? status : 503, "text/plain", text);
}

static void on_relay_closed(void *ctx)
{
    ((struct streams *)ctx)->relays++;
}

static void on_front_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    static const struct http_relay_events events = {.on_refused = on_relay_refused,
                                                    .on_close = on_relay_closed};
    struct streams *s = ctx;
    struct http_head copy = *head;

    (void)end;
    copy.authority = SLICE("back");
    assert_int_equal(http_relay_start(stream, s->pool, &copy, &events, s), 0);
}

static void on_front_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_front_head};

    http_stream_events_set(stream, &events, ctx);
}

static void streams_start(struct streams *s,
                          void (*serve)(struct http_stream *stream, struct streams *s))
{
    const struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_pool_options pool = {.codec = HTTP_CODEC_HTTP1, .requests_per_conn_max = 1};
    struct addr any;

    *s = (struct streams){.serve = serve, .fd = -1};
    buf_init(&s->head, 65536);
    buf_init(&s->payload, STREAM_BYTES_MAX);
    websocket_reader_init(&s->reader, false, 1 << 20);
    assert_int_equal(loop_new(&s->loop), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &any), 0);
    assert_int_equal(http_server_new(s->loop, &options, on_back_stream, s, &s->back), 0);
    assert_int_equal(http_server_listen(s->back, &any, &s->back_addr, NULL), 0);
    pool.addr = s->back_addr;
    assert_int_equal(http_pool_new(s->loop, &pool, &s->pool), 0);
    assert_int_equal(http_server_new(s->loop, &options, on_front_stream, s, &s->front), 0);
    assert_int_equal(http_server_listen(s->front, &any, &s->front_addr, NULL), 0);
}

/* Connects and asks; `headers` are whole lines. */
static void client_ask(struct streams *s, const char *path, const char *headers)
{
    char request[1024];

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s->fd, &s->front_addr.sa.generic, s->front_addr.len), 0);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: front\r\n%s\r\n", path, headers);
    client_send(s, slice_str(request));
    STREAM_UNTIL(s, slice_find(buf_slice(&s->head), SLICE("\r\n\r\n")) >= 0);
}

#define STREAM_WS_HEADERS(protocol)                                                                \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " protocol "\r\n"

static void streams_stop(struct streams *s)
{
    close(s->fd);
    for (int i = 0; i < 10; i++)
        loop_run_once(s->loop, 5);
    http_server_free(s->front);
    http_pool_free(s->pool);
    http_server_free(s->back);
    for (int i = 0; i < 5; i++)
        loop_run_once(s->loop, 1);
    loop_free(s->loop);
    websocket_reader_deinit(&s->reader);
    buf_deinit(&s->head);
    buf_deinit(&s->payload);
}

#endif
