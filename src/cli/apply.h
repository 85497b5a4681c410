/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to a cluster: create or update so that nothing is written when nothing differs.
 *
 * Place   cli/install, cli/uninstall
 * Owns    nothing
 */
#ifndef WEFT_CLI_APPLY_H
#define WEFT_CLI_APPLY_H

#include "base/err.h"
#include "base/prelude.h"
#include "kube/client.h"

enum apply_outcome { APPLY_UNCHANGED, APPLY_CREATED, APPLY_UPDATED };

/* Brings `object` about, waiting for each answer. What the server or others added to a live object
 * is left alone. dry_run: only tells what would be done. The error names kind and name. */
MUST_USE int apply_object(struct kube_client *client, const json_t *object, bool dry_run,
                          enum apply_outcome *ret_outcome, struct error *err);
/* Deletes it; *ret_found tells whether it was there. */
MUST_USE int apply_delete(struct kube_client *client, const json_t *object, bool *ret_found,
                          struct error *err);
/* True when every value of `wanted` is in `live` ("", 0, false, {} and [] count as absent). */
bool apply_is_subset(const json_t *wanted, const json_t *live);

#endif
