/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways on the same pods that use one certificate: clients that reuse an HTTP/2 connection of
 * the one for a host of the other get 404.
 */
#include "analyze/all.h"

#include "wire/json.h"

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
    const char *x = json_path_string_or(a, key, "");

    return x[0] && strcmp(x, json_path_string_or(b, key, "")) == 0;
}

static bool certificate_is_same(const json_t *a, const json_t *b)
{
    bool a_named = json_path_string_or(a, "credentialName", "")[0] != '\0';
    bool b_named = json_path_string_or(b, "credentialName", "")[0] != '\0';

    if (a_named && b_named)
        return is_same(a, b, "credentialName");
    return !a_named && !b_named && is_same(a, b, "serverCertificate") &&
           is_same(a, b, "privateKey");
}

static bool gateways_share(const struct analyze_object *a, const struct analyze_object *b)
{
    size_t i, k;
    json_t *x, *y;

    json_array_foreach(json_object_get(a->spec, "servers"), i, x)
    {
        json_array_foreach(json_object_get(b->spec, "servers"), k, y)
        {
            if (certificate_is_same(json_object_get(x, "tls"), json_object_get(y, "tls")))
                return true;
        }
    }
    return false;
}

static void pair_check(struct analysis *analysis, const struct analyze_object *gateway,
                       const struct analyze_object *other, const struct mesh_labels *others)
{
    if (other != gateway &&
        analysis_map_matches(json_object_get(gateway->spec, "selector"), others) &&
        gateways_share(gateway, other))
        analysis_report(analysis, ANALYZE_DUPLICATE_CERTIFICATE, gateway, "metadata.name",
                        ANALYSIS_TEXT(analysis, "%s %s", gateway->full, other->full), NULL);
}

void analyze_gateway_certificate(struct analysis *analysis)
{
    ANALYSIS_EACH(other, analysis, GATEWAY)
    {
        struct mesh_labels others =
            analysis_labels(analysis, json_object_get(other->spec, "selector"));

        ANALYSIS_EACH(gateway, analysis, GATEWAY)
        if (!analysis_is_full(analysis))
            pair_check(analysis, gateway, other, &others);
    }
}
