/* SPDX-License-Identifier: Apache-2.0 */
/* The webhook configurations: who is asked for injection, and whose objects are checked.
 *
 * weftd puts its caBundle in, and turns the validator's failurePolicy to Fail once it answers.
 *
 * Spec    Istio: mutatingwebhook.yaml, validatingwebhookconfiguration.yaml
 */
#include "base/mem.h"
#include "install/install_int.h"

/* One entry of expressions: {key, operator, value}; key NULL: none. A value "$REV" is the
 * installation's revision. */
struct rule {
    const char *key, *operator_name, *value;
};

struct hook {
    const char *name;
    struct rule ns[2]; /* of injectors */
    struct rule object[2];
};

/* Those of other revisions than the default: by their label alone. */
enum { INJECTORS_OF_REVISION = 2, VALIDATORS_OF_REVISION = 1 };

static const struct hook injectors[] = {
    {"rev.namespace.sidecar-injector.istio.io",
     {{"istio.io/rev", "In", "$REV"}, {"istio-injection", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}}},
    {"rev.object.sidecar-injector.istio.io",
     {{"istio.io/rev", "DoesNotExist", NULL}, {"istio-injection", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}, {"istio.io/rev", "In", "$REV"}}},
    {"namespace.sidecar-injector.istio.io",
     {{"istio-injection", "In", "enabled"}},
     {{"sidecar.istio.io/inject", "NotIn", "false"}}},
    {"object.sidecar-injector.istio.io",
     {{"istio-injection", "DoesNotExist", NULL}, {"istio.io/rev", "DoesNotExist", NULL}},
     {{"sidecar.istio.io/inject", "In", "true"}, {"istio.io/rev", "DoesNotExist", NULL}}},
};

static const struct hook validators[] = {
    {"rev.validation.istio.io", {{0}}, {{"istio.io/rev", "In", "$REV"}}},
    {"validation.istio.io", {{0}}, {{"istio.io/rev", "DoesNotExist", NULL}}},
};

static json_t *client_config(const struct install_run *run, const char *path)
{
    SCOPED(mem_drop) char *service = mem_printf("istiod%s", run->suffix);

    return json_pack("{s:{s:s, s:s, s:s, s:i}}", "service", "name", service, "namespace",
                     INSTALL_NAMESPACE, "path", path, "port", 443);
}

static json_t *selector(const struct install_run *run, const struct rule *rules)
{
    json_t *list = json_array();

    for (size_t i = 0; i < 2 && rules[i].key; i++) {
        json_t *item =
            json_pack("{s:s, s:s}", "key", rules[i].key, "operator", rules[i].operator_name);
        const char *value = rules[i].value;

        if (value)
            json_object_set_new(
                item, "values",
                json_pack("[s]", strcmp(value, "$REV") == 0 ? run->revision : value));
        json_array_append_new(list, item);
    }
    return json_pack("{s:o}", "matchExpressions", list);
}

static json_t *injector(const struct install_run *run, const struct hook *hook)
{
    return json_pack("{s:s, s:o, s:[{s:[s], s:[s], s:[s], s:[s]}], s:o, s:o, s:s, s:s, s:s, s:[s], "
                     "s:i}",
                     "name", hook->name, "clientConfig", client_config(run, "/inject"), "rules",
                     "operations", "CREATE", "apiGroups", "", "apiVersions", "v1", "resources",
                     "pods", "namespaceSelector", selector(run, hook->ns), "objectSelector",
                     selector(run, hook->object), "failurePolicy", "Fail", "reinvocationPolicy",
                     "Never", "sideEffects", "None", "admissionReviewVersions", "v1",
                     "timeoutSeconds", 10);
}

static json_t *validator(const struct install_run *run, const struct hook *hook)
{
    return json_pack("{s:s, s:o, s:[{s:[s, s], s:[s, s, s, s], s:[s], s:[s]}], s:o, s:s, s:s, "
                     "s:[s], s:i}",
                     "name", hook->name, "clientConfig", client_config(run, "/validate"), "rules",
                     "operations", "CREATE", "UPDATE", "apiGroups", "security.istio.io",
                     "networking.istio.io", "telemetry.istio.io", "extensions.istio.io",
                     "apiVersions", "*", "resources", "*", "objectSelector",
                     selector(run, hook->object), "failurePolicy", "Ignore", "sideEffects", "None",
                     "admissionReviewVersions", "v1", "timeoutSeconds", 10);
}

void install_webhooks(struct install_run *run)
{
    static const char group[] = "admissionregistration.k8s.io/v1";
    bool is_default = !*run->suffix;
    json_t *mutating = json_array(), *validating = json_array();

    for (size_t i = 0; i < (is_default ? ARRAY_LEN(injectors) : INJECTORS_OF_REVISION); i++)
        json_array_append_new(mutating, injector(run, &injectors[i]));
    for (size_t i = 0; i < (is_default ? ARRAY_LEN(validators) : VALIDATORS_OF_REVISION); i++)
        json_array_append_new(validating, validator(run, &validators[i]));
    json_object_set_new(install_object(run, group, "MutatingWebhookConfiguration", INSTALL_PILOT,
                                       mem_printf("istio-sidecar-injector%s", run->suffix)),
                        "webhooks", mutating);
    json_object_set_new(
        install_object(run, group, "ValidatingWebhookConfiguration", INSTALL_PILOT,
                       mem_printf("istio-validator%s-" INSTALL_NAMESPACE, run->suffix)),
        "webhooks", validating);
}
