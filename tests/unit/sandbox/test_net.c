/* SPDX-License-Identifier: Apache-2.0 */
/* An instance's name, numbers and network on this machine. The network needs root: else skipped. */
#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "io/loop.h"
#include "io/process.h"
#include "sandbox/instance.h"
#include "sandbox/net.h"

static char root[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/weft-test-net-%d", (int)getpid());
    setenv("WEFT_STATE", root, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(root, NULL);
}

static void names_are_checked(void **state)
{
    static const char *const bad[] = {"", "A", "a_b", "-a", "a-", "a/b", "abcdefghijklmnopqrstu"};
    struct instance instance;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};

        assert_int_equal(instance_open(bad[i], true, &instance, &err), ERR_INVALID);
        assert_string_equal(err.path, "--name");
    }
}

static void instances_share_nothing(void **state)
{
    struct instance a, b, again;
    struct error err = {0};

    (void)state;
    assert_int_equal(instance_open("nope", false, &a, &err), ERR_NOT_FOUND);
    assert_int_equal(instance_open("one", true, &a, &err), 0);
    assert_int_equal(instance_open("two", true, &b, &err), 0);
    assert_int_not_equal(a.number, b.number);
    assert_string_not_equal(a.route_cidr, b.route_cidr);
    assert_string_not_equal(a.host_link, b.host_link);
    assert_string_not_equal(a.netns, b.netns);
    assert_int_not_equal(a.api_port, b.api_port);
    assert_int_equal(instance_open("one", false, &again, &err), 0);
    assert_int_equal(again.number, a.number);
    assert_int_equal(instance_remove(&a, &err), 0);
    assert_int_equal(instance_open("one", false, &again, &err), ERR_NOT_FOUND);
    assert_int_equal(instance_remove(&b, &err), 0);
}

static bool ping(const char *netns, const char *to)
{
    const char *argv[] = {"ip", "netns", "exec", netns, "busybox", "ping", "-c1", "-W2", to, NULL};
    struct process_options options = {.argv = argv, .timeout_ms = 10000};

    return process_run(&options, NULL, NULL) == 0;
}

static void network_comes_and_goes(void **state)
{
    struct instance in;
    struct error err = {0};
    char a[NET_NAME_SIZE], ip_a[32], ip_b[32];

    (void)state;
    if (geteuid() != 0)
        skip();
    snprintf(a, sizeof a, "t%d", (int)getpid() % 100000);
    assert_int_equal(instance_open(a, true, &in, &err), 0);
    /* numbers of this test's own registry may be in use by a real sandbox: take a far one */
    while (in.number < 24) {
        char path[160];

        snprintf(path, sizeof path, "%s/.instances/%u", root, in.number);
        assert_int_equal(file_write(path, SLICE("taken"), 0644, &err), 0);
        assert_int_equal(instance_open(a, true, &in, &err), 0);
    }
    if (net_up(&in, &err) != 0)
        fail_msg("%s", err.reason);
    assert_true(net_is_up(&in));
    assert_int_equal(net_up(&in, &err), 0);
    snprintf(ip_a, sizeof ip_a, "%.*s5", (int)strlen(in.pod_gateway) - 1, in.pod_gateway);
    snprintf(ip_b, sizeof ip_b, "%.*s6", (int)strlen(in.pod_gateway) - 1, in.pod_gateway);
    if (net_pod_add(&in, "11111111-aaaa-4000-8000-000000000001", ip_a, &err) != 0 ||
        net_pod_add(&in, "22222222-aaaa-4000-8000-000000000002", ip_b, &err) != 0)
        fail_msg("%s", err.reason);
    net_pod_netns(&in, "11111111-aaaa-4000-8000-000000000001", a);
    assert_true(ping(a, ip_b));
    assert_true(ping(a, in.host_ip));
    assert_int_equal(net_pod_remove(&in, "11111111-aaaa-4000-8000-000000000001", &err), 0);
    if (net_down(&in, &err) != 0)
        fail_msg("%s", err.reason);
    assert_false(net_is_up(&in));
    assert_int_equal(net_down(&in, &err), 0);
    assert_int_equal(instance_remove(&in, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(instances_share_nothing),
        cmocka_unit_test(network_comes_and_goes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
