/* SPDX-License-Identifier: Apache-2.0 */
/* See event.h. */
#include "kube/event.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/objects/object.h"
#include "wire/json.h"

json_t *kube_event_new(const struct kube_event *event, int64_t now_ms)
{
    const json_t *object = event->object;
    const char *ns = kube_namespace(object);
    SCOPED(mem_drop)
    char *name =
        mem_printf("%.230s.%016llx", kube_name(object), (unsigned long long)rng_system_u64());

    return json_pack(
        "{s:s,s:s,s:{s:s,s:s},s:{s:s*,s:s*,s:s*,s:s,s:s*,s:s*,s:s*},s:s,s:s,s:o,s:{s:s,s:s*},s:o,"
        "s:o,s:i,s:s,s:s}",
        "apiVersion", "v1", "kind", "Event", "metadata", "name", name, "namespace",
        ns[0] ? ns : "default", "involvedObject", "apiVersion",
        json_get_string(object, "apiVersion"), "kind", json_get_string(object, "kind"), "namespace",
        json_path_string(object, "metadata.namespace"), "name", kube_name(object), "uid",
        kube_uid(object), "resourceVersion", json_path_string(object, "metadata.resourceVersion"),
        "fieldPath", event->field_path, "type", event->warning ? "Warning" : "Normal", "reason",
        event->reason, "message", json_string_slice(slice_str(event->message)), "source",
        "component", event->component, "host", event->host, "firstTimestamp", kube_time(now_ms),
        "lastTimestamp", kube_time(now_ms), "count", 1, "reportingComponent", event->component,
        "reportingInstance", event->host ? event->host : "");
}

static void on_recorded(const struct kube_result *result, void *ctx)
{
    (void)ctx;
    if (result->code < 0)
        log_debug(kube, "an event was not recorded: %s", result->reason);
}

void kube_event_record(struct kube_client *client, const struct kube_event *event)
{
    SCOPED(json_drop) json_t *body = kube_event_new(event, clock_realtime_ms());
    struct kube_request request = {.verb = KUBE_CREATE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_EVENT),
                                   .ns = json_path_string(body, "metadata.namespace"),
                                   .body = body};
    struct kube_call *call;
    int rc = kube_call_start(client, &request, on_recorded, NULL, &call);

    if (rc < 0)
        log_debug(kube, "an event was not recorded: %s", err_text(rc));
}
