/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: their containers in order, what admission gives them, binding. */
#include "objects.h"

#include "kube/objects/pod.h"

static void containers(void **state)
{
    static const char *const names[] = {"i1", "i2", "c1"};
    static const char *const paths[] = {"initContainers[0]", "initContainers[1]", "containers[0]"};
    json_t *spec =
        yaml_tree("{containers: [{name: c1}], initContainers: [{name: i1}, {name: i2}]}");
    char path[48];

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        assert_string_equal(json_get_string(kube_pod_container_at(spec, n), "name"), names[n]);
        assert_string_equal(kube_pod_container_path(spec, n, path, sizeof path), paths[n]);
    }
    assert_null(kube_pod_container_at(spec, 3));
    assert_null(kube_pod_container_at(NULL, 0));
    json_decref(spec);
}

static void accounts(void **state)
{
    json_t *named = yaml_tree("{serviceAccountName: web}");
    json_t *plain = yaml_tree("{serviceAccountName: ''}");

    (void)state;
    assert_string_equal(kube_pod_account(named), "web");
    object_assert(named, "{serviceAccountName: web}");
    assert_string_equal(kube_pod_account(plain), "default");
    object_assert(plain, "{serviceAccountName: default, serviceAccount: default}");
    json_decref(named);
    json_decref(plain);
}

#define PATH "/var/run/secrets/kubernetes.io/serviceaccount"

static void tokens(void **state)
{
    json_t *spec = yaml_tree("{containers: [{name: a}, {name: b, volumeMounts: [{name: own, "
                             "mountPath: " PATH "}]}], initContainers: [{name: i, volumeMounts: "
                             "[{name: x, mountPath: /x}]}]}");
    json_t *account = yaml_tree("{automountServiceAccountToken: false}");
    json_t *before = json_deep_copy(spec);
    const char *name;

    (void)state;
    kube_pod_mount_token(spec, account);
    assert_true(json_equal(spec, before));
    json_object_set_new(spec, "automountServiceAccountToken", json_true());
    kube_pod_mount_token(spec, account); /* the pod's word counts more */
    name = json_path_string_or(spec, "volumes[0].name", "");
    assert_int_equal(strncmp(name, "kube-api-access-", 16), 0);
    assert_int_equal(strlen(name), 21);
    assert_string_equal(json_path_string(spec, "containers[0].volumeMounts[0].mountPath"), PATH);
    assert_string_equal(json_path_string(spec, "containers[0].volumeMounts[0].name"), name);
    assert_string_equal(json_path_string(spec, "initContainers[0].volumeMounts[1].name"), name);
    assert_int_equal(json_array_size(json_path_get(spec, "containers[1].volumeMounts")), 1);
    assert_int_equal(json_array_size(json_path_get(spec, "volumes[0].projected.sources")), 3);
    json_decref(account);
    json_decref(before);
    json_decref(spec);
}

#define GONE(key) "{key: node.kubernetes.io/" key ", operator: Exists, effect: NoExecute, "
#define LAST "tolerationSeconds: 300}"

static void admission(void **state)
{
    json_t *plain = yaml_tree("{spec: {}, status: {phase: Running}}");
    json_t *given = yaml_tree("{spec: {priority: 5, preemptionPolicy: Never, tolerations: [{key: "
                              "node.kubernetes.io/not-ready}]}}");

    (void)state;
    kube_pod_admit(plain);
    object_assert(plain, "{spec: {tolerations: [" GONE("not-ready") LAST ", " GONE("unreachable")
                             LAST "], priority: 0, preemptionPolicy: PreemptLowerPriority}, "
                                  "status: {phase: Pending}}");
    kube_pod_admit(given);
    object_assert(given,
                  "{spec: {priority: 5, preemptionPolicy: Never, tolerations: [{key: "
                  "node.kubernetes.io/not-ready}, " GONE("unreachable") LAST "]}, status: "
                                                                             "{phase: Pending}}");
    json_decref(plain);
    json_decref(given);
}

static void binding(void **state)
{
    json_t *fresh = yaml_tree("{spec: {}}");
    json_t *waiting = yaml_tree("{spec: {}, status: {conditions: [{type: PodScheduled, status: "
                                "'False', reason: Unschedulable}, {type: Ready}]}}");

    (void)state;
    kube_pod_bind(fresh, "n1", 5000);
    object_assert(fresh, "{spec: {nodeName: n1}, status: {conditions: [{type: PodScheduled, "
                         "status: 'True', lastProbeTime: null, lastTransitionTime: "
                         "'1970-01-01T00:00:05Z'}]}}");
    kube_pod_bind(waiting, "n1", 5000);
    object_assert(waiting, "{spec: {nodeName: n1}, status: {conditions: [{type: PodScheduled, "
                           "status: 'True', lastProbeTime: null, lastTransitionTime: "
                           "'1970-01-01T00:00:05Z'}, {type: Ready}]}}");
    json_decref(fresh);
    json_decref(waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers), cmocka_unit_test(accounts), cmocka_unit_test(tokens),
        cmocka_unit_test(admission),  cmocka_unit_test(binding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
