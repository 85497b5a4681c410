/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's objects against their schemas and rules, as the webhook does it at admission: one
 * analyzer for each kind.
 *
 * Unknown fields are passed over (the API server warns of them), and so is what weft does not carry
 * out yet: the object itself is right.
 */
#include "analyze/all.h"
#include "analyze/virtual_service_rules.h"
#include "api/check.h"
#include "api/schema.h"
#include "wire/json.h"

struct telling {
    struct analysis *analysis;
    const struct analyze_object *object;
};

static void on_problem(const struct error *problem, void *ctx)
{
    const struct telling *telling = ctx;
    bool is_warning = problem->code == ERR_AGAIN;
    const char *path = problem->path[0] ? problem->path : NULL;
    const char *text = problem->reason;

    if (problem->code == ERR_EXISTS || problem->code == ERR_UNSUPPORTED)
        return;
    if (path)
        text = ANALYSIS_TEXT(telling->analysis, "%s: %s", problem->path, problem->reason);
    analysis_report(telling->analysis, is_warning ? ANALYZE_SCHEMA_WARNING : ANALYZE_SCHEMA_ERROR,
                    telling->object, path, text, NULL);
}

static void kind_check(struct analysis *analysis, enum analyze_kind kind)
{
    const analyze_object_vec *all = &analysis->objects[kind];
    const struct analyze_kind_info *info = analyze_kind_get(kind);
    const struct api_kind *known = api_kind_find(info->group, "", info->kind);

    ASSERT(known);
    for (size_t i = 0; i < all->count; i++) {
        struct telling telling = {analysis, all->items[i]};

        (void)!api_validate(known, all->items[i]->json, on_problem, &telling, NULL);
        if (kind == ANALYZE_KIND_VIRTUAL_SERVICE)
            virtual_service_rules_check(analysis, all->items[i]);
    }
}

#define SCHEMA_FUNCTION(unused, name, kind)                                                        \
    void analyze_schema_##name(struct analysis *analysis)                                          \
    {                                                                                              \
        kind_check(analysis, ANALYZE_KIND_##name);                                                 \
    }
ANALYZE_SCHEMA_MAP(SCHEMA_FUNCTION, )
