/* SPDX-License-Identifier: Apache-2.0 */
/* Field ownership of a call: who writes, onto what type, and server-side apply (a PATCH with
 * application/apply-patch+yaml). The rules are kube/objects/managed.h's; here are the
 * requests' words and the answers'.
 *
 * Place   apiserver_write.c's prepare step, before rules of the kind and webhooks
 */
#include "api/check.h"
#include "base/clock.h"
#include "kube/objects/managed.h"
#include "kube/objects/status.h"
#include "sandbox/apiserver_int.h"

enum { MANAGER_MAX = 128 };

/* --- who writes what --- */

static const char *manager_of(struct apiserver_call *call)
{
    struct slice given = apiserver_call_query(call, "fieldManager");
    ptrdiff_t slash = slice_find_char(call->user_agent, '/');
    struct slice agent = slash < 0 ? call->user_agent : slice_head(call->user_agent, (size_t)slash);

    if (given.len == 0)
        given = slice_head(agent, MIN(agent.len, (size_t)MANAGER_MAX));
    return given.len > 0 ? arena_slice_str(&call->arena, given) : "unknown";
}

static struct kube_writer writer_of(struct apiserver_call *call)
{
    char now[CLOCK_RFC3339_SIZE];

    return (struct kube_writer){
        .manager = manager_of(call),
        .api_version = call->kind->api_version,
        .subresource = call->subresource,
        .time = strcmp(call->subresource, "scale") == 0 /* as Kubernetes does */
                    ? ""
                    : arena_strdup(&call->arena, clock_format_now(now)),
        .force = apiserver_call_query_bool(call, "force"),
    };
}

void apiserver_managed_update(struct apiserver_call *call)
{
    struct kube_writer writer = writer_of(call);

    if (!apiserver_managed_is_apply(call))
        kube_managed_update(kinds_type(call->kind), call->old ? call->old->tree : NULL,
                            call->object, &writer);
}

/* --- apply --- */

bool apiserver_managed_is_apply(const struct apiserver_call *call)
{
    return slice_eq_str(call->content_type, KUBE_MEDIA_APPLY);
}

/* A configuration that is not of the kind's type. */
static int fail_typed(struct apiserver_call *call, const char *path, const char *reason)
{
    const char *text = arena_printf(
        &call->arena, "failed to create typed patch object (%s/%s; %s%s, Kind=%s): %s%s: %s",
        json_path_string_or(call->body, "metadata.namespace", ""),
        json_path_string_or(call->body, "metadata.name", ""), call->kind->group[0] ? "" : "/",
        call->kind->api_version, call->kind->kind, path[0] ? "." : "", path, reason);

    call->status = 500;
    call->result = kube_status_new(500, "", text, NULL);
    return ERR_INVALID;
}

static void config_on_problem(const struct error *problem, void *ctx)
{
    struct apiserver_call *call = ctx;

    if (call->status == 0 && problem->code == ERR_EXISTS)
        fail_typed(call, problem->path, "field not declared in schema");
}

static int fail_conflicts(struct apiserver_call *call, struct kube_conflicts *conflicts)
{
    call->status = 409;
    call->result = kube_status_new(409, "Conflict", conflicts->message,
                                   json_pack("{s:O}", "causes", conflicts->causes));
    kube_conflicts_deinit(conflicts);
    return ERR_CONFLICT;
}

int apiserver_managed_apply(struct apiserver_call *call, json_t **ret)
{
    struct kube_writer writer = writer_of(call);
    struct kube_conflicts conflicts = {0};
    struct error err = {0};
    json_t *base = call->old ? apiserver_read_present(call->kind, call->old) : NULL;
    json_t *config;
    int rc = kube_managed_check(call->body, call->kind->api_version, call->kind->kind,
                                call->old == NULL, &err);

    if (rc == ERR_CONFLICT)
        apiserver_fail_conflict(call, "%s", err.reason);
    else if (rc != 0)
        apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    else if (call->kind->api != NULL)
        api_check(call->kind->api->schema, call->body, config_on_problem, call);
    if (call->status != 0) {
        json_decref(base);
        return ERR_INVALID;
    }
    config = kube_managed_part(call->body, call->subresource, call->kind->has_status);
    rc = kube_managed_apply(kinds_type(call->kind), base, config, &writer, ret, &conflicts, &err);
    json_decref(config);
    json_decref(base);
    if (rc == ERR_CONFLICT)
        return fail_conflicts(call, &conflicts);
    return rc ? fail_typed(call, err.path, err.reason) : 0;
}
