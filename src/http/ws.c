/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket sessions, see ws.h; the frames are wire/websocket's. */
#include "http/ws.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/websocket.h"

enum { FRAME_HEAD_MAX = 16, CONTROL_MAX = 256 };

struct ws {
    struct http_stream *stream;
    struct websocket_reader reader;
    const struct ws_events *events;
    void *ctx;
    bool finished; /* our direction */
    bool ended;    /* the client's: told */
    bool closed;
};

const char *ws_protocol_choose(struct http_stream *stream, const char *name,
                               const char *const *known)
{
    struct slice offered = http_headers_joined(&http_stream_head(stream)->headers,
                                               http_stream_arena(stream), slice_str(name));

    for (size_t i = 0; known[i]; i++) {
        struct slice rest = offered;
        struct slice one;

        while (slice_split_next(&rest, ',', &one))
            if (slice_eq_str(slice_trim(one), known[i]))
                return known[i];
    }
    return NULL;
}

static void end_tell(struct ws *ws)
{
    if (ws->ended)
        return;
    ws->ended = true;
    if (ws->events->on_end)
        ws->events->on_end(ws, ws->ctx);
}

static int frame_send(struct ws *ws, enum websocket_opcode opcode, struct slice head,
                      struct slice body)
{
    SCOPED(buf_deinit) struct buf out;
    int rc;

    buf_init(&out, FRAME_HEAD_MAX + head.len + body.len);
    if (ws->finished || ws->closed)
        return ERR_CLOSED;
    rc = websocket_frame_encode(opcode, head, body, NULL, &out);
    return rc < 0 ? rc : http_stream_send_data(ws->stream, buf_slice(&out), false);
}

static bool on_message(enum websocket_opcode opcode, struct slice payload, void *ctx)
{
    struct ws *ws = ctx;

    switch (opcode) {
    case WEBSOCKET_PING: /* a pong that nobody reads any more is no loss */
        return frame_send(ws, WEBSOCKET_PONG, payload, (struct slice){0}) != ERR_LIMIT;
    case WEBSOCKET_CLOSE:
        end_tell(ws);
        return false;
    case WEBSOCKET_BINARY:
    case WEBSOCKET_TEXT:
        if (!ws->ended)
            ws->events->on_message(ws, payload, ws->ctx);
        return !ws->closed;
    case WEBSOCKET_PONG:
        break;
    }
    return true;
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct ws *ws = ctx;

    if (!ws->ended && websocket_reader_feed(&ws->reader, data, on_message, ws) < 0) {
        http_stream_reset(stream, HTTP_RESET_PROTOCOL);
        return;
    }
    if (end)
        end_tell(ws);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct ws *ws = ctx;

    (void)stream;
    if (ws->events->on_writable && !ws->finished)
        ws->events->on_writable(ws, ws->ctx);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct ws *ws = ctx;

    (void)stream;
    ws->closed = true;
    ws->events->on_close(ws, ws->ctx);
    websocket_reader_deinit(&ws->reader);
    mem_free(ws);
}

int ws_accept(struct http_stream *stream, const char *protocol, size_t message_size_max,
              const struct ws_events *events, void *ctx, struct ws **ret)
{
    static const struct http_stream_events stream_events = {
        .on_data = on_data, .on_writable = on_writable, .on_close = on_close};
    struct arena *arena = http_stream_arena(stream);
    const struct http_head *asked = http_stream_head(stream);
    struct slice key = http_headers_value(&asked->headers, SLICE("sec-websocket-key"));
    struct http_head head = {.status = 101, .content_length = -1, .protocol = SLICE("websocket")};
    char *accept = arena_bytes(arena, WEBSOCKET_ACCEPT_SIZE);
    struct ws *ws;
    int rc;

    if (!slice_eq_nocase(asked->protocol, SLICE("websocket")) || key.len == 0)
        return ERR_INVALID;
    http_headers_add(&head.headers, arena, SLICE("sec-websocket-accept"),
                     slice_str(websocket_accept(key, accept)));
    http_headers_add(&head.headers, arena, SLICE("sec-websocket-protocol"), slice_str(protocol));
    rc = http_stream_send_head(stream, &head, false);
    if (rc < 0)
        return rc;
    ws = MEM_NEW(struct ws);
    ws->stream = stream;
    ws->events = events;
    ws->ctx = ctx;
    websocket_reader_init(&ws->reader, true, message_size_max);
    http_stream_events_set(stream, &stream_events, ws);
    *ret = ws;
    return 0;
}

struct loop *ws_loop(const struct ws *ws)
{
    return http_stream_loop(ws->stream);
}

int ws_send(struct ws *ws, struct slice head, struct slice body)
{
    return frame_send(ws, WEBSOCKET_BINARY, head, body);
}

void ws_finish(struct ws *ws)
{
    SCOPED(buf_deinit) struct buf out;
    int rc = 0;

    buf_init(&out, CONTROL_MAX);
    if (ws->finished || ws->closed)
        return;
    ws->finished = true;
    if (websocket_close_encode(WEBSOCKET_CLOSE_NORMAL, NULL, &out) == 0)
        rc = http_stream_send_data(ws->stream, buf_slice(&out), true);
    if (rc < 0 && rc != ERR_AGAIN)
        http_stream_reset(ws->stream, HTTP_RESET_LOCAL);
}

void ws_reset(struct ws *ws)
{
    if (!ws->closed)
        http_stream_reset(ws->stream, HTTP_RESET_LOCAL);
}

void ws_read_pause(struct ws *ws)
{
    http_stream_read_pause(ws->stream);
}

void ws_read_resume(struct ws *ws)
{
    if (!ws->closed)
        http_stream_read_resume(ws->stream);
}
