/* SPDX-License-Identifier: Apache-2.0 */
/* See rig.h.
 */
#include "rig.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/yaml.h"
#include "xds/pb/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_MS = 5, BODY_MAX = 16 << 20 };

static void on_change(void *ctx)
{
    (void)ctx; /* the test says when */
}

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    assert_int_equal(loop_new(&rig->main_loop), 0);
    stats_init(&rig->stats, 2);
    access_log_sinks_init(&rig->sinks);
    arena_init(&rig->arena, 0);
    resources_init(&rig->resources, rig->main_loop, &rig->stats, 1, on_change, rig);
    assert_int_equal(worker_new(0, rig->main_loop, &rig->sinks, &rig->node, &rig->worker), 0);
    snprintf(rig->log_path, sizeof rig->log_path, "/tmp/weft-rig-XXXXXX");
    close(mkstemp(rig->log_path));
}

void rig_deinit(struct rig *rig)
{
    for (size_t i = 0; i < rig->upstream_count; i++)
        http_server_free(rig->upstreams[i].server);
    worker_free(rig->worker);
    for (size_t i = 0; i < rig->upstream_count; i++)
        buf_deinit(&rig->upstreams[i].body);
    loop_run_once(rig->main_loop, 0);
    resources_deinit(&rig->resources);
    access_log_sinks_deinit(&rig->sinks);
    stats_deinit(&rig->stats);
    loop_run_once(rig->main_loop, 0);
    loop_free(rig->main_loop);
    arena_deinit(&rig->arena);
    unlink(rig->log_path);
}

void rig_turn(struct rig *rig)
{
    loop_run_once(rig->worker->loop, TURN_MS);
    loop_run_once(rig->main_loop, 0);
}

static int loopback_socket(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    struct addr addr;

    assert_true(fd >= 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(bind(fd, &addr.sa.generic, addr.len), 0);
    return fd;
}

unsigned rig_free_port(void)
{
    int fd = loopback_socket(SOCK_STREAM);
    struct addr addr;

    assert_int_equal(addr_of_socket(fd, &addr), 0);
    close(fd);
    return addr_port(&addr);
}

/* --- configuration --- */

static int parse(struct rig *rig, const struct proto_message *desc, const char *yaml, void **ret,
                 struct error *err)
{
    json_t *json = NULL;
    int rc = yaml_parse_one(slice_str(yaml), NULL, &json, err);

    if (rc == 0)
        rc = proto_from_json(desc, json, &pb_registry, &rig->arena, ret, NULL, err);
    json_decref(json);
    return rc;
}

void rig_cluster(struct rig *rig, const char *yaml)
{
    struct error err = {0};
    void *message;

    if (parse(rig, &pb_cluster_desc, yaml, &message, &err) < 0 ||
        resources_put_cluster(&rig->resources, message, slice_make(NULL, 0), NULL, false, &err) < 0)
        fail_msg("%s: %s\n%s", err.path, err.reason, yaml);
}

static int put_listener(struct rig *rig, const char *yaml, struct error *err)
{
    void *message;
    int rc = parse(rig, &pb_listener_desc, yaml, &message, err);

    return rc < 0 ? rc
                  : resources_put_listener(&rig->resources, message, slice_make(NULL, 0), NULL,
                                           true, err);
}

void rig_listener(struct rig *rig, const char *yaml)
{
    struct error err = {0};

    if (put_listener(rig, yaml, &err) < 0)
        fail_msg("%s: %s\n%s", err.path, err.reason, yaml);
}

void rig_cluster_at(struct rig *rig, const char *name, unsigned port, const char *more)
{
    rig_cluster(rig,
                arena_printf(&rig->arena,
                             "{name: %s, type: STATIC, connect_timeout: 1s, %s%s load_assignment: "
                             "{cluster_name: %s, endpoints: [{lb_endpoints: [{endpoint: {address: "
                             "{socket_address: {address: 127.0.0.1, port_value: %u}}}}]}]}}",
                             name, more, more[0] ? "," : "", name, port));
}

void rig_cluster_pair(struct rig *rig, const char *name, const char *more)
{
    rig_cluster(rig,
                arena_printf(&rig->arena,
                             "{name: %s, type: STATIC, %s, load_assignment: {cluster_name: %s, "
                             "endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
                             "{address: 127.0.0.1, port_value: %u}}}}, {endpoint: {address: "
                             "{socket_address: {address: 127.0.0.1, port_value: %u}}}}]}]}}",
                             name, more, name, rig->upstreams[0].port, rig->upstreams[1].port));
}

static const char *http_yaml(struct rig *rig, const char *routes, const char *more)
{
    rig->port = rig_free_port();
    return arena_printf(
        &rig->arena,
        "{name: l%u, address: {socket_address: {address: 127.0.0.1, port_value: %u}}, "
        "filter_chains: [{filters: [{name: hcm, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
        "HttpConnectionManager, stat_prefix: rig, %s%s access_log: [{name: log, typed_config: "
        "{\"@type\": "
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, "
        "path: %s, log_format: {text_format_source: {inline_string: \"%%RESPONSE_CODE%% "
        "%%RESPONSE_FLAGS%% %%RESPONSE_CODE_DETAILS%%\\n\"}}}}], route_config: {name: rig, "
        "virtual_hosts: [{name: all, domains: ['*'], routes: [%s]}]}, http_filters: ["
        "{name: fault, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}}, "
        "{name: cors, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}, "
        "{name: router, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]}",
        rig->port, rig->port, more, more[0] ? "," : "", rig->log_path, routes);
}

void rig_http(struct rig *rig, const char *routes, const char *more)
{
    rig_listener(rig, http_yaml(rig, routes, more));
}

const char *rig_http_refused(struct rig *rig, const char *routes)
{
    struct error err = {0};

    assert_true(put_listener(rig, http_yaml(rig, routes, ""), &err) < 0);
    return arena_printf(&rig->arena, "%s: %s", err.path, err.reason);
}

/* One filter chain's filters: a TCP proxy with a log. */
static const char *tcp_filters(struct rig *rig, struct slice cluster)
{
    return arena_printf(
        &rig->arena,
        "filters: [{name: tcp, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: "
        "rig, %s%.*s%s access_log: [{name: log, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: %s, "
        "log_format: {text_format_source: {inline_string: \"%%UPSTREAM_CLUSTER%% "
        "%%RESPONSE_FLAGS%% %%REQUESTED_SERVER_NAME%%\\n\"}}}}]}}]",
        cluster.len ? "cluster: " : "", SLICE_ARG(cluster), cluster.len ? "," : "", rig->log_path);
}

void rig_chains(struct rig *rig, const char *fields)
{
    struct slice rest = slice_str(fields);
    struct buf text;
    ptrdiff_t at;

    buf_init(&text, BODY_MAX);
    rig->port = rig_free_port();
    buf_printf(&text,
               "{name: l%u, address: {socket_address: {address: 127.0.0.1, port_value: %u}}, ",
               rig->port, rig->port);
    while ((at = slice_find(rest, SLICE("TCP("))) >= 0) {
        struct slice inside = slice_from(rest, (size_t)at + 4);
        ptrdiff_t end = slice_find_char(inside, ')');
        ptrdiff_t comma;

        assert_true(end >= 0);
        buf_printf(&text, "%.*s", (int)at, rest.data);
        rest = slice_from(inside, (size_t)end + 1);
        inside = slice_head(inside, (size_t)end);
        comma = slice_find(inside, SLICE(", "));
        buf_append_str(&text,
                       tcp_filters(rig, comma < 0 ? inside : slice_head(inside, (size_t)comma)));
        if (comma >= 0) { /* into the proxy's own braces */
            text.len -= strlen("}}]");
            buf_printf(&text, ", %.*s}}]", SLICE_ARG(slice_from(inside, (size_t)comma + 2)));
        }
    }
    buf_printf(&text, "%.*s}", SLICE_ARG(rest));
    rig_listener(rig, arena_slice_str(&rig->arena, buf_slice(&text)));
    buf_deinit(&text);
}

void rig_apply(struct rig *rig)
{
    struct config *config = config_store_publish(&rig->resources.store);
    struct error err = {0};

    assert_int_equal(access_log_sinks_open(&rig->sinks, &rig->resources.compiler.sinks, &err), 0);
    resource_ref(&config->resource);
    worker_apply(rig->worker, config);
    assert_int_equal(rig->worker->listen_failures, 0);
}

int rig_raw_upstream(struct rig *rig, const char *name)
{
    int fd = loopback_socket(SOCK_STREAM | SOCK_NONBLOCK);
    struct addr addr;

    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(addr_of_socket(fd, &addr), 0);
    rig_cluster_at(rig, name, addr_port(&addr), "");
    return fd;
}

int rig_accept(struct rig *rig, int listener)
{
    int fd = -1;

    RIG_UNTIL(rig, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    return fd;
}

/* --- upstreams --- */

static void answer(struct http_stream *stream, const struct http_head *head)
{
    struct arena *arena = http_stream_arena(stream);
    struct slice status = http_headers_value(&head->headers, SLICE("x-status"));
    uint64_t number = 200;

    if (status.len > 0)
        assert_int_equal(slice_parse_u64(status, 599, &number), 0);
    http_stream_respond(stream, (unsigned)number, "text/plain",
                        slice_str(arena_printf(arena, "%.*s %.*s %.*s", SLICE_ARG(head->method),
                                               SLICE_ARG(head->authority), SLICE_ARG(head->path))));
}

static void up_ended(struct rig_upstream *upstream, struct http_stream *stream)
{
    upstream->body_ends++;
    if (http_headers_value(&http_stream_head(stream)->headers, SLICE("x-hold")).len == 0)
        answer(stream, http_stream_head(stream));
    else if (upstream->held_count < RIG_HELD_MAX)
        upstream->held[upstream->held_count++] = stream;
}

static void up_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct rig_upstream *upstream = ctx;
    struct http_head *copy = ARENA_NEW(&upstream->rig->arena, struct http_head);

    http_head_copy(copy, head, &upstream->rig->arena);
    upstream->head = copy;
    upstream->request_count++;
    if (end)
        up_ended(upstream, stream);
}

static void up_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct rig_upstream *upstream = ctx;

    assert_int_equal(buf_append(&upstream->body, data), 0);
    if (end)
        up_ended(upstream, stream);
}

static void up_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct rig_upstream *upstream = ctx;

    (void)stream;
    (void)reason;
    upstream->reset_count++;
}

static void up_on_close(struct http_stream *stream, void *ctx)
{
    struct rig_upstream *upstream = ctx;

    for (size_t i = 0; i < upstream->held_count; i++)
        if (upstream->held[i] == stream)
            upstream->held[i] = upstream->held[--upstream->held_count];
}

static const struct http_stream_events up_events = {
    .on_head = up_on_head, .on_data = up_on_data, .on_reset = up_on_reset, .on_close = up_on_close};

static void on_stream(struct http_stream *stream, void *ctx)
{
    http_stream_events_set(stream, &up_events, ctx);
}

struct rig_upstream *rig_upstream(struct rig *rig, const char *more)
{
    struct rig_upstream *upstream = &rig->upstreams[rig->upstream_count];
    struct http_server_options options = {.codec = HTTP_CODEC_AUTO};
    struct addr addr;
    struct addr bound;
    struct error err = {0};
    char name[8];

    assert_true(rig->upstream_count < RIG_UPSTREAMS_MAX);
    snprintf(name, sizeof name, "up%zu", rig->upstream_count++);
    upstream->rig = rig;
    buf_init(&upstream->body, BODY_MAX);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(
        http_server_new(rig->worker->loop, &options, on_stream, upstream, &upstream->server), 0);
    assert_int_equal(http_server_listen(upstream->server, &addr, &bound, &err), 0);
    upstream->port = addr_port(&bound);
    rig_cluster_at(rig, name, upstream->port, more);
    return upstream;
}

void rig_release(struct rig_upstream *upstream)
{
    while (upstream->held_count > 0) {
        struct http_stream *stream = upstream->held[--upstream->held_count];

        answer(stream, http_stream_head(stream));
    }
}

/* --- clients --- */

struct asked {
    struct rig *rig;
    struct rig_answer answer;
    bool done;
};

static void on_done(const struct http_fetch_result *result, void *ctx)
{
    struct asked *asked = ctx;
    struct http_head *copy;

    asked->done = true;
    if (result->code < 0)
        return;
    copy = ARENA_NEW(&asked->rig->arena, struct http_head);
    http_head_copy(copy, result->head, &asked->rig->arena);
    asked->answer =
        (struct rig_answer){copy->status, copy, arena_slice_dup(&asked->rig->arena, result->body)};
}

static size_t split_headers(struct slice text, struct http_header *ret, size_t max)
{
    struct slice line;
    size_t count = 0;

    while (slice_split_next(&text, '\n', &line)) {
        ptrdiff_t colon = slice_find_char(line, ':');

        if (colon < 0)
            continue;
        assert_true(count < max);
        ret[count].name = slice_head(line, (size_t)colon);
        ret[count++].value = slice_trim(slice_from(line, (size_t)colon + 1));
    }
    return count;
}

struct rig_answer rig_ask(struct rig *rig, const char *what, const char *headers, struct slice body)
{
    struct asked asked = {.rig = rig};
    struct http_header list[16];
    struct slice rest = slice_str(what);
    struct slice method;
    struct http_pool_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_fetch_request request = {.headers = list, .body = body};
    struct http_pool *pool;
    struct http_fetch *fetch;

    assert_true(slice_split_next(&rest, ' ', &method));
    request.method = arena_slice_str(&rig->arena, method);
    request.path = arena_slice_str(&rig->arena, rest);
    request.authority = "rig.test";
    request.header_count = split_headers(slice_str(headers), list, ARRAY_LEN(list));
    assert_int_equal(addr_parse_ip(SLICE("127.0.0.1"), rig->port, &options.addr), 0);
    assert_int_equal(http_pool_new(rig->worker->loop, &options, &pool), 0);
    assert_int_equal(http_fetch_start(pool, &request, on_done, &asked, &fetch), 0);
    RIG_UNTIL(rig, asked.done);
    http_pool_free(pool);
    return asked.answer;
}

const char *rig_header(struct rig *rig, const struct http_head *head, const char *name)
{
    return arena_slice_str(&rig->arena, http_headers_value(&head->headers, slice_str(name)));
}

int rig_connect(struct rig *rig)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct addr addr;

    assert_int_equal(addr_parse_ip(SLICE("127.0.0.1"), rig->port, &addr), 0);
    assert_int_equal(connect(fd, &addr.sa.generic, addr.len), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

const char *rig_read(struct rig *rig, int fd, const char *until)
{
    struct buf seen;
    bool ended = false;

    buf_init(&seen, BODY_MAX);
    while (!ended && (until == NULL || slice_find(buf_slice(&seen), slice_str(until)) < 0)) {
        char bytes[4096];
        ssize_t got = 0;

        RIG_UNTIL(rig, (got = read(fd, bytes, sizeof bytes)) >= 0 || errno != EAGAIN);
        ended = got <= 0;
        if (got > 0)
            assert_int_equal(buf_append(&seen, slice_make(bytes, (size_t)got)), 0);
    }
    until = arena_slice_str(&rig->arena, buf_slice(&seen));
    buf_deinit(&seen);
    return until;
}

/* --- what is known of it --- */

const char *rig_log(struct rig *rig)
{
    struct buf text;
    const char *copy;

    access_log_flush(&rig->worker->log);
    loop_run_once(rig->main_loop, 0);
    buf_init(&text, BODY_MAX);
    assert_int_equal(file_read(rig->log_path, &text, NULL), 0);
    copy = arena_slice_str(&rig->arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

static bool is_name(struct slice name, void *ctx)
{
    return slice_eq_str(name, ctx);
}

uint64_t rig_stat(struct rig *rig, const char *name)
{
    struct buf text;
    uint64_t value = 0;
    ptrdiff_t colon;

    buf_init(&text, BODY_MAX);
    stats_print_text(&rig->stats, false, is_name, (void *)(uintptr_t)name, &text);
    colon = slice_find(buf_slice(&text), SLICE(": "));
    if (colon < 0)
        fail_msg("no statistic is called %s", name);
    assert_int_equal(slice_parse_u64(slice_trim(slice_from(buf_slice(&text), (size_t)colon + 2)),
                                     UINT64_MAX, &value),
                     0);
    buf_deinit(&text);
    return value;
}
