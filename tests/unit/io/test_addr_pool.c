/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of a /16 network, handed out. */
#include "test.h"

#include "io/addr_pool.h"

static void addresses_rest_before_they_come_again(void **state)
{
    static struct addr_pool pool;
    char ip[ADDR_POOL_TEXT_SIZE];

    (void)state;
    assert_int_equal(addr_pool_init(&pool, "10.64.0.1"), 0);
    addr_pool_mark(&pool, "10.64.1.2", true);
    addr_pool_mark(&pool, "10.65.1.3", true); /* of another network */
    addr_pool_mark(&pool, "no address", true);
    assert_int_equal(addr_pool_take(&pool, ip), 0);
    assert_string_equal(ip, "10.64.1.1");
    addr_pool_mark(&pool, ip, false);
    assert_int_equal(addr_pool_take(&pool, ip), 0);
    assert_string_equal(ip, "10.64.1.3");
}

static void all_of_them_once(void **state)
{
    static struct addr_pool pool;
    char ip[ADDR_POOL_TEXT_SIZE] = "";
    int count = 0;

    (void)state;
    assert_int_equal(addr_pool_init(&pool, "10.64.0.1"), 0);
    while (addr_pool_take(&pool, ip) == 0)
        count++;
    assert_int_equal(count, 255 * 254);
    assert_string_equal(ip, "10.64.255.254");
    addr_pool_mark(&pool, "10.64.7.7", false);
    assert_int_equal(addr_pool_take(&pool, ip), 0);
    assert_string_equal(ip, "10.64.7.7");
    assert_int_equal(addr_pool_take(&pool, ip), ERR_LIMIT);
}

static void what_is_no_address_makes_no_pool(void **state)
{
    static struct addr_pool pool;

    (void)state;
    assert_int_equal(addr_pool_init(&pool, "10.64"), ERR_INVALID);
    assert_int_equal(addr_pool_init(&pool, "10.640.0.1"), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_rest_before_they_come_again),
        cmocka_unit_test(all_of_them_once),
        cmocka_unit_test(what_is_no_address_makes_no_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
