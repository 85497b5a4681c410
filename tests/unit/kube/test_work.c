/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of controllers, with small controllers of its own against a small API server: Pods that
 * want ConfigMaps.
 */
#include "test.h"
#include "until.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_api.h"
#include "kube/objects/object.h"
#include "kube/work.h"
#include "wire/json.h"

enum { MANY = 100 };

struct fixture {
    struct loop *loop;
    struct fake_api api;
    struct kube_client *client;
    struct work_queue *queue;
    unsigned syncs, gone_syncs, answers, results;
    unsigned counted[2]; /* syncs of count_sync, of the Pods a and b */
    int answer_code;
    bool again;
};

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

    work_queue_free(f->queue);
    fake_api_close(&f->api, f->client);
    mem_free(f);
    return 0;
}

static void watch(struct fixture *f, const struct work_kind *const *kinds, size_t count)
{
    static const enum kube_resource_id resources[] = {KUBE_RESOURCE_POD, KUBE_RESOURCE_CONFIG_MAP};
    const struct work_options options = {.kinds = kinds,
                                         .kind_count = count,
                                         .resources = resources,
                                         .resource_count = ARRAY_LEN(resources),
                                         .ctx = f};

    assert_int_equal(work_queue_new(f->client, &options, &f->queue), 0);
    assert_ptr_equal(work_queue_ctx(f->queue), f);
}

static void pod_put(struct fixture *f, const char *name, int64_t wants)
{
    SCOPED(mem_drop) char *path = mem_printf("/api/v1/namespaces/demo/pods/%s", name);

    fake_api_put(&f->api, path,
                 json_pack("{s:s,s:s,s:{s:s,s:s,s:s},s:{s:I}}", "apiVersion", "v1", "kind", "Pod",
                           "metadata", "namespace", "demo", "name", name, "uid", name, "spec",
                           "wants", (json_int_t)wants));
}

static size_t map_count(const struct fixture *f)
{
    size_t count = 0;
    const char *path;
    json_t *object;

    json_object_foreach(f->api.objects, path, object) count += strstr(path, "/configmaps/") != NULL;
    return count;
}

/* --- a controller: spec.wants ConfigMaps a Pod, counted in its status --- */

static void maps_sync(struct work *work, json_t *pod)
{
    struct fixture *f = work_queue_ctx(work->queue);
    int64_t wants = json_path_int(pod, "spec.wants", 0);
    int64_t have = 0;
    size_t cursor = 0;
    json_t *map;

    f->syncs++;
    f->gone_syncs += pod == NULL;
    if (!pod)
        return;
    while ((map = work_next(work->queue, KUBE_RESOURCE_CONFIG_MAP, work->ns, &cursor)))
        have += kube_is_owned_by(map, pod);
    for (int64_t i = have; i < wants; i++) {
        SCOPED(mem_drop) char *name = mem_printf("%s-%d", work->name, (int)i);

        if (!work_call(work, KUBE_CREATE, KUBE_RESOURCE_CONFIG_MAP, work->ns, NULL, NULL,
                       json_pack("{s:{s:s,s:s,s:o}}", "metadata", "namespace", work->ns, "name",
                                 name, "ownerReferences", kube_owner_refs(pod))))
            return;
    }
    if (work->call_count == 0)
        work_status_write(work, pod, json_pack("{s:I}", "maps", (json_int_t)have));
}

static void maps_result(struct work *work, const struct kube_result *result)
{
    struct fixture *f = work_queue_ctx(work->queue);

    f->results += result->code == 0;
}

static const struct work_kind maps = {"maps", KUBE_RESOURCE_POD, maps_sync, maps_result, true,
                                      false};
static const struct work_kind *const maps_only[] = {&maps};

static int64_t maps_told(const struct fixture *f, const char *name)
{
    SCOPED(mem_drop) char *path = mem_printf("/api/v1/namespaces/demo/pods/%s", name);

    return json_path_int(fake_api_get(&f->api, path), "status.maps", -1);
}

/* Each sync sees what the one before wrote: nothing is written twice. */
static void writes_once(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", 1);
    pod_put(f, "b", 3);
    watch(f, maps_only, 1);
    assert_int_equal(f->syncs, 0); /* never within the start */
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 1 && maps_told(f, "b") == 3);
    assert_int_equal(map_count(f), 4);
    LOOP_UNTIL(f->loop, json_path_int(work_get(f->queue, KUBE_RESOURCE_POD, "demo", "b"),
                                      "status.maps", 0) == 3);
    assert_int_equal(f->api.write_count, 4 + 2);
    assert_int_equal(f->results, 4 + 2);
    assert_int_equal(work_count(f->queue, KUBE_RESOURCE_CONFIG_MAP), 4);
    assert_int_equal(work_count(f->queue, KUBE_RESOURCE_SERVICE), 0); /* not watched */
    assert_null(work_get(f->queue, KUBE_RESOURCE_SERVICE, "demo", "a"));
}

/* What an object controls brings its item round. */
static void owners_look_again(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", 2);
    watch(f, maps_only, 1);
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 2);
    fake_api_delete(&f->api, "/api/v1/namespaces/demo/configmaps/a-1");
    LOOP_UNTIL(f->loop, map_count(f) == 2);
}

/* More than may be under way at once. */
static void many_calls(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", MANY);
    watch(f, maps_only, 1);
    LOOP_UNTIL(f->loop, maps_told(f, "a") == MANY);
    assert_int_equal(map_count(f), MANY);
    assert_int_equal(f->api.write_count, MANY + 1);
}

/* A write that fails is tried again. */
static void failures_rest(void **state)
{
    struct fixture *f = *state;

    watch(f, maps_only, 1);
    pod_put(f, "a", 0);
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 0);
    pod_put(f, "a", 1);
    LOOP_UNTIL(f->loop,
               json_path_int(work_get(f->queue, KUBE_RESOURCE_POD, "demo", "a"), "spec.wants", 0));
    fake_api_down(&f->api);
    for (int i = 0; i < 5; i++)
        loop_run_once(f->loop, 20);
    fake_api_up(&f->api);
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 1);
}

/* The end of an object is told once. */
static void object_goes(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", 0);
    watch(f, maps_only, 1);
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 0);
    fake_api_delete(&f->api, "/api/v1/namespaces/demo/pods/a");
    LOOP_UNTIL(f->loop, f->gone_syncs == 1);
    pod_put(f, "a", 0); /* a new one of that name starts anew */
    LOOP_UNTIL(f->loop, maps_told(f, "a") == 0);
    assert_int_equal(f->gone_syncs, 1);
}

/* --- a controller that counts its syncs, asks for one more, and reads --- */

static void on_answer(struct work *work, const struct kube_result *result)
{
    struct fixture *f = work_queue_ctx(work->queue);

    f->answers++;
    f->answer_code = result->code;
}

static void count_sync(struct work *work, json_t *pod)
{
    struct fixture *f = work_queue_ctx(work->queue);

    (void)pod;
    f->syncs++;
    f->counted[work->name[0] - 'a']++;
    if (f->again && work->phase++ == 0)
        work_again(work, 30);
    work_read(work, kube_resource_get(KUBE_RESOURCE_SERVICE), work->ns, work->name, on_answer);
}

static const struct work_kind counting = {
    .name = "counting", .resource = KUBE_RESOURCE_POD, .sync = count_sync, .is_spec_only = true};
static const struct work_kind *const counting_only[] = {&counting};

static void again_and_spec_only(void **state)
{
    struct fixture *f = *state;

    f->again = true;
    pod_put(f, "a", 1);
    watch(f, counting_only, 1);
    LOOP_UNTIL(f->loop, f->answers == 2);
    assert_int_equal(f->syncs, 2);
    pod_put(f, "a", 1); /* the spec is the same */
    pod_put(f, "b", 1);
    LOOP_UNTIL(f->loop, f->counted[1] == 2); /* so what the put of a brought is over */
    assert_int_equal(f->counted[0], 2);
    pod_put(f, "a", 2);
    LOOP_UNTIL(f->loop, f->counted[0] == 3);
}

static void read_answers(void **state)
{
    struct fixture *f = *state;

    fake_api_put(&f->api, "/api/v1/namespaces/demo/services/a", json_object());
    pod_put(f, "a", 1);
    watch(f, counting_only, 1);
    LOOP_UNTIL(f->loop, f->answers == 1);
    assert_int_equal(f->answer_code, 0);
    pod_put(f, "b", 1); /* without a Service */
    LOOP_UNTIL(f->loop, f->answers == 2);
    assert_int_equal(f->answer_code, ERR_NOT_FOUND);
}

/* Marks by hand, of a kind that no change marks. */
static void marks(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", 1);
    pod_put(f, "b", 1);
    watch(f, NULL, 0);
    LOOP_UNTIL(f->loop, work_count(f->queue, KUBE_RESOURCE_POD) == 2);
    assert_int_equal(f->syncs, 0);
    work_mark(f->queue, &counting, "demo", "a");
    work_mark(f->queue, &counting, "demo", "a");
    LOOP_UNTIL(f->loop, f->answers == 1);
    work_mark_all(f->queue, &counting, "other");
    work_mark_all(f->queue, &counting, NULL);
    LOOP_UNTIL(f->loop, f->answers == 3);
    assert_int_equal(f->syncs, 3);
}

/* The end comes while calls are under way. */
static void ends_in_between(void **state)
{
    struct fixture *f = *state;

    pod_put(f, "a", MANY);
    watch(f, maps_only, 1);
    LOOP_UNTIL(f->loop, f->syncs == 1);
    work_queue_free(TAKE(f->queue));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(writes_once),     TEST(owners_look_again),   TEST(many_calls),   TEST(failures_rest),
        TEST(object_goes),     TEST(again_and_spec_only), TEST(read_answers), TEST(marks),
        TEST(ends_in_between),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
