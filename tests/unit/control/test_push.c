/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes to proxies over real sockets: what each gets, what a change sends, refusals, departures.
 */
#include "test.h"
#include "until.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/push.h"
#include "http/server.h"
#include "mesh_load.h"
#include "xds/ads.h"
#include "xds/pb/core.h"

static const char reviews[] = "{apiVersion: v1, kind: Service, metadata: {name: reviews, "
                              "namespace: shop}, spec: {clusterIPs: "
                              "[10.0.0.1], ports: [{name: http, port: 9080}]}}";

struct world {
    struct loop *loop;
    struct mesh_builder *builder;
    struct push *push;
    struct http_server *server;
    struct addr addr;
    size_t snapshots;
};

struct proxy {
    struct ads *ads;
    size_t updates, items, removed; /* of clusters, so far */
    bool refuses;
};

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct world *world = ctx;

    (void)head;
    (void)end;
    push_accept(world->push, stream);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

static void on_snapshot(struct mesh *mesh, void *ctx)
{
    struct world *world = ctx;

    (void)mesh;
    world->snapshots++;
}

static void put(struct world *world, const char *text)
{
    struct error err = {0};

    assert_int_equal(mesh_load_text(world->builder, slice_str(text), &err), 0);
    push_mark(world->push);
}

static int set_up(void **state)
{
    struct world *world = MEM_NEW(struct world);
    static const struct http_server_options server_options;
    struct push_options options = {.on_snapshot = on_snapshot, .ctx = world};

    assert_int_equal(loop_new(&world->loop), 0);
    world->builder = mesh_builder_new(NULL);
    options.loop = world->loop;
    options.builder = world->builder;
    world->push = push_new(&options);
    assert_int_equal(
        http_server_new(world->loop, &server_options, on_stream, world, &world->server), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &world->addr), 0);
    assert_int_equal(http_server_listen(world->server, &world->addr, &world->addr, NULL), 0);
    put(world, reviews);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    push_free(world->push);
    http_server_free(world->server);
    for (int i = 0; i < 5; i++)
        loop_run_once(world->loop, 0);
    mesh_builder_free(world->builder);
    loop_free(world->loop);
    mem_free(world);
    return 0;
}

static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct proxy *proxy = ctx;

    if (update->type != XDS_TYPE_CLUSTER)
        return 0;
    proxy->updates++;
    proxy->items += update->item_count;
    proxy->removed += update->removed_count;
    return proxy->refuses ? err_set_path(err, ERR_INVALID, "clusters", "not wanted") : 0;
}

static void proxy_open(struct world *world, struct proxy *proxy, const char *id)
{
    static const struct xds_client_events events = {.on_update = on_update};
    const struct pb_node node = {.id = slice_str(id)};
    const struct ads_options options = {.client = {.node = &node, .events = &events, .ctx = proxy},
                                        .host = "127.0.0.1",
                                        .port = addr_port(&world->addr)};

    assert_int_equal(ads_open(world->loop, &options, &proxy->ads, NULL), 0);
    xds_client_watch(ads_client(proxy->ads), XDS_TYPE_CLUSTER);
    ads_flush(proxy->ads);
}

static size_t held(const struct proxy *proxy)
{
    struct xds_client_facts facts;

    xds_client_facts_get(ads_client(proxy->ads), XDS_TYPE_CLUSTER, &facts);
    return facts.held_count;
}

/* Before the mesh is whole nobody is answered; then a change sends what changed, to all. */
static void a_change_goes_to_all(void **state)
{
    struct world *world = *state;
    struct proxy proxies[2] = {0};
    size_t before;

    proxy_open(world, &proxies[0], "sidecar~10.1.0.1~a.shop~shop.svc.cluster.local");
    proxy_open(world, &proxies[1], "sidecar~10.1.0.2~b.shop~shop.svc.cluster.local");
    LOOP_UNTIL(world->loop, push_counts(world->push).sessions == 2);
    assert_int_equal(world->snapshots, 0);
    push_start(world->push);
    LOOP_UNTIL(world->loop, held(&proxies[0]) == 4 && held(&proxies[1]) == 4);
    assert_int_equal(world->snapshots, 1);
    before = proxies[0].items;
    put(world, "{apiVersion: v1, kind: Service, metadata: {name: ratings, namespace: shop}, spec: "
               "{clusterIPs: [10.0.0.2], ports: [{name: http, port: 9080}]}}");
    LOOP_UNTIL(world->loop, held(&proxies[0]) == 5 && held(&proxies[1]) == 5);
    assert_int_equal(proxies[0].items, before + 1); /* the new one alone */
    assert_int_equal(mesh_builder_remove(world->builder, MESH_SERVICE, "shop", "ratings"), 1);
    push_mark(world->push);
    LOOP_UNTIL(world->loop, proxies[0].removed == 1 && proxies[1].removed == 1);
    ads_free(proxies[0].ads);
    LOOP_UNTIL(world->loop, push_counts(world->push).sessions == 1);
    ads_free(proxies[1].ads);
    LOOP_UNTIL(world->loop, push_counts(world->push).sessions == 0);
}

/* Marks that change nothing, or come close together, make one snapshot at most. */
static void marks_are_gathered(void **state)
{
    struct world *world = *state;

    push_start(world->push);
    assert_int_equal(world->snapshots, 1);
    for (int i = 0; i < 100; i++) {
        char text[256];

        (void)snprintf(text, sizeof text,
                       "{apiVersion: v1, kind: Service, metadata: {name: s%d, namespace: shop}, "
                       "spec: {clusterIPs: [10.0.1.%d], ports: [{port: 80}]}}",
                       i, i + 1);
        put(world, text);
    }
    LOOP_UNTIL(world->loop, world->snapshots == 2);
    put(world, reviews); /* as it was */
    for (int i = 0; i < 10; i++)
        loop_run_once(world->loop, 20);
    assert_int_equal(world->snapshots, 2);
}

static void a_refusal_is_counted(void **state)
{
    struct world *world = *state;
    struct proxy proxy = {.refuses = true};
    json_t *list;

    push_start(world->push);
    proxy_open(world, &proxy, "sidecar~10.1.0.1~a.shop~shop.svc.cluster.local");
    LOOP_UNTIL(world->loop, push_counts(world->push).rejects == 1);
    list = push_proxies(world->push);
    assert_int_equal(json_array_size(list), 1);
    assert_non_null(
        strstr(json_path_string_or(json_array_get(list, 0), "cluster.nack", ""), "not wanted"));
    json_decref(list);
    ads_free(proxy.ads);
}

/* A node id that is none ends the stream; nothing is sent on it. */
static void a_nameless_proxy_is_refused(void **state)
{
    struct world *world = *state;
    struct proxy proxy = {0};

    push_start(world->push);
    proxy_open(world, &proxy, "ztunnel");
    LOOP_UNTIL(world->loop, push_counts(world->push).sessions_total >= 2); /* it came again */
    assert_int_equal(proxy.updates, 0);
    ads_free(proxy.ads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_goes_to_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_gathered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_nameless_proxy_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
