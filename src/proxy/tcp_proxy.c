/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sessions. See tcp_proxy.h.
 *
 * Each direction is a pump: read into the loop's scratch block, write to the other side; what the
 * other side does not take is kept and the source is paused until there is room.
 *
 *   down --(pump UP)--> up          ended: the source sent its end and it was passed on
 *   down <--(pump DOWN)-- up
 */
#include "proxy/tcp_proxy.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/flags.h"
#include "proxy/reset_text.h"
#include "proxy/upstream.h"

enum { PUMP_UP, PUMP_DOWN, PUMP_COUNT, TURN_BYTES_MAX = 256 * 1024 };

struct pump {
    struct conn *from;
    struct conn *to;
    struct buf kept; /* read, not yet taken by `to` */
    bool source_ended;
    bool ended;
    uint64_t bytes;
};

struct session {
    struct list node;
    struct worker *worker;
    struct tcp_conf *conf; /* one reference */
    struct worker_gen *gen;
    struct conn *down;
    struct conn *up; /* NULL until it is being connected */
    bool connected;
    struct upstream_cluster *cluster;
    struct upstream_host *host; /* held */
    struct pump pumps[PUMP_COUNT];
    unsigned attempts;
    uint64_t active_ms;
    struct info info;
    char server_name[256];
};

static const struct conn_events down_events;
static const struct conn_events up_events;

static _Atomic int64_t *conns_of(struct session *session)
{
    return &upstream_conf(session->cluster)->shared->gauges.budget.conns;
}

static void up_uncount(struct session *session)
{
    upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_active, UINT64_MAX);
    atomic_fetch_sub_explicit(conns_of(session), 1, memory_order_relaxed);
}

static void session_end(struct session *session, uint32_t flags)
{
    struct worker *worker = session->worker;
    struct info *info = &session->info;

    info->flags |= flags;
    info->end_ms = loop_now_ms(worker->loop);
    info->bytes_received = session->pumps[PUMP_UP].bytes;
    info->bytes_sent = session->pumps[PUMP_DOWN].bytes;
    access_log_write(&worker->log, session->conf->logs, session->conf->log_count, info);
    if (session->conf->telemetry)
        telemetry_connection(&worker->telemetry, session->conf->inbound,
                             session->cluster ? upstream_conf(session->cluster) : NULL,
                             session->host ? slice_str(session->host->workload) : SLICE(""), info);
    stats_dec(session->conf->stats, worker->index, STATS_TCP_downstream_cx_active);
    stats_add(session->conf->stats, worker->index, STATS_TCP_downstream_cx_rx_bytes_total,
              info->bytes_received);
    stats_add(session->conf->stats, worker->index, STATS_TCP_downstream_cx_tx_bytes_total,
              info->bytes_sent);
    if (session->up != NULL) {
        upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_tx_bytes_total,
                       info->bytes_received);
        upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_rx_bytes_total,
                       info->bytes_sent);
        up_uncount(session);
    }
    conn_close(session->down);
    conn_close(session->up);
    if (session->host != NULL)
        upstream_release(session->host);
    for (size_t i = 0; i < PUMP_COUNT; i++)
        buf_deinit(&session->pumps[i].kept);
    list_remove(&session->node);
    worker_gen_release(session->gen);
    resource_unref(&session->conf->resource);
    mem_free(session);
}

/* --- pumps --- */

/* Writes what is kept; true when nothing is left. */
static bool flush_kept(struct pump *pump, int *ret_code)
{
    *ret_code = 0;
    while (pump->kept.len > 0) {
        ssize_t n = conn_write(pump->to, buf_slice(&pump->kept));

        if (n == ERR_AGAIN)
            return false;
        if (n < 0) {
            *ret_code = (int)n;
            return false;
        }
        buf_consume(&pump->kept, (size_t)n);
    }
    return true;
}

/* Passes bytes on; keeps what the other side does not take. */
static int pass_on(struct pump *pump, struct slice bytes)
{
    ssize_t n = conn_write(pump->to, bytes);

    if (n == ERR_AGAIN)
        n = 0;
    if (n < 0)
        return (int)n;
    if ((size_t)n < bytes.len && buf_append(&pump->kept, slice_from(bytes, (size_t)n)) < 0)
        return ERR_LIMIT;
    return 0;
}

/* Returns 0, or the error that ends the session. */
static int pump_run(struct session *session, struct pump *pump)
{
    char *scratch = loop_scratch(session->worker->loop);
    size_t moved = 0;
    int rc;

    if (!flush_kept(pump, &rc))
        return rc;
    while (!pump->source_ended && moved < TURN_BYTES_MAX) {
        ssize_t n = conn_read(pump->from, scratch, LOOP_SCRATCH_SIZE);

        if (n == ERR_AGAIN)
            return 0;
        if (n == ERR_EOF) {
            pump->source_ended = true;
            break;
        }
        if (n < 0)
            return (int)n;
        session->active_ms = loop_now_ms(session->worker->loop);
        pump->bytes += (uint64_t)n;
        moved += (size_t)n;
        rc = pass_on(pump, slice_make(scratch, (size_t)n));
        if (rc < 0)
            return rc;
        if (pump->kept.len > 0) {
            conn_read_pause(pump->from);
            return 0;
        }
        if ((size_t)n < LOOP_SCRATCH_SIZE)
            return 0; /* short: drained */
    }
    if (pump->source_ended && !pump->ended && pump->kept.len == 0) {
        pump->ended = true;
        conn_shutdown(pump->to);
    }
    return 0;
}

static void run(struct session *session, struct pump *pump)
{
    int rc = pump_run(session, pump);

    if (rc < 0)
        session_end(session, pump->from == session->down ? FLAG_DOWNSTREAM_TERMINATION
                                                         : FLAG_UPSTREAM_TERMINATION);
    else if (session->pumps[PUMP_UP].ended && session->pumps[PUMP_DOWN].ended)
        session_end(session, 0);
}

/* The other side of a pump has room. */
static void drained(struct session *session, struct pump *pump)
{
    int rc;

    if (!flush_kept(pump, &rc)) {
        if (rc < 0)
            session_end(session, FLAG_DOWNSTREAM_TERMINATION);
        return;
    }
    conn_read_resume(pump->from);
    run(session, pump);
}

/* --- upstream --- */

static void connect_next(struct session *session);

static void up_connected(struct conn *conn, void *ctx)
{
    struct session *session = ctx;

    session->connected = true;
    session->info.upstream_local = *conn_local_addr(conn);
    upstream_report(session->host, 200);
    conn_read_resume(session->down);
    run(session, &session->pumps[PUMP_UP]);
}

static void up_readable(struct conn *conn, void *ctx)
{
    struct session *session = ctx;

    (void)conn;
    run(session, &session->pumps[PUMP_DOWN]);
}

static void up_writable(struct conn *conn, void *ctx)
{
    struct session *session = ctx;

    (void)conn;
    drained(session, &session->pumps[PUMP_UP]);
}

static void up_failed(struct conn *conn, int code, void *ctx)
{
    struct session *session = ctx;

    (void)conn;
    if (session->connected) {
        session_end(session, FLAG_UPSTREAM_TERMINATION);
        return;
    }
    upstream_report(session->host, 0);
    upstream_count(session->cluster,
                   code == ERR_TIMEOUT ? STATS_CLUSTER_upstream_cx_connect_timeout
                                       : STATS_CLUSTER_upstream_cx_connect_fail,
                   1);
    session->info.transport_failure = slice_str(reset_text_connect_error(code));
    up_uncount(session);
    conn_close(TAKE(session->up));
    if (session->attempts < session->conf->connect_attempts_max)
        connect_next(session);
    else
        session_end(session, FLAG_UPSTREAM_CONNECTION_FAILURE);
}

static const struct conn_events up_events = {
    .on_connected = up_connected,
    .on_readable = up_readable,
    .on_writable = up_writable,
    .on_failed = up_failed,
};

static int open_up(struct session *session)
{
    const struct cluster_conf *conf = upstream_conf(session->cluster);
    struct conn_options options = {.connect_timeout_ms = conf->connect_timeout_ms,
                                   .keepalive = conf->keepalive};
    const struct addr *bind =
        addr_family(&session->host->addr) == AF_INET6 ? &conf->bind_v6 : &conf->bind_v4;
    int rc;

    if (bind->len > 0)
        options.bind_addr = bind;
    rc = conn_connect(session->worker->loop, &session->host->addr, &options, &up_events, session,
                      &session->up);
    if (rc < 0)
        return rc;
    upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_total, 1);
    upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_active, 1);
    atomic_fetch_add_explicit(conns_of(session), 1, memory_order_relaxed);
    session->pumps[PUMP_UP].from = session->down;
    session->pumps[PUMP_UP].to = session->up;
    session->pumps[PUMP_DOWN].from = session->up;
    session->pumps[PUMP_DOWN].to = session->down;
    return 0;
}

static void connect_next(struct session *session)
{
    struct upstream_pick pick = {.original_dst = conn_original_dst(session->down)};

    if ((uint64_t)atomic_load_explicit(conns_of(session), memory_order_relaxed) >=
        upstream_conf(session->cluster)->limits.conns_max) {
        upstream_count(session->cluster, STATS_CLUSTER_upstream_cx_overflow, 1);
        session_end(session, FLAG_UPSTREAM_OVERFLOW);
        return;
    }
    session->attempts++;
    if (session->host != NULL)
        upstream_release(TAKE(session->host));
    if (session->conf->hash_source_ip) {
        const uint8_t *ip;
        size_t len = addr_ip_bytes(&session->info.downstream_remote, &ip);

        pick.hashed = len > 0;
        pick.hash = balance_hash(ip, len);
    }
    session->host = upstream_pick(session->cluster, &pick);
    if (session->host == NULL) {
        session_end(session, FLAG_NO_HEALTHY_UPSTREAM);
        return;
    }
    session->info.upstream_host = session->host->addr;
    session->info.attempts = session->attempts;
    if (open_up(session) < 0)
        session_end(session, FLAG_UPSTREAM_CONNECTION_FAILURE);
}

/* --- downstream --- */

static void down_readable(struct conn *conn, void *ctx)
{
    struct session *session = ctx;

    (void)conn;
    /* Nothing is read before there is somewhere to write it to. */
    if (session->connected)
        run(session, &session->pumps[PUMP_UP]);
}

static void down_writable(struct conn *conn, void *ctx)
{
    struct session *session = ctx;

    (void)conn;
    if (session->connected)
        drained(session, &session->pumps[PUMP_DOWN]);
}

static void down_failed(struct conn *conn, int code, void *ctx)
{
    (void)conn;
    (void)code;
    session_end(ctx, FLAG_DOWNSTREAM_TERMINATION);
}

static const struct conn_events down_events = {
    .on_readable = down_readable,
    .on_writable = down_writable,
    .on_failed = down_failed,
};

static struct session *session_new(struct worker *worker, struct tcp_conf *conf, struct conn *conn,
                                   struct slice server_name)
{
    struct session *session = MEM_NEW(struct session);
    struct info *info = &session->info;

    session->worker = worker;
    session->conf = conf;
    resource_ref(&conf->resource);
    session->gen = worker_gen_hold(worker);
    session->down = conn;
    session->active_ms = loop_now_ms(worker->loop);
    for (size_t i = 0; i < PUMP_COUNT; i++)
        buf_init(&session->pumps[i].kept, LOOP_SCRATCH_SIZE);
    info->begin_ms = session->active_ms;
    info->start_ms = worker_realtime_ms(worker);
    info->downstream_local =
        conf->use_original_dst ? *conn_original_dst(conn) : *conn_local_addr(conn);
    info->downstream_remote = *conn_peer_addr(conn);
    server_name = slice_head(server_name, sizeof session->server_name - 1);
    if (server_name.len > 0)
        memcpy(session->server_name, server_name.data, server_name.len);
    info->sni = slice_str(session->server_name);
    list_append(&worker->tcp_sessions, &session->node);
    stats_inc(conf->stats, worker->index, STATS_TCP_downstream_cx_total);
    stats_inc(conf->stats, worker->index, STATS_TCP_downstream_cx_active);
    return session;
}

void tcp_proxy_start(struct worker *worker, struct tcp_conf *conf, struct conn *conn,
                     struct slice server_name)
{
    struct session *session = session_new(worker, conf, conn, server_name);
    const struct tcp_target *target = listener_conf_tcp_pick(conf, rng_u64(&worker->rng));

    conn_events_set(conn, &down_events, session);
    if (target != NULL) {
        session->info.upstream_cluster_raw = target->cluster_name;
        session->info.upstream_cluster = target->cluster_name;
        session->cluster = upstream_get(worker, target->cluster_slot);
    }
    if (session->cluster == NULL) {
        stats_inc(conf->stats, worker->index, STATS_TCP_downstream_cx_no_route);
        session_end(session, FLAG_NO_CLUSTER);
        return;
    }
    conn_read_pause(conn);
    connect_next(session);
}

void tcp_proxy_tick(struct worker *worker)
{
    uint64_t now_ms = loop_now_ms(worker->loop);

    LIST_EACH (node, &worker->tcp_sessions) {
        struct session *session = CONTAINER_OF(node, struct session, node);

        if (session->conf->duration_max_ms > 0 &&
            now_ms - session->info.begin_ms > session->conf->duration_max_ms) {
            stats_inc(session->conf->stats, worker->index,
                      STATS_TCP_max_downstream_connection_duration);
            session_end(session, FLAG_DURATION_TIMEOUT);
        } else if (session->conf->idle_timeout_ms > 0 &&
                   now_ms - session->active_ms > session->conf->idle_timeout_ms) {
            stats_inc(session->conf->stats, worker->index, STATS_TCP_idle_timeout);
            session_end(session, 0);
        }
    }
}

void tcp_proxy_close_all(struct worker *worker)
{
    LIST_EACH (node, &worker->tcp_sessions)
        session_end(CONTAINER_OF(node, struct session, node), 0);
}
