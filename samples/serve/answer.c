/* SPDX-License-Identifier: Apache-2.0 */
/* JSON answers, and the headers that keep a trace together across the services.
 *
 * Place   used by every service of the samples
 */
#include "answer.h"

#include <stdlib.h>

/* Order and members as in Istio's sample; productpage leaves the last one out. */
#define FORWARD_BOTH                                                                               \
    "x-request-id", "x-ot-span-context", "x-datadog-trace-id", "x-datadog-parent-id",              \
        "x-datadog-sampling-priority", "traceparent", "tracestate", "x-cloud-trace-context",       \
        "grpc-trace-bin", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled",      \
        "x-b3-flags", "sw8", "user-agent", "cookie", "authorization", "jwt"

const char *const answer_forward_all[] = {FORWARD_BOTH, "end-user", NULL};
const char *const answer_forward_page[] = {FORWARD_BOTH, NULL};

void answer_json(struct exchange *exchange, int status, json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags);

    json_decref(value);
    exchange_reply(exchange, text ? status : 500, "application/json", slice_str(text));
    free(text);
}

void answer_error(struct exchange *exchange, int status, const char *text)
{
    answer_json(exchange, status, json_pack("{s:s}", "error", text), JSON_COMPACT);
}

bool answer_path(const struct exchange *exchange, const char *prefix, struct slice *ret_rest)
{
    struct slice start = slice_str(prefix);

    if (!slice_starts_with(exchange->path, start))
        return false;
    *ret_rest = slice_from(exchange->path, start.len);
    return true;
}
