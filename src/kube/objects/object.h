/* SPDX-License-Identifier: Apache-2.0 */
/* What every Kubernetes object has: names, labels, a uid, owners, an end, conditions, times.
 *
 * Place   controllers, the node agent, weftd's status
 * Owns    nothing: readers borrow from the object, builders return new references
 * Spec    Kubernetes API conventions, "Metadata", "Typical status properties", "IntOrString"
 */
#ifndef WEFT_KUBE_OBJECTS_OBJECT_H
#define WEFT_KUBE_OBJECTS_OBJECT_H

#include <jansson.h>

#include "base/prelude.h"

/* --- metadata --- */

/* metadata.name and friends; "" when absent. */
const char *kube_name(const json_t *object);
const char *kube_namespace(const json_t *object);
const char *kube_resource_version(const json_t *object);
/* A label's or annotation's value, NULL when absent. */
const char *kube_label(const json_t *object, const char *key);
const char *kube_annotation(const json_t *object, const char *key);
/* NULL when absent (an object that no server has seen), or `object` is NULL. */
const char *kube_uid(const json_t *object);
/* Whether both have a uid, and the same. */
bool kube_uid_equal(const json_t *object, const char *uid);
/* Whether it waits for its end: its grace period or its finalizers. */
bool kube_is_deleting(const json_t *object);
/* The owner reference with controller: true; NULL when nothing controls it. */
json_t *kube_owner(const json_t *object);
/* Whether `owner` (by uid) controls `object`. */
bool kube_is_owned_by(const json_t *object, const json_t *owner);
/* The ownerReferences of what `owner` (with apiVersion and kind, as kube/cache.h gives it) makes:
 * an array of one controlling entry. New reference. */
json_t *kube_owner_refs(const json_t *owner);
/* The number for status.observedGeneration: metadata.generation, 1 when absent. */
int64_t kube_generation(const json_t *object);

/* --- conditions --- */

/* Of status.conditions; NULL when there is none of this type. */
json_t *kube_condition(const json_t *object, const char *type);
/* Whether the object has the condition and its status is "True". */
bool kube_condition_is_true(const json_t *object, const char *type);

struct kube_condition {
    const char *type;
    bool value;          /* status: "True" or "False" */
    const char *reason;  /* NULL: the member is left out */
    const char *message; /* NULL: the member is left out */
};

/* Puts a condition into the array `conditions`, in the place of the one of its type or at the end.
 * Its lastTransitionTime is that of its type in `former` (an array, also `conditions` itself; NULL:
 * none) while the status is the same, else now. Returns the entry, borrowed from `conditions`, for
 * members that only some kinds have. */
json_t *kube_condition_set(json_t *conditions, const json_t *former,
                           const struct kube_condition *condition, int64_t now_ms);

/* --- pods --- */

bool kube_pod_is_ready(const json_t *pod);
/* Milliseconds since 1970 when the pod became ready (1: nobody says when); 0 when it is not. */
int64_t kube_pod_ready_since_ms(const json_t *pod);
/* Whether its phase is Succeeded or Failed. */
bool kube_pod_has_ended(const json_t *pod);

/* --- values --- */

/* A time (milliseconds since 1970) as the API writes it, in whole seconds. New reference. */
json_t *kube_time(int64_t realtime_ms);
/* Milliseconds since 1970 of such a value; `fallback_ms` when it is none. */
int64_t kube_time_ms(const json_t *time, int64_t fallback_ms);
/* An IntOrString: a number, or "25%" of `whole`, rounded up or down. For no value (NULL) the text
 * `fallback` counts; 0 when that is NULL too. */
int64_t kube_int_or_percent(const json_t *value, int64_t whole, bool round_up,
                            const char *fallback);

#endif
