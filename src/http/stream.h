/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange of request and response, over HTTP/1.1 or HTTP/2, seen from the server or from the
 * client.
 *
 *   server                                    client
 *   on_head(request)  on_data* on_trailers?   send_head(request) send_data* send_trailers?
 *   send_head(reply)  send_data* trailers?    on_head(reply) on_data* on_trailers?
 *                         both directions ended, or reset  ->  on_close (last)
 *
 * Place   made by http/server for each request and by http/client (or a pool) for each call
 * Owns    its arena: head, and whatever its user puts there; dropped after on_close
 * Threads the loop's
 *
 * Ends: `end` (a flag on head, data) or trailers close one direction. The server may answer, whole,
 * before the request ended (early response); then the codec drains or resets as its protocol wants.
 * After both directions ended, or after on_reset, on_close runs, once, last; the stream is gone
 * after it. http_stream_reset is followed by on_close (on the next turn at the latest), without
 * on_reset.
 *
 * Back-pressure: data given to send_data is written at once as far as the socket takes it, without
 * a copy; only what it does not take is copied into the connection's output buffer. When that is
 * above the high watermark send_data returns ERR_AGAIN *having taken the data*: stop sending (and
 * pause your source) until on_writable. The other way, http_stream_read_pause stops on_data until
 * http_stream_read_resume (HTTP/2: by flow control).
 *
 * Upgrades: a request with head->protocol set asks for a tunnel (WebSocket, CONNECT). When 101
 * (HTTP/1) or 2xx (CONNECT) was sent or received, data is raw in both directions. A client sets
 * head.protocol to ask for one.
 */
#ifndef WEFT_HTTP_STREAM_H
#define WEFT_HTTP_STREAM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "http/head.h"
#include "io/addr.h"
#include "io/conn.h"

struct http_stream;

/* Why a stream broke; X(name, stable label, text). */
#define HTTP_RESET_MAP(X)                                                                          \
    X(CONNECT_FAILED, "connect_failed", "connection failure")                                      \
    X(CONNECT_TIMEOUT, "connect_timeout", "connection timeout")                                    \
    X(TLS_FAILED, "tls_failed", "TLS handshake failure")                                           \
    X(OVERFLOW, "overflow", "too many pending requests or connections")                            \
    X(CONN_TERMINATED, "conn_terminated", "connection termination")                                \
    X(REMOTE_RESET, "remote_reset", "remote reset")                                                \
    X(REFUSED, "refused", "refused by the peer before processing")                                 \
    X(PROTOCOL, "protocol", "protocol error")                                                      \
    X(LIMIT, "limit", "a limit was exceeded")                                                      \
    X(IDLE_TIMEOUT, "idle_timeout", "idle timeout")                                                \
    X(LOCAL, "local", "local reset")

enum http_reset {
#define HTTP_RESET_ENUM(name, label, text) HTTP_RESET_##name,
    HTTP_RESET_MAP(HTTP_RESET_ENUM)
#undef HTTP_RESET_ENUM
        HTTP_RESET_COUNT
};
const char *http_reset_label(enum http_reset reason);
const char *http_reset_text(enum http_reset reason);

/* Any may be NULL except on_close for streams whose user keeps a pointer. */
struct http_stream_events {
    /* The final head (request, or response with status >= 200, or 101). `head` stays valid until
     * on_close. */
    void (*on_head)(struct http_stream *stream, struct http_head *head, bool end, void *ctx);
    /* A 1xx response other than 101 (clients). A server sees "expect: 100-continue" in the head,
     * and the codec sends 100 by itself on the first http_stream_read (see http_stream_continue).
     */
    void (*on_informational)(struct http_stream *stream, const struct http_head *head, void *ctx);
    /* Body bytes, borrowed until return; may be empty when end is set. */
    void (*on_data)(struct http_stream *stream, struct slice data, bool end, void *ctx);
    /* Trailers; they end the direction. */
    void (*on_trailers)(struct http_stream *stream, const struct http_headers *trailers, void *ctx);
    /* Broken before both directions ended; on_close follows. */
    void (*on_reset)(struct http_stream *stream, enum http_reset reason, void *ctx);
    /* After send_data returned ERR_AGAIN: there is room again. */
    void (*on_writable)(struct http_stream *stream, void *ctx);
    /* The last callback. */
    void (*on_close)(struct http_stream *stream, void *ctx);
};

/* Sets who listens. Servers call it in on_stream. `events` is kept. */
void http_stream_events_set(struct http_stream *stream, const struct http_stream_events *events,
                            void *ctx);
struct arena *http_stream_arena(struct http_stream *stream);
struct loop *http_stream_loop(const struct http_stream *stream);
/* The connection that carries it; NULL for a client's stream that waits for one. */
struct conn *http_stream_conn(const struct http_stream *stream);
enum http_version http_stream_version(const struct http_stream *stream);
/* Servers: the request's head after on_head. Clients: the response's head, NULL before. */
struct http_head *http_stream_head(struct http_stream *stream);
/* Clients: true when it runs on a connection that had carried a request before (so that a reset
 * before any response byte may mean that the peer had closed an idle connection). */
bool http_stream_conn_reused(const struct http_stream *stream);
/* Bytes of body sent and received on this stream, without heads and chunk framing (what access
 * logs count). */
uint64_t http_stream_bytes_sent(const struct http_stream *stream);
uint64_t http_stream_bytes_received(const struct http_stream *stream);

/* The codec adds framing (content-length from head->content_length when >= 0 and not in headers, or
 * chunked), host, and date/server are the caller's. The head is written or copied before return.
 * ERR_INVALID for a second final head. Output is collected and leaves with the first data, or
 * before the loop waits. */
MUST_USE int http_stream_send_head(struct http_stream *stream, const struct http_head *head,
                                   bool end);
/* 0; or ERR_AGAIN (taken, but stop until on_writable); or ERR_CLOSED after a reset. Several pieces
 * go as one. */
MUST_USE int http_stream_send_data(struct http_stream *stream, struct slice data, bool end);
MUST_USE int http_stream_send_trailers(struct http_stream *stream,
                                       const struct http_headers *trailers);
/* Servers: sends 100 Continue now if the request expects it and it was not sent. Reading the body
 * does it by itself. */
void http_stream_continue(struct http_stream *stream);
void http_stream_reset(struct http_stream *stream, enum http_reset reason);
/* Servers, before the response's head: the connection ends after this exchange (HTTP/1; nothing in
 * HTTP/2). */
void http_stream_close_after(struct http_stream *stream);
void http_stream_read_pause(struct http_stream *stream);
void http_stream_read_resume(struct http_stream *stream);

/* --- conveniences for programs that are not proxies --- */

/* Answers whole: status, content-type (NULL: none), body (copied as needed). For servers, in or
 * after on_head. */
void http_stream_respond(struct http_stream *stream, unsigned status, const char *content_type,
                         struct slice body);
/* Collects the rest of the request's (or response's) body up to size_max bytes into the stream's
 * memory, then calls on_body with code 0, or ERR_LIMIT, or ERR_RESET. Call in on_head; replaces the
 * stream's events until then; after on_body the former events are back. */
void http_stream_collect(struct http_stream *stream, size_t size_max,
                         void (*on_body)(struct http_stream *stream, int code, struct slice body,
                                         void *ctx),
                         void *ctx);

#endif
