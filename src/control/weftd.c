/* SPDX-License-Identifier: Apache-2.0 */
/* See weftd.h.
 */
#include "control/weftd.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/debug.h"
#include "control/identity.h"
#include "control/ingress_status.h"
#include "control/listen.h"
#include "control/push.h"
#include "control/roots.h"
#include "control/settings.h"
#include "control/source.h"
#include "control/status.h"
#include "control/webhook.h"
#include "http/server.h"
#include "install/values.h"
#include "kube/lease.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    LEASE_MS = 15000,
    ROOT_RETRY_MS = 1000,
    XDS_STREAMS_MAX = 16,
    XDS_IDLE_MS = 24 * 3600 * 1000
};

struct weftd {
    struct loop *loop;
    const char *ns;
    char *suffix;               /* of names that are a revision's own: "" or "-REVISION" */
    struct kube_client *client; /* NULL: a folder */
    struct identity identity;
    struct mesh_builder *builder;
    struct source *source;
    struct settings *settings;
    struct push *push;
    struct status *status;
    struct ingress_status *ingress_status; /* NULL: a folder */
    struct lease *lease;                   /* NULL: a folder */
    struct roots *roots;
    struct webhook *webhook;
    struct debug *debug;
    struct http_server *xds;
};

/* --- the source's and the push's events --- */

static void on_change(void *ctx)
{
    struct weftd *weftd = ctx;

    push_mark(weftd->push);
}

static void on_synced(void *ctx)
{
    struct weftd *weftd = ctx;

    log_info(main, "the mesh is read; serving proxies");
    push_start(weftd->push);
}

static void on_namespace(enum kube_change change, const json_t *ns, void *ctx)
{
    struct weftd *weftd = ctx;

    (void)ns;
    if (change != KUBE_DELETED && weftd->roots)
        roots_mark(weftd->roots);
}

/* A setting that cannot be used leaves the former ones in force. */
static void on_mesh_config(const json_t *config, void *ctx)
{
    struct weftd *weftd = ctx;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc = mesh_builder_config(weftd->builder, config, &err);

    if (rc > 0)
        push_mark(weftd->push);
    else if (rc < 0)
        log_warn(config, "ConfigMap %s/istio: %s; the former settings stay in force", weftd->ns,
                 err_format(&err, text, sizeof text));
}

static void on_snapshot(struct mesh *mesh, void *ctx)
{
    struct weftd *weftd = ctx;

    status_update(weftd->status, mesh);
    if (weftd->ingress_status)
        ingress_status_update(weftd->ingress_status, mesh);
}

static void on_lead(bool leads, void *ctx)
{
    struct weftd *weftd = ctx;

    status_lead(weftd->status, leads);
    ingress_status_lead(weftd->ingress_status, leads);
}

bool weftd_is_ready(const struct weftd *weftd)
{
    return source_is_synced(weftd->source) && settings_is_synced(weftd->settings);
}

static bool is_ready(void *ctx)
{
    return weftd_is_ready(ctx);
}

/* --- port 15010 --- */

static void on_xds_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct weftd *weftd = ctx;

    (void)head;
    (void)end;
    push_accept(weftd->push, stream);
}

static void on_xds_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_xds_head};

    http_stream_events_set(stream, &events, ctx);
}

/* --- starting --- */

static int client_start(struct weftd *weftd, const struct weftd_options *options, struct error *err)
{
    struct kube_config config = {0};
    int rc = kube_config_load(options->kubeconfig, options->context, &config, err);

    if (rc >= 0)
        rc = kube_client_new(weftd->loop, &config, "weftd", &weftd->client, err);
    kube_config_deinit(&config);
    return rc;
}

/* Without the root nothing can be served; the API server may come later. */
static int identity_wait(struct weftd *weftd, struct error *err)
{
    SCOPED(mem_drop) char *service = mem_printf("istiod%s", weftd->suffix);
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    for (;;) {
        int rc = identity_load(weftd->client, weftd->ns, service, &weftd->identity, err);

        if (rc >= 0 || rc == ERR_INVALID || rc == ERR_DENIED || rc == ERR_NOT_FOUND)
            return rc;
        log_warn(main, "waiting for the API server: %s", err_format(err, text, sizeof text));
        clock_sleep_ms(ROOT_RETRY_MS);
        memset(err, 0, sizeof *err);
    }
}

static int source_start(struct weftd *weftd, const struct weftd_options *options, struct error *err)
{
    static const struct source_events events = {
        .on_change = on_change, .on_synced = on_synced, .on_namespace = on_namespace};
    int rc;

    if (options->config_dir)
        return source_folder_new(weftd->loop, options->config_dir, weftd->builder, &events, weftd,
                                 &weftd->source, err);
    rc = source_kube_new(weftd->client, weftd->builder, &events, weftd, &weftd->source);
    if (rc >= 0)
        rc = roots_new(weftd->client, source_cache(weftd->source, MESH_NAMESPACE),
                       weftd->identity.root_pem, weftd->ns, weftd->suffix, &weftd->roots);
    return rc < 0 ? err_set(err, rc, "%s", err_text(rc)) : 0;
}

static const char *text_or(const char *text, const char *fallback)
{
    return text ? text : fallback;
}

static int xds_start(struct weftd *weftd, const struct weftd_options *options, struct error *err)
{
    struct http_server_options server_options = {
        .limits = {.streams_max = XDS_STREAMS_MAX, .idle_timeout_ms = XDS_IDLE_MS}};
    int rc = http_server_new(weftd->loop, &server_options, on_xds_stream, weftd, &weftd->xds);

    return rc < 0 ? rc : listen_text(weftd->xds, text_or(options->xds_addr, ":15010"), err);
}

static int webhook_start(struct weftd *weftd, const struct weftd_options *options,
                         struct error *err)
{
    const char *text = text_or(options->webhook_addr, options->config_dir ? "" : ":15017");

    return webhook_new(weftd->loop, weftd->settings, weftd->identity.tls, text, &weftd->webhook,
                       err);
}

static int debug_start(struct weftd *weftd, const struct weftd_options *options, struct error *err)
{
    struct debug_options debug_options = {.loop = weftd->loop,
                                          .push = weftd->push,
                                          .webhook = weftd->webhook,
                                          .is_ready = is_ready,
                                          .ctx = weftd};
    const char *const texts[] = {text_or(options->debug_addr, ":8080"),
                                 text_or(options->monitor_addr, ":15014")};

    return debug_new(&debug_options, texts, ARRAY_LEN(texts), &weftd->debug, err);
}

/* What one weftd alone writes, of all that run beside each other. */
static void writers_start(struct weftd *weftd)
{
    const char *pod = getenv("POD_NAME");
    char *name = mem_printf("istio-status-leader%s", weftd->suffix);
    char *identity = pod ? mem_strdup(pod) : mem_printf("weftd-%ld", (long)getpid());
    const struct lease_options options = {.client = weftd->client,
                                          .ns = weftd->ns,
                                          .name = name,
                                          .identity = identity,
                                          .duration_ms = LEASE_MS,
                                          .on_change = on_lead,
                                          .ctx = weftd};

    weftd->ingress_status = ingress_status_new(weftd->client, weftd->source);
    weftd->lease = lease_new(&options);
    mem_free(identity);
    mem_free(name);
}

static int parts_start(struct weftd *weftd, const struct weftd_options *options, struct error *err)
{
    struct push_options push_options = {
        .loop = weftd->loop, .on_snapshot = on_snapshot, .ctx = weftd};
    struct mesh_options mesh_options = {.root_namespace = weftd->ns};
    int rc = options->config_dir ? 0 : client_start(weftd, options, err);

    if (rc >= 0)
        rc = identity_wait(weftd, err);
    if (rc >= 0)
        rc = settings_new(weftd->client, weftd->ns, weftd->suffix, &weftd->settings);
    if (rc < 0)
        return rc;
    weftd->builder = mesh_builder_new(&mesh_options);
    push_options.builder = weftd->builder;
    weftd->push = push_new(&push_options);
    settings_on_mesh(weftd->settings, on_mesh_config, weftd);
    rc = source_start(weftd, options, err);
    if (rc < 0)
        return rc;
    weftd->status = status_new(weftd->client, weftd->source);
    if (weftd->client)
        writers_start(weftd);
    rc = xds_start(weftd, options, err);
    if (rc >= 0)
        rc = webhook_start(weftd, options, err);
    return rc < 0 ? rc : debug_start(weftd, options, err);
}

int weftd_new(struct loop *loop, const struct weftd_options *options, struct weftd **ret,
              struct error *err)
{
    struct weftd *weftd = MEM_NEW(struct weftd);
    const char *pod_ns = getenv("POD_NAMESPACE");
    int rc;

    weftd->loop = loop;
    weftd->ns = options->ns ? options->ns : pod_ns ? pod_ns : "istio-system";
    weftd->suffix = install_suffix(options->revision ? options->revision : getenv("REVISION"));
    rc = parts_start(weftd, options, err);
    if (rc < 0) {
        weftd_free(weftd);
        return rc;
    }
    log_info(main, "weftd %s started, %s", WEFT_VERSION,
             options->config_dir ? options->config_dir : "following the cluster");
    *ret = weftd;
    return 0;
}

void weftd_free(struct weftd *weftd)
{
    if (!weftd)
        return;
    debug_free(weftd->debug);
    webhook_free(weftd->webhook);
    push_free(weftd->push);
    http_server_free(weftd->xds);
    lease_free(weftd->lease);
    ingress_status_free(weftd->ingress_status);
    status_free(weftd->status);
    roots_free(weftd->roots);
    source_free(weftd->source);
    settings_free(weftd->settings);
    mesh_builder_free(weftd->builder);
    identity_deinit(&weftd->identity);
    kube_client_free(weftd->client);
    mem_free(weftd->suffix);
    mem_free(weftd);
}
