/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sessions: bytes both ways, ends, limits, and what is said of them afterwards.
 */
#include "rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void both_ways(void **state)
{
    struct rig rig;
    int listener;
    int down;
    int up;

    (void)state;
    rig_init(&rig);
    listener = rig_raw_upstream(&rig, "raw");
    rig_chains(&rig, "filter_chains: [{TCP(raw)}]");
    rig_apply(&rig);
    down = rig_connect(&rig);
    up = rig_accept(&rig, listener);
    dprintf(up, "server first\n");
    assert_string_equal(rig_read(&rig, down, "\n"), "server first\n");
    dprintf(down, "question\n");
    shutdown(down, SHUT_WR);
    assert_string_equal(rig_read(&rig, up, NULL), "question\n"); /* the client's end came through */
    dprintf(up, "answer after the end\n");
    close(up);
    assert_string_equal(rig_read(&rig, down, NULL), "answer after the end\n");
    RIG_UNTIL(&rig, rig_stat(&rig, "tcp.rig.downstream_cx_active") == 0);
    assert_string_equal(rig_log(&rig), "raw - -\n");
    assert_int_equal(rig_stat(&rig, "tcp.rig.downstream_cx_rx_bytes_total"), 9);
    close(down);
    close(listener);
    rig_deinit(&rig);
}

/* What one side does not read is not read from the other; nothing is lost. */
static void slow_reader(void **state)
{
    static char piece[65536];
    struct rig rig;
    size_t written = 0;
    int listener;
    int idle = 0;
    int down;
    int up;

    (void)state;
    rig_init(&rig);
    listener = rig_raw_upstream(&rig, "raw");
    rig_chains(&rig, "filter_chains: [{TCP(raw)}]");
    rig_apply(&rig);
    down = rig_connect(&rig);
    up = rig_accept(&rig, listener);
    while (idle < 20) {
        ssize_t n = write(down, piece, sizeof piece);

        idle = n > 0 ? 0 : idle + 1;
        written += n > 0 ? (size_t)n : 0;
        assert_in_range(written, 0, 64 << 20);
        rig_turn(&rig);
    }
    assert_true(written > 0);
    shutdown(down, SHUT_WR);
    for (size_t seen = 0; seen < written;) {
        ssize_t n = read(up, piece, sizeof piece);

        if (n > 0)
            seen += (size_t)n;
        else
            rig_turn(&rig);
        assert_true(n != 0);
    }
    close(up);
    close(down);
    close(listener);
    rig_deinit(&rig);
}

static void ends(void **state)
{
    static const struct {
        const char *fields;
        const char *log;
    } cases[] = {
        {"filter_chains: [{TCP(missing)}]", "missing NC -\n"},
        {"filter_chains: [{TCP(nobody)}]", "nobody UH -\n"},
        {"filter_chains: [{TCP(dead)}]", "dead UF -\n"},
        {"filter_chains: [{TCP(full)}]", "full UO -\n"},
        {"filter_chains: [{TCP(raw, max_downstream_connection_duration: 0.01s)}]", "raw DT -\n"},
        {"filter_chains: [{TCP(raw, idle_timeout: 0.01s)}]", "raw - -\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        int listener;
        int down;

        rig_init(&rig);
        listener = rig_raw_upstream(&rig, "raw");
        rig_cluster(&rig, "{name: nobody, type: STATIC, load_assignment: {cluster_name: nobody}}");
        rig_cluster_at(&rig, "dead", rig_free_port(), "");
        rig_cluster_at(&rig, "full", rig_free_port(),
                       "circuit_breakers: {thresholds: [{max_connections: 0}]}");
        rig_chains(&rig, cases[i].fields);
        rig_apply(&rig);
        down = rig_connect(&rig);
        assert_string_equal(rig_read(&rig, down, NULL), "");
        assert_string_equal(rig_log(&rig), cases[i].log);
        close(down);
        close(listener);
        rig_deinit(&rig);
    }
}

/* A breaker counts connections until they end. */
static void breaker(void **state)
{
    struct rig rig;
    int first;
    int second;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "circuit_breakers: {thresholds: [{max_connections: 1}]}");
    rig_chains(&rig, "filter_chains: [{TCP(up0)}]");
    rig_apply(&rig);
    first = rig_connect(&rig);
    RIG_UNTIL(&rig, rig_stat(&rig, "cluster.up0.upstream_cx_active") == 1);
    second = rig_connect(&rig);
    assert_string_equal(rig_read(&rig, second, NULL), "");
    assert_int_equal(rig_stat(&rig, "cluster.up0.upstream_cx_overflow"), 1);
    close(first);
    close(second);
    RIG_UNTIL(&rig, rig_stat(&rig, "tcp.rig.downstream_cx_active") == 0);
    second = rig_connect(&rig);
    dprintf(second, "GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_non_null(strstr(rig_read(&rig, second, "GET a /x"), "200"));
    close(second);
    rig_deinit(&rig);
}

static void weights(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    rig_upstream(&rig, "");
    rig_chains(&rig, "filter_chains: [{TCP(, weighted_clusters: {clusters: [{name: up0, weight: "
                     "0}, {name: up1, weight: 1}]})}]");
    rig_apply(&rig);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
    assert_int_equal(rig.upstreams[0].request_count, 0);
    assert_int_equal(rig.upstreams[1].request_count, 8);
    rig_deinit(&rig);
}

/* All connections of one address lead to one host. */
static void source_hash(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    rig_upstream(&rig, "");
    rig_cluster_pair(&rig, "both", "lb_policy: RING_HASH");
    rig_chains(&rig, "filter_chains: [{TCP(both, hash_policy: [{source_ip: {}}])}]");
    rig_apply(&rig);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
    assert_int_equal(rig.upstreams[0].request_count % 8, 0);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways), cmocka_unit_test(slow_reader), cmocka_unit_test(ends),
        cmocka_unit_test(breaker),   cmocka_unit_test(weights),     cmocka_unit_test(source_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
