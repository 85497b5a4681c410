/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a log to an HTTP stream, see pod_log.h. The stream's back-pressure stops the reading. */
#include "sandbox/node/pod_log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/url.h"

enum { PIECE = 65536, FOLLOW_MS = 100 };

struct session {
    struct loop *loop;
    struct http_stream *stream;
    struct pod_log_options options; /* limit_size: bytes left to send */
    const struct pod_log_source *source;
    void *ctx;
    bool line_open; /* the last line was not full: no timestamp for the next */
    bool paused;
    bool ended;
    struct loop_timer timer;
};

static bool flag(struct arena *arena, struct slice query, const char *name)
{
    struct slice value = url_query_value(arena, query, name);

    return slice_eq_str(value, "true") || slice_eq_str(value, "1");
}

static uint64_t number(struct arena *arena, struct slice query, const char *name, uint64_t max,
                       uint64_t fallback)
{
    uint64_t out = fallback;

    if (slice_parse_u64(url_query_value(arena, query, name), max, &out) < 0)
        return fallback;
    return out;
}

void pod_log_options_read(struct arena *arena, struct slice query, int64_t now_ms,
                          struct pod_log_options *ret)
{
    uint64_t since_s = number(arena, query, "sinceSeconds", UINT32_MAX, UINT64_MAX);
    int64_t since_ms;

    *ret = (struct pod_log_options){
        .follow = flag(arena, query, "follow"),
        .previous = flag(arena, query, "previous"),
        .timestamps = flag(arena, query, "timestamps"),
        .since_ms = since_s == UINT64_MAX ? 0 : now_ms - (int64_t)since_s * 1000,
        .limit_size = number(arena, query, "limitBytes", UINT64_MAX, UINT64_MAX),
        .tail_count = number(arena, query, "tailLines", UINT64_MAX, UINT64_MAX),
    };
    if (clock_parse_rfc3339(url_query_value(arena, query, "sinceTime"), &since_ms) == 0)
        ret->since_ms = since_ms;
}

static void session_end(struct session *session)
{
    loop_timer_stop(session->loop, &session->timer);
    if (!session->ended && http_stream_send_data(session->stream, slice_make("", 0), true) < 0)
        session->paused = true; /* taken; on_close comes when it is written */
    session->ended = true;
}

static void text_send(struct session *session, struct slice all)
{
    struct slice text = slice_head(all, session->options.limit_size);

    session->options.limit_size -= text.len;
    if (text.len > 0 && http_stream_send_data(session->stream, text, false) == ERR_AGAIN)
        session->paused = true;
    if (session->options.limit_size == 0)
        session_end(session);
}

static void line_append(struct session *session, const struct pod_log_line *line, struct buf *out)
{
    const struct pod_log_options *options = &session->options;
    int64_t at_ms = 0;

    if (options->since_ms && clock_parse_rfc3339(line->time, &at_ms) == 0 &&
        at_ms < options->since_ms)
        return;
    if (options->timestamps && !session->line_open) { /* UTC has a letter here */
        bool utc = slice_ends_with(line->time, SLICE("+00:00"));

        buf_printf(out, "%.*s%s ",
                   SLICE_ARG(slice_head(line->time, line->time.len - (utc ? 6 : 0))),
                   utc ? "Z" : "");
    }
    buf_append(out, line->text);
    if (line->full)
        buf_append_char(out, '\n');
    session->line_open = !line->full;
}

/* Sends about a piece; false when the source has no more. */
static bool piece_send(struct session *session)
{
    SCOPED(buf_deinit) struct buf out;
    struct pod_log_line line;
    bool any = false;

    buf_init(&out, 4 * PIECE);
    while (out.len < PIECE && session->source->next(&line, session->ctx)) {
        line_append(session, &line, &out);
        any = true;
    }
    text_send(session, buf_slice(&out));
    return any;
}

static void pump(void *ctx)
{
    struct session *session = ctx;
    bool goes_on = session->source->goes_on(session->ctx); /* what it wrote before is read below */

    while (!session->paused && !session->ended && piece_send(session))
        ;
    if (session->ended || session->paused)
        return;
    if (session->options.follow && goes_on)
        loop_timer_start(session->loop, &session->timer, FOLLOW_MS);
    else
        session_end(session);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct session *session = ctx;

    (void)stream;
    session->paused = false;
    pump(session);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct session *session = ctx;

    (void)stream;
    loop_timer_stop(session->loop, &session->timer);
    session->source->on_close(session->ctx);
    mem_free(session);
}

void pod_log_serve(struct loop *loop, struct http_stream *stream,
                   const struct pod_log_options *options, const struct pod_log_source *source,
                   void *ctx)
{
    static const struct http_stream_events events = {.on_writable = on_writable,
                                                     .on_close = on_close};
    struct http_head head = {.status = 200, .content_length = -1};
    struct session *session = MEM_NEW(struct session);

    *session = (struct session){
        .loop = loop, .stream = stream, .options = *options, .source = source, .ctx = ctx};
    loop_timer_init(&session->timer, pump, session);
    http_stream_events_set(stream, &events, session);
    http_headers_add(&head.headers, http_stream_arena(stream), SLICE("content-type"),
                     SLICE("text/plain"));
    if (http_stream_send_head(stream, &head, false) < 0)
        http_stream_reset(stream, HTTP_RESET_LOCAL);
    else
        pump(session);
}
