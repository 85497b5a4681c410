/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/2 connection, server's or client's, on a wire/h2 session.
 *
 * Place   made by http/server.c and http/pool.c
 */
#ifndef WEFT_HTTP_H2_CONN_H
#define WEFT_HTTP_H2_CONN_H

#include "http/stream_int.h"
#include "io/conn.h"

struct h2_conn;
struct http_server;
struct http_pool;

/* Take `io`; `seen` was read from it before. */
void h2_server_open(struct http_server *server, struct conn *io, struct slice seen);
void h2_client_open(struct http_pool *pool, struct conn *io);
/* Whether the connection takes another stream now. */
bool h2_client_has_room(const struct h2_conn *conn);
void h2_client_attach(struct h2_conn *conn, struct http_stream *stream);

struct h2_conn *h2_conn_of(struct list *node);
size_t h2_conn_stream_count(const struct h2_conn *conn);
/* GOAWAY; closes after its streams. */
void h2_conn_drain(struct h2_conn *conn);
/* The owner goes. */
void h2_conn_orphan(struct h2_conn *conn);

#endif
