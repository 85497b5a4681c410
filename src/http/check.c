/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at servers, see check.h. A health request of gRPC is {1: service}, its answer {1: status},
 * where 1 is SERVING.
 */
#include "http/check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "http/grpc.h"
#include "io/conn.h"

#include <stdio.h>

enum { TEXT_SIZE = 512, ANSWER_MAX = 10240, SERVICE_MAX = 256, SERVING = 1 };

struct http_check {
    struct loop *loop;
    void (*on_done)(bool fine, const char *text, void *ctx);
    void *ctx;
    struct addr addr;
    bool any_status;
    unsigned health; /* what a gRPC server answered, 0 before */
    struct http_pool *pool;
    struct http_fetch *fetch;
    struct grpc_call *call;
    struct conn *conn;
    struct tls_config *tls;
    struct loop_timer timeout;
    struct loop_task free_task;
};

static void on_free(void *ctx)
{
    struct http_check *check = ctx;

    http_pool_free(check->pool);
    tls_config_unref(check->tls);
    mem_free(check);
}

static void check_end(struct http_check *check)
{
    loop_timer_stop(check->loop, &check->timeout);
    http_fetch_cancel(check->fetch);
    check->fetch = NULL;
    grpc_call_cancel(check->call);
    check->call = NULL;
    conn_close(check->conn);
    check->conn = NULL;
    loop_task_add(check->loop, &check->free_task);
}

void http_check_cancel(struct http_check *check)
{
    if (check)
        check_end(check);
}

static void check_done(struct http_check *check, bool fine, const char *text)
{
    check_end(check);
    check->on_done(fine, text, check->ctx);
}

static void on_timeout(void *ctx)
{
    check_done(ctx, false, "context deadline exceeded");
}

/* --- HTTP --- */

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct http_check *check = ctx;
    unsigned status = result->code < 0 ? 0 : result->head->status;
    char text[TEXT_SIZE];

    check->fetch = NULL;
    if (status == 0)
        snprintf(text, sizeof text, "Get failed: %s", result->reason);
    else
        snprintf(text, sizeof text, "HTTP probe failed with statuscode: %u", status);
    check_done(check, status && (check->any_status || (status >= 200 && status < 400)), text);
}

static int get_start(struct http_check *check, const struct http_check_spec *spec)
{
    const struct http_fetch_request request = {.path = spec->path,
                                               .authority = spec->authority,
                                               .headers = spec->headers,
                                               .header_count = spec->header_count,
                                               .response_size_max = ANSWER_MAX,
                                               .timeout_ms = spec->timeout_ms};
    struct http_pool_options options = {.addr = spec->addr,
                                        .codec = HTTP_CODEC_HTTP1,
                                        .connect_timeout_ms = spec->timeout_ms,
                                        .requests_per_conn_max = 1};
    int rc = 0;

    if (spec->tls) {
        const struct tls_options tls = {.insecure_skip_verify = true, .alpn = "http/1.1"};

        rc = tls_client_config_new(&tls, &check->tls, NULL);
        options.tls = check->tls;
    }
    if (rc == 0)
        rc = http_pool_new(check->loop, &options, &check->pool);
    return rc < 0 ? rc : http_fetch_start(check->pool, &request, on_fetched, check, &check->fetch);
}

/* --- TCP --- */

static void on_connected(struct conn *conn, void *ctx)
{
    (void)conn;
    check_done(ctx, true, "");
}

static void on_failed(struct conn *conn, int code, void *ctx)
{
    char text[TEXT_SIZE];

    (void)conn;
    snprintf(text, sizeof text, "dial tcp: %s", err_text(code));
    check_done(ctx, false, text);
}

static int connect_start(struct http_check *check, const struct http_check_spec *spec)
{
    static const struct conn_events events = {.on_connected = on_connected, .on_failed = on_failed};
    const struct conn_options options = {.connect_timeout_ms = spec->timeout_ms};

    return conn_connect(check->loop, &spec->addr, &options, &events, check, &check->conn);
}

/* --- gRPC --- */

/* The answer's field 1; a missing one is 0. */
static unsigned health_read(struct slice message)
{
    return message.len >= 2 && message.data[0] == 0x08 ? (unsigned char)message.data[1] : 0;
}

static void on_message(struct grpc_call *call, struct slice message, void *ctx)
{
    (void)call;
    ((struct http_check *)ctx)->health = health_read(message);
}

/* In the kubelet's words (pkg/probe/grpc). */
static void grpc_text(const struct http_check *check, const struct grpc_call *call,
                      enum grpc_status status, const char *message, char text[TEXT_SIZE])
{
    static const char *const healths[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    char addr[ADDR_TEXT_SIZE];

    if (status == GRPC_OK)
        snprintf(text, TEXT_SIZE, "service unhealthy (responded with \"%s\")",
                 check->health < ARRAY_LEN(healths) ? healths[check->health] : "another status");
    else if (grpc_call_unreached(call))
        snprintf(text, TEXT_SIZE, "error: failed to connect service at \"%s\": %s",
                 addr_format(&check->addr, addr), message);
    else if (status == GRPC_UNIMPLEMENTED)
        snprintf(text, TEXT_SIZE,
                 "error: this server does not implement the grpc health protocol "
                 "(grpc.health.v1.Health): %s",
                 message);
    else
        snprintf(text, TEXT_SIZE, "error: health rpc probe failed: rpc error: code = %s desc = %s",
                 grpc_status_name(status), message);
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx)
{
    struct http_check *check = ctx;
    char text[TEXT_SIZE];

    check->call = NULL;
    grpc_text(check, call, status, message ? message : "", text);
    check_done(check, status == GRPC_OK && check->health == SERVING, text);
}

static int grpc_start(struct http_check *check, const struct http_check_spec *spec)
{
    static const struct grpc_events events = {.on_message = on_message, .on_finish = on_finish};
    const struct grpc_method method = {.authority = "localhost",
                                       .path = "/grpc.health.v1.Health/Check"};
    const struct http_pool_options options = {.addr = spec->addr,
                                              .codec = HTTP_CODEC_HTTP2,
                                              .connect_timeout_ms = spec->timeout_ms,
                                              .requests_per_conn_max = 1};
    struct slice service = slice_str(spec->service ? spec->service : "");
    SCOPED(buf_deinit) struct buf request;
    int rc;

    buf_init(&request, SERVICE_MAX);
    if (service.len > 127) /* a length of one byte */
        return ERR_LIMIT;
    if (service.len > 0) {
        buf_append_char(&request, 0x0a);
        buf_append_char(&request, (char)service.len);
        buf_append(&request, service);
    }
    rc = http_pool_new(check->loop, &options, &check->pool);
    if (rc == 0)
        rc = grpc_call_start(check->pool, &method, &events, check, &check->call);
    if (rc < 0)
        return rc;
    rc = grpc_call_send(check->call, buf_slice(&request));
    grpc_call_half_close(check->call);
    return rc == ERR_AGAIN ? 0 : rc;
}

/* --- start --- */

int http_check_start(struct loop *loop, const struct http_check_spec *spec,
                     void (*on_done)(bool fine, const char *text, void *ctx), void *ctx,
                     struct http_check **ret)
{
    static int (*const starts[])(struct http_check *, const struct http_check_spec *) = {
        [HTTP_CHECK_GET] = get_start,
        [HTTP_CHECK_CONNECT] = connect_start,
        [HTTP_CHECK_GRPC] = grpc_start};
    struct http_check *check = MEM_NEW(struct http_check);
    int rc;

    check->loop = loop;
    check->on_done = on_done;
    check->ctx = ctx;
    check->addr = spec->addr;
    check->any_status = spec->any_status;
    loop_timer_init(&check->timeout, on_timeout, check);
    loop_task_init(&check->free_task, on_free, check);
    rc = starts[spec->kind](check, spec);
    if (rc < 0) {
        check_end(check);
        return rc;
    }
    loop_timer_start(loop, &check->timeout, spec->timeout_ms);
    *ret = check;
    return 0;
}
