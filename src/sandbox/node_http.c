/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the agent's HTTP interface, see node_http.h. */
#include "sandbox/node_http.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"
#include "io/netns.h"
#include "kube/forward.h"
#include "wire/url.h"

enum { HEAD_MAX = 2 * 1024 * 1024 }; /* more than the API server lets through */

struct node_http {
    struct node *node;
    struct http_server *server;
};

void node_http_refuse(struct http_stream *stream, unsigned status, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    http_stream_respond(stream, status, "text/plain", slice_str(text));
}

static struct node_pod *pod_find(struct node *node, struct slice ns, struct slice name)
{
    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;

        if (slice_eq_str(ns, pod->ns) && slice_eq_str(name, pod->name) && !pod->object_gone)
            return pod;
    }
    return NULL;
}

/* --- port-forward --- */

struct forward {
    char netns_path[NODE_NETNS_PATH_SIZE];
};

static int forward_dial(unsigned port, int *ret_fd, struct error *err, void *ctx)
{
    const struct forward *forward = ctx;

    return netns_connect(forward->netns_path, port, ret_fd, err);
}

static void forward_close(void *ctx)
{
    mem_free(ctx);
}

static void forward_serve(struct http_stream *stream, const struct node_pod *pod,
                          struct slice query)
{
    static const struct forward_target target = {.dial = forward_dial, .on_close = forward_close};
    struct forward *forward = MEM_NEW(struct forward);

    node_pod_netns(pod, forward->netns_path);
    if (forward_accept(stream, query, &target, forward) == 0)
        return;
    mem_free(forward);
    node_http_refuse(stream, 400,
                     "port-forward needs SPDY/3.1 with portforward.k8s.io, or "
                     "v4.channel.k8s.io with ports");
}

/* --- routes --- */

static void metrics_serve(const struct node *node, struct http_stream *stream)
{
    SCOPED(json_drop) json_t *metrics = node_metrics_json(node);
    SCOPED(mem_drop) char *text = json_format_str(metrics, JSON_FORMAT_COMPACT);

    http_stream_respond(stream, 200, "application/json", slice_str(text));
}

static void route(struct node *node, struct http_stream *stream, struct slice target)
{
    static const struct {
        const char *verb;
        void (*serve)(struct node *, struct http_stream *, struct node_container *, struct slice);
    } verbs[] = {{"containerLogs", node_log_serve},
                 {"exec", node_exec_serve},
                 {"attach", node_attach_serve}};
    struct arena *arena = http_stream_arena(stream);
    struct slice path, query, parts[5] = {0};
    struct node_pod *pod;
    struct node_container *container;
    size_t count = 0;

    url_target_split(target, &path, &query);
    while (count < ARRAY_LEN(parts) && slice_split_next(&path, '/', &parts[count]))
        count++;
    if (count == 2 && slice_eq_str(parts[1], "healthz")) {
        http_stream_respond(stream, 200, "text/plain", SLICE("ok"));
        return;
    }
    if (count == 2 && slice_eq_str(parts[1], "metrics")) {
        metrics_serve(node, stream);
        return;
    }
    pod = count >= 4 ? pod_find(node, parts[2], parts[3]) : NULL;
    if (!pod) {
        node_http_refuse(stream, 404, "pod \"%.*s\" is not on this node", SLICE_ARG(parts[3]));
        return;
    }
    if (slice_eq_str(parts[1], "portforward")) {
        forward_serve(stream, pod, query);
        return;
    }
    container = node_pod_container(pod, arena_slice_str(arena, parts[4]));
    if (!container) {
        node_http_refuse(stream, 400, "container %.*s is not valid for pod %s", SLICE_ARG(parts[4]),
                         pod->name);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (slice_eq_str(parts[1], verbs[i].verb)) {
            verbs[i].serve(node, stream, container, query);
            return;
        }
    }
    node_http_refuse(stream, 404, "not supported: %.*s", SLICE_ARG(parts[1]));
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct node_http *http = ctx;

    (void)end;
    route(http->node, stream, head->path);
}

static const struct http_stream_events head_events = {.on_head = on_head};

static void on_stream(struct http_stream *stream, void *ctx)
{
    http_stream_events_set(stream, &head_events, ctx);
}

int node_http_new(struct node *node, struct node_http **ret, struct error *err)
{
    const char *path = node->instance->node_socket_path;
    const struct http_server_options options = {.codec = HTTP_CODEC_HTTP1,
                                                .limits = {.head_size_max = HEAD_MAX}};
    struct node_http *http = MEM_NEW(struct node_http);
    struct addr addr;
    int rc = addr_parse(slice_str(path), &addr);

    unlink(path); /* of an agent that was killed */
    http->node = node;
    if (rc < 0)
        err_set(err, rc, "%s is too long for a socket: choose a shorter WEFT_STATE", path);
    if (rc == 0)
        rc = http_server_new(node->loop, &options, on_stream, http, &http->server);
    if (rc == 0)
        rc = http_server_listen(http->server, &addr, NULL, err);
    if (rc < 0) {
        node_http_free(http);
        return rc;
    }
    *ret = http;
    return 0;
}

void node_http_free(struct node_http *http)
{
    if (!http)
        return;
    http_server_free(http->server);
    mem_free(http);
}
