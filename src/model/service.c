/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes Services as services of the mesh; which protocol a port speaks.
 *
 * Place   node.c, for each Service
 * Owns    nothing; all lies in the node's arena
 */
#include "model/mesh_int.h"

static const struct {
    const char *name;
    enum mesh_protocol protocol;
} protocols[] = {
    {"http", MESH_PROTOCOL_HTTP},
    {"http2", MESH_PROTOCOL_HTTP2},
    {"https", MESH_PROTOCOL_HTTPS},
    {"grpc", MESH_PROTOCOL_GRPC},
    {"tcp", MESH_PROTOCOL_TCP},
    {"tls", MESH_PROTOCOL_TLS},
    {"mongo", MESH_PROTOCOL_MONGO},
    {"redis", MESH_PROTOCOL_REDIS},
    {"mysql", MESH_PROTOCOL_MYSQL},
    {"udp", MESH_PROTOCOL_UDP},
    {"http_proxy", MESH_PROTOCOL_HTTP_PROXY},
    {"kubernetes.io/h2c", MESH_PROTOCOL_HTTP2},
    {"kubernetes.io/ws", MESH_PROTOCOL_HTTP},
    {"kubernetes.io/wss", MESH_PROTOCOL_HTTPS},
};

static enum mesh_protocol name_protocol(struct slice name)
{
    if (slice_starts_with_nocase(name, SLICE("grpc-web")))
        return MESH_PROTOCOL_GRPC_WEB;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (slice_eq_nocase(name, slice_str(protocols[i].name)))
            return protocols[i].protocol;
    return MESH_PROTOCOL_AUTO;
}

enum mesh_protocol mesh_protocol_parse(const char *app_protocol, const char *port_name,
                                       uint32_t port_number, bool udp)
{
    /* server-first protocols: sniffing would wait for a client that waits */
    static const uint32_t tcp_ports[] = {25, 53, 3306, 27017};
    enum mesh_protocol protocol = MESH_PROTOCOL_AUTO;
    struct slice name = slice_str(port_name);
    ptrdiff_t dash = slice_find_char(name, '-');

    if (udp)
        return MESH_PROTOCOL_UDP;
    if (app_protocol && app_protocol[0])
        protocol = name_protocol(slice_str(app_protocol));
    else if (slice_starts_with_nocase(name, SLICE("grpc-web")))
        protocol = MESH_PROTOCOL_GRPC_WEB;
    else
        protocol = name_protocol(dash < 0 ? name : slice_head(name, (size_t)dash));
    for (size_t i = 0; i < ARRAY_LEN(tcp_ports) && protocol == MESH_PROTOCOL_AUTO; i++)
        if (port_number == tcp_ports[i])
            protocol = MESH_PROTOCOL_TCP;
    return protocol;
}

bool mesh_protocol_is_http(enum mesh_protocol protocol)
{
    return protocol >= MESH_PROTOCOL_HTTP && protocol <= MESH_PROTOCOL_HTTP_PROXY;
}

bool mesh_protocol_is_http2(enum mesh_protocol protocol)
{
    return protocol == MESH_PROTOCOL_HTTP2 || protocol == MESH_PROTOCOL_GRPC ||
           protocol == MESH_PROTOCOL_GRPC_WEB;
}

bool mesh_protocol_is_tls(enum mesh_protocol protocol)
{
    return protocol == MESH_PROTOCOL_TLS || protocol == MESH_PROTOCOL_HTTPS;
}

enum mesh_protocol mesh_protocol_named(const char *name)
{
    return name_protocol(slice_str(name));
}

static void read_ports(struct mesh_service *service, const struct api_service_spec *spec,
                       struct arena *arena)
{
    struct mesh_port *ports = ARENA_ARRAY(arena, struct mesh_port, spec->ports_count + 1);

    for (size_t i = 0; i < spec->ports_count; i++) {
        const struct api_service_port *from = &spec->ports[i];
        bool is_udp = from->protocol && strcmp(from->protocol, "TCP") != 0;
        struct mesh_port *port = &ports[i];

        port->name = mesh_text(from->name);
        port->number = (uint32_t)from->port;
        port->protocol = mesh_protocol_parse(from->app_protocol, port->name, port->number, is_udp);
        port->target_name = from->target_port.is_string ? from->target_port.text : "";
        if (!from->has_target_port || (!from->target_port.is_string && !from->target_port.number))
            port->target_number = port->number;
        else if (!from->target_port.is_string)
            port->target_number = (uint32_t)from->target_port.number;
    }
    service->ports = ports;
    service->port_count = spec->ports_count;
}

static void read_addresses(struct mesh_service *service, const struct api_service_spec *spec,
                           struct arena *arena)
{
    const char **addresses = ARENA_ARRAY(arena, const char *, spec->cluster_ips_count + 1);
    bool is_headless = spec->cluster_ip && strcmp(spec->cluster_ip, "None") == 0;

    service->addresses = addresses;
    if (is_headless) {
        service->resolution = MESH_RESOLUTION_PASSTHROUGH;
        return;
    }
    for (size_t i = 0; i < spec->cluster_ips_count; i++)
        addresses[service->address_count++] = spec->cluster_ips[i];
    if (service->address_count == 0 && spec->cluster_ip && spec->cluster_ip[0])
        addresses[service->address_count++] = spec->cluster_ip;
}

/* The comma-separated annotation networking.istio.io/exportTo. */
static void read_export_to(struct mesh_service *service, const struct api_object_meta *meta,
                           struct arena *arena)
{
    struct slice rest = {0};
    struct slice piece;
    const char **items;
    size_t count = 0;

    for (size_t i = 0; i < meta->annotations_count; i++)
        if (strcmp(meta->annotations[i].key, "networking.istio.io/exportTo") == 0)
            rest = slice_str(meta->annotations[i].value);
    items = ARENA_ARRAY(arena, const char *, rest.len / 2 + 2);
    while (rest.len > 0 && slice_split_next(&rest, ',', &piece))
        if (slice_trim(piece).len > 0)
            items[count++] = arena_slice_str(arena, slice_trim(piece));
    service->export_to = items;
    service->export_to_count = count;
}

void mesh_service_read(struct mesh_node *node, const struct api_service *object, const char *domain)
{
    static const struct api_service_spec empty;
    const struct api_service_spec *spec = object->spec ? object->spec : &empty;
    struct mesh_service *service = &node->service;

    service->meta = node->meta;
    service->labels = node->labels;
    service->hostname =
        arena_printf(&node->arena, "%s.%s.svc.%s", node->meta.name, node->meta.namespace, domain);
    service->external_name = "";
    service->selector = mesh_labels_read(&node->arena, spec->selector, spec->selector_count);
    service->node_local =
        spec->internal_traffic_policy && strcmp(spec->internal_traffic_policy, "Local") == 0;
    service->publishes_not_ready = spec->publish_not_ready_addresses;
    read_ports(service, spec, &node->arena);
    if (spec->type && strcmp(spec->type, "ExternalName") == 0) {
        service->resolution = MESH_RESOLUTION_ALIAS;
        service->external_name = mesh_text(spec->external_name);
    } else {
        read_addresses(service, spec, &node->arena);
    }
    read_export_to(service, object->metadata, &node->arena);
}
