/* SPDX-License-Identifier: Apache-2.0 */
/* The scale subresource. See scale_view.h. */
#include "kube/objects/scale_view.h"

#include "kube/objects/selector.h"
#include "wire/json.h"

/* Definitions write paths with a dot before the first step. */
static const char *path_of(const json_t *paths, const char *name, const char *fallback)
{
    const char *given = json_path_string_or(paths, name, fallback);

    return given[0] == '.' ? given + 1 : given;
}

struct kube_scale_paths kube_scale_paths(const json_t *crd_version)
{
    const json_t *given = json_path_get(crd_version, "subresources.scale");

    return (struct kube_scale_paths){
        .spec_replicas = path_of(given, "specReplicasPath", "spec.replicas"),
        .status_replicas = path_of(given, "statusReplicasPath", "status.replicas"),
        .selector = path_of(given, "labelSelectorPath", crd_version ? "" : "spec.selector"),
    };
}

static json_t *selector_text(const json_t *selector)
{
    struct arena arena;
    json_t *text;

    if (json_is_string(selector))
        return json_deep_copy(selector);
    arena_init(&arena, 0);
    text = json_string(kube_selector_format(selector, &arena));
    arena_deinit(&arena);
    return text;
}

json_t *kube_scale_view(const json_t *object, const struct kube_scale_paths *paths)
{
    static const char *const copied[] = {"name", "namespace", "uid", "resourceVersion",
                                         "creationTimestamp"};
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *selector = paths->selector[0] ? json_path_get(object, paths->selector) : NULL;
    int64_t asked = json_path_int(object, paths->spec_replicas, 0);
    json_t *shown = json_object();

    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        if (json_object_get(metadata, copied[i]) != NULL)
            json_object_set(shown, copied[i], json_object_get(metadata, copied[i]));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:I, s:o}}", "kind", "Scale", "apiVersion",
                     "autoscaling/v1", "metadata", shown, "spec",
                     asked ? json_pack("{s:I}", "replicas", (json_int_t)asked) : json_object(),
                     "status", "replicas",
                     (json_int_t)json_path_int(object, paths->status_replicas, 0), "selector",
                     selector_text(selector));
}
