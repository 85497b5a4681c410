/* SPDX-License-Identifier: Apache-2.0 */
/* See selector_overlap.h.
 */
#include "analyze/selector_overlap.h"

#include "wire/json.h"

const char *selector_overlap_names(struct analysis *analysis, const analyze_object_vec *objects)
{
    const char **names = ARENA_ARRAY(&analysis->arena, const char *, objects->count + 1);

    for (size_t i = 0; i < objects->count; i++)
        names[i] = objects->items[i]->name;
    return analysis_join(analysis, names, objects->count, " ", true);
}

static struct mesh_labels labels_of(struct analysis *analysis, const struct selector_overlap *rule,
                                    const struct analyze_object *object)
{
    return analysis_labels(analysis, json_path_get(object->json, rule->labels_path));
}

static void selection_check(struct analysis *analysis, const struct selector_overlap *rule,
                            const struct analyze_object *object)
{
    struct mesh_labels selector = labels_of(analysis, rule, object);

    if (selector.count == 0)
        return;
    ANALYSIS_EACH(pod, analysis, POD)
    if (strcmp(pod->ns, object->ns) == 0 && mesh_labels_match(&selector, &pod->labels))
        return;
    analysis_report_selector(analysis, object, rule->labels_path, &selector);
}

/* The objects that select `pod`, from `all` with their labels beside them. */
static analyze_object_vec selecting_find(const analyze_object_vec *all,
                                         const struct mesh_labels *labels,
                                         const struct analyze_object *pod)
{
    analyze_object_vec found = {0};

    for (size_t i = 0; i < all->count; i++)
        if (labels[i].count > 0 && strcmp(all->items[i]->ns, pod->ns) == 0 &&
            mesh_labels_match(&labels[i], &pod->labels))
            VEC_PUSH(&found, all->items[i]);
    return found;
}

static void pod_check(struct analysis *analysis, const struct selector_overlap *rule,
                      const struct analyze_object *pod, const analyze_object_vec *found)
{
    bool is_ambient = rule->has_sidecar_effect && analysis_pod_is_ambient(pod);
    const char *names;

    if (found->count < 2 && !is_ambient)
        return;
    names = selector_overlap_names(analysis, found);
    for (size_t i = 0; i < found->count; i++) {
        if (is_ambient)
            analysis_report(analysis, ANALYZE_INEFFECTIVE_POLICY, found->items[i], NULL,
                            "selected workload is in ambient mode, the policy has no impact", NULL);
        else
            analysis_report(analysis, rule->conflict, found->items[i], "metadata.name", names,
                            pod->ns, pod->name, NULL);
    }
}

void selector_overlap_check(struct analysis *analysis, const struct selector_overlap *rule)
{
    const analyze_object_vec *all = &analysis->objects[rule->kind];
    struct mesh_labels *labels = ARENA_ARRAY(&analysis->arena, struct mesh_labels, all->count + 1);

    for (size_t i = 0; i < all->count; i++) {
        labels[i] = labels_of(analysis, rule, all->items[i]);
        selection_check(analysis, rule, all->items[i]);
    }
    ANALYSIS_EACH(pod, analysis, POD)
    {
        analyze_object_vec found = selecting_find(all, labels, pod);

        pod_check(analysis, rule, pod, &found);
        VEC_DEINIT(&found);
    }
}
