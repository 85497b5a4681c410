/* SPDX-License-Identifier: Apache-2.0 */
/* PodDisruptionBudgets: counts the healthy pods, and says how many may be evicted now. The eviction
 * itself is apiserver_sub.c's, which lowers disruptionsAllowed at once and notes the pod here.
 */
#include "base/clock.h"
#include "kube/objects/eviction.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

/* An eviction whose pod is still there after this was given up. */
enum { DISRUPTED_MS = 120000, OWNERS_MAX = 64 };

struct counts {
    int64_t pods, healthy, expected;
    json_t *kept; /* of disruptedPods (pod: time of eviction) what is still on its way */
};

/* The replicas that the pod's owner wants, once an owner. */
static int64_t owner_replicas(const struct work *work, const json_t *pod, const char **seen,
                              size_t *seen_count)
{
    const char *name = json_path_string_or(kube_owner(pod), "name", "");
    const json_t *set = work_get(work->queue, KUBE_RESOURCE_REPLICA_SET, work->ns, name);

    for (size_t i = 0; i < *seen_count; i++)
        if (strcmp(seen[i], name) == 0)
            return 0;
    if (!set || *seen_count == OWNERS_MAX)
        return 1; /* a pod of its own */
    seen[(*seen_count)++] = name;
    return json_path_int(set, "spec.replicas", 1);
}

static struct counts count_pods(const struct work *work, const json_t *budget, int64_t now_ms)
{
    const json_t *disrupted = json_path_get(budget, "status.disruptedPods");
    const char *seen[OWNERS_MAX];
    struct counts counts = {.kept = json_object()};
    size_t seen_count = 0;
    size_t cursor = 0;
    json_t *pod;

    while ((pod = work_next(work->queue, KUBE_RESOURCE_POD, work->ns, &cursor))) {
        json_t *since = json_object_get(disrupted, kube_name(pod));

        if (!kube_eviction_counts(budget, pod))
            continue;
        counts.pods++;
        counts.expected += owner_replicas(work, pod, seen, &seen_count);
        if (kube_is_deleting(pod))
            continue;
        if (since && now_ms - kube_time_ms(since, 0) < DISRUPTED_MS)
            json_object_set(counts.kept, kube_name(pod), since);
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

static void disruption_sync(struct work *work, json_t *budget)
{
    int64_t now_ms = clock_realtime_ms();
    json_t *conditions;
    json_t *status;
    struct counts counts;
    int64_t wanted, allowed;

    if (!budget || kube_is_deleting(budget))
        return;
    counts = count_pods(work, budget, now_ms);
    wanted = healthy_wanted(budget, &counts);
    allowed = counts.expected > 0 ? MAX(counts.healthy - wanted, (int64_t)0) : 0;
    conditions = json_array();
    kube_condition_set(conditions, json_path_get(budget, "status.conditions"),
                       &(struct kube_condition){"DisruptionAllowed", allowed > 0,
                                                allowed > 0 ? "SufficientPods" : "InsufficientPods",
                                                ""},
                       now_ms);
    status = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "disruptionsAllowed", (json_int_t)allowed,
                       "currentHealthy", (json_int_t)counts.healthy, "desiredHealthy",
                       (json_int_t)wanted, "expectedPods", (json_int_t)counts.expected,
                       "observedGeneration", (json_int_t)kube_generation(budget), "conditions",
                       conditions);
    if (json_object_size(counts.kept) > 0) {
        json_object_set(status, "disruptedPods", counts.kept);
        work_again(work, DISRUPTED_MS / 8);
    }
    json_decref(counts.kept);
    work_status_write(work, budget, status);
}

const struct work_kind controller_disruption = {
    .name = "disruption-controller", .resource = KUBE_RESOURCE_PDB, .sync = disruption_sync};
