/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC calls between our client and our server: streams of messages, statuses, cancellation. */
#include "test.h"
#include "until.h"

#include "base/mem.h"
#include "http/grpc.h"
#include "http/server.h"

#include <stdio.h>

struct peer {
    struct grpc_call *call;
    char got[512]; /* messages, "|" behind each */
    bool half_closed;
    bool finished;
    enum grpc_status status;
    char message[128];
    size_t big; /* bytes of the largest message */
};

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_pool *pool;
    struct peer at_server;
    struct peer at_client;
    bool echo;
};

static void on_message(struct grpc_call *call, struct slice message, void *ctx)
{
    struct peer *peer = ctx;
    size_t len = strlen(peer->got);

    (void)call;
    peer->big = MAX(peer->big, message.len);
    if (message.len < 32)
        snprintf(peer->got + len, sizeof peer->got - len, "%.*s|", SLICE_ARG(message));
}

static void on_server_message(struct grpc_call *call, struct slice message, void *ctx)
{
    int rc;

    on_message(call, message, ctx);
    rc = grpc_call_send(call, message);
    assert_true(rc == 0 || rc == ERR_AGAIN);
}

static void on_half_close(struct grpc_call *call, void *ctx)
{
    struct peer *peer = ctx;

    peer->half_closed = true;
    grpc_call_finish(call, GRPC_NOT_FOUND, "no such thing: 100% \xc3\xa4");
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx)
{
    struct peer *peer = ctx;

    (void)call;
    assert_false(peer->finished);
    peer->finished = true;
    peer->status = status;
    snprintf(peer->message, sizeof peer->message, "%s", message);
}

static const struct grpc_events server_events = {on_server_message, on_half_close, NULL, on_finish};
static const struct grpc_events client_events = {on_message, NULL, NULL, on_finish};

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct world *world = ctx;

    (void)end;
    if (slice_eq(head->path, SLICE("/plain"))) {
        http_stream_respond(stream, 503, "text/plain", SLICE("busy"));
        return;
    }
    if (grpc_call_accept(stream, &server_events, &world->at_server, &world->at_server.call) < 0)
        return;
    assert_slice(head->path, "/pkg.Service/Method");
    assert_slice(http_headers_value(&grpc_call_head(world->at_server.call)->headers, SLICE("x-a")),
                 "b");
}

static void on_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    (void)ctx;
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head, .on_close = on_close};

    http_stream_events_set(stream, &events, ctx);
}

static void world_open(struct world *world)
{
    struct http_server_options server = {0};
    struct http_pool_options pool = {.codec = HTTP_CODEC_HTTP2};
    struct addr addr;
    struct error err = {0};

    memset(world, 0, sizeof *world);
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
}

static void start(struct world *world, const char *path)
{
    const struct http_header metadata = {SLICE("x-a"), SLICE("b")};

    const struct grpc_method method = {"server.test", path, &metadata, 1};

    assert_int_equal(grpc_call_start(world->pool, &method, &client_events, &world->at_client,
                                     &world->at_client.call),
                     0);
}

static void messages_go_both_ways_and_a_status_ends_it(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    start(&world, "/pkg.Service/Method");
    assert_int_equal(grpc_call_send(world.at_client.call, SLICE("one")), 0);
    assert_int_equal(grpc_call_send(world.at_client.call, SLICE("")), 0);
    LOOP_UNTIL(world.loop, strcmp(world.at_client.got, "one||") == 0);
    assert_int_equal(grpc_call_send(world.at_client.call, SLICE("two")), 0);
    LOOP_UNTIL(world.loop, strcmp(world.at_client.got, "one||two|") == 0);
    grpc_call_half_close(world.at_client.call);
    LOOP_UNTIL(world.loop, world.at_client.finished && world.at_server.finished);
    assert_int_equal(world.at_client.status, GRPC_NOT_FOUND);
    assert_string_equal(world.at_client.message, "no such thing: 100% \xc3\xa4");
    assert_string_equal(world.at_server.got, "one||two|");
    assert_int_equal(world.at_server.status, GRPC_OK);
    world_close(&world);
}

/* The prefix promises 100 bytes, the stream ends after 3. */
static void a_message_cut_short_is_an_error(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    start(&world, "/pkg.Service/Method");
    assert_int_equal(http_stream_send_data(grpc_call_stream(world.at_client.call),
                                           slice_make("\0\0\0\0\x64"
                                                      "abc",
                                                      8),
                                           true),
                     0);
    LOOP_UNTIL(world.loop, world.at_client.finished && world.at_server.finished);
    assert_int_equal(world.at_client.status, GRPC_INTERNAL);
    assert_string_equal(world.at_client.message, "the stream ended within a message");
    world_close(&world);
}

static void a_large_message_arrives_whole(void **state)
{
    struct world world;
    SCOPED(mem_drop) char *bytes = mem_zalloc(2000000);
    int rc;

    (void)state;
    world_open(&world);
    start(&world, "/pkg.Service/Method");
    rc = grpc_call_send(world.at_client.call, slice_make(bytes, 2000000));
    assert_true(rc == 0 || rc == ERR_AGAIN);
    LOOP_UNTIL(world.loop, world.at_client.big == 2000000);
    grpc_call_cancel(world.at_client.call);
    LOOP_UNTIL(world.loop, world.at_server.finished);
    assert_int_equal(world.at_server.status, GRPC_CANCELLED);
    assert_false(world.at_client.finished); /* cancelled calls stay silent */
    world_close(&world);
}

static void plain_answers_become_statuses(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    start(&world, "/plain");
    LOOP_UNTIL(world.loop, world.at_client.finished);
    assert_int_equal(world.at_client.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(world.at_client.message, "503"));
    world_close(&world);
}

static void a_server_that_goes_is_unavailable(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    start(&world, "/pkg.Service/Method");
    LOOP_UNTIL(world.loop, world.at_server.call);
    http_server_free(TAKE(world.server));
    LOOP_UNTIL(world.loop, world.at_client.finished);
    assert_int_equal(world.at_client.status, GRPC_UNAVAILABLE);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_both_ways_and_a_status_ends_it),
        cmocka_unit_test(a_message_cut_short_is_an_error),
        cmocka_unit_test(a_large_message_arrives_whole),
        cmocka_unit_test(plain_answers_become_statuses),
        cmocka_unit_test(a_server_that_goes_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
