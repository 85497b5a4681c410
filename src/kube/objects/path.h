/* SPDX-License-Identifier: Apache-2.0 */
/* What a path of the Kubernetes API names; the other way round is kube_resource_path.
 *
 *   /api/VERSION, /apis/GROUP/VERSION
 *       then [/watch][/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]
 *
 * Place   a server of the API: resources and discovery
 * Owns    nothing: texts are in the caller's arena
 * Limits  KUBE_PATH_SEGMENTS_MAX segments; empty ones do not count
 * Spec    Kubernetes API concepts, "Resource URIs"; RequestInfo of k8s.io/apiserver
 */
#ifndef WEFT_KUBE_OBJECTS_PATH_H
#define WEFT_KUBE_OBJECTS_PATH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { KUBE_PATH_SEGMENTS_MAX = 16 };

/* Texts are decoded and never NULL; "" where the path ends before. */
struct kube_path {
    bool is_core;  /* below /api, not /apis */
    bool is_watch; /* the old form of ?watch=true */
    const char *group;
    const char *version;
    const char *ns; /* "" for cluster-scoped, and for all namespaces */
    const char *plural;
    const char *name;
    const char *subresource;
    bool has_rest; /* goes on behind the subresource: what is proxied has paths of its own */
};

/* `path` is without its query. A path below neither /api nor /apis: ERR_NOT_FOUND; ERR_INVALID: a
 * malformed escape; ERR_LIMIT: too many segments. */
MUST_USE int kube_path_parse(struct slice path, struct arena *arena, struct kube_path *ret);
enum kube_path_verb {
    KUBE_VERB_NONE, /* the method is not allowed there */
    KUBE_VERB_GET,
    KUBE_VERB_LIST,
    KUBE_VERB_WATCH,
    KUBE_VERB_CREATE,
    KUBE_VERB_UPDATE,
    KUBE_VERB_PATCH,
    KUBE_VERB_DELETE,
    KUBE_VERB_DELETE_COLLECTION,
};

/* What an HTTP method means at the path; `is_watch`: by a parameter, or the path. */
enum kube_path_verb kube_path_verb(const struct kube_path *path, struct slice method,
                                   bool is_watch);

#endif
