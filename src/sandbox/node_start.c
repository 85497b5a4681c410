/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a container: what is needed is gathered on the loop, then a job finds the image,
 * mounts, writes config.json and runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/objects/pod_env.h"
#include "sandbox/node_int.h"
#include "sandbox/node_oci.h"
#include "sandbox/node_volume.h"

struct start_job {
    struct node_container *container;
    const struct instance *instance;
    char id[OCI_ID_SIZE];
    char bundle[INSTANCE_PATH_SIZE];
    char netns_path[NODE_NETNS_PATH_SIZE];
    char *hostname;
    char *cgroup;
    json_t *inputs; /* private copies: container, podSecurity, env, command, args, mounts */
    bool may_pull;
    /* results */
    enum node_start_stage stage;
    bool image_was_present;
    struct oci_record record;
    int rc;
    struct error err;
};

static void job_free(struct start_job *job)
{
    mem_free(job->hostname);
    mem_free(job->cgroup);
    json_decref(job->inputs);
    mem_free(job);
}

/* --- on the job's thread --- */

/* Makes the folder of a subPath, and an empty file for the termination message. */
static int sources_make(const struct start_job *job, struct error *err)
{
    SCOPED(mem_drop) char *message = mem_printf("%s/termination-log", job->bundle);
    SCOPED(fd_drop) int fd = -1;
    json_t *mount;
    size_t i;

    json_array_foreach(json_object_get(job->inputs, "mounts"), i, mount)
    {
        const char *source = json_path_string_or(mount, "source", "");
        int rc = 0;

        if (json_get_bool(mount, "make", false) && !file_exists(source)) {
            rc = file_make_dirs(source, 0777, err);
            if (rc == 0 && chmod(source, 0777) < 0)
                rc = err_set(err, err_from_errno(errno), "cannot change the mode of %s", source);
        }
        if (rc < 0)
            return rc;
    }
    fd = open(message, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || fchmod(fd, 0666) < 0)
        return err_set(err, err_from_errno(errno), "cannot make %s: %s", message, strerror(errno));
    return 0;
}

/* *ret is a new reference. */
static int config_build(const struct start_job *job, const struct oci_image *image, json_t **ret,
                        struct error *err)
{
    const struct node_oci_plan plan = {
        .container = json_object_get(job->inputs, "container"),
        .pod_security = json_object_get(job->inputs, "podSecurity"),
        .env = json_object_get(job->inputs, "env"),
        .command = json_object_get(job->inputs, "command"),
        .args = json_object_get(job->inputs, "args"),
        .mounts = json_object_get(job->inputs, "mounts"),
        .hostname = job->hostname,
        .netns_path = job->netns_path,
        .cgroup_path = job->cgroup,
    };

    return node_oci_build(&plan, image, ret, err);
}

static int run_image(struct start_job *job, const struct oci_image *image)
{
    const json_t *container = json_object_get(job->inputs, "container");
    SCOPED(json_drop) json_t *config = NULL;
    struct oci_create create = {.id = job->id,
                                .bundle = job->bundle,
                                .image = image,
                                .stdin_open = json_get_bool(container, "stdin", false),
                                .stdin_once = json_get_bool(container, "stdinOnce", false)};
    int rc;

    job->stage = NODE_START_CONFIG;
    rc = file_make_dirs(job->bundle, 0755, &job->err);
    if (rc == 0)
        rc = sources_make(job, &job->err);
    if (rc == 0)
        rc = config_build(job, image, &config, &job->err);
    if (rc < 0)
        return rc;
    job->stage = NODE_START_RUN;
    job->record.started_ms = clock_realtime_ms();
    create.config = config;
    rc = oci_record_start(job->bundle, &job->record, &job->err);
    return rc < 0 ? rc : oci_container_run(&job->instance->runtime, &create, &job->err);
}

static void start_run(void *ctx)
{
    struct start_job *job = ctx;
    const char *name = json_path_string_or(json_object_get(job->inputs, "container"), "image", "");
    struct oci_image *image = NULL;

    job->stage = NODE_START_IMAGE;
    job->image_was_present = oci_image_is_present(&job->instance->images, name);
    job->rc = oci_image_prepare(&job->instance->images, name, job->may_pull, &image, &job->err);
    if (job->rc < 0)
        return;
    snprintf(job->record.image_id, sizeof job->record.image_id, "%s", image->digest);
    job->rc = run_image(job, image);
    oci_image_free(image);
}

static void start_done(void *ctx)
{
    struct start_job *job = ctx;
    struct node_start_result result = {.stage = job->stage,
                                       .image_was_present = job->image_was_present,
                                       .image_id = job->record.image_id,
                                       .started_ms = job->record.started_ms,
                                       .rc = job->rc,
                                       .reason = job->err.reason};
    struct node_container *container = job->container;

    container->pod->jobs--;
    node_container_started(container, &result);
    job_free(job);
}

/* --- on the loop --- */

static int mount_add(const struct node_pod *pod, const json_t *mount, const json_t *env,
                     json_t *mounts, struct error *err)
{
    const char *name = json_path_string_or(mount, "name", "");
    const json_t *content = json_object_get(pod->volumes, name);
    const char *expression = json_get_string(mount, "subPathExpr");
    SCOPED(mem_drop)
    char *sub = expression ? pod_env_expand(expression, env)
                           : mem_strdup(json_path_string_or(mount, "subPath", ""));
    SCOPED(mem_drop) char *leaf = mem_printf("volumes/%s", name);
    SCOPED(mem_drop) char *source = NULL;
    SCOPED(mem_drop) char *full = NULL;
    char folder[INSTANCE_PATH_SIZE];

    if (!content)
        return err_set(err, ERR_NOT_FOUND, "volumeMount \"%s\" has no volume of that name", name);
    if (strstr(sub, "..") || sub[0] == '/')
        return err_set(err, ERR_INVALID, "subPath \"%s\" must lie inside the volume", sub);
    node_pod_folder(pod, leaf, folder);
    source = node_volume_source(folder, content);
    full = mem_printf("%s%s%s", source, sub[0] ? "/" : "", sub);
    json_array_append_new(
        mounts,
        json_pack("{s:s,s:s,s:b,s:b}", "source", full, "path",
                  json_path_string_or(mount, "mountPath", ""), "readOnly",
                  (int)json_get_bool(mount, "readOnly", false), "make",
                  sub[0] && strcmp(json_path_string_or(content, "kind", ""), "empty") == 0));
    return 0;
}

static json_t *own_mounts(const struct node_container *container, const char *bundle)
{
    static const char *const files[] = {"hosts", "hostname", "resolv.conf"};
    SCOPED(mem_drop) char *message = mem_printf("%s/termination-log", bundle);
    json_t *mounts = json_array();

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char source[INSTANCE_PATH_SIZE];
        char path[64];

        node_pod_folder(container->pod, files[i], source);
        snprintf(path, sizeof path, "/etc/%s", files[i]);
        json_array_append_new(mounts, json_pack("{s:s,s:s}", "source", source, "path", path));
    }
    json_array_append_new(
        mounts, json_pack("{s:s,s:s}", "source", message, "path",
                          json_path_string_or(container->life->spec, "terminationMessagePath",
                                              "/dev/termination-log")));
    return mounts;
}

static int inputs_gather(const struct node_container *container, struct start_job *job,
                         struct error *err)
{
    const struct node_pod *pod = container->pod;
    struct pod_view view;
    SCOPED(json_drop) json_t *env = NULL;
    SCOPED(json_drop) json_t *mounts = own_mounts(container, job->bundle);
    json_t *mount;
    size_t i;
    int rc;

    node_pod_view(pod, &view);
    rc = pod_env_build(&view, container->life->spec, &env, err);
    if (rc < 0)
        return rc;
    json_array_foreach(json_object_get(container->life->spec, "volumeMounts"), i, mount)
    {
        rc = mount_add(pod, mount, env, mounts, err);
        if (rc < 0)
            return rc;
    }
    job->inputs = json_pack(
        "{s:o,s:o*,s:O,s:o*,s:o*,s:O}", "container", json_deep_copy(container->life->spec),
        "podSecurity", json_deep_copy(json_path_get(pod->object, "spec.securityContext")), "env",
        env, "command", pod_env_expand_list(json_object_get(container->life->spec, "command"), env),
        "args", pod_env_expand_list(json_object_get(container->life->spec, "args"), env), "mounts",
        mounts);
    return job->inputs ? 0 : err_set(err, ERR_INTERNAL, "cannot gather the container's inputs");
}

int node_start(struct node_container *container, struct error *err)
{
    struct node_pod *pod = container->pod;
    const struct instance *in = pod->node->instance;
    struct start_job *job = MEM_NEW(struct start_job);
    int rc;

    job->container = container;
    job->instance = in;
    snprintf(job->id, sizeof job->id, "%s", container->life->id);
    node_container_bundle(container, container->life->attempt, job->bundle);
    node_pod_netns(pod, job->netns_path);
    job->hostname = mem_strdup(json_path_string_or(pod->object, "spec.hostname", pod->name));
    job->cgroup = node_container_cgroup(container);
    job->may_pull =
        strcmp(json_path_string_or(container->life->spec, "imagePullPolicy", ""), "Never") != 0;
    rc = inputs_gather(container, job, err);
    if (rc < 0) {
        job_free(job);
        return rc;
    }
    pod->jobs++;
    job_start(&pod->node->jobs, start_run, start_done, job);
    return 0;
}
