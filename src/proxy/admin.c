/* SPDX-License-Identifier: Apache-2.0 */
/* The admin interface: a table of paths. See admin.h.
 */
#include "proxy/admin.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/regex.h"
#include "http/server.h"
#include "proxy/admin_clusters.h"
#include "proxy/path.h"
#include "proxy/server.h"
#include "wire/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MAX = 256 * 1024 * 1024, PARAM_MAX = 1024 };

struct admin {
    struct server *server;
    struct http_server *http;
};

/* One question and its answer. */
struct admin_call {
    struct server *server;
    struct slice query;
    unsigned status;
    const char *type;
    struct buf out;
    struct arena arena; /* decoded parameters */
};

/* The decoded value of a query parameter into `out`; false when absent. "?usedonly" has an empty
 * value. */
static bool param(struct admin_call *call, const char *name, char *out, size_t size)
{
    struct slice value = url_query_value(&call->arena, call->query, name);
    size_t len = MIN(value.len, size - 1);

    if (value.data == NULL)
        return false;
    memcpy(out, value.data, len);
    out[len] = '\0';
    return true;
}

static bool has_param(struct admin_call *call, const char *name)
{
    char value[PARAM_MAX];

    return param(call, name, value, sizeof value);
}

static const char *state_name(enum server_state state)
{
    static const char *const names[] = {"LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING"};

    return names[state];
}

/* --- pages --- */

static void page_ready(struct admin_call *call)
{
    enum server_state state = call->server->state;

    if (call->server->healthcheck_failed && state == SERVER_LIVE)
        state = SERVER_DRAINING;
    call->status = state == SERVER_LIVE ? 200 : 503;
    buf_printf(&call->out, "%s\n", state_name(state));
}

static void page_server_info(struct admin_call *call)
{
    const struct server *server = call->server;
    uint64_t uptime_s = (clock_monotonic_ms() - server->start_ms) / 1000;
    json_t *info = json_object();
    json_t *options = json_object();
    json_t *node = json_object();
    char text[64];

    json_object_set_new(info, "version",
                        json_string("weft/" WEFT_VERSION "/Clean/RELEASE/OpenSSL"));
    json_object_set_new(info, "state", json_string(state_name(server->state)));
    snprintf(text, sizeof text, "%" PRIu64 "s", uptime_s);
    json_object_set_new(info, "uptime_current_epoch", json_string(text));
    json_object_set_new(info, "uptime_all_epochs", json_string(text));
    json_object_set_new(info, "hot_restart_version", json_string("disabled"));
    json_object_set_new(options, "concurrency", json_integer(server->worker_count));
    json_object_set_new(info, "command_line_options", options);
    json_object_set_new(node, "id", json_string(server->node_id ? server->node_id : ""));
    json_object_set_new(node, "cluster",
                        json_string(server->node_cluster ? server->node_cluster : ""));
    json_object_set_new(info, "node", node);
    call->type = "application/json";
    json_format(info, JSON_FORMAT_PRETTY, &call->out);
    json_decref(info);
}

static bool wanted_kind(struct admin_call *call, const char *lists)
{
    char mask[PARAM_MAX];
    bool found = false;

    if (!param(call, "mask", mask, sizeof mask) && !param(call, "resource", mask, sizeof mask))
        return true;
    for (struct slice rest = slice_str(lists), list; slice_split_next(&rest, ',', &list);)
        found |= slice_find(slice_str(mask), list) >= 0;
    return found;
}

static void page_config_dump(struct admin_call *call)
{
    static const struct {
        enum dump_kind kind;
        const char *lists;
    } kinds[] = {{DUMP_CLUSTER, "static_clusters,dynamic_active_clusters"},
                 {DUMP_ENDPOINTS, "static_endpoint_configs,dynamic_endpoint_configs"},
                 {DUMP_LISTENER, "static_listeners,dynamic_listeners"},
                 {DUMP_ROUTE, "static_route_configs,dynamic_route_configs"}};
    const struct server *server = call->server;
    json_t *configs = json_array();
    json_t *root = json_object();

    if (server->bootstrap != NULL && wanted_kind(call, "bootstrap")) {
        json_t *bootstrap = json_object();

        json_object_set_new(bootstrap, "@type",
                            json_string("type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"));
        json_object_set(bootstrap, "bootstrap", server->bootstrap);
        json_array_append_new(configs, bootstrap);
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].kind == DUMP_ENDPOINTS && !has_param(call, "include_eds"))
            continue;
        if (wanted_kind(call, kinds[i].lists))
            json_array_append_new(configs, dump_print(&server->resources.dump, kinds[i].kind));
    }
    json_object_set_new(root, "configs", configs);
    call->type = "application/json";
    json_format(root, JSON_FORMAT_PRETTY, &call->out);
    json_decref(root);
}

static void page_clusters(struct admin_call *call)
{
    char format[PARAM_MAX];

    if (param(call, "format", format, sizeof format) && strcmp(format, "json") == 0) {
        call->type = "application/json";
        admin_clusters_print_json(call->server, &call->out);
    } else {
        admin_clusters_print_text(call->server, &call->out);
    }
}

static void page_listeners(struct admin_call *call)
{
    char format[PARAM_MAX];
    char text[ADDR_TEXT_SIZE];
    bool as_json = param(call, "format", format, sizeof format) && strcmp(format, "json") == 0;
    json_t *list = json_array();

    MAP_EACH (entry, &call->server->resources.store.listeners) {
        const struct listener_conf *conf = entry->value;

        for (size_t i = 0; i < conf->addr_count; i++) {
            addr_format(&conf->addrs[i], text);
            if (as_json) {
                char ip[ADDR_TEXT_SIZE];
                json_t *item = json_object();
                json_t *socket = json_object();
                json_t *address = json_object();

                json_object_set_new(socket, "address",
                                    json_string(addr_format_ip(&conf->addrs[i], ip)));
                json_object_set_new(socket, "port_value", json_integer(addr_port(&conf->addrs[i])));
                json_object_set_new(address, "socket_address", socket);
                json_object_set_new(item, "name", json_stringn(conf->name.data, conf->name.len));
                json_object_set_new(item, "local_address", address);
                json_array_append_new(list, item);
            } else {
                buf_printf(&call->out, "%.*s::%s\n", SLICE_ARG(conf->name), text);
            }
        }
    }
    if (as_json) {
        json_t *root = json_object();

        json_object_set(root, "listener_statuses", list);
        call->type = "application/json";
        json_format(root, JSON_FORMAT_PRETTY, &call->out);
        json_decref(root);
    }
    json_decref(list);
}

static bool keep_matching(struct slice name, void *ctx)
{
    return ctx == NULL || regex_match_part(ctx, name);
}

static void line(struct admin_call *call, const struct regex *filter, const char *name,
                 uint64_t value)
{
    if (filter == NULL || regex_match_part(filter, slice_str(name)))
        buf_printf(&call->out, "%s: %" PRIu64 "\n", name, value);
}

static void print_server_stats(struct admin_call *call, const struct regex *filter)
{
    const struct server *server = call->server;
    static const char *const names[] = {"cluster_manager.cds", "cluster_manager.eds",
                                        "listener_manager.lds", "http.rds"};
    char name[96];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(name, sizeof name, "%s.update_success", names[i]);
        line(call, filter, name, server->update_success[i]);
        snprintf(name, sizeof name, "%s.update_rejected", names[i]);
        line(call, filter, name, server->update_rejected[i]);
    }
    line(call, filter, "cluster_manager.active_clusters",
         server->resources.dump.kinds[DUMP_CLUSTER].count);
    line(call, filter, "listener_manager.total_listeners_active",
         server->resources.store.listeners.count);
    line(call, filter, "listener_manager.workers_started", server->running);
    line(call, filter, "server.concurrency", server->worker_count);
    line(call, filter, "server.live", server->state == SERVER_LIVE);
    line(call, filter, "server.state", server->state);
    line(call, filter, "server.total_connections", server_active(server));
    line(call, filter, "server.uptime", (clock_monotonic_ms() - server->start_ms) / 1000);
    MAP_EACH (entry, &server->resources.compiler.unsupported) {
        snprintf(name, sizeof name, "weft.unsupported.%s", entry->key.data);
        line(call, filter, name, (uintptr_t)entry->value);
    }
}

static void page_stats(struct admin_call *call)
{
    char text[PARAM_MAX];
    struct regex *filter = NULL;
    struct error err = {0};

    if (param(call, "format", text, sizeof text) && strcmp(text, "prometheus") == 0) {
        call->type = "text/plain; version=0.0.4; charset=utf-8";
        server_print_prometheus(call->server, &call->out);
        return;
    }
    if (param(call, "filter", text, sizeof text) && regex_new(slice_str(text), &filter, &err) < 0) {
        call->status = 400;
        buf_printf(&call->out, "Invalid re2 regex: %s\n", err.reason);
        return;
    }
    stats_print_text(&call->server->stats, has_param(call, "usedonly"), keep_matching, filter,
                     &call->out);
    print_server_stats(call, filter);
    regex_free(filter);
}

static void page_prometheus(struct admin_call *call)
{
    call->type = "text/plain; version=0.0.4; charset=utf-8";
    server_print_prometheus(call->server, &call->out);
}

static void page_memory(struct admin_call *call)
{
    struct buf text;
    struct slice rest;
    struct slice field;
    uint64_t pages = 0;

    buf_init(&text, 4096);
    if (file_read("/proc/self/statm", &text, NULL) == 0) {
        rest = buf_slice(&text);
        slice_split_next(&rest, ' ', &field);
        slice_split_next(&rest, ' ', &field);
        (void)!slice_parse_u64(field, UINT64_MAX, &pages);
    }
    buf_deinit(&text);
    call->type = "application/json";
    buf_printf(&call->out,
               "{\n \"allocated\": \"%" PRIu64 "\",\n \"total_physical_bytes\": \"%" PRIu64
               "\"\n}\n",
               pages * 4096, pages * 4096);
}

static void page_logging(struct admin_call *call)
{
    char text[PARAM_MAX];
    int level;

    if (param(call, "level", text, sizeof text)) {
        level = log_level_parse(text);
        if (level >= 0)
            log_level_set(NULL, (enum log_level)level);
        else
            call->status = 400;
    } else if (param(call, "paths", text, sizeof text)) {
        for (struct slice rest = slice_str(text), pair; slice_split_next(&rest, ',', &pair);) {
            ptrdiff_t mark = slice_find_char(pair, ':');
            char *name = mem_slice_dup(slice_head(pair, mark < 0 ? 0 : (size_t)mark));
            char *value = mem_slice_dup(slice_from(pair, (size_t)(mark + 1)));

            level = log_level_parse(value);
            if (level < 0 || log_level_set(name, (enum log_level)level) < 0)
                call->status = 400;
            mem_free(name);
            mem_free(value);
        }
    } else {
        for (int i = 0; i < LOG_SCOPE_COUNT; i++) {
            const char *name = log_scope_name((enum log_scope)i);

            if (!param(call, name, text, sizeof text))
                continue;
            level = log_level_parse(text);
            if (level < 0 || log_level_set(name, (enum log_level)level) < 0)
                call->status = 400;
        }
    }
    if (call->status == 400) {
        buf_append_str(&call->out, "usage: /logging?<name>=<level> (change single level)\n"
                                   "usage: /logging?paths=name1:level1,name2:level2\n"
                                   "usage: /logging?level=<level> (change all levels)\n"
                                   "levels: debug info warning error off\n");
        return;
    }
    buf_append_str(&call->out, "active loggers:\n");
    for (int i = 0; i < LOG_SCOPE_COUNT; i++)
        buf_printf(&call->out, "  %s: %s\n", log_scope_name((enum log_scope)i),
                   log_level_name(log_level_get((enum log_scope)i)));
}

static void page_quit(struct admin_call *call)
{
    buf_append_str(&call->out, "OK\n");
    server_quit(call->server);
}

static void page_fail(struct admin_call *call)
{
    call->server->healthcheck_failed = true;
    buf_append_str(&call->out, "OK\n");
}

static void page_ok(struct admin_call *call)
{
    call->server->healthcheck_failed = false;
    buf_append_str(&call->out, "OK\n");
}

static void page_drain(struct admin_call *call)
{
    server_drain_listeners(call->server, has_param(call, "inboundonly"));
    buf_append_str(&call->out, "OK\n");
}

static void page_reopen(struct admin_call *call)
{
    access_log_sinks_reopen(&call->server->sinks, &call->server->resources.compiler.sinks);
    buf_append_str(&call->out, "OK\n");
}

static void page_empty_certs(struct admin_call *call)
{
    call->type = "application/json";
    buf_append_str(&call->out, "{\n \"certificates\": []\n}\n");
}

static void page_help(struct admin_call *call);

static const struct page {
    const char *path;
    bool post; /* changes something: POST only */
    void (*print)(struct admin_call *call);
    const char *help;
} pages[] = {
    {"/", false, page_help, "this list"},
    {"/certs", false, page_empty_certs, "certificates (none: TLS is not there yet)"},
    {"/clusters", false, page_clusters, "upstream cluster status (?format=json)"},
    {"/config_dump", false, page_config_dump, "configuration in force (?include_eds, ?mask=)"},
    {"/drain_listeners", true, page_drain, "stop accepting (?inboundonly)"},
    {"/healthcheck/fail", true, page_fail, "make /ready fail"},
    {"/healthcheck/ok", true, page_ok, "undo /healthcheck/fail"},
    {"/help", false, page_help, "this list"},
    {"/listeners", false, page_listeners, "listeners and their addresses (?format=json)"},
    {"/logging", true, page_logging, "show or change log levels"},
    {"/memory", false, page_memory, "memory in use"},
    {"/quitquitquit", true, page_quit, "end the process"},
    {"/ready", false, page_ready, "LIVE, or why not"},
    {"/reopen_logs", true, page_reopen, "open access logs again"},
    {"/server_info", false, page_server_info, "version, state, options"},
    {"/stats", false, page_stats, "statistics (?usedonly, ?filter=REGEX, ?format=prometheus)"},
    {"/stats/prometheus", false, page_prometheus, "statistics for Prometheus"},
};

static void page_help(struct admin_call *call)
{
    buf_append_str(&call->out, "admin commands are:\n");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        buf_printf(&call->out, "  %s%s: %s\n", pages[i].path, pages[i].post ? " (POST)" : "",
                   pages[i].help);
}

/* --- serving --- */

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct admin *admin = ctx;
    struct admin_call call = {.server = admin->server,
                              .query = path_query(head->path),
                              .status = 200,
                              .type = "text/plain; charset=UTF-8"};
    struct slice path = path_only(head->path);
    const struct page *page = NULL;

    (void)end;
    buf_init(&call.out, ANSWER_MAX);
    arena_init(&call.arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (slice_eq_str(path, pages[i].path))
            page = &pages[i];
    if (page == NULL) {
        call.status = 404;
        buf_append_str(&call.out, "invalid path. ");
        page_help(&call);
    } else if (page->post && !slice_eq(head->method, SLICE("POST"))) {
        call.status = 405;
        buf_printf(&call.out, "Method %.*s not allowed, POST required.", SLICE_ARG(head->method));
    } else {
        page->print(&call);
    }
    http_stream_respond(stream, call.status, call.type, buf_slice(&call.out));
    buf_deinit(&call.out);
    arena_deinit(&call.arena);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

int admin_open(struct server *server, const struct addr *addr, struct admin **ret,
               struct error *err)
{
    struct admin *admin = MEM_NEW(struct admin);
    struct http_server_options options = {.codec = HTTP_CODEC_AUTO};
    int rc;

    admin->server = server;
    rc = http_server_new(server->loop, &options, on_stream, admin, &admin->http);
    if (rc == 0)
        rc = http_server_listen(admin->http, addr, NULL, err);
    if (rc < 0) {
        admin_free(admin);
        return err_prefix(err, "admin");
    }
    *ret = admin;
    return 0;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    http_server_free(admin->http);
    mem_free(admin);
}
