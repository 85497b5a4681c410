/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of Services with a selector: finds the pods, and writes what endpoints.h makes of them
 * where it differs. */
#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/controllers/endpoints.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

static json_t *service_slice(const struct work *work)
{
    size_t cursor = 0;
    json_t *slice;

    while ((slice = work_next(work->queue, KUBE_RESOURCE_ENDPOINT_SLICE, work->ns, &cursor)))
        if (endpoints_slice_is_ours(slice, work->name))
            return slice;
    return NULL;
}

static void object_write(struct work *work, enum kube_resource_id resource, const json_t *old,
                         json_t *body)
{
    if (body)
        work_call(work, old ? KUBE_UPDATE : KUBE_CREATE, resource, work->ns,
                  old ? kube_name(old) : NULL, NULL, body);
}

static void endpoints_sync(struct work *work, json_t *service)
{
    const json_t *legacy = work_get(work->queue, KUBE_RESOURCE_ENDPOINTS, work->ns, work->name);
    const json_t *slice = service_slice(work);
    struct endpoints endpoints = {.service = service};
    size_t cursor = 0;
    json_t *pod;

    if (!service) { /* the slice goes by its owner */
        if (legacy && !kube_is_deleting(legacy) && endpoints_legacy_is_ours(legacy))
            work_call(work, KUBE_DELETE, KUBE_RESOURCE_ENDPOINTS, work->ns, work->name, NULL, NULL);
        return;
    }
    if (kube_is_deleting(service) || json_object_size(json_path_get(service, "spec.selector")) == 0)
        return;
    while ((pod = work_next(work->queue, KUBE_RESOURCE_POD, work->ns, &cursor)))
        endpoints_add(&endpoints, pod);
    object_write(work, KUBE_RESOURCE_ENDPOINT_SLICE, slice, endpoints_slice(&endpoints, slice));
    object_write(work, KUBE_RESOURCE_ENDPOINTS, legacy,
                 endpoints_legacy(&endpoints, legacy, clock_realtime_ms()));
}

const struct work_kind controller_endpoints = {
    .name = "endpointslice-controller", .resource = KUBE_RESOURCE_SERVICE, .sync = endpoints_sync};
