/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of rolling updates: which set of pods grows or shrinks next on the way from old
 * templates to the new one.
 *
 *   sizes and what is available of each set --rollout_step--> the sizes to have next
 *
 * A step either grows the new set as far as the surge allows or, when there is nothing to grow,
 * shrinks old ones by what may be missing. The next change of a set brings the next step.
 *
 * Place   a Deployment's controller
 * Owns    nothing: plain values
 * Spec    apps/v1 Deployment, spec.strategy
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_ROLLOUT_H
#define WEFT_SANDBOX_CONTROLLERS_ROLLOUT_H

#include <jansson.h>

#include "base/prelude.h"

struct rollout_limits {
    int64_t replicas;
    int64_t surge;       /* pods above `replicas` */
    int64_t unavailable; /* pods below it */
    bool recreate;       /* no new pod while an old one is there */
};

/* Of a Deployment, with the defaults of what is absent. */
struct rollout_limits rollout_limits_read(const json_t *deployment);

struct rollout_set {
    int64_t size;      /* spec.replicas */
    int64_t actual;    /* status.replicas */
    int64_t ready;     /* status.readyReplicas */
    int64_t available; /* status.availableReplicas */
    int64_t next_size; /* written by rollout_step */
};

/* Of a ReplicaSet. */
struct rollout_set rollout_set_read(const json_t *set);
/* Of all sets together. */
struct rollout_set rollout_sum(const struct rollout_set *sets, size_t count);

/* The size that a new set begins with, beside the old ones. */
int64_t rollout_first_size(const struct rollout_limits *limits, const struct rollout_set *sets,
                           size_t count);
/* Writes next_size of every set; `current` is the index of the new one, the others are in the order
 * in which they are to go, oldest first. */
void rollout_step(const struct rollout_limits *limits, struct rollout_set *sets, size_t count,
                  size_t current);
/* The same of a Deployment that is paused: nothing rolls, but its size is followed while one set
 * has all its pods. */
void rollout_step_paused(const struct rollout_limits *limits, struct rollout_set *sets,
                         size_t count);
/* Whether the roll is over: the new set is whole and nothing else is left. */
bool rollout_is_done(const struct rollout_limits *limits, const struct rollout_set *sets,
                     size_t count, size_t current);

/* --- templates --- */

enum { ROLLOUT_HASH_SIZE = 16 };

/* spec.template of a Deployment or ReplicaSet without the label that names the set, so that equal
 * ones mean the same pods. New reference. */
json_t *rollout_template(const json_t *object);
/* The name's end of the set of a template: letters and digits that make no words. */
void rollout_hash(const json_t *template, char out[ROLLOUT_HASH_SIZE]);
/* The number in the annotation deployment.kubernetes.io/revision; 0 without one. */
int64_t rollout_revision(const json_t *object);

#define ROLLOUT_REVISION "deployment.kubernetes.io/revision"

#endif
