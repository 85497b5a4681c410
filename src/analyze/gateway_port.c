/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of Gateways that the Services of the gateway's pods do not lead to.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <stdlib.h>

/* The number that a Service's port leads to; 0 when it has a name, or none is given. */
static int64_t target_number(const json_t *port)
{
    const json_t *target = json_object_get(port, "targetPort");

    if (json_is_string(target))
        return strtoll(json_string_value(target), NULL, 10);
    return json_integer_value(target);
}

/* Whether traffic for `number` gets in: as the port that the proxy listens on, or as the one that
 * the Service maps to it. */
static bool service_has_port(const struct analyze_object *service, int64_t number)
{
    size_t i;
    json_t *port;

    json_array_foreach(json_object_get(service->spec, "ports"), i, port)
    {
        if (strcmp(json_path_string_or(port, "protocol", ""), "TCP") == 0 &&
            (target_number(port) == number || json_get_int(port, "port", 0) == number))
            return true;
    }
    return false;
}

static analyze_object_vec pods_find(struct analysis *analysis, const struct mesh_labels *selector)
{
    analyze_object_vec found = {0};

    ANALYSIS_EACH(pod, analysis, POD)
    if (mesh_labels_match(selector, &pod->labels))
        VEC_PUSH(&found, (struct analyze_object *)pod);
    return found;
}

/* Services of the gateway's pods. */
static analyze_object_vec services_find(struct analysis *analysis, const analyze_object_vec *pods)
{
    analyze_object_vec found = {0};

    ANALYSIS_EACH(service, analysis, SERVICE)
    {
        const json_t *selector = json_object_get(service->spec, "selector");
        bool is_found = false;

        for (size_t i = 0; i < pods->count && !is_found; i++)
            is_found = strcmp(pods->items[i]->ns, service->ns) == 0 &&
                       analysis_map_matches(selector, &pods->items[i]->labels);
        if (is_found)
            VEC_PUSH(&found, (struct analyze_object *)service);
    }
    return found;
}

static void server_check(struct analysis *analysis, const struct analyze_object *gateway,
                         const struct mesh_labels *selector, int64_t number,
                         const analyze_object_vec *services)
{
    for (size_t i = 0; i < services->count; i++)
        if (service_has_port(services->items[i], number))
            return;
    analysis_report(analysis, ANALYZE_GATEWAY_PORT, gateway,
                    analysis_label_path(analysis, "spec.selector", selector),
                    ANALYSIS_TEXT(analysis, "%lld", (long long)number),
                    analysis_labels_text(analysis, selector), NULL);
}

void analyze_gateway_port(struct analysis *analysis)
{
    ANALYSIS_EACH(gateway, analysis, GATEWAY)
    {
        struct mesh_labels selector =
            analysis_labels(analysis, json_object_get(gateway->spec, "selector"));
        analyze_object_vec pods = pods_find(analysis, &selector);
        analyze_object_vec services = services_find(analysis, &pods);
        size_t i;
        json_t *server;

        if (pods.count == 0)
            analysis_report_selector(analysis, gateway, "spec.selector", &selector);
        json_array_foreach(json_object_get(gateway->spec, "servers"), i, server)
        {
            const json_t *port = json_object_get(server, "port");

            if (pods.count > 0 && port)
                server_check(analysis, gateway, &selector, json_get_int(port, "number", 0),
                             &services);
        }
        VEC_DEINIT(&services);
        VEC_DEINIT(&pods);
    }
}
