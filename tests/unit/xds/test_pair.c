/* SPDX-License-Identifier: Apache-2.0 */
/* Client against server on a queue that delivers late, while the set changes and streams break:
 * whenever all is quiet, the client has exactly what the server's set says.
 */
#include "test.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "wire/proto.h"
#include "xds/client.h"
#include "xds/pb/cluster.h"
#include "xds/pb/core.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/listener.h"
#include "xds/pb/route.h"
#include "xds/server.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 6, QUEUE_MAX = 200, ROUNDS = 300 };

struct world;

/* A set: salt per type and name; 0: it is not there. */
struct set {
    struct world *world;
    unsigned salts[XDS_TYPE_COUNT][NAMES];
};

struct queue {
    char *messages[QUEUE_MAX];
    size_t lens[QUEUE_MAX];
    size_t count;
};

struct world {
    struct rng rng;
    struct arena arena;
    struct set set;
    struct set given[2]; /* to the server, by version */
    struct xds_server *server;
    struct xds_client *client;
    struct queue to_server;
    struct queue to_client;
    unsigned held[XDS_TYPE_COUNT][NAMES]; /* the user's view: salts */
    uint64_t version;
    uint64_t now_ms;
};

static void queue_push(struct queue *queue, struct slice message)
{
    assert_true(queue->count < QUEUE_MAX);
    queue->messages[queue->count] = mem_slice_dup(message);
    queue->lens[queue->count++] = message.len;
}

static void queue_clear(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        mem_free(queue->messages[i]);
    queue->count = 0;
}

static struct slice queue_take(struct queue *queue)
{
    struct slice message = slice_make(queue->messages[0], queue->lens[0]);

    queue->count--;
    memmove(queue->messages, queue->messages + 1, queue->count * sizeof queue->messages[0]);
    memmove(queue->lens, queue->lens + 1, queue->count * sizeof queue->lens[0]);
    return message;
}

/* Names are the index as a digit; the salt hides in a field. */
static void resource_make(struct world *world, enum xds_type type, unsigned index, unsigned salt,
                          struct xds_server_resource *ret)
{
    struct slice name = slice_str(arena_printf(&world->arena, "%u", index));
    struct slice mark = slice_str(arena_printf(&world->arena, "%u", salt));
    struct pb_route_configuration *route = ARENA_NEW(&world->arena, struct pb_route_configuration);
    struct pb_cluster_load_assignment *endpoints =
        ARENA_NEW(&world->arena, struct pb_cluster_load_assignment);
    struct pb_locality_lb_endpoints *locality =
        ARENA_NEW(&world->arena, struct pb_locality_lb_endpoints);
    const void *message = route;
    struct buf bytes;

    route->name = name; /* name and one text, at the same numbers in the other messages or not */
    PROTO_PUSH(&world->arena, route, internal_only_headers, mark);
    endpoints->cluster_name = name;
    locality->priority = salt;
    PROTO_PUSH(&world->arena, endpoints, endpoints, locality);
    if (type == XDS_TYPE_ENDPOINT) {
        message = endpoints;
    } else if (type == XDS_TYPE_CLUSTER) {
        struct pb_cluster *cluster = ARENA_NEW(&world->arena, struct pb_cluster);

        cluster->name = name;
        cluster->alt_stat_name = mark;
        cluster->cluster_discovery_type_case = PB_CLUSTER_CASE_TYPE;
        cluster->type = PB_CLUSTER_DISCOVERY_TYPE_EDS;
        message = cluster;
    } else if (type == XDS_TYPE_LISTENER) {
        struct pb_listener *listener = ARENA_NEW(&world->arena, struct pb_listener);

        listener->name = name;
        listener->stat_prefix = mark;
        message = listener;
    }
    buf_init(&bytes, 0);
    assert_int_equal(proto_encode(xds_type_desc(type), message, &bytes), 0);
    ret->name = name;
    ret->bytes = arena_slice_dup(&world->arena, buf_slice(&bytes));
    ret->hash = slice_hash(ret->bytes);
    buf_deinit(&bytes);
}

static size_t set_count(const void *set, enum xds_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < NAMES; i++)
        count += ((const struct set *)set)->salts[type][i] != 0;
    return count;
}

static void set_at(const void *set, enum xds_type type, size_t index,
                   struct xds_server_resource *ret)
{
    const unsigned *salts = ((const struct set *)set)->salts[type];
    unsigned i = 0;

    for (;; i++) {
        if (salts[i] && index-- == 0)
            break;
    }
    resource_make(((const struct set *)set)->world, type, i, salts[i], ret);
}

static bool set_find(const void *set, enum xds_type type, struct slice name,
                     struct xds_server_resource *ret)
{
    unsigned index = (unsigned)(name.data[0] - '0');
    unsigned salt = ((const struct set *)set)->salts[type][index];

    if (!salt)
        return false;
    resource_make(((const struct set *)set)->world, type, index, salt, ret);
    return true;
}

static int on_node(struct xds_server *server, const struct pb_node *node, void *ctx)
{
    struct world *world = ctx;

    assert_slice(node->id, "me");
    xds_server_update(server, &world->given[world->version % 2], world->version);
    return 0;
}

static int on_send(struct slice message, void *ctx)
{
    struct world *world = ctx;

    queue_push(&world->to_client, message);
    return 0;
}

static void on_nack(enum xds_type type, struct slice reason, void *ctx)
{
    (void)ctx;
    fail_msg("%s refused: %.*s", xds_type_short(type), SLICE_ARG(reason));
}

static const struct xds_server_hooks hooks = {set_count, set_at,  set_find,
                                              on_node,   on_send, on_nack};

/* The salt inside an item. */
static unsigned item_salt(struct world *world, enum xds_type type, const struct xds_item *item)
{
    struct slice text = {"0", 1};
    uint64_t salt = 0;
    void *message;

    assert_int_equal(
        proto_decode(xds_type_desc(type), item->bytes, NULL, &world->arena, &message, NULL, NULL),
        0);
    if (type == XDS_TYPE_ENDPOINT)
        return ((struct pb_cluster_load_assignment *)message)->endpoints[0]->priority;
    if (type == XDS_TYPE_CLUSTER)
        text = ((struct pb_cluster *)message)->alt_stat_name;
    if (type == XDS_TYPE_LISTENER)
        text = ((struct pb_listener *)message)->stat_prefix;
    if (type == XDS_TYPE_ROUTE)
        text = ((struct pb_route_configuration *)message)->internal_only_headers[0];
    assert_int_equal(slice_parse_u64(text, UINT32_MAX, &salt), 0);
    return (unsigned)salt;
}

/* Clusters want endpoints, listeners want routes of their name. */
static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct world *world = ctx;
    enum xds_type follower = update->type == XDS_TYPE_CLUSTER ? XDS_TYPE_ENDPOINT : XDS_TYPE_ROUTE;
    bool leads = xds_type_is_wildcard(update->type);

    (void)err;
    for (size_t i = 0; i < update->item_count; i++) {
        const struct xds_item *item = &update->items[i];
        unsigned index = (unsigned)(item->name.data[0] - '0');

        world->held[update->type][index] = item_salt(world, update->type, item);
        if (leads)
            assert_int_equal(xds_client_subscribe(world->client, follower, item->name), 0);
    }
    for (size_t i = 0; i < update->removed_count; i++) {
        unsigned index = (unsigned)(update->removed[i].data[0] - '0');

        world->held[update->type][index] = 0;
        if (leads) {
            xds_client_unsubscribe(world->client, follower, update->removed[i]);
            world->held[follower][index] = 0;
        }
    }
    return 0;
}

static void stream_start(struct world *world, bool delta)
{
    xds_server_free(world->server);
    queue_clear(&world->to_client);
    queue_clear(&world->to_server);
    world->server = xds_server_new(delta, &hooks, world);
    xds_client_stream_begin(world->client);
}

/* Delivers one message or lets one be made; false when nothing moved. */
static bool step(struct world *world)
{
    struct error err = {0};
    struct buf request;
    bool moved = false;

    buf_init(&request, 0);
    if (xds_client_request_next(world->client, &request)) {
        queue_push(&world->to_server, buf_slice(&request));
        moved = true;
    }
    buf_deinit(&request);
    if (world->to_server.count > 0 && rng_below(&world->rng, 2)) {
        struct slice message = queue_take(&world->to_server);

        assert_int_equal(xds_server_receive(world->server, message, world->now_ms, &err), 0);
        mem_free((char *)message.data);
        moved = true;
    } else if (world->to_client.count > 0) {
        struct slice message = queue_take(&world->to_client);

        if (xds_client_message(world->client, message, &err) < 0)
            fail_msg("%s", err.reason);
        mem_free((char *)message.data);
        moved = true;
    }
    xds_server_flush(world->server, world->now_ms);
    return moved || world->to_server.count > 0 || world->to_client.count > 0;
}

static void settle(struct world *world)
{
    unsigned quiet = 0;

    for (unsigned i = 0; quiet < 5; i++) {
        assert_true(i < 5000);
        quiet = step(world) ? 0 : quiet + 1;
        world->now_ms += 200;
    }
}

static void change(struct world *world)
{
    unsigned count = 1 + (unsigned)rng_below(&world->rng, 4);
    struct set *set;

    while (count-- > 0) {
        enum xds_type type = (enum xds_type)rng_below(&world->rng, XDS_TYPE_SECRET);
        unsigned index = (unsigned)rng_below(&world->rng, NAMES);
        unsigned salt = (unsigned)rng_below(&world->rng, 4);

        world->set.salts[type][index] = salt;
    }
    set = &world->given[++world->version % 2]; /* the one before stays as it was */
    *set = world->set;
    xds_server_update(world->server, set, world->version);
    xds_server_flush(world->server, world->now_ms);
}

static void compare(struct world *world, unsigned round)
{
    for (unsigned type = 0; type < XDS_TYPE_SECRET; type++) {
        for (unsigned i = 0; i < NAMES; i++) {
            const struct set *set = &world->set;
            unsigned leader = type == XDS_TYPE_ENDPOINT ? set->salts[XDS_TYPE_CLUSTER][i]
                              : type == XDS_TYPE_ROUTE  ? set->salts[XDS_TYPE_LISTENER][i]
                                                        : 1;
            unsigned expected = leader ? set->salts[type][i] : 0;

            /* state of the world cannot say that a named resource is gone */
            if (world->held[type][i] != expected &&
                (expected || xds_type_is_wildcard((enum xds_type)type)))
                fail_msg("round %u: %s %u is %u, expected %u", round,
                         xds_type_short((enum xds_type)type), i, world->held[type][i], expected);
        }
    }
}

static void play(bool delta, uint64_t seed)
{
    static const struct xds_client_events events = {on_update};
    const struct pb_node node = {.id = SLICE("me")};
    struct world world = {.version = 1, .now_ms = 1};
    const struct xds_client_options options = {
        .node = &node, .state_of_the_world = !delta, .events = &events, .ctx = &world};

    print_message("delta %d, seed %llu\n", delta, (unsigned long long)seed);
    world.set.world = world.given[0].world = world.given[1].world = &world;
    rng_init(&world.rng, seed);
    arena_init(&world.arena, 0);
    world.client = xds_client_new(&options);
    xds_client_watch(world.client, XDS_TYPE_CLUSTER);
    xds_client_watch(world.client, XDS_TYPE_LISTENER);
    stream_start(&world, delta);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned steps = (unsigned)rng_below(&world.rng, 20);

        change(&world);
        while (steps-- > 0)
            step(&world);
        if (rng_below(&world.rng, 10) == 0)
            stream_start(&world, delta);
        if (rng_below(&world.rng, 3) == 0) {
            settle(&world);
            compare(&world, round);
        }
        arena_reset(&world.arena);
    }
    queue_clear(&world.to_client);
    queue_clear(&world.to_server);
    xds_server_free(world.server);
    xds_client_free(world.client);
    arena_deinit(&world.arena);
}

static void delta_converges(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        play(true, seed);
}

static void state_of_the_world_converges(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        play(false, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_converges),
        cmocka_unit_test(state_of_the_world_converges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
