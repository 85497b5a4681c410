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
#include "kube/pod_volume.h"
#include "sandbox/net.h"
#include "sandbox/node_int.h"
#include "sandbox/node_volume.h"

enum { RETRY_MS = 1000, FIRST_POD_IP = 0x0100, TOKEN_LIFE_MIN_S = 60 };

/* --- addresses --- */

static bool ip_is_used(const struct node *node, uint32_t low)
{
    return node->ip_used[low / 8] >> (low % 8) & 1;
}

static void ip_mark(struct node *node, const char *ip, bool used)
{
    unsigned a, b, c, d;
    uint32_t low;

    if (sscanf(ip, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
        return;
    low = (c & 0xFF) << 8 | (d & 0xFF);
    if (used)
        node->ip_used[low / 8] |= (uint8_t)(1U << (low % 8));
    else
        node->ip_used[low / 8] &= (uint8_t) ~(1U << (low % 8));
}

/* The next free one, in turn: a freed address rests as long as possible. */
static int ip_assign(struct node_pod *pod)
{
    struct node *node = pod->node;
    const char *gateway = node->instance->pod_gateway;
    int prefix = (int)(strrchr(gateway, '.') - gateway) - 2; /* "10.B" of "10.B.0.1" */

    for (uint32_t tried = 0; tried < 65536 - FIRST_POD_IP; tried++) {
        uint32_t low = node->ip_last + 1;

        if (low < FIRST_POD_IP || low >= 65535)
            low = FIRST_POD_IP;
        node->ip_last = low;
        if ((low & 0xFF) == 0 || (low & 0xFF) == 255 || ip_is_used(node, low))
            continue;
        snprintf(pod->ip, sizeof pod->ip, "%.*s.%u.%u", prefix, gateway, low >> 8, low & 0xFF);
        ip_mark(node, pod->ip, true);
        return 0;
    }
    return ERR_LIMIT;
}

bool node_setup_adopt(struct node_pod *pod)
{
    ip_mark(pod->node, pod->ip, true);
    return net_pod_is_there(pod->node->instance, pod->uid);
}

/* --- tokens --- */

static void on_token(const struct kube_result *result, void *ctx)
{
    struct node_token *token = ctx;
    struct node_pod *pod = token->pod;
    const char *text = json_path_string(result->object, "status.token");

    token->call = NULL;
    if (result->code < 0 || !text) {
        log_warn(node, "pod %s/%s: no token for audience \"%s\": %s", pod->ns, pod->name,
                 token->audience, result->reason);
        token->refresh_at_ms = loop_now_ms(pod->node->loop) + RETRY_MS;
    } else {
        mem_free(token->token);
        token->token = mem_strdup(text);
        pod->retry_at_ms = 0;
        token->refresh_at_ms = loop_now_ms(pod->node->loop) +
                               (uint64_t)MAX(token->expiration_s, TOKEN_LIFE_MIN_S) * 800;
    }
    node_pod_wake_at(pod, token->refresh_at_ms);
    node_pod_wake(pod);
}

static void token_ask(struct node_token *token)
{
    struct node_pod *pod = token->pod;
    SCOPED(json_drop)
    json_t *body =
        json_pack("{s:s,s:s,s:{s:o,s:I,s:{s:s,s:s,s:s,s:s}}}", "apiVersion",
                  "authentication.k8s.io/v1", "kind", "TokenRequest", "spec", "audiences",
                  token->audience[0] ? json_pack("[s]", token->audience) : json_array(),
                  "expirationSeconds", (json_int_t)token->expiration_s, "boundObjectRef",
                  "apiVersion", "v1", "kind", "Pod", "name", pod->name, "uid", pod->uid);
    struct kube_request request = {
        .verb = KUBE_CREATE,
        .resource = kube_resource_get(KUBE_RESOURCE_SERVICE_ACCOUNT),
        .ns = pod->ns,
        .name = json_path_string_or(pod->object, "spec.serviceAccountName", "default"),
        .subresource = "token",
        .body = body};

    if (token->call || loop_now_ms(pod->node->loop) < token->refresh_at_ms || !pod->node->client)
        return;
    if (kube_call_start(pod->node->client, &request, on_token, token, &token->call) < 0) {
        token->refresh_at_ms = loop_now_ms(pod->node->loop) + RETRY_MS;
        node_pod_wake_at(pod, token->refresh_at_ms);
    }
}

static const char *token_get(const char *audience, int64_t expiration_s, void *ctx)
{
    struct node_pod *pod = ctx;
    struct node_token *token = NULL;

    for (size_t i = 0; i < pod->token_count && !token; i++)
        if (strcmp(pod->tokens[i]->audience, audience) == 0)
            token = pod->tokens[i];
    if (!token) {
        if (pod->token_count == ARRAY_LEN(pod->tokens))
            return NULL;
        token = MEM_NEW(struct node_token);
        token->audience = mem_strdup(audience);
        token->expiration_s = expiration_s;
        token->pod = pod;
        pod->tokens[pod->token_count++] = token;
    }
    token_ask(token);
    return token->token;
}

void node_tokens_free(struct node_pod *pod)
{
    for (size_t i = 0; i < pod->token_count; i++) {
        kube_call_cancel(pod->tokens[i]->call);
        mem_free(pod->tokens[i]->audience);
        mem_free(pod->tokens[i]->token);
        mem_free(pod->tokens[i]);
    }
    pod->token_count = 0;
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

static json_t *etc_build(const struct node_pod *pod)
{
    const struct instance *in = pod->node->instance;
    const char *hostname = json_path_string_or(pod->object, "spec.hostname", pod->name);
    const char *policy = json_path_string_or(pod->object, "spec.dnsPolicy", "ClusterFirst");
    json_t *out = json_object();
    struct buf text;
    json_t *alias;
    size_t i;

    buf_init(&text, 1 << 20);
    buf_printf(&text, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
                      "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
                      "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
    buf_printf(&text, "%s\t%s\n", pod->ip, hostname);
    json_array_foreach(json_path_get(pod->object, "spec.hostAliases"), i, alias)
    {
        json_t *name;
        size_t j;

        buf_printf(&text, "%s", json_path_string_or(alias, "ip", ""));
        json_array_foreach(json_object_get(alias, "hostnames"), j, name)
            buf_printf(&text, "\t%s", json_is_string(name) ? json_string_value(name) : "");
        buf_append_char(&text, '\n');
    }
    json_object_set_new(out, "hosts", json_string_slice(buf_slice(&text)));
    buf_reset(&text);
    buf_printf(&text, "%s\n", hostname);
    json_object_set_new(out, "hostname", json_string_slice(buf_slice(&text)));
    buf_reset(&text);
    if (strcmp(policy, "Default") == 0)
        buf_printf(&text, "nameserver %s\n", in->dns_ip);
    else
        buf_printf(&text,
                   "search %s.svc.cluster.local svc.cluster.local cluster.local\n"
                   "nameserver %s\noptions ndots:5\n",
                   pod->ns, in->dns_ip);
    json_object_set_new(out, "resolv.conf", json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
    return out;
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
        int rc = pod_volume_resolve(&view, volume, token_get, pod, &content, &err);

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
    json_t *volumes;

    if (pod->jobs > 0)
        return;
    if (loop_now_ms(pod->node->loop) < pod->retry_at_ms) {
        node_pod_wake_at(pod, pod->retry_at_ms);
        return;
    }
    if (!pod->ip[0] && ip_assign(pod) < 0) {
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
    job->etc = etc_build(pod);
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

        if (pod_volume_resolve(&view, volume, token_get, pod, &content, NULL) < 0)
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
        ip_mark(pod->node, pod->ip, false);
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
