/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicaSets: as many Pods as wanted, and the status that counts them. Which pods count and which
 * go first is sandbox/controllers/replicas.h's. */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/replicas.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

enum { REPLICASET_BATCH = 32 };

static void scale(struct work *work, json_t *set, struct replicas *pods)
{
    size_t wanted = (size_t)MAX(json_path_int(set, "spec.replicas", 1), 0);

    for (size_t i = pods->count; i < wanted && i < pods->count + REPLICASET_BATCH; i++)
        if (!work_call(work, KUBE_CREATE, KUBE_RESOURCE_POD, work->ns, NULL, NULL,
                       replicas_pod_new(set)))
            return;
    if (pods->count <= wanted)
        return;
    replicas_sort(pods);
    for (size_t i = 0; i < pods->count - wanted && i < REPLICASET_BATCH; i++) {
        const char *name = kube_name(pods->active[i]);

        work_event(work, set, false, "SuccessfulDelete", "Deleted pod: %s", name);
        if (!work_call(work, KUBE_DELETE, KUBE_RESOURCE_POD, work->ns, name, NULL, NULL))
            return;
    }
}

static void pods_announce(struct work *work, const json_t *set, const struct replicas *pods)
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
    SCOPED(mem_drop) struct replicas *pods = NULL;
    int64_t now_ms = clock_realtime_ms();
    size_t cursor = 0;
    json_t *pod;

    if (!set)
        return;
    pods = MEM_NEW(struct replicas);
    while ((pod = work_next(work->queue, KUBE_RESOURCE_POD, work->ns, &cursor)))
        replicas_add(pods, set, pod, now_ms);
    if (!kube_is_deleting(set)) {
        pods_announce(work, set, pods);
        scale(work, set, pods);
    }
    if (work->call_count == 0)
        work_status_write(work, set, replicas_status(pods, set));
    if (pods->next_available_ms)
        work_again(work, (uint64_t)MAX(pods->next_available_ms - now_ms, 1));
}

const struct work_kind controller_replicaset = {.name = "replicaset-controller",
                                                .resource = KUBE_RESOURCE_REPLICA_SET,
                                                .sync = replicaset_sync,
                                                .is_owner = true};
