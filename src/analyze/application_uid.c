/* SPDX-License-Identifier: Apache-2.0 */
/* User 1337 is the proxy's: an application that runs as it is not captured.
 */
#include "analyze/all.h"

#include "wire/json.h"

enum { PROXY_UID = 1337 };

static bool uses_proxy_uid(const json_t *pod_spec)
{
    size_t i;
    json_t *container;

    if (json_path_int(pod_spec, "securityContext.runAsUser", 0) == PROXY_UID)
        return true;
    json_array_foreach(json_object_get(pod_spec, "containers"), i, container)
    {
        const char *name = json_path_string_or(container, "name", "");

        if (strcmp(name, "istio-proxy") != 0 && strcmp(name, "istio-operator") != 0 &&
            json_path_int(container, "securityContext.runAsUser", 0) == PROXY_UID)
            return true;
    }
    return false;
}

static void object_check(struct analysis *analysis, const struct analyze_object *object,
                         const json_t *pod_spec)
{
    if (!analysis_is_control_plane(object) && uses_proxy_uid(pod_spec))
        analysis_report(analysis, ANALYZE_APPLICATION_UID, object, NULL, NULL);
}

void analyze_application_uid(struct analysis *analysis)
{
    ANALYSIS_EACH(pod, analysis, POD)
    object_check(analysis, pod, pod->spec);
    ANALYSIS_EACH(deployment, analysis, DEPLOYMENT)
    object_check(analysis, deployment, json_path_get(deployment->spec, "template.spec"));
}
