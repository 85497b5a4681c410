/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of plain TCP and of TLS that is passed on: to a service, or where a virtual service's tcp
 * and tls routes say.
 *
 *   match of a route                        what the chain asks for
 *   port, sourceLabels, sourceNamespace,    nothing: known now, the chain is there or not
 *   gateways
 *   destinationSubnets                      prefix_ranges
 *   sniHosts                                server_names
 *
 * Place   listener.c, gateway.c
 * Owns    nothing
 * Spec    as istiod: a port of protocol TLS or HTTPS obeys tls routes, any other one tcp routes
 */
#include "translate/tcp.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "translate/build.h"
#include "xds/pb/tcp_proxy.h"

static bool match_holds(const struct translator *translator, const struct route_context *context,
                        const struct api_l4_match_attributes *match)
{
    const struct api_http_match_request as_http = {
        .port = match->port,
        .source_labels = match->source_labels,
        .source_labels_count = match->source_labels_count,
        .gateways = match->gateways,
        .gateways_count = match->gateways_count,
        .source_namespace = match->source_namespace,
    };

    return match_applies(translator, context, &as_http);
}

/* ---- one chain ---- */

static struct pb_filter_chain *new_chain(struct translator *translator,
                                         const struct route_context *context,
                                         const struct api_route_destination *routes, size_t count)
{
    struct arena *arena = translator->scratch;
    const char *namespace = context->vs->meta.namespace;
    struct pb_filter_chain *chain = ARENA_NEW(arena, struct pb_filter_chain);
    struct pb_tcp_proxy proxy = {0};

    build_access_log(arena, translator->config, &proxy.access_log, &proxy.access_log_count);
    if (count == 1) {
        proxy.cluster_specifier_case = PB_TCP_PROXY_CASE_CLUSTER;
        proxy.cluster = slice_str(
            http_destination_cluster(translator, routes[0].destination, namespace, context->port));
        proxy.stat_prefix = proxy.cluster;
    } else {
        proxy.cluster_specifier_case = PB_TCP_PROXY_CASE_WEIGHTED_CLUSTERS;
        proxy.weighted_clusters = ARENA_NEW(arena, struct pb_tcp_proxy_weighted_cluster);
        proxy.stat_prefix =
            slice_str(arena_printf(arena, "%s.%s", context->vs->meta.name, namespace));
    }
    for (size_t i = 0; i < count && count > 1; i++) {
        struct pb_tcp_proxy_weighted_cluster_cluster_weight *weight =
            ARENA_NEW(arena, struct pb_tcp_proxy_weighted_cluster_cluster_weight);

        if (routes[i].weight <= 0)
            continue;
        weight->name = slice_str(
            http_destination_cluster(translator, routes[i].destination, namespace, context->port));
        weight->weight = (uint32_t)routes[i].weight;
        PROTO_PUSH(arena, proxy.weighted_clusters, clusters, weight);
    }
    PROTO_PUSH(arena, chain, filters,
               build_filter(arena, "envoy.filters.network.tcp_proxy", &pb_tcp_proxy_desc, &proxy));
    return chain;
}

static struct pb_filter_chain_match *match_of(struct arena *arena, struct pb_filter_chain *chain)
{
    if (!chain->filter_chain_match)
        chain->filter_chain_match = ARENA_NEW(arena, struct pb_filter_chain_match);
    return chain->filter_chain_match;
}

/* "10.0.0.0/8" or "10.0.0.1"; what is neither is passed over (validation refuses it). */
static void add_range(struct arena *arena, struct pb_filter_chain *chain, const char *text)
{
    const char *slash = strchr(text, '/');
    bool is_v6 = strchr(text, ':') != NULL;
    unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : is_v6 ? 128 : 32;
    const char *address =
        slash ? arena_slice_str(arena, slice_make(text, (size_t)(slash - text))) : text;
    struct in6_addr scratch;
    struct pb_cidr_range *range;

    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, &scratch) != 1 || bits > (is_v6 ? 128 : 32))
        return;
    range = ARENA_NEW(arena, struct pb_cidr_range);
    range->address_prefix = slice_str(address);
    range->has_prefix_len = true;
    range->prefix_len = (uint32_t)bits;
    PROTO_PUSH(arena, match_of(arena, chain), prefix_ranges, range);
}

/* The subnets of the match, else that of the listener's service. */
static void set_ranges(struct arena *arena, struct pb_filter_chain *chain,
                       const char *const *subnets, size_t count, const char *cidr)
{
    for (size_t i = 0; i < count; i++)
        add_range(arena, chain, subnets[i]);
    if (count == 0 && cidr)
        add_range(arena, chain, cidr);
}

/* ---- virtual services ---- */

bool tcp_chains_virtual(struct translator *translator, const struct route_context *context,
                        const char *cidr, tcp_chain_vec *ret_chains)
{
    const struct api_virtual_service_spec *spec = context->vs->spec;
    static const struct api_l4_match_attributes all;

    for (size_t i = 0; i < spec->tcp_count; i++) {
        const struct api_tcp_route *route = &spec->tcp[i];
        size_t count = route->match_count ? route->match_count : 1;

        for (size_t j = 0; j < count && route->route_count; j++) {
            const struct api_l4_match_attributes *match =
                route->match_count ? &route->match[j] : &all;
            struct pb_filter_chain *chain;

            if (!match_holds(translator, context, match))
                continue;
            chain = new_chain(translator, context, route->route, route->route_count);
            set_ranges(translator->scratch, chain, (const char *const *)match->destination_subnets,
                       match->destination_subnets_count, cidr);
            VEC_PUSH(ret_chains, chain);
            if (match->destination_subnets_count == 0)
                return true; /* what follows could never match */
        }
    }
    return false;
}

/* The chain of one match of a tls route; NULL when it is not for this proxy, or no name is left. */
static struct pb_filter_chain *names_chain(struct translator *translator,
                                           const struct route_context *context,
                                           const struct api_tls_route *route,
                                           const struct api_tls_match_attributes *match,
                                           const struct tcp_names *names)
{
    struct arena *arena = translator->scratch;
    const struct api_l4_match_attributes source = {
        .port = match->port,
        .source_labels = match->source_labels,
        .source_labels_count = match->source_labels_count,
        .gateways = match->gateways,
        .gateways_count = match->gateways_count,
        .source_namespace = match->source_namespace,
    };
    struct pb_filter_chain *chain;

    if (!route->route_count || !match_holds(translator, context, &source))
        return NULL;
    chain = new_chain(translator, context, route->route, route->route_count);
    for (size_t i = 0; i < match->sni_hosts_count; i++)
        if (!names->covers || names->covers(match->sni_hosts[i], names->ctx))
            build_match_name(arena, chain, match->sni_hosts[i]);
    if (!chain->filter_chain_match)
        return NULL;
    set_ranges(arena, chain, (const char *const *)match->destination_subnets,
               match->destination_subnets_count, names->cidr);
    return chain;
}

void tcp_chains_names(struct translator *translator, const struct route_context *context,
                      const struct tcp_names *names, tcp_chain_vec *ret_chains)
{
    const struct api_virtual_service_spec *spec = context->vs->spec;

    for (size_t i = 0; i < spec->tls_count; i++) {
        for (size_t j = 0; j < spec->tls[i].match_count; j++) {
            struct pb_filter_chain *chain =
                names_chain(translator, context, &spec->tls[i], &spec->tls[i].match[j], names);

            if (chain)
                VEC_PUSH(ret_chains, chain);
        }
    }
}

/* ---- services ---- */

/* How long a connection to the service may be idle, when a destination rule says. */
static const struct pb_duration *idle_timeout(const struct translator *translator,
                                              const struct mesh_service *service, uint32_t port)
{
    const struct mesh_destination *destination = mesh_destination_find(
        translator->mesh, translator->scope->namespace, &translator->scope->labels, service);
    struct policy policy = policy_find(destination, NULL, port);
    struct pb_duration *out;

    if (!policy.pool || !policy.pool->tcp || !policy.pool->tcp->has_idle_timeout)
        return NULL;
    out = ARENA_NEW(translator->scratch, struct pb_duration);
    *out = build_duration(policy.pool->tcp->idle_timeout_ns);
    return out;
}

void tcp_chains_service(struct translator *translator, const struct mesh_service *service,
                        const struct mesh_port *port, const struct tcp_place *place,
                        tcp_chain_vec *ret_chains)
{
    struct arena *arena = translator->scratch;
    const struct mesh_virtual_service *vs = route_virtual_service(translator, service->hostname);
    const struct route_context context = {.port = port->number, .gateway = "mesh", .vs = vs};
    const char *cluster = cluster_name(arena, port->number, "", service->hostname);
    bool is_tls = mesh_protocol_is_tls(port->protocol);
    struct pb_filter_chain *chain;

    if (vs && is_tls && vs->spec->tls_count > 0) {
        const struct tcp_names names = {.cidr = place->cidr};
        size_t before = ret_chains->count;

        tcp_chains_names(translator, &context, &names, ret_chains);
        if (ret_chains->count > before)
            return;
    }
    if (vs && !is_tls && tcp_chains_virtual(translator, &context, place->cidr, ret_chains))
        return;
    chain = build_tcp_chain_idle(arena, translator->config, "", cluster,
                                 idle_timeout(translator, service, port->number));
    if (place->cidr)
        add_range(arena, chain, place->cidr);
    if (is_tls && place->is_shared)
        build_match_name(arena, chain, service->hostname);
    VEC_PUSH(ret_chains, chain);
}

/* ---- listeners ---- */

bool tcp_chain_claim(struct translator *translator, struct map *taken,
                     const struct pb_listener *listener, struct pb_filter_chain *chain)
{
    struct arena *arena = translator->scratch;
    struct pb_filter_chain_match *match = chain->filter_chain_match;
    size_t count = match ? match->server_names_count : 0;
    const char *place = listener->name.data;
    size_t kept = 0;

    for (size_t i = 0; match && i < match->prefix_ranges_count; i++)
        place = arena_printf(arena, "%s %.*s/%u", place,
                             SLICE_ARG(match->prefix_ranges[i]->address_prefix),
                             match->prefix_ranges[i]->prefix_len);
    for (size_t i = 0; i < MAX(count, (size_t)1); i++) {
        struct slice name = count ? match->server_names[i] : SLICE("");
        struct slice key = slice_str(arena_printf(arena, "%s;%.*s", place, SLICE_ARG(name)));

        if (map_get(taken, key))
            continue;
        (void)map_put(taken, key, translator, NULL);
        if (count)
            match->server_names[kept] = name;
        kept++;
    }
    if (count)
        match->server_names_count = kept;
    return kept > 0;
}

bool tcp_reads_names(const struct pb_listener *listener)
{
    for (size_t i = 0; i < listener->filter_chains_count; i++)
        if (listener->filter_chains[i]->filter_chain_match &&
            listener->filter_chains[i]->filter_chain_match->server_names_count)
            return true;
    return false;
}
