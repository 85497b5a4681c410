/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's life: what comes next, given what is there. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/net.h"
#include "sandbox/node_int.h"

enum { GRACE_DEFAULT_S = 30, GRACE_NOW_S = 1, DELETE_RETRY_MS = 1000 };

static void pod_sync(void *ctx);

static void on_timer(void *ctx)
{
    node_pod_wake(ctx);
}

static void containers_init(struct node_pod *pod)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    size_t at = 0;

    for (size_t list = 0; list < ARRAY_LEN(lists); list++)
        pod->container_count += json_array_size(json_path_get(pod->first_object, lists[list]));
    pod->containers = mem_calloc(MAX(pod->container_count, (size_t)1), sizeof *pod->containers);
    pod->lives = mem_calloc(MAX(pod->container_count, (size_t)1), sizeof *pod->lives);
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        json_t *spec;
        size_t i;

        json_array_foreach(json_path_get(pod->first_object, lists[list]), i, spec)
        {
            node_container_init(&pod->containers[at], pod, &pod->lives[at], spec, list == 0);
            at++;
        }
        if (list == 0)
            pod->init_count = at;
    }
}

static void on_token(void *ctx)
{
    struct node_pod *pod = ctx;

    pod->retry_at_ms = 0;
    node_pod_wake(pod);
}

struct node_pod *node_pod_new(struct node *node, json_t *object)
{
    struct node_pod *pod = MEM_NEW(struct node_pod);

    pod->node = node;
    pod->first_object = json_incref(object);
    pod->object = json_incref(object);
    snprintf(pod->uid, sizeof pod->uid, "%s", json_path_string_or(object, "metadata.uid", ""));
    pod->ns = kube_namespace(pod->first_object);
    pod->name = kube_name(pod->first_object);
    pod->start_ms = clock_realtime_ms();
    pod->volumes = json_object();
    pod->tokens = pod_tokens_new(node->client, object, on_token, pod);
    loop_timer_init(&pod->timer, on_timer, pod);
    loop_task_init(&pod->sync_task, pod_sync, pod);
    containers_init(pod);
    return pod;
}

void node_pod_free(struct node_pod *pod)
{
    ASSERT(pod->jobs == 0);
    loop_timer_stop(pod->node->loop, &pod->timer);
    loop_task_cancel(&pod->sync_task);
    kube_call_cancel(pod->status_call);
    kube_call_cancel(pod->delete_call);
    for (size_t i = 0; i < pod->container_count; i++)
        node_container_deinit(&pod->containers[i]);
    mem_free(pod->containers);
    mem_free(pod->lives);
    pod_tokens_free(pod->tokens);
    json_decref(pod->volumes);
    json_decref(pod->status);
    mem_free(pod->setup_problem);
    mem_free(pod->evicted);
    json_decref(pod->object);
    json_decref(pod->first_object);
    mem_free(pod);
}

void node_pod_update(struct node_pod *pod, json_t *object)
{
    json_incref(object);
    json_decref(pod->object);
    pod->object = object;
    node_pod_wake(pod);
}

void node_pod_wake(struct node_pod *pod)
{
    loop_task_add(pod->node->loop, &pod->sync_task);
}

void node_pod_wake_at(struct node_pod *pod, uint64_t at_ms)
{
    uint64_t now_ms = loop_now_ms(pod->node->loop);

    if (loop_timer_is_armed(&pod->timer) && pod->timer.deadline_ms <= at_ms)
        return;
    loop_timer_start(pod->node->loop, &pod->timer, at_ms > now_ms ? at_ms - now_ms : 1);
}

void node_pod_folder(const struct node_pod *pod, const char *leaf, char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.110s/%.36s%s%.100s", pod->node->instance->pods_path,
             pod->uid, leaf[0] ? "/" : "", leaf);
}

void node_pod_netns(const struct node_pod *pod, char out[NODE_NETNS_PATH_SIZE])
{
    const struct instance *in = pod->node->instance;
    bool host_network = json_path_bool(pod->object, "spec.hostNetwork", false);
    char netns[NET_NAME_SIZE];

    net_pod_netns(in, pod->uid, netns);
    snprintf(out, NODE_NETNS_PATH_SIZE, "/run/netns/%.100s", host_network ? in->netns : netns);
}

void node_pod_view(const struct node_pod *pod, struct pod_view *ret)
{
    *ret = (struct pod_view){.pod = pod->object,
                             .pod_ip = pod->ip,
                             .host_ip = pod->node->instance->sandbox_ip,
                             .node_name = pod->node->instance->node_name,
                             .lookup = &pod->node->lookup};
}

struct node_container *node_pod_container(const struct node_pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->container_count; i++)
        if (strcmp(pod->lives[i].name, name) == 0)
            return &pod->containers[i];
    return NULL;
}

/* --- running --- */

/* True when the application's containers may start. */
static bool init_sync(struct node_pod *pod)
{
    for (size_t i = 0; i < pod->init_count; i++) {
        const struct container *init = &pod->lives[i];

        if (!init->sidecar && container_ended_well(init))
            continue;
        node_container_sync(&pod->containers[i]);
        if (init->sidecar && init->state == CONTAINER_RUNNING && init->started)
            continue;
        return false;
    }
    return true;
}

/* Containers start in order; the next waits for the one before to run (and for its postStart). */
static void apps_sync(struct node_pod *pod)
{
    for (size_t i = pod->init_count; i < pod->container_count; i++) {
        struct node_container *container = &pod->containers[i];

        node_container_sync(container);
        if (container->life->state == CONTAINER_STARTING || container->hook_running)
            break;
    }
}

static bool any_active(const struct node_pod *pod)
{
    for (size_t i = 0; i < pod->container_count; i++)
        if (container_is_active(&pod->lives[i]))
            return true;
    return false;
}

static void finish_check(struct node_pod *pod)
{
    const char *phase = node_status_phase(pod);

    pod->finished = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
    for (size_t i = 0; pod->finished && i < pod->init_count; i++)
        node_container_stop(&pod->containers[i], GRACE_DEFAULT_S, "Stopping container");
}

/* --- stopping --- */

static int64_t grace_s(const struct node_pod *pod)
{
    if (pod->object_gone || pod->evicted)
        return GRACE_NOW_S;
    return json_path_int(
        pod->object, "metadata.deletionGracePeriodSeconds",
        json_path_int(pod->object, "spec.terminationGracePeriodSeconds", GRACE_DEFAULT_S));
}

static void stop_all(struct node_pod *pod)
{
    bool apps_active = false;

    for (size_t i = pod->init_count; i < pod->container_count; i++) {
        node_container_stop(&pod->containers[i], grace_s(pod), "Stopping container");
        apps_active |= container_is_active(&pod->lives[i]);
    }
    for (size_t i = pod->init_count; i-- > 0 && !apps_active;)
        node_container_stop(&pod->containers[i], grace_s(pod), "Stopping container");
}

static void on_deleted(const struct kube_result *result, void *ctx)
{
    struct node_pod *pod = ctx;

    pod->delete_call = NULL;
    if (result->code < 0 && result->code != ERR_NOT_FOUND && result->code != ERR_CONFLICT) {
        log_warn(node, "pod %s/%s: cannot delete its object: %s", pod->ns, pod->name,
                 result->reason);
        node_pod_wake_at(pod, loop_now_ms(pod->node->loop) + DELETE_RETRY_MS);
        return;
    }
    pod->delete_sent = true;
}

/* Nothing is left here: the API may forget the pod now. */
static void delete_object(struct node_pod *pod)
{
    SCOPED(json_drop)
    json_t *body = json_pack("{s:s,s:s,s:i,s:{s:s}}", "apiVersion", "v1", "kind", "DeleteOptions",
                             "gracePeriodSeconds", 0, "preconditions", "uid", pod->uid);
    struct kube_request request = {.verb = KUBE_DELETE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = pod->ns,
                                   .name = pod->name,
                                   .body = body};

    if (pod->delete_call || pod->delete_sent || pod->object_gone || !pod->node->client)
        return;
    if (kube_call_start(pod->node->client, &request, on_deleted, pod, &pod->delete_call) < 0)
        node_pod_wake_at(pod, loop_now_ms(pod->node->loop) + DELETE_RETRY_MS);
}

static void pod_gone(struct node_pod *pod)
{
    struct node *node = pod->node;

    log_info(node, "pod %s/%s: gone", pod->ns, pod->name);
    map_remove(&node->pods, slice_str(pod->uid));
    node_pod_free(pod);
}

/* Returns false when the pod was freed. */
static bool stop_sync(struct node_pod *pod)
{
    stop_all(pod);
    if (any_active(pod) || pod->jobs > 0)
        return true;
    if (!pod->torn_down) {
        node_setup_remove(pod);
        return true;
    }
    if (!pod->object_gone) {
        delete_object(pod);
        return true;
    }
    pod_gone(pod);
    return false;
}

/* --- the decision --- */

static void pod_sync(void *ctx)
{
    struct node_pod *pod = ctx;

    if (pod->object_gone || json_path_get(pod->object, "metadata.deletionTimestamp"))
        pod->stopping = true;
    if (pod->stopping) {
        if (!stop_sync(pod))
            return;
    } else if (!pod->ready || !pod->volumes_known) {
        node_setup_sync(pod);
    } else if (pod->evicted) {
        stop_all(pod);
        pod->finished = !any_active(pod);
    } else if (!pod->finished) {
        node_setup_refresh(pod);
        if (init_sync(pod))
            apps_sync(pod);
        finish_check(pod);
    }
    node_status_push(pod);
}

/* --- adoption --- */

struct node_pod *node_pod_adopt(struct node *node, const char *uid)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s/pod.json", node->instance->pods_path, uid);
    SCOPED(json_drop) json_t *saved = NULL;
    SCOPED(buf_deinit) struct buf text;
    struct node_pod *pod;

    buf_init(&text, JSON_SIZE_DEFAULT_MAX);
    if (file_read(path, &text, NULL) < 0 || json_parse(buf_slice(&text), NULL, &saved, NULL) < 0 ||
        !json_object_get(saved, "object"))
        return NULL;
    pod = node_pod_new(node, json_object_get(saved, "object"));
    snprintf(pod->ip, sizeof pod->ip, "%s", json_path_string_or(saved, "ip", ""));
    pod->start_ms = json_get_int(saved, "startMs", pod->start_ms);
    node_evict_adopt(pod);
    pod->ready = node_setup_adopt(pod);
    for (size_t i = 0; i < pod->container_count; i++)
        node_container_adopt(&pod->containers[i]);
    finish_check(pod);
    for (size_t i = 0; i < pod->container_count && !pod->ready && !pod->finished; i++)
        node_container_rerun(&pod->containers[i]);
    return pod;
}
