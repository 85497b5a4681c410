/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways on the same pods that claim the same hosts of one port.
 */
#include "analyze/all.h"

#include "wire/json.h"

/* What is asked of each Gateway again and again. */
struct candidate {
    const struct analyze_object *object;
    struct mesh_labels selector;
    const char *selector_text;
};
typedef VEC(struct candidate) candidate_vec;

static int64_t port_number(const json_t *server)
{
    return json_path_int(server, "port.number", 0);
}

static bool hosts_overlap(const json_t *server, const json_t *other)
{
    const json_t *hosts = json_object_get(other, "hosts");
    size_t i;
    json_t *host;

    if (strcmp(json_path_string_or(server, "bind", ""), json_path_string_or(other, "bind", "")) !=
        0)
        return false;
    json_array_foreach(json_object_get(server, "hosts"), i, host)
    {
        if (json_is_string(host) && json_array_has(hosts, json_string_value(host)))
            return true;
    }
    return false;
}

static bool server_conflicts(const json_t *server, const struct candidate *other)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(other->object->spec, "servers"), i, item)
    {
        if (port_number(item) == port_number(server) && hosts_overlap(server, item))
            return true;
    }
    return false;
}

/* The same selector, or one that is part of the other and a pod that both select. */
static bool pods_are_shared(struct analysis *analysis, const struct candidate *a,
                            const struct candidate *b)
{
    if (strcmp(a->selector_text, b->selector_text) == 0)
        return true;
    if (!strstr(a->selector_text, b->selector_text) && !strstr(b->selector_text, a->selector_text))
        return false;
    ANALYSIS_EACH(pod, analysis, POD)
    if (mesh_labels_match(&a->selector, &pod->labels) &&
        mesh_labels_match(&b->selector, &pod->labels))
        return true;
    return false;
}

static void server_check(struct analysis *analysis, const struct candidate *gateway,
                         const json_t *server, const candidate_vec *others)
{
    const char **names = ARENA_ARRAY(&analysis->arena, const char *, others->count + 1);
    const json_t *list = json_object_get(server, "hosts");
    const char **hosts = ARENA_ARRAY(&analysis->arena, const char *, json_array_size(list) + 1);
    size_t count = 0;
    size_t host_count = 0;
    size_t i;
    json_t *host;

    for (i = 0; i < others->count; i++)
        if (others->items[i].object != gateway->object &&
            server_conflicts(server, &others->items[i]))
            names[count++] = others->items[i].object->full;
    if (count == 0)
        return;
    json_array_foreach(list, i, host)
    {
        if (json_is_string(host))
            hosts[host_count++] = json_string_value(host);
    }
    analysis_report(analysis, ANALYZE_CONFLICTING_GATEWAYS, gateway->object, NULL,
                    analysis_join(analysis, names, count, ",", true), gateway->selector_text,
                    ANALYSIS_TEXT(analysis, "%lld", (long long)port_number(server)),
                    analysis_join(analysis, hosts, host_count, ",", false), NULL);
}

static candidate_vec candidates_collect(struct analysis *analysis)
{
    candidate_vec all = {0};

    ANALYSIS_EACH(gateway, analysis, GATEWAY)
    {
        struct candidate candidate = {.object = gateway};

        candidate.selector = analysis_labels(analysis, json_object_get(gateway->spec, "selector"));
        candidate.selector_text = analysis_labels_text(analysis, &candidate.selector);
        VEC_PUSH(&all, candidate);
    }
    return all;
}

static void gateway_check(struct analysis *analysis, const struct candidate *gateway,
                          const candidate_vec *all)
{
    candidate_vec others = {0};
    size_t i;
    json_t *server;

    for (i = 0; i < all->count; i++)
        if (json_array_size(json_object_get(all->items[i].object->spec, "servers")) > 0 &&
            pods_are_shared(analysis, gateway, &all->items[i]))
            VEC_PUSH(&others, all->items[i]);
    if (gateway->selector.count > 0 && others.count == 0)
        analysis_report_selector(analysis, gateway->object, "spec.selector", &gateway->selector);
    json_array_foreach(json_object_get(gateway->object->spec, "servers"), i, server)
    {
        server_check(analysis, gateway, server, &others);
    }
    VEC_DEINIT(&others);
}

void analyze_gateway_conflict(struct analysis *analysis)
{
    candidate_vec all = candidates_collect(analysis);

    for (size_t i = 0; i < all.count; i++)
        gateway_check(analysis, &all.items[i], &all);
    VEC_DEINIT(&all);
}
