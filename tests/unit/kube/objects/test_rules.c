/* SPDX-License-Identifier: Apache-2.0 */
/* Built-in kinds beyond their schemas: what validation says, and defaults that depend on others. */
#include "objects.h"

#include "base/mem.h"
#include "kube/objects/admission.h"
#include "kube/objects/defaults.h"
#include "kube/objects/definition.h"
#include "kube/objects/rules.h"
#include "wire/base64.h"

#define HOOK(more)                                                                                 \
    "{webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], " more "}]}"
#define URL "clientConfig: {url: 'https://x/'}"

struct rule_case {
    const char *group, *kind, *object, *old, *expected; /* of `expected` the beginning */
};

static void cases_assert(const struct rule_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct api_kind *kind = api_kind_find(cases[i].group, "v1", cases[i].kind);
        json_t *object = yaml_tree(cases[i].object);
        json_t *old = yaml_tree(cases[i].old);
        struct buf told;

        buf_init(&told, 0);
        kube_rules_check(kind, object, old, cause_note, &told);
        if (!slice_starts_with(buf_slice(&told), slice_str(cases[i].expected)) ||
            (cases[i].expected[0] == '\0' && told.len))
            fail_msg("%s: %.*s", cases[i].object, (int)told.len, told.data);
        buf_deinit(&told);
        json_decref(object);
        json_decref(old);
    }
}

static void configuration(void **state)
{
    static const struct rule_case cases[] = {
        {"", "ConfigMap", "{data: {a: b}}", "{immutable: true, data: {a: b}}",
         "immutable: Forbidden: field is immutable when `immutable` is set"},
        {"", "ConfigMap", "{data: {a: c}}", "{data: {a: b}}", ""},
        {"", "ConfigMap", "{immutable: true, data: {}}", "{immutable: true}", ""},
        {"", "ConfigMap", "{data: {a: c}, binaryData: {b: Yg==}}", "{immutable: true}",
         "immutable: Forbidden: field is immutable when `immutable` is set; "
         "data: Forbidden: field is immutable when `immutable` is set; "
         "binaryData: Forbidden: field is immutable when `immutable` is set"},
        {"", "ConfigMap", "{data: {a: c}, binaryData: {a: Yg==}}", "",
         "data[a]: Invalid value: \"a\": duplicate of key present in binaryData"},
        {"", "Secret", "{type: kubernetes.io/service-account-token}", "",
         "metadata.annotations[kubernetes.io/service-account.name]: Required value"},
        {"", "Secret",
         "{type: kubernetes.io/service-account-token, metadata: {annotations: "
         "{kubernetes.io/service-account.name: a}}}",
         "", ""},
        {"", "Secret", "{type: kubernetes.io/tls, data: {tls.key: ''}}", "",
         "data[tls.crt]: Required value"},
        {"", "Secret", "{type: kubernetes.io/tls, data: {tls.crt: '', tls.key: ''}}", "", ""},
        {"", "Secret", "{type: kubernetes.io/basic-auth, data: {a: ''}}", "",
         "data[username]: Required value; data[password]: Required value"},
        {"", "Secret", "{type: kubernetes.io/basic-auth, data: {password: ''}}", "", ""},
        {"", "Secret", "{type: kubernetes.io/ssh-auth, data: {ssh-privatekey: ''}}", "",
         "data[ssh-privatekey]: Required value"},
        {"", "Secret", "{type: kubernetes.io/dockercfg}", "", "data[.dockercfg]: Required value"},
        {"", "Secret", "{type: kubernetes.io/dockercfg, data: {.dockercfg: ''}}", "",
         "data[.dockercfg]: Invalid value: \"<secret contents redacted>\": unexpected end"},
        {"", "Secret", "{type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: bm90}}",
         "", "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": "},
        {"", "Secret", "{type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: MQ==}}",
         "",
         "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": json: cannot "
         "unmarshal number into Go value of type map[string]interface {}"},
        {"", "Secret", "{type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: e30=}}",
         "", ""},
    };

    (void)state;
    cases_assert(cases, ARRAY_LEN(cases));
}

static void rules(void **state)
{
    static const struct rule_case cases[] = {
        {"", "Pod", "{spec: {containers: [{volumeMounts: [{name: v}]}]}}", "",
         "spec.containers[0].volumeMounts[0].name: Not found: \"v\""},
        {"", "Pod", "{spec: {volumes: [{name: v}], containers: [{volumeMounts: [{name: v}]}]}}", "",
         ""},
        {"", "Pod", "{spec: {containers: [{name: a, image: i}]}}",
         "{spec: {containers: [{name: a, image: j}]}}", ""},
        {"", "Pod", "{spec: {hostNetwork: true, containers: []}}", "{spec: {containers: []}}",
         "spec: Forbidden: pod updates may not change fields other than"},
        {"apps", "Deployment", "{spec: {selector: {}, template: {}}}", "",
         "spec.selector: Invalid value: {}: empty selector is invalid for deployment"},
        {"apps", "Deployment",
         "{spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}}}}", "",
         "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match"},
        {"apps", "Deployment",
         "{spec: {replicas: -1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: "
         "b}}}}}",
         "", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
        {"apiextensions.k8s.io", "CustomResourceDefinition",
         "{metadata: {name: a}, spec: {group: g, names: {plural: p}, versions: [{storage: true, "
         "schema: {openAPIV3Schema: {}}}]}}",
         "",
         "metadata.name: Invalid value: \"a\": must be spec.names.plural+\".\"+spec.group; "
         "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root"},
        {"apiextensions.k8s.io", "CustomResourceDefinition",
         "{metadata: {name: p.g}, spec: {group: g, names: {plural: p}, versions: [{schema: "
         "{openAPIV3Schema: {type: object}}}]}}",
         "", "spec.versions: Invalid value: [{"},
        {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", HOOK(URL), "", ""},
        {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration",
         HOOK("clientConfig: {url: 'http://x'}"), "",
         "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed"},
        {"admissionregistration.k8s.io", "MutatingWebhookConfiguration",
         HOOK("timeoutSeconds: 31, " URL), "",
         "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between"},
        {"admissionregistration.k8s.io", "MutatingWebhookConfiguration",
         "{webhooks: [{name: a, " URL "}]}", "",
         "webhooks[0].name: Invalid value: \"a\": should be a domain with at least three segments "
         "separated by dots; webhooks[0].sideEffects: Required value: must specify one of None, "
         "NoneOnDryRun; webhooks[0].admissionReviewVersions: Required value: must specify one of"},
    };

    (void)state;
    cases_assert(cases, ARRAY_LEN(cases));
}

static void envelopes(void **state)
{
    static const struct kube_envelope map = {"", "v1", "ConfigMap"},
                                      deployment = {"apps", "apps/v1", "Deployment"},
                                      own = {"a.test", "a.test/v1", "Boat"},
                                      crd = {"apiextensions.k8s.io", "apiextensions.k8s.io/v1",
                                             "CustomResourceDefinition"};
    static const struct {
        const struct kube_envelope *wanted;
        const char *object, *expected; /* NULL: it is what is wanted */
    } cases[] = {
        {&map, "{apiVersion: v1, kind: ConfigMap}", NULL},
        {&map, "{}", NULL},
        {&map, "{apiVersion: v1, kind: Secret}",
         "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to "
         "(core.ConfigMap): unknown conversion"},
        {&map, "{apiVersion: v1, kind: Nope}",
         "Nope in version \"v1\" cannot be handled as a ConfigMap: no kind \"Nope\" is registered "
         "for version \"v1\" in scheme \"pkg/runtime/scheme.go:110\""},
        {&map, "{apiVersion: apps/v1}",
         "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is "
         "registered for version \"apps/v1\" in scheme \"pkg/runtime/scheme.go:110\""},
        {&map, "{apiVersion: networking.istio.io/v1, kind: Gateway}",
         "Gateway in version \"v1\" cannot be handled as a ConfigMap: no kind \"Gateway\" is "
         "registered for version \"networking.istio.io/v1\" in scheme "
         "\"pkg/runtime/scheme.go:110\""},
        {&deployment, "{kind: ReplicaSet}",
         "ReplicaSet in version \"v1\" cannot be handled as a Deployment: converting "
         "(v1.ReplicaSet) to (apps.Deployment): unknown conversion"},
        {&crd, "{apiVersion: v1, kind: Secret}",
         "Secret in version \"v1\" cannot be handled as a CustomResourceDefinition: no kind "
         "\"Secret\" is registered for version \"v1\" in scheme \"pkg/runtime/scheme.go:110\""},
        {&own, "{apiVersion: a.test/v1, kind: Other}", NULL},
        {&own, "{apiVersion: v1, kind: Boat}",
         "the API version in the data (v1) does not match the expected API version (a.test/v1)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *object = yaml_tree(cases[i].object);
        int rc = kube_rules_check_envelope(cases[i].wanted, object, &err);

        assert_int_equal(rc, cases[i].expected ? ERR_INVALID : 0);
        assert_string_equal(err.reason, cases[i].expected ? cases[i].expected : "");
        json_decref(object);
    }
}

/* One byte decides, of texts and of base64. */
static void config_size(void **state)
{
    enum { MOST = 1024 * 1024 };
    char *text = mem_zalloc(MOST + 1);
    struct slice bytes = {text, MOST - 2};
    struct buf coded, told;
    json_t *object;

    (void)state;
    memset(text, 'x', MOST);
    buf_init(&coded, 0);
    buf_init(&told, 0);
    assert_int_equal(base64_encode(bytes, &coded), 0);
    object = json_pack("{s:{s:s}, s:{s:s#}}", "data", "a", "xx", "binaryData", "b", coded.data,
                       (int)coded.len);
    kube_rules_check(api_kind_find("", "v1", "ConfigMap"), object, NULL, cause_note, &told);
    assert_int_equal(told.len, 0);
    json_path_set(object, "data.a", json_string("xxx"));
    kube_rules_check(api_kind_find("", "v1", "ConfigMap"), object, NULL, cause_note, &told);
    assert_true(slice_eq_str(buf_slice(&told), "[]: Too long: may not be more than 1048576 bytes"));
    json_decref(object);
    buf_reset(&told);
    buf_reset(&coded);
    bytes.len = MOST;
    object = json_pack("{s:{s:s}}", "data", "a", text);
    kube_rules_check(api_kind_find("", "v1", "ConfigMap"), object, NULL, cause_note, &told);
    assert_int_equal(told.len, 0);
    assert_int_equal(base64_encode(bytes, &coded), 0);
    json_decref(object);
    object = json_pack("{s:{s:s#, s:s}}", "data", "a", coded.data, (int)coded.len, "b", "eA==");
    kube_rules_check(api_kind_find("", "v1", "Secret"), object, NULL, cause_note, &told);
    assert_true(
        slice_eq_str(buf_slice(&told), "data: Too long: may not be more than 1048576 bytes"));
    json_decref(object);
    buf_deinit(&told);
    buf_deinit(&coded);
    mem_free(text);
}

static void defaults(void **state)
{
    static const struct {
        const char *group, *kind, *object, *expected;
    } cases[] = {
        {"", "Pod", "{spec: {serviceAccountName: s, containers: [{image: 'a:1'}, {image: a}]}}",
         "{spec: {serviceAccountName: s, serviceAccount: s, enableServiceLinks: true, containers: "
         "[{image: 'a:1', imagePullPolicy: IfNotPresent}, {image: a, imagePullPolicy: Always}]}}"},
        {"apps", "ReplicaSet",
         "{spec: {template: {spec: {containers: [{image: 'h:5000/a', resources: {limits: {cpu: 1}}}"
         "]}}}}",
         "{spec: {template: {spec: {containers: [{image: 'h:5000/a', imagePullPolicy: Always, "
         "resources: {limits: {cpu: 1}, requests: {cpu: 1}}}]}}}}"},
        {"apps", "Deployment", "{spec: {strategy: {rollingUpdate: {maxSurge: 1}}}}",
         "{spec: {strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}}}"},
        {"apps", "Deployment", "{spec: {strategy: {type: Recreate}}}",
         "{spec: {strategy: {type: Recreate}}}"},
        {"", "Secret", "{data: {a: YQ==}, stringData: {b: b}}", "{data: {a: YQ==, b: Yg==}}"},
        {"", "ConfigMap", "{data: {a: b}}", "{data: {a: b}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = yaml_tree(cases[i].object);
        json_t *expected = yaml_tree(cases[i].expected);
        char *text;

        kube_defaults_set(api_kind_find(cases[i].group, "v1", cases[i].kind), object);
        text = json_format_str(object, JSON_FORMAT_COMPACT);
        if (!json_equal(object, expected))
            fail_msg("%s: %s", cases[i].object, text);
        mem_free(text);
        json_decref(object);
        json_decref(expected);
    }
}

static void classes_of_service(void **state)
{
    static const struct {
        const char *spec, *expected;
    } cases[] = {
        {"{containers: [{name: a}]}", "BestEffort"},
        {"{containers: [{resources: {requests: {cpu: 1}}}]}", "Burstable"},
        {"{containers: [{resources: {limits: {cpu: 1, memory: 1}, requests: {cpu: 1, memory: "
         "1}}}]}",
         "Guaranteed"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *spec = yaml_tree(cases[i].spec);

        assert_string_equal(kube_defaults_qos(spec), cases[i].expected);
        json_decref(spec);
    }
}

static void completed_definitions(void **state)
{
    json_t *crd =
        yaml_tree("{spec: {names: {kind: Boat, plural: boats}, versions: [{name: v1, storage: "
                  "true}]}}");

    (void)state;
    kube_definition_complete(crd, "2026-01-01T00:00:00Z");
    assert_string_equal(json_path_string(crd, "spec.names.listKind"), "BoatList");
    assert_string_equal(json_path_string(crd, "status.acceptedNames.singular"), "boat");
    assert_string_equal(json_path_string(crd, "spec.conversion.strategy"), "None");
    assert_string_equal(json_path_string(crd, "status.conditions[1].type"), "Established");
    assert_int_equal(json_path_set(crd, "spec.versions[0].name", json_string("v2")), 0);
    kube_definition_complete(crd, "2026-01-02T00:00:00Z");
    assert_string_equal(json_path_string(crd, "status.storedVersions[0]"), "v1");
    assert_string_equal(json_path_string(crd, "status.storedVersions[1]"), "v2");
    assert_string_equal(json_path_string(crd, "status.conditions[1].lastTransitionTime"),
                        "2026-01-01T00:00:00Z");
    json_decref(crd);
}

static void webhooks_see(void **state)
{
    static const struct {
        const char *rule;
        struct kube_admission_request request;
        bool expected;
    } cases[] = {
        {"operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]",
         {"CREATE", "", "v1", "pods", "", true},
         true},
        {"operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]",
         {"UPDATE", "", "v1", "pods", "", true},
         false},
        {"operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*']",
         {"DELETE", "apps", "v1", "deployments", "", true},
         true},
        {"operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*']",
         {"UPDATE", "apps", "v1", "deployments", "scale", true},
         false},
        {"operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/scale']",
         {"UPDATE", "apps", "v1", "deployments", "scale", true},
         true},
        {"operations: ['*'], apiGroups: [apps], apiVersions: [v1], resources: ['deployments/*']",
         {"UPDATE", "apps", "v1", "deployments", "status", true},
         true},
        {"operations: ['*'], apiGroups: [apps], apiVersions: [v1beta1], resources: ['*']",
         {"UPDATE", "apps", "v1", "deployments", "", true},
         false},
        {"scope: Cluster, operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: "
         "['*']",
         {"UPDATE", "apps", "v1", "deployments", "", true},
         false},
        {"scope: Cluster, operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: "
         "['*']",
         {"UPDATE", "", "v1", "nodes", "", false},
         true},
    };
    json_t *selecting = yaml_tree("{objectSelector: {matchLabels: {a: b}}}");
    json_t *chosen = yaml_tree("{metadata: {labels: {a: b}}}");
    json_t *other = yaml_tree("{metadata: {labels: {a: c}}}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = mem_printf("{rules: [{%s}]}", cases[i].rule);
        json_t *webhook = yaml_tree(text);

        if (kube_admission_rules_match(webhook, &cases[i].request) != cases[i].expected)
            fail_msg("%s: %s %s", text, cases[i].request.operation, cases[i].request.plural);
        json_decref(webhook);
        mem_free(text);
    }
    assert_true(kube_admission_object_match(selecting, chosen, NULL));
    assert_true(kube_admission_object_match(selecting, other, chosen));
    assert_false(kube_admission_object_match(selecting, other, NULL));
    json_decref(selecting);
    json_decref(chosen);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration),
        cmocka_unit_test(rules),
        cmocka_unit_test(config_size),
        cmocka_unit_test(envelopes),
        cmocka_unit_test(defaults),
        cmocka_unit_test(classes_of_service),
        cmocka_unit_test(completed_definitions),
        cmocka_unit_test(webhooks_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
