/* SPDX-License-Identifier: Apache-2.0 */
/* What the validating webhook and the API server say about objects; defaults; CRDs. */
#include "test.h"
#include "tree.h"

#include "api/check.h"
#include "api/crd.h"
#include "wire/json.h"

/* Objects of kind VirtualService, by the part under spec, and what is said of the first problem. */
/* long: one table */
static void virtual_services(void **state)
{
    static const struct {
        const char *spec;
        const char *expected; /* "" when it is fine */
    } cases[] = {
        {"{hosts: [a], http: [{route: [{destination: {host: a}}]}]}", ""},
        {"{hosts: [a], http: [{route: [{destination: {host: a}, weight: 0}]}]}", ""},
        {"{hosts: [a], http: [{match: [{uri: {regex: 'a.*'}}], route: [{destination: {host: "
         "a}}]}]}",
         ""},
        {"{http: [{delegate: {name: x}}], hosts: [a]}", ""},
        {"{http: [{route: [{destination: {host: a}}]}]}", ""},
        {"{hosts: 5}", "spec.hosts: must be an array, not integer"},
        {"{hosts: [a], http: [{route: [{weight: 10}]}]}",
         "spec.http[0].route[0].destination: required value"},
        {"{hosts: [a], http: [{route: [{destination: {host: a}, weight: ninety}]}]}",
         "spec.http[0].route[0].weight: must be an integer, not string"},
        {"{hosts: [a], http: [{route: [{destination: {host: a}, weight: -1}]}]}",
         "spec.http[0].route[0].weight: weight -1 < 0"},
        {"{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}",
         "spec.http[0].route: total destination weight = 0"},
        {"{hosts: [a], http: [{name: x}]}",
         "spec.http[0]: HTTP route, redirect or direct_response is required"},
        {"{hosts: ['*'], http: [{route: [{destination: {host: a}}]}]}",
         "spec.hosts[0]: wildcard host * is not allowed for virtual services bound to the mesh "
         "gateway"},
        {"{hosts: ['*'], gateways: [gw], http: [{route: [{destination: {host: a}}]}]}", ""},
        {"{hosts: [a_b!], http: [{route: [{destination: {host: a}}]}]}",
         "spec.hosts[0]: \"a_b!\" is not a host name"},
        {"{hosts: [a, a], http: [{route: [{destination: {host: a}}]}]}",
         "spec.hosts[1]: duplicate hosts in virtual service: a & a"},
        {"{hosts: [a]}", "spec: http, tcp or tls must be provided in virtual service"},
        {"{hosts: [a], http: [{route: [{destination: {host: a, port: {number: 70000}}}]}]}",
         "spec.http[0].route[0].destination.port.number: port number 70000 must be in the range "
         "1..65535"},
        {"{hosts: [a], http: [{match: [{uri: {regex: '('}}], route: [{destination: {host: a}}]}]}",
         "spec.http[0].match[0].uri: \"(\": invalid regular expression: missing ): ("},
        {"{hosts: [a], http: [{timeout: 5, route: [{destination: {host: a}}]}]}",
         "spec.http[0].timeout: must be a duration such as \"1.5s\", not integer"},
        {"{hosts: [a], http: [{timeout: 10us, route: [{destination: {host: a}}]}]}",
         "spec.http[0].timeout: duration must be greater than 1ms"},
        {"{hosts: [a], http: [{fault: {abort: {httpStatus: 100, percentage: {value: 100}}}, route: "
         "[{destination: {host: a}}]}]}",
         "spec.http[0].fault.abort.httpStatus: 100 must be in the range 200..599"},
        {"{hosts: [a], http: [{fault: {delay: {fixedDelay: 7s, percentage: {value: 101}}}, route: "
         "[{destination: {host: a}}]}]}",
         "spec.http[0].fault.delay.percentage: percentage 101 is not in range 0..100"},
        {"{hosts: [a], http: [{route: [{destination: {host: a}}], redirect: {uri: /x}}]}",
         "spec.http[0]: HTTP route cannot contain both route and redirect"},
        {"{gateways: [g], http: [{route: [{destination: {host: a}}]}]}",
         "spec.gateways: delegate virtual service must have no gateways specified"},
        {"{hosts: [a], http: [{retries: {attempts: -1}, route: [{destination: {host: a}}]}]}",
         "spec.http[0].retries.attempts: attempts cannot be negative"},
        {"{hosts: [a], http: [{retries: {attempts: 2, retryOn: '5xx, 503, often'}, route: "
         "[{destination: {host: a}}]}]}",
         "spec.http[0].retries.retryOn: \"often\" is not a valid retryOn policy"},
        {"{hosts: [a], http: [{headers: {request: {set: {'a b': c}}}, route: [{destination: {host: "
         "a}}]}]}",
         "spec.http[0].headers.request: header name a b is not a valid header name"},
        {"{hosts: [a], http: [{fault: {abort: {grpcStatus: SICK, percentage: {value: 1}}}, route: "
         "[{destination: {host: a}}]}]}",
         "spec.http[0].fault.abort.grpcStatus: gRPC status \"SICK\" is not supported"},
        {"{hosts: [a], exportTo: ['?'], http: [{route: [{destination: {host: a}}]}]}",
         "spec.exportTo[0]: \"?\" is neither \"*\", \".\", \"~\" nor a namespace"},
    };
    const struct api_kind *kind = api_kind_find("networking.istio.io", "v1", "VirtualService");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *spec = yaml_tree(cases[i].spec);
        json_t *object =
            json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", "networking.istio.io/v1", "kind",
                      "VirtualService", "metadata", "name", "x", "spec", spec);
        char text[1024];
        int rc = api_validate(kind, object, NULL, NULL, &err);

        assert_int_equal(rc, cases[i].expected[0] ? ERR_INVALID : 0);
        assert_string_equal(rc == 0 ? "" : err_format(&err, text, sizeof(text)), cases[i].expected);
        json_decref(object);
    }
}

struct kind_case {
    const char *kind;
    const char *spec;
    const char *expected;
};

/* What is told of a spec, "" when nothing. */
static void check_kinds(const struct kind_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct api_kind *kind =
            api_kind_find("networking.istio.io", "v1beta1", cases[i].kind);
        struct error err = {0};
        json_t *object =
            json_pack("{s:s, s:o}", "kind", cases[i].kind, "spec", yaml_tree(cases[i].spec));
        char text[1024];
        int rc = api_validate(kind, object, NULL, NULL, &err);

        assert_string_equal(rc == 0 ? "" : err_format(&err, text, sizeof(text)), cases[i].expected);
        json_decref(object);
    }
}

static void other_kinds(void **state)
{
    static const struct kind_case cases[] = {
        {"DestinationRule", "{host: a, subsets: [{name: v1, labels: {version: v1}}]}", ""},
        {"DestinationRule", "{subsets: [{name: v1}]}", "spec.host: required value"},
        {"DestinationRule", "{host: a, subsets: [{name: v1}, {name: v1}]}",
         "spec.subsets[1].name: duplicate subset names: v1"},
        {"DestinationRule", "{host: a, trafficPolicy: {connectionPool: {http: {maxRetries: -1}}}}",
         "spec.trafficPolicy.connectionPool.http: max retries must be non-negative"},
        {"DestinationRule", "{host: a, subsets: [{labels: {a: b}}]}",
         "spec.subsets[0].name: required value"},
        {"DestinationRule", "{host: a, trafficPolicy: {loadBalancer: {simple: BEST}}}",
         "spec.trafficPolicy.loadBalancer.simple: unsupported value \"BEST\": must be one of "
         "\"UNSPECIFIED\", \"LEAST_CONN\", \"RANDOM\", \"PASSTHROUGH\", \"ROUND_ROBIN\", "
         "\"LEAST_REQUEST\""},
        {"DestinationRule", "{host: a, trafficPolicy: {connectionPool: {}}}",
         "spec.trafficPolicy.connectionPool: connection pool must have at least one field"},
        {"Gateway", "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
         ""},
        {"Gateway", "{selector: {a: b}}", "spec.servers: gateway must have at least one server"},
        {"Gateway", "{servers: [{port: {number: 80, name: http, protocol: SMTP}, hosts: ['*']}]}",
         "spec.servers[0].port.protocol: invalid protocol \"SMTP\", supported protocols are HTTP, "
         "HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"},
        {"Gateway", "{servers: [{port: {number: 443, name: s, protocol: HTTPS}, hosts: ['*']}]}",
         "spec.servers[0].tls: server must have TLS settings for HTTPS/TLS protocols"},
        {"DestinationRule", "{host: a, trafficPolicy: {tls: {mode: DISABLE}}}", ""},
        {"DestinationRule", "{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}", ""},
        {"DestinationRule", "{host: a, trafficPolicy: {tls: {mode: MUTUAL}}}",
         "spec.trafficPolicy.tls: client certificate required for mutual tls"},
        {"ProxyConfig", "{concurrency: 2}",
         "not supported: objects of kind ProxyConfig are not carried out yet"},
    };

    (void)state;
    check_kinds(cases, ARRAY_LEN(cases));
}

/* long: one table */
static void entries_and_sidecars(void **state)
{
    static const struct kind_case cases[] = {
        {"ServiceEntry",
         "{hosts: [a.com], ports: [{number: 80, name: http, protocol: HTTP}], "
         "resolution: DNS}",
         ""},
        {"ServiceEntry", "{hosts: ['*']}", "spec.hosts[0]: invalid host \"*\""},
        {"ServiceEntry", "{hosts: []}", "spec.hosts: number of items must be at least 1"},
        {"ServiceEntry", "{hosts: ['*.a.com'], resolution: DNS}",
         "spec.hosts[0]: hosts must be FQDN if no endpoints are provided for resolution mode DNS"},
        {"ServiceEntry", "{hosts: [a.com], addresses: [10.0.0.0/8], resolution: DNS}",
         "spec.addresses: CIDR addresses are allowed only for NONE/STATIC resolution types"},
        {"ServiceEntry", "{hosts: [a.com], addresses: [10.0.0.0/33]}",
         "spec.addresses[0]: \"10.0.0.0/33\" is not an IP address or a CIDR range"},
        {"ServiceEntry", "{hosts: [a.com], ports: [{number: 80, name: a}, {number: 80, name: b}]}",
         "spec.ports[1]: service entry port 80 already defined"},
        {"ServiceEntry", "{hosts: [a.com], ports: [{number: 80, name: a}, {number: 81, name: a}]}",
         "spec.ports[1]: service entry port name \"a\" already defined"},
        {"ServiceEntry",
         "{hosts: [a.com, b.com], resolution: STATIC, ports: [{number: 1, name: a, "
         "protocol: TCP}]}",
         "spec.hosts: multiple hosts provided with non-HTTP, non-TLS ports"},
        {"ServiceEntry", "{hosts: [a.com], endpoints: [{address: 10.0.0.1}]}",
         "spec.endpoints: no endpoints should be provided for resolution type none"},
        {"ServiceEntry",
         "{hosts: [a.com], resolution: DNS_ROUND_ROBIN, endpoints: [{address: "
         "b.com}, {address: c.com}]}",
         "spec.endpoints: there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN"},
        {"ServiceEntry", "{hosts: [a.com], resolution: STATIC, endpoints: [{address: b.com}]}",
         "spec.endpoints[0].address: \"b.com\" is not a valid IP address"},
        {"ServiceEntry",
         "{hosts: [a.com], resolution: STATIC, endpoints: [{address: 10.0.0.1, "
         "ports: {x: 1}}]}",
         "spec.endpoints[0].ports: endpoint port x is not defined by the service entry"},
        {"ServiceEntry",
         "{hosts: [a.com], resolution: STATIC, endpoints: [{address: 10.0.0.1}], "
         "workloadSelector: {labels: {a: b}}}",
         "spec.endpoints: only one of WorkloadSelector or Endpoints is allowed in Service Entry"},
        {"WorkloadEntry", "{address: 10.0.0.1, ports: {http: 80}}", ""},
        {"WorkloadEntry", "{labels: {a: b}}", "spec.address: address is required"},
        {"WorkloadEntry", "{address: 'unix://a'}",
         "spec.address: unix address must be an absolute path, or an abstract socket"},
        {"WorkloadEntry", "{address: 10.0.0.1, ports: {http: 0}}",
         "spec.ports[http]: port number 0 must be in the range 1..65535"},
        {"WorkloadEntry", "{address: 10.0.0.1, locality: r//z}",
         "spec.locality: invalid locality \"r//z\""},
        {"Sidecar", "{egress: [{}]}", "spec.egress[0].hosts: required value"},
        {"Sidecar", "{egress: [{hosts: ['./*', '~prod/*', '*/a.com', 'istio-system/*']}]}", ""},
        {"Sidecar", "{}", "spec: sidecar: empty configuration provided"},
        {"Sidecar", "{egress: [{hosts: [a.com]}]}",
         "spec.egress[0].hosts[0]: \"a.com\" must be of form namespace/dnsName"},
        {"Sidecar", "{egress: [{hosts: ['_/a.com']}]}",
         "spec.egress[0].hosts[0]: invalid namespace value \"_\" in sidecar"},
        {"Sidecar", "{egress: [{hosts: ['./*']}, {port: {number: 80}, hosts: ['./*']}]}",
         "spec.egress[0].port: sidecar: the egress listener with empty port should be the last "
         "listener in the list"},
        {"Sidecar", "{ingress: [{port: {number: 80}, defaultEndpoint: '10.0.0.1:80'}]}",
         "spec.ingress[0].defaultEndpoint: sidecar: defaultEndpoint must be of form "
         "127.0.0.1:<port>, 0.0.0.0:<port>, [::1]:<port>, [::]:<port>, unix://filepath or unset"},
        {"Sidecar", "{ingress: [{port: {number: 80}}, {port: {number: 80}}]}",
         "spec.ingress[1].port: sidecar: ports on IP bound listeners must be unique"},
    };

    (void)state;
    check_kinds(cases, ARRAY_LEN(cases));
}

static void on_problem(const struct error *problem, void *ctx)
{
    *(struct error *)ctx = *problem;
}

static void unknown_fields_are_told_but_not_fatal(void **state)
{
    const struct api_kind *kind = api_kind_find("networking.istio.io", "v1", "DestinationRule");
    struct error last = {0};
    struct error err = {0};
    json_t *object = yaml_tree("{spec: {host: a, subset: []}}");

    (void)state;
    assert_int_equal(api_validate(kind, object, on_problem, &last, &err), 0);
    assert_int_equal(last.code, ERR_EXISTS);
    assert_string_equal(last.path, "spec.subset");
    assert_string_equal(last.reason, "unknown field \"spec.subset\"");
    json_decref(object);
}

static void defaults_come_in(void **state)
{
    json_t *pod =
        yaml_tree("{spec: {containers: [{name: a, image: x, ports: [{containerPort: 80}], "
                  "readinessProbe: {httpGet: {port: 80}}}], restartPolicy: Never}}");

    (void)state;
    api_default(api_kind_find("", "v1", "Pod")->schema, pod);
    assert_string_equal(json_path_string(pod, "spec.restartPolicy"), "Never");
    assert_string_equal(json_path_string(pod, "spec.dnsPolicy"), "ClusterFirst");
    assert_int_equal(json_path_int(pod, "spec.terminationGracePeriodSeconds", 0), 30);
    assert_string_equal(json_path_string(pod, "spec.containers[0].ports[0].protocol"), "TCP");
    assert_int_equal(json_path_int(pod, "spec.containers[0].readinessProbe.periodSeconds", 0), 10);
    assert_string_equal(json_path_string(pod, "spec.containers[0].readinessProbe.httpGet.scheme"),
                        "HTTP");
    assert_true(json_is_object(json_path_get(pod, "spec.securityContext")));
    assert_null(json_path_get(pod, "spec.containers[0].livenessProbe"));
    json_decref(pod);
}

static void samples_are_valid(void **state)
{
    static const char *const texts[] = {
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, labels: {app: x}}, spec: "
        "{replicas: 1, selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, "
        "spec: {serviceAccountName: x, containers: [{name: x, image: x, imagePullPolicy: "
        "IfNotPresent, ports: [{containerPort: 9080}], volumeMounts: [{name: tmp, mountPath: "
        "/tmp}]}], volumes: [{name: tmp, emptyDir: {}}]}}}}",
        "{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {ports: [{port: 9080, name: "
        "http, targetPort: web}], selector: {app: x}}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *object = yaml_tree(texts[i]);
        const struct api_kind *kind = api_kind_find_object(json_get_string(object, "apiVersion"),
                                                           json_get_string(object, "kind"));
        struct error last = {0};

        assert_int_equal(api_check(kind->schema, object, on_problem, &last), 0);
        json_decref(object);
    }
}

static void crds(void **state)
{
    json_t *crd = api_crd_new(api_kind_find("networking.istio.io", "v1", "VirtualService"));
    const char *weight = "spec.versions[2].schema.openAPIV3Schema.properties.spec.properties.http."
                         "items.properties.route.items.properties.weight.type";

    (void)state;
    assert_string_equal(json_path_string(crd, "metadata.name"),
                        "virtualservices.networking.istio.io");
    assert_string_equal(json_path_string(crd, "spec.versions[0].name"), "v1");
    assert_true(json_path_bool(crd, "spec.versions[0].storage", false));
    assert_false(json_path_bool(crd, "spec.versions[1].storage", true));
    assert_string_equal(json_path_string(crd, weight), "integer");
    assert_string_equal(
        json_path_string(crd, "spec.versions[0].additionalPrinterColumns[1].jsonPath"),
        ".spec.hosts");
    assert_non_null(json_path_get(crd, "spec.versions[0].subresources.status"));
    json_decref(crd);
}

/* What Kubernetes leaves out, and what it always shows. */
static void empty_values_go(void **state)
{
    json_t *service = yaml_tree("{\"metadata\":{\"labels\":{},\"finalizers\":[]},"
                                "\"spec\":{\"ports\":[],\"selector\":{\"a\":\"b\"}}}");
    json_t *slice = yaml_tree("{\"metadata\":{},\"endpoints\":[]}");

    (void)state;
    api_default(api_kind_find("", "v1", "Service")->schema, service);
    api_default(api_kind_find("discovery.k8s.io", "v1", "EndpointSlice")->schema, slice);
    assert_int_equal(json_object_size(json_object_get(service, "metadata")), 0);
    assert_null(json_path_get(service, "spec.ports"));
    assert_non_null(json_path_get(service, "spec.selector.a"));
    assert_non_null(json_path_get(service, "status.loadBalancer"));
    assert_non_null(json_path_get(slice, "endpoints"));
    json_decref(service);
    json_decref(slice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(virtual_services),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(entries_and_sidecars),
        cmocka_unit_test(unknown_fields_are_told_but_not_fatal),
        cmocka_unit_test(defaults_come_in),
        cmocka_unit_test(empty_values_go),
        cmocka_unit_test(samples_are_valid),
        cmocka_unit_test(crds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
