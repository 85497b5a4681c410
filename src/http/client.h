/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP clients: a pool of connections to one address, and whole fetches by URL on top.
 *
 * Place   proxy/upstream (one pool per endpoint, transport identity and codec, per worker), kube
 * client, xDS client, CLI Owns    its connections and the queue of streams that wait for one Limits
 * conns_max, pending_max, streams per connection; over them a stream is reset with
 * HTTP_RESET_OVERFLOW
 */
#ifndef WEFT_HTTP_CLIENT_H
#define WEFT_HTTP_CLIENT_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/server.h"
#include "http/stream.h"
#include "io/loop.h"
#include "io/tls.h"

#include <stdatomic.h>

struct http_pool;

/* What several pools may have together: theirs are counted here, and conns_max and pending_max
 * bound the sums. Any thread. */
struct http_pool_budget {
    _Atomic int64_t conns;
    _Atomic int64_t pending;
};

struct http_pool_options {
    struct addr addr;
    enum http_codec
        codec; /* AUTO: HTTP/2 when ALPN says so, else HTTP/1.1; HTTP2 on plain: prior knowledge */
    const struct tls_config *tls; /* kept (referenced); NULL: plain */
    const char *server_name;      /* SNI, name to verify; copied */
    struct http_limits limits;
    uint64_t connect_timeout_ms; /* 0: 10,000 */
    size_t conns_max;            /* 0: 1,024 */
    size_t pending_max;          /* streams waiting for a connection; 0: 1,024 */
    /* NULL: the bounds are the pool's own. Else kept; a pool without a connection may still open
     * one, so that none starves. */
    struct http_pool_budget *budget;
    size_t requests_per_conn_max;  /* 0: no bound; 1: no keep-alive */
    uint64_t conn_duration_max_ms; /* no new call on an older connection; 0: no bound */
    unsigned ping_interval_ms;     /* HTTP/2 keep-alive pings; 0: none */
    unsigned mark;                 /* SO_MARK of its sockets; 0: none */
    struct addr bind_addr;         /* source address; len 0: any */
    struct conn_keepalive keepalive;
    /* Told of each connection's start (+1) and end (-1), and failures, for statistics and outlier
     * detection. May be NULL. */
    void (*on_conn)(int change, int code, void *ctx);
    void *ctx;
};

MUST_USE int http_pool_new(struct loop *loop, const struct http_pool_options *options,
                           struct http_pool **ret);
/* Starts a call: takes an idle connection, or opens one, or waits. Send the request right away with
 * http_stream_send_head: while no connection is there, head and data are kept (data up to the high
 * watermark). */
MUST_USE int http_pool_stream(struct http_pool *pool, const struct http_stream_events *events,
                              void *ctx, struct http_stream **ret);
bool http_pool_is_tls(const struct http_pool *pool);
/* What Host and :authority are when nobody says otherwise: the server name, or the address;
 * "localhost" for Unix sockets. Returns out (ADDR_TEXT_SIZE) or the pool's own. */
const char *http_pool_authority(const struct http_pool *pool, char *out);
size_t http_pool_conn_count(const struct http_pool *pool);
size_t http_pool_stream_count(const struct http_pool *pool); /* active and pending */
/* Idle connections close now; the others after their streams; then on_drained(ctx) (may be NULL;
 * never within the call). */
void http_pool_drain(struct http_pool *pool, void (*on_drained)(void *ctx), void *ctx);
/* Resets all streams (on_reset CONN_TERMINATED, on_close) and closes. NULL is fine. */
void http_pool_free(struct http_pool *pool);

/* --- whole fetches --- */

struct http_fetch;

struct http_fetch_request {
    const char *method;    /* NULL: GET */
    const char *path;      /* with query: "/healthz" */
    const char *authority; /* NULL: the pool's address */
    const struct http_header *headers;
    size_t header_count;
    struct slice body;        /* copied */
    size_t response_size_max; /* 0: 64 MiB */
    uint64_t timeout_ms;      /* 0: 30,000 */
};

struct http_fetch_result {
    int code;                     /* 0, or an ERR_ code when no whole response came */
    const char *reason;           /* text for code */
    const struct http_head *head; /* NULL when code is set */
    struct slice body;
};

/* `on_done` runs once, never within this call; the result is borrowed until it returns. */
MUST_USE int http_fetch_start(struct http_pool *pool, const struct http_fetch_request *request,
                              void (*on_done)(const struct http_fetch_result *result, void *ctx),
                              void *ctx, struct http_fetch **ret);
/* After this on_done never runs. NULL is fine; not after on_done ran. */
void http_fetch_cancel(struct http_fetch *fetch);

#endif
