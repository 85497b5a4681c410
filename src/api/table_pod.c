/* SPDX-License-Identifier: Apache-2.0 */
/* READY, STATUS and RESTARTS of a pod, by the printer's rules (kube-api reference, section 4). See
 * table_int.h.
 */
#include "api/table_int.h"

#include "base/clock.h"
#include "wire/json.h"

#include <stdio.h>

enum { POD_STATUS_SIZE = 160 };

static const char *pod_condition(const json_t *pod, const char *type, const char *member)
{
    size_t i;
    json_t *condition;

    json_array_foreach(json_path_get(pod, "status.conditions"), i, condition)
    {
        if (strcmp(json_path_string_or(condition, "type", ""), type) == 0)
            return json_path_string_or(condition, member, "");
    }
    return "";
}

/* Whether the init container of that status restarts always (a sidecar). */
static bool is_sidecar(const json_t *pod, const json_t *status)
{
    size_t i;
    json_t *container;

    json_array_foreach(json_path_get(pod, "spec.initContainers"), i, container)
    {
        if (strcmp(json_path_string_or(container, "name", ""),
                   json_path_string_or(status, "name", "?")) == 0)
            return strcmp(json_path_string_or(container, "restartPolicy", ""), "Always") == 0;
    }
    return false;
}

static size_t sidecar_count(const json_t *pod)
{
    size_t i;
    size_t count = 0;
    json_t *container;

    json_array_foreach(json_path_get(pod, "spec.initContainers"), i, container) count +=
        strcmp(json_path_string_or(container, "restartPolicy", ""), "Always") == 0;
    return count;
}

json_t *table_pod_ready(const json_t *pod, int64_t now_ms)
{
    size_t ready = 0;
    size_t i;
    json_t *status;
    char text[48];

    (void)now_ms;
    json_array_foreach(json_path_get(pod, "status.initContainerStatuses"), i, status) ready +=
        is_sidecar(pod, status) && json_get_bool(status, "ready", false);
    json_array_foreach(json_path_get(pod, "status.containerStatuses"), i, status) ready +=
        json_get_bool(status, "ready", false) && json_path_get(status, "state.running");
    snprintf(text, sizeof text, "%zu/%zu", ready,
             json_array_size(json_path_get(pod, "spec.containers")) + sidecar_count(pod));
    return json_string(text);
}

/* Fills `out` from a terminated state, after `prefix`. */
static void terminated_text(const json_t *terminated, const char *prefix, char *out)
{
    const char *reason = json_path_string_or(terminated, "reason", "");
    int64_t signal_number = json_get_int(terminated, "signal", 0);

    if (reason[0])
        snprintf(out, POD_STATUS_SIZE, "%s%s", prefix, reason);
    else if (signal_number)
        snprintf(out, POD_STATUS_SIZE, "%sSignal:%lld", prefix, (long long)signal_number);
    else
        snprintf(out, POD_STATUS_SIZE, "%sExitCode:%lld", prefix,
                 (long long)json_get_int(terminated, "exitCode", 0));
}

/* True when initialisation is still going on (or failed); `out` has the text then. */
static bool init_status(const json_t *pod, char *out)
{
    size_t total = json_array_size(json_path_get(pod, "spec.initContainers"));
    size_t i;
    json_t *status;

    json_array_foreach(json_path_get(pod, "status.initContainerStatuses"), i, status)
    {
        const json_t *terminated = json_path_get(status, "state.terminated");
        const char *waiting = json_path_string_or(status, "state.waiting.reason", "");

        if (terminated != NULL && json_get_int(terminated, "exitCode", 0) == 0)
            continue;
        if (is_sidecar(pod, status) && json_get_bool(status, "started", false))
            continue;
        if (terminated != NULL)
            terminated_text(terminated, "Init:", out);
        else if (waiting[0] && strcmp(waiting, "PodInitializing") != 0)
            snprintf(out, POD_STATUS_SIZE, "Init:%s", waiting);
        else
            snprintf(out, POD_STATUS_SIZE, "Init:%zu/%zu", i, total);
        return true;
    }
    return false;
}

static void containers_status(const json_t *pod, char *out)
{
    const json_t *statuses = json_path_get(pod, "status.containerStatuses");
    bool running = false;

    for (size_t i = json_array_size(statuses); i-- > 0;) {
        const json_t *status = json_array_get(statuses, i);
        const char *waiting = json_path_string_or(status, "state.waiting.reason", "");
        const json_t *terminated = json_path_get(status, "state.terminated");

        if (waiting[0])
            snprintf(out, POD_STATUS_SIZE, "%s", waiting);
        else if (terminated != NULL)
            terminated_text(terminated, "", out);
        else if (json_get_bool(status, "ready", false) && json_path_get(status, "state.running"))
            running = true;
    }
    if (strcmp(out, "Completed") == 0 && running)
        snprintf(out, POD_STATUS_SIZE, "%s",
                 strcmp(pod_condition(pod, "Ready", "status"), "True") == 0 ? "Running"
                                                                            : "NotReady");
}

json_t *table_pod_status(const json_t *pod, int64_t now_ms)
{
    const char *phase = json_path_string_or(pod, "status.phase", "");
    const char *reason = json_path_string_or(pod, "status.reason", "");
    char text[POD_STATUS_SIZE];

    (void)now_ms;
    snprintf(text, sizeof text, "%s", reason[0] ? reason : phase);
    if (strcmp(pod_condition(pod, "PodScheduled", "reason"), "SchedulingGated") == 0)
        snprintf(text, sizeof text, "SchedulingGated");
    if (!init_status(pod, text))
        containers_status(pod, text);
    if (json_path_get(pod, "metadata.deletionTimestamp") != NULL) {
        if (strcmp(reason, "NodeLost") == 0)
            snprintf(text, sizeof text, "Unknown");
        else if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
            snprintf(text, sizeof text, "Terminating");
    }
    return json_string(text);
}

/* Adds the restarts of a list of statuses; *last_ms is the latest end of a former run. */
static int64_t restarts_of(const json_t *statuses, int64_t *last_ms)
{
    int64_t sum = 0;
    size_t i;
    json_t *status;

    json_array_foreach(statuses, i, status)
    {
        const char *end = json_path_string(status, "lastState.terminated.finishedAt");
        int64_t end_ms;

        sum += json_get_int(status, "restartCount", 0);
        if (end != NULL && clock_parse_rfc3339(slice_str(end), &end_ms) == 0 && end_ms > *last_ms)
            *last_ms = end_ms;
    }
    return sum;
}

json_t *table_pod_restarts(const json_t *pod, int64_t now_ms)
{
    int64_t last_ms = 0;
    int64_t init_last_ms = 0;
    char scratch[POD_STATUS_SIZE];
    char text[64];
    char age[32];
    int64_t init = restarts_of(json_path_get(pod, "status.initContainerStatuses"), &init_last_ms);
    int64_t sum = restarts_of(json_path_get(pod, "status.containerStatuses"), &last_ms);

    if (init_status(pod, scratch)) {
        sum = init;
        last_ms = init_last_ms;
    }
    if (sum != 0 && last_ms != 0)
        snprintf(text, sizeof text, "%lld (%s ago)", (long long)sum,
                 table_age(now_ms - last_ms, age));
    else
        snprintf(text, sizeof text, "%lld", (long long)sum);
    return json_string(text);
}

json_t *table_pod_gates(const json_t *pod, int64_t now_ms)
{
    const json_t *gates = json_path_get(pod, "spec.readinessGates");
    size_t met = 0;
    size_t i;
    json_t *gate;
    char text[48];

    (void)now_ms;
    if (json_array_size(gates) == 0)
        return json_string("<none>");
    json_array_foreach(gates, i, gate) met +=
        strcmp(pod_condition(pod, json_path_string_or(gate, "conditionType", ""), "status"),
               "True") == 0;
    snprintf(text, sizeof text, "%zu/%zu", met, json_array_size(gates));
    return json_string(text);
}
