/* SPDX-License-Identifier: Apache-2.0 */
/* The connection manager: what it answers itself, what it does to heads, how connections end.
 */
#include "rig.h"

#include <stdio.h>
#include <unistd.h>

static void start(struct rig *rig, const char *routes, const char *more)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_http(rig, routes, more);
    rig_apply(rig);
}

static void answers_itself(void **state)
{
    struct rig rig;
    struct rig_answer answer;

    (void)state;
    start(
        &rig,
        "{match: {path: /direct}, direct_response: {status: 418, body: {inline_string: teapot}}}, "
        "{match: {path: /moved}, redirect: {https_redirect: true, path_redirect: /new, "
        "response_code: FOUND}}",
        "");
    answer = rig_ask(&rig, "GET /direct", "", SLICE(""));
    assert_int_equal(answer.status, 418);
    assert_slice(answer.body, "teapot");
    assert_string_equal(rig_header(&rig, answer.head, "content-type"), "text/plain");
    answer = rig_ask(&rig, "GET /moved", "", SLICE(""));
    assert_int_equal(answer.status, 302);
    assert_string_equal(rig_header(&rig, answer.head, "location"), "https://rig.test/new");
    assert_int_equal(rig_ask(&rig, "GET /none", "", SLICE("")).status, 404);
    assert_string_equal(rig_log(&rig),
                        "418 - direct_response\n302 - direct_response\n404 NR route_not_found\n");
    rig_deinit(&rig);
}

/* A gRPC caller hears of failures in a head alone, its text encoded. */
static void answers_grpc(void **state)
{
    static const struct {
        const char *path;
        const char *status;
        const char *message;
    } cases[] = {
        {"GET /direct", "14", "all of%0Ait %25"},
        {"GET /none", "12", ""},
        {"GET /moved", "2", ""},
    };
    struct rig rig;

    (void)state;
    start(&rig,
          "{match: {path: /direct}, direct_response: {status: 503, body: {inline_string: \"all "
          "of\\nit %\"}}}, {match: {path: /moved}, redirect: {host_redirect: h}}",
          "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_answer answer =
            rig_ask(&rig, cases[i].path, "content-type: application/grpc\n", SLICE(""));

        assert_int_equal(answer.status, 200);
        assert_slice(answer.body, "");
        assert_string_equal(rig_header(&rig, answer.head, "grpc-status"), cases[i].status);
        assert_string_equal(rig_header(&rig, answer.head, "grpc-message"), cases[i].message);
    }
    rig_deinit(&rig);
}

static void paths(void **state)
{
    static const struct {
        const char *path;
        unsigned status;
        const char *seen; /* by the upstream, or the new location */
    } cases[] = {
        {"GET /a/../b//c?x=../y", 200, "/b/c?x=../y"},
        {"GET /a%2fb", 307, "/a/b"},
        {"GET /%zz", 400, ""},
        {"GET /a#frag", 200, "/a"},
    };
    struct rig rig;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0}}",
          "normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: "
          "UNESCAPE_AND_REDIRECT");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_answer answer = rig_ask(&rig, cases[i].path, "", SLICE(""));

        assert_int_equal(answer.status, cases[i].status);
        if (answer.status == 200)
            assert_slice(rig.upstreams[0].head->path, cases[i].seen);
        if (answer.status == 307)
            assert_string_equal(rig_header(&rig, answer.head, "location"), cases[i].seen);
    }
    rig_deinit(&rig);
}

/* What goes on carries the proxy's own headers and not those that only neighbours may set. */
static void heads(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    const struct http_head *seen;

    (void)state;
    start(&rig,
          "{match: {prefix: /}, route: {cluster: up0, timeout: 7s}, request_headers_to_add: "
          "[{header: "
          "{key: x-who, value: '%REQ(x-user)%'}}], response_headers_to_add: [{header: {key: x-out, "
          "value: v}}], response_headers_to_remove: [content-type]}",
          "use_remote_address: true, server_name: me");
    answer = rig_ask(&rig, "GET /",
                     "x-user: jason\nx-envoy-retry-on: 5xx\nx-forwarded-for: 1.2.3.4\n", SLICE(""));
    seen = rig.upstreams[0].head;
    assert_string_equal(rig_header(&rig, seen, "x-who"), "jason");
    assert_string_equal(rig_header(&rig, seen, "x-envoy-retry-on"), "");
    assert_string_equal(rig_header(&rig, seen, "x-forwarded-for"), "1.2.3.4,127.0.0.1");
    assert_string_equal(rig_header(&rig, seen, "x-forwarded-proto"), "http");
    assert_string_equal(rig_header(&rig, seen, "x-envoy-expected-rq-timeout-ms"), "7000");
    assert_int_equal(strlen(rig_header(&rig, seen, "x-request-id")), 36);
    assert_string_equal(rig_header(&rig, answer.head, "x-out"), "v");
    assert_string_equal(rig_header(&rig, answer.head, "content-type"), "");
    assert_string_equal(rig_header(&rig, answer.head, "server"), "me");
    rig_deinit(&rig);
}

/* Pipelined requests are answered in order, one client's connection after the other's end. */
static void pipeline(void **state)
{
    struct rig rig;
    const char *text;
    const char *first;
    const char *second;
    int fd;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0}}", "");
    fd = rig_connect(&rig);
    dprintf(fd,
            "GET /1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\n"
            "content-length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    text = rig_read(&rig, fd, NULL);
    first = strstr(text, "GET a /1");
    second = strstr(text, "POST a /2");
    assert_true(first != NULL && second > first && strstr(second, "GET a /3") != NULL);
    close(fd);
    rig_deinit(&rig);
}

/* A client that goes away resets its request upstream. */
static void client_leaves(void **state)
{
    struct rig rig;
    int fd;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0, timeout: 0s}}", "");
    fd = rig_connect(&rig);
    dprintf(fd, "GET / HTTP/1.1\r\nhost: a\r\nx-hold: 1\r\n\r\n");
    RIG_UNTIL(&rig, rig.upstreams[0].held_count == 1);
    close(fd);
    RIG_UNTIL(&rig, rig.upstreams[0].reset_count == 1);
    RIG_UNTIL(&rig, rig_stat(&rig, "http.rig.downstream_rq_active") == 0);
    assert_string_equal(rig_log(&rig), "0 DC downstream_remote_disconnect\n");
    rig_deinit(&rig);
}

static void idle(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0, timeout: 0s, idle_timeout: 0.05s}}",
          "");
    assert_int_equal(rig_ask(&rig, "GET /", "x-hold: 1\n", SLICE("")).status, 504);
    assert_string_equal(rig_log(&rig), "504 SI stream_idle_timeout\n");
    rig_deinit(&rig);
}

/* A request whose body does not come is given up. */
static void slow_body(void **state)
{
    struct rig rig;
    int fd;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0}}", "request_timeout: 0.05s");
    fd = rig_connect(&rig);
    dprintf(fd, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf");
    assert_non_null(strstr(rig_read(&rig, fd, "request timeout"), "HTTP/1.1 408"));
    assert_string_equal(rig_log(&rig), "408 - request_overall_timeout\n");
    assert_int_equal(rig_stat(&rig, "http.rig.downstream_rq_timeout"), 1);
    close(fd);
    rig_deinit(&rig);
}

/* New configuration: a connection on the old manager is served up to its next response. */
static void retires(void **state)
{
    struct rig rig;
    const char *text;
    int fd;

    (void)state;
    start(&rig, "{match: {prefix: /}, route: {cluster: up0}}", "");
    fd = rig_connect(&rig);
    dprintf(fd, "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n");
    rig_read(&rig, fd, "GET a /1");
    resources_remove_listener(&rig.resources, slice_str(arena_printf(&rig.arena, "l%u", rig.port)));
    rig_http(&rig, "{match: {prefix: /}, direct_response: {status: 200}}", "");
    rig_apply(&rig);
    dprintf(fd, "GET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    text = rig_read(&rig, fd, NULL);
    assert_non_null(strstr(text, "GET a /2"));
    assert_non_null(strstr(text, "connection: close"));
    assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
    close(fd);
    rig_deinit(&rig);
}

static void mistakes(void **state)
{
    static const struct {
        const char *routes;
        const char *path;
    } cases[] = {
        {"{match: {prefix: /}, route: {cluster: a}, typed_per_filter_config: {fault: {\"@type\": "
         "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: "
         "{http_status: "
         "99}}}}",
         "routes[0].typed_per_filter_config[fault].abort.http_status: "},
        {"{match: {prefix: /}, route: {cluster: a}, typed_per_filter_config: {cors: {\"@type\": "
         "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy, "
         "allow_origin_string_match: [{safe_regex: {regex: '('}}]}}}",
         "routes[0].typed_per_filter_config[cors].allow_origin_string_match[0]"},
        {"{match: {prefix: /}, route: {cluster: a, request_mirror_policies: [{cluster: m}, "
         "{cluster: "
         "m}, {cluster: m}, {cluster: m}, {cluster: m}, {cluster: m}, {cluster: m}, {cluster: m}, "
         "{cluster: m}]}}",
         "routes[0].route.request_mirror_policies: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        const char *text;

        rig_init(&rig);
        text = rig_http_refused(&rig, cases[i].routes);
        if (strstr(text, cases[i].path) == NULL)
            fail_msg("case %zu: %s", i, text);
        rig_deinit(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_itself), cmocka_unit_test(answers_grpc),
        cmocka_unit_test(paths),          cmocka_unit_test(heads),
        cmocka_unit_test(pipeline),       cmocka_unit_test(client_leaves),
        cmocka_unit_test(slow_body),      cmocka_unit_test(idle),
        cmocka_unit_test(retires),        cmocka_unit_test(mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
