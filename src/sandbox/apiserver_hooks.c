/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does for single kinds: kube/objects/defaults.h and kube/objects/rules.h, and
 * hooks where its own state counts: accounts that pods name, addresses that other Services have.
 */
#include "base/clock.h"
#include "kube/objects/defaults.h"
#include "kube/objects/definition.h"
#include "kube/objects/pod.h"
#include "kube/objects/rules.h"
#include "kube/objects/service.h"
#include "sandbox/apiserver_int.h"

/* --- namespaces --- */

static int namespace_prepare(struct apiserver_call *call)
{
    json_t *object = call->object;

    json_path_set(object, "metadata.labels[\"kubernetes.io/metadata.name\"]",
                  json_string(json_path_string_or(object, "metadata.name", "")));
    if (call->old == NULL) {
        json_path_set(object, "spec.finalizers", json_pack("[s]", "kubernetes"));
        json_path_set(object, "status.phase", json_string("Active"));
    } else if (strcmp(call->subresource, "finalize") != 0) {
        json_t *spec = json_object_get(call->old->tree, "spec");

        if (spec != NULL)
            json_object_set_new(object, "spec", json_deep_copy(spec));
    }
    return 0;
}

/* --- definitions --- */

static int crd_prepare(struct apiserver_call *call)
{
    char now[CLOCK_RFC3339_SIZE];

    kube_definition_complete(call->object, clock_format_now(now));
    return 0;
}

/* --- webhook configurations --- */

static int webhooks_prepare(struct apiserver_call *call)
{
    size_t i;
    json_t *webhook;

    json_array_foreach(json_object_get(call->object, "webhooks"), i, webhook)
    {
        if (json_array_size(json_object_get(webhook, "matchConditions")) > 0)
            apiserver_call_warn(call,
                                "webhooks[%zu].matchConditions: not supported: the sandbox does "
                                "not evaluate expressions, every request matches",
                                i);
    }
    return 0;
}

/* --- pods --- */

static int pod_admit(struct apiserver_call *call)
{
    const struct kind *accounts = kinds_builtin(&call->server->kinds, "", "serviceaccounts");
    json_t *spec = json_object_get(call->object, "spec");
    const struct store_object *account;
    const char *name;

    if (call->old != NULL || !json_is_object(spec))
        return 0;
    name = kube_pod_account(spec);
    account = store_get(accounts->bucket, call->ns, name);
    if (account == NULL)
        return apiserver_fail(call, 403, "Forbidden",
                              "pods \"%s\" is forbidden: error looking up service account %s/%s: "
                              "serviceaccount \"%s\" not found",
                              json_path_string_or(call->object, "metadata.name", ""), call->ns,
                              name, name);
    kube_pod_mount_token(spec, account->tree);
    kube_pod_admit(call->object);
    return 0;
}

static void pod_check(struct apiserver_call *call)
{
    if (call->old == NULL)
        json_path_set(call->object, "status.qosClass",
                      json_string(kube_defaults_qos(json_object_get(call->object, "spec"))));
}

/* --- services --- */

static const json_t *service_at(size_t i, void *ctx)
{
    const struct store_bucket *bucket = ctx;

    return i < store_bucket_count(bucket) ? store_bucket_at(bucket, i)->tree : NULL;
}

static void service_check(struct apiserver_call *call)
{
    const struct kube_service_range range = {call->server->service_base,
                                             call->server->service_count};
    const struct kube_services services = {service_at, call->kind->bucket};
    const struct api_cause_sink sink = {apiserver_schema_on_cause, call};

    kube_service_allocate(call->object, call->old ? call->old->tree : NULL, &range, &services,
                          &sink);
}

/* --- the table --- */

static const struct hook_row {
    const char *group, *plural;
    int (*prepare)(struct apiserver_call *call); /* may be NULL */
    void (*check)(struct apiserver_call *call);  /* may be NULL */
} hook_rows[] = {
    {"", "namespaces", namespace_prepare, NULL},
    {"", "pods", NULL, pod_check},
    {"", "services", NULL, service_check},
    {"apiextensions.k8s.io", "customresourcedefinitions", crd_prepare, NULL},
    {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", webhooks_prepare, NULL},
    {"admissionregistration.k8s.io", "validatingwebhookconfigurations", webhooks_prepare, NULL},
};

static const struct hook_row *hooks_find(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(hook_rows) && kind->api != NULL; i++) {
        if (strcmp(hook_rows[i].plural, kind->plural) == 0 &&
            strcmp(hook_rows[i].group, kind->group) == 0)
            return &hook_rows[i];
    }
    return NULL;
}

/* Kinds that are stored, and that nothing here acts on: said, rather than pretended. */
static void idle_kind_warn(struct apiserver_call *call)
{
    if (call->kind->api != NULL && (call->kind->api->flags & API_KIND_IDLE) && call->old == NULL)
        apiserver_call_warn(call, "not supported: the sandbox stores %s, but nothing acts on them",
                            call->kind->plural);
}

int apiserver_hooks_admit(struct apiserver_call *call)
{
    if (strcmp(call->kind->plural, "pods") == 0 && call->kind->group[0] == '\0')
        return pod_admit(call);
    return 0;
}

int apiserver_hooks_prepare(struct apiserver_call *call)
{
    const struct hook_row *row = hooks_find(call->kind);

    idle_kind_warn(call);
    if (call->kind->api != NULL)
        kube_defaults_set(call->kind->api, call->object);
    return row != NULL && row->prepare != NULL ? row->prepare(call) : 0;
}

void apiserver_hooks_check(struct apiserver_call *call)
{
    const struct hook_row *row = hooks_find(call->kind);

    if (strcmp(call->subresource, "status") == 0)
        return;
    if (call->kind->api != NULL)
        kube_rules_check(call->kind->api, call->object, call->old ? call->old->tree : NULL,
                         apiserver_schema_on_cause, call);
    if (row != NULL && row->check != NULL)
        row->check(call);
}
