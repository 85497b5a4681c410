/* SPDX-License-Identifier: Apache-2.0 */
/* Named, versioned objects: JSON trees in memory, a log in SQLite behind them, watches in front.
 *
 *   store_put / store_remove --> bucket (sorted by namespace and name) --> ring of events
 *                                        |                                    |  each watch has a
 *                                        v                                    v  place in the ring
 *              written first, a transaction each              watches, told once a turn
 *
 * An object is immutable and counted: a change is a new object with the next revision. Events share
 * objects and their encodings with the buckets. A watch that falls behind the ring is told so
 * (410).
 *
 * Place   under a server that keeps objects with a metadata of name, namespace and resourceVersion
 *         (the sandbox's API server is one); knows no kinds, no selectors, no HTTP
 * Owns    every object, the ring, the database
 * Limits  STORE_BUCKET_MAX objects a bucket, STORE_RING_SIZE events that keep STORE_RING_BYTES_MAX
 *         of text, an object's text of 3 MiB
 * Durability  a change is in the database before it is in memory, so before anybody is answered;
 *         what cannot be written is refused. WAL without an fsync each (synchronous=NORMAL): what
 *         was acknowledged outlives every process, and a power cut may take the last of it, whole
 */
#ifndef WEFT_STORE_STORE_H
#define WEFT_STORE_STORE_H

#include "base/err.h"
#include "base/list.h"
#include "base/prelude.h"
#include "io/loop.h"
#include "wire/json.h"

enum {
    STORE_BUCKET_MAX = 20000,
    STORE_RING_SIZE = 8192,
    STORE_RING_BYTES_MAX = 8 * 1024 * 1024,
    STORE_TEXT_MAX = 3 * 1024 * 1024,
};

struct store;
struct store_bucket;

struct store_object {
    /* read-only */
    json_t *tree;      /* never changed after the put: json_deep_copy to edit */
    const char *ns;    /* "" for cluster-scoped; borrowed from the tree */
    const char *name;  /* borrowed from the tree */
    uint64_t revision; /* metadata.resourceVersion as a number */
    struct slice text; /* compact JSON of the tree */
    /* private */
    unsigned ref_count;
    char *text_memory;
};

enum store_change { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

struct store_event {
    enum store_change change;
    uint64_t revision;           /* of this change */
    struct store_bucket *bucket; /* where it happened */
    struct store_object *object; /* new state; for STORE_DELETED the last one, with this revision */
    struct store_object *old;    /* before; NULL for STORE_ADDED */
};

/* Opens or makes the database at `path` and loads it; NULL: memory only. */
MUST_USE int store_open(struct loop *loop, const char *path, struct store **ret, struct error *err);
/* Watches must be gone. NULL is fine. */
void store_close(struct store *store);
/* Why the last ERR_IO was; borrowed until the next change. */
const char *store_problem(const struct store *store);
/* `on_refused` runs within the first change that cannot be written, and not again before one can
 * be: for a line in somebody's log. */
void store_on_refused_set(struct store *store, void (*on_refused)(const char *problem, void *ctx),
                          void *ctx);
/* The current revision; 1 for an empty store. */
uint64_t store_revision(const struct store *store);
/* The bucket of that name ("apps/deployments"), made when missing; lives as long as the store. */
struct store_bucket *store_bucket_get(struct store *store, const char *name);
const char *store_bucket_name(const struct store_bucket *bucket);
size_t store_bucket_count(const struct store_bucket *bucket);
/* In order of namespace, then name; index < count. Borrowed until the next change. */
struct store_object *store_bucket_at(const struct store_bucket *bucket, size_t index);
/* Index of the first object that is not before (ns, name). */
size_t store_bucket_lower_bound(const struct store_bucket *bucket, const char *ns,
                                const char *name);
/* Borrowed until the next change, NULL when absent. */
struct store_object *store_get(const struct store_bucket *bucket, const char *ns, const char *name);

/* Stores `tree` (taken, also on failure) under its metadata.namespace and name, with the next
 * revision in metadata.resourceVersion. `expected` is the object that it replaces, NULL for a new
 * one: ERR_EXISTS when there is one, ERR_CONFLICT when another state is there, ERR_LIMIT, ERR_IO
 * when it cannot be written (store_problem says why; nothing changed then). *ret
 * (may be NULL) is borrowed until the next change. */
MUST_USE int store_put(struct store_bucket *bucket, json_t *tree,
                       const struct store_object *expected, struct store_object **ret);
/* Removes; ERR_NOT_FOUND, ERR_CONFLICT when another state than `expected` is there, or ERR_IO. */
MUST_USE int store_remove(struct store_bucket *bucket, const struct store_object *expected);
struct store_object *store_object_ref(struct store_object *object);
/* NULL is fine. */
void store_object_unref(struct store_object *object);

/* --- watches --- */

struct store_watch {
    /* private; zero-initialise */
    struct list node;
    struct store *store;
    struct store_bucket *bucket;
    uint64_t next; /* sequence number of the next event to tell */
    bool paused;
    void (*on_event)(const struct store_event *event, void *ctx);
    void (*on_behind)(void *ctx);
    void *ctx;
};

/* Tells events of `bucket` (NULL: of all) after `revision`, from the loop, never within a put.
 * on_behind (may be NULL) runs once when the ring has lost events; the watch then is removed.
 * ERR_EXPIRED when the ring does not reach back to `revision`. */
MUST_USE int store_watch_add(struct store *store, struct store_bucket *bucket, uint64_t revision,
                             struct store_watch *watch,
                             void (*on_event)(const struct store_event *event, void *ctx),
                             void (*on_behind)(void *ctx), void *ctx);
/* May be called from any callback; harmless when not added (zeroed). */
void store_watch_remove(struct store_watch *watch);
void store_watch_pause(struct store_watch *watch);
void store_watch_resume(struct store_watch *watch);

#endif
