/* SPDX-License-Identifier: Apache-2.0 */
/* An analysis: objects in, messages out.
 *
 *   analysis_new -> analysis_add_text / analysis_add_object ... -> analysis_run -> messages
 *
 * Place   cli/analyze feeds it files and what a cluster holds
 * Owns    references to the objects, copies of the texts that they come from, all messages
 * Threads one
 * Limits  ANALYZE_OBJECTS_MAX objects, ANALYZE_MESSAGES_MAX messages
 * Spec    Istio's analyzers (names, what they find, who they tell of)
 */
#ifndef WEFT_ANALYZE_ANALYSIS_H
#define WEFT_ANALYZE_ANALYSIS_H

#include <jansson.h>

#include "analyze/message.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { ANALYZE_OBJECTS_MAX = 500000, ANALYZE_MESSAGES_MAX = 10000 };

/* The kinds that analyzers look at: X(NAME, group, version, plural, kind, namespaced, runtime).
 * Runtime: what a cluster has and configuration files seldom hold; without a cluster, such objects
 * count only when the files are said to be complete. */
#define ANALYZE_KIND_MAP(X)                                                                        \
    X(NAMESPACE, "", "v1", "namespaces", "Namespace", false, true)                                 \
    X(NODE, "", "v1", "nodes", "Node", false, true)                                                \
    X(POD, "", "v1", "pods", "Pod", true, true)                                                    \
    X(SERVICE, "", "v1", "services", "Service", true, true)                                        \
    X(SECRET, "", "v1", "secrets", "Secret", true, true)                                           \
    X(CONFIG_MAP, "", "v1", "configmaps", "ConfigMap", true, false)                                \
    X(DEPLOYMENT, "apps", "v1", "deployments", "Deployment", true, false)                          \
    X(CRD, "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",  \
      false, false)                                                                                \
    X(MUTATING_WEBHOOK, "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations",     \
      "MutatingWebhookConfiguration", false, false)                                                \
    X(VALIDATING_WEBHOOK, "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", \
      "ValidatingWebhookConfiguration", false, false)                                              \
    X(VIRTUAL_SERVICE, "networking.istio.io", "v1", "virtualservices", "VirtualService", true,     \
      false)                                                                                       \
    X(DESTINATION_RULE, "networking.istio.io", "v1", "destinationrules", "DestinationRule", true,  \
      false)                                                                                       \
    X(GATEWAY, "networking.istio.io", "v1", "gateways", "Gateway", true, false)                    \
    X(SERVICE_ENTRY, "networking.istio.io", "v1", "serviceentries", "ServiceEntry", true, false)   \
    X(SIDECAR, "networking.istio.io", "v1", "sidecars", "Sidecar", true, false)                    \
    X(WORKLOAD_ENTRY, "networking.istio.io", "v1", "workloadentries", "WorkloadEntry", true,       \
      false)                                                                                       \
    X(WORKLOAD_GROUP, "networking.istio.io", "v1", "workloadgroups", "WorkloadGroup", true, false) \
    X(PROXY_CONFIG, "networking.istio.io", "v1beta1", "proxyconfigs", "ProxyConfig", true, false)  \
    X(ENVOY_FILTER, "networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter", true, false) \
    X(PEER_AUTHENTICATION, "security.istio.io", "v1", "peerauthentications", "PeerAuthentication", \
      true, false)                                                                                 \
    X(REQUEST_AUTHENTICATION, "security.istio.io", "v1", "requestauthentications",                 \
      "RequestAuthentication", true, false)                                                        \
    X(AUTHORIZATION_POLICY, "security.istio.io", "v1", "authorizationpolicies",                    \
      "AuthorizationPolicy", true, false)                                                          \
    X(TELEMETRY, "telemetry.istio.io", "v1", "telemetries", "Telemetry", true, false)              \
    X(TRAFFIC_EXTENSION, "extensions.istio.io", "v1alpha1", "trafficextensions",                   \
      "TrafficExtension", true, false)                                                             \
    X(WASM_PLUGIN, "extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin", true, false)    \
    X(K8S_GATEWAY, "gateway.networking.k8s.io", "v1", "gateways", "Gateway", true, false)          \
    X(HTTP_ROUTE, "gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", true, false)       \
    X(GRPC_ROUTE, "gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute", true, false)

enum analyze_kind {
#define ANALYZE_KIND_ENUM(name, ...) ANALYZE_KIND_##name,
    ANALYZE_KIND_MAP(ANALYZE_KIND_ENUM)
#undef ANALYZE_KIND_ENUM
        ANALYZE_KIND_COUNT
};

struct analyze_kind_info {
    const char *group, *version, *plural, *kind;
    bool namespaced, runtime;
};

/* Never NULL. */
const struct analyze_kind_info *analyze_kind_get(enum analyze_kind kind);

/* Borrowed until analysis_new returns, but for the texts, which are kept. */
struct analysis_options {
    const char *ns;       /* tell of objects of this namespace (and of none) only; NULL: of all */
    const char *file_ns;  /* namespace of objects from files that name none; NULL: "default" */
    const char *istio_ns; /* NULL: "istio-system" */
    const char *revision; /* NULL: "default" */
    bool live;            /* a cluster's objects are added: runtime kinds are known */
    bool complete;        /* files hold runtime kinds too; as good as a cluster */
};

struct analysis;

struct analysis *analysis_new(const struct analysis_options *options);
/* NULL is fine. */
void analysis_free(struct analysis *analysis);

/* A cluster's object (keeps a reference). Later objects replace earlier ones of the same name. */
MUST_USE int analysis_add_object(struct analysis *analysis, enum analyze_kind kind, json_t *object,
                                 struct error *err);
/* All documents of a YAML or JSON file; kinds that no analyzer knows are passed over. `name` stands
 * in messages. On an error nothing of the file is added. */
MUST_USE int analysis_add_text(struct analysis *analysis, const char *name, struct slice text,
                               struct error *err);
/* The mesh configuration; in force instead of the one in ConfigMap istio. */
MUST_USE int analysis_set_mesh_config(struct analysis *analysis, struct slice text,
                                      struct error *err);
/* Without a cluster: the ingress gateway's Pod and Service that an installation would have. */
void analysis_add_defaults(struct analysis *analysis);
/* Messages `code` of objects whose origin ("Pod default/x", or "Pod x.default") matches the pattern
 * ('*' stands for any text) are dropped. Both are copied. */
void analysis_suppress(struct analysis *analysis, const char *code, const char *pattern);

/* Runs all analyzers that have what they need, or those named. Names that are unknown are ignored,
 * and if none is left all run. */
void analysis_run(struct analysis *analysis, const char *const *names, size_t name_count);
/* Of the last run: sorted, without duplicates. */
const struct analyze_message *analysis_messages(const struct analysis *analysis, size_t *ret_count);
/* Analyzers that the last run skipped for want of runtime kinds, and those that ran; name by name
 * until NULL. */
const char *analysis_skipped(const struct analysis *analysis, size_t index);
const char *analysis_executed(const struct analysis *analysis, size_t index);

/* All analyzers, sorted by name: name and sentence; NULL past the end. */
const char *analyze_analyzer_name(size_t index);
const char *analyze_analyzer_summary(size_t index);

#endif
