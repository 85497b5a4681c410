/* SPDX-License-Identifier: Apache-2.0 */
/* PROGRAM SERVICE [PORT]: one of the services of a sample program on HTTP/1.1.
 *
 *   stream of http/server -> struct request -> service_type.handle
 *                               exchange_call: resolve -> fetch on a new connection -> callback
 *
 * Place   called by the main functions of bookinfo and ratingsapp
 * Owns    the loop, the server, one pool for each service that it calls
 * Limits  DESTINATIONS_MAX services; a name is resolved again after RESOLVED_MS
 * Spec    SIGTERM: serves on for LINGER_MS, because others still hear of its end, then drains
 */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/server.h"
#include "io/resolver.h"

enum {
    DESTINATIONS_MAX = 4,
    FORWARD_MAX = 32,
    RESOLVED_MS = 5000,
    LINGER_MS = 2000,
    DRAIN_MS = 5000,
};

/* A service that this one calls. Its pool keeps no connection: each call opens one. */
struct destination {
    const char *host;
    unsigned port;
    struct addr addr;
    uint64_t fresh_until_ms;
    struct http_pool *pool;
};

struct server {
    struct loop *loop;
    struct resolver *resolver;
    struct http_server *http;
    const struct service_type *type;
    void *service_state;
    const void *conf;
    uint64_t started_ms; /* in the loop's time */
    struct destination destinations[DESTINATIONS_MAX];
};

/* One request, from on_stream to on_close, in the stream's arena. */
struct request {
    struct exchange exchange;
    struct server *server;
    struct http_stream *stream;
    struct http_head *head;
    void (*on_later)(struct exchange *exchange);
    /* the call under way, if on_call is set */
    exchange_on_call *on_call;
    struct destination *destination;
    struct http_fetch_request call;
    struct resolver_query *query;
    struct http_fetch *fetch;
    struct loop_timer timeout;
    struct loop_task failure;
};

static struct request *request_of(struct exchange *exchange)
{
    return CONTAINER_OF(exchange, struct request, exchange);
}

/* --- calls of other services --- */

static void call_stop(struct request *request)
{
    resolver_cancel(TAKE(request->query));
    http_fetch_cancel(TAKE(request->fetch));
    loop_timer_stop(request->server->loop, &request->timeout);
    loop_task_cancel(&request->failure);
}

static void call_done(struct request *request, int status, struct slice body)
{
    exchange_on_call *on_call = TAKE(request->on_call);

    call_stop(request);
    on_call(&request->exchange, status, body);
}

static void on_call_failed(void *ctx)
{
    call_done(ctx, 0, slice_str(NULL));
}

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct request *request = ctx;

    request->fetch = NULL;
    call_done(request, result->code == 0 ? (int)result->head->status : 0, result->body);
}

static void call_send(struct request *request)
{
    if (http_fetch_start(request->destination->pool, &request->call, on_fetched, request,
                         &request->fetch) < 0)
        loop_task_add(request->server->loop, &request->failure);
}

/* Makes `addr` the destination's, with a pool for it. */
static int destination_set(struct server *server, struct destination *to, const struct addr *addr)
{
    struct http_pool_options options = {
        .addr = *addr, .codec = HTTP_CODEC_HTTP1, .requests_per_conn_max = 1};
    struct http_pool *pool;
    int rc;

    to->fresh_until_ms = loop_now_ms(server->loop) + RESOLVED_MS;
    if (to->pool && addr_eq(&to->addr, addr))
        return 0;
    rc = http_pool_new(server->loop, &options, &pool);
    if (rc < 0)
        return rc;
    http_pool_free(to->pool);
    to->pool = pool;
    to->addr = *addr;
    return 0;
}

static void on_resolved(int code, const struct addr *addrs, size_t count, unsigned ttl_s, void *ctx)
{
    struct request *request = ctx;

    (void)count;
    (void)ttl_s;
    request->query = NULL;
    if (code == 0 && destination_set(request->server, request->destination, &addrs[0]) == 0)
        call_send(request);
    else
        call_done(request, 0, slice_str(NULL));
}

static struct destination *destination_find(struct server *server, const char *host, unsigned port)
{
    struct destination *to = server->destinations;

    for (; to < server->destinations + DESTINATIONS_MAX; to++) {
        if (!to->host)
            *to = (struct destination){.host = host, .port = port};
        if (strcmp(to->host, host) == 0 && to->port == port)
            return to;
    }
    return NULL;
}

static void call_headers(struct request *request, const struct exchange_call *call)
{
    struct arena *arena = request->exchange.arena;
    struct http_header *headers = ARENA_ARRAY(arena, struct http_header, FORWARD_MAX);
    size_t count = 0;

    for (size_t i = 0; call->forward && call->forward[i] && count + 1 < FORWARD_MAX; i++) {
        struct slice value = exchange_header(&request->exchange, call->forward[i]);

        if (value.data)
            headers[count++] = (struct http_header){slice_str(call->forward[i]), value};
    }
    if (call->end_user)
        headers[count++] = (struct http_header){SLICE("end-user"), slice_str(call->end_user)};
    request->call.headers = headers;
    request->call.header_count = count;
}

static void on_later(struct exchange *exchange, int status, struct slice body)
{
    struct request *request = request_of(exchange);

    (void)status;
    (void)body;
    request->on_later(exchange);
}

/* A call that is never sent, and so always runs into its time-out. */
void exchange_later(struct exchange *exchange, uint32_t delay_ms,
                    void (*on_done)(struct exchange *exchange))
{
    struct request *request = request_of(exchange);

    request->on_later = on_done;
    request->on_call = on_later;
    loop_timer_start(request->server->loop, &request->timeout, delay_ms);
}

uint64_t exchange_uptime_ms(struct exchange *exchange)
{
    const struct server *server = request_of(exchange)->server;

    return loop_now_ms(server->loop) - server->started_ms;
}

void exchange_call(struct exchange *exchange, const struct exchange_call *call,
                   exchange_on_call *on_done)
{
    struct request *request = request_of(exchange);
    struct server *server = request->server;
    struct destination *to = destination_find(server, call->host, call->port);

    request->on_call = on_done;
    request->destination = to;
    request->call = (struct http_fetch_request){
        .method = call->method,
        .path = arena_strdup(exchange->arena, call->path),
        .body = call->body,
        .authority = arena_printf(exchange->arena, "%s:%u", call->host, call->port),
        .response_size_max = EXCHANGE_REPLY_MAX,
        .timeout_ms = call->timeout_ms,
    };
    call_headers(request, call);
    loop_timer_start(server->loop, &request->timeout, call->timeout_ms);
    if (to && to->pool && loop_now_ms(server->loop) < to->fresh_until_ms)
        call_send(request);
    else if (!to || resolver_lookup(server->resolver, to->host, to->port, AF_UNSPEC, on_resolved,
                                    request, &request->query) < 0)
        loop_task_add(server->loop, &request->failure);
}

/* --- requests --- */

struct slice exchange_header(struct exchange *exchange, const char *name)
{
    return http_headers_value(&request_of(exchange)->head->headers, slice_str(name));
}

bool exchange_header_at(struct exchange *exchange, size_t i, struct slice *ret_name,
                        struct slice *ret_value)
{
    const struct http_headers *headers = &request_of(exchange)->head->headers;

    if (i >= headers->count)
        return false;
    *ret_name = headers->items[i].name;
    *ret_value = headers->items[i].value;
    return true;
}

static void open_to_all(struct http_headers *headers, struct arena *arena)
{
    http_headers_add(headers, arena, SLICE("access-control-allow-origin"), SLICE("*"));
    http_headers_add(headers, arena, SLICE("access-control-allow-methods"),
                     SLICE("GET, POST, OPTIONS, PUT, PATCH, DELETE"));
    http_headers_add(headers, arena, SLICE("access-control-allow-headers"),
                     SLICE("X-Requested-With,content-type"));
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body)
{
    struct request *request = request_of(exchange);
    struct http_head head = {.version = HTTP_VERSION_1_1,
                             .status = (unsigned)status,
                             .content_length = (int64_t)body.len};
    bool empty = body.len == 0 || slice_eq_str(exchange->method, "HEAD");
    int rc;

    http_headers_add(&head.headers, exchange->arena, SLICE("content-type"),
                     slice_str(content_type));
    if (exchange->location)
        http_headers_add(&head.headers, exchange->arena, SLICE("location"),
                         slice_str(exchange->location));
    if (exchange->set_cookie)
        http_headers_add(&head.headers, exchange->arena, SLICE("set-cookie"),
                         slice_str(exchange->set_cookie));
    if (exchange->open_to_all)
        open_to_all(&head.headers, exchange->arena);
    rc = http_stream_send_head(request->stream, &head, empty);
    if (rc == 0 && !empty)
        rc = http_stream_send_data(request->stream, body, true);
    if (rc < 0 && rc != ERR_AGAIN)
        log_debug(http, "the visitor left before the answer: %s", err_text(rc));
}

static void on_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct request *request = ctx;

    (void)stream;
    request->exchange.body = body;
    if (code == 0)
        request->server->type->handle(&request->exchange);
    else if (code == ERR_LIMIT)
        exchange_reply(&request->exchange, 413, "text/plain", SLICE("the body is too large\n"));
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct request *request = ctx;
    ptrdiff_t mark = slice_find_char(head->path, '?');

    request->head = head;
    request->exchange.method = head->method;
    request->exchange.path = mark < 0 ? head->path : slice_head(head->path, (size_t)mark);
    if (mark >= 0)
        request->exchange.query = slice_from(head->path, (size_t)mark + 1);
    if (end)
        on_body(stream, 0, slice_str(NULL), request);
    else
        http_stream_collect(stream, EXCHANGE_BODY_MAX, on_body, request);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    call_stop(ctx);
}

static const struct http_stream_events request_events = {.on_head = on_head, .on_close = on_close};

static void on_stream(struct http_stream *stream, void *ctx)
{
    struct server *server = ctx;
    struct request *request = ARENA_NEW(http_stream_arena(stream), struct request);

    request->server = server;
    request->stream = stream;
    request->exchange.conf = server->conf;
    request->exchange.service_state = server->service_state;
    request->exchange.arena = http_stream_arena(stream);
    loop_timer_init(&request->timeout, on_call_failed, request);
    loop_task_init(&request->failure, on_call_failed, request);
    http_stream_events_set(stream, &request_events, request);
}

/* --- the program --- */

const char *server_env_text(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

unsigned server_env_number(const char *name, unsigned otherwise, unsigned max)
{
    uint64_t value;

    return slice_parse_u64(slice_str(getenv(name)), max, &value) == 0 ? (unsigned)value : otherwise;
}

static const struct service_type *service_find(const struct program *program, const char *name)
{
    for (size_t i = 0; program->services[i]; i++) {
        if (strcmp(program->services[i]->name, name) == 0)
            return program->services[i];
    }
    return NULL;
}

/* Every IPv4 and IPv6 address; one family may be missing on the machine. */
static int listen_everywhere(struct http_server *http, unsigned port, struct error *err)
{
    static const char *const any[] = {"::", "0.0.0.0"};
    int rc, worked = 0;

    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        struct addr addr;

        rc = addr_parse_ip(slice_str(any[i]), port, &addr);
        if (rc == 0 && http_server_listen(http, &addr, NULL, err) == 0)
            worked++;
    }
    return worked ? 0 : err->code;
}

static struct loop *stopped_loop; /* for the signal handler alone */

static void on_signal(int number)
{
    (void)number;
    loop_stop(stopped_loop);
}

static void run_for(struct loop *loop, uint64_t ms, const struct http_server *until_idle)
{
    uint64_t end = loop_now_ms(loop) + ms;

    while (loop_now_ms(loop) < end && !(until_idle && http_server_stream_count(until_idle) == 0))
        loop_run_once(loop, (int)MIN(end - loop_now_ms(loop), 50));
}

static void serve(struct server *server)
{
    struct sigaction action = {.sa_handler = on_signal};

    stopped_loop = server->loop;
    server->started_ms = loop_now_ms(server->loop);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    loop_run(server->loop);
    run_for(server->loop, LINGER_MS, NULL);
    http_server_drain(server->http);
    run_for(server->loop, DRAIN_MS, server->http);
}

static int open_all(struct server *server, unsigned port, struct error *err)
{
    int rc = loop_new(&server->loop);

    if (rc == 0)
        rc = resolver_new(server->loop, &server->resolver);
    if (rc == 0)
        rc = http_server_new(server->loop, &(struct http_server_options){.http10_accepted = true},
                             on_stream, server, &server->http);
    if (rc == 0)
        rc = listen_everywhere(server->http, port, err);
    if (rc == 0 && server->type->open)
        server->service_state = server->type->open(server->conf);
    return rc;
}

static void close_all(struct server *server)
{
    http_server_free(server->http);
    for (size_t i = 0; i < DESTINATIONS_MAX; i++)
        http_pool_free(server->destinations[i].pool);
    resolver_free(server->resolver);
    if (server->service_state)
        server->type->close(server->service_state);
    loop_free(server->loop);
}

int server_main(const struct program *program, int argc, char **argv)
{
    SCOPED(arena_deinit) struct arena arena;
    struct server server = {.type = argc > 1 ? service_find(program, argv[1]) : NULL};
    struct error err = {0};
    uint64_t port = 0;
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc;

    arena_init(&arena, 0);
    if (!server.type || (argc > 2 && slice_parse_u64(slice_str(argv[2]), UINT16_MAX, &port) < 0)) {
        fprintf(stderr, "usage: %s SERVICE [PORT]\n", program->name);
        return 2;
    }
    if (argc < 3)
        port = server_env_number("PORT", server.type->port, UINT16_MAX);
    server.conf = program->conf_read(&arena);
    rc = open_all(&server, (unsigned)port, &err);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", program->name,
                err.code ? err_format(&err, text, sizeof text) : err_text(rc));
    } else {
        fprintf(stderr, "%s: %s on port %u\n", program->name, server.type->name, (unsigned)port);
        serve(&server);
    }
    close_all(&server);
    return rc < 0;
}
