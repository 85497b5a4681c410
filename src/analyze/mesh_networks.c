/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of the mesh that take endpoints from a registry that nobody has.
 */
#include "analyze/all.h"

#include "wire/json.h"
#include "wire/yaml.h"

static bool registry_exists(struct analysis *analysis, const char *registry)
{
    static const char *const built_in[] = {"Mock", "Kubernetes", "External"};

    for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
        if (strcmp(built_in[i], registry) == 0)
            return true;
    ANALYSIS_EACH(secret, analysis, SECRET)
    {
        const char *label = mesh_label_get(&secret->labels, "istio/multiCluster");

        if (label && strcmp(label, "true") == 0 &&
            json_object_get(json_object_get(secret->json, "data"), registry))
            return true;
    }
    return false;
}

static void networks_check(struct analysis *analysis, const struct analyze_object *map,
                           const json_t *networks)
{
    const char *network;
    json_t *settings;

    json_object_foreach((json_t *)networks, network, settings)
    {
        size_t i;
        json_t *endpoint;

        json_array_foreach(json_object_get(settings, "endpoints"), i, endpoint)
        {
            const char *registry = json_get_string(endpoint, "fromRegistry");

            if (registry && !registry_exists(analysis, registry))
                analysis_report(analysis, ANALYZE_UNKNOWN_SERVICE_REGISTRY, map, NULL, registry,
                                network, NULL);
        }
    }
}

void analyze_mesh_networks(struct analysis *analysis)
{
    const struct analyze_object *map = analysis_mesh_config_map(analysis);
    const char *text = map ? json_path_string(map->json, "data.meshNetworks") : NULL;
    SCOPED(json_drop) json_t *config = NULL;
    struct analyze_object *told; /* the map, under the name by which it is told of */

    if (!text || yaml_parse_one(slice_str(text), NULL, &config, NULL) < 0)
        return;
    told = ARENA_NEW(&analysis->arena, struct analyze_object);
    *told = *map;
    told->origin = "MeshNetworks istio-system/meshnetworks";
    networks_check(analysis, told, json_object_get(config, "networks"));
}
