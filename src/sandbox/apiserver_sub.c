/* SPDX-License-Identifier: Apache-2.0 */
/* Subresources that are calls rather than parts of the object, and kinds that are never stored:
 * scale, binding, eviction, token, access and token reviews.
 */
#include "base/clock.h"
#include "kube/objects/eviction.h"
#include "kube/objects/pod.h"
#include "kube/objects/scale_view.h"
#include "kube/objects/status.h"
#include "sandbox/apiserver_int.h"

/* --- scale --- */

json_t *apiserver_sub_scale(const struct kind *kind, const json_t *object)
{
    const struct kube_scale_paths paths = kube_scale_paths(kind->crd_version);

    return kube_scale_view(object, &paths);
}

/* --- binding --- */

static int bind_pod(struct apiserver_call *call, const struct store_object *pod, const char *node)
{
    json_t *bound = json_deep_copy(pod->tree);

    kube_pod_bind(bound, node, clock_realtime_ms());
    return store_put(call->kind->bucket, bound, pod, NULL);
}

static void run_binding(struct apiserver_call *call)
{
    struct store_object *pod = store_get(call->kind->bucket, call->ns, call->name);
    const char *node = json_path_string_or(call->body, "target.name", "");

    if (pod == NULL)
        apiserver_fail_not_found(call, call->kind, call->name);
    else if (strcmp(json_path_string_or(call->body, "metadata.name", call->name), call->name) != 0)
        apiserver_fail(call, 400, "BadRequest",
                       "name in URL does not match name in Binding object");
    else if (node[0] == '\0')
        apiserver_fail(call, 422, "Invalid",
                       "Binding \"%s\" is invalid: target.name: Required value", call->name);
    else if (json_path_string_or(pod->tree, "spec.nodeName", "")[0])
        apiserver_fail_conflict(call, "pod %s is already assigned to node \"%s\"", call->name,
                                json_path_string_or(pod->tree, "spec.nodeName", ""));
    else if (bind_pod(call, pod, node) != 0)
        apiserver_fail_store(call);
    else {
        call->status = 201;
        call->result = json_pack("{s:s, s:s, s:{}, s:s, s:i}", "kind", "Status", "apiVersion", "v1",
                                 "metadata", "status", "Success", "code", 201);
    }
    apiserver_call_finish(call);
}

/* --- eviction --- */

static void eviction_on_deleted(struct apiserver_call *call, void *ctx)
{
    struct apiserver_call *eviction = ctx;

    if (call->status >= 400) {
        eviction->status = call->status;
        eviction->result = TAKE(call->result);
    } else {
        eviction->status = 201;
        eviction->result = kube_status_new(201, "", "", NULL);
    }
    apiserver_call_free(call);
    apiserver_call_finish(eviction);
}

/* The one budget that the pod falls under, or NULL; a second one is a failure. */
static struct store_object *budget_find(struct apiserver_call *call, const json_t *pod, int *ret)
{
    const struct kind *kind = kinds_builtin(&call->server->kinds, "policy", "poddisruptionbudgets");
    struct store_object *found = NULL;

    *ret = 0;
    for (size_t i = store_bucket_lower_bound(kind->bucket, call->ns, "");
         i < store_bucket_count(kind->bucket); i++) {
        struct store_object *budget = store_bucket_at(kind->bucket, i);

        if (strcmp(budget->ns, call->ns) != 0)
            break;
        if (!kube_eviction_counts(budget->tree, pod))
            continue;
        if (found != NULL)
            *ret = apiserver_fail(call, 500, "InternalError",
                                  "This pod has more than one PodDisruptionBudget, which the "
                                  "eviction subresource does not support.");
        found = budget;
    }
    return found;
}

static int fail_budget(struct apiserver_call *call, const char *why)
{
    apiserver_fail(call, 429, "TooManyRequests",
                   "Cannot evict pod as it would violate the pod's disruption budget.");
    json_path_set(
        call->result, "details",
        json_pack("{s:[{s:s,s:s}]}", "causes", "reason", "DisruptionBudget", "message", why));
    return ERR_INVALID;
}

static int budget_spend(struct apiserver_call *call, const json_t *pod)
{
    int rc;
    struct store_object *budget = budget_find(call, pod, &rc);
    struct error err = {0};
    json_t *spent;

    if (rc < 0 || budget == NULL)
        return rc;
    if (kube_eviction_spend(budget->tree, pod, clock_realtime_ms(), &spent, &err) != 0)
        return fail_budget(call, err.reason);
    if (apiserver_call_is_dry_run(call))
        json_decref(TAKE(spent));
    if (spent != NULL &&
        store_put(kinds_builtin(&call->server->kinds, "policy", "poddisruptionbudgets")->bucket,
                  spent, budget, NULL) != 0)
        return apiserver_fail_store(call);
    return 0;
}

static void run_eviction(struct apiserver_call *call)
{
    const struct store_object *pod = store_get(call->kind->bucket, call->ns, call->name);
    struct apiserver_call *deletion;

    if (pod != NULL && budget_spend(call, pod->tree) < 0) {
        apiserver_call_finish(call);
        return;
    }
    deletion = apiserver_call_new(call->server);
    deletion->verb = KUBE_VERB_DELETE;
    deletion->kind = call->kind;
    deletion->ns = arena_strdup(&deletion->arena, call->ns);
    deletion->name = arena_strdup(&deletion->arena, call->name);
    deletion->user = (struct apiserver_user){.name = "system:kube-controller-manager", .uid = ""};
    deletion->body = json_incref(json_object_get(call->body, "deleteOptions"));
    deletion->on_done = eviction_on_deleted;
    deletion->ctx = call;
    apiserver_call_run(deletion);
}

/* --- reviews --- */

/* Answers a review with what it says; takes the status. */
static void run_review_with(struct apiserver_call *call, json_t *status)
{
    call->status = 201;
    call->result = call->body ? json_deep_copy(call->body) : json_object();
    json_set_string(call->result, "kind", call->kind->kind);
    json_set_string(call->result, "apiVersion", call->kind->api_version);
    json_object_set_new(call->result, "status", status);
    apiserver_call_finish(call);
}

/* Who is authenticated may do everything here; the sandbox enforces no roles. */
static void run_access_review(struct apiserver_call *call)
{
    run_review_with(call, json_pack("{s:b, s:s}", "allowed", 1, "reason",
                                    "the sandbox allows every authenticated user everything"));
}

static void run_rules_review(struct apiserver_call *call)
{
    run_review_with(call, json_pack("{s:[{s:[s], s:[s], s:[s]}], s:[{s:[s], s:[s]}], s:b}",
                                    "resourceRules", "verbs", "*", "apiGroups", "*", "resources",
                                    "*", "nonResourceRules", "verbs", "*", "nonResourceURLs", "*",
                                    "incomplete", 0));
}

static void run_self_review(struct apiserver_call *call)
{
    call->status = 201;
    call->result =
        json_pack("{s:s, s:s, s:{}, s:{s:{s:s, s:o}}}", "kind", call->kind->kind, "apiVersion",
                  call->kind->api_version, "metadata", "status", "userInfo", "username",
                  call->user.name, "groups", apiserver_auth_groups(&call->user));
    apiserver_call_finish(call);
}

/* --- the table --- */

static const struct sub_row {
    const char *plural, *subresource;
    void (*run)(struct apiserver_call *call);
} sub_rows[] = {
    {"pods", "binding", run_binding},
    {"pods", "eviction", run_eviction},
    {"serviceaccounts", "token", apiserver_auth_token_request},
    {"tokenreviews", "", apiserver_auth_token_review},
    {"subjectaccessreviews", "", run_access_review},
    {"selfsubjectaccessreviews", "", run_access_review},
    {"localsubjectaccessreviews", "", run_access_review},
    {"selfsubjectrulesreviews", "", run_rules_review},
    {"selfsubjectreviews", "", run_self_review},
};

bool apiserver_sub_run(struct apiserver_call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(sub_rows); i++) {
        if (call->verb == KUBE_VERB_CREATE && strcmp(sub_rows[i].plural, call->kind->plural) == 0 &&
            strcmp(sub_rows[i].subresource, call->subresource) == 0) {
            sub_rows[i].run(call);
            return true;
        }
    }
    return false;
}
