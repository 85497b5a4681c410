/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of requests. See mirror.h.
 */
#include "proxy/mirror.h"

#include "base/log.h"
#include "base/mem.h"
#include "proxy/request.h"

enum { MIRROR_ARENA_SIZE = 2048 };

struct mirror {
    struct list node; /* in worker->mirrors */
    struct worker *worker;
    struct mirror **slot; /* of the request; NULL: it is over */
    struct upstream_cluster *cluster;
    struct upstream_host *host; /* held */
    struct http_stream *up;
    struct arena arena;
    struct http_head head;
    struct buf pending; /* body that waits for room */
    struct loop_timer timer;
    bool counted;  /* by the cluster's breaker */
    bool full;     /* its connection has no room: on_writable will come */
    bool held;     /* something waits for room: `pending`, or the body's end alone */
    bool all_here; /* the body's end is sent, or waits too */
};

static const struct http_stream_events events;
static const struct http_stream_events no_events;

static void end(struct mirror *mirror)
{
    struct worker *worker = mirror->worker;

    loop_timer_stop(worker->loop, &mirror->timer);
    if (mirror->slot != NULL)
        *mirror->slot = NULL;
    if (mirror->counted)
        upstream_leave(mirror->cluster);
    upstream_count(mirror->cluster, STATS_CLUSTER_upstream_rq_active, UINT64_MAX);
    upstream_release(mirror->host);
    list_remove(&mirror->node);
    worker->mirror_count--;
    buf_deinit(&mirror->pending);
    arena_deinit(&mirror->arena);
    mem_free(mirror);
}

static void cut(struct mirror *mirror)
{
    struct http_stream *up = mirror->up;

    http_stream_events_set(up, &no_events, NULL);
    http_stream_reset(up, HTTP_RESET_LOCAL);
    upstream_count(mirror->cluster, STATS_CLUSTER_upstream_rq_tx_reset, 1);
    end(mirror);
}

static void on_timeout(void *ctx)
{
    struct mirror *mirror = ctx;

    upstream_count(mirror->cluster, STATS_CLUSTER_upstream_rq_timeout, 1);
    cut(mirror);
}

/* --- from its stream --- */

static void on_head(struct http_stream *stream, struct http_head *head, bool ends, void *ctx)
{
    struct mirror *mirror = ctx;

    (void)stream;
    (void)ends;
    upstream_report(mirror->host, head->status);
    upstream_count_status(mirror->cluster, head->status);
}

static void on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct mirror *mirror = ctx;

    http_stream_events_set(stream, &no_events, NULL);
    upstream_count(mirror->cluster,
                   reason == HTTP_RESET_OVERFLOW ? STATS_CLUSTER_upstream_rq_pending_overflow
                                                 : STATS_CLUSTER_upstream_rq_rx_reset,
                   1);
    if (reason != HTTP_RESET_OVERFLOW)
        upstream_report(mirror->host, 0);
    end(mirror);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct mirror *mirror = ctx;
    struct buf pending = mirror->pending;
    int rc;

    (void)stream;
    mirror->full = false;
    if (!mirror->held)
        return;
    mirror->held = false;
    buf_init(&mirror->pending, MIRROR_PENDING_MAX);
    rc = http_stream_send_data(mirror->up, buf_slice(&pending), mirror->all_here);
    mirror->full = rc == ERR_AGAIN;
    buf_deinit(&pending);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    end(ctx);
}

static const struct http_stream_events events = {
    .on_head = on_head,
    .on_reset = on_reset,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* --- starting --- */

struct slice mirror_host(struct slice authority, struct arena *arena)
{
    ptrdiff_t colon = slice_find_char(authority, ':');

    /* Two colons are an IPv6 address: no port is looked for. */
    if (colon < 0 || slice_find_char(slice_from(authority, (size_t)colon + 1), ':') >= 0)
        return slice_str(arena_printf(arena, "%.*s-shadow", SLICE_ARG(authority)));
    return slice_str(arena_printf(arena, "%.*s-shadow%.*s", (int)colon, authority.data,
                                  SLICE_ARG(slice_from(authority, (size_t)colon))));
}

static void fill_head(struct mirror *mirror, const struct request *request,
                      const struct route_mirror *policy, struct slice authority)
{
    struct http_head *head = &mirror->head;

    http_head_copy(head, request->head, &mirror->arena);
    head->authority = policy->keep_host ? arena_slice_dup(&mirror->arena, authority)
                                        : mirror_host(authority, &mirror->arena);
    http_headers_set(&head->headers, &mirror->arena, SLICE("x-envoy-internal"), SLICE("true"));
    /* One attempt, for the route's whole time. */
    if (request->route->timeout_ms > 0 && !request->hcm->conf->suppress_envoy_headers)
        http_headers_set(&head->headers, &mirror->arena, SLICE("x-envoy-expected-rq-timeout-ms"),
                         slice_str(arena_printf(&mirror->arena, "%llu",
                                                (unsigned long long)request->route->timeout_ms)));
}

static void send_head(struct mirror *mirror, const struct request *request)
{
    uint64_t time_ms = request->route->timeout_ms;
    int rc;

    mirror->all_here = request->request_ended;
    rc = http_stream_send_head(mirror->up, &mirror->head, mirror->all_here);
    if (rc < 0)
        log_debug(http, "copy's head not sent: %s", err_text(rc));
    loop_timer_init(&mirror->timer, on_timeout, mirror);
    loop_timer_start(mirror->worker->loop, &mirror->timer, time_ms ? time_ms : MIRROR_TIME_MAX_MS);
}

/* The copy for one policy, or NULL when its cluster takes none. */
static struct mirror *mirror_new(struct request *request, const struct route_mirror *policy,
                                 struct slice authority)
{
    struct worker *worker = request->worker;
    struct upstream_cluster *cluster = upstream_get(worker, policy->cluster_slot);
    struct upstream_pick pick = {0};
    struct upstream_host *host;
    struct mirror *mirror;
    bool counted;

    if (cluster == NULL || !upstream_enter(cluster, &counted))
        return NULL;
    host = upstream_pick(cluster, &pick);
    if (host == NULL) {
        if (counted)
            upstream_leave(cluster);
        return NULL;
    }
    mirror = MEM_NEW(struct mirror);
    mirror->worker = worker;
    mirror->cluster = cluster;
    mirror->host = host;
    mirror->counted = counted;
    arena_init(&mirror->arena, MIRROR_ARENA_SIZE);
    buf_init(&mirror->pending, MIRROR_PENDING_MAX);
    list_append(&worker->mirrors, &mirror->node);
    worker->mirror_count++;
    upstream_count(cluster, STATS_CLUSTER_upstream_rq_total, 1);
    upstream_count(cluster, STATS_CLUSTER_upstream_rq_active, 1);
    if (upstream_stream(host, &events, mirror, &mirror->up) < 0) {
        upstream_count(cluster, STATS_CLUSTER_upstream_rq_pending_overflow, 1);
        end(mirror);
        return NULL;
    }
    fill_head(mirror, request, policy, authority);
    send_head(mirror, request);
    return mirror;
}

static void count(const struct request *request, unsigned slot)
{
    stats_inc(request->hcm->conf->stats, request->worker->index, slot);
}

void mirror_start(struct request *request, struct slice authority)
{
    const struct route *route = request->route;

    for (size_t i = 0; i < route->mirror_count; i++) {
        const struct route_mirror *policy = &route->mirrors[i];
        struct mirror *mirror = NULL;

        if (!match_fraction_hit(&policy->fraction, rng_u64(&request->worker->rng)))
            continue;
        if (request->worker->mirror_count < MIRRORS_MAX)
            mirror = mirror_new(request, policy, authority);
        count(request, mirror ? STATS_HTTP_rq_mirrored : STATS_HTTP_rq_mirror_dropped);
        if (mirror == NULL)
            continue;
        if (request->mirrors == NULL)
            request->mirrors = ARENA_ARRAY(request->arena, struct mirror *, route->mirror_count);
        request->mirrors[i] = mirror;
        mirror->slot = &request->mirrors[i];
    }
}

/* --- the body --- */

static void put(struct request *request, struct mirror *mirror, struct slice data, bool ends)
{
    mirror->all_here = ends;
    if (!mirror->full) {
        mirror->full = http_stream_send_data(mirror->up, data, ends) == ERR_AGAIN;
        return;
    }
    mirror->held = true;
    if (buf_append(&mirror->pending, data) < 0) {
        count(request, STATS_HTTP_rq_mirror_dropped);
        cut(mirror);
    }
}

void mirror_data(struct request *request, struct slice data, bool ends)
{
    for (size_t i = 0; i < request->route->mirror_count; i++)
        if (request->mirrors[i] != NULL)
            put(request, request->mirrors[i], data, ends);
}

void mirror_trailers(struct request *request, const struct http_headers *trailers)
{
    for (size_t i = 0; i < request->route->mirror_count; i++) {
        struct mirror *mirror = request->mirrors[i];

        if (mirror == NULL)
            continue;
        if (mirror->full) { /* no place to keep them: the copy goes without */
            put(request, mirror, SLICE(""), true);
            continue;
        }
        mirror->all_here = true;
        if (http_stream_send_trailers(mirror->up, trailers) < 0)
            log_debug(http, "copy's trailers not sent");
    }
}

void mirror_release(struct request *request)
{
    for (size_t i = 0; i < request->route->mirror_count; i++) {
        struct mirror *mirror = request->mirrors[i];

        if (mirror == NULL)
            continue;
        if (mirror->all_here)
            mirror->slot = NULL;
        else
            cut(mirror);
    }
    request->mirrors = NULL;
}

void mirror_close_all(struct worker *worker)
{
    LIST_EACH (node, &worker->mirrors)
        cut(CONTAINER_OF(node, struct mirror, node));
}
