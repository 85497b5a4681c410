/* SPDX-License-Identifier: Apache-2.0 */
/* The reflector: list, watch, and again; see cache.h for the picture.
 *
 * States  LISTING  a list call runs            -> WATCHING, or RESTING after a failure
 *         WATCHING a watch stream is open      -> WATCHING again, LISTING (410), RESTING
 *         RESTING  the back-off timer runs     -> what `list_due` says
 */
#include "kube/cache.h"

#include <stdio.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "wire/json.h"

enum {
    OBJECT_MAX_DEFAULT = 200 * 1000,
    LINE_SIZE_MAX = 16 * 1024 * 1024,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5 * 1000,
    ABSENT_RETRY_MS = 2 * 1000,
    WATCH_TIMEOUT_MIN_S = 300,
    WATCH_TIMEOUT_SPREAD_S = 300,
};

struct entry {
    json_t *object;
    uint64_t generation; /* of the list that held it: what an older one held is gone */
};

struct kube_cache {
    struct kube_client *client;
    struct kube_cache_options options; /* texts owned */
    const struct kube_cache_events *events;
    void *ctx;
    struct map entries; /* "ns/name" -> struct entry */
    uint64_t generation;
    char *version; /* resourceVersion to watch from; NULL before the first list */
    bool synced;
    bool list_due;
    struct kube_call *call;
    struct http_stream *stream;
    unsigned stream_status;
    bool watch_broken; /* an ERROR event or a bad line: list again */
    struct buf line;
    struct backoff backoff;
    uint64_t watch_start_ms;
    struct loop_timer timer;
    struct rng rng;
};

static void list_start(struct kube_cache *cache);
static void watch_start(struct kube_cache *cache);

/* --- making and ending --- */

static void on_timer(void *ctx)
{
    struct kube_cache *cache = ctx;

    if (cache->list_due)
        list_start(cache);
    else
        watch_start(cache);
}

int kube_cache_new(struct kube_client *client, const struct kube_cache_options *options,
                   const struct kube_cache_events *events, void *ctx, struct kube_cache **ret)
{
    struct kube_cache *cache = MEM_NEW(struct kube_cache);

    cache->client = client;
    cache->options = *options;
    cache->options.ns = mem_strdup(options->ns);
    cache->options.label_selector = mem_strdup(options->label_selector);
    cache->options.field_selector = mem_strdup(options->field_selector);
    cache->events = events;
    cache->ctx = ctx;
    cache->list_due = true;
    cache->backoff = (struct backoff){.min_ms = BACKOFF_MIN_MS, .max_ms = BACKOFF_MAX_MS};
    map_init(&cache->entries, options->object_max ? options->object_max : OBJECT_MAX_DEFAULT);
    buf_init(&cache->line, LINE_SIZE_MAX);
    rng_init(&cache->rng, rng_system_u64());
    loop_timer_init(&cache->timer, on_timer, cache);
    loop_timer_start(kube_client_loop(client), &cache->timer, 1);
    *ret = cache;
    return 0;
}

static void entry_free(struct entry *entry)
{
    json_decref(entry->object);
    mem_free(entry);
}

static const struct http_stream_events silent_events;

void kube_cache_free(struct kube_cache *cache)
{
    if (!cache)
        return;
    loop_timer_stop(kube_client_loop(cache->client), &cache->timer);
    kube_call_cancel(cache->call);
    if (cache->stream) {
        http_stream_events_set(cache->stream, &silent_events, NULL);
        http_stream_reset(cache->stream, HTTP_RESET_LOCAL);
    }
    MAP_EACH (item, &cache->entries)
        entry_free(item->value);
    map_deinit(&cache->entries);
    buf_deinit(&cache->line);
    mem_free(cache->version);
    mem_free((char *)(uintptr_t)cache->options.ns);
    mem_free((char *)(uintptr_t)cache->options.label_selector);
    mem_free((char *)(uintptr_t)cache->options.field_selector);
    mem_free(cache);
}

/* --- back-off --- */

static void rest(struct kube_cache *cache, uint64_t least_ms)
{
    uint64_t backoff_ms = backoff_next(&cache->backoff);
    uint64_t delay_ms = MAX(backoff_ms, least_ms);

    delay_ms = delay_ms / 2 + rng_below(&cache->rng, delay_ms / 2 + 1);
    loop_timer_start(kube_client_loop(cache->client), &cache->timer, delay_ms);
}

static void version_set(struct kube_cache *cache, const char *version)
{
    if (!*version)
        return;
    mem_free(cache->version);
    cache->version = mem_strdup(version);
}

/* --- objects --- */

static struct slice key_of(const json_t *object, char *out, size_t size)
{
    int len = snprintf(out, size, "%s/%s", kube_namespace(object), kube_name(object));

    return slice_make(out, (size_t)len < size ? (size_t)len : size - 1);
}

/* Lists of built-in kinds leave apiVersion and kind out of their items. */
static void kind_complete(const struct kube_cache *cache, json_t *object)
{
    const struct kube_resource *resource = cache->options.resource;
    char version[128];

    if (json_object_get(object, "kind"))
        return;
    snprintf(version, sizeof version, "%s%s%s", resource->group, resource->group[0] ? "/" : "",
             resource->version);
    json_set_string(object, "apiVersion", version);
    json_set_string(object, "kind", resource->kind);
}

static void object_store(struct kube_cache *cache, json_t *object)
{
    char text[512];
    struct slice key = key_of(object, text, sizeof text);
    struct entry *entry = map_get(&cache->entries, key);
    json_t *old = entry ? entry->object : NULL;
    bool same = old && strcmp(kube_resource_version(old), kube_resource_version(object)) == 0;

    if (same) {
        entry->generation = cache->generation;
        return;
    }
    kind_complete(cache, object);
    if (cache->options.trim)
        cache->options.trim(object);
    if (!entry) {
        entry = MEM_NEW(struct entry);
        if (map_put(&cache->entries, key, entry, NULL) < 0) {
            log_warn(kube, "%s: more than %zu objects: %s is left out",
                     cache->options.resource->plural, cache->entries.count, text);
            mem_free(entry);
            return;
        }
    }
    entry->object = json_incref(object);
    entry->generation = cache->generation;
    cache->events->on_change(cache, old ? KUBE_MODIFIED : KUBE_ADDED, object, old, cache->ctx);
    json_decref(old);
}

static void object_drop(struct kube_cache *cache, const json_t *object)
{
    char text[512];
    struct entry *entry = map_remove(&cache->entries, key_of(object, text, sizeof text));

    if (!entry)
        return;
    cache->events->on_change(cache, KUBE_DELETED, entry->object, entry->object, cache->ctx);
    entry_free(entry);
}

/* --- list --- */

/* What the new list did not hold is gone. */
static void list_sweep(struct kube_cache *cache)
{
    MAP_EACH (item, &cache->entries) {
        struct entry *entry = item->value;

        if (entry->generation != cache->generation)
            object_drop(cache, entry->object);
    }
}

static void list_take(struct kube_cache *cache, const json_t *list)
{
    const json_t *items = json_object_get(list, "items");
    size_t i;
    json_t *object;

    cache->generation++;
    json_array_foreach(items, i, object) object_store(cache, object);
    list_sweep(cache);
    version_set(cache, kube_resource_version(list));
    cache->list_due = false;
    if (!cache->synced) {
        cache->synced = true;
        if (cache->events->on_synced)
            cache->events->on_synced(cache, cache->ctx);
    }
}

static void on_listed(const struct kube_result *result, void *ctx)
{
    struct kube_cache *cache = ctx;
    bool absent = result->code == ERR_NOT_FOUND && cache->options.absence_tolerated;

    cache->call = NULL;
    if (result->code < 0 && !absent) {
        log_warn(kube, "list of %s failed: %s", cache->options.resource->plural, result->reason);
        rest(cache, 0);
        return;
    }
    list_take(cache, absent ? NULL : result->object);
    if (absent) {
        cache->list_due = true;
        backoff_reset(&cache->backoff);
        rest(cache, ABSENT_RETRY_MS);
        return;
    }
    watch_start(cache);
}

/* "a=b" with the selectors' special characters encoded. */
static void query_add(struct buf *query, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(query, "%s%s=", query->len ? "&" : "", name);
    for (; *value; value++) {
        if (strchr("=,!() &%+/", *value))
            buf_printf(query, "%%%02X", (unsigned char)*value);
        else
            buf_append_char(query, *value);
    }
}

static void list_start(struct kube_cache *cache)
{
    struct kube_request request = {
        .verb = KUBE_GET, .resource = cache->options.resource, .ns = cache->options.ns};
    struct buf query;

    buf_init(&query, 4096);
    buf_append_str(&query, "");
    query_add(&query, "labelSelector", cache->options.label_selector);
    query_add(&query, "fieldSelector", cache->options.field_selector);
    if (!cache->version) /* after a 410 the newest is wanted, not what some cache has */
        query_add(&query, "resourceVersion", "0");
    request.query = query.data;
    if (kube_call_start(cache->client, &request, on_listed, cache, &cache->call) < 0)
        rest(cache, 0);
    buf_deinit(&query);
}

/* --- watch --- */

static void event_take(struct kube_cache *cache, const json_t *event)
{
    const char *type = json_path_string_or(event, "type", "");
    json_t *object = json_object_get(event, "object");

    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        object_store(cache, object);
    } else if (strcmp(type, "DELETED") == 0) {
        object_drop(cache, object);
    } else if (strcmp(type, "BOOKMARK") != 0) {
        log_debug(kube, "watch of %s: %s", cache->options.resource->plural,
                  json_path_string_or(object, "message", type));
        cache->watch_broken = true;
        return;
    }
    version_set(cache, kube_resource_version(object));
    backoff_reset(&cache->backoff);
}

static void line_take(struct kube_cache *cache, struct slice text)
{
    json_t *event = NULL;

    text = slice_trim(text);
    if (text.len == 0 || cache->watch_broken)
        return;
    if (json_parse(text, NULL, &event, NULL) < 0) {
        cache->watch_broken = true;
        return;
    }
    event_take(cache, event);
    json_decref(event);
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct kube_cache *cache = ctx;
    ptrdiff_t newline;

    if (cache->stream_status != 200)
        return;
    while ((newline = slice_find_char(data, '\n')) >= 0) {
        struct slice piece = slice_head(data, (size_t)newline);

        data = slice_from(data, (size_t)newline + 1);
        if (cache->line.len == 0) {
            line_take(cache, piece);
            continue;
        }
        if (buf_append(&cache->line, piece) < 0)
            cache->watch_broken = true;
        else
            line_take(cache, buf_slice(&cache->line));
        buf_reset(&cache->line);
    }
    if (buf_append(&cache->line, data) < 0)
        cache->watch_broken = true;
    if (end && cache->line.len > 0)
        line_take(cache, buf_slice(&cache->line));
    if (cache->watch_broken && !end)
        http_stream_reset(stream, HTTP_RESET_LOCAL); /* on_watch_close follows */
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct kube_cache *cache = ctx;

    (void)stream;
    (void)end;
    cache->stream_status = head->status;
}

static void on_watch_close(struct http_stream *stream, void *ctx)
{
    struct kube_cache *cache = ctx;
    uint64_t lived_ms = loop_now_ms(kube_client_loop(cache->client)) - cache->watch_start_ms;

    (void)stream;
    cache->stream = NULL;
    buf_reset(&cache->line);
    if (cache->stream_status != 0 && cache->stream_status != 200 && cache->stream_status != 429)
        cache->watch_broken = true;
    if (cache->watch_broken)
        cache->list_due = true;
    if (lived_ms > BACKOFF_MAX_MS)
        backoff_reset(&cache->backoff);
    rest(cache, 0);
}

static void watch_start(struct kube_cache *cache)
{
    static const struct http_stream_events watch_events = {
        .on_head = on_head, .on_data = on_data, .on_close = on_watch_close};
    struct buf path;
    struct buf query;
    int rc;

    buf_init(&path, 8192);
    buf_init(&query, 4096);
    kube_resource_path(cache->options.resource, cache->options.ns, NULL, NULL, &path);
    buf_printf(&query, "watch=true&allowWatchBookmarks=true&timeoutSeconds=%u",
               WATCH_TIMEOUT_MIN_S + (unsigned)rng_below(&cache->rng, WATCH_TIMEOUT_SPREAD_S));
    query_add(&query, "resourceVersion", cache->version ? cache->version : "0");
    query_add(&query, "labelSelector", cache->options.label_selector);
    query_add(&query, "fieldSelector", cache->options.field_selector);
    buf_printf(&path, "?%s", query.data);
    cache->watch_broken = false;
    cache->stream_status = 0;
    cache->watch_start_ms = loop_now_ms(kube_client_loop(cache->client));
    rc = kube_stream_start(cache->client, path.data, &watch_events, cache, &cache->stream);
    if (rc < 0 && !cache->stream)
        rest(cache, 0);
    buf_deinit(&query);
    buf_deinit(&path);
}

/* --- reading --- */

bool kube_cache_is_synced(const struct kube_cache *cache)
{
    return cache->synced;
}

json_t *kube_cache_get(const struct kube_cache *cache, const char *ns, const char *name)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s/%s", ns ? ns : "", name);
    struct entry *entry =
        map_get(&cache->entries, slice_make(text, MIN((size_t)len, sizeof text - 1)));

    return entry ? entry->object : NULL;
}

json_t *kube_cache_next(const struct kube_cache *cache, size_t *cursor)
{
    struct map_entry *item = map_next(&cache->entries, cursor);

    return item ? ((struct entry *)item->value)->object : NULL;
}

size_t kube_cache_count(const struct kube_cache *cache)
{
    return cache->entries.count;
}

const struct kube_resource *kube_cache_resource(const struct kube_cache *cache)
{
    return cache->options.resource;
}
