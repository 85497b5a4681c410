/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations of Istio on Kubernetes' objects: unknown, in the wrong place, of no use.
 */
#include "analyze/all.h"

#include "analyze/annotation_check.h"
#include "analyze/annotation_table.h"
#include "wire/json.h"

enum annotation_stage { STAGE_ALPHA, STAGE_BETA, STAGE_STABLE };

struct annotation {
    const char *name;
    const char *kinds; /* with ", " between */
    enum annotation_stage stage;
    bool is_deprecated;
    enum annotation_check check;
};

static const struct annotation annotations[] = {
#define ANNOTATION_ENTRY(name, kinds, stage, deprecated, check)                                    \
    {name, kinds, STAGE_##stage, deprecated, ANNOTATION_CHECK_##check},
    ANNOTATION_MAP(ANNOTATION_ENTRY)
#undef ANNOTATION_ENTRY
};

static const enum analyze_kind kinds[] = {ANALYZE_KIND_NAMESPACE, ANALYZE_KIND_SERVICE,
                                          ANALYZE_KIND_POD, ANALYZE_KIND_DEPLOYMENT};

static const struct annotation *annotation_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(annotations); i++)
        if (strcmp(annotations[i].name, name) == 0)
            return &annotations[i];
    return NULL;
}

/* Those of the mesh, but for what Istio sets itself. */
static bool is_examined(const char *name)
{
    static const char *const own[] = {"sidecar.istio.io/status",
                                      "gateway.istio.io/controller-version", "istio.io/rev"};
    struct slice group = slice_str(name);
    ptrdiff_t slash = slice_find_char(group, '/');

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (strcmp(own[i], name) == 0)
            return false;
    if (slash >= 0)
        group = slice_head(group, (size_t)slash);
    return strcmp(name, "kubernetes.io/ingress.class") == 0 ||
           slice_ends_with(group, SLICE("istio.io"));
}

static bool is_at_home(const struct annotation *annotation, const char *kind)
{
    struct slice rest = slice_str(annotation->kinds);
    struct slice item;

    while (rest.len > 0 && slice_split_next(&rest, ',', &item))
        if (slice_eq_str(slice_trim(item), kind))
            return true;
    return false;
}

static void deprecation_check(struct analysis *analysis, const struct analyze_object *object,
                              const struct annotation *annotation, const char *path)
{
    static const char inject[] = "sidecar.istio.io/inject";
    bool is_inject = strcmp(annotation->name, inject) == 0;

    /* who has the label beside it knows already */
    if (!annotation->is_deprecated || (is_inject && mesh_label_get(&object->labels, inject)))
        return;
    analysis_report(analysis, ANALYZE_DEPRECATED_ANNOTATION, object, path, annotation->name,
                    is_inject ? " in favor of the \"sidecar.istio.io/inject\" label" : "", NULL);
}

static void annotation_check(struct analysis *analysis, const struct analyze_object *object,
                             const struct mesh_label *item)
{
    const struct annotation *annotation = annotation_find(item->key);
    const char *path = ANALYSIS_TEXT(analysis, "metadata.annotations.%s", item->key);
    const char *kind = analyze_kind_get(object->kind)->kind;
    struct error err = {0};

    if (!annotation) {
        analysis_report(analysis, ANALYZE_UNKNOWN_ANNOTATION, object, path, item->key, NULL);
        return;
    }
    deprecation_check(analysis, object, annotation, path);
    if (strcmp(annotation->kinds, "Any") == 0)
        return;
    if (!is_at_home(annotation, kind))
        analysis_report(analysis, ANALYZE_MISPLACED_ANNOTATION, object, path, item->key,
                        annotation->kinds, NULL);
    else if (annotation_value_check(annotation->check, item->value, &err) < 0)
        analysis_report(analysis, ANALYZE_INVALID_ANNOTATION, object, path, item->key, err.reason,
                        NULL);
}

void analyze_annotations(struct analysis *analysis)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const analyze_object_vec *all = &analysis->objects[kinds[i]];

        for (size_t k = 0; k < all->count; k++)
            for (size_t j = 0; j < all->items[k]->annotations.count; j++)
                if (is_examined(all->items[k]->annotations.items[j].key))
                    annotation_check(analysis, all->items[k], &all->items[k]->annotations.items[j]);
    }
}

/* ---- alpha features ---- */

/* Without istio-init the CNI plugin redirects, and injection itself sets these. */
static bool is_set_by_injection(const struct analyze_object *object, const char *name)
{
    static const char *const set[] = {"sidecar.istio.io/interceptionMode",
                                      "traffic.sidecar.istio.io/includeInboundPorts",
                                      "traffic.sidecar.istio.io/excludeInboundPorts",
                                      "traffic.sidecar.istio.io/includeOutboundIPRanges"};
    bool is_set = false;

    if (object->kind != ANALYZE_KIND_POD ||
        analysis_container(json_object_get(object->spec, "initContainers"), "istio-init"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        is_set = is_set || strcmp(set[i], name) == 0;
    return is_set;
}

static void alpha_check(struct analysis *analysis, const struct analyze_object *object)
{
    for (size_t i = 0; i < object->annotations.count; i++) {
        const char *name = object->annotations.items[i].key;
        const struct annotation *annotation = annotation_find(name);

        if (annotation && annotation->stage == STAGE_ALPHA && is_examined(name) &&
            !is_set_by_injection(object, name))
            analysis_report(analysis, ANALYZE_ALPHA_ANNOTATION, object,
                            ANALYSIS_TEXT(analysis, "metadata.annotations.%s", name), name, NULL);
    }
}

void analyze_alpha_annotations(struct analysis *analysis)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const analyze_object_vec *all = &analysis->objects[kinds[i]];

        for (size_t k = 0; k < all->count; k++)
            alpha_check(analysis, all->items[k]);
    }
}
