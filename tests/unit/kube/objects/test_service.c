/* SPDX-License-Identifier: Apache-2.0 */
/* What Services get: defaults, rules, addresses and node ports, with others around. */
#include "objects.h"

#include "kube/objects/defaults.h"
#include "kube/objects/rules.h"
#include "kube/objects/service.h"

static const struct kube_service_range range = {0x0a600000, 24}; /* 10.96.0.0; 16 to 22 are free */

static const json_t *service_at(size_t i, void *ctx)
{
    return json_array_get(ctx, i);
}

/* Fails unless the Service becomes `expected`, or the causes begin with that. */
static void allocation_assert(json_t *all, const char *object, const char *before,
                              const char *expected)
{
    const struct kube_services others = {service_at, all};
    json_t *service = yaml_tree(object);
    json_t *old = yaml_tree(before);
    struct buf told;
    struct api_cause_sink sink = {cause_note, &told};

    buf_init(&told, 0);
    kube_service_allocate(service, old, &range, &others, &sink);
    if (told.len == 0)
        object_assert(service, expected);
    else if (!slice_starts_with(buf_slice(&told), slice_str(expected)))
        fail_msg("%s: %.*s", object, (int)told.len, told.data);
    buf_deinit(&told);
    json_decref(service);
    json_decref(old);
}

#define GIVEN(ip)                                                                                  \
    "clusterIP: " ip ", clusterIPs: [" ip "], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack"

static void allocations(void **state)
{
    static const struct {
        const char *object, *old, *expected;
    } cases[] = {
        {"{metadata: {name: b}, spec: {}}", "",
         "{metadata: {name: b}, spec: {" GIVEN("10.96.0.17") "}}"},
        {"{metadata: {name: b}, spec: {clusterIP: None}}", "",
         "{metadata: {name: b}, spec: {" GIVEN("None") "}}"},
        {"{metadata: {name: b}, spec: {clusterIP: 10.96.0.1}}", "",
         "{metadata: {name: b}, spec: {" GIVEN("10.96.0.1") "}}"},
        {"{metadata: {name: b}, spec: {clusterIP: 10.96.0.16}}", "",
         "spec.clusterIPs: Invalid value: [\"10.96.0.16\"]: failed to allocate IP 10.96.0.16: "
         "provided IP is already allocated"},
        {"{metadata: {name: b}, spec: {clusterIP: 10.96.0.24}}", "",
         "spec.clusterIPs: Invalid value: [\"10.96.0.24\"]: failed to allocate IP 10.96.0.24: the "
         "provided IP is not in the valid range"},
        {"{metadata: {name: b}, spec: {clusterIP: x}}", "",
         "spec.clusterIPs: Invalid value: [\"x\"]: failed to allocate IP x: the provided IP"},
        {"{metadata: {name: b}, spec: {}}", "{spec: {clusterIP: 10.96.0.20}}",
         "{metadata: {name: b}, spec: {" GIVEN("10.96.0.20") "}}"},
        {"{metadata: {name: b}, spec: {clusterIP: 10.96.0.21}}", "{spec: {clusterIP: 10.96.0.20}}",
         "spec.clusterIPs[0]: Invalid value: [\"10.96.0.21\"]: may not change once set"},
        /* its own state is no other Service */
        {"{metadata: {name: a, namespace: n1}, spec: {clusterIP: 10.96.0.16}}",
         "{spec: {clusterIP: 10.96.0.16}}",
         "{metadata: {name: a, namespace: n1}, spec: {" GIVEN("10.96.0.16") "}}"},
        {"{metadata: {name: b}, spec: {type: ExternalName}}", "",
         "{metadata: {name: b}, spec: {type: ExternalName}}"},
        {"{metadata: {name: b}, spec: {type: NodePort, ports: [{port: 1}, {port: 2}, {port: 3, "
         "nodePort: 30001}]}}",
         "{spec: {ports: [{port: 2, protocol: TCP, nodePort: 31000}]}}",
         "{metadata: {name: b}, spec: {type: NodePort, ports: [{port: 1, nodePort: 30002}, {port: "
         "2, nodePort: 31000}, {port: 3, nodePort: 30001}], " GIVEN("10.96.0.17") "}}"},
        {"{metadata: {name: b}, spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
         "ports: [{port: 1, nodePort: 30005}]}}",
         "",
         "{metadata: {name: b}, spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
         "ports: [{port: 1}], " GIVEN("10.96.0.17") "}}"},
    };
    json_t *all = yaml_tree("[{metadata: {name: a, namespace: n1}, spec: {clusterIP: 10.96.0.16, "
                            "ports: [{nodePort: 30000}]}}]");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        allocation_assert(all, cases[i].object, cases[i].old, cases[i].expected);
    json_decref(all);
}

static void a_full_range(void **state)
{
    json_t *all = json_array();
    char ip[32];

    (void)state;
    for (unsigned i = 16; i < 23; i++) {
        (void)snprintf(ip, sizeof ip, "10.96.0.%u", i);
        json_array_append_new(
            all, json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", ip, "spec", "clusterIP", ip));
    }
    allocation_assert(all, "{metadata: {name: b}, spec: {}}", "",
                      "spec.clusterIPs: Invalid value: []: failed to allocate a serviceIP: range "
                      "is full");
    json_array_remove(all, 3);
    allocation_assert(all, "{metadata: {name: b}, spec: {}}", "",
                      "{metadata: {name: b}, spec: {" GIVEN("10.96.0.19") "}}");
    json_decref(all);
}

static void defaults(void **state)
{
    static const struct {
        const char *object, *expected;
    } cases[] = {
        {"{}", "{spec: {internalTrafficPolicy: Cluster}, status: {loadBalancer: {}}}"},
        {"{spec: {type: ExternalName}, status: {a: b}}",
         "{spec: {type: ExternalName}, status: {a: b}}"},
        {"{spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}, {port: 81, "
         "targetPort: web}, {port: 82, targetPort: 0}, {port: 83, targetPort: ''}]}}",
         "{spec: {type: LoadBalancer, externalTrafficPolicy: Local, internalTrafficPolicy: "
         "Cluster, "
         "allocateLoadBalancerNodePorts: true, ports: [{port: 80, targetPort: 80}, {port: 81, "
         "targetPort: web}, {port: 82, targetPort: 82}, {port: 83, targetPort: 83}]}, "
         "status: {loadBalancer: {}}}"},
    };
    const struct api_kind *kind = api_kind_find("", "v1", "Service");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *service = yaml_tree(cases[i].object);

        kube_defaults_set(kind, service);
        object_assert(service, cases[i].expected);
        json_decref(service);
    }
}

static void rules(void **state)
{
    static const struct {
        const char *object, *expected;
    } cases[] = {
        {"{spec: {ports: [{port: 1}]}}", ""},
        {"{spec: {}}", "spec.ports: Required value"},
        {"{spec: {clusterIP: None}}", ""},
        {"{spec: {ports: [{port: 1, name: a}, {port: 2}]}}", "spec.ports[1].name: Required value"},
        {"{spec: {type: ExternalName}}", "spec.externalName: Required value"},
        {"{spec: {type: ExternalName, externalName: a.b}}", ""},
    };
    const struct api_kind *kind = api_kind_find("", "v1", "Service");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *service = yaml_tree(cases[i].object);
        struct buf told;

        buf_init(&told, 0);
        kube_rules_check(kind, service, NULL, cause_note, &told);
        assert_true(slice_eq_str(buf_slice(&told), cases[i].expected));
        buf_deinit(&told);
        json_decref(service);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations),
        cmocka_unit_test(a_full_range),
        cmocka_unit_test(defaults),
        cmocka_unit_test(rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
