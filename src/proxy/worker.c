/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: taking over configuration, upkeep each second, the end. See worker.h.
 */
#include "proxy/worker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/flags.h"
#include "proxy/hcm.h"
#include "proxy/inbound.h"
#include "proxy/mirror.h"
#include "proxy/request.h"
#include "proxy/tcp_proxy.h"
#include "proxy/upstream.h"

#include <time.h>

enum { TICK_MS = 1000 };

static void refresh_clock(struct worker *worker)
{
    int64_t now_ms = clock_realtime_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;

    worker->realtime_offset_ms = now_ms - (int64_t)loop_now_ms(worker->loop);
    gmtime_r(&seconds, &parts);
    strftime(worker->date, sizeof worker->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

/* A request whose end has not come within the manager's request_timeout; answers it. */
static bool is_too_long(struct request *request, uint64_t now_ms)
{
    const struct hcm_conf *conf = request->hcm->conf;

    if (conf->request_timeout_ms == 0 || request->request_ended || request->response_started ||
        request->active_ms == 0 || now_ms - request->info.begin_ms <= conf->request_timeout_ms)
        return false;
    stats_inc(conf->stats, request->worker->index, STATS_HTTP_downstream_rq_timeout);
    request_reply(request, 408, 0, SLICE("request_overall_timeout"), SLICE("request timeout"));
    return true;
}

/* Requests without a sign of life for longer than their idle time-out, or that never end. */
static void expire_requests(struct worker *worker)
{
    uint64_t now_ms = loop_now_ms(worker->loop);

    LIST_EACH (node, &worker->requests) {
        struct request *request = CONTAINER_OF(node, struct request, node);
        uint64_t idle_ms = request->hcm->conf->stream_idle_timeout_ms;

        if (is_too_long(request, now_ms))
            continue;
        if (request->route != NULL && request->route->idle_timeout_ms != UINT64_MAX)
            idle_ms = request->route->idle_timeout_ms;
        if (idle_ms == 0 || request->active_ms == 0 || now_ms - request->active_ms <= idle_ms)
            continue;
        if (request->response_started)
            request_abort(request, FLAG_STREAM_IDLE_TIMEOUT, SLICE("stream_idle_timeout"));
        else
            request_reply(request, request->request_ended ? 504 : 408, FLAG_STREAM_IDLE_TIMEOUT,
                          SLICE("stream_idle_timeout"), SLICE("stream timeout"));
    }
}

static void on_tick(void *ctx)
{
    struct worker *worker = ctx;
    size_t active = 0;

    refresh_clock(worker);
    access_log_flush(&worker->log);
    expire_requests(worker);
    tcp_proxy_tick(worker);
    for (size_t i = 0; i < worker->cluster_count; i++)
        if (worker->clusters[i] != NULL)
            upstream_tick(worker->clusters[i]);
    LIST_EACH (node, &worker->hcms) {
        struct hcm *hcm = CONTAINER_OF(node, struct hcm, node);

        if (!hcm_reap(hcm))
            active += http_server_conn_count(hcm->server);
    }
    LIST_EACH (node, &worker->tcp_sessions)
        active++;
    atomic_store_explicit(&worker->active, active, memory_order_relaxed);
    loop_timer_start(worker->loop, &worker->tick, TICK_MS);
}

int worker_new(unsigned index, struct loop *main_loop, struct access_log_sinks *sinks,
               const struct telemetry_node *node, struct worker **ret)
{
    struct worker *worker = MEM_NEW(struct worker);
    int rc = loop_new(&worker->loop);

    if (rc < 0) {
        mem_free(worker);
        return rc;
    }
    worker->index = index;
    rng_init(&worker->rng, rng_system_u64());
    list_init(&worker->listeners);
    list_init(&worker->hcms);
    list_init(&worker->pending);
    list_init(&worker->tcp_sessions);
    list_init(&worker->requests);
    list_init(&worker->mirrors);
    access_log_init(&worker->log, main_loop, sinks);
    telemetry_init(&worker->telemetry, node);
    refresh_clock(worker);
    loop_timer_init(&worker->tick, on_tick, worker);
    loop_timer_start(worker->loop, &worker->tick, TICK_MS);
    *ret = worker;
    return 0;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    loop_timer_stop(worker->loop, &worker->tick);
    inbound_close(worker);
    tcp_proxy_close_all(worker);
    LIST_EACH (node, &worker->hcms)
        hcm_free(CONTAINER_OF(node, struct hcm, node));
    mirror_close_all(worker);
    for (size_t i = 0; i < worker->cluster_count; i++)
        upstream_free(worker->clusters[i]);
    mem_free(worker->clusters);
    /* What closes at the end of a turn closes now. */
    loop_run_once(worker->loop, 0);
    access_log_flush(&worker->log);
    access_log_deinit(&worker->log);
    telemetry_deinit(&worker->telemetry);
    if (worker->gen != NULL) {
        worker->gen->current = false;
        worker->gen->streams++;
        worker_gen_release(worker->gen);
    }
    loop_free(worker->loop);
    mem_free(worker);
}

struct worker_gen *worker_gen_hold(struct worker *worker)
{
    worker->gen->streams++;
    return worker->gen;
}

void worker_gen_release(struct worker_gen *gen)
{
    gen->streams--;
    if (gen->current || gen->streams > 0)
        return;
    resource_unref(&gen->config->resource);
    mem_free(gen);
}

void worker_apply(struct worker *worker, struct config *config)
{
    struct worker_gen *old = worker->gen;
    struct worker_gen *gen = MEM_NEW(struct worker_gen);

    gen->config = config;
    gen->current = true;
    worker->gen = gen;
    /* Its shortcut names configuration by address. */
    worker->telemetry.last = NULL;
    for (size_t i = 0; i < worker->cluster_count && i < config->cluster_count; i++)
        if (worker->clusters[i] != NULL)
            upstream_update(worker->clusters[i], &config->clusters[i]);
    worker->listen_failures = inbound_apply(worker, config);
    if (old != NULL) {
        old->current = false;
        old->streams++;
        worker_gen_release(old);
    }
}

void worker_drain(struct worker *worker, bool inbound_only)
{
    worker->draining = !inbound_only;
    inbound_drain(worker, inbound_only);
}

void worker_close_conns(struct worker *worker)
{
    worker->closing = true;
    LIST_EACH (node, &worker->hcms) {
        struct hcm *hcm = CONTAINER_OF(node, struct hcm, node);

        if (!hcm->retired)
            hcm_retire(hcm);
    }
}
