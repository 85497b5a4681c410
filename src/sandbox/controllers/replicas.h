/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of a set (a ReplicaSet and the like): which count, which is made next, which go first.
 *
 * Place   a set's controller
 * Owns    nothing: pods are borrowed
 * Limits  REPLICAS_MAX pods of a set count
 * Spec    apps/v1 ReplicaSet
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_REPLICAS_H
#define WEFT_SANDBOX_CONTROLLERS_REPLICAS_H

#include <jansson.h>

#include "base/prelude.h"

enum { REPLICAS_MAX = 1000 };

/* Zero-initialise. */
struct replicas {
    json_t *active[REPLICAS_MAX]; /* neither ended nor on their way out */
    size_t count;
    size_t labeled; /* with all labels of the template */
    size_t ready;
    size_t available;          /* ready for spec.minReadySeconds */
    int64_t next_available_ms; /* when the next ready pod becomes available; 0: none does */
};

/* Counts the pod (kept) when it is the set's and active. */
void replicas_add(struct replicas *replicas, const json_t *set, json_t *pod, int64_t now_ms);
/* Sorts the active ones: those that are to go first come first. That is: not bound to a node, then
 * not ready, then ready for the shortest time, then the younger. */
void replicas_sort(struct replicas *replicas);
/* The set's status with new counts; what others wrote stays. New reference. */
json_t *replicas_status(const struct replicas *replicas, const json_t *set);
/* A Pod of the set's template. New reference. */
json_t *replicas_pod_new(const json_t *set);

#endif
