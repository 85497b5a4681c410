/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of the balancers, health, rings.
 */
#include "test.h"

#include "proxy/balance.h"

enum { HOSTS = 4, PICKS = 40000 };

static void fill(struct balance_host *hosts, const uint32_t *weights)
{
    for (size_t i = 0; i < HOSTS; i++)
        hosts[i] = (struct balance_host){
            .weight = weights[i], .key = balance_hash(&i, sizeof i), .available = true};
}

/* Shares within 5 sigma of the expected ones. */
static void assert_shares(const unsigned *counts, const uint32_t *weights)
{
    double total = 0;

    for (size_t i = 0; i < HOSTS; i++)
        total += weights[i];
    for (size_t i = 0; i < HOSTS; i++) {
        double p = weights[i] / total;
        double expected = PICKS * p;
        double variance = PICKS * p * (1 - p);
        double distance = counts[i] - expected;

        if (distance * distance > 25 * variance + 4)
            fail_msg("host %zu: %u picks, expected %.0f", i, counts[i], expected);
    }
}

static void count_picks(enum balance_policy policy, const uint32_t *weights, unsigned *counts)
{
    struct balance_host hosts[HOSTS];
    struct balance balance;
    struct rng rng;

    rng_init(&rng, 42);
    fill(hosts, weights);
    balance_init(&balance, &(struct balance_options){.policy = policy});
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (int i = 0; i < PICKS; i++)
        counts[balance_pick(&balance, rng_u64(&rng), &rng)]++;
    balance_deinit(&balance);
}

static void equal_weights(void **state)
{
    static const uint32_t weights[HOSTS] = {1, 1, 1, 1};

    (void)state;
    for (int policy = BALANCE_ROUND_ROBIN; policy <= BALANCE_RANDOM; policy++) {
        unsigned counts[HOSTS] = {0};

        count_picks((enum balance_policy)policy, weights, counts);
        assert_shares(counts, weights);
    }
}

static void unequal_weights(void **state)
{
    static const uint32_t weights[HOSTS] = {70, 20, 9, 1};

    (void)state;
    for (int policy = BALANCE_ROUND_ROBIN; policy <= BALANCE_LEAST_REQUEST; policy++) {
        unsigned counts[HOSTS] = {0};

        count_picks((enum balance_policy)policy, weights, counts);
        assert_shares(counts, weights);
    }
}

static void least_request_avoids_the_busy(void **state)
{
    static const uint32_t weights[HOSTS] = {1, 1, 1, 1};
    struct balance_host hosts[HOSTS];
    struct balance balance;
    unsigned busy = 0;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    fill(hosts, weights);
    hosts[2].active = 100;
    balance_init(&balance,
                 &(struct balance_options){.policy = BALANCE_LEAST_REQUEST, .choice_count = 2});
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (int i = 0; i < PICKS; i++)
        busy += balance_pick(&balance, 0, &rng) == 2;
    /* Only when both draws hit it: one in sixteen. */
    assert_true(busy < PICKS / 12);
    balance_deinit(&balance);
}

static void unavailable_hosts_are_left_out(void **state)
{
    static const uint32_t weights[HOSTS] = {1, 2, 3, 4};
    struct balance_host hosts[HOSTS];
    struct balance balance;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    fill(hosts, weights);
    for (int policy = BALANCE_ROUND_ROBIN; policy <= BALANCE_MAGLEV; policy++) {
        balance_init(&balance, &(struct balance_options){.policy = (enum balance_policy)policy});
        for (size_t i = 0; i < HOSTS; i++)
            hosts[i].available = i == 1;
        balance_rebuild(&balance, hosts, HOSTS, false, &rng);
        for (int i = 0; i < 100; i++)
            assert_int_equal(balance_pick(&balance, rng_u64(&rng), &rng), 1);
        hosts[1].available = false;
        balance_rebuild(&balance, hosts, HOSTS, false, &rng);
        assert_int_equal(balance_pick(&balance, 0, &rng), -1);
        /* Panic: all of them. */
        balance_rebuild(&balance, hosts, HOSTS, true, &rng);
        assert_true(balance_pick(&balance, 0, &rng) >= 0);
        balance_deinit(&balance);
    }
}

static void rings_keep_most_keys(void **state)
{
    static const uint32_t weights[HOSTS] = {1, 1, 1, 1};
    struct balance_host hosts[HOSTS];
    struct balance balance;
    ptrdiff_t before[1000];
    unsigned moved = 0;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    fill(hosts, weights);
    balance_init(&balance, &(struct balance_options){.policy = BALANCE_RING_HASH});
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t hash = balance_hash(&i, sizeof i);

        before[i] = balance_pick(&balance, hash, &rng);
        assert_int_equal(balance_pick(&balance, hash, &rng), before[i]);
    }
    hosts[3].available = false;
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (uint64_t i = 0; i < 1000; i++)
        if (before[i] != 3)
            moved += balance_pick(&balance, balance_hash(&i, sizeof i), &rng) != before[i];
    assert_int_equal(moved, 0);
    balance_deinit(&balance);
}

/* Shares by weight, and few keys move when a host leaves. */
static void maglev(void **state)
{
    static const uint32_t weights[HOSTS] = {70, 20, 9, 1};
    unsigned counts[HOSTS] = {0};
    struct balance_host hosts[HOSTS];
    struct balance balance;
    ptrdiff_t before[1000];
    unsigned moved = 0;
    struct rng rng;

    (void)state;
    count_picks(BALANCE_MAGLEV, weights, counts);
    assert_shares(counts, weights);
    rng_init(&rng, 1);
    fill(hosts, weights);
    balance_init(&balance,
                 &(struct balance_options){.policy = BALANCE_MAGLEV, .table_size = 10007});
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (uint64_t i = 0; i < 1000; i++)
        before[i] = balance_pick(&balance, balance_hash(&i, sizeof i), &rng);
    hosts[3].available = false;
    balance_rebuild(&balance, hosts, HOSTS, false, &rng);
    for (uint64_t i = 0; i < 1000; i++)
        if (before[i] != 3)
            moved += balance_pick(&balance, balance_hash(&i, sizeof i), &rng) != before[i];
    assert_in_range(moved, 0, 100);
    balance_deinit(&balance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights),
        cmocka_unit_test(unequal_weights),
        cmocka_unit_test(least_request_avoids_the_busy),
        cmocka_unit_test(unavailable_hosts_are_left_out),
        cmocka_unit_test(rings_keep_most_keys),
        cmocka_unit_test(maglev),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
