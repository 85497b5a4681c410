/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecars: selectors without pods, two for one pod, two for a whole namespace, ambient mode.
 */
#include "analyze/selector_overlap.h"

#include "analyze/all.h"
#include "wire/json.h"

static bool is_for_namespace(const struct analyze_object *sidecar)
{
    return json_object_size(json_path_get(sidecar->spec, "workloadSelector.labels")) == 0;
}

static analyze_object_vec siblings_find(struct analysis *analysis, const char *ns)
{
    analyze_object_vec found = {0};

    ANALYSIS_EACH(sidecar, analysis, SIDECAR)
    if (strcmp(sidecar->ns, ns) == 0 && is_for_namespace(sidecar))
        VEC_PUSH(&found, (struct analyze_object *)sidecar);
    return found;
}

static void namespace_wide_check(struct analysis *analysis, const struct analyze_object *sidecar)
{
    const struct analyze_object *ns =
        analysis_find(analysis, ANALYZE_KIND_NAMESPACE, "", sidecar->ns);
    analyze_object_vec siblings;

    if (ns && analysis_namespace_is_ambient(ns)) {
        analysis_report(analysis, ANALYZE_INEFFECTIVE_POLICY, sidecar, NULL,
                        "namespace is in ambient mode, the policy has no impact", NULL);
        return;
    }
    siblings = siblings_find(analysis, sidecar->ns);
    if (siblings.count > 1)
        analysis_report(analysis, ANALYZE_SIDECARS_WITHOUT_SELECTOR, sidecar, NULL,
                        selector_overlap_names(analysis, &siblings), sidecar->ns, NULL);
    VEC_DEINIT(&siblings);
}

void analyze_sidecar_selector(struct analysis *analysis)
{
    static const struct selector_overlap rule = {
        .kind = ANALYZE_KIND_SIDECAR,
        .labels_path = "spec.workloadSelector.labels",
        .conflict = ANALYZE_CONFLICTING_SIDECAR_SELECTORS,
        .has_sidecar_effect = true,
    };

    selector_overlap_check(analysis, &rule);
    ANALYSIS_EACH(sidecar, analysis, SIDECAR)
    if (is_for_namespace(sidecar))
        namespace_wide_check(analysis, sidecar);
}
