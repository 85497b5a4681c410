/* SPDX-License-Identifier: Apache-2.0 */
/* Who is injected, and that injection and patch agree. What is added is in tests/golden/inject.
 */
#include "test.h"

#include "base/mem.h"
#include "inject/inject.h"
#include "inject/patch.h"

static json_t *tree(const char *text)
{
    json_t *value = NULL;

    assert_int_equal(json_parse(slice_str(text), NULL, &value, NULL), 0);
    return value;
}

static void decisions(void **state)
{
    static const struct {
        const char *pod, *labels;
        bool expected;
    } cases[] = {
        {"{\"spec\":{}}", NULL, true},
        {"{\"spec\":{}}", "{}", false},
        {"{\"spec\":{}}", "{\"istio-injection\":\"enabled\"}", true},
        {"{\"spec\":{}}", "{\"istio-injection\":\"disabled\"}", false},
        {"{\"spec\":{}}", "{\"istio.io/rev\":\"default\"}", true},
        {"{\"spec\":{}}", "{\"istio.io/rev\":\"canary\"}", false},
        {"{\"spec\":{}}", "{\"istio-injection\":\"disabled\",\"istio.io/rev\":\"default\"}", false},
        {"{\"metadata\":{\"labels\":{\"sidecar.istio.io/inject\":\"true\"}}}", "{}", true},
        {"{\"metadata\":{\"labels\":{\"sidecar.istio.io/inject\":\"false\"}}}", NULL, false},
        {"{\"metadata\":{\"annotations\":{\"sidecar.istio.io/inject\":\"false\"}}}", NULL, false},
        {"{\"metadata\":{\"annotations\":{\"sidecar.istio.io/status\":\"{}\"}}}", NULL, false},
        {"{\"spec\":{\"hostNetwork\":true}}", NULL, false},
    };
    struct inject_config config = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *pod = tree(cases[i].pod);
        json_t *labels = cases[i].labels ? tree(cases[i].labels) : NULL;
        struct inject_scope scope = {.ns = "default", .ns_labels = labels};
        const char *reason = NULL;

        if (inject_required(&config, pod, &scope, &reason) != cases[i].expected)
            fail_msg("case %zu: %s", i, reason);
        assert_non_null(reason);
        json_decref(pod);
        json_decref(labels);
    }
}

static void ignored_namespace(void **state)
{
    struct inject_config config = {0};
    struct inject_scope scope = {.ns = "kube-system"};
    json_t *pod = tree("{\"metadata\":{\"labels\":{\"sidecar.istio.io/inject\":\"true\"}}}");

    (void)state;
    assert_false(inject_required(&config, pod, &scope, NULL));
    json_decref(pod);
}

/* The error names the annotation, and what it should be. */
static void wrong_annotation(void **state)
{
    static const char *const wrong[][2] = {
        {"traffic.sidecar.istio.io/excludeInboundPorts", "80,http"},
        {"traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/33"},
        {"traffic.sidecar.istio.io/excludeOutboundIPRanges", "*"},
        {"traffic.sidecar.istio.io/excludeInterfaces", "eth0\"; drop"},
        {"sidecar.istio.io/interceptionMode", "TPROXY"},
        {"readiness.status.sidecar.istio.io/periodSeconds", "-1"},
        {"proxy.istio.io/config", "[1]"},
    };
    struct inject_config config = {0};
    struct inject_scope scope = {.ns = "default"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        json_t *pod = json_pack("{s:{s:{s:s}}, s:{s:[{s:s}]}}", "metadata", "annotations",
                                wrong[i][0], wrong[i][1], "spec", "containers", "name", "a");
        struct error err = {0};

        assert_int_equal(inject_pod(&config, pod, &scope, &err), ERR_INVALID);
        assert_non_null(strstr(err.path, wrong[i][0]));
        assert_true(err.reason[0]);
        json_decref(pod);
    }
}

static void workloads(void **state)
{
    static const struct {
        const char *pod, *kind, *name;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"lone\"}}", "Pod", "lone"},
        {"{\"metadata\":{\"labels\":{\"pod-template-hash\":\"5d\"},\"ownerReferences\":[{\"kind\":"
         "\"ReplicaSet\",\"name\":\"web-5d\",\"apiVersion\":\"apps/v1\",\"controller\":true}]}}",
         "Deployment", "web"},
        {"{\"metadata\":{\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"web-5d\","
         "\"apiVersion\":\"apps/v1\",\"controller\":true}]}}",
         "ReplicaSet", "web-5d"},
        {"{\"metadata\":{\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"j\",\"apiVersion\":"
         "\"batch/v1\",\"controller\":true}]}}",
         "Job", "j"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *pod = tree(cases[i].pod);
        struct inject_scope scope = {.ns = "default"};
        const char *kind, *api;
        char *name;

        inject_workload(pod, &scope, &kind, &api, &name);
        assert_string_equal(kind, cases[i].kind);
        assert_string_equal(name, cases[i].name);
        mem_free(name);
        json_decref(pod);
    }
}

static void patches(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":1}", "{\"a\":1}", "[]"},
        {"{\"a\":1}", "{\"a\":2}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]"},
        {"{\"a\":1}", "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]"},
        {"{}", "{\"x/y~z\":null}", "[{\"op\":\"add\",\"path\":\"/x~1y~0z\",\"value\":null}]"},
        {"{\"l\":[1,2]}", "{\"l\":[1,3,4]}",
         "[{\"op\":\"replace\",\"path\":\"/l/1\",\"value\":3},"
         "{\"op\":\"add\",\"path\":\"/l/-\",\"value\":4}]"},
        {"{\"l\":[1,2,3]}", "{\"l\":[1]}",
         "[{\"op\":\"remove\",\"path\":\"/l/2\"},{\"op\":\"remove\",\"path\":\"/l/1\"}]"},
        {"1", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"a\":1}}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *from = tree(cases[i][0]);
        json_t *to = tree(cases[i][1]);
        json_t *ops = patch_diff(from, to);
        char *text = json_format_str(ops, JSON_FORMAT_COMPACT);

        assert_string_equal(text, cases[i][2]);
        mem_free(text);
        json_decref(ops);
        json_decref(from);
        json_decref(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),        cmocka_unit_test(ignored_namespace),
        cmocka_unit_test(wrong_annotation), cmocka_unit_test(workloads),
        cmocka_unit_test(patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
