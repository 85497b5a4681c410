/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of controllers: an item of work stands for one object ("deployment default/web"), and
 * is synced until what is there is what is wanted.
 *
 *   caches (kube/cache) --change--> dirty items --sync--> API calls --watch--> caches
 *
 * An item is synced whenever something that it depends on changed, never while a call of its own is
 * under way, and never before the caches have shown its own writes: so every sync decides on what
 * is really there. Nothing is synced before every cache has told its first list.
 *
 * Place   controllers, as the sandbox has them
 * Owns    its caches, items and calls
 * Limits  WORK_CALLS_MAX calls of one item at once; after a failure the item rests for 50 ms,
 *         doubled up to 5 s; a write that no watch shows is believed after 5 s
 * Spec    the queue that client-go and controller-runtime made customary
 */
#ifndef WEFT_KUBE_WORK_H
#define WEFT_KUBE_WORK_H

#include "base/backoff.h"
#include "base/list.h"
#include "base/prelude.h"
#include "kube/cache.h"
#include "kube/client.h"

enum { WORK_CALLS_MAX = 64 };

struct work;
struct work_queue;

/* One controller. */
struct work_kind {
    const char *name;               /* "deployment-controller": in the log and in Events */
    enum kube_resource_id resource; /* of the object that an item stands for */
    /* Compares wanted and actual, and starts calls. `object` (borrowed) is NULL when it is gone. */
    void (*sync)(struct work *work, json_t *object);
    /* Told each answer to a work_call, before it is acted upon; may be NULL. */
    void (*on_result)(struct work *work, const struct kube_result *result);
    bool is_owner; /* what its object controls (kube/objects/object.h) makes the item dirty too */
    bool is_spec_only; /* a change of its object counts only when the spec changed */
};

struct work {
    /* read-only */
    struct work_queue *queue;
    const struct work_kind *kind;
    char *ns; /* "" for cluster-scoped objects */
    char *name;
    unsigned call_count; /* under way */

    /* the kind's own, from one sync to the next; zero at first */
    unsigned phase;
    void *memory; /* flat: freed with the item by mem_free. NULL: none */

    /* private */
    char *key;        /* "kind ns/name" */
    struct list node; /* in the queue while there is something to do */
    bool dirty;
    struct backoff rests;
    uint64_t not_before_ms; /* rests, or asked for a later sync */
    struct list calls;      /* under way, or not seen in the caches yet */
};

/* All kept until work_queue_free. */
struct work_options {
    const struct work_kind *const *kinds; /* that a change of their own object makes dirty */
    size_t kind_count;
    const enum kube_resource_id *resources; /* to watch, in all namespaces */
    size_t resource_count;
    /* Marks what else a change concerns; may be NULL. As kube_cache_events.on_change. */
    void (*on_change)(enum kube_change change, enum kube_resource_id resource, json_t *object,
                      json_t *old, void *ctx);
    void *ctx;
};

/* Starts to watch. The client (kept) must outlive the queue. An error is kube_cache_new's. */
MUST_USE int work_queue_new(struct kube_client *client, const struct work_options *options,
                            struct work_queue **ret);
/* Ends all calls. NULL is fine. */
void work_queue_free(struct work_queue *queue);
/* The options' ctx. */
void *work_queue_ctx(const struct work_queue *queue);

/* --- from on_change --- */

/* Makes the item (if new) dirty; ns NULL or "" for cluster-scoped objects. */
void work_mark(struct work_queue *queue, const struct work_kind *kind, const char *ns,
               const char *name);
/* The items of all objects of the kind's resource in a namespace; NULL or "": everywhere. */
void work_mark_all(struct work_queue *queue, const struct work_kind *kind, const char *ns);

/* --- what is there --- */

/* The cache's object, borrowed; NULL when there is none or the resource is not watched. */
json_t *work_get(const struct work_queue *queue, enum kube_resource_id resource, const char *ns,
                 const char *name);
/* The next of the cache's objects in a namespace ("" or NULL: all), borrowed; NULL at the end.
 * Start with *cursor = 0. */
json_t *work_next(const struct work_queue *queue, enum kube_resource_id resource, const char *ns,
                  size_t *cursor);
/* How many there are, in all namespaces. */
size_t work_count(const struct work_queue *queue, enum kube_resource_id resource);

/* --- from sync --- */

/* Syncs again after a delay, without another reason. */
void work_again(struct work *work, uint64_t delay_ms);
/* Starts a write of this item. Its failure makes the item dirty after a rest; NOT_FOUND of a delete
 * and EXISTS of a create count as done, and a create that the server refuses is told as the Event
 * FailedCreate. `body` is taken; the texts are borrowed until return. False when it did not start
 * (too many are under way, or no connection): return then, a later sync goes on. */
bool work_call(struct work *work, enum kube_verb verb, enum kube_resource_id resource,
               const char *ns, const char *name, const char *subresource, json_t *body);
/* The same for a resource that the table of kube/resource.h lacks; borrowed until return. */
bool work_call_any(struct work *work, enum kube_verb verb, const struct kube_resource *resource,
                   const char *ns, const char *name, const char *subresource, json_t *body);
/* Writes the status of the item's object (borrowed) when `status` (taken) differs from it. */
void work_status_write(struct work *work, const json_t *object, json_t *status);
/* Reads what no cache holds (a collection when name is NULL) and goes on with the answer, good or
 * bad: `on_answer` may start calls as a sync does. */
void work_read(struct work *work, const struct kube_resource *resource, const char *ns,
               const char *name,
               void (*on_answer)(struct work *work, const struct kube_result *result));
/* Records an Event about `object` (NULL: none), told by the kind. */
void work_event(struct work *work, const json_t *object, bool warning, const char *reason,
                const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
