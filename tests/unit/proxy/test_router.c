/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: retries, time-outs, breakers, hash policies.
 */
#include "rig.h"

#include <stdio.h>
#include <unistd.h>

static void start(struct rig *rig, const char *routes)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_http(rig, routes, "");
    rig_apply(rig);
}

/* A cluster "both" whose endpoints are the rig's first two upstreams. */
static void start_pair(struct rig *rig, const char *more, const char *routes)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_upstream(rig, "");
    rig_cluster_pair(rig, "both", more);
    rig_http(rig, routes, "");
    rig_apply(rig);
}

#define RETRY(fields)                                                                              \
    "{match: {prefix: /}, route: {cluster: up0, retry_policy: {" fields                            \
    ", retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}}}}"

static void retries_statuses(void **state)
{
    static const struct {
        const char *routes;
        const char *headers;
        size_t attempts;
        const char *log;
    } cases[] = {
        {RETRY("retry_on: 5xx, num_retries: 2"), "x-status: 503\n", 3, "503 URX via_upstream\n"},
        {RETRY("retry_on: 5xx, num_retries: 2"), "x-status: 404\n", 1, "404 - via_upstream\n"},
        {RETRY("retry_on: gateway-error"), "x-status: 500\n", 1, "500 - via_upstream\n"},
        {RETRY("retry_on: gateway-error"), "x-status: 502\n", 2, "502 URX via_upstream\n"},
        {RETRY("retry_on: retriable-status-codes, retriable_status_codes: [418]"),
         "x-status: 418\n", 2, "418 URX via_upstream\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;

        start(&rig, cases[i].routes);
        (void)rig_ask(&rig, "POST /", cases[i].headers, SLICE("twice"));
        if (rig.upstreams[0].request_count != cases[i].attempts)
            fail_msg("case %zu: %zu attempts", i, rig.upstreams[0].request_count);
        assert_int_equal(rig.upstreams[0].body.len, 5 * cases[i].attempts); /* replayed whole */
        assert_string_equal(rig_log(&rig), cases[i].log);
        assert_int_equal(rig_stat(&rig, "cluster.up0.upstream_rq_retry"), cases[i].attempts - 1);
        rig_deinit(&rig);
    }
}

/* No retry of a body that was too large to keep. */
static void large_body_is_not_retried(void **state)
{
    static char body[2 << 20];
    struct rig rig;

    (void)state;
    start(&rig, RETRY("retry_on: 5xx, num_retries: 3"));
    assert_int_equal(
        rig_ask(&rig, "POST /", "x-status: 503\n", slice_make(body, sizeof body)).status, 503);
    assert_int_equal(rig.upstreams[0].request_count, 1);
    rig_deinit(&rig);
}

static void times_out(void **state)
{
    static const struct {
        const char *routes;
        const char *log;
    } cases[] = {
        {"{match: {prefix: /}, route: {cluster: up0, timeout: 0.05s}}",
         "504 UT response_timeout\n"},
        {RETRY("retry_on: gateway-error, per_try_timeout: 0.05s"),
         "504 URX,UT upstream_per_try_timeout\n"},
        {RETRY("retry_on: connect-failure, per_try_timeout: 0.05s"),
         "504 UT upstream_per_try_timeout\n"},
        {RETRY("retry_on: '5xx', per_try_timeout: 0.05s"), "504 URX,UT upstream_per_try_timeout\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct rig_answer answer;

        start(&rig, cases[i].routes);
        answer = rig_ask(&rig, "GET /", "x-hold: 1\n", SLICE(""));
        assert_int_equal(answer.status, 504);
        assert_slice(answer.body, "upstream request timeout");
        if (strcmp(rig_log(&rig), cases[i].log) != 0)
            fail_msg("case %zu: %s", i, rig_log(&rig));
        RIG_UNTIL(&rig, rig.upstreams[0].reset_count > 0); /* the upstream hears of it */
        rig_deinit(&rig);
    }
}

/* What callers say about time-outs and retries is for neighbours inside, which nobody is: it does
 * not count and goes no further. */
static void words_of_callers(void **state)
{
    static const char *const names[] = {"x-envoy-upstream-rq-timeout-ms", "x-envoy-retry-on",
                                        "x-envoy-max-retries", "x-envoy-internal"};
    struct rig rig;

    (void)state;
    start(&rig, RETRY("retry_on: 5xx, num_retries: 1, per_try_timeout: 7s"));
    assert_int_equal(rig_ask(&rig, "GET /",
                             "x-status: 503\nx-envoy-upstream-rq-timeout-ms: 1\nx-envoy-retry-on: "
                             "retriable-4xx\nx-envoy-max-retries: 9\nx-envoy-internal: true\n",
                             SLICE(""))
                         .status,
                     503);
    assert_int_equal(rig.upstreams[0].request_count, 2);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(rig_header(&rig, rig.upstreams[0].head, names[i]), "");
    assert_string_equal(rig_header(&rig, rig.upstreams[0].head, "x-envoy-expected-rq-timeout-ms"),
                        "7000");
    rig_deinit(&rig);
}

static void breaker(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    int first;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "circuit_breakers: {thresholds: [{max_requests: 1}]}");
    rig_http(&rig, "{match: {prefix: /}, route: {cluster: up0}}", "");
    rig_apply(&rig);
    first = rig_connect(&rig);
    dprintf(first, "GET / HTTP/1.1\r\nhost: a\r\nx-hold: 1\r\n\r\n");
    RIG_UNTIL(&rig, rig.upstreams[0].held_count == 1);
    answer = rig_ask(&rig, "GET /", "", SLICE(""));
    assert_int_equal(answer.status, 503);
    assert_string_equal(rig_header(&rig, answer.head, "x-envoy-overloaded"), "true");
    assert_string_equal(rig_log(&rig), "503 UO upstream_reset_before_response_started{overflow}\n");
    assert_int_equal(rig_stat(&rig, "cluster.up0.upstream_rq_pending_overflow"), 1);
    rig_release(&rig.upstreams[0]);
    assert_non_null(strstr(rig_read(&rig, first, "GET a /"), "HTTP/1.1 200"));
    assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200); /* room again */
    close(first);
    rig_deinit(&rig);
}

/* A breaker of waiting requests counts over all hosts of the cluster. */
static void breaker_of_a_cluster(void **state)
{
    struct rig rig;
    int fds[3];

    (void)state;
    start_pair(&rig,
               "lb_policy: ROUND_ROBIN, circuit_breakers: {thresholds: [{max_connections: 1, "
               "max_pending_requests: 1}]}",
               "{match: {prefix: /}, route: {cluster: both}}");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = rig_connect(&rig);
        dprintf(fds[i], "GET / HTTP/1.1\r\nhost: a\r\nx-hold: 1\r\n\r\n");
        RIG_UNTIL(&rig, rig_stat(&rig, "cluster.both.upstream_rq_active") == i + 1);
        RIG_UNTIL(&rig,
                  i > 1 || rig.upstreams[0].held_count + rig.upstreams[1].held_count == i + 1);
    }
    assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 503);
    assert_non_null(strstr(rig_log(&rig), "503 UO"));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    rig_deinit(&rig);
}

static void no_host_no_cluster(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_cluster(&rig, "{name: empty, type: STATIC, load_assignment: {cluster_name: empty}}");
    rig_cluster_at(&rig, "dead", rig_free_port(), "");
    rig_http(&rig,
             "{match: {path: /empty}, route: {cluster: empty}}, {match: {path: /missing}, route: "
             "{cluster: missing, cluster_not_found_response_code: NOT_FOUND}}, {match: {path: "
             "/dead}, route: {cluster: dead}}",
             "");
    rig_apply(&rig);
    assert_slice(rig_ask(&rig, "GET /empty", "", SLICE("")).body, "no healthy upstream");
    assert_int_equal(rig_ask(&rig, "GET /missing", "", SLICE("")).status, 404);
    assert_int_equal(rig_ask(&rig, "GET /dead", "", SLICE("")).status, 503);
    assert_string_equal(rig_log(&rig),
                        "503 UH no_healthy_upstream\n404 NC cluster_not_found\n"
                        "503 UF upstream_reset_before_response_started{remote_connection_failure|"
                        "delayed_connect_error:_Connection_refused}\n");
    rig_deinit(&rig);
}

#define HASH(policy) "{match: {prefix: /}, route: {cluster: both, hash_policy: [" policy "]}}"

/* Equal values lead to one host, and many values to both. */
static void hashes(void **state)
{
    static const struct {
        const char *route;
        const char *path;
        const char *header;
    } cases[] = {
        {HASH("{header: {header_name: x-user}}"), "/", "x-user: %d\n"},
        {HASH("{cookie: {name: c}}"), "/", "cookie: a=1; c=%d\n"},
        {HASH("{query_parameter: {name: q}}"), "/?p=1&q=%d", ""},
    };
    static const char *const policies[] = {"lb_policy: RING_HASH", "lb_policy: MAGLEV"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(policies); i++) {
        size_t number = i / ARRAY_LEN(policies);
        struct rig rig;

        start_pair(&rig, policies[i % ARRAY_LEN(policies)], cases[number].route);
        for (int value = 0; value < 24; value++) {
            const char *what = arena_printf(&rig.arena, "GET %s",
                                            arena_printf(&rig.arena, cases[number].path, value));
            const char *headers = arena_printf(&rig.arena, cases[number].header, value);
            size_t before = rig.upstreams[0].request_count;
            size_t after;

            assert_int_equal(rig_ask(&rig, what, headers, SLICE("")).status, 200);
            assert_int_equal(rig_ask(&rig, what, headers, SLICE("")).status, 200);
            after = rig.upstreams[0].request_count;
            assert_true(after == before || after == before + 2);
        }
        assert_in_range(rig.upstreams[0].request_count, 2, 46);
        rig_deinit(&rig);
    }
}

/* A client without the cookie is given one, and is led to the same host when it shows it. */
static void makes_a_cookie(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    const char *cookie;
    char *end;
    size_t first;

    (void)state;
    start_pair(&rig, "lb_policy: RING_HASH",
               HASH("{cookie: {name: c, ttl: 60s, path: /p, attributes: [{name: SameSite, value: "
                    "Lax}, {name: Secure}]}}"));
    answer = rig_ask(&rig, "GET /", "", SLICE(""));
    cookie = rig_header(&rig, answer.head, "set-cookie");
    assert_memory_equal(cookie, "c=\"", 3);
    end = strchr(cookie, ';');
    assert_non_null(end);
    assert_string_equal(end, "; Max-Age=60; Path=/p; SameSite=Lax; Secure; HttpOnly");
    first = rig.upstreams[0].request_count;
    *end = '\0';
    for (int i = 0; i < 5; i++) {
        answer =
            rig_ask(&rig, "GET /", arena_printf(&rig.arena, "cookie: %s\n", cookie), SLICE(""));
        assert_string_equal(rig_header(&rig, answer.head, "set-cookie"), "");
    }
    assert_int_equal(rig.upstreams[0].request_count, first * 6);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_statuses),   cmocka_unit_test(large_body_is_not_retried),
        cmocka_unit_test(times_out),          cmocka_unit_test(breaker),
        cmocka_unit_test(words_of_callers),   cmocka_unit_test(breaker_of_a_cluster),
        cmocka_unit_test(no_host_no_cluster), cmocka_unit_test(hashes),
        cmocka_unit_test(makes_a_cookie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
