/* SPDX-License-Identifier: Apache-2.0 */
/* Evictions: what they cost, and when they are refused. */
#include "objects.h"

#include "kube/objects/eviction.h"

static void budgets(void **state)
{
    json_t *pod = yaml_tree("{metadata: {labels: {app: web}}}");
    json_t *own = yaml_tree("{spec: {selector: {matchLabels: {app: web}}}}");
    json_t *other = yaml_tree("{spec: {selector: {matchLabels: {app: db}}}}");
    json_t *empty = yaml_tree("{spec: {selector: {}}}");
    json_t *none = yaml_tree("{spec: {}}");

    (void)state;
    assert_true(kube_eviction_counts(own, pod));
    assert_false(kube_eviction_counts(other, pod));
    assert_true(kube_eviction_counts(empty, pod)); /* policy/v1: every pod of the namespace */
    assert_false(kube_eviction_counts(none, pod));
    json_decref(pod);
    json_decref(own);
    json_decref(other);
    json_decref(empty);
    json_decref(none);
}

static void costs(void **state)
{
    static const struct {
        const char *pod, *status, *expected; /* of the budget; "" nothing is spent */
        const char *why;
    } cases[] = {
        {"{metadata: {name: a}, status: {phase: Running}}", "{disruptionsAllowed: 2}",
         "{disruptionsAllowed: 1, disruptedPods: {a: '1970-01-01T00:00:05Z'}}", NULL},
        {"{metadata: {name: a}, status: {phase: Running}}",
         "{disruptionsAllowed: 1, disruptedPods: {b: t}}",
         "{disruptionsAllowed: 0, disruptedPods: {b: t, a: '1970-01-01T00:00:05Z'}}", NULL},
        {"{metadata: {name: a}, status: {phase: Pending}}", "{disruptionsAllowed: 0}", "", NULL},
        {"{metadata: {name: a, deletionTimestamp: t}, status: {phase: Running}}",
         "{disruptionsAllowed: 0}", "", NULL},
        {"{metadata: {name: a}, status: {phase: Running}}",
         "{disruptionsAllowed: 0, desiredHealthy: 3, currentHealthy: 3}", "",
         "The disruption budget pdb needs 3 healthy pods and has 3 currently"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *pod = yaml_tree(cases[i].pod);
        json_t *budget = json_pack("{s:{s:s}, s:o}", "metadata", "name", "pdb", "status",
                                   yaml_tree(cases[i].status));
        json_t *before = json_deep_copy(budget);
        struct error err = {0};
        json_t *spent;

        assert_int_equal(kube_eviction_spend(budget, pod, 5000, &spent, &err),
                         cases[i].why ? ERR_DENIED : 0);
        if (cases[i].why)
            assert_string_equal(err.reason, cases[i].why);
        assert_int_equal(spent != NULL, cases[i].expected[0] != '\0');
        if (spent != NULL)
            object_assert(json_object_get(spent, "status"), cases[i].expected);
        assert_true(json_equal(budget, before));
        json_decref(spent);
        json_decref(before);
        json_decref(budget);
        json_decref(pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets),
        cmocka_unit_test(costs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
