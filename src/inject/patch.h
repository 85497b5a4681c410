/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON patch that turns one tree into another.
 *
 * Place   control/webhook: the answer to the API server
 * Owns    nothing
 * Limits  recursion as deep as the trees (the parser bounds them)
 * Spec    RFC 6902, RFC 6901
 */
#ifndef WEFT_INJECT_PATCH_H
#define WEFT_INJECT_PATCH_H

#include "base/prelude.h"
#include "wire/json.h"

/* A new array of operations (add, remove, replace); empty when the trees are equal. Arrays are
 * compared item by item from the front, so appended items become "add". */
json_t *patch_diff(const json_t *from, const json_t *to);

#endif
