/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of plain TCP: to a service, or where a virtual service's tcp route says.
 *
 * Place   listener.c, gateway.c
 * Owns    nothing
 * Limits  matches on destination subnets and tls routes (SNI) are not made yet; the model tells
 */
#include "translate/tcp.h"

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

    return match->destination_subnets_count == 0 && match_applies(translator, context, &as_http);
}

static const struct api_tcp_route *find_route(const struct translator *translator,
                                              const struct route_context *context)
{
    const struct api_virtual_service_spec *spec = context->vs->spec;

    for (size_t i = 0; i < spec->tcp_count; i++) {
        if (spec->tcp[i].match_count == 0)
            return &spec->tcp[i];
        for (size_t j = 0; j < spec->tcp[i].match_count; j++)
            if (match_holds(translator, context, &spec->tcp[i].match[j]))
                return &spec->tcp[i];
    }
    return NULL;
}

static struct pb_filter_chain *new_chain(struct translator *translator,
                                         const struct route_context *context,
                                         const struct api_tcp_route *from)
{
    struct arena *arena = translator->scratch;
    const char *namespace = context->vs->meta.namespace;
    struct pb_filter_chain *chain = ARENA_NEW(arena, struct pb_filter_chain);
    struct pb_tcp_proxy proxy = {0};

    build_access_log(arena, translator->config, &proxy.access_log, &proxy.access_log_count);
    if (from->route_count == 1) {
        proxy.cluster_specifier_case = PB_TCP_PROXY_CASE_CLUSTER;
        proxy.cluster = slice_str(http_destination_cluster(translator, from->route[0].destination,
                                                           namespace, context->port));
        proxy.stat_prefix = proxy.cluster;
    } else {
        proxy.cluster_specifier_case = PB_TCP_PROXY_CASE_WEIGHTED_CLUSTERS;
        proxy.weighted_clusters = ARENA_NEW(arena, struct pb_tcp_proxy_weighted_cluster);
        proxy.stat_prefix =
            slice_str(arena_printf(arena, "%s.%s", context->vs->meta.name, namespace));
    }
    for (size_t i = 0; i < from->route_count && from->route_count > 1; i++) {
        struct pb_tcp_proxy_weighted_cluster_cluster_weight *weight =
            ARENA_NEW(arena, struct pb_tcp_proxy_weighted_cluster_cluster_weight);

        if (from->route[i].weight <= 0)
            continue;
        weight->name = slice_str(http_destination_cluster(translator, from->route[i].destination,
                                                          namespace, context->port));
        weight->weight = (uint32_t)from->route[i].weight;
        PROTO_PUSH(arena, proxy.weighted_clusters, clusters, weight);
    }
    PROTO_PUSH(arena, chain, filters,
               build_filter(arena, "envoy.filters.network.tcp_proxy", &pb_tcp_proxy_desc, &proxy));
    return chain;
}

struct pb_filter_chain *tcp_chain_virtual(struct translator *translator,
                                          const struct route_context *context)
{
    const struct api_tcp_route *route = find_route(translator, context);

    return route && route->route_count > 0 ? new_chain(translator, context, route) : NULL;
}

struct pb_filter_chain *tcp_chain_service(struct translator *translator,
                                          const struct mesh_service *service, uint32_t port)
{
    const struct mesh_virtual_service *vs = route_virtual_service(translator, service->hostname);
    const char *cluster = cluster_name(translator->scratch, port, "", service->hostname);
    struct pb_filter_chain *chain = NULL;

    if (vs && vs->spec->tcp_count > 0) {
        const struct route_context context = {.port = port, .gateway = "mesh", .vs = vs};

        chain = tcp_chain_virtual(translator, &context);
    }
    return chain ? chain : build_tcp_chain(translator->scratch, translator->config, "", cluster);
}
