/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters and endpoints compiled, outlier ejection, statistics, retry back-off, names.
 */
#include "test.h"

#include "proxy/compile.h"
#include "proxy/retry.h"
#include "wire/yaml.h"
#include "xds/pb/registry.h"

#include <stdlib.h>

struct fixture {
    struct stats stats;
    struct compiler compiler;
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    stats_init(&f->stats, 2);
    compile_init(&f->compiler, &f->stats, 2);
    arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_deinit(&f->arena);
    compile_deinit(&f->compiler);
    stats_deinit(&f->stats);
    free(f);
    return 0;
}

static int compile(struct fixture *f, const char *yaml, const struct cluster_conf *old,
                   const struct endpoint_set *old_set, struct cluster_conf **ret,
                   struct endpoint_set **ret_set, struct error *err)
{
    struct pb_cluster *message;
    json_t *json = NULL;
    int rc = yaml_parse_one(slice_str(yaml), NULL, &json, err);

    if (rc == 0)
        rc = proto_from_json(&pb_cluster_desc, json, &pb_registry, &f->arena, (void **)&message,
                             NULL, err);
    if (rc == 0)
        rc = compile_cluster(&f->compiler, message, old, old_set, ret, ret_set, err);
    json_decref(json);
    return rc;
}

static const char static_yaml[] =
    "name: c\n"
    "alt_stat_name: 'c;'\n"
    "connect_timeout: 1.5s\n"
    "lb_policy: LEAST_REQUEST\n"
    "outlier_detection: {consecutive_5xx: 3, base_ejection_time: 10s, max_ejection_percent: 50}\n"
    "circuit_breakers: {thresholds: [{max_connections: 7, max_retries: 9}]}\n"
    "metadata: {filter_metadata: {istio: {services: [{host: c.ns.svc, name: c, namespace: ns}]}}}\n"
    "load_assignment:\n"
    "  endpoints:\n"
    "  - priority: 1\n"
    "    lb_endpoints:\n"
    "    - {endpoint: {address: {socket_address: {address: 10.0.0.9, port_value: 1}}}}\n"
    "  - locality: {region: r, zone: z}\n"
    "    lb_endpoints:\n"
    "    - {endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}},"
    " load_balancing_weight: 5,"
    " metadata: {filter_metadata: {istio: {workload: 'w;ns;c;v1;k'}}}}\n"
    "    - {endpoint: {address: {socket_address: {address: '::1', port_value: 80}}},"
    " health_status: UNHEALTHY}\n";

static void static_cluster(void **state)
{
    struct fixture *f = *state;
    struct cluster_conf *conf;
    struct endpoint_set *set;
    struct error err = {0};

    if (compile(f, static_yaml, NULL, NULL, &conf, &set, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    assert_int_equal(conf->connect_timeout_ms, 1500);
    assert_int_equal(conf->balance.policy, BALANCE_LEAST_REQUEST);
    assert_int_equal(conf->limits.conns_max, 7);
    assert_int_equal(conf->limits.retries_max, 9);
    assert_int_equal(conf->limits.requests_max, 1024);
    assert_slice(conf->service_host, "c.ns.svc");
    assert_int_equal(set->count, 3);
    /* By priority. */
    assert_int_equal(set->endpoints[0].weight, 5);
    assert_slice(set->endpoints[0].workload, "w;ns;c;v1;k");
    assert_slice(set->endpoints[0].zone, "z");
    assert_int_equal(set->endpoints[1].health, ENDPOINT_UNHEALTHY);
    assert_int_equal(set->endpoints[2].priority, 1);
    resource_unref(&set->resource);
    resource_unref(&conf->resource);
}

static void updates_keep_hosts_and_breakers(void **state)
{
    struct fixture *f = *state;
    struct cluster_conf *conf[2];
    struct endpoint_set *set[2];
    struct error err = {0};

    assert_int_equal(compile(f, static_yaml, NULL, NULL, &conf[0], &set[0], &err), 0);
    assert_int_equal(compile(f, static_yaml, conf[0], set[0], &conf[1], &set[1], &err), 0);
    assert_ptr_equal(conf[0]->shared, conf[1]->shared);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(set[0]->endpoints[i].shared, set[1]->endpoints[i].shared);
    for (size_t i = 0; i < 2; i++) {
        resource_unref(&set[i]->resource);
        resource_unref(&conf[i]->resource);
    }
}

static void refusals_name_the_field(void **state)
{
    static const struct {
        const char *yaml;
        const char *path;
    } cases[] = {
        {"{type: STATIC}", "name"},
        {"{name: c, cluster_type: {name: envoy.clusters.redis}}", "cluster_type"},
        {"{name: c, lb_policy: CLUSTER_PROVIDED}", "lb_policy"},
        {"{name: c, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address:"
         " {socket_address: {address: x.y, port_value: 1}}}}]}]}}",
         "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address"},
        {"{name: c, transport_socket: {name: tls, typed_config: {'@type': type.googleapis.com/"
         "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}}",
         "transport_socket"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cluster_conf *conf;
        struct endpoint_set *set;
        struct error err = {0};

        assert_true(compile(f, cases[i].yaml, NULL, NULL, &conf, &set, &err) < 0);
        assert_string_equal(err.path, cases[i].path);
    }
}

static void ejection(void **state)
{
    struct fixture *f = *state;
    struct cluster_conf *conf;
    struct endpoint_set *set;
    struct error err = {0};
    struct host_shared *host;

    assert_int_equal(compile(f, static_yaml, NULL, NULL, &conf, &set, &err), 0);
    host = set->endpoints[0].shared;
    assert_false(cluster_outlier_report(conf, host, 500, 3, 1000));
    assert_false(cluster_outlier_report(conf, host, 0, 3, 1000));
    /* A good answer forgets. */
    assert_false(cluster_outlier_report(conf, host, 200, 3, 1000));
    assert_false(cluster_outlier_report(conf, host, 503, 3, 1000));
    assert_false(cluster_outlier_report(conf, host, 503, 3, 1000));
    assert_true(cluster_outlier_report(conf, host, 503, 3, 1000));
    assert_int_equal(atomic_load(&host->ejected_until_ms), 11000);
    assert_int_equal(atomic_load(&conf->shared->gauges.health_version), 1);
    /* 50 % of three hosts: no second one. */
    for (int i = 0; i < 3; i++)
        assert_false(cluster_outlier_report(conf, set->endpoints[1].shared, 500, 3, 1000));
    cluster_outlier_tick(conf, set, 10999);
    assert_int_not_equal(atomic_load(&host->ejected_until_ms), 0);
    cluster_outlier_tick(conf, set, 11000);
    assert_int_equal(atomic_load(&host->ejected_until_ms), 0);
    assert_int_equal(atomic_load(&conf->shared->gauges.health_version), 2);
    resource_unref(&set->resource);
    resource_unref(&conf->resource);
}

/* What never became an answer can be counted apart. */
static void local_failures(void **state)
{
    struct fixture *f = *state;
    const char *yaml =
        arena_printf(&f->arena, "%s",
                     "name: c\ntype: STATIC\n"
                     "outlier_detection: {consecutive_5xx: 2, consecutive_local_origin_failure: "
                     "3, split_external_local_origin_errors: true}\n"
                     "load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: "
                     "{address: {socket_address: {address: 10.0.0.1, port_value: 80}}}}]}]}\n");
    struct cluster_conf *conf;
    struct endpoint_set *set;
    struct error err = {0};
    struct host_shared *host;

    if (compile(f, yaml, NULL, NULL, &conf, &set, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    host = set->endpoints[0].shared;
    assert_false(cluster_outlier_report(conf, host, 500, 1, 1000));
    assert_false(cluster_outlier_report(conf, host, 0, 1, 1000)); /* another count */
    assert_false(cluster_outlier_report(conf, host, 0, 1, 1000));
    assert_true(cluster_outlier_report(conf, host, 0, 1, 1000));
    resource_unref(&set->resource);
    resource_unref(&conf->resource);
}

static void statistics(void **state)
{
    struct fixture *f = *state;
    struct stats_scope *scope = stats_scope_get(&f->stats, STATS_CLUSTER, SLICE("a\"b;"));
    struct buf out;

    buf_init(&out, 0);
    stats_inc(scope, 0, STATS_CLUSTER_upstream_rq_total);
    stats_add(scope, 1, STATS_CLUSTER_upstream_rq_total, 2);
    stats_inc(scope, 0, STATS_CLUSTER_upstream_cx_active);
    stats_dec(scope, 1, STATS_CLUSTER_upstream_cx_active);
    assert_int_equal(stats_read(scope, STATS_CLUSTER_upstream_rq_total), 3);
    assert_int_equal(stats_read(scope, STATS_CLUSTER_upstream_cx_active), 0);
    stats_print_text(&f->stats, true, NULL, NULL, &out);
    assert_slice(buf_slice(&out), "cluster.a\"b;.upstream_rq_total: 3\n");
    buf_reset(&out);
    stats_print_prometheus(&f->stats, &out);
    assert_true(slice_find(buf_slice(&out),
                           SLICE("# TYPE envoy_cluster_upstream_rq_total counter\n"
                                 "envoy_cluster_upstream_rq_total{cluster_name=\"a\\\"b\"} 3\n")) >=
                0);
    /* The same name is the same scope; unused ones go. */
    assert_ptr_equal(stats_scope_get(&f->stats, STATS_CLUSTER, SLICE("a\"b;")), scope);
    stats_scope_unref(scope);
    stats_scope_unref(scope);
    stats_sweep(&f->stats);
    buf_reset(&out);
    stats_print_text(&f->stats, false, NULL, NULL, &out);
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void back_off(void **state)
{
    struct retry_policy policy = {.backoff_base_ms = 25, .backoff_max_ms = 250};
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    for (unsigned retry = 1; retry < 40; retry++)
        for (int i = 0; i < 100; i++) {
            uint64_t bound = retry >= 4 ? 250 : 25 * ((1ULL << retry) - 1);

            assert_true(retry_backoff_ms(&policy, retry, &rng) < MIN(bound, 250));
        }
}

static void retry_tokens(void **state)
{
    uint16_t codes[4];
    size_t count;
    struct retry_policy policy = {.on = RETRY_ON_GRPC_UNAVAILABLE};
    struct http_head head = {.status = 200};
    struct arena arena;

    (void)state;
    assert_int_equal(retry_on_parse(SLICE("5xx, reset,503,nonsense"), codes, 4, &count),
                     RETRY_ON_5XX | RETRY_ON_RESET | RETRY_ON_STATUS_CODES);
    assert_int_equal(count, 1);
    assert_int_equal(codes[0], 503);
    arena_init(&arena, 0);
    http_headers_add(&head.headers, &arena, SLICE("grpc-status"), SLICE("14"));
    assert_true(retry_wants_response(&policy, &head));
    http_headers_set(&head.headers, &arena, SLICE("grpc-status"), SLICE("5"));
    assert_false(retry_wants_response(&policy, &head));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(static_cluster, setup, teardown),
        cmocka_unit_test_setup_teardown(updates_keep_hosts_and_breakers, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_name_the_field, setup, teardown),
        cmocka_unit_test_setup_teardown(ejection, setup, teardown),
        cmocka_unit_test_setup_teardown(local_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(statistics, setup, teardown),
        cmocka_unit_test(back_off),
        cmocka_unit_test(retry_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
