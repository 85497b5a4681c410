/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks that inject: at most one may take a pod, and its service must exist.
 *
 * Whether two overlap is tried out: with every combination of the labels of namespaces and pods
 * that injection knows, for at most REVISIONS_MAX revisions.
 */
#include "analyze/all.h"

#include "wire/json.h"

enum { REVISIONS_MAX = 16, MATCHES_MAX = 64 };

struct hook {
    const struct analyze_object *object;
    const char *name; /* "config/webhook" */
    const json_t *json;
};

struct hooks {
    VEC(struct hook) items;
    const char *revisions[REVISIONS_MAX]; /* that any selector or label names */
    size_t revision_count;
};

static void revision_add(struct hooks *hooks, const char *revision)
{
    for (size_t i = 0; i < hooks->revision_count; i++)
        if (strcmp(hooks->revisions[i], revision) == 0)
            return;
    if (hooks->revision_count < REVISIONS_MAX)
        hooks->revisions[hooks->revision_count++] = revision;
}

static void selector_revisions_add(struct hooks *hooks, const json_t *selector)
{
    const char *revision =
        json_get_string(json_object_get(selector, "matchLabels"), "istio.io/rev");
    size_t i, k;
    json_t *expression, *value;

    if (revision)
        revision_add(hooks, revision);
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, expression)
    {
        if (strcmp(json_path_string_or(expression, "key", ""), "istio.io/rev") != 0)
            continue;
        json_array_foreach(json_object_get(expression, "values"), k, value)
        {
            if (json_is_string(value))
                revision_add(hooks, json_string_value(value));
        }
    }
}

static bool has_istio_webhook(const json_t *webhooks)
{
    size_t i;
    json_t *webhook;

    json_array_foreach(webhooks, i, webhook)
    {
        if (slice_ends_with(slice_str(json_path_string_or(webhook, "name", "")), SLICE("istio.io")))
            return true;
    }
    return false;
}

/* Those of Istio: by the webhooks' names, or because they name a revision. */
static void config_add(struct analysis *analysis, struct hooks *hooks,
                       const struct analyze_object *config)
{
    const json_t *webhooks = json_object_get(config->json, "webhooks");
    const char *revision = mesh_label_get(&config->labels, "istio.io/rev");
    size_t before = hooks->revision_count;
    size_t i;
    json_t *webhook;

    if (revision)
        revision_add(hooks, revision);
    json_array_foreach(webhooks, i, webhook)
    {
        selector_revisions_add(hooks, json_object_get(webhook, "namespaceSelector"));
        selector_revisions_add(hooks, json_object_get(webhook, "objectSelector"));
    }
    if (!revision && hooks->revision_count == before && !has_istio_webhook(webhooks))
        return;
    json_array_foreach(webhooks, i, webhook)
    {
        struct hook hook = {config, NULL, webhook};

        hook.name = ANALYSIS_TEXT(analysis, "%s/%s", config->full,
                                  json_path_string_or(webhook, "name", ""));
        VEC_PUSH(&hooks->items, hook);
    }
}

/* ---- overlaps ---- */

/* Labels of one combination: injection's own label, and the revision's. */
static struct mesh_labels labels_make(struct mesh_label *items, const char *key, const char *value,
                                      const char *revision)
{
    struct mesh_labels labels = {items, 0};

    if (value)
        items[labels.count++] = (struct mesh_label){key, value};
    if (revision)
        items[labels.count++] = (struct mesh_label){"istio.io/rev", revision};
    return labels;
}

static void overlap_report(struct analysis *analysis, const struct hook *const *matches,
                           size_t count, size_t told)
{
    const char **others = ARENA_ARRAY(&analysis->arena, const char *, count);
    size_t other_count = 0;

    for (size_t i = 0; i < count; i++)
        if (i != told)
            others[other_count++] = matches[i]->name;
    analysis_report(analysis, ANALYZE_INVALID_WEBHOOK, matches[told]->object, NULL,
                    ANALYSIS_TEXT(analysis,
                                  "Webhook overlaps with others: [%s]. This may cause injection to "
                                  "occur twice.",
                                  analysis_join(analysis, others, other_count, " ", true)),
                    NULL);
}

static void combination_check(struct analysis *analysis, const struct hooks *hooks,
                              const struct mesh_labels *ns, const struct mesh_labels *pod)
{
    const struct hook *matches[MATCHES_MAX];
    size_t count = 0;

    for (size_t i = 0;
         i < hooks->items.count && count < ARRAY_LEN(matches) && !analysis_is_full(analysis); i++) {
        const struct hook *hook = &hooks->items.items[i];

        if (analysis_selector_matches(json_object_get(hook->json, "namespaceSelector"), ns) &&
            analysis_selector_matches(json_object_get(hook->json, "objectSelector"), pod))
            matches[count++] = hook;
    }
    for (size_t i = 0; count > 1 && i < count; i++)
        overlap_report(analysis, matches, count, i);
}

static void overlaps_check(struct analysis *analysis, const struct hooks *hooks)
{
    static const char *const ns_values[] = {NULL, "enabled", "disabled"};
    static const char *const pod_values[] = {NULL, "true", "false"};
    size_t sets = ARRAY_LEN(ns_values) * (hooks->revision_count + 1);

    for (size_t i = 0; i < sets; i++) {
        struct mesh_label ns_items[2];
        struct mesh_labels ns = labels_make(
            ns_items, "istio-injection", ns_values[i % ARRAY_LEN(ns_values)],
            i < ARRAY_LEN(ns_values) ? NULL : hooks->revisions[i / ARRAY_LEN(ns_values) - 1]);

        for (size_t k = 0; k < sets; k++) {
            struct mesh_label pod_items[2];
            struct mesh_labels pod = labels_make(
                pod_items, "sidecar.istio.io/inject", pod_values[k % ARRAY_LEN(pod_values)],
                k < ARRAY_LEN(pod_values) ? NULL : hooks->revisions[k / ARRAY_LEN(pod_values) - 1]);

            combination_check(analysis, hooks, &ns, &pod);
        }
    }
}

static void service_check(struct analysis *analysis, const struct hook *hook)
{
    const json_t *service = json_path_get(hook->json, "clientConfig.service");
    const char *ns = json_path_string_or(service, "namespace", "");
    const char *name = json_path_string_or(service, "name", "");

    if (service && !analysis_find(analysis, ANALYZE_KIND_SERVICE, ns, name))
        analysis_report(analysis, ANALYZE_INVALID_WEBHOOK, hook->object, NULL,
                        ANALYSIS_TEXT(analysis,
                                      "Injector refers to a control plane service that does not "
                                      "exist: %s/%s.",
                                      ns, name),
                        NULL);
}

void analyze_webhook(struct analysis *analysis)
{
    struct hooks hooks = {0};

    ANALYSIS_EACH(config, analysis, MUTATING_WEBHOOK)
    config_add(analysis, &hooks, config);
    overlaps_check(analysis, &hooks);
    for (size_t i = 0; i < hooks.items.count; i++)
        service_check(analysis, &hooks.items.items[i]);
    VEC_DEINIT(&hooks.items);
}
