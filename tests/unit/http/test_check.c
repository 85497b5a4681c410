/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at servers by GET, TCP and gRPC: answers that are fine and not, nobody there, a time that
 * runs out, a cancellation.
 */
#include "http_fixture.h"

#include "http/check.h"
#include "http/grpc.h"

#include <stdio.h>

struct verdict {
    int done;
    bool fine;
    char text[256];
};

static void on_done(bool fine, const char *text, void *ctx)
{
    struct verdict *verdict = ctx;

    verdict->done++;
    verdict->fine = fine;
    snprintf(verdict->text, sizeof verdict->text, "%s", text);
}

static void check(struct fixture *fixture, const struct http_check_spec *spec, bool fine,
                  const char *text)
{
    struct verdict verdict = {0};
    struct http_check *check;

    assert_int_equal(http_check_start(fixture->loop, spec, on_done, &verdict, &check), 0);
    assert_int_equal(verdict.done, 0);
    LOOP_UNTIL(fixture->loop, verdict.done > 0);
    for (int i = 0; i < 3; i++)
        loop_run_once(fixture->loop, 1);
    assert_int_equal(verdict.done, 1);
    assert_int_equal(verdict.fine, fine);
    if (!strstr(verdict.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, verdict.text);
}

static void gets_and_connections(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_check_spec spec = {.kind = HTTP_CHECK_GET, .timeout_ms = 2000, .path = "/"};
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    spec.addr = fixture.addr;
    check(&fixture, &spec, true, "");
    spec.path = "/early";
    check(&fixture, &spec, false, "statuscode: 403");
    spec.any_status = true;
    check(&fixture, &spec, true, "");
    spec.path = "/reset";
    check(&fixture, &spec, false, "Get failed");
    spec.path = "/hold";
    spec.timeout_ms = 50;
    check(&fixture, &spec, false, "");
    spec = (struct http_check_spec){
        .kind = HTTP_CHECK_CONNECT, .timeout_ms = 2000, .addr = fixture.addr};
    check(&fixture, &spec, true, "");
    fixture_stop(&fixture);
}

static void nobody_there(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_check_spec spec = {.kind = HTTP_CHECK_CONNECT, .timeout_ms = 2000};
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:1"), &spec.addr), 0);
    check(&fixture, &spec, false, "dial tcp: ");
    spec.kind = HTTP_CHECK_GRPC;
    check(&fixture, &spec, false, "error: failed to connect service at \"127.0.0.1:1\": ");
    spec.addr = fixture.addr; /* which speaks HTTP/1 alone */
    check(&fixture, &spec, false, "error: failed to connect service at ");
    fixture_stop(&fixture);
}

/* --- gRPC --- */

static void on_health(struct grpc_call *call, struct slice message, void *ctx)
{
    static const struct {
        const char *service;
        struct slice answer;
        enum grpc_status status;
        const char *text;
    } rows[] = {
        {"well", {"\x08\x01", 2}, GRPC_OK, NULL},
        {"sick", {"\x08\x02", 2}, GRPC_OK, NULL},
        {"mute", {"", 0}, GRPC_OK, NULL},
        {"odd", {"\x08\x09", 2}, GRPC_OK, NULL},
        {"busy", {NULL, 0}, GRPC_UNAVAILABLE, "no room"},
        {"strange", {NULL, 0}, GRPC_UNIMPLEMENTED, "what?"},
    };

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!slice_eq_str(slice_from(message, 2), rows[i].service))
            continue;
        if (rows[i].answer.data)
            assert_int_not_equal(grpc_call_send(call, rows[i].answer), ERR_CLOSED);
        grpc_call_finish(call, rows[i].status, rows[i].text);
        return;
    }
    fail_msg("another service is asked for");
}

static void on_rpc_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    static const struct grpc_events events = {.on_message = on_health};
    struct grpc_call *call;

    (void)end;
    assert_slice(head->path, "/grpc.health.v1.Health/Check");
    assert_int_equal(grpc_call_accept(stream, &events, ctx, &call), 0);
}

static void on_rpc_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_rpc_head};

    http_stream_events_set(stream, &events, ctx);
}

static void grpc_health(void **state)
{
    struct http_server_options http = {.codec = HTTP_CODEC_HTTP1};
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP2};
    struct http_check_spec spec = {.kind = HTTP_CHECK_GRPC, .timeout_ms = 2000};
    static const struct {
        const char *service, *text; /* NULL: fine */
    } rows[] = {
        {"well", NULL},
        {"sick", "service unhealthy (responded with \"NOT_SERVING\")"},
        {"mute", "service unhealthy (responded with \"UNKNOWN\")"},
        {"odd", "service unhealthy (responded with \"another status\")"},
        {"busy", "error: health rpc probe failed: rpc error: code = Unavailable desc = no room"},
        {"strange", "error: this server does not implement the grpc health protocol "
                    "(grpc.health.v1.Health): what?"},
    };
    struct http_server *server;
    struct fixture fixture;
    struct addr any;

    (void)state;
    fixture_start(&fixture, &http);
    assert_int_equal(http_server_new(fixture.loop, &options, on_rpc_stream, NULL, &server), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &any), 0);
    assert_int_equal(http_server_listen(server, &any, &spec.addr, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        spec.service = rows[i].service;
        check(&fixture, &spec, !rows[i].text, rows[i].text ? rows[i].text : "");
    }
    http_server_free(server);
    fixture_stop(&fixture);
}

static void a_cancelled_look_is_silent(void **state)
{
    struct http_server_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_check_spec spec = {.kind = HTTP_CHECK_GET, .timeout_ms = 2000, .path = "/"};
    struct verdict verdict = {0};
    struct http_check *check;
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, &options);
    spec.addr = fixture.addr;
    assert_int_equal(http_check_start(fixture.loop, &spec, on_done, &verdict, &check), 0);
    http_check_cancel(check);
    for (int i = 0; i < 5; i++)
        loop_run_once(fixture.loop, 5);
    assert_int_equal(verdict.done, 0);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_and_connections),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(grpc_health),
        cmocka_unit_test(a_cancelled_look_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
