/* SPDX-License-Identifier: Apache-2.0 */
/* Of several weftds one leads: it alone writes statuses.
 *
 *   Lease absent, or given up, or not renewed for its duration --> take it: leads
 *   held by this one --> renewed every third of the duration; not renewed in time --> leads no more
 *
 * Place   weftd; status and ingress_status write while it leads
 * Owns    its calls and its timer; the Lease outlives it, another one waits for its duration
 * Limits  a duration is watched on this machine's clock: those of the others are not asked
 * Spec    Kubernetes coordination.k8s.io/v1 Lease, used as client libraries use it
 */
#ifndef WEFT_CONTROL_LEADER_H
#define WEFT_CONTROL_LEADER_H

#include "base/prelude.h"
#include "kube/client.h"

struct leader;

/* Texts are copied. */
struct leader_options {
    struct kube_client *client;
    const char *ns;
    const char *name;     /* of the Lease */
    const char *identity; /* of this process, unlike all others */
    uint32_t duration_ms; /* whole seconds in the Lease, at least one */
    void (*on_change)(bool leads, void *ctx);
    void *ctx;
};

/* Starts at once; on_change never runs within this call. */
struct leader *leader_new(const struct leader_options *options);
/* NULL is fine. */
void leader_free(struct leader *leader);
bool leader_leads(const struct leader *leader);

#endif
