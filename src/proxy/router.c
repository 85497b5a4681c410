/* SPDX-License-Identifier: Apache-2.0 */
/* The router: attempts of one request on upstream hosts, retries, time-outs, and the flow of bodies
 * both ways.
 *
 *   start -> attempt -> head sent -> response head --no retry--> body -> end
 *               ^                        |  reset, time-out, retriable status
 *               `---- back-off timer <---'
 *
 * Place   hcm.c calls it once the route is known
 * Owns    the attempt's stream (request->up); a stream let go is reset with no listener, so no
 *         callback of an old attempt can come back
 * Limits  attempts by the retry policy and the cluster's breaker; bodies kept for replay are
 *         bounded by REQUEST_REPLAY_MAX, larger ones are not retried
 * Threads the worker's
 */
#include "proxy/request.h"

#include "base/log.h"
#include "base/mem.h"
#include "proxy/flags.h"
#include "proxy/mirror.h"
#include "proxy/path.h"
#include "proxy/reset_text.h"

static const struct http_stream_events up_events;
static const struct http_stream_events no_events;
static void attempt(struct request *request);

static uint64_t now_ms(const struct request *request)
{
    return loop_now_ms(request->worker->loop);
}

/* --- counting --- */

static bool limited(uint64_t limit)
{
    return limit < UINT32_MAX; /* Istio's "no limit" is 2^32 - 1 */
}

static bool count_retry(struct request *request)
{
    const struct cluster_conf *conf = upstream_conf(request->cluster);
    struct cluster_gauges *gauges = &conf->shared->gauges;
    uint64_t limit = conf->limits.retries_max;

    if (request->retry_counted)
        return true;
    if (conf->limits.retry_budget_percent > 0) {
        int64_t requests = atomic_load_explicit(&gauges->requests, memory_order_relaxed);
        double budget = (double)requests * conf->limits.retry_budget_percent / 100.0;

        limit = MAX((uint64_t)budget, conf->limits.retry_budget_min);
    } else if (!limited(limit)) {
        return true;
    }
    if ((uint64_t)atomic_fetch_add_explicit(&gauges->retries, 1, memory_order_relaxed) >= limit) {
        atomic_fetch_sub_explicit(&gauges->retries, 1, memory_order_relaxed);
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_retry_overflow, 1);
        return false;
    }
    request->retry_counted = true;
    return true;
}

static void uncount(struct request *request)
{
    if (request->counted)
        upstream_leave(request->cluster);
    if (request->retry_counted)
        atomic_fetch_sub_explicit(&upstream_conf(request->cluster)->shared->gauges.retries, 1,
                                  memory_order_relaxed);
    request->counted = false;
    request->retry_counted = false;
}

/* --- ends --- */

/* Forgets the attempt's stream; it is reset unless it ended by itself. */
static void let_go(struct request *request)
{
    struct http_stream *up = TAKE(request->up);

    loop_timer_stop(request->worker->loop, &request->try_timer);
    if (up == NULL)
        return;
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_active, UINT64_MAX);
    http_stream_events_set(up, &no_events, NULL);
    http_stream_reset(up, HTTP_RESET_LOCAL);
}

void router_stop(struct request *request)
{
    struct loop *loop = request->worker->loop;

    if (request->finished)
        return;
    request->finished = true;
    loop_timer_stop(loop, &request->route_timer);
    loop_timer_stop(loop, &request->backoff_timer);
    if (request->up != NULL && !request->response_ended)
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_tx_reset, 1);
    let_go(request);
    uncount(request);
    if (request->mirrors != NULL)
        mirror_release(request);
}

/* --- retries --- */

static bool may_retry(struct request *request)
{
    const struct retry_policy *policy = request->route->retry;

    if (policy == NULL || request->response_started || !request->replayable || request->tunnel ||
        request->finished)
        return false;
    if (request->info.attempts > policy->retry_max) {
        request->info.flags |= FLAG_RETRY_LIMIT_EXCEEDED;
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_retry_limit_exceeded, 1);
        return false;
    }
    return count_retry(request);
}

static void on_backoff(void *ctx)
{
    attempt(ctx);
}

static void schedule_retry(struct request *request)
{
    const struct retry_policy *policy = request->route->retry;
    uint64_t delay_ms = retry_backoff_ms(policy, request->info.attempts, &request->worker->rng);

    let_go(request);
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_retry, 1);
    if (policy->avoid_previous_hosts && request->tried_count < REQUEST_TRIED_MAX)
        request->tried[request->tried_count++] = request->endpoint;
    if (!request->request_ended)
        request_read_pause(request);
    loop_timer_init(&request->backoff_timer, on_backoff, request);
    loop_timer_start(request->worker->loop, &request->backoff_timer, delay_ms);
}

/* --- time-outs --- */

static void give_up(struct request *request, struct slice details)
{
    if (request->response_started)
        request_abort(request, FLAG_UPSTREAM_TIMEOUT, details);
    else
        request_reply(request, 504, FLAG_UPSTREAM_TIMEOUT, details,
                      SLICE("upstream request timeout"));
}

static void on_route_timeout(void *ctx)
{
    struct request *request = ctx;

    if (request->endpoint != NULL && request->up != NULL && !request->response_started)
        upstream_report(request->endpoint, 0);
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_timeout, 1);
    give_up(request, SLICE("response_timeout"));
}

static void on_try_timeout(void *ctx)
{
    struct request *request = ctx;

    if (request->response_started)
        return;
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_per_try_timeout, 1);
    if (request->endpoint != NULL)
        upstream_report(request->endpoint, 0);
    if (retry_wants_timeout(request->route->retry) && may_retry(request))
        schedule_retry(request);
    else
        give_up(request, SLICE("upstream_per_try_timeout"));
}

/* Both run from the end of the request. */
static void start_timers(struct request *request)
{
    struct loop *loop = request->worker->loop;
    const struct route *route = request->route;

    if (request->tunnel)
        return;
    if (route->timeout_ms > 0 && !loop_timer_is_armed(&request->route_timer)) {
        loop_timer_init(&request->route_timer, on_route_timeout, request);
        loop_timer_start(loop, &request->route_timer, route->timeout_ms);
    }
    if (route->retry != NULL && route->retry->per_try_timeout_ms > 0 && request->up != NULL) {
        loop_timer_init(&request->try_timer, on_try_timeout, request);
        loop_timer_start(loop, &request->try_timer, route->retry->per_try_timeout_ms);
    }
}

/* --- attempts --- */

static void reply_reset(struct request *request, enum http_reset reason)
{
    struct reset_text text;

    reset_text_make(reason, request->endpoint ? request->endpoint->last_error : 0,
                    request->info.attempts > 1, request->arena, &text);
    request->info.transport_failure = text.transport_failure;
    request_reply(request, text.status, text.flag, text.details, text.body);
}

static void set_attempt_headers(struct request *request)
{
    struct http_head *head = request->head;
    const struct route *route = request->route;
    uint64_t expected_ms = route->timeout_ms;

    if (route->retry != NULL && route->retry->per_try_timeout_ms > 0)
        expected_ms = route->retry->per_try_timeout_ms;
    if (request->host->attempt_count_sent)
        http_headers_set(&head->headers, request->arena, SLICE("x-envoy-attempt-count"),
                         slice_str(arena_printf(request->arena, "%u", request->info.attempts)));
    if (request->info.attempts == 1 && expected_ms > 0 &&
        !request->hcm->conf->suppress_envoy_headers)
        http_headers_set(
            &head->headers, request->arena, SLICE("x-envoy-expected-rq-timeout-ms"),
            slice_str(arena_printf(request->arena, "%llu", (unsigned long long)expected_ms)));
    if (route->auto_host_rewrite && request->endpoint->hostname[0] != '\0')
        head->authority = slice_str(request->endpoint->hostname);
}

static struct upstream_host *choose(struct request *request)
{
    struct conn *conn = http_stream_conn(request->down);
    struct upstream_pick pick = {
        .hashed = request->hashed,
        .hash = request->hash,
        .tried = request->tried,
        .tried_count = request->tried_count,
    };

    if (upstream_conf(request->cluster)->type == CLUSTER_ORIGINAL_DST && conn != NULL)
        pick.original_dst = conn_original_dst(conn);
    if (request->route->retry != NULL)
        pick.attempts_max = request->route->retry->host_attempts_max;
    return upstream_pick(request->cluster, &pick);
}

static void send_replay(struct request *request)
{
    bool end = request->request_ended;
    int rc;

    if (!request->request_has_body || (request->replay.len == 0 && !end))
        return;
    rc = http_stream_send_data(request->up, buf_slice(&request->replay), end);
    if (rc == ERR_AGAIN && !end)
        request_read_pause(request);
}

static void attempt(struct request *request)
{
    struct upstream_host *old = TAKE(request->endpoint);
    int rc;

    request->endpoint = choose(request);
    if (old != NULL)
        upstream_release(old);
    if (request->endpoint == NULL) {
        request_reply(request, 503, FLAG_NO_HEALTHY_UPSTREAM, SLICE("no_healthy_upstream"),
                      SLICE("no healthy upstream"));
        return;
    }
    request->info.attempts++;
    request->info.upstream_host = request->endpoint->addr;
    request->attempt_ms = now_ms(request);
    set_attempt_headers(request);
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_total, 1);
    rc = upstream_stream(request->endpoint, &up_events, request, &request->up);
    if (rc < 0) {
        request->up = NULL;
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_pending_overflow, 1);
        reply_reset(request, HTTP_RESET_OVERFLOW);
        return;
    }
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_active, 1);
    rc = http_stream_send_head(request->up, request->head,
                               request->request_ended && !request->request_has_body);
    if (rc < 0)
        log_debug(http, "request head not sent: %s", err_text(rc));
    if (request->info.attempts > 1) {
        send_replay(request);
        request_read_resume(request);
    }
    if (request->request_ended)
        start_timers(request);
}

/* --- hash policies --- */

static struct slice unquote(struct slice value)
{
    bool quoted = value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';

    return quoted ? slice_make(value.data + 1, value.len - 2) : value;
}

static struct slice cookie_value(const struct http_head *head, struct slice name,
                                 struct arena *arena)
{
    struct slice rest = http_headers_joined(&head->headers, arena, SLICE("cookie"));
    struct slice pair;

    while (rest.data != NULL && slice_split_next(&rest, ';', &pair)) {
        pair = slice_trim(pair);
        if (slice_starts_with(pair, name) && pair.len > name.len && pair.data[name.len] == '=')
            return unquote(slice_from(pair, name.len + 1));
    }
    return slice_make(NULL, 0);
}

/* A cookie for who has none: the same for all requests of one connection, so that those under way
 * together lead to one host. */
static struct slice make_cookie(struct request *request, const struct route_hash *hash)
{
    char remote[ADDR_TEXT_SIZE];
    char local[ADDR_TEXT_SIZE];
    const char *both =
        arena_printf(request->arena, "%s%s", addr_format(&request->info.downstream_remote, remote),
                     addr_format(&request->info.downstream_local, local));
    struct slice value = slice_str(arena_printf(
        request->arena, "%016llx", (unsigned long long)balance_hash(both, strlen(both))));

    request->set_cookie =
        slice_str(arena_printf(request->arena, "%.*s=\"%.*s\"%.*s", SLICE_ARG(hash->name),
                               SLICE_ARG(value), SLICE_ARG(hash->cookie_tail)));
    return value;
}

static struct slice query_value(struct slice path, struct slice name)
{
    struct slice rest = path_query(path);
    struct slice pair;

    while (slice_split_next(&rest, '&', &pair))
        if (slice_starts_with(pair, name) && pair.len > name.len && pair.data[name.len] == '=')
            return slice_from(pair, name.len + 1);
    return slice_make(NULL, 0);
}

static void compute_hash(struct request *request)
{
    for (size_t i = 0; i < request->route->hash_count; i++) {
        const struct route_hash *hash = &request->route->hashes[i];
        struct slice value = slice_make(NULL, 0);
        const uint8_t *bytes;

        switch (hash->kind) {
        case ROUTE_HASH_HEADER:
            value = http_headers_joined(&request->head->headers, request->arena, hash->name);
            break;
        case ROUTE_HASH_COOKIE:
            value = cookie_value(request->head, hash->name, request->arena);
            if (value.len == 0 && hash->cookie_made)
                value = make_cookie(request, hash);
            break;
        case ROUTE_HASH_QUERY:
            value = query_value(request->head->path, hash->name);
            break;
        case ROUTE_HASH_SOURCE_IP:
            value.len = addr_ip_bytes(&request->info.downstream_remote, &bytes);
            value.data = value.len ? (const char *)bytes : NULL;
            break;
        }
        if (value.data == NULL)
            continue;
        request->hash =
            (request->hash << 1 | request->hash >> 63) ^ balance_hash(value.data, value.len);
        request->hashed = true;
        if (hash->terminal)
            return;
    }
}

/* --- from hcm.c --- */

void router_start(struct request *request)
{
    const struct route *route = request->route;
    const struct cluster_conf *conf;
    struct slice authority;

    if (request->target != NULL) {
        request->info.upstream_cluster = request->target->cluster_name;
        request->info.upstream_cluster_raw = request->target->cluster_name;
        request->cluster = upstream_get(request->worker, request->target->cluster_slot);
    }
    if (request->cluster == NULL) {
        stats_inc(request->hcm->conf->stats, request->worker->index, STATS_HTTP_no_cluster);
        request_reply(request, route->cluster_not_found_status, FLAG_NO_CLUSTER,
                      SLICE("cluster_not_found"), SLICE(""));
        return;
    }
    conf = upstream_conf(request->cluster);
    request->info.upstream_cluster = conf->stat_name;
    if (slice_ends_with(conf->stat_name, SLICE(";")))
        request->info.upstream_cluster.len--;
    request->tunnel = request->head->protocol.len > 0;
    request->replayable = route->retry != NULL && !request->tunnel;
    if (route->hash_count > 0)
        compute_hash(request);
    if (!upstream_enter(request->cluster, &request->counted)) {
        reply_reset(request, HTTP_RESET_OVERFLOW);
        return;
    }
    authority = request->head->authority;
    attempt(request);
    if (route->mirror_count > 0 && !request->finished && !request->tunnel)
        mirror_start(request, authority);
}

void router_data(struct request *request, struct slice data, bool end)
{
    if (request->finished)
        return;
    if (request->replayable && data.len > 0 && buf_append(&request->replay, data) < 0) {
        /* Too large to keep: this attempt is the last one. */
        request->replayable = false;
        buf_deinit(&request->replay);
        buf_init(&request->replay, REQUEST_REPLAY_MAX);
    }
    if (request->mirrors != NULL)
        mirror_data(request, data, end);
    if (request->up != NULL) {
        int rc = http_stream_send_data(request->up, data, end);

        if (rc == ERR_AGAIN && !end)
            request_read_pause(request);
    }
    if (end)
        start_timers(request);
}

void router_trailers(struct request *request, const struct http_headers *trailers)
{
    if (request->finished)
        return;
    request->replayable = false;
    if (request->mirrors != NULL)
        mirror_trailers(request, trailers);
    if (request->up != NULL) {
        int rc = http_stream_send_trailers(request->up, trailers);

        if (rc < 0)
            log_debug(http, "request trailers not sent: %s", err_text(rc));
    }
    start_timers(request);
}

void router_resume(struct request *request)
{
    if (request->up != NULL)
        http_stream_read_resume(request->up);
}

/* --- from the attempt's stream --- */

static void end_response(struct request *request)
{
    request->response_ended = true;
    loop_timer_stop(request->worker->loop, &request->route_timer);
    loop_timer_stop(request->worker->loop, &request->try_timer);
    /* An answer before the request's end: the rest of the request is not wanted. */
    if (!request->request_ended)
        let_go(request);
}

static void up_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct request *request = ctx;
    const struct retry_policy *policy = request->route->retry;
    struct conn *conn = http_stream_conn(stream);

    request->info.response_begin_ms = now_ms(request);
    request->active_ms = request->info.response_begin_ms;
    if (conn != NULL && request->hcm->conf->log_count > 0)
        request->info.upstream_local = *conn_local_addr(conn);
    upstream_report(request->endpoint, head->status);
    upstream_count_status(request->cluster, head->status);
    if (policy != NULL && retry_wants_response(policy, head) && may_retry(request)) {
        schedule_retry(request);
        return;
    }
    if (request->info.attempts > 1 && head->status < 500)
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_retry_success, 1);
    loop_timer_stop(request->worker->loop, &request->try_timer);
    if (request->tunnel && head->status == 101)
        loop_timer_stop(request->worker->loop, &request->route_timer);
    request->replayable = false;
    request->info.details = SLICE("via_upstream");
    if (request->set_cookie.len > 0)
        http_headers_add(&head->headers, request->arena, SLICE("set-cookie"), request->set_cookie);
    if (end)
        end_response(request);
    request_send_response(request, head, end, true);
}

static void up_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct request *request = ctx;
    int rc;

    request->active_ms = now_ms(request);
    request->info.bytes_sent += data.len;
    if (end)
        end_response(request);
    rc = http_stream_send_data(request->down, data, end);
    if (rc == ERR_AGAIN && !end)
        http_stream_read_pause(stream);
}

static void up_on_trailers(struct http_stream *stream, const struct http_headers *trailers,
                           void *ctx)
{
    struct request *request = ctx;
    int rc;

    (void)stream;
    end_response(request);
    rc = http_stream_send_trailers(request->down, trailers);
    if (rc < 0)
        log_debug(http, "response trailers not sent: %s", err_text(rc));
}

static void up_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct request *request = ctx;
    const struct retry_policy *policy = request->route->retry;
    bool sent = reason != HTTP_RESET_CONNECT_FAILED && reason != HTTP_RESET_CONNECT_TIMEOUT &&
                reason != HTTP_RESET_TLS_FAILED && reason != HTTP_RESET_OVERFLOW;

    /* The stream ends by itself now: nobody listens, nothing is reset. */
    http_stream_events_set(stream, &no_events, NULL);
    request->up = NULL;
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_active, UINT64_MAX);
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_rx_reset, 1);
    if (reason == HTTP_RESET_OVERFLOW)
        upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_pending_overflow, 1);
    else if (!request->response_started)
        upstream_report(request->endpoint, 0);
    if (policy != NULL && retry_wants_reset(policy, reason, sent) && may_retry(request)) {
        schedule_retry(request);
        return;
    }
    if (request->response_started) {
        request_abort(
            request, FLAG_UPSTREAM_TERMINATION,
            slice_str(arena_printf(request->arena, "upstream_reset_after_response_started{%s}",
                                   reset_text_label(reason))));
        return;
    }
    reply_reset(request, reason);
}

static void up_on_writable(struct http_stream *stream, void *ctx)
{
    (void)stream;
    request_read_resume(ctx);
}

static void up_on_close(struct http_stream *stream, void *ctx)
{
    struct request *request = ctx;

    if (request->up != stream)
        return;
    request->up = NULL;
    upstream_count(request->cluster, STATS_CLUSTER_upstream_rq_active, UINT64_MAX);
    uncount(request);
}

static const struct http_stream_events up_events = {
    .on_head = up_on_head,
    .on_data = up_on_data,
    .on_trailers = up_on_trailers,
    .on_reset = up_on_reset,
    .on_writable = up_on_writable,
    .on_close = up_on_close,
};
