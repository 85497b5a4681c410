/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an object that is to be deleted: gone at once, or marked and left to those who
 * finish it.
 *
 *   no finalizers, no grace   gone
 *   pod on a node             deletionTimestamp = now + grace; the node deletes with grace 0
 *   finalizers                deletionTimestamp = now; the update that empties the list removes
 *   namespace                 phase Terminating; its controller empties it, then finalizes
 *   Foreground, Orphan        a finalizer that the garbage collector takes away
 *
 * Place   an API server's delete and update
 * Owns    nothing
 * Spec    meta/v1 DeleteOptions; kube-api reference, section 5
 */
#ifndef WEFT_KUBE_OBJECTS_DELETION_H
#define WEFT_KUBE_OBJECTS_DELETION_H

#include <jansson.h>

#include "base/err.h"
#include "base/prelude.h"

struct kube_deletion {
    const char *policy; /* "Foreground", "Orphan"; others and "" leave no finalizer */
    int64_t grace_s;    /* gracePeriodSeconds; -1: not given */
    int64_t now_ms;     /* since 1970 */
};

/* The object as the deletion leaves it: a fresh tree. Marked already, an earlier end wins. */
json_t *kube_deletion_apply(const json_t *object, const struct kube_deletion *deletion);
/* Whether it is marked, and nobody has anything left to do: it is to be removed. */
bool kube_deletion_is_due(const json_t *object);
/* Whether it is the object that `options` (a DeleteOptions, may be NULL) means: ERR_CONFLICT with
 * the end of a sentence that begins "Operation cannot be fulfilled on KIND NAME: ". */
MUST_USE int kube_deletion_check(const json_t *options, const json_t *object, struct error *err);

#endif
