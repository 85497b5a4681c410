/* SPDX-License-Identifier: Apache-2.0 */
/* What several analyzers ask of objects: labels, selectors, who is in the mesh.
 */
#include "analyze/analysis_int.h"

#include "wire/json.h"

#include <stdlib.h>
#include <strings.h>

static int label_cmp(const void *a, const void *b)
{
    return strcmp(((const struct mesh_label *)a)->key, ((const struct mesh_label *)b)->key);
}

struct mesh_labels analysis_labels(struct analysis *analysis, const json_t *object)
{
    struct mesh_label *items =
        ARENA_ARRAY(&analysis->arena, struct mesh_label, json_object_size(object) + 1);
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        if (!json_is_string(value))
            continue;
        items[count].key = arena_strdup(&analysis->arena, key);
        items[count++].value = arena_strdup(&analysis->arena, json_string_value(value));
    }
    qsort(items, count, sizeof *items, label_cmp);
    return (struct mesh_labels){items, count};
}

const char *analysis_labels_text(struct analysis *analysis, const struct mesh_labels *labels)
{
    const char *text = "";

    for (size_t i = 0; i < labels->count; i++)
        text = ANALYSIS_TEXT(analysis, "%s%s%s=%s", text, i ? "," : "", labels->items[i].key,
                             labels->items[i].value);
    return text;
}

const char *analysis_label_path(struct analysis *analysis, const char *path,
                                const struct mesh_labels *labels)
{
    return labels->count ? ANALYSIS_TEXT(analysis, "%s.%s", path, labels->items[0].key) : NULL;
}

void analysis_report_selector(struct analysis *analysis, const struct analyze_object *object,
                              const char *path, const struct mesh_labels *selector)
{
    analysis_report(analysis, ANALYZE_NOT_FOUND, object,
                    analysis_label_path(analysis, path, selector), "selector",
                    analysis_labels_text(analysis, selector), NULL);
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *analysis_join(struct analysis *analysis, const char **items, size_t count,
                          const char *separator, bool sort)
{
    struct buf out;
    const char *text;

    if (sort && count > 1)
        qsort(items, count, sizeof *items, text_cmp);
    buf_init(&out, 0);
    for (size_t i = 0; i < count; i++)
        (void)buf_printf(&out, "%s%s", i ? separator : "", items[i]);
    text = arena_slice_str(&analysis->arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

static bool expression_matches(const json_t *expression, const struct mesh_labels *labels)
{
    const char *key = json_get_string(expression, "key");
    const char *operator= json_get_string(expression, "operator");
    const char *value = key ? mesh_label_get(labels, key) : NULL;
    const json_t *values = json_object_get(expression, "values");

    if (!key || !operator)
        return false;
    if (strcmp(operator, "Exists") == 0)
        return value != NULL;
    if (strcmp(operator, "DoesNotExist") == 0)
        return value == NULL;
    if (strcmp(operator, "In") == 0)
        return value && json_array_has(values, value);
    return strcmp(operator, "NotIn") == 0 && (!value || !json_array_has(values, value));
}

bool analysis_map_matches(const json_t *map, const struct mesh_labels *labels)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value)
    {
        const char *own = mesh_label_get(labels, key);

        if (json_is_string(value) && (!own || strcmp(own, json_string_value(value)) != 0))
            return false;
    }
    return true;
}

bool analysis_selector_matches(const json_t *selector, const struct mesh_labels *labels)
{
    size_t i;
    json_t *expression;

    if (!analysis_map_matches(json_object_get(selector, "matchLabels"), labels))
        return false;
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, expression)
    {
        if (!expression_matches(expression, labels))
            return false;
    }
    return true;
}

bool analysis_is_control_plane(const struct analyze_object *object)
{
    const char *release = mesh_label_get(&object->labels, "release");

    return mesh_label_get(&object->labels, "istio") != NULL ||
           (release && strcmp(release, "istio") == 0);
}

const json_t *analysis_container(const json_t *containers, const char *name)
{
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container)
    {
        if (strcmp(json_path_string_or(container, "name", ""), name) == 0)
            return container;
    }
    return NULL;
}

static bool has_proxy(const json_t *containers)
{
    const json_t *proxy = analysis_container(containers, "istio-proxy");

    return json_path_string_or(proxy, "image", "")[0] != '\0';
}

bool analysis_pod_has_proxy(const json_t *pod_spec)
{
    return has_proxy(json_object_get(pod_spec, "containers")) ||
           has_proxy(json_object_get(pod_spec, "initContainers"));
}

bool analysis_in_mesh(const struct analysis *analysis, const char *ns, const json_t *pod_spec,
                      const struct mesh_labels *labels, const struct mesh_labels *annotations)
{
    const char *inject = mesh_label_get(labels, "sidecar.istio.io/inject");
    const struct analyze_object *space = analysis_find(analysis, ANALYZE_KIND_NAMESPACE, "", ns);

    if (has_proxy(json_object_get(pod_spec, "containers")))
        return true;
    if (!inject)
        inject = mesh_label_get(annotations, "sidecar.istio.io/inject");
    if (inject)
        return strcmp(inject, "true") == 0;
    inject = space ? mesh_label_get(&space->labels, "istio-injection") : NULL;
    return inject && strcmp(inject, "enabled") == 0;
}

bool analysis_pod_in_mesh(const struct analysis *analysis, const struct analyze_object *pod)
{
    return analysis_pod_has_proxy(pod->spec) ||
           analysis_in_mesh(analysis, pod->ns, pod->spec, &pod->labels, &pod->annotations);
}

bool analysis_pod_is_ambient(const struct analyze_object *pod)
{
    const char *value = mesh_label_get(&pod->annotations, "ambient.istio.io/redirection");

    return value && strcmp(value, "enabled") == 0;
}

bool analysis_namespace_is_ambient(const struct analyze_object *ns)
{
    const char *injection = mesh_label_get(&ns->labels, "istio-injection");
    const char *revision = mesh_label_get(&ns->labels, "istio.io/rev");
    const char *mode = mesh_label_get(&ns->labels, "istio.io/dataplane-mode");

    if ((injection && strcmp(injection, "enabled") == 0) || (revision && revision[0]))
        return false;
    return mode && strcmp(mode, "ambient") == 0;
}

const struct analyze_object *analysis_injector_config(const struct analysis *analysis,
                                                      const char *revision)
{
    char name[256] = "istio-sidecar-injector";
    size_t len = strlen(name);
    size_t more = revision ? strlen(revision) : 0;

    if (more > 0 && strcmp(revision, "default") != 0 && len + more + 2 < sizeof name) {
        name[len] = '-';
        memcpy(name + len + 1, revision, more + 1);
    }
    ANALYSIS_EACH(map, analysis, CONFIG_MAP)
    if (strcmp(map->name, name) == 0)
        return map;
    return NULL;
}
