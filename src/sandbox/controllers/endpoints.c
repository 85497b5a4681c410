/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of Services: one EndpointSlice (and its legacy twin, Endpoints) for each Service with
 * a selector.
 *
 * Limits  100 endpoints a Service; pods that resolve a named port differently: the first pod's
 *         number counts
 */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

enum { ENDPOINTS_MAX = 100 };

#define SERVICE_NAME "kubernetes.io/service-name"
#define MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"
/* Tells the legacy objects that this controller wrote from a user's own. */
#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"

static bool pod_counts(const json_t *pod, const json_t *selector)
{
    return kube_selector_match_map(selector, json_path_get(pod, "metadata.labels")) &&
           json_path_string(pod, "status.podIP") && !kube_pod_has_ended(pod);
}

/* The number of a named port in a pod's containers; 0 when it has none. */
static int64_t named_port(const json_t *pod, const char *name)
{
    json_t *container;
    size_t i;

    json_array_foreach(json_path_get(pod, "spec.containers"), i, container)
    {
        json_t *port = json_array_find(json_object_get(container, "ports"), "name", name);

        if (port)
            return json_get_int(port, "containerPort", 0);
    }
    return 0;
}

static int64_t target_port(const json_t *port, const json_t *pod)
{
    json_t *target = json_object_get(port, "targetPort");

    if (json_is_string(target))
        return pod ? named_port(pod, json_string_value(target)) : 0;
    return json_is_integer(target) && json_integer_value(target) ? json_integer_value(target)
                                                                 : json_get_int(port, "port", 0);
}

/* New reference. */
static json_t *ports_make(const json_t *service, const json_t *pod, bool legacy)
{
    json_t *ports = json_array();
    json_t *port;
    size_t i;

    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
    {
        int64_t number = target_port(port, pod);
        const char *name = json_path_string_or(port, "name", legacy ? NULL : "");

        if (number)
            json_array_append_new(
                ports, json_pack("{s:s*,s:I,s:s,s:s*}", "name", name, "port", (json_int_t)number,
                                 "protocol", json_path_string_or(port, "protocol", "TCP"),
                                 "appProtocol", json_get_string(port, "appProtocol")));
    }
    return ports;
}

static json_t *target_ref(const json_t *pod)
{
    return json_pack("{s:s,s:s,s:s,s:s*}", "kind", "Pod", "namespace", kube_namespace(pod), "name",
                     kube_name(pod), "uid", kube_uid(pod));
}

static json_t *endpoint_make(const json_t *service, const json_t *pod)
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

struct endpoints_wanted {
    json_t *endpoints; /* of the slice */
    json_t *ready;     /* legacy addresses */
    json_t *not_ready;
    json_t *first_pod; /* borrowed */
};

static void wanted_collect(struct work *work, const json_t *service,
                           struct endpoints_wanted *wanted)
{
    json_t *selector = json_path_get(service, "spec.selector");
    size_t cursor = 0;
    json_t *pod;

    wanted->endpoints = json_array();
    wanted->ready = json_array();
    wanted->not_ready = json_array();
    while ((pod = work_next(work, KUBE_RESOURCE_POD, work->ns, &cursor))) {
        if (!pod_counts(pod, selector) || json_array_size(wanted->endpoints) == ENDPOINTS_MAX)
            continue;
        if (!wanted->first_pod)
            wanted->first_pod = pod;
        json_array_append_new(wanted->endpoints, endpoint_make(service, pod));
        if (!kube_is_deleting(pod))
            json_array_append_new(kube_pod_is_ready(pod) ? wanted->ready : wanted->not_ready,
                                  legacy_address(pod));
    }
}

static json_t *service_slice_find(struct work *work)
{
    size_t cursor = 0;
    json_t *slice;

    while ((slice = work_next(work, KUBE_RESOURCE_ENDPOINT_SLICE, work->ns, &cursor))) {
        const char *service = kube_label(slice, SERVICE_NAME);
        const char *manager = kube_label(slice, MANAGED_BY);

        if (service && strcmp(service, work->name) == 0 && manager && strcmp(manager, MANAGER) == 0)
            return slice;
    }
    return NULL;
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

static void slice_write(struct work *work, const json_t *service,
                        const struct endpoints_wanted *wanted)
{
    json_t *slice = service_slice_find(work);
    json_t *ports = ports_make(service, wanted->first_pod, false);
    json_t *labels = slice_labels(service);
    SCOPED(mem_drop) char *prefix = mem_printf("%s-", work->name);
    json_t *body;

    if (slice && json_equal(json_object_get(slice, "endpoints"), wanted->endpoints) &&
        json_equal(json_object_get(slice, "ports"), ports) &&
        json_equal(json_path_get(slice, "metadata.labels"), labels)) {
        json_decref(ports);
        json_decref(labels);
        return;
    }
    if (slice) {
        body = json_deep_copy(slice);
        json_object_set(body, "endpoints", wanted->endpoints);
        json_object_set_new(body, "ports", ports);
        json_path_set(body, "metadata.labels", labels);
        work_call(work, KUBE_UPDATE, KUBE_RESOURCE_ENDPOINT_SLICE, work->ns, kube_name(slice), NULL,
                  body);
        return;
    }
    body = json_pack("{s:s,s:s,s:{s:s,s:o,s:o},s:s,s:O,s:o}", "apiVersion", "discovery.k8s.io/v1",
                     "kind", "EndpointSlice", "metadata", "generateName", prefix, "labels", labels,
                     "ownerReferences", kube_owner_refs(service), "addressType", "IPv4",
                     "endpoints", wanted->endpoints, "ports", ports);
    work_call(work, KUBE_CREATE, KUBE_RESOURCE_ENDPOINT_SLICE, work->ns, NULL, NULL, body);
}

static void legacy_write(struct work *work, const json_t *service,
                         const struct endpoints_wanted *wanted)
{
    json_t *old = work_get(work, KUBE_RESOURCE_ENDPOINTS, work->ns, work->name);
    json_t *subsets = json_array();
    json_t *labels = json_path_get(service, "metadata.labels");
    json_t *body;

    if (json_array_size(wanted->ready) || json_array_size(wanted->not_ready)) {
        json_t *subset = json_object();

        if (json_array_size(wanted->ready))
            json_object_set(subset, "addresses", wanted->ready);
        if (json_array_size(wanted->not_ready))
            json_object_set(subset, "notReadyAddresses", wanted->not_ready);
        json_object_set_new(subset, "ports", ports_make(service, wanted->first_pod, true));
        json_array_append_new(subsets, subset);
    }
    if (old && (json_equal(json_object_get(old, "subsets"), subsets) ||
                (json_array_size(subsets) == 0 &&
                 json_array_size(json_object_get(old, "subsets")) == 0))) {
        json_decref(subsets);
        return;
    }
    body =
        json_pack("{s:s,s:s,s:{s:s,s:s,s:O*,s:{s:o}},s:o}", "apiVersion", "v1", "kind", "Endpoints",
                  "metadata", "name", work->name, "namespace", work->ns, "labels", labels,
                  "annotations", TRIGGER_TIME, kube_time(clock_realtime_ms()), "subsets", subsets);
    work_call(work, old ? KUBE_UPDATE : KUBE_CREATE, KUBE_RESOURCE_ENDPOINTS, work->ns,
              old ? work->name : NULL, NULL, body);
}

/* What a Service that is gone left behind. The slice goes by its owner. */
static void leftovers_delete(struct work *work)
{
    json_t *old = work_get(work, KUBE_RESOURCE_ENDPOINTS, work->ns, work->name);

    if (old && !kube_is_deleting(old) && kube_annotation(old, TRIGGER_TIME))
        work_call(work, KUBE_DELETE, KUBE_RESOURCE_ENDPOINTS, work->ns, work->name, NULL, NULL);
}

static void endpoints_sync(struct work *work, json_t *service)
{
    struct endpoints_wanted wanted = {0};

    if (!service) {
        leftovers_delete(work);
        return;
    }
    if (kube_is_deleting(service) || json_object_size(json_path_get(service, "spec.selector")) == 0)
        return;
    wanted_collect(work, service, &wanted);
    slice_write(work, service, &wanted);
    legacy_write(work, service, &wanted);
    json_decref(wanted.endpoints);
    json_decref(wanted.ready);
    json_decref(wanted.not_ready);
}

const struct work_kind work_endpoints = {"endpointslice-controller", KUBE_RESOURCE_SERVICE,
                                         endpoints_sync};
