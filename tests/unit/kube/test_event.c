/* SPDX-License-Identifier: Apache-2.0 */
/* Events: their JSON, and that recording one reaches the server and nothing else. */
#include "test.h"
#include "until.h"

#include "base/clock.h"
#include "fake_api.h"
#include "kube/event.h"
#include "wire/json.h"

static json_t *pod_new(void)
{
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s}}", "apiVersion", "v1", "kind", "Pod", "metadata",
                     "name", "web", "namespace", "shop", "uid", "u1", "resourceVersion", "7");
}

static void pod_event(void **state)
{
    SCOPED(json_drop) json_t *pod = pod_new();
    const struct kube_event event = {.object = pod,
                                     .field_path = "spec.containers{web}",
                                     .warning = true,
                                     .reason = "BackOff",
                                     .message = "bad \xff byte",
                                     .component = "kubelet",
                                     .host = "n1"};
    SCOPED(json_drop) json_t *made = kube_event_new(&event, 7000);
    SCOPED(json_drop) json_t *again = kube_event_new(&event, 7000);
    SCOPED(json_drop)
    json_t *about = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "apiVersion", "v1", "kind", "Pod",
                              "name", "web", "namespace", "shop", "uid", "u1", "resourceVersion",
                              "7", "fieldPath", "spec.containers{web}");

    (void)state;
    assert_true(json_equal(json_object_get(made, "involvedObject"), about));
    assert_string_equal(json_path_string(made, "metadata.namespace"), "shop");
    assert_string_not_equal(kube_name(made), kube_name(again));
    assert_memory_equal(kube_name(made), "web.", 4);
    assert_string_equal(json_path_string(made, "type"), "Warning");
    assert_string_equal(json_path_string(made, "message"), "bad \xef\xbf\xbd byte");
    assert_string_equal(json_path_string(made, "source.host"), "n1");
    assert_string_equal(json_path_string(made, "reportingInstance"), "n1");
    assert_string_equal(json_path_string(made, "firstTimestamp"), "1970-01-01T00:00:07Z");
    assert_int_equal(json_path_int(made, "count", 0), 1);
}

/* Of an object without a namespace, by who runs nowhere in particular. */
static void node_event(void **state)
{
    SCOPED(json_drop)
    json_t *node = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind", "Node", "metadata",
                             "name", "n1");
    const struct kube_event event = {
        .object = node, .reason = "Ready", .message = "it is", .component = "node-controller"};
    SCOPED(json_drop) json_t *made = kube_event_new(&event, 7000);

    (void)state;
    assert_string_equal(json_path_string(made, "metadata.namespace"), "default");
    assert_null(json_path_get(made, "involvedObject.namespace"));
    assert_null(json_path_get(made, "involvedObject.fieldPath"));
    assert_null(json_path_get(made, "source.host"));
    assert_string_equal(json_path_string(made, "type"), "Normal");
    assert_string_equal(json_path_string(made, "reportingInstance"), "");
}

static bool has_event(const struct fake_api *api)
{
    const char *path;
    json_t *object;

    json_object_foreach(api->objects, path, object)
    {
        if (json_path_is(object, "reason", "Started"))
            return strncmp(path, "/api/v1/namespaces/shop/events/web.", 35) == 0;
    }
    return false;
}

static void recorded(void **state)
{
    SCOPED(json_drop) json_t *pod = pod_new();
    const struct kube_event event = {
        .object = pod, .reason = "Started", .message = "", .component = "kubelet"};
    struct kube_client *client;
    struct fake_api api;
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    fake_api_init(&api, loop);
    client = fake_api_client(&api);
    kube_event_record(client, &event);
    LOOP_UNTIL(loop, has_event(&api));
    kube_client_free(client);
    fake_api_deinit(&api);
    loop_run_once(loop, 0);
    loop_free(loop);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pod_event),
        cmocka_unit_test(node_event),
        cmocka_unit_test(recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
