/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/2 connection, server's or client's, on nghttp2.
 *
 *   readable -> loop scratch -> nghttp2 -> h2_events.c -> streams' events
 *   streams' calls (h2_stream.c) -> nghttp2 -> task (before the loop waits) -> out -> socket
 *
 * What a user calls runs no callback of that user: what follows from it happens in the task.
 *
 * Place   server.c and pool.c own it; inside http/ only
 * Owns    the io connection, the nghttp2 session, its streams
 * Limits  struct http_limits; H2_CALM_BURST control frames at once and H2_CALM_RATE a second
 *         (resets, pings, settings, priorities, empty data), then ENHANCE_YOUR_CALM
 * Spec    RFC 9113, RFC 8441 (extended CONNECT)
 */
#ifndef WEFT_HTTP_H2_CONN_H
#define WEFT_HTTP_H2_CONN_H

#include "http/stream_int.h"
#include "io/conn.h"

struct h2_conn;
struct http_server;
struct http_pool;

/* Takes `io`, whose first bytes `seen` were read already. */
void h2_server_open(struct http_server *server, struct conn *io, struct slice seen);
/* Takes `io`, which is connected; waiting streams of the pool are attached at once. */
void h2_client_open(struct http_pool *pool, struct conn *io);
/* Whether another stream may be attached now. */
bool h2_client_has_room(const struct h2_conn *conn);
void h2_client_attach(struct h2_conn *conn, struct http_stream *stream);
size_t h2_conn_stream_count(const struct h2_conn *conn);
/* GOAWAY; closes after the streams under way. */
void h2_conn_drain(struct h2_conn *conn);
/* The owner goes: streams are reset and told, the connection closes, the owner hears nothing. */
void h2_conn_orphan(struct h2_conn *conn);
/* The connection whose list node (of server->h2_conns or pool->h2_conns) this is. */
struct h2_conn *h2_conn_of(struct list *node);

#endif
