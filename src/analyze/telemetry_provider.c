/* SPDX-License-Identifier: Apache-2.0 */
/* Providers of Telemetries: none named anywhere, or one that Istio has given up.
 */
#include "analyze/all.h"

#include "wire/json.h"

static bool logging_is_ignored(const struct analyze_object *telemetry)
{
    size_t i;
    json_t *logging;

    json_array_foreach(json_object_get(telemetry->spec, "accessLogging"), i, logging)
    {
        if (!json_get_bool(logging, "disabled", false) &&
            json_array_size(json_object_get(logging, "providers")) == 0)
            return true;
    }
    return false;
}

void analyze_telemetry_provider(struct analysis *analysis)
{
    if (json_array_size(json_path_get(analysis->mesh_config, "defaultProviders.accessLogging")) > 0)
        return;
    ANALYSIS_EACH(telemetry, analysis, TELEMETRY)
    if (logging_is_ignored(telemetry))
        analysis_report(analysis, ANALYZE_TELEMETRY_PROVIDER, telemetry, NULL, telemetry->name,
                        telemetry->ns, NULL);
}

static bool is_lightstep(const struct analysis *analysis, const char *name)
{
    size_t i;
    json_t *provider;

    json_array_foreach(json_object_get(analysis->mesh_config, "extensionProviders"), i, provider)
    {
        if (json_object_get(provider, "lightstep") &&
            strcmp(json_path_string_or(provider, "name", ""), name) == 0)
            return true;
    }
    return false;
}

void analyze_lightstep(struct analysis *analysis)
{
    ANALYSIS_EACH(telemetry, analysis, TELEMETRY)
    {
        size_t i, k;
        json_t *tracing, *provider;

        json_array_foreach(json_object_get(telemetry->spec, "tracing"), i, tracing)
        {
            json_array_foreach(json_object_get(tracing, "providers"), k, provider)
            {
                const char *name = json_path_string_or(provider, "name", "");

                if (is_lightstep(analysis, name))
                    analysis_report(analysis, ANALYZE_DEPRECATED, telemetry, NULL,
                                    ANALYSIS_TEXT(analysis,
                                                  "The Lightstep provider %s is deprecated, "
                                                  "please migrate to OpenTelemetry provider.",
                                                  name),
                                    NULL);
            }
        }
    }
}
