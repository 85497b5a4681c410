/* SPDX-License-Identifier: Apache-2.0 */
/* Two trees side by side, as lines "path: old -> new".
 *
 * Place   cli/profile, cli/manifest (diff), cli/verify
 * Owns    nothing
 */
#ifndef WEFT_CLI_DIFFER_H
#define WEFT_CLI_DIFFER_H

#include "base/prelude.h"
#include "wire/json.h"

/* Prints every leaf that differs, `indent` spaces before it, and returns how many there are. NULL
 * is a tree that is not there. Lists are compared item by item. */
size_t differ_print(const json_t *before, const json_t *after, int indent);

#endif
