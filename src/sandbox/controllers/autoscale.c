/* SPDX-License-Identifier: Apache-2.0 */
/* HorizontalPodAutoscalers over what metrics.k8s.io tells; the arithmetic is kube/scale.h.
 *
 *   sync (every 5 s): GET pod metrics of the namespace --> proposals, the highest counts
 *       --> windows, policies, bounds --> PATCH of the target's scale, PUT of the status
 *
 * Targets are Deployments and ReplicaSets; metrics are cpu and memory of pods, as utilization or
 * average value. Another target or metric is told in the conditions.
 *
 * Limits  AUTOSCALE_PODS_MAX pods of a target count
 */
#include <stdarg.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kube/object.h"
#include "kube/scale.h"
#include "sandbox/controllers/work.h"

enum {
    SYNC_MS = 5000,
    AUTOSCALE_PODS_MAX = 1000,
    YOUNG_MS = 300000, /* so long the first busy seconds of a pod do not count */
    FIRST_READY_MS = 30000,
};

/* One sync, with what it found out; freed at its end. */
struct autoscale {
    struct work *work;
    json_t *hpa;           /* reference */
    json_t *target;        /* borrowed from the cache */
    const json_t *metrics; /* of pods: {items} */
    int64_t current;
    int64_t now_ms;
    json_t *conditions;      /* new ones */
    json_t *current_metrics; /* of the status */
    char reason[160];        /* of an event, when the number changes */
};

/* --- conditions --- */

static void condition_set(struct autoscale *a, const char *type, bool value, const char *reason,
                          const char *fmt, ...) PRINTF_LIKE(5, 6);

static void condition_set(struct autoscale *a, const char *type, bool value, const char *reason,
                          const char *fmt, ...)
{
    char message[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    kube_condition_set(a->conditions, json_path_get(a->hpa, "status.conditions"),
                       &(struct kube_condition){type, value, reason, message}, a->now_ms);
}

/* --- metrics of one resource --- */

/* Sums a resource of all containers; false when one lacks it. */
static bool containers_sum(const json_t *containers, const char *path, const char *resource,
                           int64_t *ret_milli)
{
    json_t *container;
    size_t i;

    *ret_milli = 0;
    json_array_foreach(containers, i, container)
    {
        int64_t milli;

        if (quantity_parse(json_object_get(json_path_get(container, path), resource), &milli) < 0)
            return false;
        *ret_milli += milli;
    }
    return json_array_size(containers) > 0;
}

static const json_t *metrics_find(const struct autoscale *a, const char *pod)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(a->metrics, "items"), i, item)
    {
        if (json_path_is(item, "metadata.name", pod))
            return item;
    }
    return NULL;
}

/* Whether what the pod uses says something: not before it was ready, and for processors not in the
 * first minutes by a look that began before. */
static bool usage_counts(const struct autoscale *a, const json_t *pod, const char *resource)
{
    int64_t ready_ms = kube_pod_ready_since_ms(pod);
    int64_t start_ms = kube_time_ms(json_path_get(pod, "status.startTime"), 0);

    if (strcmp(resource, "cpu") != 0)
        return true;
    if (ready_ms == 0 || start_ms == 0)
        return false;
    return a->now_ms - start_ms > YOUNG_MS || a->now_ms - ready_ms > SYNC_MS ||
           ready_ms - start_ms > FIRST_READY_MS;
}

/* The target's pods; false with a reason when one has no request to compare with. */
static bool pods_gather(struct autoscale *a, const char *resource, bool utilization,
                        struct scale_pod *pods, size_t *ret_count, char reason[160])
{
    const json_t *selector = json_path_get(a->target, "spec.selector");
    size_t cursor = 0;
    json_t *pod;

    *ret_count = 0;
    while (*ret_count < AUTOSCALE_PODS_MAX &&
           (pod = work_next(a->work, KUBE_RESOURCE_POD, a->work->ns, &cursor))) {
        struct scale_pod *out = &pods[*ret_count];
        const json_t *usage;

        if (kube_is_deleting(pod) || json_path_is(pod, "status.phase", "Failed") ||
            !work_selector_matches(selector, json_path_get(pod, "metadata.labels")))
            continue;
        usage = metrics_find(a, kube_name(pod));
        *out = (struct scale_pod){.usage_milli = -1};
        if (!containers_sum(json_path_get(pod, "spec.containers"), "resources.requests", resource,
                            &out->request_milli) &&
            utilization) {
            snprintf(reason, 160, "missing request for %s in a container of pod %.80s", resource,
                     kube_name(pod));
            return false;
        }
        if (!usage || !containers_sum(json_object_get(usage, "containers"), "usage", resource,
                                      &out->usage_milli))
            out->usage_milli = -1;
        out->ready = usage_counts(a, pod, resource);
        (*ret_count)++;
    }
    return true;
}

static void current_metric_add(struct autoscale *a, const char *resource,
                               const struct scale_goal *goal, const struct scale_proposal *proposal)
{
    bool bytes = strcmp(resource, "memory") == 0;
    SCOPED(mem_drop)
    char *average = mem_printf(bytes ? "%lld" : "%lldm",
                               (long long)(proposal->average_milli / (bytes ? 1000 : 1)));
    json_t *current = json_pack("{s:s}", "averageValue", average);

    if (goal->utilization)
        json_object_set_new(current, "averageUtilization", json_integer(proposal->utilization));
    json_array_append_new(a->current_metrics,
                          json_pack("{s:s,s:{s:s,s:o}}", "type", "Resource", "resource", "name",
                                    resource, "current", current));
}

/* The number that one metric proposes; below 0: none, and the reason is set. */
static int64_t metric_propose(struct autoscale *a, const json_t *metric, char reason[160])
{
    const char *resource = json_path_string_or(metric, "resource.name", "");
    const json_t *target = json_path_get(metric, "resource.target");
    struct scale_goal goal = {.value = json_get_int(target, "averageUtilization", 0)};
    SCOPED(mem_drop) struct scale_pod *pods = NULL;
    struct scale_proposal proposal;
    size_t count;

    goal.utilization = goal.value > 0;
    if (!json_path_is(metric, "type", "Resource") ||
        (!goal.utilization &&
         quantity_parse(json_object_get(target, "averageValue"), &goal.value) < 0)) {
        snprintf(reason, 160,
                 "not supported: metrics other than Resource with averageUtilization "
                 "or averageValue");
        return -1;
    }
    pods = mem_calloc(AUTOSCALE_PODS_MAX, sizeof *pods);
    if (!pods_gather(a, resource, goal.utilization, pods, &count, reason))
        return -1;
    if (scale_compute(pods, count, a->current, &goal, &proposal) < 0) {
        snprintf(reason, 160, "no metrics of %s for the target's pods yet (are they ready?)",
                 resource);
        return -1;
    }
    current_metric_add(a, resource, &goal, &proposal);
    if (proposal.replicas > a->current)
        snprintf(a->reason, sizeof a->reason, "%s %s above target", resource,
                 goal.utilization ? "resource utilization (percentage of request)" : "resource");
    return proposal.replicas;
}

/* The highest of all metrics; below 0 when none proposes (or one fails while the others would
 * shrink the target). */
static int64_t propose(struct autoscale *a)
{
    char reason[160] = "no metrics are given";
    const char *valid = NULL;
    int64_t highest = -1;
    bool failed = false;
    json_t *metric;
    size_t i;

    snprintf(a->reason, sizeof a->reason, "All metrics below target");
    json_array_foreach(json_path_get(a->hpa, "spec.metrics"), i, metric)
    {
        int64_t replicas = metric_propose(a, metric, reason);

        failed |= replicas < 0;
        if (replicas > highest) {
            highest = replicas;
            valid = json_path_string_or(metric, "resource.name", "");
        }
    }
    if (!valid || (failed && highest < a->current)) {
        condition_set(a, "ScalingActive", false, "FailedGetResourceMetric",
                      "the HPA was unable to compute the replica count: %s", reason);
        work_event(a->work, a->hpa, true, "FailedGetResourceMetric", "%s", reason);
        return -1;
    }
    condition_set(a, "ScalingActive", true, "ValidMetricFound",
                  "the HPA was able to successfully calculate a replica count from %s resource "
                  "metrics",
                  valid);
    return highest;
}

/* --- the outcome --- */

static struct scale_history *history_get(struct work *work)
{
    if (!work->memory)
        work->memory = MEM_NEW(struct scale_history);
    return work->memory;
}

static void limit_tell(struct autoscale *a, const struct scale_outcome *out)
{
    static const struct {
        const char *reason, *message;
    } texts[] = {
        [SCALE_AS_PROPOSED] = {"DesiredWithinRange",
                               "the desired count is within the acceptable range"},
        [SCALE_TOO_FEW] = {"TooFewReplicas",
                           "the desired replica count is less than the minimum replica count"},
        [SCALE_TOO_MANY] = {"TooManyReplicas",
                            "the desired replica count is more than the maximum replica count"},
        [SCALE_UP_LIMIT] = {"ScaleUpLimit", "the policies of scaling up bound the speed"},
        [SCALE_DOWN_LIMIT] = {"ScaleDownLimit", "the policies of scaling down bound the speed"},
    };

    condition_set(a, "ScalingLimited", out->limit != SCALE_AS_PROPOSED, texts[out->limit].reason,
                  "%s", texts[out->limit].message);
    if (out->stabilized_down)
        condition_set(a, "AbleToScale", true, "ScaleDownStabilized",
                      "recent recommendations were higher than current one, applying the highest "
                      "recent recommendation");
    else if (out->stabilized_up)
        condition_set(a, "AbleToScale", true, "ScaleUpStabilized",
                      "recent recommendations were lower than current one, applying the lowest "
                      "recent recommendation");
    else
        condition_set(a, "AbleToScale", true, "ReadyForNewScale",
                      "recommended size matches current size");
}

static void rescale(struct autoscale *a, int64_t replicas)
{
    bool deployment = !json_path_is(a->target, "kind", "ReplicaSet");

    condition_set(a, "AbleToScale", true, "SucceededRescale",
                  "the HPA controller was able to update the target scale to %lld",
                  (long long)replicas);
    work_event(a->work, a->hpa, false, "SuccessfulRescale", "New size: %lld; reason: %s",
               (long long)replicas, a->reason);
    scale_history_changed(history_get(a->work), replicas - a->current, a->now_ms);
    work_call(a->work, KUBE_PATCH_MERGE,
              deployment ? KUBE_RESOURCE_DEPLOYMENT : KUBE_RESOURCE_REPLICA_SET, a->work->ns,
              kube_name(a->target), "scale",
              json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)replicas));
}

static int64_t decide(struct autoscale *a, int64_t proposed)
{
    const int64_t bounds[2] = {json_path_int(a->hpa, "spec.minReplicas", 1),
                               json_path_int(a->hpa, "spec.maxReplicas", 1)};
    struct scale_rules up, down;
    struct scale_outcome out;

    scale_rules_read(json_path_get(a->hpa, "spec.behavior.scaleUp"), true, &up);
    scale_rules_read(json_path_get(a->hpa, "spec.behavior.scaleDown"), false, &down);
    if (proposed >= 0) {
        out =
            scale_settle(history_get(a->work), &up, &down, a->current, proposed, bounds, a->now_ms);
        limit_tell(a, &out);
    } else { /* without a proposal the bounds hold all the same */
        out.replicas = MAX(bounds[0], MIN(bounds[1], a->current));
        snprintf(a->reason, sizeof a->reason, "Current number of replicas %s",
                 a->current < bounds[0] ? "below Spec.MinReplicas" : "above Spec.MaxReplicas");
    }
    if (out.replicas != a->current)
        rescale(a, out.replicas);
    return out.replicas;
}

static void status_write(struct autoscale *a, int64_t desired)
{
    json_t *old = json_object_get(a->hpa, "status");
    json_t *status = json_pack("{s:I,s:I,s:O}", "currentReplicas", (json_int_t)a->current,
                               "desiredReplicas", (json_int_t)desired, "conditions", a->conditions);
    json_t *scaled = json_object_get(old, "lastScaleTime");
    json_t *body;

    if (json_array_size(a->current_metrics) > 0) /* an empty list is none, for the API */
        json_object_set(status, "currentMetrics", a->current_metrics);
    if (a->target && desired != a->current)
        json_object_set_new(status, "lastScaleTime", kube_time(a->now_ms));
    else if (scaled)
        json_object_set(status, "lastScaleTime", scaled);
    if (old && json_equal(old, status)) {
        json_decref(status);
        return;
    }
    body = json_copy(a->hpa);
    json_object_set_new(body, "status", status);
    work_call(a->work, KUBE_UPDATE, KUBE_RESOURCE_HPA, a->work->ns, a->work->name, "status", body);
}

/* --- a sync --- */

/* The target's object, or NULL with the condition set. */
static json_t *target_find(struct autoscale *a)
{
    const char *kind = json_path_string_or(a->hpa, "spec.scaleTargetRef.kind", "");
    const char *name = json_path_string_or(a->hpa, "spec.scaleTargetRef.name", "");
    json_t *target = NULL;

    if (strcmp(kind, "Deployment") == 0)
        target = work_get(a->work, KUBE_RESOURCE_DEPLOYMENT, a->work->ns, name);
    else if (strcmp(kind, "ReplicaSet") == 0)
        target = work_get(a->work, KUBE_RESOURCE_REPLICA_SET, a->work->ns, name);
    if (target) {
        condition_set(a, "AbleToScale", true, "SucceededGetScale",
                      "the HPA controller was able to get the target's current scale");
        return target;
    }
    condition_set(
        a, "AbleToScale", false, "FailedGetScale",
        "the HPA controller was unable to get the target's current scale: %.60s \"%.80s\" "
        "not found",
        kind, name);
    work_event(a->work, a->hpa, true, "FailedGetScale", "%s \"%s\" not found", kind, name);
    return NULL;
}

static void autoscale_run(struct autoscale *a)
{
    int64_t desired = 0;

    a->target = target_find(a);
    if (a->target) {
        a->current = json_path_int(a->target, "spec.replicas", 1);
        if (a->current == 0)
            condition_set(a, "ScalingActive", false, "ScalingDisabled",
                          "scaling is disabled since the replica count of the target is zero");
        else
            desired = decide(a, propose(a));
    }
    status_write(a, desired);
}

static void on_metrics(const struct kube_result *result, void *ctx)
{
    struct autoscale *a = ctx;
    json_t *hpa = work_get(a->work, KUBE_RESOURCE_HPA, a->work->ns, a->work->name);

    a->work->call_count--;
    if (hpa && !kube_is_deleting(hpa)) {
        a->hpa = json_incref(hpa);
        a->metrics = result->code == 0 ? result->object : NULL;
        a->now_ms = clock_realtime_ms();
        a->conditions = json_array();
        a->current_metrics = json_array();
        autoscale_run(a);
        json_decref(a->hpa);
        json_decref(a->conditions);
        json_decref(a->current_metrics);
    }
    work_again(a->work, SYNC_MS);
    mem_free(a);
}

static void autoscale_sync(struct work *work, json_t *hpa)
{
    static const struct kube_resource metrics = {"metrics.k8s.io", "v1beta1", "pods", "PodMetrics",
                                                 true};
    const struct kube_request request = {.verb = KUBE_GET, .resource = &metrics, .ns = work->ns};
    struct autoscale *a;
    struct kube_call *call;

    if (!hpa)
        return;
    a = MEM_NEW(struct autoscale);
    a->work = work;
    work->call_count++;
    if (kube_call_start(work->controllers->client, &request, on_metrics, a, &call) < 0)
        on_metrics(&(struct kube_result){.code = ERR_AGAIN}, a);
}

const struct work_kind work_autoscale = {"horizontal-pod-autoscaler", KUBE_RESOURCE_HPA,
                                         autoscale_sync};
