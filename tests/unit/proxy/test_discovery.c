/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from a control plane: when it is whole, what is refused, what goes when.
 */
#include "test.h"
#include "until.h"

#include "base/clock.h"
#include "http/grpc.h"
#include "http/server.h"
#include "proxy/discovery.h"
#include "proxy/server.h"
#include "wire/proto.h"
#include "wire/yaml.h"
#include "xds/pb/discovery.h"
#include "xds/pb/registry.h"
#include "xds/types.h"

#include <stdio.h>

/* The proxy's main thread, and a control plane that sends what the test says. */
struct world {
    struct server *server;
    struct discovery *discovery;
    struct http_server *http;
    struct grpc_call *call; /* at the control plane */
    struct arena arena;
    char requests[4000]; /* "cds+name,name;" for what is asked for, "cds!reason;" for refusals */
    unsigned sent;
    bool ready;
};

#define NOTE(text, ...) snprintf((text) + strlen(text), sizeof(text) - strlen(text), __VA_ARGS__)
#define UNTIL(world, condition)                                                                    \
    LOOP_UNTIL_OR((world)->server->loop, condition, "requests %s", (world)->requests)

static const char *short_name(struct slice url)
{
    static const char *const names[] = {"cds", "eds", "lds", "rds"};
    static const enum xds_type types[] = {XDS_TYPE_CLUSTER, XDS_TYPE_ENDPOINT, XDS_TYPE_LISTENER,
                                          XDS_TYPE_ROUTE};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq_str(url, xds_type_url(types[i])))
            return names[i];
    return "?";
}

static void on_request(struct grpc_call *call, struct slice message, void *ctx)
{
    struct world *world = ctx;
    struct pb_delta_discovery_request *request;
    void *decoded;

    (void)call;
    assert_int_equal(proto_decode(&pb_delta_discovery_request_desc, message, NULL, &world->arena,
                                  &decoded, NULL, NULL),
                     0);
    request = decoded;
    if (request->error_detail != NULL)
        NOTE(world->requests, "%s!%.*s;", short_name(request->type_url),
             SLICE_ARG(request->error_detail->message));
    for (size_t i = 0; i < request->resource_names_subscribe_count; i++)
        NOTE(world->requests, "%s+%.*s;", short_name(request->type_url),
             SLICE_ARG(request->resource_names_subscribe[i]));
    for (size_t i = 0; i < request->resource_names_unsubscribe_count; i++)
        NOTE(world->requests, "%s-%.*s;", short_name(request->type_url),
             SLICE_ARG(request->resource_names_unsubscribe[i]));
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
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
    static const struct grpc_events events = {.on_message = on_request, .on_finish = on_finish};
    struct world *world = ctx;

    (void)head;
    (void)end;
    assert_int_equal(grpc_call_accept(stream, &events, world, &world->call), 0);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

static void on_ready(void *ctx)
{
    ((struct world *)ctx)->ready = true;
}

/* Resources of one type from YAML (a list of messages, each with the name that `key` holds), and
 * names that are gone. */
static void push(struct world *world, enum xds_type type, const char *key, const char *yaml,
                 const char *removed)
{
    struct pb_delta_discovery_response response = {.type_url = slice_str(xds_type_url(type))};
    struct slice gone = slice_str(removed);
    json_t *list = NULL;
    struct error err = {0};
    struct buf bytes;
    int rc;

    response.nonce = slice_str(arena_printf(&world->arena, "n%u", ++world->sent));
    assert_int_equal(yaml_parse_one(slice_str(yaml), NULL, &list, &err), 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct pb_discovery_resource *resource =
            ARENA_NEW(&world->arena, struct pb_discovery_resource);
        void *message;

        if (proto_from_json(xds_type_desc(type), item, &pb_registry, &world->arena, &message, NULL,
                            &err) < 0)
            fail_msg("%s: %s", err.path, err.reason);
        resource->name = slice_str(arena_strdup(&world->arena, json_get_string(item, key)));
        resource->version = response.nonce;
        resource->resource = proto_any_pack(&world->arena, xds_type_desc(type), message);
        PROTO_PUSH(&world->arena, &response, resources, resource);
    }
    if (gone.len > 0)
        PROTO_PUSH(&world->arena, &response, removed_resources, gone);
    buf_init(&bytes, 0);
    assert_int_equal(proto_encode(&pb_delta_discovery_response_desc, &response, &bytes), 0);
    rc = grpc_call_send(world->call, buf_slice(&bytes));
    assert_true(rc == 0 || rc == ERR_AGAIN);
    buf_deinit(&bytes);
    json_decref(list);
}

static int start(void **state)
{
    struct server_options options = {.concurrency = 1};
    struct http_server_options http = {.codec = HTTP_CODEC_HTTP2};
    static const struct pb_node node = {.id = SLICE("sidecar~1.2.3.4~a.b~b.svc")};
    struct discovery_options discovery = {.node = &node, .host = "127.0.0.1", .on_ready = on_ready};
    static struct world world;
    struct error err = {0};
    struct addr addr;

    memset(&world, 0, sizeof world);
    arena_init(&world.arena, 0);
    assert_int_equal(server_new(&options, &world.server, &err), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(http_server_new(world.server->loop, &http, on_stream, &world, &world.http), 0);
    assert_int_equal(http_server_listen(world.http, &addr, &addr, &err), 0);
    discovery.port = addr_port(&addr);
    discovery.server = world.server;
    discovery.resolver = resources_resolver(&world.server->resources);
    discovery.ctx = &world;
    assert_int_equal(discovery_open(&discovery, &world.discovery, &err), 0);
    world.server->discovery = world.discovery;
    UNTIL(&world, world.call != NULL);
    *state = &world;
    return 0;
}

static int stop(void **state)
{
    struct world *world = *state;

    http_server_free(world->http);
    server_free(world->server);
    arena_deinit(&world->arena);
    return 0;
}

static bool has_cluster(const struct world *world, const char *name)
{
    uint32_t slot = names_find(&world->server->resources.compiler.clusters, slice_str(name));

    return config_store_get_cluster(&world->server->resources.store, slot).conf != NULL;
}

#define EDS_CLUSTER(name) "{name: " name ", type: EDS, eds_cluster_config: {eds_config: {ads: {}}}}"
#define LISTENER                                                                                   \
    "{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: "    \
    "[{filters: [{name: hcm, typed_config: {\"@type\": "                                           \
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."             \
    "HttpConnectionManager, rds: {config_source: {ads: {}}, route_config_name: r}, http_filters: " \
    "[{name: router, typed_config: {\"@type\": "                                                   \
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]}"

/* Nothing is in force before all that was named has come. */
static void waits_for_the_whole(void **state)
{
    struct world *world = *state;

    push(world, XDS_TYPE_CLUSTER, "name", "[" EDS_CLUSTER("c") "]", "");
    UNTIL(world, strstr(world->requests, "eds+c;") != NULL);
    assert_true(discovery_holds(world->discovery));
    push(world, XDS_TYPE_LISTENER, "name", "[" LISTENER "]", "");
    UNTIL(world, strstr(world->requests, "rds+r;") != NULL);
    push(world, XDS_TYPE_ENDPOINT, "cluster_name", "[{cluster_name: c}]", "");
    push(world, XDS_TYPE_ROUTE, "name", "[{name: other}]", "");
    UNTIL(world, world->server->update_success[XDS_TYPE_ENDPOINT] == 1);
    assert_false(world->ready);
    push(world, XDS_TYPE_ROUTE, "name", "[{name: r}]", "");
    UNTIL(world, world->ready);
    assert_false(discovery_holds(world->discovery));
    assert_true(has_cluster(world, "c"));
}

/* A name that is never answered holds things up for some seconds. */
static void goes_on_without(void **state)
{
    struct world *world = *state;

    push(world, XDS_TYPE_CLUSTER, "name", "[" EDS_CLUSTER("c") "]", "");
    push(world, XDS_TYPE_LISTENER, "name", "[]", "");
    UNTIL(world, world->ready);
    assert_false(discovery_holds(world->discovery));
}

/* What cannot be compiled is refused by name and reason; its neighbours and what was there stay. */
static void refuses(void **state)
{
    struct world *world = *state;

    push(world, XDS_TYPE_CLUSTER, "name",
         "[{name: good, type: STATIC}, {name: bad, type: STATIC, lb_policy: MAGLEV, "
         "maglev_lb_config: {table_size: 4}}]",
         "");
    UNTIL(world, strstr(world->requests, "cds!") != NULL);
    assert_non_null(strstr(world->requests, "cds!bad.maglev_lb_config.table_size: 4 is no prime"));
    assert_true(has_cluster(world, "good"));
    assert_false(has_cluster(world, "bad"));
    assert_int_equal(world->server->update_rejected[XDS_TYPE_CLUSTER], 1);
    push(world, XDS_TYPE_CLUSTER, "name",
         "[{name: good, type: STATIC, lb_policy: MAGLEV, "
         "maglev_lb_config: {table_size: 4}}]",
         "");
    UNTIL(world, world->server->update_rejected[XDS_TYPE_CLUSTER] == 2);
    assert_true(has_cluster(world, "good"));
}

/* A removed cluster stays while requests may still be led to it, and its endpoints are given up. */
static void removes_late(void **state)
{
    struct world *world = *state;

    push(world, XDS_TYPE_CLUSTER, "name", "[" EDS_CLUSTER("c") "]", "");
    push(world, XDS_TYPE_LISTENER, "name", "[]", "");
    push(world, XDS_TYPE_ENDPOINT, "cluster_name", "[{cluster_name: c}]", "");
    UNTIL(world, world->ready);
    push(world, XDS_TYPE_CLUSTER, "name", "[]", "c");
    UNTIL(world, world->server->update_success[XDS_TYPE_CLUSTER] == 2);
    assert_true(has_cluster(world, "c"));
    UNTIL(world, !has_cluster(world, "c"));
    UNTIL(world, strstr(world->requests, "eds-c;") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_for_the_whole, start, stop),
        cmocka_unit_test_setup_teardown(goes_on_without, start, stop),
        cmocka_unit_test_setup_teardown(refuses, start, stop),
        cmocka_unit_test_setup_teardown(removes_late, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
