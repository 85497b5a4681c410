/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers against the sandbox's own API server, on one loop; the test plays the node.
 *
 * Everything goes through the Kubernetes API over TLS, as it does in a running sandbox.
 */
#include "test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "sandbox/apiserver.h"
#include "sandbox/controllers/controllers.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

struct world {
    char folder[64];
    char kubeconfig[128];
    struct loop *loop;
    struct sandbox_apiserver *server;
    struct sandbox_controllers *controllers;
    struct kube_client *client;
    struct kube_cache *pods;
    unsigned next_ip;
    bool node_idle;   /* the node starts no pods */
    size_t ready_min; /* fewest ready pods seen since watch_ready */
    bool watch_ready;
};

static void on_answer(const struct kube_result *result, void *ctx)
{
    (void)result;
    (void)ctx;
}

static void call_start(struct world *world, const struct kube_request *request)
{
    struct kube_call *call;

    assert_int_equal(kube_call_start(world->client, request, on_answer, NULL, &call), 0);
}

/* The node: a bound pod becomes ready, a deleted one goes. */
static void node_act(struct world *world, json_t *pod)
{
    char ip[32];
    char now[CLOCK_RFC3339_SIZE];
    json_t *body;
    struct kube_request request = {.resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = kube_namespace(pod),
                                   .name = kube_name(pod)};

    if (json_path_get(pod, "metadata.deletionTimestamp")) {
        body = json_pack("{s:s,s:s,s:i}", "apiVersion", "v1", "kind", "DeleteOptions",
                         "gracePeriodSeconds", 0);
        request.verb = KUBE_DELETE;
    } else if (!world->node_idle && json_path_string(pod, "spec.nodeName") &&
               !json_path_string(pod, "status.podIP")) {
        snprintf(ip, sizeof ip, "10.2.0.%u", ++world->next_ip);
        body = json_pack("{s:{s:s,s:s,s:[{s:s,s:s,s:s}]}}", "status", "phase", "Running", "podIP",
                         ip, "conditions", "type", "Ready", "status", "True", "lastTransitionTime",
                         clock_format_rfc3339(clock_realtime_ms(), false, now));
        request.verb = KUBE_PATCH_MERGE;
        request.subresource = "status";
    } else {
        return;
    }
    request.body = body;
    call_start(world, &request);
    json_decref(body);
}

static bool is_ready(const json_t *pod)
{
    return json_path_string(pod, "status.podIP") &&
           !json_path_get(pod, "metadata.deletionTimestamp");
}

static size_t ready_count(const struct world *world)
{
    size_t cursor = 0;
    size_t count = 0;
    json_t *pod;

    while ((pod = kube_cache_next(world->pods, &cursor)))
        count += is_ready(pod);
    return count;
}

static void on_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    struct world *world = ctx;

    (void)cache;
    (void)old;
    if (change != KUBE_DELETED)
        node_act(world, object);
    if (world->watch_ready)
        world->ready_min = MIN(world->ready_min, ready_count(world));
}

/* A call that must succeed; returns its object. */
static json_t *do_call(struct world *world, enum kube_verb verb, enum kube_resource_id resource,
                       const char *name, const char *subresource, const char *body_text)
{
    struct error err = {0};
    json_t *body = NULL;
    json_t *answer = NULL;
    bool cluster = !kube_resource_get(resource)->namespaced;
    struct kube_request request = {.verb = verb,
                                   .resource = kube_resource_get(resource),
                                   .ns = cluster ? NULL : "shop",
                                   .name = name,
                                   .subresource = subresource};
    int rc;

    if (body_text)
        assert_int_equal(json_parse(slice_str(body_text), NULL, &body, &err), 0);
    request.body = body;
    rc = kube_call_wait(world->client, &request, &answer, &err);
    if (rc < 0)
        fail_msg("%s: %s", err.path, err.reason);
    json_decref(body);
    return answer;
}

static void do_write(struct world *world, enum kube_verb verb, enum kube_resource_id resource,
                     const char *name, const char *subresource, const char *body)
{
    json_decref(do_call(world, verb, resource, name, subresource, body));
}

/* Gets an object of namespace shop; NULL when there is none. */
static json_t *look(struct world *world, enum kube_resource_id resource, const char *name)
{
    struct error err = {0};
    json_t *answer = NULL;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(resource),
                                   .ns = kube_resource_get(resource)->namespaced ? "shop" : NULL,
                                   .name = name};
    int rc = kube_call_wait(world->client, &request, &answer, &err);

    assert_true(rc == 0 || rc == ERR_NOT_FOUND);
    if (rc < 0) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* Turns the loop until the value at `path` is `wanted` (NULL: the object is gone). */
static void until(struct world *world, enum kube_resource_id resource, const char *name,
                  const char *path, const char *wanted)
{
    uint64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

    for (;;) {
        json_t *object = look(world, resource, name);
        json_t *value = object ? json_path_get(object, path) : NULL;
        SCOPED(mem_drop) char *text = value ? json_format_str(value, JSON_FORMAT_COMPACT) : NULL;
        bool met = wanted ? text && strcmp(text, wanted) == 0 : !object;

        json_decref(object);
        if (met)
            return;
        if (clock_monotonic_ms() > deadline_ms)
            fail_msg("%s %s: %s is %s, not %s", kube_resource_get(resource)->plural, name, path,
                     text ? text : "absent", wanted ? wanted : "gone");
        loop_run_once(world->loop, 20);
    }
}

static int world_open(void **state)
{
    struct world *world = MEM_NEW(struct world);
    struct sandbox_apiserver_options api = {
        .folder = world->folder, .listen = "127.0.0.1:0", .kubeconfig = world->kubeconfig};
    struct sandbox_controllers_options controllers = {.kubeconfig = world->kubeconfig,
                                                      .lb_cidr = "10.9.9.0/30"};
    struct kube_cache_options pods = {.resource = kube_resource_get(KUBE_RESOURCE_POD)};
    static const struct kube_cache_events events = {.on_change = on_change};
    SCOPED(kube_config_deinit) struct kube_config config = {0};
    struct error err = {0};

    snprintf(world->folder, sizeof world->folder, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->kubeconfig, sizeof world->kubeconfig, "%s/admin.conf", world->folder);
    assert_int_equal(loop_new(&world->loop), 0);
    if (sandbox_apiserver_start(world->loop, &api, &world->server, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    assert_int_equal(
        sandbox_controllers_start(world->loop, &controllers, &world->controllers, &err), 0);
    assert_int_equal(kube_config_load(world->kubeconfig, NULL, &config, &err), 0);
    assert_int_equal(kube_client_new(world->loop, &config, "test", &world->client, &err), 0);
    assert_int_equal(kube_cache_new(world->client, &pods, &events, world, &world->pods), 0);
    *state = world;
    do_write(world, KUBE_CREATE, KUBE_RESOURCE_NODE, NULL, NULL,
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
    do_write(world, KUBE_PATCH_MERGE, KUBE_RESOURCE_NODE, "n1", "status",
             "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
    do_write(world, KUBE_CREATE, KUBE_RESOURCE_NAMESPACE, NULL, NULL,
             "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"shop\"}}");
    until(world, KUBE_RESOURCE_SERVICE_ACCOUNT, "default", "metadata.name", "\"default\"");
    return 0;
}

static int world_close(void **state)
{
    struct world *world = *state;
    struct error err = {0};

    kube_cache_free(world->pods);
    kube_client_free(world->client);
    sandbox_controllers_free(world->controllers);
    sandbox_apiserver_free(world->server);
    loop_free(world->loop);
    assert_int_equal(file_remove_tree(world->folder, &err), 0);
    mem_free(world);
    return 0;
}

static const char deployment[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},"
    "\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},"
    "\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":0,\"maxSurge\":1}},"
    "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},"
    "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"one\"}]}}}}";

static const char service[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},"
    "\"spec\":{\"type\":\"LoadBalancer\",\"selector\":{\"app\":\"web\"},"
    "\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":8080}]}}";

static void a_deployment_rolls_without_losing_a_ready_pod(void **state)
{
    struct world *world = *state;

    do_write(world, KUBE_CREATE, KUBE_RESOURCE_DEPLOYMENT, NULL, NULL, deployment);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.conditions[1].reason",
          "\"NewReplicaSetAvailable\"");
    world->watch_ready = true;
    world->ready_min = 100;
    do_write(world, KUBE_PATCH_STRATEGIC, KUBE_RESOURCE_DEPLOYMENT, "web", NULL,
             "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
             "\"two\"}]}}}}");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web",
          "metadata.annotations[\"deployment.kubernetes.io/revision\"]", "\"2\"");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.updatedReplicas", "3");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.replicas", "3");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    assert_in_range(world->ready_min, 3, 4); /* maxUnavailable 0 */
}

static void endpoints_follow_the_pods(void **state)
{
    struct world *world = *state;
    json_t *endpoints;

    do_write(world, KUBE_CREATE, KUBE_RESOURCE_SERVICE, NULL, NULL, service);
    do_write(world, KUBE_CREATE, KUBE_RESOURCE_DEPLOYMENT, NULL, NULL, deployment);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    until(world, KUBE_RESOURCE_SERVICE, "web", "status.loadBalancer.ingress[0].ip", "\"10.9.9.1\"");
    until(world, KUBE_RESOURCE_ENDPOINTS, "web", "subsets[0].ports[0].port", "8080");
    do_write(world, KUBE_PATCH_MERGE, KUBE_RESOURCE_DEPLOYMENT, "web", "scale",
             "{\"spec\":{\"replicas\":1}}");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.replicas", "1");
    for (int i = 0; i < 500; i++) {
        loop_run_once(world->loop, 10);
        endpoints = look(world, KUBE_RESOURCE_ENDPOINTS, "web");
        if (json_array_size(json_path_get(endpoints, "subsets[0].addresses")) == 1)
            i = 500;
        json_decref(endpoints);
    }
    endpoints = look(world, KUBE_RESOURCE_ENDPOINTS, "web");
    assert_int_equal(json_array_size(json_path_get(endpoints, "subsets[0].addresses")), 1);
    json_decref(endpoints);
    do_write(world, KUBE_DELETE, KUBE_RESOURCE_SERVICE, "web", NULL, NULL);
    until(world, KUBE_RESOURCE_ENDPOINTS, "web", "", NULL);
}

static void a_deleted_pod_is_replaced_and_owned_ones_go_with_the_owner(void **state)
{
    struct world *world = *state;
    size_t cursor = 0;
    SCOPED(mem_drop) char *victim = NULL;

    do_write(world, KUBE_CREATE, KUBE_RESOURCE_DEPLOYMENT, NULL, NULL, deployment);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    victim = mem_strdup(kube_name(kube_cache_next(world->pods, &cursor)));
    do_write(world, KUBE_DELETE, KUBE_RESOURCE_POD, victim, NULL, NULL);
    until(world, KUBE_RESOURCE_POD, victim, "", NULL);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    do_write(world, KUBE_DELETE, KUBE_RESOURCE_DEPLOYMENT, "web", NULL, NULL);
    for (int i = 0; i < 1000 && kube_cache_count(world->pods); i++)
        loop_run_once(world->loop, 10);
    assert_int_equal(kube_cache_count(world->pods), 0);
}

static void a_namespace_is_emptied_and_goes(void **state)
{
    struct world *world = *state;

    do_write(world, KUBE_CREATE, KUBE_RESOURCE_DEPLOYMENT, NULL, NULL, deployment);
    do_write(world, KUBE_CREATE, KUBE_RESOURCE_SERVICE, NULL, NULL, service);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    do_write(world, KUBE_DELETE, KUBE_RESOURCE_NAMESPACE, "shop", NULL, NULL);
    until(world, KUBE_RESOURCE_NAMESPACE, "shop", "", NULL);
    for (int i = 0; i < 1000 && kube_cache_count(world->pods); i++)
        loop_run_once(world->loop, 10);
    assert_int_equal(kube_cache_count(world->pods), 0);
}

enum { KIND_COUNT = 60 }; /* with the built-in ones more than an item of work may have calls */

/* Makes a kind of that number, and an object of it; returns how to call it. */
static struct kube_resource kind_make(struct world *world, int number, char plural[16])
{
    struct kube_resource resource = {"many.test", "v1", plural, "Many", true};
    SCOPED(mem_drop) char *body = NULL;
    json_t *object = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "many.test/v1", "kind", "Many",
                               "metadata", "name", "one");
    struct kube_request request = {
        .verb = KUBE_CREATE, .resource = &resource, .ns = "shop", .body = object};
    struct error err = {0};
    json_t *answer = NULL;

    snprintf(plural, 16, "many%d", number);
    body = mem_printf("{\"metadata\":{\"name\":\"%s.many.test\"},\"spec\":{\"group\":\"many.test\","
                      "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"%s\",\"kind\":\"Many%d\"},"
                      "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{"
                      "\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
                      plural, plural, number);
    do_write(world, KUBE_CREATE, KUBE_RESOURCE_CRD, NULL, NULL, body);
    json_object_set_new(object, "kind", json_sprintf("Many%d", number));
    if (kube_call_wait(world->client, &request, &answer, &err) < 0)
        fail_msg("%s: %s", plural, err.reason);
    json_decref(answer);
    json_decref(object);
    return resource;
}

static void a_namespace_of_many_kinds_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct kube_resource kinds[KIND_COUNT];
    char plurals[KIND_COUNT][16];

    for (int i = 0; i < KIND_COUNT; i++)
        kinds[i] = kind_make(world, i, plurals[i]);
    do_write(world, KUBE_DELETE, KUBE_RESOURCE_NAMESPACE, "shop", NULL, NULL);
    until(world, KUBE_RESOURCE_NAMESPACE, "shop", "", NULL);
    for (int i = 0; i < KIND_COUNT; i++) {
        const struct kube_request request = {
            .verb = KUBE_GET, .resource = &kinds[i], .ns = "shop", .name = "one"};
        struct error err = {0};
        json_t *answer = NULL;

        assert_int_equal(kube_call_wait(world->client, &request, &answer, &err), ERR_NOT_FOUND);
        json_decref(answer);
    }
}

static void pods_that_no_node_starts_keep_the_old_ones_alive(void **state)
{
    struct world *world = *state;

    do_write(world, KUBE_CREATE, KUBE_RESOURCE_DEPLOYMENT, NULL, NULL, deployment);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.availableReplicas", "3");
    world->node_idle = true;
    do_write(world, KUBE_PATCH_STRATEGIC, KUBE_RESOURCE_DEPLOYMENT, "web", NULL,
             "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
             "\"broken\"}]}}}}");
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.updatedReplicas", "1");
    for (int i = 0; i < 50; i++)
        loop_run_once(world->loop, 5);
    assert_int_equal(ready_count(world), 3);
    until(world, KUBE_RESOURCE_DEPLOYMENT, "web", "status.replicas", "4"); /* one surge, no more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deployment_rolls_without_losing_a_ready_pod, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(endpoints_follow_the_pods, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_deleted_pod_is_replaced_and_owned_ones_go_with_the_owner,
                                        world_open, world_close),
        cmocka_unit_test_setup_teardown(a_namespace_is_emptied_and_goes, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_namespace_of_many_kinds_leaves_nothing, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(pods_that_no_node_starts_keep_the_old_ones_alive,
                                        world_open, world_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
