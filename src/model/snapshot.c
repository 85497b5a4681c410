/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: counting, and look-ups in their sorted arrays.
 *
 * Place   translate, analyze, control read; builder.c makes
 * Owns    a snapshot holds a reference to each of its parts, a part to its nodes
 */
#include "model/snapshot_int.h"

#include <stdlib.h>

#include "base/mem.h"

void mesh_part_init(struct mesh_part *part)
{
    atomic_init(&part->refs, 1);
    arena_init(&part->arena, 4096);
}

struct mesh_part *mesh_part_ref(struct mesh_part *part)
{
    atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed); /* as mesh_node_ref */
    return part;
}

void mesh_part_unref(struct mesh_part *part)
{
    if (!part || atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) != 1)
        return; /* acq_rel: as mesh_node_unref */
    for (size_t i = 0; i < part->node_count; i++)
        mesh_node_unref(part->nodes[i]);
    for (size_t i = 0; i < part->set_count; i++)
        mesh_endpoint_node_unref(part->sets[i]);
    arena_deinit(&part->arena);
    mem_free(part); /* every part begins with its head */
}

struct mesh *mesh_ref(struct mesh *mesh)
{
    atomic_fetch_add_explicit(&mesh->refs, 1, memory_order_relaxed); /* as mesh_node_ref */
    return mesh;
}

void mesh_unref(struct mesh *mesh)
{
    if (!mesh || atomic_fetch_sub_explicit(&mesh->refs, 1, memory_order_acq_rel) != 1)
        return; /* acq_rel: as mesh_node_unref */
    if (mesh->services)
        mesh_part_unref(&mesh->services->part);
    mesh_part_unref(mesh->endpoints);
    if (mesh->workloads)
        mesh_part_unref(&mesh->workloads->part);
    if (mesh->rules)
        mesh_part_unref(&mesh->rules->part);
    if (mesh->problems)
        mesh_part_unref(&mesh->problems->part);
    if (mesh->config)
        mesh_part_unref(&mesh->config->part);
    mem_free(mesh->domain);
    mem_free(mesh->root_namespace);
    mem_free(mesh->cluster_id);
    mem_free(mesh);
}

uint64_t mesh_version(const struct mesh *mesh)
{
    return mesh->version;
}

const char *mesh_domain(const struct mesh *mesh)
{
    return mesh->domain;
}

const char *mesh_root_namespace(const struct mesh *mesh)
{
    return mesh->root_namespace;
}

const char *mesh_cluster_id(const struct mesh *mesh)
{
    return mesh->cluster_id;
}

const struct mesh_config *mesh_config_get(const struct mesh *mesh)
{
    return &mesh->config->config;
}

const struct mesh_service *const *mesh_services(const struct mesh *mesh, size_t *ret_count)
{
    *ret_count = mesh->services->count;
    return mesh->services->by_age;
}

/* Where the services of that host stand, or would stand. */
static size_t find_place(const struct mesh *mesh, const char *hostname)
{
    size_t low = 0;
    size_t high = mesh->services->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(mesh->services->by_host[middle]->hostname, hostname) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_host(const struct mesh *mesh, size_t place, const char *hostname)
{
    return place < mesh->services->count &&
           strcmp(mesh->services->by_host[place]->hostname, hostname) == 0;
}

const struct mesh_service *mesh_service_find(const struct mesh *mesh, const char *hostname)
{
    size_t place = find_place(mesh, hostname);

    return has_host(mesh, place, hostname) ? mesh->services->by_host[place] : NULL;
}

const struct mesh_service *mesh_service_find_for(const struct mesh *mesh, const char *hostname,
                                                 const char *namespace)
{
    const struct mesh_service *found = NULL;

    for (size_t i = find_place(mesh, hostname); has_host(mesh, i, hostname); i++) {
        const struct mesh_service *service = mesh->services->by_host[i];

        if (!mesh_service_visible(service, namespace))
            continue;
        if (strcmp(service->meta.namespace, namespace) == 0)
            return service;
        found = found ? found : service;
    }
    return found;
}

const struct mesh_port *mesh_service_port(const struct mesh_service *service, uint32_t number)
{
    for (size_t i = 0; i < service->port_count; i++)
        if (service->ports[i].number == number && service->ports[i].protocol != MESH_PROTOCOL_UDP)
            return &service->ports[i];
    return NULL;
}

const struct mesh_endpoint_set *mesh_endpoints(const struct mesh *mesh,
                                               const struct mesh_service *service)
{
    static const struct mesh_endpoint_set none;

    for (size_t i = find_place(mesh, service->hostname); has_host(mesh, i, service->hostname); i++)
        if (mesh->services->by_host[i] == service)
            return &mesh->endpoints->sets[i]->set;
    return &none;
}

static int address_find_cmp(const void *key, const void *item)
{
    return strcmp(key, ((const struct mesh_address *)item)->address);
}

const struct mesh_workload *mesh_workload_find(const struct mesh *mesh, const char *address)
{
    const struct mesh_address *found = NULL;

    if (mesh->workloads->count)
        found = bsearch(address, mesh->workloads->items, mesh->workloads->count, sizeof(*found),
                        address_find_cmp);
    return found ? found->workload : NULL;
}

const struct mesh_virtual_service *const *mesh_virtual_services(const struct mesh *mesh,
                                                                size_t *ret_count)
{
    *ret_count = mesh->rules->virtual_service_count;
    return mesh->rules->virtual_services;
}

const struct mesh_gateway *const *mesh_gateways(const struct mesh *mesh, size_t *ret_count)
{
    *ret_count = mesh->rules->gateway_count;
    return mesh->rules->gateways;
}

const struct mesh_problem *mesh_problems(const struct mesh *mesh, size_t *ret_count)
{
    *ret_count = mesh->problems->list.count;
    return mesh->problems->list.items;
}
