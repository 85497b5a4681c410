/* SPDX-License-Identifier: Apache-2.0 */
/* What an autoscaler makes of its target's pods and their metrics, condition by condition.
 */
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "sandbox/controllers/autoscale.h"
#include "kube/objects/object.h"
#include "wire/json.h"
#include "objects.h"

enum { NOW_MS = 1000000, PODS_MAX = 4 };

#define CPU_50                                                                                     \
    "[{\"type\": \"Resource\", \"resource\": {\"name\": \"cpu\","                                  \
    "\"target\": {\"type\": \"Utilization\", \"averageUtilization\": 50}}}]"
#define MEMORY_64M                                                                                 \
    "[{\"type\": \"Resource\", \"resource\": {\"name\": \"memory\","                               \
    "\"target\": {\"type\": \"AverageValue\", \"averageValue\": \"64\"}}}]"
#define OTHER "[{\"type\": \"External\"}]"

static json_t *hpa_new(const char *metrics)
{
    return json_pack("{s:{s:{s:s,s:s},s:i,s:i,s:o},s:{s:s}}", "spec", "scaleTargetRef", "kind",
                     "Deployment", "name", "web", "minReplicas", 2, "maxReplicas", 5, "metrics",
                     yaml_tree(metrics), "status", "lastScaleTime", "2020-01-01T00:00:00Z");
}

static json_t *target_new(int replicas)
{
    return json_pack("{s:s,s:{s:i}}", "kind", "Deployment", "spec", "replicas", replicas);
}

/* Started at 100 s, ready at `ready_s` (0: not); cpu of its one container, or NULL for no request.
 */
static json_t *pod_new(const char *name, const char *request, int64_t ready_s)
{
    json_t *pod = json_pack("{s:{s:s},s:{s:[{s:{s:{s:s*}}}]},s:{s:s,s:o}}", "metadata", "name",
                            name, "spec", "containers", "resources", "requests", "cpu", request,
                            "status", "phase", "Running", "startTime", kube_time(100000));

    if (ready_s > 0)
        json_path_set(pod, "status.conditions",
                      json_pack("[{s:s,s:s,s:o}]", "type", "Ready", "status", "True",
                                "lastTransitionTime", kube_time(ready_s * 1000)));
    return pod;
}

static void metric_add(json_t *list, const char *pod, const char *cpu, const char *memory)
{
    json_array_append_new(json_object_get(list, "items"),
                          json_pack("{s:{s:s},s:[{s:{s:s,s:s}}]}", "metadata", "name", pod,
                                    "containers", "usage", "cpu", cpu, "memory", memory));
}

static const struct {
    const char *what;
    const char *metrics;
    int replicas;                    /* of the target; below 0: there is none */
    const char *request;             /* of each pod */
    const char *usage[PODS_MAX + 1]; /* cpu of each pod; "": not known */
    int64_t ready_s;
    /* outcome */
    int64_t rescaled; /* 0: none */
    const char *reason;
    const char *warning;
    const char *condition; /* one that must be there, as "Type=Status/Reason" */
} cases[] = {
    {"no target",
     CPU_50,
     -1,
     "100m",
     {NULL},
     200,
     0,
     NULL,
     "FailedGetScale",
     "AbleToScale=False/FailedGetScale"},
    {"switched off",
     CPU_50,
     0,
     "100m",
     {NULL},
     200,
     0,
     NULL,
     NULL,
     "ScalingActive=False/ScalingDisabled"},
    {"busy",
     CPU_50,
     2,
     "100m",
     {"90m", "90m"},
     200,
     4,
     "cpu resource utilization (percentage of request) above target",
     NULL,
     "AbleToScale=True/SucceededRescale"},
    {"too busy for the maximum",
     CPU_50,
     4,
     "100m",
     {"90m", "90m", "90m", "90m"},
     200,
     5,
     "cpu resource utilization (percentage of request) above target",
     NULL,
     "ScalingLimited=True/TooManyReplicas"},
    {"as it should be",
     CPU_50,
     2,
     "100m",
     {"50m", "50m"},
     200,
     0,
     NULL,
     NULL,
     "AbleToScale=True/ReadyForNewScale"},
    {"idle, but only just",
     CPU_50,
     3,
     "100m",
     {"1m", "1m", "1m"},
     200,
     0,
     NULL,
     NULL,
     "AbleToScale=True/ScaleDownStabilized"},
    {"no request",
     CPU_50,
     2,
     NULL,
     {"90m", "90m"},
     200,
     0,
     NULL,
     "FailedGetResourceMetric",
     "ScalingActive=False/FailedGetResourceMetric"},
    {"no metrics yet",
     CPU_50,
     2,
     "100m",
     {"", ""},
     200,
     0,
     NULL,
     "FailedGetResourceMetric",
     "ScalingActive=False/FailedGetResourceMetric"},
    {"not ready yet",
     CPU_50,
     2,
     "100m",
     {"90m", "90m"},
     0,
     0,
     NULL,
     "FailedGetResourceMetric",
     "ScalingActive=False/FailedGetResourceMetric"},
    {"bounds without metrics",
     CPU_50,
     1,
     "100m",
     {""},
     200,
     2,
     "Current number of replicas below Spec.MinReplicas",
     "FailedGetResourceMetric",
     "AbleToScale=True/SucceededRescale"},
    {"memory",
     MEMORY_64M,
     2,
     NULL,
     {"1m", "1m"},
     200,
     4,
     "memory resource above target",
     NULL,
     "ScalingActive=True/ValidMetricFound"},
    {"another metric",
     OTHER,
     2,
     "100m",
     {"90m", "90m"},
     200,
     0,
     NULL,
     "FailedGetResourceMetric",
     "ScalingActive=False/FailedGetResourceMetric"},
    {"none at all",
     "[]",
     2,
     "100m",
     {"90m", "90m"},
     200,
     0,
     NULL,
     "FailedGetResourceMetric",
     "ScalingActive=False/FailedGetResourceMetric"},
};

static bool has_condition(const json_t *status, const char *wanted)
{
    json_t *condition;
    size_t i;

    json_array_foreach(json_object_get(status, "conditions"), i, condition)
    {
        SCOPED(mem_drop)
        char *text = mem_printf("%s=%s/%s", json_path_string_or(condition, "type", ""),
                                json_path_string_or(condition, "status", ""),
                                json_path_string_or(condition, "reason", ""));

        if (strcmp(text, wanted) == 0)
            return true;
    }
    return false;
}

static void check_outcome(size_t i, const struct autoscale_outcome *out)
{
    if (out->is_rescale != (cases[i].rescaled > 0) || out->replicas != cases[i].rescaled)
        fail_msg("%s: scaled to %lld", cases[i].what, (long long)out->replicas);
    if (cases[i].reason && strcmp(out->reason, cases[i].reason) != 0)
        fail_msg("%s: %s", cases[i].what, out->reason);
    if ((out->warning || cases[i].warning) &&
        (!out->warning || !cases[i].warning || strcmp(out->warning, cases[i].warning) != 0))
        fail_msg("%s: warning %s", cases[i].what, out->warning ? out->warning : "none");
    if (out->warning && !out->message[0])
        fail_msg("%s: no message", cases[i].what);
    if (!has_condition(out->status, cases[i].condition)) {
        SCOPED(mem_drop) char *text = json_format_str(out->status, JSON_FORMAT_COMPACT);

        fail_msg("%s: %s", cases[i].what, text);
    }
    if (json_path_is(out->status, "lastScaleTime", "2020-01-01T00:00:00Z") == out->is_rescale)
        fail_msg("%s: lastScaleTime", cases[i].what);
}

static void looks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *hpa = hpa_new(cases[i].metrics);
        SCOPED(json_drop)
        json_t *target = cases[i].replicas < 0 ? NULL : target_new(cases[i].replicas);
        SCOPED(json_drop) json_t *metrics = json_pack("{s:[]}", "items");
        struct scale_history *history = MEM_NEW(struct scale_history);
        json_t *pods[PODS_MAX];
        struct autoscale look = {hpa, target, pods, 0, metrics, history, 5000, NOW_MS};
        struct autoscale_outcome out;

        for (size_t n = 0; cases[i].usage[n]; n++) {
            char name[16];

            snprintf(name, sizeof name, "p%zu", n);
            pods[look.pod_count++] = pod_new(name, cases[i].request, cases[i].ready_s);
            if (cases[i].usage[n][0])
                metric_add(metrics, name, cases[i].usage[n], "128");
        }
        autoscale_look(&look, &out);
        check_outcome(i, &out);
        json_decref(out.status);
        for (size_t n = 0; n < look.pod_count; n++)
            json_decref(pods[n]);
        mem_free(history);
    }
}

/* Pods that end or have failed do not count; what is used is told in the status. */
static void current_metrics(void **state)
{
    SCOPED(json_drop) json_t *hpa = hpa_new(CPU_50);
    SCOPED(json_drop) json_t *target = target_new(2);
    SCOPED(json_drop) json_t *metrics = json_pack("{s:[]}", "items");
    SCOPED(json_drop) json_t *ok = pod_new("ok", "100m", 200);
    SCOPED(json_drop) json_t *leaving = pod_new("leaving", "100m", 200);
    SCOPED(json_drop) json_t *failed = pod_new("failed", "100m", 200);
    json_t *const pods[] = {ok, leaving, failed};
    SCOPED(mem_drop) struct scale_history *history = MEM_NEW(struct scale_history);
    struct autoscale look = {hpa, target, pods, 3, metrics, history, 5000, NOW_MS};
    struct autoscale_outcome out;
    SCOPED(json_drop)
    json_t *wanted = yaml_tree("[{\"type\": \"Resource\", \"resource\": {\"name\": \"cpu\","
                               "\"current\": {\"averageValue\": \"48m\","
                               "\"averageUtilization\": 48}}}]");

    (void)state;
    json_path_set(leaving, "metadata.deletionTimestamp", kube_time(NOW_MS));
    json_path_set(failed, "status.phase", json_string("Failed"));
    metric_add(metrics, "ok", "48m", "1");
    metric_add(metrics, "leaving", "500m", "1");
    metric_add(metrics, "failed", "500m", "1");
    autoscale_look(&look, &out);
    assert_true(json_equal(json_object_get(out.status, "currentMetrics"), wanted));
    assert_int_equal(json_path_int(out.status, "currentReplicas", 0), 2);
    assert_int_equal(json_path_int(out.status, "desiredReplicas", 0), 2);
    json_decref(out.status);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks),
        cmocka_unit_test(current_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
