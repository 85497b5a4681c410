/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a webhook. See apiserver_webhook.h.
 *
 *   url       https://host:port/path: an IP address, or localhost
 *   service   a ready endpoint of the Service's port, straight; the certificate must be for
 *             NAME.NS.svc
 *
 * A pooled connection may have died with the server behind it, so a broken call is made once more.
 */
#include "kube/options.h"
#include "sandbox/apiserver_webhook.h"

#include "base/mem.h"
#include "base/rng.h"
#include "io/tls.h"
#include "wire/base64.h"

#include <stdio.h>

enum { WEBHOOK_ANSWER_MAX = 8 * 1024 * 1024, WEBHOOK_PORT = 443, WEBHOOK_TIMEOUT_S = 10 };

struct webhook_pool {
    struct list node; /* in server->webhook_pools, newest first */
    char *key;        /* address, server name, CA */
    struct http_pool *pool;
};

struct apiserver_webhook {
    struct apiserver_call *call;
    const struct kind *kind; /* the version of the review */
    struct http_pool *pool;  /* the cache's */
    struct http_fetch *fetch;
    struct arena arena;
    struct http_fetch_request request;
    const char *url; /* for messages */
    char uid[RNG_UUID_SIZE];
    bool retried;
    void (*on_done)(const json_t *response, const char *why, void *ctx);
};

/* Where to call. In the webhook's arena. */
struct webhook_target {
    struct addr addr;
    const char *server_name;
    const char *authority;
    const char *path;
};

static const struct http_header webhook_headers[] = {
    {SLICE("content-type"), SLICE("application/json")},
    {SLICE("accept"), SLICE("application/json")},
    {SLICE("user-agent"), SLICE("kube-apiserver-admission")},
};

/* --- addresses --- */

static int target_of_url(struct arena *arena, const char *text, struct webhook_target *ret,
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

/* The first ready address of the Service's port in an Endpoints object. */
static bool endpoint_find(const json_t *endpoints, const char *port_name, struct addr *ret)
{
    size_t i, j;
    json_t *subset, *port;

    json_array_foreach(json_object_get(endpoints, "subsets"), i, subset)
    {
        const char *ip = json_path_string_or(subset, "addresses[0].ip", "");

        json_array_foreach(json_object_get(subset, "ports"), j, port)
        {
            if (strcmp(json_path_string_or(port, "name", ""), port_name) == 0 && ip[0] &&
                addr_parse_ip(slice_str(ip), (unsigned)json_get_int(port, "port", 0), ret) == 0)
                return true;
        }
    }
    return false;
}

static int service_resolve(struct apiserver_call *call, const char *ns, const char *name,
                           int64_t number, struct addr *ret, struct error *err)
{
    const struct kinds *kinds = &call->server->kinds;
    const struct store_object *service =
        store_get(kinds_builtin(kinds, "", "services")->bucket, ns, name);
    const struct store_object *endpoints =
        store_get(kinds_builtin(kinds, "", "endpoints")->bucket, ns, name);
    size_t i;
    json_t *port;

    if (service == NULL)
        return err_set(err, ERR_NOT_FOUND, "service \"%s\" not found", name);
    json_array_foreach(json_path_get(service->tree, "spec.ports"), i, port)
    {
        if (json_get_int(port, "port", 0) != number)
            continue;
        if (endpoints != NULL &&
            endpoint_find(endpoints->tree, json_path_string_or(port, "name", ""), ret))
            return 0;
        return err_set(err, ERR_UNREACHABLE, "no endpoints available for service \"%s\"", name);
    }
    return err_set(err, ERR_NOT_FOUND, "no service port %lld found for service \"%s\"",
                   (long long)number, name);
}

static int target_find(struct apiserver_call *call, struct arena *arena, const json_t *webhook,
                       struct webhook_target *ret, struct error *err)
{
    const json_t *config = json_object_get(webhook, "clientConfig");
    const char *url = json_path_string_or(config, "url", "");
    const char *ns = json_path_string_or(config, "service.namespace", "");
    const char *name = json_path_string_or(config, "service.name", "");
    int64_t port = json_path_int(config, "service.port", WEBHOOK_PORT);

    if (url[0])
        return target_of_url(arena, url, ret, err);
    ret->server_name = arena_printf(arena, "%s.%s.svc", name, ns);
    ret->authority = arena_printf(arena, "%s.%s.svc:%lld", name, ns, (long long)port);
    ret->path = json_path_string_or(config, "service.path", "/");
    ret->path = arena_printf(arena, "%s%s", ret->path[0] == '/' ? "" : "/", ret->path);
    return service_resolve(call, ns, name, port, &ret->addr, err);
}

/* --- connections --- */

static void pool_free(struct webhook_pool *pool)
{
    list_remove(&pool->node);
    http_pool_free(pool->pool);
    mem_free(pool->key);
    mem_free(pool);
}

void apiserver_webhook_pools_free(struct sandbox_apiserver *server)
{
    LIST_EACH (node, &server->webhook_pools)
        pool_free(CONTAINER_OF(node, struct webhook_pool, node));
}

/* The oldest pool that nobody uses makes room. */
static void pools_trim(struct sandbox_apiserver *server)
{
    struct list *node = server->webhook_pools.prev;

    if (list_count(&server->webhook_pools) < APISERVER_WEBHOOK_POOLS_MAX)
        return;
    for (; node != &server->webhook_pools; node = node->prev) {
        struct webhook_pool *pool = CONTAINER_OF(node, struct webhook_pool, node);

        if (http_pool_stream_count(pool->pool) == 0) {
            pool_free(pool);
            return;
        }
    }
}

static int tls_make(const char *bundle, struct tls_config **ret, struct error *err)
{
    struct tls_options options = {.alpn = "http/1.1"};
    struct buf pem;
    int rc = 0;

    buf_init(&pem, 1024 * 1024);
    if (bundle[0])
        rc = base64_decode(slice_str(bundle), &pem);
    options.trust_pem = buf_slice(&pem);
    rc =
        rc ? err_set(err, rc, "caBundle is not base64") : tls_client_config_new(&options, ret, err);
    buf_deinit(&pem);
    return rc;
}

static int pool_get(struct sandbox_apiserver *server, const struct webhook_target *target,
                    const char *bundle, struct http_pool **ret, struct error *err)
{
    char address[ADDR_TEXT_SIZE];
    char *key =
        mem_printf("%s %s %s", addr_format(&target->addr, address), target->server_name, bundle);
    struct http_pool_options options = {.addr = target->addr, .server_name = target->server_name};
    struct webhook_pool *made;
    struct tls_config *tls;
    int rc;

    LIST_EACH (node, &server->webhook_pools) {
        struct webhook_pool *pool = CONTAINER_OF(node, struct webhook_pool, node);

        if (strcmp(pool->key, key) == 0) {
            mem_free(key);
            *ret = pool->pool;
            return 0;
        }
    }
    pools_trim(server);
    made = MEM_NEW(struct webhook_pool);
    made->key = key;
    list_prepend(&server->webhook_pools, &made->node);
    rc = tls_make(bundle, &tls, err);
    if (rc == 0) {
        options.tls = tls;
        rc = http_pool_new(server->loop, &options, &made->pool);
        tls_config_unref(tls);
    }
    if (rc != 0)
        pool_free(made);
    else
        *ret = made->pool;
    return rc;
}

/* --- the review --- */

static json_t *group_version(const struct kind *kind, const char *what, const char *value)
{
    return json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version, what,
                     value);
}

static json_t *user_info(const struct apiserver_user *user)
{
    json_t *groups = json_array();

    for (size_t i = 0; user->groups[i] != NULL; i++)
        json_array_append_new(groups, json_string(user->groups[i]));
    return json_pack("{s:s, s:s, s:o}", "username", user->name, "uid", user->uid, "groups", groups);
}

static json_t *options_object(struct apiserver_call *call)
{
    struct slice manager = apiserver_call_query(call, "fieldManager");
    json_t *options = json_pack("{s:s, s:s}", "kind", kube_options_kind(call->verb), "apiVersion",
                                "meta.k8s.io/v1");

    if (manager.len > 0)
        json_object_set_new(options, "fieldManager", json_string_slice(manager));
    return options;
}

/* The object in that version, or null: fresh reference. */
static json_t *in_version(const json_t *object, const struct kind *kind)
{
    json_t *copy = object ? json_copy((json_t *)(uintptr_t)object) : json_null();

    json_set_string(copy, "apiVersion", kind->api_version);
    return copy;
}

static json_t *review_new(struct apiserver_webhook *webhook, const char *operation,
                          const char *version)
{
    struct apiserver_call *call = webhook->call;
    const struct kind *kind = webhook->kind;
    const json_t *tree = call->object ? call->object : call->old->tree;
    const char *name = json_path_string_or(tree, "metadata.name", "");
    char api_version[64];
    json_t *request =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:b, s:o}", "uid", webhook->uid, "kind",
                  group_version(kind, "kind", kind->kind), "resource",
                  group_version(kind, "resource", kind->plural), "requestKind",
                  group_version(call->kind, "kind", kind->kind), "requestResource",
                  group_version(call->kind, "resource", kind->plural), "operation", operation,
                  "userInfo", user_info(&call->user), "dryRun", apiserver_call_is_dry_run(call),
                  "options", options_object(call));

    if (call->subresource[0]) {
        json_set_string(request, "subResource", call->subresource);
        json_set_string(request, "requestSubResource", call->subresource);
    }
    if (name[0])
        json_set_string(request, "name", name);
    if (kind->namespaced)
        json_set_string(request, "namespace", call->ns);
    json_object_set_new(request, "object", in_version(call->object, kind));
    json_object_set_new(request, "oldObject", in_version(call->old ? call->old->tree : NULL, kind));
    snprintf(api_version, sizeof api_version, "admission.k8s.io/%s", version);
    return json_pack("{s:s, s:s, s:o}", "kind", "AdmissionReview", "apiVersion", api_version,
                     "request", request);
}

/* The first version that both know. */
static const char *review_version(const json_t *webhook)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(webhook, "admissionReviewVersions"), i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";

        if (strcmp(text, "v1") == 0 || strcmp(text, "v1beta1") == 0)
            return json_string_value(item);
    }
    return "v1";
}

/* --- the call --- */

static void webhook_free(struct apiserver_webhook *webhook)
{
    arena_deinit(&webhook->arena);
    mem_free(webhook);
}

static void webhook_finish(struct apiserver_webhook *webhook, const json_t *response,
                           const char *why)
{
    struct apiserver_call *call = webhook->call;
    void (*on_done)(const json_t *, const char *, void *) = webhook->on_done;
    char *text = why ? mem_printf("Post \"%s\": %s", webhook->url, why) : NULL;

    webhook_free(webhook);
    on_done(response, text, call);
    mem_free(text);
}

static void fetch_on_done(const struct http_fetch_result *result, void *ctx)
{
    struct apiserver_webhook *webhook = ctx;
    json_t *review = NULL;
    json_t *response;
    char status[64];

    webhook->fetch = NULL;
    if (result->code != 0 && result->code != ERR_TIMEOUT && !webhook->retried) {
        webhook->retried = true;
        if (http_fetch_start(webhook->pool, &webhook->request, fetch_on_done, webhook,
                             &webhook->fetch) == 0)
            return;
    }
    if (result->code != 0) {
        webhook_finish(webhook, NULL,
                       result->code == ERR_TIMEOUT ? "context deadline exceeded" : result->reason);
        return;
    }
    if (result->head->status != 200) {
        snprintf(status, sizeof status, "an error on the server (status %u)", result->head->status);
        webhook_finish(webhook, NULL, status);
        return;
    }
    if (json_parse(result->body, NULL, &review, NULL) != 0) {
        webhook_finish(webhook, NULL, "the answer is not JSON");
        return;
    }
    response = json_object_get(review, "response");
    if (strcmp(json_path_string_or(response, "uid", ""), webhook->uid) != 0)
        webhook_finish(webhook, NULL, "expected response.uid to be the request's");
    else
        webhook_finish(webhook, response, NULL);
    json_decref(review);
}

static void request_fill(struct apiserver_webhook *webhook, const struct webhook_target *target,
                         const json_t *config, const char *operation)
{
    int64_t timeout_s = json_get_int(config, "timeoutSeconds", WEBHOOK_TIMEOUT_S);
    json_t *review = review_new(webhook, operation, review_version(config));
    char *body = json_format_str(review, JSON_FORMAT_COMPACT);

    webhook->request = (struct http_fetch_request){
        .method = "POST",
        .path = arena_printf(&webhook->arena, "%s%stimeout=%llds", target->path,
                             strchr(target->path, '?') ? "&" : "?", (long long)timeout_s),
        .authority = target->authority,
        .headers = webhook_headers,
        .header_count = ARRAY_LEN(webhook_headers),
        .body = arena_slice_dup(&webhook->arena, slice_str(body)),
        .response_size_max = WEBHOOK_ANSWER_MAX,
        .timeout_ms = (uint64_t)timeout_s * 1000,
    };
    webhook->url =
        arena_printf(&webhook->arena, "https://%s%s", target->authority, webhook->request.path);
    mem_free(body);
    json_decref(review);
}

int apiserver_webhook_start(struct apiserver_call *call, const json_t *config,
                            const struct kind *kind, const char *operation,
                            void (*on_done)(const json_t *response, const char *why, void *ctx),
                            struct apiserver_webhook **ret, struct error *err)
{
    struct apiserver_webhook *webhook = MEM_NEW(struct apiserver_webhook);
    struct webhook_target target = {0};
    int rc;

    webhook->call = call;
    webhook->kind = kind;
    webhook->on_done = on_done;
    arena_init(&webhook->arena, 0);
    rng_system_uuid(webhook->uid);
    rc = target_find(call, &webhook->arena, config, &target, err);
    if (rc == 0)
        rc =
            pool_get(call->server, &target,
                     json_path_string_or(config, "clientConfig.caBundle", ""), &webhook->pool, err);
    if (rc == 0) {
        request_fill(webhook, &target, config, operation);
        rc = http_fetch_start(webhook->pool, &webhook->request, fetch_on_done, webhook,
                              &webhook->fetch);
    }
    if (rc != 0) {
        if (err->reason[0] == '\0')
            err_set(err, rc, "%s", err_text(rc));
        webhook_free(webhook);
        return rc;
    }
    *ret = webhook;
    return 0;
}

void apiserver_webhook_cancel(struct apiserver_webhook *webhook)
{
    if (webhook == NULL)
        return;
    http_fetch_cancel(webhook->fetch);
    webhook_free(webhook);
}
