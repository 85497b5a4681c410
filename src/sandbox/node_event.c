/* SPDX-License-Identifier: Apache-2.0 */
/* Events about pods, as kubectl describe and get events show them. A repeated event is written anew
 * (the API server may fold them); losing one harms nothing.
 *
 * Limits  an event's text of 1,024 bytes
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sandbox/node_int.h"

enum { MESSAGE_SIZE = 1024 };

static void on_written(const struct kube_result *result, void *ctx)
{
    (void)ctx;
    if (result->code < 0)
        log_debug(node, "an event was not written: %s", result->reason);
}

static json_t *event_build(const struct node_pod *pod, const struct node_container *container,
                           bool warning, const char *reason, const char *message)
{
    char now[CLOCK_RFC3339_SIZE], name[320], field[128] = "";

    clock_format_rfc3339(clock_realtime_ms(), false, now);
    snprintf(name, sizeof name, "%.253s.%016llx", pod->name, (unsigned long long)rng_system_u64());
    if (container)
        snprintf(field, sizeof field, "spec.%s{%.63s}",
                 container->life->init ? "initContainers" : "containers", container->life->name);
    return json_pack(
        "{s:s,s:s,s:{s:s,s:s},s:{s:s,s:s,s:s,s:s,s:s,s:s*},s:s,s:o,s:s,s:{s:s,s:s},s:s,s:s,s:i,"
        "s:s,s:s}",
        "apiVersion", "v1", "kind", "Event", "metadata", "name", name, "namespace", pod->ns,
        "involvedObject", "apiVersion", "v1", "kind", "Pod", "name", pod->name, "namespace",
        pod->ns, "uid", pod->uid, "fieldPath", field[0] ? field : NULL, "reason", reason, "message",
        json_string_slice(slice_str(message)), "type", warning ? "Warning" : "Normal", "source",
        "component", "kubelet", "host", pod->node->instance->node_name, "firstTimestamp", now,
        "lastTimestamp", now, "count", 1, "reportingComponent", "kubelet", "reportingInstance",
        pod->node->instance->node_name);
}

void node_event(struct node_pod *pod, const struct node_container *container, bool warning,
                const char *reason, const char *fmt, ...)
{
    struct kube_request request = {
        .verb = KUBE_CREATE, .resource = kube_resource_get(KUBE_RESOURCE_EVENT), .ns = pod->ns};
    SCOPED(json_drop) json_t *body = NULL;
    struct kube_call *call;
    char message[MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    log_info(node, "pod %s/%s%s%s: %s: %s", pod->ns, pod->name, container ? " " : "",
             container ? container->life->name : "", reason, message);
    if (!pod->node->client)
        return;
    body = event_build(pod, container, warning, reason, message);
    request.body = body;
    if (kube_call_start(pod->node->client, &request, on_written, NULL, &call) < 0)
        log_debug(node, "an event was not written");
}
