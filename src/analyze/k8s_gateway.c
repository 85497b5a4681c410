/* SPDX-License-Identifier: Apache-2.0 */
/* The Gateway API: CRDs that are too old, selectors that its gateways' pods do not heed.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <stdio.h>

/* The oldest bundle whose CRD is read. */
static const struct {
    const char *crd;
    unsigned major, minor, patch;
} minimums[] = {
    {"grpcroutes.gateway.networking.k8s.io", 1, 1, 0},
    {"backendtlspolicies.gateway.networking.k8s.io", 1, 4, 0},
    {"tlsroutes.gateway.networking.k8s.io", 1, 5, 0},
    {"tcproutes.gateway.networking.k8s.io", 1, 6, 0},
};

/* "v1.4.0-rc.1": a leading v and what follows the numbers are passed over. */
static bool version_parse(const char *text, unsigned *major, unsigned *minor, unsigned *patch)
{
    *minor = 0;
    *patch = 0;
    if (text[0] == 'v')
        text++;
    return sscanf(text, "%9u.%9u.%9u", major, minor, patch) >= 1;
}

static void crd_check(struct analysis *analysis, const struct analyze_object *crd,
                      const char *version)
{
    unsigned major, minor, patch;

    if (!version_parse(version, &major, &minor, &patch))
        return;
    for (size_t i = 0; i < ARRAY_LEN(minimums); i++) {
        bool is_older = major != minimums[i].major   ? major < minimums[i].major
                        : minor != minimums[i].minor ? minor < minimums[i].minor
                                                     : patch < minimums[i].patch;

        if (strcmp(minimums[i].crd, crd->name) == 0 && is_older)
            analysis_report(analysis, ANALYZE_GATEWAY_CRD_BELOW_MINIMUM, crd, NULL, crd->name,
                            version[0] == 'v' ? version + 1 : version,
                            ANALYSIS_TEXT(analysis, "%u.%u.%u", minimums[i].major,
                                          minimums[i].minor, minimums[i].patch),
                            NULL);
    }
}

void analyze_k8s_gateway_crds(struct analysis *analysis)
{
    ANALYSIS_EACH(crd, analysis, CRD)
    {
        const char *version =
            mesh_label_get(&crd->annotations, "gateway.networking.k8s.io/bundle-version");

        if (version)
            crd_check(analysis, crd, version);
    }
}

/* ---- selectors ---- */

static void policy_check(struct analysis *analysis, const struct analyze_object *policy)
{
    const json_t *selector_json = json_object_get(policy->spec, "selector");
    struct mesh_labels selector =
        analysis_labels(analysis, json_object_get(selector_json, "matchLabels"));

    if (!selector_json || json_object_get(policy->spec, "targetRef"))
        return;
    ANALYSIS_EACH(pod, analysis, POD)
    {
        const char *gateway =
            mesh_label_get(&pod->labels, "gateway.networking.k8s.io/gateway-name");

        if (gateway && strcmp(pod->ns, policy->ns) == 0 &&
            mesh_labels_match(&selector, &pod->labels))
            analysis_report(analysis, ANALYZE_INEFFECTIVE_SELECTOR, policy, NULL, gateway, NULL);
    }
}

void analyze_k8s_gateway_selector(struct analysis *analysis)
{
    static const enum analyze_kind policies[] = {ANALYZE_KIND_AUTHORIZATION_POLICY,
                                                 ANALYZE_KIND_REQUEST_AUTHENTICATION,
                                                 ANALYZE_KIND_TELEMETRY, ANALYZE_KIND_WASM_PLUGIN};

    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        const analyze_object_vec *all = &analysis->objects[policies[i]];

        for (size_t k = 0; k < all->count; k++)
            policy_check(analysis, all->items[k]);
    }
}
