/* SPDX-License-Identifier: Apache-2.0 */
/* Evictions. See eviction.h. */
#include "kube/objects/eviction.h"

#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "wire/json.h"

bool kube_eviction_counts(const json_t *budget, const json_t *pod)
{
    const json_t *selector = json_path_get(budget, "spec.selector");

    return json_is_object(selector) &&
           kube_selector_match_object(selector, json_path_get(pod, "metadata.labels"));
}

int kube_eviction_spend(const json_t *budget, const json_t *pod, int64_t now_ms, json_t **ret,
                        struct error *err)
{
    const json_t *status = json_object_get(budget, "status");
    int64_t allowed = json_get_int(status, "disruptionsAllowed", 0);
    const char *name = json_path_string_or(pod, "metadata.name", "");
    json_t *spent, *disrupted;

    *ret = NULL;
    if (kube_is_deleting(pod) ||
        strcmp(json_path_string_or(pod, "status.phase", ""), "Running") != 0)
        return 0;
    if (allowed <= 0)
        return err_set(err, ERR_DENIED,
                       "The disruption budget %s needs %lld healthy pods and has %lld currently",
                       json_path_string_or(budget, "metadata.name", ""),
                       (long long)json_get_int(status, "desiredHealthy", 0),
                       (long long)json_get_int(status, "currentHealthy", 0));
    spent = json_deep_copy(budget);
    disrupted = json_path_get(spent, "status.disruptedPods");
    if (disrupted == NULL) {
        disrupted = json_object();
        json_path_set(spent, "status.disruptedPods", disrupted);
    }
    json_object_set_new(disrupted, name, kube_time(now_ms));
    json_path_set(spent, "status.disruptionsAllowed", json_integer(allowed - 1));
    *ret = spent;
    return 0;
}
