/* SPDX-License-Identifier: Apache-2.0 */
/* Two that would lead, on one Lease: one does; when it goes, the other one takes over.
 */
#include "test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/lease.h"
#include "fake_api.h"
#include "wire/json.h"

enum { WAIT_MS = 20000, DURATION_MS = 1000 };

struct fixture {
    struct loop *loop;
    struct fake_api api;
    struct kube_client *client;
};

static void on_change(bool is_held, void *ctx)
{
    *(int *)ctx += is_held ? 1 : 100;
}

static struct lease *contend(struct fixture *f, const char *identity, int *changes)
{
    const struct lease_options options = {.client = f->client,
                                          .ns = "istio-system",
                                          .name = "lead",
                                          .identity = identity,
                                          .duration_ms = DURATION_MS,
                                          .on_change = on_change,
                                          .ctx = changes};

    return lease_new(&options);
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    f->client = fake_api_open(&f->api);
    f->loop = f->api.loop;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fake_api_close(&f->api, f->client);
    mem_free(f);
    return 0;
}

static void wait_for(struct fixture *f, const struct lease *lease)
{
    uint64_t start_ms = clock_monotonic_ms();

    while (!lease_is_held(lease)) {
        if (clock_monotonic_ms() - start_ms > WAIT_MS)
            fail_msg("nobody leads");
        loop_run_once(f->loop, 20);
    }
}

static const char *holder(const struct fixture *f)
{
    return json_path_string_or(
        fake_api_get(&f->api, "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/lead"),
        "spec.holderIdentity", "");
}

static const json_t *spec_of(const struct fixture *f)
{
    return json_object_get(
        fake_api_get(&f->api, "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/lead"),
        "spec");
}

/* "2026-11-25T09:53:52.123000Z": six digits, or a real API server refuses it. */
static void assert_micro_time(const json_t *spec, const char *key)
{
    const char *text = json_path_string_or(spec, key, "");

    assert_int_equal(strlen(text), 27);
    assert_true(text[19] == '.' && text[26] == 'Z');
}

static void what_is_written_depends_on_contention(void **state)
{
    struct fixture *f = *state;
    int changes = 0;
    struct lease_options options = {.client = f->client,
                                    .ns = "istio-system",
                                    .name = "lead",
                                    .identity = "me",
                                    .duration_ms = 40000};
    struct lease *lease = lease_new(&options);

    wait_for(f, lease);
    assert_micro_time(spec_of(f), "renewTime");
    assert_int_equal(json_path_int(spec_of(f), "leaseDurationSeconds", 0), 40);
    assert_null(json_object_get(spec_of(f), "acquireTime")); /* a mere sign of life */
    assert_null(json_object_get(spec_of(f), "leaseTransitions"));
    lease_free(lease);
    fake_api_delete(&f->api, "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/lead");
    lease = contend(f, "me", &changes);
    wait_for(f, lease);
    assert_micro_time(spec_of(f), "acquireTime");
    assert_int_equal(json_path_int(spec_of(f), "leaseTransitions", -1), 0);
    lease_free(lease);
}

static void one_leads_and_is_followed(void **state)
{
    struct fixture *f = *state;
    int first_changes = 0;
    int second_changes = 0;
    struct lease *first = contend(f, "first", &first_changes);
    struct lease *second;
    uint64_t start_ms;

    wait_for(f, first);
    assert_string_equal(holder(f), "first");
    second = contend(f, "second", &second_changes);
    start_ms = clock_monotonic_ms();
    while (clock_monotonic_ms() - start_ms < (uint64_t)DURATION_MS * 2)
        loop_run_once(f->loop, 20); /* it is renewed all the while */
    assert_true(lease_is_held(first));
    assert_int_equal(second_changes, 0);
    lease_free(first); /* as when its process is killed: the Lease stays */
    wait_for(f, second);
    assert_string_equal(holder(f), "second");
    assert_int_equal(first_changes, 1);
    assert_int_equal(second_changes, 1);
    lease_free(second);
}

/* An API server that is away for the duration ends the lead: another one may have it by then. */
static void no_renewal_no_lead(void **state)
{
    struct fixture *f = *state;
    int changes = 0;
    struct lease *lease = contend(f, "alone", &changes);
    uint64_t start_ms;

    wait_for(f, lease);
    fake_api_down(&f->api);
    start_ms = clock_monotonic_ms();
    while (lease_is_held(lease) && clock_monotonic_ms() - start_ms < WAIT_MS)
        loop_run_once(f->loop, 20);
    assert_false(lease_is_held(lease));
    assert_int_equal(changes, 101);
    fake_api_up(&f->api);
    wait_for(f, lease); /* the Lease is still its own */
    lease_free(lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_leads_and_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_depends_on_contention, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_renewal_no_lead, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
