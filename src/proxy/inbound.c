/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, handing over, looking at first bytes, choosing chains. See inbound.h.
 */
#include "proxy/inbound.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/conn.h"
#include "io/listener.h"
#include "proxy/flags.h"
#include "proxy/hcm.h"
#include "proxy/sniff.h"
#include "proxy/tcp_proxy.h"

struct inbound_listener {
    struct list node; /* in worker->listeners */
    struct worker *worker;
    struct listener_conf *conf; /* one reference */
    struct addr addr;
    struct listener *socket;
    bool wanted; /* by the configuration being applied */
};

/* A connection whose first bytes are awaited. */
struct inbound_pending {
    struct list node; /* in worker->pending */
    struct worker *worker;
    struct listener_conf *conf; /* one reference */
    struct conn *conn;
    struct loop_timer timer;
    bool want_tls;
    bool want_http;
    struct sniff_tls tls;
    struct chain_input input;
};

static const struct conn_events no_events;

/* --- chains --- */

static const struct chain_conf *find_chain(const struct listener_conf *conf,
                                           const struct chain_input *input)
{
    ptrdiff_t found =
        conf->chain_count == 0
            ? -1
            : chain_find(&conf->chains[0].match, sizeof conf->chains[0], conf->chain_count, input);

    return found >= 0 ? &conf->chains[found] : conf->default_chain;
}

static void log_no_chain(struct worker *worker, const struct listener_conf *conf,
                         const struct chain_input *input)
{
    struct info info = {.flags = FLAG_NO_ROUTE, .details = SLICE("filter_chain_not_found")};

    stats_inc(conf->stats, worker->index, STATS_LISTENER_no_filter_chain_match);
    if (conf->log_count == 0)
        return;
    info.start_ms = worker_realtime_ms(worker);
    info.begin_ms = info.end_ms = loop_now_ms(worker->loop);
    info.downstream_local = *input->local;
    info.downstream_remote = *input->peer;
    info.sni = input->server_name;
    access_log_write(&worker->log, conf->logs, conf->log_count, &info);
}

/* No chain, or one that cannot be served: true, and the connection is to be closed. */
static bool refused(struct worker *worker, const struct listener_conf *conf,
                    const struct chain_conf *chain, const struct chain_input *input)
{
    if (chain == NULL) {
        log_no_chain(worker, conf, input);
        return true;
    }
    if (chain->kind == CHAIN_TLS_UNSUPPORTED) {
        log_debug(http, "listener %.*s: not supported: a chain that ends TLS",
                  SLICE_ARG(conf->name));
        log_no_chain(worker, conf, input);
        return true;
    }
    return false;
}

/* Hands an HTTP connection over with what can be read of it right now. */
static void adopt_http(struct worker *worker, struct hcm *hcm, struct conn *conn)
{
    char *scratch = loop_scratch(worker->loop);
    ssize_t n = conn_read(conn, scratch, LOOP_SCRATCH_SIZE);
    char *seen = NULL;

    if (n < 0 && n != ERR_AGAIN) {
        conn_close(conn);
        return;
    }
    /* The scratch block is the server's as soon as it runs. */
    if (n > 0) {
        seen = mem_zalloc((size_t)n);
        memcpy(seen, scratch, (size_t)n);
    }
    if (hcm_adopt_conn(hcm, conn, slice_make(seen, n > 0 ? (size_t)n : 0)) < 0)
        conn_close(conn);
    mem_free(seen);
}

static void serve_conn(struct worker *worker, struct listener_conf *conf, struct conn *conn,
                       const struct chain_input *input)
{
    const struct chain_conf *chain = find_chain(conf, input);

    if (refused(worker, conf, chain, input)) {
        conn_close(conn);
    } else if (chain->kind == CHAIN_HTTP) {
        struct hcm *hcm = hcm_get(worker, chain->hcm);

        if (hcm != NULL)
            adopt_http(worker, hcm, conn);
        else
            conn_close(conn);
    } else {
        tcp_proxy_start(worker, chain->tcp, conn, input->server_name);
    }
}

static void serve_fd(struct worker *worker, struct listener_conf *conf, int fd,
                     const struct chain_input *input)
{
    const struct chain_conf *chain = find_chain(conf, input);
    struct conn *conn;

    if (refused(worker, conf, chain, input)) {
        fd_drop(&fd);
    } else if (chain->kind == CHAIN_HTTP) {
        struct hcm *hcm = hcm_get(worker, chain->hcm);

        if (hcm == NULL)
            fd_drop(&fd);
        else if (hcm_adopt_fd(hcm, fd) < 0)
            log_debug(http, "cannot take a connection");
    } else if (conn_adopt(worker->loop, fd, NULL, &no_events, NULL, &conn) == 0) {
        tcp_proxy_start(worker, chain->tcp, conn, SLICE(""));
    }
}

/* --- first bytes --- */

static void pending_end(struct inbound_pending *pending)
{
    loop_timer_stop(pending->worker->loop, &pending->timer);
    list_remove(&pending->node);
    resource_unref(&pending->conf->resource);
    mem_free(pending);
}

/* Decides by what is known. */
static void pending_serve(struct inbound_pending *pending)
{
    struct conn *conn = TAKE(pending->conn);
    struct worker *worker = pending->worker;

    conn_events_set(conn, &no_events, NULL);
    if (worker->gen != NULL)
        serve_conn(worker, pending->conf, conn, &pending->input);
    else
        conn_close(conn);
    pending_end(pending);
}

static void pending_drop(struct inbound_pending *pending)
{
    conn_close(pending->conn);
    pending_end(pending);
}

/* Looks at the bytes; true when enough is known. `ended`: no more will come. */
static bool inspect(struct inbound_pending *pending, struct slice bytes, bool ended)
{
    struct chain_input *input = &pending->input;
    enum sniff_result result = SNIFF_NO;

    if (pending->want_tls) {
        result = sniff_tls(bytes, &pending->tls);
        if (result == SNIFF_MORE && !ended)
            return false;
        if (result == SNIFF_YES) {
            input->transport = SLICE("tls");
            input->server_name = slice_str(pending->tls.server_name);
            input->protocol_count = pending->tls.protocol_count;
            memcpy(input->protocols, pending->tls.protocols, sizeof input->protocols);
            return true;
        }
        pending->want_tls = false;
    }
    if (pending->want_http) {
        struct slice protocol;

        result = sniff_http(bytes, &protocol);
        if (result == SNIFF_MORE && !ended)
            return false;
        if (result == SNIFF_YES) {
            input->protocols[0] = protocol;
            input->protocol_count = 1;
        }
    }
    return true;
}

static void pending_readable(struct conn *conn, void *ctx)
{
    struct inbound_pending *pending = ctx;
    char *scratch = loop_scratch(pending->worker->loop);
    ssize_t n = conn_peek(conn, scratch, SNIFF_HELLO_MAX + 1024);

    if (n == ERR_AGAIN)
        return;
    if (n < 0) {
        pending_drop(pending);
        return;
    }
    /* Who left in the middle of its first bytes is not waited for. */
    if (inspect(pending, slice_make(scratch, (size_t)n),
                n >= SNIFF_HELLO_MAX || conn_peer_ended(conn)))
        pending_serve(pending);
}

static void pending_failed(struct conn *conn, int code, void *ctx)
{
    (void)conn;
    (void)code;
    pending_drop(ctx);
}

static const struct conn_events pending_events = {
    .on_readable = pending_readable,
    .on_failed = pending_failed,
};

static void pending_timeout(void *ctx)
{
    struct inbound_pending *pending = ctx;

    stats_inc(pending->conf->stats, pending->worker->index,
              STATS_LISTENER_downstream_pre_cx_timeout);
    if (pending->conf->continue_on_timeout)
        pending_serve(pending);
    else
        pending_drop(pending);
}

static void pending_start(struct worker *worker, struct listener_conf *conf, int fd,
                          const struct addr *local, const struct addr *peer)
{
    struct inbound_pending *pending = MEM_NEW(struct inbound_pending);
    unsigned port = addr_port(local);
    struct conn *conn;

    list_append(&worker->pending, &pending->node);
    pending->worker = worker;
    pending->conf = conf;
    pending->want_tls = conf->inspect_tls && !listener_conf_port_test(conf->tls_disabled, port);
    pending->want_http = conf->inspect_http && !listener_conf_port_test(conf->http_disabled, port);
    pending->input.transport = SLICE("raw_buffer");
    resource_ref(&conf->resource);
    loop_timer_init(&pending->timer, pending_timeout, pending);
    if (conn_adopt(worker->loop, fd, NULL, &pending_events, pending, &conn) < 0) {
        pending_end(pending);
        return;
    }
    pending->conn = conn;
    /* The redirected destination counts; the connection keeps both addresses for us. */
    pending->input.local =
        conf->original_dst || !conf->bind ? conn_original_dst(conn) : conn_local_addr(conn);
    pending->input.peer = conn_peer_addr(conn);
    (void)peer;
    if (conf->inspect_timeout_ms > 0)
        loop_timer_start(worker->loop, &pending->timer, conf->inspect_timeout_ms);
}

/* --- accepting --- */

static void on_accept(int fd, const struct addr *peer, void *ctx)
{
    struct inbound_listener *inbound = ctx;
    struct worker *worker = inbound->worker;
    struct listener_conf *conf = inbound->conf;
    struct addr local = inbound->addr;
    bool inspects;

    stats_inc(conf->stats, worker->index, STATS_LISTENER_downstream_cx_total);
    if ((conf->hand_over || conf->original_dst) && addr_original_dst(fd, &local) < 0 &&
        addr_of_socket(fd, &local) < 0)
        local = inbound->addr;
    if (conf->hand_over) {
        struct listener_conf *other = config_listener_of(worker->gen->config, &local);

        if (other != NULL) {
            conf = other;
            stats_inc(conf->stats, worker->index, STATS_LISTENER_downstream_cx_total);
        }
    }
    inspects =
        (conf->inspect_tls && !listener_conf_port_test(conf->tls_disabled, addr_port(&local))) ||
        (conf->inspect_http && !listener_conf_port_test(conf->http_disabled, addr_port(&local)));
    if (inspects) {
        pending_start(worker, conf, fd, &local, peer);
    } else {
        struct chain_input input = {
            .local = &local, .peer = peer, .transport = SLICE("raw_buffer")};

        serve_fd(worker, conf, fd, &input);
    }
}

/* --- sockets --- */

static struct inbound_listener *find_listener(struct worker *worker, const struct addr *addr)
{
    LIST_EACH (node, &worker->listeners) {
        struct inbound_listener *inbound = CONTAINER_OF(node, struct inbound_listener, node);

        if (addr_eq(&inbound->addr, addr))
            return inbound;
    }
    return NULL;
}

static int open_listener(struct worker *worker, struct listener_conf *conf, const struct addr *addr)
{
    struct inbound_listener *inbound = MEM_NEW(struct inbound_listener);
    struct listener_options options = {.reuse_port = addr_family(addr) != AF_UNIX,
                                       .transparent = conf->transparent,
                                       .v4_too = conf->v4_too};
    struct error err = {0};
    char text[ADDR_TEXT_SIZE];
    int rc;

    inbound->worker = worker;
    inbound->addr = *addr;
    inbound->conf = conf;
    rc = listener_open(worker->loop, addr, &options, on_accept, inbound, &inbound->socket, &err);
    if (rc < 0) {
        log_error(config, "listener %.*s: %s: %s", SLICE_ARG(conf->name), addr_format(addr, text),
                  err.reason);
        mem_free(inbound);
        return rc;
    }
    resource_ref(&conf->resource);
    inbound->wanted = true;
    list_append(&worker->listeners, &inbound->node);
    return 0;
}

static void close_listener(struct inbound_listener *inbound)
{
    listener_close(inbound->socket);
    list_remove(&inbound->node);
    resource_unref(&inbound->conf->resource);
    mem_free(inbound);
}

static size_t apply_one(struct worker *worker, struct listener_conf *conf)
{
    size_t failures = 0;

    for (size_t i = 0; conf->bind && i < conf->addr_count; i++) {
        struct inbound_listener *inbound = find_listener(worker, &conf->addrs[i]);

        if (inbound != NULL) {
            /* Same address: the socket stays, so no connection is lost. */
            resource_ref(&conf->resource);
            resource_unref(&inbound->conf->resource);
            inbound->conf = conf;
            inbound->wanted = true;
        } else if (worker->index == 0 || addr_family(&conf->addrs[i]) != AF_UNIX) {
            failures += open_listener(worker, conf, &conf->addrs[i]) < 0;
        }
    }
    return failures;
}

static bool hcm_wanted(const struct config *config, const struct hcm *hcm)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct listener_conf *conf = config->listeners[i];

        for (size_t k = 0; k < conf->chain_count; k++)
            if (conf->chains[k].kind == CHAIN_HTTP && conf->chains[k].hcm == hcm->conf)
                return true;
        if (conf->default_chain != NULL && conf->default_chain->kind == CHAIN_HTTP &&
            conf->default_chain->hcm == hcm->conf)
            return true;
    }
    return false;
}

size_t inbound_apply(struct worker *worker, const struct config *config)
{
    size_t failures = 0;

    LIST_EACH (node, &worker->listeners)
        CONTAINER_OF(node, struct inbound_listener, node)->wanted = false;
    for (size_t i = 0; !worker->draining && i < config->listener_count; i++)
        failures += apply_one(worker, config->listeners[i]);
    LIST_EACH (node, &worker->listeners) {
        struct inbound_listener *inbound = CONTAINER_OF(node, struct inbound_listener, node);

        if (!inbound->wanted)
            close_listener(inbound);
    }
    LIST_EACH (node, &worker->hcms) {
        struct hcm *hcm = CONTAINER_OF(node, struct hcm, node);

        if (!hcm->retired && !hcm_wanted(config, hcm))
            hcm_retire(hcm);
    }
    return failures;
}

void inbound_drain(struct worker *worker, bool inbound_only)
{
    LIST_EACH (node, &worker->listeners) {
        struct inbound_listener *inbound = CONTAINER_OF(node, struct inbound_listener, node);

        if (!inbound_only || inbound->conf->inbound)
            close_listener(inbound);
    }
    LIST_EACH (node, &worker->hcms) {
        struct hcm *hcm = CONTAINER_OF(node, struct hcm, node);

        if (!hcm->retired && (!inbound_only || hcm->conf->inbound))
            hcm_drain(hcm);
    }
}

void inbound_close(struct worker *worker)
{
    LIST_EACH (node, &worker->listeners)
        close_listener(CONTAINER_OF(node, struct inbound_listener, node));
    LIST_EACH (node, &worker->pending)
        pending_drop(CONTAINER_OF(node, struct inbound_pending, node));
}
