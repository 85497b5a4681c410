/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection: dependents of owners that are gone, foreground and orphan deletion.
 *
 * Place   only for this folder
 * Limits  owners and dependents of the watched kinds; others are left alone
 */
#ifndef WEFT_SANDBOX_GC_H
#define WEFT_SANDBOX_GC_H

#include "sandbox/controllers/work.h"

/* Makes the items dirty that this change may concern: the object, and its dependents when it
 * goes. */
void gc_mark(struct sandbox_controllers *controllers, const struct kube_resource *resource,
             enum kube_change change, const json_t *object);

#endif
