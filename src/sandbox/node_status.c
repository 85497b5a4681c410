/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's status: phase, conditions, containers; pushed by merge patch when it changed. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/node_int.h"

enum { RETRY_MS = 1000 };

static json_t *time_json(int64_t realtime_ms)
{
    char text[CLOCK_RFC3339_SIZE];

    return json_string(clock_format_rfc3339(realtime_ms, false, text));
}

/* --- phase --- */

static bool ended_well(const struct node_container *c)
{
    return c->state == CONTAINER_EXITED && c->ended.exit_code == 0;
}

static bool ended_for_good(const struct node_container *c)
{
    return c->state == CONTAINER_EXITED && !node_container_restarts(c);
}

static bool is_initialized(const struct node_pod *pod)
{
    for (size_t i = 0; i < pod->init_count; i++) {
        const struct node_container *c = &pod->containers[i];

        if (c->sidecar ? !c->started : !ended_well(c))
            return false;
    }
    return true;
}

const char *node_status_phase(const struct node_pod *pod)
{
    bool all_ended = pod->container_count > pod->init_count;
    bool all_well = true;

    for (size_t i = 0; i < pod->init_count; i++) {
        const struct node_container *c = &pod->containers[i];

        if (!c->sidecar && ended_for_good(c) && !ended_well(c))
            return "Failed";
    }
    if (!is_initialized(pod) && !pod->finished && !pod->stopping)
        return "Pending";
    for (size_t i = pod->init_count; i < pod->container_count; i++) {
        const struct node_container *c = &pod->containers[i];

        if (c->state == CONTAINER_STARTING || (c->state == CONTAINER_WAITING && c->attempt == 0))
            if (!pod->stopping)
                return "Pending";
        all_ended &= ended_for_good(c);
        all_well &= ended_well(c);
    }
    if (all_ended)
        return all_well ? "Succeeded" : "Failed";
    return "Running";
}

/* --- containers --- */

static json_t *ended_json(const struct node_ended *ended)
{
    json_t *out =
        json_pack("{s:{s:i,s:s,s:o,s:o,s:s*}}", "terminated", "exitCode", ended->exit_code,
                  "reason", ended->reason, "startedAt", time_json(ended->started_ms), "finishedAt",
                  time_json(ended->finished_ms), "message", ended->message);
    SCOPED(mem_drop) char *id = mem_printf("runc://%s", ended->id);

    json_set_string(json_object_get(out, "terminated"), "containerID", id);
    return out;
}

static json_t *state_json(const struct node_container *c)
{
    if (c->state == CONTAINER_RUNNING)
        return json_pack("{s:{s:o}}", "running", "startedAt", time_json(c->started_ms));
    if (c->state == CONTAINER_EXITED)
        return ended_json(&c->ended);
    return json_pack("{s:{s:s,s:s*}}", "waiting", "reason", c->waiting_reason, "message",
                     c->waiting_message);
}

static json_t *container_json(const struct node_container *c)
{
    const char *image = json_path_string_or(c->spec, "image", "");
    bool done = c->init && !c->sidecar && ended_well(c);
    bool between = c->state == CONTAINER_WAITING && c->attempt > 0; /* not restarted yet */
    json_t *out =
        json_pack("{s:s,s:o,s:o,s:b,s:i,s:s,s:s,s:b}", "name", c->name, "state", state_json(c),
                  "lastState", c->last.valid ? ended_json(&c->last) : json_object(), "ready",
                  (int)(c->ready || done), "restartCount", (int)c->attempt - (int)between, "image",
                  image, "imageID", c->image_id ? c->image_id : "", "started",
                  (int)(c->state == CONTAINER_RUNNING && c->started));

    if (c->state == CONTAINER_RUNNING || c->state == CONTAINER_EXITED) {
        SCOPED(mem_drop) char *id = mem_printf("runc://%s", c->id);

        json_set_string(out, "containerID", id);
    }
    return out;
}

/* --- conditions --- */

/* Appends a condition; its transition time is the former one when the status is the same. */
static void condition_add(json_t *list, const json_t *former, const char *type, bool value,
                          const char *reason, const char *message, int64_t now_ms)
{
    const char *text = value ? "True" : "False";
    json_t *entry;
    json_t *since = NULL;
    json_t *old;
    size_t i;

    json_array_foreach(former, i, old)
    {
        if (strcmp(json_path_string_or(old, "type", ""), type) == 0 &&
            strcmp(json_path_string_or(old, "status", ""), text) == 0)
            since = json_incref(json_object_get(old, "lastTransitionTime"));
    }
    entry = json_pack("{s:s,s:s,s:n,s:o}", "type", type, "status", text, "lastProbeTime",
                      "lastTransitionTime", since ? since : time_json(now_ms));
    if (!value && reason)
        json_set_string(entry, "reason", reason);
    if (!value && message)
        json_set_string(entry, "message", message);
    json_array_append_new(list, entry);
}

/* "containers with unready status: [a b]", or NULL when all are ready. */
static char *unready_text(const struct node_pod *pod)
{
    struct buf text;

    buf_init(&text, 65536);
    for (size_t i = pod->init_count; i < pod->container_count; i++)
        if (!pod->containers[i].ready)
            buf_printf(&text, "%s%s", text.len ? " " : "containers with unready status: [",
                       pod->containers[i].name);
    if (text.len == 0)
        return NULL;
    buf_append_char(&text, ']');
    return buf_take(&text);
}

static bool is_ours(const char *type)
{
    static const char *const ours[] = {"PodReadyToStartContainers", "Initialized", "Ready",
                                       "ContainersReady", "PodScheduled"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(type, ours[i]) == 0)
            return true;
    return false;
}

/* Every readiness gate's condition (set by somebody else) must be True. */
static bool gates_open(const struct node_pod *pod)
{
    const json_t *conditions = json_path_get(pod->object, "status.conditions");
    json_t *gate;
    json_t *condition;
    size_t i, j;

    json_array_foreach(json_path_get(pod->object, "spec.readinessGates"), i, gate)
    {
        bool open = false;

        json_array_foreach(conditions, j, condition)
        {
            if (strcmp(json_path_string_or(condition, "type", ""),
                       json_path_string_or(gate, "conditionType", "-")) == 0)
                open = strcmp(json_path_string_or(condition, "status", ""), "True") == 0;
        }
        if (!open)
            return false;
    }
    return true;
}

static json_t *conditions_json(const struct node_pod *pod, const char *phase, int64_t now_ms)
{
    const json_t *seen = json_path_get(pod->object, "status.conditions");
    const json_t *former = pod->status ? json_object_get(pod->status, "conditions") : seen;
    SCOPED(mem_drop) char *unready = unready_text(pod);
    bool done = strcmp(phase, "Succeeded") == 0;
    const char *reason = done ? "PodCompleted" : "ContainersNotReady";
    bool initialized = is_initialized(pod);
    json_t *out = json_array();
    json_t *other;
    size_t i;

    condition_add(out, former, "PodReadyToStartContainers", pod->ready && !pod->torn_down, NULL,
                  NULL, now_ms);
    condition_add(out, former, "Initialized", initialized, "ContainersNotInitialized",
                  "containers with incomplete status", now_ms);
    condition_add(out, former, "Ready", !unready && initialized && gates_open(pod),
                  unready ? reason : "ReadinessGatesNotReady", unready, now_ms);
    condition_add(out, former, "ContainersReady", !unready && initialized, reason, unready, now_ms);
    condition_add(out, former, "PodScheduled", true, NULL, NULL, now_ms);
    json_array_foreach(seen, i, other)
    {
        if (!is_ours(json_path_string_or(other, "type", "")))
            json_array_append(out, other);
    }
    return out;
}

/* --- the whole --- */

static const char *qos_class(const struct node_pod *pod)
{
    bool any = false;
    bool guaranteed = true;

    for (size_t i = 0; i < pod->container_count; i++) {
        const json_t *limits = json_path_get(pod->containers[i].spec, "resources.limits");
        const json_t *requests = json_path_get(pod->containers[i].spec, "resources.requests");

        any |= json_object_size(limits) > 0 || json_object_size(requests) > 0;
        guaranteed &= json_object_get(limits, "cpu") && json_object_get(limits, "memory") &&
                      json_equal((json_t *)limits, (json_t *)requests);
    }
    if (!any)
        return "BestEffort";
    return guaranteed ? "Guaranteed" : "Burstable";
}

json_t *node_status_build(const struct node_pod *pod, int64_t now_ms)
{
    const char *phase = node_status_phase(pod);
    const char *host_ip = pod->node->instance->sandbox_ip;
    bool host_network = json_path_bool(pod->object, "spec.hostNetwork", false);
    const char *ip = host_network ? host_ip : pod->ip;
    json_t *inits = json_array();
    json_t *apps = json_array();
    json_t *out;

    for (size_t i = 0; i < pod->container_count; i++)
        json_array_append_new(i < pod->init_count ? inits : apps,
                              container_json(&pod->containers[i]));
    out = json_pack("{s:s,s:o,s:s,s:[{s:s}],s:o,s:o,s:s}", "phase", phase, "conditions",
                    conditions_json(pod, phase, now_ms), "hostIP", host_ip, "hostIPs", "ip",
                    host_ip, "startTime", time_json(pod->start_ms), "containerStatuses", apps,
                    "qosClass", qos_class(pod));
    if (pod->init_count > 0)
        json_object_set(out, "initContainerStatuses", inits);
    json_decref(inits);
    if (pod->ready && ip[0]) {
        json_set_string(out, "podIP", ip);
        json_object_set_new(out, "podIPs", json_pack("[{s:s}]", "ip", ip));
    }
    return out;
}

static void on_pushed(const struct kube_result *result, void *ctx)
{
    struct node_pod *pod = ctx;

    pod->status_call = NULL;
    if (result->code < 0 && result->code != ERR_NOT_FOUND) {
        log_warn(node, "pod %s/%s: cannot write its status: %s", pod->ns, pod->name,
                 result->reason);
        json_decref(pod->status);
        pod->status = NULL; /* sent again, whole */
        node_pod_wake_at(pod, loop_now_ms(pod->node->loop) + RETRY_MS);
    }
    if (pod->status_dirty)
        node_pod_wake(pod);
}

void node_status_push(struct node_pod *pod)
{
    SCOPED(json_drop) json_t *status = NULL;
    SCOPED(json_drop) json_t *body = NULL;
    struct kube_request request = {.verb = KUBE_PATCH_MERGE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = pod->ns,
                                   .name = pod->name,
                                   .subresource = "status"};

    pod->status_dirty = pod->status_call != NULL;
    if (pod->status_call || pod->object_gone || pod->delete_sent || !pod->node->client)
        return;
    status = node_status_build(pod, clock_realtime_ms());
    if (pod->status && json_equal(status, pod->status))
        return;
    body = json_pack("{s:{s:s},s:O}", "metadata", "uid", pod->uid, "status", status);
    request.body = body;
    if (kube_call_start(pod->node->client, &request, on_pushed, pod, &pod->status_call) < 0) {
        node_pod_wake_at(pod, loop_now_ms(pod->node->loop) + RETRY_MS);
        return;
    }
    json_decref(pod->status);
    pod->status = TAKE(status);
}
