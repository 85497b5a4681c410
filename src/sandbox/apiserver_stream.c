/* SPDX-License-Identifier: Apache-2.0 */
/* logs, exec and attach: the API server checks pod and container, then relays bytes between the
 * client and the node agent's Unix socket. The agent speaks HTTP/1.1:
 *
 *   GET /containerLogs/NS/POD/CONTAINER?follow=...     text
 *   GET /exec/NS/POD/CONTAINER?command=...             101 WebSocket, v5.channel.k8s.io
 *   GET /attach/NS/POD/CONTAINER?...
 *
 * Other answers of the agent are a text that becomes a Status.
 *
 * Place   apiserver_http.c hands call and stream over
 * Owns    struct relay: the call and both streams, until both closed
 * Limits  an error text of 64 KiB
 */
#include "base/mem.h"
#include "sandbox/apiserver_int.h"

enum { RELAY_ERROR_MAX = 64 * 1024 };

struct relay {
    struct apiserver_call *call;
    struct http_stream *client; /* NULL once closed */
    struct http_stream *node;   /* NULL once closed, or never opened */
    bool answered;              /* the client has its head */
    unsigned failed_status;     /* the agent refused with this */
    struct buf text;            /* its reason */
};

static void relay_free(struct relay *relay)
{
    if (relay->client != NULL || relay->node != NULL)
        return;
    buf_deinit(&relay->text);
    apiserver_call_free(relay->call);
    mem_free(relay);
}

static void relay_fail(struct relay *relay, unsigned status, const char *reason,
                       const char *message)
{
    apiserver_fail(relay->call, status, reason, "%s", message);
    relay->answered = true;
    if (relay->client != NULL)
        apiserver_http_respond(relay->call, relay->client);
}

/* --- from the node to the client --- */

static void node_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct relay *relay = ctx;
    struct http_head copy = {.status = head->status, .content_length = -1};
    struct arena *arena;

    (void)stream;
    if (relay->client == NULL)
        return;
    if (head->status != 101 && head->status != 200) {
        relay->failed_status = head->status;
        if (end)
            relay_fail(relay, head->status, "InternalError", "the node agent refused");
        return;
    }
    arena = http_stream_arena(relay->client);
    for (size_t i = 0; i < head->headers.count; i++) {
        const struct http_header *header = &head->headers.items[i];

        if (!slice_eq_str(header->name, "content-length"))
            http_headers_add(&copy.headers, arena, arena_slice_dup(arena, header->name),
                             arena_slice_dup(arena, header->value));
    }
    relay->answered = true;
    if (http_stream_send_head(relay->client, &copy, end) != 0)
        http_stream_reset(relay->client, HTTP_RESET_LOCAL);
}

static const char *refusal_reason(unsigned status)
{
    return status == 400 ? "BadRequest" : status == 404 ? "NotFound" : "InternalError";
}

static void node_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct relay *relay = ctx;

    if (relay->failed_status != 0) {
        (void)buf_append(&relay->text, slice_head(data, RELAY_ERROR_MAX - relay->text.len));
        if (end)
            relay_fail(relay, relay->failed_status, refusal_reason(relay->failed_status),
                       relay->text.data ? relay->text.data : "");
        return;
    }
    if (relay->client != NULL && http_stream_send_data(relay->client, data, end) == ERR_AGAIN)
        http_stream_read_pause(stream);
}

static void node_on_writable(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    if (relay->client != NULL)
        http_stream_read_resume(relay->client);
}

static void node_on_close(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    relay->node = NULL;
    if (relay->client != NULL && !relay->answered)
        relay_fail(relay, 503, "ServiceUnavailable",
                   "the node agent does not answer: is `weft sandbox` running?");
    relay_free(relay);
}

static void node_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream, (void)reason;
    if (relay->client != NULL && relay->answered)
        http_stream_reset(relay->client, HTTP_RESET_CONN_TERMINATED);
}

static const struct http_stream_events node_events = {
    .on_head = node_on_head,
    .on_data = node_on_data,
    .on_writable = node_on_writable,
    .on_reset = node_on_reset,
    .on_close = node_on_close,
};

/* --- from the client to the node --- */

static void client_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct relay *relay = ctx;

    if (relay->node != NULL && (data.len > 0 || end) &&
        http_stream_send_data(relay->node, data, end) == ERR_AGAIN)
        http_stream_read_pause(stream);
}

static void client_on_writable(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    if (relay->node != NULL)
        http_stream_read_resume(relay->node);
}

static void client_on_close(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    relay->client = NULL;
    if (relay->node != NULL)
        http_stream_reset(relay->node, HTTP_RESET_LOCAL);
    relay_free(relay);
}

static const struct http_stream_events client_events = {
    .on_data = client_on_data,
    .on_writable = client_on_writable,
    .on_close = client_on_close,
};

/* --- checks --- */

static const char *const container_lists[] = {"initContainers", "containers",
                                              "ephemeralContainers"};

static bool container_exists(const json_t *spec, const char *name)
{
    for (size_t n = 0; n < ARRAY_LEN(container_lists); n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container)
        {
            if (strcmp(json_path_string_or(container, "name", ""), name) == 0)
                return true;
        }
    }
    return false;
}

/* "[istio-init app proxy]" in the call's arena. */
static const char *container_names(struct apiserver_call *call, const json_t *spec)
{
    struct buf names;
    const char *text;

    buf_init(&names, 0);
    for (size_t n = 0; n < 2; n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, container_lists[n]), i, container) buf_printf(
            &names, "%s%s", names.len ? " " : "", json_path_string_or(container, "name", ""));
    }
    text = arena_slice_str(&call->arena, buf_slice(&names));
    buf_deinit(&names);
    return text;
}

/* The container to use, or NULL with a failure set. */
static const char *container_pick(struct apiserver_call *call, const json_t *pod)
{
    const json_t *spec = json_object_get(pod, "spec");
    struct slice asked = apiserver_call_query(call, "container");
    const char *name;

    if (asked.len == 0 && json_array_size(json_object_get(spec, "containers")) == 1)
        return arena_strdup(&call->arena, json_path_string_or(spec, "containers[0].name", ""));
    if (asked.len == 0) {
        apiserver_fail(call, 400, "BadRequest",
                       "a container name must be specified for pod %s, choose one of: [%s]",
                       call->name, container_names(call, spec));
        return NULL;
    }
    name = arena_slice_str(&call->arena, asked);
    if (container_exists(spec, name))
        return name;
    apiserver_fail(call, 400, "BadRequest", "container %s is not valid for pod %s", name,
                   call->name);
    return NULL;
}

/* --- start --- */

static struct http_pool *node_pool(struct sandbox_apiserver *server)
{
    struct http_pool_options options = {.codec = HTTP_CODEC_HTTP1, .requests_per_conn_max = 1};
    const char *path = server->options.node_socket;

    if (server->node_pool == NULL && addr_parse(slice_str(path), &options.addr) == 0 &&
        http_pool_new(server->loop, &options, &server->node_pool) != 0)
        server->node_pool = NULL;
    return server->node_pool;
}

static const char *node_path(struct apiserver_call *call, const char *container)
{
    const char *verb = strcmp(call->subresource, "log") == 0 ? "containerLogs" : call->subresource;

    return arena_printf(&call->arena, "/%s/%s/%s/%s%s%.*s", verb, call->ns, call->name, container,
                        call->query.len ? "?" : "", SLICE_ARG(call->query));
}

static int node_start(struct relay *relay, const char *container)
{
    struct apiserver_call *call = relay->call;
    const struct http_head *asked = http_stream_head(relay->client);
    struct http_pool *pool = node_pool(call->server);
    struct http_head head = {.method = asked->method,
                             .scheme = SLICE("http"),
                             .authority = SLICE("node"),
                             .path = slice_str(node_path(call, container)),
                             .protocol = asked->protocol,
                             .content_length = -1};
    int rc;

    if (pool == NULL || http_pool_stream(pool, &node_events, relay, &relay->node) != 0)
        return apiserver_fail(call, 503, "ServiceUnavailable", "the node agent is not reachable");
    for (size_t i = 0; i < asked->headers.count; i++) {
        if (!slice_eq_str(asked->headers.items[i].name, "authorization"))
            http_headers_add(&head.headers, &call->arena, asked->headers.items[i].name,
                             asked->headers.items[i].value);
    }
    rc = http_stream_send_head(relay->node, &head, asked->protocol.len == 0);
    if (rc != 0) {
        http_stream_reset(relay->node, HTTP_RESET_LOCAL);
        return apiserver_fail(call, 503, "ServiceUnavailable", "the node agent is not reachable");
    }
    return 0;
}

/* Why the request cannot be served; 0 when it can. */
static int stream_check(struct relay *relay)
{
    struct apiserver_call *call = relay->call;
    const struct http_head *head = http_stream_head(relay->client);
    const struct store_object *pod = store_get(call->kind->bucket, call->ns, call->name);
    const char *container;

    if (pod == NULL)
        return apiserver_fail_not_found(call, call->kind, call->name);
    if (strcmp(call->subresource, "portforward") == 0)
        return apiserver_fail(call, 501, "NotImplemented", "not supported: port-forward");
    if (strcmp(call->subresource, "log") != 0 &&
        !slice_eq_nocase(head->protocol, SLICE("websocket")))
        return apiserver_fail(call, 400, "BadRequest",
                              "not supported: %s by SPDY; use WebSocket (v5.channel.k8s.io)",
                              call->subresource);
    container = container_pick(call, pod->tree);
    if (container == NULL)
        return ERR_INVALID;
    if (json_path_string_or(pod->tree, "spec.nodeName", "")[0] == '\0')
        return apiserver_fail(call, 400, "BadRequest", "pod %s does not have a host assigned",
                              call->name);
    return node_start(relay, container);
}

void apiserver_stream_start(struct apiserver_call *call, struct http_stream *stream)
{
    struct relay *relay = MEM_NEW(struct relay);

    relay->call = call;
    relay->client = stream;
    buf_init(&relay->text, 2 * RELAY_ERROR_MAX);
    http_stream_events_set(stream, &client_events, relay);
    if (stream_check(relay) != 0) {
        relay->answered = true;
        apiserver_http_respond(call, stream);
    }
}
