/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod has before its containers run, and what is cleared after: address, network namespace,
 * /etc files, volumes, tokens.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/objects/pod_etc.h"
#include "kube/objects/pod_volume.h"
#include "sandbox/net.h"
#include "sandbox/node_int.h"
#include "sandbox/node_volume.h"

enum { RETRY_MS = 1000 };

bool node_setup_adopt(struct node_pod *pod)
{
    addr_pool_mark(&pod->node->ips, pod->ip, true);
    return net_pod_is_there(pod->node->instance, pod->uid);
}

/* --- set-up --- */

struct setup_job {
    struct node_pod *pod;
    const struct instance *instance;
    char uid[64];
    char ip[INSTANCE_IP_SIZE];
    char folder[INSTANCE_PATH_SIZE];
    bool network;    /* make the namespace too */
    json_t *volumes; /* a private copy: name: content */
    json_t *etc;     /* file name: text */
    json_t *saved;   /* pod.json */
    int64_t fs_group;
    int rc;
    struct error err;
};

static void job_free(struct setup_job *job)
{
    json_decref(job->volumes);
    json_decref(job->etc);
    json_decref(job->saved);
    mem_free(job);
}

static int texts_write(const struct setup_job *job, struct error *err)
{
    const char *name;
    json_t *text;
    SCOPED(mem_drop) char *pod_json = NULL;
    SCOPED(mem_drop) char *pod_path = mem_printf("%s/pod.json", job->folder);
    int rc;

    json_object_foreach(job->etc, name, text)
    {
        SCOPED(mem_drop) char *path = mem_printf("%s/%s", job->folder, name);

        rc = file_write(path, json_slice(text), 0644, err);
        if (rc < 0)
            return rc;
    }
    if (!job->saved)
        return 0;
    pod_json = json_format_str(job->saved, JSON_FORMAT_COMPACT);
    return file_write(pod_path, slice_str(pod_json), 0600, err);
}

static void setup_run(void *ctx)
{
    struct setup_job *job = ctx;
    const char *name;
    json_t *content;
    int rc = file_make_dirs(job->folder, 0755, &job->err);

    json_object_foreach(job->volumes, name, content)
    {
        SCOPED(mem_drop) char *folder = mem_printf("%s/volumes/%s", job->folder, name);

        if (rc == 0)
            rc = node_volume_write(folder, content, job->fs_group, &job->err);
        if (rc < 0 && !job->err.path[0])
            snprintf(job->err.path, sizeof job->err.path, "volume \"%.63s\"", name);
    }
    if (rc == 0 && job->network)
        rc = net_pod_add(job->instance, job->uid, job->ip, &job->err);
    if (rc == 0)
        rc = texts_write(job, &job->err);
    job->rc = rc;
}

static void problem_tell(struct node_pod *pod, const char *reason, const char *text)
{
    if (pod->setup_problem && strcmp(pod->setup_problem, text) == 0)
        return;
    mem_free(pod->setup_problem);
    pod->setup_problem = mem_strdup(text);
    node_event(pod, NULL, true, reason, "%s", text);
    log_warn(node, "pod %s/%s: %s: %s", pod->ns, pod->name, reason, text);
}

static void retry_later(struct node_pod *pod)
{
    pod->retry_at_ms = loop_now_ms(pod->node->loop) + RETRY_MS;
    node_pod_wake_at(pod, pod->retry_at_ms);
}

static void setup_done(void *ctx)
{
    struct setup_job *job = ctx;
    struct node_pod *pod = job->pod;
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    pod->jobs--;
    if (job->rc == 0) {
        pod->ready = true;
        pod->volumes_known = true;
        node_pod_address(pod, true);
        json_object_update(pod->volumes, job->volumes);
    } else {
        SCOPED(mem_drop) char *why = NULL;

        err_format(&job->err, text, sizeof text);
        why = mem_printf("Failed to create pod sandbox: %s", text);
        problem_tell(pod, "FailedCreatePodSandBox", why);
        retry_later(pod);
    }
    job_free(job);
    node_pod_wake(pod);
}

static struct setup_job *job_new(struct node_pod *pod, json_t *volumes)
{
    struct setup_job *job = MEM_NEW(struct setup_job);

    job->pod = pod;
    job->instance = pod->node->instance;
    snprintf(job->uid, sizeof job->uid, "%s", pod->uid);
    snprintf(job->ip, sizeof job->ip, "%s", pod->ip);
    node_pod_folder(pod, "", job->folder);
    job->volumes = json_deep_copy(volumes);
    job->fs_group = json_path_int(pod->object, "spec.securityContext.fsGroup", -1);
    return job;
}

/* All volumes' content; on failure tells the problem and returns NULL. A token that is missing does
 * not stop it, so that all are asked for at once. */
static json_t *volumes_resolve(struct node_pod *pod)
{
    struct pod_view view;
    json_t *out = json_object();
    json_t *volume;
    size_t i;
    int failure = 0;

    node_pod_view(pod, &view);
    json_array_foreach(json_path_get(pod->first_object, "spec.volumes"), i, volume)
    {
        const char *name = json_path_string_or(volume, "name", "");
        struct error err = {0};
        json_t *content = NULL;
        int rc = pod_volume_resolve(&view, volume, pod_tokens_get, pod->tokens, &content, &err);

        if (rc < 0 && rc != ERR_AGAIN) {
            SCOPED(mem_drop)
            char *why =
                mem_printf("MountVolume.SetUp failed for volume \"%s\" : %s", name, err.reason);

            problem_tell(pod, "FailedMount", why);
        }
        if (rc < 0)
            failure = rc;
        else
            json_object_set_new(out, name, content);
    }
    if (failure == 0)
        return out;
    retry_later(pod);
    json_decref(out);
    return NULL;
}

void node_setup_sync(struct node_pod *pod)
{
    struct setup_job *job;
    struct pod_view view;
    json_t *volumes;

    if (pod->jobs > 0)
        return;
    if (loop_now_ms(pod->node->loop) < pod->retry_at_ms) {
        node_pod_wake_at(pod, pod->retry_at_ms);
        return;
    }
    if (!pod->ip[0] && addr_pool_take(&pod->node->ips, pod->ip) < 0) {
        problem_tell(pod, "FailedCreatePodSandBox",
                     "Failed to create pod sandbox: no address left");
        retry_later(pod);
        return;
    }
    volumes = volumes_resolve(pod);
    if (!volumes)
        return;
    job = job_new(pod, volumes);
    json_decref(volumes);
    job->network = !pod->ready;
    node_pod_view(pod, &view);
    job->etc = pod_etc_build(&view, pod->node->instance->dns_ip);
    job->saved = json_pack("{s:O,s:s,s:I}", "object", pod->object, "ip", pod->ip, "startMs",
                           (json_int_t)pod->start_ms);
    pod->jobs++;
    job_start(&pod->node->jobs, setup_run, setup_done, job);
}

/* --- refresh --- */

static void refresh_done(void *ctx)
{
    struct setup_job *job = ctx;
    struct node_pod *pod = job->pod;

    pod->jobs--;
    if (job->rc == 0)
        json_object_update(pod->volumes, job->volumes);
    else
        log_warn(node, "pod %s/%s: cannot update volumes: %s", pod->ns, pod->name, job->err.reason);
    job_free(job);
    node_pod_wake(pod);
}

void node_setup_refresh(struct node_pod *pod)
{
    struct pod_view view;
    json_t *changed = json_object();
    json_t *volume;
    size_t i;

    node_pod_view(pod, &view);
    json_array_foreach(json_path_get(pod->first_object, "spec.volumes"), i, volume)
    {
        const char *name = json_path_string_or(volume, "name", "");
        json_t *content = NULL;

        if (pod_volume_resolve(&view, volume, pod_tokens_get, pod->tokens, &content, NULL) < 0)
            continue; /* gone meanwhile: the containers keep what they have */
        if (!json_equal(content, json_object_get(pod->volumes, name)))
            json_object_set(changed, name, content);
        json_decref(content);
    }
    if (json_object_size(changed) > 0 && pod->jobs == 0) {
        pod->jobs++;
        job_start(&pod->node->jobs, setup_run, refresh_done, job_new(pod, changed));
    }
    json_decref(changed);
}

/* --- removal --- */

static void remove_run(void *ctx)
{
    struct setup_job *job = ctx;
    SCOPED(mem_drop) char *cgroup = mem_printf("%s/%s", job->instance->cgroup, job->uid);
    const char *name;
    json_t *content;
    int rc = net_pod_remove(job->instance, job->uid, &job->err);

    json_object_foreach(job->volumes, name, content)
    {
        SCOPED(mem_drop) char *folder = mem_printf("%s/volumes/%s", job->folder, name);

        if (json_get_bool(content, "memory", false) && umount2(folder, MNT_DETACH) < 0 &&
            errno != EINVAL && errno != ENOENT)
            rc = err_set(&job->err, err_from_errno(errno), "cannot unmount %s", folder);
    }
    cgroup_remove(cgroup);
    if (rc == 0)
        rc = file_remove_tree(job->folder, &job->err);
    job->rc = rc;
}

static void remove_done(void *ctx)
{
    struct setup_job *job = ctx;
    struct node_pod *pod = job->pod;

    pod->jobs--;
    if (job->rc < 0) {
        log_warn(node, "pod %s/%s: cannot clear away: %s", pod->ns, pod->name, job->err.reason);
        retry_later(pod);
    } else {
        pod->torn_down = true;
        node_pod_address(pod, false);
        addr_pool_mark(&pod->node->ips, pod->ip, false);
        node_pod_wake(pod);
    }
    job_free(job);
}

void node_setup_remove(struct node_pod *pod)
{
    struct setup_job *job;
    json_t *volume;
    size_t i;

    if (pod->jobs > 0 || loop_now_ms(pod->node->loop) < pod->retry_at_ms) {
        node_pod_wake_at(pod, pod->retry_at_ms);
        return;
    }
    job = job_new(pod, pod->volumes);
    /* an adopted pod knows its volumes by the spec alone */
    json_array_foreach(json_path_get(pod->first_object, "spec.volumes"), i, volume)
    {
        if (strcmp(json_path_string_or(volume, "emptyDir.medium", ""), "Memory") == 0)
            json_object_set_new(job->volumes, json_path_string_or(volume, "name", ""),
                                json_pack("{s:b}", "memory", 1));
    }
    pod->jobs++;
    job_start(&pod->node->jobs, remove_run, remove_done, job);
}
