/* SPDX-License-Identifier: Apache-2.0 */
/* Fields and types that Istio has given up.
 */
#include "analyze/all.h"

#include "wire/json.h"

static void crd_check(struct analysis *analysis, const struct analyze_object *crd)
{
    static const char *const removed[] = {"ClusterRbacConfig", "RbacConfig", "ServiceRole",
                                          "ServiceRoleBinding"};
    const char *kind = json_path_string_or(crd->spec, "names.kind", "");

    if (strcmp(json_path_string_or(crd->spec, "group", ""), "rbac.istio.io") != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(removed); i++)
        if (strcmp(removed[i], kind) == 0)
            analysis_report(
                analysis, ANALYZE_DEPRECATED, crd, NULL,
                ANALYSIS_TEXT(analysis, "Custom resource type rbac.istio.io %s is removed", kind),
                NULL);
}

static void virtual_service_check(struct analysis *analysis, const struct analyze_object *object)
{
    size_t i;
    json_t *rule;

    json_array_foreach(json_object_get(object->spec, "http"), i, rule)
    {
        if (json_path_int(rule, "fault.delay.percent", 0) > 0)
            analysis_report(analysis, ANALYZE_DEPRECATED, object,
                            ANALYSIS_TEXT(analysis, "spec.http[%zu].fault.delay.percent", i),
                            "HTTPRoute.fault.delay.percent is deprecated; use "
                            "HTTPRoute.fault.delay.percentage",
                            NULL);
    }
}

void analyze_deprecation(struct analysis *analysis)
{
    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    virtual_service_check(analysis, object);
    ANALYSIS_EACH(sidecar, analysis, SIDECAR)
    if (json_path_get(sidecar->spec, "outboundTrafficPolicy.egressProxy"))
        analysis_report(analysis, ANALYZE_DEPRECATED, sidecar,
                        "spec.outboundTrafficPolicy.egressProxy",
                        "OutboundTrafficPolicy.EgressProxy ignored", NULL);
    ANALYSIS_EACH(crd, analysis, CRD)
    crd_check(analysis, crd);
}
