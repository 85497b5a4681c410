/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's listeners and routes: the servers of all Gateways that select it, merged by port.
 *
 *   server port 80 --(a Service with that port selects the pod)--> listener 0.0.0.0_8080
 *                  --> route configuration http.8080 --> hosts of the virtual services bound to it
 *
 * Place   translate.c, for routers
 * Owns    nothing
 * Limits  TLS is passed on by server name (PASSTHROUGH); servers that end it are passed over, and
 *         AUTO_PASSTHROUGH too (the model tells)
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "translate/build.h"
#include "translate/tcp.h"
#include "translate/translate_int.h"

enum server_kind {
    SERVER_HTTP,
    SERVER_TCP,
    SERVER_NAMES, /* TLS that is passed on by its server name */
    SERVER_NONE,  /* not carried out */
};

struct server {
    const struct mesh_gateway *gateway;
    const struct api_gateway_server *spec;
    const char *name; /* of the gateway: "ns/name" */
    enum server_kind kind;
};

/* All servers that share a listener. */
struct gateway_port {
    uint32_t bind;   /* port that is listened on */
    uint32_t number; /* the servers' own number */
    bool is_http;
    VEC(struct server) servers;
};

typedef VEC(struct gateway_port) gateway_port_vec;

/* A host of a route configuration while virtual services add to it. */
struct host_builder {
    struct translator *translator;
    struct pb_route_configuration *config;
    struct map hosts; /* host name -> struct pb_virtual_host */
    struct map seen;  /* "ns/name host" of virtual services that were added */
};

static bool is_http_protocol(const char *protocol)
{
    static const char *const names[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(protocol, names[i]) == 0)
            return true;
    return false;
}

static enum server_kind kind_of(const struct api_gateway_server *spec)
{
    const char *protocol = spec->port && spec->port->protocol ? spec->port->protocol : "";
    const char *mode = spec->tls && spec->tls->mode ? spec->tls->mode : "PASSTHROUGH";
    bool is_secure = strcasecmp(protocol, "TLS") == 0 || strcasecmp(protocol, "HTTPS") == 0;

    if (is_http_protocol(protocol))
        return SERVER_HTTP;
    if (strcasecmp(protocol, "TCP") == 0 && !spec->tls)
        return SERVER_TCP;
    return is_secure && spec->tls && strcmp(mode, "PASSTHROUGH") == 0 ? SERVER_NAMES : SERVER_NONE;
}

static struct gateway_port *port_get(gateway_port_vec *ports, uint32_t bind, uint32_t number,
                                     bool is_http)
{
    struct gateway_port fresh = {.bind = bind, .number = number, .is_http = is_http};

    for (size_t i = 0; i < ports->count; i++)
        if (ports->items[i].bind == bind)
            return &ports->items[i];
    VEC_PUSH(ports, fresh);
    return &ports->items[ports->count - 1];
}

static void collect(struct translator *translator, gateway_port_vec *ports)
{
    size_t count;
    const struct mesh_gateway *const *gateways = mesh_gateways(translator->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        if (!mesh_labels_match(&gateways[i]->selector, &translator->scope->labels))
            continue;
        for (size_t j = 0; j < gateways[i]->spec->servers_count; j++) {
            const struct api_gateway_server *spec = &gateways[i]->spec->servers[j];
            struct server server = {.gateway = gateways[i], .spec = spec, .kind = kind_of(spec)};
            bool is_http = server.kind == SERVER_HTTP;
            struct gateway_port *port;
            uint32_t target;

            if (!spec->port || server.kind == SERVER_NONE)
                continue;
            server.name = arena_printf(translator->scratch, "%s/%s", gateways[i]->meta.namespace,
                                       gateways[i]->meta.name);
            target = inbound_target(translator, spec->port->number);
            port =
                port_get(ports, target ? target : spec->port->number, spec->port->number, is_http);
            if (port->is_http == is_http) /* else the older server has the port */
                VEC_PUSH(&port->servers, server);
        }
    }
}

/* ---- hosts ---- */

/* The more specific of a server's "[ns/]host" and a virtual service's host; NULL when they do not
 * meet. */
static const char *meet(const struct server *server, const char *server_host,
                        const struct mesh_virtual_service *vs, const char *host)
{
    const char *slash = strchr(server_host, '/');
    const char *dns = slash ? slash + 1 : server_host;
    struct slice namespace = slice_make(server_host, slash ? (size_t)(slash - server_host) : 0);

    if (slice_eq(namespace, SLICE(".")))
    namespace = slice_str(server->gateway->meta.namespace);
    if (namespace.len > 0 && !slice_eq(namespace, SLICE("*")) &&
        !slice_eq_str(namespace, vs->meta.namespace))
        return NULL;
    if (mesh_host_covers(dns, host))
        return host;
    return mesh_host_covers(host, dns) ? dns : NULL;
}

static struct pb_virtual_host *host_get(struct host_builder *builder, const char *name,
                                        uint32_t port)
{
    struct arena *arena = builder->translator->scratch;
    struct pb_virtual_host *host = map_get_str(&builder->hosts, name);

    if (host)
        return host;
    host = route_host_new(arena, name, port);
    PROTO_PUSH(arena, host, domains, slice_str(arena_strdup(arena, name)));
    PROTO_PUSH(arena, builder->config, virtual_hosts, host);
    (void)map_put(&builder->hosts, slice_str(name), host, NULL);
    return host;
}

static void add_routes(struct host_builder *builder, const struct gateway_port *port,
                       const struct server *server, const struct mesh_virtual_service *vs,
                       const char *name)
{
    const struct route_context context = {.port = port->number, .gateway = server->name, .vs = vs};
    struct pb_virtual_host *host = host_get(builder, name, port->number);
    const char *key = arena_printf(builder->translator->scratch, "%s/%s %s", vs->meta.namespace,
                                   vs->meta.name, name);

    if (server->spec->tls && server->spec->tls->https_redirect)
        host->require_tls = PB_VIRTUAL_HOST_TLS_REQUIREMENT_TYPE_ALL;
    if (map_get_str(&builder->seen, key))
        return;
    (void)map_put(&builder->seen, slice_str(key), builder, NULL);
    (void)http_routes_add(builder->translator, &context, host);
}

static void add_server(struct host_builder *builder, const struct gateway_port *port,
                       const struct server *server)
{
    size_t count;
    const struct mesh_virtual_service *const *all =
        mesh_virtual_services(builder->translator->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        if (!mesh_virtual_service_bound(all[i], server->name) || all[i]->http_count == 0 ||
            !mesh_virtual_service_visible(all[i], builder->translator->scope->namespace))
            continue;
        for (size_t j = 0; j < all[i]->host_count; j++) {
            for (size_t k = 0; k < server->spec->hosts_count; k++) {
                const char *name = meet(server, server->spec->hosts[k], all[i], all[i]->hosts[j]);

                if (name)
                    add_routes(builder, port, server, all[i], name);
            }
        }
    }
}

/* Routes of several virtual services are in one list: those that take everything go last. */
static void move_catch_alls(struct arena *arena, struct pb_virtual_host *host)
{
    struct pb_route **sorted = ARENA_ARRAY(arena, struct pb_route *, host->routes_count + 1);
    size_t count = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < host->routes_count; i++)
            if (http_route_is_catch_all(host->routes[i]) == (pass == 1))
                sorted[count++] = host->routes[i];
    host->routes = sorted;
}

static int host_cmp(const void *a, const void *b)
{
    return slice_cmp((*(struct pb_virtual_host *const *)a)->name,
                     (*(struct pb_virtual_host *const *)b)->name);
}

static void add_route_config(struct translator *translator, const struct gateway_port *port,
                             const char *name)
{
    struct arena *arena = translator->scratch;
    struct host_builder builder = {.translator = translator,
                                   .config = route_config_new(arena, name)};

    map_init(&builder.hosts, 0);
    map_init(&builder.seen, 0);
    for (size_t i = 0; i < port->servers.count; i++)
        add_server(&builder, port, &port->servers.items[i]);
    map_deinit(&builder.hosts);
    map_deinit(&builder.seen);
    for (size_t i = 0; i < builder.config->virtual_hosts_count; i++)
        move_catch_alls(arena, builder.config->virtual_hosts[i]);
    if (builder.config->virtual_hosts_count == 0) {
        struct pb_virtual_host *host = route_host_new(arena, "blackhole", port->number);

        host->include_request_attempt_count = false;
        PROTO_PUSH(arena, host, domains, SLICE("*"));
        PROTO_PUSH(arena, builder.config, virtual_hosts, host);
    }
    qsort(builder.config->virtual_hosts, builder.config->virtual_hosts_count,
          sizeof(*builder.config->virtual_hosts), host_cmp);
    translate_add(translator, TRANSLATE_ROUTE, name, &pb_route_configuration_desc, builder.config);
}

/* ---- listeners ---- */

static void add_http(struct translator *translator, const struct gateway_port *port,
                     struct pb_listener *listener)
{
    struct arena *arena = translator->scratch;
    const char *route_name = arena_printf(arena, "http.%u", port->bind);
    const char *prefix =
        arena_printf(arena, "outbound_%s_%u;", translate_wildcard(translator), port->bind);
    struct pb_hcm *hcm = build_hcm(arena, translator->config, BUILD_HCM_GATEWAY, prefix);

    build_hcm_rds(arena, hcm, route_name);
    PROTO_PUSH(arena, listener, filter_chains, build_http_chain(arena, "", hcm));
    add_route_config(translator, port, route_name);
}

/* A server and the virtual service whose names are compared with its hosts. */
struct meeting {
    const struct server *server;
    const struct mesh_virtual_service *vs;
};

static bool server_covers(const char *name, void *ctx)
{
    const struct meeting *meeting = ctx;

    for (size_t i = 0; i < meeting->server->spec->hosts_count; i++)
        if (meet(meeting->server, meeting->server->spec->hosts[i], meeting->vs, name))
            return true;
    return false;
}

/* The chains of one virtual service for one server. */
static void server_chains(struct translator *translator, const struct gateway_port *port,
                          struct meeting *meeting, tcp_chain_vec *ret_chains)
{
    const struct route_context context = {
        .port = port->number, .gateway = meeting->server->name, .vs = meeting->vs};
    const struct tcp_names names = {.covers = server_covers, .ctx = meeting};

    if (!mesh_virtual_service_bound(meeting->vs, context.gateway) ||
        !mesh_virtual_service_visible(meeting->vs, translator->scope->namespace))
        return;
    if (meeting->server->kind == SERVER_NAMES)
        tcp_chains_names(translator, &context, &names, ret_chains);
    else
        (void)tcp_chains_virtual(translator, &context, NULL, ret_chains);
}

static void add_tcp(struct translator *translator, const struct gateway_port *port,
                    struct pb_listener *listener)
{
    size_t count;
    const struct mesh_virtual_service *const *all = mesh_virtual_services(translator->mesh, &count);
    tcp_chain_vec chains = {0};
    struct map taken;

    map_init(&taken, 0);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < port->servers.count; j++) {
            struct meeting meeting = {.server = &port->servers.items[j], .vs = all[i]};

            server_chains(translator, port, &meeting, &chains);
        }
    }
    for (size_t i = 0; i < chains.count; i++)
        if (tcp_chain_claim(translator, &taken, listener, chains.items[i]))
            PROTO_PUSH(translator->scratch, listener, filter_chains, chains.items[i]);
    if (tcp_reads_names(listener))
        build_tls_inspector(translator->scratch, listener);
    map_deinit(&taken);
    VEC_DEINIT(&chains);
}

static void add_listener(struct translator *translator, const struct gateway_port *port)
{
    struct arena *arena = translator->scratch;
    const char *wildcard = translate_wildcard(translator);
    const char *name =
        arena_printf(arena, strchr(wildcard, ':') ? "[%s]_%u" : "%s_%u", wildcard, port->bind);
    struct pb_listener *listener = build_listener(arena, name, wildcard, port->bind);

    listener->traffic_direction = PB_TRAFFIC_DIRECTION_OUTBOUND;
    if (port->is_http)
        add_http(translator, port, listener);
    else
        add_tcp(translator, port, listener);
    if (translate_is_dual(translator)) {
        struct pb_additional_address *other = ARENA_NEW(arena, struct pb_additional_address);

        other->address = build_address(arena, "::", port->bind);
        PROTO_PUSH(arena, listener, additional_addresses, other);
    }
    if (listener->filter_chains_count > 0)
        translate_add(translator, TRANSLATE_LISTENER, name, &pb_listener_desc, listener);
}

void gateway_make(struct translator *translator)
{
    gateway_port_vec ports = {0};

    collect(translator, &ports);
    for (size_t i = 0; i < ports.count; i++) {
        add_listener(translator, &ports.items[i]);
        VEC_DEINIT(&ports.items[i].servers);
    }
    VEC_DEINIT(&ports);
}
