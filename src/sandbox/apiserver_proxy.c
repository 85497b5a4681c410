/* SPDX-License-Identifier: Apache-2.0 */
/* pods/NAME:PORT/proxy/PATH: a request to a port of a pod, through the API server.
 *
 * Place   apiserver_stream.c hands call and stream over; `kubectl get --raw`, `weft proxy-status`
 * Owns    the call and a pool of one connection, until the relay has ended
 * Limits  pods by number of port and plain HTTP; answers other than 200 keep status and text
 * Spec    Kubernetes API: connect verbs, PodProxyOptions
 */
#include "base/mem.h"
#include "http/relay.h"
#include "sandbox/apiserver_int.h"

enum { PORT_DEFAULT = 80 };

struct proxied {
    struct apiserver_call *call;
    struct http_pool *pool;
};

static void on_drained(void *ctx)
{
    struct proxied *proxied = ctx;

    http_pool_free(proxied->pool);
    apiserver_call_free(proxied->call);
    mem_free(proxied);
}

static void on_close(void *ctx)
{
    http_pool_drain(((struct proxied *)ctx)->pool, on_drained, ctx);
}

static void on_refused(struct http_stream *client, unsigned status, struct slice text, void *ctx)
{
    struct apiserver_call *call = ((struct proxied *)ctx)->call;

    if (status != 0) {
        http_stream_respond(client, status, "text/plain; charset=utf-8", text);
        return;
    }
    apiserver_fail(call, 503, "ServiceUnavailable",
                   "error trying to reach service: pod %s does not answer", call->name);
    apiserver_http_respond(call, client);
}

/* What stands behind ".../pods/NAME/proxy", with query; "/" for nothing. */
static struct slice path_within(struct slice path)
{
    static const struct slice pods = {"/pods/", 6};
    struct slice rest = slice_from(path, (size_t)slice_find(path, pods) + pods.len);

    rest = slice_from(rest, (size_t)slice_find_char(rest, '/') + strlen("/proxy"));
    return rest.len && rest.data[0] == '/' ? rest : SLICE("/");
}

static int relay_start(struct apiserver_call *call, struct http_stream *client,
                       const struct addr *addr)
{
    static const struct http_relay_events events = {.on_refused = on_refused, .on_close = on_close};
    const struct http_pool_options options = {
        .addr = *addr, .codec = HTTP_CODEC_HTTP1, .requests_per_conn_max = 1};
    const struct http_head *asked = http_stream_head(client);
    struct http_head head =
        http_relay_head(asked, call->name, path_within(asked->path), &call->arena);
    struct proxied *proxied = MEM_NEW(struct proxied);
    int rc;

    proxied->call = call;
    rc = http_pool_new(call->server->loop, &options, &proxied->pool);
    if (rc == 0)
        rc = http_relay_start(client, proxied->pool, &head, &events, proxied);
    if (rc == 0)
        return 0;
    http_pool_free(proxied->pool);
    mem_free(proxied);
    return apiserver_fail(call, 503, "ServiceUnavailable", "pod %s is not reachable", call->name);
}

int apiserver_proxy_start(struct apiserver_call *call, struct http_stream *client)
{
    struct slice rest = slice_str(call->name), name;
    const struct store_object *pod;
    struct addr addr;
    uint64_t port = PORT_DEFAULT;

    (void)slice_split_next(&rest, ':', &name);
    if (rest.data && slice_parse_u64(rest, UINT16_MAX, &port) != 0)
        return apiserver_fail(call, 400, "BadRequest", "invalid pod request \"%s\"", call->name);
    call->name = arena_slice_str(&call->arena, name);
    pod = store_get(call->kind->bucket, call->ns, call->name);
    if (pod == NULL)
        return apiserver_fail_not_found(call, call->kind, call->name);
    if (addr_parse_ip(slice_str(json_path_string_or(pod->tree, "status.podIP", "")), (unsigned)port,
                      &addr) != 0)
        return apiserver_fail(call, 503, "ServiceUnavailable", "address not allowed");
    return relay_start(call, client, &addr);
}
