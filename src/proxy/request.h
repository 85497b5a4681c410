/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request on its way through the proxy.
 *
 *   down (client's stream) --- struct request --- up (the attempt's stream, or NULL)
 *
 * hcm.c makes and ends it and owns the client's side; router.c owns attempts. Both see its body.
 *
 * Place   in the arena of the client's stream
 * Owns    the replay buffer, timers, a hold on the generation and on the host of the attempt
 * Limits  REQUEST_REPLAY_MAX bytes of body kept for retries
 */
#ifndef WEFT_PROXY_REQUEST_H
#define WEFT_PROXY_REQUEST_H

#include "base/buf.h"
#include "base/list.h"
#include "base/prelude.h"
#include "http/stream.h"
#include "proxy/hcm.h"
#include "proxy/info.h"
#include "proxy/upstream.h"

enum { REQUEST_REPLAY_MAX = 1 << 20, REQUEST_TRIED_MAX = 8, REQUEST_GRPC_BY_STATUS = -1 };

struct mirror;

struct request {
    struct list node; /* in worker->requests */
    struct hcm *hcm;
    struct worker *worker;
    struct http_stream *down; /* NULL after its end */
    struct http_stream *up;   /* NULL: no attempt runs */
    struct http_head *head;   /* as it goes upstream */
    struct arena *arena;
    struct info info;
    struct worker_gen *gen;
    uint64_t random; /* decides fractions and weights of this request */

    /* the route */
    const struct route_table *table;
    const struct route_host *host;
    const struct route *route;
    const struct route_target *target;

    /* filters that concern it; those before filter_at were run */
    struct filter_run *filters;
    size_t filter_count;
    size_t filter_at;

    /* its copies: an entry is NULL when its copy has ended; NULL: none were made */
    struct mirror **mirrors;

    /* attempts */
    struct upstream_cluster *cluster;
    struct upstream_host *endpoint;                 /* held */
    struct upstream_host *tried[REQUEST_TRIED_MAX]; /* only compared, never followed */
    size_t tried_count;
    uint64_t attempt_ms; /* start of the attempt */
    uint64_t hash;
    bool hashed;
    struct slice set_cookie; /* for the response: a cookie that a hash policy made; or empty */
    struct buf replay;
    struct loop_timer route_timer;
    struct loop_timer try_timer;
    struct loop_timer backoff_timer;
    uint64_t active_ms; /* last sign of life */

    int reply_grpc_status; /* of replies to gRPC callers; or REQUEST_GRPC_BY_STATUS */
    bool request_ended;
    bool request_has_body;
    bool replayable; /* all of the body so far is in `replay` */
    bool response_started;
    bool response_ended;
    bool counted;       /* in the cluster's active requests */
    bool retry_counted; /* in the cluster's active retries */
    bool down_paused;   /* we stopped reading the client */
    bool tunnel;        /* upgraded */
    bool bare;          /* a filter's answer without the route's response operations */
    bool finished;
};

/* --- hcm.c --- */

/* Answers by ourselves. `details` must outlive the request (static or in its arena). */
void request_reply(struct request *request, unsigned status, uint32_t flags, struct slice details,
                   struct slice body);
/* A filter's answer that is a head alone, without the route's operations; `head` is changed. */
void request_reply_head(struct request *request, struct http_head *head, struct slice details);
/* The filters are done with it: does what the route says. */
void request_follow(struct request *request);
/* Stops and resumes reading the client. */
void request_read_pause(struct request *request);
void request_read_resume(struct request *request);
/* Sends the response's head downstream after our header rules; `from` is changed. */
void request_send_response(struct request *request, struct http_head *from, bool end,
                           bool from_upstream);
/* The client's stream breaks off. */
void request_abort(struct request *request, uint32_t flags, struct slice details);

/* --- router.c --- */

/* The route says forward: chooses the cluster and starts the first attempt. */
void router_start(struct request *request);
/* Body, end and trailers of the request. */
void router_data(struct request *request, struct slice data, bool end);
void router_trailers(struct request *request, const struct http_headers *trailers);
/* The client's stream takes data again. */
void router_resume(struct request *request);
/* The request is over, or the client went away: ends the attempt and frees what it holds. */
void router_stop(struct request *request);

#endif
