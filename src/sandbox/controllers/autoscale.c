/* SPDX-License-Identifier: Apache-2.0 */
/* See autoscale.h. */
#include "sandbox/controllers/autoscale.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/mem.h"
#include "kube/objects/object.h"
#include "wire/json.h"

enum {
    YOUNG_MS = 300000, /* so long the first busy seconds of a pod do not count */
    FIRST_READY_MS = 30000,
    MESSAGE_SIZE = 400,
};

/* A look under way. */
struct look {
    const struct autoscale *in;
    struct autoscale_outcome *out;
    int64_t current;
    json_t *conditions; /* of the new status */
    json_t *metrics;    /* of the new status */
};

static void condition_set(struct look *look, const char *type, bool value, const char *reason,
                          const char *fmt, ...) PRINTF_LIKE(5, 6);

static void condition_set(struct look *look, const char *type, bool value, const char *reason,
                          const char *fmt, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    kube_condition_set(look->conditions, json_path_get(look->in->hpa, "status.conditions"),
                       &(struct kube_condition){type, value, reason, message}, look->in->now_ms);
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

static const json_t *metrics_find(const json_t *metrics, const char *pod)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(metrics, "items"), i, item)
    {
        if (json_path_is(item, "metadata.name", pod))
            return item;
    }
    return NULL;
}

/* Whether what the pod uses says something: not before it was ready, and for processors not in the
 * first minutes by a look that began before. */
static bool usage_counts(const struct autoscale *in, const json_t *pod, const char *resource)
{
    int64_t ready_ms = kube_pod_ready_since_ms(pod);
    int64_t start_ms = kube_time_ms(json_path_get(pod, "status.startTime"), 0);

    if (strcmp(resource, "cpu") != 0)
        return true;
    if (ready_ms == 0 || start_ms == 0)
        return false;
    return in->now_ms - start_ms > YOUNG_MS || in->now_ms - ready_ms > in->period_ms ||
           ready_ms - start_ms > FIRST_READY_MS;
}

/* The target's pods; false with the message set when one has no request to compare with. */
static bool pods_gather(struct look *look, const char *resource, bool utilization,
                        struct scale_pod *pods, size_t *ret_count)
{
    const struct autoscale *in = look->in;

    *ret_count = 0;
    for (size_t i = 0; i < in->pod_count && *ret_count < AUTOSCALE_PODS_MAX; i++) {
        const json_t *pod = in->pods[i];
        const json_t *usage = metrics_find(in->metrics, kube_name(pod));
        struct scale_pod *out = &pods[*ret_count];

        if (kube_is_deleting(pod) || json_path_is(pod, "status.phase", "Failed"))
            continue;
        *out = (struct scale_pod){.ready = usage_counts(in, pod, resource)};
        if (!containers_sum(json_path_get(pod, "spec.containers"), "resources.requests", resource,
                            &out->request_milli) &&
            utilization) {
            snprintf(look->out->message, AUTOSCALE_TEXT_SIZE,
                     "missing request for %s in a container of pod %.80s", resource,
                     kube_name(pod));
            return false;
        }
        if (!containers_sum(json_object_get(usage, "containers"), "usage", resource,
                            &out->usage_milli))
            out->usage_milli = -1;
        (*ret_count)++;
    }
    return true;
}

static void current_metric_add(struct look *look, const char *resource,
                               const struct scale_goal *goal, const struct scale_proposal *proposal)
{
    bool bytes = strcmp(resource, "memory") == 0;
    json_t *current =
        json_pack("{s:o}", "averageValue",
                  json_sprintf(bytes ? "%lld" : "%lldm",
                               (long long)(proposal->average_milli / (bytes ? 1000 : 1))));

    if (goal->utilization)
        json_object_set_new(current, "averageUtilization", json_integer(proposal->utilization));
    json_array_append_new(look->metrics,
                          json_pack("{s:s,s:{s:s,s:o}}", "type", "Resource", "resource", "name",
                                    resource, "current", current));
}

/* What a metric aims at; false when it is of another sort. */
static bool goal_read(const json_t *metric, struct scale_goal *ret)
{
    const json_t *target = json_path_get(metric, "resource.target");

    ret->value = json_get_int(target, "averageUtilization", 0);
    ret->utilization = ret->value > 0;
    return json_path_is(metric, "type", "Resource") &&
           (ret->utilization ||
            quantity_parse(json_object_get(target, "averageValue"), &ret->value) == 0);
}

/* The number that one metric proposes; below 0: none, and the message is set. */
static int64_t metric_propose(struct look *look, const json_t *metric)
{
    const char *resource = json_path_string_or(metric, "resource.name", "");
    SCOPED(mem_drop) struct scale_pod *pods = NULL;
    struct scale_proposal proposal;
    struct scale_goal goal;
    size_t count;

    if (!goal_read(metric, &goal)) {
        snprintf(look->out->message, AUTOSCALE_TEXT_SIZE,
                 "not supported: metrics other than Resource with averageUtilization "
                 "or averageValue");
        return -1;
    }
    pods = mem_calloc(AUTOSCALE_PODS_MAX, sizeof *pods);
    if (!pods_gather(look, resource, goal.utilization, pods, &count))
        return -1;
    if (scale_compute(pods, count, look->current, &goal, &proposal) < 0) {
        snprintf(look->out->message, AUTOSCALE_TEXT_SIZE,
                 "no metrics of %s for the target's pods yet (are they ready?)", resource);
        return -1;
    }
    current_metric_add(look, resource, &goal, &proposal);
    if (proposal.replicas > look->current)
        snprintf(look->out->reason, AUTOSCALE_TEXT_SIZE, "%s %s above target", resource,
                 goal.utilization ? "resource utilization (percentage of request)" : "resource");
    return proposal.replicas;
}

/* The highest of all metrics; below 0 when none proposes (or one fails while the others would
 * shrink the target). */
static int64_t propose(struct look *look)
{
    const char *valid = NULL;
    int64_t highest = -1;
    bool failed = false;
    json_t *metric;
    size_t i;

    snprintf(look->out->message, AUTOSCALE_TEXT_SIZE, "no metrics are given");
    snprintf(look->out->reason, AUTOSCALE_TEXT_SIZE, "All metrics below target");
    json_array_foreach(json_path_get(look->in->hpa, "spec.metrics"), i, metric)
    {
        int64_t replicas = metric_propose(look, metric);

        failed |= replicas < 0;
        if (replicas > highest) {
            highest = replicas;
            valid = json_path_string_or(metric, "resource.name", "");
        }
    }
    if (!valid || (failed && highest < look->current)) {
        look->out->warning = "FailedGetResourceMetric";
        condition_set(look, "ScalingActive", false, "FailedGetResourceMetric",
                      "the HPA was unable to compute the replica count: %s", look->out->message);
        return -1;
    }
    condition_set(look, "ScalingActive", true, "ValidMetricFound",
                  "the HPA was able to successfully calculate a replica count from %s resource "
                  "metrics",
                  valid);
    return highest;
}

/* --- the outcome --- */

static void limit_tell(struct look *look, const struct scale_outcome *out)
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

    condition_set(look, "ScalingLimited", out->limit != SCALE_AS_PROPOSED, texts[out->limit].reason,
                  "%s", texts[out->limit].message);
    if (out->stabilized_down)
        condition_set(look, "AbleToScale", true, "ScaleDownStabilized",
                      "recent recommendations were higher than current one, applying the highest "
                      "recent recommendation");
    else if (out->stabilized_up)
        condition_set(look, "AbleToScale", true, "ScaleUpStabilized",
                      "recent recommendations were lower than current one, applying the lowest "
                      "recent recommendation");
    else
        condition_set(look, "AbleToScale", true, "ReadyForNewScale",
                      "recommended size matches current size");
}

/* Within windows, policies and bounds; without a proposal (below 0) the bounds still hold. */
static int64_t decide(struct look *look, int64_t proposed)
{
    const struct autoscale *in = look->in;
    const int64_t bounds[2] = {json_path_int(in->hpa, "spec.minReplicas", 1),
                               json_path_int(in->hpa, "spec.maxReplicas", 1)};
    struct scale_rules up, down;
    struct scale_outcome out;

    if (proposed < 0) {
        snprintf(look->out->reason, AUTOSCALE_TEXT_SIZE, "Current number of replicas %s",
                 look->current < bounds[0] ? "below Spec.MinReplicas" : "above Spec.MaxReplicas");
        return MAX(bounds[0], MIN(bounds[1], look->current));
    }
    scale_rules_read(json_path_get(in->hpa, "spec.behavior.scaleUp"), true, &up);
    scale_rules_read(json_path_get(in->hpa, "spec.behavior.scaleDown"), false, &down);
    out = scale_settle(in->history, &up, &down, look->current, proposed, bounds, in->now_ms);
    limit_tell(look, &out);
    return out.replicas;
}

static void rescale(struct look *look, int64_t replicas)
{
    condition_set(look, "AbleToScale", true, "SucceededRescale",
                  "the HPA controller was able to update the target scale to %lld",
                  (long long)replicas);
    scale_history_changed(look->in->history, replicas - look->current, look->in->now_ms);
    look->out->is_rescale = true;
    look->out->replicas = replicas;
}

/* Returns how many there should be. */
static int64_t target_look(struct look *look)
{
    int64_t desired;

    condition_set(look, "AbleToScale", true, "SucceededGetScale",
                  "the HPA controller was able to get the target's current scale");
    look->current = json_path_int(look->in->target, "spec.replicas", 1);
    if (look->current == 0) {
        condition_set(look, "ScalingActive", false, "ScalingDisabled",
                      "scaling is disabled since the replica count of the target is zero");
        return 0;
    }
    desired = decide(look, propose(look));
    if (desired != look->current)
        rescale(look, desired);
    return desired;
}

static void target_missing(struct look *look)
{
    snprintf(look->out->message, AUTOSCALE_TEXT_SIZE, "%.60s \"%.80s\" not found",
             json_path_string_or(look->in->hpa, "spec.scaleTargetRef.kind", ""),
             json_path_string_or(look->in->hpa, "spec.scaleTargetRef.name", ""));
    look->out->warning = "FailedGetScale";
    condition_set(look, "AbleToScale", false, "FailedGetScale",
                  "the HPA controller was unable to get the target's current scale: %s",
                  look->out->message);
}

void autoscale_look(const struct autoscale *in, struct autoscale_outcome *ret)
{
    struct look look = {.in = in, .out = ret, .conditions = json_array(), .metrics = json_array()};
    json_t *scaled = json_path_get(in->hpa, "status.lastScaleTime");
    int64_t desired = 0;

    *ret = (struct autoscale_outcome){0};
    if (in->target)
        desired = target_look(&look);
    else
        target_missing(&look);
    ret->status = json_pack("{s:I,s:I,s:o}", "currentReplicas", (json_int_t)look.current,
                            "desiredReplicas", (json_int_t)desired, "conditions", look.conditions);
    if (json_array_size(look.metrics) > 0) /* an empty list is none, for the API */
        json_object_set(ret->status, "currentMetrics", look.metrics);
    json_decref(look.metrics);
    if (ret->is_rescale)
        json_object_set_new(ret->status, "lastScaleTime", kube_time(in->now_ms));
    else if (scaled)
        json_object_set(ret->status, "lastScaleTime", scaled);
}
