/* SPDX-License-Identifier: Apache-2.0 */
/* What a server completes in a CustomResourceDefinition: names, conversion, status.
 *
 * Place   the sandbox's API server, before admission
 * Owns    nothing
 * Limits  names are always accepted: that two definitions claim one kind is not looked for
 * Spec    apiextensions.k8s.io/v1; kube-api reference, section 7
 */
#ifndef WEFT_KUBE_OBJECTS_DEFINITION_H
#define WEFT_KUBE_OBJECTS_DEFINITION_H

#include <jansson.h>

#include "base/prelude.h"

/* Fills in listKind, singular, conversion; conditions NamesAccepted and Established (since `now`,
 * RFC 3339, unless they are there), acceptedNames; adds to storedVersions. */
void kube_definition_complete(json_t *object, const char *now);

#endif
