/* SPDX-License-Identifier: Apache-2.0 */
/* Subresources that are calls rather than parts of the object, and kinds that are never stored:
 * scale, binding, eviction, token, access and token reviews.
 */
#include "base/clock.h"
#include "kube/pod.h"
#include "kube/status.h"
#include "sandbox/apiserver_int.h"

/* --- scale --- */

const char *apiserver_sub_scale_path(const struct kind *kind, const char *name)
{
    const json_t *paths = json_path_get(kind->crd_version, "subresources.scale");
    const char *given = json_get_string(paths, name);

    if (given != NULL)
        return given[0] == '.' ? given + 1 : given;
    if (strcmp(name, "specReplicasPath") == 0)
        return "spec.replicas";
    if (strcmp(name, "statusReplicasPath") == 0)
        return "status.replicas";
    return kind->api != NULL ? "spec.selector" : "";
}

/* The selector as text; a custom kind has it as text. "" for none. */
static json_t *scale_selector(const struct kind *kind, const json_t *object)
{
    const char *path = apiserver_sub_scale_path(kind, "labelSelectorPath");
    const json_t *selector = path[0] ? json_path_get(object, path) : NULL;
    struct arena arena;
    json_t *text;

    if (json_is_string(selector))
        return json_deep_copy(selector);
    arena_init(&arena, 0);
    text = json_string(kube_selector_format(selector, &arena));
    arena_deinit(&arena);
    return text;
}

json_t *apiserver_sub_scale(const struct kind *kind, const json_t *object)
{
    static const char *const copied[] = {"name", "namespace", "uid", "resourceVersion",
                                         "creationTimestamp"};
    const json_t *metadata = json_object_get(object, "metadata");
    json_t *scale = json_pack("{s:s, s:s, s:{}, s:{}, s:{}}", "kind", "Scale", "apiVersion",
                              "autoscaling/v1", "metadata", "spec", "status");
    json_t *shown = json_object_get(scale, "metadata");
    int64_t replicas = json_path_int(object, apiserver_sub_scale_path(kind, "specReplicasPath"), 0);
    int64_t found = json_path_int(object, apiserver_sub_scale_path(kind, "statusReplicasPath"), 0);

    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        if (json_object_get(metadata, copied[i]) != NULL)
            json_object_set(shown, copied[i], json_object_get(metadata, copied[i]));
    }
    if (replicas != 0)
        json_path_set(scale, "spec.replicas", json_integer(replicas));
    json_path_set(scale, "status.replicas", json_integer(found));
    json_path_set(scale, "status.selector", scale_selector(kind, object));
    return scale;
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
        const json_t *selector = json_path_get(budget->tree, "spec.selector");

        if (strcmp(budget->ns, call->ns) != 0)
            break;
        if (json_object_size(selector) == 0 ||
            !kube_selector_match_object(selector, json_path_get(pod, "metadata.labels")))
            continue;
        if (found != NULL)
            *ret = apiserver_fail(call, 500, "InternalError",
                                  "This pod has more than one PodDisruptionBudget, which the "
                                  "eviction subresource does not support.");
        found = budget;
    }
    return found;
}

/* A pod that serves costs one disruption of its budget. */
static int budget_spend(struct apiserver_call *call, const json_t *pod)
{
    int rc;
    struct store_object *budget = budget_find(call, pod, &rc);
    char now[CLOCK_RFC3339_SIZE];
    int64_t allowed;
    json_t *tree, *disrupted;

    if (rc < 0 || budget == NULL || json_path_get(pod, "metadata.deletionTimestamp") ||
        strcmp(json_path_string_or(pod, "status.phase", ""), "Running") != 0)
        return rc;
    allowed = json_path_int(budget->tree, "status.disruptionsAllowed", 0);
    if (allowed <= 0) {
        apiserver_fail(call, 429, "TooManyRequests",
                       "Cannot evict pod as it would violate the pod's disruption budget.");
        json_path_set(
            call->result, "details",
            json_pack(
                "{s:[{s:s,s:o}]}", "causes", "reason", "DisruptionBudget", "message",
                json_sprintf("The disruption budget %s needs %lld healthy pods and "
                             "has %lld currently",
                             budget->name,
                             (long long)json_path_int(budget->tree, "status.desiredHealthy", 0),
                             (long long)json_path_int(budget->tree, "status.currentHealthy", 0))));
        return ERR_INVALID;
    }
    if (apiserver_call_is_dry_run(call))
        return 0;
    tree = json_deep_copy(budget->tree);
    disrupted = json_path_get(tree, "status.disruptedPods");
    disrupted = disrupted ? json_incref(disrupted) : json_object();
    json_object_set_new(disrupted, call->name, json_string(clock_format_now(now)));
    json_path_set(tree, "status.disruptedPods", disrupted);
    json_path_set(tree, "status.disruptionsAllowed", json_integer(allowed - 1));
    if (store_put(kinds_builtin(&call->server->kinds, "policy", "poddisruptionbudgets")->bucket,
                  tree, budget, NULL) != 0)
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
    json_t *groups = json_array();

    for (size_t i = 0; call->user.groups[i] != NULL; i++)
        json_array_append_new(groups, json_string(call->user.groups[i]));
    call->status = 201;
    call->result = json_pack("{s:s, s:s, s:{}, s:{s:{s:s, s:o}}}", "kind", call->kind->kind,
                             "apiVersion", call->kind->api_version, "metadata", "status",
                             "userInfo", "username", call->user.name, "groups", groups);
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
