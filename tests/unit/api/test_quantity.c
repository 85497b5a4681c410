/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities: every suffix, plain numbers, what is none. */
#include "test.h"

#include "api/quantity.h"

static void quantities_in_thousandths(void **state)
{
    static const struct {
        const char *text;
        int64_t milli; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"1", 1000},
        {"1.5", 1500},
        {".5", 500},
        {"100m", 100},
        {"1n", 1},
        {"999u", 1},
        {"1e3", 1000000},
        {"2e3", 2000000},
        {"2k", 2000000},
        {"64Mi", 67108864000},
        {"1Gi", 1073741824000},
        {"1G", 1000000000000},
        {"1M", 1000000000},
        {"1Ki", 1024000},
        {"", -1},
        {"m", -1},
        {"Mi", -1},
        {"-1", -1},
        {"1x", -1},
        {"1 Mi", -1},
        {"99999P", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *text = json_string(cases[i].text);
        int64_t milli = -1;
        int rc = quantity_parse(text, &milli);

        assert_int_equal(rc, cases[i].milli < 0 ? ERR_INVALID : 0);
        assert_int_equal(milli, cases[i].milli);
    }
}

static void numbers_and_nothing(void **state)
{
    SCOPED(json_drop) json_t *number = json_real(0.25);
    int64_t milli = 0;

    (void)state;
    assert_int_equal(quantity_parse(number, &milli), 0);
    assert_int_equal(milli, 250);
    assert_int_equal(quantity_parse(NULL, &milli), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_in_thousandths),
        cmocka_unit_test(numbers_and_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
