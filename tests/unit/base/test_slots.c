/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of names: dealt out in order, once each, and given back. */
#include "test.h"

#include "base/file.h"
#include "base/slots.h"

#include <stdio.h>
#include <stdlib.h>

static bool one_is_taken(unsigned number)
{
    return number == 1;
}

static void numbers_are_dealt_once(void **state)
{
    char root[] = "/tmp/weft-test-slots-XXXXXX";
    char folder[64];
    struct error err = {0};
    unsigned number = 99;

    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/numbers", root);
    assert_int_equal(slots_find(folder, 3, "blue", &number), ERR_NOT_FOUND);
    assert_int_equal(slots_take(folder, 3, "blue", one_is_taken, &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(slots_take(folder, 3, "red", one_is_taken, &number, &err), 0);
    assert_int_equal(number, 2);
    assert_int_equal(slots_take(folder, 3, "green", one_is_taken, &number, &err), ERR_LIMIT);
    assert_int_equal(slots_take(folder, 3, "green", NULL, &number, &err), 0);
    assert_int_equal(number, 1);
    assert_int_equal(slots_find(folder, 3, "red", &number), 0);
    assert_int_equal(number, 2);
    assert_int_equal(slots_find(folder, 3, "re", &number), ERR_NOT_FOUND);

    for (unsigned i = 0; i < 3; i++) {
        assert_true(file_exists(folder));
        assert_int_equal(slots_drop(folder, i, &err), 0);
    }
    assert_false(file_exists(folder));
    assert_int_equal(slots_drop(folder, 0, &err), 0);
    assert_int_equal(file_remove_tree(root, NULL), 0);
}

static void a_folder_that_cannot_be_is_named(void **state)
{
    struct error err = {0};
    unsigned number = 7;

    (void)state;
    assert_true(slots_take("/dev/null/numbers", 3, "blue", NULL, &number, &err) < 0);
    assert_non_null(strstr(err.path[0] ? err.path : err.reason, "/dev/null"));
    assert_int_equal(number, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_dealt_once),
        cmocka_unit_test(a_folder_that_cannot_be_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
