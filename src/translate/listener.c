/* SPDX-License-Identifier: Apache-2.0 */
/* A sidecar's listeners for what its application calls.
 *
 *   HTTP ports     0.0.0.0_<port>   one for all services, routes by RDS "<port>"
 *   TCP, TLS       <VIP>_<port>     to the service's cluster
 *   sniffed ports  <VIP>_<port>     HTTP by RDS "<host>:<port>", anything else as TCP
 *   without a VIP  0.0.0.0_<port>   TLS by server name, TCP by network; the first without either
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

/* One listener while services add their chains to it. */
struct outbound {
    struct pb_listener *listener;
    uint32_t port;
    bool is_wildcard;          /* on all addresses: other services may join */
    bool has_http, reads_http; /* a chain for HTTP; it must be told from others */
};

struct outbounds {
    struct translator *translator;
    VEC(struct outbound *) items;
    struct map by_name;
    struct map taken; /* what chains ask for: Envoy refuses the same twice in a listener */
};

/* The listener of that address, made when there is none; *ret_new tells. */
static struct outbound *outbound_get(struct outbounds *outbounds, const char *address,
                                     uint32_t port, bool *ret_new)
{
    struct translator *translator = outbounds->translator;
    struct arena *arena = translator->scratch;
    const char *name = arena_printf(arena, "%s_%u", bracketed(arena, address), port);
    struct outbound *outbound = map_get_str(&outbounds->by_name, name);

    *ret_new = !outbound;
    if (outbound)
        return outbound;
    outbound = ARENA_NEW(arena, struct outbound);
    outbound->port = port;
    outbound->listener = build_listener(arena, name, address, port);
    outbound->listener->traffic_direction = PB_TRAFFIC_DIRECTION_OUTBOUND;
    if (!translator->scope->interception_none)
        outbound->listener->has_bind_to_port =
            true; /* false: reached through virtualOutbound only */
    (void)map_put(&outbounds->by_name, slice_str(name), outbound, NULL);
    VEC_PUSH(&outbounds->items, outbound);
    return outbound;
}

/* Where the listener of a port that services share is: as a Sidecar's egress listener says, else on
 * all addresses. *ret_bound: the socket is opened, since nothing redirects to it. */
static const char *shared_address(const struct translator *translator, uint32_t port,
                                  bool *ret_bound)
{
    const struct mesh_egress *egress = scope_listener(translator, port);
    const char *mode = egress && egress->spec->capture_mode ? egress->spec->capture_mode : "";
    bool is_none = translator->scope->interception_none || strcmp(mode, "NONE") == 0;

    *ret_bound = is_none;
    if (egress && egress->spec->bind && egress->spec->bind[0])
        return egress->spec->bind;
    return is_none ? "127.0.0.1" : translate_wildcard(translator);
}

static struct outbound *shared_get(struct outbounds *outbounds, uint32_t port)
{
    struct translator *translator = outbounds->translator;
    bool is_bound;
    const char *address = shared_address(translator, port, &is_bound);
    bool is_new;
    struct outbound *outbound = outbound_get(outbounds, address, port, &is_new);

    if (!is_new)
        return outbound;
    outbound->is_wildcard = true;
    if (is_bound)
        outbound->listener->has_bind_to_port = false; /* Envoy's default: it is */
    outbound->listener->default_filter_chain = build_tcp_chain(
        translator->scratch, translator->config, "PassthroughFilterChain", translator->outside);
    return outbound;
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

static struct pb_filter_chain *http_chain(struct translator *translator, struct slice address,
                                          uint32_t port, const char *route_name)
{
    struct arena *arena = translator->scratch;
    const char *prefix = arena_printf(arena, "outbound_%.*s_%u;", SLICE_ARG(address), port);
    struct pb_hcm *hcm = build_hcm(arena, translator->config, BUILD_HCM_OUTBOUND, prefix);
    struct pb_filter_chain *chain;

    build_hcm_rds(arena, hcm, route_name);
    chain = build_http_chain(arena, "", hcm);
    build_match_http(arena, chain);
    return chain;
}

static void add_http_chain(struct outbounds *outbounds, struct outbound *outbound,
                           const char *route_name)
{
    struct translator *translator = outbounds->translator;

    if (outbound->has_http)
        return;
    outbound->has_http = outbound->reads_http = true;
    PROTO_PUSH(translator->scratch, outbound->listener, filter_chains,
               http_chain(translator, outbound->listener->address->socket_address->address,
                          outbound->port, route_name));
}

static void add_http(struct outbounds *outbounds, uint32_t port)
{
    struct arena *arena = outbounds->translator->scratch;
    struct outbound *outbound = shared_get(outbounds, port);

    if (outbound->has_http)
        return;
    add_http_chain(outbounds, outbound, arena_printf(arena, "%u", port));
    route_port_make(outbounds->translator, port);
}

static void add_tcp_chains(struct outbounds *outbounds, struct outbound *outbound,
                           const struct mesh_service *service, const struct mesh_port *port,
                           const char *cidr)
{
    const struct tcp_place place = {.cidr = cidr, .is_shared = outbound->is_wildcard};
    tcp_chain_vec chains = {0};

    tcp_chains_service(outbounds->translator, service, port, &place, &chains);
    for (size_t i = 0; i < chains.count; i++)
        if (tcp_chain_claim(outbounds->translator, &outbounds->taken, outbound->listener,
                            chains.items[i]))
            PROTO_PUSH(outbounds->translator->scratch, outbound->listener, filter_chains,
                       chains.items[i]);
    VEC_DEINIT(&chains);
}

/* A port that is not known to speak HTTP, on an address of the service. */
static void add_address(struct outbounds *outbounds, const struct mesh_service *service,
                        const struct mesh_port *port, const char *address)
{
    struct translator *translator = outbounds->translator;
    const char *bind = translator->scope->interception_none ? "127.0.0.1" : address;
    bool is_new;
    struct outbound *outbound = outbound_get(outbounds, bind, port->number, &is_new);

    if (!is_new)
        return; /* an older service has the address */
    if (port->protocol == MESH_PROTOCOL_AUTO) {
        add_http_chain(outbounds, outbound,
                       arena_printf(translator->scratch, "%s:%u", service->hostname, port->number));
        route_service_make(translator, service, port);
    }
    add_tcp_chains(outbounds, outbound, service, port, NULL);
}

/* The same without an address, or with a network: on all addresses, told apart by network and
 * server name. A sniffed port without an address is HTTP by host name, or TCP. */
static void add_anywhere(struct outbounds *outbounds, const struct mesh_service *service,
                         const struct mesh_port *port, const char *cidr)
{
    if (port->protocol == MESH_PROTOCOL_AUTO && !cidr)
        add_http(outbounds, port->number);
    add_tcp_chains(outbounds, shared_get(outbounds, port->number), service, port, cidr);
}

/* Not the proxy's own address: its application may call itself directly. */
static bool is_own(const struct translator *translator, const char *address)
{
    for (size_t i = 0; i < translator->scope->address_count; i++)
        if (strcmp(translator->scope->addresses[i], address) == 0)
            return true;
    return false;
}

/* A headless service has a listener on each of its endpoints. */
static void add_endpoints(struct outbounds *outbounds, const struct mesh_service *service,
                          const struct mesh_port *port)
{
    const struct mesh_endpoint_set *set = mesh_endpoints(outbounds->translator->mesh, service);

    for (size_t i = 0; i < set->count; i++)
        if (!is_own(outbounds->translator, set->items[i].address))
            add_address(outbounds, service, port, set->items[i].address);
}

static void add_port(struct outbounds *outbounds, const struct mesh_service *service,
                     const struct mesh_port *port)
{
    if (!scope_listens(outbounds->translator, service, port))
        return;
    if (mesh_protocol_is_http(port->protocol)) {
        add_http(outbounds, port->number);
        return;
    }
    for (size_t i = 0; i < service->address_count; i++) {
        if (strchr(service->addresses[i], '/'))
            add_anywhere(outbounds, service, port, service->addresses[i]);
        else
            add_address(outbounds, service, port, service->addresses[i]);
    }
    if (service->entry && service->address_count == 0)
        add_anywhere(outbounds, service, port, NULL);
    else if (!service->entry && service->resolution == MESH_RESOLUTION_PASSTHROUGH)
        add_endpoints(outbounds, service, port);
}

/* All services are in: what the listener must read first is known now. */
static void outbound_finish(struct translator *translator, struct outbound *outbound)
{
    struct pb_listener *listener = outbound->listener;

    if (tcp_reads_names(listener))
        build_tls_inspector(translator->scratch, listener);
    if (outbound->reads_http)
        build_inspectors(translator->scratch, listener);
    if (outbound->is_wildcard)
        add_other_family(translator, listener, outbound->port);
    translate_add(translator, TRANSLATE_LISTENER, listener->name.data, &pb_listener_desc, listener);
}

static void add_outbounds(struct translator *translator)
{
    struct outbounds outbounds = {.translator = translator};

    map_init(&outbounds.by_name, 0);
    map_init(&outbounds.taken, 0);
    for (size_t i = 0; i < translator->service_count; i++)
        for (size_t j = 0; j < translator->services[i]->port_count; j++)
            add_port(&outbounds, translator->services[i], &translator->services[i]->ports[j]);
    for (size_t i = 0; i < outbounds.items.count; i++)
        outbound_finish(translator, outbounds.items.items[i]);
    VEC_DEINIT(&outbounds.items);
    map_deinit(&outbounds.taken);
    map_deinit(&outbounds.by_name);
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
                               translator->outside));
    add_other_family(translator, listener, PORT_OUTBOUND);
    translate_add(translator, TRANSLATE_LISTENER, "virtualOutbound", &pb_listener_desc, listener);
}

void listeners_make(struct translator *translator)
{
    add_outbounds(translator);
    if (!translator->scope->interception_none)
        add_virtual_outbound(translator);
}
