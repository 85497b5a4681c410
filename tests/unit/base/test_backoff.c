/* SPDX-License-Identifier: Apache-2.0 */
/* The waiting times between attempts. */
#include "test.h"

#include "base/backoff.h"

static void delays_double_up_to_the_longest(void **state)
{
    static const struct {
        struct backoff backoff;
        uint64_t delays_ms[6];
    } cases[] = {
        {{.min_ms = 100, .max_ms = 1000}, {100, 200, 400, 800, 1000, 1000}},
        {{.min_ms = 10, .max_ms = 40, .at_once = true}, {0, 10, 20, 40, 40, 40}},
        {{.min_ms = 7, .max_ms = 7}, {7, 7, 7, 7, 7, 7}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct backoff backoff = cases[i].backoff;

        for (int round = 0; round < 2; round++) {
            for (size_t k = 0; k < ARRAY_LEN(cases[i].delays_ms); k++)
                assert_int_equal(backoff_next(&backoff), cases[i].delays_ms[k]);
            backoff_reset(&backoff); /* the second round is as the first */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(delays_double_up_to_the_longest)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
