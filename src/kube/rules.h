/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes' validation says of built-in kinds beyond their schemas: fields that depend on
 * one another, and what an update may not change.
 *
 * Place   the sandbox's API server, after api_check_causes
 * Owns    nothing
 * Limits  Services are the API server's own business, since they need its other Services
 * Spec    kube-api reference, sections 5.3 and 7
 */
#ifndef WEFT_KUBE_RULES_H
#define WEFT_KUBE_RULES_H

#include <jansson.h>

#include "api/check.h"
#include "api/schema.h"
#include "base/prelude.h"

/* Tells the causes of a 422. `old` is the state before an update, NULL for a new object. */
void kube_rules_check(const struct api_kind *kind, const json_t *object, const json_t *old,
                      api_on_cause *on_cause, void *ctx);

#endif
