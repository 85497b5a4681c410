/* SPDX-License-Identifier: Apache-2.0 */
/* Injected delays and aborts, as clients, logs and counters see them.
 */
#include "rig.h"

#include <stdio.h>
#include <unistd.h>

#define FAULT "\"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, "
#define ROUTE(fields)                                                                              \
    "{match: {prefix: /}, route: {cluster: up0}, typed_per_filter_config: {fault: {" FAULT fields  \
    "}}}"
#define ALL "percentage: {numerator: 100}"

static struct rig_answer ask_with(struct rig *rig, const char *routes, const char *headers)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_http(rig, routes, "");
    rig_apply(rig);
    return rig_ask(rig, "GET /", headers, SLICE(""));
}

static void aborts(void **state)
{
    struct rig rig;
    struct rig_answer answer = ask_with(&rig, ROUTE("abort: {http_status: 418, " ALL "}"), "");

    (void)state;
    assert_int_equal(answer.status, 418);
    assert_slice(answer.body, "fault filter abort");
    assert_int_equal(rig.upstreams[0].request_count, 0);
    assert_string_equal(rig_log(&rig), "418 FI fault_filter_abort\n");
    assert_int_equal(rig_stat(&rig, "http.rig.fault.aborts_injected"), 1);
    assert_int_equal(rig_stat(&rig, "http.rig.fault.active_faults"), 0);
    rig_deinit(&rig);
}

static void aborts_grpc(void **state)
{
    struct rig rig;
    struct rig_answer answer = ask_with(&rig, ROUTE("abort: {grpc_status: 7, " ALL "}"),
                                        "content-type: application/grpc\n");

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(rig_header(&rig, answer.head, "grpc-status"), "7");
    assert_string_equal(rig_header(&rig, answer.head, "grpc-message"), "fault filter abort");
    rig_deinit(&rig);
}

static void delays(void **state)
{
    struct rig rig;
    uint64_t begin_ms = clock_monotonic_ms();
    struct rig_answer answer = ask_with(&rig, ROUTE("delay: {fixed_delay: 0.05s, " ALL "}"), "");

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_true(clock_monotonic_ms() - begin_ms >= 50);
    assert_slice(answer.body, "GET rig.test /");
    assert_string_equal(rig_log(&rig), "200 DI via_upstream\n");
    assert_int_equal(rig_stat(&rig, "http.rig.fault.delays_injected"), 1);
    rig_deinit(&rig);
}

/* The body arrives while the request is held, and all of it goes on. */
static void delays_a_body(void **state)
{
    static char body[300000];
    struct rig rig;

    (void)state;
    memset(body, 'b', sizeof body);
    rig_init(&rig);
    rig_upstream(&rig, "");
    rig_http(&rig, ROUTE("delay: {fixed_delay: 0.02s, " ALL "}"), "");
    rig_apply(&rig);
    assert_int_equal(rig_ask(&rig, "POST /", "", slice_make(body, sizeof body)).status, 200);
    assert_int_equal(rig.upstreams[0].body.len, sizeof body);
    rig_deinit(&rig);
}

static void delays_then_aborts(void **state)
{
    struct rig rig;
    struct rig_answer answer = ask_with(
        &rig, ROUTE("delay: {fixed_delay: 0.01s, " ALL "}, abort: {http_status: 503, " ALL "}"),
        "");

    (void)state;
    assert_int_equal(answer.status, 503);
    assert_string_equal(rig_log(&rig), "503 DI,FI fault_filter_abort\n");
    rig_deinit(&rig);
}

/* A client that goes away ends its delay. */
static void client_leaves(void **state)
{
    struct rig rig;
    int fd;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    rig_http(&rig, ROUTE("delay: {fixed_delay: 3600s, " ALL "}"), "");
    rig_apply(&rig);
    fd = rig_connect(&rig);
    dprintf(fd, "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    RIG_UNTIL(&rig, rig_stat(&rig, "http.rig.fault.active_faults") == 1);
    close(fd);
    RIG_UNTIL(&rig, rig_stat(&rig, "http.rig.fault.active_faults") == 0);
    assert_int_equal(rig.upstreams[0].request_count, 0);
    rig_deinit(&rig);
}

static void only_some(void **state)
{
    static const struct {
        const char *routes;
        const char *headers;
        unsigned status;
    } cases[] = {
        {ROUTE("abort: {http_status: 503, percentage: {numerator: 0}}"), "", 200},
        {ROUTE("abort: {http_status: 503}"), "", 200},
        {ROUTE("abort: {http_status: 503, percentage: {numerator: 1000000, denominator: MILLION}}"),
         "", 503},
        {ROUTE("abort: {http_status: 503, " ALL
               "}, headers: [{name: x-user, string_match: {exact: jason}}]"),
         "x-user: alice\n", 200},
        {ROUTE("abort: {http_status: 503, " ALL
               "}, headers: [{name: x-user, string_match: {exact: jason}}]"),
         "x-user: jason\n", 503},
        {ROUTE("abort: {http_status: 503, " ALL "}, upstream_cluster: other"), "", 200},
        {ROUTE("abort: {http_status: 503, " ALL "}, upstream_cluster: up0"), "", 503},
        {ROUTE("abort: {http_status: 503, " ALL "}, downstream_nodes: [one]"), "", 200},
        {ROUTE("abort: {http_status: 503, " ALL "}, downstream_nodes: [one]"),
         "x-envoy-downstream-service-node: one\n", 503},
        {ROUTE("abort: {http_status: 503, " ALL "}, max_active_faults: 0"), "", 200},
        {ROUTE("abort: {header_abort: {}, " ALL "}"), "", 200},
        {ROUTE("abort: {header_abort: {}, " ALL "}"), "x-envoy-fault-abort-request: 404\n", 404},
        {ROUTE("abort: {header_abort: {}, " ALL "}"), "x-envoy-fault-abort-request: 99\n", 200},
        {ROUTE("abort: {header_abort: {}, " ALL "}"),
         "x-envoy-fault-abort-request: 404\nx-envoy-fault-abort-request-percentage: 0\n", 200},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct rig_answer answer = ask_with(&rig, cases[i].routes, cases[i].headers);

        if (answer.status != cases[i].status)
            fail_msg("case %zu: %u, expected %u", i, answer.status, cases[i].status);
        rig_deinit(&rig);
    }
}

/* The weighted cluster's word counts before the route's, and a level can switch the filter off. */
static void levels(void **state)
{
    static const struct {
        const char *route;
        unsigned status;
    } cases[] = {
        {"{match: {prefix: /}, typed_per_filter_config: {fault: {" FAULT
         "abort: {http_status: 500, " ALL "}}}, route: {weighted_clusters: {clusters: [{name: up0, "
         "weight: 1, typed_per_filter_config: {fault: {" FAULT "abort: {http_status: 501, " ALL
         "}}}}]}}}",
         501},
        {"{match: {prefix: /}, typed_per_filter_config: {fault: {" FAULT
         "abort: {http_status: 500, " ALL "}}}, route: {weighted_clusters: {clusters: [{name: up0, "
         "weight: 1}]}}}",
         500},
        {"{match: {prefix: /}, typed_per_filter_config: {fault: {" FAULT
         "abort: {http_status: 500, " ALL "}}}, route: {weighted_clusters: {clusters: [{name: up0, "
         "weight: 1, typed_per_filter_config: {fault: {\"@type\": "
         "type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}]}}}",
         200},
        {"{match: {prefix: /}, typed_per_filter_config: {someone: {" FAULT
         "abort: {http_status: 500, " ALL "}}}, route: {cluster: up0}}",
         200},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct rig_answer answer = ask_with(&rig, cases[i].route, "");

        if (answer.status != cases[i].status)
            fail_msg("case %zu: %u, expected %u", i, answer.status, cases[i].status);
        rig_deinit(&rig);
    }
}

/* A share of one half hits some and misses some. */
static void share(void **state)
{
    struct rig rig;
    unsigned hits = 0;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    rig_http(&rig, ROUTE("abort: {http_status: 503, percentage: {numerator: 50}}"), "");
    rig_apply(&rig);
    for (int i = 0; i < 100; i++)
        hits += rig_ask(&rig, "GET /", "", SLICE("")).status == 503;
    assert_in_range(hits, 15, 85); /* 1 in 10^12 lies outside */
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aborts),        cmocka_unit_test(aborts_grpc),
        cmocka_unit_test(delays),        cmocka_unit_test(delays_a_body),
        cmocka_unit_test(client_leaves), cmocka_unit_test(delays_then_aborts),
        cmocka_unit_test(only_some),     cmocka_unit_test(levels),
        cmocka_unit_test(share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
