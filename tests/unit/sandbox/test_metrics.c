/* SPDX-License-Identifier: Apache-2.0 */
/* What kubectl top reads. */
#include "test.h"

#include "sandbox/node/metrics.h"

static const struct metrics_usage unknown;
static const struct metrics_usage quarter = {
    .window_ms = 5004, .cpu_nano = 250000999, .memory_size = 3 * 1024 + 5};

static json_t *pod_parse(void)
{
    json_t *pod = NULL;

    assert_int_equal(json_parse(SLICE("{\"metadata\": {\"name\": \"p\", \"namespace\": \"n\", "
                                      "\"labels\": {\"app\": \"a\"}}}"),
                                NULL, &pod, NULL),
                     0);
    return pod;
}

static void a_pod_has_its_labels_and_containers(void **state)
{
    const struct metrics_container containers[] = {{"a", quarter}, {"b", quarter}};
    SCOPED(json_drop) json_t *pod = pod_parse();
    SCOPED(json_drop) json_t *metrics = metrics_pod(pod, containers, 2, 60000);
    static const struct {
        const char *path, *value;
    } fields[] = {
        {"kind", "PodMetrics"},
        {"apiVersion", "metrics.k8s.io/v1beta1"},
        {"metadata.name", "p"},
        {"metadata.namespace", "n"},
        {"metadata.labels.app", "a"},
        {"timestamp", "1970-01-01T00:01:00Z"},
        {"window", "5.004s"},
        {"containers[0].name", "a"},
        {"containers[1].name", "b"},
        {"containers[1].usage.cpu", "250000u"},
        {"containers[1].usage.memory", "3Ki"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_string_equal(json_path_string_or(metrics, fields[i].path, fields[i].path),
                            fields[i].value);
}

static void what_is_not_known_is_not_told(void **state)
{
    const struct metrics_container containers[] = {{"a", quarter}, {"b", unknown}};
    SCOPED(json_drop) json_t *pod = pod_parse();
    SCOPED(json_drop) json_t *node = metrics_node("n1", &quarter, 0);

    (void)state;
    assert_null(metrics_pod(pod, containers, 2, 0));
    assert_null(metrics_pod(pod, containers, 0, 0));
    assert_null(metrics_node("n1", &unknown, 0));
    assert_string_equal(json_path_string(node, "kind"), "NodeMetrics");
    assert_string_equal(json_path_string(node, "usage.cpu"), "250000u");
    assert_null(json_path_get(node, "metadata.namespace"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_has_its_labels_and_containers),
        cmocka_unit_test(what_is_not_known_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
