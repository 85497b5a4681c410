/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.k8s.io: nothing is stored, the node agent is asked for each request.
 *
 * Limits  an answer of 64 MiB, 5 s
 */
#include "base/mem.h"
#include "http/client.h"
#include "sandbox/apiserver_int.h"

enum { METRICS_TIMEOUT_MS = 5000 };

static bool is_wanted(const struct apiserver_call *call, const struct kube_filter *filter,
                      const json_t *item)
{
    const json_t *metadata = json_object_get(item, "metadata");

    if (call->ns[0] && strcmp(call->ns, json_path_string_or(metadata, "namespace", "")) != 0)
        return false;
    if (call->name[0] && strcmp(call->name, json_path_string_or(metadata, "name", "")) != 0)
        return false;
    return kube_selector_match(&filter->labels, json_object_get(metadata, "labels"));
}

static void answer_list(struct apiserver_call *call, json_t *items)
{
    json_t *item;
    size_t i;

    if (call->accept == KUBE_ACCEPT_TABLE) {
        call->result = apiserver_read_table_new(call->kind, true);
        json_array_foreach(items, i, item) apiserver_read_table_add(call, call->result, item);
    } else {
        call->result = json_pack("{s:s,s:s,s:{},s:O}", "kind", call->kind->list_kind, "apiVersion",
                                 call->kind->api_version, "metadata", "items", items);
    }
}

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct apiserver_call *call = ctx;
    SCOPED(json_drop) json_t *all = NULL;
    SCOPED(json_drop) json_t *wanted = json_array();
    struct kube_filter filter;
    json_t *item;
    size_t i;

    if (result->code < 0 || json_parse(result->body, NULL, &all, NULL) < 0) {
        apiserver_fail(call, 503, "ServiceUnavailable", "the node agent does not tell its metrics");
    } else if (apiserver_read_filter(call, &filter) == 0) {
        json_array_foreach(json_object_get(all, call->kind->plural), i, item)
        {
            if (is_wanted(call, &filter, item))
                json_array_append(wanted, item);
        }
        if (call->verb == KUBE_VERB_LIST || call->accept == KUBE_ACCEPT_TABLE)
            answer_list(call, wanted);
        else if (json_array_size(wanted) == 1)
            call->result = json_incref(json_array_get(wanted, 0));
        else
            apiserver_fail_not_found(call, call->kind, call->name);
    }
    apiserver_call_finish(call);
}

void apiserver_metrics_run(struct apiserver_call *call)
{
    const struct http_fetch_request request = {.path = "/metrics",
                                               .timeout_ms = METRICS_TIMEOUT_MS};
    struct http_pool *pool = apiserver_node_pool(call->server);
    struct http_fetch *fetch;

    if (pool == NULL || http_fetch_start(pool, &request, on_fetched, call, &fetch) != 0) {
        apiserver_fail(call, 503, "ServiceUnavailable", "the node agent is not reachable");
        apiserver_call_finish(call);
    }
}
