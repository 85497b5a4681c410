/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of EnvoyFilters that Envoy's configuration ignores, or that depend on the order in which
 * filters are applied.
 */
#include "analyze/all.h"

#include "wire/json.h"

static bool text_is_any(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* What the patch changes: the filter that its value names, or the one that it matches. */
static const char *target_name(const json_t *patch)
{
    const json_t *value = json_path_get(patch, "patch.value");
    const char *name = json_get_string(value, "name");

    if (name || !value)
        return name ? name : "";
    return json_path_string_or(patch, "match.listener.filterChain.filter.name", "");
}

/* Whether an earlier patch of the same filter is for one version of proxies only. */
static bool has_versioned_twin(const struct map *versioned, const char *name)
{
    return map_get_str(versioned, name) != NULL;
}

/* The message that a patch deserves; -1: none. */
static int patch_judge(const json_t *patch, int64_t priority, bool is_versioned)
{
    static const char *const routes[] = {"ROUTE_CONFIGURATION", "HTTP_ROUTE"};
    static const char *const replaceable[] = {"NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST"};
    static const char *const relative[] = {"REMOVE", "REPLACE", "INSERT_BEFORE", "INSERT_AFTER"};
    const char *operation = json_path_string_or(patch, "patch.operation", "");
    const char *apply_to = json_path_string_or(patch, "applyTo", "");
    bool is_route = text_is_any(apply_to, routes, ARRAY_LEN(routes));

    if (strcmp(operation, "ADD") == 0)
        return is_route ? (int)ANALYZE_ENVOY_FILTER_ADD : -1;
    if (strcmp(operation, "REMOVE") == 0 && is_route)
        return (int)ANALYZE_ENVOY_FILTER_REMOVE;
    if (strcmp(operation, "REPLACE") == 0 &&
        !text_is_any(apply_to, replaceable, ARRAY_LEN(replaceable)))
        return (int)ANALYZE_ENVOY_FILTER_REPLACE;
    if (priority != 0 || !text_is_any(operation, relative, ARRAY_LEN(relative)))
        return -1;
    return (int)(is_versioned ? ANALYZE_ENVOY_FILTER_RELATIVE_VERSION
                              : ANALYZE_ENVOY_FILTER_RELATIVE);
}

static void filter_check(struct analysis *analysis, const struct analyze_object *filter,
                         struct map *versioned)
{
    int64_t priority = json_get_int(filter->spec, "priority", 0);
    size_t i;
    json_t *patch;

    json_array_foreach(json_object_get(filter->spec, "configPatches"), i, patch)
    {
        const char *name = target_name(patch);
        int id = patch_judge(patch, priority, has_versioned_twin(versioned, name));

        if (!json_object_get(patch, "patch"))
            return;
        if (id >= 0)
            /* without the patch's line: two that ask for the same are told of once */
            analysis_report(analysis, (enum analyze_message_id)id, filter, NULL, NULL);
        if (json_path_string_or(patch, "match.proxy.proxyVersion", "")[0])
            (void)map_put(versioned, slice_str(name), patch, NULL);
    }
}

void analyze_envoy_filter(struct analysis *analysis)
{
    struct map versioned; /* names of filters that have a patch for one version of proxies */

    map_init(&versioned, 0);
    ANALYSIS_EACH(filter, analysis, ENVOY_FILTER)
    filter_check(analysis, filter, &versioned);
    map_deinit(&versioned);
}
