/* SPDX-License-Identifier: Apache-2.0 */
/* The EndpointSlice and the Endpoints of a Service, out of pods in every state.
 */
#include "test.h"

#include "kube/client.h"
#include "sandbox/controllers/endpoints.h"
#include "kube/objects/object.h"
#include "wire/json.h"
#include "objects.h"

enum { NOW_MS = 7000, PODS = 5 };

struct fixture {
    json_t *service;
    json_t *pods[PODS];
    struct endpoints endpoints;
};

static json_t *pod_new(const char *name, const char *ip, const char *phase, bool ready)
{
    return json_pack("{s:{s:s,s:s,s:s,s:{s:s}},s:{s:s,s:s,s:s,s:[{s:[{s:s,s:i}]}]},"
                     "s:{s:s,s:s*,s:[{s:s,s:s}]}}",
                     "metadata", "name", name, "namespace", "shop", "uid", name, "labels", "app",
                     "web", "spec", "nodeName", "n1", "hostname", "h", "subdomain", "s",
                     "containers", "ports", "name", "http", "containerPort", 8080, "status",
                     "phase", phase, "podIP", ip, "conditions", "type", "Ready", "status",
                     ready ? "True" : "False");
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;

    memset(f, 0, sizeof *f);
    f->service = yaml_tree(
        "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\","
        "\"namespace\": \"shop\", \"uid\": \"s1\", \"labels\": {\"tier\": \"front\"}},"
        "\"spec\": {\"clusterIP\": \"None\", \"selector\": {\"app\": \"web\"}, \"ports\":"
        "[{\"name\": \"http\", \"port\": 80, \"targetPort\": \"http\"},"
        " {\"name\": \"raw\", \"port\": 81, \"targetPort\": 9000, \"protocol\": \"UDP\"},"
        " {\"name\": \"lost\", \"port\": 82, \"targetPort\": \"nowhere\"},"
        " {\"name\": \"same\", \"port\": 83}]}}");
    f->pods[0] = pod_new("ready", "10.0.0.1", "Running", true);
    f->pods[1] = pod_new("unready", "10.0.0.2", "Running", false);
    f->pods[2] = pod_new("leaving", "10.0.0.3", "Running", true);
    json_path_set(f->pods[2], "metadata.deletionTimestamp", kube_time(NOW_MS));
    f->pods[3] = pod_new("ended", "10.0.0.4", "Failed", false);
    f->pods[4] = pod_new("new", NULL, "Pending", false);
    f->endpoints.service = f->service;
    for (size_t i = 0; i < PODS; i++)
        endpoints_add(&f->endpoints, f->pods[i]);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    json_decref(f->service);
    for (size_t i = 0; i < PODS; i++)
        json_decref(f->pods[i]);
    return 0;
}

static void which_pods(void **state)
{
    struct fixture *f = *state;
    SCOPED(json_drop) json_t *other = pod_new("other", "10.0.0.9", "Running", true);

    json_path_set(other, "metadata.labels.app", json_string("other"));
    endpoints_add(&f->endpoints, other);
    assert_int_equal(f->endpoints.count, 3);
    for (size_t i = 0; i < 2 * (size_t)ENDPOINTS_MAX; i++)
        endpoints_add(&f->endpoints, f->pods[0]);
    assert_int_equal(f->endpoints.count, ENDPOINTS_MAX);
}

static void check_endpoint(const json_t *slice, size_t i, const char *ip, const char *conditions)
{
    const json_t *endpoint = json_array_get(json_object_get(slice, "endpoints"), i);
    SCOPED(json_drop) json_t *wanted = yaml_tree(conditions);

    assert_string_equal(json_path_string(endpoint, "addresses[0]"), ip);
    assert_true(json_equal(json_object_get(endpoint, "conditions"), wanted));
    assert_string_equal(json_path_string(endpoint, "hostname"), "h");
    assert_string_equal(json_path_string(endpoint, "nodeName"), "n1");
    assert_string_equal(json_path_string(endpoint, "targetRef.kind"), "Pod");
}

static void slice_of_pods(void **state)
{
    struct fixture *f = *state;
    SCOPED(json_drop) json_t *slice = endpoints_slice(&f->endpoints, NULL);
    SCOPED(json_drop)
    json_t *ports = yaml_tree("[{\"name\": \"http\", \"port\": 8080, \"protocol\": \"TCP\"},"
                              " {\"name\": \"raw\", \"port\": 9000, \"protocol\": \"UDP\"},"
                              " {\"name\": \"same\", \"port\": 83, \"protocol\": \"TCP\"}]");

    assert_int_equal(json_array_size(json_object_get(slice, "endpoints")), 3);
    check_endpoint(slice, 0, "10.0.0.1",
                   "{\"ready\": true, \"serving\": true, \"terminating\": false}");
    check_endpoint(slice, 1, "10.0.0.2",
                   "{\"ready\": false, \"serving\": false, \"terminating\": false}");
    check_endpoint(slice, 2, "10.0.0.3",
                   "{\"ready\": false, \"serving\": true, \"terminating\": true}");
    assert_true(json_equal(json_object_get(slice, "ports"), ports));
    assert_true(endpoints_slice_is_ours(slice, "web"));
    assert_false(endpoints_slice_is_ours(slice, "other"));
    assert_true(kube_is_owned_by(slice, f->service));
    assert_string_equal(json_path_string(slice, "metadata.generateName"), "web-");
    assert_string_equal(kube_label(slice, "tier"), "front");
    assert_string_equal(kube_label(slice, "service.kubernetes.io/headless"), "");
    assert_null(endpoints_slice(&f->endpoints, slice)); /* as it should be */
}

/* A slice that exists keeps its name and version; unready pods may be published. */
static void slice_changes(void **state)
{
    struct fixture *f = *state;
    SCOPED(json_drop) json_t *old = endpoints_slice(&f->endpoints, NULL);
    SCOPED(json_drop) json_t *slice = NULL;

    json_path_set(old, "metadata.resourceVersion", json_string("7"));
    json_path_set(f->service, "spec.publishNotReadyAddresses", json_true());
    slice = endpoints_slice(&f->endpoints, old);
    assert_string_equal(kube_resource_version(slice), "7");
    check_endpoint(slice, 1, "10.0.0.2",
                   "{\"ready\": true, \"serving\": true, \"terminating\": false}");
    check_endpoint(old, 1, "10.0.0.2",
                   "{\"ready\": false, \"serving\": false, \"terminating\": false}");
}

static void legacy_of_pods(void **state)
{
    struct fixture *f = *state;
    SCOPED(json_drop) json_t *object = endpoints_legacy(&f->endpoints, NULL, NOW_MS);
    const json_t *subset = json_path_get(object, "subsets[0]");

    assert_string_equal(kube_name(object), "web");
    assert_string_equal(kube_namespace(object), "shop");
    assert_true(endpoints_legacy_is_ours(object));
    assert_false(endpoints_legacy_is_ours(f->service));
    assert_int_equal(json_array_size(json_object_get(object, "subsets")), 1);
    assert_int_equal(json_array_size(json_object_get(subset, "addresses")), 1);
    assert_string_equal(json_path_string(subset, "addresses[0].ip"), "10.0.0.1");
    assert_int_equal(json_array_size(json_object_get(subset, "notReadyAddresses")), 1);
    assert_string_equal(json_path_string(subset, "notReadyAddresses[0].ip"), "10.0.0.2");
    assert_int_equal(json_path_int(subset, "ports[0].port", 0), 8080);
    assert_null(endpoints_legacy(&f->endpoints, object, NOW_MS + 5000));
}

static void legacy_of_nothing(void **state)
{
    struct fixture *f = *state;
    SCOPED(json_drop) json_t *full = endpoints_legacy(&f->endpoints, NULL, NOW_MS);
    SCOPED(json_drop) json_t *object = NULL;
    SCOPED(json_drop) json_t *listless = json_object();

    f->endpoints.count = 0;
    object = endpoints_legacy(&f->endpoints, full, NOW_MS);
    assert_int_equal(json_array_size(json_object_get(object, "subsets")), 0);
    assert_null(endpoints_legacy(&f->endpoints, object, NOW_MS));
    assert_null(endpoints_legacy(&f->endpoints, listless, NOW_MS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(which_pods),     TEST(slice_of_pods),     TEST(slice_changes),
        TEST(legacy_of_pods), TEST(legacy_of_nothing),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
