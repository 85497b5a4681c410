/* SPDX-License-Identifier: Apache-2.0 */
/* Whole fetches: see client.h. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/stream_int.h"

enum { FETCH_TIMEOUT_MS = 30000, FETCH_SIZE_MAX = 64 * 1024 * 1024 };

struct http_fetch {
    struct http_stream *stream; /* NULL after its on_close */
    struct loop *loop;
    void (*on_done)(const struct http_fetch_result *result, void *ctx);
    void *ctx;
    struct loop_timer timer;
    struct buf body;
    int code;
    const char *reason;
};

static void fetch_fail(struct http_fetch *fetch, int code, const char *reason)
{
    if (fetch->code == 0) {
        fetch->code = code;
        fetch->reason = reason;
    }
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct http_fetch *fetch = ctx;

    (void)end;
    if (head->status == 101) {
        fetch_fail(fetch, ERR_PROTOCOL, "unexpected upgrade");
        http_stream_reset(stream, HTTP_RESET_PROTOCOL);
    }
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct http_fetch *fetch = ctx;

    (void)end;
    if (buf_append(&fetch->body, data) != 0) {
        fetch_fail(fetch, ERR_LIMIT, "response too large");
        http_stream_reset(stream, HTTP_RESET_LIMIT);
    }
}

static int code_of(enum http_reset reason)
{
    switch (reason) {
    case HTTP_RESET_CONNECT_FAILED:
    case HTTP_RESET_REFUSED:
        return ERR_REFUSED;
    case HTTP_RESET_CONNECT_TIMEOUT:
    case HTTP_RESET_IDLE_TIMEOUT:
        return ERR_TIMEOUT;
    case HTTP_RESET_TLS_FAILED:
        return ERR_TLS;
    case HTTP_RESET_OVERFLOW:
    case HTTP_RESET_LIMIT:
        return ERR_LIMIT;
    case HTTP_RESET_PROTOCOL:
        return ERR_PROTOCOL;
    default:
        return ERR_RESET;
    }
}

static void on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    (void)stream;
    fetch_fail(ctx, code_of(reason), http_reset_text(reason));
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct http_fetch *fetch = ctx;
    struct http_fetch_result result = {.body = buf_slice(&fetch->body)};

    fetch->stream = NULL;
    loop_timer_stop(fetch->loop, &fetch->timer);
    if (fetch->code == 0 && !http_stream_head(stream))
        fetch_fail(fetch, ERR_RESET, "no response");
    result.code = fetch->code;
    result.reason = fetch->reason;
    if (fetch->code == 0)
        result.head = http_stream_head(stream);
    else
        result.body = (struct slice){0};
    if (fetch->on_done)
        fetch->on_done(&result, fetch->ctx);
    buf_deinit(&fetch->body);
    mem_free(fetch);
}

static const struct http_stream_events fetch_events = {
    .on_head = on_head, .on_data = on_data, .on_reset = on_reset, .on_close = on_close};

static void on_timeout(void *ctx)
{
    struct http_fetch *fetch = ctx;

    fetch_fail(fetch, ERR_TIMEOUT, "timed out");
    http_stream_reset(fetch->stream, HTTP_RESET_LOCAL);
}

static int request_send(struct http_fetch *fetch, const struct http_pool *pool,
                        const struct http_fetch_request *request)
{
    char authority[ADDR_TEXT_SIZE];
    struct http_head head = {
        .method = slice_str(request->method ? request->method : "GET"),
        .path = slice_str(request->path),
        .scheme = http_pool_is_tls(pool) ? SLICE("https") : SLICE("http"),
        .authority = slice_str(request->authority ? request->authority
                                                  : http_pool_authority(pool, authority)),
        .headers = {(struct http_header *)request->headers, request->header_count,
                    request->header_count},
        .content_length = request->body.len ? (int64_t)request->body.len : -1,
    };
    int rc = http_stream_send_head(fetch->stream, &head, request->body.len == 0);

    if (rc == 0 && request->body.len)
        rc = http_stream_send_data(fetch->stream, request->body, true);
    return rc == ERR_AGAIN ? 0 : rc;
}

int http_fetch_start(struct http_pool *pool, const struct http_fetch_request *request,
                     void (*on_done)(const struct http_fetch_result *result, void *ctx), void *ctx,
                     struct http_fetch **ret)
{
    struct http_fetch *fetch = MEM_NEW(struct http_fetch);
    int rc = http_pool_stream(pool, &fetch_events, fetch, &fetch->stream);

    if (rc) {
        mem_free(fetch);
        return rc;
    }
    fetch->loop = http_stream_loop(fetch->stream);
    fetch->on_done = on_done;
    fetch->ctx = ctx;
    buf_init(&fetch->body,
             request->response_size_max ? request->response_size_max : FETCH_SIZE_MAX);
    loop_timer_init(&fetch->timer, on_timeout, fetch);
    loop_timer_start(fetch->loop, &fetch->timer,
                     request->timeout_ms ? request->timeout_ms : FETCH_TIMEOUT_MS);
    rc = request_send(fetch, pool, request);
    if (rc) {
        http_fetch_cancel(fetch);
        return rc;
    }
    *ret = fetch;
    return 0;
}

void http_fetch_cancel(struct http_fetch *fetch)
{
    if (!fetch)
        return;
    fetch->on_done = NULL;
    loop_timer_stop(fetch->loop, &fetch->timer);
    http_stream_reset(fetch->stream, HTTP_RESET_LOCAL);
}
