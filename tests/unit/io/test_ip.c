/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces of this machine. They need root: else skipped. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "io/ip.h"

static void namespaces_come_and_go(void **state)
{
    const char *show[] = {"grep", "-q", "^t1:", "-", NULL};
    const char *fail[] = {"sh", "-c", "echo no >&2; exit 3", NULL};
    char first[48], second[48], prefix[32];
    struct error err = {0};

    (void)state;
    if (geteuid() != 0)
        skip();
    snprintf(prefix, sizeof prefix, "t-ip-%d.", (int)getpid());
    snprintf(first, sizeof first, "%sa", prefix);
    snprintf(second, sizeof second, "%sb", prefix);
    assert_int_equal(ip_netns_add(first, &err), 0);
    assert_int_equal(ip_netns_add(second, &err), 0);
    assert_true(ip_netns_exists(first));
    assert_true(ip_netns_add(first, &err) < 0);
    assert_non_null(strstr(err.reason, "ip netns add: "));
    assert_int_equal(ip_batch(first, "link set lo up\nlink add t1 type bridge\n", &err), 0);
    assert_true(ip_batch(first, "link add t1 type bridge\n", &err) < 0);
    assert_int_equal(ip_netns_exec(first, show, "t1: here\n", &err), 0);
    assert_true(ip_netns_exec(first, fail, "", &err) < 0);
    assert_string_equal(err.reason, "sh: exit code 3: no");
    assert_int_equal(ip_netns_delete(first, &err), 0);
    assert_false(ip_netns_exists(first));
    assert_int_equal(ip_netns_delete(first, &err), 0);
    assert_int_equal(ip_netns_delete_all(prefix, &err), 0);
    assert_false(ip_netns_exists(second));
}

static void links_that_are_not_there(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(ip_link_delete("t-no-such", &err), 0);
    assert_false(ip_route_is_by("127.0.0.1", "t-no-such"));
    assert_true(ip_route_is_by("127.0.0.1", "lo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(namespaces_come_and_go),
        cmocka_unit_test(links_that_are_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
