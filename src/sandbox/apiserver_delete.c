/* SPDX-License-Identifier: Apache-2.0 */
/* delete and deletecollection: at once, gracefully (pods), or as soon as finalizers are gone.
 *
 *   no finalizers, no grace   removed
 *   pod on a node             deletionTimestamp = now + grace; the node deletes with grace 0
 *   finalizers                deletionTimestamp = now; the update that empties the list removes
 *   namespace                 phase Terminating; its controller empties it, then finalizes
 *   Foreground, Orphan        a finalizer that the garbage collector takes away
 *
 * Place   apiserver_call_run; apiserver_write.c asks apiserver_delete_is_due
 */
#include "base/clock.h"
#include "sandbox/apiserver_int.h"

static void delete_admitted(struct apiserver_call *call);

bool apiserver_delete_is_due(const json_t *object)
{
    if (json_path_get(object, "metadata.deletionTimestamp") == NULL)
        return false;
    if (strcmp(json_path_string_or(object, "kind", ""), "Namespace") == 0 &&
        json_array_size(json_path_get(object, "spec.finalizers")) > 0)
        return false;
    return json_array_size(json_path_get(object, "metadata.finalizers")) == 0 &&
           json_path_int(object, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

static const char *option_text(struct apiserver_call *call, const char *name)
{
    const char *text = json_get_string(call->body, name);
    struct slice value;

    if (text != NULL)
        return text;
    value = apiserver_call_query(call, name);
    return value.data ? arena_slice_str(&call->arena, value) : "";
}

/* -1: not given. */
static int64_t option_grace(struct apiserver_call *call)
{
    int64_t grace = json_get_int(call->body, "gracePeriodSeconds", -1);
    struct slice text = apiserver_call_query(call, "gracePeriodSeconds");

    if (grace < 0 && text.len > 0 && slice_parse_i64(text, &grace) != 0)
        grace = -1;
    return grace;
}

static bool is_dry_run(struct apiserver_call *call)
{
    return apiserver_call_is_dry_run(call) ||
           json_array_size(json_object_get(call->body, "dryRun")) > 0;
}

static void finalizer_add(json_t *object, const char *name)
{
    json_t *list = json_path_get(object, "metadata.finalizers");
    size_t i;
    json_t *item;

    if (list == NULL) {
        list = json_array();
        json_object_set_new(json_object_get(object, "metadata"), "finalizers", list);
    }
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), name) == 0)
            return;
    }
    json_array_append_new(list, json_string(name));
}

/* Sets when the object is to be gone; an earlier time wins. */
static void deletion_mark(json_t *object, int64_t grace_s)
{
    json_t *metadata = json_object_get(object, "metadata");
    char text[CLOCK_RFC3339_SIZE];
    const char *old = json_get_string(metadata, "deletionTimestamp");

    if (old != NULL && json_get_int(metadata, "deletionGracePeriodSeconds", 0) <= grace_s)
        return;
    clock_format_rfc3339(clock_realtime_ms() + grace_s * 1000, false, text);
    json_set_string(metadata, "deletionTimestamp", text);
    json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(grace_s));
    if (old == NULL && json_object_get(metadata, "generation") != NULL)
        json_object_set_new(metadata, "generation",
                            json_integer(json_get_int(metadata, "generation", 0) + 1));
}

static int64_t pod_grace(struct apiserver_call *call, const json_t *pod)
{
    const char *phase = json_path_string_or(pod, "status.phase", "");
    int64_t grace = option_grace(call);

    if (json_path_string_or(pod, "spec.nodeName", "")[0] == '\0' ||
        strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
        return 0;
    return grace >= 0 ? grace : json_path_int(pod, "spec.terminationGracePeriodSeconds", 30);
}

/* What the object becomes: marked, or (when that is due already) nothing. */
static json_t *delete_state(struct apiserver_call *call, const struct store_object *old)
{
    json_t *object = json_deep_copy(old->tree);
    const char *policy = option_text(call, "propagationPolicy");
    int64_t grace = 0;

    if (strcmp(policy, "Foreground") == 0)
        finalizer_add(object, "foregroundDeletion");
    else if (strcmp(policy, "Orphan") == 0)
        finalizer_add(object, "orphan");
    if (strcmp(call->kind->plural, "pods") == 0)
        grace = pod_grace(call, old->tree);
    deletion_mark(object, grace);
    if (strcmp(call->kind->plural, "namespaces") == 0)
        json_path_set(object, "status.phase", json_string("Terminating"));
    return object;
}

/* Other than for a write, the object is called by its Kind. */
static int fail_precondition(struct apiserver_call *call, const char *what, const char *wanted,
                             const char *found, const char *why)
{
    const struct kind *kind = call->kind;
    const char *text = arena_printf(
        &call->arena,
        "Operation cannot be fulfilled on %s%s%s \"%s\": the %s in the precondition (%s) does not "
        "match the %s in record (%s). The object might have been %s",
        kind->kind, kind->group[0] ? "." : "", kind->group, call->name, what, wanted, what, found,
        why);
    json_t *details = json_pack("{s:s, s:s}", "name", call->name, "kind", kind->kind);

    if (kind->group[0])
        json_set_string(details, "group", kind->group);
    call->status = 409;
    call->result = apiserver_status_new(409, "Conflict", text, details);
    return ERR_CONFLICT;
}

static int check_preconditions(struct apiserver_call *call, const struct store_object *old)
{
    const char *uid = json_path_string_or(call->body, "preconditions.uid", "");
    const char *revision = json_path_string_or(call->body, "preconditions.resourceVersion", "");
    const char *old_uid = json_path_string_or(old->tree, "metadata.uid", "");
    const char *old_revision = json_path_string_or(old->tree, "metadata.resourceVersion", "");

    if (uid[0] && strcmp(uid, old_uid) != 0)
        return fail_precondition(call, "UID", uid, old_uid, "deleted and then recreated");
    if (revision[0] && strcmp(revision, old_revision) != 0)
        return fail_precondition(call, "ResourceVersion", revision, old_revision, "modified");
    return 0;
}

/* Deletes or marks. *ret_left: the marked object, or NULL when it is gone. Borrowed. */
static int delete_apply(struct apiserver_call *call, struct store_object *old,
                        struct store_object **ret_left)
{
    json_t *object = delete_state(call, old);
    int rc;

    *ret_left = NULL;
    if (apiserver_delete_is_due(object)) {
        json_decref(object);
        return is_dry_run(call) ? 0 : store_remove(call->kind->bucket, old);
    }
    if (is_dry_run(call) || json_equal(object, old->tree)) {
        json_decref(object);
        *ret_left = old;
        return 0;
    }
    rc = store_put(call->kind->bucket, object, old, ret_left);
    return rc;
}

void apiserver_delete_start(struct apiserver_call *call)
{
    struct store_object *old = store_get(call->kind->bucket, call->ns, call->name);

    store_object_unref(TAKE(call->old));
    if (old == NULL) {
        apiserver_fail_not_found(call, call->kind, call->name);
        apiserver_call_finish(call);
        return;
    }
    if (check_preconditions(call, old) != 0) {
        apiserver_call_finish(call);
        return;
    }
    call->old = store_object_ref(old);
    apiserver_admission_run(call, false, delete_admitted);
}

/* Kinds whose last state is the answer of their deletion. */
static bool shows_object(const struct kind *kind)
{
    static const char *const shown[] = {"pods", "namespaces", "services", "serviceaccounts",
                                        "resourcequotas"};

    for (size_t i = 0; i < ARRAY_LEN(shown) && kind->group[0] == '\0'; i++) {
        if (strcmp(kind->plural, shown[i]) == 0)
            return true;
    }
    return false;
}

static void delete_admitted(struct apiserver_call *call)
{
    struct store_object *left = NULL;
    int rc;

    if (call->status != 0) {
        apiserver_call_finish(call);
        return;
    }
    rc = delete_apply(call, call->old, &left);
    if ((rc == ERR_CONFLICT || rc == ERR_NOT_FOUND) && call->attempt++ < APISERVER_ATTEMPTS_MAX) {
        apiserver_delete_start(call);
        return;
    }
    if (rc == ERR_IO)
        apiserver_fail_store(call);
    else if (rc != 0)
        apiserver_fail_conflict(call, "the object has been modified; please apply your changes to "
                                      "the latest version and try again");
    else if (left != NULL || shows_object(call->kind))
        call->answer = store_object_ref(left ? left : call->old);
    else
        call->result = apiserver_status_success(call->kind, call->old->tree);
    apiserver_call_finish(call);
}

/* --- collections --- */

static bool collection_wants(struct apiserver_call *call, const struct store_object *object,
                             const struct kube_selector *labels, const struct kube_selector *fields)
{
    return (call->ns[0] == '\0' || strcmp(call->ns, object->ns) == 0) &&
           kube_selector_match(labels, json_path_get(object->tree, "metadata.labels")) &&
           kube_selector_match_fields(fields, object->tree);
}

void apiserver_delete_collection(struct apiserver_call *call)
{
    struct kube_selector labels, fields;
    struct store_bucket *bucket = call->kind->bucket;
    VEC(struct store_object *) found = {0};
    json_t *items;

    if (apiserver_read_selectors(call, &labels, &fields) != 0) {
        apiserver_call_finish(call);
        return;
    }
    for (size_t i = 0; i < store_bucket_count(bucket); i++) {
        struct store_object *object = store_bucket_at(bucket, i);

        if (collection_wants(call, object, &labels, &fields))
            VEC_PUSH(&found, store_object_ref(object));
    }
    items = json_array();
    for (size_t i = 0; i < found.count; i++) {
        struct store_object *left;

        if (delete_apply(call, found.items[i], &left) == 0)
            json_array_append_new(items,
                                  apiserver_read_item(call->kind, left ? left : found.items[i]));
        store_object_unref(found.items[i]);
    }
    VEC_DEINIT(&found);
    call->result =
        json_pack("{s:s, s:s, s:{s:o}, s:o}", "kind", call->kind->list_kind, "apiVersion",
                  call->kind->api_version, "metadata", "resourceVersion",
                  json_sprintf("%llu", (unsigned long long)store_revision(call->server->store)),
                  "items", items);
    apiserver_call_finish(call);
}
