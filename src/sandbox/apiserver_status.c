/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: the API's error answers, with Kubernetes' reasons and texts (kube-api reference,
 * section 5.3).
 */
#include "base/mem.h"
#include "sandbox/apiserver_int.h"

#include <stdarg.h>
#include <stdio.h>

enum { STATUS_TEXT_SIZE = 2048 };

json_t *apiserver_status_new(unsigned status, const char *reason, const char *message,
                             json_t *details)
{
    json_t *object = json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1",
                               "metadata", "status", status < 400 ? "Success" : "Failure",
                               "message", json_string_slice(slice_str(message)));

    if (reason[0])
        json_set_string(object, "reason", reason);
    if (details != NULL)
        json_object_set_new(object, "details", details);
    json_object_set_new(object, "code", json_integer(status));
    return object;
}

static void status_set(struct apiserver_call *call, unsigned status, const char *reason,
                       const char *message, json_t *details)
{
    json_decref(call->result);
    call->result = apiserver_status_new(status, reason, message, details);
    call->status = status;
}

static json_t *details_new(const struct kind *kind, const char *name)
{
    json_t *details = json_object();

    if (kind == NULL)
        return details;
    json_set_string(details, "name", name);
    if (kind->group[0])
        json_set_string(details, "group", kind->group);
    json_set_string(details, "kind", kind->plural);
    return details;
}

int apiserver_fail(struct apiserver_call *call, unsigned status, const char *reason,
                   const char *fmt, ...)
{
    char text[STATUS_TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    status_set(call, status, reason, text, details_new(call->kind, call->name));
    return ERR_INVALID;
}

int apiserver_fail_not_found(struct apiserver_call *call, const struct kind *kind, const char *name)
{
    char text[STATUS_TEXT_SIZE];

    snprintf(text, sizeof text, "%s \"%s\" not found", kind->qualified, name);
    status_set(call, 404, "NotFound", text, details_new(kind, name));
    return ERR_INVALID;
}

int apiserver_fail_exists(struct apiserver_call *call, const char *name)
{
    char text[STATUS_TEXT_SIZE];

    snprintf(text, sizeof text, "%s \"%s\" already exists", call->kind->qualified, name);
    status_set(call, 409, "AlreadyExists", text, details_new(call->kind, name));
    return ERR_INVALID;
}

int apiserver_fail_conflict(struct apiserver_call *call, const char *fmt, ...)
{
    char why[STATUS_TEXT_SIZE];
    char text[STATUS_TEXT_SIZE + 512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "Operation cannot be fulfilled on %s \"%s\": %s",
             call->kind->qualified, call->name, why);
    status_set(call, 409, "Conflict", text, details_new(call->kind, call->name));
    return ERR_INVALID;
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

int apiserver_invalid_finish(struct apiserver_call *call)
{
    size_t count = json_array_size(call->causes);
    const char *name = json_path_string_or(call->object, "metadata.name", call->name);
    struct buf text;
    json_t *details;
    json_t *cause;
    size_t i;

    if (count == 0)
        return 0;
    if (name[0] == '\0')
        name = json_path_string_or(call->object, "metadata.generateName", "");
    buf_init(&text, 0);
    buf_printf(&text, "%s%s%s \"%s\" is invalid: %s", call->kind->kind,
               call->kind->group[0] ? "." : "", call->kind->group, name, count > 1 ? "[" : "");
    json_array_foreach(call->causes, i, cause)
        buf_printf(&text, "%s%s: %s", i ? ", " : "", json_path_string_or(cause, "field", ""),
                   json_path_string_or(cause, "message", ""));
    if (count > 1)
        buf_append_char(&text, ']');
    details = json_pack("{s:s, s:s, s:O}", "name", name, "kind", call->kind->kind, "causes",
                        call->causes);
    if (call->kind->group[0])
        json_set_string(details, "group", call->kind->group);
    status_set(call, 422, "Invalid", text.data, details);
    buf_deinit(&text);
    return ERR_INVALID;
}

json_t *apiserver_status_success(const struct kind *kind, const json_t *object)
{
    json_t *details = details_new(kind, json_path_string_or(object, "metadata.name", ""));

    json_set_string(details, "uid", json_path_string_or(object, "metadata.uid", ""));
    return json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1", "metadata",
                     "status", "Success", "details", details);
}
