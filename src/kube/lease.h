/* SPDX-License-Identifier: Apache-2.0 */
/* A Lease that is held as long as this process lives: of several that want one, one has it.
 *
 *   absent, or given up, or not renewed for its duration --> take it: held
 *   held by this one --> renewed every third of the duration; not renewed in time --> held no more
 *
 * Place   weftd: who of several writes statuses; the sandbox's node: a sign of life
 * Owns    its calls and its timer; the Lease outlives it, another one waits for its duration
 * Limits  a duration is watched on this machine's clock: those of the others are not asked
 * Spec    Kubernetes coordination.k8s.io/v1 Lease, used as client libraries use it
 */
#ifndef WEFT_KUBE_LEASE_H
#define WEFT_KUBE_LEASE_H

#include "base/prelude.h"
#include "kube/client.h"

struct lease;

/* Texts are copied. */
struct lease_options {
    struct kube_client *client;
    const char *ns;
    const char *name;     /* of the Lease */
    const char *identity; /* of this holder, unlike all others */
    uint32_t duration_ms; /* whole seconds in the Lease, at least one */
    /* NULL: nobody contends for it, so it does not say since when it is held */
    void (*on_change)(bool is_held, void *ctx);
    void *ctx;
};

/* Starts at once; on_change never runs within this call. */
struct lease *lease_new(const struct lease_options *options);
/* NULL is fine. */
void lease_free(struct lease *lease);
bool lease_is_held(const struct lease *lease);

#endif
