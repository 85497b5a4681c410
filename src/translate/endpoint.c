/* SPDX-License-Identifier: Apache-2.0 */
/* Load assignments: the endpoints of each discovered cluster, by locality.
 *
 * Place   translate.c
 * Owns    nothing
 * Limits  locality gives groups and weights; fail-over priorities between them come later
 */
#include <stdlib.h>

#include "translate/build.h"
#include "translate/translate_int.h"
#include "xds/pb/endpoint.h"

/* The port of an endpoint that serves a port of the service: they share a name. */
static uint32_t endpoint_port(const struct mesh_endpoint *endpoint, const struct mesh_port *port)
{
    for (size_t i = 0; i < endpoint->port_count; i++)
        if (strcmp(endpoint->ports[i].name, port->name) == 0)
            return endpoint->ports[i].number;
    return 0;
}

static bool is_usable(const struct translator *translator, const struct mesh_service *service,
                      const struct mesh_endpoint *endpoint, const struct mesh_subset *subset)
{
    if (!endpoint->ready && !service->publishes_not_ready)
        return false;
    if (endpoint->terminating)
        return false;
    if (service->node_local && strcmp(endpoint->node, translator->scope->node) != 0)
        return false;
    return !subset || mesh_labels_match(&subset->labels, &endpoint->labels);
}

static int locality_cmp(const struct mesh_endpoint *a, const struct mesh_endpoint *b)
{
    int order = strcmp(a->region, b->region);

    if (order == 0)
        order = strcmp(a->zone, b->zone);
    return order ? order : strcmp(a->subzone, b->subzone);
}

static int endpoint_cmp(const void *a, const void *b)
{
    const struct mesh_endpoint *x = *(const struct mesh_endpoint *const *)a;
    const struct mesh_endpoint *y = *(const struct mesh_endpoint *const *)b;
    int order = locality_cmp(x, y);

    return order ? order : strcmp(x->address, y->address);
}

static struct pb_locality_lb_endpoints *add_group(struct arena *arena,
                                                  struct pb_cluster_load_assignment *out,
                                                  const struct mesh_endpoint *endpoint)
{
    struct pb_locality_lb_endpoints *group = ARENA_NEW(arena, struct pb_locality_lb_endpoints);

    group->locality = ARENA_NEW(arena, struct pb_locality);
    group->locality->region = slice_str(endpoint->region);
    group->locality->zone = slice_str(endpoint->zone);
    group->locality->sub_zone = slice_str(endpoint->subzone);
    group->has_load_balancing_weight = true;
    PROTO_PUSH(arena, out, endpoints, group);
    return group;
}

static uint32_t weight_of(const struct mesh_endpoint *endpoint)
{
    return endpoint->weight ? endpoint->weight : 1;
}

static struct pb_lb_endpoint *new_endpoint(const struct translator *translator,
                                           const struct mesh_endpoint *from, uint32_t port)
{
    struct arena *arena = translator->scratch;
    struct pb_lb_endpoint *out = ARENA_NEW(arena, struct pb_lb_endpoint);
    const struct mesh_workload *workload = from->workload;
    struct pb_struct *fields;

    out->host_identifier_case = PB_LB_ENDPOINT_CASE_ENDPOINT;
    out->endpoint = ARENA_NEW(arena, struct pb_endpoint);
    out->endpoint->address = build_address(arena, from->address, port);
    out->has_load_balancing_weight = true;
    out->load_balancing_weight = weight_of(from);
    if (!workload)
        return out;
    out->metadata = build_metadata(arena, "istio", &fields);
    pb_struct_set_string(
        arena, fields, "workload",
        slice_str(arena_printf(arena, "%s;%s;%s;%s;%s", workload->workload,
                               workload->meta.namespace, workload->canonical_name,
                               workload->canonical_revision, mesh_cluster_id(translator->mesh))));
    return out;
}

void endpoints_fill(struct translator *translator, const struct mesh_service *service,
                    const struct mesh_port *port, const struct mesh_subset *subset,
                    struct pb_cluster_load_assignment *ret)
{
    struct arena *arena = translator->scratch;
    const struct mesh_endpoint_set *set = mesh_endpoints(translator->mesh, service);
    const struct mesh_endpoint **items =
        ARENA_ARRAY(arena, const struct mesh_endpoint *, set->count + 1);
    struct pb_locality_lb_endpoints *group = NULL;
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++)
        if (is_usable(translator, service, &set->items[i], subset) &&
            endpoint_port(&set->items[i], port) != 0)
            items[count++] = &set->items[i];
    qsort(items, count, sizeof(*items), endpoint_cmp);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(items[i - 1]->address, items[i]->address) == 0)
            continue; /* in two slices while it moves between them */
        if (!group || locality_cmp(items[i - 1], items[i]) != 0)
            group = add_group(arena, ret, items[i]);
        group->load_balancing_weight += weight_of(items[i]);
        PROTO_PUSH(arena, group, lb_endpoints,
                   new_endpoint(translator, items[i], endpoint_port(items[i], port)));
    }
    ret->cluster_name =
        slice_str(cluster_name(arena, port->number, subset ? subset->name : "", service->hostname));
}

static void add_assignment(struct translator *translator, const struct mesh_service *service,
                           const struct mesh_port *port, const struct mesh_subset *subset)
{
    struct pb_cluster_load_assignment out = {0};

    endpoints_fill(translator, service, port, subset, &out);
    translate_add(translator, TRANSLATE_ENDPOINT, out.cluster_name.data,
                  &pb_cluster_load_assignment_desc, &out);
}

void endpoints_make(struct translator *translator)
{
    for (size_t i = 0; i < translator->service_count; i++) {
        const struct mesh_service *service = translator->services[i];
        const struct mesh_destination *destination = mesh_destination_find(
            translator->mesh, translator->scope->namespace, &translator->scope->labels, service);

        for (size_t j = 0; j < service->port_count; j++) {
            const struct mesh_port *port = &service->ports[j];
            struct policy policy = policy_find(destination, NULL, port->number);

            if (!scope_has_port(translator, service, port))
                continue;
            if (cluster_source(translator, service, &policy) == CLUSTER_EDS)
                add_assignment(translator, service, port, NULL);
            for (size_t k = 0; destination && k < destination->subset_count; k++) {
                policy = policy_find(destination, &destination->subsets[k], port->number);
                if (cluster_source(translator, service, &policy) == CLUSTER_EDS)
                    add_assignment(translator, service, port, &destination->subsets[k]);
            }
        }
    }
}
