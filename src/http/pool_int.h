/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a pool, for the codecs' client roles.
 *
 * Place   http/pool.c, h1_client.c, h2_conn.c only
 */
#ifndef WEFT_HTTP_POOL_INT_H
#define WEFT_HTTP_POOL_INT_H

#include "http/client.h"
#include "http/stream_int.h"

struct h1_conn;
struct h2_conn;

struct http_pool {
    struct loop *loop;
    struct http_pool_options options; /* defaults filled in; server_name is ours */
    struct list connecting;           /* struct pool_connect */
    struct list h1_idle;              /* struct h1_conn, the last used first */
    struct list h1_busy;
    struct list h2_conns; /* struct h2_conn */
    struct list pending;  /* struct http_stream, first come first */
    size_t pending_count;
    size_t connecting_count;
    size_t conn_count;  /* connecting, h1 and h2 */
    struct list ending; /* struct http_stream, reset while it waited */
    bool draining;
    bool dead;      /* freed; the memory goes with free_task */
    bool speaks_h2; /* what the last connection negotiated */
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    struct loop_task task; /* opens connections, ends streams, tells of the drain */
    struct loop_task free_task;
    struct http_cache cache;
};

/* --- what codecs tell --- */

/* An h1 connection can take a stream: it gets a waiting one, or becomes idle, or closes. */
void pool_h1_ready(struct http_pool *pool, struct h1_conn *conn);
/* A connection is off its list. */
void pool_conn_gone(struct http_pool *pool, int code);
/* An h2 connection has room for streams (again). */
void pool_h2_ready(struct http_pool *pool);

/* --- h1_client.c --- */

/* Takes `io`, which is connected. */
struct h1_conn *h1_client_open(struct http_pool *pool, struct conn *io);
/* The stream goes over this idle connection. */
void h1_client_attach(struct h1_conn *conn, struct http_stream *stream);
/* Closes when it is idle, else after its stream. */
void h1_client_drain(struct h1_conn *conn);

#endif
