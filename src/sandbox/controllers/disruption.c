/* SPDX-License-Identifier: Apache-2.0 */
/* PodDisruptionBudgets: counts the healthy pods, and says how many may be evicted now. The eviction
 * itself is apiserver_sub.c's, which lowers disruptionsAllowed at once and notes the pod here.
 */
#include "base/clock.h"
#include "kube/object.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

/* An eviction whose pod is still there after this was given up. */
enum { DISRUPTED_MS = 120000, OWNERS_MAX = 64 };

struct counts {
    int64_t pods, healthy, expected;
};

/* The replicas that the pod's owner wants, once an owner. */
static int64_t owner_replicas(const struct work *work, const json_t *pod, const char **seen,
                              size_t *seen_count)
{
    const char *name = json_path_string_or(kube_owner(pod), "name", "");
    const json_t *set = work_get(work, KUBE_RESOURCE_REPLICA_SET, work->ns, name);

    for (size_t i = 0; i < *seen_count; i++)
        if (strcmp(seen[i], name) == 0)
            return 0;
    if (!set || *seen_count == OWNERS_MAX)
        return 1; /* a pod of its own */
    seen[(*seen_count)++] = name;
    return json_path_int(set, "spec.replicas", 1);
}

/* Keeps of `disrupted` (pod: time of eviction) what is still on its way, in `ret_kept`. */
static struct counts count_pods(const struct work *work, const json_t *budget, json_t *ret_kept)
{
    const json_t *selector = json_path_get(budget, "spec.selector");
    const json_t *disrupted = json_path_get(budget, "status.disruptedPods");
    const char *seen[OWNERS_MAX];
    struct counts counts = {0};
    size_t seen_count = 0;
    size_t cursor = 0;
    json_t *pod;

    while ((pod = work_next(work, KUBE_RESOURCE_POD, work->ns, &cursor))) {
        json_t *since = json_object_get(disrupted, kube_name(pod));

        if (!work_selector_matches(selector, json_path_get(pod, "metadata.labels")))
            continue;
        counts.pods++;
        counts.expected += owner_replicas(work, pod, seen, &seen_count);
        if (kube_is_deleting(pod))
            continue;
        if (since && clock_realtime_ms() - kube_time_ms(since, 0) < DISRUPTED_MS)
            json_object_set(ret_kept, kube_name(pod), since);
        else if (kube_pod_is_ready(pod))
            counts.healthy++;
    }
    return counts;
}

static int64_t healthy_wanted(const json_t *budget, struct counts *counts)
{
    const json_t *least = json_path_get(budget, "spec.minAvailable");
    const json_t *most = json_path_get(budget, "spec.maxUnavailable");

    if (most)
        return MAX(counts->expected - kube_int_or_percent(most, counts->expected, true, NULL),
                   (int64_t)0);
    if (json_is_integer(least))
        counts->expected = counts->pods;
    return kube_int_or_percent(least, counts->expected, true, NULL);
}

static json_t *conditions_make(const json_t *old, bool allowed)
{
    json_t *conditions = json_array();

    kube_condition_set(conditions, json_object_get(old, "conditions"),
                       &(struct kube_condition){"DisruptionAllowed", allowed,
                                                allowed ? "SufficientPods" : "InsufficientPods",
                                                ""},
                       clock_realtime_ms());
    return conditions;
}

static void disruption_sync(struct work *work, json_t *budget)
{
    json_t *old = json_object_get(budget, "status");
    json_t *kept;
    json_t *status;
    struct counts counts;
    int64_t wanted, allowed;

    if (!budget || kube_is_deleting(budget))
        return;
    kept = json_object();
    counts = count_pods(work, budget, kept);
    wanted = healthy_wanted(budget, &counts);
    allowed = counts.expected > 0 ? MAX(counts.healthy - wanted, (int64_t)0) : 0;
    if (json_object_size(kept) > 0)
        work_again(work, DISRUPTED_MS / 8);
    status =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "disruptionsAllowed", (json_int_t)allowed,
                  "currentHealthy", (json_int_t)counts.healthy, "desiredHealthy",
                  (json_int_t)wanted, "expectedPods", (json_int_t)counts.expected,
                  "observedGeneration", (json_int_t)json_path_int(budget, "metadata.generation", 1),
                  "conditions", conditions_make(old, allowed > 0));
    if (json_object_size(kept) > 0)
        json_object_set(status, "disruptedPods", kept);
    json_decref(kept);
    if (old && json_equal(old, status)) {
        json_decref(status);
        return;
    }
    budget = json_copy(budget);
    json_object_set_new(budget, "status", status);
    work_call(work, KUBE_UPDATE, KUBE_RESOURCE_PDB, work->ns, work->name, "status", budget);
}

const struct work_kind work_disruption = {"disruption-controller", KUBE_RESOURCE_PDB,
                                          disruption_sync};
