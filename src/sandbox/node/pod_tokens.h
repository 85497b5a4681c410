/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's service account tokens, one an audience: asked for when first wanted, bound to the pod,
 * and renewed when four fifths of their time are over.
 *
 * Place   who runs pods; kube/pod_volume wants them for its files
 * Owns    the calls that run, the timers and the texts
 * Limits  POD_TOKENS_MAX audiences a pod; a token lives a minute at least; after a failure it is
 *         asked for again a second later
 * Threads the loop's
 * Spec    authentication.k8s.io/v1 TokenRequest
 */
#ifndef WEFT_SANDBOX_NODE_POD_TOKENS_H
#define WEFT_SANDBOX_NODE_POD_TOKENS_H

#include "base/prelude.h"
#include "kube/client.h"
#include "wire/json.h"

enum { POD_TOKENS_MAX = 16 };

struct pod_tokens;

/* Calls go by `client` (kept; NULL: none are made). on_change runs when a token came, for the first
 * time or anew. `pod` is the object: a reference is kept. */
struct pod_tokens *pod_tokens_new(struct kube_client *client, json_t *pod,
                                  void (*on_change)(void *ctx), void *ctx);
/* NULL is fine. on_change does not run any more. */
void pod_tokens_free(struct pod_tokens *tokens);
/* The token for an audience ("": the API server's), borrowed until the next turn of the loop; NULL
 * while it is not there yet: then it is asked for. A pod_volume_token with the struct as ctx. */
const char *pod_tokens_get(const char *audience, int64_t expiration_s, void *tokens);

#endif
