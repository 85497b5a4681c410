/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions and requests of the client; responses are in client_message.c.
 *
 * Place   see client.h
 */
#include "xds/client.h"

#include "base/mem.h"
#include "wire/proto.h"
#include "xds/client_int.h"
#include "xds/pb/discovery.h"

#include <stdlib.h>

struct xds_client *xds_client_new(const struct xds_client_options *options)
{
    struct xds_client *client = MEM_NEW(struct xds_client);
    size_t name_max = options->name_max ? options->name_max : CLIENT_NAME_DEFAULT_MAX;
    SCOPED(buf_deinit) struct buf node = {0};
    void *copy;

    arena_init(&client->arena, 0);
    buf_init(&node, 0);
    ASSERT(proto_encode(&pb_node_desc, options->node, &node) == 0);
    ASSERT(proto_decode(&pb_node_desc, buf_slice(&node), NULL, &client->arena, &copy, NULL, NULL) ==
           0);
    client->node = copy;
    client->state_of_the_world = options->state_of_the_world;
    client->events = options->events;
    client->ctx = options->ctx;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++)
        map_init(&client->kinds[i].entries, name_max);
    return client;
}

static void entry_free(struct client_entry *entry)
{
    mem_free(entry->version);
    mem_free(entry);
}

static void answers_clear(struct xds_client *client)
{
    for (size_t i = 0; i < client->answers.count; i++) {
        mem_free(client->answers.items[i].nonce);
        mem_free(client->answers.items[i].error);
    }
    client->answers.count = 0;
}

void xds_client_free(struct xds_client *client)
{
    if (!client)
        return;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++) {
        struct client_kind *kind = &client->kinds[i];

        MAP_EACH (entry, &kind->entries)
            entry_free(entry->value);
        map_deinit(&kind->entries);
        mem_free(kind->nonce);
        mem_free(kind->version);
        mem_free(kind->error);
    }
    answers_clear(client);
    VEC_DEINIT(&client->answers);
    arena_deinit(&client->arena);
    mem_free(client);
}

const char *xds_client_path(const struct xds_client *client)
{
    return client->state_of_the_world
               ? "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
               : "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
}

struct client_entry *xds_client_entry_get(const struct xds_client *client, enum xds_type type,
                                          struct slice name)
{
    return map_get(&client->kinds[type].entries, name);
}

struct client_entry *xds_client_entry_make(struct xds_client *client, enum xds_type type,
                                           struct slice name)
{
    struct client_entry *entry = xds_client_entry_get(client, type, name);

    if (entry)
        return entry;
    entry = MEM_NEW(struct client_entry);
    if (map_put(&client->kinds[type].entries, name, entry, NULL) < 0) {
        mem_free(entry);
        return NULL;
    }
    return entry;
}

void xds_client_entry_hold(struct client_kind *kind, struct client_entry *entry,
                           struct slice version, uint64_t hash)
{
    kind->held_count += !entry->held;
    entry->held = true;
    mem_free(entry->version);
    entry->version = mem_slice_dup(version);
    entry->hash = hash;
}

void xds_client_entry_release(struct client_kind *kind, struct slice name)
{
    struct client_entry *entry = map_get(&kind->entries, name);

    if (!entry)
        return;
    kind->held_count -= entry->held;
    entry->held = false;
    mem_free(entry->version);
    entry->version = NULL;
    if (!entry->wanted && !entry->sent)
        entry_free(map_remove(&kind->entries, name));
}

void xds_client_watch(struct xds_client *client, enum xds_type type)
{
    ASSERT(xds_type_is_wildcard(type));
    client->kinds[type].watched = true;
}

int xds_client_subscribe(struct xds_client *client, enum xds_type type, struct slice name)
{
    struct client_entry *entry = xds_client_entry_make(client, type, name);

    if (!entry)
        return ERR_LIMIT;
    if (entry->wanted)
        return 0;
    /* Wanted again before the server heard that it was not: it must send the resource again, as it
     * does for every name that a request subscribes. */
    entry->wanted = true;
    entry->sent = false;
    client->kinds[type].changed = true;
    return 0;
}

void xds_client_unsubscribe(struct xds_client *client, enum xds_type type, struct slice name)
{
    struct client_entry *entry = xds_client_entry_get(client, type, name);

    if (!entry || !entry->wanted)
        return;
    entry->wanted = false;
    client->kinds[type].changed = true;
    xds_client_entry_release(&client->kinds[type], name);
}

bool xds_client_is_subscribed(const struct xds_client *client, enum xds_type type,
                              struct slice name)
{
    const struct client_entry *entry = xds_client_entry_get(client, type, name);

    return entry && entry->wanted;
}

/* Of a stream that is gone the server knows nothing any more. */
static void kind_forget_stream(struct client_kind *kind)
{
    kind->asked = false;
    mem_free(kind->nonce);
    kind->nonce = NULL;
    MAP_EACH (item, &kind->entries) {
        struct client_entry *entry = item->value;

        entry->sent = false;
        if (!entry->wanted && !entry->held)
            entry_free(map_remove(&kind->entries, item->key));
    }
}

void xds_client_stream_begin(struct xds_client *client)
{
    xds_client_stream_end(client);
    client->streaming = true;
}

void xds_client_stream_end(struct xds_client *client)
{
    client->streaming = false;
    client->node_sent = false;
    answers_clear(client);
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++)
        kind_forget_stream(&client->kinds[i]);
}

static struct pb_status *error_detail(struct arena *arena, const char *text)
{
    struct pb_status *status;

    if (!text)
        return NULL;
    status = ARENA_NEW(arena, struct pb_status);
    status->code = 3; /* INVALID_ARGUMENT, as Envoy says */
    status->message = slice_str(text);
    return status;
}

static struct pb_node *node_once(struct xds_client *client)
{
    if (client->node_sent)
        return NULL;
    client->node_sent = true;
    return client->node;
}

/* Names that the server does not know of yet, and those it should forget. */
static void delta_changes(struct client_kind *kind, struct arena *arena,
                          struct pb_delta_discovery_request *request)
{
    MAP_EACH (item, &kind->entries) {
        struct client_entry *entry = item->value;
        struct slice name = arena_slice_dup(arena, item->key);

        if (entry->wanted && !entry->sent) {
            entry->sent = true;
            PROTO_PUSH(arena, request, resource_names_subscribe, name);
        } else if (!entry->wanted && entry->sent) {
            entry->sent = false;
            PROTO_PUSH(arena, request, resource_names_unsubscribe, name);
            xds_client_entry_release(kind, name);
        }
    }
    kind->changed = false;
}

/* First request of a type on a stream: all names, and what is held from streams before. */
static void delta_begin(struct client_kind *kind, struct arena *arena,
                        struct pb_delta_discovery_request *request)
{
    kind->asked = true;
    delta_changes(kind, arena, request);
    if (kind->watched && request->resource_names_subscribe_count > 0)
        PROTO_PUSH(arena, request, resource_names_subscribe, SLICE("*"));
    MAP_EACH (item, &kind->entries) {
        const struct client_entry *entry = item->value;
        struct pb_delta_discovery_request_initial_resource_versions_entry *version;

        if (!entry->held)
            continue;
        version =
            ARENA_NEW(arena, struct pb_delta_discovery_request_initial_resource_versions_entry);
        version->key = item->key;
        version->value = slice_str(entry->version);
        PROTO_PUSH(arena, request, initial_resource_versions, version);
    }
}

static void delta_encode(struct xds_client *client, enum xds_type type,
                         struct pb_delta_discovery_request *request, struct buf *out)
{
    request->node = node_once(client);
    request->type_url = slice_str(xds_type_url(type));
    ASSERT(proto_encode(&pb_delta_discovery_request_desc, request, out) == 0 || out->failed);
}

static void world_encode(struct xds_client *client, enum xds_type type, struct arena *arena,
                         const char *nonce, const char *error, struct buf *out)
{
    struct client_kind *kind = &client->kinds[type];
    struct pb_discovery_request request = {
        .version_info = slice_str(kind->version),
        .node = node_once(client),
        .type_url = slice_str(xds_type_url(type)),
        .response_nonce = slice_str(nonce),
        .error_detail = error_detail(arena, error),
    };

    kind->asked = true;
    kind->changed = false;
    MAP_EACH (item, &kind->entries) {
        struct client_entry *entry = item->value;

        entry->sent = false; /* the list is always whole: nothing to unsubscribe */
        if (entry->wanted)
            PROTO_PUSH(arena, &request, resource_names, item->key);
        else if (!entry->held)
            entry_free(map_remove(&kind->entries, item->key));
    }
    ASSERT(proto_encode(&pb_discovery_request_desc, &request, out) == 0 || out->failed);
}

static void answer_encode(struct xds_client *client, struct arena *arena, struct buf *out)
{
    struct client_answer answer = client->answers.items[0];
    struct pb_delta_discovery_request request = {0};

    client->answers.count--;
    memmove(client->answers.items, client->answers.items + 1,
            client->answers.count * sizeof *client->answers.items);
    if (client->state_of_the_world) {
        world_encode(client, answer.type, arena, answer.nonce, answer.error, out);
    } else {
        request.response_nonce = slice_str(answer.nonce);
        request.error_detail = error_detail(arena, answer.error);
        delta_encode(client, answer.type, &request, out);
    }
    mem_free(answer.nonce);
    mem_free(answer.error);
}

static bool kind_is_due(const struct client_kind *kind)
{
    if (kind->asked)
        return kind->changed;
    if (kind->watched)
        return true;
    MAP_EACH (item, &kind->entries)
        if (((const struct client_entry *)item->value)->wanted)
            return true;
    return false;
}

/* The request of a type whose subscriptions changed. False when it turns out that nothing is to be
 * said (subscribed and unsubscribed in between). */
static bool subscriptions_encode(struct xds_client *client, enum xds_type type, struct arena *arena,
                                 struct buf *out)
{
    struct client_kind *kind = &client->kinds[type];
    struct pb_delta_discovery_request request = {0};
    bool first = !kind->asked;

    if (client->state_of_the_world) {
        world_encode(client, type, arena, kind->nonce, NULL, out);
        return true;
    }
    if (first)
        delta_begin(kind, arena, &request);
    else
        delta_changes(kind, arena, &request);
    if (!first && request.resource_names_subscribe_count == 0 &&
        request.resource_names_unsubscribe_count == 0)
        return false;
    delta_encode(client, type, &request, out);
    return true;
}

bool xds_client_request_next(struct xds_client *client, struct buf *out)
{
    struct arena arena;
    bool done = false;

    if (!client->streaming)
        return false;
    arena_init(&arena, 0);
    if (client->answers.count > 0) {
        answer_encode(client, &arena, out);
        done = true;
    }
    for (size_t i = 0; i < XDS_TYPE_COUNT && !done; i++)
        if (kind_is_due(&client->kinds[i]))
            done = subscriptions_encode(client, (enum xds_type)i, &arena, out);
    arena_deinit(&arena);
    return done;
}

void xds_client_facts_get(const struct xds_client *client, enum xds_type type,
                          struct xds_client_facts *ret)
{
    const struct client_kind *kind = &client->kinds[type];

    *ret = (struct xds_client_facts){
        .update_count = kind->update_count,
        .rejected_count = kind->rejected_count,
        .held_count = kind->held_count,
        .version = slice_str(kind->version),
        .error = slice_str(kind->error),
    };
}

struct slice xds_client_version(const struct xds_client *client, enum xds_type type,
                                struct slice name)
{
    const struct client_entry *entry = xds_client_entry_get(client, type, name);

    return entry ? slice_str(entry->version) : slice_make("", 0);
}
