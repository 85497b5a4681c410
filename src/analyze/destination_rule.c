/* SPDX-License-Identifier: Apache-2.0 */
/* Destination rules: TLS without verification, hosts that nobody has, subsets without pods.
 */
#include "analyze/all.h"

#include "wire/json.h"

static const char *text_of_port(struct analysis *analysis, const json_t *port)
{
    return ANALYSIS_TEXT(analysis, "number:%lld", (long long)json_get_int(port, "number", 0));
}

/* The mode, when it verifies nobody; else NULL. */
static const char *unverified_mode(const struct analyze_object *rule, const json_t *tls)
{
    const char *mode = json_path_string_or(tls, "mode", "");
    bool from_secret = json_path_string_or(tls, "credentialName", "")[0] != '\0' &&
                       json_object_get(rule->spec, "workloadSelector") != NULL;

    if (strcmp(mode, "SIMPLE") != 0 && strcmp(mode, "MUTUAL") != 0)
        return NULL;
    if (json_path_string_or(tls, "caCertificates", "")[0] || from_secret)
        return NULL;
    return mode;
}

void analyze_ca_certificate(struct analysis *analysis)
{
    ANALYSIS_EACH(rule, analysis, DESTINATION_RULE)
    {
        const char *host = json_path_string_or(rule->spec, "host", "");
        const char *mode = unverified_mode(rule, json_path_get(rule->spec, "trafficPolicy.tls"));
        size_t i;
        json_t *setting;

        if (mode)
            analysis_report(analysis, ANALYZE_NO_CA_DESTINATION, rule,
                            "spec.trafficPolicy.tls.caCertificates", rule->full, rule->ns, mode,
                            host, NULL);
        json_array_foreach(json_path_get(rule->spec, "trafficPolicy.portLevelSettings"), i, setting)
        {
            mode = unverified_mode(rule, json_object_get(setting, "tls"));
            if (mode)
                analysis_report(
                    analysis, ANALYZE_NO_CA_PORT, rule,
                    ANALYSIS_TEXT(analysis,
                                  "spec.trafficPolicy.portLevelSettings[%zu].tls.caCertificates",
                                  i),
                    rule->full, rule->ns, mode, host,
                    text_of_port(analysis, json_object_get(setting, "port")), NULL);
        }
    }
}

/* ---- subsets ---- */

/* A pod's labels with those that its node gives it in the mesh. */
static struct mesh_labels pod_labels(struct analysis *analysis, const struct analyze_object *pod)
{
    static const char *const places[][2] = {
        {"topology.kubernetes.io/region", "topology.kubernetes.io/region"},
        {"topology.kubernetes.io/zone", "topology.kubernetes.io/zone"},
        {"topology.istio.io/subzone", "topology.istio.io/subzone"}};
    const char *node_name = json_path_string_or(pod->spec, "nodeName", "");
    const struct analyze_object *node = analysis_find(analysis, ANALYZE_KIND_NODE, "", node_name);
    SCOPED(json_drop) json_t *tree = json_object();

    for (size_t i = 0; i < pod->labels.count; i++)
        (void)json_set_string(tree, pod->labels.items[i].key, pod->labels.items[i].value);
    for (size_t i = 0; node && i < ARRAY_LEN(places); i++) {
        const char *value = mesh_label_get(&node->labels, places[i][0]);

        if (value && value[0])
            (void)json_set_string(tree, places[i][1], value);
    }
    if (node_name[0])
        (void)json_set_string(tree, "kubernetes.io/hostname", node_name);
    return analysis_labels(analysis, tree);
}

static bool any_matches(const struct mesh_labels *pods, size_t count,
                        const struct mesh_labels *selector)
{
    for (size_t i = 0; i < count; i++)
        if (mesh_labels_match(selector, &pods[i]))
            return true;
    return false;
}

static void subsets_check(struct analysis *analysis, const struct analyze_object *rule,
                          const struct analyze_host *host, const struct mesh_labels *pods)
{
    size_t pod_count = analysis->objects[ANALYZE_KIND_POD].count;
    size_t i;
    json_t *subset;

    json_array_foreach(json_object_get(rule->spec, "subsets"), i, subset)
    {
        SCOPED(json_drop) json_t *merged = json_object();
        struct mesh_labels selector;

        if (host->selector)
            json_object_update(merged, (json_t *)host->selector);
        if (json_object_get(subset, "labels"))
            json_object_update(merged, json_object_get(subset, "labels"));
        selector = analysis_labels(analysis, merged);
        if (!any_matches(pods, pod_count, &selector))
            analysis_report(analysis, ANALYZE_SUBSET_WITHOUT_PODS, rule,
                            ANALYSIS_TEXT(analysis, "spec.subsets[%zu].name", i),
                            json_path_string_or(subset, "name", ""), NULL);
    }
}

void analyze_subset_pods(struct analysis *analysis)
{
    struct mesh_labels *pods = ARENA_ARRAY(&analysis->arena, struct mesh_labels,
                                           analysis->objects[ANALYZE_KIND_POD].count + 1);
    struct analyze_hosts hosts;
    size_t count = 0;

    analyze_hosts_init(&hosts, analysis);
    ANALYSIS_EACH(pod, analysis, POD)
    pods[count++] = pod_labels(analysis, pod);
    ANALYSIS_EACH(rule, analysis, DESTINATION_RULE)
    {
        const char *name = json_path_string_or(rule->spec, "host", "");
        const struct analyze_host *host = analyze_hosts_find(
            &hosts, analysis, rule->ns, json_object_get(rule->spec, "exportTo"), name);

        if (host)
            subsets_check(analysis, rule, host, pods);
        else
            analysis_report(analysis, ANALYZE_UNKNOWN_RULE_HOST, rule, "spec.host", name, NULL);
    }
    analyze_hosts_deinit(&hosts);
}
