/* SPDX-License-Identifier: Apache-2.0 */
/* A list-watch cache of one resource: always the server's latest, survives the server's absence.
 *
 *   list (rv=0) -> replace, tell differences -> watch from the list's version, with bookmarks
 *        ^                                          |  end of body or broken: watch again from the
 *        |                                          |  last version (back-off with jitter)
 *        +------- 410 or ERROR event ---------------+
 *
 * Place   weftd's sources, the node agent, the sandbox's controllers
 * Owns    a reference to each object (json_t; never changed in place: an update is a new tree)
 * Limits  object_max objects (default 200,000); one watch line of 16 MiB
 * Spec    Kubernetes API concepts, "Efficient detection of changes"
 */
#ifndef WEFT_KUBE_CACHE_H
#define WEFT_KUBE_CACHE_H

#include "base/prelude.h"
#include "kube/client.h"

struct kube_cache;

enum kube_change { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED };

struct kube_cache_events {
    /* `object` is the new state (the last state for KUBE_DELETED), `old` the one before (NULL for
     * KUBE_ADDED). Borrowed: json_incref to keep. The cache already holds the new state. After a
     * new list only real differences are told. */
    void (*on_change)(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx);
    /* The first list was told wholly. Runs once. May be NULL. */
    void (*on_synced)(struct kube_cache *cache, void *ctx);
};

/* Zero-initialise. All copied. */
struct kube_cache_options {
    const struct kube_resource *resource; /* kept */
    const char *ns;                       /* NULL: all namespaces */
    const char *label_selector;           /* "a=b,c"; NULL: all */
    const char *field_selector;           /* "spec.nodeName=x"; NULL: all */
    bool absence_tolerated; /* 404 of the list (the CRD is not there yet) counts as an empty list
                               and is tried again every few seconds */
    /* Runs on each object before it is stored, to drop what nobody reads; may be NULL. */
    void (*trim)(json_t *object);
    size_t object_max;
};

/* Starts at once; `events` (kept) runs from the loop, never within this call. */
MUST_USE int kube_cache_new(struct kube_client *client, const struct kube_cache_options *options,
                            const struct kube_cache_events *events, void *ctx,
                            struct kube_cache **ret);
/* No callback runs after it. NULL is fine. */
void kube_cache_free(struct kube_cache *cache);
bool kube_cache_is_synced(const struct kube_cache *cache);
/* Borrowed until the next callback; NULL when absent. ns NULL or "" for cluster-scoped. */
json_t *kube_cache_get(const struct kube_cache *cache, const char *ns, const char *name);
/* All objects, in order of arrival: start with *cursor = 0; NULL at the end. */
json_t *kube_cache_next(const struct kube_cache *cache, size_t *cursor);
size_t kube_cache_count(const struct kube_cache *cache);
const struct kube_resource *kube_cache_resource(const struct kube_cache *cache);

#endif
