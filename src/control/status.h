/* SPDX-License-Identifier: Apache-2.0 */
/* Status conditions: what is wrong with an object is said at the object, and once in the log.
 *
 * Place   weftd, after each new snapshot
 * Owns    its writer and what it logged
 * Spec    Istio: condition PassedAnalysis, status.validationMessages, status.observedGeneration
 */
#ifndef WEFT_CONTROL_STATUS_H
#define WEFT_CONTROL_STATUS_H

#include "base/prelude.h"
#include "control/source.h"
#include "model/mesh.h"

struct status;

/* `client` NULL (a folder): logs only. `source` is kept. */
struct status *status_new(struct kube_client *client, const struct source *source);
/* NULL is fine. */
void status_free(struct status *status);
/* Whether this process is the one that writes; at first it is not. */
void status_lead(struct status *status, bool leads);
/* The newest snapshot (a reference is taken). */
void status_update(struct status *status, struct mesh *mesh);

#endif
