/* SPDX-License-Identifier: Apache-2.0 */
/* The three patches of the API: JSON patch, merge patch, strategic merge patch. Pure functions.
 *
 * Place   PATCH requests, and the JSON patches that admission webhooks return
 * Owns    nothing; `target` is changed in place, half of a failed patch may be in it
 * Limits  10,000 operations; paths of 64 steps
 * Spec    RFC 6902 and 6901, RFC 7386, Kubernetes "Strategic Merge Patch"
 */
#ifndef WEFT_KUBE_OBJECTS_PATCH_H
#define WEFT_KUBE_OBJECTS_PATCH_H

#include "api/schema.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { KUBE_PATCH_OPS_MAX = 10000, KUBE_PATCH_STEPS_MAX = 64 };

/* RFC 6902. `*target` may be replaced (path ""). ERR_INVALID: the patch is malformed; ERR_CONFLICT:
 * it does not apply (a failed test, a missing path); ERR_LIMIT: too many operations. */
MUST_USE int kube_patch_json(json_t **target, const json_t *patch, struct error *err);
/* RFC 7386 on objects. */
void kube_patch_merge(json_t *target, const json_t *patch);
/* Lists are merged by the keys of `schema` (NULL: unknown, lists are replaced); directives $patch,
 * $retainKeys, $setElementOrder/NAME and $deleteFromPrimitiveList/NAME. ERR_INVALID when a list
 * item lacks its merge key. */
MUST_USE int kube_patch_strategic(json_t *target, const json_t *patch,
                                  const struct api_schema *schema, struct error *err);

#endif
