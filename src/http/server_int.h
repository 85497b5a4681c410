/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a server, for the codecs' server roles.
 *
 * Place   http/server.c, h1_server.c, h2_conn.c only
 */
#ifndef WEFT_HTTP_SERVER_INT_H
#define WEFT_HTTP_SERVER_INT_H

#include "http/server.h"
#include "http/stream_int.h"

struct http_server {
    struct loop *loop;
    struct http_server_options options; /* limits filled in */
    void (*on_stream)(struct http_stream *stream, void *ctx);
    void *ctx;
    struct list listeners; /* struct server_listener */
    struct list detecting; /* struct server_detect */
    struct list h1_conns;  /* struct h1_conn */
    struct list h2_conns;  /* struct h2_conn */
    size_t conn_count;
    bool draining;
    struct loop_task free_task; /* callbacks may be on the stack when the user frees */
    struct http_cache cache;
};

void http_server_on_free(void *ctx);

/* A connection is off its list. */
void server_conn_gone(struct http_server *server);

/* h1_server.c. Takes `io`; `seen` was read from it before. */
void h1_server_open(struct http_server *server, struct conn *io, struct slice seen);
struct h1_conn;
void h1_server_drain(struct h1_conn *conn);

#endif
