/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of a call: which Status (kube/objects/status.h) of which object becomes its answer, and
 * the causes that it gathers on its way to a 422.
 */
#include "base/mem.h"
#include "kube/objects/status.h"
#include "sandbox/apiserver_int.h"

#include <stdarg.h>
#include <stdio.h>

enum { STATUS_TEXT_SIZE = 2048 };

/* Takes `status`. */
static int fail_with(struct apiserver_call *call, unsigned code, json_t *status)
{
    json_decref(call->result);
    call->result = status;
    call->status = code;
    return ERR_INVALID;
}

int apiserver_fail_plain(struct apiserver_call *call, unsigned status, const char *reason,
                         const char *message)
{
    return fail_with(call, status, kube_status_new(status, reason, message, json_object()));
}

/* What was wrong with the request, or the server, says nothing of the object. */
static bool has_details(unsigned status)
{
    return status != 400 && status != 413 && status != 415 && status != 500;
}

int apiserver_fail(struct apiserver_call *call, unsigned status, const char *reason,
                   const char *fmt, ...)
{
    char text[STATUS_TEXT_SIZE];
    json_t *details = NULL;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (has_details(status))
        details =
            call->kind ? kube_status_details(call->kind->qualified, call->name) : json_object();
    return fail_with(call, status, kube_status_new(status, reason, text, details));
}

int apiserver_fail_not_found(struct apiserver_call *call, const struct kind *kind, const char *name)
{
    return fail_with(call, 404, kube_status_not_found(kind->qualified, name));
}

int apiserver_fail_store(struct apiserver_call *call)
{
    return apiserver_fail(
        call, 500, "InternalError",
        "Internal error occurred: the store cannot write (%s): nothing was changed",
        store_problem(call->server->store));
}

int apiserver_fail_exists(struct apiserver_call *call, const char *name)
{
    return fail_with(call, 409, kube_status_exists(call->kind->qualified, name));
}

int apiserver_fail_conflict(struct apiserver_call *call, const char *fmt, ...)
{
    char why[STATUS_TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return fail_with(call, 409, kube_status_conflict(call->kind->qualified, call->name, why));
}

void apiserver_invalid_add(struct apiserver_call *call, const char *reason, const char *field,
                           const char *fmt, ...)
{
    char text[STATUS_TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (call->causes == NULL)
        call->causes = json_array();
    json_array_append_new(call->causes,
                          json_pack("{s:s, s:o, s:s}", "reason", reason, "message",
                                    json_string_slice(slice_str(text)), "field", field));
}

int apiserver_invalid_finish_as(struct apiserver_call *call, const char *what, const char *name)
{
    if (json_array_size(call->causes) == 0)
        return 0;
    return fail_with(call, 422, kube_status_invalid(what, name, call->causes));
}

int apiserver_invalid_finish(struct apiserver_call *call)
{
    const struct kind *kind = call->kind;
    const char *name = json_path_string_or(call->object, "metadata.name", call->name);
    char *what = mem_printf("%s%s%s", kind->kind, kind->group[0] ? "." : "", kind->group);
    int rc;

    if (name[0] == '\0')
        name = json_path_string_or(call->object, "metadata.generateName", "");
    rc = apiserver_invalid_finish_as(call, what, name);
    mem_free(what);
    return rc;
}
