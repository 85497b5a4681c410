/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and caches against a small API server that comes, goes, forgets and refuses.
 */
#include "test.h"
#include "until.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_api.h"
#include "kube/cache.h"
#include "wire/json.h"

struct fixture {
    struct loop *loop;
    struct fake_api api;
    struct kube_client *client;
    struct kube_cache *cache;
    unsigned added, modified, deleted, synced;
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

    kube_cache_free(f->cache);
    fake_api_close(&f->api, f->client);
    mem_free(f);
    return 0;
}

static json_t *pod(const char *name, const char *value)
{
    return json_pack("{s:{s:s, s:s}, s:{s:s}}", "metadata", "namespace", "demo", "name", name,
                     "spec", "value", value);
}

static char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "/api/v1/namespaces/demo/pods/%s", name);
    return path;
}

/* --- calls --- */

static void calls(void **state)
{
    struct fixture *f = *state;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = "demo",
                                   .name = "absent"};
    struct error err = {0};
    json_t *object = NULL;

    assert_int_equal(kube_call_wait(f->client, &request, NULL, &err), ERR_NOT_FOUND);
    assert_string_equal(err.reason, "pods \"absent\" not found");
    assert_non_null(strstr(err.path, "/api/v1/namespaces/demo/pods/absent"));
    request.verb = KUBE_CREATE;
    request.name = NULL;
    request.body = pod("a", "1");
    assert_int_equal(kube_call_wait(f->client, &request, &object, &err), 0);
    assert_string_equal(kube_name(object), "a");
    assert_string_equal(kube_namespace(object), "demo");
    json_decref(object);
    assert_int_equal(kube_call_wait(f->client, &request, NULL, &err), ERR_EXISTS);
    json_decref((json_t *)(uintptr_t)request.body);
    request.verb = KUBE_PATCH_MERGE;
    request.name = "a";
    request.body = json_pack("{s:{s:s}}", "spec", "value", "2");
    assert_int_equal(kube_call_wait(f->client, &request, &object, &err), 0);
    assert_string_equal(json_path_string(object, "spec.value"), "2");
    json_decref(object);
    json_decref((json_t *)(uintptr_t)request.body);
}

static void server_away(void **state)
{
    struct fixture *f = *state;
    struct kube_request request = {.verb = KUBE_GET, .raw_path = "/api/v1/pods"};
    struct error err = {0};

    fake_api_down(&f->api);
    assert_true(kube_call_wait(f->client, &request, NULL, &err) < 0);
    assert_true(err.reason[0]);
    fake_api_up(&f->api);
    assert_int_equal(kube_call_wait(f->client, &request, NULL, &err), 0);
}

/* --- caches --- */

static void on_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    struct fixture *f = ctx;

    assert_non_null(object);
    assert_int_equal(old == NULL, change == KUBE_ADDED);
    assert_string_equal(json_path_string_or(object, "kind", ""), "Pod");
    assert_int_equal(kube_cache_get(cache, kube_namespace(object), kube_name(object)) == NULL,
                     change == KUBE_DELETED);
    f->added += change == KUBE_ADDED;
    f->modified += change == KUBE_MODIFIED;
    f->deleted += change == KUBE_DELETED;
}

static void on_synced(struct kube_cache *cache, void *ctx)
{
    (void)cache;
    ((struct fixture *)ctx)->synced++;
}

static void cache_start(struct fixture *f)
{
    static const struct kube_cache_events events = {.on_change = on_change, .on_synced = on_synced};
    struct kube_cache_options options = {.resource = kube_resource_get(KUBE_RESOURCE_POD)};

    assert_int_equal(kube_cache_new(f->client, &options, &events, f, &f->cache), 0);
    LOOP_UNTIL(f->loop, f->synced == 1 && f->api.watch_count > 0);
}

static void list_and_watch(void **state)
{
    struct fixture *f = *state;
    size_t cursor = 0;

    fake_api_put(&f->api, path_of("a"), pod("a", "1"));
    fake_api_put(&f->api, path_of("b"), pod("b", "1"));
    cache_start(f);
    assert_int_equal(f->added, 2);
    assert_int_equal(kube_cache_count(f->cache), 2);
    fake_api_put(&f->api, path_of("c"), pod("c", "1"));
    fake_api_put(&f->api, path_of("a"), pod("a", "2"));
    fake_api_delete(&f->api, path_of("b"));
    LOOP_UNTIL(f->loop, f->deleted == 1);
    assert_int_equal(f->added, 3);
    assert_int_equal(f->modified, 1);
    assert_string_equal(json_path_string(kube_cache_get(f->cache, "demo", "a"), "spec.value"), "2");
    assert_null(kube_cache_get(f->cache, "demo", "b"));
    assert_non_null(kube_cache_next(f->cache, &cursor));
    assert_non_null(kube_cache_next(f->cache, &cursor));
    assert_null(kube_cache_next(f->cache, &cursor));
    assert_int_equal(f->synced, 1);
}

/* A watch that ends is taken up again where it was, without a list. */
static void watch_ends(void **state)
{
    struct fixture *f = *state;

    fake_api_put(&f->api, path_of("a"), pod("a", "1"));
    cache_start(f);
    fake_api_end_watches(&f->api);
    LOOP_UNTIL(f->loop, f->api.watch_count == 2);
    fake_api_put(&f->api, path_of("b"), pod("b", "1"));
    LOOP_UNTIL(f->loop, f->added == 2);
    assert_int_equal(f->api.list_count, 1);
}

/* 410: everything is listed again; only differences are told. */
static void expired(void **state)
{
    struct fixture *f = *state;

    fake_api_put(&f->api, path_of("a"), pod("a", "1"));
    fake_api_put(&f->api, path_of("b"), pod("b", "1"));
    cache_start(f);
    f->api.expire_next = 1;
    fake_api_end_watches(&f->api);
    loop_run_once(f->loop, 0);
    fake_api_delete(&f->api, path_of("b"));
    fake_api_put(&f->api, path_of("c"), pod("c", "1"));
    fake_api_end_watches(&f->api);
    LOOP_UNTIL(f->loop, f->deleted == 1 && f->added == 3);
    assert_int_equal(f->modified, 0);
    assert_int_equal(kube_cache_count(f->cache), 2);
    fake_api_end_watches(&f->api);
}

/* The server goes away and comes back with other objects. */
static void server_restarts(void **state)
{
    struct fixture *f = *state;

    fake_api_put(&f->api, path_of("a"), pod("a", "1"));
    cache_start(f);
    fake_api_down(&f->api);
    fake_api_put(&f->api, path_of("b"), pod("b", "1"));
    for (int i = 0; i < 20; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(kube_cache_count(f->cache), 1);
    fake_api_up(&f->api);
    LOOP_UNTIL(f->loop, kube_cache_get(f->cache, "demo", "b"));
    assert_non_null(kube_cache_get(f->cache, "demo", "a"));
}

/* A resource that is not served counts as empty when that is allowed. */
static void not_served(void **state)
{
    static const struct kube_resource missing = {"x.io", "v1", "missing", "Missing", true};
    static const struct kube_cache_events events = {.on_change = on_change, .on_synced = on_synced};
    struct kube_cache_options options = {.resource = &missing, .absence_tolerated = true};
    struct fixture *f = *state;

    assert_int_equal(kube_cache_new(f->client, &options, &events, f, &f->cache), 0);
    LOOP_UNTIL(f->loop, f->synced == 1);
    assert_int_equal(kube_cache_count(f->cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(server_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(list_and_watch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watch_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(server_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_served, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
