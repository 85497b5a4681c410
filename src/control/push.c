/* SPDX-License-Identifier: Apache-2.0 */
/* See push.h.
 */
#include "control/push.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/push_int.h"

enum { QUIET_MS = 10, MARK_MAX_MS = 100 };

static const char delta_path[] =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
static const char sotw_path[] =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

static void map_of_outputs_clear(struct map *outputs)
{
    MAP_EACH (entry, outputs)
        translate_output_unref(entry->value);
    map_clear(outputs);
}

static void outputs_clear(struct push *push)
{
    map_of_outputs_clear(&push->outputs);
    map_of_outputs_clear(&push->shared);
}

/* The part that the scope shares with others, made on first use. */
static struct translate_output *shared_get(struct push *push, const struct translate_scope *scope,
                                           struct error *err)
{
    char *key = translate_shared_key(push->mesh, scope);
    struct translate_output *shared = map_get_str(&push->shared, key);

    if (!shared && translate_shared(push->mesh, scope, &shared, err) >= 0)
        (void)map_put(&push->shared, slice_str(key), shared, NULL);
    mem_free(key);
    return shared;
}

struct translate_output *push_output(struct push *push, const struct translate_scope *scope,
                                     const char *key)
{
    struct translate_output *output = map_get_str(&push->outputs, key);
    struct translate_output *shared;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (output)
        return output;
    shared = shared_get(push, scope, &err);
    if (!shared || translate_run(push->mesh, scope, shared, &output, &err) < 0) {
        push->counts.translate_failures++;
        log_error(push, "configuration for proxies of namespace %s cannot be made: %s",
                  scope->namespace, err_format(&err, text, sizeof text));
        return NULL;
    }
    (void)map_put(&push->outputs, slice_str(key), output, NULL);
    return output;
}

/* Takes the newest snapshot; false when it is the one in force. */
static bool snapshot_take(struct push *push)
{
    struct mesh *mesh = mesh_builder_snapshot(push->options.builder);

    if (push->mesh && mesh_version(mesh) == mesh_version(push->mesh)) {
        mesh_unref(mesh);
        return false;
    }
    mesh_unref(push->mesh);
    push->mesh = mesh;
    push->version = mesh_version(mesh);
    push->counts.snapshots++;
    outputs_clear(push);
    return true;
}

static void run(struct push *push)
{
    uint64_t start_ms = clock_monotonic_ms();

    push->first_mark_ms = 0;
    if (!snapshot_take(push))
        return;
    push->counts.pushes++;
    LIST_EACH (node, &push->sessions)
        session_update(CONTAINER_OF(node, struct session, node));
    push->options.on_snapshot(push->mesh, push->options.ctx);
    push->counts.last_push_ms = clock_monotonic_ms() - start_ms;
    log_debug(push, "snapshot %llu to %llu proxies in %llu ms", (unsigned long long)push->version,
              (unsigned long long)push->counts.sessions,
              (unsigned long long)push->counts.last_push_ms);
}

static void on_timer(void *ctx)
{
    run(ctx);
}

struct push *push_new(const struct push_options *options)
{
    struct push *push = MEM_NEW(struct push);

    push->options = *options;
    list_init(&push->sessions);
    map_init(&push->outputs, 0);
    map_init(&push->shared, 0);
    loop_timer_init(&push->timer, on_timer, push);
    return push;
}

void push_free(struct push *push)
{
    if (!push)
        return;
    loop_timer_stop(push->options.loop, &push->timer);
    LIST_EACH (node, &push->sessions)
        session_free(CONTAINER_OF(node, struct session, node));
    outputs_clear(push);
    map_deinit(&push->outputs);
    map_deinit(&push->shared);
    mesh_unref(push->mesh);
    mem_free(push);
}

void push_start(struct push *push)
{
    push->started = true;
    run(push);
}

void push_mark(struct push *push)
{
    uint64_t now_ms = loop_now_ms(push->options.loop);
    uint64_t waited_ms;

    if (!push->started)
        return;
    if (push->first_mark_ms == 0)
        push->first_mark_ms = now_ms;
    waited_ms = now_ms - push->first_mark_ms;
    if (waited_ms < MARK_MAX_MS - QUIET_MS || !loop_timer_is_armed(&push->timer))
        loop_timer_start(push->options.loop, &push->timer, QUIET_MS);
}

/* Other gRPC methods exist in Istio; here they do not yet. */
static void unknown_finish(struct http_stream *stream)
{
    static const struct grpc_events events;
    struct grpc_call *call;
    struct slice path = http_stream_head(stream)->path;
    char text[256];

    if (grpc_call_accept(stream, &events, NULL, &call) < 0)
        return;
    snprintf(text, sizeof text, "not supported: %.*s", SLICE_ARG(slice_head(path, 200)));
    grpc_call_finish(call, GRPC_UNIMPLEMENTED, text);
}

void push_accept(struct push *push, struct http_stream *stream)
{
    struct slice path = http_stream_head(stream)->path;

    if (slice_eq_str(path, delta_path))
        session_accept(push, stream, true);
    else if (slice_eq_str(path, sotw_path))
        session_accept(push, stream, false);
    else
        unknown_finish(stream);
}

struct push_counts push_counts(const struct push *push)
{
    return push->counts;
}

struct mesh *push_mesh(const struct push *push)
{
    return push->mesh;
}

json_t *push_proxies(const struct push *push)
{
    static const char *const names[XDS_TYPE_COUNT] = {"cluster", "endpoint", "listener", "route",
                                                      "secret"};
    json_t *list = json_array();

    for (const struct list *node = push->sessions.next; node != &push->sessions;
         node = node->next) {
        const struct session *session = CONTAINER_OF(node, struct session, node);
        json_t *item;

        if (!session->id)
            continue;
        item = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "proxy", session->id, "proxy_type",
                         session->scope.role == TRANSLATE_ROUTER ? "router" : "sidecar",
                         "istio_version", session->version_text, "cluster_id", session->cluster_id,
                         "weft_version", session->weft_version_text);
        for (int type = 0; type < XDS_TYPE_COUNT; type++) {
            struct xds_server_facts facts = xds_server_facts(session->server, (enum xds_type)type);

            if (!facts.subscribed)
                continue;
            json_object_set_new_nocheck(
                item, names[type],
                json_pack("{s:I, s:I, s:I, s:s*}", "sent", (json_int_t)facts.sent_version, "acked",
                          (json_int_t)facts.acked_version, "nacks", (json_int_t)facts.nack_count,
                          "nack", facts.nack_reason));
        }
        json_array_append_new(list, item);
    }
    return list;
}
