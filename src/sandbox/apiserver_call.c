/* SPDX-License-Identifier: Apache-2.0 */
/* One call: its life, its query parameters, its dispatch. See apiserver_int.h. */
#include "base/mem.h"
#include "sandbox/apiserver_int.h"

#include <stdarg.h>
#include <stdio.h>

struct apiserver_call *apiserver_call_new(struct sandbox_apiserver *server)
{
    struct apiserver_call *call = MEM_NEW(struct apiserver_call);

    call->server = server;
    arena_init(&call->arena, 0);
    call->ns = call->name = call->subresource = "";
    buf_init(&call->text, 256 * 1024 * 1024);
    list_append(&server->calls, &call->node);
    return call;
}

void apiserver_call_free(struct apiserver_call *call)
{
    if (call == NULL)
        return;
    apiserver_admission_cancel(call);
    list_remove(&call->node);
    json_decref(call->body);
    json_decref(call->result);
    json_decref(call->warnings);
    json_decref(call->object);
    json_decref(call->causes);
    json_decref(call->unknown);
    store_object_unref(call->answer);
    store_object_unref(call->old);
    buf_deinit(&call->text);
    arena_deinit(&call->arena);
    mem_free(call);
}

void apiserver_call_finish(struct apiserver_call *call)
{
    if (call->status == 0)
        call->status = 200;
    call->on_done(call, call->ctx);
}

struct slice apiserver_call_query(struct apiserver_call *call, const char *name)
{
    return url_query_value(&call->arena, call->query, name);
}

bool apiserver_call_query_bool(struct apiserver_call *call, const char *name)
{
    return url_query_is_true(&call->arena, call->query, name);
}

bool apiserver_call_is_dry_run(struct apiserver_call *call)
{
    return slice_eq_str(apiserver_call_query(call, "dryRun"), "All");
}

void apiserver_call_warn(struct apiserver_call *call, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (call->warnings == NULL)
        call->warnings = json_array();
    json_array_append_new(call->warnings, json_string_slice(slice_str(text)));
}

static void run_method_refused(struct apiserver_call *call)
{
    apiserver_fail(call, 405, "MethodNotAllowed",
                   "the server does not allow this method on the requested resource");
    apiserver_call_finish(call);
}

/* Subresources that change or read the object itself go the usual ways. */
static bool subresource_is_plain(const struct apiserver_call *call)
{
    static const char *const plain[] = {"", "status", "scale", "finalize", "ephemeralcontainers"};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(call->subresource, plain[i]) == 0)
            return true;
    }
    return false;
}

void apiserver_call_run(struct apiserver_call *call)
{
    /* a watch needs a stream: apiserver_watch_start */
    static void (*const runs[])(struct apiserver_call * call) = {
        [KUBE_VERB_GET] = apiserver_read_get,
        [KUBE_VERB_LIST] = apiserver_read_list,
        [KUBE_VERB_CREATE] = apiserver_write_start,
        [KUBE_VERB_UPDATE] = apiserver_write_start,
        [KUBE_VERB_PATCH] = apiserver_write_start,
        [KUBE_VERB_DELETE] = apiserver_delete_start,
        [KUBE_VERB_DELETE_COLLECTION] = apiserver_delete_collection,
    };

    if (kinds_is_metrics(call->kind) &&
        (call->verb == KUBE_VERB_GET || call->verb == KUBE_VERB_LIST)) {
        apiserver_metrics_run(call);
        return;
    }
    if (apiserver_options_check(call) != 0) {
        apiserver_call_finish(call);
        return;
    }
    if (call->kind->is_virtual || !subresource_is_plain(call)) {
        if (!apiserver_sub_run(call))
            run_method_refused(call);
        return;
    }
    if (runs[call->verb] != NULL)
        runs[call->verb](call);
    else
        run_method_refused(call);
}
