/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of JWTs are fetched from wherever RequestAuthentications say, unless istiod is told where
 * not to.
 */
#include "analyze/all.h"

#include "wire/json.h"

enum { NAMES_SHOWN_MAX = 5 };

static bool container_is_restricted(const json_t *container)
{
    size_t i;
    json_t *variable;

    json_array_foreach(json_object_get(container, "env"), i, variable)
    {
        if (strcmp(json_path_string_or(variable, "name", ""), "BLOCKED_CIDRS_IN_JWKS_URIS") == 0 &&
            json_path_string_or(variable, "value", "")[0])
            return true;
    }
    return false;
}

static bool is_restricted(const struct analyze_object *deployment)
{
    size_t i;
    json_t *container;

    json_array_foreach(json_path_get(deployment->spec, "template.spec.containers"), i, container)
    {
        if (container_is_restricted(container))
            return true;
    }
    return false;
}

static const char *names_text(struct analysis *analysis)
{
    const analyze_object_vec *all = &analysis->objects[ANALYZE_KIND_REQUEST_AUTHENTICATION];
    const char *names[NAMES_SHOWN_MAX];
    size_t shown = all->count < NAMES_SHOWN_MAX ? all->count : NAMES_SHOWN_MAX;
    const char *text;

    for (size_t i = 0; i < shown; i++)
        names[i] = all->items[i]->full;
    text = analysis_join(analysis, names, shown, ", ", false);
    if (shown == all->count)
        return text;
    return ANALYSIS_TEXT(analysis, "%s, and %zu more", text, all->count - shown);
}

void analyze_blocked_cidrs(struct analysis *analysis)
{
    size_t count = analysis->objects[ANALYZE_KIND_REQUEST_AUTHENTICATION].count;

    if (count == 0)
        return;
    ANALYSIS_EACH(deployment, analysis, DEPLOYMENT)
    {
        const char *app = mesh_label_get(&deployment->labels, "app");

        if (app && strcmp(app, "istiod") == 0 && !is_restricted(deployment))
            analysis_report(analysis, ANALYZE_JWKS_UNRESTRICTED, deployment, NULL,
                            ANALYSIS_TEXT(analysis, "%zu", count), names_text(analysis), NULL);
    }
}
