/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_api.h.
 */
#include "fake_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "http/head.h"
#include "test.h"
#include "wire/json.h"

static void reply(struct http_stream *stream, unsigned status, json_t *tree)
{
    char *text = json_format_str(tree, JSON_FORMAT_COMPACT);

    http_stream_respond(stream, status, "application/json", slice_str(text));
    mem_free(text);
    json_decref(tree);
}

static void reply_status(struct http_stream *stream, unsigned code, const char *reason,
                         const char *message)
{
    reply(stream, code,
          json_pack("{s:s, s:s, s:s, s:s, s:i}", "kind", "Status", "status", "Failure", "reason",
                    reason, "message", message, "code", (int)code));
}

/* "/api/v1/pods" holds "/api/v1/namespaces/x/pods/y". */
static bool is_in(const char *collection, const char *path)
{
    const char *plural = strrchr(collection, '/');
    const char *name = strrchr(path, '/');
    size_t prefix = (size_t)(plural - collection);
    size_t plural_len = strlen(plural);

    return strncmp(collection, path, prefix) == 0 && (size_t)(name - path) >= prefix + plural_len &&
           strncmp(name - plural_len, plural, plural_len) == 0;
}

static void event_send(struct fake_watch *watch, const char *type, json_t *object)
{
    json_t *event = json_pack("{s:s, s:O}", "type", type, "object", object);
    char *text = json_format_str(event, JSON_FORMAT_COMPACT);
    char *line = mem_printf("%s\n", text);

    (void)!http_stream_send_data(watch->stream, slice_str(line), false);
    mem_free(line);
    mem_free(text);
    json_decref(event);
}

static void events_send(struct fake_api *api, const char *path, const char *type, json_t *object)
{
    for (size_t i = 0; i < FAKE_WATCHES; i++)
        if (api->watches[i].stream && is_in(api->watches[i].path, path))
            event_send(&api->watches[i], type, object);
}

static void list(struct fake_api *api, struct http_stream *stream, const char *path)
{
    json_t *items = json_array();
    const char *key;
    json_t *object;

    api->list_count++;
    json_object_foreach(api->objects, key, object)
    {
        if (is_in(path, key))
            json_array_append(items, object);
    }
    reply(stream, 200,
          json_pack("{s:s, s:{s:o}, s:o}", "kind", "List", "metadata", "resourceVersion",
                    json_sprintf("%lld", (long long)api->version), "items", items));
}

static void on_watch_close(struct http_stream *stream, void *ctx)
{
    struct fake_api *api = ctx;

    for (size_t i = 0; i < FAKE_WATCHES; i++)
        if (api->watches[i].stream == stream)
            api->watches[i].stream = NULL;
}

/* Past events are not kept: what changed since the version is sent as MODIFIED. */
static void watch(struct fake_api *api, struct http_stream *stream, const char *path, int64_t since)
{
    static const struct http_stream_events events = {.on_close = on_watch_close};
    struct http_head head = {.status = 200, .content_length = -1};
    const char *key;
    json_t *object;
    size_t slot = 0;

    api->watch_count++;
    while (slot < FAKE_WATCHES && api->watches[slot].stream)
        slot++;
    assert_true(slot < FAKE_WATCHES);
    api->watches[slot].stream = stream;
    snprintf(api->watches[slot].path, sizeof api->watches[slot].path, "%s", path);
    http_stream_events_set(stream, &events, api);
    assert_int_equal(http_stream_send_head(stream, &head, false), 0);
    if (api->expire_next > 0) {
        json_t *status = json_pack("{s:s, s:i}", "kind", "Status", "code", 410);

        api->expire_next--;
        event_send(&api->watches[slot], "ERROR", status);
        json_decref(status);
        return;
    }
    json_object_foreach(api->objects, key, object)
    {
        if (is_in(path, key) &&
            strtoll(json_path_string_or(object, "metadata.resourceVersion", "0"), NULL, 10) > since)
            event_send(&api->watches[slot], "MODIFIED", object);
    }
}

static void post(struct fake_api *api, struct http_stream *stream, const char *path, json_t *tree)
{
    SCOPED(mem_drop)
    char *full = mem_printf("%s/%s", path, json_path_string_or(tree, "metadata.name", "unnamed"));

    if (slice_ends_with(slice_str(path), SLICE("/token"))) {
        fake_api_put(api, path, json_incref(tree));
        reply(
            stream, 201,
            json_pack("{s:{s:o}}", "status", "token", json_sprintf("token-%u", api->write_count)));
        return;
    }
    if (fake_api_get(api, full)) {
        reply_status(stream, 409, "AlreadyExists", "already exists");
        return;
    }
    fake_api_put(api, full, json_incref(tree));
    reply(stream, 201, json_incref(tree));
}

/* Merges; a server-side apply also creates, and changes nothing when nothing differs. */
static void change(struct fake_api *api, struct http_stream *stream, const char *path, json_t *tree)
{
    const struct http_head *head = http_stream_head(stream);
    bool is_apply = slice_find(http_headers_value(&head->headers, SLICE("content-type")),
                               SLICE("apply-patch")) >= 0;
    json_t *live = fake_api_get(api, path);
    json_t *merged;

    if (!live && !is_apply) {
        reply_status(stream, 404, "NotFound", "not found");
        return;
    }
    merged = live ? json_deep_copy(live) : json_object();
    json_object_update_recursive(merged, tree);
    if (is_apply && live && json_equal(live, merged))
        api->write_count--;
    else
        fake_api_put(api, path, json_incref(merged));
    reply(stream, live ? 200 : 201, merged);
}

/* POST, PUT, PATCH. */
static void on_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct fake_api *api = ctx;
    const struct http_head *head = http_stream_head(stream);
    char *path = mem_slice_dup(head->path);
    json_t *tree = NULL;

    *strchrnul(path, '?') = 0;
    if (slice_ends_with(slice_str(path), SLICE("/status")))
        path[strlen(path) - strlen("/status")] = 0;
    assert_int_equal(code, 0);
    assert_int_equal(json_parse(body, NULL, &tree, NULL), 0);
    api->write_count++;
    if (slice_eq_str(head->method, "POST"))
        post(api, stream, path, tree);
    else
        change(api, stream, path, tree);
    json_decref(tree);
    mem_free(path);
}

static void on_delete_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct fake_api *api = ctx;
    char *path = mem_slice_dup(http_stream_head(stream)->path);

    (void)body;
    assert_int_equal(code, 0);
    api->write_count++;
    if (fake_api_get(api, path)) {
        fake_api_delete(api, path);
        reply(stream, 200, json_pack("{s:s, s:s}", "kind", "Status", "status", "Success"));
    } else {
        reply_status(stream, 404, "NotFound", "not found");
    }
    mem_free(path);
}

/* "/api/v1/[namespaces/x/]pods" is a collection, one segment more an object. */
static bool is_object_path(const char *path)
{
    size_t segments = 0;

    for (const char *c = path; *c; c++)
        segments += *c == '/';
    return (segments - (strncmp(path, "/apis/", 6) == 0 ? 3 : 2)) % 2 == 0;
}

static void get(struct fake_api *api, struct http_stream *stream, struct slice target)
{
    ptrdiff_t query = slice_find_char(target, '?');
    char *path = mem_slice_dup(query < 0 ? target : slice_head(target, (size_t)query));
    char *rest = mem_slice_dup(query < 0 ? SLICE("") : slice_from(target, (size_t)query));
    const char *since = strstr(rest, "resourceVersion=");
    json_t *object = fake_api_get(api, path);

    if (object)
        reply(stream, 200, json_incref(object));
    else if (strstr(path, "/missing"))
        reply_status(stream, 404, "NotFound", "the server could not find the requested resource");
    else if (strstr(rest, "watch=true"))
        watch(api, stream, path, since ? strtoll(since + strlen("resourceVersion="), NULL, 10) : 0);
    else if (is_object_path(path))
        reply_status(stream, 404, "NotFound", "pods \"absent\" not found");
    else
        list(api, stream, path);
    mem_free(path);
    mem_free(rest);
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct fake_api *api = ctx;

    (void)end;
    if (slice_eq_str(head->method, "GET"))
        get(api, stream, head->path);
    else if (slice_eq_str(head->method, "DELETE"))
        http_stream_collect(stream, 1024 * 1024, on_delete_body, api);
    else
        http_stream_collect(stream, 1024 * 1024, on_body, api);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

void fake_api_up(struct fake_api *api)
{
    static const struct http_server_options options;

    assert_int_equal(http_server_new(api->loop, &options, on_stream, api, &api->server), 0);
    assert_int_equal(http_server_listen(api->server, &api->addr, &api->addr, NULL), 0);
}

void fake_api_down(struct fake_api *api)
{
    http_server_free(api->server);
    api->server = NULL;
    memset(api->watches, 0, sizeof api->watches);
}

void fake_api_init(struct fake_api *api, struct loop *loop)
{
    memset(api, 0, sizeof *api);
    api->loop = loop;
    api->objects = json_object();
    api->version = 1;
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &api->addr), 0);
    fake_api_up(api);
}

void fake_api_deinit(struct fake_api *api)
{
    fake_api_down(api);
    json_decref(api->objects);
}

json_t *fake_api_get(const struct fake_api *api, const char *path)
{
    return json_object_get(api->objects, path);
}

void fake_api_put(struct fake_api *api, const char *path, json_t *object)
{
    bool is_new = !fake_api_get(api, path);

    api->version++;
    assert_int_equal(json_path_set(object, "metadata.resourceVersion",
                                   json_sprintf("%lld", (long long)api->version)),
                     0);
    json_object_set_new(api->objects, path, object);
    events_send(api, path, is_new ? "ADDED" : "MODIFIED", object);
}

void fake_api_delete(struct fake_api *api, const char *path)
{
    json_t *object = json_incref(fake_api_get(api, path));

    api->version++;
    json_object_del(api->objects, path);
    events_send(api, path, "DELETED", object);
    json_decref(object);
}

void fake_api_end_watches(struct fake_api *api)
{
    for (size_t i = 0; i < FAKE_WATCHES; i++)
        if (api->watches[i].stream)
            (void)!http_stream_send_data(api->watches[i].stream, (struct slice){0}, true);
}

char *fake_api_url(const struct fake_api *api)
{
    char text[ADDR_TEXT_SIZE];

    return mem_printf("http://%s", addr_format(&api->addr, text));
}

struct kube_client *fake_api_client(const struct fake_api *api)
{
    SCOPED(mem_drop) char *url = fake_api_url(api);
    const struct kube_config config = {.server = url};
    struct kube_client *client = NULL;

    assert_int_equal(kube_client_new(api->loop, &config, "test", &client, NULL), 0);
    return client;
}

char *fake_api_kubeconfig(const struct fake_api *api, const char *folder)
{
    SCOPED(mem_drop) char *url = fake_api_url(api);
    SCOPED(mem_drop)
    char *text = mem_printf("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
                            "clusters: [{name: c, cluster: {server: '%s'}}]\n",
                            url);
    char *path = mem_printf("%s/kubeconfig", folder);

    assert_int_equal(file_write(path, slice_str(text), 0600, NULL), 0);
    return path;
}

struct kube_client *fake_api_open(struct fake_api *api)
{
    struct loop *loop;

    assert_int_equal(loop_new(&loop), 0);
    fake_api_init(api, loop);
    return fake_api_client(api);
}

void fake_api_close(struct fake_api *api, struct kube_client *client)
{
    struct loop *loop = api->loop;

    kube_client_free(client);
    fake_api_deinit(api);
    for (int i = 0; i < 5; i++) /* what was closed is told on the next turns */
        loop_run_once(loop, 0);
    loop_free(loop);
}
