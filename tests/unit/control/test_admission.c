/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to admission reviews, as the API server would ask.
 */
#include "test.h"
#include "tree.h"

#include "base/mem.h"
#include "control/admission.h"
#include "wire/base64.h"

static json_t *review_of(const char *object)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:o}}", "apiVersion", "admission.k8s.io/v1",
                     "kind", "AdmissionReview", "request", "uid", "u-1", "namespace", "demo",
                     "operation", "CREATE", "object", yaml_tree(object));
}

static void injects(void **state)
{
    struct inject_config config = {0};
    json_t *review =
        review_of("{metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}");
    enum admission_outcome outcome;
    json_t *answer = admission_inject(&config, review, &outcome);
    SCOPED(json_drop) json_t *patch = NULL;
    struct buf text;

    (void)state;
    assert_int_equal(outcome, ADMISSION_PATCHED);
    assert_string_equal(json_path_string(answer, "response.uid"), "u-1");
    assert_true(json_path_bool(answer, "response.allowed", false));
    assert_string_equal(json_path_string(answer, "response.patchType"), "JSONPatch");
    buf_init(&text, 0);
    assert_int_equal(base64_decode(slice_str(json_path_string(answer, "response.patch")), &text),
                     0);
    assert_int_equal(json_parse(buf_slice(&text), NULL, &patch, NULL), 0);
    assert_true(json_array_size(patch) > 3);
    buf_deinit(&text);
    json_decref(answer);
    json_decref(review);
}

static void leaves_alone(void **state)
{
    struct inject_config config = {0};
    json_t *review = review_of("{spec: {hostNetwork: true, containers: [{name: a, image: a}]}}");
    enum admission_outcome outcome;
    json_t *answer = admission_inject(&config, review, &outcome);

    (void)state;
    assert_int_equal(outcome, ADMISSION_SKIPPED);
    assert_true(json_path_bool(answer, "response.allowed", false));
    assert_null(json_path_get(answer, "response.patch"));
    json_decref(answer);
    json_decref(review);
}

static void refuses_wrong_annotation(void **state)
{
    struct inject_config config = {0};
    json_t *review =
        review_of("{metadata: {annotations: {status.sidecar.istio.io/port: http}}, spec: "
                  "{containers: [{name: a, image: a}]}}");
    enum admission_outcome outcome;
    json_t *answer = admission_inject(&config, review, &outcome);

    (void)state;
    assert_int_equal(outcome, ADMISSION_DENIED);
    assert_false(json_path_bool(answer, "response.allowed", true));
    assert_non_null(strstr(json_path_string(answer, "response.status.message"),
                           "status.sidecar.istio.io/port"));
    json_decref(answer);
    json_decref(review);
}

static void validates(void **state)
{
    static const struct {
        const char *object, *told; /* told NULL: allowed */
    } cases[] = {
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: "
         "{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}}",
         NULL},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: "
         "{hosts: 5}}",
         "spec.hosts"},
        {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: "
         "{hosts: [reviews], http: [{route: [{destination: {host: reviews}, weight: -5}]}]}}",
         "weight"},
        {"{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g}, spec: {servers: "
         "[{port: {number: 80, name: http, protocol: HTTP}}]}}",
         "hosts"},
        {"{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: "
         "{}}",
         "not supported: AuthorizationPolicy \"p\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *review = review_of(cases[i].object);
        enum admission_outcome outcome;
        json_t *answer = admission_validate(review, &outcome);
        const char *message = json_path_string(answer, "response.status.message");

        assert_int_equal(outcome, cases[i].told ? ADMISSION_DENIED : ADMISSION_ALLOWED);
        if (cases[i].told && (!message || !strstr(message, cases[i].told)))
            fail_msg("case %zu: %s", i, message ? message : "no message");
        json_decref(answer);
        json_decref(review);
    }
}

static void warns_of_what_has_no_effect(void **state)
{
    static const struct {
        const char *object, *warning;
    } cases[] = {
        {"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: "
         "{host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}}",
         "spec.trafficPolicy.tls: not supported: mode ISTIO_MUTUAL; traffic to the host stays "
         "plain text"},
        {"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: "
         "{host: a.com, trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: "
         "SIMPLE}}]}}}",
         "spec.trafficPolicy.portLevelSettings[0].tls: not supported: TLS to upstreams; requests "
         "are answered 503, not sent in plain text"},
        {"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: "
         "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}}",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *review = review_of(cases[i].object);
        enum admission_outcome outcome;
        json_t *answer = admission_validate(review, &outcome);
        const json_t *warnings = json_path_get(answer, "response.warnings");

        assert_int_equal(outcome, ADMISSION_ALLOWED);
        assert_int_equal(json_array_size(warnings), cases[i].warning ? 1 : 0);
        if (cases[i].warning)
            assert_string_equal(json_string_value(json_array_get(warnings, 0)), cases[i].warning);
        json_decref(answer);
        json_decref(review);
    }
}

static void no_review(void **state)
{
    struct inject_config config = {0};
    json_t *tree = json_pack("{s:s}", "apiVersion", "v1");

    (void)state;
    assert_null(admission_inject(&config, tree, NULL));
    assert_null(admission_validate(tree, NULL));
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(injects),
        cmocka_unit_test(leaves_alone),
        cmocka_unit_test(refuses_wrong_annotation),
        cmocka_unit_test(validates),
        cmocka_unit_test(warns_of_what_has_no_effect),
        cmocka_unit_test(no_review),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
