/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction: a pod whose emptyDir on the disk outgrew its sizeLimit ends, Failed and Evicted.
 *
 * Memory keeps its limit by itself (the tmpfs is that large); the disk is looked at again and
 * again, so a pod may be beyond its limit for LOOK_MS. A note in the pod's folder outlives the
 * agent.
 *
 * Place   node.c starts it; the measuring is a job
 * Spec    the kubelet's eviction manager, for local storage
 */
#include "api/quantity.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/node_int.h"

enum { LOOK_MS = 10000, MESSAGE_MAX = 4096 };

struct look_job {
    struct node_pod *pod;
    json_t *limits; /* [{"name", "limit", "size", "path"}] */
    char *message;  /* NULL: all are within their limits */
    char note[INSTANCE_PATH_SIZE];
};

/* The volumes that have a limit on the disk. New reference. */
static json_t *limits_gather(const struct node_pod *pod)
{
    json_t *out = json_array();
    json_t *volume;
    size_t i;

    json_array_foreach(json_path_get(pod->first_object, "spec.volumes"), i, volume)
    {
        const char *name = json_path_string_or(volume, "name", "");
        json_t *limit = json_path_get(volume, "emptyDir.sizeLimit");
        char path[INSTANCE_PATH_SIZE];
        int64_t milli;

        if (!limit || quantity_parse(limit, &milli) < 0 || milli <= 0 ||
            strcmp(json_path_string_or(volume, "emptyDir.medium", ""), "Memory") == 0)
            continue;
        node_pod_folder(pod, "volumes", path);
        json_array_append_new(out, json_pack("{s:s,s:O,s:I,s:o}", "name", name, "limit", limit,
                                             "size", (json_int_t)(milli / 1000), "path",
                                             json_sprintf("%s/%s", path, name)));
    }
    return out;
}

/* The first volume beyond its limit. mem_free it; NULL: none. */
static char *message_make(const json_t *limits)
{
    json_t *limit;
    size_t i;

    json_array_foreach(limits, i, limit)
    {
        uint64_t size = 0;

        if (file_tree_size(json_path_string_or(limit, "path", ""), &size, NULL) < 0 ||
            size <= (uint64_t)json_get_int(limit, "size", 0))
            continue;
        return mem_printf("Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\". ",
                          json_path_string_or(limit, "name", ""),
                          json_path_string_or(limit, "limit", ""));
    }
    return NULL;
}

static void look_run(void *ctx)
{
    struct look_job *job = ctx;
    struct error err = {0};

    job->message = message_make(job->limits);
    if (job->message && file_write(job->note, slice_str(job->message), 0600, &err) < 0)
        log_warn(node, "%s: %s", err.path, err.reason);
}

static void look_done(void *ctx)
{
    struct look_job *job = ctx;
    struct node_pod *pod = job->pod;

    pod->jobs--;
    if (job->message && !pod->stopping && !pod->finished) {
        pod->evicted = TAKE(job->message);
        node_event(pod, NULL, true, "Evicted", "%s", pod->evicted);
    }
    json_decref(job->limits);
    mem_free(job->message);
    mem_free(job);
    node_pod_wake(pod);
}

static void on_look_time(void *ctx)
{
    struct node *node = ctx;

    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;
        json_t *limits;
        struct look_job *job;

        if (!pod->ready || pod->stopping || pod->finished || pod->evicted || pod->jobs > 0)
            continue;
        limits = limits_gather(pod);
        if (json_array_size(limits) == 0) {
            json_decref(limits);
            continue;
        }
        job = MEM_NEW(struct look_job);
        job->pod = pod;
        node_pod_folder(pod, "evicted", job->note);
        job->limits = limits;
        pod->jobs++;
        job_start(&node->jobs, look_run, look_done, job);
    }
    loop_timer_start(node->loop, &node->eviction, LOOK_MS);
}

void node_evict_start(struct node *node)
{
    loop_timer_init(&node->eviction, on_look_time, node);
    loop_timer_start(node->loop, &node->eviction, LOOK_MS);
}

void node_evict_adopt(struct node_pod *pod)
{
    SCOPED(buf_deinit) struct buf text;
    char note[INSTANCE_PATH_SIZE];

    buf_init(&text, MESSAGE_MAX);
    node_pod_folder(pod, "evicted", note);
    if (file_read(note, &text, NULL) == 0 && text.len > 0)
        pod->evicted = buf_take(&text);
}
