/* SPDX-License-Identifier: Apache-2.0 */
/* What is added to a pod: the proxy's container, the init container, their volumes.
 *
 * Place   inject_pod
 * Spec    Istio's injection template "sidecar": names, order and defaults
 */
#include "base/buf.h"
#include "base/mem.h"
#include "inject/inject_int.h"

enum { STATUS_PORT = 15021, AGENT_PORT = 15020, METRICS_PORT = 15090 };

char *inject_image(const struct inject_run *run)
{
    const char *image =
        inject_setting(run, "sidecar.istio.io/proxyImage", "global.proxy.image", "proxyv2");

    if (strchr(image, '/'))
        return mem_strdup(image);
    return mem_printf("%s/%s:%s", inject_value(run->config, "global.hub", "docker.io/weft"), image,
                      inject_value(run->config, "global.tag", WEFT_VERSION));
}

/* --- resources: any annotation replaces all defaults --- */

static void resource_add(const struct inject_run *run, json_t *group, const char *name,
                         const char *annotation, const char *path, const char *fallback)
{
    const char *text =
        annotation ? inject_annotation(run, annotation) : inject_value(run->config, path, fallback);

    if (text && *text)
        json_set_string(group, name, text);
}

static json_t *resources(const struct inject_run *run)
{
    static const struct {
        const char *group, *name, *annotation, *path, *fallback;
    } table[] = {
        {"requests", "cpu", "sidecar.istio.io/proxyCPU", "global.proxy.resources.requests.cpu",
         "100m"},
        {"requests", "memory", "sidecar.istio.io/proxyMemory",
         "global.proxy.resources.requests.memory", "128Mi"},
        {"limits", "cpu", "sidecar.istio.io/proxyCPULimit", "global.proxy.resources.limits.cpu",
         "2000m"},
        {"limits", "memory", "sidecar.istio.io/proxyMemoryLimit",
         "global.proxy.resources.limits.memory", "1024Mi"},
    };
    json_t *all = json_object();
    bool annotated = false;

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        annotated = annotated || inject_annotation(run, table[i].annotation);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!json_object_get(all, table[i].group))
            json_object_set_new(all, table[i].group, json_object());
        resource_add(run, json_object_get(all, table[i].group), table[i].name,
                     annotated ? table[i].annotation : NULL, table[i].path, table[i].fallback);
        if (i % 2 && json_object_size(json_object_get(all, table[i].group)) == 0)
            json_object_del(all, table[i].group);
    }
    return all;
}

/* --- environment --- */

static void env_text(json_t *env, const char *name, const char *value)
{
    json_array_append_new(env, json_pack("{s:s, s:s}", "name", name, "value", value));
}

static void env_field(json_t *env, const char *name, const char *path)
{
    json_array_append_new(env, json_pack("{s:s, s:{s:{s:s}}}", "name", name, "valueFrom",
                                         "fieldRef", "fieldPath", path));
}

static void env_json(json_t *env, const char *name, const json_t *value)
{
    char *text = json_format_str(value, JSON_FORMAT_COMPACT);

    env_text(env, name, text);
    mem_free(text);
}

/* The ports of the application's containers, and their names joined by commas. */
static void env_app(const struct inject_run *run, json_t *env)
{
    json_t *ports = json_array();
    const json_t *containers = json_path_get(run->pod, "spec.containers");
    struct buf names;
    size_t i, k;
    json_t *container, *port;

    buf_init(&names, 0);
    buf_append_str(&names, "");
    json_array_foreach(containers, i, container)
    {
        const char *name = json_get_string(container, "name");

        if (!name || strcmp(name, "istio-proxy") == 0)
            continue;
        buf_printf(&names, "%s%s", names.len ? "," : "", name);
        json_array_foreach(json_object_get(container, "ports"), k, port)
            json_array_append(ports, port);
    }
    env_json(env, "ISTIO_META_POD_PORTS", ports);
    env_text(env, "ISTIO_META_APP_CONTAINERS", names.data);
    buf_deinit(&names);
    json_decref(ports);
}

static void env_meta(const struct inject_run *run, json_t *env)
{
    char *owner =
        mem_printf("kubernetes://apis/%s/namespaces/%s/%c%ss/%s", run->workload_api, run->scope->ns,
                   run->workload_kind[0] | 0x20, run->workload_kind + 1, run->workload_name);

    env_text(env, "ISTIO_META_CLUSTER_ID",
             inject_value(run->config, "global.multiCluster.clusterName", "Kubernetes"));
    env_field(env, "ISTIO_META_NODE_NAME", "spec.nodeName");
    env_text(env, "ISTIO_META_INTERCEPTION_MODE",
             inject_setting(run, "sidecar.istio.io/interceptionMode",
                            "global.proxy.interceptionMode", "REDIRECT"));
    if (run->workload_name[0]) {
        env_text(env, "ISTIO_META_WORKLOAD_NAME", run->workload_name);
        env_text(env, "ISTIO_META_OWNER", owner);
    }
    env_text(env, "ISTIO_META_MESH_ID",
             inject_value(run->config, "global.meshID",
                          json_path_string_or(run->config->mesh, "trustDomain", "cluster.local")));
    env_text(env, "TRUST_DOMAIN",
             json_path_string_or(run->config->mesh, "trustDomain", "cluster.local"));
    mem_free(owner);
}

/* proxyMetadata of the ProxyConfig are environment variables as they stand. */
static void env_metadata(const struct inject_run *run, json_t *env)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(run->proxy_config, "proxyMetadata"), key, value)
    {
        if (json_is_string(value))
            env_text(env, key, json_string_value(value));
    }
}

static json_t *environment(const struct inject_run *run)
{
    json_t *env = json_array();

    env_text(env, "PILOT_CERT_PROVIDER", "istiod");
    env_text(env, "CA_ADDR",
             inject_value(run->config, "global.caAddress", "istiod.istio-system.svc:15012"));
    env_field(env, "POD_NAME", "metadata.name");
    env_field(env, "POD_NAMESPACE", "metadata.namespace");
    env_field(env, "INSTANCE_IP", "status.podIP");
    env_field(env, "SERVICE_ACCOUNT", "spec.serviceAccountName");
    env_field(env, "HOST_IP", "status.hostIP");
    json_array_append_new(env,
                          json_pack("{s:s, s:{s:{s:s}}}", "name", "ISTIO_CPU_LIMIT", "valueFrom",
                                    "resourceFieldRef", "resource", "limits.cpu"));
    env_json(env, "PROXY_CONFIG", run->proxy_config);
    env_app(run, env);
    env_meta(run, env);
    env_metadata(run, env);
    return env;
}

/* --- the proxy --- */

static json_t *health_probe(int64_t period_s, int64_t failures)
{
    return json_pack("{s:{s:s, s:i}, s:I, s:i, s:I}", "httpGet", "path", "/healthz/ready", "port",
                     STATUS_PORT, "periodSeconds", (json_int_t)period_s, "timeoutSeconds", 3,
                     "failureThreshold", (json_int_t)failures);
}

static json_t *readiness_probe(const struct inject_run *run)
{
    static const struct {
        const char *member, *annotation, *path;
        int fallback;
    } table[] = {
        {"initialDelaySeconds", "readiness.status.sidecar.istio.io/initialDelaySeconds",
         "global.proxy.readinessInitialDelaySeconds", 0},
        {"periodSeconds", "readiness.status.sidecar.istio.io/periodSeconds",
         "global.proxy.readinessPeriodSeconds", 15},
        {"failureThreshold", "readiness.status.sidecar.istio.io/failureThreshold",
         "global.proxy.readinessFailureThreshold", 4},
    };
    json_t *probe = health_probe(15, 4);

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *text = inject_annotation(run, table[i].annotation);
        uint64_t value =
            (uint64_t)json_path_int(run->config->values, table[i].path, table[i].fallback);

        if (text && slice_parse_u64(slice_str(text), UINT32_MAX, &value) < 0)
            continue;
        if (value > 0)
            json_object_set_new(probe, table[i].member, json_integer((json_int_t)value));
    }
    return probe;
}

static json_t *mounts(void)
{
    static const char *const table[][2] = {
        {"workload-socket", "/var/run/secrets/workload-spiffe-uds"},
        {"credential-socket", "/var/run/secrets/credential-uds"},
        {"workload-certs", "/var/run/secrets/workload-spiffe-credentials"},
        {"istiod-ca-cert", "/var/run/secrets/istio"},
        {"istio-ca-crl", "/var/run/secrets/istio/crl"},
        {"istio-data", "/var/lib/istio/data"},
        {"istio-envoy", "/etc/istio/proxy"},
        {"istio-token", "/var/run/secrets/tokens"},
        {"istio-podinfo", "/etc/istio/pod"},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", table[i][0], "mountPath", table[i][1]));
    return list;
}

static json_t *proxy_args(const struct inject_run *run)
{
    char *domain =
        mem_printf("$(POD_NAMESPACE).svc.%s",
                   inject_value(run->config, "global.proxy.clusterDomain", "cluster.local"));
    char *level =
        mem_printf("--proxyLogLevel=%s", inject_setting(run, "sidecar.istio.io/logLevel",
                                                        "global.proxy.logLevel", "warning"));
    char *component = mem_printf("--proxyComponentLogLevel=%s",
                                 inject_setting(run, "sidecar.istio.io/componentLogLevel",
                                                "global.proxy.componentLogLevel", "misc:error"));
    char *agent =
        mem_printf("--log_output_level=%s", inject_setting(run, "sidecar.istio.io/agentLogLevel",
                                                           "global.logging.level", "default:info"));
    json_t *args = json_pack("[s, s, s, s, s, s, s]", "proxy", "sidecar", "--domain", domain, level,
                             component, agent);

    mem_free(domain);
    mem_free(level);
    mem_free(component);
    mem_free(agent);
    return args;
}

json_t *inject_proxy_container(const struct inject_run *run)
{
    char *image = inject_image(run);
    json_t *container = json_pack("{s:s, s:s, s:o, s:[{s:i, s:s, s:s}]}", "name", "istio-proxy",
                                  "image", image, "args", proxy_args(run), "ports", "containerPort",
                                  METRICS_PORT, "protocol", "TCP", "name", "http-envoy-prom");
    const char *policy = inject_value(run->config, "global.imagePullPolicy", NULL);

    if (policy)
        json_set_string(container, "imagePullPolicy", policy);
    json_object_set_new(container, "env", environment(run));
    json_object_set_new(container, "resources", resources(run));
    json_object_set_new(container, "readinessProbe", readiness_probe(run));
    if (inject_flag(run, NULL, "global.proxy.startupProbe.enabled", true))
        json_object_set_new(container, "startupProbe", health_probe(1, 600));
    json_object_set_new(container, "securityContext",
                        json_pack("{s:b, s:{s:[s]}, s:b, s:b, s:b, s:i, s:i}",
                                  "allowPrivilegeEscalation", false, "capabilities", "drop", "ALL",
                                  "privileged", false, "readOnlyRootFilesystem", true,
                                  "runAsNonRoot", true, "runAsUser", 1337, "runAsGroup", 1337));
    json_object_set_new(container, "volumeMounts", mounts());
    if (json_get_bool(run->proxy_config, "holdApplicationUntilProxyStarts", false))
        json_object_set_new(
            container, "lifecycle",
            json_pack("{s:{s:{s:[s, s]}}}", "postStart", "exec", "command", "pilot-agent", "wait"));
    mem_free(image);
    return container;
}

/* --- the init container --- */

char *inject_inbound_exclusions(const struct inject_run *run)
{
    const char *more = inject_setting(run, "traffic.sidecar.istio.io/excludeInboundPorts",
                                      "global.proxy.excludeInboundPorts", "");
    const char *status = inject_setting(run, "status.sidecar.istio.io/port", NULL, "15021");

    return mem_printf("%d,%s%s%s,%d", METRICS_PORT, status, *more ? "," : "", more, AGENT_PORT);
}

/* Optional arguments, "-c" and the like, from an annotation or a value. */
static void init_args_optional(const struct inject_run *run, json_t *args)
{
    static const struct {
        const char *flag, *annotation, *path;
    } table[] = {
        {"-q", "traffic.sidecar.istio.io/includeOutboundPorts",
         "global.proxy.includeOutboundPorts"},
        {"-o", "traffic.sidecar.istio.io/excludeOutboundPorts",
         "global.proxy.excludeOutboundPorts"},
        {"-c", "traffic.sidecar.istio.io/excludeInterfaces", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *text = inject_setting(run, table[i].annotation, table[i].path, "");

        if (!*text)
            continue;
        json_array_append_new(args, json_string(table[i].flag));
        json_array_append_new(args, json_string(text));
    }
}

static json_t *init_args(const struct inject_run *run)
{
    char *excluded = inject_inbound_exclusions(run);
    json_t *args = json_pack("[s, s,s, s,s, s,s, s,s, s,s, s,s, s,s, s,s]", "istio-iptables", "-p",
                             "15001", "-z", "15006", "-u", "1337", "-m",
                             inject_setting(run, "sidecar.istio.io/interceptionMode",
                                            "global.proxy.interceptionMode", "REDIRECT"),
                             "-i",
                             inject_setting(run, "traffic.sidecar.istio.io/includeOutboundIPRanges",
                                            "global.proxy.includeIPRanges", "*"),
                             "-x",
                             inject_setting(run, "traffic.sidecar.istio.io/excludeOutboundIPRanges",
                                            "global.proxy.excludeIPRanges", ""),
                             "-b",
                             inject_setting(run, "traffic.sidecar.istio.io/includeInboundPorts",
                                            "global.proxy.includeInboundPorts", "*"),
                             "-d", excluded);

    init_args_optional(run, args);
    json_array_append_new(
        args, json_sprintf("--log_output_level=%s",
                           inject_value(run->config, "global.logging.level", "default:info")));
    mem_free(excluded);
    return args;
}

json_t *inject_init_container(const struct inject_run *run)
{
    char *image = inject_image(run);
    json_t *container = json_pack("{s:s, s:s, s:o, s:o}", "name", "istio-init", "image", image,
                                  "args", init_args(run), "resources", resources(run));
    const char *policy = inject_value(run->config, "global.imagePullPolicy", NULL);

    if (policy)
        json_set_string(container, "imagePullPolicy", policy);
    json_object_set_new(container, "securityContext",
                        json_pack("{s:b, s:b, s:{s:[s, s], s:[s]}, s:b, s:b, s:i, s:i}",
                                  "allowPrivilegeEscalation", false, "privileged", false,
                                  "capabilities", "add", "NET_ADMIN", "NET_RAW", "drop", "ALL",
                                  "readOnlyRootFilesystem", false, "runAsNonRoot", false,
                                  "runAsUser", 0, "runAsGroup", 0));
    mem_free(image);
    return container;
}

/* --- volumes --- */

static json_t *volume(const char *name, const char *source, json_t *value)
{
    return json_pack("{s:s, s:o}", "name", name, source, value);
}

json_t *inject_volumes(const struct inject_run *run)
{
    json_t *list = json_array();

    (void)run;
    json_array_append_new(list, volume("workload-socket", "emptyDir", json_object()));
    json_array_append_new(list, volume("credential-socket", "emptyDir", json_object()));
    json_array_append_new(list, volume("workload-certs", "emptyDir", json_object()));
    json_array_append_new(
        list, volume("istio-envoy", "emptyDir", json_pack("{s:s}", "medium", "Memory")));
    json_array_append_new(list, volume("istio-data", "emptyDir", json_object()));
    json_array_append_new(
        list, volume("istio-podinfo", "downwardAPI",
                     json_pack("{s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}", "items", "path", "labels",
                               "fieldRef", "fieldPath", "metadata.labels", "path", "annotations",
                               "fieldRef", "fieldPath", "metadata.annotations")));
    json_array_append_new(
        list,
        volume("istio-token", "projected",
               json_pack("{s:[{s:{s:s, s:i, s:s}}]}", "sources", "serviceAccountToken", "path",
                         "istio-token", "expirationSeconds", 43200, "audience", "istio-ca")));
    json_array_append_new(list, volume("istiod-ca-cert", "configMap",
                                       json_pack("{s:s}", "name", "istio-ca-root-cert")));
    json_array_append_new(
        list, volume("istio-ca-crl", "configMap",
                     json_pack("{s:s, s:b}", "name", "istio-ca-crl", "optional", true)));
    return list;
}
