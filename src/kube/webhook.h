/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of webhooks: where an entry of a webhook configuration says they are, over HTTPS, with a
 * review (admission.k8s.io, apiextensions.k8s.io) as the body and as the answer.
 *
 *   url       https://host:port/path: an IP address, or localhost
 *   service   an address that the caller finds for it; the certificate must be for NAME.NS.svc
 *
 * A pooled connection may have died with the server behind it, so a broken call is made once more.
 *
 * Place   an API server's admission
 * Owns    connections, pooled by address, name and CA; calls on their way
 * Limits  KUBE_WEBHOOK_POOLS_MAX pools in use at once are kept; an answer of 8 MiB; host names in
 *         URLs are not looked up
 * Spec    admissionregistration.k8s.io/v1 WebhookClientConfig; kube-api reference, section 7
 */
#ifndef WEFT_KUBE_WEBHOOK_H
#define WEFT_KUBE_WEBHOOK_H

#include <jansson.h>

#include "base/err.h"
#include "base/prelude.h"
#include "io/addr.h"
#include "io/loop.h"

enum { KUBE_WEBHOOK_POOLS_MAX = 16 };

struct kube_webhooks;
struct kube_webhook;

/* Finds a ready address behind a Service's port. The error says why there is none. */
typedef int kube_webhook_find(const char *ns, const char *name, int64_t port, struct addr *ret,
                              struct error *err, void *ctx);

/* Never NULL. */
struct kube_webhooks *kube_webhooks_new(struct loop *loop, kube_webhook_find *find, void *ctx);
/* Calls must be gone. NULL is fine. */
void kube_webhooks_free(struct kube_webhooks *webhooks);

/* Sends `review` (borrowed) to where `webhook`, an entry of a configuration, says. `on_done` runs
 * once, never within this call: with the `response` of the answer (borrowed), which repeats the
 * request's uid, or NULL and why. The error's reason says why it cannot be called at all. */
MUST_USE int kube_webhook_start(struct kube_webhooks *webhooks, const json_t *webhook,
                                const json_t *review,
                                void (*on_done)(const json_t *response, const char *why, void *ctx),
                                void *ctx, struct kube_webhook **ret, struct error *err);
/* After this on_done never runs. NULL is fine; not after on_done ran. */
void kube_webhook_cancel(struct kube_webhook *call);

#endif
