/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetries: selectors without pods, two for one pod, two for a whole namespace.
 */
#include "analyze/selector_overlap.h"

#include "analyze/all.h"
#include "wire/json.h"

void analyze_telemetry_selector(struct analysis *analysis)
{
    static const struct selector_overlap rule = {
        .kind = ANALYZE_KIND_TELEMETRY,
        .labels_path = "spec.selector.matchLabels",
        .conflict = ANALYZE_CONFLICTING_TELEMETRY_SELECTORS,
    };

    selector_overlap_check(analysis, &rule);
}

static analyze_object_vec defaults_find(struct analysis *analysis, const char *ns)
{
    analyze_object_vec found = {0};

    ANALYSIS_EACH(telemetry, analysis, TELEMETRY)
    if (strcmp(telemetry->ns, ns) == 0 && !json_object_get(telemetry->spec, "selector"))
        VEC_PUSH(&found, (struct analyze_object *)telemetry);
    return found;
}

void analyze_telemetry_default(struct analysis *analysis)
{
    ANALYSIS_EACH(telemetry, analysis, TELEMETRY)
    {
        analyze_object_vec found = defaults_find(analysis, telemetry->ns);

        if (found.count > 1 && !json_object_get(telemetry->spec, "selector"))
            analysis_report(analysis, ANALYZE_TELEMETRIES_WITHOUT_SELECTOR, telemetry, NULL,
                            selector_overlap_names(analysis, &found), telemetry->ns, NULL);
        VEC_DEINIT(&found);
    }
}
