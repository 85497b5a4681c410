/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of controllers: see work.h.
 *
 * A call outlives its answer: it stays in its item's list until a cache has shown what it wrote.
 * Items in the queue's list have something to do; an idle item whose object is gone ends.
 */
#include "kube/work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "kube/event.h"
#include "kube/objects/object.h"
#include "wire/json.h"

enum { SHOWN_MS = 5000, REST_MS = 50, REST_MAX_MS = 5000, MESSAGE_SIZE = 1024 };

struct work_cache {
    struct work_queue *queue;
    enum kube_resource_id resource;
    struct kube_cache *cache; /* NULL: not watched */
};

struct work_queue {
    struct kube_client *client;
    struct loop *loop;
    struct work_options options;
    struct work_cache caches[KUBE_RESOURCE_COUNT];
    struct map items;   /* "kind ns/name" -> struct work */
    struct list active; /* struct work, by node */
    struct loop_task task;
    struct loop_timer timer; /* for the first rest or wait that ends */
};

struct work_call {
    struct list node; /* in work->calls */
    struct work *work;
    struct kube_call *call; /* NULL: answered, and waits to be seen */
    enum kube_verb verb;
    struct kube_cache *cache; /* that will show the write; NULL: none does */
    char *plural;
    char *ns;
    char *name; /* NULL: of the collection */
    char *uid;  /* of what is deleted; NULL: not known */
    void (*on_answer)(struct work *work, const struct kube_result *result); /* of a read */
    /* once it is answered */
    int64_t version;      /* resourceVersion at least; 0: gone, or another uid */
    uint64_t deadline_ms; /* after this the cache is believed */
};

static void wake(struct work_queue *queue)
{
    loop_task_add(queue->loop, &queue->task);
}

/* --- items --- */

static struct work *item_new(struct work_queue *queue, const struct work_kind *kind, const char *ns,
                             const char *name, const char *key)
{
    struct work *work = MEM_NEW(struct work);

    work->queue = queue;
    work->kind = kind;
    work->key = mem_strdup(key);
    work->ns = mem_strdup(ns);
    work->name = mem_strdup(name);
    work->rests = (struct backoff){.min_ms = REST_MS, .max_ms = REST_MAX_MS};
    list_init(&work->node);
    list_init(&work->calls);
    return work;
}

static void call_free(struct work_call *call)
{
    list_remove(&call->node);
    kube_call_cancel(call->call);
    mem_free(call->plural);
    mem_free(call->ns);
    mem_free(call->name);
    mem_free(call->uid);
    mem_free(call);
}

static void item_free(struct work *work)
{
    LIST_EACH (node, &work->calls)
        call_free(CONTAINER_OF(node, struct work_call, node));
    list_remove(&work->node);
    mem_free(work->memory);
    mem_free(work->key);
    mem_free(work->ns);
    mem_free(work->name);
    mem_free(work);
}

/* Into the queue, for the next turn of the loop. */
static void item_touch(struct work *work)
{
    if (list_is_empty(&work->node))
        list_append(&work->queue->active, &work->node);
    wake(work->queue);
}

void work_mark(struct work_queue *queue, const struct work_kind *kind, const char *ns,
               const char *name)
{
    SCOPED(mem_drop) char *key = mem_printf("%s %s/%s", kind->name, ns ? ns : "", name);
    struct work *work = map_get_str(&queue->items, key);

    if (!work) {
        work = item_new(queue, kind, ns ? ns : "", name, key);
        if (map_put(&queue->items, slice_str(key), work, NULL) < 0) {
            item_free(work);
            return;
        }
    }
    work->dirty = true;
    item_touch(work);
}

void work_mark_all(struct work_queue *queue, const struct work_kind *kind, const char *ns)
{
    size_t cursor = 0;
    json_t *object;

    while ((object = work_next(queue, kind->resource, ns, &cursor)))
        work_mark(queue, kind, kube_namespace(object), kube_name(object));
}

void work_again(struct work *work, uint64_t delay_ms)
{
    work->dirty = true;
    work->not_before_ms = loop_now_ms(work->queue->loop) + delay_ms;
    item_touch(work);
}

/* --- calls --- */

/* The cache that will show a write; subresources other than status change what the object itself
 * does not show. */
static struct kube_cache *cache_of(const struct work_queue *queue,
                                   const struct kube_resource *resource, const char *subresource)
{
    if (subresource && strcmp(subresource, "status") != 0)
        return NULL;
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (queue->caches[i].cache && kube_resource_get((enum kube_resource_id)i) == resource)
            return queue->caches[i].cache;
    return NULL;
}

/* Whether a cache shows what the answered call wrote. */
static bool is_shown(const struct work_call *call, uint64_t now_ms)
{
    const json_t *object = kube_cache_get(call->cache, call->ns, call->name);

    if (now_ms >= call->deadline_ms)
        return true;
    if (call->version == 0)
        return !object || !kube_uid_equal(object, call->uid);
    return object && strtoll(kube_resource_version(object), NULL, 10) >= call->version;
}

/* The write went well: from now on the call waits to be seen. */
static void shown_await(struct work_call *call, const struct kube_result *result)
{
    bool gone = call->verb == KUBE_DELETE && !kube_is_deleting(result->object);

    if (!call->cache) {
        call_free(call);
        return;
    }
    if (!call->name)
        call->name = mem_strdup(kube_name(result->object));
    if (!gone)
        call->version = strtoll(kube_resource_version(result->object), NULL, 10);
    call->deadline_ms = loop_now_ms(call->work->queue->loop) + SHOWN_MS;
}

static void fail(const struct work_call *call, const struct kube_result *result)
{
    struct work *work = call->work;

    if (result->code != ERR_CONFLICT && result->code != ERR_NOT_FOUND)
        log_warn(controller, "%s %s/%s: %s %s: %s", work->kind->name, work->ns, work->name,
                 call->plural, call->name ? call->name : "", result->reason);
    work_again(work, backoff_next(&work->rests));
}

static void settle(struct work_call *call, const struct kube_result *result)
{
    struct work *work = call->work;
    bool is_done = (call->verb == KUBE_DELETE && result->code == ERR_NOT_FOUND) ||
                   (call->verb == KUBE_CREATE && result->code == ERR_EXISTS);

    if (work->kind->on_result)
        work->kind->on_result(work, result);
    if (result->code == 0) {
        backoff_reset(&work->rests);
        shown_await(call, result);
        return;
    }
    if (!is_done)
        fail(call, result);
    if (call->verb == KUBE_CREATE && (result->status == 422 || result->status == 403))
        work_event(work, work_get(work->queue, work->kind->resource, work->ns, work->name), true,
                   "FailedCreate", "Error creating: %s", result->reason);
    call_free(call);
}

static void on_done(const struct kube_result *result, void *ctx)
{
    struct work_call *call = ctx;
    struct work *work = call->work;

    call->call = NULL;
    work->call_count--;
    if (call->on_answer) {
        void (*on_answer)(struct work * work, const struct kube_result *result) = call->on_answer;

        call_free(call);
        on_answer(work, result);
    } else {
        settle(call, result);
    }
    item_touch(work);
}

/* A call that has not started. */
static struct work_call *call_new(struct work *work, const struct kube_request *request)
{
    struct work_call *call = MEM_NEW(struct work_call);

    call->work = work;
    call->verb = request->verb;
    call->plural = mem_strdup(request->resource->plural);
    call->ns = mem_strdup(request->ns);
    call->name = mem_strdup(request->name);
    list_append(&work->calls, &call->node);
    return call;
}

static bool call_start(struct work_call *call, const struct kube_request *request)
{
    struct work *work = call->work;
    int rc;

    work->call_count++;
    rc = kube_call_start(work->queue->client, request, on_done, call, &call->call);
    if (rc < 0)
        on_done(&(struct kube_result){.code = rc, .reason = err_text(rc)}, call);
    return rc == 0;
}

bool work_call_any(struct work *work, enum kube_verb verb, const struct kube_resource *resource,
                   const char *ns, const char *name, const char *subresource, json_t *body)
{
    SCOPED(json_drop) json_t *owned = body;
    struct kube_request request = {.verb = verb,
                                   .resource = resource,
                                   .ns = ns && ns[0] ? ns : NULL,
                                   .name = name,
                                   .subresource = subresource,
                                   .body = owned};
    struct work_call *call;

    if (work->call_count == WORK_CALLS_MAX) {
        work_again(work, REST_MS);
        return false;
    }
    call = call_new(work, &request);
    if (verb != KUBE_DELETE || name)
        call->cache = cache_of(work->queue, resource, subresource);
    if (call->cache && name)
        call->uid = mem_strdup(kube_uid(kube_cache_get(call->cache, ns, name)));
    return call_start(call, &request);
}

bool work_call(struct work *work, enum kube_verb verb, enum kube_resource_id resource,
               const char *ns, const char *name, const char *subresource, json_t *body)
{
    return work_call_any(work, verb, kube_resource_get(resource), ns, name, subresource, body);
}

void work_status_write(struct work *work, const json_t *object, json_t *status)
{
    json_t *body;

    if (json_equal(status, json_object_get(object, "status"))) {
        json_decref(status);
        return;
    }
    body = json_copy((json_t *)(uintptr_t)object);
    json_object_set_new(body, "status", status);
    work_call(work, KUBE_UPDATE, work->kind->resource, work->ns, work->name, "status", body);
}

void work_read(struct work *work, const struct kube_resource *resource, const char *ns,
               const char *name,
               void (*on_answer)(struct work *work, const struct kube_result *result))
{
    struct kube_request request = {.verb = KUBE_GET, .resource = resource, .ns = ns, .name = name};
    struct work_call *call;

    if (work->call_count == WORK_CALLS_MAX) {
        work_again(work, REST_MS);
        return;
    }
    call = call_new(work, &request);
    call->on_answer = on_answer;
    call_start(call, &request);
}

void work_event(struct work *work, const json_t *object, bool warning, const char *reason,
                const char *fmt, ...)
{
    char message[MESSAGE_SIZE];
    struct kube_event event = {.object = object,
                               .warning = warning,
                               .reason = reason,
                               .message = message,
                               .component = work->kind->name};
    va_list args;

    if (!object)
        return;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    kube_event_record(work->queue->client, &event);
}

/* --- caches --- */

json_t *work_get(const struct work_queue *queue, enum kube_resource_id resource, const char *ns,
                 const char *name)
{
    const struct kube_cache *cache = queue->caches[resource].cache;

    return cache ? kube_cache_get(cache, ns, name) : NULL;
}

json_t *work_next(const struct work_queue *queue, enum kube_resource_id resource, const char *ns,
                  size_t *cursor)
{
    const struct kube_cache *cache = queue->caches[resource].cache;
    json_t *object;

    while (cache && (object = kube_cache_next(cache, cursor)))
        if (!ns || !ns[0] || strcmp(kube_namespace(object), ns) == 0)
            return object;
    return NULL;
}

size_t work_count(const struct work_queue *queue, enum kube_resource_id resource)
{
    const struct kube_cache *cache = queue->caches[resource].cache;

    return cache ? kube_cache_count(cache) : 0;
}

/* --- which change touches which item --- */

static bool is_concerned(const struct work_kind *kind, enum kube_change change,
                         const json_t *object, const json_t *old)
{
    return !kind->is_spec_only || change != KUBE_MODIFIED ||
           !json_equal(json_object_get(object, "spec"), json_object_get(old, "spec"));
}

static void mark_owner(struct work_queue *queue, const json_t *object)
{
    const json_t *owner = kube_owner(object);
    const struct kube_resource *resource = kube_resource_find(
        json_path_string_or(owner, "apiVersion", ""), json_path_string_or(owner, "kind", ""));

    for (size_t i = 0; resource && i < queue->options.kind_count; i++) {
        const struct work_kind *kind = queue->options.kinds[i];

        if (kind->is_owner && kube_resource_get(kind->resource) == resource)
            work_mark(queue, kind, resource->namespaced ? kube_namespace(object) : NULL,
                      json_path_string_or(owner, "name", ""));
    }
}

static void on_change(struct kube_cache *source, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    const struct work_cache *cache = ctx;
    struct work_queue *queue = cache->queue;

    (void)source;
    for (size_t i = 0; i < queue->options.kind_count; i++) {
        const struct work_kind *kind = queue->options.kinds[i];

        if (kind->resource == cache->resource && is_concerned(kind, change, object, old))
            work_mark(queue, kind, kube_namespace(object), kube_name(object));
    }
    mark_owner(queue, object);
    if (queue->options.on_change)
        queue->options.on_change(change, cache->resource, object, old, queue->options.ctx);
    wake(queue); /* items that wait for this version */
}

static void on_synced(struct kube_cache *cache, void *ctx)
{
    (void)cache;
    wake(((struct work_cache *)ctx)->queue);
}

/* --- the queue --- */

static bool is_synced(const struct work_queue *queue)
{
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (queue->caches[i].cache && !kube_cache_is_synced(queue->caches[i].cache))
            return false;
    return true;
}

/* Lets go of calls whose writes are seen. Returns when the item can run; 0: only an answer or a
 * change can tell. */
static uint64_t item_ready_ms(struct work *work, uint64_t now_ms)
{
    uint64_t at_ms = MAX(work->not_before_ms, (uint64_t)1);
    bool waits = false;

    LIST_EACH (node, &work->calls) {
        struct work_call *call = CONTAINER_OF(node, struct work_call, node);

        if (call->call)
            return 0;
        if (is_shown(call, now_ms)) {
            call_free(call);
        } else {
            at_ms = waits ? MIN(at_ms, call->deadline_ms) : call->deadline_ms;
            waits = true;
        }
    }
    return at_ms;
}

/* Returns when to come back; 0: not by time. The item may be gone afterwards. */
static uint64_t item_run(struct work *work, uint64_t now_ms)
{
    uint64_t ready_ms = item_ready_ms(work, now_ms);
    json_t *object = work_get(work->queue, work->kind->resource, work->ns, work->name);

    if (work->call_count || ready_ms > now_ms)
        return ready_ms;
    if (work->dirty) {
        work->dirty = false;
        work->not_before_ms = 0;
        work->kind->sync(work, object);
    }
    if (work->dirty || !list_is_empty(&work->calls))
        return 0; /* that was for the next turn, or an answer will tell */
    list_remove(&work->node);
    if (!object) {
        map_remove(&work->queue->items, slice_str(work->key));
        item_free(work);
    }
    return 0;
}

static void on_task(void *ctx)
{
    struct work_queue *queue = ctx;
    uint64_t now_ms = loop_now_ms(queue->loop);
    uint64_t next_ms = 0;

    if (!is_synced(queue))
        return;
    LIST_EACH (node, &queue->active) {
        uint64_t at_ms = item_run(CONTAINER_OF(node, struct work, node), now_ms);

        if (at_ms > 0 && (next_ms == 0 || at_ms < next_ms))
            next_ms = at_ms;
    }
    if (next_ms > 0)
        loop_timer_start(queue->loop, &queue->timer, next_ms - now_ms);
    else
        loop_timer_stop(queue->loop, &queue->timer);
}

static int watch(struct work_queue *queue, enum kube_resource_id resource)
{
    static const struct kube_cache_events events = {on_change, on_synced};
    struct kube_cache_options options = {.resource = kube_resource_get(resource)};
    struct work_cache *cache = &queue->caches[resource];

    cache->queue = queue;
    cache->resource = resource;
    return kube_cache_new(queue->client, &options, &events, cache, &cache->cache);
}

int work_queue_new(struct kube_client *client, const struct work_options *options,
                   struct work_queue **ret)
{
    struct work_queue *queue = MEM_NEW(struct work_queue);
    int rc = 0;

    queue->client = client;
    queue->loop = kube_client_loop(client);
    queue->options = *options;
    map_init(&queue->items, 0);
    list_init(&queue->active);
    loop_task_init(&queue->task, on_task, queue);
    loop_timer_init(&queue->timer, on_task, queue);
    for (size_t i = 0; i < options->resource_count && rc == 0; i++)
        rc = watch(queue, options->resources[i]);
    if (rc < 0) {
        work_queue_free(queue);
        return rc;
    }
    *ret = queue;
    return 0;
}

void work_queue_free(struct work_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        kube_cache_free(queue->caches[i].cache);
    MAP_EACH (entry, &queue->items)
        item_free(entry->value);
    map_deinit(&queue->items);
    loop_timer_stop(queue->loop, &queue->timer);
    loop_task_cancel(&queue->task);
    mem_free(queue);
}

void *work_queue_ctx(const struct work_queue *queue)
{
    return queue->options.ctx;
}
