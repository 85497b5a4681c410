/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP stream to a call and back: path, verb, user, body; answer in JSON, YAML or Table.
 *
 *   head -> health? -> user -> path is a resource? -> watch, relay to the node, or (body ->) call
 *                              path is none        -> discovery, or 404
 *
 * Place   http/server's on_stream
 * Owns    struct request: alive until the stream closed and its call is done
 */
#include "api/openapi_v2.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/objects/discovery.h"
#include "kube/objects/status.h"
#include "sandbox/apiserver_int.h"
#include "wire/yaml.h"

struct request {
    struct sandbox_apiserver *server;
    struct http_stream *stream;  /* NULL once closed */
    struct apiserver_call *call; /* NULL when there is none (any more) */
    bool busy;                   /* the call has not told on_done yet */
};

static void request_free(struct request *request)
{
    if (request->stream == NULL && !request->busy) {
        apiserver_call_free(request->call);
        mem_free(request);
    }
}

/* --- answers --- */

static struct slice header_value(struct http_stream *stream, const char *name)
{
    return http_headers_value(&http_stream_head(stream)->headers, slice_str(name));
}

static void warnings_add(struct apiserver_call *call, struct http_head *head, struct arena *arena)
{
    size_t i;
    json_t *warning;

    json_array_foreach(call->warnings, i, warning)
    {
        struct buf text;

        buf_init(&text, 4096);
        kube_warning_append(&text, json_string_value(warning));
        http_headers_add(&head->headers, arena, SLICE("warning"),
                         arena_slice_dup(arena, buf_slice(&text)));
        buf_deinit(&text);
    }
}

static void send_body(struct apiserver_call *call, struct http_stream *stream, const char *type,
                      struct slice body)
{
    struct http_head head = {.status = call->status ? call->status : 200,
                             .content_length = (int64_t)body.len};
    struct arena *arena = http_stream_arena(stream);
    char audit[RNG_UUID_SIZE];

    rng_system_uuid(audit);
    http_headers_add(&head.headers, arena, SLICE("audit-id"),
                     arena_slice_dup(arena, slice_str(audit)));
    http_headers_add(&head.headers, arena, SLICE("cache-control"), SLICE("no-cache, private"));
    http_headers_add(&head.headers, arena, SLICE("content-type"),
                     arena_slice_dup(arena, slice_str(type)));
    if (head.status == 429 || head.status == 503)
        http_headers_add(&head.headers, arena, SLICE("retry-after"), SLICE("1"));
    warnings_add(call, &head, arena);
    if (http_stream_send_head(stream, &head, body.len == 0) != 0 || body.len == 0)
        return;
    if (http_stream_send_data(stream, body, true) == ERR_CLOSED)
        return; /* on_close follows; ERR_AGAIN: taken */
}

static void send_json(struct apiserver_call *call, struct http_stream *stream, const json_t *tree,
                      const char *type)
{
    struct buf body;
    bool yaml = call->accept == KUBE_ACCEPT_YAML;

    buf_init(&body, 256 * 1024 * 1024);
    if (yaml)
        yaml_format(tree, &body);
    else
        json_format(tree, JSON_FORMAT_COMPACT, &body);
    if (!yaml)
        buf_append_char(&body, '\n');
    send_body(call, stream, yaml ? "application/yaml" : type, buf_slice(&body));
    buf_deinit(&body);
}

static void send_object(struct apiserver_call *call, struct http_stream *stream)
{
    json_t *tree = apiserver_read_present(call->kind, call->answer);
    json_t *shown = apiserver_read_shown(call, tree, true);

    if (shown == NULL && call->accept == KUBE_ACCEPT_JSON && tree == call->answer->tree)
        send_body(call, stream, "application/json", call->answer->text);
    else
        send_json(call, stream, shown ? shown : tree, "application/json");
    json_decref(shown);
    json_decref(tree);
}

static void send_text(struct http_stream *stream, unsigned status, const char *text)
{
    http_stream_respond(stream, status, "text/plain; charset=utf-8", slice_str(text));
}

void apiserver_http_respond(struct apiserver_call *call, struct http_stream *stream)
{
    if (call->text.len > 0)
        send_body(call, stream, "application/json", buf_slice(&call->text));
    else if (call->result != NULL)
        send_json(call, stream, call->result, "application/json");
    else if (call->answer != NULL)
        send_object(call, stream);
    else
        send_body(call, stream, "application/json", SLICE(""));
}

static void request_on_done(struct apiserver_call *call, void *ctx)
{
    struct request *request = ctx;

    request->busy = false;
    if (request->stream != NULL)
        apiserver_http_respond(call, request->stream);
    apiserver_call_free(call);
    request->call = NULL;
    request_free(request);
}

/* --- paths --- */

/* The kind exists, with this scope and this subresource. */
static bool place_fits(const struct apiserver_call *call)
{
    const struct kind *kind = call->kind;

    if (kind == NULL || (call->ns[0] && !kind->namespaced))
        return false;
    if (call->name[0] && !call->ns[0] && kind->namespaced)
        return false;
    return call->subresource[0] == '\0' || kinds_has_subresource(kind, call->subresource);
}

/* Fills kind, ns, name and subresource. False: not a resource path, or an unknown one (then the
 * call has its 404). */
static bool resource_find(struct apiserver_call *call, const struct kube_path *path)
{
    struct sandbox_apiserver *server = call->server;

    if (path->plural[0] == '\0')
        return false;
    call->kind = kinds_find(&server->kinds, slice_str(path->group), slice_str(path->version),
                            slice_str(path->plural));
    call->ns = path->ns;
    call->name = path->name;
    call->subresource = path->subresource;
    if (call->kind == NULL &&
        !kube_discovery_has(apiserver_discovery_groups(server), path->group, path->version))
        return false;
    if ((path->has_rest && strcmp(call->subresource, "proxy") != 0) || !place_fits(call)) {
        call->kind = NULL;
        apiserver_fail(call, 404, "NotFound", "the server could not find the requested resource");
        return false;
    }
    return true;
}

/* --- who, and may they --- */

static int user_check(struct apiserver_call *call, struct http_stream *stream, struct slice path)
{
    struct conn *conn = http_stream_conn(stream);
    struct error err = {0};
    int rc = apiserver_auth_user(
        call->server, &call->arena, conn ? conn_peer_cert_der(conn) : SLICE(""),
        http_headers_bearer(&http_stream_head(stream)->headers), &call->user, &err);

    if (rc != 0)
        return apiserver_fail(call, 401, "Unauthorized", "Unauthorized");
    if (header_value(stream, "impersonate-user").len > 0)
        return apiserver_fail(call, 501, "NotImplemented", "not supported: impersonation (--as)");
    if (strcmp(call->user.name, "system:anonymous") != 0 || slice_eq_str(path, "/version"))
        return 0;
    return apiserver_fail(
        call, 403, "Forbidden", "forbidden: User \"system:anonymous\" cannot %s path \"%.*s\"",
        slice_eq_str(http_stream_head(stream)->method, "GET") ? "get" : "change", SLICE_ARG(path));
}

/* --- requests --- */

static void respond_now(struct request *request)
{
    apiserver_http_respond(request->call, request->stream);
}

static void refuse(struct request *request, unsigned status, const char *reason, const char *why)
{
    apiserver_fail(request->call, status, reason, "%s", why);
    respond_now(request);
}

static void run_call(struct request *request)
{
    request->busy = true;
    request->call->on_done = request_on_done;
    request->call->ctx = request;
    apiserver_call_run(request->call);
}

static void request_on_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct request *request = ctx;
    struct apiserver_call *call = request->call;

    if (code == ERR_LIMIT)
        apiserver_fail(call, 413, "RequestEntityTooLarge", "Request entity too large: limit is %d",
                       APISERVER_BODY_MAX);
    if (code != 0 && code != ERR_LIMIT)
        return; /* the stream broke: on_close follows */
    if (code != 0 || apiserver_body_decode(call, header_value(stream, "content-type"), body) != 0) {
        respond_now(request);
        return;
    }
    run_call(request);
}

static bool is_node_stream(const struct apiserver_call *call)
{
    static const char *const names[] = {"log", "exec", "attach", "portforward", "proxy"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (call->subresource[0] && strcmp(call->subresource, names[i]) == 0)
            return true;
    }
    return false;
}

/* The call and the stream go to somebody who keeps both. */
static void hand_over(struct request *request,
                      void (*start)(struct apiserver_call *call, struct http_stream *stream))
{
    struct http_stream *stream = request->stream;
    struct apiserver_call *call = TAKE(request->call);

    request->stream = NULL;
    request_free(request);
    start(call, stream);
}

static void resource_run(struct request *request, const struct kube_path *path, bool end)
{
    struct apiserver_call *call = request->call;
    struct http_stream *stream = request->stream;

    call->verb = kube_path_verb(path, http_stream_head(stream)->method,
                                path->is_watch || apiserver_call_query_bool(call, "watch"));
    if (is_node_stream(call)) {
        hand_over(request, apiserver_stream_start);
    } else if (call->accept == KUBE_ACCEPT_NONE) {
        refuse(request, 406, "NotAcceptable",
               "406: Not Acceptable\n\nAvailable representations: " KUBE_MEDIA_OBJECTS);
    } else if (call->verb == KUBE_VERB_NONE) {
        refuse(request, 405, "MethodNotAllowed",
               "the server does not allow this method on the requested resource");
    } else if (call->verb == KUBE_VERB_WATCH && !call->kind->is_virtual) {
        hand_over(request, apiserver_watch_start);
    } else if (end) {
        run_call(request);
    } else {
        http_stream_collect(stream, APISERVER_BODY_MAX, request_on_body, request);
    }
}

/* `path` is NULL for a target that is not below /api or /apis. */
static void discovery_run(struct request *request, struct slice target,
                          const struct kube_path *path)
{
    struct apiserver_call *call = request->call;
    struct http_stream *stream = request->stream;
    struct slice accept = header_value(stream, "accept");
    bool is_aggregated = kube_discovery_is_aggregated(path, accept);

    call->accept = KUBE_ACCEPT_JSON;
    if (!apiserver_discovery_run(call, target, path, is_aggregated)) {
        send_text(stream, 404, "404 page not found\n");
    } else if (slice_eq_str(target, "/openapi/v2") && openapi_v2_wants_protobuf(accept) &&
               openapi_v2_encode(call->result, &call->text) == 0) {
        send_body(call, stream, OPENAPI_V2_PROTOBUF, buf_slice(&call->text));
    } else {
        send_json(call, stream, call->result,
                  is_aggregated ? "application/json;" KUBE_DISCOVERY_AGGREGATED
                                : "application/json");
    }
}

/* Anybody may ask. */
static bool health_run(struct apiserver_call *call, struct http_stream *stream, struct slice target)
{
    static const char *const targets[] = {"/healthz", "/livez", "/readyz"};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        if (!slice_eq_str(target, targets[i]))
            continue;
        send_text(stream, 200,
                  slice_find(call->query, SLICE("verbose")) < 0
                      ? "ok"
                      : arena_printf(&call->arena, "[+]ping ok\n[+]store ok\n%s check passed\n",
                                     targets[i] + 1));
        return true;
    }
    return false;
}

static void request_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct request *request = ctx;
    struct apiserver_call *call;
    struct kube_path path;
    struct slice target;
    bool is_api;

    call = request->call = apiserver_call_new(request->server);
    url_target_split(head->path, &target, &call->query);
    call->query = arena_slice_dup(&call->arena, call->query);
    target = arena_slice_dup(&call->arena, target);
    call->accept = kube_media_accept(header_value(stream, "accept"));
    call->user_agent = arena_slice_dup(&call->arena, header_value(stream, "user-agent"));
    if (health_run(call, stream, target))
        return;
    if (user_check(call, stream, target) != 0) {
        respond_now(request);
        return;
    }
    is_api = kube_path_parse(target, &call->arena, &path) == 0;
    if (is_api && resource_find(call, &path))
        resource_run(request, &path, end);
    else if (call->status != 0)
        respond_now(request);
    else
        discovery_run(request, target, is_api ? &path : NULL);
}

static void request_on_close(struct http_stream *stream, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->stream = NULL;
    request_free(request);
}

static const struct http_stream_events request_events = {
    .on_head = request_on_head,
    .on_close = request_on_close,
};

void apiserver_http_on_stream(struct http_stream *stream, void *ctx)
{
    struct request *request = MEM_NEW(struct request);

    request->server = ctx;
    request->stream = stream;
    http_stream_events_set(stream, &request_events, request);
}
