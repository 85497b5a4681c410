/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of a WebSocket over an HTTP/1.1 stream: handshake, messages, pings, the end.
 *
 * Place   kube/channels.c, kube/forward.c
 * Owns    the stream's events from the acceptance on; frees itself after on_close
 * Threads the loop's
 * Limits  messages of message_size_max bytes
 * Spec    RFC 6455
 */
#ifndef WEFT_HTTP_WS_H
#define WEFT_HTTP_WS_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"

struct ws;

struct ws_events {
    /* A text or binary message, borrowed. */
    void (*on_message)(struct ws *ws, struct slice payload, void *ctx);
    /* The client sends no more: it said so, or its direction ended. May be NULL. */
    void (*on_end)(struct ws *ws, void *ctx);
    /* After ws_send returned ERR_AGAIN: there is room again. May be NULL. */
    void (*on_writable)(struct ws *ws, void *ctx);
    /* The last callback; the ws is gone after it. */
    void (*on_close)(struct ws *ws, void *ctx);
};

/* The first of `known` (NULL-terminated) that the request's header `name`, a list, offers; NULL:
 * none. */
const char *ws_protocol_choose(struct http_stream *stream, const char *name,
                               const char *const *known);
/* Answers 101 with `protocol`. ERR_INVALID when the request is no WebSocket handshake: nothing was
 * answered then, and the stream is as it was. `events` is kept. */
MUST_USE int ws_accept(struct http_stream *stream, const char *protocol, size_t message_size_max,
                       const struct ws_events *events, void *ctx, struct ws **ret);
struct loop *ws_loop(const struct ws *ws);
/* One binary message of head + body. ERR_AGAIN: taken, but stop until on_writable; ERR_CLOSED. */
MUST_USE int ws_send(struct ws *ws, struct slice head, struct slice body);
/* A close frame (1000), and the end of our direction. */
void ws_finish(struct ws *ws);
/* Ends everything at once; on_close follows. */
void ws_reset(struct ws *ws);
void ws_read_pause(struct ws *ws);
void ws_read_resume(struct ws *ws);

#endif
