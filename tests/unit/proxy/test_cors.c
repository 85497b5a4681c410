/* SPDX-License-Identifier: Apache-2.0 */
/* Preflights and cross-origin responses.
 */
#include "rig.h"

#define POLICY "\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy, "
#define ROUTE(fields)                                                                              \
    "{match: {prefix: /}, route: {cluster: up0}, typed_per_filter_config: {cors: {" POLICY fields  \
    "}}}"
#define FULL                                                                                       \
    "allow_origin_string_match: [{exact: 'http://a.test'}, {prefix: 'https://b'}, {safe_regex: "   \
    "{regex: 'http://c[0-9]+'}}], allow_methods: 'GET,PUT', allow_headers: x-one, "                \
    "expose_headers: x-two, max_age: '60', allow_credentials: true"

static void start(struct rig *rig, const char *routes)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_http(rig, routes, "");
    rig_apply(rig);
}

static void preflight(void **state)
{
    struct rig rig;
    struct rig_answer answer;

    (void)state;
    start(&rig, ROUTE(FULL));
    answer = rig_ask(&rig, "OPTIONS /",
                     "origin: http://a.test\naccess-control-request-method: PUT\n", SLICE(""));
    assert_int_equal(answer.status, 200);
    assert_slice(answer.body, "");
    assert_int_equal(rig.upstreams[0].request_count, 0);
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-origin"),
                        "http://a.test");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-methods"), "GET,PUT");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-headers"), "x-one");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-expose-headers"), "x-two");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-max-age"), "60");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-credentials"), "true");
    assert_string_equal(rig_log(&rig), "200 - cors_response\n");
    assert_int_equal(rig_stat(&rig, "http.rig.cors.origin_valid"), 1);
    rig_deinit(&rig);
}

static void response(void **state)
{
    struct rig rig;
    struct rig_answer answer;

    (void)state;
    start(&rig, ROUTE(FULL));
    answer = rig_ask(&rig, "GET /", "origin: https://b.test\n", SLICE(""));
    assert_slice(answer.body, "GET rig.test /");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-origin"),
                        "https://b.test");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-expose-headers"), "x-two");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-methods"), "");
    rig_deinit(&rig);
}

static void origins(void **state)
{
    static const struct {
        const char *origin;
        bool allowed;
    } cases[] = {
        {"http://a.test", true}, {"http://a.test:80", false}, {"https://b.any", true},
        {"http://c12", true},    {"http://c12x", false},      {"null", false},
    };
    struct rig rig;

    (void)state;
    start(&rig, ROUTE(FULL));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_answer answer = rig_ask(
            &rig, "GET /", arena_printf(&rig.arena, "origin: %s\n", cases[i].origin), SLICE(""));
        const char *allowed = rig_header(&rig, answer.head, "access-control-allow-origin");

        assert_int_equal(answer.status, 200);
        assert_string_equal(allowed, cases[i].allowed ? cases[i].origin : "");
    }
    assert_int_equal(rig_stat(&rig, "http.rig.cors.origin_invalid"), 3);
    rig_deinit(&rig);
}

/* A preflight that no rule allows reaches the application, unless the policy keeps it. */
static void unmatched_preflight(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    const char *headers = "origin: http://evil.test\naccess-control-request-method: PUT\n";

    (void)state;
    start(&rig, ROUTE(FULL));
    assert_slice(rig_ask(&rig, "OPTIONS /", headers, SLICE("")).body, "OPTIONS rig.test /");
    rig_deinit(&rig);

    start(&rig, ROUTE(FULL ", forward_not_matching_preflights: false"));
    answer = rig_ask(&rig, "OPTIONS /", headers, SLICE(""));
    assert_int_equal(answer.status, 200);
    assert_int_equal(rig.upstreams[0].request_count, 0);
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-origin"), "");
    rig_deinit(&rig);
}

/* "*" for methods and headers is answered with those asked for. */
static void any_method(void **state)
{
    struct rig rig;
    struct rig_answer answer;

    (void)state;
    start(&rig, ROUTE("allow_origin_string_match: [{exact: '*'}], allow_methods: '*', "
                      "allow_headers: '*', allow_credentials: true"));
    answer = rig_ask(&rig, "OPTIONS /",
                     "origin: http://x\naccess-control-request-method: PUT\n"
                     "access-control-request-headers: x-a, x-b\n",
                     SLICE(""));
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-methods"), "PUT");
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-headers"), "x-a, x-b");
    rig_deinit(&rig);
}

/* Any origin, said as "*", is answered with the request's own. */
static void any_origin(void **state)
{
    struct rig rig;
    struct rig_answer answer;

    (void)state;
    start(&rig, ROUTE("allow_origin_string_match: [{exact: '*'}]"));
    answer = rig_ask(&rig, "GET /", "origin: http://x\n", SLICE(""));
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-origin"), "http://x");
    rig_deinit(&rig);

    start(&rig, ROUTE("allow_origin_string_match: [{exact: '*'}], filter_enabled: {default_value: "
                      "{numerator: 0}}"));
    answer = rig_ask(&rig, "GET /", "origin: http://x\n", SLICE(""));
    assert_string_equal(rig_header(&rig, answer.head, "access-control-allow-origin"), "");
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preflight),  cmocka_unit_test(response),
        cmocka_unit_test(origins),    cmocka_unit_test(unmatched_preflight),
        cmocka_unit_test(any_origin), cmocka_unit_test(any_method),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
