/* SPDX-License-Identifier: Apache-2.0 */
/* The client's protocol rules, against a server played by hand. */
#include "test.h"

#include "base/mem.h"
#include "wire/pb_known.h"
#include "xds/client.h"
#include "xds/pb/cluster.h"
#include "xds/pb/discovery.h"
#include "xds/pb/endpoint.h"

#include <stdio.h>

struct world {
    struct xds_client *client;
    struct arena arena;
    char log[2000];     /* what on_update saw */
    const char *refuse; /* name to reject */
    const char *want;   /* endpoint to subscribe to from within on_update */
};

static void note(struct world *world, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct world *world, const char *fmt, ...)
{
    size_t len = strlen(world->log);
    va_list args;

    va_start(args, fmt);
    vsnprintf(world->log + len, sizeof world->log - len, fmt, args);
    va_end(args);
}

static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct world *world = ctx;
    int rc = 0;

    note(world, "%s:", xds_type_short(update->type));
    for (size_t i = 0; i < update->item_count; i++) {
        struct xds_item *item = &update->items[i];

        note(world, " %s%.*s@%.*s", item->unchanged ? "=" : "+", SLICE_ARG(item->name),
             SLICE_ARG(item->version));
        if (world->refuse && slice_eq_str(item->name, world->refuse)) {
            item->rejected = true;
            rc = err_set_path(err, ERR_INVALID, "cluster.x", "not to my taste");
        }
    }
    for (size_t i = 0; i < update->removed_count; i++)
        note(world, " -%.*s", SLICE_ARG(update->removed[i]));
    note(world, "\n");
    if (world->want)
        assert_int_equal(
            xds_client_subscribe(world->client, XDS_TYPE_ENDPOINT, slice_str(world->want)), 0);
    return rc;
}

static void world_init(struct world *world, bool state_of_the_world)
{
    static const struct xds_client_events events = {on_update};
    const struct pb_node node = {.id = SLICE("sidecar~1.2.3.4~a.b~b.svc.cluster.local")};
    struct xds_client_options options = {
        .node = &node,
        .state_of_the_world = state_of_the_world,
        .name_max = 10,
        .events = &events,
        .ctx = world,
    };

    *world = (struct world){0};
    arena_init(&world->arena, 0);
    world->client = xds_client_new(&options);
}

static void world_deinit(struct world *world)
{
    xds_client_free(world->client);
    arena_deinit(&world->arena);
}

static void names_note(char *out, size_t size, const char *sign, const struct slice *names,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        snprintf(out + strlen(out), size - strlen(out), " %s%.*s", sign, SLICE_ARG(names[i]));
}

/* The next request, a message of type `desc`; NULL when nothing is due. */
static void *request_next(struct world *world, const struct proto_message *desc)
{
    SCOPED(buf_deinit) struct buf bytes;
    void *request;

    buf_init(&bytes, 0);
    if (!xds_client_request_next(world->client, &bytes))
        return NULL;
    assert_int_equal(
        proto_decode(desc, buf_slice(&bytes), NULL, &world->arena, &request, NULL, NULL), 0);
    return request;
}

/* The next request as text; "none" when nothing is due. */
static const char *request_text(struct world *world)
{
    char *out = arena_bytes(&world->arena, 1000);
    struct pb_delta_discovery_request *request =
        request_next(world, &pb_delta_discovery_request_desc);

    if (!request)
        return "none";
    snprintf(out, 1000, "%s%s", request->node ? "node " : "",
             xds_type_short((enum xds_type)xds_type_find(request->type_url)));
    names_note(out, 1000, "+", request->resource_names_subscribe,
               request->resource_names_subscribe_count);
    names_note(out, 1000, "-", request->resource_names_unsubscribe,
               request->resource_names_unsubscribe_count);
    for (size_t i = 0; i < request->initial_resource_versions_count; i++)
        snprintf(out + strlen(out), 1000 - strlen(out), " %s@%s",
                 request->initial_resource_versions[i]->key.data,
                 request->initial_resource_versions[i]->value.data);
    if (request->response_nonce.len)
        snprintf(out + strlen(out), 1000 - strlen(out), " ack %s", request->response_nonce.data);
    if (request->error_detail)
        snprintf(out + strlen(out), 1000 - strlen(out), " error %s",
                 request->error_detail->message.data);
    return out;
}

/* An encoded cluster (or endpoint set) of that name; `salt` makes its bytes differ. */
static struct pb_any *resource(struct world *world, enum xds_type type, const char *name,
                               unsigned salt)
{
    struct pb_cluster_load_assignment *endpoints;
    struct pb_cluster *cluster;

    if (type == XDS_TYPE_ENDPOINT) {
        endpoints = ARENA_NEW(&world->arena, struct pb_cluster_load_assignment);
        endpoints->cluster_name = slice_str(name);
        return proto_any_pack(&world->arena, xds_type_desc(type), endpoints);
    }
    cluster = ARENA_NEW(&world->arena, struct pb_cluster);
    cluster->name = slice_str(name);
    cluster->has_connect_timeout = true;
    cluster->connect_timeout.seconds = salt;
    return proto_any_pack(&world->arena, &pb_cluster_desc, cluster);
}

struct response {
    struct pb_delta_discovery_response delta;
    struct world *world;
    enum xds_type type;
};

static struct response response(struct world *world, enum xds_type type, const char *nonce)
{
    return (struct response){
        .delta = {.type_url = slice_str(xds_type_url(type)), .nonce = slice_str(nonce)},
        .world = world,
        .type = type};
}

static void add(struct response *response, const char *name, const char *version, unsigned salt)
{
    struct arena *arena = &response->world->arena;
    struct pb_discovery_resource *entry = ARENA_NEW(arena, struct pb_discovery_resource);

    entry->name = slice_str(name);
    entry->version = slice_str(version);
    entry->resource = resource(response->world, response->type, name, salt);
    PROTO_PUSH(arena, &response->delta, resources, entry);
}

/* Gives the client a message of type `desc`. */
static int message_give(struct world *world, const struct proto_message *desc, const void *message,
                        struct error *err)
{
    SCOPED(buf_deinit) struct buf bytes;

    buf_init(&bytes, 0);
    assert_int_equal(proto_encode(desc, message, &bytes), 0);
    return xds_client_message(world->client, buf_slice(&bytes), err);
}

static int give(struct response *response, struct error *err)
{
    return message_give(response->world, &pb_delta_discovery_response_desc, &response->delta, err);
}

#define ASSERT_LOG(world, expected)                                                                \
    do {                                                                                           \
        assert_string_equal((world)->log, expected);                                               \
        (world)->log[0] = '\0';                                                                    \
    } while (0)

static void delta_asks_acks_and_resumes(void **state)
{
    struct world world;
    struct response cds;
    struct response eds;
    struct error err = {0};

    (void)state;
    world_init(&world, false);
    xds_client_watch(world.client, XDS_TYPE_CLUSTER);
    assert_string_equal(request_text(&world), "none"); /* no stream yet */
    xds_client_stream_begin(world.client);
    assert_string_equal(request_text(&world), "node CDS");
    assert_string_equal(request_text(&world), "none");
    cds = response(&world, XDS_TYPE_CLUSTER, "n1");
    add(&cds, "a", "1", 1);
    add(&cds, "b", "1", 1);
    world.want = "a";
    assert_int_equal(give(&cds, &err), 0);
    world.want = NULL;
    ASSERT_LOG(&world, "CDS: +a@1 +b@1\n");
    assert_string_equal(request_text(&world), "CDS ack n1");
    assert_string_equal(request_text(&world), "EDS +a");
    eds = response(&world, XDS_TYPE_ENDPOINT, "n2");
    add(&eds, "a", "7", 0);
    add(&eds, "unasked", "7", 0);
    assert_int_equal(give(&eds, &err), 0);
    ASSERT_LOG(&world, "EDS: +a@7\n");
    cds = response(&world, XDS_TYPE_CLUSTER, "n3");
    add(&cds, "a", "1", 1);
    PROTO_PUSH(&world.arena, &cds.delta, removed_resources, SLICE("b"));
    PROTO_PUSH(&world.arena, &cds.delta, removed_resources, SLICE("never-there"));
    assert_int_equal(give(&cds, &err), 0);
    ASSERT_LOG(&world, "CDS: =a@1 -b\n");
    assert_string_equal(request_text(&world), "EDS ack n2"); /* in order of arrival */
    assert_string_equal(request_text(&world), "CDS ack n3");
    xds_client_stream_end(world.client);
    assert_string_equal(request_text(&world), "none");
    xds_client_stream_begin(world.client);
    assert_string_equal(request_text(&world), "node CDS a@1");
    assert_string_equal(request_text(&world), "EDS +a a@7");
    assert_string_equal(request_text(&world), "none");
    world_deinit(&world);
}

static void delta_refusals_carry_the_reason(void **state)
{
    struct world world;
    struct xds_client_facts facts;
    struct response cds;
    struct error err = {0};

    (void)state;
    world_init(&world, false);
    xds_client_watch(world.client, XDS_TYPE_CLUSTER);
    xds_client_stream_begin(world.client);
    request_text(&world);
    cds = response(&world, XDS_TYPE_CLUSTER, "n1");
    add(&cds, "bad", "1", 1);
    add(&cds, "good", "1", 1);
    world.refuse = "bad";
    assert_int_equal(give(&cds, &err), 0);
    assert_string_equal(request_text(&world), "CDS ack n1 error cluster.x: not to my taste");
    xds_client_facts_get(world.client, XDS_TYPE_CLUSTER, &facts);
    assert_int_equal(facts.held_count, 1); /* the good one was taken */
    assert_int_equal(facts.rejected_count, 1);
    assert_slice(facts.error, "cluster.x: not to my taste");
    assert_slice(xds_client_version(world.client, XDS_TYPE_CLUSTER, SLICE("good")), "1");
    assert_int_equal(xds_client_version(world.client, XDS_TYPE_CLUSTER, SLICE("bad")).len, 0);
    world_deinit(&world);
}

static void malformed_responses_are_refused_by_name(void **state)
{
    struct world world;
    struct response cds;
    struct error err = {0};

    (void)state;
    world_init(&world, false);
    xds_client_watch(world.client, XDS_TYPE_CLUSTER);
    xds_client_stream_begin(world.client);
    request_text(&world);
    cds = response(&world, XDS_TYPE_CLUSTER, "n1");
    add(&cds, "a", "1", 1);
    add(&cds, "a", "2", 2);
    add(&cds, "", "2", 2);
    add(&cds, "odd", "2", 2);
    cds.delta.resources[3]->resource->type_url = SLICE("type.googleapis.com/x.Y");
    assert_int_equal(give(&cds, &err), 0);
    assert_string_equal(request_text(&world),
                        "CDS ack n1 error a: the name stands twice in one response; "
                        "a resource without a name; "
                        "odd: the resource is of another type than the response");
    ASSERT_LOG(&world, "CDS: +a@1\n");
    cds = response(&world, XDS_TYPE_LISTENER, "n2"); /* never asked for */
    assert_int_equal(give(&cds, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "which was not asked for"));
    assert_int_equal(xds_client_message(world.client, SLICE("\x0a\xff"), &err), ERR_INVALID);
    assert_string_equal(request_text(&world), "none");
    world_deinit(&world);
}

static void delta_subscriptions_change(void **state)
{
    struct world world;
    struct xds_client *client;
    struct response eds;
    struct error err = {0};

    (void)state;
    world_init(&world, false);
    client = world.client;
    xds_client_stream_begin(client);
    assert_int_equal(xds_client_subscribe(client, XDS_TYPE_ENDPOINT, SLICE("a")), 0);
    assert_int_equal(xds_client_subscribe(client, XDS_TYPE_ENDPOINT, SLICE("b")), 0);
    assert_string_equal(request_text(&world), "node EDS +a +b");
    xds_client_unsubscribe(client, XDS_TYPE_ENDPOINT, SLICE("b"));
    assert_int_equal(xds_client_subscribe(client, XDS_TYPE_ENDPOINT, SLICE("c")), 0);
    assert_string_equal(request_text(&world), "EDS +c -b");
    assert_int_equal(xds_client_subscribe(client, XDS_TYPE_ENDPOINT, SLICE("d")), 0);
    xds_client_unsubscribe(client, XDS_TYPE_ENDPOINT, SLICE("d"));
    assert_string_equal(request_text(&world), "none"); /* the server never heard of d */
    eds = response(&world, XDS_TYPE_ENDPOINT, "n1");
    add(&eds, "a", "1", 0);
    PROTO_PUSH(&world.arena, &eds.delta, removed_resources, SLICE("c")); /* does not exist */
    assert_int_equal(give(&eds, &err), 0);
    ASSERT_LOG(&world, "EDS: +a@1 -c\n");
    assert_string_equal(request_text(&world), "EDS ack n1");
    /* dropped and wanted again in one turn: it must be sent again */
    xds_client_unsubscribe(client, XDS_TYPE_ENDPOINT, SLICE("a"));
    assert_int_equal(xds_client_subscribe(client, XDS_TYPE_ENDPOINT, SLICE("a")), 0);
    assert_string_equal(request_text(&world), "EDS +a");
    assert_true(xds_client_is_subscribed(client, XDS_TYPE_ENDPOINT, SLICE("c")));
    world_deinit(&world);
}

static void names_are_bounded(void **state)
{
    struct world world;
    char name[16];

    (void)state;
    world_init(&world, false);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(xds_client_subscribe(world.client, XDS_TYPE_ROUTE, slice_str(name)), 0);
    }
    assert_int_equal(xds_client_subscribe(world.client, XDS_TYPE_ROUTE, SLICE("more")), ERR_LIMIT);
    world_deinit(&world);
}

static int world_give(struct world *world, enum xds_type type, const char *version,
                      const char *nonce, const char *const *names, unsigned salt)
{
    struct pb_discovery_response message = {
        .type_url = slice_str(xds_type_url(type)),
        .version_info = slice_str(version),
        .nonce = slice_str(nonce),
    };
    struct error err = {0};

    for (; *names; names++) {
        struct pb_any *any = resource(world, type, *names, salt);

        PROTO_PUSH(&world->arena, &message, resources, any);
    }
    return message_give(world, &pb_discovery_response_desc, &message, &err);
}

/* A request of the older protocol as text. */
static const char *world_request_text(struct world *world)
{
    char *out = arena_bytes(&world->arena, 1000);
    struct pb_discovery_request *request = request_next(world, &pb_discovery_request_desc);

    if (!request)
        return "none";
    snprintf(out, 1000, "%s%s v\"%.*s\" n\"%.*s\"%s", request->node ? "node " : "",
             xds_type_short((enum xds_type)xds_type_find(request->type_url)),
             SLICE_ARG(request->version_info), SLICE_ARG(request->response_nonce),
             request->error_detail ? " error" : "");
    names_note(out, 1000, "", request->resource_names, request->resource_names_count);
    return out;
}

static void state_of_the_world(void **state)
{
    static const char *const both[] = {"a", "b", NULL};
    static const char *const one[] = {"a", NULL};
    struct world world;

    (void)state;
    world_init(&world, true);
    xds_client_watch(world.client, XDS_TYPE_CLUSTER);
    xds_client_stream_begin(world.client);
    assert_string_equal(world_request_text(&world), "node CDS v\"\" n\"\"");
    world.want = "a";
    assert_int_equal(world_give(&world, XDS_TYPE_CLUSTER, "v1", "n1", both, 1), 0);
    world.want = NULL;
    ASSERT_LOG(&world, "CDS: +a@v1 +b@v1\n");
    assert_string_equal(world_request_text(&world), "CDS v\"v1\" n\"n1\"");
    assert_string_equal(world_request_text(&world), "EDS v\"\" n\"\" a");
    assert_int_equal(world_give(&world, XDS_TYPE_ENDPOINT, "v1", "n2", one, 1), 0);
    ASSERT_LOG(&world, "EDS: +a@v1\n");
    assert_string_equal(world_request_text(&world), "EDS v\"v1\" n\"n2\" a");
    assert_int_equal(xds_client_subscribe(world.client, XDS_TYPE_ENDPOINT, SLICE("b")), 0);
    assert_string_equal(world_request_text(&world), "EDS v\"v1\" n\"n2\" a b");
    world.refuse = "a";
    assert_int_equal(world_give(&world, XDS_TYPE_CLUSTER, "v2", "n3", one, 2), 0);
    world.refuse = NULL;
    ASSERT_LOG(&world, "CDS: +a@v2 -b\n");
    assert_string_equal(world_request_text(&world), "CDS v\"v1\" n\"n3\" error");
    xds_client_unsubscribe(world.client, XDS_TYPE_ENDPOINT, SLICE("a"));
    assert_string_equal(world_request_text(&world), "EDS v\"v1\" n\"n2\" b");
    assert_string_equal(world_request_text(&world), "none");
    xds_client_stream_begin(world.client);
    assert_string_equal(world_request_text(&world), "node CDS v\"v1\" n\"\"");
    assert_string_equal(world_request_text(&world), "EDS v\"v1\" n\"\" b");
    world_deinit(&world);
}

static void names_lie_in_resources(void **state)
{
    struct world world;
    struct pb_any *any;

    (void)state;
    world_init(&world, false);
    any = resource(&world, XDS_TYPE_CLUSTER, "outbound|80||x", 1);
    assert_slice(xds_resource_name(any->value), "outbound|80||x");
    for (size_t len = 0; len < any->value.len; len++) /* any truncation is harmless */
        (void)xds_resource_name(slice_head(any->value, len));
    assert_slice(xds_resource_name(SLICE("\x0a\x05xy")), "");
    assert_int_equal(xds_type_find(SLICE("type.googleapis.com/envoy.config.route.v3.Route")), -1);
    for (int i = 0; i < XDS_TYPE_COUNT; i++) {
        const char *url = xds_type_url((enum xds_type)i);

        assert_string_equal(strchr(url, '/') + 1, xds_type_desc((enum xds_type)i)->name);
    }
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_asks_acks_and_resumes),
        cmocka_unit_test(delta_refusals_carry_the_reason),
        cmocka_unit_test(malformed_responses_are_refused_by_name),
        cmocka_unit_test(delta_subscriptions_change),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(state_of_the_world),
        cmocka_unit_test(names_lie_in_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
