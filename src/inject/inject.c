/* SPDX-License-Identifier: Apache-2.0 */
/* One injection: takes a pod and gives it its sidecar, step by step.
 */
#include "inject/inject.h"

#include "base/mem.h"
#include "inject/inject_int.h"
#include "wire/yaml.h"

const char *inject_annotation(const struct inject_run *run, const char *key)
{
    return json_get_string(run->annotations, key);
}

const char *inject_setting(const struct inject_run *run, const char *annotation, const char *path,
                           const char *fallback)
{
    const char *text = annotation ? inject_annotation(run, annotation) : NULL;

    if (text)
        return text;
    return path ? inject_value(run->config, path, fallback) : fallback;
}

bool inject_flag(const struct inject_run *run, const char *annotation, const char *path,
                 bool fallback)
{
    const char *text = annotation ? inject_annotation(run, annotation) : NULL;

    if (text)
        return strcmp(text, "true") == 0;
    return json_path_bool(run->config->values, path, fallback);
}

/* The object member of that name, made when missing. */
static json_t *member_object(json_t *parent, const char *key)
{
    json_t *value = json_object_get(parent, key);

    if (!json_is_object(value)) {
        json_object_set_new(parent, key, json_object());
        value = json_object_get(parent, key);
    }
    return value;
}

static void default_string(json_t *object, const char *key, const char *value)
{
    if (!json_object_get(object, key))
        json_set_string(object, key, value);
}

/* --- ProxyConfig --- */

static int proxy_config_build(struct inject_run *run, struct error *err)
{
    const char *text = inject_annotation(run, "proxy.istio.io/config");
    const json_t *base = json_object_get(run->config->mesh, "defaultConfig");
    json_t *own = NULL;
    const char *key;
    json_t *value;
    int rc;

    run->proxy_config = json_is_object(base) ? json_deep_copy(base) : json_object();
    if (!text)
        return 0;
    rc = yaml_parse_one(slice_str(text), NULL, &own, err);
    if (rc >= 0 && !json_is_object(own))
        rc = err_set(err, ERR_INVALID, "not a mapping");
    if (rc < 0) {
        json_decref(own);
        (void)err_prefix(err, "metadata.annotations[proxy.istio.io/config]");
        return rc;
    }
    json_object_foreach(own, key, value)
    {
        json_t *there = json_object_get(run->proxy_config, key);

        if (strcmp(key, "proxyMetadata") == 0 && json_is_object(there) && json_is_object(value))
            json_object_update(there, value);
        else
            json_object_set(run->proxy_config, key, value);
    }
    json_decref(own);
    return 0;
}

/* --- labels and annotations --- */

static void labels_add(struct inject_run *run, json_t *labels)
{
    static const char *const name_keys[] = {"app.kubernetes.io/name", "app"};
    static const char *const revision_keys[] = {"app.kubernetes.io/version", "version"};
    const char *name = NULL, *revision = NULL;

    for (size_t i = 0; i < ARRAY_LEN(name_keys) && !name; i++)
        name = json_get_string(labels, name_keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(revision_keys) && !revision; i++)
        revision = json_get_string(labels, revision_keys[i]);
    default_string(labels, "security.istio.io/tlsMode", "istio");
    default_string(labels, "service.istio.io/canonical-name", name ? name : run->workload_name);
    default_string(labels, "service.istio.io/canonical-revision", revision ? revision : "latest");
}

static json_t *names_of(const json_t *list)
{
    json_t *names = json_array();
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item) json_array_append(names, json_object_get(item, "name"));
    return names;
}

static void annotations_add(struct inject_run *run, json_t *annotations, const json_t *volumes)
{
    const char *first = json_path_string_or(run->pod, "spec.containers[0].name", "");
    json_t *status = json_pack("{s:[s], s:[s], s:o, s:n, s:s}", "initContainers", "istio-init",
                               "containers", "istio-proxy", "volumes", names_of(volumes),
                               "imagePullSecrets", "revision", inject_revision(run->config));
    char *text = json_format_str(status, JSON_FORMAT_COMPACT);

    json_set_string(annotations, "istio.io/rev", inject_revision(run->config));
    default_string(annotations, "kubectl.kubernetes.io/default-container", first);
    default_string(annotations, "kubectl.kubernetes.io/default-logs-container", first);
    json_set_string(annotations, "sidecar.istio.io/status", text);
    mem_free(text);
    json_decref(status);
}

/* Metrics are scraped from the sidecar. Merged (port 15020) they hold the application's too, whose
 * own annotations go to the proxy as ISTIO_PROMETHEUS_ANNOTATIONS; unmerged, a pod that says
 * nothing is scraped at the proxy's own port. */
static void prometheus_add(struct inject_run *run, json_t *annotations, json_t *env)
{
    const char *scrape = json_get_string(annotations, "prometheus.io/scrape");
    bool merged = inject_flag(run, "prometheus.istio.io/merge-metrics", "", true) &&
                  json_path_bool(run->config->mesh, "enablePrometheusMerge", true);
    json_t *own;
    char *text;

    if (scrape && (!merged || strcmp(scrape, "false") == 0))
        return;
    if (scrape) {
        own = json_pack("{s:s, s:s*, s:s*}", "scrape", scrape, "path",
                        json_get_string(annotations, "prometheus.io/path"), "port",
                        json_get_string(annotations, "prometheus.io/port"));
        text = json_format_str(own, JSON_FORMAT_COMPACT);
        json_array_append_new(
            env, json_pack("{s:s, s:s}", "name", "ISTIO_PROMETHEUS_ANNOTATIONS", "value", text));
        mem_free(text);
        json_decref(own);
    }
    json_set_string(annotations, "prometheus.io/scrape", "true");
    json_set_string(annotations, "prometheus.io/port", merged ? "15020" : "15090");
    json_set_string(annotations, "prometheus.io/path", "/stats/prometheus");
}

/* --- containers --- */

static json_t *item_named(const json_t *list, const char *name, size_t *ret_index)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        const char *own = json_get_string(item, "name");

        if (own && strcmp(own, name) == 0) {
            if (ret_index)
                *ret_index = i;
            return item;
        }
    }
    return NULL;
}

/* Lists of named items (env, volumeMounts, ports) are joined; the user's item wins. */
static void list_merge(json_t *into, const json_t *from)
{
    size_t i, index;
    json_t *item;

    json_array_foreach(from, i, item)
    {
        const char *name = json_get_string(item, "name");

        if (name && item_named(into, name, &index))
            json_array_set(into, index, item);
        else
            json_array_append(into, item);
    }
}

/* A container istio-proxy in the user's own pod adjusts ours, field by field. */
static void container_customize(json_t *ours, const json_t *theirs)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)theirs, key, value)
    {
        json_t *there = json_object_get(ours, key);

        if (strcmp(key, "image") == 0 && strcmp(json_path_string_or(value, "", ""), "auto") == 0)
            continue;
        if (json_is_array(value) && json_is_array(there) && strcmp(key, "args") != 0)
            list_merge(there, value);
        else if (json_is_object(value) && json_is_object(there) && !strstr(key, "Probe"))
            json_object_update(there, value);
        else
            json_object_set(ours, key, value);
    }
}

static void probes_add(struct inject_run *run, json_t *env)
{
    json_t *probers;
    char *text;

    if (!inject_flag(run, "sidecar.istio.io/rewriteAppHTTPProbers",
                     "sidecarInjectorWebhook.rewriteAppHTTPProbe", false))
        return;
    probers = inject_probes_rewrite(run->pod);
    if (json_object_size(probers) > 0) {
        text = json_format_str(probers, JSON_FORMAT_COMPACT);
        json_array_append_new(
            env, json_pack("{s:s, s:s}", "name", "ISTIO_KUBE_APP_PROBERS", "value", text));
        mem_free(text);
    }
    json_decref(probers);
}

static void containers_add(struct inject_run *run, json_t *proxy)
{
    json_t *containers = json_member_array(json_object_get(run->pod, "spec"), "containers");
    size_t index;
    json_t *theirs = item_named(containers, "istio-proxy", &index);

    if (theirs) {
        container_customize(proxy, theirs);
        json_array_remove(containers, index);
    }
    if (json_get_bool(run->proxy_config, "holdApplicationUntilProxyStarts", false))
        json_array_insert(containers, 0, proxy);
    else
        json_array_append(containers, proxy);
}

static void pod_build(struct inject_run *run)
{
    json_t *spec = member_object(run->pod, "spec");
    json_t *metadata = member_object(run->pod, "metadata");
    json_t *annotations = member_object(metadata, "annotations");
    json_t *proxy = inject_proxy_container(run);
    json_t *volumes = inject_volumes(run);
    json_t *env = json_object_get(proxy, "env");

    labels_add(run, member_object(metadata, "labels"));
    annotations_add(run, annotations, volumes);
    prometheus_add(run, annotations, env);
    probes_add(run, env);
    json_array_append_new(json_member_array(spec, "initContainers"), inject_init_container(run));
    containers_add(run, proxy);
    list_merge(json_member_array(spec, "volumes"), volumes);
    json_decref(volumes);
    json_decref(proxy);
}

int inject_pod(const struct inject_config *config, json_t *pod, const struct inject_scope *scope,
               struct error *err)
{
    struct inject_run run = {.config = config, .scope = scope, .pod = pod};
    const json_t *annotations = json_path_get(pod, "metadata.annotations");
    int rc = inject_annotations_check(annotations, err);

    if (rc < 0)
        return rc;
    if (json_array_size(json_path_get(pod, "spec.containers")) == 0)
        return err_set_path(err, ERR_INVALID, "spec.containers", "the pod has no container");
    run.annotations = annotations ? json_deep_copy(annotations) : json_object();
    rc = proxy_config_build(&run, err);
    if (rc >= 0) {
        inject_workload(pod, scope, &run.workload_kind, &run.workload_api, &run.workload_name);
        pod_build(&run);
    }
    mem_free(run.workload_name);
    json_decref(run.annotations);
    json_decref(run.proxy_config);
    return rc;
}
