/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of kinds: definitions come and go, versions have an order. */
#include "test.h"

#include "sandbox/kinds.h"

static struct loop *loop;
static struct store *store;
static struct kinds kinds;

static int set_up(void **state)
{
    (void)state;
    if (loop_new(&loop) != 0 || store_open(loop, NULL, &store, NULL) != 0)
        return -1;
    kinds_init(&kinds, store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kinds_deinit(&kinds);
    store_close(store);
    loop_free(loop);
    return 0;
}

static void definitions(void **state)
{
    json_t *crd =
        json_pack("{s:{s:s, s:s, s:{s:s, s:s, s:s}, s:[{s:s, s:b, s:b}]}}", "spec", "group",
                  "x.test", "scope", "Namespaced", "names", "plural", "boats", "singular", "boat",
                  "kind", "Boat", "versions", "name", "v1", "served", 1, "storage", 1);

    (void)state;
    assert_int_equal(kinds_crd_add(&kinds, crd), 0);
    assert_non_null(kinds_find(&kinds, SLICE("x.test"), SLICE("v1"), SLICE("boats")));
    assert_non_null(kinds_find_object(&kinds, "x.test/v1", "Boat"));
    kinds_crd_remove(&kinds, crd);
    assert_null(kinds_find(&kinds, SLICE("x.test"), SLICE("v1"), SLICE("boats")));
    json_decref(crd);
}

static void version_order(void **state)
{
    (void)state;
    assert_true(kinds_version_cmp("v2", "v1") < 0);
    assert_true(kinds_version_cmp("v1", "v1beta1") < 0);
    assert_true(kinds_version_cmp("v1beta2", "v1beta1") < 0);
    assert_true(kinds_version_cmp("v1beta1", "v1alpha3") < 0);
    assert_true(kinds_version_cmp("v1", "odd") < 0);
    assert_int_equal(kinds_version_cmp("v1", "v1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions),
        cmocka_unit_test(version_order),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
