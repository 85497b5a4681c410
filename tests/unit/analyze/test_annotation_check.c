/* SPDX-License-Identifier: Apache-2.0 */
/* Values of annotations at their limits. */
#include "test.h"

#include "analyze/annotation_check.h"

static const struct {
    enum annotation_check check;
    const char *value;
    bool is_valid;
} cases[] = {
    {ANNOTATION_CHECK_NONE, "", true},
    {ANNOTATION_CHECK_BOOL, "true", true},
    {ANNOTATION_CHECK_BOOL, "F", true},
    {ANNOTATION_CHECK_BOOL, "tRue", false},
    {ANNOTATION_CHECK_BOOL, "", false},
    {ANNOTATION_CHECK_NUMBER, "0", true},
    {ANNOTATION_CHECK_NUMBER, "4294967295", true},
    {ANNOTATION_CHECK_NUMBER, "4294967296", false},
    {ANNOTATION_CHECK_NUMBER, "-1", false},
    {ANNOTATION_CHECK_NUMBER, "", false},
    {ANNOTATION_CHECK_QUANTITY, "100m", true},
    {ANNOTATION_CHECK_QUANTITY, "1.5", true},
    {ANNOTATION_CHECK_QUANTITY, ".5Gi", true},
    {ANNOTATION_CHECK_QUANTITY, "+1e3", true},
    {ANNOTATION_CHECK_QUANTITY, "1E", true},
    {ANNOTATION_CHECK_QUANTITY, "-2Ki", true},
    {ANNOTATION_CHECK_QUANTITY, "1.2.3", false},
    {ANNOTATION_CHECK_QUANTITY, ".", false},
    {ANNOTATION_CHECK_QUANTITY, "Gi", false},
    {ANNOTATION_CHECK_QUANTITY, "1gi", false},
    {ANNOTATION_CHECK_QUANTITY, "", false},
    {ANNOTATION_CHECK_INTERCEPTION, "NONE", true},
    {ANNOTATION_CHECK_INTERCEPTION, "redirect", false},
    {ANNOTATION_CHECK_STATUS_PORT, "15020", true},
    {ANNOTATION_CHECK_STATUS_PORT, " 1 ", true},
    {ANNOTATION_CHECK_STATUS_PORT, "65536", false},
    {ANNOTATION_CHECK_PORTS_OR_ALL, "*", true},
    {ANNOTATION_CHECK_PORTS_OR_ALL, "", true},
    {ANNOTATION_CHECK_PORTS_OR_ALL, "80, 443", true},
    {ANNOTATION_CHECK_PORTS_OR_ALL, "80,,443", false},
    {ANNOTATION_CHECK_PORTS_IN, "*", false},
    {ANNOTATION_CHECK_PORTS_OUT, "80-90", false},
    {ANNOTATION_CHECK_RANGES_OR_ALL, "*", true},
    {ANNOTATION_CHECK_RANGES, "*", false},
    {ANNOTATION_CHECK_RANGES, "", true},
    {ANNOTATION_CHECK_RANGES, "10.0.0.0/8,fd00::/8", true},
    {ANNOTATION_CHECK_RANGES, "10.0.0.0", false},
    {ANNOTATION_CHECK_RANGES, "10.0.0.0/33", false},
    {ANNOTATION_CHECK_RANGES, "fd00::/129", false},
    {ANNOTATION_CHECK_RANGES, "10.0.0/8", false},
    {ANNOTATION_CHECK_RANGES, "10.0.0.0/8, 11.0.0.0/8", false},
    {ANNOTATION_CHECK_INTERFACES, "eth0,net1", true},
    {ANNOTATION_CHECK_INTERFACES, "", true},
    {ANNOTATION_CHECK_INTERFACES, "a-name-of-15-byt", false},
    {ANNOTATION_CHECK_INTERFACES, "eth 0", false},
    {ANNOTATION_CHECK_INTERFACES, "a/b", false},
    {ANNOTATION_CHECK_YAML, "concurrency: 2", true},
    {ANNOTATION_CHECK_YAML, "{}", true},
    {ANNOTATION_CHECK_YAML, "[1]", false},
    {ANNOTATION_CHECK_YAML, "a: [", false},
};

static void values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        int rc = annotation_value_check(cases[i].check, cases[i].value, &err);

        if ((rc == 0) != cases[i].is_valid)
            fail_msg("check %d of \"%s\": %d %s", (int)cases[i].check, cases[i].value, rc,
                     err.reason);
        assert_true(rc == 0 || err.reason[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
