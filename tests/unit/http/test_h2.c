/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 over real sockets, both ends ours: back-pressure, trailers, resets, limits, drains. */
#include "test.h"
#include "until.h"

#include "base/buf.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/server.h"

#include <stdio.h>

enum { BIG = 3 * 1024 * 1024 };

struct side {
    struct http_stream *stream; /* NULL before and after */
    struct buf body;
    unsigned status;
    char path[128];
    char trailer[64];
    size_t to_send;
    size_t sent;
    bool end;
    bool closed;
    bool reset;
    enum http_reset reason;
    int writables;
};

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_pool *pool;
    struct side server_sides[300];
    size_t server_count;
    struct side client_sides[300];
    bool hold;  /* the server does not answer */
    bool pause; /* the server's streams start paused */
    bool drained;
    int conns;
};

static void fill(struct side *side)
{
    char bytes[5000];

    while (side->to_send) {
        size_t len = MIN(side->to_send, sizeof bytes);
        int rc;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)('a' + (side->sent + i) % 26);
        side->to_send -= len;
        side->sent += len;
        rc = http_stream_send_data(side->stream, slice_make(bytes, len), side->to_send == 0);
        if (rc == ERR_AGAIN)
            return;
        assert_int_equal(rc, 0);
    }
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct side *side = ctx;

    (void)stream;
    assert_int_equal(buf_append(&side->body, data), 0);
    side->end = end;
}

static void on_trailers(struct http_stream *stream, const struct http_headers *trailers, void *ctx)
{
    struct side *side = ctx;
    struct slice value = http_headers_value(trailers, SLICE("x-sum"));

    (void)stream;
    snprintf(side->trailer, sizeof side->trailer, "%.*s", SLICE_ARG(value));
    side->end = true;
}

static void on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct side *side = ctx;

    (void)stream;
    side->reset = true;
    side->reason = reason;
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct side *side = ctx;

    (void)stream;
    side->writables++;
    fill(side);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct side *side = ctx;

    (void)stream;
    assert_false(side->closed);
    side->closed = true;
    side->stream = NULL;
}

static void on_client_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct side *side = ctx;

    (void)stream;
    side->status = head->status;
    side->end = end;
}

static const struct http_stream_events client_events = {
    .on_head = on_client_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_writable = on_writable,
    .on_close = on_close,
};

static void answer(struct side *side, struct http_head *request)
{
    struct http_head head = {.status = 200, .content_length = -1};
    struct slice size = http_headers_value(&request->headers, SLICE("x-size"));
    uint64_t wanted = 0;

    if (size.data)
        assert_int_equal(slice_parse_u64(size, BIG, &wanted), 0);
    side->to_send = wanted;
    assert_int_equal(http_stream_send_head(side->stream, &head, false), 0);
    if (wanted) {
        fill(side);
    } else {
        struct http_headers trailers = {0};

        http_headers_add(&trailers, http_stream_arena(side->stream), SLICE("x-sum"), SLICE("42"));
        assert_int_equal(http_stream_send_data(side->stream, SLICE("hello"), false), 0);
        assert_int_equal(http_stream_send_trailers(side->stream, &trailers), 0);
    }
}

static struct world *world_of_server;

static void on_server_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct side *side = ctx;

    snprintf(side->path, sizeof side->path, "%.*s %.*s %.*s", SLICE_ARG(head->method),
             SLICE_ARG(head->authority), SLICE_ARG(head->path));
    side->end = end;
    if (world_of_server->pause)
        http_stream_read_pause(stream);
    if (!world_of_server->hold)
        answer(side, head);
}

static const struct http_stream_events server_events = {
    .on_head = on_server_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_writable = on_writable,
    .on_close = on_close,
};

static void on_stream(struct http_stream *stream, void *ctx)
{
    struct world *world = ctx;
    struct side *side = &world->server_sides[world->server_count++];

    side->stream = stream;
    http_stream_events_set(stream, &server_events, side);
}

static void on_conn(int change, int code, void *ctx)
{
    struct world *world = ctx;

    (void)code;
    world->conns += change;
}

static void world_open(struct world *world, unsigned streams_max)
{
    struct http_server_options server = {.codec = HTTP_CODEC_AUTO,
                                         .limits.streams_max = streams_max};
    struct http_pool_options pool = {.codec = HTTP_CODEC_HTTP2, .on_conn = on_conn, .ctx = world};
    struct addr addr;
    struct error err = {0};

    memset(world, 0, sizeof *world);
    world_of_server = world;
    for (size_t i = 0; i < ARRAY_LEN(world->server_sides); i++) {
        buf_init(&world->server_sides[i].body, 0);
        buf_init(&world->client_sides[i].body, 0);
    }
    assert_int_equal(loop_new(&world->loop), 0);
    assert_int_equal(http_server_new(world->loop, &server, on_stream, world, &world->server), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(http_server_listen(world->server, &addr, &pool.addr, &err), 0);
    assert_int_equal(http_pool_new(world->loop, &pool, &world->pool), 0);
}

static void world_close(struct world *world)
{
    http_pool_free(world->pool);
    http_server_free(world->server);
    loop_free(world->loop);
    for (size_t i = 0; i < ARRAY_LEN(world->server_sides); i++) {
        buf_deinit(&world->server_sides[i].body);
        buf_deinit(&world->client_sides[i].body);
    }
}

static struct side *call(struct world *world, size_t index, const char *method, size_t upload,
                         const char *answer_size)
{
    struct side *side = &world->client_sides[index];
    struct http_head head = {.method = slice_str(method),
                             .scheme = SLICE("http"),
                             .authority = SLICE("server.test"),
                             .path = SLICE("/a?b=c"),
                             .content_length = -1};

    assert_int_equal(http_pool_stream(world->pool, &client_events, side, &side->stream), 0);
    if (answer_size)
        http_headers_add(&head.headers, http_stream_arena(side->stream), SLICE("x-size"),
                         slice_str(answer_size));
    side->to_send = upload;
    assert_int_equal(http_stream_send_head(side->stream, &head, upload == 0), 0);
    fill(side);
    return side;
}

/* A world in which the server has a request and does not answer it. */
static struct side *world_open_asked(struct world *world)
{
    struct side *side;

    world_open(world, 0);
    world->hold = true;
    side = call(world, 0, "GET", 0, NULL);
    LOOP_UNTIL(world->loop, world->server_count == 1);
    return side;
}

static void a_request_and_its_answer_with_trailers(void **state)
{
    static struct world world;
    struct side *side;

    (void)state;
    world_open(&world, 0);
    side = call(&world, 0, "GET", 0, NULL);
    LOOP_UNTIL(world.loop, side->closed && world.server_sides[0].closed);
    assert_int_equal(side->status, 200);
    assert_slice(buf_slice(&side->body), "hello");
    assert_string_equal(side->trailer, "42");
    assert_string_equal(world.server_sides[0].path, "GET server.test /a?b=c");
    assert_false(side->reset);
    world_close(&world);
}

static void bodies_cross_under_back_pressure(void **state)
{
    static struct world world;
    struct side *side;

    (void)state;
    world_open(&world, 0);
    world.pause = true;
    side = call(&world, 0, "POST", BIG, "3000000");
    LOOP_UNTIL(world.loop, world.server_count == 1);
    http_stream_read_pause(side->stream);
    for (int i = 0; i < 50; i++)
        loop_run_once(world.loop, 2);
    assert_true(side->to_send > 0);                      /* our upload is held back */
    assert_true(world.server_sides[0].to_send > 0);      /* and so is the answer */
    assert_int_equal(world.server_sides[0].body.len, 0); /* nothing passes a paused reader */
    http_stream_read_resume(world.server_sides[0].stream);
    LOOP_UNTIL(world.loop, world.server_sides[0].end);
    http_stream_read_resume(side->stream);
    LOOP_UNTIL(world.loop, side->closed && world.server_sides[0].closed);
    assert_false(side->reset);
    assert_int_equal(world.server_sides[0].body.len, BIG);
    assert_int_equal(side->body.len, 3000000);
    assert_true(side->writables > 0);
    for (size_t i = 0; i < side->body.len; i += 997)
        assert_int_equal(side->body.data[i], 'a' + i % 26);
    world_close(&world);
}

static void many_streams_share_few_connections(void **state)
{
    static struct world world;

    (void)state;
    world_open(&world, 50);
    for (size_t i = 0; i < 200; i++)
        call(&world, i, "GET", 0, i % 2 ? "100" : NULL);
    for (size_t i = 0; i < 200; i++) {
        LOOP_UNTIL(world.loop, world.client_sides[i].closed);
        assert_false(world.client_sides[i].reset);
        assert_int_equal(world.client_sides[i].status, 200);
        assert_int_equal(world.client_sides[i].body.len, i % 2 ? 100 : 5);
    }
    assert_in_range(world.conns, 1, 8);
    world_close(&world);
}

static void a_reset_reaches_the_other_side(void **state)
{
    static struct world world;
    struct side *side;

    (void)state;
    side = world_open_asked(&world);
    http_stream_reset(side->stream, HTTP_RESET_LOCAL);
    LOOP_UNTIL(world.loop, side->closed && world.server_sides[0].closed);
    assert_false(side->reset); /* our own reset is not told to us */
    assert_true(world.server_sides[0].reset);
    assert_int_equal(world.server_sides[0].reason, HTTP_RESET_REMOTE_RESET);
    /* The connection lives on. */
    world.hold = false;
    side = call(&world, 1, "GET", 0, NULL);
    LOOP_UNTIL(world.loop, side->closed);
    assert_int_equal(side->status, 200);
    assert_int_equal(world.conns, 1);
    world_close(&world);
}

static void an_early_answer_ends_the_upload(void **state)
{
    static struct world world;
    struct side *side = &world.client_sides[0];
    struct http_head head = {.method = SLICE("POST"),
                             .scheme = SLICE("http"),
                             .authority = SLICE("a"),
                             .path = SLICE("/"),
                             .content_length = -1};

    (void)state;
    world_open(&world, 0);
    assert_int_equal(http_pool_stream(world.pool, &client_events, side, &side->stream), 0);
    assert_int_equal(http_stream_send_head(side->stream, &head, false), 0);
    LOOP_UNTIL(world.loop, side->closed && world.server_sides[0].closed);
    assert_int_equal(side->status, 200);
    assert_false(side->reset);
    world_close(&world);
}

static void on_drained(void *ctx)
{
    struct world *world = ctx;

    world->drained = true;
}

static void a_drain_waits_for_streams(void **state)
{
    static struct world world;
    struct side *side;

    (void)state;
    side = world_open_asked(&world);
    http_server_drain(world.server);
    http_pool_drain(world.pool, on_drained, &world);
    for (int i = 0; i < 10; i++)
        loop_run_once(world.loop, 1);
    assert_false(world.drained);
    assert_false(side->closed);
    answer(&world.server_sides[0], http_stream_head(world.server_sides[0].stream));
    LOOP_UNTIL(world.loop, world.drained);
    assert_true(side->closed);
    assert_false(side->reset);
    assert_slice(buf_slice(&side->body), "hello");
    LOOP_UNTIL(world.loop, http_server_conn_count(world.server) == 0);
    world_close(&world);
}

static void too_large_a_head_resets_its_stream_alone(void **state)
{
    static struct world world;
    struct side *side = &world.client_sides[0];
    struct http_head head = {.method = SLICE("GET"),
                             .scheme = SLICE("http"),
                             .authority = SLICE("a"),
                             .path = SLICE("/"),
                             .content_length = -1};
    SCOPED(mem_drop) char *big = mem_zalloc(70001);
    struct side *other;

    (void)state;
    memset(big, 'x', 70000);
    world_open(&world, 0);
    assert_int_equal(http_pool_stream(world.pool, &client_events, side, &side->stream), 0);
    http_headers_add(&head.headers, http_stream_arena(side->stream), SLICE("x-big"),
                     slice_str(big));
    assert_int_equal(http_stream_send_head(side->stream, &head, true), 0);
    LOOP_UNTIL(world.loop, side->closed);
    assert_true(side->reset);
    other = call(&world, 1, "GET", 0, NULL);
    LOOP_UNTIL(world.loop, other->closed);
    assert_int_equal(other->status, 200);
    world_close(&world);
}

static void a_pool_that_goes_resets_its_streams(void **state)
{
    static struct world world;
    struct side *side;

    (void)state;
    side = world_open_asked(&world);
    http_pool_free(TAKE(world.pool));
    assert_true(side->reset);
    assert_true(side->closed);
    LOOP_UNTIL(world.loop, world.server_sides[0].closed);
    assert_true(world.server_sides[0].reset);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_its_answer_with_trailers),
        cmocka_unit_test(bodies_cross_under_back_pressure),
        cmocka_unit_test(many_streams_share_few_connections),
        cmocka_unit_test(a_reset_reaches_the_other_side),
        cmocka_unit_test(an_early_answer_ends_the_upload),
        cmocka_unit_test(a_drain_waits_for_streams),
        cmocka_unit_test(too_large_a_head_resets_its_stream_alone),
        cmocka_unit_test(a_pool_that_goes_resets_its_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
