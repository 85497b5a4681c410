/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, ports and subsets that virtual services send traffic to: do they exist?
 */
#include "analyze/all.h"

#include "wire/json.h"

/* The key of a destination whose line is shown. */
static const char *host_path(struct analysis *analysis, const struct analyze_destination *found)
{
    return ANALYSIS_TEXT(analysis, "%s.host", found->path);
}

static const char *ports_text(struct analysis *analysis, const struct analyze_host *host)
{
    size_t count = json_array_size(host->ports);
    const char **numbers = ARENA_ARRAY(&analysis->arena, const char *, count + 1);

    for (size_t i = 0; i < count; i++)
        numbers[i] = ANALYSIS_TEXT(
            analysis, "%lld",
            (long long)json_get_int(json_array_get(host->ports, i), host->number_name, 0));
    return analysis_join(analysis, numbers, count, " ", false);
}

static bool port_exists(const struct analyze_host *host, int64_t number)
{
    size_t i;
    json_t *port;

    json_array_foreach(host->ports, i, port)
    {
        if (json_get_int(port, host->number_name, 0) == number)
            return true;
    }
    return false;
}

static void port_check(struct analysis *analysis, const struct analyze_object *object,
                       const struct analyze_destination *found, const struct analyze_host *host)
{
    const char *name = json_path_string_or(found->json, "host", "");
    const json_t *port = json_object_get(found->json, "port");
    int64_t number = json_get_int(port, "number", 0);

    if (!port && json_array_size(host->ports) > 1)
        analysis_report(analysis, ANALYZE_DESTINATION_PORT_REQUIRED, object,
                        host_path(analysis, found), name, ports_text(analysis, host), NULL);
    else if (port && !port_exists(host, number))
        analysis_report(analysis, ANALYZE_NOT_FOUND, object, host_path(analysis, found),
                        "host:port", ANALYSIS_TEXT(analysis, "%s:%lld", name, (long long)number),
                        NULL);
}

static void destinations_check(struct analysis *analysis, const struct analyze_object *object,
                               const struct analyze_hosts *hosts)
{
    analyze_destination_vec found = analysis_destinations(analysis, object);

    for (size_t i = 0; i < found.count; i++) {
        const char *name = json_path_string_or(found.items[i].json, "host", "");
        const struct analyze_host *host = analyze_hosts_find(
            hosts, analysis, object->ns, json_object_get(object->spec, "exportTo"), name);

        if (host)
            port_check(analysis, object, &found.items[i], host);
        else
            analysis_report(analysis, ANALYZE_NOT_FOUND, object,
                            host_path(analysis, &found.items[i]),
                            found.items[i].is_mirror ? "mirror host" : "host", name, NULL);
    }
    VEC_DEINIT(&found);
}

/* ---- rules with subsets, and a gateway's virtual service that does not go through them ---- */

/* A host that a virtual service both claims and sends to a subset of. */
struct subset_route {
    const struct analyze_object *object;
    const char *host;
};
typedef VEC(struct subset_route) subset_route_vec;

static bool is_http_route(const struct analyze_destination *found)
{
    return !found->is_mirror && slice_starts_with(slice_str(found->path), SLICE("spec.http["));
}

static subset_route_vec subset_routes_collect(struct analysis *analysis)
{
    subset_route_vec out = {0};

    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    {
        analyze_destination_vec found = analysis_destinations(analysis, object);

        for (size_t i = 0; i < found.count; i++) {
            struct subset_route route = {object,
                                         json_path_string_or(found.items[i].json, "host", "")};

            if (is_http_route(&found.items[i]) &&
                json_path_string_or(found.items[i].json, "subset", "")[0] &&
                json_array_has(json_object_get(object->spec, "hosts"), route.host))
                VEC_PUSH(&out, route);
        }
        VEC_DEINIT(&found);
    }
    return out;
}

static void gateway_routes_check(struct analysis *analysis, const struct analyze_object *object,
                                 const subset_route_vec *routes)
{
    analyze_destination_vec found = analysis_destinations(analysis, object);

    for (size_t i = 0; i < found.count; i++) {
        const char *host = json_path_string_or(found.items[i].json, "host", "");

        if (!is_http_route(&found.items[i]) ||
            json_path_string_or(found.items[i].json, "subset", "")[0])
            continue;
        for (size_t k = 0; k < routes->count && !analysis_is_full(analysis); k++)
            if (strcmp(routes->items[k].host, host) == 0)
                analysis_report(analysis, ANALYZE_INGRESS_RULES_NOT_AFFECTED, object,
                                host_path(analysis, &found.items[i]), routes->items[k].object->full,
                                object->full, NULL);
    }
    VEC_DEINIT(&found);
}

void analyze_destination_hosts(struct analysis *analysis)
{
    struct analyze_hosts hosts;
    subset_route_vec routes = subset_routes_collect(analysis);

    analyze_hosts_init(&hosts, analysis);
    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    {
        destinations_check(analysis, object, &hosts);
        if (json_array_size(json_object_get(object->spec, "gateways")) > 0)
            gateway_routes_check(analysis, object, &routes);
    }
    analyze_hosts_deinit(&hosts);
    VEC_DEINIT(&routes);
}

/* ---- subsets ---- */

/* Any destination rule counts, whoever may see it. */
static void subsets_collect(struct analysis *analysis, struct map *subsets)
{
    ANALYSIS_EACH(rule, analysis, DESTINATION_RULE)
    {
        const char *host =
            analysis_host(analysis, rule->ns, json_path_string_or(rule->spec, "host", ""));
        size_t i;
        json_t *subset;

        json_array_foreach(json_object_get(rule->spec, "subsets"), i, subset)
        {
            const char *key =
                ANALYSIS_TEXT(analysis, "%s+%s", host, json_path_string_or(subset, "name", ""));

            (void)map_put(subsets, slice_str(key), (void *)rule, NULL);
        }
    }
}

static void subset_check(struct analysis *analysis, const struct analyze_object *object,
                         const struct analyze_destination *found, const struct map *subsets)
{
    const char *host = json_path_string_or(found->json, "host", "");
    const char *subset = json_path_string_or(found->json, "subset", "");

    if (!subset[0] ||
        map_get_str(subsets, ANALYSIS_TEXT(analysis, "%s+%s",
                                           analysis_host(analysis, object->ns, host), subset)))
        return;
    analysis_report(analysis, ANALYZE_NOT_FOUND, object, host_path(analysis, found),
                    found->is_mirror ? "mirror+subset in destinationrule"
                                     : "host+subset in destinationrule",
                    ANALYSIS_TEXT(analysis, "%s+%s", host, subset), NULL);
}

void analyze_destination_subsets(struct analysis *analysis)
{
    struct map subsets; /* "host+subset" */

    map_init(&subsets, 0);
    subsets_collect(analysis, &subsets);
    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    {
        analyze_destination_vec found = analysis_destinations(analysis, object);

        for (size_t i = 0; i < found.count; i++)
            subset_check(analysis, object, &found.items[i], &subsets);
        VEC_DEINIT(&found);
    }
    map_deinit(&subsets);
}
