/* SPDX-License-Identifier: Apache-2.0 */
/* See ingress_status.h.
 */
#include "control/ingress_status.h"

#include "base/mem.h"
#include "control/reconcile.h"
#include "wire/json.h"

struct ingress_status {
    const struct source *source;
    struct reconcile *writer;
    struct mesh *mesh; /* the newest */
    bool leads;        /* it writes */
};

json_t *ingress_status_addresses(const json_t *service)
{
    json_t *out = json_array();
    size_t i;
    json_t *item;

    json_array_foreach(json_path_get(service, "status.loadBalancer.ingress"), i, item)
    {
        json_t *address = json_object();

        /* the ports stay away: they are those of the Service */
        if (json_get_string(item, "ip"))
            json_set_string(address, "ip", json_get_string(item, "ip"));
        if (json_get_string(item, "hostname"))
            json_set_string(address, "hostname", json_get_string(item, "hostname"));
        json_array_append_new(out, address);
    }
    if (json_array_size(out) > 0)
        return out;
    json_array_foreach(json_path_get(service, "spec.externalIPs"), i, item)
        json_array_append_new(out, json_pack("{s:O}", "ip", item));
    return out;
}

/* The same addresses, whatever else their entries say. */
static bool is_told(const json_t *ingress, const json_t *addresses)
{
    json_t *told = ingress_status_addresses(ingress);
    bool equal = json_equal(told, addresses);

    json_decref(told);
    return equal;
}

static void write(struct ingress_status *status, const struct kube_resource *resource,
                  const json_t *ingress, json_t *addresses)
{
    json_t *body = json_pack("{s:{s:{s:O}}}", "status", "loadBalancer", "ingress", addresses);
    struct kube_request request = {.verb = KUBE_PATCH_MERGE,
                                   .resource = resource,
                                   .ns = kube_namespace(ingress),
                                   .name = kube_name(ingress),
                                   .subresource = "status",
                                   .body = body};

    reconcile_write(status->writer, &request);
    json_decref(body);
}

static void run(void *ctx)
{
    struct ingress_status *status = ctx;
    const struct kube_cache *cache = source_cache(status->source, MESH_INGRESS);
    const json_t *service = kube_cache_get(source_cache(status->source, MESH_SERVICE),
                                           mesh_root_namespace(status->mesh),
                                           mesh_config_get(status->mesh)->ingress_service);
    json_t *addresses = ingress_status_addresses(service);
    size_t cursor = 0;
    json_t *ingress;

    while (status->leads && (ingress = kube_cache_next(cache, &cursor)) != NULL)
        if (mesh_ingress_served(status->mesh, kube_namespace(ingress), kube_name(ingress)) &&
            !is_told(ingress, addresses))
            write(status, kube_cache_resource(cache), ingress, addresses);
    json_decref(addresses);
}

void ingress_status_update(struct ingress_status *status, struct mesh *mesh)
{
    mesh_unref(status->mesh);
    status->mesh = mesh_ref(mesh);
    reconcile_mark(status->writer);
}

struct ingress_status *ingress_status_new(struct kube_client *client, const struct source *source)
{
    struct ingress_status *status = MEM_NEW(struct ingress_status);

    status->source = source;
    status->writer = reconcile_new(client, "ingress status", run, status);
    return status;
}

void ingress_status_lead(struct ingress_status *status, bool leads)
{
    status->leads = leads;
    if (leads && status->mesh)
        reconcile_mark(status->writer);
}

void ingress_status_free(struct ingress_status *status)
{
    if (!status)
        return;
    reconcile_free(status->writer);
    mesh_unref(status->mesh);
    mem_free(status);
}
