/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schemas: what a CustomResourceDefinition says of its objects, put in force.
 *
 *   openAPIV3Schema (JSON) + object (JSON) --> structural_prune     without unknown fields
 *                                          --> structural_default   with defaults
 *                                          --> structural_check     what is wrong
 *
 * The schema is walked as it stands, without a compiled form: definitions are few and change.
 *
 * Place   the API server, for custom kinds
 * Owns    nothing
 * Limits  64 levels; API_PROBLEMS_MAX causes an object; x-kubernetes-validations (CEL) are accepted
 *         and ignored; $ref is refused, as it is by Kubernetes
 * Spec    apiextensions.k8s.io/v1; the texts are those of kube-api reference, sections 5.3 and 7
 */
#ifndef WEFT_API_STRUCTURAL_H
#define WEFT_API_STRUCTURAL_H

#include <jansson.h>

#include "api/check.h"
#include "base/prelude.h"

/* Takes out of the object what the schema does not know, and tells each path. apiVersion, kind and
 * metadata stay, at the root and in embedded objects. on_unknown may be NULL. */
void structural_prune(const json_t *schema, json_t *object,
                      void (*on_unknown)(const char *path, void *ctx), void *ctx);

/* Puts in defaults of absent fields, in the objects and items that are there. Nulls of fields that
 * are not nullable go first. */
void structural_default(const json_t *schema, json_t *object);

/* Types, values, required fields, sets and maps, embedded objects. Returns the causes told. */
size_t structural_check(const json_t *schema, const json_t *object, api_on_cause *on_cause,
                        void *ctx);

/* Whether the schema itself is structural; `path` is its place in the definition. */
size_t structural_check_schema(const json_t *schema, const char *path, api_on_cause *on_cause,
                               void *ctx);

#endif
