/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP routes of a virtual service: one Envoy route for each match of each block, in order.
 *
 * Place   route.c for sidecars, gateway.c for gateways
 * Owns    nothing
 */
#include <stdlib.h>

#include "translate/action.h"
#include "translate/build.h"
#include "translate/translate_int.h"

enum { HOST_SIZE = 320 };

const struct mesh_service *http_destination_resolve(struct translator *translator,
                                                    const struct api_destination *destination,
                                                    const char *namespace, const char **ret_host)
{
    const struct mesh_service *service;
    char host[HOST_SIZE];

    if (!mesh_host_resolve(destination && destination->host ? destination->host : "", namespace,
                           mesh_domain(translator->mesh), host, sizeof(host)))
        host[0] = '\0';
    service = scope_service(translator, host);
    *ret_host = arena_strdup(translator->scratch, host);
    if (service && service->resolution == MESH_RESOLUTION_ALIAS) {
        const struct mesh_service *target = mesh_service_find_for(
            translator->mesh, service->external_name, translator->scope->namespace);

        *ret_host = target ? target->hostname : *ret_host;
        return target;
    }
    return service;
}

const char *http_destination_cluster(struct translator *translator,
                                     const struct api_destination *destination,
                                     const char *namespace, uint32_t listener_port)
{
    const char *host;
    const char *subset = destination && destination->subset ? destination->subset : "";
    const struct mesh_service *service =
        http_destination_resolve(translator, destination, namespace, &host);
    uint32_t port = listener_port;

    if (destination && destination->port)
        port = destination->port->number;
    else if (service && service->port_count == 1)
        port = service->ports[0].number;
    return cluster_name(translator->scratch, port, subset, host);
}

bool http_route_is_catch_all(const struct pb_route *route)
{
    const struct pb_route_match *match = route->match;

    return match->path_specifier_case == PB_ROUTE_MATCH_CASE_PREFIX &&
           slice_eq(match->prefix, SLICE("/")) && match->headers_count == 0 &&
           match->query_parameters_count == 0 && !match->runtime_fraction;
}

/* The span's name: host, port and path of the match. */
static void set_operation(struct translator *translator, const char *owner, uint32_t port,
                          struct pb_route *route)
{
    struct arena *arena = translator->scratch;
    const struct pb_route_match *match = route->match;
    const char *path = "/*";
    const char *host = owner;

    if (match->path_specifier_case == PB_ROUTE_MATCH_CASE_PREFIX)
        path = arena_printf(arena, "%.*s*", SLICE_ARG(match->prefix));
    else if (match->path_specifier_case == PB_ROUTE_MATCH_CASE_PATH_SEPARATED_PREFIX)
        path = arena_printf(arena, "%.*s*", SLICE_ARG(match->path_separated_prefix));
    else if (match->path_specifier_case == PB_ROUTE_MATCH_CASE_PATH)
        path = match->path.data;
    else if (match->path_specifier_case == PB_ROUTE_MATCH_CASE_SAFE_REGEX)
        path = match->safe_regex->regex.data;
    if (route->action_case == PB_ROUTE_CASE_ROUTE &&
        route->route->cluster_specifier_case == PB_ROUTE_ACTION_CASE_CLUSTER &&
        slice_starts_with(route->route->cluster, SLICE("outbound|"))) {
        struct slice rest = slice_from(route->route->cluster, strlen("outbound|"));
        struct slice piece;
        uint64_t number = port;

        (void)slice_split_next(&rest, '|', &piece);
        (void)!slice_parse_u64(piece, UINT32_MAX, &number);
        (void)slice_split_next(&rest, '|', &piece);
        port = (uint32_t)number;
        host = rest.data;
    }
    route->decorator = ARENA_NEW(arena, struct pb_decorator);
    route->decorator->operation = slice_str(arena_printf(arena, "%s:%u%s", host, port, path));
}

static const char *route_name(struct arena *arena, const char *route, const char *match)
{
    if (!route || !route[0])
        return match ? match : "";
    if (!match || !match[0])
        return route;
    return arena_printf(arena, "%s.%s", route, match);
}

static struct pb_route *new_route(struct translator *translator,
                                  const struct route_context *context, size_t index,
                                  const struct api_http_match_request *match)
{
    struct arena *arena = translator->scratch;
    const struct api_http_route *from = context->vs->http[index];
    const struct action_context action = {
        .translator = translator,
        .from = from,
        .namespace = context->vs->http_namespaces[index],
        .port = context->port,
    };
    struct pb_route *route = ARENA_NEW(arena, struct pb_route);
    struct pb_struct *fields;

    route->name = slice_str(route_name(arena, from->name, match ? match->name : NULL));
    match_fill(arena, match, context->vs->is_ingress, route);
    route->metadata = build_metadata(arena, "istio", &fields);
    build_config_path(arena, fields, "virtual-service", &context->vs->meta);
    action_fill(&action, route);
    set_operation(translator, context->vs->meta.name, context->port, route);
    return route;
}

bool http_routes_add(struct translator *translator, const struct route_context *context,
                     struct pb_virtual_host *host)
{
    for (size_t i = 0; i < context->vs->http_count; i++) {
        const struct api_http_route *from = context->vs->http[i];
        size_t count = from->match_count ? from->match_count : 1;

        for (size_t j = 0; j < count; j++) {
            const struct api_http_match_request *match = from->match_count ? &from->match[j] : NULL;
            struct pb_route *route;

            if (match && !match_applies(translator, context, match))
                continue;
            route = new_route(translator, context, i, match);
            PROTO_PUSH(translator->scratch, host, routes, route);
            if (http_route_is_catch_all(route))
                return true; /* what follows could never match */
        }
    }
    return false;
}

struct pb_route *http_route_default(struct translator *translator,
                                    const struct mesh_service *service, uint32_t port)
{
    struct arena *arena = translator->scratch;
    struct pb_route *route = ARENA_NEW(arena, struct pb_route);

    route->name = SLICE("default");
    match_fill(arena, NULL, false, route);
    action_fill_default(translator, service, port, route);
    set_operation(translator, service->hostname, port, route);
    return route;
}
