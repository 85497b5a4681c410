/* SPDX-License-Identifier: Apache-2.0 */
/* Routes by a claim of a JWT, at gateways whose pods check no JWT.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <strings.h>

/* "@request.auth.claims.name" or "@request.auth.claims[name]". */
static bool is_claim(const char *header)
{
    static const char prefix[] = "@request.auth.claims";
    const char *rest = header + sizeof prefix - 1;
    size_t len;

    if (strncasecmp(header, prefix, sizeof prefix - 1) != 0)
        return false;
    len = strlen(rest);
    return (rest[0] == '.' && len > 1) || (rest[0] == '[' && len > 2 && rest[len - 1] == ']');
}

static const char *claim_find(const json_t *match)
{
    static const char *const sections[] = {"headers", "withoutHeaders"};

    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        const char *key;
        json_t *value;

        json_object_foreach(json_object_get(match, sections[i]), key, value)
        {
            if (is_claim(key))
                return key;
        }
    }
    return NULL;
}

/* The first header that names a claim; NULL when none does. */
static const char *routing_claim(const struct analyze_object *object)
{
    size_t i, k;
    json_t *rule, *match;

    json_array_foreach(json_object_get(object->spec, "http"), i, rule)
    {
        json_array_foreach(json_object_get(rule, "match"), k, match)
        {
            const char *claim = claim_find(match);

            if (claim)
                return claim;
        }
    }
    return NULL;
}

static bool is_authenticated(struct analysis *analysis, const struct analyze_object *pod)
{
    ANALYSIS_EACH(policy, analysis, REQUEST_AUTHENTICATION)
    if ((strcmp(policy->ns, "istio-system") == 0 || strcmp(policy->ns, pod->ns) == 0) &&
        analysis_map_matches(json_path_get(policy->spec, "selector.matchLabels"), &pod->labels))
        return true;
    return false;
}

static void gateway_check(struct analysis *analysis, const struct analyze_object *object,
                          const struct analyze_object *gateway, const char *claim)
{
    struct mesh_labels selector =
        analysis_labels(analysis, json_object_get(gateway->spec, "selector"));

    ANALYSIS_EACH(pod, analysis, POD)
    if (mesh_labels_match(&selector, &pod->labels) && !is_authenticated(analysis, pod))
        analysis_report(analysis, ANALYZE_JWT_ROUTE_WITHOUT_AUTHN, object, NULL, claim,
                        gateway->full, pod->name, NULL);
}

void analyze_jwt_claim_route(struct analysis *analysis)
{
    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    {
        const char *claim = routing_claim(object);
        size_t i;
        json_t *name;

        if (!claim)
            continue;
        json_array_foreach(json_object_get(object->spec, "gateways"), i, name)
        {
            const struct analyze_object *gateway =
                json_is_string(name) ? analysis_find_named(analysis, ANALYZE_KIND_GATEWAY,
                                                           object->ns, json_string_value(name))
                                     : NULL;

            if (gateway)
                gateway_check(analysis, object, gateway, claim);
        }
    }
}
