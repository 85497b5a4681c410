/* SPDX-License-Identifier: Apache-2.0 */
/* What containers and the machine use, as metrics.k8s.io tells it.
 *
 *   cgroups --every 5 s--> struct cgroup_rate: rate of the last two looks --GET /metrics--> JSON
 *
 * The answer is {"pods": [PodMetrics], "nodes": [NodeMetrics]}; the API server picks from it. A pod
 * appears once every running container was looked at twice.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "sandbox/node/metrics.h"
#include "sandbox/node_http.h"

enum { METRICS_MS = 5000 };

static void container_look(struct node_container *c, uint64_t now_ms)
{
    SCOPED(mem_drop) char *path = NULL;
    struct cgroup_usage now;

    if (c->life->state != CONTAINER_RUNNING) {
        c->usage = (struct cgroup_rate){0};
        return;
    }
    path = node_container_cgroup(c);
    if (cgroup_usage_read(path, &now) == 0)
        cgroup_rate_add(&c->usage, &now, now_ms);
}

static void on_metrics_time(void *ctx)
{
    struct node *node = ctx;
    uint64_t now_ms = loop_now_ms(node->loop);
    struct cgroup_usage machine;

    if (cgroup_machine_read(&machine) == 0)
        cgroup_rate_add(&node->usage, &machine, now_ms);
    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;

        for (size_t i = 0; i < pod->container_count; i++)
            container_look(&pod->containers[i], now_ms);
    }
    loop_timer_start(node->loop, &node->metrics, METRICS_MS);
}

void node_metrics_start(struct node *node)
{
    loop_timer_init(&node->metrics, on_metrics_time, node);
    loop_timer_start(node->loop, &node->metrics, 1);
}

/* --- the answer --- */

static struct metrics_usage usage_of(const struct cgroup_rate *rate)
{
    return (struct metrics_usage){
        .cpu_nano = rate->cpu_nano, .memory_size = rate->memory_size, .window_ms = rate->window_ms};
}

static json_t *pod_json(const struct node_pod *pod, int64_t now_ms)
{
    VEC(struct metrics_container) running = {0};
    json_t *out;

    for (size_t i = 0; i < pod->container_count; i++) {
        const struct metrics_container container = {.name = pod->lives[i].name,
                                                    .usage = usage_of(&pod->containers[i].usage)};

        if (pod->lives[i].state == CONTAINER_RUNNING)
            VEC_PUSH(&running, container);
    }
    out = metrics_pod(pod->object, running.items, running.count, now_ms);
    VEC_DEINIT(&running);
    return out;
}

json_t *node_metrics_json(const struct node *node)
{
    int64_t now_ms = clock_realtime_ms();
    struct metrics_usage usage = usage_of(&node->usage);
    json_t *own = metrics_node(node->instance->node_name, &usage, now_ms);
    json_t *pods = json_array();

    MAP_EACH (entry, &node->pods) {
        json_t *pod = pod_json(entry->value, now_ms);

        if (pod)
            json_array_append_new(pods, pod);
    }
    return own ? json_pack("{s:o,s:[o]}", "pods", pods, "nodes", own)
               : json_pack("{s:o,s:[]}", "pods", pods, "nodes");
}
