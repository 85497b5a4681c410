/* SPDX-License-Identifier: Apache-2.0 */
/* See endpoints.h. */
#include "sandbox/controllers/endpoints.h"

#include "base/mem.h"
#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "wire/json.h"

#define SERVICE_NAME "kubernetes.io/service-name"
#define MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"
/* Tells the legacy objects that a controller wrote from a user's own. */
#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"

void endpoints_add(struct endpoints *endpoints, json_t *pod)
{
    const json_t *selector = json_path_get(endpoints->service, "spec.selector");

    if (endpoints->count < ENDPOINTS_MAX && json_path_string(pod, "status.podIP") &&
        !kube_pod_has_ended(pod) &&
        kube_selector_match_map(selector, json_path_get(pod, "metadata.labels")))
        endpoints->pods[endpoints->count++] = pod;
}

/* --- ports --- */

/* The number of a named port in a pod's containers; 0 when it has none. */
static int64_t named_port(const json_t *pod, const char *name)
{
    json_t *container;
    size_t i;

    json_array_foreach(json_path_get(pod, "spec.containers"), i, container)
    {
        const json_t *port = json_array_find(json_object_get(container, "ports"), "name", name);

        if (port)
            return json_get_int(port, "containerPort", 0);
    }
    return 0;
}

static int64_t target_port(const json_t *port, const json_t *pod)
{
    const json_t *target = json_object_get(port, "targetPort");

    if (json_is_string(target))
        return named_port(pod, json_string_value(target));
    return json_is_integer(target) && json_integer_value(target) ? json_integer_value(target)
                                                                 : json_get_int(port, "port", 0);
}

static json_t *ports_new(const struct endpoints *endpoints, bool legacy)
{
    const json_t *first_pod = endpoints->count ? endpoints->pods[0] : NULL;
    json_t *ports = json_array();
    json_t *port;
    size_t i;

    json_array_foreach(json_path_get(endpoints->service, "spec.ports"), i, port)
    {
        int64_t number = target_port(port, first_pod);
        const char *name = json_path_string_or(port, "name", legacy ? NULL : "");

        if (number)
            json_array_append_new(
                ports, json_pack("{s:s*,s:I,s:s,s:s*}", "name", name, "port", (json_int_t)number,
                                 "protocol", json_path_string_or(port, "protocol", "TCP"),
                                 "appProtocol", json_get_string(port, "appProtocol")));
    }
    return ports;
}

/* --- addresses --- */

static json_t *target_ref(const json_t *pod)
{
    return json_pack("{s:s,s:s,s:s,s:s*}", "kind", "Pod", "namespace", kube_namespace(pod), "name",
                     kube_name(pod), "uid", kube_uid(pod));
}

static json_t *endpoint_new(const json_t *service, const json_t *pod)
{
    bool ready =
        kube_pod_is_ready(pod) || json_path_bool(service, "spec.publishNotReadyAddresses", false);
    bool deleting = kube_is_deleting(pod);
    const char *hostname =
        json_path_string(pod, "spec.subdomain") ? json_path_string(pod, "spec.hostname") : NULL;

    return json_pack("{s:[s],s:{s:b,s:b,s:b},s:s*,s:s*,s:o}", "addresses",
                     json_path_string(pod, "status.podIP"), "conditions", "ready",
                     ready && !deleting, "serving", ready, "terminating", deleting, "hostname",
                     hostname, "nodeName", json_path_string(pod, "spec.nodeName"), "targetRef",
                     target_ref(pod));
}

static json_t *legacy_address(const json_t *pod)
{
    return json_pack("{s:s,s:s*,s:o}", "ip", json_path_string(pod, "status.podIP"), "nodeName",
                     json_path_string(pod, "spec.nodeName"), "targetRef", target_ref(pod));
}

/* --- the EndpointSlice --- */

bool endpoints_slice_is_ours(const json_t *slice, const char *service)
{
    const json_t *labels = json_path_get(slice, "metadata.labels");

    return json_path_is(labels, "[\"" SERVICE_NAME "\"]", service) &&
           json_path_is(labels, "[\"" MANAGED_BY "\"]", MANAGER);
}

static json_t *slice_labels(const json_t *service)
{
    json_t *labels = json_deep_copy(json_path_get(service, "metadata.labels"));

    if (!labels)
        labels = json_object();
    json_set_string(labels, MANAGED_BY, MANAGER);
    json_set_string(labels, SERVICE_NAME, kube_name(service));
    if (json_path_is(service, "spec.clusterIP", "None"))
        json_set_string(labels, "service.kubernetes.io/headless", "");
    return labels;
}

static json_t *slice_new(const json_t *service)
{
    SCOPED(mem_drop) char *prefix = mem_printf("%s-", kube_name(service));

    return json_pack("{s:s,s:s,s:{s:s,s:o},s:s}", "apiVersion", "discovery.k8s.io/v1", "kind",
                     "EndpointSlice", "metadata", "generateName", prefix, "ownerReferences",
                     kube_owner_refs(service), "addressType", "IPv4");
}

json_t *endpoints_slice(const struct endpoints *endpoints, const json_t *old)
{
    const json_t *service = endpoints->service;
    json_t *slice = old ? json_deep_copy(old) : slice_new(service);
    json_t *list = json_array();

    for (size_t i = 0; i < endpoints->count; i++)
        json_array_append_new(list, endpoint_new(service, endpoints->pods[i]));
    json_object_set_new(slice, "endpoints", list);
    json_object_set_new(slice, "ports", ports_new(endpoints, false));
    json_path_set(slice, "metadata.labels", slice_labels(service));
    if (old && json_equal((json_t *)(uintptr_t)old, slice)) {
        json_decref(slice);
        return NULL;
    }
    return slice;
}

/* --- the legacy Endpoints --- */

bool endpoints_legacy_is_ours(const json_t *object)
{
    return kube_annotation(object, TRIGGER_TIME) != NULL;
}

/* One subset, or none when there is no address. */
static json_t *subsets_new(const struct endpoints *endpoints)
{
    json_t *subsets = json_array();
    json_t *subset = json_object();
    json_t *ready = json_array();
    json_t *not_ready = json_array();

    for (size_t i = 0; i < endpoints->count; i++)
        if (!kube_is_deleting(endpoints->pods[i]))
            json_array_append_new(kube_pod_is_ready(endpoints->pods[i]) ? ready : not_ready,
                                  legacy_address(endpoints->pods[i]));
    if (json_array_size(ready) > 0)
        json_object_set(subset, "addresses", ready);
    if (json_array_size(not_ready) > 0)
        json_object_set(subset, "notReadyAddresses", not_ready);
    if (json_object_size(subset) > 0) {
        json_object_set_new(subset, "ports", ports_new(endpoints, true));
        json_array_append(subsets, subset);
    }
    json_decref(subset);
    json_decref(ready);
    json_decref(not_ready);
    return subsets;
}

json_t *endpoints_legacy(const struct endpoints *endpoints, const json_t *old, int64_t now_ms)
{
    const json_t *service = endpoints->service;
    const json_t *known = json_object_get(old, "subsets");
    json_t *subsets = subsets_new(endpoints);

    /* no list at all is an empty one */
    if (old && (json_equal(subsets, (json_t *)(uintptr_t)known) ||
                json_array_size(subsets) + json_array_size(known) == 0)) {
        json_decref(subsets);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:O*,s:{s:o}},s:o}", "apiVersion", "v1", "kind",
                     "Endpoints", "metadata", "name", kube_name(service), "namespace",
                     kube_namespace(service), "labels", json_path_get(service, "metadata.labels"),
                     "annotations", TRIGGER_TIME, kube_time(now_ms), "subsets", subsets);
}
