/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of requests: what they carry, and that nobody waits for them.
 */
#include "rig.h"

#include "proxy/mirror.h"

#include <unistd.h>

#define ROUTE(fields)                                                                              \
    "{match: {prefix: /}, route: {cluster: up0, request_mirror_policies: [{" fields "}]}}"

static void start(struct rig *rig, const char *routes)
{
    rig_init(rig);
    rig_upstream(rig, "");
    rig_upstream(rig, "");
    rig_http(rig, routes, "");
    rig_apply(rig);
}

static void hosts(void **state)
{
    static const char *const cases[][2] = {{"a.test", "a.test-shadow"},
                                           {"a.test:8080", "a.test-shadow:8080"},
                                           {"[::1]", "[::1]-shadow"},
                                           {"", "-shadow"}};
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(mirror_host(slice_str(cases[i][0]), &arena), cases[i][1]);
    arena_deinit(&arena);
}

static void copies(void **state)
{
    struct rig rig;
    struct rig_upstream *copy = &rig.upstreams[1];
    struct rig_answer answer;

    (void)state;
    start(&rig, ROUTE("cluster: up1"));
    answer = rig_ask(&rig, "POST /path?q=1", "x-status: 201\n", SLICE("the body"));
    assert_int_equal(answer.status, 201);
    assert_slice(answer.body, "POST rig.test /path?q=1");
    RIG_UNTIL(&rig, copy->body_ends == 1);
    assert_slice(buf_slice(&copy->body), "the body");
    assert_slice(buf_slice(&rig.upstreams[0].body), "the body");
    assert_slice(copy->head->method, "POST");
    assert_slice(copy->head->authority, "rig.test-shadow");
    assert_slice(copy->head->path, "/path?q=1");
    assert_int_equal(rig_stat(&rig, "http.rig.rq_mirrored"), 1);
    RIG_UNTIL(&rig, rig_stat(&rig, "cluster.up1.upstream_rq_2xx") == 1);
    RIG_UNTIL(&rig, rig.worker->mirror_count == 0);
    assert_string_equal(rig_log(&rig), "201 - via_upstream\n"); /* one line: copies have none */
    rig_deinit(&rig);
}

static void shares(void **state)
{
    static const struct {
        const char *routes;
        size_t count;
        const char *host;
    } cases[] = {
        {ROUTE("cluster: up1, runtime_fraction: {default_value: {numerator: 0}}"), 0, ""},
        {ROUTE("cluster: up1, runtime_fraction: {default_value: {numerator: 100}}"), 1,
         "rig.test-shadow"},
        {ROUTE("cluster: up1, disable_shadow_host_suffix_append: true"), 1, "rig.test"},
        {ROUTE("cluster: up1}, {cluster: up1"), 2, "rig.test-shadow"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct rig_upstream *copy = &rig.upstreams[1];

        start(&rig, cases[i].routes);
        assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
        assert_int_equal(rig_stat(&rig, "http.rig.rq_mirrored"), cases[i].count);
        RIG_UNTIL(&rig, copy->request_count == cases[i].count);
        if (cases[i].count > 0)
            assert_slice(copy->head->authority, cases[i].host);
        rig_deinit(&rig);
    }
}

/* The copy is never answered: the original has its answer at once, the copy ends with its time. */
static void no_answer(void **state)
{
    struct rig rig;
    int deaf;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    deaf = rig_raw_upstream(&rig, "deaf");
    rig_http(&rig,
             "{match: {prefix: /}, route: {cluster: up0, timeout: 0.2s, request_mirror_policies: "
             "[{cluster: deaf}]}}",
             "");
    rig_apply(&rig);
    assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
    assert_int_equal(rig.worker->mirror_count, 1);
    RIG_UNTIL(&rig, rig.worker->mirror_count == 0);
    assert_int_equal(rig_stat(&rig, "cluster.deaf.upstream_rq_timeout"), 1);
    assert_int_equal(rig_stat(&rig, "cluster.deaf.upstream_rq_active"), 0);
    rig_deinit(&rig);
    close(deaf);
}

/* The worker ends while a copy is under way. */
static void worker_ends(void **state)
{
    struct rig rig;
    int deaf;

    (void)state;
    rig_init(&rig);
    rig_upstream(&rig, "");
    deaf = rig_raw_upstream(&rig, "deaf");
    rig_http(&rig, ROUTE("cluster: deaf"), "");
    rig_apply(&rig);
    assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
    assert_int_equal(rig.worker->mirror_count, 1);
    rig_deinit(&rig);
    close(deaf);
}

/* A copy whose upstream does not read gets so much and no more; the original is whole. */
static void deaf_upstream(void **state)
{
    static char body[12 << 20];
    struct rig rig;
    int deaf;

    (void)state;
    memset(body, 'x', sizeof body);
    rig_init(&rig);
    rig_upstream(&rig, "");
    deaf = rig_raw_upstream(&rig, "deaf");
    rig_http(&rig, ROUTE("cluster: deaf"), "");
    rig_apply(&rig);
    assert_int_equal(rig_ask(&rig, "PUT /", "", slice_make(body, sizeof body)).status, 200);
    assert_int_equal(rig.upstreams[0].body.len, sizeof body);
    assert_int_equal(rig_stat(&rig, "http.rig.rq_mirror_dropped"), 1);
    assert_int_equal(rig.worker->mirror_count, 0);
    rig_deinit(&rig);
    close(deaf);
}

/* Where no copy can be sent the original does not notice. */
static void no_upstream(void **state)
{
    static const char *const clusters[] = {"missing", "nobody", "full"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clusters); i++) {
        struct rig rig;

        rig_init(&rig);
        rig_upstream(&rig, "");
        rig_cluster(&rig, "{name: nobody, type: STATIC, load_assignment: {cluster_name: nobody}}");
        rig_cluster_at(&rig, "full", rig.upstreams[0].port,
                       "circuit_breakers: {thresholds: [{max_requests: 0}]}");
        rig_http(&rig, arena_printf(&rig.arena, ROUTE("cluster: %s"), clusters[i]), "");
        rig_apply(&rig);
        assert_int_equal(rig_ask(&rig, "GET /", "", SLICE("")).status, 200);
        assert_int_equal(rig_stat(&rig, "http.rig.rq_mirror_dropped"), 1);
        assert_int_equal(rig.upstreams[0].request_count, 1);
        rig_deinit(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),       cmocka_unit_test(copies),
        cmocka_unit_test(shares),      cmocka_unit_test(no_answer),
        cmocka_unit_test(worker_ends), cmocka_unit_test(deaf_upstream),
        cmocka_unit_test(no_upstream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
