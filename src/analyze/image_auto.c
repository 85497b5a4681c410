/* SPDX-License-Identifier: Apache-2.0 */
/* `image: auto` is for the injector to fill in: without injection the pod cannot start.
 */
#include "analyze/all.h"

#include "wire/json.h"

static bool has_auto_image(const json_t *pod_spec)
{
    const json_t *proxy =
        analysis_container(json_object_get(pod_spec, "containers"), "istio-proxy");

    return strcmp(json_path_string_or(proxy, "image", ""), "auto") == 0;
}

static bool any_webhook_matches(struct analysis *analysis, const struct mesh_labels *ns_labels,
                                const struct mesh_labels *pod_labels)
{
    ANALYSIS_EACH(config, analysis, MUTATING_WEBHOOK)
    {
        size_t i;
        json_t *webhook;

        json_array_foreach(json_object_get(config->json, "webhooks"), i, webhook)
        {
            struct slice name = slice_str(json_path_string_or(webhook, "name", ""));

            if (slice_ends_with(name, SLICE("istio.io")) &&
                analysis_selector_matches(json_object_get(webhook, "namespaceSelector"),
                                          ns_labels) &&
                analysis_selector_matches(json_object_get(webhook, "objectSelector"), pod_labels))
                return true;
        }
    }
    return false;
}

static void deployment_check(struct analysis *analysis, const struct analyze_object *deployment)
{
    static const struct mesh_labels no_labels;
    const char *ns_name = deployment->ns[0] ? deployment->ns : "default";
    const struct analyze_object *ns = analysis_find(analysis, ANALYZE_KIND_NAMESPACE, "", ns_name);
    struct mesh_labels pod_labels =
        analysis_labels(analysis, json_path_get(deployment->spec, "template.metadata.labels"));

    if (has_auto_image(json_path_get(deployment->spec, "template.spec")) &&
        !any_webhook_matches(analysis, ns ? &ns->labels : &no_labels, &pod_labels))
        analysis_report(analysis, ANALYZE_IMAGE_AUTO_WARNING, deployment, NULL, "Deployment",
                        deployment->name, NULL);
}

void analyze_image_auto(struct analysis *analysis)
{
    ANALYSIS_EACH(pod, analysis, POD)
    if (has_auto_image(pod->spec))
        analysis_report(analysis, ANALYZE_IMAGE_AUTO_ERROR, pod, NULL, "Pod", pod->name, NULL);
    ANALYSIS_EACH(deployment, analysis, DEPLOYMENT)
    deployment_check(analysis, deployment);
}
