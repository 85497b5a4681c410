/* SPDX-License-Identifier: Apache-2.0 */
/* A container's life on this machine: jobs that start, signal and clear away, hooks, what a later
 * agent finds on the disk. Its states, back-offs and events are those of sandbox/node/container.h.
 */
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
    CONFIG_RETRY_MS = 1000,
    CONFIG_WRITE_RETRY_MS = 10000,
    KILL_AGAIN_MS = 2000,
    HOOK_TIMEOUT_MS = 3600 * 1000, /* the grace period ends it before */
};

static uint64_t now_of(const struct node_container *c)
{
    return loop_now_ms(c->pod->node->loop);
}

static void on_event(bool is_warning, const char *reason, const char *message, void *ctx)
{
    struct node_container *c = ctx;

    node_event(c->pod, c, is_warning, reason, "%s", message);
}

void node_container_init(struct node_container *c, struct node_pod *pod, struct container *life,
                         const json_t *spec, bool init)
{
    container_init(life, pod->first_object, spec, init, on_event, c);
    c->pod = pod;
    c->life = life;
    node_probes_init(c);
}

void node_container_deinit(struct node_container *c)
{
    pod_probes_stop(&c->probes);
    pod_action_cancel(c->hook);
    container_deinit(c->life);
}

void node_container_bundle(const struct node_container *c, unsigned attempt,
                           char out[INSTANCE_PATH_SIZE])
{
    char leaf[100];

    snprintf(leaf, sizeof leaf, "containers/%.63s/%u", c->life->name, attempt);
    node_pod_folder(c->pod, leaf, out);
}

/* The id of a run: unique on the machine, and node.c finds the pod by its start. */
static void id_write(const struct node_container *c, unsigned attempt, char out[OCI_ID_SIZE])
{
    snprintf(out, OCI_ID_SIZE, "%.36s.%.63s.%u", c->pod->uid, c->life->name, attempt);
}

char *node_container_cgroup(const struct node_container *c)
{
    return mem_printf("%s/%s/%s.%u", c->pod->node->instance->cgroup, c->pod->uid, c->life->name,
                      c->life->attempt);
}

/* Whether it is started again after this end. */
static bool restarts(const struct node_container *c)
{
    return !c->pod->stopping && !c->pod->finished && container_is_to_restart(c->life);
}

/* --- start --- */

static void start_begin(struct node_container *c)
{
    struct error err = {0};

    id_write(c, c->life->attempt, c->life->id);
    if (node_start(c, &err) == 0) {
        container_begin(c->life);
        return;
    }
    container_config_failed(c->life, err.reason, now_of(c) + CONFIG_RETRY_MS);
    node_pod_wake_at(c->pod, c->life->start_at_ms);
}

void node_container_rerun(struct node_container *c)
{
    if (c->life->state == CONTAINER_EXITED)
        container_run_again(c->life, now_of(c));
}

void node_container_sync(struct node_container *c)
{
    uint64_t look_at_ms;

    if (c->life->state == CONTAINER_EXITED && restarts(c))
        container_restart(c->life, now_of(c));
    if (c->life->state == CONTAINER_RUNNING && c->stop_stage != STOP_NONE)
        node_container_stop(c, 0, NULL);
    if (c->life->state != CONTAINER_WAITING)
        return;
    look_at_ms = container_wait(c->life, now_of(c));
    if (look_at_ms == 0)
        start_begin(c);
    else
        node_pod_wake_at(c->pod, look_at_ms);
}

static void run_over(struct node_container *c);

static void start_failed(struct node_container *c, const struct node_start_result *result)
{
    switch (result->stage) {
    case NODE_START_IMAGE:
        container_pull_failed(c->life, result->reason, now_of(c));
        break;
    case NODE_START_CONFIG:
        container_config_failed(c->life, result->reason, now_of(c) + CONFIG_WRITE_RETRY_MS);
        break;
    case NODE_START_RUN:
        container_run_failed(c->life, result->reason, clock_realtime_ms());
        run_over(c);
        break;
    }
}

static void hook_drop(struct node_container *c)
{
    pod_action_cancel(c->hook);
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
    const json_t *hook = json_path_get(c->life->spec, "lifecycle.postStart");
    int rc;

    if (!hook)
        return;
    c->hook_running = true;
    rc = pod_action_start(&c->target, hook, HOOK_TIMEOUT_MS, true, on_post_start, c, &c->hook);
    if (rc < 0)
        on_post_start(false, err_text(rc), c);
}

void node_container_started(struct node_container *c, const struct node_start_result *result)
{
    node_pod_wake(c->pod);
    if (result->rc < 0) {
        log_warn(node, "pod %s/%s container %s: %s", c->pod->ns, c->pod->name, c->life->name,
                 result->reason);
        start_failed(c, result);
        return;
    }
    container_run(c->life, result->image_id, result->image_was_present, result->started_ms);
    c->stop_stage = STOP_NONE;
    node_container_check_exit(c); /* it may have ended before anybody looked */
    if (c->life->state != CONTAINER_RUNNING)
        return;
    post_start(c);
    pod_probes_start(&c->probes, c->life->started);
}

/* --- the end --- */

/* Something that is done to the current run, on a job's thread. */
struct run_job {
    struct node_container *container;
    const struct oci_runtime *runtime;
    char id[OCI_ID_SIZE];
    const char *signal_name; /* NULL: it is cleared away */
    char bundle[INSTANCE_PATH_SIZE];
    char old_bundle[INSTANCE_PATH_SIZE]; /* of the run before the last; "" for none */
    struct oci_record record;            /* of the end */
    struct error err;
    int rc;
};

static struct run_job *run_job_new(struct node_container *c, const char *signal_name)
{
    struct run_job *job = MEM_NEW(struct run_job);

    job->container = c;
    job->runtime = &c->pod->node->instance->runtime;
    job->signal_name = signal_name;
    snprintf(job->id, sizeof job->id, "%s", c->life->id);
    node_container_bundle(c, c->life->attempt, job->bundle);
    return job;
}

static void run_job_end(void *ctx)
{
    struct run_job *job = ctx;
    struct node_container *c = job->container;

    c->pod->jobs--;
    if (job->rc < 0)
        log_warn(node, "pod %s/%s container %s: cannot %s%s: %s", c->pod->ns, c->pod->name,
                 c->life->name, job->signal_name ? "send " : "clear away",
                 job->signal_name ? job->signal_name : "", job->err.reason);
    node_pod_wake(c->pod);
    mem_free(job);
}

static void run_job_start(struct run_job *job, void (*run)(void *ctx), void (*done)(void *ctx))
{
    struct node_pod *pod = job->container->pod;

    pod->jobs++;
    job_start(&pod->node->jobs, run, done, job);
}

static void clear_run(void *ctx)
{
    struct run_job *job = ctx;

    oci_record_end(job->bundle, &job->record);
    job->rc = oci_container_delete(job->runtime, job->id, job->bundle, &job->err);
    if (job->rc == 0 && job->old_bundle[0])
        job->rc = file_remove_tree(job->old_bundle, &job->err);
}

static void clear_start(struct node_container *c)
{
    const struct container_end *ended = &c->life->ended;
    struct run_job *job = run_job_new(c, NULL);

    job->record = (struct oci_record){.exit_code = ended->exit_code,
                                      .started_ms = ended->started_ms,
                                      .finished_ms = ended->finished_ms,
                                      .out_of_memory = strcmp(ended->reason, "OOMKilled") == 0};
    snprintf(job->record.message, sizeof job->record.message, "%s",
             ended->message ? ended->message : "");
    if (c->life->attempt >= 2)
        node_container_bundle(c, c->life->attempt - 2, job->old_bundle);
    run_job_start(job, clear_run, run_job_end);
}

static void run_over(struct node_container *c)
{
    pod_probes_stop(&c->probes);
    hook_drop(c);
    c->stop_stage = STOP_NONE;
    clear_start(c);
    node_pod_wake(c->pod);
}

void node_container_exited(struct node_container *c, int exit_code, int64_t finished_ms)
{
    char bundle[INSTANCE_PATH_SIZE];
    struct oci_record record = {0};

    node_container_bundle(c, c->life->attempt, bundle);
    oci_record_leavings(bundle, &record);
    container_exit(c->life, exit_code, finished_ms, record.out_of_memory, record.message);
    run_over(c);
}

void node_container_check_exit(struct node_container *c)
{
    int64_t finished_ms;
    int code;

    if (c->life->state == CONTAINER_RUNNING &&
        oci_container_exit_read(&c->pod->node->instance->runtime, c->life->id, &code, &finished_ms))
        node_container_exited(c, code, finished_ms);
}

/* --- stop --- */

static void kill_run(void *ctx)
{
    struct run_job *job = ctx;

    job->rc = oci_container_kill(job->runtime, job->id, job->signal_name, &job->err);
}

static void kill_done(void *ctx)
{
    struct run_job *job = ctx;

    node_container_check_exit(job->container);
    run_job_end(job);
}

static void signal_send(struct node_container *c, const char *signal_name)
{
    run_job_start(run_job_new(c, signal_name), kill_run, kill_done);
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
    const json_t *hook = json_path_get(c->life->spec, "lifecycle.preStop");
    int rc;

    hook_drop(c);
    c->stop_stage = hook ? STOP_HOOK : STOP_TERM;
    if (!hook) {
        signal_send(c, "TERM");
        return;
    }
    rc = pod_action_start(&c->target, hook, HOOK_TIMEOUT_MS, true, on_pre_stop, c, &c->hook);
    if (rc < 0)
        on_pre_stop(false, err_text(rc), c);
}

void node_container_stop(struct node_container *c, int64_t grace_s, const char *reason)
{
    uint64_t kill_at_ms = now_of(c) + (uint64_t)MAX(grace_s, (int64_t)0) * 1000;

    if (c->life->state != CONTAINER_RUNNING)
        return;
    if (c->stop_stage == STOP_NONE) {
        pod_probes_stop(&c->probes);
        c->kill_at_ms = kill_at_ms;
        if (strcmp(reason, "Stopping container") == 0) {
            node_event(c->pod, c, false, "Killing", "Stopping container %s", c->life->name);
            c->life->ready = false;
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

/* The end of a run that an earlier agent saw. */
static bool ended_read(const struct node_container *c, unsigned attempt, struct container_end *ret)
{
    char bundle[INSTANCE_PATH_SIZE];
    struct oci_record record;

    node_container_bundle(c, attempt, bundle);
    if (oci_record_read(bundle, &record) < 0 || !record.has_ended)
        return false;
    container_end_set(ret, record.exit_code, record.started_ms, record.finished_ms,
                      record.out_of_memory, record.message);
    id_write(c, attempt, ret->id);
    return true;
}

/* Finds the latest run on the disk. */
static bool latest_find(struct node_container *c)
{
    char leaf[100], path[INSTANCE_PATH_SIZE];
    struct oci_record record;
    unsigned attempt;

    snprintf(leaf, sizeof leaf, "containers/%.63s", c->life->name);
    node_pod_folder(c->pod, leaf, path);
    if (oci_record_latest(path, &attempt) < 0)
        return false;
    node_container_bundle(c, attempt, path);
    if (oci_record_read(path, &record) < 0)
        return false;
    c->life->attempt = attempt;
    c->life->started_ms = record.started_ms;
    c->life->image_id = mem_strdup(record.image_id);
    return true;
}

void node_container_adopt(struct node_container *c)
{
    int64_t finished_ms = clock_realtime_ms();
    int code = 255;

    if (!latest_find(c))
        return;
    id_write(c, c->life->attempt, c->life->id);
    if (c->life->attempt > 0) {
        ended_read(c, c->life->attempt - 1, &c->life->last);
        backoff_next(&c->life->restarts); /* the first one was at once */
    }
    if (ended_read(c, c->life->attempt, &c->life->ended)) {
        c->life->state = CONTAINER_EXITED;
    } else if (!oci_container_exit_read(&c->pod->node->instance->runtime, c->life->id, &code,
                                        &finished_ms) &&
               oci_container_is_running(&c->pod->node->instance->runtime, c->life->id)) {
        c->life->state = CONTAINER_RUNNING;
        c->life->started = true; /* as it was: a restart of the agent takes nobody out of service */
        pod_probes_start(&c->probes, c->life->started);
        c->life->ready = true;
    } else {
        node_container_exited(c, code, finished_ms);
    }
}
