/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: an endless answer of one JSON event a line, fed from the store's ring.
 *
 *   start -> (initial ADDED events) -> (initial bookmark) -> events as they come -> timeout, close
 *
 * A slow reader pauses its place in the ring; when the ring has passed it, it gets ERROR 410.
 *
 * Place   apiserver_http.c hands a call and its stream over
 * Owns    struct watch: the call, its place in the ring, two timers
 * Limits  output of a stream: the server's high watermark and one event; see store.h for the ring
 * Spec    Kubernetes API concepts, "Efficient detection of changes"; kube-api reference, section 6
 */
#include "base/mem.h"
#include "base/rng.h"
#include "kube/objects/status.h"
#include "kube/objects/watch.h"
#include "sandbox/apiserver_int.h"

#include <stdio.h>

enum { WATCH_BOOKMARK_MS = 60 * 1000, WATCH_TIMEOUT_MIN_S = 1800 };

struct watch {
    struct apiserver_call *call;
    struct http_stream *stream; /* NULL once it closed */
    struct store_watch store_watch;
    struct kube_filter filter;
    struct loop_timer timeout, bookmark;
    bool bookmarks;
    bool header_sent; /* of a Table */
    struct buf line;
};

static void watch_free(struct watch *watch)
{
    struct loop *loop = watch->call->server->loop;

    store_watch_remove(&watch->store_watch);
    loop_timer_stop(loop, &watch->timeout);
    loop_timer_stop(loop, &watch->bookmark);
    buf_deinit(&watch->line);
    apiserver_call_free(watch->call);
    mem_free(watch);
}

/* --- output --- */

static void watch_send(struct watch *watch, bool end)
{
    int rc;

    if (watch->stream == NULL)
        return;
    rc = http_stream_send_data(watch->stream, buf_slice(&watch->line), end);
    buf_reset(&watch->line);
    if (rc == ERR_AGAIN)
        store_watch_pause(&watch->store_watch);
}

/* The object in the form that the client asked for. */
static void send_event(struct watch *watch, const char *type, const struct store_object *object,
                       uint64_t revision)
{
    json_t *tree = apiserver_read_present(watch->call->kind, object);
    json_t *shown;

    if (revision != object->revision) { /* it left the selector's set at that revision */
        json_t *copy = json_deep_copy(tree);

        json_path_set(copy, "metadata.resourceVersion",
                      json_sprintf("%llu", (unsigned long long)revision));
        json_decref(tree);
        tree = copy;
    }
    shown = apiserver_read_shown(watch->call, tree, !watch->header_sent);
    watch->header_sent = true;
    if (shown == NULL && tree == object->tree)
        kube_watch_line(type, object->text, &watch->line);
    else
        kube_watch_line_tree(type, shown ? shown : tree, &watch->line);
    json_decref(shown);
    json_decref(tree);
    watch_send(watch, false);
}

static void send_bookmark(struct watch *watch, bool initial_end)
{
    const struct kind *kind = watch->call->kind;

    kube_watch_bookmark(kind->api_version, kind->kind, store_revision(watch->call->server->store),
                        initial_end, &watch->line);
    watch_send(watch, false);
}

static void send_expired(struct watch *watch, uint64_t revision)
{
    char text[96];
    json_t *status;

    snprintf(text, sizeof text, "too old resource version: %llu (%llu)",
             (unsigned long long)revision,
             (unsigned long long)store_revision(watch->call->server->store));
    status = kube_status_new(410, "Expired", text, NULL);
    kube_watch_line_tree("ERROR", status, &watch->line);
    json_decref(status);
    watch_send(watch, true);
}

/* --- events of the store --- */

static void watch_on_event(const struct store_event *event, void *ctx)
{
    struct watch *watch = ctx;
    bool is_gone = event->change == STORE_DELETED;
    const json_t *old = event->old ? event->old->tree : NULL;
    const json_t *now = is_gone ? NULL : event->object->tree;
    const char *type = kube_watch_type(&watch->filter, old, now);

    if (type == NULL)
        return;
    if (strcmp(type, "DELETED") == 0 && !is_gone) /* told as it was when it was in sight */
        send_event(watch, type, event->old, event->revision);
    else
        send_event(watch, type, event->object, event->revision);
}

static void watch_on_behind(void *ctx)
{
    send_expired(ctx, 0);
}

/* --- the stream and the timers --- */

static void watch_on_writable(struct http_stream *stream, void *ctx)
{
    struct watch *watch = ctx;

    (void)stream;
    store_watch_resume(&watch->store_watch);
}

static void watch_on_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    watch_free(ctx);
}

static const struct http_stream_events watch_events = {
    .on_writable = watch_on_writable,
    .on_close = watch_on_close,
};

static void watch_on_timeout(void *ctx)
{
    struct watch *watch = ctx;

    store_watch_remove(&watch->store_watch);
    if (watch->bookmarks)
        send_bookmark(watch, false);
    watch_send(watch, true);
}

static void watch_on_bookmark(void *ctx)
{
    struct watch *watch = ctx;

    if (!watch->store_watch.paused && watch->store_watch.store != NULL)
        send_bookmark(watch, false);
    loop_timer_start(watch->call->server->loop, &watch->bookmark, WATCH_BOOKMARK_MS);
}

static void timers_start(struct watch *watch)
{
    struct loop *loop = watch->call->server->loop;
    uint64_t seconds = WATCH_TIMEOUT_MIN_S + rng_system_u64() % WATCH_TIMEOUT_MIN_S;
    struct slice asked = apiserver_call_query(watch->call, "timeoutSeconds");

    if (asked.len > 0 && slice_parse_u64(asked, 86400, &seconds) == 0 && seconds == 0)
        seconds = WATCH_TIMEOUT_MIN_S;
    loop_timer_start(loop, &watch->timeout, seconds * 1000);
    if (watch->bookmarks)
        loop_timer_start(loop, &watch->bookmark, WATCH_BOOKMARK_MS);
}

/* --- start --- */

static void send_initial(struct watch *watch)
{
    const struct store_bucket *bucket = watch->call->kind->bucket;

    for (size_t i = 0; i < store_bucket_count(bucket); i++) {
        const struct store_object *object = store_bucket_at(bucket, i);

        if (kube_filter_match(&watch->filter, object->tree))
            send_event(watch, "ADDED", object, object->revision);
    }
}

static int check_options(struct apiserver_call *call, struct watch *watch, uint64_t *ret_revision,
                         bool *ret_initial)
{
    struct slice revision = apiserver_call_query(call, "resourceVersion");
    bool initial = apiserver_call_query_bool(call, "sendInitialEvents");

    if (initial &&
        !slice_eq_str(apiserver_call_query(call, "resourceVersionMatch"), "NotOlderThan"))
        return apiserver_fail(call, 422, "Invalid",
                              "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "
                              "Forbidden: sendInitialEvents requires setting resourceVersionMatch "
                              "to NotOlderThan");
    *ret_revision = 0;
    if (revision.len > 0 && slice_parse_u64(revision, UINT64_MAX, ret_revision) != 0)
        return apiserver_fail(call, 400, "BadRequest", "Invalid value: \"%.*s\": resourceVersion",
                              SLICE_ARG(revision));
    *ret_initial = initial || *ret_revision == 0;
    return apiserver_read_filter(call, &watch->filter);
}

static void send_head(struct http_stream *stream)
{
    struct http_head head = {.status = 200, .content_length = -1};
    struct arena *arena = http_stream_arena(stream);

    http_headers_add(&head.headers, arena, SLICE("content-type"), SLICE("application/json"));
    http_headers_add(&head.headers, arena, SLICE("cache-control"), SLICE("no-cache, private"));
    if (http_stream_send_head(stream, &head, false) != 0)
        http_stream_reset(stream, HTTP_RESET_LOCAL);
}

static void watch_begin(struct watch *watch, uint64_t revision, bool initial)
{
    struct apiserver_call *call = watch->call;
    struct store *store = call->server->store;
    bool list_end = apiserver_call_query_bool(call, "sendInitialEvents");
    uint64_t from = initial ? store_revision(store) : revision;

    send_head(watch->stream);
    if (store_watch_add(store, call->kind->bucket, from, &watch->store_watch, watch_on_event,
                        watch_on_behind, watch) != 0) {
        send_expired(watch, revision);
        return;
    }
    timers_start(watch);
    if (initial)
        send_initial(watch);
    if (initial && watch->bookmarks)
        send_bookmark(watch, list_end);
}

void apiserver_watch_start(struct apiserver_call *call, struct http_stream *stream)
{
    struct watch *watch = MEM_NEW(struct watch);
    uint64_t revision;
    bool initial;

    watch->call = call;
    buf_init(&watch->line, 2 * STORE_TEXT_MAX);
    loop_timer_init(&watch->timeout, watch_on_timeout, watch);
    loop_timer_init(&watch->bookmark, watch_on_bookmark, watch);
    watch->bookmarks = apiserver_call_query_bool(call, "allowWatchBookmarks");
    http_stream_events_set(stream, &watch_events, watch);
    if (check_options(call, watch, &revision, &initial) != 0) {
        apiserver_http_respond(call, stream); /* on_close frees */
        return;
    }
    watch->stream = stream;
    watch_begin(watch, revision, initial);
}
