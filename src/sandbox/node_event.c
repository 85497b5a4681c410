/* SPDX-License-Identifier: Apache-2.0 */
/* Events about pods, as kubectl describe and get events show them; in the log too. Losing one harms
 * nothing.
 *
 * Limits  an event's text of 1,024 bytes
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "kube/event.h"
#include "sandbox/node_int.h"

enum { MESSAGE_SIZE = 1024 };

void node_event(struct node_pod *pod, const struct node_container *container, bool warning,
                const char *reason, const char *fmt, ...)
{
    const char *name = container ? container->life->name : "";
    char message[MESSAGE_SIZE], field[128];
    const struct kube_event event = {.object = pod->object,
                                     .field_path = container ? field : NULL,
                                     .warning = warning,
                                     .reason = reason,
                                     .message = message,
                                     .component = "kubelet",
                                     .host = pod->node->instance->node_name};
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (container)
        snprintf(field, sizeof field, "spec.%s{%.63s}",
                 container->life->init ? "initContainers" : "containers", name);
    log_info(node, "pod %s/%s%s%s: %s: %s", pod->ns, pod->name, container ? " " : "", name, reason,
             message);
    if (pod->node->client)
        kube_event_record(pod->node->client, &event);
}
