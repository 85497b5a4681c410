/* SPDX-License-Identifier: Apache-2.0 */
/* Choices of a user, and the objects that come of them.
 */
#include "test.h"
#include "tree.h"

#include "base/buf.h"
#include "base/mem.h"
#include "install/objects.h"
#include "wire/yaml.h"

static const json_t *object_find(const json_t *objects, const char *kind, const char *name)
{
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object)
    {
        if (strcmp(json_path_string_or(object, "kind", ""), kind) == 0 &&
            strcmp(json_path_string_or(object, "metadata.name", ""), name) == 0)
            return object;
    }
    return NULL;
}

/* `sets` is a list of assignments, "; " between them, or NULL. */
static json_t *objects_of(const char *profile, const char *sets)
{
    struct install_values values = {0};
    struct slice rest = slice_str(sets), piece;
    struct error err = {0};
    json_t *objects;

    assert_int_equal(install_values_init(&values, profile, NULL), 0);
    while (sets && slice_split_next(&rest, ';', &piece)) {
        SCOPED(mem_drop) char *set = mem_slice_dup(slice_trim(piece));

        if (install_values_set(&values, set, &err) < 0)
            fail_msg("%s: %s", set, err.reason);
    }
    objects = install_objects(&values);
    install_values_deinit(&values);
    return objects;
}

/* Every object is whole: json_pack gives NULL for a mistake of ours. */
static void objects_are_whole(void **state)
{
    json_t *objects = objects_of("default", NULL);
    size_t i;
    json_t *object;

    (void)state;
    json_array_foreach(objects, i, object)
    {
        assert_non_null(json_path_string(object, "apiVersion"));
        assert_non_null(json_path_string(object, "kind"));
        assert_non_null(json_path_string(object, "metadata.name"));
    }
    json_decref(objects);
}

static void names(void **state)
{
    static const char *const wanted[][2] = {
        {"CustomResourceDefinition", "virtualservices.networking.istio.io"},
        {"CustomResourceDefinition", "destinationrules.networking.istio.io"},
        {"CustomResourceDefinition", "gateways.networking.istio.io"},
        {"ServiceAccount", "istiod"},
        {"ClusterRole", "istiod-clusterrole-istio-system"},
        {"ConfigMap", "istio"},
        {"ConfigMap", "istio-sidecar-injector"},
        {"Deployment", "istiod"},
        {"Service", "istiod"},
        {"MutatingWebhookConfiguration", "istio-sidecar-injector"},
        {"ValidatingWebhookConfiguration", "istio-validator-istio-system"},
        {"Deployment", "istio-ingressgateway"},
        {"Service", "istio-ingressgateway"},
    };
    json_t *objects = objects_of(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!object_find(objects, wanted[i][0], wanted[i][1]))
            fail_msg("%s %s is missing", wanted[i][0], wanted[i][1]);
    json_decref(objects);
}

/* "name port targetPort, " of each port, in the Service's order. */
static void ports_are(const json_t *service, const char *wanted)
{
    struct buf text;
    size_t i;
    json_t *port;

    buf_init(&text, 0);
    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
        buf_printf(&text, "%s %d %d, ", json_path_string_or(port, "name", "?"),
                   (int)json_path_int(port, "port", 0), (int)json_path_int(port, "targetPort", 0));
    buf_append_char(&text, 0);
    assert_string_equal(text.data, wanted);
    buf_deinit(&text);
}

static void services(void **state)
{
    json_t *objects = objects_of(NULL, NULL);
    const json_t *service = object_find(objects, "Service", "istio-ingressgateway");

    (void)state;
    assert_string_equal(json_path_string(service, "spec.type"), "LoadBalancer");
    ports_are(service, "status-port 15021 15021, http2 80 8080, https 443 8443, "
                       "tcp-istiod 15012 15012, tls 15443 15443, ");
    assert_string_equal(json_path_string(service, "spec.selector.istio"), "ingressgateway");
    service = object_find(objects, "Service", "istiod");
    ports_are(service, "grpc-xds 15010 15010, https-dns 15012 15012, https-webhook 443 15017, "
                       "http-monitoring 15014 15014, ");
    json_decref(objects);
}

/* The default profile scales by CPU, which needs requests; demo has a fixed number of pods. */
static void autoscalers(void **state)
{
    static const char *const names[] = {"istiod", "istio-ingressgateway"};
    json_t *objects = objects_of(NULL, NULL);
    json_t *demo = objects_of("demo", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *scaler = object_find(objects, "HorizontalPodAutoscaler", names[i]);
        const json_t *deployment = object_find(objects, "Deployment", names[i]);

        assert_string_equal(json_path_string(scaler, "apiVersion"), "autoscaling/v2");
        assert_string_equal(json_path_string(scaler, "spec.scaleTargetRef.name"), names[i]);
        assert_int_equal(json_path_int(scaler, "spec.minReplicas", 0), 1);
        assert_int_equal(json_path_int(scaler, "spec.maxReplicas", 0), 5);
        assert_int_equal(
            json_path_int(scaler, "spec.metrics[0].resource.target.averageUtilization", 0), 80);
        assert_null(json_path_get(deployment, "spec.replicas"));
        assert_non_null(json_path_string(
            deployment, "spec.template.spec.containers[0].resources.requests.cpu"));
        assert_null(object_find(demo, "HorizontalPodAutoscaler", names[i]));
        assert_int_equal(
            json_path_int(object_find(demo, "Deployment", names[i]), "spec.replicas", 0), 1);
    }
    json_decref(objects);
    json_decref(demo);
}

static void settings_reach_objects(void **state)
{
    json_t *objects = objects_of("default", "hub=registry.example/x");
    const json_t *object = object_find(objects, "Deployment", "istiod");
    SCOPED(json_drop) json_t *values = NULL;

    (void)state;
    assert_string_equal(json_path_string(object, "spec.template.spec.containers[0].image"),
                        "registry.example/x/pilot:" WEFT_VERSION);
    object = object_find(objects, "ConfigMap", "istio-sidecar-injector");
    assert_int_equal(
        yaml_parse_one(slice_str(json_path_string(object, "data.values")), NULL, &values, NULL), 0);
    assert_string_equal(json_path_string(values, "global.hub"), "registry.example/x");
    json_decref(objects);
}

static void profiles(void **state)
{
    struct install_values values = {0};
    struct error err = {0};
    json_t *objects = objects_of("minimal", NULL);

    (void)state;
    assert_null(object_find(objects, "Deployment", "istio-ingressgateway"));
    assert_non_null(object_find(objects, "Deployment", "istiod"));
    json_decref(objects);
    objects = objects_of("minimal", "components.ingressGateways[0].enabled=true");
    assert_non_null(object_find(objects, "Deployment", "istio-ingressgateway"));
    json_decref(objects);
    assert_int_equal(install_values_init(&values, "nosuch", &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, "profile \"nosuch\" not found"));
}

static void wrong_settings(void **state)
{
    static const char *const cases[][2] = {
        {"bogus=1", "bogus: unknown field"},
        {"values.gateways.Shop.enabled=true", "values.gateways.Shop.enabled: unknown field"},
        {"values.gateways.shop.kind=mesh", "is none of"},
        {"values.pilot.bogus=1", "values.pilot.bogus: unknown field"},
        {"components.ingressGateways[1].enabled=true", "[1].enabled: unknown field"},
        {"components.ingressGateways[0].name=other", "other than \"istio-ingressgateway\""},
        {"hub", "key=value"},
        {"values.pilot.replicaCount=many", "string, not integer"},
        {"components.ingressGateways[0].enabled=perhaps", "string, not boolean"},
        {"values.gateways.istio-ingressgateway.type=None", "is none of"},
        {"revision=Not_a_label", "invalid revision specified: Not_a_label"},
        {"revision=-x", "invalid revision specified"},
        {"namespace=elsewhere", "other than \"istio-system\""},
        {"meshConfig.nonsense=1", "meshConfig.nonsense: unknown field"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct install_values values = {0};
        struct error err = {0};
        char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

        assert_int_equal(install_values_init(&values, NULL, NULL), 0);
        assert_true(install_values_set(&values, cases[i][0], &err) < 0);
        if (!strstr(err_format(&err, text, sizeof text), cases[i][1]))
            fail_msg("%s: %s", cases[i][0], text);
        install_values_deinit(&values);
    }
}

/* Where a setting lands: {set, path in the values, its JSON}. */
static void settings_land(void **state)
{
    static const char *const cases[][3] = {
        {"hub=h/x", "global.hub", "\"h/x\""},
        {"tag=1", "global.tag", "\"1\""},
        {"meshConfig.accessLogFile=/dev/stdout", "meshConfig.accessLogFile", "\"/dev/stdout\""},
        {"meshConfig.defaultConfig.concurrency=2", "meshConfig.defaultConfig.concurrency", "2"},
        {"values.global.proxy.logLevel=info", "global.proxy.logLevel", "\"info\""},
        {"values.pilot.replicaCount=3", "pilot.replicaCount", "3"},
        {"components.pilot.k8s.hpaSpec.maxReplicas=7", "pilot.autoscaleMax", "7"},
        {"components.ingressGateways[0].namespace=edge", "gateways.istio-ingressgateway.namespace",
         "\"edge\""},
        {"values.gateways.shop.type=ClusterIP", "gateways.shop", "{\"type\":\"ClusterIP\"}"},
        {"components.egressGateways[0].enabled=true", "gateways.istio-egressgateway.enabled",
         "true"},
        {"components.ingressGateways[0].k8s.service.type=NodePort",
         "gateways.istio-ingressgateway.type", "\"NodePort\""},
        {"values.global.imagePullSecrets={a, b}", "global.imagePullSecrets", "[\"a\",\"b\"]"},
        {"values.pilot.nodeSelector.kubernetes\\.io/os=linux", "pilot.nodeSelector",
         "{\"kubernetes.io/os\":\"linux\"}"},
        {"components.base.enabled=true", "pilot.image", "\"pilot\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct install_values values = {0};
        struct error err = {0};
        SCOPED(mem_drop) char *found = NULL;
        SCOPED(json_drop) json_t *list = json_array();

        assert_int_equal(install_values_init(&values, NULL, NULL), 0);
        if (install_values_set(&values, cases[i][0], &err) < 0)
            fail_msg("%s: %s", cases[i][0], err.reason);
        json_array_append(list, json_path_get(values.tree, cases[i][1]));
        found = json_format_str(list, JSON_FORMAT_COMPACT);
        found[strlen(found) - 1] = 0;
        assert_string_equal(found + 1, cases[i][2]);
        install_values_deinit(&values);
    }
}

/* {kind, namespace, name} of the objects of one gateway, by Istio's charts gateways/istio-ingress
 * and istio-egress. */
static void assert_gateway(const json_t *objects, const char *name, const char *ns,
                           const char *component)
{
    static const char *const made[][2] = {
        {"ServiceAccount", "%s-service-account"}, {"Role", "%s-sds"},   {"RoleBinding", "%s-sds"},
        {"HorizontalPodAutoscaler", "%s"},        {"Deployment", "%s"}, {"Service", "%s"},
    };

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        SCOPED(mem_drop) char *wanted = mem_printf(made[i][1], name);
        const json_t *object = object_find(objects, made[i][0], wanted);

        if (!object)
            fail_msg("%s %s is not there", made[i][0], wanted);
        if (strcmp(made[i][0], "RoleBinding") == 0)
            assert_string_equal(json_path_string(object, "subjects[0].namespace"), ns);
        assert_string_equal(json_path_string(object, "metadata.namespace"), ns);
        assert_string_equal(
            json_path_string(object, "metadata.labels[\"operator.istio.io/component\"]"),
            component);
    }
}

static json_t *objects_of_operator(const char *profile, const char *text, struct error *err)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *document = yaml_tree(text);

    assert_int_equal(install_values_init(&values, profile, NULL), 0);
    return install_values_merge(&values, document, err) < 0 ? NULL : install_objects(&values);
}

static void further_gateways(void **state)
{
    static const char text[] =
        "spec:\n"
        "  components:\n"
        "    ingressGateways:\n"
        "    - {name: istio-ingressgateway, k8s: {service: {type: NodePort}}}\n"
        "    - name: shop-gateway\n"
        "      namespace: shop\n"
        "      label: {istio: shop}\n"
        "      k8s: {service: {type: ClusterIP, ports: [{name: http, port: 8000}]}}\n"
        "    - {name: off-gateway, enabled: false}\n"
        "    egressGateways:\n"
        "    - {name: exit-gateway, enabled: true}\n";
    struct error err = {0};
    json_t *objects = objects_of_operator("default", text, &err);
    const json_t *object;

    (void)state;
    if (!objects)
        fail_msg("%s: %s", err.path, err.reason);
    assert_gateway(objects, "istio-ingressgateway", "istio-system", "IngressGateways");
    assert_gateway(objects, "shop-gateway", "shop", "IngressGateways");
    assert_gateway(objects, "exit-gateway", "istio-system", "EgressGateways");
    assert_null(object_find(objects, "Deployment", "off-gateway"));
    assert_null(object_find(objects, "Deployment", "istio-egressgateway"));
    object = object_find(objects, "Service", "istio-ingressgateway");
    assert_string_equal(json_path_string(object, "spec.type"), "NodePort");
    object = object_find(objects, "Service", "shop-gateway");
    assert_string_equal(json_path_string(object, "spec.type"), "ClusterIP");
    assert_int_equal(json_path_int(object, "spec.ports[0].port", 0), 8000);
    assert_null(json_path_get(object, "spec.ports[1]"));
    assert_string_equal(json_path_string(object, "spec.selector.istio"), "shop");
    assert_string_equal(json_path_string(object, "spec.selector.app"), "istio-ingressgateway");
    json_decref(objects);
}

/* A list stands in place of the profile's, and what it names is on. */
static void lists_of_gateways_replace(void **state)
{
    struct error err = {0};
    json_t *objects = objects_of_operator(
        "default", "spec: {components: {ingressGateways: [{name: other}]}}", &err);

    (void)state;
    assert_non_null(object_find(objects, "Deployment", "other"));
    assert_null(object_find(objects, "Deployment", "istio-ingressgateway"));
    json_decref(objects);
    objects = objects_of_operator(
        "minimal", "spec: {components: {ingressGateways: [{name: istio-ingressgateway}]}}", &err);
    assert_non_null(object_find(objects, "Deployment", "istio-ingressgateway"));
    json_decref(objects);
}

static void bad_gateways(void **state)
{
    static const char *const rows[][2] = {
        {"[{name: istio-ingressgateway}, {enabled: true}]", "ingressGateways[1].name: \"\" is no"},
        {"[{name: a}, {name: a}]", "ingressGateways[1].name: \"a\" is no name"},
        {"[{name: Big_One}]", "ingressGateways[0].name: \"Big_One\" is no name"},
        {"[{name: a, k8s: {nonsense: 1}}]", "ingressGateways.a.k8s.nonsense: unknown field"},
        {"[{name: a, enabled: perhaps}]", "ingressGateways.a.enabled: the value has the wrong"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCOPED(mem_drop)
        char *text = mem_printf("spec: {components: {ingressGateways: %s}}", rows[i][0]);
        char shown[ERR_PATH_SIZE + ERR_REASON_SIZE];
        struct error err = {0};

        assert_null(objects_of_operator(NULL, text, &err));
        if (!strstr(err_format(&err, shown, sizeof shown), rows[i][1]))
            fail_msg("%s: %s", rows[i][0], shown);
    }
}

static void operator_file(void **state)
{
    static const char text[] = "apiVersion: install.istio.io/v1alpha1\n"
                               "kind: IstioOperator\n"
                               "spec:\n"
                               "  profile: demo\n"
                               "  meshConfig: {defaultConfig: {concurrency: 1}}\n"
                               "  components:\n"
                               "    ingressGateways:\n"
                               "    - name: istio-ingressgateway\n"
                               "      enabled: true\n"
                               "      k8s:\n"
                               "        serviceAnnotations: {example.org/a: b}\n"
                               "        service: {ports: [{name: http2, port: 80}]}\n"
                               "  values: {global: {proxy: {logLevel: info}}}\n";
    struct install_values values = {0};
    struct error err = {0};
    json_t *document = yaml_tree(text);
    const json_t *gateway;

    (void)state;
    assert_string_equal(install_profile_of(document), "demo");
    assert_int_equal(install_values_init(&values, "demo", NULL), 0);
    if (install_values_merge(&values, document, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    assert_string_equal(json_path_string(values.tree, "global.proxy.logLevel"), "info");
    assert_string_equal(json_path_string(values.tree, "global.proxy.image"), "proxyv2");
    gateway = json_object_get(json_object_get(values.tree, "gateways"), "istio-ingressgateway");
    assert_string_equal(
        json_get_string(json_object_get(gateway, "serviceAnnotations"), "example.org/a"), "b");
    assert_int_equal(json_array_size(json_object_get(gateway, "ports")), 1);
    assert_int_equal(json_path_set(document, "spec.values.nonsense", json_object()), 0);
    assert_int_equal(install_values_merge(&values, document, &err), ERR_INVALID);
    assert_string_equal(err.path, "values.nonsense");
    json_decref(document);
    install_values_deinit(&values);
}

/* A second control plane has names, accounts and webhooks of its own, and takes no pod of the
 * first. */
static void revisions(void **state)
{
    static const char *const wanted[][2] = {
        {"Deployment", "istiod-canary"},
        {"Service", "istiod-canary"},
        {"ServiceAccount", "istiod-canary"},
        {"HorizontalPodAutoscaler", "istiod-canary"},
        {"ConfigMap", "istio-canary"},
        {"ConfigMap", "istio-sidecar-injector-canary"},
        {"ConfigMap", "values-canary"},
        {"ClusterRole", "istiod-clusterrole-canary-istio-system"},
        {"MutatingWebhookConfiguration", "istio-sidecar-injector-canary"},
        {"ValidatingWebhookConfiguration", "istio-validator-canary-istio-system"},
    };
    json_t *objects = objects_of("minimal", "revision=canary");
    const json_t *object;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!object_find(objects, wanted[i][0], wanted[i][1]))
            fail_msg("%s %s is missing", wanted[i][0], wanted[i][1]);
    object = object_find(objects, "Deployment", "istiod-canary");
    assert_string_equal(json_path_string(object, "metadata.labels[\"istio.io/rev\"]"), "canary");
    assert_string_equal(json_path_string(object, "spec.selector.matchLabels[\"istio.io/rev\"]"),
                        "canary");
    object = object_find(objects, "MutatingWebhookConfiguration", "istio-sidecar-injector-canary");
    assert_int_equal(json_array_size(json_object_get(object, "webhooks")), 2);
    assert_string_equal(json_path_string(object, "webhooks[0].clientConfig.service.name"),
                        "istiod-canary");
    assert_string_equal(
        json_path_string(object, "webhooks[0].namespaceSelector.matchExpressions[0].values[0]"),
        "canary");
    object = object_find(objects, "ConfigMap", "istio-canary");
    assert_non_null(
        strstr(json_path_string(object, "data.mesh"), "istiod-canary.istio-system.svc"));
    json_decref(objects);
    objects = objects_of("minimal", "revision=default");
    assert_non_null(object_find(objects, "Deployment", "istiod"));
    json_decref(objects);
}

/* What the cluster's ConfigMap `values` holds gives the same objects again. */
static void values_come_back(void **state)
{
    struct install_values values = {0};
    struct error err = {0};
    SCOPED(json_drop) json_t *first = objects_of("demo", "hub=h; revision=r; tag=9");
    SCOPED(json_drop) json_t *second = NULL;
    SCOPED(json_drop) json_t *tree = NULL;
    const char *text =
        json_path_string(object_find(first, "ConfigMap", "values-r"), "data.merged-values");

    (void)state;
    assert_int_equal(json_parse(slice_str(text), NULL, &tree, NULL), 0);
    if (install_values_load(&values, tree, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    second = install_objects(&values);
    assert_true(json_equal(first, second));
    install_values_deinit(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_whole),
        cmocka_unit_test(names),
        cmocka_unit_test(services),
        cmocka_unit_test(settings_reach_objects),
        cmocka_unit_test(autoscalers),
        cmocka_unit_test(settings_land),
        cmocka_unit_test(revisions),
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(profiles),
        cmocka_unit_test(wrong_settings),
        cmocka_unit_test(operator_file),
        cmocka_unit_test(further_gateways),
        cmocka_unit_test(lists_of_gateways_replace),
        cmocka_unit_test(bad_gateways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
