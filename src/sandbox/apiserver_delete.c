/* SPDX-License-Identifier: Apache-2.0 */
/* delete and deletecollection: what becomes of the object is kube/objects/deletion.h's; here are
 * the request's options, webhooks, the store, and the answer.
 *
 * Place   apiserver_call_run; apiserver_write.c removes what is due after an update
 */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/objects/deletion.h"
#include "kube/objects/status.h"
#include "sandbox/apiserver_int.h"

static void delete_admitted(struct apiserver_call *call);

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

static int check_preconditions(struct apiserver_call *call, const struct store_object *old)
{
    const struct kind *kind = call->kind;
    struct error err = {0};
    char *text;
    json_t *details;

    if (kube_deletion_check(call->body, old->tree, &err) == 0)
        return 0;
    /* other than for a write, the object is called by its Kind */
    text = mem_printf("Operation cannot be fulfilled on %s%s%s \"%s\": %s", kind->kind,
                      kind->group[0] ? "." : "", kind->group, call->name, err.reason);
    details = json_pack("{s:s, s:s}", "name", call->name, "kind", kind->kind);
    if (kind->group[0])
        json_set_string(details, "group", kind->group);
    call->status = 409;
    call->result = kube_status_new(409, "Conflict", text, details);
    mem_free(text);
    return ERR_CONFLICT;
}

/* Deletes or marks. *ret_left: the marked object, or NULL when it is gone. Borrowed. */
static int delete_apply(struct apiserver_call *call, struct store_object *old,
                        struct store_object **ret_left)
{
    const struct kube_deletion deletion = {option_text(call, "propagationPolicy"),
                                           option_grace(call), clock_realtime_ms()};
    json_t *object = kube_deletion_apply(old->tree, &deletion);

    *ret_left = NULL;
    if (kube_deletion_is_due(object)) {
        json_decref(object);
        return is_dry_run(call) ? 0 : store_remove(call->kind->bucket, old);
    }
    if (is_dry_run(call) || json_equal(object, old->tree)) {
        json_decref(object);
        *ret_left = old;
        return 0;
    }
    return store_put(call->kind->bucket, object, old, ret_left);
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
        call->result = kube_status_deleted(call->kind->qualified, call->old->tree);
    apiserver_call_finish(call);
}

/* --- collections --- */

void apiserver_delete_collection(struct apiserver_call *call)
{
    struct kube_filter filter;
    struct store_bucket *bucket = call->kind->bucket;
    VEC(struct store_object *) found = {0};
    json_t *items;

    if (apiserver_read_filter(call, &filter) != 0) {
        apiserver_call_finish(call);
        return;
    }
    for (size_t i = 0; i < store_bucket_count(bucket); i++) {
        struct store_object *object = store_bucket_at(bucket, i);

        if (kube_filter_match(&filter, object->tree))
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
