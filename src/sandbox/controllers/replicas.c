/* SPDX-License-Identifier: Apache-2.0 */
/* See replicas.h. */
#include "sandbox/controllers/replicas.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "wire/json.h"

void replicas_add(struct replicas *replicas, const json_t *set, json_t *pod, int64_t now_ms)
{
    int64_t ready_since_ms = kube_pod_ready_since_ms(pod);
    int64_t available_ms = ready_since_ms + 1000 * json_path_int(set, "spec.minReadySeconds", 0);

    if (replicas->count == REPLICAS_MAX || !kube_is_owned_by(pod, set) || kube_is_deleting(pod) ||
        kube_pod_has_ended(pod))
        return;
    replicas->active[replicas->count++] = pod;
    if (kube_selector_match_map(json_path_get(set, "spec.template.metadata.labels"),
                                json_path_get(pod, "metadata.labels")))
        replicas->labeled++;
    if (!ready_since_ms)
        return;
    replicas->ready++;
    if (available_ms <= now_ms)
        replicas->available++;
    else if (!replicas->next_available_ms || available_ms < replicas->next_available_ms)
        replicas->next_available_ms = available_ms;
}

static int cmp_victims(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a;
    const json_t *right = *(json_t *const *)b;
    bool left_bound = json_path_string(left, "spec.nodeName") != NULL;
    bool right_bound = json_path_string(right, "spec.nodeName") != NULL;
    int64_t left_ms = kube_pod_ready_since_ms(left);
    int64_t right_ms = kube_pod_ready_since_ms(right);

    if (left_bound != right_bound)
        return left_bound ? 1 : -1;
    if (!left_ms != !right_ms)
        return left_ms ? 1 : -1;
    if (left_ms != right_ms)
        return left_ms > right_ms ? -1 : 1;
    return -strcmp(json_path_string_or(left, "metadata.creationTimestamp", ""),
                   json_path_string_or(right, "metadata.creationTimestamp", ""));
}

void replicas_sort(struct replicas *replicas)
{
    qsort(replicas->active, replicas->count, sizeof replicas->active[0], cmp_victims);
}

json_t *replicas_status(const struct replicas *replicas, const json_t *set)
{
    const struct {
        const char *key;
        size_t count;
        bool zero_too;
    } counts[] = {{"replicas", replicas->count, true},
                  {"fullyLabeledReplicas", replicas->labeled, false},
                  {"readyReplicas", replicas->ready, false},
                  {"availableReplicas", replicas->available, false}};
    json_t *old = json_object_get(set, "status");
    json_t *status = json_is_object(old) ? json_copy(old) : json_object();

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        json_object_del(status, counts[i].key);
        if (counts[i].count || counts[i].zero_too)
            json_object_set_new(status, counts[i].key, json_integer((json_int_t)counts[i].count));
    }
    json_object_set_new(status, "observedGeneration", json_integer(kube_generation(set)));
    return status;
}

json_t *replicas_pod_new(const json_t *set)
{
    static const char *const dropped[] = {"name", "namespace", "creationTimestamp"};
    json_t *template = json_path_get(set, "spec.template");
    json_t *meta = json_deep_copy(json_object_get(template, "metadata"));
    SCOPED(mem_drop) char *prefix = mem_printf("%s-", kube_name(set));

    if (!meta)
        meta = json_object();
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        json_object_del(meta, dropped[i]);
    json_set_string(meta, "generateName", prefix);
    json_object_set_new(meta, "ownerReferences", kube_owner_refs(set));
    return json_pack("{s:s,s:s,s:o,s:O*}", "apiVersion", "v1", "kind", "Pod", "metadata", meta,
                     "spec", json_object_get(template, "spec"));
}
