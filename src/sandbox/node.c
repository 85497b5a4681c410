/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's frame: caches, the Node object, exits, adoption of what an earlier agent left. */
#include "sandbox/node.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/folder_watch.h"
#include "kube/dns_server.h"
#include "kube/node_presence.h"
#include "sandbox/net.h"
#include "sandbox/net_rules.h"
#include "sandbox/node_http.h"
#include "sandbox/node_int.h"
#include "kube/objects/slices.h"

enum { JOBS_MAX = 8, LOST_CHECK_MS = 10000, PODS_MAX = 1024 };

struct agent {
    struct node node;
    struct net_rules *rules;
    struct dns_server *dns;
    struct node_http *http;
    struct loop_timer lost_timer;
    struct folder_watch exits; /* conmon writes a file when a container has ended */
    struct node_presence *presence;
    struct utsname system;
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

    service_rules_set(net_rules_change(agent_of(node)->rules), service, &source);
}

static void on_service(struct kube_cache *cache, enum kube_change change, json_t *object,
                       json_t *old, void *ctx)
{
    struct node *node = ctx;

    (void)cache;
    (void)old;
    if (change == KUBE_DELETED)
        service_rules_remove(net_rules_change(agent_of(node)->rules), object);
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
    service_rules_pod_set(net_rules_change(agent_of(pod->node)->rules), pod->ip, present);
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
        if (strcmp(pod->lives[i].id, id) == 0)
            return &pod->containers[i];
    return NULL;
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
            node_container_bundle(c, c->life->attempt, bundle);
            if (c->life->state == CONTAINER_RUNNING && oci_container_is_lost(bundle))
                node_container_exited(c, 137, clock_realtime_ms());
        }
    }
}

static void on_lost_time(void *ctx)
{
    struct agent *agent = agent_of(ctx);

    lost_check(ctx);
    loop_timer_start(agent->node.loop, &agent->lost_timer, LOST_CHECK_MS);
}

static void on_exit_file(const char *name, void *ctx)
{
    struct node_container *container = name ? exit_find(ctx, name) : NULL;

    if (container)
        node_container_check_exit(container);
    else if (!name)
        lost_check(ctx);
}

/* --- the Node object --- */

static struct node_presence *presence_start(struct agent *agent)
{
    const struct node_facts facts = {.name = agent->node.instance->node_name,
                                     .internal_ip = agent->node.instance->sandbox_ip,
                                     .os_image = "weft sandbox",
                                     .kernel_version = agent->system.release,
                                     .runtime_version = "runc://1",
                                     .kubelet_version = "v1.34.0-weft",
                                     .cpu_count = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
                                     .pod_max = 110,
                                     .memory_size = (uint64_t)sysconf(_SC_PHYS_PAGES) *
                                                    (uint64_t)sysconf(_SC_PAGESIZE),
                                     .since_ms = clock_realtime_ms()};

    uname(&agent->system);
    return node_presence_new(agent->node.client, &facts, 0);
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
        rc = folder_watch_open(&agent->exits, node->loop, node->instance->runtime.exits_path,
                               on_exit_file, node, err);
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
    loop_timer_init(&agent->lost_timer, on_lost_time, node);
    loop_timer_start(node->loop, &agent->lost_timer, LOST_CHECK_MS);
    agent->presence = presence_start(agent);
    node_metrics_start(node);
    node_evict_start(node);
    return 0;
}

static void agent_close(struct agent *agent)
{
    struct node *node = &agent->node;

    loop_timer_stop(node->loop, &agent->lost_timer);
    loop_timer_stop(node->loop, &node->metrics);
    loop_timer_stop(node->loop, &node->eviction);
    while (!jobs_are_idle(&node->jobs))
        loop_run_once(node->loop, 100);
    node_presence_free(agent->presence);
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
    folder_watch_close(&agent->exits);
    loop_free(node->loop);
}

int node_run(const struct instance *instance, struct error *err)
{
    struct agent *agent = MEM_NEW(struct agent);
    struct node *node = &agent->node;
    int rc;

    node->instance = instance;
    map_init(&node->pods, PODS_MAX);
    rc = addr_pool_init(&node->ips, instance->pod_gateway);
    if (rc == 0)
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
