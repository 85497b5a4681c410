/* SPDX-License-Identifier: Apache-2.0 */
/* Route configurations of a sidecar: one for each HTTP port, with a virtual host for each service
 * that has it, and one at the end that lets all others pass.
 *
 * Place   listener.c, for each port that it opens
 * Owns    nothing
 */
#include <stdlib.h>

#include "translate/action.h"
#include "translate/build.h"
#include "translate/translate_int.h"

enum { DIRECT_BODY_MAX = 1024 * 1024, PORT_HTTP = 80, STATUS_BAD_GATEWAY = 502 };

struct hosts {
    struct translator *translator;
    struct pb_route_configuration *config;
    struct map domains; /* those taken so far: Envoy refuses a domain twice */
};

struct pb_route_configuration *route_config_new(struct arena *arena, const char *name)
{
    struct pb_route_configuration *config = ARENA_NEW(arena, struct pb_route_configuration);

    config->name = slice_str(name);
    config->has_validate_clusters = true; /* false: an unknown cluster fails one route only */
    config->has_max_direct_response_body_size_bytes = true;
    config->max_direct_response_body_size_bytes = DIRECT_BODY_MAX;
    config->ignore_port_in_host_matching = true;
    return config;
}

static void add_domain(struct hosts *hosts, struct pb_virtual_host *host, const char *domain)
{
    if (map_get_str(&hosts->domains, domain) ||
        map_put(&hosts->domains, slice_str(domain), hosts, NULL) < 0)
        return;
    PROTO_PUSH(hosts->translator->scratch, host, domains,
               slice_str(arena_strdup(hosts->translator->scratch, domain)));
}

/* All names by which the proxy's application may call a service. */
static void add_names(struct hosts *hosts, struct pb_virtual_host *host,
                      const struct mesh_service *service)
{
    struct arena *arena = hosts->translator->scratch;
    const char *name = service->meta.name;
    const char *namespace = service->meta.namespace;
    bool is_own = strcmp(namespace, hosts->translator->scope->namespace) == 0;
    bool is_headless = service->resolution == MESH_RESOLUTION_PASSTHROUGH;
    const char *names[4];
    size_t count = 0;

    if (service->entry) {
        add_domain(hosts, host, service->hostname);
        return;
    }
    names[count++] = service->hostname;
    if (is_own)
        names[count++] = name;
    names[count++] = arena_printf(arena, "%s.%s.svc", name, namespace);
    names[count++] = arena_printf(arena, "%s.%s", name, namespace);
    for (size_t i = 0; i < count; i++)
        add_domain(hosts, host, names[i]);
    for (size_t i = 0; i < count && is_headless; i++)
        add_domain(hosts, host, arena_printf(arena, "*.%s", names[i]));
}

/* ExternalName services that stand for this one. */
static void add_aliases(struct hosts *hosts, struct pb_virtual_host *host,
                        const struct mesh_service *service)
{
    for (size_t i = 0; i < hosts->translator->alias_count; i++)
        if (strcmp(hosts->translator->aliases[i]->external_name, service->hostname) == 0)
            add_names(hosts, host, hosts->translator->aliases[i]);
}

const struct mesh_virtual_service *route_virtual_service(const struct translator *translator,
                                                         const char *hostname)
{
    const struct mesh_virtual_service *best = map_get_str(&translator->virtual_hosts, hostname);
    size_t best_len = 0;

    for (size_t i = 0; i < translator->virtual_wildcard_count && (!best || best_len); i++) {
        const struct mesh_virtual_service *vs = translator->virtual_wildcards[i];

        for (size_t j = 0; j < vs->host_count; j++) {
            if (vs->hosts[j][0] != '*' || !mesh_host_covers(vs->hosts[j], hostname) ||
                strlen(vs->hosts[j]) <= best_len)
                continue;
            best = vs;
            best_len = strlen(vs->hosts[j]);
        }
    }
    return best;
}

struct pb_virtual_host *route_host_new(struct arena *arena, const char *hostname, uint32_t port)
{
    struct pb_virtual_host *host = ARENA_NEW(arena, struct pb_virtual_host);

    host->name = slice_str(arena_printf(arena, "%s:%u", hostname, port));
    host->include_request_attempt_count = true;
    return host;
}

static void add_service(struct hosts *hosts, const struct mesh_service *service, uint32_t port)
{
    struct translator *translator = hosts->translator;
    struct pb_virtual_host *host = route_host_new(translator->scratch, service->hostname, port);
    const struct mesh_virtual_service *vs = route_virtual_service(translator, service->hostname);

    add_names(hosts, host, service);
    add_aliases(hosts, host, service);
    for (size_t i = 0; i < service->address_count; i++)
        if (!strchr(service->addresses[i], '/'))
            add_domain(hosts, host,
                       strchr(service->addresses[i], ':')
                           ? arena_printf(translator->scratch, "[%s]", service->addresses[i])
                           : service->addresses[i]);
    if (vs && vs->http_count > 0) {
        const struct route_context context = {.port = port, .gateway = "mesh", .vs = vs};

        (void)http_routes_add(translator, &context, host);
    } else {
        PROTO_PUSH(translator->scratch, host, routes,
                   http_route_default(translator, service, port));
    }
    if (host->domains_count > 0)
        PROTO_PUSH(translator->scratch, hosts->config, virtual_hosts, host);
}

/* Hosts of virtual services that are no service of the mesh: on port 80 alone, as with Istio. */
static void add_foreign_hosts(struct hosts *hosts)
{
    struct translator *translator = hosts->translator;

    for (size_t i = 0; i < translator->virtual_service_count; i++) {
        const struct mesh_virtual_service *vs = translator->virtual_services[i];
        const struct route_context context = {.port = PORT_HTTP, .gateway = "mesh", .vs = vs};

        for (size_t j = 0; vs->http_count > 0 && j < vs->host_count; j++) {
            struct pb_virtual_host *host;

            if (scope_service(translator, vs->hosts[j]))
                continue;
            host = route_host_new(translator->scratch, vs->hosts[j], PORT_HTTP);
            add_domain(hosts, host, vs->hosts[j]);
            if (host->domains_count == 0)
                continue; /* an older one has it */
            (void)http_routes_add(translator, &context, host);
            PROTO_PUSH(translator->scratch, hosts->config, virtual_hosts, host);
        }
    }
}

static int host_cmp(const void *a, const void *b)
{
    return slice_cmp((*(struct pb_virtual_host *const *)a)->name,
                     (*(struct pb_virtual_host *const *)b)->name);
}

/* Requests for hosts outside of the mesh go where the client wanted, or nowhere. */
static void add_outside(struct hosts *hosts)
{
    struct arena *arena = hosts->translator->scratch;
    bool is_blocked = hosts->translator->is_blocked;
    struct pb_virtual_host *host = ARENA_NEW(arena, struct pb_virtual_host);
    struct pb_route *route = ARENA_NEW(arena, struct pb_route);

    host->name = slice_str(is_blocked ? "block_all" : "allow_any");
    host->include_request_attempt_count = true;
    PROTO_PUSH(arena, host, domains, SLICE("*"));
    route->name = host->name;
    match_fill(arena, NULL, false, route);
    if (is_blocked) {
        route->action_case = PB_ROUTE_CASE_DIRECT_RESPONSE;
        route->direct_response = ARENA_NEW(arena, struct pb_direct_response_action);
        route->direct_response->status = STATUS_BAD_GATEWAY;
    } else {
        action_fill_cluster(arena, hosts->translator->outside, route);
    }
    PROTO_PUSH(arena, host, routes, route);
    PROTO_PUSH(arena, hosts->config, virtual_hosts, host);
}

/* A sniffed port of a service without an address is told by its host name, as those of HTTP are. */
static bool is_sniffed_anywhere(const struct mesh_service *service, const struct mesh_port *port)
{
    return service->entry && service->address_count == 0 && port->protocol == MESH_PROTOCOL_AUTO;
}

void route_port_make(struct translator *translator, uint32_t port)
{
    const char *name = arena_printf(translator->scratch, "%u", port);
    struct hosts hosts = {.translator = translator,
                          .config = route_config_new(translator->scratch, name)};

    if (translate_has(translator, TRANSLATE_ROUTE, name))
        return;
    map_init(&hosts.domains, 0);
    for (size_t i = 0; i < translator->service_count; i++) {
        const struct mesh_port *found = mesh_service_port(translator->services[i], port);

        if (found && scope_listens(translator, translator->services[i], found) &&
            (mesh_protocol_is_http(found->protocol) ||
             is_sniffed_anywhere(translator->services[i], found)))
            add_service(&hosts, translator->services[i], port);
    }
    if (port == PORT_HTTP)
        add_foreign_hosts(&hosts);
    if (hosts.config->virtual_hosts_count > 0)
        qsort(hosts.config->virtual_hosts, hosts.config->virtual_hosts_count,
              sizeof(*hosts.config->virtual_hosts), host_cmp);
    add_outside(&hosts);
    map_deinit(&hosts.domains);
    translate_add(translator, TRANSLATE_ROUTE, name, &pb_route_configuration_desc, hosts.config);
}

void route_service_make(struct translator *translator, const struct mesh_service *service,
                        const struct mesh_port *port)
{
    const char *name = arena_printf(translator->scratch, "%s:%u", service->hostname, port->number);
    struct hosts hosts = {.translator = translator,
                          .config = route_config_new(translator->scratch, name)};

    map_init(&hosts.domains, 0);
    add_service(&hosts, service, port->number);
    map_deinit(&hosts.domains);
    if (hosts.config->virtual_hosts_count > 0) {
        struct pb_virtual_host *host = hosts.config->virtual_hosts[0];

        host->domains[0] = SLICE("*"); /* the address has chosen the service already */
        host->domains_count = 1;
    }
    translate_add(translator, TRANSLATE_ROUTE, name, &pb_route_configuration_desc, hosts.config);
}
