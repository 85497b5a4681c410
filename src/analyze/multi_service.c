/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments that several services select, with ports that contradict each other.
 */
#include "analyze/all.h"

#include "wire/json.h"

struct used_port {
    const char *service;
    int64_t number;
    const char *protocol;
    const char *target;
};
typedef VEC(struct used_port) used_port_vec;

static const char *target_text(struct analysis *analysis, const json_t *port)
{
    const json_t *target = json_object_get(port, "targetPort");
    int64_t number = json_integer_value(target);

    if (json_is_string(target) && json_string_value(target)[0])
        return json_string_value(target);
    return ANALYSIS_TEXT(analysis, "%lld",
                         (long long)(number ? number : json_get_int(port, "port", 0)));
}

static used_port_vec ports_collect(struct analysis *analysis,
                                   const struct analyze_object *deployment)
{
    struct mesh_labels labels =
        analysis_labels(analysis, json_path_get(deployment->spec, "template.metadata.labels"));
    used_port_vec ports = {0};

    ANALYSIS_EACH(service, analysis, SERVICE)
    {
        struct mesh_labels selector =
            analysis_labels(analysis, json_object_get(service->spec, "selector"));
        size_t i;
        json_t *port;

        if (selector.count == 0 || strcmp(service->ns, deployment->ns) != 0 ||
            !mesh_labels_match(&selector, &labels))
            continue;
        json_array_foreach(json_object_get(service->spec, "ports"), i, port)
        {
            struct used_port used = {service->full, json_get_int(port, "port", 0),
                                     json_path_string_or(port, "protocol", "TCP"),
                                     target_text(analysis, port)};

            VEC_PUSH(&ports, used);
        }
    }
    return ports;
}

/* Tells once a port number: at its first use. */
static void protocols_check(struct analysis *analysis, const struct analyze_object *deployment,
                            const used_port_vec *ports, size_t first)
{
    const struct used_port *port = &ports->items[first];
    const char **services = ARENA_ARRAY(&analysis->arena, const char *, ports->count);
    size_t count = 0;
    bool differs = false;

    for (size_t i = 0; i < ports->count; i++) {
        if (ports->items[i].number != port->number)
            continue;
        if (i < first)
            return;
        differs = differs || strcmp(ports->items[i].protocol, port->protocol) != 0;
        services[count++] = ports->items[i].service;
    }
    if (differs)
        analysis_report(analysis, ANALYZE_DEPLOYMENT_PORT_PROTOCOLS, deployment, "metadata.name",
                        deployment->name, ANALYSIS_TEXT(analysis, "%lld", (long long)port->number),
                        analysis_join(analysis, services, count, " ", true), NULL);
}

static void targets_check(struct analysis *analysis, const struct analyze_object *deployment,
                          const used_port_vec *ports, size_t first)
{
    const struct used_port *port = &ports->items[first];
    const char **services = ARENA_ARRAY(&analysis->arena, const char *, ports->count);
    const char **numbers = ARENA_ARRAY(&analysis->arena, const char *, ports->count);
    size_t count = 0;

    for (size_t i = 0; i < ports->count; i++) {
        bool is_new = true;

        if (strcmp(ports->items[i].target, port->target) != 0)
            continue;
        if (i < first)
            return;
        for (size_t k = first; k < i; k++)
            is_new = is_new && !(strcmp(ports->items[k].target, port->target) == 0 &&
                                 ports->items[k].number == ports->items[i].number);
        if (!is_new)
            continue;
        services[count] = ports->items[i].service;
        numbers[count++] = ANALYSIS_TEXT(analysis, "%lld", (long long)ports->items[i].number);
    }
    if (count > 1)
        analysis_report(analysis, ANALYZE_DEPLOYMENT_TARGET_PORTS, deployment, "metadata.name",
                        deployment->name, analysis_join(analysis, services, count, " ", true),
                        port->target, analysis_join(analysis, numbers, count, " ", true), NULL);
}

void analyze_multi_service(struct analysis *analysis)
{
    ANALYSIS_EACH(deployment, analysis, DEPLOYMENT)
    {
        const json_t *pod_template = json_object_get(deployment->spec, "template");
        struct mesh_labels labels =
            analysis_labels(analysis, json_path_get(pod_template, "metadata.labels"));
        struct mesh_labels annotations =
            analysis_labels(analysis, json_path_get(pod_template, "metadata.annotations"));
        const char *manager = mesh_label_get(&deployment->labels, "gateway.istio.io/managed");
        used_port_vec ports;

        if ((manager && strcmp(manager, "istio.io-mesh-controller") == 0) ||
            !analysis_in_mesh(analysis, deployment->ns, json_object_get(pod_template, "spec"),
                              &labels, &annotations))
            continue;
        ports = ports_collect(analysis, deployment);
        for (size_t i = 0; i < ports.count; i++) {
            protocols_check(analysis, deployment, &ports, i);
            targets_check(analysis, deployment, &ports, i);
        }
        VEC_DEINIT(&ports);
    }
}
