/* SPDX-License-Identifier: Apache-2.0 */
/* What probes of kube/pod_probe mean to a container here: ready or not, events, a restart. */
#include "sandbox/node_int.h"

static void on_passed(enum pod_probe_kind kind, void *ctx)
{
    struct node_container *c = ctx;
    bool *mark = kind == POD_PROBE_STARTUP ? &c->life->started : &c->life->ready;

    if (!*mark)
        node_pod_wake(c->pod);
    *mark = true;
}

static void on_failure(enum pod_probe_kind kind, const char *text, void *ctx)
{
    static const char *const names[] = {"Startup", "Liveness", "Readiness"};
    struct node_container *c = ctx;

    node_event(c->pod, c, true, "Unhealthy", "%s probe failed: %s", names[kind], text);
}

static void on_failed(enum pod_probe_kind kind, const json_t *spec, void *ctx)
{
    struct node_container *c = ctx;
    int64_t grace_s = json_path_int(c->pod->object, "spec.terminationGracePeriodSeconds", 30);

    if (kind == POD_PROBE_READINESS) {
        if (c->life->ready)
            node_pod_wake(c->pod);
        c->life->ready = false;
        return;
    }
    node_event(c->pod, c, false, "Killing", "Container %s failed %s probe, will be restarted",
               c->life->name, kind == POD_PROBE_STARTUP ? "startup" : "liveness");
    node_container_stop(c, json_get_int(spec, "terminationGracePeriodSeconds", grace_s), "probe");
}

static int action_exec(const json_t *command, uint64_t timeout_ms,
                       void (*on_exit)(const struct process_result *result, void *exit_ctx),
                       void *exit_ctx, struct process **ret, void *ctx)
{
    return node_exec_start(ctx, command, timeout_ms, on_exit, exit_ctx, ret, NULL);
}

void node_probes_init(struct node_container *c)
{
    static const struct pod_probes_events events = {
        .on_passed = on_passed, .on_failure = on_failure, .on_failed = on_failed};

    c->target = (struct pod_action_target){.loop = c->pod->node->loop,
                                           .container = c->life->spec,
                                           .pod_ip = c->pod->ip,
                                           .exec = action_exec,
                                           .ctx = c};
    pod_probes_init(&c->probes, &c->target, &events, c);
}
