/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by push.c (when) and session.c (one stream).
 */
#ifndef WEFT_CONTROL_PUSH_INT_H
#define WEFT_CONTROL_PUSH_INT_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "control/push.h"
#include "http/grpc.h"
#include "translate/translate.h"
#include "xds/server.h"

struct push {
    struct push_options options;
    struct mesh *mesh;
    uint64_t version; /* of the current snapshot */
    bool started;
    struct list sessions;
    struct map outputs;      /* scope key -> struct translate_output, of the current snapshot */
    struct map shared;       /* shared key -> the part that such outputs stand on */
    struct loop_timer timer; /* the debounce */
    uint64_t first_mark_ms;  /* 0: nothing is marked */
    struct push_counts counts;
};

struct session {
    struct push *push;
    struct list node;
    struct grpc_call *call;
    struct xds_server *server;
    struct arena arena;            /* identity and scope */
    const char *id;                /* node id; NULL before the first request */
    const char *version_text;      /* the Istio API level that it announces */
    const char *weft_version_text; /* NULL: not weft-proxy */
    const char *cluster_id;
    struct translate_scope scope;
    char *key;                       /* of the scope */
    struct translate_output *output; /* what the server reads */
    struct loop_timer timer;         /* a hold ends */
    bool finished;                   /* a status was sent */
};

/* Starts a session on an ADS call; refuses past the limit. */
void session_accept(struct push *push, struct http_stream *stream, bool delta);
/* Gives the session the output of its scope and sends what is due. */
void session_update(struct session *session);
/* Ends it at once, without callbacks. */
void session_free(struct session *session);
/* The output of a scope in the current snapshot, made on first use; NULL when translation fails.
 * Borrowed. */
struct translate_output *push_output(struct push *push, const struct translate_scope *scope,
                                     const char *key);

#endif
