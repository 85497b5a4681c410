/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: the API's error answers, with Kubernetes' reasons and texts (kube-api reference,
 * section 5.3).
 */
#include "base/mem.h"
#include "sandbox/apiserver_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    if (name[0])
        json_set_string(details, "name", name);
    if (kind->group[0])
        json_set_string(details, "group", kind->group);
    json_set_string(details, "kind", kind->plural);
    return details;
}

int apiserver_fail_plain(struct apiserver_call *call, unsigned status, const char *reason,
                         const char *message)
{
    status_set(call, status, reason, message, json_object());
    return ERR_INVALID;
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
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    status_set(call, status, reason, text,
               has_details(status) ? details_new(call->kind, call->name) : NULL);
    return ERR_INVALID;
}

int apiserver_fail_not_found(struct apiserver_call *call, const struct kind *kind, const char *name)
{
    char text[STATUS_TEXT_SIZE];

    snprintf(text, sizeof text, "%s \"%s\" not found", kind->qualified, name);
    status_set(call, 404, "NotFound", text, details_new(kind, name));
    return ERR_INVALID;
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

static int cause_order(const void *a, const void *b)
{
    return strcmp(json_path_string_or(*(json_t *const *)a, "field", ""),
                  json_path_string_or(*(json_t *const *)b, "field", ""));
}

/* By field, in the order in which they were found otherwise; the same message once. */
static json_t *causes_sorted(const json_t *causes)
{
    size_t count = json_array_size(causes);
    json_t **items = mem_calloc(count ? count : 1, sizeof(json_t *));
    json_t *sorted = json_array();
    size_t i;
    json_t *cause;

    json_array_foreach(causes, i, cause) items[i] = cause;
    qsort(items, count, sizeof *items, cause_order);
    for (i = 0; i < count; i++)
        if (i == 0 || !json_equal(items[i], items[i - 1]))
            json_array_append(sorted, items[i]);
    mem_free(items);
    return sorted;
}

int apiserver_invalid_finish_as(struct apiserver_call *call, const char *what, const char *name)
{
    json_t *causes = causes_sorted(call->causes);
    const char *dot = strchr(what, '.');
    struct buf text;
    json_t *details;
    json_t *cause;
    size_t i;

    if (json_array_size(causes) == 0) {
        json_decref(causes);
        return 0;
    }
    buf_init(&text, 0);
    buf_printf(&text, "%s \"%s\" is invalid: %s", what, name,
               json_array_size(causes) > 1 ? "[" : "");
    json_array_foreach(causes, i, cause)
        buf_printf(&text, "%s%s: %s", i ? ", " : "", json_path_string_or(cause, "field", ""),
                   json_path_string_or(cause, "message", ""));
    if (json_array_size(causes) > 1)
        buf_append_char(&text, ']');
    details = json_pack("{s:o}", "causes", causes);
    if (name[0])
        json_set_string(details, "name", name);
    if (dot != NULL)
        json_set_string(details, "group", dot + 1);
    if (what[0])
        json_object_set_new(details, "kind",
                            json_string_slice(slice_make(what, strcspn(what, "."))));
    status_set(call, 422, "Invalid", text.data, details);
    buf_deinit(&text);
    return ERR_INVALID;
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

json_t *apiserver_status_success(const struct kind *kind, const json_t *object)
{
    json_t *details = details_new(kind, json_path_string_or(object, "metadata.name", ""));

    json_set_string(details, "uid", json_path_string_or(object, "metadata.uid", ""));
    return json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1", "metadata",
                     "status", "Success", "details", details);
}
