/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of a set: counting, the order in which they go, the status, a new one.
 */
#include "test.h"

#include "base/mem.h"
#include "kube/client.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/replicas.h"
#include "wire/json.h"
#include "objects.h"

enum { NOW_MS = 100000 };

static json_t *set_new(void)
{
    return yaml_tree("{\"apiVersion\": \"apps/v1\", \"kind\": \"ReplicaSet\", \"metadata\":"
                     "{\"name\": \"web\", \"uid\": \"u1\", \"generation\": 4},"
                     "\"spec\": {\"minReadySeconds\": 10, \"template\": {\"metadata\":"
                     "{\"name\": \"x\", \"labels\": {\"app\": \"web\"}}, \"spec\": {\"a\": 1}}},"
                     "\"status\": {\"readyReplicas\": 9, \"conditions\": []}}");
}

/* ready_s: when it became ready, in seconds since 1970; 0: it is not. */
static json_t *pod_new(const char *name, const char *owner, const char *node, int64_t ready_s,
                       const char *phase)
{
    json_t *pod = json_pack("{s:{s:s,s:[{s:b,s:s}],s:{s:s}},s:{s:s*},s:{s:s}}", "metadata", "name",
                            name, "ownerReferences", "controller", 1, "uid", owner, "labels", "app",
                            strcmp(name, "odd") == 0 ? "other" : "web", "spec", "nodeName", node,
                            "status", "phase", phase);

    if (ready_s > 0)
        json_path_set(pod, "status.conditions",
                      json_pack("[{s:s,s:s,s:o}]", "type", "Ready", "status", "True",
                                "lastTransitionTime", kube_time(ready_s * 1000)));
    return pod;
}

static void counts_and_order(void **state)
{
    SCOPED(json_drop) json_t *set = set_new();
    json_t *const pods[] = {
        pod_new("old", "u1", "n", 20, "Running"),     pod_new("new", "u1", "n", 80, "Running"),
        pod_new("young", "u1", "n", 95, "Running"),   pod_new("unready", "u1", "n", 0, "Running"),
        pod_new("unbound", "u1", NULL, 0, "Pending"), pod_new("odd", "u1", "n", 30, "Running"),
        pod_new("ended", "u1", "n", 0, "Failed"),     pod_new("foreign", "u2", "n", 20, "Running"),
        pod_new("leaving", "u1", "n", 20, "Running"),
    };
    static const char *const order[] = {"unbound", "unready", "young", "new", "odd", "old"};
    struct replicas *replicas = MEM_NEW(struct replicas);
    SCOPED(json_drop) json_t *status = NULL;
    SCOPED(json_drop)
    json_t *wanted =
        yaml_tree("{\"replicas\": 6, \"fullyLabeledReplicas\": 5, \"readyReplicas\": 4,"
                  "\"availableReplicas\": 3, \"observedGeneration\": 4,"
                  "\"conditions\": []}");

    (void)state;
    json_path_set(pods[8], "metadata.deletionTimestamp", kube_time(NOW_MS));
    for (size_t i = 0; i < ARRAY_LEN(pods); i++)
        replicas_add(replicas, set, pods[i], NOW_MS);
    assert_int_equal(replicas->next_available_ms, 105000);
    replicas_sort(replicas);
    assert_int_equal(replicas->count, ARRAY_LEN(order));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_string_equal(kube_name(replicas->active[i]), order[i]);
    status = replicas_status(replicas, set);
    assert_true(json_equal(status, wanted));
    mem_free(replicas);
    for (size_t i = 0; i < ARRAY_LEN(pods); i++)
        json_decref(pods[i]);
}

/* Of an empty set the number of pods is told, the others are left out. */
static void empty_status(void **state)
{
    SCOPED(json_drop) json_t *set = set_new();
    struct replicas *replicas = MEM_NEW(struct replicas);
    SCOPED(json_drop) json_t *status = replicas_status(replicas, set);

    (void)state;
    assert_int_equal(json_path_int(status, "replicas", -1), 0);
    assert_null(json_object_get(status, "readyReplicas"));
    assert_int_equal(json_path_int(set, "status.readyReplicas", 0), 9); /* not touched */
    mem_free(replicas);
}

static void new_pods(void **state)
{
    SCOPED(json_drop) json_t *set = set_new();
    SCOPED(json_drop) json_t *pod = replicas_pod_new(set);

    (void)state;
    assert_null(json_path_get(pod, "metadata.name"));
    assert_string_equal(json_path_string(pod, "metadata.generateName"), "web-");
    assert_string_equal(json_path_string(pod, "metadata.labels.app"), "web");
    assert_int_equal(json_path_int(pod, "spec.a", 0), 1);
    assert_true(kube_is_owned_by(pod, set));
    assert_non_null(json_path_get(set, "spec.template.metadata.name"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_order),
        cmocka_unit_test(empty_status),
        cmocka_unit_test(new_pods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
