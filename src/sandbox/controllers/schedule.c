/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling on one node, and addresses of load balancers. */
#include "base/mem.h"
#include "io/addr.h"
#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

#include <arpa/inet.h>

enum { SCHEDULE_RETRY_MS = 1000 };

/* --- pods --- */

/* A Ready node that the pod's nodeSelector allows, or NULL. */
static const char *node_pick(const struct work *work, const json_t *pod)
{
    const char *wanted = controllers_of(work)->node_name;
    size_t cursor = 0;
    json_t *node;

    while ((node = work_next(work->queue, KUBE_RESOURCE_NODE, NULL, &cursor)))
        if (kube_condition_is_true(node, "Ready") &&
            (!wanted || strcmp(wanted, kube_name(node)) == 0) &&
            !json_path_bool(node, "spec.unschedulable", false) &&
            kube_selector_match_map(json_path_get(pod, "spec.nodeSelector"),
                                    json_path_get(node, "metadata.labels")))
            return kube_name(node);
    return NULL;
}

static void schedule_sync(struct work *work, json_t *pod)
{
    const char *node;

    if (!pod || kube_is_deleting(pod) || json_path_string(pod, "spec.nodeName") ||
        json_array_size(json_path_get(pod, "spec.schedulingGates")))
        return;
    node = node_pick(work, pod);
    if (!node) {
        if (work->phase++ == 0)
            work_event(work, pod, true, "FailedScheduling",
                       "0/%zu nodes are available: no ready node that the node selector allows.",
                       work_count(work->queue, KUBE_RESOURCE_NODE));
        work_again(work, SCHEDULE_RETRY_MS);
        return;
    }
    if (work_call(work, KUBE_CREATE, KUBE_RESOURCE_POD, work->ns, work->name, "binding",
                  json_pack("{s:s,s:s,s:{s:s,s:s},s:{s:s,s:s,s:s}}", "apiVersion", "v1", "kind",
                            "Binding", "metadata", "name", work->name, "namespace", work->ns,
                            "target", "apiVersion", "v1", "kind", "Node", "name", node)))
        work_event(work, pod, false, "Scheduled", "Successfully assigned %s/%s to %s", work->ns,
                   work->name, node);
}

const struct work_kind controller_schedule = {
    .name = "default-scheduler", .resource = KUBE_RESOURCE_POD, .sync = schedule_sync};

/* --- load balancers --- */

static void address_release(struct work *work, const char *owner)
{
    MAP_EACH (entry, &controllers_of(work)->lb_owners)
        if (strcmp(entry->value, owner) == 0)
            mem_free(map_remove(&controllers_of(work)->lb_owners, entry->key));
}

static void address_take(struct work *work, const char *address, const char *owner)
{
    void *old = NULL;

    if (map_put(&controllers_of(work)->lb_owners, slice_str(address), mem_strdup(owner), &old) == 0)
        mem_free(old);
}

static bool is_shown(const struct work *work, const char *address)
{
    size_t cursor = 0;
    json_t *service;

    while ((service = work_next(work->queue, KUBE_RESOURCE_SERVICE, NULL, &cursor)))
        if (json_path_is(service, "status.loadBalancer.ingress[0].ip", address))
            return true;
    return false;
}

/* The lowest free address of the range, without its first and last. */
static bool address_pick(const struct work *work, char out[ADDR_TEXT_SIZE])
{
    struct slice rest = slice_str(controllers_of(work)->lb_cidr);
    struct slice ip;
    struct addr addr;
    const uint8_t *bytes;
    uint64_t bits = 32;
    uint32_t base;

    if (!slice_split_next(&rest, '/', &ip) || addr_parse_ip(ip, 0, &addr) < 0 ||
        addr_ip_bytes(&addr, &bytes) != 4 || slice_parse_u64(rest, 30, &bits) < 0 || bits < 8)
        return false;
    memcpy(&base, bytes, sizeof base);
    base = ntohl(base);
    for (uint32_t i = 1; i < (1u << (32 - bits)) - 1; i++) {
        struct in_addr candidate = {htonl(base + i)};

        inet_ntop(AF_INET, &candidate, out, ADDR_TEXT_SIZE);
        if (!map_get_str(&controllers_of(work)->lb_owners, out) && !is_shown(work, out))
            return true;
    }
    return false;
}

static void balancer_sync(struct work *work, json_t *service)
{
    SCOPED(mem_drop) char *owner = mem_printf("%s/%s", work->ns, work->name);
    bool wanted = service && json_path_is(service, "spec.type", "LoadBalancer");
    const char *shown = json_path_string(service, "status.loadBalancer.ingress[0].ip");
    char address[ADDR_TEXT_SIZE];

    if (!wanted) {
        address_release(work, owner);
        if (shown)
            work_call(work, KUBE_PATCH_MERGE, KUBE_RESOURCE_SERVICE, work->ns, work->name, "status",
                      json_pack("{s:{s:{s:n}}}", "status", "loadBalancer", "ingress"));
        return;
    }
    if (shown) {
        address_take(work, shown, owner);
        return;
    }
    if (!controllers_of(work)->lb_cidr || !address_pick(work, address))
        return;
    address_take(work, address, owner);
    work_call(work, KUBE_PATCH_MERGE, KUBE_RESOURCE_SERVICE, work->ns, work->name, "status",
              json_pack("{s:{s:{s:[{s:s,s:s}]}}}", "status", "loadBalancer", "ingress", "ip",
                        address, "ipMode", "VIP"));
}

const struct work_kind controller_balancer = {
    .name = "service-lb-controller", .resource = KUBE_RESOURCE_SERVICE, .sync = balancer_sync};
