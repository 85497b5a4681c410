/* SPDX-License-Identifier: Apache-2.0 */
/* The process: start, signals, publishing, drain, end. See server.h.
 */
#include "proxy/server.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/admin.h"
#include "proxy/discovery.h"
#include "wire/yaml.h"
#include "xds/pb/bootstrap.h"
#include "xds/pb/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DRAIN_DEFAULT_MS = 5000, DRAIN_POLL_MS = 50, BOOTSTRAP_MAX = 64 * 1024 * 1024 };

/* --- signals --- */

static void on_signal(unsigned events, void *ctx)
{
    struct server *server = ctx;
    struct signalfd_siginfo info;

    (void)events;
    while (read(server->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1)
            access_log_sinks_reopen(&server->sinks, &server->resources.compiler.sinks);
        else if (info.ssi_signo != SIGHUP)
            server_drain(server);
    }
}

static int watch_signals(struct server *server)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    /* Before any thread exists, so that all of them have the signals blocked. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    server->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (server->signal_fd < 0)
        return ERR_IO;
    return loop_watch_add(server->loop, &server->signal_watch, server->signal_fd, on_signal,
                          server);
}

/* --- configuration to workers --- */

struct letter {
    struct worker *worker;
    struct config *config; /* one reference */
};

static void deliver(void *ctx)
{
    struct letter *letter = ctx;

    worker_apply(letter->worker, letter->config);
    mem_free(letter);
}

static void open_sinks(struct server *server)
{
    struct error err = {0};

    if (access_log_sinks_open(&server->sinks, &server->resources.compiler.sinks, &err) < 0)
        log_error(config, "access log %s: %s", err.path, err.reason);
}

void server_publish(struct server *server)
{
    struct config *config = config_store_publish(&server->resources.store);

    open_sinks(server);
    stats_sweep(&server->stats);
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = server->workers[i].worker;
        struct letter *letter;

        resource_ref(&config->resource);
        if (!server->workers[i].started) {
            worker_apply(worker, config);
            server->listen_failures += worker->listen_failures;
            continue;
        }
        letter = MEM_NEW(struct letter);
        letter->worker = worker;
        letter->config = config;
        if (loop_post(worker->loop, deliver, letter) < 0) {
            log_error(config, "worker %u takes no configuration: its mailbox is full", i);
            resource_unref(&config->resource);
            mem_free(letter);
        }
    }
}

static void on_change(void *ctx)
{
    struct server *server = ctx;

    /* Before the workers run, server_run publishes once, whole. */
    if (server->running && (server->discovery == NULL || !discovery_holds(server->discovery)))
        server_publish(server);
}

/* --- making and freeing --- */

static unsigned core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores > SERVER_WORKERS_MAX ? SERVER_WORKERS_MAX : (unsigned)cores;
}

int server_new(const struct server_options *options, struct server **ret, struct error *err)
{
    struct server *server = MEM_NEW(struct server);
    int rc;

    server->options = *options;
    server->signal_fd = -1;
    server->state = SERVER_PRE_INITIALIZING;
    server->start_ms = clock_monotonic_ms();
    server->start_realtime_ms = clock_realtime_ms();
    server->worker_count = options->concurrency
                               ? MIN(options->concurrency, (unsigned)SERVER_WORKERS_MAX)
                               : core_count();
    rc = loop_new(&server->loop);
    if (rc < 0) {
        mem_free(server);
        return err_set(err, rc, "cannot make an event loop: %s", err_text(rc));
    }
    stats_init(&server->stats, server->worker_count + 1);
    access_log_sinks_init(&server->sinks);
    resources_init(&server->resources, server->loop, &server->stats, server->worker_count,
                   on_change, server);
    server->resources.compiler.telemetry = options->telemetry;
    server->workers = mem_calloc(server->worker_count, sizeof *server->workers);
    for (unsigned i = 0; i < server->worker_count && rc == 0; i++)
        rc = worker_new(i, server->loop, &server->sinks, &server->options.node,
                        &server->workers[i].worker);
    if (rc == 0)
        rc = watch_signals(server);
    if (rc < 0) {
        server_free(server);
        return err_set(err, rc, "cannot start: %s", err_text(rc));
    }
    *ret = server;
    return 0;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    discovery_free(server->discovery);
    admin_free(server->admin);
    loop_timer_stop(server->loop, &server->drain_timer);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_free(server->workers[i].worker);
    /* Workers' last log lines came as letters. */
    loop_run_once(server->loop, 0);
    mem_free(server->workers);
    resources_deinit(&server->resources);
    access_log_sinks_deinit(&server->sinks);
    stats_deinit(&server->stats);
    loop_watch_remove(server->loop, &server->signal_watch);
    fd_drop(&server->signal_fd);
    loop_run_once(server->loop, 0);
    loop_free(server->loop);
    json_decref(server->bootstrap);
    mem_free(server->node_id);
    mem_free(server->node_cluster);
    mem_free(server);
}

/* --- the bootstrap --- */

static int apply_static(struct server *server, const struct pb_bootstrap_static_resources *in,
                        struct error *err)
{
    for (size_t i = 0; i < in->clusters_count; i++)
        if (resources_put_cluster(&server->resources, in->clusters[i], slice_make(NULL, 0), NULL,
                                  false, err) < 0)
            return err_prefix(err, "static_resources.clusters[%zu]", i);
    for (size_t i = 0; i < in->listeners_count; i++) {
        struct pb_listener *listener = in->listeners[i];
        char name[32];

        /* Envoy invents names too. */
        if (listener->name.len == 0) {
            snprintf(name, sizeof name, "listener_%zu", i);
            listener->name = slice_str(name);
        }
        if (resources_put_listener(&server->resources, listener, slice_make(NULL, 0), NULL, false,
                                   err) < 0)
            return err_prefix(err, "static_resources.listeners[%zu]", i);
    }
    if (in->secrets_count > 0)
        log_warn(config, "static_resources.secrets: not supported");
    return 0;
}

static void on_discovery_ready(void *ctx)
{
    struct server *server = ctx;

    if (server->state == SERVER_INITIALIZING)
        server->state = SERVER_LIVE;
    log_info(main, "configuration is complete: %zu listeners, %zu clusters",
             server->resources.store.listeners.count, server->resources.store.clusters.count);
}

/* Where the cluster of the control plane leads. */
static int control_plane_of(struct server *server, struct slice name,
                            struct discovery_options *options, char *text, struct error *err)
{
    uint32_t slot = names_find(&server->resources.compiler.clusters, name);
    struct config_cluster cluster = config_store_get_cluster(&server->resources.store, slot);

    if (cluster.conf != NULL && cluster.conf->dns_host_count > 0) {
        options->host = cluster.conf->dns_hosts[0].host.data;
        options->port = cluster.conf->dns_hosts[0].port;
        return 0;
    }
    if (cluster.conf == NULL || cluster.endpoints == NULL || cluster.endpoints->count == 0)
        return err_set_path(err, ERR_INVALID, "dynamic_resources.ads_config",
                            "cluster \"%.*s\" has no address among static_resources",
                            SLICE_ARG(name));
    options->host = addr_format_ip(&cluster.endpoints->endpoints[0].addr, text);
    options->port = addr_port(&cluster.endpoints->endpoints[0].addr);
    return 0;
}

static int apply_dynamic(struct server *server, const struct pb_bootstrap *in, struct error *err)
{
    const struct pb_api_config_source *ads = in->dynamic_resources->ads_config;
    struct discovery_options options = {
        .server = server,
        .node = in->node,
        .resolver = resources_resolver(&server->resources),
        .on_ready = on_discovery_ready,
        .ctx = server,
    };
    char text[ADDR_TEXT_SIZE];

    if (ads == NULL || ads->grpc_services_count == 0 ||
        ads->grpc_services[0]->target_specifier_case != PB_GRPC_SERVICE_CASE_ENVOY_GRPC)
        return err_set_path(err, ERR_UNSUPPORTED, "dynamic_resources",
                            "not supported: only ads_config with envoy_grpc");
    if (in->node == NULL)
        return err_set_path(err, ERR_INVALID, "node", "xDS needs a node");
    options.state_of_the_world = ads->api_type == PB_API_CONFIG_SOURCE_API_TYPE_GRPC;
    if (control_plane_of(server, ads->grpc_services[0]->envoy_grpc->cluster_name, &options, text,
                         err) < 0)
        return err->code;
    server->state = SERVER_INITIALIZING;
    return discovery_open(&options, &server->discovery, err);
}

static int apply_message(struct server *server, const struct pb_bootstrap *in, struct error *err)
{
    struct addr addr;

    if (in->node != NULL) {
        server->node_id = mem_slice_dup(in->node->id);
        server->node_cluster = mem_slice_dup(in->node->cluster);
    }
    if (in->static_resources != NULL && apply_static(server, in->static_resources, err) < 0)
        return err->code;
    if (in->dynamic_resources != NULL && apply_dynamic(server, in, err) < 0)
        return err->code;
    if (in->admin == NULL || in->admin->address == NULL)
        return 0;
    if (compile_address(in->admin->address, &addr, err) < 0)
        return err_prefix(err, "admin.address");
    return server_open_admin(server, &addr, err);
}

int server_apply_bootstrap(struct server *server, json_t *json, struct error *err)
{
    struct proto_report report = {0};
    struct pb_bootstrap *message;
    struct error local = {0};
    struct arena arena;
    int rc;

    if (err == NULL)
        err = &local;
    arena_init(&arena, 0);
    rc = proto_from_json(&pb_bootstrap_desc, json, &pb_registry, &arena, (void **)&message,
                         server->options.unknown_fields_allowed ? &report : NULL, err);
    for (size_t i = 0; i < report.path_count; i++)
        log_warn(config, "bootstrap: unknown field %s is ignored", report.paths[i]);
    if (rc == 0)
        rc = apply_message(server, message, err);
    if (rc == 0) {
        json_decref(server->bootstrap);
        server->bootstrap = json_incref(json);
    }
    arena_deinit(&arena);
    return rc;
}

int server_load_bootstrap(struct server *server, const char *path, struct error *err)
{
    struct buf text;
    json_t *json = NULL;
    int rc;

    buf_init(&text, BOOTSTRAP_MAX);
    rc = file_read(path, &text, err);
    if (rc == 0)
        rc = yaml_parse_one(buf_slice(&text), NULL, &json, err);
    buf_deinit(&text);
    if (rc == 0)
        rc = server_apply_bootstrap(server, json, err);
    json_decref(json);
    return rc;
}

int server_open_admin(struct server *server, const struct addr *addr, struct error *err)
{
    return admin_open(server, addr, &server->admin, err);
}

/* --- running --- */

static void *worker_main(void *ctx)
{
    struct worker *worker = ctx;

    loop_run(worker->loop);
    return NULL;
}

static int start_workers(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (pthread_create(&server->workers[i].thread, NULL, worker_main,
                           server->workers[i].worker) != 0)
            return ERR_NO_MEMORY;
        server->workers[i].started = true;
    }
    return 0;
}

static void stop_workers(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (!server->workers[i].started)
            continue;
        loop_stop(server->workers[i].worker->loop);
        pthread_join(server->workers[i].thread, NULL);
        server->workers[i].started = false;
    }
}

int server_run(struct server *server, struct error *err)
{
    int rc;

    server_publish(server);
    if (server->listen_failures > 0)
        return err_set(err, ERR_IN_USE, "%zu listening sockets could not be opened",
                       server->listen_failures);
    rc = start_workers(server);
    if (rc == 0) {
        server->running = true;
        /* A proxy in a mesh goes LIVE when its agent says so. */
        if (server->state == SERVER_PRE_INITIALIZING)
            server->state = SERVER_LIVE;
        log_info(main, "weft-proxy " WEFT_VERSION ": %u workers, %zu listeners, %zu clusters",
                 server->worker_count, server->resources.store.listeners.count,
                 server->resources.store.clusters.count);
        loop_run(server->loop);
    } else {
        rc = err_set(err, rc, "cannot start a worker thread");
    }
    server->running = false;
    stop_workers(server);
    return rc;
}

void server_quit(struct server *server)
{
    loop_stop(server->loop);
}

/* --- drain --- */

uint64_t server_active(const struct server *server)
{
    uint64_t active = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        active += atomic_load_explicit(&server->workers[i].worker->active, memory_order_relaxed);
    return active;
}

static void drain_worker(void *ctx)
{
    worker_drain(ctx, false);
}

static void drain_worker_inbound(void *ctx)
{
    worker_drain(ctx, true);
}

void server_drain_listeners(struct server *server, bool inbound_only)
{
    for (unsigned i = 0; i < server->worker_count; i++)
        if (loop_post(server->workers[i].worker->loop,
                      inbound_only ? drain_worker_inbound : drain_worker,
                      server->workers[i].worker) < 0)
            log_warn(main, "worker %u does not drain: its mailbox is full", i);
}

static void close_worker_conns(void *ctx)
{
    worker_close_conns(ctx);
}

static void close_conns(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++)
        if (loop_post(server->workers[i].worker->loop, close_worker_conns,
                      server->workers[i].worker) < 0)
            log_warn(main, "worker %u does not close: its mailbox is full", i);
}

static void on_drain_poll(void *ctx)
{
    struct server *server = ctx;
    uint64_t now_ms = loop_now_ms(server->loop);

    /* Workers count each second: give them that long to notice. */
    if (now_ms >= server->drain_deadline_ms ||
        (server_active(server) == 0 && !server->options.drain_whole &&
         now_ms + server->options.drain_ms >= server->drain_deadline_ms + 1100)) {
        server_quit(server);
        return;
    }
    loop_timer_start(server->loop, &server->drain_timer, DRAIN_POLL_MS);
}

void server_drain(struct server *server)
{
    if (server->state == SERVER_DRAINING) {
        server_quit(server); /* asked twice */
        return;
    }
    log_info(main, "draining for at most %" PRIu64 " ms", server->options.drain_ms);
    server->state = SERVER_DRAINING;
    server->drain_deadline_ms = loop_now_ms(server->loop) + server->options.drain_ms;
    if (server->options.drain_whole)
        close_conns(server);
    else
        server_drain_listeners(server, false);
    loop_timer_init(&server->drain_timer, on_drain_poll, server);
    loop_timer_start(server->loop, &server->drain_timer, DRAIN_POLL_MS);
}

/* --- metrics --- */

void server_print_prometheus(struct server *server, struct buf *out)
{
    const struct telemetry *workers[SERVER_WORKERS_MAX];
    static const char *const names[] = {"cluster_manager_cds", "cluster_manager_eds",
                                        "listener_manager_lds", "http_rds"};

    for (unsigned i = 0; i < server->worker_count; i++)
        workers[i] = &server->workers[i].worker->telemetry;
    telemetry_print(workers, server->worker_count, out);
    buf_printf(out, "# TYPE istio_build gauge\n"
                    "istio_build{component=\"proxy\",tag=\"" WEFT_VERSION "\"} 1\n");
    stats_print_prometheus(&server->stats, out);
    buf_printf(out, "# TYPE envoy_server_state gauge\nenvoy_server_state{} %d\n", server->state);
    buf_printf(out, "# TYPE envoy_server_live gauge\nenvoy_server_live{} %d\n",
               server->state == SERVER_LIVE);
    buf_printf(out, "# TYPE envoy_server_concurrency gauge\nenvoy_server_concurrency{} %u\n",
               server->worker_count);
    buf_printf(out, "# TYPE envoy_server_uptime gauge\nenvoy_server_uptime{} %" PRIu64 "\n",
               (clock_monotonic_ms() - server->start_ms) / 1000);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        buf_printf(out, "# TYPE envoy_%s_update_success counter\n", names[i]);
        buf_printf(out, "envoy_%s_update_success{} %" PRIu64 "\n", names[i],
                   server->update_success[i]);
        buf_printf(out, "# TYPE envoy_%s_update_rejected counter\n", names[i]);
        buf_printf(out, "envoy_%s_update_rejected{} %" PRIu64 "\n", names[i],
                   server->update_rejected[i]);
    }
}
