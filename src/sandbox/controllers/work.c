/* SPDX-License-Identifier: Apache-2.0 */
/* Work items: see work.h. */
#include "sandbox/controllers/work.h"

#include "base/log.h"
#include "base/mem.h"
#include "kube/event.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORK_WAIT_MS = 5000, WORK_BACKOFF_MS = 50, WORK_BACKOFF_MAX_MS = 5000 };

void work_mark(struct sandbox_controllers *controllers, const struct work_kind *kind,
               const char *ns, const char *name)
{
    SCOPED(mem_drop) char *key = mem_printf("%s %s/%s", kind->name, ns ? ns : "", name);
    struct work *work = map_get_str(&controllers->items, key);

    if (!work) {
        work = MEM_NEW(struct work);
        work->controllers = controllers;
        work->kind = kind;
        work->key = mem_strdup(key);
        work->ns = mem_strdup(ns ? ns : "");
        work->name = mem_strdup(name);
        if (map_put(&controllers->items, slice_str(key), work, NULL) < 0)
            return;
    }
    work->dirty = true;
    loop_task_add(controllers->loop, &controllers->task);
}

void work_again(struct work *work, uint64_t delay_ms)
{
    struct sandbox_controllers *controllers = work->controllers;

    work->dirty = true;
    work->not_before_ms = loop_now_ms(controllers->loop) + delay_ms;
    if (!loop_timer_is_armed(&controllers->timer))
        loop_timer_start(controllers->loop, &controllers->timer, delay_ms ? delay_ms : 1);
}

/* --- calls --- */

struct work_call_state {
    struct work *work;
    enum kube_verb verb;
    struct kube_cache *cache; /* that will show the write; NULL: none does */
    char *plural;
    char *ns;
    char *name;
    char *uid; /* of what is deleted */
};

static void wait_add(struct work_call_state *state, const struct kube_result *result)
{
    struct work *work = state->work;
    struct work_wait *wait;
    bool gone =
        state->verb == KUBE_DELETE && !json_path_get(result->object, "metadata.deletionTimestamp");

    if (!state->cache || work->wait_count == WORK_CALLS_MAX)
        return;
    wait = &work->waits[work->wait_count++];
    *wait = (struct work_wait){.cache = state->cache};
    wait->ns = mem_strdup(state->ns);
    wait->name = mem_strdup(state->name ? state->name : kube_name(result->object));
    wait->deadline_ms = loop_now_ms(work->controllers->loop) + WORK_WAIT_MS;
    if (gone)
        wait->uid = mem_strdup(state->uid ? state->uid : "");
    else
        wait->version = strtoll(kube_resource_version(result->object), NULL, 10);
}

static void fail(struct work *work, const struct work_call_state *state,
                 const struct kube_result *result)
{
    uint64_t delay_ms = WORK_BACKOFF_MS;

    for (unsigned i = 0; i < work->failure_count && delay_ms < WORK_BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    work->failure_count++;
    if (result->code != ERR_CONFLICT && result->code != ERR_NOT_FOUND)
        log_warn(controller, "%s %s/%s: %s %s: %s", work->kind->name, work->ns, work->name,
                 state->plural, state->name ? state->name : "", result->reason);
    work_again(work, MIN(delay_ms, (uint64_t)WORK_BACKOFF_MAX_MS));
}

/* Whether a deleted collection still holds objects. */
static bool has_left(const struct kube_result *result)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(result->object, "items"), i, item)
    {
        if (json_array_size(json_path_get(item, "metadata.finalizers")) > 0)
            return true;
    }
    return false;
}

static void on_done(const struct kube_result *result, void *ctx)
{
    struct work_call_state *state = ctx;
    struct work *work = state->work;
    bool settled = (state->verb == KUBE_DELETE && result->code == ERR_NOT_FOUND) ||
                   (state->verb == KUBE_CREATE && result->code == ERR_EXISTS);

    work->call_count--;
    if (result->code == 0) {
        work->failure_count = 0;
        wait_add(state, result);
        work->left_behind =
            work->left_behind || (state->verb == KUBE_DELETE && !state->name && has_left(result));
    } else if (!settled) {
        fail(work, state, result);
    }
    if (state->verb == KUBE_CREATE && (result->status == 422 || result->status == 403))
        work_event(work, work_get(work, work->kind->resource, work->ns, work->name), true,
                   "FailedCreate", "Error creating: %s", result->reason);
    loop_task_add(work->controllers->loop, &work->controllers->task);
    mem_free(state->ns);
    mem_free(state->name);
    mem_free(state->uid);
    mem_free(state->plural);
    mem_free(state);
}

/* The cache that will show a write; subresources other than status change what the object itself
 * does not show. */
static struct kube_cache *cache_of(const struct work *work, const struct kube_resource *resource,
                                   const char *subresource)
{
    if (subresource && strcmp(subresource, "status") != 0)
        return NULL;
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (work->controllers->caches[i] && kube_resource_get((enum kube_resource_id)i) == resource)
            return work->controllers->caches[i];
    return NULL;
}

bool work_call_any(struct work *work, enum kube_verb verb, const struct kube_resource *resource,
                   const char *ns, const char *name, const char *subresource, json_t *body)
{
    struct kube_request request = {.verb = verb,
                                   .resource = resource,
                                   .ns = ns && ns[0] ? ns : NULL,
                                   .name = name,
                                   .subresource = subresource,
                                   .body = body};
    struct work_call_state *state;
    struct kube_call *call;
    int rc;

    if (work->call_count == WORK_CALLS_MAX) {
        json_decref(body);
        work_again(work, WORK_BACKOFF_MS);
        return false;
    }
    state = MEM_NEW(struct work_call_state);
    state->work = work;
    state->verb = verb;
    state->cache = verb == KUBE_DELETE && !name ? NULL : cache_of(work, resource, subresource);
    state->plural = mem_strdup(resource->plural);
    state->ns = mem_strdup(ns);
    state->name = mem_strdup(name);
    if (state->cache && name)
        state->uid = mem_strdup(kube_uid(kube_cache_get(state->cache, ns, name)));
    work->call_count++;
    rc = kube_call_start(work->controllers->client, &request, on_done, state, &call);
    json_decref(body);
    if (rc < 0)
        on_done(&(struct kube_result){.code = rc, .reason = err_text(rc)}, state);
    return rc == 0;
}

bool work_call(struct work *work, enum kube_verb verb, enum kube_resource_id resource,
               const char *ns, const char *name, const char *subresource, json_t *body)
{
    return work_call_any(work, verb, kube_resource_get(resource), ns, name, subresource, body);
}

/* --- caches --- */

json_t *work_get(const struct work *work, enum kube_resource_id resource, const char *ns,
                 const char *name)
{
    struct kube_cache *cache = work->controllers->caches[resource];

    return cache ? kube_cache_get(cache, ns, name) : NULL;
}

json_t *work_next(const struct work *work, enum kube_resource_id resource, const char *ns,
                  size_t *cursor)
{
    struct kube_cache *cache = work->controllers->caches[resource];
    json_t *object;

    while ((object = kube_cache_next(cache, cursor)))
        if (!ns || !ns[0] || strcmp(kube_namespace(object), ns) == 0)
            return object;
    return NULL;
}

void work_event(struct work *work, const json_t *object, bool warning, const char *reason,
                const char *fmt, ...)
{
    char message[1024];
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
    kube_event_record(work->controllers->client, &event);
}

bool work_selector_matches(const json_t *selector, const json_t *labels)
{
    return (json_object_size(json_object_get(selector, "matchLabels")) > 0 ||
            json_array_size(json_object_get(selector, "matchExpressions")) > 0) &&
           kube_selector_match_object(selector, labels);
}
