/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers say in an object's status what they could not carry out.
 */
#include "analyze/all.h"

#include "wire/json.h"

struct condition_rule {
    enum analyze_kind kind;
    const char *types[3]; /* told of when "False" */
    bool has_parents;     /* conditions are those of status.parents[] */
};

static const struct condition_rule rules[] = {
    {ANALYZE_KIND_SERVICE, {"istio.io/WaypointBound"}, false},
    {ANALYZE_KIND_SERVICE_ENTRY, {"istio.io/WaypointBound"}, false},
    {ANALYZE_KIND_WORKLOAD_ENTRY, {"istio.io/WaypointBound"}, false},
    {ANALYZE_KIND_AUTHORIZATION_POLICY, {"ZtunnelAccepted", "WaypointAccepted"}, false},
    {ANALYZE_KIND_K8S_GATEWAY, {"Accepted", "Programmed", "ResolvedRefs"}, false},
    {ANALYZE_KIND_HTTP_ROUTE, {"Accepted", "Programmed", "ResolvedRefs"}, true},
    {ANALYZE_KIND_GRPC_ROUTE, {"Accepted", "Programmed", "ResolvedRefs"}, true},
};

static bool is_negative(const struct condition_rule *rule, const json_t *condition)
{
    const char *type = json_path_string_or(condition, "type", "");
    const char *reason = json_path_string_or(condition, "reason", "");
    bool is_false = strcmp(json_path_string_or(condition, "status", ""), "False") == 0;

    /* a waypoint that takes only a part of a policy says True */
    if (rule->kind == ANALYZE_KIND_AUTHORIZATION_POLICY && strcmp(type, "WaypointAccepted") == 0 &&
        strcmp(reason, "PartiallyInvalid") == 0)
        return true;
    for (size_t i = 0; is_false && i < ARRAY_LEN(rule->types) && rule->types[i]; i++)
        if (strcmp(rule->types[i], type) == 0)
            return true;
    return false;
}

static void conditions_check(struct analysis *analysis, const struct condition_rule *rule,
                             const struct analyze_object *object, const json_t *conditions)
{
    size_t i;
    json_t *condition;

    json_array_foreach(conditions, i, condition)
    {
        if (is_negative(rule, condition))
            analysis_report(analysis, ANALYZE_NEGATIVE_CONDITION, object, NULL,
                            json_path_string_or(condition, "type", ""),
                            json_path_string_or(condition, "reason", ""),
                            json_path_string_or(condition, "message", ""), NULL);
    }
}

static void object_check(struct analysis *analysis, const struct condition_rule *rule,
                         const struct analyze_object *object)
{
    size_t i;
    json_t *parent;

    if (!rule->has_parents) {
        conditions_check(analysis, rule, object, json_path_get(object->json, "status.conditions"));
        return;
    }
    json_array_foreach(json_path_get(object->json, "status.parents"), i, parent)
    {
        conditions_check(analysis, rule, object, json_object_get(parent, "conditions"));
    }
}

void analyze_conditions(struct analysis *analysis)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const analyze_object_vec *all = &analysis->objects[rules[i].kind];

        for (size_t k = 0; k < all->count; k++)
            object_check(analysis, &rules[i], all->items[k]);
    }
}
