/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes' validation says of built-in kinds beyond their schemas: fields that depend on
 * one another, and what an update may not change.
 *
 * Place   the sandbox's API server, after api_check_causes
 * Owns    nothing
 * Limits  what a Service is given by the server (kube/objects/service.h) needs its other Services
 * Spec    kube-api reference, sections 5.3 and 7
 */
#ifndef WEFT_KUBE_OBJECTS_RULES_H
#define WEFT_KUBE_OBJECTS_RULES_H

#include <jansson.h>

#include "api/check.h"
#include "api/schema.h"
#include "base/err.h"
#include "base/prelude.h"

/* What the place that an object is sent to holds; all borrowed. */
struct kube_envelope {
    const char *group, *api_version, *kind;
};

/* Whether the object says that it is something else: ERR_INVALID, with the sentence of a 400. An
 * absent apiVersion or kind says nothing. Of kinds that are not built in only the version is
 * compared: another kind is a 422 there. */
MUST_USE int kube_rules_check_envelope(const struct kube_envelope *wanted, const json_t *object,
                                       struct error *err);

/* Tells the causes of a 422. `old` is the state before an update, NULL for a new object. */
void kube_rules_check(const struct api_kind *kind, const json_t *object, const json_t *old,
                      api_on_cause *on_cause, void *ctx);

#endif
