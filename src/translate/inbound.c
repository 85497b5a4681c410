/* SPDX-License-Identifier: Apache-2.0 */
/* virtualInbound, 15006: what comes to the workload. One chain or two for each port that a service
 * or its Sidecar names, chosen by the original destination port; any other port is passed on as it
 * is.
 *
 * Place   listener.c
 * Owns    nothing
 * Limits  plain text only: no chain asks for TLS yet
 */
#include <stdio.h>

#include "translate/action.h"
#include "translate/build.h"
#include "translate/translate_int.h"
#include "xds/pb/listener_filters_dst.h"

enum { PORT_INBOUND = 15006, INBOUND_RETRIES = 2 };

/* ---- which ports ---- */

/* Where the workload listens for a port of its service; 0 when unknown. */
static uint32_t target_of(const struct translator *translator, const struct mesh_port *port)
{
    const struct mesh_workload *workload;

    if (port->target_number || translator->scope->address_count == 0)
        return port->target_number;
    workload = mesh_workload_find(translator->mesh, translator->scope->addresses[0]);
    for (size_t i = 0; workload && i < workload->port_count; i++)
        if (strcmp(workload->ports[i].name, port->target_name) == 0)
            return workload->ports[i].number;
    return 0;
}

/* Whether the proxy's workload is one of the service's. */
static bool serves(const struct translator *translator, const struct mesh_service *service)
{
    return service->selector.count > 0 && !service->is_external &&
           strcmp(service->meta.namespace, translator->scope->namespace) == 0 &&
           mesh_labels_match(&service->selector, &translator->scope->labels);
}

static void port_add(struct translator *translator, struct inbound_port port)
{
    struct inbound_port *items = proto_array_grow(translator->scratch, translator->inbound,
                                                  translator->inbound_count, sizeof(*items));

    items[translator->inbound_count++] = port;
    translator->inbound = items;
}

static const struct inbound_port *port_find(const struct inbound_port *items, size_t count,
                                            uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].number == number)
            return &items[i];
    return NULL;
}

/* The oldest service says what a port speaks. */
static void find_of_services(struct translator *translator)
{
    size_t count;
    const struct mesh_service *const *all = mesh_services(translator->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; serves(translator, all[i]) && j < all[i]->port_count; j++) {
            const struct mesh_port *port = &all[i]->ports[j];
            uint32_t number = target_of(translator, port);

            if (number == 0 || port->protocol == MESH_PROTOCOL_UDP ||
                port_find(translator->inbound, translator->inbound_count, number))
                continue;
            port_add(translator,
                     (struct inbound_port){.number = number, .service = all[i], .port = port});
        }
    }
}

/* A Sidecar that names ports names all; the services still tell whose they are. */
static void narrow_to_sidecar(struct translator *translator)
{
    const struct api_sidecar_spec *spec = translator->sidecar ? translator->sidecar->spec : NULL;
    struct inbound_port *of_services = translator->inbound;
    size_t count = translator->inbound_count;

    if (!spec || spec->ingress_count == 0)
        return;
    translator->inbound = NULL;
    translator->inbound_count = 0;
    for (size_t i = 0; i < spec->ingress_count; i++) {
        const struct api_sidecar_ingress *ingress = &spec->ingress[i];
        uint32_t number = ingress->port ? ingress->port->number : 0;
        const struct inbound_port *known = port_find(of_services, count, number);
        struct mesh_port *port = ARENA_NEW(translator->scratch, struct mesh_port);

        port->name = ingress->port && ingress->port->name ? ingress->port->name : "";
        port->number = known ? known->port->number : number;
        port->target_number = number;
        port->target_name = "";
        if (ingress->port && ingress->port->protocol)
            port->protocol = mesh_protocol_named(ingress->port->protocol);
        if (number && !port_find(translator->inbound, translator->inbound_count, number))
            port_add(translator, (struct inbound_port){.number = number,
                                                       .service = known ? known->service : NULL,
                                                       .port = port,
                                                       .ingress = ingress});
    }
}

void inbound_find(struct translator *translator)
{
    find_of_services(translator);
    narrow_to_sidecar(translator);
}

uint32_t inbound_target(const struct translator *translator, uint32_t number)
{
    size_t count;
    const struct mesh_service *const *all = mesh_services(translator->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        const struct mesh_port *port = mesh_service_port(all[i], number);
        uint32_t target = port && serves(translator, all[i]) ? target_of(translator, port) : 0;

        if (target)
            return target;
    }
    return 0;
}

/* ---- chains ---- */

/* Retries of requests that the application's side lost before it saw them. */
static struct pb_retry_policy *new_retry(struct arena *arena)
{
    struct pb_retry_policy *retry = ARENA_NEW(arena, struct pb_retry_policy);

    retry->retry_on = SLICE("reset-before-request");
    retry->has_num_retries = true;
    retry->num_retries = INBOUND_RETRIES;
    return retry;
}

static struct pb_hcm *new_hcm(const struct translator *translator, const char *stat_prefix,
                              const char *cluster, uint32_t service_port, const char *operation)
{
    struct arena *arena = translator->scratch;
    struct pb_hcm *hcm = build_hcm(arena, translator->config, BUILD_HCM_INBOUND, stat_prefix);
    struct pb_route_configuration *config = ARENA_NEW(arena, struct pb_route_configuration);
    struct pb_virtual_host *host = ARENA_NEW(arena, struct pb_virtual_host);
    struct pb_route *route = ARENA_NEW(arena, struct pb_route);

    route->name = SLICE("default");
    match_fill(arena, NULL, false, route);
    action_fill_cluster(arena, cluster, route);
    route->route->retry_policy = new_retry(arena);
    route->decorator = ARENA_NEW(arena, struct pb_decorator);
    route->decorator->operation = slice_str(operation);
    host->name = slice_str(arena_printf(arena, "inbound|http|%u", service_port));
    PROTO_PUSH(arena, host, domains, SLICE("*"));
    PROTO_PUSH(arena, host, routes, route);
    config->name = slice_str(cluster);
    config->has_validate_clusters = true; /* false */
    PROTO_PUSH(arena, config, virtual_hosts, host);
    hcm->route_specifier_case = PB_HCM_CASE_ROUTE_CONFIG;
    hcm->route_config = config;
    return hcm;
}

static struct pb_filter_chain_match *match_port(struct arena *arena, struct pb_filter_chain *chain,
                                                uint32_t port)
{
    if (!chain->filter_chain_match)
        chain->filter_chain_match = ARENA_NEW(arena, struct pb_filter_chain_match);
    chain->filter_chain_match->has_destination_port = true;
    chain->filter_chain_match->destination_port = port;
    return chain->filter_chain_match;
}

static void add_port(struct translator *translator, struct pb_listener *listener,
                     const struct inbound_port *inbound)
{
    struct arena *arena = translator->scratch;
    const struct mesh_port *port = inbound->port;
    const char *hostname = inbound->service ? inbound->service->hostname : "";
    uint32_t target = inbound->number;
    const char *cluster = arena_printf(arena, "inbound|%u||", target);
    const char *wildcard = translate_wildcard(translator);
    const char *name = arena_printf(arena, "%s_%u", wildcard, target);
    const char *prefix = arena_printf(arena, "inbound_%s_%u;", wildcard, target);
    bool is_http = mesh_protocol_is_http(port->protocol);
    struct pb_filter_chain *chain;

    if (is_http || port->protocol == MESH_PROTOCOL_AUTO) {
        const char *operation = arena_printf(arena, "%s:%u/*", hostname, port->number);

        chain = build_http_chain(arena, name,
                                 new_hcm(translator, prefix, cluster, port->number, operation));
        match_port(arena, chain, target)->transport_protocol = SLICE("raw_buffer");
        if (!is_http)
            build_match_http(arena, chain);
        PROTO_PUSH(arena, listener, filter_chains, chain);
    }
    if (!is_http) {
        chain = build_tcp_chain(arena, translator->config, name, cluster);
        (void)match_port(arena, chain, target);
        PROTO_PUSH(arena, listener, filter_chains, chain);
    }
}

/* The ports that need no look at their first bytes: the service's protocol is known. */
static void skip_inspection(struct arena *arena, struct pb_listener *listener,
                            struct pb_listener_filter_chain_match_predicate *predicate,
                            uint32_t port)
{
    struct pb_listener_filter_chain_match_predicate *range =
        ARENA_NEW(arena, struct pb_listener_filter_chain_match_predicate);
    struct pb_listener_filter *inspector =
        listener->listener_filters[listener->listener_filters_count - 1];

    range->rule_case = PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_DESTINATION_PORT_RANGE;
    range->destination_port_range = ARENA_NEW(arena, struct pb_int32_range);
    range->destination_port_range->start = (int32_t)port;
    range->destination_port_range->end = (int32_t)port + 1;
    if (!predicate->or_match) {
        predicate->rule_case = PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_OR_MATCH;
        predicate->or_match =
            ARENA_NEW(arena, struct pb_listener_filter_chain_match_predicate_match_set);
    }
    PROTO_PUSH(arena, predicate->or_match, rules, range);
    /* Envoy wants two rules at least in an or */
    inspector->filter_disabled = predicate->or_match->rules_count > 1 ? predicate : range;
}

static void add_ports(struct translator *translator, struct pb_listener *listener)
{
    struct arena *arena = translator->scratch;
    struct pb_listener_filter_chain_match_predicate *predicate =
        ARENA_NEW(arena, struct pb_listener_filter_chain_match_predicate);

    for (size_t i = 0; i < translator->inbound_count; i++) {
        const struct inbound_port *inbound = &translator->inbound[i];

        add_port(translator, listener, inbound);
        if (inbound->port->protocol != MESH_PROTOCOL_AUTO)
            skip_inspection(arena, listener, predicate, inbound->number);
    }
}

void inbound_make(struct translator *translator)
{
    struct arena *arena = translator->scratch;
    const struct pb_original_dst original = {0};
    struct pb_listener *listener =
        build_listener(arena, "virtualInbound", translate_wildcard(translator), PORT_INBOUND);
    struct pb_filter_chain *chain;

    listener->traffic_direction = PB_TRAFFIC_DIRECTION_INBOUND;
    PROTO_PUSH(arena, listener, listener_filters,
               build_listener_filter(arena, "envoy.filters.listener.original_dst",
                                     &pb_original_dst_desc, &original));
    build_inspectors(arena, listener);
    chain =
        build_tcp_chain(arena, translator->config, "virtualInbound-blackhole", "BlackHoleCluster");
    (void)match_port(arena, chain, PORT_INBOUND);
    PROTO_PUSH(arena, listener, filter_chains, chain);
    chain = build_http_chain(
        arena, "virtualInbound-catchall-http",
        new_hcm(translator, "InboundPassthroughCluster", "InboundPassthroughCluster", 0, ":0/*"));
    build_match_http(arena, chain);
    PROTO_PUSH(arena, listener, filter_chains, chain);
    PROTO_PUSH(
        arena, listener, filter_chains,
        build_tcp_chain(arena, translator->config, "virtualInbound", "InboundPassthroughCluster"));
    add_ports(translator, listener);
    if (translate_is_dual(translator)) {
        struct pb_additional_address *other = ARENA_NEW(arena, struct pb_additional_address);

        other->address = build_address(arena, "::", PORT_INBOUND);
        PROTO_PUSH(arena, listener, additional_addresses, other);
    }
    translate_add(translator, TRANSLATE_LISTENER, "virtualInbound", &pb_listener_desc, listener);
}
