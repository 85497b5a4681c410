/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: a request becomes an http_fetch with authorization; the answer becomes a tree or an error.
 */
#include "kube/client.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/resolver.h"
#include "kube/objects/status.h"
#include "wire/json.h"

enum {
    TOKEN_PERIOD_MS = 60 * 1000, /* a projected token is read again this often */
    TOKEN_SIZE_MAX = 64 * 1024,
    RESOLVE_TIMEOUT_MS = 10 * 1000,
    PING_INTERVAL_MS = 15 * 1000, /* a server that vanished is noticed */
    HEADERS_MAX = 4,
};

struct kube_client {
    struct loop *loop;
    struct http_pool *pool;
    char *authority;  /* "host:port" */
    char *prefix;     /* path before /api; "" mostly */
    char *user_agent; /* also the field manager */
    char *authorization;
    char *token_path;
    uint64_t token_read_ms;
    struct list calls;
};

struct kube_call {
    struct kube_client *client;
    struct list node;
    struct http_fetch *fetch;
    char *path;
    char *body;
    const char *method;
    const char *content_type; /* NULL: no body */
    uint64_t timeout_ms;
    bool retried;
    void (*on_done)(const struct kube_result *result, void *ctx);
    void *ctx;
};

static const struct {
    const char *method;
    const char *content_type;
} verbs[] = {
    [KUBE_GET] = {"GET", NULL},
    [KUBE_CREATE] = {"POST", "application/json"},
    [KUBE_UPDATE] = {"PUT", "application/json"},
    [KUBE_PATCH_MERGE] = {"PATCH", "application/merge-patch+json"},
    [KUBE_PATCH_STRATEGIC] = {"PATCH", "application/strategic-merge-patch+json"},
    [KUBE_PATCH_JSON] = {"PATCH", "application/json-patch+json"},
    [KUBE_PATCH_APPLY] = {"PATCH", "application/apply-patch+yaml"},
    [KUBE_DELETE] = {"DELETE", "application/json"},
};

/* --- making a client --- */

struct server_url {
    bool tls;
    char *host;
    unsigned port;
    char *prefix;
};

static int url_parse(const char *text, struct server_url *ret, struct error *err)
{
    struct slice rest = slice_str(text);
    uint64_t port;
    ptrdiff_t slash, colon;

    ret->tls = slice_starts_with(rest, SLICE("https://"));
    if (!ret->tls && !slice_starts_with(rest, SLICE("http://")))
        return err_set_path(err, ERR_INVALID, "server", "\"%.100s\" is not an http(s) URL", text);
    rest = slice_from(rest, ret->tls ? 8 : 7);
    slash = slice_find_char(rest, '/');
    ret->prefix = slash < 0 ? mem_strdup("") : mem_slice_dup(slice_from(rest, (size_t)slash));
    rest = slash < 0 ? rest : slice_head(rest, (size_t)slash);
    colon = (ptrdiff_t)rest.len - 1;
    while (colon >= 0 && rest.data[colon] >= '0' && rest.data[colon] <= '9')
        colon--;
    port = ret->tls ? 443 : 80;
    if (colon > 0 && rest.data[colon] == ':') {
        if (slice_parse_u64(slice_from(rest, (size_t)colon + 1), 65535, &port) < 0)
            return err_set_path(err, ERR_INVALID, "server", "the port is wrong: %.100s", text);
        rest = slice_head(rest, (size_t)colon);
    }
    if (rest.len > 2 && rest.data[0] == '[')
        rest = slice_make(rest.data + 1, rest.len - 2);
    ret->host = mem_slice_dup(rest);
    ret->port = (unsigned)port;
    return 0;
}

static void url_deinit(struct server_url *url)
{
    mem_free(url->host);
    mem_free(url->prefix);
}

struct lookup {
    int code; /* 1 while open */
    struct addr addr;
};

static void on_resolved(int code, const struct addr *addrs, size_t count, unsigned ttl_s, void *ctx)
{
    struct lookup *lookup = ctx;

    (void)ttl_s;
    lookup->code = code;
    if (code == 0 && count > 0)
        lookup->addr = addrs[0];
}

/* On a loop of its own, so that nobody else's callbacks run meanwhile. */
static int host_resolve(const char *host, unsigned port, struct addr *ret, struct error *err)
{
    struct lookup lookup = {.code = 1};
    struct resolver_query *query;
    struct resolver *resolver = NULL;
    struct loop *loop;
    uint64_t start_ms = clock_monotonic_ms();
    int rc;

    if (addr_parse_ip(slice_str(host), port, ret) == 0)
        return 0;
    rc = loop_new(&loop);
    if (rc < 0)
        return rc;
    rc = resolver_new(loop, &resolver);
    if (rc >= 0)
        rc = resolver_lookup(resolver, host, port, AF_UNSPEC, on_resolved, &lookup, &query);
    while (rc >= 0 && lookup.code == 1 && clock_monotonic_ms() - start_ms < RESOLVE_TIMEOUT_MS)
        loop_run_once(loop, 100);
    resolver_free(resolver);
    loop_free(loop);
    if (rc >= 0)
        rc = lookup.code == 1 ? ERR_TIMEOUT : lookup.code;
    if (rc < 0)
        return err_set_path(err, rc, "server", "cannot look up %.100s: %s", host, err_text(rc));
    *ret = lookup.addr;
    return 0;
}

static int pool_make(struct kube_client *client, const struct kube_config *config,
                     const struct server_url *url, struct error *err)
{
    struct http_pool_options options = {.ping_interval_ms = PING_INTERVAL_MS};
    struct tls_options tls = {
        .cert_chain_pem = slice_str(config->cert_pem),
        .key_pem = slice_str(config->key_pem),
        .trust_pem = slice_str(config->ca_pem),
        .alpn = "h2,http/1.1",
        .insecure_skip_verify = config->insecure,
    };
    struct tls_config *tls_config = NULL;
    int rc = host_resolve(url->host, url->port, &options.addr, err);

    if (rc < 0)
        return rc;
    if (url->tls) {
        rc = tls_client_config_new(&tls, &tls_config, err);
        if (rc < 0)
            return rc;
        options.tls = tls_config;
        options.server_name = config->tls_server_name ? config->tls_server_name : url->host;
    } else {
        options.codec = HTTP_CODEC_HTTP1;
    }
    rc = http_pool_new(client->loop, &options, &client->pool);
    tls_config_unref(tls_config);
    return rc < 0 ? err_set(err, rc, "%s", err_text(rc)) : rc;
}

int kube_client_new(struct loop *loop, const struct kube_config *config, const char *user_agent,
                    struct kube_client **ret, struct error *err)
{
    struct kube_client *client = MEM_NEW(struct kube_client);
    struct server_url url = {0};
    int rc;

    list_init(&client->calls);
    client->loop = loop;
    client->user_agent = mem_strdup(user_agent);
    client->token_path = mem_strdup(config->token_path);
    if (config->token)
        client->authorization = mem_printf("Bearer %s", config->token);
    rc = config->server ? url_parse(config->server, &url, err)
                        : err_set_path(err, ERR_INVALID, "server", "missing");
    if (rc >= 0)
        rc = pool_make(client, config, &url, err);
    if (rc >= 0) {
        client->authority = strchr(url.host, ':') ? mem_printf("[%s]:%u", url.host, url.port)
                                                  : mem_printf("%s:%u", url.host, url.port);
        client->prefix = TAKE(url.prefix);
        *ret = client;
    } else {
        kube_client_free(client);
    }
    url_deinit(&url);
    return rc;
}

static void call_free(struct kube_call *call)
{
    list_remove(&call->node);
    mem_free(call->path);
    mem_free(call->body);
    mem_free(call);
}

void kube_client_free(struct kube_client *client)
{
    if (!client)
        return;
    LIST_EACH (node, &client->calls)
        kube_call_cancel(CONTAINER_OF(node, struct kube_call, node));
    http_pool_free(client->pool);
    mem_free(client->authority);
    mem_free(client->prefix);
    mem_free(client->user_agent);
    mem_free(client->authorization);
    mem_free(client->token_path);
    mem_free(client);
}

struct loop *kube_client_loop(const struct kube_client *client)
{
    return client->loop;
}

/* --- headers --- */

static void token_refresh(struct kube_client *client)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct buf token;
    struct slice text;

    if (!client->token_path ||
        (client->authorization && now_ms - client->token_read_ms < TOKEN_PERIOD_MS))
        return;
    client->token_read_ms = now_ms;
    buf_init(&token, TOKEN_SIZE_MAX);
    if (file_read(client->token_path, &token, NULL) >= 0) {
        text = slice_trim(buf_slice(&token));
        mem_free(client->authorization);
        client->authorization = mem_printf("Bearer %.*s", SLICE_ARG(text));
    }
    buf_deinit(&token);
}

static size_t headers_fill(struct kube_client *client, const char *content_type,
                           struct http_header *out)
{
    size_t count = 0;

    token_refresh(client);
    out[count++] = (struct http_header){SLICE("accept"), SLICE("application/json")};
    out[count++] = (struct http_header){SLICE("user-agent"), slice_str(client->user_agent)};
    if (client->authorization)
        out[count++] =
            (struct http_header){SLICE("authorization"), slice_str(client->authorization)};
    if (content_type)
        out[count++] = (struct http_header){SLICE("content-type"), slice_str(content_type)};
    return count;
}

/* --- calls --- */

static int call_send(struct kube_call *call);

static void on_fetched(const struct http_fetch_result *fetched, void *ctx)
{
    struct kube_call *call = ctx;
    struct kube_result result = {.code = fetched->code, .reason = fetched->reason};
    char text[256];
    json_t *object = NULL;

    call->fetch = NULL;
    if (fetched->code < 0 && strcmp(call->method, "GET") == 0 && !call->retried) {
        call->retried = true; /* an idle connection may have died meanwhile */
        if (call_send(call) >= 0)
            return;
    }
    if (fetched->code >= 0) {
        result.status = fetched->head->status;
        if (json_parse(fetched->body, NULL, &object, NULL) < 0)
            object = NULL;
        result.object = object;
        result.reason = "";
        if (result.status >= 400) {
            const char *message = json_get_string(object, "message");

            snprintf(text, sizeof text, "HTTP status %u: %.200s", result.status,
                     fetched->body.len ? "no Status" : "no body");
            result.code = kube_status_error(result.status, object);
            result.reason = message ? message : text;
        }
    }
    list_remove(&call->node);
    call->on_done(&result, call->ctx);
    json_decref(object);
    call_free(call);
}

static int call_send(struct kube_call *call)
{
    struct http_header headers[HEADERS_MAX];
    struct http_fetch_request request = {
        .method = call->method,
        .path = call->path,
        .authority = call->client->authority,
        .headers = headers,
        .body = slice_str(call->body),
        .timeout_ms = call->timeout_ms,
    };

    request.header_count = headers_fill(call->client, call->content_type, headers);
    return http_fetch_start(call->client->pool, &request, on_fetched, call, &call->fetch);
}

static char *path_of(const struct kube_client *client, const struct kube_request *request)
{
    struct buf path;
    const char *name = request->name;

    buf_init(&path, 16 * 1024);
    buf_append_str(&path, client->prefix);
    if (request->raw_path)
        buf_append_str(&path, request->raw_path);
    else
        kube_resource_path(request->resource, request->ns, name, request->subresource, &path);
    if (request->query && *request->query)
        buf_printf(&path, "?%s", request->query);
    return buf_take(&path);
}

int kube_call_start(struct kube_client *client, const struct kube_request *request,
                    void (*on_done)(const struct kube_result *result, void *ctx), void *ctx,
                    struct kube_call **ret)
{
    struct kube_call *call = MEM_NEW(struct kube_call);
    int rc;

    call->client = client;
    list_init(&call->node);
    call->method = verbs[request->verb].method;
    call->timeout_ms = request->timeout_ms ? request->timeout_ms : 30000;
    call->path = path_of(client, request);
    if (request->body) {
        call->body = json_format_str(request->body, JSON_FORMAT_COMPACT);
        call->content_type = verbs[request->verb].content_type;
    }
    call->on_done = on_done;
    call->ctx = ctx;
    rc = call_send(call);
    if (rc < 0) {
        call_free(call);
        return rc;
    }
    list_append(&client->calls, &call->node);
    if (ret)
        *ret = call;
    return 0;
}

void kube_call_cancel(struct kube_call *call)
{
    if (!call)
        return;
    http_fetch_cancel(call->fetch);
    call_free(call);
}

/* --- blocking --- */

struct waiter {
    bool done;
    int code;
    json_t *object;
    char reason[ERR_REASON_SIZE];
};

static void on_waited(const struct kube_result *result, void *ctx)
{
    struct waiter *waiter = ctx;

    waiter->done = true;
    waiter->code = result->code;
    waiter->object = json_incref(result->object);
    snprintf(waiter->reason, sizeof waiter->reason, "%s", result->reason ? result->reason : "");
}

int kube_call_wait(struct kube_client *client, const struct kube_request *request, json_t **ret,
                   struct error *err)
{
    struct waiter waiter = {0};
    int rc = kube_call_start(client, request, on_waited, &waiter, NULL);

    if (rc < 0)
        return err_set(err, rc, "%s", err_text(rc));
    while (!waiter.done)
        loop_run_once(client->loop, -1);
    if (waiter.code < 0) {
        json_decref(waiter.object);
        char *path = path_of(client, request);

        rc = err_set_path(err, waiter.code, path, "%s",
                          waiter.reason[0] ? waiter.reason : err_text(waiter.code));
        mem_free(path);
        return rc;
    }
    if (ret)
        *ret = waiter.object;
    else
        json_decref(waiter.object);
    return 0;
}

int kube_stream_start(struct kube_client *client, const char *path,
                      const struct http_stream_events *events, void *ctx, struct http_stream **ret)
{
    struct http_header headers[HEADERS_MAX];
    struct http_head head = {.method = SLICE("GET"),
                             .scheme = SLICE("https"),
                             .authority = slice_str(client->authority),
                             .content_length = -1};
    char *full;
    int rc = http_pool_stream(client->pool, events, ctx, ret);

    if (rc < 0)
        return rc;
    full = mem_printf("%s%s", client->prefix, path);
    head.path = slice_str(full);
    head.headers.items = headers;
    head.headers.count = head.headers.cap = headers_fill(client, NULL, headers);
    rc = http_stream_send_head(*ret, &head, true);
    mem_free(full);
    return rc == ERR_AGAIN ? 0 : rc;
}
