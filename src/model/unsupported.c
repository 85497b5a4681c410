/* SPDX-License-Identifier: Apache-2.0 */
/* Valid configuration that weft does not carry out yet: told by name, never passed over in silence.
 *
 * Place   problem.c, for the status of objects; the admission webhook, for kubectl's warnings
 * Owns    nothing
 */
#include <stdio.h>
#include <strings.h>

#include "model/mesh_int.h"

enum { FIELD_SIZE = 160, REASON_SIZE = 240 };

struct teller {
    mesh_on_unsupported *on_field;
    void *ctx;
};

static void tell(const struct teller *teller, const char *path, const char *field, const char *what)
{
    char place[FIELD_SIZE];
    char reason[REASON_SIZE];

    (void)snprintf(place, sizeof(place), "%.120s.%.30s", path, field);
    (void)snprintf(reason, sizeof(reason), "not supported: %s", what);
    teller->on_field(place, reason, teller->ctx);
}

static void check_balancer(const struct teller *teller, const char *path,
                           const struct api_load_balancer_settings *balancer)
{
    if (balancer && balancer->locality_lb_setting)
        tell(teller, path, "loadBalancer.localityLbSetting", "localities get no priorities");
}

/* A mode that is not carried out must not pass for one that is. */
static void check_tls(const struct teller *teller, const char *path,
                      const struct api_client_tls_settings *tls)
{
    const char *mode = tls ? mesh_text(tls->mode) : "";

    if (strcmp(mode, "ISTIO_MUTUAL") == 0)
        tell(teller, path, "tls", "mode ISTIO_MUTUAL; traffic to the host stays plain text");
    else if (strcmp(mode, "SIMPLE") == 0 || strcmp(mode, "MUTUAL") == 0)
        tell(teller, path, "tls",
             "TLS to upstreams; requests are answered 503, not sent in plain text");
}

static void check_policy(const struct teller *teller, const char *path,
                         const struct api_traffic_policy *policy)
{
    const struct {
        bool is_set;
        const char *field;
        const char *what;
    } blocks[] = {
        {policy && policy->tunnel, "tunnel", "tunnels"},
        {policy && policy->proxy_protocol, "proxyProtocol", "PROXY protocol to upstreams"},
        {policy && policy->retry_budget, "retryBudget", "retry budgets"},
    };
    char place[FIELD_SIZE];

    if (!policy)
        return;
    check_balancer(teller, path, policy->load_balancer);
    check_tls(teller, path, policy->tls);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (blocks[i].is_set)
            tell(teller, path, blocks[i].field, blocks[i].what);
    for (size_t i = 0; i < policy->port_level_settings_count; i++) {
        (void)snprintf(place, sizeof(place), "%.100s.portLevelSettings[%zu]", path, i);
        check_balancer(teller, place, policy->port_level_settings[i].load_balancer);
        check_tls(teller, place, policy->port_level_settings[i].tls);
    }
}

static void check_rule(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_destination_rule_spec *spec = node->rule.spec;
    char place[FIELD_SIZE];

    check_policy(teller, "spec.trafficPolicy", spec->traffic_policy);
    for (size_t i = 0; i < spec->subsets_count; i++) {
        (void)snprintf(place, sizeof(place), "spec.subsets[%zu].trafficPolicy", i);
        check_policy(teller, place, spec->subsets[i].traffic_policy);
    }
}

static void check_route(const struct teller *teller, const char *path,
                        const struct api_http_route *route)
{
    char place[FIELD_SIZE];

    if (route->retries && route->retries->retry_remote_localities)
        tell(teller, path, "retries.retryRemoteLocalities", "retries by locality");
    for (size_t i = 0; i < route->match_count; i++) {
        for (size_t j = 0; j < route->match[i].headers_count; j++) {
            (void)snprintf(place, sizeof(place), "%.100s.match[%zu]", path, i);
            if (strncmp(route->match[i].headers[j].key, "@request.auth.", 14) == 0)
                tell(teller, place, "headers", "matches on JWT claims; the match never holds");
        }
    }
}

static void check_virtual(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_virtual_service_spec *spec = node->virtual_service.spec;
    char place[FIELD_SIZE];

    for (size_t i = 0; i < spec->http_count; i++) {
        (void)snprintf(place, sizeof(place), "spec.http[%zu]", i);
        check_route(teller, place, &spec->http[i]);
    }
}

/* TLS that the gateway itself should end, or route by the names of another mesh. */
static bool is_carried_out(const struct api_gateway_server *server)
{
    static const char *const plain[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "TCP"};
    const char *protocol = server->port ? mesh_text(server->port->protocol) : "";
    const char *mode = server->tls && server->tls->mode ? server->tls->mode : "PASSTHROUGH";

    if (!server->tls || server->tls->https_redirect) {
        for (size_t i = 0; i < ARRAY_LEN(plain); i++)
            if (strcasecmp(protocol, plain[i]) == 0)
                return true;
        return false;
    }
    return strcasecmp(protocol, "TCP") != 0 && strcmp(mode, "PASSTHROUGH") == 0;
}

static void check_gateway(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_gateway_spec *spec = node->gateway.spec;
    char place[FIELD_SIZE];

    for (size_t i = 0; i < spec->servers_count; i++) {
        const struct api_gateway_server *server = &spec->servers[i];

        (void)snprintf(place, sizeof(place), "spec.servers[%zu]", i);
        if (!is_carried_out(server))
            tell(teller, place, server->tls ? "tls.mode" : "port.protocol",
                 server->tls ? "TLS that ends at the gateway; the server is not opened"
                             : "servers of this protocol; the server is not opened");
        if (server->bind && server->bind[0])
            tell(teller, place, "bind", "an address of its own; all addresses are listened on");
    }
}

static void check_entry(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_service_entry_spec *spec = node->entry.spec;
    char place[FIELD_SIZE];

    if (strcmp(mesh_text(spec->resolution), "DYNAMIC_DNS") == 0)
        tell(teller, "spec", "resolution",
             "DYNAMIC_DNS; connections go to the address that the client has asked for");
    for (size_t i = 0; i < spec->endpoints_count; i++) {
        (void)snprintf(place, sizeof(place), "spec.endpoints[%zu]", i);
        if (strncmp(mesh_text(spec->endpoints[i].address), "unix:", 5) == 0)
            tell(teller, place, "address", "unix sockets; the endpoint is left out");
        if (spec->endpoints[i].network && spec->endpoints[i].network[0])
            tell(teller, place, "network", "several networks; it has no effect");
    }
}

static void check_sidecar(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_sidecar_spec *spec = node->sidecar.spec;
    char place[FIELD_SIZE];

    for (size_t i = 0; i < spec->ingress_count; i++) {
        const struct api_sidecar_ingress *ingress = &spec->ingress[i];

        (void)snprintf(place, sizeof(place), "spec.ingress[%zu]", i);
        if (ingress->tls)
            tell(teller, place, "tls", "TLS of its own; the port takes plain text");
        if (strcmp(mesh_text(ingress->capture_mode), "NONE") == 0)
            tell(teller, place, "captureMode", "a socket of its own; only captured traffic comes");
        if (strncmp(mesh_text(ingress->default_endpoint), "unix:", 5) == 0)
            tell(teller, place, "defaultEndpoint", "unix sockets; the port itself is asked");
    }
    for (size_t i = 0; i < spec->egress_count; i++) {
        (void)snprintf(place, sizeof(place), "spec.egress[%zu]", i);
        if (spec->egress[i].bind && spec->egress[i].bind[0] && !spec->egress[i].port)
            tell(teller, place, "bind", "an address without a port; it has no effect");
    }
}

static void check_ingress(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_ingress_spec *spec = node->ingress.spec;

    if (spec->tls_count > 0)
        tell(teller, "spec", "tls", "TLS that ends at the gateway; the hosts are plain HTTP");
    if (spec->default_backend && spec->default_backend->resource)
        tell(teller, "spec", "defaultBackend.resource", "resources as backends");
}

static void check_node(const struct teller *teller, const struct mesh_node *node)
{
    if (node->kind == MESH_DESTINATION_RULE)
        check_rule(teller, node);
    else if (node->kind == MESH_VIRTUAL_SERVICE)
        check_virtual(teller, node);
    else if (node->kind == MESH_GATEWAY)
        check_gateway(teller, node);
    else if (node->kind == MESH_SERVICE_ENTRY)
        check_entry(teller, node);
    else if (node->kind == MESH_SIDECAR)
        check_sidecar(teller, node);
    else if (node->kind == MESH_INGRESS)
        check_ingress(teller, node);
}

int mesh_unsupported(enum mesh_kind kind, const json_t *object, mesh_on_unsupported *on_field,
                     void *ctx, struct error *err)
{
    const struct teller teller = {.on_field = on_field, .ctx = ctx};
    struct mesh_node *node = NULL;
    int rc = mesh_node_read(kind, object, "cluster.local", &node, err);

    if (rc < 0)
        return rc;
    check_node(&teller, node);
    mesh_node_unref(node);
    return 0;
}

/* Whose problem it is. */
struct owner {
    struct mesh_problems_part *part;
    const struct mesh_node *node;
};

static void add_problem(const char *field, const char *reason, void *ctx)
{
    const struct owner *owner = ctx;

    mesh_problem_add(owner->part, owner->node->kind, &owner->node->meta, "", field, "%s", reason);
}

void mesh_unsupported_find(struct mesh_problems_part *part, const struct mesh *mesh)
{
    const struct mesh_part *parts[] = {&mesh->rules->part, &mesh->services->part};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t j = 0; j < parts[i]->node_count; j++) {
            struct owner owner = {.part = part, .node = parts[i]->nodes[j]};
            const struct teller teller = {.on_field = add_problem, .ctx = &owner};

            check_node(&teller, owner.node);
        }
    }
}
