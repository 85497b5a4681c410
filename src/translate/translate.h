/* SPDX-License-Identifier: Apache-2.0 */
/* (mesh snapshot, a proxy's scope) -> xDS resources. A pure function: no clock, no I/O, no state.
 *
 * An output stands on a shared part, which is most of it and which proxies with equal shared keys
 * have in common: clusters and endpoints of services, and for sidecars what is outbound. Only what
 * depends on the one workload is its own.
 *
 * Place   control calls translate_run once per scope and snapshot, and pushes what changed by hash;
 *         golden tests call it on YAML files
 * Owns    a struct translate_output owns its resources; it needs the mesh only during the call
 * Threads outputs are immutable; the reference count is atomic
 * Limits  TRANSLATE_RESOURCES_MAX resources of a type; past it the call fails
 * Spec    names, order and fields as istiod 1.31 makes them; docs/differences.md
 */
#ifndef WEFT_TRANSLATE_TRANSLATE_H
#define WEFT_TRANSLATE_TRANSLATE_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "model/mesh.h"

enum { TRANSLATE_RESOURCES_MAX = 200000 };

/* In the order in which istiod pushes: make before break. */
enum translate_type {
    TRANSLATE_CLUSTER,  /* envoy.config.cluster.v3.Cluster */
    TRANSLATE_ENDPOINT, /* envoy.config.endpoint.v3.ClusterLoadAssignment */
    TRANSLATE_LISTENER, /* envoy.config.listener.v3.Listener */
    TRANSLATE_ROUTE,    /* envoy.config.route.v3.RouteConfiguration */
    TRANSLATE_TYPE_COUNT,
};

enum translate_role { TRANSLATE_SIDECAR, TRANSLATE_ROUTER };

/* Everything about a proxy that its configuration depends on. Borrowed during calls. */
struct translate_scope {
    enum translate_role role;
    const char *namespace;
    const char *const *addresses; /* INSTANCE_IPS; the first is the primary */
    size_t address_count;
    struct mesh_labels labels; /* of the pod, sorted by key */
    const char *node;          /* Kubernetes node, "" when unknown */
    bool interception_none;    /* INTERCEPTION_MODE: NONE */
};

struct translate_resource {
    const char *name;
    struct slice bytes; /* the encoded message (an Any's value) */
    uint64_t hash;      /* of the bytes: the resource's version */
};

struct translate_output;

/* "type.googleapis.com/envoy.config.cluster.v3.Cluster" ... */
const char *translate_type_url(enum translate_type type);
/* The type of a URL, or -1. */
int translate_type_find(struct slice type_url);

/* A text that is equal for scopes that get the same output from any mesh: proxies with equal keys
 * share one output. mem_free it. */
char *translate_scope_key(const struct translate_scope *scope);

/* A text that is equal for scopes that share in this mesh. mem_free it. */
char *translate_shared_key(const struct mesh *mesh, const struct translate_scope *scope);
/* Makes the part that all scopes of that shared key have in common. ERR_LIMIT past a limit. *ret is
 * a new reference. */
MUST_USE int translate_shared(const struct mesh *mesh, const struct translate_scope *scope,
                              struct translate_output **ret, struct error *err);
/* Makes all resources for a proxy, on top of its shared part (of the same mesh; a reference is
 * taken; NULL: made for this output alone). ERR_LIMIT past a limit. *ret is a new reference. */
MUST_USE int translate_run(const struct mesh *mesh, const struct translate_scope *scope,
                           struct translate_output *shared, struct translate_output **ret,
                           struct error *err);
struct translate_output *translate_output_ref(struct translate_output *output);
/* NULL is fine. */
void translate_output_unref(struct translate_output *output);

/* How many resources of a type there are; the one at an index, in istiod's order. */
size_t translate_count(const struct translate_output *output, enum translate_type type);
const struct translate_resource *translate_at(const struct translate_output *output,
                                              enum translate_type type, size_t index);
/* By name; NULL when there is none: the resource does not exist (delta: removed). */
const struct translate_resource *translate_find(const struct translate_output *output,
                                                enum translate_type type, struct slice name);
/* One hash over all resources of a type (order included): equal means nothing to push. */
uint64_t translate_hash(const struct translate_output *output, enum translate_type type);

#endif
