/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of writing requests (kube/objects/options.h), refused before any work. */
#include "kube/objects/options.h"
#include "sandbox/apiserver_int.h"

static int finish(struct apiserver_call *call)
{
    return apiserver_invalid_finish_as(
        call, arena_printf(&call->arena, "%s.meta.k8s.io", kube_options_kind(call->verb)), "");
}

int apiserver_options_fail(struct apiserver_call *call, const char *reason, const char *field,
                           const char *message)
{
    apiserver_invalid_add(call, reason, field, "%s", message);
    return finish(call);
}

int apiserver_options_check(struct apiserver_call *call)
{
    struct slice grace = apiserver_call_query(call, "gracePeriodSeconds");
    int64_t number;
    int rc;

    if (call->verb >= KUBE_VERB_DELETE && grace.len > 0 && slice_parse_i64(grace, &number) != 0)
        return apiserver_fail(call, 400, "BadRequest",
                              "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                              SLICE_ARG(grace));
    rc = kube_options_check(call->verb, apiserver_managed_is_apply(call), call->query, call->body,
                            apiserver_schema_on_cause, call);
    return rc == 0 ? 0 : finish(call);
}
