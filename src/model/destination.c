/* SPDX-License-Identifier: Apache-2.0 */
/* Destination rules: merging those of one host, and finding the one that counts for a client.
 *
 * Rules of one namespace, host and exportTo are one: subsets in order of age, the first definition
 * of a name wins; the top-level policy is the oldest rule's that has one.
 *
 * Place   node.c for each rule; builder.c merges; translate looks up
 * Owns    nothing; merged rules lie in the rules part's arena
 */
#include <stdlib.h>

#include "model/mesh_int.h"

void mesh_destination_read(struct mesh_node *node, const struct api_destination_rule *object,
                           const char *domain)
{
    static const struct api_destination_rule_spec empty;
    char host[MESH_HOST_SIZE];

    node->rule.spec = object->spec ? object->spec : &empty;
    if (!mesh_host_resolve(mesh_text(node->rule.spec->host), node->meta.namespace, domain, host,
                           sizeof(host)))
        host[0] = '\0';
    node->rule.host = arena_strdup(&node->arena, host);
}

static bool same_export(const struct mesh_destination *destination,
                        const struct api_destination_rule_spec *spec)
{
    if (destination->export_to_count != spec->export_to_count)
        return false;
    for (size_t i = 0; i < spec->export_to_count; i++)
        if (strcmp(destination->export_to[i], spec->export_to[i]) != 0)
            return false;
    return true;
}

/* Among those of the same namespace and host, which were made last. */
static struct mesh_destination *find_merged(struct mesh_rules_part *part,
                                            const struct mesh_node *rule)
{
    for (size_t i = part->destination_count; i > 0; i--) {
        struct mesh_destination *destination = &part->destinations[i - 1];

        if (strcmp(destination->host, rule->rule.host) != 0 ||
            strcmp(destination->meta.namespace, rule->meta.namespace) != 0)
            return NULL;
        if (same_export(destination, rule->rule.spec))
            return destination;
    }
    return NULL;
}

static void add_subsets(struct mesh_destination *destination, const struct mesh_node *rule,
                        struct arena *arena)
{
    const struct api_destination_rule_spec *spec = rule->rule.spec;
    size_t old_count = destination->subset_count;
    struct mesh_subset *subsets =
        ARENA_ARRAY(arena, struct mesh_subset, old_count + spec->subsets_count + 1);

    if (old_count)
        memcpy(subsets, destination->subsets, old_count * sizeof(*subsets));
    destination->subsets = subsets;
    for (size_t i = 0; i < spec->subsets_count; i++) {
        const struct api_subset *subset = &spec->subsets[i];

        if (!subset->name || mesh_destination_subset(destination, subset->name))
            continue;
        subsets[destination->subset_count].name = subset->name;
        subsets[destination->subset_count].spec = subset;
        subsets[destination->subset_count++].labels =
            mesh_labels_read(arena, subset->labels, subset->labels_count);
    }
}

static int destination_cmp(const void *a, const void *b)
{
    const struct mesh_destination *x = a;
    const struct mesh_destination *y = b;
    int order = strcmp(x->meta.namespace, y->meta.namespace);

    if (order == 0)
        order = strcmp(x->host, y->host);
    return order ? order : mesh_meta_cmp(&x->meta, &y->meta);
}

static int rule_cmp(const void *a, const void *b)
{
    const struct mesh_node *x = *(struct mesh_node *const *)a;
    const struct mesh_node *y = *(struct mesh_node *const *)b;
    int order = strcmp(x->meta.namespace, y->meta.namespace);

    if (order == 0)
        order = strcmp(x->rule.host, y->rule.host);
    return order ? order : mesh_meta_cmp(&x->meta, &y->meta);
}

void mesh_destinations_merge(struct mesh_rules_part *part, struct mesh_node *const *rules,
                             size_t rule_count)
{
    struct arena *arena = &part->part.arena;
    struct mesh_node **sorted = ARENA_ARRAY(arena, struct mesh_node *, rule_count + 1);

    if (rule_count)
        memcpy(sorted, rules, rule_count * sizeof(struct mesh_node *));
    qsort(sorted, rule_count, sizeof(struct mesh_node *), rule_cmp);
    part->destinations = ARENA_ARRAY(arena, struct mesh_destination, rule_count + 1);
    for (size_t i = 0; i < rule_count; i++) {
        const struct mesh_node *rule = sorted[i];
        struct mesh_destination *destination;

        if (!rule->rule.host[0] || rule->rule.spec->workload_selector)
            continue; /* mesh_problems_find tells */
        destination = find_merged(part, rule);
        if (!destination) {
            destination = &part->destinations[part->destination_count++];
            destination->meta = rule->meta;
            destination->host = rule->rule.host;
            destination->export_to = (const char *const *)rule->rule.spec->export_to;
            destination->export_to_count = rule->rule.spec->export_to_count;
        }
        if (!destination->traffic_policy)
            destination->traffic_policy = rule->rule.spec->traffic_policy;
        add_subsets(destination, rule, arena);
    }
    qsort(part->destinations, part->destination_count, sizeof(*part->destinations),
          destination_cmp);
}

static int place_cmp(const struct mesh_destination *destination, const char *namespace,
                     const char *host)
{
    int order = strcmp(destination->meta.namespace, namespace);

    return order ? order : strcmp(destination->host, host);
}

/* The first destination of that namespace and host, or where it would stand. */
static size_t find_place(const struct mesh_rules_part *part, const char *namespace,
                         const char *host)
{
    size_t low = 0;
    size_t high = part->destination_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (place_cmp(&part->destinations[middle], namespace, host) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_exported(const struct mesh_destination *destination, const char *client_namespace)
{
    return mesh_export_covers(destination->export_to, destination->export_to_count,
                              destination->meta.namespace, client_namespace);
}

/* The most specific rule of `namespace` for the host that client_namespace may see. */
static const struct mesh_destination *find_in(const struct mesh_rules_part *part,
                                              const char *namespace, const char *client_namespace,
                                              const char *hostname)
{
    const struct mesh_destination *best = NULL;

    for (size_t i = find_place(part, namespace, hostname); i < part->destination_count; i++) {
        if (place_cmp(&part->destinations[i], namespace, hostname) != 0)
            break;
        if (is_exported(&part->destinations[i], client_namespace))
            return &part->destinations[i];
    }
    /* a namespace's wildcards stand before its other hosts: '*' sorts below letters and digits */
    for (size_t i = find_place(part, namespace, "*"); i < part->destination_count; i++) {
        const struct mesh_destination *destination = &part->destinations[i];

        if (destination->host[0] != '*' || strcmp(destination->meta.namespace, namespace) != 0)
            break;
        if (mesh_host_covers(destination->host, hostname) &&
            is_exported(destination, client_namespace) &&
            (!best || strlen(destination->host) > strlen(best->host)))
            best = destination;
    }
    return best;
}

const struct mesh_destination *mesh_destination_find(const struct mesh *mesh,
                                                     const char *client_namespace,
                                                     const struct mesh_service *service)
{
    const struct mesh_destination *found = NULL;

    if (strcmp(client_namespace, mesh->root_namespace) != 0)
        found = find_in(mesh->rules, client_namespace, client_namespace, service->hostname);
    if (!found)
        found = find_in(mesh->rules, service->meta.namespace, client_namespace, service->hostname);
    if (!found)
        found = find_in(mesh->rules, mesh->root_namespace, client_namespace, service->hostname);
    return found;
}

const struct mesh_subset *mesh_destination_subset(const struct mesh_destination *destination,
                                                  const char *name)
{
    for (size_t i = 0; i < destination->subset_count; i++)
        if (strcmp(destination->subsets[i].name, name) == 0)
            return &destination->subsets[i];
    return NULL;
}
