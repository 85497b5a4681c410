/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to admission webhooks and their answers. See admission.h. */
#include "kube/objects/admission.h"

#include <stdio.h>

#include "base/buf.h"
#include "kube/objects/patch.h"
#include "kube/objects/selector.h"
#include "wire/base64.h"
#include "wire/json.h"

/* --- which requests --- */

static bool list_has(const json_t *list, const char *wanted)
{
    return json_array_has(list, "*") || json_array_has(list, wanted);
}

/* "pods", "pods/status", "pods" with any subresource, "*", any kind with a subresource */
static bool resources_match(const json_t *list, const struct kube_admission_request *request)
{
    const char *sub = request->subresource;
    char full[256], any_sub[256], any_kind[256];

    (void)snprintf(full, sizeof(full), "%s%s%s", request->plural, sub[0] ? "/" : "", sub);
    (void)snprintf(any_sub, sizeof(any_sub), "%s/*", request->plural);
    (void)snprintf(any_kind, sizeof(any_kind), "*%s%s", sub[0] ? "/" : "", sub);
    return json_array_has(list, full) || json_array_has(list, "*/*") ||
           json_array_has(list, any_sub) || json_array_has(list, any_kind);
}

static bool rule_match(const json_t *rule, const struct kube_admission_request *request)
{
    const char *scope = json_path_string_or(rule, "scope", "*");

    if (strcmp(scope, "*") != 0 && (strcmp(scope, "Namespaced") == 0) != request->is_namespaced)
        return false;
    return list_has(json_object_get(rule, "operations"), request->operation) &&
           list_has(json_object_get(rule, "apiGroups"), request->group) &&
           list_has(json_object_get(rule, "apiVersions"), request->version) &&
           resources_match(json_object_get(rule, "resources"), request);
}

bool kube_admission_rules_match(const json_t *webhook, const struct kube_admission_request *request)
{
    size_t i;
    json_t *rule;

    json_array_foreach(json_object_get(webhook, "rules"), i, rule)
    {
        if (rule_match(rule, request))
            return true;
    }
    return false;
}

static bool labels_match(const json_t *selector, const json_t *object)
{
    return object != NULL &&
           kube_selector_match_object(selector, json_path_get(object, "metadata.labels"));
}

bool kube_admission_object_match(const json_t *webhook, const json_t *object, const json_t *old)
{
    const json_t *selector = json_object_get(webhook, "objectSelector");

    return labels_match(selector, object) || labels_match(selector, old);
}

/* --- the question --- */

static json_t *group_version(const struct kube_admission_kind *kind, const char *what,
                             const char *value)
{
    return json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version, what,
                     value);
}

/* The object in that version, or null: fresh reference. */
static json_t *in_version(const json_t *object, const struct kube_admission_kind *kind)
{
    json_t *copy = object ? json_copy((json_t *)(uintptr_t)object) : json_null();

    json_set_string(copy, "apiVersion", kind->api_version);
    return copy;
}

static const char *review_version(const json_t *webhook)
{
    static const char *const known[] = {"v1", "v1beta1"};
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(webhook, "admissionReviewVersions"), i, item)
    {
        for (size_t n = 0; n < ARRAY_LEN(known); n++) {
            if (slice_eq_str(json_slice(item), known[n]))
                return known[n];
        }
    }
    return known[0];
}

json_t *kube_admission_review_new(const json_t *webhook,
                                  const struct kube_admission_question *question)
{
    const struct kube_admission_kind *seen = &question->seen;
    const struct kube_admission_kind *sent = &question->sent;
    const json_t *tree = question->object ? question->object : question->old;
    const char *name = json_path_string_or(tree, "metadata.name", "");
    json_t *request = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:O, s:b, s:O}", "uid",
                                question->uid, "kind", group_version(seen, "kind", seen->kind),
                                "resource", group_version(seen, "resource", seen->plural),
                                "requestKind", group_version(sent, "kind", sent->kind),
                                "requestResource", group_version(sent, "resource", sent->plural),
                                "operation", question->operation, "userInfo", question->user,
                                "dryRun", question->is_dry_run, "options", question->options);

    if (question->subresource[0]) {
        json_set_string(request, "subResource", question->subresource);
        json_set_string(request, "requestSubResource", question->subresource);
    }
    if (name[0])
        json_set_string(request, "name", name);
    if (question->ns != NULL)
        json_set_string(request, "namespace", question->ns);
    json_object_set_new(request, "object", in_version(question->object, seen));
    json_object_set_new(request, "oldObject", in_version(question->old, seen));
    return json_pack("{s:s, s:o, s:o}", "kind", "AdmissionReview", "apiVersion",
                     json_sprintf("admission.k8s.io/%s", review_version(webhook)), "request",
                     request);
}

/* --- the answer --- */

bool kube_admission_is_denied(const json_t *response, struct kube_admission_denial *ret)
{
    int64_t code = json_path_int(response, "status.code", 0);

    if (json_get_bool(response, "allowed", false))
        return false;
    ret->status = code < 400 || code > 599 ? 400 : (unsigned)code;
    ret->reason = json_path_string_or(response, "status.reason", "");
    ret->message = json_path_string_or(response, "status.message", "");
    if (ret->message[0] == '\0')
        ret->message = ret->reason;
    return true;
}

static int patch_read(const json_t *response, size_t size_max, json_t **ret, struct error *err)
{
    struct buf bytes;
    int rc;

    buf_init(&bytes, size_max);
    rc = base64_decode(json_slice(json_object_get(response, "patch")), &bytes);
    if (rc == 0)
        rc = json_parse(buf_slice(&bytes), NULL, ret, err);
    buf_deinit(&bytes);
    return rc ? err_set(err, rc, "the patch is not base64 of JSON") : 0;
}

int kube_admission_patch(const json_t *response, size_t size_max, json_t **object,
                         struct error *err)
{
    const char *type = json_path_string_or(response, "patchType", "JSONPatch");
    json_t *patch = NULL;
    json_t *patched;
    int rc;

    if (json_path_string_or(response, "patch", "")[0] == '\0')
        return 0;
    if (strcmp(type, "JSONPatch") != 0)
        return err_set(err, ERR_UNSUPPORTED, "unsupported patch type \"%s\"", type);
    rc = patch_read(response, size_max, &patch, err);
    if (rc != 0)
        return rc;
    patched = json_deep_copy(*object);
    rc = kube_patch_json(&patched, patch, err);
    json_decref(patch);
    if (rc == 0 && !json_is_object(json_object_get(patched, "metadata")))
        rc = err_set(err, ERR_INVALID, "the patched object is no object");
    if (rc != 0) {
        json_decref(patched);
        return rc;
    }
    json_decref(*object);
    *object = patched;
    return 0;
}
