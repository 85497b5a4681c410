/* SPDX-License-Identifier: Apache-2.0 */
/* logs, exec, attach and port-forward: the API server checks pod and container, then relays the
 * exchange to the node agent's Unix socket. The agent speaks HTTP/1.1:
 *
 *   GET /containerLogs/NS/POD/CONTAINER?follow=...     text
 *   GET /exec/NS/POD/CONTAINER?command=...             101 WebSocket, see kube/channels.h
 *   GET /attach/NS/POD/CONTAINER?...                   the same
 *   GET, POST /portforward/NS/POD                      101, see kube/forward.h
 *
 * Other answers of the agent are a text that becomes a Status.
 *
 * Place   apiserver_http.c hands call and stream over
 * Owns    the call, until the relay has ended
 */
#include "http/relay.h"
#include "kube/objects/pod_target.h"
#include "sandbox/apiserver_int.h"

/* --- the relay's events --- */

static void on_refused(struct http_stream *client, unsigned status, struct slice text, void *ctx)
{
    struct apiserver_call *call = ctx;

    if (status == 0)
        apiserver_fail(call, 503, "ServiceUnavailable",
                       "the node agent does not answer: is `weft sandbox` running?");
    else
        apiserver_fail(call, status,
                       status == 400   ? "BadRequest"
                       : status == 404 ? "NotFound"
                                       : "InternalError",
                       "%.*s", SLICE_ARG(text));
    apiserver_http_respond(call, client);
}

static void on_relay_close(void *ctx)
{
    apiserver_call_free(ctx);
}

static const struct http_relay_events relay_events = {.on_refused = on_refused,
                                                      .on_close = on_relay_close};

/* --- start --- */

struct http_pool *apiserver_node_pool(struct sandbox_apiserver *server)
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

    return arena_printf(&call->arena, "/%s/%s/%s%s%s%s%.*s", verb, call->ns, call->name,
                        container[0] ? "/" : "", container, call->query.len ? "?" : "",
                        SLICE_ARG(call->query));
}

static int node_start(struct apiserver_call *call, struct http_stream *client,
                      const char *container)
{
    struct http_pool *pool = apiserver_node_pool(call->server);
    struct http_head head = http_relay_head(http_stream_head(client), "node",
                                            slice_str(node_path(call, container)), &call->arena);

    if (pool == NULL || http_relay_start(client, pool, &head, &relay_events, call) != 0)
        return apiserver_fail(call, 503, "ServiceUnavailable", "the node agent is not reachable");
    return 0;
}

/* Starts the relay, or says why not. */
static int stream_start(struct apiserver_call *call, struct http_stream *client)
{
    const struct store_object *pod = store_get(call->kind->bucket, call->ns, call->name);
    const char *container = "";
    struct error err = {0};

    if (strcmp(call->subresource, "proxy") == 0)
        return apiserver_proxy_start(call, client);
    if (pod == NULL)
        return apiserver_fail_not_found(call, call->kind, call->name);
    if (strcmp(call->subresource, "portforward") != 0 &&
        kube_pod_target(pod->tree, apiserver_call_query(call, "container"), &call->arena,
                        &container, &err) != 0)
        return apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    if (json_path_string_or(pod->tree, "spec.nodeName", "")[0] == '\0')
        return apiserver_fail(call, 400, "BadRequest", "pod %s does not have a host assigned",
                              call->name);
    return node_start(call, client, container);
}

static void on_refusal_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    apiserver_call_free(ctx);
}

void apiserver_stream_start(struct apiserver_call *call, struct http_stream *stream)
{
    static const struct http_stream_events refusal_events = {.on_close = on_refusal_close};

    http_stream_events_set(stream, &refusal_events, call);
    if (stream_start(call, stream) != 0)
        apiserver_http_respond(call, stream);
}
