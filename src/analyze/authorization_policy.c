/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization policies that apply to no workload, or name namespaces that do not exist.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <strings.h>

/* Whether a pod of the mesh matches; ns NULL: in any namespace. */
static bool any_pod_matches(struct analysis *analysis, const char *ns,
                            const struct mesh_labels *selector)
{
    ANALYSIS_EACH(pod, analysis, POD)
    if ((!ns || strcmp(pod->ns, ns) == 0) && mesh_labels_match(selector, &pod->labels) &&
        (analysis_pod_in_mesh(analysis, pod) || analysis_pod_is_ambient(pod)))
        return true;
    return false;
}

static void workloads_check(struct analysis *analysis, const struct analyze_object *policy)
{
    const json_t *selector_json = json_object_get(policy->spec, "selector");
    struct mesh_labels selector =
        analysis_labels(analysis, json_object_get(selector_json, "matchLabels"));
    const char *root =
        json_path_string_or(analysis->mesh_config, "rootNamespace", analysis->options.istio_ns);
    bool is_mesh_wide = strcmp(policy->ns, root) == 0;

    if (is_mesh_wide && !selector_json)
        return;
    if (!any_pod_matches(analysis, is_mesh_wide ? NULL : policy->ns, &selector))
        analysis_report(analysis, ANALYZE_NO_MATCHING_WORKLOADS, policy, NULL,
                        analysis_labels_text(analysis, &selector), NULL);
}

/* "*", "prefix*", "*suffix", or a name in any case. */
static bool pattern_matches(struct slice pattern, struct slice name)
{
    if (slice_starts_with(pattern, SLICE("*")))
        return slice_ends_with(name, slice_from(pattern, 1));
    if (slice_ends_with(pattern, SLICE("*")))
        return slice_starts_with(name, slice_head(pattern, pattern.len - 1));
    return slice_eq_nocase(pattern, name);
}

static bool namespace_exists(struct analysis *analysis, const char *pattern)
{
    ANALYSIS_EACH(ns, analysis, NAMESPACE)
    if (pattern_matches(slice_str(pattern), slice_str(ns->name)))
        return true;
    return false;
}

static void source_check(struct analysis *analysis, const struct analyze_object *policy,
                         const json_t *source, const char *path)
{
    static const char *const keys[] = {"namespaces", "notNamespaces"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        size_t k;
        json_t *name;

        json_array_foreach(json_object_get(source, keys[i]), k, name)
        {
            const char *text = json_is_string(name) ? json_string_value(name) : "";

            if (!namespace_exists(analysis, text))
                analysis_report(analysis, ANALYZE_NOT_FOUND, policy,
                                ANALYSIS_TEXT(analysis, "%s.%s[%zu]", path, keys[i], k),
                                "namespace", text, NULL);
        }
    }
}

void analyze_authorization_policy(struct analysis *analysis)
{
    ANALYSIS_EACH(policy, analysis, AUTHORIZATION_POLICY)
    {
        size_t i, k;
        json_t *rule, *from;

        workloads_check(analysis, policy);
        json_array_foreach(json_object_get(policy->spec, "rules"), i, rule)
        {
            json_array_foreach(json_object_get(rule, "from"), k, from)
            {
                source_check(analysis, policy, json_object_get(from, "source"),
                             ANALYSIS_TEXT(analysis, "spec.rules[%zu].from[%zu].source", i, k));
            }
        }
    }
}
