/* SPDX-License-Identifier: Apache-2.0 */
/* Work items: what the controllers share. See controllers.h for the idea.
 *
 * Place   only for this folder
 */
#ifndef WEFT_SANDBOX_WORK_H
#define WEFT_SANDBOX_WORK_H

#include "base/map.h"
#include "base/prelude.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "sandbox/controllers/controllers.h"

enum { WORK_CALLS_MAX = 64 };

struct work;

/* One controller. */
struct work_kind {
    const char *name;               /* "deployment" */
    enum kube_resource_id resource; /* of the object that an item stands for */
    /* Compares wanted and actual, and starts calls. `object` is NULL when it is gone. */
    void (*sync)(struct work *work, json_t *object);
};

/* The kinds that are watched, in this order; X(KUBE_RESOURCE_...). */
#define WORK_CACHE_MAP(X)                                                                          \
    X(NAMESPACE)                                                                                   \
    X(NODE)                                                                                        \
    X(SERVICE_ACCOUNT)                                                                             \
    X(CONFIG_MAP)                                                                                  \
    X(SERVICE)                                                                                     \
    X(ENDPOINTS) X(ENDPOINT_SLICE) X(DEPLOYMENT) X(REPLICA_SET) X(POD) X(CRD) X(HPA) X(PDB)

/* A write of an item that its cache has not shown yet. */
struct work_wait {
    struct kube_cache *cache;
    char *ns;
    char *name;
    int64_t version;      /* resourceVersion at least; 0: gone, or another uid */
    char *uid;            /* of what was deleted */
    uint64_t deadline_ms; /* after this the cache is believed */
};

struct work {
    struct sandbox_controllers *controllers;
    const struct work_kind *kind;
    char *key; /* "kind ns/name" */
    char *ns;  /* "" for cluster-scoped objects */
    char *name;
    bool dirty;
    bool left_behind;    /* a deleted collection had objects that wait for their finalizers */
    unsigned phase;      /* of kinds that go through several: 0 at first */
    unsigned call_count; /* under way */
    unsigned failure_count;
    uint64_t not_before_ms; /* back-off, or a re-sync asked for */
    struct work_wait waits[WORK_CALLS_MAX];
    size_t wait_count;
    void
        *memory; /* of the kind, flat, from one sync to the next; NULL: none. Freed with the item */
};

struct sandbox_controllers {
    struct loop *loop;
    struct kube_client *client;
    struct kube_cache *caches[KUBE_RESOURCE_COUNT]; /* NULL for what is not watched */
    struct map items;                               /* "kind ns/name" -> struct work */
    struct loop_task task;
    struct loop_timer timer; /* back-offs, waits past their time */
    char *node_name;         /* NULL: the first Node */
    char *lb_cidr;
    char *root_ca;
    struct map lb_owners; /* address -> "ns/name" of the Service that has it */
    struct map
        deleted_uids; /* of objects that were seen going: an owner among them is surely gone */
};

extern const struct work_kind work_deployment;
extern const struct work_kind work_replicaset;
extern const struct work_kind work_endpoints;
extern const struct work_kind work_balancer;
extern const struct work_kind work_namespace;
extern const struct work_kind work_schedule;
extern const struct work_kind work_autoscale;
extern const struct work_kind work_disruption;

/* Makes the item (if new) dirty. */
void work_mark(struct sandbox_controllers *controllers, const struct work_kind *kind,
               const char *ns, const char *name);
/* Syncs again after a delay without another reason. */
void work_again(struct work *work, uint64_t delay_ms);
/* Starts a call of this item: its failure makes the item dirty with back-off (NOT_FOUND of a
 * delete and EXISTS of a
 * create count as done). `body` is taken. False when too many calls are under way: return then, a
 * later sync goes on. */
bool work_call(struct work *work, enum kube_verb verb, enum kube_resource_id resource,
               const char *ns, const char *name, const char *subresource, json_t *body);
/* The same for a kind that the table of kube/resource.h lacks; `resource` is borrowed until
 * return. */
bool work_call_any(struct work *work, enum kube_verb verb, const struct kube_resource *resource,
                   const char *ns, const char *name, const char *subresource, json_t *body);
/* The cache's object, borrowed, or NULL. */
json_t *work_get(const struct work *work, enum kube_resource_id resource, const char *ns,
                 const char *name);
/* Iterates over the cache's objects in a namespace ("" or NULL: all): start with *cursor = 0. */
json_t *work_next(const struct work *work, enum kube_resource_id resource, const char *ns,
                  size_t *cursor);
/* Records an Event about `object` (NULL: none). */
void work_event(struct work *work, const json_t *object, bool warning, const char *reason,
                const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Whether matchLabels and matchExpressions of a LabelSelector hold. An empty selector matches
 * nothing here. */
bool work_selector_matches(const json_t *selector, const json_t *labels);

#endif
