/* SPDX-License-Identifier: Apache-2.0 */
/* The server's session against a client written down by hand: subscriptions, differences, order,
 * answers, refusals.
 */
#include "test.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/proto.h"
#include "xds/pb/core.h"
#include "xds/pb/discovery.h"
#include "xds/server.h"

/* A set: per type up to eight names, the hash is the value. */
struct item {
    const char *name;
    uint64_t hash;
};
struct set {
    struct item items[XDS_TYPE_COUNT][8];
};

static size_t set_count(const void *set, enum xds_type type)
{
    const struct set *own = set;
    size_t count = 0;

    while (count < 8 && own->items[type][count].name)
        count++;
    return count;
}

static void set_at(const void *set, enum xds_type type, size_t index,
                   struct xds_server_resource *ret)
{
    const struct item *item = &((const struct set *)set)->items[type][index];

    *ret = (struct xds_server_resource){slice_str(item->name), slice_str(item->name), item->hash};
}

static bool set_find(const void *set, enum xds_type type, struct slice name,
                     struct xds_server_resource *ret)
{
    for (size_t i = 0; i < set_count(set, type); i++) {
        set_at(set, type, i, ret);
        if (slice_eq(ret->name, name))
            return true;
    }
    return false;
}

/* What was sent, as lines: "CDS +a +b -c". */
struct client {
    struct xds_server *server;
    bool delta;
    struct arena arena;
    char log[1024];
    char nonce[XDS_TYPE_COUNT][32];
    bool node_sent;
    unsigned nack_count;
    int send_code;
    uint64_t now_ms;
};

static void log_add(struct client *client, const char *prefix, struct slice text)
{
    size_t len = strlen(client->log);

    snprintf(client->log + len, sizeof client->log - len, "%s%.*s", prefix, SLICE_ARG(text));
}

static void log_type(struct client *client, struct slice url, struct slice nonce)
{
    int type = xds_type_find(url);

    log_add(client, client->log[0] ? "; " : "",
            type < 0 ? url : slice_str(xds_type_short((enum xds_type)type)));
    if (type >= 0)
        snprintf(client->nonce[type], sizeof client->nonce[type], "%.*s", SLICE_ARG(nonce));
}

static int on_send(struct slice message, void *ctx)
{
    struct client *client = ctx;
    void *decoded;

    if (client->delta) {
        const struct pb_delta_discovery_response *response;

        assert_int_equal(proto_decode(&pb_delta_discovery_response_desc, message, NULL,
                                      &client->arena, &decoded, NULL, NULL),
                         0);
        response = decoded;
        log_type(client, response->type_url, response->nonce);
        for (size_t i = 0; i < response->resources_count; i++)
            log_add(client, " +", response->resources[i]->name);
        for (size_t i = 0; i < response->removed_resources_count; i++)
            log_add(client, " -", response->removed_resources[i]);
    } else {
        const struct pb_discovery_response *response;

        assert_int_equal(proto_decode(&pb_discovery_response_desc, message, NULL, &client->arena,
                                      &decoded, NULL, NULL),
                         0);
        response = decoded;
        log_type(client, response->type_url, response->nonce);
        for (size_t i = 0; i < response->resources_count; i++)
            log_add(client, " =", response->resources[i]->value);
    }
    return client->send_code;
}

static int on_node(struct xds_server *server, const struct pb_node *node, void *ctx)
{
    (void)server;
    (void)ctx;
    return slice_eq_str(node->id, "refused") ? ERR_DENIED : 0;
}

static void on_nack(enum xds_type type, struct slice reason, void *ctx)
{
    (void)type;
    assert_slice(reason, "bad");
    ((struct client *)ctx)->nack_count++;
}

static const struct xds_server_hooks hooks = {.count = set_count,
                                              .at = set_at,
                                              .find = set_find,
                                              .on_node = on_node,
                                              .send = on_send,
                                              .on_nack = on_nack};

static void client_init(struct client *client, bool delta)
{
    memset(client, 0, sizeof *client);
    client->delta = delta;
    client->now_ms = 1000;
    arena_init(&client->arena, 0);
    client->server = xds_server_new(delta, &hooks, client);
}

static void client_deinit(struct client *client)
{
    xds_server_free(client->server);
    arena_deinit(&client->arena);
}

/* Sends a request, lets the server answer, and compares with what should have come. */
static void step(struct client *client, const struct proto_message *desc, const void *request,
                 const char *expected)
{
    struct buf bytes;

    buf_init(&bytes, 0);
    client->log[0] = 0;
    proto_encode(desc, request, &bytes);
    assert_int_equal(xds_server_receive(client->server, buf_slice(&bytes), client->now_ms, NULL),
                     0);
    xds_server_flush(client->server, client->now_ms);
    buf_deinit(&bytes);
    assert_string_equal(client->log, expected);
}

static void delta(struct client *client, enum xds_type type, const char *subscribe,
                  const char *unsubscribe, const char *expected)
{
    struct pb_node node = {.id = SLICE("sidecar~1.2.3.4~a.b~b.svc.cluster.local")};
    struct slice on = slice_str(subscribe);
    struct slice off = slice_str(unsubscribe);
    struct pb_delta_discovery_request request = {
        .node = client->node_sent ? NULL : &node,
        .type_url = slice_str(xds_type_url(type)),
        .resource_names_subscribe = &on,
        .resource_names_subscribe_count = subscribe != NULL,
        .resource_names_unsubscribe = &off,
        .resource_names_unsubscribe_count = unsubscribe != NULL,
    };

    client->node_sent = true;
    step(client, &pb_delta_discovery_request_desc, &request, expected);
}

static void delta_ack(struct client *client, enum xds_type type, const char *error,
                      const char *expected)
{
    struct pb_status status = {.code = 3, .message = slice_str(error)};
    struct pb_delta_discovery_request request = {
        .type_url = slice_str(xds_type_url(type)),
        .response_nonce = slice_str(client->nonce[type]),
        .error_detail = error ? &status : NULL,
    };

    step(client, &pb_delta_discovery_request_desc, &request, expected);
}

static void update(struct client *client, const struct set *set, uint64_t version,
                   const char *expected)
{
    client->log[0] = 0;
    xds_server_update(client->server, set, version);
    xds_server_flush(client->server, client->now_ms);
    assert_string_equal(client->log, expected);
}

static const struct set first = {.items = {
                                     [XDS_TYPE_CLUSTER] = {{"a", 1}, {"b", 3}},
                                     [XDS_TYPE_ENDPOINT] = {{"a", 5}, {"b", 7}},
                                     [XDS_TYPE_LISTENER] = {{"l", 9}},
                                     [XDS_TYPE_ROUTE] = {{"r", 11}},
                                 }};

/* Brings a delta client to the state in which it has all of `first`. */
static void delta_start(struct client *client)
{
    client_init(client, true);
    xds_server_update(client->server, &first, 1);
    delta(client, XDS_TYPE_CLUSTER, NULL, NULL, "CDS +a +b");
    delta_ack(client, XDS_TYPE_CLUSTER, NULL, "");
    delta(client, XDS_TYPE_ENDPOINT, "a", NULL, "EDS +a");
    delta(client, XDS_TYPE_LISTENER, NULL, NULL, ""); /* waits: b's endpoints are not asked for */
    delta_ack(client, XDS_TYPE_ENDPOINT, NULL, "");
    delta(client, XDS_TYPE_ENDPOINT, "b", NULL, "EDS +b");
    delta_ack(client, XDS_TYPE_ENDPOINT, NULL, "LDS +l");
    delta_ack(client, XDS_TYPE_LISTENER, NULL, "");
    delta(client, XDS_TYPE_ROUTE, "r", NULL, "RDS +r");
    delta_ack(client, XDS_TYPE_ROUTE, NULL, "");
    assert_true(xds_server_is_settled(client->server));
}

static void delta_sends_differences(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    update(&client, &first, 2, "");
    next.items[XDS_TYPE_ENDPOINT][1].hash = 70;
    update(&client, &next, 3, "EDS +b");
    delta_ack(&client, XDS_TYPE_ENDPOINT, NULL, "");
    assert_int_equal(xds_server_facts(client.server, XDS_TYPE_ENDPOINT).acked_version, 3);
    client_deinit(&client);
}

/* A new cluster and the route to it: the route comes when the cluster is warm. */
static void make_before_break(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    next.items[XDS_TYPE_CLUSTER][2] = (struct item){"c", 13};
    next.items[XDS_TYPE_ENDPOINT][2] = (struct item){"c", 15};
    next.items[XDS_TYPE_ROUTE][0].hash = 110;
    update(&client, &next, 2, "CDS +c");
    delta_ack(&client, XDS_TYPE_CLUSTER, NULL, "");
    delta(&client, XDS_TYPE_ENDPOINT, "c", NULL, "EDS +c");
    delta_ack(&client, XDS_TYPE_ENDPOINT, NULL, "RDS +r");
    client_deinit(&client);
}

/* A route moves off a cluster that goes: the cluster goes last. */
static void removal_goes_last(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    next.items[XDS_TYPE_CLUSTER][1] = (struct item){0};
    next.items[XDS_TYPE_ENDPOINT][1] = (struct item){0};
    next.items[XDS_TYPE_ROUTE][0].hash = 110;
    update(&client, &next, 2, "RDS +r");
    delta_ack(&client, XDS_TYPE_ROUTE, NULL, "CDS -b; EDS -b");
    client_deinit(&client);
}

/* A client that never asks for endpoints does not hold its listeners back for ever. */
static void hold_ends(void **state)
{
    struct client client;

    (void)state;
    client_init(&client, true);
    xds_server_update(client.server, &first, 1);
    delta(&client, XDS_TYPE_CLUSTER, NULL, NULL, "CDS +a +b");
    delta_ack(&client, XDS_TYPE_CLUSTER, NULL, "");
    delta(&client, XDS_TYPE_LISTENER, NULL, NULL, "");
    assert_int_equal(xds_server_flush(client.server, client.now_ms),
                     client.now_ms + XDS_SERVER_HOLD_MS);
    client.now_ms += XDS_SERVER_HOLD_MS;
    xds_server_flush(client.server, client.now_ms);
    assert_string_equal(client.log, "LDS +l");
    client_deinit(&client);
}

/* While an answer is outstanding nothing of that type is sent; then only the newest. */
static void one_at_a_time(void **state)
{
    struct set second = first, third = first;
    struct client client;

    (void)state;
    delta_start(&client);
    second.items[XDS_TYPE_CLUSTER][0].hash = 21;
    third.items[XDS_TYPE_CLUSTER][0].hash = 31;
    update(&client, &second, 2, "CDS +a; EDS +a"); /* the cluster warms again */
    update(&client, &third, 3, "");
    delta_ack(&client, XDS_TYPE_ENDPOINT, NULL, "");
    delta_ack(&client, XDS_TYPE_CLUSTER, NULL, "CDS +a; EDS +a");
    client_deinit(&client);
}

static void refusal(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    next.items[XDS_TYPE_ROUTE][0].hash = 110;
    update(&client, &next, 2, "RDS +r");
    delta_ack(&client, XDS_TYPE_ROUTE, "bad", "");
    assert_int_equal(client.nack_count, 1);
    assert_string_equal(xds_server_facts(client.server, XDS_TYPE_ROUTE).nack_reason, "bad");
    assert_int_equal(xds_server_facts(client.server, XDS_TYPE_ROUTE).acked_version, 1);
    update(&client, &next, 3, ""); /* the same again would be refused again */
    next.items[XDS_TYPE_ROUTE][0].hash = 113;
    update(&client, &next, 4, "RDS +r");
    delta_ack(&client, XDS_TYPE_ROUTE, NULL, "");
    assert_null(xds_server_facts(client.server, XDS_TYPE_ROUTE).nack_reason);
    client_deinit(&client);
}

/* A name that does not exist is told so once; when it appears it is sent. */
static void absent_name(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    delta(&client, XDS_TYPE_ROUTE, "x", NULL, "RDS -x");
    delta_ack(&client, XDS_TYPE_ROUTE, NULL, "");
    update(&client, &first, 2, "");
    next.items[XDS_TYPE_ROUTE][1] = (struct item){"x", 3};
    update(&client, &next, 3, "RDS +x");
    delta_ack(&client, XDS_TYPE_ROUTE, NULL, "");
    delta(&client, XDS_TYPE_ROUTE, NULL, "x", "");
    next.items[XDS_TYPE_ROUTE][1].hash = 5;
    update(&client, &next, 4, "");
    client_deinit(&client);
}

/* After a reconnection the client tells what it has, and gets only what differs. */
static void reconnection(void **state)
{
    struct client client;
    struct pb_node node = {.id = SLICE("sidecar~1.2.3.4~a.b~b.svc.cluster.local")};
    struct pb_delta_discovery_request_initial_resource_versions_entry entries[] = {
        {SLICE("a"), SLICE("0000000000000001")},
        {SLICE("b"), SLICE("0000000000000099")},
        {SLICE("gone"), SLICE("0000000000000005")},
    };
    struct pb_delta_discovery_request_initial_resource_versions_entry *list[] = {
        &entries[0], &entries[1], &entries[2]};
    struct pb_delta_discovery_request request = {
        .node = &node,
        .type_url = slice_str(xds_type_url(XDS_TYPE_CLUSTER)),
        .initial_resource_versions = list,
        .initial_resource_versions_count = 3,
    };

    (void)state;
    client_init(&client, true);
    xds_server_update(client.server, &first, 1);
    step(&client, &pb_delta_discovery_request_desc, &request, "CDS +b");
    delta_ack(&client, XDS_TYPE_CLUSTER, NULL, "CDS -gone");
    client_deinit(&client);
}

static void back_pressure(void **state)
{
    struct set next = first;
    struct client client;

    (void)state;
    delta_start(&client);
    next.items[XDS_TYPE_CLUSTER][0].hash = 21;
    client.send_code = ERR_AGAIN;
    update(&client, &next, 2, "CDS +a");
    client.send_code = 0;
    xds_server_writable(client.server);
    xds_server_flush(client.server, client.now_ms);
    assert_string_equal(client.log, "CDS +a; EDS +a");
    client_deinit(&client);
}

static void sotw(struct client *client, enum xds_type type, const char *const *names,
                 const char *expected)
{
    struct pb_node node = {.id = SLICE("router~1.2.3.4~a.b~b.svc.cluster.local")};
    struct slice list[8];
    struct pb_discovery_request request = {
        .node = client->node_sent ? NULL : &node,
        .type_url = slice_str(xds_type_url(type)),
        .response_nonce = slice_str(client->nonce[type]),
        .resource_names = list,
    };

    for (; names && names[request.resource_names_count]; request.resource_names_count++)
        list[request.resource_names_count] = slice_str(names[request.resource_names_count]);
    client->node_sent = true;
    step(client, &pb_discovery_request_desc, &request, expected);
}

static void state_of_the_world(void **state)
{
    static const char *const a[] = {"a", NULL};
    static const char *const both[] = {"a", "b", NULL};
    static const char *const r[] = {"r", NULL};
    struct set next = first;
    struct client client;

    (void)state;
    client_init(&client, false);
    xds_server_update(client.server, &first, 1);
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "CDS =a =b");
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "");
    sotw(&client, XDS_TYPE_ENDPOINT, a, "EDS =a");
    sotw(&client, XDS_TYPE_ENDPOINT, both, "EDS =b");
    sotw(&client, XDS_TYPE_ENDPOINT, both, "");
    sotw(&client, XDS_TYPE_LISTENER, NULL, "LDS =l");
    sotw(&client, XDS_TYPE_LISTENER, NULL, "");
    sotw(&client, XDS_TYPE_ROUTE, r, "RDS =r");
    sotw(&client, XDS_TYPE_ROUTE, r, "");
    next.items[XDS_TYPE_CLUSTER][1] = (struct item){0};
    update(&client, &next, 2, "CDS =a");
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "");
    next.items[XDS_TYPE_ENDPOINT][0].hash = 55;
    update(&client, &next, 3, "EDS =a");
    snprintf(client.nonce[XDS_TYPE_ENDPOINT], sizeof client.nonce[0], "1"); /* a stale answer */
    sotw(&client, XDS_TYPE_ENDPOINT, a, "");
    client_deinit(&client);
}

/* A route moves to a new cluster while its old one goes: the old one is sent along until then. */
static void sotw_removal_goes_last(void **state)
{
    static const char *const a[] = {"a", NULL};
    static const char *const c[] = {"c", NULL};
    static const char *const r[] = {"r", NULL};
    struct set old = {.items = {[XDS_TYPE_CLUSTER] = {{"a", 1}},
                                [XDS_TYPE_ENDPOINT] = {{"a", 5}},
                                [XDS_TYPE_ROUTE] = {{"r", 11}}}};
    struct set next = {.items = {[XDS_TYPE_CLUSTER] = {{"c", 3}},
                                 [XDS_TYPE_ENDPOINT] = {{"c", 7}},
                                 [XDS_TYPE_ROUTE] = {{"r", 13}}}};
    struct client client;

    (void)state;
    client_init(&client, false);
    xds_server_update(client.server, &old, 1);
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "CDS =a");
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "");
    sotw(&client, XDS_TYPE_ENDPOINT, a, "EDS =a");
    sotw(&client, XDS_TYPE_ENDPOINT, a, "");
    sotw(&client, XDS_TYPE_ROUTE, r, "RDS =r");
    sotw(&client, XDS_TYPE_ROUTE, r, "");
    update(&client, &next, 2, "CDS =c =a");
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "");
    sotw(&client, XDS_TYPE_ENDPOINT, c, "EDS =c");
    sotw(&client, XDS_TYPE_ENDPOINT, c, "RDS =r");
    sotw(&client, XDS_TYPE_ROUTE, r, "CDS =c");
    sotw(&client, XDS_TYPE_CLUSTER, NULL, "");
    assert_true(xds_server_is_settled(client.server));
    client_deinit(&client);
}

static void bad_requests(void **state)
{
    struct pb_node node = {.id = SLICE("refused")};
    struct pb_delta_discovery_request request = {.type_url =
                                                     slice_str(xds_type_url(XDS_TYPE_CLUSTER))};
    struct client client;
    struct error err = {0};
    struct buf bytes;

    (void)state;
    client_init(&client, true);
    assert_int_equal(xds_server_receive(client.server, SLICE("\xff\xff\xff"), 0, &err),
                     ERR_INVALID);
    buf_init(&bytes, 0);
    proto_encode(&pb_delta_discovery_request_desc, &request, &bytes);
    assert_int_equal(xds_server_receive(client.server, buf_slice(&bytes), 0, &err), ERR_INVALID);
    assert_string_equal(err.path, "node.id");
    request.node = &node;
    buf_reset(&bytes);
    proto_encode(&pb_delta_discovery_request_desc, &request, &bytes);
    assert_int_equal(xds_server_receive(client.server, buf_slice(&bytes), 0, &err), ERR_DENIED);
    buf_deinit(&bytes);
    client_deinit(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_sends_differences),
        cmocka_unit_test(make_before_break),
        cmocka_unit_test(removal_goes_last),
        cmocka_unit_test(hold_ends),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(refusal),
        cmocka_unit_test(absent_name),
        cmocka_unit_test(reconnection),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(state_of_the_world),
        cmocka_unit_test(sotw_removal_goes_last),
        cmocka_unit_test(bad_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
