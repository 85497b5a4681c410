/* SPDX-License-Identifier: Apache-2.0 */
/* The webhook configurations: who is asked for injection, and whose objects are checked.
 *
 * weftd puts its caBundle in, and turns the validator's failurePolicy to Fail once it answers.
 *
 * Spec    Istio: mutatingwebhook.yaml, validatingwebhookconfiguration.yaml
 */
#include "install/install_int.h"

static json_t *client_config(const char *path)
{
    return json_pack("{s:{s:s, s:s, s:s, s:i}}", "service", "name", "istiod", "namespace",
                     INSTALL_NAMESPACE, "path", path, "port", 443);
}

static json_t *expression(const char *key, const char *operator_name, const char *value)
{
    json_t *item = json_pack("{s:s, s:s}", "key", key, "operator", operator_name);

    if (value)
        json_object_set_new(item, "values", json_pack("[s]", value));
    return item;
}

/* One entry of expressions: {key, operator, value}; key NULL: none. */
struct rule {
    const char *key, *operator_name, *value;
};

static json_t *selector(const struct rule *rules)
{
    json_t *list = json_array();

    for (size_t i = 0; i < 2 && rules[i].key; i++)
        json_array_append_new(list,
                              expression(rules[i].key, rules[i].operator_name, rules[i].value));
    return json_pack("{s:o}", "matchExpressions", list);
}

static const struct {
    const char *name;
    struct rule ns[2];
    struct rule object[2];
} injectors[] = {
    {"rev.namespace.sidecar-injector.istio.io",
     {{"istio.io/rev", "In", "default"}, {"istio-injection", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}}},
    {"rev.object.sidecar-injector.istio.io",
     {{"istio.io/rev", "DoesNotExist", NULL}, {"istio-injection", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}, {"istio.io/rev", "In", "default"}}},
    {"namespace.sidecar-injector.istio.io",
     {{"istio-injection", "In", "enabled"}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}}},
    {"object.sidecar-injector.istio.io",
     {{"istio-injection", "DoesNotExist", NULL}, {"istio.io/rev", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "In", "true"}, {"istio.io/rev", "DoesNotExist", NULL}}},
};

static json_t *injector(size_t index)
{
    return json_pack("{s:s, s:o, s:[{s:[s], s:[s], s:[s], s:[s]}], s:o, s:o, s:s, s:s, s:s, s:[s], "
                     "s:i}",
                     "name", injectors[index].name, "clientConfig", client_config("/inject"),
                     "rules", "operations", "CREATE", "apiGroups", "", "apiVersions", "v1",
                     "resources", "pods", "namespaceSelector", selector(injectors[index].ns),
                     "objectSelector", selector(injectors[index].object), "failurePolicy", "Fail",
                     "reinvocationPolicy", "Never", "sideEffects", "None",
                     "admissionReviewVersions", "v1", "timeoutSeconds", 10);
}

static json_t *validator(const char *name, const struct rule *rules)
{
    return json_pack("{s:s, s:o, s:[{s:[s, s], s:[s, s, s, s], s:[s], s:[s]}], s:o, s:s, s:s, "
                     "s:[s], s:i}",
                     "name", name, "clientConfig", client_config("/validate"), "rules",
                     "operations", "CREATE", "UPDATE", "apiGroups", "security.istio.io",
                     "networking.istio.io", "telemetry.istio.io", "extensions.istio.io",
                     "apiVersions", "*", "resources", "*", "objectSelector", selector(rules),
                     "failurePolicy", "Ignore", "sideEffects", "None", "admissionReviewVersions",
                     "v1", "timeoutSeconds", 10);
}

void install_webhooks(const struct install_values *values, json_t *list)
{
    static const struct rule revision[2] = {{"istio.io/rev", "In", "default"}};
    static const struct rule no_revision[2] = {{"istio.io/rev", "DoesNotExist", NULL}};
    json_t *mutating =
        install_object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", NULL,
                       "istio-sidecar-injector");
    json_t *validating =
        install_object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL,
                       "istio-validator-" INSTALL_NAMESPACE);
    json_t *webhooks = json_array();

    (void)values;
    for (size_t i = 0; i < ARRAY_LEN(injectors); i++)
        json_array_append_new(webhooks, injector(i));
    json_object_set_new(mutating, "webhooks", webhooks);
    json_object_set_new(validating, "webhooks",
                        json_pack("[o, o]", validator("rev.validation.istio.io", revision),
                                  validator("validation.istio.io", no_revision)));
    json_array_append_new(list, mutating);
    json_array_append_new(list, validating);
}
