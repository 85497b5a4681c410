/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness, metrics and application probes. See health.h.
 */
#include "proxy/health.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/client.h"
#include "io/conn.h"
#include "proxy/path.h"

#include <stdlib.h>

enum {
    PROBES_MAX = 64,
    PROBE_ANSWER_MAX = 65536,
    METRICS_MAX = 256 * 1024 * 1024,
};

const struct health_ports health_istio_ports = {15020, 15021, 15090};

struct health {
    struct server *server;
    struct health_ports ports;
    const struct identity *identity;
    struct http_server *http; /* one server, three ports */
    struct list probes;
    size_t probe_count;
};

/* One question to the application, on behalf of the kubelet. */
struct probe {
    struct list node;
    struct health *health;
    struct http_stream *stream; /* the kubelet's; NULL when it went away */
    struct http_pool *pool;
    struct http_fetch *fetch; /* NULL when done */
    struct conn *conn;        /* TCP probes */
    struct loop_timer timer;
    struct loop_task end;
};

static bool is_ready(const struct health *health)
{
    return health->server->state == SERVER_LIVE && !health->server->healthcheck_failed;
}

/* --- application probes --- */

static void probe_free(struct probe *probe)
{
    struct loop *loop = probe->health->server->loop;

    loop_timer_stop(loop, &probe->timer);
    loop_task_cancel(&probe->end);
    http_fetch_cancel(probe->fetch);
    http_pool_free(probe->pool);
    conn_close(probe->conn);
    list_remove(&probe->node);
    probe->health->probe_count--;
    mem_free(probe);
}

static void on_probe_end(void *ctx)
{
    probe_free(ctx);
}

/* Answers the kubelet; the probe goes at the end of the turn, outside of its own callbacks. */
static void probe_answer(struct probe *probe, unsigned status, struct slice text)
{
    static const struct http_stream_events none;
    struct http_stream *stream = TAKE(probe->stream);

    if (stream != NULL) {
        http_stream_events_set(stream, &none, NULL);
        http_stream_respond(stream, status, "text/plain", text);
    }
    loop_task_add(probe->health->server->loop, &probe->end);
}

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct probe *probe = ctx;

    probe->fetch = NULL;
    if (result->code < 0)
        probe_answer(probe, 500, slice_str(result->reason));
    else
        probe_answer(probe, result->head->status, SLICE(""));
}

static void on_tcp_connected(struct conn *conn, void *ctx)
{
    (void)conn;
    probe_answer(ctx, 200, SLICE(""));
}

static void on_tcp_failed(struct conn *conn, int code, void *ctx)
{
    (void)conn;
    probe_answer(ctx, 500, slice_str(err_text(code)));
}

static void on_stream_close(struct http_stream *stream, void *ctx)
{
    struct probe *probe = ctx;

    (void)stream;
    probe->stream = NULL;
}

static const struct conn_events tcp_events = {.on_connected = on_tcp_connected,
                                              .on_failed = on_tcp_failed};
static const struct http_stream_events waiting_events = {.on_close = on_stream_close};

static int start_http(struct probe *probe, const json_t *get, uint64_t timeout_ms,
                      const struct addr *addr)
{
    struct http_pool_options pool = {
        .addr = *addr, .codec = HTTP_CODEC_HTTP1, .connect_timeout_ms = timeout_ms, .conns_max = 1};
    struct http_header headers[16];
    struct http_fetch_request request = {.path = json_path_string_or(get, "path", "/"),
                                         .headers = headers,
                                         .response_size_max = PROBE_ANSWER_MAX,
                                         .timeout_ms = timeout_ms};
    const json_t *list = json_object_get(get, "httpHeaders");
    int rc;

    for (size_t i = 0; i < json_array_size(list) && request.header_count < 16; i++) {
        const json_t *header = json_array_get(list, i);
        const char *name = json_get_string(header, "name");
        const char *value = json_get_string(header, "value");

        if (name == NULL || value == NULL)
            continue;
        if (slice_eq_nocase(slice_str(name), SLICE("host"))) {
            request.authority = value;
            continue;
        }
        headers[request.header_count].name =
            arena_slice_lower(http_stream_arena(probe->stream), slice_str(name));
        headers[request.header_count++].value = slice_str(value);
    }
    /* As Istio's agent: from an address that the capture rules let through. */
    if (addr_family(addr) == AF_INET)
        (void)!addr_parse_ip(SLICE("127.0.0.6"), 0, &pool.bind_addr);
    rc = http_pool_new(probe->health->server->loop, &pool, &probe->pool);
    if (rc == 0)
        rc = http_fetch_start(probe->pool, &request, on_fetched, probe, &probe->fetch);
    return rc;
}

static int start_tcp(struct probe *probe, uint64_t timeout_ms, const struct addr *addr)
{
    struct conn_options options = {.connect_timeout_ms = timeout_ms};
    struct addr bind;

    if (addr_family(addr) == AF_INET && addr_parse_ip(SLICE("127.0.0.6"), 0, &bind) == 0)
        options.bind_addr = &bind;
    return conn_connect(probe->health->server->loop, addr, &options, &tcp_events, probe,
                        &probe->conn);
}

static void run_probe(struct health *health, struct http_stream *stream, const json_t *spec)
{
    const json_t *get = json_object_get(spec, "httpGet");
    const json_t *tcp = json_object_get(spec, "tcpSocket");
    uint64_t timeout_ms = (uint64_t)json_path_int(spec, "timeoutSeconds", 1) * 1000;
    const json_t *target = get ? get : tcp;
    struct probe *probe;
    struct addr addr;
    int rc;

    if (target == NULL || addr_parse_ip(slice_str(health->identity->ip),
                                        (unsigned)json_path_int(target, "port", 0), &addr) < 0) {
        http_stream_respond(stream, 501, "text/plain",
                            SLICE("not supported: only httpGet and tcpSocket probes"));
        return;
    }
    if (health->probe_count >= PROBES_MAX) {
        http_stream_respond(stream, 503, "text/plain", SLICE("too many probes"));
        return;
    }
    probe = MEM_NEW(struct probe);
    probe->health = health;
    probe->stream = stream;
    health->probe_count++;
    list_append(&health->probes, &probe->node);
    loop_task_init(&probe->end, on_probe_end, probe);
    http_stream_events_set(stream, &waiting_events, probe);
    rc = get ? start_http(probe, get, timeout_ms, &addr) : start_tcp(probe, timeout_ms, &addr);
    if (rc < 0)
        probe_answer(probe, 500, slice_str(err_text(rc)));
}

/* --- pages --- */

static void answer_ready(struct health *health, struct http_stream *stream)
{
    bool ready = is_ready(health);

    http_stream_respond(stream, ready ? 200 : 503, "text/plain",
                        ready ? SLICE("") : SLICE("not ready\n"));
}

static void answer_metrics(struct health *health, struct http_stream *stream)
{
    struct buf out;

    buf_init(&out, METRICS_MAX);
    server_print_prometheus(health->server, &out);
    http_stream_respond(stream, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&out));
    buf_deinit(&out);
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct health *health = ctx;
    struct conn *conn = http_stream_conn(stream);
    unsigned port = conn ? addr_port(conn_local_addr(conn)) : 0;
    struct slice path = path_only(head->path);
    char *key;
    const json_t *spec;

    (void)end;
    if (slice_eq(path, SLICE("/healthz/ready")) && port != health->ports.metrics) {
        answer_ready(health, stream);
        return;
    }
    if ((slice_eq(path, SLICE("/stats/prometheus")) || slice_eq(path, SLICE("/metrics"))) &&
        port != health->ports.ready) {
        answer_metrics(health, stream);
        return;
    }
    if (port == health->ports.agent && slice_eq(path, SLICE("/quitquitquit")) &&
        slice_eq(head->method, SLICE("POST"))) {
        http_stream_respond(stream, 200, "text/plain", SLICE("OK\n"));
        server_drain(health->server);
        return;
    }
    key = mem_slice_dup(path);
    spec = port == health->ports.agent ? json_object_get(health->identity->probers, key) : NULL;
    mem_free(key);
    if (spec != NULL)
        run_probe(health, stream, spec);
    else
        http_stream_respond(stream, 404, "text/plain", SLICE("404 page not found\n"));
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

int health_open(struct server *server, const struct identity *identity,
                const struct health_ports *ports, struct health **ret, struct error *err)
{
    const unsigned numbers[] = {ports->agent, ports->ready, ports->metrics};
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct health *health = MEM_NEW(struct health);
    int rc;

    health->server = server;
    health->identity = identity;
    health->ports = *ports;
    list_init(&health->probes);
    rc = http_server_new(server->loop, &options, on_stream, health, &health->http);
    for (size_t i = 0; i < ARRAY_LEN(numbers) && rc == 0; i++) {
        struct addr addr;
        struct error ignored = {0};

        rc = addr_parse_ip(SLICE("0.0.0.0"), numbers[i], &addr);
        if (rc == 0)
            rc = http_server_listen(health->http, &addr, NULL, err);
        /* A host without IPv6 is fine. */
        if (rc == 0 && addr_parse_ip(SLICE("::"), numbers[i], &addr) == 0 &&
            http_server_listen(health->http, &addr, NULL, &ignored) < 0)
            log_debug(main, "port %u without IPv6: %s", numbers[i], ignored.reason);
    }
    if (rc < 0) {
        health_free(health);
        return rc;
    }
    *ret = health;
    return 0;
}

void health_free(struct health *health)
{
    if (health == NULL)
        return;
    http_server_free(health->http);
    LIST_EACH (node, &health->probes)
        probe_free(CONTAINER_OF(node, struct probe, node));
    mem_free(health);
}
