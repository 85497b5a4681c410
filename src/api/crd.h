/* SPDX-License-Identifier: Apache-2.0 */
/* A kind's CustomResourceDefinition, made from its tables.
 *
 * Place   `weft install`, `weft manifest generate`
 * Owns    nothing
 */
#ifndef WEFT_API_CRD_H
#define WEFT_API_CRD_H

#include <jansson.h>

#include "api/schema.h"
#include "base/prelude.h"

/* apiextensions.k8s.io/v1 CustomResourceDefinition with all versions and structural schemas. Only
 * for kinds with API_KIND_CRD. The caller owns the reference. */
json_t *api_crd_new(const struct api_kind *kind);

#endif
