/* SPDX-License-Identifier: Apache-2.0 */
/* A Node comes into the API, stays fresh, comes again when it was deleted, and has its Lease.
 */
#include "test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_api.h"
#include "kube/node_presence.h"
#include "wire/json.h"

#define NODE "/api/v1/nodes/n1"
#define LEASE "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"

enum { WAIT_MS = 20000, INTERVAL_MS = 20 };

struct fixture {
    struct loop *loop;
    struct fake_api api;
    struct kube_client *client;
    struct node_presence *presence;
};

static int set_up(void **state)
{
    static const struct node_facts facts = {.name = "n1",
                                            .internal_ip = "10.3.0.2",
                                            .os_image = "os",
                                            .kernel_version = "6.1",
                                            .runtime_version = "runc://1",
                                            .kubelet_version = "v1.34.0",
                                            .cpu_count = 2};
    struct fixture *f = MEM_NEW(struct fixture);

    f->client = fake_api_open(&f->api);
    f->loop = f->api.loop;
    f->presence = node_presence_new(f->client, &facts, INTERVAL_MS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    node_presence_free(f->presence);
    fake_api_close(&f->api, f->client);
    mem_free(f);
    return 0;
}

/* Until the object is there, in a version after `version`. */
static int64_t wait_for(struct fixture *f, const char *path, int64_t version)
{
    uint64_t start_ms = clock_monotonic_ms();

    for (;;) {
        const json_t *object = fake_api_get(&f->api, path);
        const char *text = json_path_string_or(object, "metadata.resourceVersion", "0");
        int64_t seen = strtoll(text, NULL, 10);

        if (object && seen > version)
            return seen;
        if (clock_monotonic_ms() - start_ms > WAIT_MS)
            fail_msg("%s: not written after version %lld", path, (long long)version);
        loop_run_once(f->loop, 20);
    }
}

static void a_node_is_made_and_kept_fresh(void **state)
{
    struct fixture *f = *state;
    int64_t version = wait_for(f, NODE, 0);

    assert_string_equal(json_path_string(fake_api_get(&f->api, NODE), "status.capacity.cpu"), "2");
    version = wait_for(f, NODE, version);
    (void)wait_for(f, NODE, version);
    assert_string_equal(json_path_string(fake_api_get(&f->api, NODE), "kind"), "Node");
    (void)wait_for(f, LEASE, 0);
    assert_string_equal(json_path_string(fake_api_get(&f->api, LEASE), "spec.holderIdentity"),
                        "n1");
}

static void a_deleted_node_is_made_again(void **state)
{
    struct fixture *f = *state;
    int64_t version = wait_for(f, NODE, wait_for(f, NODE, 0));

    fake_api_delete(&f->api, NODE);
    (void)wait_for(f, NODE, version);
    assert_string_equal(json_path_string(fake_api_get(&f->api, NODE), "kind"), "Node");
}

static void one_that_is_there_is_taken_up(void **state)
{
    struct fixture *f = *state;
    json_t *node =
        json_pack("{s:{s:s,s:{s:s}}}", "metadata", "name", "n1", "labels", "mine", "yes");
    int64_t version;

    fake_api_put(&f->api, NODE, node); /* before the loop ran for the first time */
    version = wait_for(f, NODE, 0);
    (void)wait_for(f, NODE, version);
    node = fake_api_get(&f->api, NODE);
    assert_string_equal(json_path_string(node, "metadata.labels.mine"), "yes");
    assert_string_equal(json_path_string(node, "status.capacity.cpu"), "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_is_made_and_kept_fresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_node_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_there_is_taken_up, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
