/* SPDX-License-Identifier: Apache-2.0 */
/* Which traffic policy applies to a port of a service, or to a subset there.
 *
 * A policy for the port takes the place of the general one, whole. What a subset says takes the
 * place of what is said for all, block by block; its own policy for the port, whole again.
 *
 * Place   cluster.c, endpoint.c, http.c
 * Owns    nothing: borrows from the mesh
 */
#include "translate/translate_int.h"

static const struct api_port_traffic_policy *find_port(const struct api_traffic_policy *policy,
                                                       uint32_t port)
{
    for (size_t i = 0; i < policy->port_level_settings_count; i++)
        if (policy->port_level_settings[i].port &&
            policy->port_level_settings[i].port->number == port)
            return &policy->port_level_settings[i];
    return NULL;
}

static void apply(struct policy *out, const struct api_traffic_policy *policy, uint32_t port)
{
    const struct api_port_traffic_policy *exact;

    if (!policy)
        return;
    exact = find_port(policy, port);
    if (exact) {
        out->load_balancer = exact->load_balancer;
        out->pool = exact->connection_pool;
        out->outlier = exact->outlier_detection;
        out->tls = exact->tls;
        return;
    }
    if (policy->load_balancer)
        out->load_balancer = policy->load_balancer;
    if (policy->connection_pool)
        out->pool = policy->connection_pool;
    if (policy->outlier_detection)
        out->outlier = policy->outlier_detection;
    if (policy->tls)
        out->tls = policy->tls;
}

struct policy policy_find(const struct mesh_destination *destination,
                          const struct mesh_subset *subset, uint32_t port)
{
    struct policy out = {0};

    if (destination)
        apply(&out, destination->traffic_policy, port);
    if (subset)
        apply(&out, subset->spec->traffic_policy, port);
    return out;
}
