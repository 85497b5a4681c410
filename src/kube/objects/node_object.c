/* SPDX-License-Identifier: Apache-2.0 */
/* See node_object.h. */
#include "kube/objects/node_object.h"

#include "base/clock.h"
#include "base/mem.h"

static json_t *conditions_json(const struct node_facts *facts, int64_t now_ms)
{
    static const struct {
        const char *type, *status, *reason, *message;
    } rows[] = {
        {"MemoryPressure", "False", "KubeletHasSufficientMemory",
         "kubelet has sufficient memory available"},
        {"DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
        {"PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
        {"Ready", "True", "KubeletReady", "kubelet is posting ready status"},
    };
    char now[CLOCK_RFC3339_SIZE], since[CLOCK_RFC3339_SIZE];
    json_t *out = json_array();

    clock_format_rfc3339(now_ms, false, now);
    clock_format_rfc3339(facts->since_ms, false, since);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "type", rows[i].type,
                                             "status", rows[i].status, "reason", rows[i].reason,
                                             "message", rows[i].message, "lastHeartbeatTime", now,
                                             "lastTransitionTime", since));
    return out;
}

static json_t *resources_json(const struct node_facts *facts)
{
    SCOPED(mem_drop) char *cpu = mem_printf("%u", facts->cpu_count);
    SCOPED(mem_drop) char *pods = mem_printf("%u", facts->pod_max);
    SCOPED(mem_drop)
    char *memory = mem_printf("%lluKi", (unsigned long long)facts->memory_size / 1024);

    return json_pack("{s:s,s:s,s:s}", "cpu", cpu, "memory", memory, "pods", pods);
}

json_t *node_object_status(const struct node_facts *facts, int64_t now_ms)
{
    json_t *status =
        json_pack("{s:[{s:s,s:s},{s:s,s:s}],s:o,s:o,s:o}", "addresses", "type", "InternalIP",
                  "address", facts->internal_ip, "type", "Hostname", "address", facts->name,
                  "capacity", resources_json(facts), "allocatable", resources_json(facts),
                  "conditions", conditions_json(facts, now_ms));

    json_object_set_new(
        status, "nodeInfo",
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "kernelVersion", facts->kernel_version,
                  "osImage", facts->os_image, "operatingSystem", "linux", "architecture", "amd64",
                  "containerRuntimeVersion", facts->runtime_version, "kubeletVersion",
                  facts->kubelet_version, "kubeProxyVersion", ""));
    return json_pack("{s:o}", "status", status);
}

json_t *node_object_new(const struct node_facts *facts, int64_t now_ms)
{
    json_t *out = node_object_status(facts, now_ms);

    json_object_update_new(out,
                           json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s,s:s}},s:{}}", "apiVersion", "v1",
                                     "kind", "Node", "metadata", "name", facts->name, "labels",
                                     "kubernetes.io/hostname", facts->name, "kubernetes.io/os",
                                     "linux", "kubernetes.io/arch", "amd64", "spec"));
    return out;
}
