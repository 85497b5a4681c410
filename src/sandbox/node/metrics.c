/* SPDX-License-Identifier: Apache-2.0 */
/* See metrics.h. */
#include "sandbox/node/metrics.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kube/objects/object.h"

static json_t *usage_json(const struct metrics_usage *usage)
{
    SCOPED(mem_drop) char *cpu = mem_printf("%lluu", (unsigned long long)usage->cpu_nano / 1000);
    SCOPED(mem_drop)
    char *memory = mem_printf("%lluKi", (unsigned long long)usage->memory_size / 1024);

    return json_pack("{s:s,s:s}", "cpu", cpu, "memory", memory);
}

/* {kind, metadata, timestamp, window}; `ns` and `labels` may be NULL. */
static json_t *metrics_new(const char *kind, const char *ns, const char *name, json_t *labels,
                           const struct metrics_usage *usage, int64_t now_ms)
{
    char now[CLOCK_RFC3339_SIZE];
    SCOPED(mem_drop) char *window = mem_printf("%.3fs", (double)usage->window_ms / 1000);

    clock_format_rfc3339(now_ms, false, now);
    return json_pack("{s:s,s:s,s:{s:s,s:s*,s:O*,s:s},s:s,s:s}", "kind", kind, "apiVersion",
                     "metrics.k8s.io/v1beta1", "metadata", "name", name, "namespace", ns, "labels",
                     labels, "creationTimestamp", now, "timestamp", now, "window", window);
}

json_t *metrics_pod(const json_t *pod, const struct metrics_container *containers, size_t count,
                    int64_t now_ms)
{
    json_t *list = json_array();
    json_t *out;

    for (size_t i = 0; i < count && containers[i].usage.window_ms > 0; i++)
        json_array_append_new(list, json_pack("{s:s,s:o}", "name", containers[i].name, "usage",
                                              usage_json(&containers[i].usage)));
    if (count == 0 || json_array_size(list) < count) {
        json_decref(list);
        return NULL;
    }
    out = metrics_new("PodMetrics", kube_namespace(pod), kube_name(pod),
                      json_path_get(pod, "metadata.labels"), &containers[count - 1].usage, now_ms);
    json_object_set_new(out, "containers", list);
    return out;
}

json_t *metrics_node(const char *name, const struct metrics_usage *usage, int64_t now_ms)
{
    json_t *out;

    if (usage->window_ms == 0)
        return NULL;
    out = metrics_new("NodeMetrics", NULL, name, NULL, usage, now_ms);
    json_object_set_new(out, "usage", usage_json(usage));
    return out;
}
