/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 connections: see h2_conn.h. Not there yet: such a connection is closed. */
#include "http/h2_conn.h"

#include "base/mem.h"
#include "http/pool_int.h"
#include "http/server_int.h"

struct h2_conn {
    struct list node;
};

void h2_server_open(struct http_server *server, struct conn *io, struct slice seen)
{
    (void)seen;
    conn_close(io);
    server_conn_gone(server);
}

void h2_client_open(struct http_pool *pool, struct conn *io)
{
    conn_close(io);
    pool_conn_gone(pool, ERR_UNSUPPORTED);
}

bool h2_client_has_room(const struct h2_conn *conn)
{
    (void)conn;
    return false;
}

void h2_client_attach(struct h2_conn *conn, struct http_stream *stream)
{
    (void)conn;
    (void)stream;
}

struct h2_conn *h2_conn_of(struct list *node)
{
    return CONTAINER_OF(node, struct h2_conn, node);
}

size_t h2_conn_stream_count(const struct h2_conn *conn)
{
    (void)conn;
    return 0;
}

void h2_conn_drain(struct h2_conn *conn)
{
    (void)conn;
}

void h2_conn_orphan(struct h2_conn *conn)
{
    (void)conn;
}
