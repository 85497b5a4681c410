/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies that run another image than injection would set today.
 */
#include "analyze/all.h"

#include "wire/json.h"
#include "wire/yaml.h"

/* Image types of ProxyConfigs and the mesh, from the least to the most particular. */
static const char *image_type_over(const char *type, const json_t *config)
{
    const char *own = json_path_string_or(config, "image.imageType", "");

    return own[0] ? own : type;
}

static const char *config_type(struct analysis *analysis, const struct analyze_object *pod)
{
    const char *root =
        json_path_string_or(analysis->mesh_config, "rootNamespace", analysis->options.istio_ns);
    const char *levels[3] = {"", "", ""}; /* of the mesh, the namespace, the pod itself */
    const char *type = image_type_over("", json_object_get(analysis->mesh_config, "defaultConfig"));

    ANALYSIS_EACH(config, analysis, PROXY_CONFIG)
    {
        const json_t *selector = json_object_get(config->spec, "selector");

        if (strcmp(config->ns, root) == 0)
            levels[0] = image_type_over("", config->spec);
        else if (strcmp(config->ns, pod->ns) == 0 && !selector)
            levels[1] = image_type_over("", config->spec);
        else if (strcmp(config->ns, pod->ns) == 0 &&
                 analysis_map_matches(json_object_get(selector, "matchLabels"), &pod->labels))
            levels[2] = image_type_over(levels[2], config->spec);
    }
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        type = levels[i][0] ? levels[i] : type;
    return type;
}

/* "distroless", or "" for the image without a suffix. */
static const char *image_type(struct analysis *analysis, const struct analyze_object *pod)
{
    const char *annotated = mesh_label_get(&pod->annotations, "proxy.istio.io/config");
    const char *type = config_type(analysis, pod);
    json_t *config = NULL;

    if (annotated && yaml_parse_one(slice_str(annotated), NULL, &config, NULL) >= 0) {
        type = arena_strdup(&analysis->arena, image_type_over(type, config));
        json_decref(config);
    }
    return strcmp(type, "default") == 0 ? "" : type;
}

/* The image that the injector of a revision sets; NULL when there is no such injector. */
static const char *injected_image(struct analysis *analysis, const char *revision)
{
    const struct analyze_object *map = analysis_injector_config(analysis, revision);
    const char *text = map ? json_path_string(map->json, "data.values") : NULL;
    SCOPED(json_drop) json_t *values = NULL;
    const char *image;

    if (!map)
        return NULL;
    if (!text || json_parse(slice_str(text), NULL, &values, NULL) < 0)
        return "";
    image = json_path_string_or(values, "global.proxy.image", "");
    if (strchr(image, '/'))
        return arena_strdup(&analysis->arena, image);
    return ANALYSIS_TEXT(analysis, "%s/%s:%s", json_path_string_or(values, "global.hub", ""), image,
                         json_path_string_or(values, "global.tag", ""));
}

static bool any_differs(const json_t *containers, const char *image, const char *variant)
{
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container)
    {
        const char *own = json_path_string_or(container, "image", "");

        if (strcmp(json_path_string_or(container, "name", ""), "istio-proxy") == 0 &&
            strcmp(own, image) != 0 && strcmp(own, variant) != 0)
            return true;
    }
    return false;
}

/* A pod that sets its own image is left in peace. */
static bool pod_differs(struct analysis *analysis, const struct analyze_object *pod,
                        const char *image)
{
    const char *own = mesh_label_get(&pod->annotations, "sidecar.istio.io/proxyImage");
    const char *variant;

    if (own && own[0])
        return false;
    variant = ANALYSIS_TEXT(analysis, "%s-%s", image, image_type(analysis, pod));
    return any_differs(json_object_get(pod->spec, "containers"), image, variant) ||
           any_differs(json_object_get(pod->spec, "initContainers"), image, variant);
}

static void namespace_check(struct analysis *analysis, const struct analyze_object *ns,
                            const char *image)
{
    VEC(const char *) names = {0};

    ANALYSIS_EACH(pod, analysis, POD)
    if (strcmp(pod->ns, ns->name) == 0 && pod_differs(analysis, pod, image))
        VEC_PUSH(&names, pod->name);
    if (names.count > 0)
        analysis_report(analysis, ANALYZE_PROXY_IMAGE_MISMATCH, ns, NULL,
                        analysis_join(analysis, names.items, names.count, " ", true), NULL);
    VEC_DEINIT(&names);
}

void analyze_proxy_image(struct analysis *analysis)
{
    ANALYSIS_EACH(ns, analysis, NAMESPACE)
    {
        const char *injection = mesh_label_get(&ns->labels, "istio-injection");
        const char *revision = mesh_label_get(&ns->labels, "istio.io/rev");
        const char *image;

        if (!revision && (!injection || strcmp(injection, "enabled") != 0))
            continue;
        image = injected_image(analysis, revision);
        if (image)
            namespace_check(analysis, ns, image);
    }
}
