/* SPDX-License-Identifier: Apache-2.0 */
/* What containers and the machine use, as metrics.k8s.io tells it.
 *
 *   cgroups --every 5 s--> struct node_usage: rate of the last two looks --GET /metrics--> JSON
 *
 * The answer is {"pods": [PodMetrics], "nodes": [NodeMetrics]}; the API server picks from it. A pod
 * appears once every running container was looked at twice.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/node_http.h"

enum { METRICS_MS = 5000 };

void node_usage_add(struct node_usage *usage, const struct cgroup_usage *now, uint64_t now_ms)
{
    if (usage->at_ms > 0 && now_ms > usage->at_ms && now->cpu_ns >= usage->cpu_ns) {
        usage->window_ms = now_ms - usage->at_ms;
        usage->cpu_nano = (now->cpu_ns - usage->cpu_ns) * 1000 / usage->window_ms;
    }
    usage->cpu_ns = now->cpu_ns;
    usage->memory_size = now->memory_size;
    usage->at_ms = now_ms;
}

static void container_look(struct node_container *c, uint64_t now_ms)
{
    SCOPED(mem_drop) char *path = NULL;
    struct cgroup_usage now;

    if (c->state != CONTAINER_RUNNING) {
        c->usage = (struct node_usage){0};
        return;
    }
    path = node_container_cgroup(c);
    if (cgroup_usage_read(path, &now) == 0)
        node_usage_add(&c->usage, &now, now_ms);
}

static void on_metrics_time(void *ctx)
{
    struct node *node = ctx;
    uint64_t now_ms = loop_now_ms(node->loop);
    struct cgroup_usage machine;

    if (cgroup_machine_read(&machine) == 0)
        node_usage_add(&node->usage, &machine, now_ms);
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

static json_t *usage_json(const struct node_usage *usage)
{
    SCOPED(mem_drop) char *cpu = mem_printf("%lluu", (unsigned long long)usage->cpu_nano / 1000);
    SCOPED(mem_drop)
    char *memory = mem_printf("%lluKi", (unsigned long long)usage->memory_size / 1024);

    return json_pack("{s:s,s:s}", "cpu", cpu, "memory", memory);
}

/* {kind, metadata, timestamp, window} of a name with its labels (NULL: none). */
static json_t *metrics_new(const char *kind, const char *ns, const char *name, json_t *labels,
                           const struct node_usage *usage)
{
    char now[CLOCK_RFC3339_SIZE];
    SCOPED(mem_drop) char *window = mem_printf("%.3fs", (double)usage->window_ms / 1000);

    clock_format_rfc3339(clock_realtime_ms(), false, now);
    return json_pack("{s:s,s:s,s:{s:s,s:s*,s:O*,s:s},s:s,s:s}", "kind", kind, "apiVersion",
                     "metrics.k8s.io/v1beta1", "metadata", "name", name, "namespace", ns, "labels",
                     labels, "creationTimestamp", now, "timestamp", now, "window", window);
}

/* NULL while one of its containers is not known. */
static json_t *pod_json(const struct node_pod *pod)
{
    json_t *containers = json_array();
    const struct node_usage *usage = NULL;
    json_t *out;

    for (size_t i = 0; i < pod->container_count; i++) {
        const struct node_container *c = &pod->containers[i];

        if (c->state != CONTAINER_RUNNING)
            continue;
        if (c->usage.window_ms == 0) {
            usage = NULL;
            break;
        }
        usage = &c->usage;
        json_array_append_new(containers,
                              json_pack("{s:s,s:o}", "name", c->name, "usage", usage_json(usage)));
    }
    if (!usage) {
        json_decref(containers);
        return NULL;
    }
    out = metrics_new("PodMetrics", pod->ns, pod->name,
                      json_path_get(pod->object, "metadata.labels"), usage);
    json_object_set_new(out, "containers", containers);
    return out;
}

json_t *node_metrics_json(const struct node *node)
{
    json_t *pods = json_array();
    json_t *nodes = json_array();

    MAP_EACH (entry, &node->pods) {
        json_t *pod = pod_json(entry->value);

        if (pod)
            json_array_append_new(pods, pod);
    }
    if (node->usage.window_ms > 0) {
        json_t *own =
            metrics_new("NodeMetrics", NULL, node->instance->node_name, NULL, &node->usage);

        json_object_set_new(own, "usage", usage_json(&node->usage));
        json_array_append_new(nodes, own);
    }
    return json_pack("{s:o,s:o}", "pods", pods, "nodes", nodes);
}
