/* SPDX-License-Identifier: Apache-2.0 */
/* create, update, patch: one pipeline.
 *
 *   prepare   the new state from the body or the patch, system fields, defaults, rules of the kind
 *   mutate    mutating webhooks, one after another
 *   check     defaults again, allocations, schema and metadata validation: a 422 names all causes
 *   validate  validating webhooks
 *   commit    into the store, if nobody else changed the object meanwhile; a patch or an
 *             unconditional update begins again then
 *
 * Place   apiserver_call_run
 * Owns    call->old (the state that is replaced) and call->object (the state to come)
 */
#include "kube/objects/deletion.h"
#include "kube/objects/managed.h"
#include "kube/objects/metadata.h"
#include "kube/objects/patch.h"
#include "kube/objects/rules.h"
#include "kube/objects/scale_view.h"
#include "sandbox/apiserver_int.h"

#include <stdlib.h>

static void write_attempt(struct apiserver_call *call);
static void write_mutated(struct apiserver_call *call);
static void write_validated(struct apiserver_call *call);

/* --- small facts --- */

static json_t *metadata_of(json_t *object)
{
    return json_object_get(object, "metadata");
}

static bool is_sub(const struct apiserver_call *call, const char *subresource)
{
    return strcmp(call->subresource, subresource) == 0;
}

/* --- the body --- */

static int check_envelope(struct apiserver_call *call, json_t *object)
{
    const char *version = json_get_string(object, "apiVersion");
    const char *kind_name = json_get_string(object, "kind");
    const struct kube_envelope wanted = {call->kind->group, call->kind->api_version,
                                         call->kind->kind};
    struct error err = {0};

    if (!json_is_object(object))
        return apiserver_fail(call, 400, "BadRequest", "the body of the request is not an object");
    if (call->kind->api == NULL && (kind_name == NULL || version == NULL))
        return apiserver_fail(call, 400, "BadRequest",
                              "Object '%s' is missing in the body of the request",
                              kind_name == NULL ? "Kind" : "apiVersion");
    if (kube_rules_check_envelope(&wanted, object, &err) != 0)
        return apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    if (kind_name != NULL && kind_name[0] && strcmp(kind_name, call->kind->kind) != 0) {
        apiserver_invalid_add(call, "FieldValueInvalid", "kind",
                              "Invalid value: \"%s\": must be %s", kind_name, call->kind->kind);
        return apiserver_invalid_finish_as(
            call, arena_printf(&call->arena, "%s.%s", kind_name, call->kind->group),
            json_path_string_or(object, "metadata.name", ""));
    }
    json_set_string(object, "kind", call->kind->kind);
    json_set_string(object, "apiVersion", call->kind->api_version);
    if (json_object_get(object, "metadata") == NULL)
        json_object_set_new(object, "metadata", json_object());
    if (!json_is_object(metadata_of(object)))
        return apiserver_fail(call, 400, "BadRequest",
                              "%s in version \"%s\" cannot be handled as a %s: json: cannot "
                              "unmarshal %s into Go struct field %s.metadata of type v1.ObjectMeta",
                              call->kind->kind, call->kind->version, call->kind->kind,
                              json_type_name(metadata_of(object)), call->kind->kind);
    return 0;
}

/* What and which the object is. A scale is of another kind than the object that it is of. */
static int check_identity(struct apiserver_call *call, json_t *object)
{
    struct kube_place place = {call->kind->namespaced, call->verb == KUBE_VERB_UPDATE, call->ns,
                               call->name};
    struct error err = {0};
    int rc = is_sub(call, "scale") ? 0 : check_envelope(call, object);

    if (rc == 0 && kube_metadata_place(&place, object, &err) != 0)
        rc = apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    return rc;
}

static int check_object(struct apiserver_call *call, json_t *object)
{
    int rc = check_identity(call, object);

    return rc ? rc : apiserver_schema_decode(call, object);
}

/* --- create --- */

static int fail_terminating(struct apiserver_call *call)
{
    const char *name = json_path_string_or(call->object, "metadata.name", "");
    const char *why = arena_printf(&call->arena, "namespace %s is being terminated", call->ns);
    json_t *details;

    apiserver_fail(call, 403, "Forbidden",
                   "%s \"%s\" is forbidden: unable to create new content in namespace %s because "
                   "it is being terminated",
                   call->kind->qualified, name, call->ns);
    details = json_object_get(call->result, "details");
    json_set_string(details, "name", name);
    json_object_set_new(details, "causes",
                        json_pack("[{s:s, s:s, s:s}]", "reason", "NamespaceTerminating", "message",
                                  why, "field", "metadata.namespace"));
    return ERR_INVALID;
}

static int check_namespace(struct apiserver_call *call)
{
    const struct kind *namespaces = kinds_builtin(&call->server->kinds, "", "namespaces");
    const struct store_object *ns;

    if (!call->kind->namespaced)
        return 0;
    ns = store_get(namespaces->bucket, "", call->ns);
    if (ns == NULL)
        return apiserver_fail_not_found(call, namespaces, call->ns);
    if (json_path_get(ns->tree, "metadata.deletionTimestamp") == NULL)
        return 0;
    return fail_terminating(call);
}

static bool keeps_status(const struct kind *kind)
{
    return !kind->has_status || strcmp(kind->plural, "nodes") == 0;
}

/* What the writer owns is settled between the kind's defaults and admission. */
static int prepare_end(struct apiserver_call *call)
{
    int rc = apiserver_hooks_prepare(call);

    if (rc != 0)
        return rc;
    apiserver_managed_update(call);
    return apiserver_hooks_admit(call);
}

/* The state that is created is in call->object. */
static int prepare_new(struct apiserver_call *call)
{
    json_t *object = call->object;
    int rc = check_object(call, object);

    if (rc == 0)
        rc = check_namespace(call);
    if (rc != 0)
        return rc;
    if (!keeps_status(call->kind))
        json_object_del(object, "status");
    kube_metadata_init(object, call->kind->has_generation);
    apiserver_schema_default(call);
    return prepare_end(call);
}

static int prepare_create(struct apiserver_call *call)
{
    call->object = json_deep_copy(call->body);
    if (call->object == NULL)
        return apiserver_fail(call, 400, "BadRequest", "the body of the request was empty");
    if (json_path_string_or(call->object, "metadata.resourceVersion", "")[0])
        return apiserver_fail(call, 500, "",
                              "resourceVersion should not be set on objects to be created");
    return prepare_new(call);
}

/* A server-side apply of an object that is not there. */
static int prepare_apply_new(struct apiserver_call *call)
{
    if (call->subresource[0])
        return apiserver_fail_not_found(call, call->kind, call->name);
    if (apiserver_managed_apply(call, &call->object) != 0)
        return ERR_INVALID;
    return prepare_new(call);
}

/* --- update and patch --- */

static int patch_strategic(struct apiserver_call *call, json_t *object)
{
    struct error err = {0};

    if (call->kind->api == NULL)
        return apiserver_fail(call, 415, "UnsupportedMediaType",
                              "the body of the request was in an unknown format - accepted media "
                              "types include: application/json-patch+json, "
                              "application/merge-patch+json, " KUBE_MEDIA_APPLY);
    if (kube_patch_strategic(object, call->body, call->kind->api->schema, &err) != 0)
        return apiserver_fail(call, 400, "BadRequest", "%s: %s", err.path, err.reason);
    return 0;
}

/* Kubernetes does not say why a JSON patch fails. */
static int fail_json_patch(struct apiserver_call *call, int code, const struct error *err)
{
    if (code == ERR_LIMIT)
        return apiserver_fail(call, 413, "RequestEntityTooLarge", "%s", err->reason);
    if (!json_is_array(call->body))
        return apiserver_fail(call, 400, "BadRequest",
                              "error decoding patch: json: cannot unmarshal %s into Go value of "
                              "type []handlers.jsonPatchOp",
                              json_type_name(call->body));
    return apiserver_fail_plain(call, 422, "Invalid",
                                "the server rejected our request due to an error in our request");
}

static int patch_apply(struct apiserver_call *call, json_t **object)
{
    struct error err = {0};
    int rc;

    if (slice_eq_str(call->content_type, "application/json-patch+json")) {
        rc = kube_patch_json(object, call->body, &err);
        return rc ? fail_json_patch(call, rc, &err) : 0;
    }
    if (!json_is_object(call->body))
        return apiserver_fail(call, 400, "BadRequest",
                              "error decoding patch: json: cannot unmarshal %s into Go value of "
                              "type map[string]interface {}",
                              json_type_name(call->body));
    if (slice_eq_str(call->content_type, "application/strategic-merge-patch+json"))
        return patch_strategic(call, *object);
    kube_patch_merge(*object, call->body);
    return 0;
}

/* The state that the client asks for, before the server's own fields are put back. */
static int update_wanted(struct apiserver_call *call, json_t **ret)
{
    json_t *base = apiserver_read_present(call->kind, call->old);
    json_t *object;
    int rc = 0;

    if (call->verb == KUBE_VERB_UPDATE) {
        object = json_deep_copy(call->body);
        if (object == NULL)
            rc = apiserver_fail(call, 400, "BadRequest", "the body of the request was empty");
    } else if (call->body == NULL) {
        object = NULL;
        rc = apiserver_fail(call, 400, "BadRequest", "the patch was empty");
    } else if (apiserver_managed_is_apply(call)) {
        object = NULL;
        rc = apiserver_managed_apply(call, &object);
    } else {
        object =
            is_sub(call, "scale") ? apiserver_sub_scale(call->kind, base) : json_deep_copy(base);
        rc = patch_apply(call, &object);
    }
    json_decref(base);
    if (rc != 0)
        json_decref(object);
    else
        *ret = object;
    return rc;
}

static int fail_uid(struct apiserver_call *call, const char *uid, const char *old_uid)
{
    if (call->verb == KUBE_VERB_UPDATE)
        return apiserver_fail_conflict(
            call,
            "StorageError: invalid object, Code: 4, Key: /registry/%s%s%s/%s%s%s, "
            "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
            "%s, UID in object meta: %s",
            call->kind->group, call->kind->group[0] ? "/" : "", call->kind->plural, call->ns,
            call->ns[0] ? "/" : "", call->name, uid, old_uid);
    apiserver_invalid_add(call, "FieldValueInvalid", "metadata.uid",
                          "Invalid value: \"%s\": field is immutable", uid);
    return apiserver_invalid_finish(call);
}

/* The client may name the state that it changes: by resourceVersion and uid. */
static int check_preconditions(struct apiserver_call *call, const json_t *wanted)
{
    const char *revision = json_path_string_or(wanted, "metadata.resourceVersion", "");
    const char *uid = json_path_string_or(wanted, "metadata.uid", "");
    const char *old_uid = json_path_string_or(call->old->tree, "metadata.uid", "");

    if (uid[0] && strcmp(uid, old_uid) != 0)
        return fail_uid(call, uid, old_uid);
    if (call->kind->api == NULL && call->verb == KUBE_VERB_UPDATE && revision[0] == '\0') {
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.resourceVersion",
                              "Invalid value: 0: must be specified for an update");
        return apiserver_invalid_finish_as(call, call->kind->qualified, call->name);
    }
    if (revision[0] == '\0' || strcmp(revision, "0") == 0)
        return 0;
    if (call->verb == KUBE_VERB_UPDATE ||
        json_path_get(call->body, "metadata.resourceVersion") != NULL)
        call->revision_given = true;
    if (strtoull(revision, NULL, 10) != call->old->revision)
        return apiserver_fail_conflict(call,
                                       "the object has been modified; please apply your changes "
                                       "to the latest version and try again");
    return 0;
}

/* A copy of the state that is replaced, in the version of the call. */
static json_t *old_copy(const struct apiserver_call *call)
{
    json_t *shown = apiserver_read_present(call->kind, call->old);
    json_t *copy = json_deep_copy(shown);

    json_decref(shown);
    return copy;
}

static int scale_take(struct apiserver_call *call, const json_t *scale)
{
    int64_t replicas = json_path_int(scale, "spec.replicas", 0);

    call->object = old_copy(call);
    if (replicas < 0) {
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.replicas",
                              "Invalid value: %lld: must be greater than or equal to 0",
                              (long long)replicas);
        return apiserver_invalid_finish_as(call, "Scale.autoscaling", call->name);
    }
    return json_path_set(call->object, kube_scale_paths(call->kind->crd_version).spec_replicas,
                         json_integer(replicas)) == 0
               ? 0
               : apiserver_fail(call, 500, "InternalError", "the object has no spec");
}

/* Puts what `from` has under that name into `to`, be it nothing. */
static void member_take(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value != NULL)
        json_object_set_new(to, name, json_deep_copy(value));
    else
        json_object_del(to, name);
}

/* Only the part that this resource or subresource may write. */
static void scope_keep(struct apiserver_call *call)
{
    json_t *wanted = call->object;

    if (is_sub(call, "status")) {
        call->object = old_copy(call);
        member_take(call->object, wanted, "status");
        json_decref(wanted);
    } else if (call->kind->has_status) {
        member_take(wanted, call->old->tree, "status");
    }
}

static int prepare_update(struct apiserver_call *call)
{
    struct store_object *old = store_get(call->kind->bucket, call->ns, call->name);
    json_t *wanted;
    int rc = 0;

    if (call->verb == KUBE_VERB_UPDATE && call->body != NULL)
        rc = check_identity(call, call->body);
    if (rc != 0)
        return rc;
    if (old == NULL)
        return apiserver_managed_is_apply(call)
                   ? prepare_apply_new(call)
                   : apiserver_fail_not_found(call, call->kind, call->name);
    call->old = store_object_ref(old);
    rc = update_wanted(call, &wanted);
    if (rc != 0)
        return rc;
    rc = check_preconditions(call, wanted);
    if (rc == 0 && is_sub(call, "scale")) {
        rc = scale_take(call, wanted);
        json_decref(wanted);
    } else {
        call->object = wanted;
        if (rc == 0)
            rc = check_object(call, wanted);
    }
    if (rc != 0)
        return rc;
    scope_keep(call);
    kube_metadata_keep(call->object, call->old->tree);
    if (is_sub(call, "status")) {
        apiserver_managed_update(call);
        return 0;
    }
    apiserver_schema_default(call);
    return prepare_end(call);
}

/* --- the pipeline --- */

void apiserver_write_start(struct apiserver_call *call)
{
    write_attempt(call);
}

static void attempt_reset(struct apiserver_call *call)
{
    store_object_unref(TAKE(call->old));
    json_decref(TAKE(call->object));
    json_decref(TAKE(call->causes));
    json_decref(TAKE(call->result));
    json_decref(TAKE(call->warnings));
    call->status = 0;
}

static void write_attempt(struct apiserver_call *call)
{
    int rc;

    attempt_reset(call);
    call->attempt++;
    rc = call->verb == KUBE_VERB_CREATE ? prepare_create(call) : prepare_update(call);
    if (rc != 0) {
        apiserver_call_finish(call);
        return;
    }
    apiserver_admission_run(call, true, write_mutated);
}

static void check_metadata(struct apiserver_call *call)
{
    struct api_cause_sink sink = {apiserver_schema_on_cause, call};

    if (call->old == NULL)
        kube_metadata_check_name(call->object,
                                 kube_metadata_form(call->kind->group, call->kind->plural), &sink);
    kube_metadata_check(call->object, call->old ? call->old->tree : NULL, &sink);
}

static void write_mutated(struct apiserver_call *call)
{
    if (call->status != 0) {
        apiserver_call_finish(call);
        return;
    }
    if (!is_sub(call, "status"))
        apiserver_schema_default(call);
    if (call->verb == KUBE_VERB_CREATE)
        kube_metadata_name(call->object);
    apiserver_schema_check(call);
    check_metadata(call);
    apiserver_hooks_check(call);
    if (apiserver_invalid_finish(call) != 0) {
        apiserver_call_finish(call);
        return;
    }
    apiserver_admission_run(call, false, write_validated);
}

/* The answer of a dry run, and of the scale subresource, is not what the store holds. */
static void write_answer(struct apiserver_call *call, struct store_object *stored)
{
    json_t *tree = stored ? stored->tree : call->object;

    call->status = call->old == NULL ? 201 : 200;
    if (is_sub(call, "scale"))
        call->result = apiserver_sub_scale(call->kind, tree);
    else if (stored != NULL)
        call->answer = store_object_ref(stored);
    else
        call->result = json_incref(tree);
    apiserver_call_finish(call);
}

/* Objects begin with kind and apiVersion, as Kubernetes writes them: lists cut that off. */
static void head_first(struct apiserver_call *call)
{
    json_t *ordered =
        json_pack("{s:s, s:s}", "kind", call->kind->kind, "apiVersion", call->kind->api_version);

    json_object_set(ordered, "metadata", metadata_of(call->object));
    json_object_update_missing(ordered, call->object);
    json_decref(call->object);
    call->object = ordered;
}

static int commit(struct apiserver_call *call, struct store_object **ret)
{
    int rc;

    if (call->old != NULL && kube_deletion_is_due(call->object)) {
        rc = store_remove(call->kind->bucket, call->old);
        return rc; /* *ret stays NULL: the answer is the last state */
    }
    head_first(call);
    kube_managed_share(call->server->field_sets, call->object);
    return store_put(call->kind->bucket, json_incref(call->object), call->old, ret);
}

/* The store did not take it. */
static void fail_commit(struct apiserver_call *call, int code)
{
    if (code == ERR_IO)
        apiserver_fail_store(call);
    else if (code == ERR_EXISTS)
        apiserver_fail_exists(call, json_path_string_or(call->object, "metadata.name", ""));
    else if (code == ERR_CONFLICT)
        apiserver_fail_conflict(call, "the object has been modified; please apply your changes to "
                                      "the latest version and try again");
    else
        apiserver_fail(call, 413, "RequestEntityTooLarge", "%s",
                       "etcdserver: request is too large");
    apiserver_call_finish(call);
}

static void write_validated(struct apiserver_call *call)
{
    struct store_object *stored = NULL;
    int rc;

    if (call->status != 0) {
        apiserver_call_finish(call);
        return;
    }
    if (call->old != NULL) {
        if (call->kind->has_generation)
            kube_metadata_count(call->object, call->old->tree);
        kube_managed_keep_times(call->old->tree, call->object);
        if (json_equal(call->object, call->old->tree)) {
            write_answer(call, call->old);
            return;
        }
    }
    if (apiserver_call_is_dry_run(call)) {
        write_answer(call, NULL);
        return;
    }
    rc = commit(call, &stored);
    if (rc == ERR_NOT_FOUND || (rc == ERR_EXISTS && call->verb != KUBE_VERB_CREATE))
        rc = ERR_CONFLICT;
    if (rc == ERR_CONFLICT && !call->revision_given && call->attempt < APISERVER_ATTEMPTS_MAX) {
        write_attempt(call);
        return;
    }
    if (rc == 0)
        write_answer(call, stored);
    else
        fail_commit(call, rc);
}
