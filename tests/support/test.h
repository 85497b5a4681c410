/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with what it needs before it, and a few assertions in weft's types.
 *
 *   static void roundtrip(void **state) { (void)state; assert_slice(got, "text"); }
 *   int main(void) { const struct CMUnitTest tests[] = {cmocka_unit_test(roundtrip)};
 *                    return cmocka_run_group_tests(tests, NULL, NULL); }
 */
#ifndef WEFT_TESTS_SUPPORT_TEST_H
#define WEFT_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

/* The slice holds exactly this text; prints both when not. */
#define assert_slice(got, expected)                                                                \
    do {                                                                                           \
        struct slice got_ = (got);                                                                 \
        struct slice expected_ = slice_str(expected);                                              \
        if (!slice_eq(got_, expected_))                                                            \
            fail_msg("got \"%.*s\", expected \"%s\"", SLICE_ARG(got_), expected);                  \
    } while (0)

#endif
