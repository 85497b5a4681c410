/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs of translation: versions by content, look-ups, and what a change of one object touches.
 * What the resources look like is in tests/golden/translate.
 */
#include "test.h"

#include "base/mem.h"
#include "mesh_load.h"
#include "translate/translate.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/route.h"

static const char base[] =
    "{apiVersion: v1, kind: Service, metadata: {name: reviews, namespace: shop}, spec: "
    "{clusterIPs: "
    "[10.0.0.1], selector: {app: reviews}, ports: [{name: http, port: 9080}]}}\n"
    "---\n"
    "{apiVersion: v1, kind: Pod, metadata: {name: reviews-v1, namespace: shop, labels: {app: "
    "reviews, version: v1}}, status: {phase: Running, podIP: 10.1.0.1}}\n"
    "---\n"
    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: reviews-1, namespace: "
    "shop, labels: {kubernetes.io/service-name: reviews}}, endpoints: [{addresses: [10.1.0.1], "
    "targetRef: {kind: Pod, name: reviews-v1}}], ports: [{name: http, port: 9080}]}\n"
    "---\n"
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: reviews, "
    "namespace: shop}, spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: "
    "v2, labels: {version: v2}}]}}";

static const char *const addresses[] = {"10.1.0.9"};
static const struct mesh_label labels[] = {{"app", "client"}};
static const struct translate_scope client = {
    .role = TRANSLATE_SIDECAR,
    .namespace = "shop",
    .addresses = addresses,
    .address_count = 1,
    .labels = {labels, 1},
    .node = "",
};

static struct translate_output *run(struct mesh_builder *builder, const char *more)
{
    struct translate_output *output = NULL;
    struct error err = {0};
    struct mesh *mesh;

    assert_int_equal(mesh_load_text(builder, slice_str(more), &err), 0);
    mesh = mesh_builder_snapshot(builder);
    assert_int_equal(translate_run(mesh, &client, NULL, &output, &err), 0);
    mesh_unref(mesh); /* the output needs it no more */
    return output;
}

static void resources_are_found_by_name(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct translate_output *output = run(builder, base);

    (void)state;
    assert_non_null(translate_find(output, TRANSLATE_LISTENER, SLICE("virtualOutbound")));
    assert_non_null(translate_find(output, TRANSLATE_ROUTE, SLICE("9080")));
    assert_non_null(translate_find(output, TRANSLATE_CLUSTER,
                                   SLICE("outbound|9080|v2|reviews.shop.svc.cluster.local")));
    assert_null(translate_find(output, TRANSLATE_CLUSTER,
                               SLICE("outbound|9080|v3|reviews.shop.svc.cluster.local")));
    assert_null(translate_find(output, TRANSLATE_ROUTE, SLICE("")));
    assert_int_equal(translate_type_find(slice_str(translate_type_url(TRANSLATE_ROUTE))),
                     TRANSLATE_ROUTE);
    assert_int_equal(translate_type_find(SLICE("type.googleapis.com/x")), -1);
    translate_output_unref(output);
    mesh_builder_free(builder);
}

static void a_change_touches_its_own_type(void **state)
{
    static const struct {
        const char *object;
        bool changes[TRANSLATE_TYPE_COUNT];
    } cases[] = {
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews, "
         "namespace: shop}, spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, "
         "subset: v1}}]}]}}",
         {[TRANSLATE_ROUTE] = true}},
        {"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: reviews-1, "
         "namespace: shop, labels: {kubernetes.io/service-name: reviews}}, endpoints: [{addresses: "
         "[10.1.0.2]}], ports: [{name: http, port: 9080}]}",
         {[TRANSLATE_ENDPOINT] = true}},
        {"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: reviews, "
         "namespace: shop}, spec: {host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}, "
         "subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}}",
         {[TRANSLATE_CLUSTER] = true}},
        {"{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: "
         "shop}, "
         "spec: {servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*']}]}}",
         {false}},
        {"{apiVersion: v1, kind: Service, metadata: {name: hidden, namespace: other, annotations: "
         "{networking.istio.io/exportTo: .}}, spec: {clusterIPs: [10.0.0.7], ports: [{name: http, "
         "port: 80}]}}",
         {false}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesh_builder *builder = mesh_builder_new(NULL);
        struct translate_output *before = run(builder, base);
        struct translate_output *after = run(builder, cases[i].object);

        for (int type = 0; type < TRANSLATE_TYPE_COUNT; type++)
            assert_int_equal(translate_hash(before, (enum translate_type)type) !=
                                 translate_hash(after, (enum translate_type)type),
                             cases[i].changes[type]);
        translate_output_unref(before);
        translate_output_unref(after);
        mesh_builder_free(builder);
    }
}

/* Reads an endpoint resource back: how many addresses it holds. */
static size_t endpoint_count(const struct translate_output *output, const char *name)
{
    const struct translate_resource *resource =
        translate_find(output, TRANSLATE_ENDPOINT, slice_str(name));
    struct pb_cluster_load_assignment *message;
    struct error err = {0};
    struct arena arena;
    void *decoded = NULL;
    size_t count = 0;

    assert_non_null(resource);
    arena_init(&arena, 0);
    assert_int_equal(proto_decode(&pb_cluster_load_assignment_desc, resource->bytes, NULL, &arena,
                                  &decoded, NULL, &err),
                     0);
    message = decoded;
    for (size_t i = 0; i < message->endpoints_count; i++)
        count += message->endpoints[i]->lb_endpoints_count;
    arena_deinit(&arena);
    return count;
}

static void endpoints_by_subset(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct translate_output *output = run(builder, base);

    (void)state;
    assert_int_equal(endpoint_count(output, "outbound|9080||reviews.shop.svc.cluster.local"), 1);
    assert_int_equal(endpoint_count(output, "outbound|9080|v1|reviews.shop.svc.cluster.local"), 1);
    assert_int_equal(endpoint_count(output, "outbound|9080|v2|reviews.shop.svc.cluster.local"), 0);
    translate_output_unref(output);
    mesh_builder_free(builder);
}

static void scope_keys(void **state)
{
    struct translate_scope other = client;
    char *first = translate_scope_key(&client);
    char *second = translate_scope_key(&client);

    (void)state;
    assert_string_equal(first, second);
    mem_free(second);
    other.namespace = "elsewhere";
    second = translate_scope_key(&other);
    assert_string_not_equal(first, second);
    mem_free(first);
    mem_free(second);
}

/* Which scopes may share their outbound part, and that an output on such a part is the same. */
static void shared_parts(void **state)
{
    static const char *const other_addresses[] = {"10.1.0.77"};
    static const struct mesh_label other_labels[] = {{"app", "other"}};
    static const struct {
        const char *object; /* put in before */
        bool shares_by_labels;
    } cases[] = {
        {"{apiVersion: v1, kind: Service, metadata: {name: x, namespace: shop}, spec: {clusterIPs: "
         "[10.0.0.9], ports: [{port: 1}]}}",
         true},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: r, "
         "namespace: shop}, spec: {hosts: [reviews], http: [{match: [{sourceLabels: {app: "
         "client}}], route: [{destination: {host: reviews, subset: v1}}]}]}}",
         false},
        {"{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s, namespace: "
         "shop}, spec: {workloadSelector: {labels: {app: other}}, egress: [{hosts: ['~/*']}]}}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesh_builder *builder = mesh_builder_new(NULL);
        struct translate_scope other = client;
        struct translate_output *alone = NULL;
        struct translate_output *shared = NULL;
        struct translate_output *standing = NULL;
        struct error err = {0};
        struct mesh *mesh;
        char *first;
        char *second;

        other.addresses = other_addresses;
        other.labels = (struct mesh_labels){other_labels, 1};
        assert_int_equal(mesh_load_text(builder, slice_str(base), &err), 0);
        assert_int_equal(mesh_load_text(builder, slice_str(cases[i].object), &err), 0);
        mesh = mesh_builder_snapshot(builder);
        first = translate_shared_key(mesh, &client);
        second = translate_shared_key(mesh, &other);
        assert_int_equal(strcmp(first, second) == 0, cases[i].shares_by_labels);
        assert_int_equal(translate_run(mesh, &other, NULL, &alone, &err), 0);
        assert_int_equal(
            translate_shared(mesh, cases[i].shares_by_labels ? &client : &other, &shared, &err), 0);
        assert_int_equal(translate_run(mesh, &other, shared, &standing, &err), 0);
        for (int type = 0; type < TRANSLATE_TYPE_COUNT; type++)
            assert_int_equal(translate_hash(alone, (enum translate_type)type),
                             translate_hash(standing, (enum translate_type)type));
        translate_output_unref(shared);
        translate_output_unref(alone);
        translate_output_unref(standing);
        mesh_unref(mesh);
        mesh_builder_free(builder);
        mem_free(first);
        mem_free(second);
    }
}

enum { MANY = 1000, BYTES_A_SERVICE_MAX = 8 * 1024 };

/* A mesh of many services, each with two endpoints and a rule of two subsets. */
static struct mesh_builder *many_services(void)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct error err = {0};

    for (int i = 0; i < MANY; i++) {
        char *text = mem_printf(
            "{apiVersion: v1, kind: Service, metadata: {name: s%d, namespace: n%d}, spec: "
            "{clusterIPs: [10.1.%d.%d], ports: [{name: http, port: 80}]}}\n---\n"
            "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s%d, "
            "namespace: n%d, labels: {kubernetes.io/service-name: s%d}}, endpoints: [{addresses: "
            "[10.2.%d.%d]}, {addresses: [10.3.%d.%d]}], ports: [{name: http, port: 80}]}\n---\n"
            "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: s%d, "
            "namespace: n%d}, spec: {host: s%d, subsets: [{name: v1}, {name: v2}]}}",
            i, i % 20, i / 250, i % 250 + 1, i, i % 20, i, i / 250, i % 250 + 1, i / 250,
            i % 250 + 1, i, i % 20, i);

        assert_int_equal(mesh_load_text(builder, slice_str(text), &err), 0);
        mem_free(text);
    }
    return builder;
}

static size_t output_bytes(const struct translate_output *output)
{
    size_t bytes = 0;

    for (int type = 0; type < TRANSLATE_TYPE_COUNT; type++)
        for (size_t i = 0; i < translate_count(output, (enum translate_type)type); i++)
            bytes += translate_at(output, (enum translate_type)type, i)->bytes.len;
    return bytes;
}

/* What a proxy gets grows with the services that it sees, not faster; a Sidecar makes it small. */
static void size_follows_scope(void **state)
{
    struct mesh_builder *builder = many_services();
    struct translate_output *all = run(builder, "");
    struct translate_output *scoped =
        run(builder, "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s, "
                     "namespace: shop}, spec: {egress: [{hosts: ['n7/*']}]}}");

    (void)state;
    assert_in_range(output_bytes(all), MANY * 1024, MANY * BYTES_A_SERVICE_MAX);
    assert_in_range(output_bytes(scoped), 0, output_bytes(all) / 10);
    assert_null(
        translate_find(scoped, TRANSLATE_CLUSTER, SLICE("outbound|80||s0.n0.svc.cluster.local")));
    assert_non_null(
        translate_find(scoped, TRANSLATE_CLUSTER, SLICE("outbound|80|v2|s7.n7.svc.cluster.local")));
    translate_output_unref(all);
    translate_output_unref(scoped);
    mesh_builder_free(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_are_found_by_name),
        cmocka_unit_test(a_change_touches_its_own_type),
        cmocka_unit_test(endpoints_by_subset),
        cmocka_unit_test(scope_keys),
        cmocka_unit_test(shared_parts),
        cmocka_unit_test(size_follows_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
