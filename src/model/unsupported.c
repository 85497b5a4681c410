/* SPDX-License-Identifier: Apache-2.0 */
/* Valid configuration that weft does not carry out yet: told by name, never passed over in silence.
 *
 * Place   problem.c
 * Owns    texts in the problems part's arena
 */
#include <stdio.h>
#include <strings.h>

#include "model/mesh_int.h"

enum { FIELD_SIZE = 160 };

struct teller {
    struct mesh_problems_part *part;
    enum mesh_kind kind;
    const struct mesh_meta *meta;
};

static void tell(const struct teller *teller, const char *path, const char *field, const char *what)
{
    char place[FIELD_SIZE];

    (void)snprintf(place, sizeof(place), "%.120s.%.30s", path, field);
    mesh_problem_add(teller->part, teller->kind, teller->meta, "", place, "not supported: %s",
                     what);
}

static void check_balancer(const struct teller *teller, const char *path,
                           const struct api_load_balancer_settings *balancer)
{
    if (balancer && balancer->locality_lb_setting)
        tell(teller, path, "loadBalancer.localityLbSetting", "localities get no priorities");
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
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (blocks[i].is_set)
            tell(teller, path, blocks[i].field, blocks[i].what);
    for (size_t i = 0; i < policy->port_level_settings_count; i++) {
        (void)snprintf(place, sizeof(place), "%.100s.portLevelSettings[%zu]", path, i);
        check_balancer(teller, place, policy->port_level_settings[i].load_balancer);
    }
}

static void check_rule(const struct teller *teller, const struct mesh_node *node)
{
    const struct api_destination_rule_spec *spec = node->rule.spec;
    char place[FIELD_SIZE];

    if (spec->workload_selector)
        tell(teller, "spec", "workloadSelector", "rules for some workloads; it has no effect");
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

    if (spec->tls_count > 0)
        tell(teller, "spec", "tls", "routes by server name (SNI); they have no effect");
    for (size_t i = 0; i < spec->http_count; i++) {
        (void)snprintf(place, sizeof(place), "spec.http[%zu]", i);
        check_route(teller, place, &spec->http[i]);
    }
    for (size_t i = 0; i < spec->tcp_count; i++) {
        for (size_t j = 0; j < spec->tcp[i].match_count; j++) {
            (void)snprintf(place, sizeof(place), "spec.tcp[%zu].match[%zu]", i, j);
            if (spec->tcp[i].match[j].destination_subnets_count > 0)
                tell(teller, place, "destinationSubnets", "such a match; it never holds");
        }
    }
}

static void check_gateway(const struct teller *teller, const struct mesh_node *node)
{
    static const char *const plain[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "TCP"};
    const struct api_gateway_spec *spec = node->gateway.spec;
    char place[FIELD_SIZE];

    for (size_t i = 0; i < spec->servers_count; i++) {
        const struct api_gateway_port *port = spec->servers[i].port;
        bool is_plain = false;

        for (size_t j = 0; j < ARRAY_LEN(plain) && port && port->protocol; j++)
            is_plain = is_plain || strcasecmp(port->protocol, plain[j]) == 0;
        (void)snprintf(place, sizeof(place), "spec.servers[%zu]", i);
        if (!is_plain)
            tell(teller, place, "port.protocol", "servers with TLS; the port is not opened");
        if (spec->servers[i].bind && spec->servers[i].bind[0])
            tell(teller, place, "bind", "an address of its own; all addresses are listened on");
    }
}

void mesh_unsupported_find(struct mesh_problems_part *part, const struct mesh *mesh)
{
    for (size_t i = 0; i < mesh->rules->part.node_count; i++) {
        const struct mesh_node *node = mesh->rules->part.nodes[i];
        const struct teller teller = {.part = part, .kind = node->kind, .meta = &node->meta};

        if (node->kind == MESH_DESTINATION_RULE)
            check_rule(&teller, node);
        else if (node->kind == MESH_VIRTUAL_SERVICE)
            check_virtual(&teller, node);
        else if (node->kind == MESH_GATEWAY)
            check_gateway(&teller, node);
    }
}
