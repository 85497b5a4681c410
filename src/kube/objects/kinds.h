/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that a server of the Kubernetes API serves: the built-in ones from api/'s tables, and
 * those that CustomResourceDefinitions bring.
 *
 * Place   a server's dispatch of requests, discovery, OpenAPI, Tables
 * Owns    one struct kind per group, version and plural, until the end (a removed CRD's kinds are
 *         marked, since calls may hold them)
 * Limits  KINDS_MAX kinds; a list is walked from its start for each look-up
 */
#ifndef WEFT_KUBE_OBJECTS_KINDS_H
#define WEFT_KUBE_OBJECTS_KINDS_H

#include "api/schema.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "base/vec.h"
#include "kube/objects/type.h"
#include "wire/json.h"

enum { KINDS_MAX = 1000 };

struct kind {
    const char *group; /* "" for core */
    const char *version;
    const char *plural;
    const char *singular;
    const char *kind;
    char *list_kind;   /* "PodList" */
    char *api_version; /* "v1", "apps/v1" */
    char *qualified;   /* "pods", "deployments.apps": for messages */
    bool namespaced;
    bool has_status;            /* subresource status */
    bool has_scale;             /* subresource scale */
    bool has_generation;        /* metadata.generation counts changes of the spec */
    bool is_virtual;            /* only created (or only read), never stored */
    bool served;                /* false: its CRD went away */
    const struct api_kind *api; /* NULL for a custom kind */
    json_t *crd;                /* of a custom kind: the definition (reference) */
    const json_t *crd_version;  /* its entry of spec.versions */
    void *bucket; /* where the owner keeps its objects, see kinds_init; shared among versions; NULL
                     for virtual kinds */
};

struct kinds {
    VEC(struct kind *) items; /* in order of discovery: groups together, best version first */
    /* private */
    void *(*bucket_get)(const char *name, void *ctx);
    void *ctx;
};

/* Registers the built-in kinds. `bucket_get` gives the place of a stored kind's objects by a name
 * that its versions share ("apps/deployments"); it is asked again when a definition comes back. */
void kinds_init(struct kinds *kinds, void *(*bucket_get)(const char *name, void *ctx), void *ctx);
void kinds_deinit(struct kinds *kinds);
/* Served kinds only; NULL when there is none. */
struct kind *kinds_find(const struct kinds *kinds, struct slice group, struct slice version,
                        struct slice plural);
/* By object: "apps/v1", "Deployment". An api_version of NULL matches any. */
struct kind *kinds_find_object(const struct kinds *kinds, const char *api_version,
                               const char *kind);
/* A built-in kind that must be there (an own bug otherwise). */
struct kind *kinds_builtin(const struct kinds *kinds, const char *group, const char *plural);
/* Serves the versions of a CustomResourceDefinition (again, after a change). */
int kinds_crd_add(struct kinds *kinds, json_t *crd);
/* Stops serving them. */
void kinds_crd_remove(struct kinds *kinds, const json_t *crd);
/* Short names, categories: a fresh JSON array. */
json_t *kinds_short_names(const struct kind *kind);
json_t *kinds_categories(const struct kind *kind);
/* The schema of its objects; borrows from the kind. */
struct kube_type kinds_type(const struct kind *kind);
/* Virtual, and only read: what pods and nodes use. */
bool kinds_is_metrics(const struct kind *kind);
/* The verbs of the resource itself: a fresh JSON array. */
json_t *kinds_verbs(const struct kind *kind);
/* Calls on_sub for each subresource; `group` NULL: the kind's own group and version. */
void kinds_each_subresource(const struct kind *kind,
                            void (*on_sub)(const char *name, const char *group, const char *version,
                                           const char *kind_name, const char *verbs, void *ctx),
                            void *ctx);
/* Whether the kind has that subresource. */
bool kinds_has_subresource(const struct kind *kind, const char *name);
/* The label of fields by which its objects may be selected, beside metadata.name and
 * metadata.namespace; NULL at the end, never NULL itself. */
const char *const *kinds_field_labels(const struct kind *kind);
/* Version precedence: <0 when a comes before b (v2 > v1 > v1beta1 > v1alpha3). */
int kinds_version_cmp(const char *a, const char *b);

#endif
