/* SPDX-License-Identifier: Apache-2.0 */
/* See container.h. The texts are those of a kubelet: people and tools read them. */
#include "sandbox/node/container.h"

#include "base/mem.h"
#include "kube/objects/object.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    BACKOFF_FIRST_MS = 10000,
    BACKOFF_MAX_MS = 300000,
    BACKOFF_RESET_MS = 600000,
    PULL_TOLD_MS = 2000, /* ErrImagePull is shown this long before ImagePullBackOff */
    MESSAGE_SIZE = 1024,
    EXIT_START_ERROR = 128,
    EXIT_KILLED = 137,
};

static void tell(const struct container *c, bool is_warning, const char *reason, const char *fmt,
                 ...) PRINTF_LIKE(4, 5);

static void tell(const struct container *c, bool is_warning, const char *reason, const char *fmt,
                 ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    if (!c->on_event)
        return;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    c->on_event(is_warning, reason, message, c->ctx);
}

/* Takes `message`. */
static void waiting_set(struct container *c, const char *reason, char *message)
{
    mem_free(c->waiting_message);
    c->waiting_reason = reason;
    c->waiting_message = message;
}

static bool waits_for(const struct container *c, const char *reason)
{
    return strcmp(c->waiting_reason, reason) == 0;
}

static const char *image_of(const struct container *c)
{
    return json_path_string_or(c->spec, "image", "");
}

static void end_clear(struct container_end *end)
{
    mem_free(end->message);
    *end = (struct container_end){0};
}

void container_init(struct container *c, const json_t *pod, const json_t *spec, bool init,
                    void (*on_event)(bool is_warning, const char *reason, const char *message,
                                     void *ctx),
                    void *ctx)
{
    bool waits_for_init = !init && json_array_size(json_path_get(pod, "spec.initContainers")) > 0;

    *c = (struct container){
        .pod = pod,
        .spec = spec,
        .name = json_path_string_or(spec, "name", ""),
        .init = init,
        .sidecar = init && strcmp(json_path_string_or(spec, "restartPolicy", ""), "Always") == 0,
        .on_event = on_event,
        .ctx = ctx,
        .restarts = {.min_ms = BACKOFF_FIRST_MS, .max_ms = BACKOFF_MAX_MS, .at_once = true},
        .pulls = {.min_ms = BACKOFF_FIRST_MS, .max_ms = BACKOFF_MAX_MS}};
    waiting_set(c, waits_for_init ? "PodInitializing" : "ContainerCreating", NULL);
}

void container_deinit(struct container *c)
{
    end_clear(&c->ended);
    end_clear(&c->last);
    mem_free(c->waiting_message);
    mem_free(c->image_id);
}

/* --- what holds --- */

bool container_is_active(const struct container *c)
{
    return c->state == CONTAINER_STARTING || c->state == CONTAINER_RUNNING;
}

bool container_ended_well(const struct container *c)
{
    return c->state == CONTAINER_EXITED && c->ended.exit_code == 0;
}

bool container_is_to_restart(const struct container *c)
{
    const char *policy = json_path_string_or(c->pod, "spec.restartPolicy", "Always");

    if (c->sidecar)
        return true;
    if (c->ended.exit_code == 0)
        return !c->init && strcmp(policy, "Always") == 0;
    return strcmp(policy, "Never") != 0;
}

/* --- the start --- */

uint64_t container_wait(struct container *c, uint64_t now_ms)
{
    char *message;

    if (now_ms >= c->start_at_ms)
        return 0;
    if (!waits_for(c, "ErrImagePull"))
        return c->start_at_ms;
    if (now_ms < c->pull_told_at_ms)
        return c->pull_told_at_ms;
    message = mem_printf("Back-off pulling image \"%s\": ErrImagePull: %s", image_of(c),
                         c->waiting_message);
    waiting_set(c, "ImagePullBackOff", message);
    tell(c, false, "BackOff", "Back-off pulling image \"%s\"", image_of(c));
    return c->start_at_ms;
}

void container_begin(struct container *c)
{
    c->state = CONTAINER_STARTING;
    if (!waits_for(c, "ImagePullBackOff"))
        waiting_set(c, "ContainerCreating", NULL);
}

void container_pull_failed(struct container *c, const char *reason, uint64_t now_ms)
{
    c->state = CONTAINER_WAITING;
    if (strcmp(json_path_string_or(c->spec, "imagePullPolicy", ""), "Never") == 0) {
        waiting_set(c, "ErrImageNeverPull",
                    mem_printf("Container image \"%s\" is not present with pull policy of Never",
                               image_of(c)));
        tell(c, true, "ErrImageNeverPull", "%s", c->waiting_message);
        c->start_at_ms = now_ms + BACKOFF_FIRST_MS;
        return;
    }
    tell(c, true, "Failed", "Failed to pull image \"%s\": %s", image_of(c), reason);
    tell(c, true, "Failed", "Error: ErrImagePull");
    waiting_set(c, "ErrImagePull", mem_strdup(reason));
    c->pull_told_at_ms = now_ms + PULL_TOLD_MS;
    c->start_at_ms = now_ms + backoff_next(&c->pulls);
}

void container_config_failed(struct container *c, const char *reason, uint64_t start_at_ms)
{
    c->state = CONTAINER_WAITING;
    c->start_at_ms = start_at_ms;
    if (!c->waiting_message || strcmp(c->waiting_message, reason) != 0)
        tell(c, true, "Failed", "Error: %s", reason);
    waiting_set(c, "CreateContainerConfigError", mem_strdup(reason));
}

void container_run_failed(struct container *c, const char *reason, int64_t realtime_ms)
{
    tell(c, true, "Failed", "Error: %s", reason);
    c->started_ms = realtime_ms;
    container_exit(c, EXIT_START_ERROR, realtime_ms, false, reason);
    c->ended.reason = "StartError";
}

void container_run(struct container *c, const char *image_id, bool image_was_present,
                   int64_t started_ms)
{
    if (image_was_present)
        tell(c, false, "Pulled", "Container image \"%s\" already present on machine", image_of(c));
    else
        tell(c, false, "Pulled", "Successfully pulled image \"%s\"", image_of(c));
    tell(c, false, "Created", "Created container: %s", c->name);
    tell(c, false, "Started", "Started container %s", c->name);
    mem_free(c->image_id);
    c->image_id = mem_strdup(image_id);
    c->started_ms = started_ms;
    c->state = CONTAINER_RUNNING;
    backoff_reset(&c->pulls);
    waiting_set(c, "ContainerCreating", NULL);
}

/* --- the end --- */

void container_end_set(struct container_end *end, int exit_code, int64_t started_ms,
                       int64_t finished_ms, bool out_of_memory, const char *message)
{
    end_clear(end);
    end->valid = true;
    end->exit_code = exit_code;
    end->started_ms = started_ms;
    end->finished_ms = finished_ms;
    end->reason = exit_code == 0                              ? "Completed"
                  : out_of_memory && exit_code == EXIT_KILLED ? "OOMKilled"
                                                              : "Error";
    end->message = message[0] ? mem_strdup(message) : NULL;
}

void container_exit(struct container *c, int exit_code, int64_t finished_ms, bool out_of_memory,
                    const char *message)
{
    container_end_set(&c->ended, exit_code, c->started_ms, finished_ms, out_of_memory, message);
    snprintf(c->ended.id, sizeof c->ended.id, "%s", c->id);
    c->state = CONTAINER_EXITED;
    c->started = false;
    c->ready = false;
}

void container_run_again(struct container *c, uint64_t start_at_ms)
{
    end_clear(&c->last);
    c->last = c->ended;
    c->ended = (struct container_end){0};
    c->attempt++;
    c->state = CONTAINER_WAITING;
    c->start_at_ms = start_at_ms;
    waiting_set(c, "ContainerCreating", NULL);
}

void container_restart(struct container *c, uint64_t now_ms)
{
    const char *ns = kube_namespace(c->pod), *pod = kube_name(c->pod);
    const char *uid = json_path_string_or(c->pod, "metadata.uid", "");
    uint64_t delay_ms;

    if (c->ended.finished_ms - c->ended.started_ms >= BACKOFF_RESET_MS)
        backoff_reset(&c->restarts);
    delay_ms = backoff_next(&c->restarts);
    container_run_again(c, now_ms + delay_ms);
    if (delay_ms == 0)
        return;
    waiting_set(c, "CrashLoopBackOff",
                mem_printf("back-off %llus restarting failed container=%s pod=%s_%s(%s)",
                           (unsigned long long)delay_ms / 1000, c->name, pod, ns, uid));
    tell(c, true, "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)", c->name,
         pod, ns, uid);
}
