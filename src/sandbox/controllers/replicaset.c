/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicaSets: as many Pods as wanted, and the status that counts them. */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

#include <stdlib.h>

enum { REPLICASET_BATCH = 32, REPLICASET_PODS_MAX = 1000 };

struct replicaset_pods {
    json_t *active[REPLICASET_PODS_MAX]; /* neither ended nor being deleted */
    size_t count;
    size_t ready;
    size_t available;
    size_t labeled;
    int64_t next_available_ms; /* when the next ready pod becomes available; 0: none */
};

static bool is_active(const json_t *pod)
{
    return !kube_is_deleting(pod) && !kube_pod_has_ended(pod);
}

static void pod_count(struct replicaset_pods *pods, const json_t *set, json_t *pod)
{
    int64_t ready_since_ms = kube_pod_ready_since_ms(pod);
    int64_t available_ms = ready_since_ms + 1000 * json_path_int(set, "spec.minReadySeconds", 0);

    pods->active[pods->count++] = pod;
    if (kube_selector_match_map(json_path_get(set, "spec.template.metadata.labels"),
                                json_path_get(pod, "metadata.labels")))
        pods->labeled++;
    if (!ready_since_ms)
        return;
    pods->ready++;
    if (available_ms <= clock_realtime_ms())
        pods->available++;
    else if (!pods->next_available_ms || available_ms < pods->next_available_ms)
        pods->next_available_ms = available_ms;
}

static void pods_collect(struct work *work, const json_t *set, struct replicaset_pods *pods)
{
    size_t cursor = 0;
    json_t *pod;

    while ((pod = work_next(work, KUBE_RESOURCE_POD, work->ns, &cursor)))
        if (kube_is_owned_by(pod, set) && is_active(pod) && pods->count < REPLICASET_PODS_MAX)
            pod_count(pods, set, pod);
}

/* A Pod of the template. New reference. */
static json_t *pod_make(const json_t *set)
{
    json_t *template = json_path_get(set, "spec.template");
    json_t *meta = json_deep_copy(json_object_get(template, "metadata"));
    SCOPED(mem_drop) char *prefix = mem_printf("%s-", kube_name(set));

    if (!meta)
        meta = json_object();
    json_object_del(meta, "name");
    json_object_del(meta, "namespace");
    json_object_del(meta, "creationTimestamp");
    json_set_string(meta, "generateName", prefix);
    json_object_set_new(meta, "ownerReferences", kube_owner_refs(set));
    return json_pack("{s:s,s:s,s:o,s:O*}", "apiVersion", "v1", "kind", "Pod", "metadata", meta,
                     "spec", json_object_get(template, "spec"));
}

/* Which pod goes first: unbound, then not ready, then ready for the shortest time, then the
 * younger. */
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

static void scale(struct work *work, json_t *set, struct replicaset_pods *pods)
{
    size_t wanted = (size_t)MAX(json_path_int(set, "spec.replicas", 1), 0);

    for (size_t i = pods->count; i < wanted && i < pods->count + REPLICASET_BATCH; i++)
        if (!work_call(work, KUBE_CREATE, KUBE_RESOURCE_POD, work->ns, NULL, NULL, pod_make(set)))
            return;
    if (pods->count <= wanted)
        return;
    qsort(pods->active, pods->count, sizeof pods->active[0], cmp_victims);
    for (size_t i = 0; i < pods->count - wanted && i < REPLICASET_BATCH; i++) {
        const char *name = kube_name(pods->active[i]);

        work_event(work, set, false, "SuccessfulDelete", "Deleted pod: %s", name);
        if (!work_call(work, KUBE_DELETE, KUBE_RESOURCE_POD, work->ns, name, NULL, NULL))
            return;
    }
}

static void count_set(json_t *status, const char *key, size_t count, bool zero_too)
{
    if (count || zero_too)
        json_object_set_new(status, key, json_integer((json_int_t)count));
}

static void status_write(struct work *work, json_t *set, const struct replicaset_pods *pods)
{
    static const char *const counts[] = {"replicas", "fullyLabeledReplicas", "readyReplicas",
                                         "availableReplicas"};
    json_t *old = json_object_get(set, "status");
    json_t *status = json_is_object(old) ? json_copy(old) : json_object();
    json_t *body;

    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        json_object_del(status, counts[i]);
    count_set(status, "replicas", pods->count, true);
    count_set(status, "fullyLabeledReplicas", pods->labeled, false);
    count_set(status, "readyReplicas", pods->ready, false);
    count_set(status, "availableReplicas", pods->available, false);
    json_object_set_new(status, "observedGeneration",
                        json_integer(json_path_int(set, "metadata.generation", 1)));
    if (old && json_equal(old, status)) {
        json_decref(status);
        return;
    }
    body = json_copy(set);
    json_object_set_new(body, "status", status);
    work_call(work, KUBE_UPDATE, KUBE_RESOURCE_REPLICA_SET, work->ns, work->name, "status", body);
}

static void pods_announce(struct work *work, const json_t *set, const struct replicaset_pods *pods)
{
    int64_t counted = json_path_int(set, "status.replicas", 0);

    /* Names are known once the created pods show in the cache. */
    for (size_t i = 0; i < pods->count; i++)
        if (counted < (int64_t)pods->count && !json_path_string(pods->active[i], "spec.nodeName"))
            work_event(work, set, false, "SuccessfulCreate", "Created pod: %s",
                       kube_name(pods->active[i]));
}

static void replicaset_sync(struct work *work, json_t *set)
{
    struct replicaset_pods *pods;

    if (!set)
        return;
    pods = MEM_NEW(struct replicaset_pods);
    pods_collect(work, set, pods);
    if (!kube_is_deleting(set)) {
        pods_announce(work, set, pods);
        scale(work, set, pods);
    }
    if (work->call_count == 0)
        status_write(work, set, pods);
    if (pods->next_available_ms)
        work_again(work, (uint64_t)MAX(pods->next_available_ms - clock_realtime_ms(), 1));
    mem_free(pods);
}

const struct work_kind work_replicaset = {"replicaset-controller", KUBE_RESOURCE_REPLICA_SET,
                                          replicaset_sync};
