/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: see client.h.
 *
 *   http_pool_stream --> an idle h1 or roomy h2 connection --> the codec
 *                   `--> pending (head and data kept) --connection opened or freed--> replayed
 * there
 *
 * HTTP/1: a connection is opened for each waiting stream, up to conns_max; each failure to connect
 * ends one waiting stream. HTTP/2: one connection at a time is opened; it takes as many as its peer
 * allows, and a failure ends all that wait.
 *
 * Place   see client.h
 * Owns    connections, streams until on_close, the cache they are recycled through
 * Limits  conns_max, pending_max, and the output watermark for data that waits
 */
#include "base/mem.h"
#include "http/client.h"
#include "http/h1_conn.h"
#include "http/h2_conn.h"
#include "http/pool_int.h"
#include "io/conn.h"

enum { POOL_CONNS_MAX = 1024, POOL_PENDING_MAX = 1024, POOL_CONNECT_TIMEOUT_MS = 10000 };

/* A connection that is not open yet. */
struct pool_connect {
    struct list node;
    struct http_pool *pool;
    struct conn *io;
};

/* What a waiting stream was given. */
struct pending_output {
    struct http_head head;
    struct http_head trailers; /* only its headers */
    bool head_ends;
    bool has_trailers;
};

/* --- streams that wait --- */

static int pending_send_head(struct http_stream *stream, const struct http_head *head, bool end)
{
    struct pending_output *output = ARENA_NEW(&stream->arena, struct pending_output);

    http_head_copy(&output->head, head, &stream->arena);
    output->head_ends = end;
    stream->pending = output;
    stream->head_sent = true;
    stream->out_end = end;
    return 0;
}

static int pending_send_data(struct http_stream *stream, struct slice data, bool end)
{
    const struct http_pool *pool = stream->carrier;

    if (!stream->body.size_max)
        buf_init(&stream->body, 0);
    if (buf_append(&stream->body, data) != 0)
        return ERR_LIMIT;
    stream->out_end = end;
    return stream->body.len > pool->options.limits.output_high_watermark ? ERR_AGAIN : 0;
}

static int pending_send_trailers(struct http_stream *stream, const struct http_headers *trailers)
{
    struct pending_output *output = stream->pending;
    struct http_head head = {.headers = *trailers};

    http_head_copy(&output->trailers, &head, &stream->arena);
    output->has_trailers = true;
    stream->out_end = true;
    return 0;
}

static void pending_nothing(struct http_stream *stream)
{
    (void)stream;
}

static void pending_counted(struct http_pool *pool, int change)
{
    pool->pending_count += (size_t)change;
    if (pool->options.budget)
        atomic_fetch_add_explicit(&pool->options.budget->pending, change, memory_order_relaxed);
}

static void pending_end(struct http_pool *pool, struct http_stream *stream, int reason)
{
    if (stream->pending_reason == 0 && !list_is_empty(&stream->node))
        pending_counted(pool, -1);
    stream->pending_reason = reason;
    list_remove(&stream->node);
    list_append(&pool->ending, &stream->node);
    loop_task_add(pool->loop, &pool->task);
}

static void pending_reset(struct http_stream *stream, enum http_reset reason)
{
    pending_end(stream->carrier, stream, 1 + (int)reason);
}

static struct conn *pending_conn(const struct http_stream *stream)
{
    (void)stream;
    return NULL;
}

static const struct stream_ops pending_ops = {
    .send_head = pending_send_head,
    .send_data = pending_send_data,
    .send_trailers = pending_send_trailers,
    .send_continue = pending_nothing,
    .reset = pending_reset,
    .read_changed = pending_nothing,
    .conn = pending_conn,
};

static int replay_parts(struct http_stream *stream, const struct pending_output *output,
                        const struct buf *body, bool end)
{
    int rc = http_stream_send_head(stream, &output->head, output->head_ends);

    if (rc == 0 && (body->len > 0 || (end && !output->head_ends && !output->has_trailers)))
        rc = http_stream_send_data(stream, buf_slice(body), end && !output->has_trailers);
    if ((rc == 0 || rc == ERR_AGAIN) && output->has_trailers)
        rc = http_stream_send_trailers(stream, &output->trailers.headers);
    return rc;
}

/* What the stream had been given is sent now that a codec carries it. */
static void stream_replay(struct http_stream *stream)
{
    struct pending_output *output = stream->pending;
    struct buf body = stream->body;
    bool end = stream->out_end;
    int rc;

    if (!output)
        return;
    stream->pending = NULL;
    stream->body = (struct buf){0};
    stream->head_sent = false;
    stream->out_end = false;
    rc = replay_parts(stream, output, &body, end);
    buf_deinit(&body);
    if (rc == 0) {
        stream_on_writable(stream);
    } else if (rc != ERR_AGAIN && !stream->is_reset) {
        stream_on_reset(stream, HTTP_RESET_PROTOCOL);
        stream->ops->reset(stream, HTTP_RESET_PROTOCOL);
    }
}

static struct http_stream *pending_take(struct http_pool *pool)
{
    struct list *node = list_take_first(&pool->pending);

    if (!node)
        return NULL;
    pending_counted(pool, -1);
    return CONTAINER_OF(node, struct http_stream, node);
}

/* --- connections --- */

static void conn_counted(struct http_pool *pool, int change, int code)
{
    pool->conn_count += (size_t)change;
    if (pool->options.budget)
        atomic_fetch_add_explicit(&pool->options.budget->conns, change, memory_order_relaxed);
    if (pool->options.on_conn)
        pool->options.on_conn(change, code, pool->options.ctx);
}

static enum http_reset reason_of(int code)
{
    if (code == ERR_TIMEOUT)
        return HTTP_RESET_CONNECT_TIMEOUT;
    return code == ERR_TLS ? HTTP_RESET_TLS_FAILED : HTTP_RESET_CONNECT_FAILED;
}

static bool is_h2(const struct http_pool *pool)
{
    return pool->options.codec == HTTP_CODEC_HTTP2 ||
           (pool->options.codec == HTTP_CODEC_AUTO && pool->speaks_h2);
}

/* A connection could not be opened. */
static void connect_failed(struct http_pool *pool, int code)
{
    struct http_stream *stream;
    bool all = is_h2(pool) && list_is_empty(&pool->h2_conns);

    while ((stream = pending_take(pool))) {
        pending_end(pool, stream, 1 + (int)reason_of(code));
        if (!all)
            break;
    }
    loop_task_add(pool->loop, &pool->task);
}

static void connect_drop(struct pool_connect *connect)
{
    connect->pool->connecting_count--;
    list_remove(&connect->node);
    mem_free(connect);
}

static void on_connected(struct conn *io, void *ctx)
{
    struct pool_connect *connect = ctx;
    struct http_pool *pool = connect->pool;
    bool h2 = pool->options.codec == HTTP_CODEC_HTTP2 ||
              (pool->options.codec == HTTP_CODEC_AUTO && slice_eq(conn_alpn(io), SLICE("h2")));

    connect_drop(connect);
    pool->speaks_h2 = h2;
    if (h2)
        h2_client_open(pool, io);
    else
        pool_h1_ready(pool, h1_client_open(pool, io));
}

static void on_failed(struct conn *io, int code, void *ctx)
{
    struct pool_connect *connect = ctx;
    struct http_pool *pool = connect->pool;

    conn_close(io);
    connect_drop(connect);
    conn_counted(pool, -1, code);
    connect_failed(pool, code);
}

static int connect_start(struct http_pool *pool)
{
    static const struct conn_events events = {.on_connected = on_connected, .on_failed = on_failed};
    struct conn_options options = {.tls = pool->options.tls,
                                   .server_name = pool->options.server_name,
                                   .connect_timeout_ms = pool->options.connect_timeout_ms,
                                   .mark = pool->options.mark,
                                   .bind_addr = &pool->options.bind_addr,
                                   .keepalive = pool->options.keepalive};
    struct pool_connect *connect = MEM_NEW(struct pool_connect);
    int rc;

    connect->pool = pool;
    rc = conn_connect(pool->loop, &pool->options.addr, &options, &events, connect, &connect->io);
    if (rc) {
        mem_free(connect);
        return rc;
    }
    list_append(&pool->connecting, &connect->node);
    pool->connecting_count++;
    conn_counted(pool, +1, 0);
    return 0;
}

static bool has_all_conns(const struct http_pool *pool)
{
    const struct http_pool_budget *budget = pool->options.budget;

    if (!budget)
        return pool->conn_count >= pool->options.conns_max;
    return pool->conn_count > 0 &&
           (uint64_t)atomic_load_explicit(&budget->conns, memory_order_relaxed) >=
               pool->options.conns_max;
}

static bool has_all_pending(const struct http_pool *pool)
{
    const struct http_pool_budget *budget = pool->options.budget;

    return (budget ? (uint64_t)atomic_load_explicit(&budget->pending, memory_order_relaxed)
                   : pool->pending_count) >= pool->options.pending_max;
}

static bool connect_is_needed(const struct http_pool *pool)
{
    if (pool->draining || pool->dead || has_all_conns(pool))
        return false;
    if (is_h2(pool))
        return pool->pending_count > 0 && pool->connecting_count == 0;
    return pool->pending_count > pool->connecting_count;
}

static void connect_more(struct http_pool *pool)
{
    while (connect_is_needed(pool)) {
        int rc = connect_start(pool);

        if (rc) {
            if (pool->options.on_conn)
                pool->options.on_conn(0, rc, pool->options.ctx);
            connect_failed(pool, rc);
        }
    }
}

static void h1_carry(struct http_pool *pool, struct h1_conn *conn, struct http_stream *stream)
{
    list_remove(&conn->node);
    list_append(&pool->h1_busy, &conn->node);
    h1_client_attach(conn, stream);
}

void pool_h1_ready(struct http_pool *pool, struct h1_conn *conn)
{
    struct http_stream *stream = pool->dead ? NULL : pending_take(pool);

    list_remove(&conn->node);
    if (stream) {
        h1_carry(pool, conn, stream);
        stream_replay(stream);
        return;
    }
    list_prepend(&pool->h1_idle, &conn->node);
    if (pool->draining)
        h1_client_drain(conn);
}

void pool_conn_gone(struct http_pool *pool, int code)
{
    if (pool->dead)
        return;
    conn_counted(pool, -1, code);
    loop_task_add(pool->loop, &pool->task);
}

static struct h2_conn *h2_roomy(struct http_pool *pool)
{
    LIST_EACH (node, &pool->h2_conns) {
        struct h2_conn *conn = h2_conn_of(node);

        if (h2_client_has_room(conn))
            return conn;
    }
    return NULL;
}

void pool_h2_ready(struct http_pool *pool)
{
    while (!pool->dead && pool->pending_count > 0) {
        struct h2_conn *conn = h2_roomy(pool);
        struct http_stream *stream;

        if (!conn)
            break;
        stream = pending_take(pool);
        h2_client_attach(conn, stream);
        stream_replay(stream);
    }
    loop_task_add(pool->loop, &pool->task);
}

/* --- the task --- */

static void ending_close(struct http_pool *pool)
{
    struct list *node;

    while ((node = list_take_first(&pool->ending))) {
        struct http_stream *stream = CONTAINER_OF(node, struct http_stream, node);

        if (!stream->is_reset)
            stream_on_reset(stream, (enum http_reset)(stream->pending_reason - 1));
        stream_on_close(stream);
        stream_free(&pool->cache, stream);
    }
}

static void on_task(void *ctx)
{
    struct http_pool *pool = ctx;

    ending_close(pool);
    connect_more(pool);
    if (pool->draining && pool->on_drained && !pool->dead && pool->conn_count == 0 &&
        pool->pending_count == 0 && list_is_empty(&pool->ending)) {
        void (*on_drained)(void *ctx) = TAKE(pool->on_drained);

        on_drained(pool->drained_ctx);
    }
}

static void on_free(void *ctx)
{
    struct http_pool *pool = ctx;

    stream_cache_deinit(&pool->cache);
    tls_config_unref((struct tls_config *)pool->options.tls);
    mem_free((char *)pool->options.server_name);
    mem_free(pool);
}

/* --- for users --- */

int http_pool_new(struct loop *loop, const struct http_pool_options *options,
                  struct http_pool **ret)
{
    struct http_pool *pool;

    if (!options->addr.len)
        return ERR_INVALID;
    pool = MEM_NEW(struct http_pool);
    pool->loop = loop;
    pool->options = *options;
    pool->options.limits = stream_limits(&options->limits);
    pool->options.server_name = mem_strdup(options->server_name);
    if (options->tls)
        pool->options.tls = tls_config_ref(options->tls);
    if (!pool->options.connect_timeout_ms)
        pool->options.connect_timeout_ms = POOL_CONNECT_TIMEOUT_MS;
    if (!pool->options.conns_max)
        pool->options.conns_max = POOL_CONNS_MAX;
    if (!pool->options.pending_max)
        pool->options.pending_max = POOL_PENDING_MAX;
    list_init(&pool->connecting);
    list_init(&pool->h1_idle);
    list_init(&pool->h1_busy);
    list_init(&pool->h2_conns);
    list_init(&pool->pending);
    list_init(&pool->ending);
    loop_task_init(&pool->task, on_task, pool);
    loop_task_init(&pool->free_task, on_free, pool);
    stream_cache_init(&pool->cache);
    *ret = pool;
    return 0;
}

int http_pool_stream(struct http_pool *pool, const struct http_stream_events *events, void *ctx,
                     struct http_stream **ret)
{
    struct http_stream *stream;
    struct h2_conn *h2;

    if (pool->draining || pool->dead)
        return ERR_CLOSED;
    stream = stream_new(&pool->cache, pool->loop, &pending_ops, pool);
    http_stream_events_set(stream, events, ctx);
    *ret = stream;
    LIST_EACH (node, &pool->h1_idle) {
        struct h1_conn *conn = CONTAINER_OF(node, struct h1_conn, node);

        if (conn->dead)
            continue;
        h1_carry(pool, conn, stream);
        return 0;
    }
    h2 = h2_roomy(pool);
    if (h2) {
        h2_client_attach(h2, stream);
        return 0;
    }
    if (has_all_pending(pool)) {
        pending_end(pool, stream, 1 + HTTP_RESET_OVERFLOW);
        return 0;
    }
    list_append(&pool->pending, &stream->node);
    pending_counted(pool, +1);
    connect_more(pool);
    return 0;
}

bool http_pool_is_tls(const struct http_pool *pool)
{
    return pool->options.tls != NULL;
}

const char *http_pool_authority(const struct http_pool *pool, char *out)
{
    if (pool->options.server_name)
        return pool->options.server_name;
    if (addr_family(&pool->options.addr) == AF_UNIX)
        return "localhost";
    return addr_format(&pool->options.addr, out);
}

size_t http_pool_conn_count(const struct http_pool *pool)
{
    return pool->conn_count;
}

size_t http_pool_stream_count(const struct http_pool *pool)
{
    size_t count = pool->pending_count + list_count(&pool->h1_busy);

    LIST_EACH (node, &pool->h2_conns)
        count += h2_conn_stream_count(h2_conn_of(node));
    return count;
}

void http_pool_drain(struct http_pool *pool, void (*on_drained)(void *ctx), void *ctx)
{
    pool->draining = true;
    pool->on_drained = on_drained;
    pool->drained_ctx = ctx;
    LIST_EACH (node, &pool->h1_idle)
        h1_client_drain(CONTAINER_OF(node, struct h1_conn, node));
    LIST_EACH (node, &pool->h1_busy)
        h1_client_drain(CONTAINER_OF(node, struct h1_conn, node));
    LIST_EACH (node, &pool->h2_conns)
        h2_conn_drain(h2_conn_of(node));
    loop_task_add(pool->loop, &pool->task);
}

static void streams_terminate(struct http_pool *pool)
{
    struct http_stream *stream;

    while ((stream = pending_take(pool)))
        pending_end(pool, stream, 1 + HTTP_RESET_CONN_TERMINATED);
    ending_close(pool);
}

void http_pool_free(struct http_pool *pool)
{
    struct list *node;

    if (!pool || pool->dead)
        return;
    pool->dead = true;
    pool->options.on_conn = NULL;
    while (!list_is_empty(&pool->connecting)) {
        struct pool_connect *connect =
            CONTAINER_OF(pool->connecting.next, struct pool_connect, node);

        conn_close(connect->io);
        connect_drop(connect);
    }
    while ((node = list_take_first(&pool->h1_busy)) || (node = list_take_first(&pool->h1_idle)))
        h1_conn_orphan(CONTAINER_OF(node, struct h1_conn, node));
    while ((node = list_take_first(&pool->h2_conns)))
        h2_conn_orphan(h2_conn_of(node));
    streams_terminate(pool);
    conn_counted(pool, -(int)pool->conn_count, 0);
    loop_task_cancel(&pool->task);
    loop_task_add(pool->loop, &pool->free_task);
}
