/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Services' ports tell the protocol.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <strings.h>

/* Made by Istio's own controllers, so not for the user to mend. */
static bool is_managed(const struct analyze_object *service)
{
    static const char *const managers[] = {
        "istio.io-gateway-controller", "istio.io-mesh-controller", "istio.io-eastwest-controller"};
    const char *manager = mesh_label_get(&service->labels, "gateway.istio.io/managed");

    for (size_t i = 0; manager && i < ARRAY_LEN(managers); i++)
        if (strcmp(managers[i], manager) == 0)
            return true;
    return false;
}

static const char *target_port(struct analysis *analysis, const json_t *port)
{
    const json_t *target = json_object_get(port, "targetPort");

    if (json_is_string(target))
        return json_string_value(target);
    return ANALYSIS_TEXT(analysis, "%lld", (long long)json_integer_value(target));
}

static void port_check(struct analysis *analysis, const struct analyze_object *service,
                       size_t index, const json_t *port)
{
    const char *name = json_path_string_or(port, "name", "");
    int64_t number = json_get_int(port, "port", 0);
    bool is_external = strcmp(json_path_string_or(service->spec, "type", ""), "ExternalName") == 0;
    bool is_tcp = strcmp(json_path_string_or(port, "protocol", "TCP"), "TCP") == 0;
    enum mesh_protocol protocol =
        mesh_protocol_parse(json_get_string(port, "appProtocol"), name, (uint32_t)number, !is_tcp);
    const char *path = ANALYSIS_TEXT(analysis, "spec.ports[%zu]", index);

    if (protocol != MESH_PROTOCOL_AUTO && !(is_external && strcmp(name, "tcp") == 0))
        return;
    if (is_external)
        analysis_report(analysis, ANALYZE_EXTERNAL_NAME_PORT, service, path, NULL);
    else
        analysis_report(analysis, ANALYZE_PORT_NAME, service, path, name,
                        ANALYSIS_TEXT(analysis, "%lld", (long long)number),
                        target_port(analysis, port), NULL);
}

void analyze_port_name(struct analysis *analysis)
{
    ANALYSIS_EACH(service, analysis, SERVICE)
    {
        size_t i;
        json_t *port;

        if (analysis_is_control_plane(service) || is_managed(service))
            continue;
        json_array_foreach(json_object_get(service->spec, "ports"), i, port)
        {
            port_check(analysis, service, i, port);
        }
    }
}
