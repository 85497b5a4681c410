/* SPDX-License-Identifier: Apache-2.0 */
/* What a matched route does: forward, redirect, answer; with retries, faults, mirrors, headers.
 *
 * Place   http.c calls action.c; action.c calls extras.c
 */
#ifndef WEFT_TRANSLATE_ACTION_H
#define WEFT_TRANSLATE_ACTION_H

#include "translate/translate_int.h"
#include "xds/pb/route.h"

struct action_context {
    struct translator *translator;
    const struct api_http_route *from;
    const char *namespace; /* where short host names resolve */
    uint32_t port;         /* of the listener */
};

/* Fills action, headers and per-filter configuration; the match is there already. */
void action_fill(const struct action_context *context, struct pb_route *route);
/* Forwards all to the service's port. */
void action_fill_default(struct translator *translator, const struct mesh_service *service,
                         uint32_t port, struct pb_route *route);
/* Forwards all to a cluster, without time limit or retries. */
void action_fill_cluster(struct arena *arena, const char *cluster, struct pb_route *route);

/* extras.c */
/* The policy of the route, of the mesh (config->retry) or Istio's default; NULL when retries are
 * off. hashed: the balancer
 * picks by hash, so another endpoint would never be found. */
struct pb_retry_policy *extras_retry(const struct translator *translator,
                                     const struct api_http_retry *from, bool hashed);
void extras_mirrors(const struct action_context *context, struct pb_route_action *action);
void extras_fault(struct arena *arena, const struct api_http_fault_injection *from,
                  struct pb_route *route);
void extras_cors(struct arena *arena, const struct api_cors_policy *from, struct pb_route *route);
/* True when the balancer of the destination picks by hash; appends the hash policy. */
bool extras_hash(const struct action_context *context, const struct api_destination *destination,
                 struct pb_route_action *action);

#endif
