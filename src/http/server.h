/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server: takes connections, tells HTTP/1.1 from HTTP/2 (ALPN, or the preface), yields
 * streams.
 *
 * Place   proxy/listen (HTTP connection manager), admin, API server, weftd's webhook and xDS ports,
 * samples Owns    its connections Limits  struct http_limits; everything beyond is answered 431,
 * 413-free (bodies are the user's), or closed Spec    RFC 9110, 9112, 9113; smuggling rules of docs
 * (reject CL+TE, bad chunk sizes, bare CR, obs-fold ...)
 */
#ifndef WEFT_HTTP_SERVER_H
#define WEFT_HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"
#include "io/loop.h"
#include "io/tls.h"

/* 0 means the default in brackets. */
struct http_limits {
    size_t head_size_max;         /* bytes of one head [61,440] */
    unsigned header_count_max;    /* [100] */
    unsigned streams_max;         /* concurrent per HTTP/2 connection [128] */
    unsigned requests_per_conn;   /* [unbounded] */
    uint64_t idle_timeout_ms;     /* connection without streams [3,600,000] */
    uint64_t head_timeout_ms;     /* from first byte to a whole head [60,000] */
    size_t output_high_watermark; /* bytes kept for a slow reader before ERR_AGAIN [262,144] */
};

enum http_codec { HTTP_CODEC_AUTO, HTTP_CODEC_HTTP1, HTTP_CODEC_HTTP2 };

struct http_server_options {
    enum http_codec codec;
    struct http_limits limits;
    const struct tls_config *tls; /* kept (referenced); NULL: plain */
    size_t conns_max;     /* open connections [unbounded]; beyond, new ones are closed at once */
    bool http10_accepted; /* HTTP/1.0 requests are served; else 426 as Envoy does */
    /* A request was so malformed that no stream came of it and it is answered `status`: may append
     * header lines ("server: x\r\n"), and count. ctx is on_stream's. NULL: nothing. HTTP/1 only. */
    void (*on_refusal)(unsigned status, struct buf *head, void *ctx);
};

struct http_server;

/* `on_stream` runs for each request when its head is complete, before on_head: it must call
 * http_stream_events_set. */
MUST_USE int http_server_new(struct loop *loop, const struct http_server_options *options,
                             void (*on_stream)(struct http_stream *stream, void *ctx), void *ctx,
                             struct http_server **ret);
/* Binds an address and accepts there (may be called for several). *ret_addr (may be NULL) gets the
 * bound address. */
MUST_USE int http_server_listen(struct http_server *server, const struct addr *addr,
                                struct addr *ret_addr, struct error *err);
/* Takes an accepted descriptor (closed on failure too). */
MUST_USE int http_server_adopt_fd(struct http_server *server, int fd);
/* Takes a connection whose protocol somebody already looked at; `seen` are bytes read from it so
 * far (copied). */
MUST_USE int http_server_adopt_conn(struct http_server *server, struct conn *conn,
                                    struct slice seen);
/* Stops listening; idle connections close, busy ones get "connection: close" or GOAWAY and close
 * after their streams. */
void http_server_drain(struct http_server *server);
/* The gentle way: connections stay until their next response, which says "connection: close"
 * (HTTP/2: GOAWAY now). Idle ones stay: call http_server_drain some seconds later. */
void http_server_retire(struct http_server *server);
size_t http_server_conn_count(const struct http_server *server);
size_t http_server_stream_count(const struct http_server *server);
/* Closes everything at once. NULL is fine. */
void http_server_free(struct http_server *server);

#endif
