/* SPDX-License-Identifier: Apache-2.0 */
/* A sidecar's listeners for what its application calls.
 *
 *   HTTP ports     0.0.0.0_<port>   one for all services, routes by RDS "<port>"
 *   TCP, TLS       <VIP>_<port>     to the service's cluster
 *   sniffed ports  <VIP>_<port>     HTTP by RDS "<host>:<port>", anything else as TCP
 *   everything     virtualOutbound  15001: hands connections to the listeners above, by their
 *                                   original destination; passes on those that none is for
 *
 * Place   translate.c
 * Owns    nothing
 * Limits  with interception NONE the listeners are bound on 127.0.0.1, the first of a port wins
 */
#include "translate/build.h"
#include "translate/tcp.h"
#include "translate/translate_int.h"

enum { PORT_OUTBOUND = 15001 };

static const char *bracketed(struct arena *arena, const char *address)
{
    return strchr(address, ':') ? arena_printf(arena, "[%s]", address) : address;
}

static struct pb_listener *new_listener(struct translator *translator, const char *address,
                                        uint32_t port)
{
    struct arena *arena = translator->scratch;
    const char *name = arena_printf(arena, "%s_%u", bracketed(arena, address), port);
    struct pb_listener *listener = build_listener(arena, name, address, port);

    listener->traffic_direction = PB_TRAFFIC_DIRECTION_OUTBOUND;
    if (!translator->scope->interception_none)
        listener->has_bind_to_port = true; /* false: reached through virtualOutbound only */
    return listener;
}

/* The same on "::" for a proxy with addresses of both families. */
static void add_other_family(struct translator *translator, struct pb_listener *listener,
                             uint32_t port)
{
    struct pb_additional_address *other;

    if (!translate_is_dual(translator) || translator->scope->interception_none)
        return;
    other = ARENA_NEW(translator->scratch, struct pb_additional_address);
    other->address = build_address(translator->scratch, "::", port);
    PROTO_PUSH(translator->scratch, listener, additional_addresses, other);
}

static struct pb_filter_chain *http_chain(struct translator *translator, const char *address,
                                          uint32_t port, const char *route_name)
{
    struct arena *arena = translator->scratch;
    const char *prefix = arena_printf(arena, "outbound_%s_%u;", address, port);
    struct pb_hcm *hcm = build_hcm(arena, translator->config, BUILD_HCM_OUTBOUND, prefix);
    struct pb_filter_chain *chain;

    build_hcm_rds(arena, hcm, route_name);
    chain = build_http_chain(arena, "", hcm);
    build_match_http(arena, chain);
    return chain;
}

static void add_http(struct translator *translator, uint32_t port)
{
    struct arena *arena = translator->scratch;
    const char *address =
        translator->scope->interception_none ? "127.0.0.1" : translate_wildcard(translator);
    struct pb_listener *listener = new_listener(translator, address, port);

    if (translate_has(translator, TRANSLATE_LISTENER, listener->name.data))
        return;
    PROTO_PUSH(arena, listener, filter_chains,
               http_chain(translator, address, port, arena_printf(arena, "%u", port)));
    listener->default_filter_chain = build_tcp_chain(
        arena, translator->config, "PassthroughFilterChain", translate_outside(translator));
    build_inspectors(arena, listener);
    add_other_family(translator, listener, port);
    translate_add(translator, TRANSLATE_LISTENER, listener->name.data, &pb_listener_desc, listener);
    route_port_make(translator, port);
}

static void add_address(struct translator *translator, const struct mesh_service *service,
                        const struct mesh_port *port, const char *address)
{
    struct arena *arena = translator->scratch;
    const char *bind = translator->scope->interception_none ? "127.0.0.1" : address;
    struct pb_listener *listener = new_listener(translator, bind, port->number);

    if (translate_has(translator, TRANSLATE_LISTENER, listener->name.data))
        return;
    if (port->protocol == MESH_PROTOCOL_AUTO) {
        const char *route = arena_printf(arena, "%s:%u", service->hostname, port->number);

        PROTO_PUSH(arena, listener, filter_chains,
                   http_chain(translator, bind, port->number, route));
        build_inspectors(arena, listener);
        route_service_make(translator, service, port);
    }
    PROTO_PUSH(arena, listener, filter_chains,
               tcp_chain_service(translator, service, port->number));
    translate_add(translator, TRANSLATE_LISTENER, listener->name.data, &pb_listener_desc, listener);
}

/* Not the proxy's own address: its application may call itself directly. */
static bool is_own(const struct translator *translator, const char *address)
{
    for (size_t i = 0; i < translator->scope->address_count; i++)
        if (strcmp(translator->scope->addresses[i], address) == 0)
            return true;
    return false;
}

static void add_port(struct translator *translator, const struct mesh_service *service,
                     const struct mesh_port *port)
{
    const struct mesh_endpoint_set *set;

    if (port->protocol == MESH_PROTOCOL_UDP)
        return;
    if (mesh_protocol_is_http(port->protocol)) {
        add_http(translator, port->number);
        return;
    }
    for (size_t i = 0; i < service->address_count; i++)
        add_address(translator, service, port, service->addresses[i]);
    if (service->resolution != MESH_RESOLUTION_PASSTHROUGH)
        return;
    set = mesh_endpoints(translator->mesh, service);
    for (size_t i = 0; i < set->count; i++)
        if (!is_own(translator, set->items[i].address))
            add_address(translator, service, port, set->items[i].address);
}

static void add_virtual_outbound(struct translator *translator)
{
    struct arena *arena = translator->scratch;
    struct pb_listener *listener =
        build_listener(arena, "virtualOutbound", translate_wildcard(translator), PORT_OUTBOUND);
    struct pb_filter_chain *black_hole =
        build_tcp_chain(arena, translator->config, "virtualOutbound-blackhole", "BlackHoleCluster");

    listener->traffic_direction = PB_TRAFFIC_DIRECTION_OUTBOUND;
    listener->has_use_original_dst = listener->use_original_dst = true;
    /* whoever calls 15001 itself would be sent round for ever */
    black_hole->filter_chain_match = ARENA_NEW(arena, struct pb_filter_chain_match);
    black_hole->filter_chain_match->has_destination_port = true;
    black_hole->filter_chain_match->destination_port = PORT_OUTBOUND;
    PROTO_PUSH(arena, listener, filter_chains, black_hole);
    PROTO_PUSH(arena, listener, filter_chains,
               build_tcp_chain(arena, translator->config, "virtualOutbound-catchall-tcp",
                               translate_outside(translator)));
    add_other_family(translator, listener, PORT_OUTBOUND);
    translate_add(translator, TRANSLATE_LISTENER, "virtualOutbound", &pb_listener_desc, listener);
}

void listeners_make(struct translator *translator)
{
    for (size_t i = 0; i < translator->service_count; i++)
        for (size_t j = 0; j < translator->services[i]->port_count; j++)
            add_port(translator, translator->services[i], &translator->services[i]->ports[j]);
    if (translator->scope->interception_none)
        return;
    add_virtual_outbound(translator);
    inbound_make(translator);
}
