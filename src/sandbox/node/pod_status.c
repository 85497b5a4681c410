/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_status.h. */
#include "sandbox/node/pod_status.h"

#include "base/buf.h"
#include "base/mem.h"
#include "kube/objects/object.h"

/* --- phase --- */

static bool ended_for_good(const struct pod_facts *facts, const struct container *c)
{
    return c->state == CONTAINER_EXITED &&
           (facts->is_stopping || facts->is_finished || !container_is_to_restart(c));
}

static bool is_initialized(const struct pod_facts *facts)
{
    for (size_t i = 0; i < facts->init_count; i++) {
        const struct container *c = &facts->containers[i];

        if (c->sidecar ? !c->started : !container_ended_well(c))
            return false;
    }
    return true;
}

/* Of one that nobody evicted. */
static const char *phase_of_containers(const struct pod_facts *facts)
{
    bool all_ended = facts->container_count > facts->init_count;
    bool all_well = true;

    for (size_t i = 0; i < facts->init_count; i++) {
        const struct container *c = &facts->containers[i];

        if (!c->sidecar && ended_for_good(facts, c) && !container_ended_well(c))
            return "Failed";
    }
    if (!is_initialized(facts) && !facts->is_finished && !facts->is_stopping)
        return "Pending";
    for (size_t i = facts->init_count; i < facts->container_count; i++) {
        const struct container *c = &facts->containers[i];

        if (c->state == CONTAINER_STARTING || (c->state == CONTAINER_WAITING && c->attempt == 0))
            if (!facts->is_stopping)
                return "Pending";
        all_ended &= ended_for_good(facts, c);
        all_well &= container_ended_well(c);
    }
    if (all_ended)
        return all_well ? "Succeeded" : "Failed";
    return "Running";
}

const char *pod_status_phase(const struct pod_facts *facts)
{
    return facts->evicted ? "Failed" : phase_of_containers(facts);
}

/* --- containers --- */

static json_t *ended_json(const struct container_end *ended, const char *runtime)
{
    json_t *out =
        json_pack("{s:{s:i,s:s,s:o,s:o,s:s*}}", "terminated", "exitCode", ended->exit_code,
                  "reason", ended->reason, "startedAt", kube_time(ended->started_ms), "finishedAt",
                  kube_time(ended->finished_ms), "message", ended->message);
    SCOPED(mem_drop) char *id = mem_printf("%s://%s", runtime, ended->id);

    json_set_string(json_object_get(out, "terminated"), "containerID", id);
    return out;
}

static json_t *state_json(const struct container *c, const char *runtime)
{
    if (c->state == CONTAINER_RUNNING)
        return json_pack("{s:{s:o}}", "running", "startedAt", kube_time(c->started_ms));
    if (c->state == CONTAINER_EXITED)
        return ended_json(&c->ended, runtime);
    return json_pack("{s:{s:s,s:s*}}", "waiting", "reason", c->waiting_reason, "message",
                     c->waiting_message);
}

static json_t *container_json(const struct container *c, const char *runtime)
{
    const char *image = json_path_string_or(c->spec, "image", "");
    bool done = c->init && !c->sidecar && container_ended_well(c);
    bool between = c->state == CONTAINER_WAITING && c->attempt > 0; /* not restarted yet */
    json_t *out = json_pack("{s:s,s:o,s:o,s:b,s:i,s:s,s:s,s:b}", "name", c->name, "state",
                            state_json(c, runtime), "lastState",
                            c->last.valid ? ended_json(&c->last, runtime) : json_object(), "ready",
                            (int)(c->ready || done), "restartCount", (int)c->attempt - (int)between,
                            "image", image, "imageID", c->image_id ? c->image_id : "", "started",
                            (int)(c->state == CONTAINER_RUNNING && c->started));

    if (c->state == CONTAINER_RUNNING || c->state == CONTAINER_EXITED) {
        SCOPED(mem_drop) char *id = mem_printf("%s://%s", runtime, c->id);

        json_set_string(out, "containerID", id);
    }
    return out;
}

/* --- conditions --- */

/* "containers with unready status: [a b]", or NULL when all are ready. */
static char *unready_text(const struct pod_facts *facts)
{
    struct buf text;

    buf_init(&text, 65536);
    for (size_t i = facts->init_count; i < facts->container_count; i++)
        if (!facts->containers[i].ready)
            buf_printf(&text, "%s%s", text.len ? " " : "containers with unready status: [",
                       facts->containers[i].name);
    if (text.len == 0)
        return NULL;
    buf_append_char(&text, ']');
    return buf_take(&text);
}

/* Every readiness gate's condition (set by somebody else) must be True. */
static bool gates_open(const struct pod_facts *facts)
{
    json_t *gate;
    size_t i;

    json_array_foreach(json_path_get(facts->object, "spec.readinessGates"), i, gate)
    {
        if (!kube_condition_is_true(facts->object, json_path_string_or(gate, "conditionType", "-")))
            return false;
    }
    return true;
}

static json_t *conditions_json(const struct pod_facts *facts, const char *phase, int64_t now_ms)
{
    const json_t *seen = json_path_get(facts->object, "status.conditions");
    const json_t *former = facts->former ? json_object_get(facts->former, "conditions") : seen;
    SCOPED(mem_drop) char *unready = unready_text(facts);
    const char *reason = strcmp(phase, "Succeeded") == 0 ? "PodCompleted" : "ContainersNotReady";
    bool initialized = is_initialized(facts);
    bool ready = !unready && initialized;
    const struct kube_condition ours[] = {
        /* type, whether it holds; reason and message when it does not */
        {"PodReadyToStartContainers", facts->has_network, NULL, NULL},
        {"Initialized", initialized, "ContainersNotInitialized",
         "containers with incomplete status"},
        {"Ready", ready && gates_open(facts), unready ? reason : "ReadinessGatesNotReady", unready},
        {"ContainersReady", ready, reason, unready},
        {"PodScheduled", true, NULL, NULL},
    };
    json_t *out = json_array();
    json_t *other;
    size_t i;

    for (i = 0; i < ARRAY_LEN(ours); i++) {
        struct kube_condition condition = ours[i];

        if (condition.value)
            condition.reason = condition.message = NULL;
        json_object_set_new(kube_condition_set(out, former, &condition, now_ms), "lastProbeTime",
                            json_null());
    }
    json_array_foreach(seen, i, other)
    {
        if (!json_array_find(out, "type", json_path_string_or(other, "type", "")))
            json_array_append(out, other);
    }
    return out;
}

/* --- the whole --- */

static const char *qos_class(const struct pod_facts *facts)
{
    bool any = false;
    bool guaranteed = true;

    for (size_t i = 0; i < facts->container_count; i++) {
        const json_t *limits = json_path_get(facts->containers[i].spec, "resources.limits");
        const json_t *requests = json_path_get(facts->containers[i].spec, "resources.requests");

        any |= json_object_size(limits) > 0 || json_object_size(requests) > 0;
        guaranteed &= json_object_get(limits, "cpu") && json_object_get(limits, "memory") &&
                      json_equal((json_t *)limits, (json_t *)requests);
    }
    if (!any)
        return "BestEffort";
    return guaranteed ? "Guaranteed" : "Burstable";
}

json_t *pod_status_build(const struct pod_facts *facts, int64_t now_ms)
{
    const char *phase = pod_status_phase(facts);
    json_t *inits = json_array();
    json_t *apps = json_array();
    json_t *out;

    for (size_t i = 0; i < facts->container_count; i++)
        json_array_append_new(i < facts->init_count ? inits : apps,
                              container_json(&facts->containers[i], facts->runtime));
    out = json_pack("{s:s,s:o,s:s,s:[{s:s}],s:o,s:o,s:s}", "phase", phase, "conditions",
                    conditions_json(facts, phase, now_ms), "hostIP", facts->host_ip, "hostIPs",
                    "ip", facts->host_ip, "startTime", kube_time(facts->start_ms),
                    "containerStatuses", apps, "qosClass", qos_class(facts));
    if (facts->init_count > 0)
        json_object_set(out, "initContainerStatuses", inits);
    if (facts->evicted) {
        json_set_string(out, "reason", "Evicted");
        json_set_string(out, "message", facts->evicted);
    }
    json_decref(inits);
    if (facts->ip[0]) {
        json_set_string(out, "podIP", facts->ip);
        json_object_set_new(out, "podIPs", json_pack("[{s:s}]", "ip", facts->ip));
    }
    return out;
}
