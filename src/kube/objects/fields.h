/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields: which parts of an object somebody owns, as managedFields' FieldsV1 writes it.
 *
 *   {"f:spec": {"f:replicas": {}, "f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}}}}}
 *
 *   f:NAME   a member of an object        k:{...}  the item of a list with these keys
 *   v:VALUE  an item of a list of scalars i:N      an item by its place
 *   .        the node itself; a node without children ({}) always is in the set
 *
 * A set in work is such a tree with "." spelled out in each node that is in it (the value is null),
 * with k: and v: in canonical JSON and without empty nodes: {} is the empty set.
 *
 * Place   managed.c (ownership), apply.c (walks objects and sets side by side)
 * Owns    nothing: results are fresh trees of the caller
 * Limits  FieldsV1 of at most KUBE_FIELDS_DEPTH_MAX levels
 * Spec    Kubernetes "Server-Side Apply", metav1.FieldsV1
 */
#ifndef WEFT_KUBE_OBJECTS_FIELDS_H
#define WEFT_KUBE_OBJECTS_FIELDS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { KUBE_FIELDS_DEPTH_MAX = 100 };

/* Into a set in work. ERR_INVALID: no tree of such steps; ERR_LIMIT: too deep. */
MUST_USE int kube_fields_decode(const json_t *fields_v1, json_t **ret, struct error *err);
/* Back again, steps in order. */
json_t *kube_fields_encode(const json_t *set);
bool kube_fields_is_empty(const json_t *set);

json_t *kube_fields_union(const json_t *a, const json_t *b);
json_t *kube_fields_intersect(const json_t *a, const json_t *b);
/* What is in `a` and not in `b`, node by node: children of a node in `b` stay. */
json_t *kube_fields_subtract(const json_t *a, const json_t *b);

/* For walkers. The child of that step, made when missing; borrowed. */
json_t *kube_fields_child(json_t *node, const char *step);
/* The child of a member, NULL when absent; borrowed. */
json_t *kube_fields_find(const json_t *node, const char *member);
/* Puts the node itself into the set. */
void kube_fields_mark(json_t *node);
bool kube_fields_is_marked(const json_t *node);
/* Whether anything below the node is in the set. */
bool kube_fields_has_children(const json_t *node);
/* Removes nodes that a walker made and then left empty. */
void kube_fields_tidy(json_t *set);

/* The step as Kubernetes prints it, "[port=80]": to be freed. */
char *kube_fields_describe(const char *step);
/* Tells the path of each marked node as Kubernetes prints it: .spec.ports[port=80].name; parents
 * before children. */
void kube_fields_each(const json_t *set, void (*on_path)(const char *path, void *ctx), void *ctx);

#endif
