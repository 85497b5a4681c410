/* SPDX-License-Identifier: Apache-2.0 */
/* The stream that is kept up, over real sockets: connect, ask, lose the server, come back. */
#include "test.h"
#include "until.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/grpc.h"
#include "http/server.h"
#include "wire/pb_known.h"
#include "wire/proto.h"
#include "xds/ads.h"
#include "xds/pb/cluster.h"
#include "xds/pb/discovery.h"

#include <stdio.h>
#include <unistd.h>

struct world {
    struct loop *loop;
    struct http_server *server;
    struct addr addr;
    struct grpc_call *call; /* at the server */
    struct ads *ads;
    char requests[1000]; /* type and nonce of each, or the names held */
    char token[64];      /* the authorization that came */
    char updates[1000];
    char state[1000]; /* what on_state said */
    bool nonsense;    /* answer with bytes that are no response */
};

#define RUN_UNTIL(world, condition)                                                                \
    LOOP_UNTIL_OR((world)->loop, condition, "requests %s updates %s state %s", (world)->requests,  \
                  (world)->updates, (world)->state)

#define NOTE(text, ...) snprintf((text) + strlen(text), sizeof(text) - strlen(text), __VA_ARGS__)

static void clusters_send(struct world *world)
{
    struct arena arena;
    struct pb_cluster cluster = {.name = SLICE("outbound|80||a")};
    struct pb_discovery_resource resource = {.name = cluster.name, .version = SLICE("5")};
    struct pb_delta_discovery_response response = {
        .type_url = slice_str(xds_type_url(XDS_TYPE_CLUSTER)), .nonce = SLICE("n1")};
    struct pb_discovery_resource *item = &resource;
    struct buf bytes;
    int rc;

    arena_init(&arena, 0);
    buf_init(&bytes, 0);
    resource.resource = proto_any_pack(&arena, &pb_cluster_desc, &cluster);
    PROTO_PUSH(&arena, &response, resources, item);
    assert_int_equal(proto_encode(&pb_delta_discovery_response_desc, &response, &bytes), 0);
    rc = grpc_call_send(world->call, world->nonsense ? SLICE("\xff\xff") : buf_slice(&bytes));
    assert_true(rc == 0 || rc == ERR_AGAIN);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static void on_request(struct grpc_call *call, struct slice message, void *ctx)
{
    struct world *world = ctx;
    struct pb_delta_discovery_request *request;
    struct arena arena;
    void *decoded;

    (void)call;
    arena_init(&arena, 0);
    assert_int_equal(
        proto_decode(&pb_delta_discovery_request_desc, message, NULL, &arena, &decoded, NULL, NULL),
        0);
    request = decoded;
    NOTE(world->requests, "%.*s[%.*s]", SLICE_ARG(request->node ? request->node->id : SLICE("")),
         SLICE_ARG(request->response_nonce));
    for (size_t i = 0; i < request->initial_resource_versions_count; i++)
        NOTE(world->requests, "{%s}", request->initial_resource_versions[i]->value.data);
    if (request->response_nonce.len == 0)
        clusters_send(world);
    arena_deinit(&arena);
}

static void on_half_close(struct grpc_call *call, void *ctx)
{
    (void)ctx;
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void on_call_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                           void *ctx)
{
    struct world *world = ctx;

    (void)call;
    (void)status;
    (void)message;
    world->call = NULL;
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    static const struct grpc_events events = {on_request, on_half_close, NULL, on_call_finish};
    struct world *world = ctx;
    struct slice token = http_headers_value(&head->headers, SLICE("authorization"));

    (void)end;
    snprintf(world->token, sizeof world->token, "%.*s", SLICE_ARG(token));
    assert_int_equal(grpc_call_accept(stream, &events, world, &world->call), 0);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

static void server_start(struct world *world)
{
    const struct http_server_options options = {.codec = HTTP_CODEC_HTTP2};
    struct error err = {0};

    assert_int_equal(http_server_new(world->loop, &options, on_stream, world, &world->server), 0);
    assert_int_equal(http_server_listen(world->server, &world->addr, &world->addr, &err), 0);
}

static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct world *world = ctx;

    (void)err;
    for (size_t i = 0; i < update->item_count; i++)
        NOTE(world->updates, "%s%.*s;", update->items[i].unchanged ? "=" : "+",
             SLICE_ARG(update->items[i].name));
    return 0;
}

static void on_state(bool connected, const char *reason, void *ctx)
{
    struct world *world = ctx;

    NOTE(world->state, "%s;", connected ? "up" : reason);
}

static void world_start(struct world *world)
{
    static const struct xds_client_events events = {on_update};
    static const struct http_header metadata = {.name = SLICE("authorization"),
                                                .value = SLICE("Bearer t")};
    const struct pb_node node = {.id = SLICE("me")};
    struct ads_options options = {
        .client = {.node = &node, .events = &events, .ctx = world},
        .host = "127.0.0.1",
        .port = addr_port(&world->addr),
        .authority = "istiod.istio-system.svc",
        .metadata = &metadata,
        .metadata_count = 1,
        .seed = 1,
        .backoff_min_ms = 5,
        .backoff_max_ms = 50,
        .on_state = on_state,
    };
    struct error err = {0};

    assert_int_equal(ads_open(world->loop, &options, &world->ads, &err), 0);
    xds_client_watch(ads_client(world->ads), XDS_TYPE_CLUSTER);
}

static int setup(void **state)
{
    static struct world world;

    world = (struct world){0};
    assert_int_equal(loop_new(&world.loop), 0);
    assert_int_equal(addr_parse_ip(SLICE("127.0.0.1"), 0, &world.addr), 0);
    server_start(&world);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    ads_free(world->ads);
    for (int i = 0; i < 5; i++)
        loop_run_once(world->loop, 0);
    http_server_free(world->server);
    for (int i = 0; i < 5; i++)
        loop_run_once(world->loop, 0);
    loop_free(world->loop);
    return 0;
}

static void asks_and_acknowledges(void **state)
{
    struct world *world = *state;

    world_start(world);
    RUN_UNTIL(world, strstr(world->requests, "[n1]"));
    assert_string_equal(world->requests, "me[][n1]");
    assert_string_equal(world->updates, "+outbound|80||a;");
    assert_string_equal(world->token, "Bearer t");
    assert_string_equal(world->state, "up;");
    assert_true(ads_is_connected(world->ads));
}

static void comes_back_with_what_it_holds(void **state)
{
    struct world *world = *state;

    world_start(world);
    RUN_UNTIL(world, strstr(world->requests, "[n1]"));
    world->requests[0] = '\0';
    http_server_free(world->server);
    world->server = NULL;
    RUN_UNTIL(world, strstr(world->state, "gRPC status 14"));
    assert_false(ads_is_connected(world->ads));
    server_start(world);
    RUN_UNTIL(world, strstr(world->requests, "[n1]"));
    assert_string_equal(world->requests, "me[]{5}[n1]");
    assert_string_equal(world->updates, "+outbound|80||a;=outbound|80||a;");
}

static void waits_for_a_server_that_is_not_there(void **state)
{
    struct world *world = *state;

    http_server_free(world->server);
    world->server = NULL;
    world_start(world);
    RUN_UNTIL(world, strlen(world->state) > 20);
    assert_null(strstr(world->state, "up"));
    world->state[0] = '\0';
    server_start(world);
    RUN_UNTIL(world, strstr(world->state, "up"));
}

static void nonsense_ends_the_stream_and_is_named(void **state)
{
    struct world *world = *state;

    world->nonsense = true;
    world_start(world);
    RUN_UNTIL(world, strstr(world->state, "nonsense"));
    assert_string_equal(world->updates, "");
    world->nonsense = false;
    RUN_UNTIL(world, strstr(world->updates, "+outbound|80||a;"));
}

static void a_finished_call_is_told_with_its_status(void **state)
{
    struct world *world = *state;

    world_start(world);
    RUN_UNTIL(world, strstr(world->requests, "[n1]"));
    grpc_call_finish(world->call, GRPC_UNAUTHENTICATED, "who are you?");
    RUN_UNTIL(world, strstr(world->state, "gRPC status 16: who are you?"));
    RUN_UNTIL(world, strstr(world->state, "?;up"));
}

static void bad_addresses_are_named(void **state)
{
    struct world *world = *state;
    const struct pb_node node = {0};
    struct ads_options options = {.client = {.node = &node}, .host = "istiod.example"};
    struct ads *ads = NULL;
    struct error err = {0};

    assert_int_equal(ads_open(world->loop, &options, &ads, &err), ERR_INVALID);
    assert_string_equal(err.path, "host");
    options.host = "";
    assert_int_equal(ads_open(world->loop, &options, &ads, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_and_acknowledges, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_back_with_what_it_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_for_a_server_that_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_ends_the_stream_and_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_finished_call_is_told_with_its_status, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_addresses_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
