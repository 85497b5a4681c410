/* SPDX-License-Identifier: Apache-2.0 */
/* Builds answers; the decisions are inject/'s and api/'s.
 */
#include "control/admission.h"

#include "api/check.h"
#include "api/schema.h"
#include "base/buf.h"
#include "base/mem.h"
#include "inject/patch.h"
#include "model/mesh.h"
#include "wire/base64.h"

#include <stdio.h>

enum { MESSAGE_SIZE_MAX = 8192, ERROR_TEXT_SIZE = ERR_PATH_SIZE + ERR_REASON_SIZE };

static const json_t *request_of(const json_t *review)
{
    const char *version = json_get_string(review, "apiVersion");
    const json_t *request = json_object_get(review, "request");

    if (!version || strcmp(version, "admission.k8s.io/v1") != 0)
        return NULL;
    return json_is_object(request) ? request : NULL;
}

/* Wraps a response (taken): the review with the question's uid. */
static json_t *answer(const json_t *request, json_t *response)
{
    json_set_string(response, "uid", json_path_string_or(request, "uid", ""));
    return json_pack("{s:s, s:s, s:o}", "apiVersion", "admission.k8s.io/v1", "kind",
                     "AdmissionReview", "response", response);
}

static json_t *allowed(void)
{
    return json_pack("{s:b}", "allowed", true);
}

static json_t *denied(int code, const char *reason, const char *message)
{
    return json_pack("{s:b, s:{s:i, s:s, s:s, s:s}}", "allowed", false, "status", "code", code,
                     "status", "Failure", "reason", reason, "message", message);
}

/* --- injection --- */

static json_t *patched(const json_t *before, const json_t *after)
{
    json_t *ops = patch_diff(before, after);
    char *text = json_format_str(ops, JSON_FORMAT_COMPACT);
    json_t *response = allowed();
    struct buf encoded;

    buf_init(&encoded, 0);
    base64_encode(slice_str(text), &encoded);
    json_set_string(response, "patchType", "JSONPatch");
    json_object_set_new(response, "patch", json_string_slice(buf_slice(&encoded)));
    buf_deinit(&encoded);
    mem_free(text);
    json_decref(ops);
    return response;
}

json_t *admission_inject(const struct inject_config *config, const json_t *review,
                         enum admission_outcome *ret_outcome)
{
    const json_t *request = request_of(review);
    const json_t *pod = json_object_get(request, "object");
    struct inject_scope scope = {.ns = json_path_string_or(request, "namespace", "default")};
    enum admission_outcome unused;
    enum admission_outcome *outcome = ret_outcome ? ret_outcome : &unused;
    char text[ERROR_TEXT_SIZE];
    struct error err = {0};
    json_t *copy, *response;

    if (!request || !json_is_object(pod))
        return NULL;
    *outcome = ADMISSION_SKIPPED;
    if (!inject_required(config, pod, &scope, NULL))
        return answer(request, allowed());
    copy = json_deep_copy(pod);
    if (inject_pod(config, copy, &scope, &err) < 0) {
        *outcome = ADMISSION_DENIED;
        response = denied(400, "BadRequest", err_format(&err, text, sizeof text));
    } else {
        *outcome = ADMISSION_PATCHED;
        response = patched(pod, copy);
    }
    json_decref(copy);
    return answer(request, response);
}

/* --- validation --- */

struct findings {
    struct buf fatal; /* "path: reason; path: reason" */
    json_t *warnings;
};

static void on_problem(const struct error *problem, void *ctx)
{
    struct findings *findings = ctx;
    char text[ERROR_TEXT_SIZE];

    err_format(problem, text, sizeof text);
    if (problem->code == ERR_EXISTS || problem->code == ERR_AGAIN)
        json_array_append_new(findings->warnings, json_string(text));
    else
        buf_printf(&findings->fatal, "%s%s", findings->fatal.len ? "; " : "", text);
}

/* kubectl shows it beside "created": the object is stored, this field has no effect yet. */
static void on_unsupported(const char *field, const char *reason, void *ctx)
{
    struct findings *findings = ctx;
    char text[ERROR_TEXT_SIZE];

    (void)snprintf(text, sizeof text, "%s: %s", field, reason);
    json_array_append_new(findings->warnings, json_string(text));
}

/* What nothing carries out must not look as if it were in force. */
static json_t *unsupported(const json_t *object)
{
    char *message = mem_printf("not supported: %s \"%s\": weft %s carries out VirtualService, "
                               "DestinationRule and Gateway of Istio's kinds",
                               json_path_string_or(object, "kind", ""),
                               json_path_string_or(object, "metadata.name", ""), WEFT_VERSION);
    json_t *response = denied(501, "NotImplemented", message);

    mem_free(message);
    return response;
}

static json_t *object_check(const json_t *object, enum admission_outcome *outcome)
{
    const struct api_kind *kind = api_kind_find_object(
        json_path_string_or(object, "apiVersion", ""), json_path_string_or(object, "kind", ""));
    int mesh_kind =
        kind ? mesh_kind_find(json_path_string_or(object, "apiVersion", ""), kind->kind) : -1;
    struct findings findings = {.warnings = json_array()};
    struct error err = {0};
    char text[ERROR_TEXT_SIZE];
    json_t *response;
    char *message;

    buf_init(&findings.fatal, MESSAGE_SIZE_MAX);
    if (mesh_kind < 0) {
        *outcome = ADMISSION_DENIED;
        response = unsupported(object);
    } else if (api_validate(kind, object, on_problem, &findings, &err) < 0) {
        *outcome = ADMISSION_DENIED;
        message = mem_printf(
            "configuration is invalid: %s \"%s\": %s", json_path_string_or(object, "kind", ""),
            json_path_string_or(object, "metadata.name", ""),
            findings.fatal.len ? findings.fatal.data : err_format(&err, text, sizeof text));
        response = denied(400, "BadRequest", message);
        mem_free(message);
    } else {
        response = allowed();
        (void)mesh_unsupported((enum mesh_kind)mesh_kind, object, on_unsupported, &findings, &err);
    }
    if (json_array_size(findings.warnings) > 0)
        json_object_set(response, "warnings", findings.warnings);
    json_decref(findings.warnings);
    buf_deinit(&findings.fatal);
    return response;
}

json_t *admission_validate(const json_t *review, enum admission_outcome *ret_outcome)
{
    const json_t *request = request_of(review);
    const json_t *object = json_object_get(request, "object");
    enum admission_outcome unused;
    enum admission_outcome *outcome = ret_outcome ? ret_outcome : &unused;

    if (!request)
        return NULL;
    *outcome = ADMISSION_ALLOWED;
    if (!json_is_object(object)) /* a deletion */
        return answer(request, allowed());
    return answer(request, object_check(object, outcome));
}
