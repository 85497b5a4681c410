/* SPDX-License-Identifier: Apache-2.0 */
/* See debug.h.
 */
#include "control/debug.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/listen.h"
#include "http/server.h"
#include "wire/json.h"

struct debug {
    struct debug_options options;
    struct http_server *server;
    uint64_t start_ms;
};

static void reply_tree(struct http_stream *stream, json_t *tree)
{
    struct buf text;

    buf_init(&text, 0);
    (void)json_format(tree, JSON_FORMAT_PRETTY, &text);
    buf_append_char(&text, '\n');
    http_stream_respond(stream, 200, "application/json", buf_slice(&text));
    buf_deinit(&text);
    json_decref(tree);
}

static void ready(struct debug *debug, struct http_stream *stream)
{
    bool is_ready = debug->options.is_ready(debug->options.ctx);

    http_stream_respond(stream, is_ready ? 200 : 503, "text/plain",
                        is_ready ? SLICE("ready\n") : SLICE("not ready\n"));
}

static void syncz(struct debug *debug, struct http_stream *stream)
{
    reply_tree(stream, push_proxies(debug->options.push));
}

/* The names of the model's objects, to see what weftd has taken in. */
static void configz(struct debug *debug, struct http_stream *stream)
{
    struct mesh *mesh = push_mesh(debug->options.push);
    json_t *services = json_array();
    json_t *virtual_services = json_array();
    json_t *gateways = json_array();
    size_t count = 0;

    if (mesh) {
        const struct mesh_service *const *service = mesh_services(mesh, &count);

        for (size_t i = 0; i < count; i++)
            json_array_append_new(services, json_string(service[i]->hostname));
        const struct mesh_virtual_service *const *vs = mesh_virtual_services(mesh, &count);

        for (size_t i = 0; i < count; i++)
            json_array_append_new(virtual_services,
                                  json_sprintf("%s/%s", vs[i]->meta.namespace, vs[i]->meta.name));
        const struct mesh_gateway *const *gateway = mesh_gateways(mesh, &count);

        for (size_t i = 0; i < count; i++)
            json_array_append_new(
                gateways, json_sprintf("%s/%s", gateway[i]->meta.namespace, gateway[i]->meta.name));
    }
    reply_tree(stream, json_pack("{s:I, s:o, s:o, s:o}", "version",
                                 (json_int_t)(mesh ? mesh_version(mesh) : 0), "services", services,
                                 "virtualServices", virtual_services, "gateways", gateways));
}

static void problems(struct debug *debug, struct http_stream *stream)
{
    struct mesh *mesh = push_mesh(debug->options.push);
    json_t *list = json_array();
    size_t count = 0;
    const struct mesh_problem *problem = mesh ? mesh_problems(mesh, &count) : NULL;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind",
                                              mesh_kind_name(problem[i].kind), "namespace",
                                              problem[i].namespace, "name", problem[i].name, "code",
                                              problem[i].code, "field", problem[i].field, "reason",
                                              problem[i].reason));
    reply_tree(stream, list);
}

static void version(struct debug *debug, struct http_stream *stream)
{
    (void)debug;
    http_stream_respond(stream, 200, "text/plain", SLICE(WEFT_VERSION "-weft\n"));
}

/* --- metrics --- */

static void metric(struct buf *out, const char *type, const char *name, const char *help,
                   uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
               (unsigned long long)value);
}

static void metrics(struct debug *debug, struct http_stream *stream)
{
    struct push_counts push = push_counts(debug->options.push);
    struct webhook_counts hook = {0};
    struct buf out;

    if (debug->options.webhook)
        hook = *webhook_counts(debug->options.webhook);
    buf_init(&out, 0);
    metric(&out, "gauge", "pilot_xds", "Proxies connected by xDS.", push.sessions);
    metric(&out, "counter", "pilot_xds_pushes", "Configuration pushes to all proxies.",
           push.pushes);
    metric(&out, "counter", "pilot_total_xds_rejects", "Responses that proxies refused.",
           push.rejects);
    metric(&out, "counter", "pilot_total_xds_internal_errors", "Translations that failed.",
           push.translate_failures);
    metric(&out, "counter", "weft_snapshots_total", "Snapshots of the mesh.", push.snapshots);
    metric(&out, "gauge", "weft_last_push_milliseconds", "Duration of the last push.",
           push.last_push_ms);
    metric(&out, "counter", "sidecar_injection_requests_total", "Pods asked about.",
           hook.inject_requests);
    metric(&out, "counter", "sidecar_injection_success_total", "Pods injected.",
           hook.inject_success);
    metric(&out, "counter", "sidecar_injection_skip_total", "Pods left alone.", hook.inject_skip);
    metric(&out, "counter", "sidecar_injection_failure_total", "Pods refused.",
           hook.inject_failure);
    metric(&out, "counter", "galley_validation_passed", "Objects accepted.", hook.validate_passed);
    metric(&out, "counter", "galley_validation_failed", "Objects refused.", hook.validate_failed);
    metric(&out, "gauge", "istiod_uptime_seconds", "Time since the start.",
           (clock_monotonic_ms() - debug->start_ms) / 1000);
    buf_printf(&out,
               "# HELP istio_build Build facts.\n# TYPE istio_build gauge\n"
               "istio_build{component=\"pilot\",tag=\"%s\"} 1\n",
               WEFT_VERSION);
    http_stream_respond(stream, 200, "text/plain; version=0.0.4", buf_slice(&out));
    buf_deinit(&out);
}

static const struct {
    const char *path;
    void (*answer)(struct debug *debug, struct http_stream *stream);
} pages[] = {
    {"/ready", ready},       {"/metrics", metrics},       {"/version", version},
    {"/debug/syncz", syncz}, {"/debug/configz", configz}, {"/debug/problems", problems},
};

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    ptrdiff_t query = slice_find_char(head->path, '?');
    struct slice path = query < 0 ? head->path : slice_head(head->path, (size_t)query);

    (void)end;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (slice_eq_str(path, pages[i].path)) {
            pages[i].answer(ctx, stream);
            return;
        }
    http_stream_respond(stream, 404, "text/plain", SLICE("not found\n"));
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

int debug_new(const struct debug_options *options, const char *const *addrs, size_t addr_count,
              struct debug **ret, struct error *err)
{
    static const struct http_server_options server_options = {.conns_max = 256,
                                                              .http10_accepted = true};
    struct debug *debug = MEM_NEW(struct debug);
    int rc;

    debug->options = *options;
    debug->start_ms = clock_monotonic_ms();
    rc = http_server_new(options->loop, &server_options, on_stream, debug, &debug->server);
    for (size_t i = 0; rc >= 0 && i < addr_count; i++)
        rc = listen_text(debug->server, addrs[i], err);
    if (rc < 0)
        debug_free(debug);
    else
        *ret = debug;
    return rc;
}

void debug_free(struct debug *debug)
{
    if (!debug)
        return;
    http_server_free(debug->server);
    mem_free(debug);
}
