/* SPDX-License-Identifier: Apache-2.0 */
/* Two virtual services of the mesh gateway that claim one host where the same proxies see both.
 */
#include "analyze/all.h"

#include "wire/json.h"

/* One host of one virtual service, in one namespace ("*": in all). */
struct claim {
    const struct analyze_object *object;
    const char *scope;
    const char *host; /* full */
};
typedef VEC(struct claim) claim_vec;

static bool is_bound_to_mesh(const struct analyze_object *object)
{
    const json_t *gateways = json_object_get(object->spec, "gateways");

    return json_array_size(gateways) == 0 || json_array_has(gateways, "mesh");
}

static void claims_add(struct analysis *analysis, const struct analyze_object *object,
                       const char *scope, claim_vec *claims)
{
    size_t i;
    json_t *host;

    json_array_foreach(json_object_get(object->spec, "hosts"), i, host)
    {
        struct claim claim = {object, scope, NULL};

        if (!json_is_string(host))
            continue;
        claim.host = analysis_host(analysis, object->ns, json_string_value(host));
        VEC_PUSH(claims, claim);
    }
}

static claim_vec claims_collect(struct analysis *analysis)
{
    claim_vec claims = {0};

    ANALYSIS_EACH(object, analysis, VIRTUAL_SERVICE)
    {
        struct analyze_scopes scopes = analysis_scopes(analysis, object);

        for (size_t i = 0; is_bound_to_mesh(object) && i < scopes.count; i++)
            claims_add(analysis, object, scopes.items[i], &claims);
    }
    return claims;
}

/* Whether `other` stands in the way of `claim`: the same host for the same namespace, or, for one
 * namespace, a host of all namespaces that meets it. */
static bool claims_meet(const struct claim *claim, const struct claim *other)
{
    if (strcmp(claim->scope, other->scope) == 0)
        return strcmp(claim->host, other->host) == 0;
    return strcmp(other->scope, "*") == 0 && analysis_hosts_meet(claim->host, other->host);
}

static void report_all(struct analysis *analysis, const struct claim *claim,
                       const analyze_object_vec *found, struct map *told)
{
    const char **names = ARENA_ARRAY(&analysis->arena, const char *, found->count);
    const char *scoped = ANALYSIS_TEXT(analysis, "%s/%s", claim->scope, claim->host);
    const char *joined;

    for (size_t i = 0; i < found->count; i++)
        names[i] = found->items[i]->full;
    joined = analysis_join(analysis, names, found->count, ",", true);
    for (size_t i = 0; i < found->count; i++) {
        struct slice key = slice_str(found->items[i]->full);

        if (map_get(told, key))
            continue;
        (void)map_put(told, key, found->items[i], NULL);
        analysis_report(analysis, ANALYZE_CONFLICTING_MESH_HOSTS, found->items[i], "metadata.name",
                        joined, scoped, NULL);
    }
}

void analyze_mesh_hosts(struct analysis *analysis)
{
    claim_vec claims = claims_collect(analysis);
    struct map told; /* each virtual service is told of once */

    map_init(&told, 0);
    for (size_t i = 0; i < claims.count; i++) {
        analyze_object_vec found = {0};

        for (size_t k = 0; k < claims.count; k++)
            if (claims_meet(&claims.items[i], &claims.items[k]))
                VEC_PUSH(&found, (struct analyze_object *)claims.items[k].object);
        if (found.count > 1)
            report_all(analysis, &claims.items[i], &found, &told);
        VEC_DEINIT(&found);
    }
    map_deinit(&told);
    VEC_DEINIT(&claims);
}
