/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' reasons and sentences. See status.h. */
#include "kube/objects/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

json_t *kube_status_new(unsigned code, const char *reason, const char *message, json_t *details)
{
    json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1",
                               "metadata", "status", code < 400 ? "Success" : "Failure", "message",
                               json_string_slice(slice_str(message)));

    if (reason[0])
        json_set_string(status, "reason", reason);
    if (details != NULL)
        json_object_set_new(status, "details", details);
    json_object_set_new(status, "code", json_integer(code));
    return status;
}

json_t *kube_status_details(const char *what, const char *name)
{
    const char *dot = strchr(what, '.');
    json_t *details = json_object();

    if (name[0])
        json_set_string(details, "name", name);
    if (dot != NULL)
        json_set_string(details, "group", dot + 1);
    if (what[0])
        json_object_set_new(details, "kind",
                            json_string_slice(slice_make(what, strcspn(what, "."))));
    return details;
}

/* `sentence` is taken. */
static json_t *said_of(unsigned code, const char *reason, char *sentence, const char *what,
                       const char *name)
{
    json_t *status = kube_status_new(code, reason, sentence, kube_status_details(what, name));

    mem_free(sentence);
    return status;
}

json_t *kube_status_not_found(const char *what, const char *name)
{
    return said_of(404, "NotFound", mem_printf("%s \"%s\" not found", what, name), what, name);
}

json_t *kube_status_exists(const char *what, const char *name)
{
    return said_of(409, "AlreadyExists", mem_printf("%s \"%s\" already exists", what, name), what,
                   name);
}

json_t *kube_status_conflict(const char *what, const char *name, const char *why)
{
    return said_of(409, "Conflict",
                   mem_printf("Operation cannot be fulfilled on %s \"%s\": %s", what, name, why),
                   what, name);
}

/* --- causes --- */

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

json_t *kube_status_invalid(const char *what, const char *name, const json_t *causes)
{
    json_t *sorted = causes_sorted(causes);
    bool is_list = json_array_size(sorted) > 1;
    json_t *details = kube_status_details(what, name);
    json_t *status;
    struct buf text;
    size_t i;
    json_t *cause;

    buf_init(&text, 0);
    buf_printf(&text, "%s \"%s\" is invalid: %s", what, name, is_list ? "[" : "");
    json_array_foreach(sorted, i, cause)
        buf_printf(&text, "%s%s: %s", i ? ", " : "", json_path_string_or(cause, "field", ""),
                   json_path_string_or(cause, "message", ""));
    if (is_list)
        buf_append_char(&text, ']');
    json_object_set_new(details, "causes", sorted);
    status = kube_status_new(422, "Invalid", text.data, details);
    buf_deinit(&text);
    return status;
}

json_t *kube_status_deleted(const char *what, const json_t *object)
{
    json_t *details = kube_status_details(what, json_path_string_or(object, "metadata.name", ""));

    json_set_string(details, "uid", json_path_string_or(object, "metadata.uid", ""));
    return json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1", "metadata",
                     "status", "Success", "details", details);
}

/* --- read --- */

int kube_status_error(unsigned code, const json_t *status)
{
    static const struct {
        unsigned code;
        int error;
    } table[] = {
        {400, ERR_INVALID},  {401, ERR_DENIED},  {403, ERR_DENIED},  {404, ERR_NOT_FOUND},
        {409, ERR_CONFLICT}, {410, ERR_EXPIRED}, {422, ERR_INVALID}, {429, ERR_AGAIN},
        {503, ERR_AGAIN},    {504, ERR_TIMEOUT},
    };
    const char *reason = json_get_string(status, "reason");

    if (code < 400)
        return 0;
    if (code == 409 && reason && strcmp(reason, "AlreadyExists") == 0)
        return ERR_EXISTS;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].code == code)
            return table[i].error;
    }
    return ERR_INTERNAL;
}

void kube_warning_append(struct buf *out, const char *text)
{
    buf_append_str(out, "299 - \"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
    }
    buf_append_char(out, '"');
}
