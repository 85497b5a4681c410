/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a rolling update as tables, and a whole roll that never breaks its limits. */
#include "test.h"

#include "sandbox/controllers/rollout.h"
#include "wire/json.h"
#include "objects.h"

enum { SETS_MAX = 3, STEPS_MAX = 200 };

static const struct {
    const char *what;
    struct rollout_limits limits;
    struct rollout_set sets[SETS_MAX]; /* size, actual, ready, available; the last is the new one */
    size_t count;
    int64_t next[SETS_MAX];
} steps[] = {
    {"nothing to do", {3, 1, 0, false}, {{3, 3, 3, 3, 0}}, 1, {3}},
    {"scaled up", {5, 1, 0, false}, {{3, 3, 3, 3, 0}}, 1, {5}},
    {"scaled down", {2, 1, 0, false}, {{3, 3, 3, 3, 0}}, 1, {2}},
    {"grows by the surge", {4, 2, 0, false}, {{4, 4, 4, 4, 0}, {0, 0, 0, 0, 0}}, 2, {4, 2}},
    {"waits for the new one", {4, 1, 0, false}, {{4, 4, 4, 4, 0}, {1, 1, 0, 0, 0}}, 2, {4, 1}},
    {"one for one", {4, 1, 0, false}, {{4, 4, 4, 4, 0}, {1, 1, 1, 1, 0}}, 2, {3, 1}},
    {"down first", {4, 0, 2, false}, {{4, 4, 4, 4, 0}, {0, 0, 0, 0, 0}}, 2, {2, 0}},
    {"then up", {4, 0, 2, false}, {{2, 2, 2, 2, 0}, {0, 0, 0, 0, 0}}, 2, {2, 2}},
    {"broken pods go first",
     {4, 1, 0, false},
     {{2, 2, 2, 2, 0}, {2, 2, 0, 0, 0}, {1, 1, 1, 1, 0}},
     3,
     {2, 1, 1}},
    {"the oldest go first",
     {4, 2, 0, false},
     {{2, 2, 2, 2, 0}, {2, 2, 2, 2, 0}, {2, 2, 2, 2, 0}},
     3,
     {0, 2, 2}},
    {"recreate: all old ones at once",
     {3, 0, 3, true},
     {{3, 3, 3, 3, 0}, {0, 0, 0, 0, 0}},
     2,
     {0, 0}},
    {"recreate: not while they end",
     {3, 0, 3, true},
     {{0, 1, 0, 0, 0}, {0, 0, 0, 0, 0}},
     2,
     {0, 0}},
    {"recreate: then all new ones", {3, 0, 3, true}, {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}}, 2, {0, 3}},
};

static void single_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct rollout_set sets[SETS_MAX];

        memcpy(sets, steps[i].sets, sizeof sets);
        rollout_step(&steps[i].limits, sets, steps[i].count, steps[i].count - 1);
        for (size_t n = 0; n < steps[i].count; n++)
            if (sets[n].next_size != steps[i].next[n])
                fail_msg("%s: set %zu: %lld", steps[i].what, n, (long long)sets[n].next_size);
    }
}

static void a_paused_deployment_follows_its_size_alone(void **state)
{
    const struct rollout_limits limits = {5, 1, 1, false};
    struct rollout_set one[] = {{0, 0, 0, 0, 9}, {3, 3, 3, 3, 9}};
    struct rollout_set midway[] = {{2, 2, 2, 2, 9}, {1, 1, 1, 1, 9}};

    (void)state;
    rollout_step_paused(&limits, one, 2);
    assert_int_equal(one[0].next_size, 0);
    assert_int_equal(one[1].next_size, 5);
    rollout_step_paused(&limits, midway, 2);
    assert_int_equal(midway[0].next_size, 2);
    assert_int_equal(midway[1].next_size, 1);
}

/* Every pod that is wanted comes, one a turn; ends when all are new. */
static void whole_roll(const struct rollout_limits *limits)
{
    struct rollout_set sets[2] = {
        {limits->replicas, limits->replicas, limits->replicas, limits->replicas, 0}, {0}};

    for (size_t step = 0; step < STEPS_MAX; step++) {
        struct rollout_set sum;

        rollout_step(limits, sets, 2, 1);
        sets[0].size = sets[0].actual = sets[0].available = sets[0].next_size;
        sets[1].size = sets[1].actual = sets[1].next_size;
        sum = rollout_sum(sets, 2);
        assert_true(sum.size <= limits->replicas + limits->surge);
        assert_true(sum.available >= limits->replicas - limits->unavailable);
        if (rollout_is_done(limits, sets, 2, 1)) {
            assert_int_equal(sets[0].size, 0);
            return;
        }
        if (sets[1].available < sets[1].size)
            sets[1].available++;
    }
    fail_msg("not over after %d steps", STEPS_MAX);
}

static void whole_rolls(void **state)
{
    (void)state;
    for (int64_t replicas = 1; replicas <= 7; replicas++)
        for (int64_t surge = 0; surge <= 3; surge++)
            for (int64_t unavailable = surge == 0; unavailable <= 3; unavailable++)
                whole_roll(
                    &(struct rollout_limits){replicas, surge, MIN(unavailable, replicas), false});
}

static void first_sizes(void **state)
{
    const struct rollout_set old[] = {{4, 4, 4, 4, 0}};
    const struct rollout_set ending[] = {{0, 1, 0, 0, 0}};

    (void)state;
    assert_int_equal(rollout_first_size(&(struct rollout_limits){3, 1, 0, false}, NULL, 0), 3);
    assert_int_equal(rollout_first_size(&(struct rollout_limits){4, 1, 0, false}, old, 1), 1);
    assert_int_equal(rollout_first_size(&(struct rollout_limits){2, 1, 0, false}, old, 1), 0);
    assert_int_equal(rollout_first_size(&(struct rollout_limits){2, 0, 2, true}, ending, 1), 0);
    assert_int_equal(rollout_first_size(&(struct rollout_limits){2, 0, 2, true}, NULL, 0), 2);
}

static void limits_read(void **state)
{
    static const struct {
        const char *spec;
        struct rollout_limits limits;
    } cases[] = {
        {"{}", {1, 1, 0, false}},
        {"{\"replicas\": 10}", {10, 3, 2, false}},
        {"{\"replicas\": 2, \"strategy\": {\"rollingUpdate\": {\"maxSurge\": 0,"
         "\"maxUnavailable\": \"10%\"}}}",
         {2, 0, 1, false}},
        {"{\"replicas\": 2, \"strategy\": {\"type\": \"Recreate\"}}", {2, 0, 2, true}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *deployment = json_pack("{s:o}", "spec", yaml_tree(cases[i].spec));
        struct rollout_limits limits = rollout_limits_read(deployment);

        if (limits.replicas != cases[i].limits.replicas || limits.surge != cases[i].limits.surge ||
            limits.unavailable != cases[i].limits.unavailable ||
            limits.recreate != cases[i].limits.recreate)
            fail_msg("%s", cases[i].spec);
    }
}

static void sets_read(void **state)
{
    SCOPED(json_drop)
    json_t *object = yaml_tree("{\"metadata\": {\"annotations\":"
                               "{\"deployment.kubernetes.io/revision\": \"7\"}},"
                               "\"spec\": {\"replicas\": 3}, \"status\": {\"replicas\": 2,"
                               "\"readyReplicas\": 1, \"availableReplicas\": 1}}");
    SCOPED(json_drop) json_t *bare = json_object();
    struct rollout_set set = rollout_set_read(object);

    (void)state;
    assert_int_equal(set.size, 3);
    assert_int_equal(set.actual, 2);
    assert_int_equal(set.ready, 1);
    assert_int_equal(set.available, 1);
    assert_int_equal(rollout_set_read(bare).size, 1);
    assert_int_equal(rollout_revision(object), 7);
    assert_int_equal(rollout_revision(bare), 0);
}

/* The hash is of the pods, not of the label that carries it. */
static void templates(void **state)
{
    SCOPED(json_drop)
    json_t *deployment = yaml_tree("{\"spec\": {\"template\": {\"metadata\": {\"labels\":"
                                   "{\"app\": \"web\"}}, \"spec\": {\"a\": 1, \"b\": 2}}}}");
    SCOPED(json_drop)
    json_t *set =
        yaml_tree("{\"spec\": {\"template\": {\"metadata\": {\"labels\": {\"app\": \"web\","
                  "\"pod-template-hash\": \"x\"}, \"creationTimestamp\": null},"
                  "\"spec\": {\"b\": 2, \"a\": 1}}}}");
    SCOPED(json_drop) json_t *left = rollout_template(deployment);
    SCOPED(json_drop) json_t *right = rollout_template(set);
    char left_hash[ROLLOUT_HASH_SIZE], right_hash[ROLLOUT_HASH_SIZE];

    (void)state;
    assert_true(json_equal(left, right));
    rollout_hash(left, left_hash);
    rollout_hash(right, right_hash);
    assert_string_equal(left_hash, right_hash);
    assert_int_equal(strlen(left_hash), 10);
    json_path_set(right, "spec.a", json_integer(3));
    rollout_hash(right, right_hash);
    assert_string_not_equal(left_hash, right_hash);
    assert_non_null(json_path_get(set, "spec.template.metadata.labels.pod-template-hash"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_steps),
        cmocka_unit_test(whole_rolls),
        cmocka_unit_test(a_paused_deployment_follows_its_size_alone),
        cmocka_unit_test(first_sizes),
        cmocka_unit_test(limits_read),
        cmocka_unit_test(sets_read),
        cmocka_unit_test(templates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
