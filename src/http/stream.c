/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: the calls of stream.h handed to the codec, the codec's events handed to the user, and
 * the two conveniences, respond and collect.
 *
 * Place   between users and h1_*.c, h2_*.c, pool.c
 * Owns    a stream's arena and collected body; the cache of finished streams
 * Limits  see stream_int.h
 */
#include "http/stream.h"

#include "base/mem.h"
#include "http/stream_int.h"

static const char *const reset_labels[] = {
#define RESET_LABEL(name, label, text) [HTTP_RESET_##name] = label,
    HTTP_RESET_MAP(RESET_LABEL)
#undef RESET_LABEL
};

static const char *const reset_texts[] = {
#define RESET_TEXT(name, label, text) [HTTP_RESET_##name] = text,
    HTTP_RESET_MAP(RESET_TEXT)
#undef RESET_TEXT
};

const char *http_reset_label(enum http_reset reason)
{
    return (size_t)reason < HTTP_RESET_COUNT ? reset_labels[reason] : "unknown";
}

const char *http_reset_text(enum http_reset reason)
{
    return (size_t)reason < HTTP_RESET_COUNT ? reset_texts[reason] : "unknown";
}

void http_stream_events_set(struct http_stream *stream, const struct http_stream_events *events,
                            void *ctx)
{
    stream->events = events;
    stream->ctx = ctx;
}

struct arena *http_stream_arena(struct http_stream *stream)
{
    return &stream->arena;
}

struct loop *http_stream_loop(const struct http_stream *stream)
{
    return stream->loop;
}

struct conn *http_stream_conn(const struct http_stream *stream)
{
    return stream->ops->conn(stream);
}

enum http_version http_stream_version(const struct http_stream *stream)
{
    return stream->id              ? HTTP_VERSION_2
           : stream->head_received ? stream->head.version
                                   : HTTP_VERSION_1_1;
}

struct http_head *http_stream_head(struct http_stream *stream)
{
    return stream->head_received ? &stream->head : NULL;
}

bool http_stream_conn_reused(const struct http_stream *stream)
{
    return stream->conn_reused;
}

uint64_t http_stream_bytes_sent(const struct http_stream *stream)
{
    return stream->sent;
}

uint64_t http_stream_bytes_received(const struct http_stream *stream)
{
    return stream->received;
}

int http_stream_send_head(struct http_stream *stream, const struct http_head *head, bool end)
{
    if (stream->is_reset || stream->out_end)
        return ERR_CLOSED;
    if (stream->head_sent)
        return ERR_INVALID;
    return stream->ops->send_head(stream, head, end);
}

int http_stream_send_data(struct http_stream *stream, struct slice data, bool end)
{
    int rc;

    if (stream->is_reset || stream->out_end)
        return ERR_CLOSED;
    if (!stream->head_sent)
        return ERR_INVALID;
    if (data.len == 0 && !end)
        return 0;
    rc = stream->ops->send_data(stream, data, end);
    if (rc == ERR_AGAIN)
        stream->writable_wanted = true;
    return rc;
}

int http_stream_send_trailers(struct http_stream *stream, const struct http_headers *trailers)
{
    if (stream->is_reset || stream->out_end)
        return ERR_CLOSED;
    if (!stream->head_sent)
        return ERR_INVALID;
    return stream->ops->send_trailers(stream, trailers);
}

void http_stream_continue(struct http_stream *stream)
{
    if (!stream->expects_continue || stream->is_reset || stream->head_sent)
        return;
    stream->expects_continue = false;
    stream->ops->send_continue(stream);
}

void http_stream_reset(struct http_stream *stream, enum http_reset reason)
{
    if (stream->is_reset)
        return;
    stream->is_reset = true;
    stream->ops->reset(stream, reason);
}

void http_stream_close_after(struct http_stream *stream)
{
    if (!stream->is_reset && stream->ops->close_after)
        stream->ops->close_after(stream);
}

void http_stream_read_pause(struct http_stream *stream)
{
    if (stream->read_paused)
        return;
    stream->read_paused = true;
    stream->ops->read_changed(stream);
}

void http_stream_read_resume(struct http_stream *stream)
{
    if (!stream->read_paused)
        return;
    stream->read_paused = false;
    http_stream_continue(stream);
    stream->ops->read_changed(stream);
}

/* --- memory --- */

void stream_cache_init(struct http_cache *cache)
{
    *cache = (struct http_cache){0};
    list_init(&cache->streams);
}

static void stream_destroy(struct http_stream *stream)
{
    arena_deinit(&stream->arena);
    mem_free(stream);
}

void stream_cache_deinit(struct http_cache *cache)
{
    struct list *node;

    while ((node = list_take_first(&cache->streams)))
        stream_destroy(CONTAINER_OF(node, struct http_stream, node));
    cache->stream_count = 0;
    while (cache->buf_count)
        buf_deinit(&cache->bufs[--cache->buf_count]);
}

enum { STREAM_ARENA_SIZE = 4096, OUTPUT_SIZE_MAX = 1 << 30 };

struct http_stream *stream_new(struct http_cache *cache, struct loop *loop,
                               const struct stream_ops *ops, void *carrier)
{
    struct http_stream *stream;

    if (cache && cache->stream_count) {
        stream = CONTAINER_OF(list_take_first(&cache->streams), struct http_stream, node);
        cache->stream_count--;
    } else {
        stream = MEM_NEW(struct http_stream);
        arena_init(&stream->arena, STREAM_ARENA_SIZE);
    }
    stream->ops = ops;
    stream->carrier = carrier;
    stream->loop = loop;
    list_init(&stream->node);
    return stream;
}

void stream_free(struct http_cache *cache, struct http_stream *stream)
{
    struct arena arena;

    buf_deinit(&stream->body);
    list_remove(&stream->node);
    arena_reset(&stream->arena);
    if (!cache || cache->stream_count == CACHE_STREAMS_MAX ||
        arena_heap_size(&stream->arena) > 2 * STREAM_ARENA_SIZE) {
        stream_destroy(stream);
        return;
    }
    arena = stream->arena;
    *stream = (struct http_stream){.arena = arena};
    list_prepend(&cache->streams, &stream->node);
    cache->stream_count++;
}

void stream_buf_take(struct http_cache *cache, struct buf *ret)
{
    if (cache && cache->buf_count)
        *ret = cache->bufs[--cache->buf_count];
    else
        buf_init(ret, OUTPUT_SIZE_MAX);
}

void stream_buf_give(struct http_cache *cache, struct buf *buf)
{
    if (buf->data && cache && cache->buf_count < CACHE_BUFS_MAX && buf->cap <= CACHE_BUF_SIZE_MAX) {
        buf_reset(buf);
        cache->bufs[cache->buf_count++] = *buf;
    } else {
        buf_deinit(buf);
    }
    *buf = (struct buf){0};
}

struct http_limits stream_limits(const struct http_limits *limits)
{
    struct http_limits full = *limits;

    if (!full.head_size_max)
        full.head_size_max = 61440;
    if (!full.header_count_max)
        full.header_count_max = 100;
    if (!full.streams_max)
        full.streams_max = 128;
    if (!full.idle_timeout_ms)
        full.idle_timeout_ms = 3600000;
    if (!full.head_timeout_ms)
        full.head_timeout_ms = 60000;
    if (!full.output_high_watermark)
        full.output_high_watermark = 262144;
    return full;
}

/* --- collecting --- */

struct stream_collect {
    const struct http_stream_events *former;
    void *former_ctx;
    void (*on_body)(struct http_stream *stream, int code, struct slice body, void *ctx);
    void *ctx;
};

static void collect_finish(struct http_stream *stream, int code)
{
    struct stream_collect *collect = TAKE(stream->collect);

    stream->events = collect->former;
    stream->ctx = collect->former_ctx;
    collect->on_body(stream, code, code ? (struct slice){0} : buf_slice(&stream->body),
                     collect->ctx);
}

static void collect_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    (void)ctx;
    if (buf_append(&stream->body, data) != 0)
        collect_finish(stream, ERR_LIMIT);
    else if (end)
        collect_finish(stream, 0);
}

static void collect_on_trailers(struct http_stream *stream, const struct http_headers *trailers,
                                void *ctx)
{
    (void)trailers;
    (void)ctx;
    collect_finish(stream, 0);
}

static void collect_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    (void)reason;
    (void)ctx;
    collect_finish(stream, ERR_RESET);
}

/* The user's own reset: nothing more will come. */
static void collect_on_close(struct http_stream *stream, void *ctx)
{
    struct stream_collect *collect = stream->collect;

    (void)ctx;
    if (collect->former && collect->former->on_close)
        collect->former->on_close(stream, collect->former_ctx);
}

static void collect_on_writable(struct http_stream *stream, void *ctx)
{
    struct stream_collect *collect = stream->collect;

    (void)ctx;
    if (collect->former && collect->former->on_writable)
        collect->former->on_writable(stream, collect->former_ctx);
}

static const struct http_stream_events collect_events = {
    .on_data = collect_on_data,
    .on_trailers = collect_on_trailers,
    .on_reset = collect_on_reset,
    .on_writable = collect_on_writable,
    .on_close = collect_on_close,
};

void http_stream_collect(struct http_stream *stream, size_t size_max,
                         void (*on_body)(struct http_stream *stream, int code, struct slice body,
                                         void *ctx),
                         void *ctx)
{
    struct stream_collect *collect = ARENA_NEW(&stream->arena, struct stream_collect);

    ASSERT(!stream->collect);
    *collect = (struct stream_collect){stream->events, stream->ctx, on_body, ctx};
    stream->collect = collect;
    buf_deinit(&stream->body);
    buf_init(&stream->body, size_max ? size_max : 1);
    if (stream->head.content_length > 0 && (uint64_t)stream->head.content_length <= size_max)
        (void)buf_reserve(&stream->body, MIN((size_t)stream->head.content_length, 1 << 20));
    http_stream_events_set(stream, &collect_events, NULL);
}

/* --- events --- */

void stream_on_head(struct http_stream *stream, bool end)
{
    stream->head_received = true;
    stream->in_end = end;
    if (stream->events && stream->events->on_head)
        stream->events->on_head(stream, &stream->head, end, stream->ctx);
    if (end && stream->collect && !stream->is_reset)
        collect_finish(stream, 0);
}

void stream_on_data(struct http_stream *stream, struct slice data, bool end)
{
    if (stream->is_reset)
        return;
    stream->received += data.len;
    stream->in_end = end;
    if (stream->events && stream->events->on_data)
        stream->events->on_data(stream, data, end, stream->ctx);
}

void stream_on_trailers(struct http_stream *stream, const struct http_headers *trailers)
{
    if (stream->is_reset)
        return;
    stream->in_end = true;
    if (stream->events && stream->events->on_trailers)
        stream->events->on_trailers(stream, trailers, stream->ctx);
    else if (stream->events && stream->events->on_data)
        stream->events->on_data(stream, (struct slice){0}, true, stream->ctx);
}

void stream_on_informational(struct http_stream *stream)
{
    if (!stream->is_reset && stream->events && stream->events->on_informational)
        stream->events->on_informational(stream, &stream->head, stream->ctx);
}

void stream_on_reset(struct http_stream *stream, enum http_reset reason)
{
    if (stream->is_reset)
        return;
    stream->is_reset = true;
    if (stream->events && stream->events->on_reset)
        stream->events->on_reset(stream, reason, stream->ctx);
}

void stream_on_writable(struct http_stream *stream)
{
    if (!stream->writable_wanted || stream->is_reset || stream->out_end)
        return;
    stream->writable_wanted = false;
    if (stream->events && stream->events->on_writable)
        stream->events->on_writable(stream, stream->ctx);
}

void stream_on_close(struct http_stream *stream)
{
    if (stream->closed)
        return;
    stream->is_reset = true;
    stream->closed = true;
    if (stream->events && stream->events->on_close)
        stream->events->on_close(stream, stream->ctx);
}

/* --- answering whole --- */

void http_stream_respond(struct http_stream *stream, unsigned status, const char *content_type,
                         struct slice body)
{
    struct http_head head = {.status = status, .content_length = (int64_t)body.len};
    int rc;

    if (content_type)
        http_headers_add(&head.headers, &stream->arena, SLICE("content-type"),
                         slice_str(content_type));
    rc = http_stream_send_head(stream, &head, body.len == 0);
    if (rc == 0 && body.len > 0)
        rc = http_stream_send_data(stream, body, true);
    if (rc == ERR_INVALID) /* nobody can be told but the peer */
        http_stream_reset(stream, HTTP_RESET_LOCAL);
}
