/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of the mesh: what objects become, precedence, sharing, and what does not resolve. */
#include "test.h"

#include <stdio.h>

#include "mesh_load.h"

static void put(struct mesh_builder *builder, const char *text)
{
    struct error err = {0};

    if (mesh_load_text(builder, slice_str(text), &err) < 0)
        fail_msg("%s", err.reason);
}

static const char base[] =
    "{apiVersion: v1, kind: Service, metadata: {name: reviews, namespace: shop, creationTimestamp: "
    "'2026-01-01T00:00:00Z'}, spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], selector: {app: "
    "reviews}, ports: [{name: http, port: 9080, targetPort: 9081}]}}\n"
    "---\n"
    "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop, creationTimestamp: "
    "'2026-01-02T00:00:00Z'}, spec: {clusterIP: None, ports: [{name: tcp-db, port: 5432}]}}\n"
    "---\n"
    "{apiVersion: v1, kind: Pod, metadata: {name: reviews-v1-abc-x, namespace: shop, labels: {app: "
    "reviews, version: v1, pod-template-hash: abc}, ownerReferences: [{kind: ReplicaSet, name: "
    "reviews-v1-abc, controller: true}]}, spec: {nodeName: n1, serviceAccountName: sa}, status: "
    "{phase: Running, podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}]}}\n"
    "---\n"
    "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {topology.kubernetes.io/region: r1, "
    "topology.kubernetes.io/zone: z1}}}\n"
    "---\n"
    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: reviews-1, namespace: "
    "shop, labels: {kubernetes.io/service-name: reviews}}, addressType: IPv4, endpoints: "
    "[{addresses: [10.1.0.1], nodeName: n1, targetRef: {kind: Pod, name: reviews-v1-abc-x}}], "
    "ports: [{name: http, port: 9081, protocol: TCP}]}\n";

static void objects_become_nodes(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_service *service;
    const struct mesh_endpoint_set *set;
    struct mesh *mesh;

    (void)state;
    put(builder, base);
    mesh = mesh_builder_snapshot(builder);
    service = mesh_service_find(mesh, "reviews.shop.svc.cluster.local");
    assert_non_null(service);
    assert_int_equal(service->resolution, MESH_RESOLUTION_EDS);
    assert_string_equal(service->addresses[0], "10.0.0.1");
    assert_int_equal(service->ports[0].protocol, MESH_PROTOCOL_HTTP);
    assert_int_equal(service->ports[0].target_number, 9081);
    set = mesh_endpoints(mesh, service);
    assert_int_equal(set->count, 1);
    assert_string_equal(set->items[0].address, "10.1.0.1");
    assert_true(set->items[0].ready);
    assert_int_equal(set->items[0].ports[0].number, 9081);
    assert_string_equal(set->items[0].zone, "z1");
    assert_string_equal(set->items[0].workload->workload, "reviews-v1");
    assert_string_equal(set->items[0].workload->canonical_revision, "v1");
    assert_ptr_equal(mesh_workload_find(mesh, "10.1.0.1"), set->items[0].workload);
    service = mesh_service_find(mesh, "db.shop.svc.cluster.local");
    assert_int_equal(service->resolution, MESH_RESOLUTION_PASSTHROUGH);
    assert_int_equal(service->ports[0].protocol, MESH_PROTOCOL_TCP);
    assert_int_equal(service->ports[0].target_number, 5432);
    assert_int_equal(mesh_endpoints(mesh, service)->count, 0);
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void snapshots_share_and_stay(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct mesh *first;
    struct mesh *same;
    struct mesh *second;
    const struct mesh_service *service;

    (void)state;
    put(builder, base);
    first = mesh_builder_snapshot(builder);
    put(builder, base); /* nothing new */
    same = mesh_builder_snapshot(builder);
    assert_ptr_equal(first, same);
    put(builder, "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: "
                 "reviews-1, namespace: shop, labels: {kubernetes.io/service-name: reviews}}, "
                 "endpoints: [{addresses: [10.1.0.1], conditions: {ready: false}}, {addresses: "
                 "[10.1.0.2]}], ports: [{name: http, port: 9081}]}");
    second = mesh_builder_snapshot(builder);
    assert_ptr_not_equal(first, second);
    service = mesh_service_find(first, "reviews.shop.svc.cluster.local");
    assert_ptr_equal(service, mesh_service_find(second, "reviews.shop.svc.cluster.local"));
    assert_int_equal(mesh_endpoints(first, service)->count, 1);
    assert_int_equal(mesh_endpoints(second, service)->count, 2);
    assert_false(mesh_endpoints(second, service)->items[0].ready);
    assert_true(mesh_version(second) > mesh_version(first));
    assert_int_equal(mesh_builder_remove(builder, MESH_SERVICE, "shop", "reviews"), 1);
    assert_int_equal(mesh_builder_remove(builder, MESH_SERVICE, "shop", "reviews"), 0);
    mesh_builder_free(builder);
    assert_string_equal(service->hostname, "reviews.shop.svc.cluster.local"); /* still whole */
    mesh_unref(first);
    mesh_unref(same);
    mesh_unref(second);
}

static void pod_changes_reach_endpoints(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_service *service;
    struct mesh *mesh;

    (void)state;
    put(builder, base);
    mesh_unref(mesh_builder_snapshot(builder));
    put(builder,
        "{apiVersion: v1, kind: Pod, metadata: {name: reviews-v1-abc-x, namespace: shop, labels: "
        "{app: reviews, version: v9}}, status: {phase: Running, podIP: 10.1.0.1}}");
    mesh = mesh_builder_snapshot(builder);
    service = mesh_service_find(mesh, "reviews.shop.svc.cluster.local");
    assert_string_equal(mesh_endpoints(mesh, service)->items[0].workload->canonical_revision, "v9");
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static const struct mesh_destination *find(const struct mesh *mesh, const char *client)
{
    static const struct mesh_labels none;

    return mesh_destination_find(mesh, client, &none,
                                 mesh_service_find(mesh, "reviews.shop.svc.cluster.local"));
}

static void destinations_by_precedence(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct mesh *mesh;

    (void)state;
    put(builder, base);
    put(builder,
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: root, "
        "namespace: istio-system}, spec: {host: '*.local', subsets: [{name: root}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: old, "
        "namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {host: reviews, "
        "subsets: [{name: v1, labels: {version: v1}}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: new, "
        "namespace: shop, creationTimestamp: '2026-01-02T00:00:00Z'}, spec: {host: "
        "reviews.shop.svc.cluster.local, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: "
        "[{name: v1, labels: {version: x}}, {name: v2}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: own, "
        "namespace: client}, spec: {host: '*.shop.svc.cluster.local', subsets: [{name: own}]}}");
    mesh = mesh_builder_snapshot(builder);
    assert_non_null(mesh_destination_subset(find(mesh, "client"), "own"));
    assert_int_equal(find(mesh, "other")->subset_count, 2);
    assert_string_equal(find(mesh, "other")->subsets[0].labels.items[0].value, "v1");
    assert_string_equal(find(mesh, "other")->traffic_policy->load_balancer->simple, "RANDOM");
    mesh_unref(mesh);
    mesh_builder_remove(builder, MESH_DESTINATION_RULE, "shop", "old");
    mesh_builder_remove(builder, MESH_DESTINATION_RULE, "shop", "new");
    mesh = mesh_builder_snapshot(builder);
    assert_non_null(mesh_destination_subset(find(mesh, "other"), "root"));
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void delegates_are_merged(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_virtual_service *const *list;
    struct mesh *mesh;
    size_t count;

    (void)state;
    put(builder,
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: root, "
        "namespace: a}, spec: {hosts: [x.example.com], gateways: [gw, mesh], http: [{name: r, "
        "timeout: 3s, match: [{uri: {prefix: /api}}], delegate: {name: leaf, namespace: b}}, "
        "{route: [{destination: {host: web}}]}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: leaf, "
        "namespace: b}, spec: {http: [{name: l, match: [{uri: {prefix: /api/v1}}], route: "
        "[{destination: {host: one}}]}, {match: [{uri: {prefix: /other}}], route: [{destination: "
        "{host: two}}]}, {route: [{destination: {host: three}}]}]}}");
    mesh = mesh_builder_snapshot(builder);
    list = mesh_virtual_services(mesh, &count);
    assert_int_equal(count, 1);
    assert_string_equal(list[0]->gateways[0], "a/gw");
    assert_true(mesh_virtual_service_bound(list[0], "mesh"));
    assert_int_equal(list[0]->http_count, 3); /* the contradicting one is dropped */
    assert_string_equal(list[0]->http[0]->name, "r-l");
    assert_string_equal(list[0]->http[0]->match[0].uri->prefix, "/api/v1");
    assert_int_equal(list[0]->http[0]->timeout_ns, 3000000000);
    assert_string_equal(list[0]->http_namespaces[0], "b");
    assert_string_equal(list[0]->http[1]->match[0].uri->prefix, "/api");
    assert_string_equal(list[0]->http_namespaces[2], "a");
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void problems_are_told(void **state)
{
    static const struct {
        const char *object;
        const char *expected; /* "field: reason", of the first problem; NULL: none */
    } cases[] = {
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop}, spec: {hosts: [reviews], http: [{route: [{destination: {host: "
         "nobody}}]}]}}",
         "spec.http[0].route[0].destination.host: host \"nobody\" is not in the mesh; requests of "
         "this route are answered 503"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop}, spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, "
         "subset: v9}}]}]}}",
         "spec.http[0].route[0].destination.subset: subset \"v9\" of host "
         "\"reviews.shop.svc.cluster.local\" is not defined by any DestinationRule; requests of "
         "this route are answered 503"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop}, spec: {hosts: [reviews], gateways: [gw], http: [{route: [{destination: "
         "{host: reviews}}]}]}}",
         "spec.gateways[0]: gateway \"shop/gw\" does not exist"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, "
         "namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {hosts: [reviews], "
         "http: [{route: [{destination: {host: reviews}}]}]}}\n---\n"
         "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop, creationTimestamp: '2026-01-02T00:00:00Z'}, spec: {hosts: "
         "[reviews.shop.svc.cluster.local], http: [{route: [{destination: {host: reviews}}]}]}}",
         "spec.hosts[0]: host \"reviews.shop.svc.cluster.local\" is taken by the older "
         "VirtualService shop/a; this one has no effect for it"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop}, spec: {hosts: 5}}",
         "spec.hosts: must be an array, not integer; the object is not in force"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, "
         "namespace: shop}, spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, "
         "port: {number: 1}}}]}]}}",
         "spec.http[0].route[0].destination.port.number: host \"reviews.shop.svc.cluster.local\" "
         "has no port 1; requests of this route are answered 503"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesh_builder *builder = mesh_builder_new(NULL);
        const struct mesh_problem *problems;
        struct mesh *mesh;
        char text[512];
        size_t count;

        put(builder, base);
        put(builder, cases[i].object);
        mesh = mesh_builder_snapshot(builder);
        problems = mesh_problems(mesh, &count);
        assert_int_equal(count, 1);
        (void)snprintf(text, sizeof(text), "%s: %s", problems[0].field, problems[0].reason);
        assert_string_equal(text, cases[i].expected);
        assert_string_equal(problems[0].name, "x");
        assert_string_equal(problems[0].namespace, "shop");
        mesh_unref(mesh);
        mesh_builder_free(builder);
    }
}

static void a_broken_object_leaves_the_old_one(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct mesh *mesh;
    size_t count;

    (void)state;
    put(builder, base);
    put(builder,
        "{apiVersion: v1, kind: Service, metadata: {name: reviews, namespace: shop}, spec: "
        "{ports: none}}");
    mesh = mesh_builder_snapshot(builder);
    assert_non_null(mesh_service_find(mesh, "reviews.shop.svc.cluster.local"));
    (void)mesh_problems(mesh, &count);
    assert_int_equal(count, 1);
    mesh_unref(mesh);
    put(builder, base);
    mesh = mesh_builder_snapshot(builder);
    (void)mesh_problems(mesh, &count);
    assert_int_equal(count, 0);
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void entries_by_namespace(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_service *service;
    struct mesh *mesh;

    (void)state;
    put(builder,
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: b, namespace: "
        "b}, spec: {hosts: [x.com, y.com], ports: [{number: 80, name: http, protocol: HTTP}], "
        "resolution: DNS}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a, namespace: "
        "a}, spec: {hosts: [X.com], exportTo: [.], ports: [{number: 443, name: tls, protocol: "
        "TLS}]}}");
    mesh = mesh_builder_snapshot(builder);
    service = mesh_service_find_for(mesh, "x.com", "a"); /* its own, though the other is public */
    assert_string_equal(service->meta.namespace, "a");
    assert_int_equal(service->resolution, MESH_RESOLUTION_PASSTHROUGH);
    assert_true(service->is_external);
    assert_int_equal(mesh_endpoints(mesh, service)->count, 0);
    service = mesh_service_find_for(mesh, "x.com", "c");
    assert_string_equal(service->meta.namespace, "b");
    assert_int_equal(mesh_endpoints(mesh, service)->count, 1);
    assert_string_equal(mesh_endpoints(mesh, service)->items[0].address, "x.com");
    assert_non_null(mesh_service_find_for(mesh, "y.com", "a"));
    mesh_unref(mesh);
    assert_int_equal(mesh_builder_remove(builder, MESH_SERVICE_ENTRY, "b", "b"), 1);
    mesh = mesh_builder_snapshot(builder);
    assert_null(mesh_service_find_for(mesh, "x.com", "c"));
    assert_null(mesh_service_find(mesh, "y.com"));
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

/* What a selector takes follows the workload entries and pods of the namespace. */
static void selectors_take_workloads(void **state)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_service *service;
    const struct mesh_endpoint_set *set;
    struct mesh *mesh;

    (void)state;
    put(builder, base);
    put(builder, "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e, "
                 "namespace: shop}, spec: {hosts: [e.com], ports: [{number: 80, name: http, "
                 "protocol: HTTP, targetPort: 9081}], resolution: STATIC, workloadSelector: "
                 "{labels: {app: reviews}}}}");
    mesh_unref(mesh_builder_snapshot(builder));
    put(builder, "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, "
                 "namespace: shop}, spec: {address: 192.168.0.1, labels: {app: reviews}, weight: "
                 "5, locality: r/z/s}}");
    mesh = mesh_builder_snapshot(builder);
    service = mesh_service_find(mesh, "e.com");
    set = mesh_endpoints(mesh, service);
    assert_int_equal(set->count, 2); /* the pod and the machine */
    assert_string_equal(set->items[1].address, "192.168.0.1");
    assert_string_equal(set->items[1].zone, "z");
    assert_int_equal(set->items[1].weight, 5);
    assert_int_equal(set->items[1].ports[0].number, 9081);
    service = mesh_service_find(mesh, "reviews.shop.svc.cluster.local");
    assert_int_equal(mesh_endpoints(mesh, service)->count, 2); /* the slice's and the machine */
    mesh_unref(mesh);
    assert_int_equal(mesh_builder_remove(builder, MESH_WORKLOAD_ENTRY, "shop", "vm"), 1);
    mesh = mesh_builder_snapshot(builder);
    assert_int_equal(mesh_endpoints(mesh, mesh_service_find(mesh, "e.com"))->count, 1);
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void sidecars_by_precedence(void **state)
{
    static const struct mesh_label reviews[] = {{"app", "reviews"}};
    static const struct {
        const char *namespace;
        bool has_label;
        const char *expected; /* NULL: none */
    } cases[] = {{"shop", true, "selected"},
                 {"shop", false, "general"},
                 {"other", true, "root"},
                 {"istio-system", true, "root"}};
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct mesh *mesh;

    (void)state;
    put(builder,
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: root, namespace: "
        "istio-system}, spec: {egress: [{hosts: ['./*']}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: ignored, namespace: "
        "istio-system}, spec: {workloadSelector: {labels: {app: nobody}}, egress: [{hosts: "
        "['./*']}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: general, namespace: "
        "shop}, spec: {egress: [{port: {number: 80}, hosts: ['./*']}, {hosts: ['*/a.com', "
        "'~prod/*']}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: selected, namespace: "
        "shop}, spec: {workloadSelector: {labels: {app: reviews}}, egress: [{hosts: ['~/*']}]}}");
    mesh = mesh_builder_snapshot(builder);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesh_labels labels = {reviews, cases[i].has_label ? 1 : 0};

        assert_string_equal(mesh_sidecar_find(mesh, cases[i].namespace, &labels)->meta.name,
                            cases[i].expected);
    }
    {
        struct mesh_labels none = {0};
        const struct mesh_sidecar *sidecar = mesh_sidecar_find(mesh, "shop", &none);

        assert_int_equal(sidecar->egress[0].port, 80);
        assert_true(mesh_egress_covers(&sidecar->egress[0], "shop", "shop", "x.com"));
        assert_false(mesh_egress_covers(&sidecar->egress[0], "shop", "prod", "x.com"));
        assert_true(mesh_egress_covers(&sidecar->egress[1], "shop", "any", "a.com"));
        assert_false(mesh_egress_covers(&sidecar->egress[1], "shop", "prod", "a.com"));
        assert_false(mesh_egress_covers(&sidecar->egress[1], "shop", "any", "b.com"));
    }
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

static void set_mode(struct mesh_builder *builder, const char *mode)
{
    json_t *config = json_pack("{s:s}", "ingressControllerMode", mode);

    assert_true(mesh_builder_config(builder, config, NULL) >= 0);
    json_decref(config);
}

static void ingresses_by_class(void **state)
{
    static const struct {
        const char *mode;
        bool by_annotation, by_class, without;
    } cases[] = {{"STRICT", true, true, false}, {"DEFAULT", true, true, true}, {"OFF"}};
    struct mesh_builder *builder = mesh_builder_new(NULL);
    json_t *bad = json_pack("{s:s}", "ingressControllerMode", "SOMETIMES");
    struct error err = {0};

    (void)state;
    put(builder,
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: mine}, spec: "
        "{controller: istio.io/ingress-controller}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: annotated, namespace: "
        "shop, annotations: {kubernetes.io/ingress.class: istio}}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: other, namespace: "
        "shop, annotations: {kubernetes.io/ingress.class: nginx}}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: classed, namespace: "
        "shop}, spec: {ingressClassName: mine}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: unknown, namespace: "
        "shop}, spec: {ingressClassName: nothing}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: without, namespace: "
        "shop}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesh *mesh;

        set_mode(builder, cases[i].mode);
        mesh = mesh_builder_snapshot(builder);
        assert_int_equal(mesh_ingress_served(mesh, "shop", "annotated"), cases[i].by_annotation);
        assert_int_equal(mesh_ingress_served(mesh, "shop", "classed"), cases[i].by_class);
        assert_int_equal(mesh_ingress_served(mesh, "shop", "without"), cases[i].without);
        assert_false(mesh_ingress_served(mesh, "shop", "other"));
        assert_false(mesh_ingress_served(mesh, "shop", "unknown"));
        mesh_unref(mesh);
    }
    assert_int_equal(mesh_builder_config(builder, bad, &err), ERR_INVALID);
    assert_string_equal(err.path, "meshConfig.ingressControllerMode");
    json_decref(bad);
    mesh_builder_free(builder);
}

static void destinations_by_selector(void **state)
{
    static const struct mesh_label app[] = {{"app", "a"}};
    struct mesh_labels chosen = {app, 1};
    struct mesh_labels none = {0};
    struct mesh_builder *builder = mesh_builder_new(NULL);
    const struct mesh_service *service;
    struct mesh *mesh;

    (void)state;
    put(builder, base);
    put(builder,
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: all, "
        "namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {host: reviews, "
        "subsets: [{name: v1}]}}\n---\n"
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: some, "
        "namespace: shop, creationTimestamp: '2026-01-02T00:00:00Z'}, spec: {host: reviews, "
        "workloadSelector: {matchLabels: {app: a}}, subsets: [{name: v2}]}}");
    mesh = mesh_builder_snapshot(builder);
    service = mesh_service_find(mesh, "reviews.shop.svc.cluster.local");
    assert_string_equal(mesh_destination_find(mesh, "shop", &chosen, service)->meta.name, "some");
    assert_string_equal(mesh_destination_find(mesh, "shop", &none, service)->meta.name, "all");
    /* another namespace's workloads are not meant, whatever their labels */
    assert_string_equal(mesh_destination_find(mesh, "other", &chosen, service)->meta.name, "all");
    mesh_unref(mesh);
    mesh_builder_free(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_become_nodes),
        cmocka_unit_test(snapshots_share_and_stay),
        cmocka_unit_test(pod_changes_reach_endpoints),
        cmocka_unit_test(destinations_by_precedence),
        cmocka_unit_test(delegates_are_merged),
        cmocka_unit_test(problems_are_told),
        cmocka_unit_test(a_broken_object_leaves_the_old_one),
        cmocka_unit_test(entries_by_namespace),
        cmocka_unit_test(selectors_take_workloads),
        cmocka_unit_test(sidecars_by_precedence),
        cmocka_unit_test(ingresses_by_class),
        cmocka_unit_test(destinations_by_selector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
