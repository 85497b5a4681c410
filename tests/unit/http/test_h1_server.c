/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1 server, heard byte by byte through loopback. */
#include "http_fixture.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct {
    const char *input;
    const char *answer;
} cases[] = {
    {GET("/"), OK_HELLO},
    /* pipelined: answered in order */
    {GET("/") GET("/204") GET("/stream"), OK_HELLO
     "HTTP/1.1 204 No Content\r\n\r\n"
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
     "hello"},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"),
     "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n" OK_HELLO},
    {"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"),
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" OK_HELLO},
    {GET("/trailers"), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none,\r\n3\r\ntwo"
                       "\r\n0\r\nx-trailer: 1\r\n\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
     "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nabcd"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n"
     "T: 1\r\n\r\n" GET("/"),
     "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nabcd" OK_HELLO},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
     "HTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\nx"},
    /* an answer before the request is whole ends the connection */
    {"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd" GET("/"),
     "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n"
     "connection: close\r\n\r\nno"},
    {"POST /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n"
     "connection: close\r\n\r\nno"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" GET("/"),
     "HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\ncontent-type: text/plain\r\n"
     "connection: close\r\n\r\nBad Request"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
     "HTTP/1.1 501 Not Implemented\r\ncontent-length: 15\r\ncontent-type: text/plain\r\n"
     "connection: close\r\n\r\nNot Implemented"},
    {"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
     "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 16\r\ncontent-type: text/plain\r\n"
     "connection: close\r\n\r\nUpgrade Required"},
    {"POST /seen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
     "HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\ncontent-type: text/plain\r\n"
     "connection: close\r\n\r\nBad Request"},
    {"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw",
     "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nraw"},
    /* an upgrade that is not granted: what follows is the next request */
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" GET("/"),
     OK_HELLO OK_HELLO},
    {GET("/reset"), ""},
};

static void answers_are_exact(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        raw_check(&fixture, cases[i].input, cases[i].answer);
    LOOP_UNTIL(fixture.loop, http_server_conn_count(fixture.server) == 0);
    assert_int_equal(fixture.closes, fixture.heads);
    fixture_stop(&fixture);
}

static void answers_do_not_depend_on_cuts(void **state)
{
    static const char input[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nab\r\n0\r\n\r\n" GET("/");
    static const char answer[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nab" OK_HELLO;
    struct http_server_options options = {.codec = HTTP_CODEC_AUTO};
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    for (size_t step = 1; step < 20; step++) {
        int fd = raw_open(&fixture);
        struct buf heard;

        buf_init(&heard, 0);
        for (size_t at = 0; at < sizeof input - 1; at += step) {
            raw_send(fd, slice_make(input + at, MIN(step, sizeof input - 1 - at)));
            loop_run_once(fixture.loop, 0);
            loop_run_once(fixture.loop, 0);
        }
        LOOP_UNTIL(fixture.loop, raw_read(fd, &heard) && heard.len == sizeof answer - 1);
        assert_slice(buf_slice(&heard), answer);
        buf_deinit(&heard);
        close(fd);
    }
    fixture_stop(&fixture);
}

static void http10_is_served_when_asked(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1, .http10_accepted = true};
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    raw_check(&fixture, "GET /stream HTTP/1.0\r\n\r\n",
              "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none,two");
    raw_check(&fixture, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
              "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n"
              "connection: keep-alive\r\n\r\nhello");
    fixture_stop(&fixture);
}

static void slow_readers_hold_little(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct buf heard;
    int fd;

    (void)state;
    fixture_start(&fixture, &options);
    buf_init(&heard, 0);
    fd = raw_open(&fixture);
    raw_send(fd, SLICE(GET("/big")));
    LOOP_UNTIL(fixture.loop, fixture.heads == 1);
    for (int i = 0; i < 20; i++)
        loop_run_once(fixture.loop, 1);
    assert_true(fixture.big_left > 0); /* the sender was told to wait */
    LOOP_UNTIL(fixture.loop, raw_read(fd, &heard) && heard.len >= 20000000);
    LOOP_UNTIL(fixture.loop, fixture.closes == 1);
    raw_send(fd, SLICE(GET("/204")));
    LOOP_UNTIL(fixture.loop, fixture.closes == 2);
    close(fd);
    buf_deinit(&heard);
    fixture_stop(&fixture);
}

static void paused_readers_are_not_fed(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    int fd;

    (void)state;
    fixture_start(&fixture, &options);
    fd = raw_open(&fixture);
    raw_send(fd, SLICE("POST /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"));
    LOOP_UNTIL(fixture.loop, fixture.held && fixture.seen.len == 3);
    http_stream_read_pause(fixture.held);
    raw_send(fd, SLICE("def"));
    for (int i = 0; i < 5; i++)
        loop_run_once(fixture.loop, 1);
    assert_slice(buf_slice(&fixture.seen), "abc");
    http_stream_read_resume(fixture.held);
    LOOP_UNTIL(fixture.loop, fixture.closes == 1);
    assert_slice(buf_slice(&fixture.seen), "abcdef");
    close(fd);
    fixture_stop(&fixture);
}

static void a_client_that_leaves_resets_its_stream(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    int fd;

    (void)state;
    fixture_start(&fixture, &options);
    fd = raw_open(&fixture);
    raw_send(fd, SLICE(GET("/hold")));
    LOOP_UNTIL(fixture.loop, fixture.held);
    close(fd);
    LOOP_UNTIL(fixture.loop, fixture.closes == 1);
    assert_int_equal(fixture.resets, 1);
    assert_int_equal(fixture.reset, HTTP_RESET_CONN_TERMINATED);
    assert_int_equal(http_server_conn_count(fixture.server), 0);
    fixture_stop(&fixture);
}

static void draining_lets_streams_finish(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct buf heard;
    int idle;
    int busy;

    (void)state;
    fixture_start(&fixture, &options);
    buf_init(&heard, 0);
    idle = raw_open(&fixture);
    busy = raw_open(&fixture);
    raw_send(busy, SLICE(GET("/hold")));
    LOOP_UNTIL(fixture.loop, fixture.held && http_server_conn_count(fixture.server) == 2);
    http_server_drain(fixture.server);
    LOOP_UNTIL(fixture.loop, !raw_read(idle, &heard));
    assert_int_equal(heard.len, 0);
    assert_int_equal(http_server_stream_count(fixture.server), 1);
    http_stream_respond(fixture.held, 200, NULL, SLICE("done"));
    LOOP_UNTIL(fixture.loop, !raw_read(busy, &heard));
    assert_slice(buf_slice(&heard),
                 "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone");
    LOOP_UNTIL(fixture.loop, http_server_conn_count(fixture.server) == 0);
    close(idle);
    close(busy);
    buf_deinit(&heard);
    fixture_stop(&fixture);
}

static void timeouts_end_connections(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1,
                                          .limits = {.idle_timeout_ms = 60, .head_timeout_ms = 30}};
    struct fixture fixture;
    struct buf heard;
    int fd;

    (void)state;
    fixture_start(&fixture, &options);
    buf_init(&heard, 0);
    fd = raw_open(&fixture);
    LOOP_UNTIL(fixture.loop, !raw_read(fd, &heard));
    assert_int_equal(heard.len, 0);
    close(fd);
    fd = raw_open(&fixture);
    raw_send(fd, SLICE("GET / HT"));
    LOOP_UNTIL(fixture.loop, !raw_read(fd, &heard));
    assert_true(slice_starts_with(buf_slice(&heard), SLICE("HTTP/1.1 408 ")));
    close(fd);
    buf_deinit(&heard);
    fixture_stop(&fixture);
}

static void freeing_ends_streams(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    int fd;

    (void)state;
    fixture_start(&fixture, &options);
    fd = raw_open(&fixture);
    raw_send(fd, SLICE(GET("/hold")));
    LOOP_UNTIL(fixture.loop, fixture.held);
    http_server_free(TAKE(fixture.server));
    assert_int_equal(fixture.closes, 1);
    fixture_stop(&fixture);
    close(fd);
}

static void limits_are_kept(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1,
                                          .limits = {.head_size_max = 200, .requests_per_conn = 2},
                                          .conns_max = 1};
    struct fixture fixture;
    struct buf heard;
    char head[300];
    int first;
    int second;

    (void)state;
    fixture_start(&fixture, &options);
    buf_init(&heard, 0);
    memset(head, 'x', sizeof head);
    memcpy(head, "GET /", 5);
    first = raw_open(&fixture);
    raw_send(first, slice_make(head, sizeof head));
    LOOP_UNTIL(fixture.loop, !raw_read(first, &heard));
    assert_true(slice_starts_with(buf_slice(&heard), SLICE("HTTP/1.1 431 ")));
    close(first);
    LOOP_UNTIL(fixture.loop, http_server_conn_count(fixture.server) == 0);
    raw_check(
        &fixture, GET("/204") GET("/204") GET("/204"),
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    LOOP_UNTIL(fixture.loop, http_server_conn_count(fixture.server) == 0);
    first = raw_open(&fixture);
    LOOP_UNTIL(fixture.loop, http_server_conn_count(fixture.server) == 1);
    second = raw_open(&fixture);
    LOOP_UNTIL(fixture.loop, !raw_read(second, &heard));
    assert_int_equal(http_server_conn_count(fixture.server), 1);
    close(first);
    close(second);
    buf_deinit(&heard);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_exact),
        cmocka_unit_test(answers_do_not_depend_on_cuts),
        cmocka_unit_test(http10_is_served_when_asked),
        cmocka_unit_test(slow_readers_hold_little),
        cmocka_unit_test(paused_readers_are_not_fed),
        cmocka_unit_test(a_client_that_leaves_resets_its_stream),
        cmocka_unit_test(draining_lets_streams_finish),
        cmocka_unit_test(timeouts_end_connections),
        cmocka_unit_test(freeing_ends_streams),
        cmocka_unit_test(limits_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
