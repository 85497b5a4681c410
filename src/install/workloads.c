/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, Services and autoscalers: the control plane (istiod) and the ingress gateway.
 *
 * Spec    Istio: charts istio-discovery and gateways/istio-ingress
 */
#include "base/mem.h"
#include "install/install_int.h"

struct port {
    const char *name;
    int port;
    int target; /* 0: the same */
};

static json_t *service_ports(const struct port *ports, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s}", "name", ports[i].name, "port",
                                              ports[i].port, "targetPort",
                                              ports[i].target ? ports[i].target : ports[i].port,
                                              "protocol", "TCP"));
    return list;
}

static json_t *container_ports(const struct port *ports, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_pack("{s:i, s:s}", "containerPort", ports[i].port, "protocol", "TCP");

        if (ports[i].name)
            json_set_string(item, "name", ports[i].name);
        json_array_append_new(list, item);
    }
    return list;
}

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

/* A Deployment of one container; takes `container` and `volumes` (may be NULL). Replicas 0: not
 * said, they are an autoscaler's. */
static json_t *deployment(const char *name, const json_t *labels, int64_t replicas,
                          const char *account, json_t *container, json_t *volumes)
{
    json_t *object = install_object("apps/v1", "Deployment", INSTALL_NAMESPACE, name);
    json_t *pod_labels = json_deep_copy(labels);
    json_t *spec;

    json_object_update(json_path_get(object, "metadata.labels"), (json_t *)(uintptr_t)labels);
    json_set_string(pod_labels, "sidecar.istio.io/inject", "false");
    json_set_string(pod_labels, "istio.io/rev", "default");
    spec = json_pack("{s:s, s:[o]}", "serviceAccountName", account, "containers", container);
    if (volumes)
        json_object_set_new(spec, "volumes", volumes);
    json_object_set_new(object, "spec",
                        json_pack("{s:{s:O}, s:{s:{s:s, s:s}}, s:{s:{s:o, s:{s:s}}, s:o}}",
                                  "selector", "matchLabels", labels, "strategy", "rollingUpdate",
                                  "maxSurge", "100%", "maxUnavailable", "25%", "template",
                                  "metadata", "labels", pod_labels, "annotations",
                                  "sidecar.istio.io/inject", "false", "spec", spec));
    if (replicas)
        (void)json_path_set(object, "spec.replicas", json_integer(replicas));
    return object;
}

static json_t *autoscaler(const char *name, const json_t *labels)
{
    json_t *object =
        install_object("autoscaling/v2", "HorizontalPodAutoscaler", INSTALL_NAMESPACE, name);

    json_object_update(json_path_get(object, "metadata.labels"), (json_t *)(uintptr_t)labels);
    json_object_set_new(object, "spec",
                        json_pack("{s:{s:s, s:s, s:s}, s:i, s:i, s:[{s:s, s:{s:s, s:{s:s, s:i}}}]}",
                                  "scaleTargetRef", "apiVersion", "apps/v1", "kind", "Deployment",
                                  "name", name, "minReplicas", 1, "maxReplicas", 5, "metrics",
                                  "type", "Resource", "resource", "name", "cpu", "target", "type",
                                  "Utilization", "averageUtilization", 80));
    return object;
}

/* The autoscaler of a component, or the replicas that it is to have without one. */
static int64_t scale_add(const struct install_values *values, const char *path, const char *name,
                         const json_t *labels, json_t *list)
{
    const json_t *settings = json_path_get(values->tree, path);

    if (!json_path_bool(settings, "autoscaleEnabled", true))
        return json_path_int(settings, "replicaCount", 1);
    json_array_append_new(list, autoscaler(name, labels));
    return 0;
}

static json_t *service(const char *name, const json_t *labels, const char *type, json_t *ports)
{
    json_t *object = install_object("v1", "Service", INSTALL_NAMESPACE, name);

    json_object_update(json_path_get(object, "metadata.labels"), (json_t *)(uintptr_t)labels);
    json_object_set_new(
        object, "spec",
        json_pack("{s:s, s:O, s:o}", "type", type, "selector", labels, "ports", ports));
    return object;
}

/* --- istiod --- */

static const struct port istiod_ports[] = {
    {"grpc-xds", 15010, 0},
    {"https-dns", 15012, 0},
    {"https-webhook", 443, 15017},
    {"http-monitoring", 15014, 0},
};
static const struct port istiod_container_ports[] = {
    {"http-debug", 8080, 0},      {"grpc-xds", 15010, 0},        {"tls-xds", 15012, 0},
    {"https-webhooks", 15017, 0}, {"http-monitoring", 15014, 0},
};

void install_control_plane(const struct install_values *values, json_t *list)
{
    json_t *labels = json_pack("{s:s, s:s}", "app", "istiod", "istio", "pilot");
    char *image = install_image(values, "pilot");
    json_t *container = json_pack(
        "{s:s, s:s, s:[s, s, s], s:o, s:o, s:o, s:o, s:o}", "name", "discovery", "image", image,
        "args", "discovery", "--monitoringAddr=:15014", "--log_output_level=default:info", "ports",
        container_ports(istiod_container_ports, ARRAY_LEN(istiod_container_ports)), "env",
        json_pack("[o, o, o, o, o]", env_text("REVISION", "default"),
                  env_text("PILOT_CERT_PROVIDER", "istiod"), env_field("POD_NAME", "metadata.name"),
                  env_field("POD_NAMESPACE", "metadata.namespace"),
                  env_field("SERVICE_ACCOUNT", "spec.serviceAccountName")),
        "resources", install_resources("100m", "64Mi", NULL, NULL), "readinessProbe",
        probe("/ready", 8080, 0, 1, 5), "securityContext", security_context());
    const char *policy = install_text(values, "values.global.imagePullPolicy", NULL);

    if (policy)
        json_set_string(container, "imagePullPolicy", policy);
    json_array_append_new(list,
                          deployment("istiod", labels,
                                     scale_add(values, "values.pilot", "istiod", labels, list),
                                     "istiod", container, NULL));
    json_array_append_new(list, service("istiod", labels, "ClusterIP",
                                        service_ports(istiod_ports, ARRAY_LEN(istiod_ports))));
    json_decref(labels);
    mem_free(image);
}

/* --- ingress gateway --- */

static const struct port gateway_ports[] = {
    {"status-port", 15021, 0}, {"http2", 80, 8080}, {"https", 443, 8443},
    {"tcp-istiod", 15012, 0},  {"tls", 15443, 0},
};
static const struct port gateway_container_ports[] = {
    {NULL, 15021, 0}, {NULL, 8080, 0},  {NULL, 8443, 0},
    {NULL, 15012, 0}, {NULL, 15443, 0}, {"http-envoy-prom", 15090, 0},
};

static json_t *gateway_env(const struct install_values *values)
{
    static const char *const fields[][2] = {
        {"POD_NAME", "metadata.name"},
        {"POD_NAMESPACE", "metadata.namespace"},
        {"INSTANCE_IP", "status.podIP"},
        {"HOST_IP", "status.hostIP"},
        {"SERVICE_ACCOUNT", "spec.serviceAccountName"},
        {"ISTIO_META_NODE_NAME", "spec.nodeName"},
    };
    char *config = json_format_str(json_path_get(values->tree, "meshConfig.defaultConfig"),
                                   JSON_FORMAT_COMPACT);
    json_t *env = json_pack(
        "[o, o, o, o, o, o, o, o, o]", env_text("PILOT_CERT_PROVIDER", "istiod"),
        env_text("CA_ADDR", "istiod.istio-system.svc:15012"), env_text("PROXY_CONFIG", config),
        env_text("ISTIO_META_WORKLOAD_NAME", "istio-ingressgateway"),
        env_text("ISTIO_META_OWNER", "kubernetes://apis/apps/v1/namespaces/" INSTALL_NAMESPACE
                                     "/deployments/istio-ingressgateway"),
        env_text("ISTIO_META_MESH_ID",
                 install_text(values, "meshConfig.trustDomain", "cluster.local")),
        env_text("TRUST_DOMAIN", install_text(values, "meshConfig.trustDomain", "cluster.local")),
        env_text("ISTIO_META_CLUSTER_ID",
                 install_text(values, "values.global.multiCluster.clusterName", "Kubernetes")),
        env_text("ISTIO_META_UNPRIVILEGED_POD", "true"));

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        json_array_append_new(env, env_field(fields[i][0], fields[i][1]));
    mem_free(config);
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

void install_gateways(const struct install_values *values, json_t *list)
{
    json_t *labels =
        json_pack("{s:s, s:s}", "app", "istio-ingressgateway", "istio", "ingressgateway");
    char *image = install_image(values, "proxyv2");
    json_t *container = json_pack(
        "{s:s, s:s, s:[s, s, s, s, s, s, s], s:o, s:o, s:o, s:o, s:o, s:o}", "name", "istio-proxy",
        "image", image, "args", "proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local",
        "--proxyLogLevel=warning", "--proxyComponentLogLevel=misc:error",
        "--log_output_level=default:info", "ports",
        container_ports(gateway_container_ports, ARRAY_LEN(gateway_container_ports)), "env",
        gateway_env(values), "resources", install_resources("100m", "128Mi", "2", "1Gi"),
        "readinessProbe", probe("/healthz/ready", 15021, 1, 2, 30), "securityContext",
        security_context(), "volumeMounts", gateway_mounts());
    const char *policy = install_text(values, "values.global.imagePullPolicy", NULL);

    if (policy)
        json_set_string(container, "imagePullPolicy", policy);
    json_array_append_new(list, deployment("istio-ingressgateway", labels,
                                           scale_add(values, "values.gateways.istio-ingressgateway",
                                                     "istio-ingressgateway", labels, list),
                                           "istio-ingressgateway-service-account", container,
                                           gateway_volumes()));
    json_array_append_new(
        list,
        service("istio-ingressgateway", labels,
                install_text(values, "values.gateways.istio-ingressgateway.type", "LoadBalancer"),
                service_ports(gateway_ports, ARRAY_LEN(gateway_ports))));
    json_decref(labels);
    mem_free(image);
}
