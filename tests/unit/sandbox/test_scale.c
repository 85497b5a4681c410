/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of horizontal scaling, as tables. */
#include "test.h"

#include "sandbox/controllers/scale.h"

enum { PODS_MAX = 4 };

static const struct {
    const char *what;
    struct scale_pod pods[PODS_MAX]; /* usage, request, ready */
    size_t count;
    int64_t current;
    struct scale_goal goal;
    int64_t replicas; /* below 0: the error */
} computations[] = {
    {"half busy", {{50, 100, true}, {50, 100, true}}, 2, 2, {true, 50}, 2},
    {"twice the goal", {{100, 100, true}, {100, 100, true}}, 2, 2, {true, 50}, 4},
    {"within the tolerance", {{55, 100, true}}, 1, 1, {true, 50}, 1},
    {"beyond the tolerance", {{56, 100, true}}, 1, 1, {true, 50}, 2},
    {"idle", {{1, 100, true}, {1, 100, true}, {1, 100, true}}, 3, 3, {true, 50}, 1},
    {"a thousandth a pod", {{300, 0, true}, {100, 0, true}}, 2, 2, {false, 100}, 4},
    {"no number", {{-1, 100, true}}, 1, 1, {true, 50}, ERR_NOT_FOUND},
    {"only young pods", {{900, 100, false}}, 1, 1, {true, 50}, ERR_NOT_FOUND},
    {"no request", {{50, 0, true}}, 1, 1, {true, 50}, ERR_INVALID},
    {"no goal", {{50, 100, true}}, 1, 1, {true, 0}, ERR_INVALID},
    /* a pod that is not ready counts as idle when scaling up: 150 % of 2 pods for a goal of 50 % */
    {"young beside busy", {{150, 100, true}, {900, 100, false}}, 2, 2, {true, 50}, 3},
    /* a pod without a number counts as busy when scaling down */
    {"unknown beside idle", {{1, 100, true}, {-1, 100, true}}, 2, 2, {true, 50}, 2},
    {"unknown beside busy", {{300, 100, true}, {-1, 100, true}}, 2, 2, {true, 100}, 3},
};

static void proposals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(computations); i++) {
        struct scale_proposal proposal = {0};
        int rc = scale_compute(computations[i].pods, computations[i].count, computations[i].current,
                               &computations[i].goal, &proposal);

        if ((rc < 0 ? rc : proposal.replicas) != computations[i].replicas)
            fail_msg("%s: code %d, %lld replicas", computations[i].what, rc,
                     (long long)proposal.replicas);
    }
}

static void proposal_tells_what_is_used(void **state)
{
    const struct scale_pod pods[] = {{60, 100, true}, {20, 100, true}, {5, 100, false}};
    const struct scale_goal goal = {true, 80};
    struct scale_proposal proposal;

    (void)state;
    assert_int_equal(scale_compute(pods, 3, 3, &goal, &proposal), 0);
    assert_int_equal(proposal.average_milli, 40);
    assert_int_equal(proposal.utilization, 40);
}

static const int64_t bounds[2] = {2, 20};

static void policies_bound_the_speed(void **state)
{
    struct scale_history history = {0};
    struct scale_rules up, down;
    struct scale_outcome out;

    (void)state;
    scale_rules_read(NULL, true, &up);
    scale_rules_read(NULL, false, &down);
    out = scale_settle(&history, &up, &down, 2, 20, bounds, 1000);
    assert_int_equal(out.replicas, 6); /* 4 pods, or 100 %, in 15 s: the more */
    assert_int_equal(out.limit, SCALE_UP_LIMIT);
    scale_history_changed(&history, 4, 1000);
    out = scale_settle(&history, &up, &down, 6, 20, bounds, 6000);
    assert_int_equal(out.replicas, 6); /* used up */
    out = scale_settle(&history, &up, &down, 6, 20, bounds, 17000);
    assert_int_equal(out.replicas, 12);
    out = scale_settle(&history, &up, &down, 12, 40, bounds, 60000);
    assert_int_equal(out.replicas, 20);
    assert_int_equal(out.limit, SCALE_TOO_MANY);
}

static void a_window_holds_back_the_way_down(void **state)
{
    struct scale_history history = {0};
    struct scale_rules up, down;
    struct scale_outcome out;

    (void)state;
    scale_rules_read(NULL, true, &up);
    scale_rules_read(NULL, false, &down);
    out = scale_settle(&history, &up, &down, 6, 6, bounds, 0);
    assert_int_equal(out.replicas, 6);
    for (int64_t now_ms = 5000; now_ms < 300000; now_ms += 5000) {
        out = scale_settle(&history, &up, &down, 6, 1, bounds, now_ms);
        assert_int_equal(out.replicas, 6);
        assert_true(out.stabilized_down);
    }
    out = scale_settle(&history, &up, &down, 6, 1, bounds, 306000);
    assert_int_equal(out.replicas, 2);
    assert_int_equal(out.limit, SCALE_TOO_FEW);
}

static void rules_are_read(void **state)
{
    SCOPED(json_drop)
    json_t *given =
        json_pack("{s:i,s:s,s:[{s:s,s:i,s:i}]}", "stabilizationWindowSeconds", 10, "selectPolicy",
                  "Disabled", "policies", "type", "Pods", "value", 1, "periodSeconds", 60);
    struct scale_history history = {0};
    struct scale_rules up, down;

    (void)state;
    scale_rules_read(given, true, &up);
    assert_int_equal(up.window_ms, 10000);
    assert_int_equal(up.policy_count, 1);
    assert_int_equal(up.policies[0].period_ms, 60000);
    scale_rules_read(NULL, false, &down);
    assert_int_equal(down.window_ms, 300000);
    assert_int_equal(scale_settle(&history, &up, &down, 3, 9, bounds, 1000).replicas, 3);
    /* a window for the way up: the lowest of the last ten seconds */
    up.select = SCALE_SELECT_MAX;
    assert_int_equal(scale_settle(&history, &up, &down, 3, 9, bounds, 2000).replicas, 3);
    assert_int_equal(scale_settle(&history, &up, &down, 3, 9, bounds, 20000).replicas, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposals),
        cmocka_unit_test(proposal_tells_what_is_used),
        cmocka_unit_test(policies_bound_the_speed),
        cmocka_unit_test(a_window_holds_back_the_way_down),
        cmocka_unit_test(rules_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
