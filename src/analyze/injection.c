/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces that are not labelled for injection, or more than once; pods without a proxy.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <strings.h>

static bool is_enabled(const struct analyze_object *ns)
{
    const char *injection = mesh_label_get(&ns->labels, "istio-injection");

    return injection && strcmp(injection, "enabled") == 0;
}

static void labels_count(struct analysis *analysis, const struct analyze_object *ns)
{
    static const char *const others[] = {"istio.io/rev", "istio.io/dataplane-mode"};
    const char *injection = mesh_label_get(&ns->labels, "istio-injection");
    const char *found[3];
    size_t count = 0;

    if (injection)
        found[count++] = ANALYSIS_TEXT(analysis, "istio-injection=%s", injection);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const char *value = mesh_label_get(&ns->labels, others[i]);

        if (value && (!injection || is_enabled(ns)))
            found[count++] = ANALYSIS_TEXT(analysis, "%s=%s", others[i], value);
    }
    if (count > 1)
        analysis_report(analysis, ANALYZE_NAMESPACE_MANY_LABELS, ns, NULL,
                        analysis_join(analysis, found, count, " ", false), NULL);
}

/* sidecarInjectorWebhook.enableNamespacesByDefault of the installation. */
static bool injects_by_default(const struct analysis *analysis, const char *revision)
{
    const struct analyze_object *map = analysis_injector_config(analysis, revision);
    const char *text = map ? json_path_string(map->json, "data.values") : NULL;
    SCOPED(json_drop) json_t *values = NULL;

    if (!text || json_parse(slice_str(text), NULL, &values, NULL) < 0)
        return false;
    return json_path_bool(values, "sidecarInjectorWebhook.enableNamespacesByDefault", false);
}

static void namespace_check(struct analysis *analysis, const struct analyze_object *ns)
{
    const char *injection = mesh_label_get(&ns->labels, "istio-injection");
    const char *revision = mesh_label_get(&ns->labels, "istio.io/rev");
    const char *mode = mesh_label_get(&ns->labels, "istio.io/dataplane-mode");

    labels_count(analysis, ns);
    if ((mode && strcmp(mode, "ambient") == 0) || (injection && injection[0]) || revision)
        return;
    if (injects_by_default(analysis, revision))
        analysis_report(analysis, ANALYZE_NAMESPACE_INJECTED_BY_DEFAULT, ns, NULL, NULL);
    else
        analysis_report(analysis, ANALYZE_NAMESPACE_NOT_INJECTED, ns, "metadata.name", ns->name,
                        NULL);
}

static void pod_check(struct analysis *analysis, const struct analyze_object *pod)
{
    const struct analyze_object *ns = analysis_find(analysis, ANALYZE_KIND_NAMESPACE, "", pod->ns);
    const char *inject = mesh_label_get(&pod->labels, "sidecar.istio.io/inject");

    if (!ns || !is_enabled(ns) || strcmp(pod->ns, analysis->options.istio_ns) == 0)
        return;
    if (!inject)
        inject = mesh_label_get(&pod->annotations, "sidecar.istio.io/inject");
    if ((inject && strcasecmp(inject, "false") == 0) ||
        json_get_bool(pod->spec, "hostNetwork", false))
        return;
    if (!analysis_pod_has_proxy(pod->spec))
        analysis_report(analysis, ANALYZE_POD_MISSING_PROXY, pod, NULL, pod->full, NULL);
}

void analyze_injection(struct analysis *analysis)
{
    ANALYSIS_EACH(ns, analysis, NAMESPACE)
    if (strcmp(ns->name, analysis->options.istio_ns) != 0)
        namespace_check(analysis, ns);
    ANALYSIS_EACH(pod, analysis, POD)
    pod_check(analysis, pod);
}
