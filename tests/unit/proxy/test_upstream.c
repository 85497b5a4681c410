/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of a cluster: health, priorities, ejection, and what an update does to requests under way.
 */
#include "rig.h"

#include <stdio.h>
#include <unistd.h>

#define ROUTE "{match: {prefix: /}, route: {cluster: c}}"

/* YAML of one endpoint on loopback. */
static const char *endpoint(struct rig *rig, unsigned port, const char *more)
{
    return arena_printf(&rig->arena,
                        "{%s%s endpoint: {address: {socket_address: {address: 127.0.0.1, "
                        "port_value: %u}}}}",
                        more, more[0] ? "," : "", port);
}

static void put(struct rig *rig, const char *more, const char *localities)
{
    rig_cluster(rig, arena_printf(&rig->arena,
                                  "{name: c, type: STATIC, connect_timeout: 1s, %s%s "
                                  "load_assignment: {cluster_name: c, endpoints: [%s]}}",
                                  more, more[0] ? "," : "", localities));
}

static void start(struct rig *rig)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_upstream(rig, "");
}

static void ask_many(struct rig *rig, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(rig_ask(rig, "GET /", "", SLICE("")).status, 200);
}

/* Requests go to the lowest priority that has enough healthy hosts. */
static void priorities(void **state)
{
    static const struct {
        const char *first; /* health of priority 0's host */
        size_t counts[2];
    } cases[] = {
        {"health_status: HEALTHY", {10, 0}},
        {"health_status: UNHEALTHY", {0, 10}},
        {"health_status: DRAINING", {0, 10}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;

        start(&rig);
        put(&rig, "",
            arena_printf(&rig.arena, "{lb_endpoints: [%s]}, {priority: 1, lb_endpoints: [%s]}",
                         endpoint(&rig, rig.upstreams[0].port, cases[i].first),
                         endpoint(&rig, rig.upstreams[1].port, "")));
        rig_http(&rig, ROUTE, "");
        rig_apply(&rig);
        ask_many(&rig, 10);
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(rig.upstreams[k].request_count, cases[i].counts[k]);
        rig_deinit(&rig);
    }
}

/* With too few healthy hosts all are used, unless the threshold forbids it. */
static void panic(void **state)
{
    struct rig rig;

    (void)state;
    for (int forbidden = 0; forbidden < 2; forbidden++) {
        start(&rig);
        put(&rig, forbidden ? "common_lb_config: {healthy_panic_threshold: {value: 0}}" : "",
            arena_printf(&rig.arena, "{lb_endpoints: [%s]}",
                         endpoint(&rig, rig.upstreams[0].port, "health_status: UNHEALTHY")));
        rig_http(&rig, ROUTE, "");
        rig_apply(&rig);
        assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, forbidden ? 503 : 200);
        assert_string_equal(rig_log(&rig),
                            forbidden ? "503 UH no_healthy_upstream\n" : "200 - via_upstream\n");
        rig_deinit(&rig);
    }
}

/* A host that fails is left out, and comes back after its time. */
static void ejection(void **state)
{
    struct rig rig;
    uint64_t failed;

    (void)state;
    start(&rig);
    put(&rig,
        "outlier_detection: {consecutive_5xx: 1, interval: 0.05s, base_ejection_time: 0.05s, "
        "max_ejection_percent: 100}, lb_policy: ROUND_ROBIN",
        arena_printf(&rig.arena, "{lb_endpoints: [%s, %s]}",
                     endpoint(&rig, rig.upstreams[0].port, ""),
                     endpoint(&rig, rig_free_port(), "")));
    rig_http(&rig,
             "{match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: connect-failure, "
             "num_retries: 3, retry_back_off: {base_interval: 0.001s, max_interval: 0.001s}}}}",
             "");
    rig_apply(&rig);
    while (rig_stat(&rig, "cluster.c.upstream_cx_connect_fail") == 0)
        ask_many(&rig, 1);
    failed = rig_stat(&rig, "cluster.c.upstream_cx_connect_fail");
    assert_int_equal(failed, 1);
    assert_int_equal(rig_stat(&rig, "cluster.c.outlier_detection.ejections_enforced_total"), 1);
    RIG_UNTIL(&rig, rig_stat(&rig, "cluster.c.membership_total") == 2);
    /* Given back by the main thread's sweep, it fails once more. */
    RIG_UNTIL(&rig,
              (ask_many(&rig, 1), rig_stat(&rig, "cluster.c.upstream_cx_connect_fail") > failed));
    rig_deinit(&rig);
}

/* A host that an update takes away ends its request, and gets no new one. */
static void update(void **state)
{
    struct rig rig;
    int fd;

    (void)state;
    start(&rig);
    put(&rig, "",
        arena_printf(&rig.arena, "{lb_endpoints: [%s]}",
                     endpoint(&rig, rig.upstreams[0].port, "")));
    rig_http(&rig, ROUTE, "");
    rig_apply(&rig);
    fd = rig_connect(&rig);
    dprintf(fd, "GET /held HTTP/1.1\r\nhost: a\r\nx-hold: 1\r\n\r\n");
    RIG_UNTIL(&rig, rig.upstreams[0].held_count == 1);
    put(&rig, "",
        arena_printf(&rig.arena, "{lb_endpoints: [%s]}",
                     endpoint(&rig, rig.upstreams[1].port, "")));
    rig_apply(&rig);
    ask_many(&rig, 3);
    assert_int_equal(rig.upstreams[1].request_count, 3);
    assert_int_equal(rig.upstreams[0].request_count, 1);
    rig_release(&rig.upstreams[0]);
    assert_non_null(strstr(rig_read(&rig, fd, "GET a /held"), "200"));
    RIG_UNTIL(&rig, rig_stat(&rig, "cluster.c.upstream_cx_active") == 1); /* the old one closed */
    close(fd);
    rig_deinit(&rig);
}

/* Connections are used again, up to the number of requests that the cluster allows each. */
static void reuse(void **state)
{
    static const struct {
        const char *more;
        uint64_t conns;
    } cases[] = {{"", 1},
                 {"max_requests_per_connection: 2", 3},
                 {"common_http_protocol_options: {max_connection_duration: 3600s}", 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;

        start(&rig);
        put(&rig, cases[i].more,
            arena_printf(&rig.arena, "{lb_endpoints: [%s]}",
                         endpoint(&rig, rig.upstreams[0].port, "")));
        rig_http(&rig, ROUTE, "");
        rig_apply(&rig);
        ask_many(&rig, 6);
        assert_int_equal(rig_stat(&rig, "cluster.c.upstream_cx_total"), cases[i].conns);
        rig_deinit(&rig);
    }
}

/* A connection past its time is closed, though it was just used. */
static void old_connections(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig);
    put(&rig, "common_http_protocol_options: {max_connection_duration: 0.05s}",
        arena_printf(&rig.arena, "{lb_endpoints: [%s]}",
                     endpoint(&rig, rig.upstreams[0].port, "")));
    rig_http(&rig, ROUTE, "");
    rig_apply(&rig);
    ask_many(&rig, 1);
    RIG_UNTIL(&rig, rig_stat(&rig, "cluster.c.upstream_cx_active") == 0);
    ask_many(&rig, 1);
    assert_int_equal(rig_stat(&rig, "cluster.c.upstream_cx_total"), 2);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priorities), cmocka_unit_test(panic), cmocka_unit_test(ejection),
        cmocka_unit_test(update),     cmocka_unit_test(reuse), cmocka_unit_test(old_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
