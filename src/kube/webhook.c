/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of webhooks. See webhook.h. */
#include "kube/webhook.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/client.h"
#include "io/tls.h"
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/url.h"

enum {
    ANSWER_MAX = 8 * 1024 * 1024,
    BUNDLE_MAX = 1024 * 1024,
    PORT_DEFAULT = 443,
    TIMEOUT_DEFAULT_S = 10,
};

struct pool {
    struct list node; /* in webhooks->pools, newest first */
    char *key;        /* address, server name, CA */
    struct http_pool *http;
};

struct kube_webhooks {
    struct loop *loop;
    kube_webhook_find *find;
    void *ctx;
    struct list pools;
};

struct kube_webhook {
    struct arena arena;
    struct http_pool *pool; /* of webhooks->pools */
    struct http_fetch *fetch;
    struct http_fetch_request request;
    const char *url; /* for messages */
    const char *uid; /* of the question */
    bool is_retried;
    void (*on_done)(const json_t *response, const char *why, void *ctx);
    void *ctx;
};

/* Where to call. In the call's arena. */
struct target {
    struct addr addr;
    const char *server_name;
    const char *authority;
    const char *path;
};

static const struct http_header request_headers[] = {
    {SLICE("content-type"), SLICE("application/json")},
    {SLICE("accept"), SLICE("application/json")},
    {SLICE("user-agent"), SLICE("kube-apiserver-admission")},
};

/* --- addresses --- */

static int target_of_url(struct arena *arena, const char *text, struct target *ret,
                         struct error *err)
{
    struct url url;
    struct slice host;

    if (url_parse(slice_str(text), &url) != 0)
        return err_set(err, ERR_INVALID, "\"%s\" is not a URL", text);
    host = slice_eq_str(url.host, "localhost") ? SLICE("127.0.0.1") : url.host;
    if (addr_parse_ip(host, url.port, &ret->addr) != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "not supported: a webhook URL with a host name (%.*s); use an IP address or "
                       "a service",
                       SLICE_ARG(url.host));
    ret->server_name = arena_slice_str(arena, url.host);
    ret->authority = arena_slice_str(arena, url.authority);
    ret->path = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(url.path), url.query.len ? "?" : "",
                             SLICE_ARG(url.query));
    return 0;
}

static int target_find(const struct kube_webhooks *webhooks, struct arena *arena,
                       const json_t *config, struct target *ret, struct error *err)
{
    const char *url = json_path_string_or(config, "url", "");
    const char *ns = json_path_string_or(config, "service.namespace", "");
    const char *name = json_path_string_or(config, "service.name", "");
    int64_t port = json_path_int(config, "service.port", PORT_DEFAULT);

    if (url[0])
        return target_of_url(arena, url, ret, err);
    ret->server_name = arena_printf(arena, "%s.%s.svc", name, ns);
    ret->authority = arena_printf(arena, "%s.%s.svc:%lld", name, ns, (long long)port);
    ret->path = json_path_string_or(config, "service.path", "/");
    ret->path = arena_printf(arena, "%s%s", ret->path[0] == '/' ? "" : "/", ret->path);
    return webhooks->find(ns, name, port, &ret->addr, err, webhooks->ctx);
}

/* --- connections --- */

struct kube_webhooks *kube_webhooks_new(struct loop *loop, kube_webhook_find *find, void *ctx)
{
    struct kube_webhooks *webhooks = MEM_NEW(struct kube_webhooks);

    webhooks->loop = loop;
    webhooks->find = find;
    webhooks->ctx = ctx;
    list_init(&webhooks->pools);
    return webhooks;
}

static void pool_free(struct pool *pool)
{
    list_remove(&pool->node);
    http_pool_free(pool->http);
    mem_free(pool->key);
    mem_free(pool);
}

void kube_webhooks_free(struct kube_webhooks *webhooks)
{
    if (webhooks == NULL)
        return;
    LIST_EACH (node, &webhooks->pools)
        pool_free(CONTAINER_OF(node, struct pool, node));
    mem_free(webhooks);
}

/* The oldest pool that nobody uses makes room. */
static void pools_trim(struct kube_webhooks *webhooks)
{
    struct list *node = webhooks->pools.prev;

    if (list_count(&webhooks->pools) < KUBE_WEBHOOK_POOLS_MAX)
        return;
    for (; node != &webhooks->pools; node = node->prev) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);

        if (http_pool_stream_count(pool->http) == 0) {
            pool_free(pool);
            return;
        }
    }
}

static int tls_make(const char *bundle, struct tls_config **ret, struct error *err)
{
    struct tls_options options = {.alpn = "http/1.1"};
    struct buf pem;
    int rc;

    buf_init(&pem, BUNDLE_MAX);
    rc = base64_decode(slice_str(bundle), &pem);
    options.trust_pem = buf_slice(&pem);
    rc =
        rc ? err_set(err, rc, "caBundle is not base64") : tls_client_config_new(&options, ret, err);
    buf_deinit(&pem);
    return rc;
}

static int pool_make(struct kube_webhooks *webhooks, const struct target *target,
                     const char *bundle, char *key, struct http_pool **ret, struct error *err)
{
    struct http_pool_options options = {.addr = target->addr, .server_name = target->server_name};
    struct pool *made;
    struct tls_config *tls;
    int rc = tls_make(bundle, &tls, err);

    if (rc != 0)
        return rc;
    pools_trim(webhooks);
    made = MEM_NEW(struct pool);
    made->key = mem_strdup(key);
    list_prepend(&webhooks->pools, &made->node);
    options.tls = tls;
    rc = http_pool_new(webhooks->loop, &options, &made->http);
    tls_config_unref(tls);
    if (rc != 0)
        pool_free(made);
    else
        *ret = made->http;
    return rc;
}

static int pool_get(struct kube_webhooks *webhooks, const struct target *target, const char *bundle,
                    struct http_pool **ret, struct error *err)
{
    char address[ADDR_TEXT_SIZE];
    char *key =
        mem_printf("%s %s %s", addr_format(&target->addr, address), target->server_name, bundle);
    struct http_pool *found = NULL;
    int rc = 0;

    LIST_EACH (node, &webhooks->pools) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);

        if (strcmp(pool->key, key) == 0)
            found = pool->http;
    }
    if (found == NULL)
        rc = pool_make(webhooks, target, bundle, key, &found, err);
    mem_free(key);
    if (rc == 0)
        *ret = found;
    return rc;
}

/* --- the call --- */

static void call_free(struct kube_webhook *call)
{
    arena_deinit(&call->arena);
    mem_free(call);
}

static void call_finish(struct kube_webhook *call, const json_t *response, const char *why)
{
    void (*on_done)(const json_t *, const char *, void *) = call->on_done;
    void *ctx = call->ctx;
    char *text = why ? mem_printf("Post \"%s\": %s", call->url, why) : NULL;

    call_free(call);
    on_done(response, text, ctx);
    mem_free(text);
}

static void on_answer(struct kube_webhook *call, struct slice body)
{
    const json_t *response;
    json_t *review = NULL;

    if (json_parse(body, NULL, &review, NULL) != 0) {
        call_finish(call, NULL, "the answer is not JSON");
        return;
    }
    response = json_object_get(review, "response");
    if (strcmp(json_path_string_or(response, "uid", ""), call->uid) != 0)
        call_finish(call, NULL, "expected response.uid to be the request's");
    else
        call_finish(call, response, NULL);
    json_decref(review);
}

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct kube_webhook *call = ctx;
    char status[64];

    call->fetch = NULL;
    if (result->code != 0 && result->code != ERR_TIMEOUT && !call->is_retried) {
        call->is_retried = true;
        if (http_fetch_start(call->pool, &call->request, on_fetched, call, &call->fetch) == 0)
            return;
    }
    if (result->code != 0) {
        call_finish(call, NULL,
                    result->code == ERR_TIMEOUT ? "context deadline exceeded" : result->reason);
    } else if (result->head->status != 200) {
        (void)snprintf(status, sizeof status, "an error on the server (status %u)",
                       result->head->status);
        call_finish(call, NULL, status);
    } else {
        on_answer(call, result->body);
    }
}

static void request_fill(struct kube_webhook *call, const struct target *target,
                         const json_t *webhook, const json_t *review)
{
    int64_t timeout_s = json_get_int(webhook, "timeoutSeconds", TIMEOUT_DEFAULT_S);
    char *body = json_format_str(review, JSON_FORMAT_COMPACT);

    call->request = (struct http_fetch_request){
        .method = "POST",
        .path = arena_printf(&call->arena, "%s%stimeout=%llds", target->path,
                             strchr(target->path, '?') ? "&" : "?", (long long)timeout_s),
        .authority = target->authority,
        .headers = request_headers,
        .header_count = ARRAY_LEN(request_headers),
        .body = arena_slice_dup(&call->arena, slice_str(body)),
        .response_size_max = ANSWER_MAX,
        .timeout_ms = (uint64_t)timeout_s * 1000,
    };
    call->url = arena_printf(&call->arena, "https://%s%s", target->authority, call->request.path);
    call->uid = arena_strdup(&call->arena, json_path_string_or(review, "request.uid", ""));
    mem_free(body);
}

int kube_webhook_start(struct kube_webhooks *webhooks, const json_t *webhook, const json_t *review,
                       void (*on_done)(const json_t *response, const char *why, void *ctx),
                       void *ctx, struct kube_webhook **ret, struct error *err)
{
    const json_t *config = json_object_get(webhook, "clientConfig");
    struct kube_webhook *call = MEM_NEW(struct kube_webhook);
    struct target target = {0};
    int rc;

    call->on_done = on_done;
    call->ctx = ctx;
    arena_init(&call->arena, 0);
    rc = target_find(webhooks, &call->arena, config, &target, err);
    if (rc == 0)
        rc = pool_get(webhooks, &target, json_path_string_or(config, "caBundle", ""), &call->pool,
                      err);
    if (rc == 0) {
        request_fill(call, &target, webhook, review);
        rc = http_fetch_start(call->pool, &call->request, on_fetched, call, &call->fetch);
    }
    if (rc == 0) {
        *ret = call;
        return 0;
    }
    if (err->reason[0] == '\0')
        err_set(err, rc, "%s", err_text(rc));
    call_free(call);
    return rc;
}

void kube_webhook_cancel(struct kube_webhook *call)
{
    if (call == NULL)
        return;
    http_fetch_cancel(call->fetch);
    call_free(call);
}
