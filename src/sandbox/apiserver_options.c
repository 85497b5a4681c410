/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of writing requests: what values they may have. See apiserver_int.h.
 *
 * Place   apiserver_call_run, before any work
 * Spec    meta.k8s.io CreateOptions, UpdateOptions, PatchOptions, DeleteOptions
 */
#include "sandbox/apiserver_int.h"

enum { MANAGER_MAX = 128 };

static const char *options_kind(const struct apiserver_call *call)
{
    switch (call->verb) {
    case APISERVER_CREATE:
        return "CreateOptions";
    case APISERVER_UPDATE:
        return "UpdateOptions";
    case APISERVER_PATCH:
        return "PatchOptions";
    case APISERVER_DELETE:
    case APISERVER_DELETE_COLLECTION:
        return "DeleteOptions";
    default:
        return "ListOptions";
    }
}

int apiserver_options_fail(struct apiserver_call *call, const char *reason, const char *field,
                           const char *message)
{
    const char *kind = options_kind(call);
    const char *text =
        arena_printf(&call->arena, "%s.meta.k8s.io \"\" is invalid: %s: %s", kind, field, message);

    call->status = 422;
    call->result = apiserver_status_new(422, "Invalid", text,
                                        json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "group",
                                                  "meta.k8s.io", "kind", kind, "causes", "reason",
                                                  reason, "message", message, "field", field));
    return ERR_INVALID;
}

static int fail_value(struct apiserver_call *call, const char *field, const char *shown,
                      const char *supported)
{
    return apiserver_options_fail(call, "FieldValueNotSupported", field,
                                  arena_printf(&call->arena,
                                               "Unsupported value: %s: supported values: %s", shown,
                                               supported));
}

/* A parameter, or that member of a DELETE's body; "" when absent. */
static const char *option_get(struct apiserver_call *call, const char *name)
{
    const json_t *value = call->verb >= APISERVER_DELETE ? json_object_get(call->body, name) : NULL;
    struct slice given = apiserver_call_query(call, name);

    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_string(value))
        return json_string_value(value);
    return given.data ? arena_slice_str(&call->arena, given) : "";
}

static bool is_one_of(const char *value, const char *const *allowed)
{
    for (; *allowed != NULL; allowed++) {
        if (strcmp(value, *allowed) == 0)
            return true;
    }
    return false;
}

static int check_values(struct apiserver_call *call)
{
    static const char *const validations[] = {"", "Ignore", "Strict", "Warn", NULL};
    static const char *const policies[] = {"", "Foreground", "Background", "Orphan", NULL};
    const char *dry_run = option_get(call, "dryRun");
    const char *validation = option_get(call, "fieldValidation");
    const char *policy = option_get(call, "propagationPolicy");
    bool deletes = call->verb >= APISERVER_DELETE;

    if (dry_run[0] && strcmp(dry_run, "All") != 0)
        return fail_value(call, "dryRun", arena_printf(&call->arena, "[\"%s\"]", dry_run),
                          "\"All\"");
    if (!deletes && !is_one_of(validation, validations))
        return fail_value(call, "fieldValidation", arena_printf(&call->arena, "\"%s\"", validation),
                          "\"\", \"Ignore\", \"Strict\", \"Warn\"");
    if (deletes && !is_one_of(policy, policies))
        return fail_value(call, "propagationPolicy", arena_printf(&call->arena, "\"%s\"", policy),
                          "\"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    return 0;
}

static int check_manager(struct apiserver_call *call)
{
    struct slice manager = apiserver_call_query(call, "fieldManager");
    bool is_apply = apiserver_managed_is_apply(call);

    if (is_apply && manager.len == 0)
        return apiserver_options_fail(call, "FieldValueRequired", "fieldManager",
                                      "Required value: is required for apply patch");
    if (!is_apply && call->verb == APISERVER_PATCH &&
        apiserver_call_query(call, "force").data != NULL)
        return apiserver_options_fail(call, "FieldValueForbidden", "force",
                                      "Forbidden: may not be specified for non-apply patch");
    if (manager.len > MANAGER_MAX)
        return apiserver_options_fail(call, "FieldValueTooLong", "fieldManager",
                                      "Too long: may not be more than 128 bytes");
    return 0;
}

int apiserver_options_check(struct apiserver_call *call)
{
    struct slice grace = apiserver_call_query(call, "gracePeriodSeconds");
    int64_t number;

    if (call->verb < APISERVER_CREATE)
        return 0;
    if (call->verb >= APISERVER_DELETE && grace.len > 0 && slice_parse_i64(grace, &number) != 0)
        return apiserver_fail(call, 400, "BadRequest",
                              "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                              SLICE_ARG(grace));
    return check_values(call) ? ERR_INVALID : check_manager(call);
}
