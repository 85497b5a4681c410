/* SPDX-License-Identifier: Apache-2.0 */
/* Admission webhooks: which ones a request meets, one after another, and what they answer.
 *
 *   collect   configurations in order of name, webhooks in order of the list: rules, selectors
 *   call      kube/webhook.h: AdmissionReview over HTTPS
 *   answer    denied: the request ends; a JSON patch: onto call->object; failed: failurePolicy
 *   again     mutating webhooks with reinvocationPolicy IfNeeded, once, when a later one changed
 *             the object
 *
 * Validating webhooks run one after another too (the real server runs them at once).
 *
 * Place   apiserver_write.c, apiserver_delete.c
 * Owns    struct apiserver_admission: one walk through the webhooks of a call
 * Limits  64 webhooks a call
 *         matchConditions are not evaluated: every request matches (a warning says so at create)
 * Spec    kube-api reference, section 7; admission.k8s.io/v1
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/objects/admission.h"
#include "kube/objects/options.h"
#include "kube/objects/service.h"
#include "kube/webhook.h"
#include "sandbox/apiserver_int.h"

enum { ADMISSION_WEBHOOKS_MAX = 64 };

struct admission_hook {
    json_t *webhook;         /* reference: entry of `webhooks` */
    const struct kind *kind; /* in which version it sees the object */
    bool again;              /* to be run in the second pass */
};

struct apiserver_admission {
    bool mutating;
    bool second_pass;
    size_t count;
    size_t at; /* the one that runs */
    struct admission_hook hooks[ADMISSION_WEBHOOKS_MAX];
    struct kube_webhook *running; /* NULL when none */
};

static void admission_step(struct apiserver_call *call);

/* --- matching --- */

static const char *call_operation(const struct apiserver_call *call)
{
    switch (call->verb) {
    case KUBE_VERB_CREATE:
        return "CREATE";
    case KUBE_VERB_UPDATE:
    case KUBE_VERB_PATCH:
        return call->old == NULL ? "CREATE" : "UPDATE"; /* an apply may make the object */
    default:
        return "DELETE";
    }
}

/* Labels of the object's namespace; of the object itself when it is one. */
static const json_t *namespace_labels(const struct apiserver_call *call)
{
    const struct kind *namespaces = kinds_builtin(&call->server->kinds, "", "namespaces");
    const struct store_object *ns;

    if (call->kind == namespaces)
        return json_path_get(call->object ? call->object : call->old->tree, "metadata.labels");
    ns = store_get(namespaces->bucket, "", call->ns);
    return ns ? json_path_get(ns->tree, "metadata.labels") : NULL;
}

static bool rules_match(const json_t *webhook, const struct apiserver_call *call,
                        const char *version)
{
    struct kube_admission_request request = {
        .operation = call_operation(call),
        .group = call->kind->group,
        .version = version,
        .plural = call->kind->plural,
        .subresource = call->subresource,
        .is_namespaced = call->kind->namespaced,
    };

    return kube_admission_rules_match(webhook, &request);
}

/* The version in which the rules see the object: its own, or another one of the same resource
 * unless matchPolicy is Exact. NULL when none. */
static const struct kind *matching_version(const json_t *webhook, const struct apiserver_call *call)
{
    const struct kinds *kinds = &call->server->kinds;

    if (rules_match(webhook, call, call->kind->version))
        return call->kind;
    if (strcmp(json_path_string_or(webhook, "matchPolicy", "Equivalent"), "Exact") == 0)
        return NULL;
    for (size_t i = 0; i < kinds->items.count; i++) {
        const struct kind *other = kinds->items.items[i];

        if (other->served && other->bucket == call->kind->bucket && other->bucket != NULL &&
            rules_match(webhook, call, other->version))
            return other;
    }
    return NULL;
}

static bool selectors_match(const json_t *webhook, const struct apiserver_call *call)
{
    bool in_namespace = call->kind->namespaced || strcmp(call->kind->plural, "namespaces") == 0;

    if (in_namespace && !kube_selector_match_object(json_object_get(webhook, "namespaceSelector"),
                                                    namespace_labels(call)))
        return false;
    return kube_admission_object_match(webhook, call->object, call->old ? call->old->tree : NULL);
}

static void hooks_collect(struct apiserver_call *call, struct apiserver_admission *admission)
{
    const char *plural =
        admission->mutating ? "mutatingwebhookconfigurations" : "validatingwebhookconfigurations";
    const struct store_bucket *bucket =
        kinds_builtin(&call->server->kinds, "admissionregistration.k8s.io", plural)->bucket;

    if (strcmp(call->kind->group, "admissionregistration.k8s.io") == 0)
        return;
    for (size_t n = 0; n < store_bucket_count(bucket); n++) {
        size_t i;
        json_t *webhook;

        json_array_foreach(json_object_get(store_bucket_at(bucket, n)->tree, "webhooks"), i,
                           webhook)
        {
            const struct kind *kind =
                selectors_match(webhook, call) ? matching_version(webhook, call) : NULL;

            if (kind != NULL && admission->count < ADMISSION_WEBHOOKS_MAX)
                admission->hooks[admission->count++] =
                    (struct admission_hook){.webhook = json_incref(webhook), .kind = kind};
        }
    }
}

/* --- questions --- */

static struct kube_admission_kind kind_of(const struct kind *kind)
{
    return (struct kube_admission_kind){kind->group, kind->version, kind->api_version, kind->kind,
                                        kind->plural};
}

static json_t *options_object(struct apiserver_call *call)
{
    struct slice manager = apiserver_call_query(call, "fieldManager");
    json_t *options = json_pack("{s:s, s:s}", "kind", kube_options_kind(call->verb), "apiVersion",
                                "meta.k8s.io/v1");

    if (manager.len > 0)
        json_object_set_new(options, "fieldManager", json_string_slice(manager));
    return options;
}

/* What the webhook is asked: a fresh tree. */
static json_t *review_new(struct apiserver_call *call, const struct admission_hook *hook)
{
    char uid[RNG_UUID_SIZE];
    const struct kube_admission_question question = {
        .uid = rng_system_uuid(uid),
        .operation = call_operation(call),
        .seen = kind_of(hook->kind),
        .sent = kind_of(call->kind),
        .subresource = call->subresource,
        .ns = call->kind->namespaced ? call->ns : NULL,
        .object = call->object,
        .old = call->old ? call->old->tree : NULL,
        .user = json_pack("{s:s, s:s, s:o}", "username", call->user.name, "uid", call->user.uid,
                          "groups", apiserver_auth_groups(&call->user)),
        .options = options_object(call),
        .is_dry_run = apiserver_call_is_dry_run(call),
    };
    json_t *review = kube_admission_review_new(hook->webhook, &question);

    json_decref(question.user);
    json_decref(question.options);
    return review;
}

/* A kube_webhook_find: an endpoint of the Service, straight. */
static int service_find(const char *ns, const char *name, int64_t port, struct addr *ret,
                        struct error *err, void *ctx)
{
    const struct kinds *kinds = &((struct sandbox_apiserver *)ctx)->kinds;
    const struct store_object *service =
        store_get(kinds_builtin(kinds, "", "services")->bucket, ns, name);
    const struct store_object *endpoints =
        store_get(kinds_builtin(kinds, "", "endpoints")->bucket, ns, name);
    const char *ip = "";
    unsigned number = 0;
    int rc;

    if (service == NULL)
        return err_set(err, ERR_NOT_FOUND, "service \"%s\" not found", name);
    rc = kube_service_endpoint(service->tree, endpoints ? endpoints->tree : NULL, port, &ip,
                               &number, err);
    if (rc == 0 && addr_parse_ip(slice_str(ip), number, ret) < 0)
        rc = err_set(err, ERR_INVALID, "service \"%s\": \"%s\" is no address", name, ip);
    return rc;
}

struct kube_webhooks *apiserver_admission_webhooks(struct sandbox_apiserver *server)
{
    return kube_webhooks_new(server->loop, service_find, server);
}

/* --- answers --- */

static const char *hook_name(const json_t *webhook)
{
    return json_path_string_or(webhook, "name", "");
}

static void deny(struct apiserver_call *call, const json_t *webhook,
                 const struct kube_admission_denial *denial)
{
    apiserver_fail(call, denial->status, denial->reason,
                   "admission webhook \"%s\" denied the request%s%s", hook_name(webhook),
                   denial->message[0] ? ": " : " without explanation", denial->message);
}

static void hook_failed(struct apiserver_call *call, const json_t *webhook, const char *why)
{
    if (strcmp(json_path_string_or(webhook, "failurePolicy", "Fail"), "Ignore") == 0) {
        log_warn(api, "webhook %s failed and is ignored: %s", hook_name(webhook), why);
        return;
    }
    apiserver_fail(call, 500, "InternalError",
                   "Internal error occurred: failed calling webhook \"%s\": failed to call "
                   "webhook: %s",
                   hook_name(webhook), why);
}

/* Those before the running one that want to see its change. */
static void again_mark(struct apiserver_admission *admission)
{
    for (size_t i = 0; i < admission->at && !admission->second_pass; i++) {
        const char *policy =
            json_path_string_or(admission->hooks[i].webhook, "reinvocationPolicy", "Never");

        if (strcmp(policy, "IfNeeded") == 0)
            admission->hooks[i].again = true;
    }
}

static void response_take(struct apiserver_call *call, const json_t *webhook,
                          const json_t *response)
{
    struct apiserver_admission *admission = call->admission;
    struct kube_admission_denial denial;
    struct error err = {0};
    json_t *before = json_incref(call->object);
    size_t i;
    json_t *warning;

    json_array_foreach(json_object_get(response, "warnings"), i, warning)
        apiserver_call_warn(call, "%s", json_is_string(warning) ? json_string_value(warning) : "");
    if (kube_admission_is_denied(response, &denial))
        deny(call, webhook, &denial);
    else if (admission->mutating &&
             kube_admission_patch(response, APISERVER_BODY_MAX, &call->object, &err) != 0)
        hook_failed(call, webhook, err.reason);
    if (before != call->object) {
        json_set_string(call->object, "apiVersion", call->kind->api_version);
        if (!json_equal(before, call->object))
            again_mark(admission);
    }
    json_decref(before);
}

static void hook_on_done(const json_t *response, const char *why, void *ctx)
{
    struct apiserver_call *call = ctx;
    struct apiserver_admission *admission = call->admission;
    const json_t *webhook = admission->hooks[admission->at].webhook;

    admission->running = NULL;
    if (response != NULL)
        response_take(call, webhook, response);
    else
        hook_failed(call, webhook, why);
    admission->at++;
    admission_step(call);
}

/* --- the walk --- */

static void admission_end(struct apiserver_call *call)
{
    apiserver_admission_cancel(call);
    call->next(call);
}

/* The next one to run, or count. */
static size_t next_hook(struct apiserver_admission *admission)
{
    while (admission->second_pass && admission->at < admission->count &&
           !admission->hooks[admission->at].again)
        admission->at++;
    if (admission->at == admission->count && admission->mutating && !admission->second_pass) {
        admission->second_pass = true;
        admission->at = 0;
        return next_hook(admission);
    }
    return admission->at;
}

static int hook_start(struct apiserver_call *call, const struct admission_hook *hook,
                      struct error *err)
{
    json_t *review = review_new(call, hook);
    int rc = kube_webhook_start(call->server->webhooks, hook->webhook, review, hook_on_done, call,
                                &call->admission->running, err);

    json_decref(review);
    return rc;
}

static void admission_step(struct apiserver_call *call)
{
    struct apiserver_admission *admission = call->admission;

    while (call->status == 0 && next_hook(admission) < admission->count) {
        const struct admission_hook *hook = &admission->hooks[admission->at];
        struct error err = {0};

        if (hook_start(call, hook, &err) == 0)
            return; /* hook_on_done goes on */
        hook_failed(call, hook->webhook, err.reason);
        admission->at++;
    }
    admission_end(call);
}

void apiserver_admission_run(struct apiserver_call *call, bool mutating,
                             void (*next)(struct apiserver_call *call))
{
    struct apiserver_admission *admission = MEM_NEW(struct apiserver_admission);

    admission->mutating = mutating;
    call->admission = admission;
    call->next = next;
    hooks_collect(call, admission);
    admission_step(call);
}

void apiserver_admission_cancel(struct apiserver_call *call)
{
    struct apiserver_admission *admission = TAKE(call->admission);

    if (admission == NULL)
        return;
    kube_webhook_cancel(admission->running);
    for (size_t i = 0; i < admission->count; i++)
        json_decref(admission->hooks[i].webhook);
    mem_free(admission);
}
