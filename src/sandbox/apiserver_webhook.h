/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an admission webhook: address, TLS, AdmissionReview, answer.
 *
 * Place   apiserver_admission.c
 * Owns    the call on its way; connections are pooled by address and CA in the server
 * Limits  APISERVER_WEBHOOK_POOLS_MAX pools; an answer of 8 MiB
 */
#ifndef WEFT_SANDBOX_APISERVER_WEBHOOK_H
#define WEFT_SANDBOX_APISERVER_WEBHOOK_H

#include "sandbox/apiserver_int.h"

enum { APISERVER_WEBHOOK_POOLS_MAX = 16 };

struct apiserver_webhook;

/* `kind`: the version in which the webhook sees the object. `on_done` runs once, never within this
 * call: with the `response` of the review (borrowed), or NULL and why. Its ctx is the call. The
 * error's reason says why it cannot be called. */
MUST_USE int apiserver_webhook_start(struct apiserver_call *call, const json_t *webhook,
                                     const struct kind *kind, const char *operation,
                                     void (*on_done)(const json_t *response, const char *why,
                                                     void *ctx),
                                     struct apiserver_webhook **ret, struct error *err);
/* After this on_done never runs. NULL is fine. */
void apiserver_webhook_cancel(struct apiserver_webhook *webhook);
/* Closes the pools of a server. */
void apiserver_webhook_pools_free(struct sandbox_apiserver *server);

#endif
