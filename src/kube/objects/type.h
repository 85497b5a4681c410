/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of an object are for server-side apply: which lists are sets or maps by keys, what
 * is owned as a whole. One view on both sources, the tables of built-in kinds and the OpenAPI
 * schemas of custom ones.
 *
 *   atomic   owned and replaced whole: scalars, lists that say nothing else
 *   map      each member for itself
 *   set      a list of different scalars
 *   items    a list of objects, told apart by the keys in them
 *
 * Without a schema, objects are maps and lists are atomic.
 *
 * Place   apply.c and managed.c; a struct kube_type is passed by value and borrows
 * Owns    nothing
 * Spec    Kubernetes "Server-Side Apply", merge strategy; x-kubernetes-list-type and -map-type
 */
#ifndef WEFT_KUBE_OBJECTS_TYPE_H
#define WEFT_KUBE_OBJECTS_TYPE_H

#include "api/schema.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

struct kube_type {
    const struct api_schema *api; /* of a built-in kind, else NULL */
    const json_t *open;           /* an OpenAPI v3 schema, else NULL; both NULL: unknown */
    bool is_root;                 /* `open` is of a whole object: Kubernetes knows its metadata */
};

enum kube_shape { KUBE_SHAPE_ATOMIC, KUBE_SHAPE_MAP, KUBE_SHAPE_SET, KUBE_SHAPE_ITEMS };

/* A member of an object. */
struct kube_member {
    struct kube_type type;
    bool is_declared; /* the schema names it; false: the key of a map, or unknown */
    bool is_present;  /* there, empty, whenever its object is */
};

/* The shape that this value has as that type; a value that does not fit is atomic. */
enum kube_shape kube_type_shape(struct kube_type type, const json_t *value);
struct kube_member kube_type_member(struct kube_type type, const char *name);
struct kube_type kube_type_item(struct kube_type list);
/* Appends the step to an item of a set or of items with keys (fields.h). ERR_INVALID when it lacks
 * a key that has no default. */
MUST_USE int kube_type_step(struct kube_type list, const json_t *item, struct buf *out,
                            struct error *err);
/* The next member with is_present; *cursor begins at 0. NULL at the end. */
const char *kube_type_next_present(struct kube_type type, size_t *cursor);

#endif
