/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP connection manager: heads in and out, local replies, the end of requests. See hcm.h.
 */
#include "proxy/hcm.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/grpc.h"
#include "proxy/flags.h"
#include "proxy/head_rules.h"
#include "proxy/path.h"
#include "proxy/request.h"

enum { RETIRE_MS = 5000 };

static void finish(struct request *request);

/* --- replies of our own --- */

static bool is_grpc(const struct http_head *head)
{
    struct slice type = http_headers_value(&head->headers, SLICE("content-type"));

    return head->version != HTTP_VERSION_1_0 && slice_starts_with(type, SLICE("application/grpc"));
}

/* The chosen cluster's operations come first; then the route's, the host's and the table's, or with
 * most_specific_header_mutations_wins in the opposite order. */
static void add_response_ops(struct request *request, struct http_head *head)
{
    const struct header_ops *ops[] = {request->target ? &request->target->response_ops : NULL,
                                      request->route ? &request->route->response_ops : NULL,
                                      request->host ? &request->host->response_ops : NULL,
                                      request->table ? &request->table->response_ops : NULL};
    bool reverse = request->table != NULL && request->table->most_specific_wins;

    if (request->route == NULL || request->bare) /* nobody's operations apply, as in Envoy */
        return;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        const struct header_ops *set = ops[reverse && i > 0 ? ARRAY_LEN(ops) - i : i];

        if (set != NULL && (set->add_count > 0 || set->remove_count > 0))
            header_ops_apply(set, &head->headers, request->arena, &request->info);
    }
}

void request_send_response(struct request *request, struct http_head *from, bool end,
                           bool from_upstream)
{
    const struct hcm_conf *conf = request->hcm->conf;
    struct info *info = &request->info;
    int rc;

    request->response_started = true;
    add_response_ops(request, from);
    filter_response(request, from);
    head_rules_response(
        conf, from, request->arena,
        &(struct head_rules_facts){
            .from_upstream = from_upstream,
            .date = slice_str(request->worker->date),
            .upstream_ms = info->response_begin_ms - request->attempt_ms,
            .attempts = info->attempts,
            .attempts_wanted = request->host != NULL && request->host->attempt_count_in_response,
            .request = request->head,
        });
    info->status = from->status;
    if (conf->log_count > 0) {
        struct http_head *copy = ARENA_NEW(request->arena, struct http_head);

        /* The upstream's stream may be gone when the log line is written. */
        http_head_copy(copy, from, request->arena);
        info->response = copy;
    }
    rc = http_stream_send_head(request->down, from, end);
    if (rc < 0)
        log_debug(http, "response head not sent: %s", err_text(rc));
}

/* A gRPC caller learns of failure from grpc-status in a head that ends the response. */
static void fill_grpc_head(struct request *request, unsigned status, struct slice body,
                           struct http_head *head)
{
    static const struct {
        unsigned status;
        int grpc;
    } map[] = {{400, 13}, {401, 16}, {403, 7},  {404, 12},
               {429, 14}, {502, 14}, {503, 14}, {504, 14}};
    int code = request->reply_grpc_status;

    for (size_t i = 0; i < ARRAY_LEN(map) && code == REQUEST_GRPC_BY_STATUS; i++)
        if (map[i].status == status)
            code = map[i].grpc;
    if (code == REQUEST_GRPC_BY_STATUS)
        code = 2;
    head->status = 200;
    head->content_length = -1;
    http_headers_add(&head->headers, request->arena, SLICE("content-type"),
                     SLICE("application/grpc"));
    http_headers_add(&head->headers, request->arena, SLICE("grpc-status"),
                     slice_str(arena_printf(request->arena, "%d", code)));
    /* A reply to HEAD has no body to say it with, so Envoy says nothing. */
    if (body.len > 0 && !slice_eq(request->head->method, SLICE("HEAD")))
        http_headers_add(&head->headers, request->arena, SLICE("grpc-message"),
                         grpc_message_encode(request->arena, body));
}

void request_reply(struct request *request, unsigned status, uint32_t flags, struct slice details,
                   struct slice body)
{
    struct http_head head = {.status = status, .content_length = (int64_t)body.len};
    bool no_body = body.len == 0;

    router_stop(request);
    request->info.flags |= flags;
    request->info.details = details;
    if (request->down == NULL || request->response_started)
        return;
    if (is_grpc(request->head)) {
        fill_grpc_head(request, status, body, &head);
        no_body = true;
    } else if (body.len > 0) {
        http_headers_add(&head.headers, request->arena, SLICE("content-type"), SLICE("text/plain"));
    }
    if (flags & FLAG_UPSTREAM_OVERFLOW && !request->hcm->conf->suppress_envoy_headers)
        http_headers_add(&head.headers, request->arena, SLICE("x-envoy-overloaded"), SLICE("true"));
    /* A reply to HEAD announces its body and has none. */
    if (slice_eq(request->head->method, SLICE("HEAD")))
        no_body = true;
    request->response_ended = true;
    request_send_response(request, &head, no_body, false);
    if (!no_body) {
        int rc = http_stream_send_data(request->down, body, true);

        if (rc == 0 || rc == ERR_AGAIN)
            request->info.bytes_sent += body.len;
    }
}

static void reply_head(struct request *request, struct http_head *head, struct slice details)
{
    request->info.details = details;
    request->response_ended = true;
    request_send_response(request, head, true, false);
}

void request_reply_head(struct request *request, struct http_head *head, struct slice details)
{
    request->bare = true;
    reply_head(request, head, details);
}

void request_abort(struct request *request, uint32_t flags, struct slice details)
{
    router_stop(request);
    request->info.flags |= flags;
    request->info.details = details;
    if (request->down != NULL)
        http_stream_reset(request->down, HTTP_RESET_LOCAL);
}

static void reply_redirect(struct request *request, unsigned status, struct slice location)
{
    struct http_head head = {.status = status, .content_length = 0};

    stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_rq_redirect);
    if (is_grpc(request->head))
        fill_grpc_head(request, status, SLICE(""), &head);
    http_headers_add(&head.headers, request->arena, SLICE("location"), location);
    reply_head(request, &head, SLICE("direct_response"));
}

static void reply_direct(struct request *request)
{
    const struct route *route = request->route;

    stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_rq_direct_response);
    request_reply(request, route->direct_status, 0, SLICE("direct_response"), route->direct_body);
}

/* --- the request --- */

void request_read_pause(struct request *request)
{
    if (request->down_paused || request->down == NULL)
        return;
    request->down_paused = true;
    http_stream_read_pause(request->down);
}

void request_read_resume(struct request *request)
{
    if (!request->down_paused)
        return;
    request->down_paused = false;
    if (request->down != NULL)
        http_stream_read_resume(request->down);
}

static void fill_info(struct request *request)
{
    struct info *info = &request->info;
    struct conn *conn = http_stream_conn(request->down);
    static const struct slice protocols[] = {
        [HTTP_VERSION_1_0] = {"HTTP/1.0", 8},
        [HTTP_VERSION_1_1] = {"HTTP/1.1", 8},
        [HTTP_VERSION_2] = {"HTTP/2", 6},
    };

    info->begin_ms = loop_now_ms(request->worker->loop);
    info->start_ms = (int64_t)info->begin_ms + request->worker->realtime_offset_ms;
    info->request = request->head;
    info->protocol = protocols[request->head->version];
    if (conn == NULL)
        return;
    info->downstream_local =
        request->hcm->conf->use_original_dst ? *conn_original_dst(conn) : *conn_local_addr(conn);
    info->downstream_remote = *conn_peer_addr(conn);
}

static const struct route_table *table_of(const struct request *request)
{
    const struct hcm_conf *conf = request->hcm->conf;
    const struct config *config = request->gen->config;

    if (conf->routes != NULL)
        return conf->routes;
    return conf->route_slot < config->route_count ? config->routes[conf->route_slot] : NULL;
}

static void find_route(struct request *request)
{
    struct http_head *head = request->head;

    request->table = table_of(request);
    if (request->table != NULL)
        request->host = route_table_host(request->table, head->authority);
    if (request->host != NULL)
        request->route = route_host_match(request->host, head, request->random >> 32);
    if (request->route == NULL)
        return;
    request->info.route_name = request->route->name;
    /* One draw for all choices of this request, as Envoy has. */
    request->target = route_pick(request->route, request->random & UINT32_MAX);
}

static void apply_request_ops(struct request *request)
{
    const struct header_ops *ops[] = {request->target ? &request->target->request_ops : NULL,
                                      &request->route->request_ops, &request->host->request_ops,
                                      &request->table->request_ops};
    bool reverse = request->table->most_specific_wins;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        const struct header_ops *set = ops[reverse && i > 0 ? ARRAY_LEN(ops) - i : i];

        if (set != NULL && (set->add_count > 0 || set->remove_count > 0))
            header_ops_apply(set, &request->head->headers, request->arena, &request->info);
    }
}

static void forward(struct request *request)
{
    apply_request_ops(request);
    head_rules_rewrite(request->hcm->conf, request->route, request->target, request->head,
                       request->arena);
    router_start(request);
}

/* Answers a request for a host that takes TLS only; false when it is not one. */
static bool redirect_to_tls(struct request *request)
{
    struct http_head *head = request->head;

    if (request->host == NULL || !request->host->require_tls ||
        slice_eq(http_headers_value(&head->headers, SLICE("x-forwarded-proto")), SLICE("https")))
        return false;
    reply_redirect(request, 301,
                   slice_str(arena_printf(request->arena, "https://%.*s%.*s",
                                          SLICE_ARG(head->authority), SLICE_ARG(head->path))));
    return true;
}

static void follow_route(struct request *request)
{
    if (request->route == NULL) {
        stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_no_route);
        request_reply(request, 404, FLAG_NO_ROUTE, SLICE("route_not_found"), SLICE(""));
        return;
    }
    switch (request->route->action) {
    case ROUTE_FORWARD:
        forward(request);
        break;
    case ROUTE_REDIRECT:
        reply_redirect(request, request->route->redirect.status,
                       route_redirect_location(request->route, request->head, request->arena));
        break;
    case ROUTE_DIRECT:
        reply_direct(request);
        break;
    }
}

void request_follow(struct request *request)
{
    follow_route(request);
    request_read_resume(request);
}

static void serve(struct request *request)
{
    struct http_head *head = request->head;
    const struct hcm_conf *conf = request->hcm->conf;
    struct slice path = head->path;
    bool redirect = false;

    if (head->version == HTTP_VERSION_1_0 && !conf->accept_http10) {
        request_reply(request, 426, 0, SLICE("low_version"), SLICE("Upgrade Required"));
        return;
    }
    if (head->path.len > 0 &&
        path_normalize(head->path, &conf->path, request->arena, &path, &redirect) < 0) {
        request_reply(request, 400, 0, SLICE("path_normalization_failed"), SLICE(""));
        return;
    }
    if (redirect && is_grpc(head)) { /* its clients follow no redirects */
        request_reply(request, 400, 0, SLICE("path_normalization_failed"), SLICE(""));
        return;
    }
    head->path = path;
    if (redirect) {
        reply_redirect(request, 307, path);
        return;
    }
    if (head->protocol.len > 0 &&
        !(conf->upgrade_websocket && slice_eq_nocase(head->protocol, SLICE("websocket")))) {
        request_reply(request, 403, 0, SLICE("upgrade_failed"), SLICE(""));
        return;
    }
    head_rules_request(conf, head, request->arena, &request->worker->rng, &request->info);
    find_route(request);
    if (redirect_to_tls(request))
        return;
    switch (conf->filter_count > 0 ? filter_start(request) : FILTER_NEXT) {
    case FILTER_NEXT:
        follow_route(request);
        break;
    case FILTER_WAIT:
        if (!request->request_ended) /* else the connection is read on, to see it close */
            request_read_pause(request);
        break;
    case FILTER_ANSWERED:
        break;
    }
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->head = head;
    request->request_ended = end;
    request->request_has_body = !end;
    request->active_ms = loop_now_ms(request->worker->loop);
    fill_info(request);
    if (end)
        request->info.request_end_ms = request->info.begin_ms;
    stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_downstream_rq_total);
    if (request->gen == NULL) {
        request_reply(request, 503, 0, SLICE("no_configuration"), SLICE(""));
        return;
    }
    serve(request);
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->active_ms = loop_now_ms(request->worker->loop);
    request->info.bytes_received += data.len;
    if (end) {
        request->request_ended = true;
        request->info.request_end_ms = request->active_ms;
    }
    if (!request->response_ended)
        router_data(request, data, end);
}

static void on_trailers(struct http_stream *stream, const struct http_headers *trailers, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->request_ended = true;
    request->info.request_end_ms = loop_now_ms(request->worker->loop);
    if (!request->response_ended)
        router_trailers(request, trailers);
}

static void on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_downstream_rq_rx_reset);
    if (reason == HTTP_RESET_PROTOCOL) {
        request->info.flags |= FLAG_PROTOCOL_ERROR;
        request->info.details = SLICE("http1.codec_error");
    } else {
        request->info.flags |= FLAG_DOWNSTREAM_TERMINATION;
        request->info.details = SLICE("downstream_remote_disconnect");
    }
    if (!request->response_started)
        request->info.status = 0;
    router_stop(request);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    (void)stream;
    router_resume(ctx);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->down = NULL;
    finish(request);
}

static const struct http_stream_events down_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_writable = on_writable,
    .on_close = on_close,
};

static void count_end(struct request *request)
{
    const struct stats_scope *stats = request->hcm->conf->stats;
    unsigned worker = request->worker->index;
    unsigned status = request->info.status;

    stats_dec(stats, worker, STATS_HTTP_downstream_rq_active);
    stats_inc(stats, worker, STATS_HTTP_downstream_rq_completed);
    if (status >= 100 && status < 600)
        stats_inc(stats, worker, STATS_HTTP_downstream_rq_1xx + status / 100 - 1);
}

/* The last thing that happens to a request; its memory goes with the stream. */
static void finish(struct request *request)
{
    struct hcm *hcm = request->hcm;
    struct worker *worker = request->worker;

    filter_end(request);
    router_stop(request);
    request->info.end_ms = loop_now_ms(worker->loop);
    if (request->head != NULL) {
        if (hcm->conf->log_count > 0)
            access_log_write(&worker->log, hcm->conf->logs, hcm->conf->log_count, &request->info);
        if (hcm->conf->telemetry)
            telemetry_request(&worker->telemetry, hcm->conf->inbound,
                              request->cluster ? upstream_conf(request->cluster) : NULL,
                              request->endpoint ? slice_str(request->endpoint->workload)
                                                : SLICE(""),
                              &request->info);
    }
    if (request->endpoint != NULL)
        upstream_release(request->endpoint);
    count_end(request);
    buf_deinit(&request->replay);
    list_remove(&request->node);
    if (request->gen != NULL)
        worker_gen_release(request->gen);
    hcm->requests--;
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    struct hcm *hcm = ctx;
    struct arena *arena = http_stream_arena(stream);
    struct request *request = ARENA_NEW(arena, struct request);

    request->hcm = hcm;
    request->worker = hcm->worker;
    request->down = stream;
    request->arena = arena;
    request->random = rng_u64(&hcm->worker->rng);
    request->reply_grpc_status = REQUEST_GRPC_BY_STATUS;
    request->gen = hcm->worker->gen ? worker_gen_hold(hcm->worker) : NULL;
    buf_init(&request->replay, REQUEST_REPLAY_MAX);
    list_append(&hcm->worker->requests, &request->node);
    hcm->requests++;
    stats_inc(hcm->conf->stats, hcm->worker->index, STATS_HTTP_downstream_rq_active);
    http_stream_events_set(stream, &down_events, request);
}

/* --- the manager --- */

struct hcm *hcm_get(struct worker *worker, struct hcm_conf *conf)
{
    struct http_server_options options = {
        /* HTTP/2 from clients comes with the data path's second codec. */
        .codec = HTTP_CODEC_HTTP1,
        .limits = {.head_size_max = conf->head_size_max,
                   .header_count_max = conf->header_count_max,
                   .requests_per_conn = (unsigned)conf->requests_per_conn_max,
                   .idle_timeout_ms = conf->idle_timeout_ms,
                   .head_timeout_ms = conf->headers_timeout_ms},
        .http10_accepted = true, /* refused with our own words: see serve */
    };
    struct hcm *hcm;

    LIST_EACH (node, &worker->hcms) {
        hcm = CONTAINER_OF(node, struct hcm, node);
        if (hcm->conf == conf && !hcm->retired)
            return hcm;
    }
    hcm = MEM_NEW(struct hcm);
    hcm->worker = worker;
    hcm->conf = conf;
    resource_ref(&conf->resource);
    if (http_server_new(worker->loop, &options, on_stream, hcm, &hcm->server) < 0) {
        resource_unref(&conf->resource);
        mem_free(hcm);
        return NULL;
    }
    list_append(&worker->hcms, &hcm->node);
    return hcm;
}

int hcm_adopt_fd(struct hcm *hcm, int fd)
{
    return http_server_adopt_fd(hcm->server, fd);
}

int hcm_adopt_conn(struct hcm *hcm, struct conn *conn, struct slice seen)
{
    return http_server_adopt_conn(hcm->server, conn, seen);
}

void hcm_retire(struct hcm *hcm)
{
    hcm->retired = true;
    hcm->drain_at_ms = loop_now_ms(hcm->worker->loop) + RETIRE_MS;
    http_server_retire(hcm->server);
}

void hcm_drain(struct hcm *hcm)
{
    hcm->retired = true;
    hcm->drain_at_ms = 0;
    http_server_drain(hcm->server);
}

bool hcm_reap(struct hcm *hcm)
{
    if (!hcm->retired)
        return false;
    if (hcm->drain_at_ms != 0 && loop_now_ms(hcm->worker->loop) >= hcm->drain_at_ms) {
        hcm->drain_at_ms = 0;
        http_server_drain(hcm->server);
    }
    if (hcm->requests > 0 || http_server_conn_count(hcm->server) > 0)
        return false;
    hcm_free(hcm);
    return true;
}

void hcm_free(struct hcm *hcm)
{
    http_server_free(hcm->server);
    list_remove(&hcm->node);
    resource_unref(&hcm->conf->resource);
    mem_free(hcm);
}
