/* SPDX-License-Identifier: Apache-2.0 */
/* Rates out of looks at a control group. */
#include "test.h"

#include "io/cgroup.h"

static void rates_come_from_two_looks(void **state)
{
    struct cgroup_rate rate = {0};

    (void)state;
    cgroup_rate_add(&rate, &(struct cgroup_usage){.cpu_ns = 5000000, .memory_size = 10}, 1000);
    assert_int_equal(rate.window_ms, 0);
    cgroup_rate_add(&rate, &(struct cgroup_usage){.cpu_ns = 255000000, .memory_size = 20}, 2000);
    assert_int_equal(rate.window_ms, 1000);
    assert_int_equal(rate.cpu_nano, 250000000); /* a quarter of a core */
    assert_int_equal(rate.memory_size, 20);
    cgroup_rate_add(&rate, &(struct cgroup_usage){.cpu_ns = 1}, 3000); /* a new group */
    assert_int_equal(rate.cpu_nano, 250000000);
    assert_int_equal(rate.memory_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates_come_from_two_looks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
