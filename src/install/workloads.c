/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, Services and autoscalers: the control plane (istiod) and the gateways.
 *
 * Spec    Istio: charts istio-discovery, gateways/istio-ingress and gateways/istio-egress
 */
#include "base/mem.h"
#include "install/install_int.h"

/* One Deployment with what belongs to it. */
struct workload {
    const char *name;
    const char *component;
    const char *account;
    const json_t *settings; /* replicaCount, autoscale*, resources, podAnnotations, ... */
    json_t *labels;         /* of the pods, and of every object */
};

/* --- shared parts --- */

static json_t *env_text(const char *name, const char *value)
{
    return json_pack("{s:s, s:s}", "name", name, "value", value);
}

static json_t *env_field(const char *name, const char *path)
{
    return json_pack("{s:s, s:{s:{s:s}}}", "name", name, "valueFrom", "fieldRef", "fieldPath",
                     path);
}

static json_t *security_context(void)
{
    return json_pack("{s:b, s:b, s:{s:[s]}, s:b, s:b, s:i, s:i}", "allowPrivilegeEscalation", false,
                     "privileged", false, "capabilities", "drop", "ALL", "readOnlyRootFilesystem",
                     true, "runAsNonRoot", true, "runAsUser", 1337, "runAsGroup", 1337);
}

static json_t *probe(const char *path, int port, int delay_s, int period_s, int failures)
{
    json_t *tree = json_pack("{s:{s:s, s:i, s:s}, s:i, s:i, s:i}", "httpGet", "path", path, "port",
                             port, "scheme", "HTTP", "periodSeconds", period_s, "timeoutSeconds", 3,
                             "failureThreshold", failures);

    if (delay_s)
        json_object_set_new(tree, "initialDelaySeconds", json_integer(delay_s));
    return tree;
}

/* "hub/NAME:tag"; mem_free it. */
static char *image_of(const struct install_run *run, const char *name_path)
{
    return mem_printf("%s/%s:%s", install_text(run, "global.hub", ""),
                      install_text(run, name_path, ""),
                      install_text(run, "global.tag", WEFT_VERSION));
}

static json_t *log_level_arg(const struct install_run *run)
{
    return json_sprintf("--log_output_level=%s",
                        install_text(run, "global.logging.level", "default:info"));
}

/* {name, image, args, ports, env, resources, readinessProbe, securityContext}; takes the trees. */
static json_t *container_new(const struct install_run *run, const struct workload *workload,
                             const char *name, const char *image_path, json_t *args)
{
    SCOPED(mem_drop) char *image = image_of(run, image_path);
    const char *policy = install_text(run, "global.imagePullPolicy", NULL);
    json_t *container = json_pack(
        "{s:s, s:s, s:o, s:O, s:o}", "name", name, "image", image, "args", args, "resources",
        json_object_get(workload->settings, "resources"), "securityContext", security_context());

    if (policy)
        json_set_string(container, "imagePullPolicy", policy);
    return container;
}

/* Copies settings of the same name that are not empty. */
static void settings_copy(json_t *to, const json_t *settings, const char *const *names,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(settings, names[i]);

        if (json_object_size(value) + json_array_size(value) + json_string_length(value) > 0)
            json_object_set(to, names[i], value);
    }
}

static json_t *object_add(struct install_run *run, const struct workload *workload,
                          const char *api_version, const char *kind)
{
    json_t *object =
        install_object(run, api_version, kind, workload->component, mem_strdup(workload->name));

    json_object_update(json_path_get(object, "metadata.labels"), workload->labels);
    return object;
}

/* A Deployment of one container; takes `container` and `volumes` (may be NULL). Without a number of
 * replicas where an autoscaler gives it. */
static void deployment_add(struct install_run *run, const struct workload *workload,
                           json_t *container, json_t *volumes)
{
    static const char *const copied[] = {"nodeSelector", "tolerations", "affinity"};
    json_t *object = object_add(run, workload, "apps/v1", "Deployment");
    json_t *labels = json_deep_copy(workload->labels);
    json_t *annotations = json_pack("{s:s}", "sidecar.istio.io/inject", "false");
    json_t *spec =
        json_pack("{s:s, s:[o]}", "serviceAccountName", workload->account, "containers", container);

    json_set_string(labels, "sidecar.istio.io/inject", "false");
    json_set_string(labels, "istio.io/rev", run->revision);
    json_object_update(annotations, json_object_get(workload->settings, "podAnnotations"));
    settings_copy(spec, workload->settings, copied, ARRAY_LEN(copied));
    if (volumes)
        json_object_set_new(spec, "volumes", volumes);
    json_object_set_new(object, "spec",
                        json_pack("{s:{s:O}, s:{s:{s:s, s:s}}, s:{s:{s:o, s:o}, s:o}}", "selector",
                                  "matchLabels", workload->labels, "strategy", "rollingUpdate",
                                  "maxSurge", "100%", "maxUnavailable", "25%", "template",
                                  "metadata", "labels", labels, "annotations", annotations, "spec",
                                  spec));
    if (!json_get_bool(workload->settings, "autoscaleEnabled", false))
        (void)json_path_set(object, "spec.replicas",
                            json_integer(json_get_int(workload->settings, "replicaCount", 1)));
}

static json_t *service_add(struct install_run *run, const struct workload *workload,
                           const char *type, json_t *ports)
{
    json_t *object = object_add(run, workload, "v1", "Service");

    json_object_set_new(
        object, "spec",
        json_pack("{s:s, s:O, s:o}", "type", type, "selector", workload->labels, "ports", ports));
    return object;
}

static void autoscaler_add(struct install_run *run, const struct workload *workload)
{
    const json_t *settings = workload->settings;
    json_t *object;

    if (!json_get_bool(settings, "autoscaleEnabled", false))
        return;
    object = object_add(run, workload, "autoscaling/v2", "HorizontalPodAutoscaler");
    json_object_set_new(
        object, "spec",
        json_pack(
            "{s:{s:s, s:s, s:s}, s:I, s:I, s:[{s:s, s:{s:s, s:{s:s, s:I}}}]}", "scaleTargetRef",
            "apiVersion", "apps/v1", "kind", "Deployment", "name", workload->name, "minReplicas",
            (json_int_t)json_get_int(settings, "autoscaleMin", 1), "maxReplicas",
            (json_int_t)json_get_int(settings, "autoscaleMax", 5), "metrics", "type", "Resource",
            "resource", "name", "cpu", "target", "type", "Utilization", "averageUtilization",
            (json_int_t)json_path_int(settings, "cpu.targetAverageUtilization", 80)));
}

/* --- istiod --- */

static const struct {
    const char *name;
    int port, target;
} istiod_ports[] = {
    {"grpc-xds", 15010, 15010},
    {"https-dns", 15012, 15012},
    {"https-webhook", 443, 15017},
    {"http-monitoring", 15014, 15014},
};
static const struct {
    const char *name;
    int port;
} istiod_container_ports[] = {
    {"http-debug", 8080},      {"grpc-xds", 15010},        {"tls-xds", 15012},
    {"https-webhooks", 15017}, {"http-monitoring", 15014},
};

static json_t *istiod_env(const struct install_run *run, const json_t *settings)
{
    json_t *env =
        json_pack("[o, o, o, o, o]", env_text("REVISION", run->revision),
                  env_text("PILOT_CERT_PROVIDER", "istiod"), env_field("POD_NAME", "metadata.name"),
                  env_field("POD_NAMESPACE", "metadata.namespace"),
                  env_field("SERVICE_ACCOUNT", "spec.serviceAccountName"));
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(settings, "env"), name, value)
    {
        SCOPED(mem_drop)
        char *text = json_is_string(value) ? mem_strdup(json_string_value(value))
                                           : json_format_str(value, JSON_FORMAT_COMPACT);

        json_array_append_new(env, env_text(name, text));
    }
    return env;
}

static json_t *istiod_container(const struct install_run *run, const struct workload *workload)
{
    json_t *container = container_new(
        run, workload, "discovery", "pilot.image",
        json_pack("[s, s, o]", "discovery", "--monitoringAddr=:15014", log_level_arg(run)));
    json_t *ports = json_array();

    for (size_t i = 0; i < ARRAY_LEN(istiod_container_ports); i++)
        json_array_append_new(ports, json_pack("{s:i, s:s, s:s}", "containerPort",
                                               istiod_container_ports[i].port, "protocol", "TCP",
                                               "name", istiod_container_ports[i].name));
    json_object_set_new(container, "ports", ports);
    json_object_set_new(container, "env", istiod_env(run, workload->settings));
    json_object_set_new(container, "readinessProbe", probe("/ready", 8080, 0, 1, 5));
    return container;
}

void install_control_plane(struct install_run *run)
{
    SCOPED(mem_drop) char *name = mem_printf("istiod%s", run->suffix);
    struct workload workload = {.name = name,
                                .component = INSTALL_PILOT,
                                .account = name,
                                .settings = json_object_get(run->tree, "pilot"),
                                .labels =
                                    json_pack("{s:s, s:s}", "app", "istiod", "istio", "pilot")};
    json_t *ports = json_array();

    if (*run->suffix) /* so that a Service takes its own revision's pods alone */
        json_set_string(workload.labels, "istio.io/rev", run->revision);
    for (size_t i = 0; i < ARRAY_LEN(istiod_ports); i++)
        json_array_append_new(ports, json_pack("{s:s, s:i, s:i, s:s}", "name", istiod_ports[i].name,
                                               "port", istiod_ports[i].port, "targetPort",
                                               istiod_ports[i].target, "protocol", "TCP"));
    autoscaler_add(run, &workload);
    deployment_add(run, &workload, istiod_container(run, &workload), NULL);
    service_add(run, &workload, "ClusterIP", ports);
    json_decref(workload.labels);
}

/* --- gateways --- */

static json_t *gateway_env(const struct install_run *run, const char *gateway)
{
    static const char *const fields[][2] = {
        {"POD_NAME", "metadata.name"},
        {"POD_NAMESPACE", "metadata.namespace"},
        {"INSTANCE_IP", "status.podIP"},
        {"HOST_IP", "status.hostIP"},
        {"SERVICE_ACCOUNT", "spec.serviceAccountName"},
        {"ISTIO_META_NODE_NAME", "spec.nodeName"},
    };
    const char *trust_domain = install_text(run, "meshConfig.trustDomain", "cluster.local");
    json_t *mesh = install_mesh_config(run);
    SCOPED(mem_drop)
    char *config = json_format_str(json_object_get(mesh, "defaultConfig"), JSON_FORMAT_COMPACT);
    SCOPED(mem_drop)
    char *owner =
        mem_printf("kubernetes://apis/apps/v1/namespaces/%s/deployments/%s", run->ns, gateway);
    SCOPED(mem_drop) char *ca = install_ca_address(run);
    json_t *env = json_pack(
        "[o, o, o, o, o, o, o, o, o]", env_text("PILOT_CERT_PROVIDER", "istiod"),
        env_text("CA_ADDR", ca), env_text("PROXY_CONFIG", config),
        env_text("ISTIO_META_WORKLOAD_NAME", gateway), env_text("ISTIO_META_OWNER", owner),
        env_text("ISTIO_META_MESH_ID", install_text(run, "global.meshID", trust_domain)),
        env_text("TRUST_DOMAIN", trust_domain),
        env_text("ISTIO_META_CLUSTER_ID",
                 install_text(run, "global.multiCluster.clusterName", "Kubernetes")),
        env_text("ISTIO_META_UNPRIVILEGED_POD", "true"));

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        json_array_append_new(env, env_field(fields[i][0], fields[i][1]));
    json_decref(mesh);
    return env;
}

static json_t *gateway_mounts(void)
{
    static const char *const table[][2] = {
        {"istio-envoy", "/etc/istio/proxy"},
        {"istio-data", "/var/lib/istio/data"},
        {"podinfo", "/etc/istio/pod"},
        {"istio-token", "/var/run/secrets/tokens"},
        {"istiod-ca-cert", "/var/run/secrets/istio"},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", table[i][0], "mountPath", table[i][1]));
    return list;
}

static json_t *gateway_volumes(void)
{
    return json_pack("[{s:s, s:{s:s}}, {s:s, s:{}}, {s:s, s:{s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}}, "
                     "{s:s, s:{s:[{s:{s:s, s:i, s:s}}]}}, {s:s, s:{s:s}}]",
                     "name", "istio-envoy", "emptyDir", "medium", "Memory", "name", "istio-data",
                     "emptyDir", "name", "podinfo", "downwardAPI", "items", "path", "labels",
                     "fieldRef", "fieldPath", "metadata.labels", "path", "annotations", "fieldRef",
                     "fieldPath", "metadata.annotations", "name", "istio-token", "projected",
                     "sources", "serviceAccountToken", "path", "istio-token", "expirationSeconds",
                     43200, "audience", "istio-ca", "name", "istiod-ca-cert", "configMap", "name",
                     "istio-ca-root-cert");
}

/* The targets of the Service's ports, health, and metrics. */
static json_t *gateway_container_ports(const json_t *service_ports)
{
    json_t *list = json_pack("[{s:i, s:s}]", "containerPort", 15021, "protocol", "TCP");
    size_t i;
    json_t *port;

    json_array_foreach(service_ports, i, port)
    {
        int64_t target = json_get_int(port, "targetPort", json_get_int(port, "port", 0));

        if (target != 15021)
            json_array_append_new(list, json_pack("{s:I, s:s}", "containerPort", (json_int_t)target,
                                                  "protocol",
                                                  json_path_string_or(port, "protocol", "TCP")));
    }
    json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "containerPort", 15090, "protocol",
                                          "TCP", "name", "http-envoy-prom"));
    return list;
}

static json_t *gateway_container(const struct install_run *run, const struct workload *workload)
{
    json_t *args = json_pack(
        "[s, s, s, o, o, o, o]", "proxy", "router", "--domain",
        json_sprintf("$(POD_NAMESPACE).svc.%s",
                     install_text(run, "global.proxy.clusterDomain", "cluster.local")),
        json_sprintf("--proxyLogLevel=%s", install_text(run, "global.proxy.logLevel", "warning")),
        json_sprintf("--proxyComponentLogLevel=%s",
                     install_text(run, "global.proxy.componentLogLevel", "misc:error")),
        log_level_arg(run));
    json_t *container = container_new(run, workload, "istio-proxy", "global.proxy.image", args);

    json_object_set_new(container, "ports",
                        gateway_container_ports(json_object_get(workload->settings, "ports")));
    json_object_set_new(container, "env", gateway_env(run, workload->name));
    json_object_set_new(container, "readinessProbe", probe("/healthz/ready", 15021, 1, 2, 30));
    json_object_set_new(container, "volumeMounts", gateway_mounts());
    return container;
}

void install_gateway(struct install_run *run, const char *gateway, const json_t *settings)
{
    static const char *const copied[] = {"loadBalancerIP", "loadBalancerSourceRanges",
                                         "externalTrafficPolicy"};
    const bool is_egress = strcmp(json_path_string_or(settings, "kind", ""), "egress") == 0;
    const char *component = is_egress ? "EgressGateways" : "IngressGateways";
    SCOPED(mem_drop) char *account = mem_printf("%s-service-account", gateway);
    const struct workload workload = {.name = gateway,
                                      .component = component,
                                      .account = account,
                                      .settings = settings,
                                      .labels = json_object_get(settings, "labels")};
    json_t *annotations = json_object_get(settings, "serviceAnnotations");
    json_t *service;

    install_gateway_accounts(run, gateway, component);
    autoscaler_add(run, &workload);
    deployment_add(run, &workload, gateway_container(run, &workload), gateway_volumes());
    service = service_add(run, &workload, json_path_string_or(settings, "type", "LoadBalancer"),
                          json_deep_copy(json_object_get(settings, "ports")));
    settings_copy(json_object_get(service, "spec"), settings, copied, ARRAY_LEN(copied));
    if (json_object_size(annotations) > 0)
        json_object_set(json_object_get(service, "metadata"), "annotations", annotations);
}
