/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a server on loopback whose paths behave in known ways, raw clients that say exactly what
 * they are told, and bounded waits.
 *
 * Place   tests/unit/http
 */
#ifndef WEFT_TESTS_HTTP_FIXTURE_H
#define WEFT_TESTS_HTTP_FIXTURE_H

#include "test.h"
#include "until.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/server.h"
#include "io/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIXTURE_WAIT_MS = 5000 };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct addr addr;
    int heads;                /* requests seen */
    int resets;               /* streams that broke */
    int closes;               /* streams that are gone */
    enum http_reset reset;    /* the last reason */
    struct http_stream *held; /* of /hold */
    struct buf seen;          /* of /seen: the body as it came */
    size_t big_left;          /* of /big */
};

static void on_closed(struct http_stream *stream, void *ctx)
{
    struct fixture *fixture = ctx;

    if (fixture->held == stream)
        fixture->held = NULL;
    fixture->closes++;
}

static void on_broken(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct fixture *fixture = ctx;

    (void)stream;
    fixture->resets++;
    fixture->reset = reason;
}

static void on_echo_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    (void)ctx;
    if (code == 0)
        http_stream_respond(stream, 200, "text/plain", body);
    else if (code == ERR_LIMIT)
        http_stream_respond(stream, 413, "text/plain", SLICE("too large"));
}

static void big_send(struct http_stream *stream, struct fixture *fixture)
{
    static const char block[8192] = {'b'};
    int rc = 0;

    while (fixture->big_left > 0 && rc == 0) {
        size_t size = MIN(fixture->big_left, sizeof block);

        fixture->big_left -= size;
        rc = http_stream_send_data(stream, slice_make(block, size), fixture->big_left == 0);
    }
}

static void on_room(struct http_stream *stream, void *ctx)
{
    big_send(stream, ctx);
}

static void reply_streamed(struct http_stream *stream, bool trailers)
{
    struct http_head head = {.status = 200, .content_length = -1};
    struct http_header item = {SLICE("x-trailer"), SLICE("1")};
    struct http_headers list = {&item, 1, 1};

    assert_int_equal(http_stream_send_head(stream, &head, false), 0);
    assert_int_equal(http_stream_send_data(stream, SLICE("one,"), false), 0);
    assert_int_equal(http_stream_send_data(stream, SLICE("two"), !trailers), 0);
    if (trailers)
        assert_int_equal(http_stream_send_trailers(stream, &list), 0);
}

static void on_request(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct fixture *fixture = ctx;
    struct http_head reply = {.status = 200, .content_length = -1};

    (void)end;
    fixture->heads++;
    if (slice_eq_str(head->path, "/echo")) {
        http_stream_collect(stream, 1000000, on_echo_body, fixture);
    } else if (slice_eq_str(head->path, "/stream") || slice_eq_str(head->path, "/trailers")) {
        reply_streamed(stream, slice_eq_str(head->path, "/trailers"));
    } else if (slice_eq_str(head->path, "/hold") || slice_eq_str(head->path, "/seen")) {
        fixture->held = stream;
    } else if (slice_eq_str(head->path, "/big")) {
        fixture->big_left = 20000000;
        reply.content_length = 20000000;
        assert_int_equal(http_stream_send_head(stream, &reply, false), 0);
        big_send(stream, fixture);
    } else if (slice_eq_str(head->path, "/tunnel") && head->protocol.len) {
        reply.status = 101;
        assert_int_equal(http_stream_send_head(stream, &reply, false), 0);
    } else if (slice_eq_str(head->path, "/204")) {
        reply.status = 204;
        assert_int_equal(http_stream_send_head(stream, &reply, true), 0);
    } else if (slice_eq_str(head->path, "/early")) {
        http_stream_respond(stream, 403, "text/plain", SLICE("no"));
    } else if (slice_eq_str(head->path, "/reset")) {
        http_stream_reset(stream, HTTP_RESET_LOCAL);
    } else {
        http_stream_respond(stream, 200, "text/plain", SLICE("hello"));
    }
}

/* Only /seen and /tunnel get here. */
static void on_request_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct fixture *fixture = ctx;

    if (http_stream_head(stream)->protocol.len) {
        assert_int_equal(http_stream_send_data(stream, data, end), 0);
        return;
    }
    (void)buf_append(&fixture->seen, data);
    if (end && slice_eq_str(http_stream_head(stream)->path, "/seen"))
        http_stream_respond(stream, 200, NULL, SLICE("seen"));
}

static const struct http_stream_events server_events = {.on_head = on_request,
                                                        .on_data = on_request_data,
                                                        .on_reset = on_broken,
                                                        .on_writable = on_room,
                                                        .on_close = on_closed};

static void on_server_stream(struct http_stream *stream, void *ctx)
{
    http_stream_events_set(stream, &server_events, ctx);
}

static void fixture_start(struct fixture *fixture, const struct http_server_options *options)
{
    struct error err = {0};
    struct addr any;

    *fixture = (struct fixture){0};
    buf_init(&fixture->seen, 0);
    assert_int_equal(loop_new(&fixture->loop), 0);
    assert_int_equal(
        http_server_new(fixture->loop, options, on_server_stream, fixture, &fixture->server), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &any), 0);
    assert_int_equal(http_server_listen(fixture->server, &any, &fixture->addr, &err), 0);
}

static void fixture_stop(struct fixture *fixture)
{
    http_server_free(fixture->server);
    loop_run_once(fixture->loop, 0);
    loop_free(fixture->loop);
    buf_deinit(&fixture->seen);
}

/* --- raw clients --- */

static inline int raw_open(struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &fixture->addr.sa.generic, fixture->addr.len), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void raw_send(int fd, struct slice bytes)
{
    assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

/* Reads what is there; false at the end of the connection. */
static inline bool raw_read(int fd, struct buf *into)
{
    char block[65536];
    ssize_t got;

    while ((got = read(fd, block, sizeof block)) > 0)
        (void)buf_append(into, slice_make(block, (size_t)got));
    return got < 0 && errno == EAGAIN;
}

/* Says `input` and hears until the connection ends, or until `answer` was heard. */
static inline void raw_check(struct fixture *fixture, const char *input, const char *answer)
{
    int fd = raw_open(fixture);
    uint64_t until = clock_monotonic_ms() + FIXTURE_WAIT_MS;
    struct buf heard;

    buf_init(&heard, 0);
    raw_send(fd, slice_str(input));
    while (raw_read(fd, &heard) && heard.len < strlen(answer) && clock_monotonic_ms() < until)
        loop_run_once(fixture->loop, 10);
    loop_run_once(fixture->loop, 0);
    (void)raw_read(fd, &heard);
    assert_slice(buf_slice(&heard), answer);
    buf_deinit(&heard);
    close(fd);
    loop_run_once(fixture->loop, 0);
}

#endif
