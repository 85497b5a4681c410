/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of built-in kinds that depend on other fields, so that api_default cannot know them:
 * pull policies by tag, requests from limits, bounds of rolling updates, a Secret's stringData,
 * ports and policies of a Service.
 *
 * Place   the sandbox's API server, after api_default
 * Owns    nothing
 */
#ifndef WEFT_KUBE_OBJECTS_DEFAULTS_H
#define WEFT_KUBE_OBJECTS_DEFAULTS_H

#include <jansson.h>

#include "api/schema.h"
#include "base/prelude.h"

void kube_defaults_set(const struct api_kind *kind, json_t *object);
/* The quality-of-service class of a pod's spec: "BestEffort", "Burstable" or "Guaranteed". */
const char *kube_defaults_qos(const json_t *spec);

#endif
