/* SPDX-License-Identifier: Apache-2.0 */
/* A writer that brings the cluster to a wanted state: looks, writes what differs, looks again.
 *
 *   reconcile_mark --> (next turn) run(ctx): compares caches with what is wanted
 *                        --> reconcile_write for each difference, at most IN_FLIGHT at once
 *   a write failed --> run again after a rest;  marks meanwhile --> run again when all are back
 *
 * Place   roots (ConfigMaps), hooks (webhook configurations), status (conditions)
 * Owns    its calls and its timer
 * Limits  16 writes at once; rests of 0.5 to 30 s
 */
#ifndef WEFT_CONTROL_RECONCILE_H
#define WEFT_CONTROL_RECONCILE_H

#include "base/prelude.h"
#include "kube/client.h"

struct reconcile;

/* `what` (kept) names it in the log. */
struct reconcile *reconcile_new(struct kube_client *client, const char *what,
                                void (*run)(void *ctx), void *ctx);
/* NULL is fine. */
void reconcile_free(struct reconcile *reconcile);
/* Something changed: look soon. */
void reconcile_mark(struct reconcile *reconcile);
/* Within run: starts a write. Past the limit it is left for the next look. */
void reconcile_write(struct reconcile *reconcile, const struct kube_request *request);

#endif
