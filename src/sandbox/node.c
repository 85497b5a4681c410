/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's frame: caches, the Node object, exits, adoption of what an earlier agent left. */
#include "sandbox/node.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/dns_server.h"
#include "sandbox/net.h"
#include "sandbox/net_rules.h"
#include "sandbox/node_http.h"
#include "sandbox/node_int.h"
#include "kube/slices.h"

enum { JOBS_MAX = 8, HEARTBEAT_MS = 10000, HEARTBEAT_RETRY_MS = 500, PODS_MAX = 1024 };

struct agent {
    struct node node;
    struct net_rules *rules;
    struct dns_server *dns;
    struct node_http *http;
    struct kube_call *register_call, *lease_call;
    bool registered;
    bool lease_missing;
};

static struct agent *agent_of(struct node *node)
{
    return CONTAINER_OF(node, struct agent, node);
}

/* --- lookups over the caches --- */

static json_t *config_map_get(const char *ns, const char *name, void *ctx)
{
    return kube_cache_get(((struct node *)ctx)->config_map_cache, ns, name);
}

static json_t *secret_get(const char *ns, const char *name, void *ctx)
{
    return kube_cache_get(((struct node *)ctx)->secret_cache, ns, name);
}

static json_t *service_next(size_t *cursor, void *ctx)
{
    return kube_cache_next(((struct node *)ctx)->service_cache, cursor);
}

static json_t *service_get(const char *ns, const char *name, void *ctx)
{
    return kube_cache_get(((struct node *)ctx)->service_cache, ns, name);
}

static json_t *slice_next(size_t *cursor, void *ctx)
{
    return kube_cache_next(((struct node *)ctx)->slice_cache, cursor);
}

/* --- pods --- */

static struct node_pod *pod_find(struct node *node, const json_t *object)
{
    return map_get_str(&node->pods, json_path_string_or(object, "metadata.uid", ""));
}

static void pod_put(struct node *node, struct node_pod *pod)
{
    if (map_put(&node->pods, slice_str(pod->uid), pod, NULL) < 0) {
        log_warn(node, "pod %s/%s: more than %d pods", pod->ns, pod->name, PODS_MAX);
        node_pod_free(pod);
        return;
    }
    node_pod_wake(pod);
}

static void pod_changed(struct node *node, json_t *object)
{
    struct node_pod *pod = pod_find(node, object);
    const char *phase = json_path_string_or(object, "status.phase", "");

    if (pod)
        node_pod_update(pod, object);
    else if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
        pod_put(node, node_pod_new(node, object));
}

static void pod_deleted(struct node *node, const json_t *object)
{
    struct node_pod *pod = pod_find(node, object);

    if (!pod)
        return;
    pod->object_gone = true;
    node_pod_wake(pod);
}

static void on_pod(struct kube_cache *cache, enum kube_change change, json_t *object, json_t *old,
                   void *ctx)
{
    const char *uid = json_path_string_or(object, "metadata.uid", "");

    (void)cache;
    if (old && strcmp(uid, json_path_string_or(old, "metadata.uid", "")) != 0)
        pod_deleted(ctx, old); /* deleted and made anew between two looks */
    if (change == KUBE_DELETED)
        pod_deleted(ctx, object);
    else
        pod_changed(ctx, object);
}

/* Pods that an earlier agent ran and that the API no longer has. */
static void on_pods_synced(struct kube_cache *cache, void *ctx)
{
    struct node *node = ctx;

    node->orphans_checked = true;
    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;
        json_t *object = kube_cache_get(cache, pod->ns, pod->name);

        if (!object || strcmp(json_path_string_or(object, "metadata.uid", ""), pod->uid) != 0) {
            pod->object_gone = true;
            node_pod_wake(pod);
        }
    }
}

static void pods_wake(struct node *node, const char *ns)
{
    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;

        if (strcmp(pod->ns, ns) == 0) {
            pod->retry_at_ms = 0;
            node_pod_wake(pod);
        }
    }
}

static void on_content(struct kube_cache *cache, enum kube_change change, json_t *object,
                       json_t *old, void *ctx)
{
    (void)cache;
    (void)change;
    (void)old;
    pods_wake(ctx, kube_namespace(object));
}

/* --- Services --- */

static void service_update(struct node *node, const json_t *service)
{
    const struct slices_source source = {.next = slice_next, .ctx = node};

    net_rules_service_set(agent_of(node)->rules, service, &source);
}

static void on_service(struct kube_cache *cache, enum kube_change change, json_t *object,
                       json_t *old, void *ctx)
{
    struct node *node = ctx;

    (void)cache;
    (void)old;
    if (change == KUBE_DELETED)
        net_rules_service_remove(agent_of(node)->rules, object);
    else
        service_update(node, object);
}

static void on_slice(struct kube_cache *cache, enum kube_change change, json_t *object, json_t *old,
                     void *ctx)
{
    struct node *node = ctx;
    const char *name = kube_label(object, "kubernetes.io/service-name");
    json_t *service =
        name ? kube_cache_get(node->service_cache, kube_namespace(object), name) : NULL;

    (void)cache;
    (void)change;
    (void)old;
    if (service)
        service_update(node, service);
}

void node_pod_address(struct node_pod *pod, bool present)
{
    net_rules_pod_set(agent_of(pod->node)->rules, pod->ip, present);
}

/* --- exits --- */

/* "<uid>.<container>.<attempt>" -> the container whose current run that is. */
static struct node_container *exit_find(struct node *node, const char *id)
{
    struct slice rest = slice_str(id);
    struct slice uid = {0};
    struct node_pod *pod;

    slice_split_next(&rest, '.', &uid);
    pod = map_get(&node->pods, uid);
    for (size_t i = 0; pod && i < pod->container_count; i++)
        if (strcmp(pod->containers[i].id, id) == 0)
            return &pod->containers[i];
    return NULL;
}

static void on_exits(unsigned events, void *ctx)
{
    struct node *node = ctx;
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;

    (void)events;
    while ((got = read(node->exits_fd, bytes, sizeof bytes)) > 0) {
        for (char *at = bytes; at < bytes + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            struct node_container *container = event->len > 0 ? exit_find(node, event->name) : NULL;

            if (container)
                node_container_check_exit(container);
            at += sizeof *event + event->len;
        }
    }
}

static int exits_watch(struct node *node, struct error *err)
{
    const char *path = node->instance->runtime.exits_path;
    int rc;

    node->exits_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (node->exits_fd < 0 ||
        inotify_add_watch(node->exits_fd, path, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        return err_set(err, err_from_errno(errno), "cannot watch %s: %s", path, strerror(errno));
    rc = loop_watch_add(node->loop, &node->exits_watch, node->exits_fd, on_exits, node);
    return rc < 0 ? err_set(err, rc, "cannot watch %s", path) : 0;
}

/* A container whose conmon was killed leaves no exit file: found by its process id. */
static void lost_check(struct node *node)
{
    MAP_EACH (entry, &node->pods) {
        struct node_pod *pod = entry->value;

        for (size_t i = 0; i < pod->container_count; i++) {
            struct node_container *c = &pod->containers[i];
            char bundle[INSTANCE_PATH_SIZE];

            node_container_check_exit(c);
            node_container_bundle(c, c->attempt, bundle);
            if (c->state == CONTAINER_RUNNING && oci_container_is_lost(bundle))
                node_container_exited(c, 137, clock_realtime_ms());
        }
    }
}

/* --- the Node object --- */

static json_t *condition_json(const char *type, const char *status, const char *reason,
                              const char *message)
{
    char now[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(clock_realtime_ms(), false, now);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "type", type, "status", status, "reason", reason,
                     "message", message, "lastHeartbeatTime", now, "lastTransitionTime", now);
}

static json_t *resources_json(void)
{
    SCOPED(mem_drop) char *cpu = mem_printf("%ld", sysconf(_SC_NPROCESSORS_ONLN));
    SCOPED(mem_drop)
    char *memory =
        mem_printf("%lldKi", (long long)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024));

    return json_pack("{s:s,s:s,s:s}", "cpu", cpu, "memory", memory, "pods", "110");
}

static json_t *node_status_json(const struct instance *in)
{
    struct utsname system = {0};

    uname(&system);
    return json_pack(
        "{s:[{s:s,s:s},{s:s,s:s}],s:o,s:o,s:[o,o,o,o],s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s}}",
        "addresses", "type", "InternalIP", "address", in->sandbox_ip, "type", "Hostname", "address",
        in->node_name, "capacity", resources_json(), "allocatable", resources_json(), "conditions",
        condition_json("MemoryPressure", "False", "KubeletHasSufficientMemory",
                       "kubelet has sufficient memory available"),
        condition_json("DiskPressure", "False", "KubeletHasNoDiskPressure",
                       "kubelet has no disk pressure"),
        condition_json("PIDPressure", "False", "KubeletHasSufficientPID",
                       "kubelet has sufficient PID available"),
        condition_json("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        "nodeInfo", "kernelVersion", system.release, "osImage", "weft sandbox", "operatingSystem",
        "linux", "architecture", "amd64", "containerRuntimeVersion", "runc://1", "kubeletVersion",
        "v1.34.0-weft", "kubeProxyVersion", "");
}

/* --- the lease: a sign of life that costs less than the status --- */

static void on_leased(const struct kube_result *result, void *ctx)
{
    struct agent *agent = ctx;

    agent->lease_call = NULL;
    agent->lease_missing = result->code == ERR_NOT_FOUND;
}

static void lease_renew(struct agent *agent)
{
    const char *name = agent->node.instance->node_name;
    char now[CLOCK_RFC3339_SIZE];
    SCOPED(mem_drop) char *renewed = NULL;
    SCOPED(json_drop) json_t *body = NULL;
    struct kube_request request = {.verb = agent->lease_missing ? KUBE_CREATE : KUBE_PATCH_MERGE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_LEASE),
                                   .ns = "kube-node-lease",
                                   .name = agent->lease_missing ? NULL : name};

    if (agent->lease_call)
        return;
    clock_format_rfc3339(clock_realtime_ms(), false, now);
    renewed = mem_printf("%.19s.000000Z", now);
    body =
        json_pack("{s:s,s:s,s:{s:s,s:s},s:{s:s,s:i,s:s}}", "apiVersion", "coordination.k8s.io/v1",
                  "kind", "Lease", "metadata", "name", name, "namespace", "kube-node-lease", "spec",
                  "holderIdentity", name, "leaseDurationSeconds", 40, "renewTime", renewed);
    request.body = body;
    if (kube_call_start(agent->node.client, &request, on_leased, agent, &agent->lease_call) < 0)
        agent->lease_call = NULL;
}

static void on_heartbeat(void *ctx);

static void on_registered(const struct kube_result *result, void *ctx)
{
    struct node *node = ctx;
    struct agent *agent = agent_of(node);
    bool fine = result->code == 0 || result->code == ERR_EXISTS;

    agent->register_call = NULL;
    if (!fine && result->code == ERR_NOT_FOUND)
        agent->registered = false;
    else if (fine && !agent->registered)
        agent->registered = true;
    else if (fine) {
        loop_timer_start(node->loop, &node->heartbeat, HEARTBEAT_MS);
        return;
    }
    if (!fine)
        log_warn(node, "cannot write the Node object: %s", result->reason);
    loop_timer_start(node->loop, &node->heartbeat, fine ? 1 : HEARTBEAT_RETRY_MS);
}

/* Makes the Node, then writes its status every ten seconds. */
static void on_heartbeat(void *ctx)
{
    struct node *node = ctx;
    struct agent *agent = agent_of(node);
    const char *name = node->instance->node_name;
    SCOPED(json_drop) json_t *body = NULL;
    struct kube_request request = {.resource = kube_resource_get(KUBE_RESOURCE_NODE)};

    lost_check(node);
    lease_renew(agent);
    if (agent->register_call)
        return;
    if (agent->registered) {
        body = json_pack("{s:o}", "status", node_status_json(node->instance));
        request.verb = KUBE_PATCH_MERGE;
        request.name = name;
        request.subresource = "status";
    } else {
        body = json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s,s:s}},s:{},s:o}", "apiVersion", "v1", "kind",
                         "Node", "metadata", "name", name, "labels", "kubernetes.io/hostname", name,
                         "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64", "spec",
                         "status", node_status_json(node->instance));
        request.verb = KUBE_CREATE;
    }
    request.body = body;
    if (kube_call_start(node->client, &request, on_registered, node, &agent->register_call) < 0)
        loop_timer_start(node->loop, &node->heartbeat, HEARTBEAT_RETRY_MS);
}

/* --- start and end --- */

/* Pods on the disk, left by an earlier agent. */
static void adopt_all(struct node *node)
{
    DIR *folder = opendir(node->instance->pods_path);

    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct node_pod *pod;

        if (entry->d_name[0] == '.')
            continue;
        pod = node_pod_adopt(node, entry->d_name);
        if (!pod)
            continue; /* its set-up never ended: it starts over */
        log_info(node, "pod %s/%s: taken up again", pod->ns, pod->name);
        pod_put(node, pod);
        node_pod_address(pod, true);
    }
    if (folder)
        closedir(folder);
}

static int cache_open(struct node *node, enum kube_resource_id id, const char *field_selector,
                      const struct kube_cache_events *events, struct kube_cache **ret,
                      struct error *err)
{
    const struct kube_cache_options options = {.resource = kube_resource_get(id),
                                               .field_selector = field_selector};
    int rc = kube_cache_new(node->client, &options, events, node, ret);

    return rc < 0 ? err_set(err, rc, "cannot watch %s", options.resource->plural) : 0;
}

static int caches_open(struct node *node, struct error *err)
{
    static const struct kube_cache_events pods = {.on_change = on_pod, .on_synced = on_pods_synced};
    static const struct kube_cache_events services = {.on_change = on_service};
    static const struct kube_cache_events slices = {.on_change = on_slice};
    static const struct kube_cache_events contents = {.on_change = on_content};
    SCOPED(mem_drop) char *own = mem_printf("spec.nodeName=%s", node->instance->node_name);
    const struct {
        enum kube_resource_id id;
        const char *selector;
        const struct kube_cache_events *events;
        struct kube_cache **cache;
    } list[] = {
        {KUBE_RESOURCE_SERVICE, NULL, &services, &node->service_cache},
        {KUBE_RESOURCE_ENDPOINT_SLICE, NULL, &slices, &node->slice_cache},
        {KUBE_RESOURCE_CONFIG_MAP, NULL, &contents, &node->config_map_cache},
        {KUBE_RESOURCE_SECRET, NULL, &contents, &node->secret_cache},
        {KUBE_RESOURCE_POD, own, &pods, &node->pod_cache},
    };

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        int rc = cache_open(node, list[i].id, list[i].selector, list[i].events, list[i].cache, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int agent_open(struct agent *agent, struct error *err)
{
    struct node *node = &agent->node;
    const struct dns_zone zone = {.service = service_get, .slice_next = slice_next, .ctx = node};
    struct kube_config config = {0};
    int rc = kube_config_load(node->instance->kubeconfig_path, NULL, &config, err);

    if (rc == 0)
        rc = kube_client_new(node->loop, &config, "kubelet", &node->client, err);
    kube_config_deinit(&config);
    if (rc == 0)
        rc = oci_runtime_init(&node->instance->runtime, err);
    if (rc == 0)
        rc = exits_watch(node, err);
    if (rc < 0)
        return rc;
    node->lookup = (struct pod_lookup){.config_map = config_map_get,
                                       .secret = secret_get,
                                       .service_next = service_next,
                                       .ctx = node};
    agent->rules = net_rules_new(node->loop, node->instance, &node->jobs);
    rc = dns_server_new(node->loop, node->instance->dns_ip, node->instance->netns_path, &zone,
                        &agent->dns, err);
    if (rc == 0)
        rc = caches_open(node, err);
    if (rc == 0)
        rc = node_http_new(node, &agent->http, err);
    if (rc < 0)
        return rc;
    adopt_all(node);
    loop_timer_init(&node->heartbeat, on_heartbeat, node);
    loop_timer_start(node->loop, &node->heartbeat, 1);
    node_metrics_start(node);
    return 0;
}

static void agent_close(struct agent *agent)
{
    struct node *node = &agent->node;

    loop_timer_stop(node->loop, &node->heartbeat);
    loop_timer_stop(node->loop, &node->metrics);
    while (!jobs_are_idle(&node->jobs))
        loop_run_once(node->loop, 100);
    node_http_free(agent->http);
    dns_server_free(agent->dns);
    kube_cache_free(node->pod_cache);
    kube_cache_free(node->secret_cache);
    kube_cache_free(node->config_map_cache);
    kube_cache_free(node->slice_cache);
    kube_cache_free(node->service_cache);
    MAP_EACH (entry, &node->pods)
        node_pod_free(entry->value);
    map_deinit(&node->pods);
    net_rules_free(agent->rules);
    kube_client_free(node->client);
    loop_watch_remove(node->loop, &node->exits_watch);
    fd_drop(&node->exits_fd);
    loop_free(node->loop);
}

int node_run(const struct instance *instance, struct error *err)
{
    struct agent *agent = MEM_NEW(struct agent);
    struct node *node = &agent->node;
    int rc;

    node->instance = instance;
    node->exits_fd = -1;
    map_init(&node->pods, PODS_MAX);
    rc = loop_new(&node->loop);
    if (rc < 0) {
        mem_free(agent);
        return err_set(err, rc, "cannot make an event loop");
    }
    jobs_init(&node->jobs, node->loop, JOBS_MAX);
    rc = loop_signals_stop(node->loop);
    rc = rc < 0 ? err_set(err, rc, "cannot watch signals") : agent_open(agent, err);
    if (rc == 0) {
        log_info(node, "node %s runs", instance->node_name);
        loop_run(node->loop);
    }
    agent_close(agent);
    mem_free(agent);
    return rc;
}
