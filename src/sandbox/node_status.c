/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's status, pushed by merge patch when it changed. */
#include "base/clock.h"
#include "base/log.h"
#include "sandbox/node/pod_status.h"
#include "sandbox/node_int.h"

enum { RETRY_MS = 1000 };

static struct pod_facts facts_of(const struct node_pod *pod)
{
    const char *host_ip = pod->node->instance->sandbox_ip;
    bool host_network = json_path_bool(pod->object, "spec.hostNetwork", false);

    return (struct pod_facts){.object = pod->object,
                              .former = pod->status,
                              .containers = pod->lives,
                              .container_count = pod->container_count,
                              .init_count = pod->init_count,
                              .runtime = "runc",
                              .host_ip = host_ip,
                              .ip = !pod->ready    ? ""
                                    : host_network ? host_ip
                                                   : pod->ip,
                              .start_ms = pod->start_ms,
                              .has_network = pod->ready && !pod->torn_down,
                              .is_stopping = pod->stopping,
                              .is_finished = pod->finished,
                              .evicted = pod->evicted};
}

const char *node_status_phase(const struct node_pod *pod)
{
    struct pod_facts facts = facts_of(pod);

    return pod_status_phase(&facts);
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
    struct pod_facts facts = facts_of(pod);
    struct kube_request request = {.verb = KUBE_PATCH_MERGE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = pod->ns,
                                   .name = pod->name,
                                   .subresource = "status"};

    pod->status_dirty = pod->status_call != NULL;
    if (pod->status_call || pod->object_gone || pod->delete_sent || !pod->node->client)
        return;
    status = pod_status_build(&facts, clock_realtime_ms());
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
