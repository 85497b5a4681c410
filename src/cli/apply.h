/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to a cluster: create or change them so that nothing changes when nothing differs.
 *
 * Place   cli/install, cli/uninstall, cli/verify
 * Owns    nothing
 */
#ifndef WEFT_CLI_APPLY_H
#define WEFT_CLI_APPLY_H

#include "base/err.h"
#include "base/prelude.h"
#include "kube/client.h"

enum apply_outcome { APPLY_UNCHANGED, APPLY_CREATED, APPLY_UPDATED };

/* Brings `object` about, waiting for each answer. What the server or others added to a live object
 * is left alone; what we set before and do not set now goes. dry_run: only tells what would
 * be done, and not of fields that would go. The error names kind and name. */
MUST_USE int apply_object(struct kube_client *client, const json_t *object, bool dry_run,
                          enum apply_outcome *ret_outcome, struct error *err);
/* Deletes it; *ret_found tells whether it was there. */
MUST_USE int apply_delete(struct kube_client *client, const json_t *object, bool *ret_found,
                          struct error *err);
/* The object as the cluster has it; a new tree. */
MUST_USE int apply_fetch(struct kube_client *client, const json_t *object, json_t **ret,
                         struct error *err);
/* Whether the live object has all that `object` asks for, but for what weftd changes in it. */
bool apply_matches(const json_t *object, const json_t *live);
/* Whether a live Deployment has all its replicas, of its newest state and available. */
bool apply_deployment_is_ready(const json_t *live);
/* True when every value of `wanted` is in `live` ("", 0, false, {} and [] count as absent). */
bool apply_is_subset(const json_t *wanted, const json_t *live);

#endif
