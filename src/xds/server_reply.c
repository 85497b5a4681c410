/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: what differs between the set and what the client has, encoded.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "wire/proto.h"
#include "xds/pb/core.h"
#include "xds/pb/discovery.h"
#include "xds/server_int.h"

enum { RESPONSE_SIZE_MAX = 512 * 1024 * 1024 };

/* One response under construction, in the server's arena. */
struct reply {
    struct xds_server *server;
    struct xds_server_watch *watch;
    enum xds_type type;
    struct xds_server_resource *changed;
    size_t changed_count;
    struct slice *removed;
    size_t removed_count;
    bool with_removals;
};

static void *hash_value(uint64_t hash)
{
    return (void *)(uintptr_t)(hash | 1);
}

static void changed_add(struct reply *reply, const struct xds_server_resource *resource)
{
    reply->changed = proto_array_grow(&reply->server->arena, reply->changed, reply->changed_count,
                                      sizeof *reply->changed);
    reply->changed[reply->changed_count++] = *resource;
}

static void removed_add(struct reply *reply, struct slice name)
{
    reply->removed = proto_array_grow(&reply->server->arena, reply->removed, reply->removed_count,
                                      sizeof *reply->removed);
    reply->removed[reply->removed_count++] = arena_slice_dup(&reply->server->arena, name);
}

static void resource_compare(struct reply *reply, const struct xds_server_resource *resource)
{
    if (map_get(&reply->watch->held, resource->name) != hash_value(resource->hash))
        changed_add(reply, resource);
}

/* Everything of the type. */
static void compare_all(struct reply *reply)
{
    const struct xds_server *server = reply->server;
    size_t count = server->hooks->count(server->set, reply->type);

    for (size_t i = 0; i < count; i++) {
        struct xds_server_resource resource;

        server->hooks->at(server->set, reply->type, i, &resource);
        resource_compare(reply, &resource);
    }
}

/* What was asked for by name; names that do not exist are told once. */
static void compare_names(struct reply *reply)
{
    const struct xds_server *server = reply->server;

    MAP_EACH (entry, &reply->watch->names) {
        struct xds_server_resource resource;

        if (server->hooks->find(server->set, reply->type, entry->key, &resource)) {
            if (!reply->watch->wildcard)
                resource_compare(reply, &resource);
        } else if (!map_get(&reply->watch->held, entry->key)) {
            removed_add(reply, entry->key);
        }
    }
}

/* Whether a response can go without removing what the set has no more: by its protocol, or because
 * the bytes are still there. */
static bool may_stay(const struct reply *reply, struct slice name)
{
    const struct xds_server *server = reply->server;

    return server->delta || !reply->watch->wildcard || map_get(&server->leaving, name);
}

/* What the client has and the set has not. */
static size_t compare_held(struct reply *reply)
{
    const struct xds_server *server = reply->server;
    size_t left_out = 0;

    MAP_EACH (entry, &reply->watch->held) {
        struct xds_server_resource resource;

        if (entry->value == XDS_SERVER_ABSENT ||
            server->hooks->find(server->set, reply->type, entry->key, &resource))
            continue;
        if (reply->with_removals || !may_stay(reply, entry->key))
            removed_add(reply, entry->key);
        else
            left_out++;
    }
    return left_out;
}

/* A changed cluster warms again in the client, which then waits for its endpoints. */
static void endpoints_force(struct reply *reply)
{
    struct xds_server_watch *endpoints = &reply->server->watches[XDS_TYPE_ENDPOINT];

    for (size_t i = 0; i < reply->changed_count; i++)
        if (map_get(&endpoints->names, reply->changed[i].name)) {
            map_remove(&endpoints->held, reply->changed[i].name);
            endpoints->due = true;
        }
}

static void held_update(struct reply *reply)
{
    struct xds_server_watch *watch = reply->watch;

    for (size_t i = 0; i < reply->changed_count; i++)
        (void)map_put(&watch->held, reply->changed[i].name, hash_value(reply->changed[i].hash),
                      NULL);
    for (size_t i = 0; i < reply->removed_count; i++) {
        if (map_get(&watch->names, reply->removed[i]))
            (void)map_put(&watch->held, reply->removed[i], XDS_SERVER_ABSENT, NULL);
        else
            map_remove(&watch->held, reply->removed[i]);
    }
    if (reply->type == XDS_TYPE_CLUSTER)
        endpoints_force(reply);
}

/* --- encoding --- */

static struct slice text_of(struct arena *arena, const char *fmt, uint64_t number)
{
    return slice_str(arena_printf(arena, fmt, (unsigned long long)number));
}

static struct pb_control_plane *control_plane(struct arena *arena)
{
    struct pb_control_plane *plane = ARENA_NEW(arena, struct pb_control_plane);

    plane->identifier =
        SLICE("{\"Component\":\"istiod\",\"Info\":{\"version\":\"" WEFT_VERSION "\"}}");
    return plane;
}

static struct pb_any *any_of(struct arena *arena, const char *url, struct slice bytes)
{
    struct pb_any *any = ARENA_NEW(arena, struct pb_any);

    any->type_url = slice_str(url);
    any->value = bytes;
    return any;
}

static void delta_encode(struct reply *reply, struct buf *out)
{
    struct arena *arena = &reply->server->arena;
    const char *url = xds_type_url(reply->type);
    struct pb_delta_discovery_response response = {
        .system_version_info = text_of(arena, "%llu", reply->server->version),
        .type_url = slice_str(url),
        .nonce = text_of(arena, "%llu", reply->watch->nonce),
        .removed_resources = reply->removed,
        .removed_resources_count = reply->removed_count,
        .control_plane = control_plane(arena),
    };

    for (size_t i = 0; i < reply->changed_count; i++) {
        struct pb_discovery_resource *resource = ARENA_NEW(arena, struct pb_discovery_resource);

        resource->name = reply->changed[i].name;
        resource->version = text_of(arena, "%016llx", reply->changed[i].hash);
        resource->resource = any_of(arena, url, reply->changed[i].bytes);
        PROTO_PUSH(arena, &response, resources, resource);
    }
    (void)proto_encode(&pb_delta_discovery_response_desc, &response, out);
}

/* Clusters that the set has no more and listeners or routes may still use. */
static void leaving_encode(struct reply *reply, struct pb_discovery_response *response)
{
    struct xds_server *server = reply->server;

    MAP_EACH (entry, &server->leaving) {
        const struct leaving_cluster *cluster = entry->value;
        struct xds_server_resource resource;

        if (!server->hooks->find(server->set, XDS_TYPE_CLUSTER, entry->key, &resource))
            PROTO_PUSH(&server->arena, response, resources,
                       any_of(&server->arena, xds_type_url(reply->type),
                              slice_make(cluster->bytes, cluster->len)));
    }
}

/* Clusters and listeners always whole: what is absent is deleted. */
static void sotw_encode(struct reply *reply, struct buf *out)
{
    struct arena *arena = &reply->server->arena;
    const struct xds_server *server = reply->server;
    const char *url = xds_type_url(reply->type);
    struct pb_discovery_response response = {
        .version_info = text_of(arena, "%llu", server->version),
        .type_url = slice_str(url),
        .nonce = text_of(arena, "%llu", reply->watch->nonce),
        .control_plane = control_plane(arena),
    };
    size_t count = reply->watch->wildcard ? server->hooks->count(server->set, reply->type)
                                          : reply->changed_count;

    for (size_t i = 0; i < count; i++) {
        struct xds_server_resource resource;

        if (reply->watch->wildcard)
            server->hooks->at(server->set, reply->type, i, &resource);
        else
            resource = reply->changed[i];
        PROTO_PUSH(arena, &response, resources, any_of(arena, url, resource.bytes));
    }
    if (reply->type == XDS_TYPE_CLUSTER && reply->watch->wildcard) {
        if (reply->with_removals)
            xds_server_leaving_clear(reply->server);
        else
            leaving_encode(reply, &response);
    }
    (void)proto_encode(&pb_discovery_response_desc, &response, out);
}

static void reply_send(struct reply *reply)
{
    struct xds_server *server = reply->server;
    struct xds_server_watch *watch = reply->watch;
    struct buf out;

    watch->nonce++;
    buf_init(&out, RESPONSE_SIZE_MAX);
    if (server->delta)
        delta_encode(reply, &out);
    else
        sotw_encode(reply, &out);
    held_update(reply);
    watch->responded = true;
    watch->outstanding = true;
    watch->forced = false;
    watch->sending_version = watch->sent_version = server->version;
    if (server->hooks->send(buf_slice(&out), server->ctx) == ERR_AGAIN)
        server->blocked = true;
    buf_deinit(&out);
}

bool xds_server_reply(struct xds_server *server, enum xds_type type, bool with_removals)
{
    struct reply reply = {.server = server,
                          .watch = &server->watches[type],
                          .type = type,
                          .with_removals = with_removals};
    struct xds_server_watch *watch = reply.watch;
    size_t left_out;

    if (watch->wildcard)
        compare_all(&reply);
    compare_names(&reply);
    left_out = compare_held(&reply);
    /* by name, a state-of-the-world client learns of absence from its clusters and listeners */
    if (!server->delta && !watch->wildcard) {
        for (size_t i = 0; i < reply.removed_count; i++)
            (void)map_put(&watch->held, reply.removed[i], XDS_SERVER_ABSENT, NULL);
        reply.removed_count = 0;
    }
    if (reply.changed_count > 0 || reply.removed_count > 0 ||
        (watch->forced && (server->delta || watch->wildcard || watch->names.count == 0))) {
        reply_send(&reply);
    } else {
        watch->sent_version = server->version; /* the client has all of it already */
        if (watch->responded && !watch->nack_reason)
            watch->acked_version = server->version;
    }
    arena_reset(&server->arena);
    return left_out > 0;
}

void xds_server_reply_unknown(struct xds_server *server, struct slice type_url,
                              const struct slice *names, size_t name_count)
{
    struct pb_delta_discovery_response response = {.type_url = type_url, .nonce = SLICE("0")};
    struct buf out;

    if (name_count == 0 && map_get(&server->unknown_types, type_url))
        return; /* an acknowledgement */
    (void)map_put(&server->unknown_types, type_url, server, NULL);
    for (size_t i = 0; i < name_count; i++)
        if (!slice_eq_str(names[i], "*"))
            PROTO_PUSH(&server->arena, &response, removed_resources, names[i]);
    buf_init(&out, RESPONSE_SIZE_MAX);
    (void)proto_encode(&pb_delta_discovery_response_desc, &response, &out);
    if (server->hooks->send(buf_slice(&out), server->ctx) == ERR_AGAIN)
        server->blocked = true;
    buf_deinit(&out);
}
