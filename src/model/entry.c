/* SPDX-License-Identifier: Apache-2.0 */
/* ServiceEntry and WorkloadEntry: services that Kubernetes does not know, and workloads that are no
 * pods.
 *
 * A ServiceEntry is one service for each of its hosts. Its endpoints are those that it lists, or
 * the workload entries and pods of its namespace that its selector takes, or (resolution DNS, none
 * listed) what the host's name stands for. A Kubernetes Service takes workload entries too.
 *
 * Place   node.c reads, workload.c makes the endpoints of a service
 * Owns    nothing; all lies in the node's arena, or in that of the endpoint set
 * Limits  addresses "unix:///path" are no endpoints yet; unsupported.c tells
 */
#include <string.h>

#include "model/endpoint_int.h"

/* ---- reading ---- */

static enum mesh_resolution resolution_of(const char *text)
{
    if (strcmp(text, "STATIC") == 0)
        return MESH_RESOLUTION_EDS;
    if (strcmp(text, "DNS") == 0)
        return MESH_RESOLUTION_DNS;
    if (strcmp(text, "DNS_ROUND_ROBIN") == 0)
        return MESH_RESOLUTION_DNS_ROUND_ROBIN;
    return MESH_RESOLUTION_PASSTHROUGH;
}

static const struct mesh_port *read_ports(const struct api_service_entry_spec *spec,
                                          struct arena *arena)
{
    struct mesh_port *ports = ARENA_ARRAY(arena, struct mesh_port, spec->ports_count + 1);

    for (size_t i = 0; i < spec->ports_count; i++) {
        const struct api_service_entry_port *from = &spec->ports[i];

        ports[i].name = mesh_text(from->name);
        ports[i].number = from->number;
        ports[i].target_number = from->target_port ? from->target_port : from->number;
        ports[i].target_name = "";
        ports[i].protocol = mesh_protocol_named(mesh_text(from->protocol));
    }
    return ports;
}

void mesh_service_entry_read(struct mesh_node *node, const struct api_service_entry *object)
{
    static const struct api_service_entry_spec empty;
    const struct api_service_entry_spec *spec = object->spec ? object->spec : &empty;
    struct arena *arena = &node->arena;
    struct mesh_service *services = ARENA_ARRAY(arena, struct mesh_service, spec->hosts_count + 1);
    const struct mesh_port *ports = read_ports(spec, arena);
    const struct api_workload_selector *selector = spec->workload_selector;

    node->entry.spec = spec;
    node->entry.services = services;
    node->entry.count = spec->hosts_count;
    for (size_t i = 0; i < spec->hosts_count; i++) {
        struct mesh_service *service = &services[i];

        service->meta = node->meta;
        service->labels = node->labels;
        service->entry = spec;
        service->hostname = arena_slice_lower(arena, slice_str(spec->hosts[i])).data;
        service->resolution = resolution_of(mesh_text(spec->resolution));
        service->addresses = (const char *const *)spec->addresses;
        service->address_count = spec->addresses_count;
        service->external_name = "";
        service->is_external = strcmp(mesh_text(spec->location), "MESH_INTERNAL") != 0;
        service->ports = ports;
        service->port_count = spec->ports_count;
        service->export_to = (const char *const *)spec->export_to;
        service->export_to_count = spec->export_to_count;
        if (selector)
            service->selector = mesh_labels_read(arena, selector->labels, selector->labels_count);
    }
}

/* What a workload entry, or an endpoint in a service entry, says of a workload. */
static void read_workload(struct mesh_workload *workload,
                          const struct api_workload_entry_spec *spec,
                          const struct mesh_labels *labels, struct arena *arena)
{
    const char **locality[3] = {&workload->region, &workload->zone, &workload->subzone};
    const char **addresses = ARENA_ARRAY(arena, const char *, 1);
    struct mesh_port *ports = ARENA_ARRAY(arena, struct mesh_port, spec->ports_count + 1);

    workload->labels = *labels;
    workload->service_account = spec->service_account ? spec->service_account : "default";
    workload->node = "";
    workload->workload = workload->meta.name;
    mesh_workload_name(workload);
    workload->region = workload->zone = workload->subzone = "";
    mesh_locality_split(mesh_text(spec->locality), locality, arena);
    workload->weight = spec->weight;
    if (spec->address && spec->address[0])
        addresses[workload->address_count++] = spec->address;
    workload->addresses = addresses;
    for (size_t i = 0; i < spec->ports_count; i++) {
        ports[i].name = spec->ports[i].key;
        ports[i].number = spec->ports[i].value;
        ports[i].target_name = "";
    }
    workload->ports = ports;
    workload->port_count = spec->ports_count;
}

/* The entry's own labels, and those of its metadata behind them. */
static struct mesh_labels entry_labels(struct mesh_node *node,
                                       const struct api_workload_entry_spec *spec)
{
    struct mesh_labels own = mesh_labels_read(&node->arena, spec->labels, spec->labels_count);
    struct api_string_entry *all =
        ARENA_ARRAY(&node->arena, struct api_string_entry, own.count + node->labels.count + 1);
    size_t count = 0;

    for (size_t i = 0; i < own.count; i++)
        all[count++] = (struct api_string_entry){own.items[i].key, own.items[i].value};
    for (size_t i = 0; i < node->labels.count; i++)
        if (!mesh_label_get(&own, node->labels.items[i].key))
            all[count++] =
                (struct api_string_entry){node->labels.items[i].key, node->labels.items[i].value};
    return mesh_labels_read(&node->arena, all, count);
}

void mesh_workload_entry_read(struct mesh_node *node, const struct api_workload_entry *object)
{
    static const struct api_workload_entry_spec empty;
    const struct api_workload_entry_spec *spec = object->spec ? object->spec : &empty;
    struct mesh_labels labels = entry_labels(node, spec);

    node->workload.meta = node->meta;
    read_workload(&node->workload, spec, &labels, &node->arena);
}

/* ---- endpoints ---- */

static uint32_t named_port(const struct mesh_workload *workload, const char *name)
{
    for (size_t i = 0; name[0] && i < workload->port_count; i++)
        if (strcmp(workload->ports[i].name, name) == 0)
            return workload->ports[i].number;
    return 0;
}

/* The ports of the service at a workload: what the workload's own map says, else the target. */
static const struct mesh_endpoint_port *map_ports(const struct mesh_service *service,
                                                  const struct mesh_workload *workload,
                                                  struct arena *arena, size_t *ret_count)
{
    struct mesh_endpoint_port *ports =
        ARENA_ARRAY(arena, struct mesh_endpoint_port, service->port_count + 1);

    for (size_t i = 0; i < service->port_count; i++) {
        const struct mesh_port *port = &service->ports[i];
        uint32_t number = named_port(workload, port->name);

        if (!number)
            number =
                port->target_number ? port->target_number : named_port(workload, port->target_name);
        ports[i].name = port->name;
        ports[i].number = number;
    }
    *ret_count = service->port_count;
    return ports;
}

static void add_workload(struct endpoint_builder *builder, const struct mesh_workload *workload,
                         bool is_known)
{
    struct arena *arena = &builder->node->arena;
    struct mesh_endpoint endpoint = {.hostname = "", .ready = true, .serving = true};

    if (workload->address_count == 0 ||
        !mesh_endpoint_fits(builder->service, workload->addresses[0]))
        return;
    endpoint.address = workload->addresses[0];
    endpoint.node = workload->node;
    endpoint.region = workload->region;
    endpoint.zone = workload->zone;
    endpoint.subzone = workload->subzone;
    endpoint.labels = workload->labels;
    endpoint.weight = workload->weight;
    endpoint.workload = is_known ? workload : NULL;
    endpoint.ports = map_ports(builder->service, workload, arena, &endpoint.port_count);
    VEC_PUSH(&builder->items, endpoint);
}

static void add_listed(struct endpoint_builder *builder)
{
    const struct api_service_entry_spec *spec = builder->service->entry;
    struct arena *arena = &builder->node->arena;

    for (size_t i = 0; i < spec->endpoints_count; i++) {
        struct mesh_workload *workload = ARENA_NEW(arena, struct mesh_workload);
        struct mesh_labels labels =
            mesh_labels_read(arena, spec->endpoints[i].labels, spec->endpoints[i].labels_count);

        workload->meta = builder->service->meta;
        read_workload(workload, &spec->endpoints[i], &labels, arena);
        add_workload(builder, workload, false);
    }
}

/* The host's name itself: its addresses are found by the proxy. */
static void add_host(struct endpoint_builder *builder)
{
    const struct mesh_workload workload = {.addresses = &builder->service->hostname,
                                           .address_count = 1,
                                           .node = "",
                                           .region = "",
                                           .zone = "",
                                           .subzone = ""};

    add_workload(builder, &workload, false);
}

static void add_selected(struct endpoint_builder *builder, const struct map *objects)
{
    const struct mesh_service *service = builder->service;

    MAP_EACH (entry, objects) {
        struct mesh_node *node = entry->value;

        if (strcmp(node->meta.namespace, service->meta.namespace) != 0 ||
            !mesh_labels_match(&service->selector, &node->workload.labels))
            continue;
        mesh_endpoint_keep(builder, node);
        add_workload(builder, &node->workload, true);
    }
}

void mesh_entry_endpoints_add(struct endpoint_builder *builder,
                              const struct mesh_endpoint_source *source)
{
    const struct mesh_service *service = builder->service;
    bool is_dns = service->resolution == MESH_RESOLUTION_DNS ||
                  service->resolution == MESH_RESOLUTION_DNS_ROUND_ROBIN;

    if (service->selector.count > 0) {
        add_selected(builder, source->workload_entries);
        if (service->entry)
            add_selected(builder, source->pods);
    }
    if (!service->entry)
        return;
    add_listed(builder);
    if (is_dns && service->entry->endpoints_count == 0 && service->selector.count == 0)
        add_host(builder);
}
