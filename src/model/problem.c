/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should mend: references that lead nowhere, objects that shadow each other.
 *
 * None of these stops anything: traffic behaves as with Istio (503 NC on the one route, the older
 * object wins), and control shows the list as status conditions and in the log.
 *
 * Place   builder.c, after rules or services changed
 * Owns    texts in the problems part's arena
 * Limits  MESH_PROBLEMS_MAX problems
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/mesh_int.h"

enum { FIELD_SIZE = 160 };

struct finder {
    struct mesh_problems_part *part;
    const struct mesh *mesh;
    const struct mesh_virtual_service *vs; /* under examination */
    struct map taken;                      /* host -> the oldest virtual service that names it */
};

void mesh_problem_add(struct mesh_problems_part *part, enum mesh_kind kind,
                      const struct mesh_meta *meta, const char *code, const char *field,
                      const char *fmt, ...)
{
    struct arena *arena = &part->part.arena;
    struct mesh_problem problem = {.kind = kind, .code = code, .generation = meta->generation};
    char reason[ERR_REASON_SIZE];
    va_list args;

    if (part->list.count >= MESH_PROBLEMS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    problem.namespace = arena_strdup(arena, meta->namespace);
    problem.name = arena_strdup(arena, meta->name);
    problem.field = arena_strdup(arena, field);
    problem.reason = arena_strdup(arena, reason);
    VEC_PUSH(&part->list, problem);
}

static void find_subset(struct finder *finder, const struct mesh_service *service,
                        const char *subset, const char *field)
{
    const struct mesh_destination *destination =
        mesh_destination_find(finder->mesh, finder->vs->meta.namespace, NULL, service);
    char place[FIELD_SIZE];

    if (!subset || !subset[0] || (destination && mesh_destination_subset(destination, subset)))
        return;
    (void)snprintf(place, sizeof(place), "%.120s.subset", field);
    mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &finder->vs->meta, "IST0101", place,
                     "subset \"%s\" of host \"%s\" is not defined by any DestinationRule; requests "
                     "of this route are answered 503",
                     subset, service->hostname);
}

static void check_destination(struct finder *finder, const struct api_destination *destination,
                              const char *namespace, const char *field)
{
    const struct mesh_service *service;
    char host[MESH_HOST_SIZE];
    char place[FIELD_SIZE];

    if (!destination || !destination->host)
        return;
    if (!mesh_host_resolve(destination->host, namespace, finder->mesh->domain, host, sizeof(host)))
        host[0] = '\0';
    service = mesh_service_find_for(finder->mesh, host, finder->vs->meta.namespace);
    if (!service) {
        (void)snprintf(place, sizeof(place), "%.120s.host", field);
        mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &finder->vs->meta, "IST0101", place,
                         "host \"%s\" is not in the mesh; requests of this route are answered 503",
                         destination->host);
        return;
    }
    find_subset(finder, service, destination->subset, field);
    if (service->resolution != MESH_RESOLUTION_ALIAS && destination->port &&
        !mesh_service_port(service, destination->port->number)) {
        (void)snprintf(place, sizeof(place), "%.120s.port.number", field);
        mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &finder->vs->meta, "IST0101", place,
                         "host \"%s\" has no port %u; requests of this route are answered 503",
                         service->hostname, destination->port->number);
    } else if (service->resolution != MESH_RESOLUTION_ALIAS && !destination->port &&
               service->port_count > 1) {
        mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &finder->vs->meta, "IST0112", field,
                         "host \"%s\" has several ports and none is named; the listener's port is "
                         "taken",
                         service->hostname);
    }
}

static void check_routes(struct finder *finder)
{
    const struct mesh_virtual_service *vs = finder->vs;
    char field[FIELD_SIZE];

    for (size_t i = 0; i < vs->http_count; i++) {
        const struct api_http_route *route = vs->http[i];

        for (size_t j = 0; j < route->route_count; j++) {
            (void)snprintf(field, sizeof(field), "spec.http[%zu].route[%zu].destination", i, j);
            check_destination(finder, route->route[j].destination, vs->http_namespaces[i], field);
        }
        (void)snprintf(field, sizeof(field), "spec.http[%zu].mirror", i);
        check_destination(finder, route->mirror, vs->http_namespaces[i], field);
    }
    for (size_t i = 0; i < vs->spec->tcp_count; i++) {
        for (size_t j = 0; j < vs->spec->tcp[i].route_count; j++) {
            (void)snprintf(field, sizeof(field), "spec.tcp[%zu].route[%zu].destination", i, j);
            check_destination(finder, vs->spec->tcp[i].route[j].destination, vs->meta.namespace,
                              field);
        }
    }
}

/* Roots whose delegate is not there, or may not be used: those routes do not exist. */
static void check_delegates(struct finder *finder)
{
    const struct mesh_rules_part *rules = finder->mesh->rules;
    char field[FIELD_SIZE];

    for (size_t i = 0; i < rules->part.node_count; i++) {
        const struct mesh_node *node = rules->part.nodes[i];

        if (node->kind != MESH_VIRTUAL_SERVICE)
            continue;
        for (size_t j = 0; j < node->virtual_service.http_count; j++) {
            const struct api_delegate *delegate = node->virtual_service.http[j]->delegate;

            if (!delegate || mesh_virtual_service_delegate(node, delegate, rules->part.nodes,
                                                           rules->part.node_count))
                continue;
            (void)snprintf(field, sizeof(field), "spec.http[%zu].delegate", j);
            mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &node->meta, "IST0101", field,
                             "delegate \"%s/%s\" does not exist or is not exported to \"%s\"",
                             delegate->namespace ? delegate->namespace : node->meta.namespace,
                             mesh_text(delegate->name), node->meta.namespace);
        }
    }
}

static void check_gateways(struct finder *finder)
{
    const struct mesh_rules_part *rules = finder->mesh->rules;

    for (size_t i = 0; i < finder->vs->gateway_count; i++) {
        const char *gateway = finder->vs->gateways[i];
        bool found = strcmp(gateway, "mesh") == 0;
        char name[MESH_HOST_SIZE];
        char field[FIELD_SIZE];

        for (size_t j = 0; j < rules->gateway_count && !found; j++) {
            (void)snprintf(name, sizeof(name), "%s/%s", rules->gateways[j]->meta.namespace,
                           rules->gateways[j]->meta.name);
            found = strcmp(name, gateway) == 0;
        }
        (void)snprintf(field, sizeof(field), "spec.gateways[%zu]", i);
        if (!found)
            mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &finder->vs->meta, "IST0101",
                             field, "gateway \"%s\" does not exist", gateway);
    }
}

/* Hosts that an older virtual service of the mesh gateway has taken. */
static void check_duplicate(struct finder *finder)
{
    const struct mesh_virtual_service *vs = finder->vs;

    if (!mesh_virtual_service_bound(vs, "mesh"))
        return;
    for (size_t i = 0; i < vs->host_count; i++) {
        const struct mesh_virtual_service *older = map_get_str(&finder->taken, vs->hosts[i]);
        char field[FIELD_SIZE];

        if (!older) {
            (void)map_put(&finder->taken, slice_str(vs->hosts[i]), (void *)(uintptr_t)vs, NULL);
            continue;
        }
        (void)snprintf(field, sizeof(field), "spec.hosts[%zu]", i);
        mesh_problem_add(finder->part, MESH_VIRTUAL_SERVICE, &vs->meta, "IST0109", field,
                         "host \"%s\" is taken by the older VirtualService %s/%s; this one has no "
                         "effect for it",
                         vs->hosts[i], older->meta.namespace, older->meta.name);
    }
}

static void check_destinations(struct finder *finder)
{
    const struct mesh_rules_part *rules = finder->mesh->rules;

    for (size_t i = 0; i < rules->destination_count; i++) {
        const struct mesh_destination *destination = &rules->destinations[i];

        if (destination->host[0] != '*' && !mesh_service_find(finder->mesh, destination->host))
            mesh_problem_add(finder->part, MESH_DESTINATION_RULE, &destination->meta, "",
                             "spec.host", "host \"%s\" is not in the mesh; the rule has no effect",
                             destination->host);
    }
}

static int problem_cmp(const void *a, const void *b)
{
    const struct mesh_problem *x = a;
    const struct mesh_problem *y = b;
    int order = (int)x->kind - (int)y->kind;

    if (order == 0)
        order = strcmp(x->namespace, y->namespace);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->field, y->field);
}

void mesh_problems_find(struct mesh_problems_part *part, const struct mesh *mesh)
{
    struct finder finder = {.part = part, .mesh = mesh};

    map_init(&finder.taken, 0);
    for (size_t i = 0; i < mesh->rules->virtual_service_count; i++) {
        finder.vs = mesh->rules->virtual_services[i];
        if (finder.vs->is_ingress)
            continue; /* no object that a person wrote */
        check_routes(&finder);
        check_gateways(&finder);
        check_duplicate(&finder);
    }
    map_deinit(&finder.taken);
    check_delegates(&finder);
    check_destinations(&finder);
    mesh_unsupported_find(part, mesh);
    if (part->list.count)
        qsort(part->list.items, part->list.count, sizeof(*part->list.items), problem_cmp);
}
