/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions, acknowledgements, and when what may go.
 */
#include "xds/server.h"

#include "base/mem.h"
#include "wire/proto.h"
#include "xds/pb/core.h"
#include "xds/pb/discovery.h"
#include "xds/server_int.h"

#include <stdlib.h>

struct xds_server *xds_server_new(bool delta, const struct xds_server_hooks *hooks, void *ctx)
{
    struct xds_server *server = MEM_NEW(struct xds_server);

    server->delta = delta;
    server->hooks = hooks;
    server->ctx = ctx;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++) {
        map_init(&server->watches[i].names, XDS_SERVER_NAMES_MAX);
        map_init(&server->watches[i].held, 0);
    }
    map_init(&server->leaving, XDS_SERVER_NAMES_MAX);
    map_init(&server->unknown_types, 64);
    arena_init(&server->arena, 16 * 1024);
    return server;
}

void xds_server_free(struct xds_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++) {
        map_deinit(&server->watches[i].names);
        map_deinit(&server->watches[i].held);
        mem_free(server->watches[i].nack_reason);
    }
    xds_server_leaving_clear(server);
    map_deinit(&server->leaving);
    map_deinit(&server->unknown_types);
    arena_deinit(&server->arena);
    mem_free(server);
}

/* --- requests --- */

/* What both protocols' requests come down to. */
struct request {
    const struct pb_node *node;
    struct slice type_url;
    struct slice nonce;
    const struct pb_status *error;
};

static void nack_forget(struct xds_server_watch *watch)
{
    mem_free(watch->nack_reason);
    watch->nack_reason = NULL;
}

/* The answer to our last response; false when the nonce is an older one's. */
static bool answer_take(struct xds_server *server, enum xds_type type,
                        const struct request *request)
{
    struct xds_server_watch *watch = &server->watches[type];
    uint64_t nonce;

    if (slice_parse_u64(request->nonce, UINT64_MAX, &nonce) < 0 || nonce != watch->nonce)
        return false;
    watch->outstanding = false;
    watch->due = true; /* what changed meanwhile may go now */
    nack_forget(watch);
    if (!request->error) {
        watch->acked_version = watch->sending_version;
        return true;
    }
    watch->nack_count++;
    watch->nack_reason = mem_slice_dup(request->error->message);
    server->hooks->on_nack(type, request->error->message, server->ctx);
    return true;
}

/* Each request of a stream's first type carries the node. */
static int node_take(struct xds_server *server, const struct pb_node *node, struct error *err)
{
    if (server->node_known)
        return 0;
    if (!node || node->id.len == 0)
        return err_set_path(err, ERR_INVALID, "node.id", "missing in the first request");
    server->node_known = true;
    return server->hooks->on_node(server, node, server->ctx);
}

/* --- delta --- */

/* After a reconnection the client tells what it holds: versions are our hashes. */
static void versions_take(struct xds_server_watch *watch,
                          const struct pb_delta_discovery_request *request)
{
    for (size_t i = 0; i < request->initial_resource_versions_count; i++) {
        const struct pb_delta_discovery_request_initial_resource_versions_entry *entry =
            request->initial_resource_versions[i];
        char *text = mem_slice_dup(entry->value);
        uint64_t hash = strtoull(text, NULL, 16);

        (void)map_put(&watch->held, entry->key, (void *)(uintptr_t)(hash | 1), NULL);
        mem_free(text);
    }
}

static int delta_subscribe(struct xds_server_watch *watch,
                           const struct pb_delta_discovery_request *request, struct error *err)
{
    for (size_t i = 0; i < request->resource_names_subscribe_count; i++) {
        struct slice name = request->resource_names_subscribe[i];

        if (slice_eq_str(name, "*")) {
            watch->wildcard = true;
            continue;
        }
        if (map_put(&watch->names, name, watch, NULL) < 0)
            return err_set_path(err, ERR_LIMIT, "resource_names_subscribe", "more than %d names",
                                XDS_SERVER_NAMES_MAX);
        /* asked for again: it is to be sent again, unless the client just told that it has it */
        if (watch->responded || request->initial_resource_versions_count == 0)
            map_remove(&watch->held, name);
    }
    return 0;
}

static void delta_unsubscribe(struct xds_server_watch *watch,
                              const struct pb_delta_discovery_request *request)
{
    for (size_t i = 0; i < request->resource_names_unsubscribe_count; i++) {
        struct slice name = request->resource_names_unsubscribe[i];

        if (slice_eq_str(name, "*"))
            watch->wildcard = false;
        map_remove(&watch->names, name);
        if (!watch->wildcard)
            map_remove(&watch->held, name);
    }
}

static int delta_take(struct xds_server *server, const struct pb_delta_discovery_request *request,
                      struct error *err)
{
    const struct request plain = {request->node, request->type_url, request->response_nonce,
                                  request->error_detail};
    int type = xds_type_find(request->type_url);
    struct xds_server_watch *watch;
    size_t changes =
        request->resource_names_subscribe_count + request->resource_names_unsubscribe_count;

    if (type < 0) {
        xds_server_reply_unknown(server, request->type_url, request->resource_names_subscribe,
                                 request->resource_names_subscribe_count);
        return 0;
    }
    watch = &server->watches[type];
    if (request->response_nonce.len > 0)
        (void)answer_take(server, (enum xds_type)type, &plain);
    if (!watch->subscribed) {
        watch->subscribed = watch->due = watch->forced = true;
        watch->wildcard = xds_type_is_wildcard((enum xds_type)type) &&
                          request->resource_names_subscribe_count == 0;
        versions_take(watch, request);
    }
    if (changes > 0)
        watch->due = true;
    delta_unsubscribe(watch, request);
    return delta_subscribe(watch, request, err);
}

/* --- state of the world --- */

/* The full list of names: what is new is due, what is gone is forgotten. */
static int sotw_names_set(struct xds_server_watch *watch,
                          const struct pb_discovery_request *request, struct error *err)
{
    struct map names;
    int rc = 0;

    map_init(&names, XDS_SERVER_NAMES_MAX);
    for (size_t i = 0; i < request->resource_names_count && rc >= 0; i++) {
        struct slice name = request->resource_names[i];

        if (!map_get(&watch->names, name))
            watch->due = true;
        rc = map_put(&names, name, watch, NULL);
    }
    if (rc < 0) {
        map_deinit(&names);
        return err_set_path(err, ERR_LIMIT, "resource_names", "more than %d names",
                            XDS_SERVER_NAMES_MAX);
    }
    MAP_EACH (entry, &watch->names) {
        if (!map_get(&names, entry->key))
            map_remove(&watch->held, entry->key);
    }
    map_deinit(&watch->names);
    watch->names = names;
    return 0;
}

static int sotw_take(struct xds_server *server, const struct pb_discovery_request *request,
                     struct error *err)
{
    const struct request plain = {request->node, request->type_url, request->response_nonce,
                                  request->error_detail};
    int type = xds_type_find(request->type_url);
    struct xds_server_watch *watch;

    if (type < 0)
        return 0; /* nothing will ever come */
    watch = &server->watches[type];
    if (request->response_nonce.len > 0 && watch->responded) {
        if (!answer_take(server, (enum xds_type)type, &plain))
            return 0; /* stale: the client sends it again with the newest nonce */
    } else if (!watch->subscribed) {
        watch->subscribed = watch->due = watch->forced = true;
        watch->wildcard =
            xds_type_is_wildcard((enum xds_type)type) && request->resource_names_count == 0;
    }
    return sotw_names_set(watch, request, err);
}

static int message_take(struct xds_server *server, struct slice message, struct error *err)
{
    void *request = NULL;
    int rc =
        proto_decode(server->delta ? &pb_delta_discovery_request_desc : &pb_discovery_request_desc,
                     message, NULL, &server->arena, &request, NULL, err);

    if (rc < 0)
        return rc;
    rc = node_take(server,
                   server->delta ? ((struct pb_delta_discovery_request *)request)->node
                                 : ((struct pb_discovery_request *)request)->node,
                   err);
    if (rc < 0)
        return rc;
    return server->delta ? delta_take(server, request, err) : sotw_take(server, request, err);
}

/* Clusters are answered: from now on endpoints are waited for, but not for ever. */
static void hold_start(struct xds_server *server, bool was_outstanding, uint64_t now_ms)
{
    if (was_outstanding && !server->watches[XDS_TYPE_CLUSTER].outstanding)
        server->hold_until_ms = now_ms + XDS_SERVER_HOLD_MS;
}

int xds_server_receive(struct xds_server *server, struct slice message, uint64_t now_ms,
                       struct error *err)
{
    bool was_outstanding = server->watches[XDS_TYPE_CLUSTER].outstanding;
    int rc = message_take(server, message, err);

    hold_start(server, was_outstanding, now_ms);
    arena_reset(&server->arena);
    return rc;
}

/* --- clusters on their way out --- */

void xds_server_leaving_clear(struct xds_server *server)
{
    MAP_EACH (entry, &server->leaving)
        mem_free(entry->value);
    map_clear(&server->leaving);
}

/* Keeps the bytes of what the client has, the old set had and the new one has not. */
static void leaving_collect(struct xds_server *server, const void *set)
{
    MAP_EACH (entry, &server->watches[XDS_TYPE_CLUSTER].held) {
        struct xds_server_resource resource;
        struct leaving_cluster *cluster;
        void *old = NULL;

        if (entry->value == XDS_SERVER_ABSENT ||
            server->hooks->find(set, XDS_TYPE_CLUSTER, entry->key, &resource) ||
            !server->hooks->find(server->set, XDS_TYPE_CLUSTER, entry->key, &resource))
            continue;
        cluster = mem_zalloc(sizeof *cluster + resource.bytes.len);
        cluster->len = resource.bytes.len;
        memcpy(cluster->bytes, resource.bytes.data, resource.bytes.len);
        if (map_put(&server->leaving, entry->key, cluster, &old) < 0)
            mem_free(cluster); /* past the limit: it goes at once */
        mem_free(old);
    }
}

void xds_server_update(struct xds_server *server, const void *set, uint64_t version)
{
    if (!server->delta && server->set)
        leaving_collect(server, set);
    server->set = set;
    server->version = version;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++)
        server->watches[i].due = true;
}

void xds_server_writable(struct xds_server *server)
{
    server->blocked = false;
}

/* --- what may go --- */

/* A cluster's endpoints are in the set, and the client has not asked for them yet. */
static bool endpoints_are_missing(const struct xds_server *server)
{
    const struct xds_server_watch *clusters = &server->watches[XDS_TYPE_CLUSTER];
    const struct xds_server_watch *endpoints = &server->watches[XDS_TYPE_ENDPOINT];
    size_t count = server->hooks->count(server->set, XDS_TYPE_ENDPOINT);

    if (!clusters->subscribed || endpoints->wildcard)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct xds_server_resource resource;

        server->hooks->at(server->set, XDS_TYPE_ENDPOINT, i, &resource);
        if (map_get(&clusters->held, resource.name) && !map_get(&endpoints->names, resource.name))
            return true;
    }
    return false;
}

/* Listeners and routes wait for clusters and endpoints. */
static bool is_held_back(struct xds_server *server, enum xds_type type, uint64_t now_ms)
{
    if (type != XDS_TYPE_LISTENER && type != XDS_TYPE_ROUTE)
        return false;
    if (server->watches[XDS_TYPE_CLUSTER].outstanding ||
        server->watches[XDS_TYPE_ENDPOINT].outstanding)
        return true;
    if (server->hold_until_ms == 0)
        return false;
    if (now_ms < server->hold_until_ms && endpoints_are_missing(server))
        return true;
    server->hold_until_ms = 0;
    return false;
}

/* Whoever may use a cluster has let go of it. */
static bool users_are_settled(const struct xds_server *server)
{
    for (size_t i = XDS_TYPE_LISTENER; i <= XDS_TYPE_ROUTE; i++)
        if (server->watches[i].outstanding || server->watches[i].due)
            return false;
    return true;
}

/* Clusters in two steps: additions first, removals when nobody uses them any more. */
static bool removals_may_go(const struct xds_server *server, enum xds_type type)
{
    return type > XDS_TYPE_ENDPOINT || users_are_settled(server);
}

static void type_flush(struct xds_server *server, enum xds_type type)
{
    struct xds_server_watch *watch = &server->watches[type];

    watch->due = false;
    if (xds_server_reply(server, type, removals_may_go(server, type)))
        watch->due = true;
}

uint64_t xds_server_flush(struct xds_server *server, uint64_t now_ms)
{
    if (!server->set)
        return 0;
    /* twice: removals of clusters become possible when listeners and routes had nothing to say */
    for (size_t pass = 0; pass < 2; pass++) {
        for (int type = 0; type < XDS_TYPE_COUNT; type++) {
            struct xds_server_watch *watch = &server->watches[type];

            if (server->blocked)
                return 0;
            if (!watch->subscribed)
                watch->due = false;
            if (!watch->due || watch->outstanding ||
                is_held_back(server, (enum xds_type)type, now_ms))
                continue;
            type_flush(server, (enum xds_type)type);
        }
    }
    return server->hold_until_ms;
}

/* --- facts --- */

struct xds_server_facts xds_server_facts(const struct xds_server *server, enum xds_type type)
{
    const struct xds_server_watch *watch = &server->watches[type];

    return (struct xds_server_facts){
        .subscribed = watch->subscribed,
        .sent_version = watch->sent_version,
        .acked_version = watch->acked_version,
        .nack_count = watch->nack_count,
        .nack_reason = watch->nack_reason,
    };
}

bool xds_server_is_settled(const struct xds_server *server)
{
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++)
        if (server->watches[i].subscribed &&
            (server->watches[i].outstanding || server->watches[i].due))
            return false;
    return server->set != NULL;
}
