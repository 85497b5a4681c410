/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of requests for other clusters (Istio's mirror, Envoy's shadow): sent along with the
 * original, answered to nobody.
 *
 *   client ---body---> request ---by reference---> upstream of the route
 *                         `-------by reference---> upstream of the copy (a struct mirror)
 *
 * The original never waits for a copy: what a slow upstream does not take is kept up to a bound,
 * beyond it the copy is cut and counted (rq_mirror_dropped). A copy whose body is complete lives on
 * after its request, until it is answered or its time is over.
 *
 * Place   router.c starts them and hands over body and end; worker.c ends them with itself
 * Owns    the copy's head, its stream, what it holds back, a hold on its host
 * Limits  MIRRORS_MAX a worker, MIRROR_PENDING_MAX bytes held back, the route's time-out or, where
 *         there is none, MIRROR_TIME_MAX_MS; ROUTE_MIRRORS_MAX copies of one request
 * Threads the worker's
 */
#ifndef WEFT_PROXY_MIRROR_H
#define WEFT_PROXY_MIRROR_H

#include "base/prelude.h"
#include "base/slice.h"
#include "http/head.h"

struct request;
struct worker;

enum { MIRRORS_MAX = 1024, MIRROR_PENDING_MAX = 1 << 20, MIRROR_TIME_MAX_MS = 300000 };

/* Starts the copies that the route's policies draw. `authority` is the request's before its host
 * was chosen. */
void mirror_start(struct request *request, struct slice authority);
/* The next piece of the body; `data` is borrowed. */
void mirror_data(struct request *request, struct slice data, bool end);
void mirror_trailers(struct request *request, const struct http_headers *trailers);
/* The request is over: copies that have not all of it are cut. */
void mirror_release(struct request *request);
/* "host-shadow", with the port behind it as it was. */
struct slice mirror_host(struct slice authority, struct arena *arena);
void mirror_close_all(struct worker *worker);

#endif
