/* SPDX-License-Identifier: Apache-2.0 */
/* Pools and fetches against our own server and against raw servers. */
#include "http_fixture.h"

struct answer {
    int count;
    int code;
    unsigned status;
    struct buf body;
};

static void on_done(const struct http_fetch_result *result, void *ctx)
{
    struct answer *answer = ctx;

    answer->count++;
    answer->code = result->code;
    answer->status = result->head ? result->head->status : 0;
    buf_reset(&answer->body);
    (void)buf_append(&answer->body, result->body);
}

static void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    buf_init(&answer->body, 0);
}

static struct http_pool *pool_open(struct fixture *fixture, size_t conns_max)
{
    struct http_pool_options options = {
        .addr = fixture->addr, .codec = HTTP_CODEC_HTTP1, .conns_max = conns_max};
    struct http_pool *pool;

    assert_int_equal(http_pool_new(fixture->loop, &options, &pool), 0);
    return pool;
}

static struct http_fetch *fetch(struct http_pool *pool, const char *path, struct slice body,
                                struct answer *answer)
{
    struct http_fetch_request request = {
        .path = path, .method = body.len ? "POST" : "GET", .body = body, .timeout_ms = 3000};
    struct http_fetch *started;

    assert_int_equal(http_fetch_start(pool, &request, on_done, answer, &started), 0);
    return started;
}

static void fetches_share_connections(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct http_pool *pool;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, &options);
    answer_init(&answer);
    pool = pool_open(&fixture, 2);
    for (int i = 0; i < 10; i++)
        fetch(pool, "/", (struct slice){0}, &answer);
    assert_int_equal(http_pool_stream_count(pool), 10);
    LOOP_UNTIL(fixture.loop, answer.count == 10);
    assert_int_equal(answer.status, 200);
    assert_slice(buf_slice(&answer.body), "hello");
    assert_int_equal(http_pool_conn_count(pool), 2);
    assert_int_equal(http_pool_stream_count(pool), 0);
    fetch(pool, "/echo", SLICE("some body"), &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 11);
    assert_slice(buf_slice(&answer.body), "some body");
    fetch(pool, "/trailers", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 12);
    assert_slice(buf_slice(&answer.body), "one,two");
    fetch(pool, "/big", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 13);
    assert_int_equal(answer.body.len, 20000000);
    assert_int_equal(http_pool_conn_count(pool), 2);
    http_pool_free(pool);
    buf_deinit(&answer.body);
    fixture_stop(&fixture);
}

static void large_bodies_go_up_whole(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct http_pool *pool;
    struct answer answer;
    char *body = mem_zalloc(900000);

    (void)state;
    memset(body, 'u', 900000);
    fixture_start(&fixture, &options);
    answer_init(&answer);
    pool = pool_open(&fixture, 1);
    fetch(pool, "/echo", slice_make(body, 900000), &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 1);
    assert_true(slice_eq(buf_slice(&answer.body), slice_make(body, 900000)));
    http_pool_free(pool);
    buf_deinit(&answer.body);
    mem_free(body);
    fixture_stop(&fixture);
}

static void failures_have_a_code(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_pool_options dead = {0};
    struct fixture fixture;
    struct http_pool *pool;
    struct http_fetch *canceled;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, &options);
    answer_init(&answer);
    pool = pool_open(&fixture, 1);
    fetch(pool, "/reset", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 1);
    assert_int_equal(answer.code, ERR_RESET);
    canceled = fetch(pool, "/hold", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, fixture.held);
    http_fetch_cancel(canceled);
    LOOP_UNTIL(fixture.loop, !fixture.held);
    canceled = fetch(pool, "/", (struct slice){0}, &answer);
    http_fetch_cancel(canceled);
    loop_run_once(fixture.loop, 0);
    assert_int_equal(answer.count, 1);
    http_pool_free(pool);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:1"), &dead.addr), 0);
    assert_int_equal(http_pool_new(fixture.loop, &dead, &pool), 0);
    fetch(pool, "/", (struct slice){0}, &answer);
    fetch(pool, "/", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 3);
    assert_int_equal(answer.code, ERR_REFUSED);
    assert_int_equal(http_pool_conn_count(pool), 0);
    http_pool_free(pool);
    buf_deinit(&answer.body);
    fixture_stop(&fixture);
}

static void limits_reset_with_overflow(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct http_pool_options limited = {.conns_max = 1, .pending_max = 1};
    struct http_pool *pool;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, &options);
    answer_init(&answer);
    limited.addr = fixture.addr;
    assert_int_equal(http_pool_new(fixture.loop, &limited, &pool), 0);
    fetch(pool, "/hold", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, fixture.held);
    fetch(pool, "/", (struct slice){0}, &answer);
    fetch(pool, "/", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 1);
    assert_int_equal(answer.code, ERR_LIMIT);
    http_stream_respond(fixture.held, 200, NULL, SLICE("x"));
    LOOP_UNTIL(fixture.loop, answer.count == 3);
    assert_int_equal(answer.code, 0);
    http_pool_free(pool);
    buf_deinit(&answer.body);
    fixture_stop(&fixture);
}

/* Two pools under one budget: each has its one connection, and one request in all may wait. */
static void pools_share_a_budget(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_pool_budget budget = {0};
    struct http_pool_options limited = {.conns_max = 1, .pending_max = 1, .budget = &budget};
    struct http_pool *pools[2];
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, &options);
    answer_init(&answer);
    limited.addr = fixture.addr;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(http_pool_new(fixture.loop, &limited, &pools[i]), 0);
        fetch(pools[i], "/hold", (struct slice){0}, &answer);
        LOOP_UNTIL(fixture.loop, fixture.heads == (int)i + 1);
    }
    assert_int_equal(budget.conns, 2);
    assert_int_equal(budget.pending, 0);
    fetch(pools[0], "/", (struct slice){0}, &answer);
    assert_int_equal(budget.pending, 1);
    fetch(pools[1], "/", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 1);
    assert_int_equal(answer.code, ERR_LIMIT);
    for (size_t i = 0; i < 2; i++)
        http_pool_free(pools[i]);
    assert_int_equal(budget.conns, 0);
    assert_int_equal(budget.pending, 0);
    LOOP_UNTIL(fixture.loop, answer.count == 4);
    buf_deinit(&answer.body);
    fixture_stop(&fixture);
}

static void on_drained(void *ctx)
{
    *(bool *)ctx = true;
}

static void drained_pools_close(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct fixture fixture;
    struct http_pool *pool;
    struct answer answer;
    bool drained = false;

    (void)state;
    fixture_start(&fixture, &options);
    answer_init(&answer);
    pool = pool_open(&fixture, 4);
    fetch(pool, "/", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, answer.count == 1);
    fetch(pool, "/hold", (struct slice){0}, &answer);
    LOOP_UNTIL(fixture.loop, fixture.held);
    http_pool_drain(pool, on_drained, &drained);
    for (int i = 0; i < 5; i++)
        loop_run_once(fixture.loop, 1);
    assert_false(drained);
    http_stream_respond(fixture.held, 200, NULL, SLICE("x"));
    LOOP_UNTIL(fixture.loop, drained);
    assert_int_equal(answer.count, 2);
    http_pool_free(pool);
    buf_deinit(&answer.body);
    fixture_stop(&fixture);
}

/* --- a raw server: what it says is up to the test --- */

struct raw_server {
    int listen_fd;
    int fd;
    struct fixture fixture; /* only its loop and address */
};

static void raw_server_start(struct raw_server *raw)
{
    socklen_t len = sizeof raw->fixture.addr.sa.storage;

    *raw = (struct raw_server){.fd = -1};
    assert_int_equal(loop_new(&raw->fixture.loop), 0);
    raw->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &raw->fixture.addr), 0);
    assert_int_equal(bind(raw->listen_fd, &raw->fixture.addr.sa.generic, raw->fixture.addr.len), 0);
    assert_int_equal(listen(raw->listen_fd, 8), 0);
    assert_int_equal(getsockname(raw->listen_fd, &raw->fixture.addr.sa.generic, &len), 0);
}

/* Waits for a connection and its request. */
static void raw_server_take(struct raw_server *raw, struct buf *request)
{
    assert_int_equal(fcntl(raw->listen_fd, F_SETFL, O_NONBLOCK), 0);
    LOOP_UNTIL(raw->fixture.loop, (raw->fd = accept(raw->listen_fd, NULL, NULL)) >= 0);
    assert_int_equal(fcntl(raw->fd, F_SETFL, O_NONBLOCK), 0);
    LOOP_UNTIL(raw->fixture.loop, raw_read(raw->fd, request) && request->len > 0);
}

static void raw_server_stop(struct raw_server *raw)
{
    close(raw->listen_fd);
    loop_run_once(raw->fixture.loop, 0);
    loop_free(raw->fixture.loop);
}

struct heard {
    struct buf text;
    struct http_stream *stream;
    bool closed;
};

static void heard_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    (void)buf_printf(&heard->text, "[%u%s]", head->status, end ? " end" : "");
}

static void heard_interim(struct http_stream *stream, const struct http_head *head, void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    (void)buf_printf(&heard->text, "(%u)", head->status);
}

static void heard_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    (void)buf_append(&heard->text, data);
    if (end)
        (void)buf_append_str(&heard->text, "$");
}

static void heard_trailers(struct http_stream *stream, const struct http_headers *trailers,
                           void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    (void)buf_printf(&heard->text, "<%zu>", trailers->count);
}

static void heard_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    (void)buf_printf(&heard->text, "!%s", http_reset_label(reason));
}

static void heard_close(struct http_stream *stream, void *ctx)
{
    struct heard *heard = ctx;

    (void)stream;
    heard->closed = true;
}

static const struct http_stream_events heard_events = {.on_head = heard_head,
                                                       .on_informational = heard_interim,
                                                       .on_data = heard_data,
                                                       .on_trailers = heard_trailers,
                                                       .on_reset = heard_reset,
                                                       .on_close = heard_close};

static const struct {
    const char *answer;
    const char *heard;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "[200]ok$"},
    {"HTTP/1.1 204 No Content\r\n\r\n", "[204 end]"},
    {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "(103)[200 end]"},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "[200]until the end$"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: 1\r\n\r\n",
     "[200]x<1>"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "[200]ok!conn_terminated"},
    {"", "!conn_terminated"},
    {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "!protocol"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "!protocol"},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "!protocol"},
};

static void answers_are_heard(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct http_head head = {.method = SLICE("GET"),
                                 .path = SLICE("/p"),
                                 .authority = SLICE("h"),
                                 .content_length = -1};
        struct heard heard = {0};
        struct raw_server raw;
        struct http_pool *pool;
        struct buf request;

        raw_server_start(&raw);
        buf_init(&heard.text, 0);
        buf_init(&request, 0);
        pool = pool_open(&raw.fixture, 1);
        assert_int_equal(http_pool_stream(pool, &heard_events, &heard, &heard.stream), 0);
        assert_int_equal(http_stream_send_head(heard.stream, &head, true), 0);
        raw_server_take(&raw, &request);
        assert_slice(buf_slice(&request), "GET /p HTTP/1.1\r\nhost: h\r\n\r\n");
        raw_send(raw.fd, slice_str(answers[i].answer));
        close(raw.fd);
        LOOP_UNTIL(raw.fixture.loop, heard.closed);
        assert_slice(buf_slice(&heard.text), answers[i].heard);
        http_pool_free(pool);
        buf_deinit(&request);
        buf_deinit(&heard.text);
        raw_server_stop(&raw);
    }
}

static void tunnels_carry_both_ways(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_head head = {.method = SLICE("GET"),
                             .path = SLICE("/tunnel"),
                             .authority = SLICE("h"),
                             .protocol = SLICE("websocket"),
                             .content_length = -1};
    struct fixture fixture;
    struct heard heard = {0};
    struct http_pool *pool;

    (void)state;
    fixture_start(&fixture, &options);
    buf_init(&heard.text, 0);
    pool = pool_open(&fixture, 1);
    assert_int_equal(http_pool_stream(pool, &heard_events, &heard, &heard.stream), 0);
    assert_int_equal(http_stream_send_head(heard.stream, &head, false), 0);
    LOOP_UNTIL(fixture.loop, heard.text.len > 0);
    assert_int_equal(http_stream_send_data(heard.stream, SLICE("ping"), false), 0);
    LOOP_UNTIL(fixture.loop, heard.text.len > 5);
    assert_int_equal(http_stream_send_data(heard.stream, SLICE("pong"), true), 0);
    LOOP_UNTIL(fixture.loop, heard.closed);
    assert_slice(buf_slice(&heard.text), "[101]pingpong$");
    assert_int_equal(fixture.resets, 0);
    LOOP_UNTIL(fixture.loop, fixture.closes == 1);
    http_pool_free(pool);
    buf_deinit(&heard.text);
    fixture_stop(&fixture);
}

static void an_answer_before_the_request_ended_ends_it(void **state)
{
    struct http_head head = {.method = SLICE("POST"),
                             .path = SLICE("/p"),
                             .authority = SLICE("h"),
                             .content_length = 100};
    struct heard heard = {0};
    struct raw_server raw;
    struct http_pool *pool;
    struct buf request;

    (void)state;
    raw_server_start(&raw);
    buf_init(&heard.text, 0);
    buf_init(&request, 0);
    pool = pool_open(&raw.fixture, 1);
    assert_int_equal(http_pool_stream(pool, &heard_events, &heard, &heard.stream), 0);
    assert_int_equal(http_stream_send_head(heard.stream, &head, false), 0);
    raw_server_take(&raw, &request);
    raw_send(raw.fd, SLICE("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno"));
    LOOP_UNTIL(raw.fixture.loop, heard.closed);
    assert_slice(buf_slice(&heard.text), "[413]no$");
    LOOP_UNTIL(raw.fixture.loop, http_pool_conn_count(pool) == 0);
    close(raw.fd);
    http_pool_free(pool);
    buf_deinit(&request);
    buf_deinit(&heard.text);
    raw_server_stop(&raw);
}

static void idle_connections_that_talk_are_closed(void **state)
{
    struct raw_server raw;
    struct http_pool *pool;
    struct answer answer;
    struct buf request;

    (void)state;
    raw_server_start(&raw);
    answer_init(&answer);
    buf_init(&request, 0);
    pool = pool_open(&raw.fixture, 1);
    fetch(pool, "/", (struct slice){0}, &answer);
    raw_server_take(&raw, &request);
    raw_send(raw.fd, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    LOOP_UNTIL(raw.fixture.loop, answer.count == 1);
    assert_int_equal(http_pool_conn_count(pool), 1);
    raw_send(raw.fd, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    LOOP_UNTIL(raw.fixture.loop, http_pool_conn_count(pool) == 0);
    close(raw.fd);
    http_pool_free(pool);
    buf_deinit(&request);
    buf_deinit(&answer.body);
    raw_server_stop(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetches_share_connections),
        cmocka_unit_test(large_bodies_go_up_whole),
        cmocka_unit_test(failures_have_a_code),
        cmocka_unit_test(limits_reset_with_overflow),
        cmocka_unit_test(pools_share_a_budget),
        cmocka_unit_test(drained_pools_close),
        cmocka_unit_test(answers_are_heard),
        cmocka_unit_test(tunnels_carry_both_ways),
        cmocka_unit_test(an_answer_before_the_request_ended_ends_it),
        cmocka_unit_test(idle_connections_that_talk_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
