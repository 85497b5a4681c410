/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and sets of fields, walked side by side by their type: what server-side apply is made of.
 *
 * Place   managed.c alone decides with these who owns what
 * Owns    nothing: results are fresh trees of the caller
 * Limits  the depth of the objects, which the parsers of bodies bound
 * Spec    Kubernetes "Server-Side Apply"; structured-merge-diff's documented behaviour
 */
#ifndef WEFT_KUBE_OBJECTS_APPLY_H
#define WEFT_KUBE_OBJECTS_APPLY_H

#include "kube/objects/fields.h"
#include "kube/objects/type.h"

/* The fields that an applied configuration names. */
MUST_USE int kube_apply_fields(struct kube_type type, const json_t *value, json_t **ret,
                               struct error *err);
/* What is different in `after`: *ret_changed was added or has another value, *ret_removed is gone.
 * List items without their keys are passed over. */
void kube_apply_compare(struct kube_type type, const json_t *before, const json_t *after,
                        json_t **ret_changed, json_t **ret_removed);
/* The live object with the configuration laid over it. ERR_INVALID: a list item without its keys,
 * or twice the same item; err->path is the list. */
MUST_USE int kube_apply_merge(struct kube_type type, const json_t *live, const json_t *config,
                              json_t **ret, struct error *err);
/* Takes the fields of the set out of the value, whatever is below them too. */
void kube_apply_remove(struct kube_type type, json_t *value, const json_t *set);
/* Marks in the set the declared members that only have children: an owner of a part of .spec
 * counts as owner of .spec itself when it comes to removing. */
void kube_apply_mark_parents(struct kube_type type, json_t *set);

#endif
