/* SPDX-License-Identifier: Apache-2.0 */
/* Destination rules: merging those of one host, and finding the one that counts for a client.
 *
 * Rules of one namespace, host, selector and exportTo are one: subsets in order of age, the first
 * definition of a name wins; the top-level policy is the oldest rule's that has one.
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
    static const char *const own_namespace[] = {"."};
    const struct api_policy_selector *selector;
    char host[MESH_HOST_SIZE];

    node->rule.spec = object->spec ? object->spec : &empty;
    if (!mesh_host_resolve(mesh_text(node->rule.spec->host), node->meta.namespace, domain, host,
                           sizeof(host)))
        host[0] = '\0';
    node->rule.host = arena_strdup(&node->arena, host);
    node->rule.export_to = (const char *const *)node->rule.spec->export_to;
    node->rule.export_to_count = node->rule.spec->export_to_count;
    selector = node->rule.spec->workload_selector;
    if (!selector || selector->match_labels_count == 0)
        return;
    node->rule.selector =
        mesh_labels_read(&node->arena, selector->match_labels, selector->match_labels_count);
    node->rule.export_to = own_namespace; /* it is for workloads of its namespace alone */
    node->rule.export_to_count = 1;
}

static bool same_clients(const struct mesh_destination *destination, const struct mesh_node *rule)
{
    if (destination->export_to_count != rule->rule.export_to_count ||
        destination->selector.count != rule->rule.selector.count ||
        !mesh_labels_match(&destination->selector, &rule->rule.selector))
        return false;
    for (size_t i = 0; i < rule->rule.export_to_count; i++)
        if (strcmp(destination->export_to[i], rule->rule.export_to[i]) != 0)
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
        if (same_clients(destination, rule))
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

        if (!rule->rule.host[0])
            continue;
        destination = find_merged(part, rule);
        if (!destination) {
            destination = &part->destinations[part->destination_count++];
            destination->meta = rule->meta;
            destination->host = rule->rule.host;
            destination->selector = rule->rule.selector;
            destination->export_to = rule->rule.export_to;
            destination->export_to_count = rule->rule.export_to_count;
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

/* Who asks, and for what. */
struct question {
    const char *namespace;
    const struct mesh_labels *labels; /* NULL: any workload */
    const char *hostname;
};

static bool is_meant(const struct mesh_destination *destination, const struct question *question)
{
    if (question->labels && !mesh_labels_match(&destination->selector, question->labels))
        return false;
    return mesh_export_covers(destination->export_to, destination->export_to_count,
                              destination->meta.namespace, question->namespace);
}

/* Whether `a` counts rather than `b`: by host, then the one that selects. */
static bool is_closer(const struct mesh_destination *a, const struct mesh_destination *b)
{
    size_t a_len = strlen(a->host);
    size_t b_len = strlen(b->host);

    return a_len > b_len || (a_len == b_len && a->selector.count > 0 && b->selector.count == 0);
}

/* The most specific rule of `namespace` for the question. */
static const struct mesh_destination *
find_in(const struct mesh_rules_part *part, const char *namespace, const struct question *question)
{
    const struct mesh_destination *best = NULL;

    for (size_t i = find_place(part, namespace, question->hostname); i < part->destination_count;
         i++) {
        const struct mesh_destination *destination = &part->destinations[i];

        if (place_cmp(destination, namespace, question->hostname) != 0)
            break;
        if (is_meant(destination, question) && (!best || is_closer(destination, best)))
            best = destination;
    }
    if (best)
        return best;
    /* a namespace's wildcards stand before its other hosts: '*' sorts below letters and digits */
    for (size_t i = find_place(part, namespace, "*"); i < part->destination_count; i++) {
        const struct mesh_destination *destination = &part->destinations[i];

        if (destination->host[0] != '*' || strcmp(destination->meta.namespace, namespace) != 0)
            break;
        if (mesh_host_covers(destination->host, question->hostname) &&
            is_meant(destination, question) && (!best || is_closer(destination, best)))
            best = destination;
    }
    return best;
}

const struct mesh_destination *mesh_destination_find(const struct mesh *mesh,
                                                     const char *client_namespace,
                                                     const struct mesh_labels *client_labels,
                                                     const struct mesh_service *service)
{
    const struct question question = {client_namespace, client_labels, service->hostname};
    const struct mesh_destination *found = NULL;

    if (strcmp(client_namespace, mesh->root_namespace) != 0)
        found = find_in(mesh->rules, client_namespace, &question);
    if (!found)
        found = find_in(mesh->rules, service->meta.namespace, &question);
    if (!found)
        found = find_in(mesh->rules, mesh->root_namespace, &question);
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
