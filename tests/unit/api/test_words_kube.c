/* SPDX-License-Identifier: Apache-2.0 */
/* How the API server speaks of bodies that do not decode, and of values that are not allowed. */
#include "test.h"
#include "tree.h"

#include "api/check.h"
#include "base/buf.h"

static void on_decode(const struct api_decode_error *error, void *ctx)
{
    struct buf *told = ctx;

    if (error->type_text)
        buf_printf(told, "%s%s", told->len ? "; " : "", error->type_text);
    else
        buf_printf(told, "%sunknown %s", told->len ? "; " : "", error->unknown_field);
}

static void decoding(void **state)
{
    static const struct {
        const char *kind, *object, *expected;
    } cases[] = {
        {"ConfigMap", "{data: {a: b}}", ""},
        {"ConfigMap", "{data: {a: 1.5}}",
         "json: cannot unmarshal number 1.5 into Go struct field ConfigMap.data of type string"},
        {"ConfigMap", "{data: [a]}",
         "json: cannot unmarshal array into Go struct field ConfigMap.data of type "
         "map[string]string"},
        {"ConfigMap", "{binaryData: {a: 'YQ='}}", "illegal base64 data at input byte 3"},
        {"Pod", "{spec: {containers: [{ports: [{containerPort: x}]}]}}",
         "json: cannot unmarshal string into Go struct field "
         "ContainerPort.spec.containers.ports.containerPort of type int32"},
        {"Pod", "{spec: {containers: {}}}",
         "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type "
         "[]v1.Container"},
        {"Pod", "{spec: {hostNetwork: 1}, status: x}",
         "json: cannot unmarshal number into Go struct field PodSpec.spec.hostNetwork of type "
         "bool; json: cannot unmarshal string into Go struct field Pod.status of type "
         "v1.PodStatus"},
        {"Service", "{spec: {ports: [{port: 1, x: 1}], u: {z: 1}}, w: 1}",
         "unknown spec.ports[0].x; unknown spec.u; unknown w"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct api_kind *kind = api_kind_find("", "v1", cases[i].kind);
        json_t *object = yaml_tree(cases[i].object);
        struct buf told;

        buf_init(&told, 0);
        api_check_decode(kind->schema, "v1", object, on_decode, &told);
        if (!slice_eq_str(buf_slice(&told), cases[i].expected))
            fail_msg("%s: %.*s", cases[i].object, (int)told.len, told.data);
        if (strstr(cases[i].expected, "unknown")) {
            buf_reset(&told); /* they are gone */
            api_check_decode(kind->schema, "v1", object, on_decode, &told);
            assert_int_equal(told.len, 0);
        }
        buf_deinit(&told);
        json_decref(object);
    }
}

static void on_cause(const struct api_cause *cause, void *ctx)
{
    struct buf *told = ctx;

    buf_printf(told, "%s%s: %s", told->len ? "; " : "", cause->field, cause->message);
}

static void causes(void **state)
{
    static const struct {
        const char *group, *kind, *object, *expected;
    } cases[] = {
        {"", "Service", "{spec: {ports: [{port: 80}]}}", ""},
        {"", "Service", "{spec: {ports: [{port: 0}], type: Big}}",
         "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive; spec.type: "
         "Unsupported value: \"Big\": supported values: \"ClusterIP\", \"ExternalName\", "
         "\"LoadBalancer\", \"NodePort\""},
        {"", "Service", "{spec: {ports: [{port: 1, name: a}, {port: 2, name: a}, {port: 3}]}}",
         "spec.ports[1].name: Duplicate value: \"a\""},
        {"", "Pod", "{spec: {containers: []}}", "spec.containers: Required value"},
        {"", "Pod", "{spec: {containers: [{name: '', image: i}]}}",
         "spec.containers[0].name: Required value"},
        {"", "Pod", "{spec: {containers: [{name: a.b, image: i}]}}",
         "spec.containers[0].name: Invalid value: \"a.b\": must not contain dots"},
        {"apps", "Deployment", "{spec: {}}",
         "spec.selector: Required value; spec.template.spec.containers: Required value"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct api_kind *kind = api_kind_find(cases[i].group, "v1", cases[i].kind);
        json_t *object = yaml_tree(cases[i].object);
        struct buf told;

        buf_init(&told, 0);
        (void)api_check_causes(kind->schema, object, on_cause, &told);
        if (!slice_eq_str(buf_slice(&told), cases[i].expected))
            fail_msg("%s: %.*s", cases[i].object, (int)told.len, told.data);
        buf_deinit(&told);
        json_decref(object);
    }
}

static void immutable_fields(void **state)
{
    const struct api_kind *kind = api_kind_find("apps", "v1", "Deployment");
    json_t *old = yaml_tree("{spec: {selector: {matchLabels: {a: b}}, replicas: 1}}");
    json_t *object = yaml_tree("{spec: {selector: {matchLabels: {a: c}}, replicas: 2}}");
    struct buf told;

    (void)state;
    buf_init(&told, 0);
    api_check_immutable(kind->schema, old, old, on_cause, &told);
    assert_int_equal(told.len, 0);
    api_check_immutable(kind->schema, object, old, on_cause, &told);
    assert_string_equal(told.data, "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: "
                                   "field is immutable");
    buf_deinit(&told);
    json_decref(old);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding),
        cmocka_unit_test(causes),
        cmocka_unit_test(immutable_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
