/* SPDX-License-Identifier: Apache-2.0 */
/* HorizontalPodAutoscalers over what metrics.k8s.io tells; what follows from it is
 * sandbox/controllers/autoscale.h's.
 *
 *   sync (every 5 s): GET pod metrics of the namespace --> PATCH of the target's scale, PUT of the
 *       status
 *
 * Targets are Deployments and ReplicaSets. Another one is told in the conditions.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/controllers/autoscale.h"
#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

enum { SYNC_MS = 5000 };

static json_t *target_find(const struct work *work, const json_t *hpa,
                           enum kube_resource_id *ret_resource)
{
    static const enum kube_resource_id targets[] = {KUBE_RESOURCE_DEPLOYMENT,
                                                    KUBE_RESOURCE_REPLICA_SET};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        *ret_resource = targets[i];
        if (json_path_is(hpa, "spec.scaleTargetRef.kind", kube_resource_get(targets[i])->kind))
            return work_get(work->queue, targets[i], work->ns,
                            json_path_string_or(hpa, "spec.scaleTargetRef.name", ""));
    }
    return NULL;
}

static size_t pods_find(const struct work *work, const json_t *target,
                        json_t *pods[AUTOSCALE_PODS_MAX])
{
    const json_t *selector = json_path_get(target, "spec.selector");
    size_t cursor = 0;
    size_t count = 0;
    json_t *pod;

    while (selector && count < AUTOSCALE_PODS_MAX &&
           (pod = work_next(work->queue, KUBE_RESOURCE_POD, work->ns, &cursor)))
        if (kube_selector_match_object(selector, json_path_get(pod, "metadata.labels")))
            pods[count++] = pod;
    return count;
}

static void look(struct work *work, json_t *hpa, const json_t *metrics)
{
    SCOPED(mem_drop) json_t **pods = mem_calloc(AUTOSCALE_PODS_MAX, sizeof(json_t *));
    enum kube_resource_id resource;
    struct autoscale look = {.hpa = hpa,
                             .target = target_find(work, hpa, &resource),
                             .pods = pods,
                             .metrics = metrics,
                             .history = work->memory,
                             .period_ms = SYNC_MS,
                             .now_ms = clock_realtime_ms()};
    struct autoscale_outcome outcome;

    look.pod_count = pods_find(work, look.target, pods);
    autoscale_look(&look, &outcome);
    if (outcome.warning)
        work_event(work, hpa, true, outcome.warning, "%s", outcome.message);
    if (outcome.is_rescale) {
        work_event(work, hpa, false, "SuccessfulRescale", "New size: %lld; reason: %s",
                   (long long)outcome.replicas, outcome.reason);
        work_call(work, KUBE_PATCH_MERGE, resource, work->ns, kube_name(look.target), "scale",
                  json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)outcome.replicas));
    }
    work_status_write(work, hpa, outcome.status);
}

static void on_metrics(struct work *work, const struct kube_result *result)
{
    SCOPED(json_drop)
    json_t *hpa = json_incref(work_get(work->queue, KUBE_RESOURCE_HPA, work->ns, work->name));

    if (!work->memory)
        work->memory = MEM_NEW(struct scale_history);
    if (hpa && !kube_is_deleting(hpa))
        look(work, hpa, result->code == 0 ? result->object : NULL);
    work_again(work, SYNC_MS);
}

static void autoscale_sync(struct work *work, json_t *hpa)
{
    static const struct kube_resource metrics = {"metrics.k8s.io", "v1beta1", "pods", "PodMetrics",
                                                 true};

    if (hpa)
        work_read(work, &metrics, work->ns, NULL, on_metrics);
}

const struct work_kind controller_autoscale = {.name = "horizontal-pod-autoscaler",
                                               .resource = KUBE_RESOURCE_HPA,
                                               .sync = autoscale_sync,
                                               .is_spec_only = true};
