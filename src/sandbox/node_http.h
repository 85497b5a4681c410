/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's HTTP interface for the API server, on INSTANCE/run/node.sock:
 *
 *   GET /containerLogs/NS/POD/CONTAINER?follow&previous&timestamps&tailLines&sinceSeconds&sinceTime
 *       &limitBytes                                     text/plain
 *   GET /exec/NS/POD/CONTAINER?command=A&command=B&stdin&stdout&stderr&tty   WebSocket,
 *       v5.channel.k8s.io or v4: first byte of a message is the channel
 *   GET /attach/NS/POD/CONTAINER?stdin                  as exec
 *   GET /healthz
 *
 * Refusals are a text with status 400, 404 or 501.
 *
 * Place   node.c opens it; node_log.c and node_exec.c serve the streams
 */
#ifndef WEFT_SANDBOX_NODE_HTTP_H
#define WEFT_SANDBOX_NODE_HTTP_H

#include "http/stream.h"
#include "sandbox/node_int.h"

struct node_http;

MUST_USE int node_http_new(struct node *node, struct node_http **ret, struct error *err);
/* NULL is fine. */
void node_http_free(struct node_http *http);

/* Answers with a text. */
void node_http_refuse(struct http_stream *stream, unsigned status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Serve a stream whose head came; they set its events. The pod may go meanwhile: they name it by
 * uid. */
void node_log_serve(struct node *node, struct http_stream *stream, struct node_container *container,
                    struct slice query);
void node_exec_serve(struct node *node, struct http_stream *stream,
                     struct node_container *container, struct slice query);
void node_attach_serve(struct node *node, struct http_stream *stream,
                       struct node_container *container, struct slice query);

#endif
