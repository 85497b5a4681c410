/* SPDX-License-Identifier: Apache-2.0 */
/* A container's life: starts, hooks, ends, restarts with back-off.
 *
 * Back-off as the kubelet has it: the first restart at once, then after 10 s, 20 s ... 300 s; a run
 * of ten minutes resets it. A pull that failed waits the same way.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/node_int.h"

enum {
    BACKOFF_FIRST_MS = 10000,
    BACKOFF_MAX_MS = 300000,
    BACKOFF_RESET_MS = 600000,
    CONFIG_RETRY_MS = 1000,
    PULL_TOLD_MS = 2000, /* ErrImagePull is shown this long before ImagePullBackOff */
    MESSAGE_MAX = 4096,
    EXIT_START_ERROR = 128,
    KILL_AGAIN_MS = 2000,
    HOOK_TIMEOUT_MS = 3600 * 1000, /* the grace period ends it before */
};

static void ended_clear(struct node_ended *ended)
{
    mem_free(ended->message);
    *ended = (struct node_ended){0};
}

static void waiting_set(struct node_container *c, const char *reason, char *message)
{
    mem_free(c->waiting_message);
    c->waiting_reason = reason;
    c->waiting_message = message;
}

static uint64_t now_of(const struct node_container *c)
{
    return loop_now_ms(c->pod->node->loop);
}

void node_container_init(struct node_container *c, struct node_pod *pod, const json_t *spec,
                         bool init)
{
    c->pod = pod;
    c->spec = spec;
    c->name = json_path_string_or(spec, "name", "");
    c->init = init;
    c->sidecar = init && strcmp(json_path_string_or(spec, "restartPolicy", ""), "Always") == 0;
    waiting_set(c,
                init || json_array_size(json_path_get(pod->first_object, "spec.initContainers")) ==
                            0
                    ? "ContainerCreating"
                    : "PodInitializing",
                NULL);
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        static const char *const keys[PROBE_COUNT] = {"startupProbe", "livenessProbe",
                                                      "readinessProbe"};

        c->probes[i].container = c;
        c->probes[i].kind = (enum node_probe_kind)i;
        c->probes[i].spec = json_object_get(spec, keys[i]);
    }
}

void node_container_deinit(struct node_container *c)
{
    node_probes_stop(c);
    node_action_cancel(c->hook);
    ended_clear(&c->ended);
    ended_clear(&c->last);
    mem_free(c->waiting_message);
    mem_free(c->image_id);
}

void node_container_bundle(const struct node_container *c, unsigned attempt,
                           char out[INSTANCE_PATH_SIZE])
{
    char leaf[100];

    snprintf(leaf, sizeof leaf, "containers/%.63s/%u", c->name, attempt);
    node_pod_folder(c->pod, leaf, out);
}

/* The id of a run: unique on the machine, and node.c finds the pod by its start. */
static void id_write(const struct node_container *c, unsigned attempt, char out[OCI_ID_SIZE])
{
    snprintf(out, OCI_ID_SIZE, "%.36s.%.63s.%u", c->pod->uid, c->name, attempt);
}

char *node_container_cgroup(const struct node_container *c)
{
    return mem_printf("%s/%s/%s.%u", c->pod->node->instance->cgroup, c->pod->uid, c->name,
                      c->attempt);
}

bool node_container_is_active(const struct node_container *c)
{
    return c->state == CONTAINER_STARTING || c->state == CONTAINER_RUNNING;
}

bool node_container_restarts(const struct node_container *c)
{
    const char *policy = json_path_string_or(c->pod->first_object, "spec.restartPolicy", "Always");

    if (c->pod->stopping || c->pod->finished)
        return false;
    if (c->sidecar)
        return true;
    if (c->ended.exit_code == 0)
        return !c->init && strcmp(policy, "Always") == 0;
    return strcmp(policy, "Never") != 0;
}

/* --- start --- */

static uint64_t backoff_next(struct node_container *c)
{
    uint64_t delay_ms = c->backoff_ms;

    c->backoff_ms = delay_ms ? MIN(delay_ms * 2, (uint64_t)BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
    return delay_ms;
}

static void start_begin(struct node_container *c)
{
    struct error err = {0};

    id_write(c, c->attempt, c->id);
    c->state = CONTAINER_STARTING;
    if (node_start(c, &err) == 0) {
        if (strcmp(c->waiting_reason, "ImagePullBackOff") != 0)
            waiting_set(c, "ContainerCreating", NULL);
        return;
    }
    c->state = CONTAINER_WAITING;
    c->start_at_ms = now_of(c) + CONFIG_RETRY_MS;
    if (!c->waiting_message || strcmp(c->waiting_message, err.reason) != 0)
        node_event(c->pod, c, true, "Failed", "Error: %s", err.reason);
    waiting_set(c, "CreateContainerConfigError", mem_strdup(err.reason));
    node_pod_wake_at(c->pod, c->start_at_ms);
}

/* The ended run becomes the last one; the next waits for its time. */
static void next_run_prepare(struct node_container *c, uint64_t delay_ms)
{
    ended_clear(&c->last);
    c->last = c->ended;
    c->ended = (struct node_ended){0};
    c->attempt++;
    c->state = CONTAINER_WAITING;
    c->start_at_ms = now_of(c) + delay_ms;
    waiting_set(c, "ContainerCreating", NULL);
}

void node_container_rerun(struct node_container *c)
{
    if (c->state == CONTAINER_EXITED)
        next_run_prepare(c, 0);
}

static void restart_schedule(struct node_container *c)
{
    int64_t ran_ms = c->ended.finished_ms - c->ended.started_ms;
    uint64_t delay_ms;

    if (ran_ms >= BACKOFF_RESET_MS)
        c->backoff_ms = 0;
    delay_ms = backoff_next(c);
    next_run_prepare(c, delay_ms);
    if (delay_ms == 0)
        return;
    waiting_set(c, "CrashLoopBackOff",
                mem_printf("back-off %llus restarting failed container=%s pod=%s_%s(%s)",
                           (unsigned long long)delay_ms / 1000, c->name, c->pod->name, c->pod->ns,
                           c->pod->uid));
    node_event(c->pod, c, true, "BackOff",
               "Back-off restarting failed container %s in pod %s_%s(%s)", c->name, c->pod->name,
               c->pod->ns, c->pod->uid);
}

/* ErrImagePull becomes ImagePullBackOff after a while, as with a kubelet. */
static void pull_backoff_show(struct node_container *c)
{
    const char *image = json_path_string_or(c->spec, "image", "");
    SCOPED(mem_drop) char *cause = NULL;

    if (strcmp(c->waiting_reason, "ErrImagePull") != 0)
        return;
    cause = mem_strdup(c->waiting_message ? c->waiting_message : "");
    waiting_set(c, "ImagePullBackOff",
                mem_printf("Back-off pulling image \"%s\": ErrImagePull: %s", image, cause));
    node_event(c->pod, c, false, "BackOff", "Back-off pulling image \"%s\"", image);
}

void node_container_sync(struct node_container *c)
{
    if (c->state == CONTAINER_EXITED && node_container_restarts(c))
        restart_schedule(c);
    if (c->state == CONTAINER_RUNNING && c->stop_stage != STOP_NONE)
        node_container_stop(c, 0, NULL);
    if (c->state != CONTAINER_WAITING)
        return;
    if (now_of(c) >= c->start_at_ms) {
        start_begin(c);
        return;
    }
    if (strcmp(c->waiting_reason, "ErrImagePull") == 0 &&
        now_of(c) + BACKOFF_FIRST_MS >= c->start_at_ms + PULL_TOLD_MS)
        pull_backoff_show(c);
    node_pod_wake_at(c->pod, strcmp(c->waiting_reason, "ErrImagePull") == 0
                                 ? now_of(c) + PULL_TOLD_MS
                                 : c->start_at_ms);
}

static void start_failed(struct node_container *c, const struct node_start_result *result)
{
    const char *image = json_path_string_or(c->spec, "image", "");

    c->state = CONTAINER_WAITING;
    switch (result->stage) {
    case NODE_START_IMAGE:
        if (strcmp(json_path_string_or(c->spec, "imagePullPolicy", ""), "Never") == 0) {
            node_event(c->pod, c, true, "ErrImageNeverPull",
                       "Container image \"%s\" is not present with pull policy of Never", image);
            waiting_set(
                c, "ErrImageNeverPull",
                mem_printf("Container image \"%s\" is not present with pull policy of Never",
                           image));
            c->start_at_ms = now_of(c) + BACKOFF_FIRST_MS;
            break;
        }
        node_event(c->pod, c, true, "Failed", "Failed to pull image \"%s\": %s", image,
                   result->reason);
        node_event(c->pod, c, true, "Failed", "Error: ErrImagePull");
        waiting_set(c, "ErrImagePull", mem_strdup(result->reason));
        if (c->backoff_ms == 0)
            backoff_next(c);
        c->start_at_ms = now_of(c) + backoff_next(c);
        break;
    case NODE_START_CONFIG:
        node_event(c->pod, c, true, "Failed", "Error: %s", result->reason);
        waiting_set(c, "CreateContainerConfigError", mem_strdup(result->reason));
        c->start_at_ms = now_of(c) + BACKOFF_FIRST_MS;
        break;
    case NODE_START_RUN:
        node_event(c->pod, c, true, "Failed", "Error: %s", result->reason);
        c->started_ms = clock_realtime_ms();
        node_container_exited(c, EXIT_START_ERROR, c->started_ms);
        c->ended.reason = "StartError";
        mem_free(c->ended.message);
        c->ended.message = mem_strdup(result->reason);
        break;
    }
}

static void hook_drop(struct node_container *c)
{
    node_action_cancel(c->hook);
    c->hook = NULL;
    c->hook_running = false;
}

static void on_post_start(bool fine, const char *text, void *ctx)
{
    struct node_container *c = ctx;

    c->hook = NULL;
    c->hook_running = false;
    if (!fine) {
        node_event(c->pod, c, true, "FailedPostStartHook", "PostStartHook failed: %s", text);
        node_container_stop(c, 1, "FailedPostStartHook");
    }
    node_pod_wake(c->pod);
}

static void post_start(struct node_container *c)
{
    const json_t *hook = json_path_get(c->spec, "lifecycle.postStart");
    int rc;

    if (!hook)
        return;
    c->hook_running = true;
    rc = node_action_start(c, hook, HOOK_TIMEOUT_MS, true, on_post_start, c, &c->hook);
    if (rc < 0)
        on_post_start(false, err_text(rc), c);
}

void node_container_started(struct node_container *c, const struct node_start_result *result)
{
    const char *image = json_path_string_or(c->spec, "image", "");

    node_pod_wake(c->pod);
    if (result->rc < 0) {
        log_warn(node, "pod %s/%s container %s: %s", c->pod->ns, c->pod->name, c->name,
                 result->reason);
        start_failed(c, result);
        return;
    }
    if (result->image_was_present)
        node_event(c->pod, c, false, "Pulled", "Container image \"%s\" already present on machine",
                   image);
    else
        node_event(c->pod, c, false, "Pulled", "Successfully pulled image \"%s\"", image);
    node_event(c->pod, c, false, "Created", "Created container: %s", c->name);
    node_event(c->pod, c, false, "Started", "Started container %s", c->name);
    mem_free(c->image_id);
    c->image_id = mem_strdup(result->image_id);
    c->started_ms = result->started_ms;
    c->state = CONTAINER_RUNNING;
    c->stop_stage = STOP_NONE;
    waiting_set(c, "ContainerCreating", NULL);
    node_container_check_exit(c); /* it may have ended before anybody looked */
    if (c->state != CONTAINER_RUNNING)
        return;
    post_start(c);
    node_probes_start(c);
}

/* --- the end --- */

struct clear_job {
    struct node_container *container;
    const struct instance *instance;
    char id[OCI_ID_SIZE];
    char bundle[INSTANCE_PATH_SIZE];
    char old_bundle[INSTANCE_PATH_SIZE]; /* of the run before the last; "" for none */
    struct error err;
    char message[MESSAGE_MAX + 1];
    int exit_code;
    int64_t started_ms, finished_ms;
    bool oom;
    int rc;
};

/* What a later agent must know of the end. */
static void ended_write(const struct clear_job *job)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/ended.json", job->bundle);
    SCOPED(mem_drop) char *text = NULL;
    SCOPED(json_drop)
    json_t *ended =
        json_pack("{s:i,s:I,s:I,s:b,s:o}", "exitCode", job->exit_code, "startedMs",
                  (json_int_t)job->started_ms, "finishedMs", (json_int_t)job->finished_ms, "oom",
                  (int)job->oom, "message", json_string_slice(slice_str(job->message)));

    text = json_format_str(ended, JSON_FORMAT_COMPACT);
    if (file_write(path, slice_str(text), 0600, NULL) < 0)
        log_debug(node, "cannot write %s", path);
}

static void clear_run(void *ctx)
{
    struct clear_job *job = ctx;
    SCOPED(mem_drop) char *message = mem_printf("%s/termination-log", job->bundle);
    SCOPED(mem_drop) char *oom = mem_printf("%s/oom", job->bundle);
    SCOPED(buf_deinit) struct buf text;

    buf_init(&text, 1 << 20);
    if (file_read(message, &text, NULL) == 0)
        snprintf(job->message, sizeof job->message, "%.*s",
                 SLICE_ARG(slice_head(buf_slice(&text), MESSAGE_MAX)));
    job->oom = file_exists(oom);
    ended_write(job);
    job->rc = oci_container_delete(&job->instance->runtime, job->id, job->bundle, &job->err);
    if (job->rc == 0 && job->old_bundle[0])
        job->rc = file_remove_tree(job->old_bundle, &job->err);
}

static void clear_done(void *ctx)
{
    struct clear_job *job = ctx;
    struct node_container *c = job->container;
    struct node_ended *ended = NULL;

    c->pod->jobs--;
    if (strcmp(c->ended.id, job->id) == 0)
        ended = &c->ended;
    else if (strcmp(c->last.id, job->id) == 0)
        ended = &c->last;
    if (ended && job->message[0] && !ended->message)
        ended->message = mem_strdup(job->message);
    if (ended && job->oom && ended->exit_code == 137)
        ended->reason = "OOMKilled";
    if (job->rc < 0)
        log_warn(node, "pod %s/%s container %s: cannot clear away: %s", c->pod->ns, c->pod->name,
                 c->name, job->err.reason);
    node_pod_wake(c->pod);
    mem_free(job);
}

static void clear_start(struct node_container *c)
{
    struct clear_job *job = MEM_NEW(struct clear_job);

    job->container = c;
    job->instance = c->pod->node->instance;
    snprintf(job->id, sizeof job->id, "%s", c->id);
    job->exit_code = c->ended.exit_code;
    job->started_ms = c->ended.started_ms;
    job->finished_ms = c->ended.finished_ms;
    node_container_bundle(c, c->attempt, job->bundle);
    if (c->attempt >= 2)
        node_container_bundle(c, c->attempt - 2, job->old_bundle);
    c->pod->jobs++;
    job_start(&c->pod->node->jobs, clear_run, clear_done, job);
}

void node_container_exited(struct node_container *c, int exit_code, int64_t finished_ms)
{
    node_probes_stop(c);
    hook_drop(c);
    ended_clear(&c->ended);
    c->ended = (struct node_ended){.valid = true,
                                   .exit_code = exit_code,
                                   .started_ms = c->started_ms,
                                   .finished_ms = finished_ms,
                                   .reason = exit_code == 0 ? "Completed" : "Error"};
    snprintf(c->ended.id, sizeof c->ended.id, "%s", c->id);
    c->state = CONTAINER_EXITED;
    c->stop_stage = STOP_NONE;
    c->started = false;
    c->ready = false;
    clear_start(c);
    node_pod_wake(c->pod);
}

void node_container_check_exit(struct node_container *c)
{
    int64_t finished_ms;
    int code;

    if (c->state == CONTAINER_RUNNING &&
        oci_container_exit_read(&c->pod->node->instance->runtime, c->id, &code, &finished_ms))
        node_container_exited(c, code, finished_ms);
}

/* --- stop --- */

struct kill_job {
    struct node_container *container;
    const struct instance *instance;
    char id[OCI_ID_SIZE];
    const char *signal_name;
    int rc;
    struct error err;
};

static void kill_run(void *ctx)
{
    struct kill_job *job = ctx;

    job->rc = oci_container_kill(&job->instance->runtime, job->id, job->signal_name, &job->err);
}

static void kill_done(void *ctx)
{
    struct kill_job *job = ctx;
    struct node_container *c = job->container;

    c->pod->jobs--;
    if (job->rc < 0)
        log_warn(node, "pod %s/%s container %s: cannot send %s: %s", c->pod->ns, c->pod->name,
                 c->name, job->signal_name, job->err.reason);
    node_container_check_exit(c);
    node_pod_wake(c->pod);
    mem_free(job);
}

static void signal_send(struct node_container *c, const char *signal_name)
{
    struct kill_job *job = MEM_NEW(struct kill_job);

    job->container = c;
    job->instance = c->pod->node->instance;
    job->signal_name = signal_name;
    snprintf(job->id, sizeof job->id, "%s", c->id);
    c->pod->jobs++;
    job_start(&c->pod->node->jobs, kill_run, kill_done, job);
}

static void on_pre_stop(bool fine, const char *text, void *ctx)
{
    struct node_container *c = ctx;

    c->hook = NULL;
    if (!fine)
        node_event(c->pod, c, true, "FailedPreStopHook", "PreStopHook failed: %s", text);
    c->stop_stage = STOP_TERM;
    signal_send(c, "TERM");
}

static void stop_begin(struct node_container *c)
{
    const json_t *hook = json_path_get(c->spec, "lifecycle.preStop");
    int rc;

    hook_drop(c);
    c->stop_stage = hook ? STOP_HOOK : STOP_TERM;
    if (!hook) {
        signal_send(c, "TERM");
        return;
    }
    rc = node_action_start(c, hook, HOOK_TIMEOUT_MS, true, on_pre_stop, c, &c->hook);
    if (rc < 0)
        on_pre_stop(false, err_text(rc), c);
}

void node_container_stop(struct node_container *c, int64_t grace_s, const char *reason)
{
    uint64_t kill_at_ms = now_of(c) + (uint64_t)MAX(grace_s, (int64_t)0) * 1000;

    if (c->state != CONTAINER_RUNNING)
        return;
    if (c->stop_stage == STOP_NONE) {
        node_probes_stop(c);
        c->kill_at_ms = kill_at_ms;
        if (strcmp(reason, "Stopping container") == 0) {
            node_event(c->pod, c, false, "Killing", "Stopping container %s", c->name);
            c->ready = false;
        }
        stop_begin(c);
    } else if (reason && kill_at_ms < c->kill_at_ms) {
        c->kill_at_ms = kill_at_ms; /* deleted again, with less patience */
    }
    if (now_of(c) >= c->kill_at_ms) {
        hook_drop(c);
        c->stop_stage = STOP_KILL;
        c->kill_at_ms = now_of(c) + KILL_AGAIN_MS;
        signal_send(c, "KILL");
    }
    node_pod_wake_at(c->pod, c->kill_at_ms);
}

/* --- adoption --- */

static json_t *bundle_read(const struct node_container *c, unsigned attempt, const char *leaf)
{
    char bundle[INSTANCE_PATH_SIZE];
    SCOPED(mem_drop) char *path = NULL;
    SCOPED(buf_deinit) struct buf text;
    json_t *out = NULL;

    buf_init(&text, 65536);
    node_container_bundle(c, attempt, bundle);
    path = mem_printf("%s/%s", bundle, leaf);
    if (file_read(path, &text, NULL) < 0 || json_parse(buf_slice(&text), NULL, &out, NULL) < 0)
        return NULL;
    return out;
}

/* The end of a run that an earlier agent saw. */
static bool ended_read(const struct node_container *c, unsigned attempt, struct node_ended *ret)
{
    SCOPED(json_drop) json_t *saved = bundle_read(c, attempt, "ended.json");
    const char *message = json_path_string_or(saved, "message", "");

    if (!saved)
        return false;
    *ret = (struct node_ended){.valid = true,
                               .exit_code = (int)json_get_int(saved, "exitCode", 255),
                               .started_ms = json_get_int(saved, "startedMs", 0),
                               .finished_ms = json_get_int(saved, "finishedMs", 0),
                               .message = message[0] ? mem_strdup(message) : NULL};
    ret->reason = json_get_bool(saved, "oom", false) ? "OOMKilled"
                  : ret->exit_code == 0              ? "Completed"
                                                     : "Error";
    id_write(c, attempt, ret->id);
    return true;
}

/* Finds the latest run on the disk. */
static bool latest_find(struct node_container *c)
{
    char leaf[100], path[INSTANCE_PATH_SIZE];
    bool found = false;
    DIR *folder;

    snprintf(leaf, sizeof leaf, "containers/%.63s", c->name);
    node_pod_folder(c->pod, leaf, path);
    folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        SCOPED(json_drop) json_t *meta = NULL;
        uint64_t attempt;

        if (slice_parse_u64(slice_str(entry->d_name), UINT32_MAX, &attempt) < 0 ||
            (found && attempt < c->attempt))
            continue;
        meta = bundle_read(c, (unsigned)attempt, "meta.json");
        if (!meta)
            continue;
        found = true;
        c->attempt = (unsigned)attempt;
        c->started_ms = json_get_int(meta, "startedMs", 0);
        mem_free(c->image_id);
        c->image_id = mem_strdup(json_path_string_or(meta, "imageId", ""));
    }
    if (folder)
        closedir(folder);
    return found;
}

void node_container_adopt(struct node_container *c)
{
    int64_t finished_ms = clock_realtime_ms();
    int code = 255;

    if (!latest_find(c))
        return;
    id_write(c, c->attempt, c->id);
    if (c->attempt > 0) {
        ended_read(c, c->attempt - 1, &c->last);
        c->backoff_ms = BACKOFF_FIRST_MS;
    }
    if (ended_read(c, c->attempt, &c->ended)) {
        c->state = CONTAINER_EXITED;
    } else if (!oci_container_exit_read(&c->pod->node->instance->runtime, c->id, &code,
                                        &finished_ms) &&
               oci_container_is_running(&c->pod->node->instance->runtime, c->id)) {
        c->state = CONTAINER_RUNNING;
        c->started = true; /* as it was: a restart of the agent takes nobody out of service */
        node_probes_start(c);
        c->ready = true;
    } else {
        node_container_exited(c, code, finished_ms);
    }
}
