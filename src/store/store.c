/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, revisions, the event ring and the delivery of watches. See store.h; log.c writes the
 * database.
 *
 * The ring is an array addressed by sequence number: event s lies at s % STORE_RING_SIZE. A watch
 * holds the number of the next event; it is behind when that number left the ring.
 */
#include "store/store.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/log.h"

#include <stdio.h>

struct store_bucket {
    char *name;
    struct store *store;
    VEC(struct store_object *) objects; /* sorted */
};

struct store {
    struct loop *loop;
    struct store_log *log; /* NULL: memory only */
    void (*on_refused)(const char *problem, void *ctx);
    void *on_refused_ctx;
    bool refusing;      /* the last change could not be written */
    struct map buckets; /* name -> struct store_bucket */
    uint64_t revision;
    struct store_event *ring;  /* STORE_RING_SIZE */
    uint64_t first, end;       /* sequence numbers held: [first, end) */
    uint64_t revision_floor;   /* revision before the oldest event held */
    size_t ring_size;          /* bytes that the ring alone keeps */
    struct list watches;       /* struct store_watch */
    struct list *watch_cursor; /* next watch to tell, while telling; survives removal */
    struct loop_task task;     /* tells watches */
};

static void store_turn(void *ctx);

/* --- objects --- */

struct store_object *store_object_ref(struct store_object *object)
{
    object->ref_count++;
    return object;
}

void store_object_unref(struct store_object *object)
{
    if (object == NULL || --object->ref_count > 0)
        return;
    json_decref(object->tree);
    mem_free(object->text_memory);
    mem_free(object);
}

static void object_stamp(json_t *tree, uint64_t revision)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)revision);
    json_object_set_new(json_object_get(tree, "metadata"), "resourceVersion", json_string(text));
}

/* Takes the tree; NULL (tree freed) when it has no name or is too large. */
static struct store_object *object_new(json_t *tree, uint64_t revision)
{
    struct store_object *object;
    struct buf text;
    const json_t *metadata = json_object_get(tree, "metadata");
    const char *name = json_get_string(metadata, "name");
    const char *ns = json_get_string(metadata, "namespace");

    buf_init(&text, STORE_TEXT_MAX);
    if (name == NULL || json_format(tree, JSON_FORMAT_COMPACT, &text) != 0) {
        buf_deinit(&text);
        json_decref(tree);
        return NULL;
    }
    object = MEM_NEW(struct store_object);
    object->tree = tree;
    object->ns = ns ? ns : "";
    object->name = name;
    object->revision = revision;
    object->text.len = text.len;
    object->text_memory = buf_take(&text);
    object->text.data = object->text_memory;
    object->ref_count = 1;
    return object;
}

/* --- buckets --- */

struct store_bucket *store_bucket_get(struct store *store, const char *name)
{
    struct store_bucket *bucket = map_get_str(&store->buckets, name);

    if (bucket != NULL)
        return bucket;
    bucket = MEM_NEW(struct store_bucket);
    bucket->name = mem_strdup(name);
    bucket->store = store;
    if (map_put(&store->buckets, slice_str(name), bucket, NULL) != 0)
        ASSERT(!"the map of buckets has no maximum");
    return bucket;
}

const char *store_bucket_name(const struct store_bucket *bucket)
{
    return bucket->name;
}

size_t store_bucket_count(const struct store_bucket *bucket)
{
    return bucket->objects.count;
}

struct store_object *store_bucket_at(const struct store_bucket *bucket, size_t index)
{
    return bucket->objects.items[index];
}

static int key_cmp(const struct store_object *object, const char *ns, const char *name)
{
    int order = strcmp(object->ns, ns);

    return order ? order : strcmp(object->name, name);
}

size_t store_bucket_lower_bound(const struct store_bucket *bucket, const char *ns, const char *name)
{
    size_t low = 0;
    size_t high = bucket->objects.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key_cmp(bucket->objects.items[middle], ns, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct store_object *store_get(const struct store_bucket *bucket, const char *ns, const char *name)
{
    size_t at = store_bucket_lower_bound(bucket, ns, name);

    if (at < bucket->objects.count && key_cmp(bucket->objects.items[at], ns, name) == 0)
        return bucket->objects.items[at];
    return NULL;
}

static void bucket_insert(struct store_bucket *bucket, size_t at, struct store_object *object)
{
    struct store_object **items;

    VEC_PUSH(&bucket->objects, object);
    items = bucket->objects.items;
    memmove(items + at + 1, items + at, (bucket->objects.count - 1 - at) * sizeof *items);
    items[at] = object;
}

static void bucket_erase(struct store_bucket *bucket, size_t at)
{
    struct store_object **items = bucket->objects.items;

    memmove(items + at, items + at + 1, (bucket->objects.count - 1 - at) * sizeof *items);
    bucket->objects.count--;
}

/* --- changes --- */

/* What an event keeps that no bucket does: the state before, or the last one. */
static size_t event_size(const struct store_event *event)
{
    return (event->old ? event->old->text.len : 0) +
           (event->change == STORE_DELETED ? event->object->text.len : 0);
}

static void event_drop(struct store_event *event)
{
    store_object_unref(event->object);
    store_object_unref(event->old);
    *event = (struct store_event){0};
}

static void oldest_drop(struct store *store)
{
    struct store_event *slot = &store->ring[store->first++ % STORE_RING_SIZE];

    store->revision_floor = slot->revision;
    store->ring_size -= event_size(slot);
    event_drop(slot);
}

/* Takes both references. */
static void store_tell(struct store_bucket *bucket, enum store_change change,
                       struct store_object *object, struct store_object *old)
{
    const struct store_event event = {change, object->revision, bucket, object, old};
    struct store *store = bucket->store;
    size_t size = event_size(&event);

    while (store->end > store->first && (store->end - store->first == STORE_RING_SIZE ||
                                         store->ring_size + size > STORE_RING_BYTES_MAX))
        oldest_drop(store);
    store->ring[store->end++ % STORE_RING_SIZE] = event;
    store->ring_size += size;
    loop_task_add(store->loop, &store->task);
}

/* Writes the change first; tells of the first that cannot be. */
static int change_log(struct store_bucket *bucket, const struct store_object *object,
                      int (*write)(struct store_log *log, const char *bucket,
                                   const struct store_object *object))
{
    struct store *store = bucket->store;
    int rc = store->log ? write(store->log, bucket->name, object) : 0;
    bool is_first = rc < 0 && !store->refusing;

    store->refusing = rc < 0;
    if (is_first && store->on_refused != NULL)
        store->on_refused(store_problem(store), store->on_refused_ctx);
    return rc;
}

int store_put(struct store_bucket *bucket, json_t *tree, const struct store_object *expected,
              struct store_object **ret)
{
    struct store *store = bucket->store;
    struct store_object *old;
    struct store_object *object;

    object_stamp(tree, store->revision + 1);
    object = object_new(tree, store->revision + 1);
    if (object == NULL)
        return ERR_LIMIT;
    old = store_get(bucket, object->ns, object->name);
    if (old != expected || (old == NULL && bucket->objects.count >= STORE_BUCKET_MAX)) {
        int code = old == expected ? ERR_LIMIT : expected == NULL ? ERR_EXISTS : ERR_CONFLICT;

        store_object_unref(object);
        return code;
    }
    if (change_log(bucket, object, store_log_put) < 0) {
        store_object_unref(object);
        return ERR_IO;
    }
    store->revision++;
    if (old == NULL) {
        bucket_insert(bucket, store_bucket_lower_bound(bucket, object->ns, object->name), object);
        store_tell(bucket, STORE_ADDED, store_object_ref(object), NULL);
    } else { /* the bucket's reference to the old object moves to the event */
        bucket->objects.items[store_bucket_lower_bound(bucket, old->ns, old->name)] = object;
        store_tell(bucket, STORE_MODIFIED, store_object_ref(object), old);
    }
    if (ret != NULL)
        *ret = object;
    return 0;
}

int store_remove(struct store_bucket *bucket, const struct store_object *expected)
{
    struct store *store = bucket->store;
    size_t at = store_bucket_lower_bound(bucket, expected->ns, expected->name);
    struct store_object *old = store_get(bucket, expected->ns, expected->name);
    struct store_object *last;
    json_t *tree;

    if (old == NULL)
        return ERR_NOT_FOUND;
    if (old != expected)
        return ERR_CONFLICT;
    tree = json_deep_copy(old->tree);
    object_stamp(tree, store->revision + 1);
    last = object_new(tree, store->revision + 1);
    if (last == NULL) /* a few digits past the limit: tell the old state instead */
        return ERR_LIMIT;
    if (change_log(bucket, last, store_log_remove) < 0) {
        store_object_unref(last);
        return ERR_IO;
    }
    store->revision++;
    bucket_erase(bucket, at);
    store_tell(bucket, STORE_DELETED, last, old);
    return 0;
}

const char *store_problem(const struct store *store)
{
    return store->log ? store_log_problem(store->log) : "";
}

void store_on_refused_set(struct store *store, void (*on_refused)(const char *problem, void *ctx),
                          void *ctx)
{
    store->on_refused = on_refused;
    store->on_refused_ctx = ctx;
}

uint64_t store_revision(const struct store *store)
{
    return store->revision;
}

/* --- opening --- */

static int load_row(const char *bucket_name, struct slice text, void *ctx, struct error *err)
{
    struct store *store = ctx;
    struct store_bucket *bucket = store_bucket_get(store, bucket_name);
    struct store_object *object;
    uint64_t revision = 0;
    json_t *tree;
    int rc = json_parse(text, NULL, &tree, err);

    if (rc != 0)
        return rc;
    if (slice_parse_u64(slice_str(json_path_string(tree, "metadata.resourceVersion")), UINT64_MAX,
                        &revision) != 0) {
        json_decref(tree);
        return err_set(err, ERR_INVALID, "an object without resourceVersion in bucket %s",
                       bucket_name);
    }
    object = object_new(tree, revision);
    if (object == NULL)
        return err_set(err, ERR_INVALID, "an object without a name in bucket %s", bucket_name);
    bucket_insert(bucket, store_bucket_lower_bound(bucket, object->ns, object->name), object);
    return 0;
}

int store_open(struct loop *loop, const char *path, struct store **ret, struct error *err)
{
    struct store *store = MEM_NEW(struct store);
    int rc = 0;

    store->loop = loop;
    store->revision = 1;
    store->ring = mem_calloc(STORE_RING_SIZE, sizeof *store->ring);
    map_init(&store->buckets, 0);
    list_init(&store->watches);
    loop_task_init(&store->task, store_turn, store);
    if (path != NULL)
        rc = store_log_open(path, &store->log, err);
    if (rc == 0 && store->log != NULL)
        rc = store_log_load(store->log, &store->revision, load_row, store, err);
    if (rc != 0) {
        store_close(store);
        return rc;
    }
    store->revision_floor = store->revision;
    *ret = store;
    return 0;
}

static void bucket_free(struct store_bucket *bucket)
{
    for (size_t i = 0; i < bucket->objects.count; i++)
        store_object_unref(bucket->objects.items[i]);
    VEC_DEINIT(&bucket->objects);
    mem_free(bucket->name);
    mem_free(bucket);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    loop_task_cancel(&store->task);
    store_log_close(store->log);
    for (; store->first < store->end; store->first++)
        event_drop(&store->ring[store->first % STORE_RING_SIZE]);
    MAP_EACH (entry, &store->buckets)
        bucket_free(entry->value);
    map_deinit(&store->buckets);
    mem_free(store->ring);
    mem_free(store);
}

/* --- watches --- */

int store_watch_add(struct store *store, struct store_bucket *bucket, uint64_t revision,
                    struct store_watch *watch,
                    void (*on_event)(const struct store_event *event, void *ctx),
                    void (*on_behind)(void *ctx), void *ctx)
{
    uint64_t next = store->end;

    if (revision < store->revision_floor)
        return ERR_EXPIRED;
    while (next > store->first && store->ring[(next - 1) % STORE_RING_SIZE].revision > revision)
        next--;
    *watch = (struct store_watch){.store = store,
                                  .bucket = bucket,
                                  .next = next,
                                  .on_event = on_event,
                                  .on_behind = on_behind,
                                  .ctx = ctx};
    list_append(&store->watches, &watch->node);
    if (next != store->end)
        loop_task_add(store->loop, &store->task);
    return 0;
}

void store_watch_remove(struct store_watch *watch)
{
    if (watch->store == NULL)
        return;
    if (watch->store->watch_cursor == &watch->node)
        watch->store->watch_cursor = watch->node.next;
    list_remove(&watch->node);
    watch->store = NULL;
}

void store_watch_pause(struct store_watch *watch)
{
    watch->paused = true;
}

void store_watch_resume(struct store_watch *watch)
{
    watch->paused = false;
    if (watch->store != NULL && watch->next != watch->store->end)
        loop_task_add(watch->store->loop, &watch->store->task);
}

/* Tells one watch what it has not heard; stops when it pauses or goes away. */
static void watch_tell(struct store *store, struct store_watch *watch)
{
    while (!watch->paused && watch->next < store->end) {
        struct store_event event;

        if (watch->next < store->first) {
            void (*on_behind)(void *ctx) = watch->on_behind;
            void *ctx = watch->ctx;

            store_watch_remove(watch);
            if (on_behind != NULL)
                on_behind(ctx);
            return;
        }
        event = store->ring[watch->next++ % STORE_RING_SIZE];
        if (watch->bucket != NULL && watch->bucket != event.bucket)
            continue;
        store_object_ref(event.object); /* the callback may put, and so turn the ring */
        if (event.old != NULL)
            store_object_ref(event.old);
        watch->on_event(&event, watch->ctx);
        store_object_unref(event.object);
        store_object_unref(event.old);
        if (store->watch_cursor != &watch->node) /* it was removed */
            return;
    }
}

static void store_turn(void *ctx)
{
    struct store *store = ctx;

    store->watch_cursor = store->watches.next;
    while (store->watch_cursor != &store->watches) {
        struct list *node = store->watch_cursor;

        watch_tell(store, CONTAINER_OF(node, struct store_watch, node));
        if (store->watch_cursor == node)
            store->watch_cursor = node->next;
    }
    store->watch_cursor = NULL;
}
