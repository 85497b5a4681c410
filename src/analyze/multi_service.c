/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments that several services select, with ports that contradict each other.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <stdlib.h>

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
        const json_t *selector;
        size_t i;
        json_t *port;

        if (strcmp(service->ns, deployment->ns) != 0)
            continue;
        selector = json_object_get(service->spec, "selector");
        if (json_object_size(selector) == 0 || !analysis_map_matches(selector, &labels))
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

static int number_cmp(const void *a, const void *b)
{
    const struct used_port *x = a;
    const struct used_port *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->service, y->service);
}

static int target_cmp(const void *a, const void *b)
{
    int order =
        strcmp(((const struct used_port *)a)->target, ((const struct used_port *)b)->target);

    return order ? order : number_cmp(a, b);
}

/* A run of ports with one number. */
static void protocols_check(struct analysis *analysis, const struct analyze_object *deployment,
                            const struct used_port *run, size_t count)
{
    const char **services = ARENA_ARRAY(&analysis->arena, const char *, count);
    bool differs = false;

    for (size_t i = 0; i < count; i++) {
        differs = differs || strcmp(run[i].protocol, run[0].protocol) != 0;
        services[i] = run[i].service;
    }
    if (differs)
        analysis_report(analysis, ANALYZE_DEPLOYMENT_PORT_PROTOCOLS, deployment, "metadata.name",
                        deployment->name, ANALYSIS_TEXT(analysis, "%lld", (long long)run[0].number),
                        analysis_join(analysis, services, count, " ", true), NULL);
}

/* A run of ports with one target, in order of their numbers. */
static void targets_check(struct analysis *analysis, const struct analyze_object *deployment,
                          const struct used_port *run, size_t count)
{
    const char **services = ARENA_ARRAY(&analysis->arena, const char *, count);
    const char **numbers = ARENA_ARRAY(&analysis->arena, const char *, count);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && run[i].number == run[i - 1].number)
            continue;
        services[kept] = run[i].service;
        numbers[kept++] = ANALYSIS_TEXT(analysis, "%lld", (long long)run[i].number);
    }
    if (kept > 1)
        analysis_report(analysis, ANALYZE_DEPLOYMENT_TARGET_PORTS, deployment, "metadata.name",
                        deployment->name, analysis_join(analysis, services, kept, " ", true),
                        run[0].target, analysis_join(analysis, numbers, kept, " ", false), NULL);
}

/* Sorts the ports; each run of equal ones, by number and then by target, is checked at once. */
static void ports_check(struct analysis *analysis, const struct analyze_object *deployment,
                        used_port_vec *ports)
{
    size_t from = 0;

    if (ports->count == 0)
        return;
    qsort(ports->items, ports->count, sizeof *ports->items, number_cmp);
    for (size_t i = 1; i <= ports->count; i++)
        if (i == ports->count || ports->items[i].number != ports->items[from].number) {
            protocols_check(analysis, deployment, &ports->items[from], i - from);
            from = i;
        }
    qsort(ports->items, ports->count, sizeof *ports->items, target_cmp);
    from = 0;
    for (size_t i = 1; i <= ports->count; i++)
        if (i == ports->count || strcmp(ports->items[i].target, ports->items[from].target) != 0) {
            targets_check(analysis, deployment, &ports->items[from], i - from);
            from = i;
        }
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
        ports_check(analysis, deployment, &ports);
        VEC_DEINIT(&ports);
    }
}
