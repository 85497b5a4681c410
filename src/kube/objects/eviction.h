/* SPDX-License-Identifier: Apache-2.0 */
/* Evictions: a pod that serves costs its PodDisruptionBudget one disruption.
 *
 * Place   an API server's eviction subresource
 * Owns    nothing
 * Spec    policy/v1 PodDisruptionBudget, Eviction
 */
#ifndef WEFT_KUBE_OBJECTS_EVICTION_H
#define WEFT_KUBE_OBJECTS_EVICTION_H

#include <jansson.h>

#include "base/err.h"
#include "base/prelude.h"

/* Whether the budget (of the pod's namespace) is for the pod. */
bool kube_eviction_counts(const json_t *budget, const json_t *pod);
/* The budget after an eviction of the pod: a fresh tree, or NULL for a pod that costs nothing (it
 * is not running, or goes already). ERR_DENIED with the cause when no disruption is left. */
MUST_USE int kube_eviction_spend(const json_t *budget, const json_t *pod, int64_t now_ms,
                                 json_t **ret, struct error *err);

#endif
