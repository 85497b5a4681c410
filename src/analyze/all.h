/* SPDX-License-Identifier: Apache-2.0 */
/* The table of analyzers.
 *
 * Place   analysis.c runs them; a new analyzer gets its line in ANALYZER_MAP
 * Owns    nothing
 */
#ifndef WEFT_ANALYZE_ALL_H
#define WEFT_ANALYZE_ALL_H

#include "analyze/analysis_int.h"
#include "base/prelude.h"

/* The kinds of Istio that are checked against their schemas: ENTRY(X, NAME, kind), sorted. */
#define ANALYZE_SCHEMA_MAP(ENTRY, X)                                                               \
    ENTRY(X, AUTHORIZATION_POLICY, "AuthorizationPolicy")                                          \
    ENTRY(X, DESTINATION_RULE, "DestinationRule")                                                  \
    ENTRY(X, ENVOY_FILTER, "EnvoyFilter")                                                          \
    ENTRY(X, GATEWAY, "Gateway")                                                                   \
    ENTRY(X, PEER_AUTHENTICATION, "PeerAuthentication")                                            \
    ENTRY(X, PROXY_CONFIG, "ProxyConfig")                                                          \
    ENTRY(X, REQUEST_AUTHENTICATION, "RequestAuthentication")                                      \
    ENTRY(X, SERVICE_ENTRY, "ServiceEntry")                                                        \
    ENTRY(X, SIDECAR, "Sidecar")                                                                   \
    ENTRY(X, TELEMETRY, "Telemetry")                                                               \
    ENTRY(X, TRAFFIC_EXTENSION, "TrafficExtension")                                                \
    ENTRY(X, VIRTUAL_SERVICE, "VirtualService")                                                    \
    ENTRY(X, WASM_PLUGIN, "WasmPlugin")                                                            \
    ENTRY(X, WORKLOAD_ENTRY, "WorkloadEntry")                                                      \
    ENTRY(X, WORKLOAD_GROUP, "WorkloadGroup")
#define ANALYZE_SCHEMA_ANALYZER(X, name, kind)                                                     \
    X(analyze_schema_##name, "schema.ValidationAnalyzer." kind,                                    \
      "Runs schema validation as an analyzer on '" kind "' resources", ANALYZE_NEEDS(name))

/* X(function, name, summary, needs), sorted by name. */
#define ANALYZER_MAP(X)                                                                            \
    X(analyze_alpha_annotations, "annotations.AlphaAnalyzer",                                      \
      "Checks for alpha Istio annotations in Kubernetes resources (runs only when it is named)",   \
      ANALYZE_ON_REQUEST | ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(SERVICE) |                     \
          ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(DEPLOYMENT))                                          \
    X(analyze_annotations, "annotations.K8sAnalyzer",                                              \
      "Checks for misplaced and invalid Istio annotations in Kubernetes resources",                \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(SERVICE) | ANALYZE_NEEDS(POD) |                     \
          ANALYZE_NEEDS(DEPLOYMENT))                                                               \
    X(analyze_application_uid, "applicationUID.Analyzer", "Checks invalid application UID",        \
      ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(DEPLOYMENT))                                              \
    X(analyze_authorization_policy, "auth.AuthorizationPoliciesAnalyzer",                          \
      "Checks the validity of authorization policies",                                             \
      ANALYZE_NEEDS(AUTHORIZATION_POLICY) | ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD))         \
    X(analyze_blocked_cidrs, "authn.BlockedCIDRsAnalyzer",                                         \
      "Checks that BLOCKED_CIDRS_IN_JWKS_URIS is configured on istiod when "                       \
      "RequestAuthentication resources exist",                                                     \
      ANALYZE_NEEDS(REQUEST_AUTHENTICATION) | ANALYZE_NEEDS(DEPLOYMENT))                           \
    X(analyze_conditions, "conditions.ConditionAnalyzer",                                          \
      "Checks for negative status conditions on resources",                                        \
      ANALYZE_NEEDS(SERVICE) | ANALYZE_NEEDS(SERVICE_ENTRY) | ANALYZE_NEEDS(WORKLOAD_ENTRY) |      \
          ANALYZE_NEEDS(AUTHORIZATION_POLICY) | ANALYZE_NEEDS(K8S_GATEWAY) |                       \
          ANALYZE_NEEDS(HTTP_ROUTE) | ANALYZE_NEEDS(GRPC_ROUTE))                                   \
    X(analyze_multi_service, "deployment.MultiServiceAnalyzer",                                    \
      "Checks association between services and pods",                                              \
      ANALYZE_NEEDS(SERVICE) | ANALYZE_NEEDS(DEPLOYMENT) | ANALYZE_NEEDS(NAMESPACE))               \
    X(analyze_deprecation, "deprecation.DeprecationAnalyzer",                                      \
      "Checks for deprecated Istio types and fields",                                              \
      ANALYZE_NEEDS(VIRTUAL_SERVICE) | ANALYZE_NEEDS(SIDECAR) | ANALYZE_NEEDS(CRD))                \
    X(analyze_ca_certificate, "destinationrule.CaCertificateAnalyzer",                             \
      "Checks if caCertificates is set when TLS mode is SIMPLE/MUTUAL",                            \
      ANALYZE_NEEDS(DESTINATION_RULE))                                                             \
    X(analyze_subset_pods, "destinationrule.SubsetSelectPodAnalyzer",                              \
      "Checks if pods are selected by subsets in destination rules",                               \
      ANALYZE_NEEDS(DESTINATION_RULE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(SERVICE) |              \
          ANALYZE_NEEDS(SERVICE_ENTRY) | ANALYZE_NEEDS(NODE))                                      \
    X(analyze_envoy_filter, "envoyfilter.EnvoyPatchAnalyzer", "Checks an envoyFilters ",           \
      ANALYZE_NEEDS(ENVOY_FILTER))                                                                 \
    X(analyze_external_control_plane, "externalcontrolplane.ExternalControlPlaneAnalyzer",         \
      "Checks that the remote IstioOperator resources reference an external control plane",        \
      ANALYZE_NEEDS(VALIDATING_WEBHOOK) | ANALYZE_NEEDS(MUTATING_WEBHOOK))                         \
    X(analyze_gateway_certificate, "gateway.CertificateAnalyzer", "Checks a gateway certificate",  \
      ANALYZE_NEEDS(GATEWAY))                                                                      \
    X(analyze_gateway_conflict, "gateway.ConflictingGatewayAnalyzer",                              \
      "Checks a gateway's selector, port number and hosts",                                        \
      ANALYZE_NEEDS(GATEWAY) | ANALYZE_NEEDS(POD))                                                 \
    X(analyze_gateway_port, "gateway.IngressGatewayPortAnalyzer",                                  \
      "Checks a gateway's ports against the gateway's Kubernetes service ports",                   \
      ANALYZE_NEEDS(GATEWAY) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(SERVICE))                        \
    X(analyze_gateway_secret, "gateway.SecretAnalyzer",                                            \
      "Checks a gateway's referenced secrets for correctness",                                     \
      ANALYZE_NEEDS(GATEWAY) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(SECRET))                         \
    X(analyze_injection, "injection.Analyzer",                                                     \
      "Checks conditions related to Istio sidecar injection",                                      \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(CONFIG_MAP))                   \
    X(analyze_proxy_image, "injection.ImageAnalyzer",                                              \
      "Checks the image of auto-injection configured with the running proxies on pods",            \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(CONFIG_MAP) |                  \
          ANALYZE_NEEDS(PROXY_CONFIG))                                                             \
    X(analyze_image_auto, "injection.ImageAutoAnalyzer",                                           \
      "Makes sure that Pods and Deployments with `image: auto` are going to be injected",          \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(DEPLOYMENT) |                  \
          ANALYZE_NEEDS(MUTATING_WEBHOOK))                                                         \
    X(analyze_k8s_gateway_crds, "k8sgateway.CRDVersionAnalyzer",                                   \
      "Checks Gateway API CRDs are at the minimum version required by this Istio version",         \
      ANALYZE_NEEDS(CRD))                                                                          \
    X(analyze_k8s_gateway_selector, "k8sgateway.SelectorAnalyzer",                                 \
      "Check that selectors are effective for Kubernetes gateway",                                 \
      ANALYZE_NEEDS(AUTHORIZATION_POLICY) | ANALYZE_NEEDS(REQUEST_AUTHENTICATION) |                \
          ANALYZE_NEEDS(TELEMETRY) | ANALYZE_NEEDS(WASM_PLUGIN) | ANALYZE_NEEDS(POD))              \
    X(analyze_mesh_networks, "meshnetworks.MeshNetworksAnalyzer",                                  \
      "Check the validity of MeshNetworks in the cluster",                                         \
      ANALYZE_NEEDS(CONFIG_MAP) | ANALYZE_NEEDS(SECRET))                                           \
    ANALYZE_SCHEMA_MAP(ANALYZE_SCHEMA_ANALYZER, X)                                                 \
    X(analyze_port_name, "service.PortNameAnalyzer",                                               \
      "Checks the port names associated with each service", ANALYZE_NEEDS(SERVICE))                \
    X(analyze_service_entry, "serviceentry.Analyzer", "Checks the validity of ServiceEntry",       \
      ANALYZE_NEEDS(SERVICE_ENTRY))                                                                \
    X(analyze_service_entry_protocols, "serviceentry.ConflictingServiceEntryProtocolAnalyzer",     \
      "Checks if multiple ServiceEntries define the same host and port with different "            \
      "protocols",                                                                                 \
      ANALYZE_NEEDS(SERVICE_ENTRY))                                                                \
    X(analyze_sidecar_selector, "sidecar.SelectorAnalyzer",                                        \
      "Validates that sidecars that define a workload selector match at least one pod, and "       \
      "that there aren't multiple sidecar resources that select overlapping pods",                 \
      ANALYZE_NEEDS(SIDECAR) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(NAMESPACE))                      \
    X(analyze_telemetry_default, "telemetry.DefaultSelectorAnalyzer",                              \
      "Validates that there aren't multiple telemetry resources that have no selector",            \
      ANALYZE_NEEDS(TELEMETRY))                                                                    \
    X(analyze_lightstep, "telemetry.LightstepAnalyzer",                                            \
      "Validates that lightstep provider is still used", ANALYZE_NEEDS(TELEMETRY))                 \
    X(analyze_telemetry_provider, "telemetry.ProviderAnalyzer",                                    \
      "Validates that providers in telemetry resource is valid", ANALYZE_NEEDS(TELEMETRY))         \
    X(analyze_telemetry_selector, "telemetry.SelectorAnalyzer",                                    \
      "Validates that telemetries that define a selector match at least one pod, and that "        \
      "there aren't multiple telemetry resources that select overlapping pods",                    \
      ANALYZE_NEEDS(TELEMETRY) | ANALYZE_NEEDS(POD))                                               \
    X(analyze_mesh_hosts, "virtualservice.ConflictingMeshGatewayHostsAnalyzer",                    \
      "Checks if multiple virtual services associated with the mesh gateway have conflicting "     \
      "hosts",                                                                                     \
      ANALYZE_NEEDS(VIRTUAL_SERVICE))                                                              \
    X(analyze_destination_hosts, "virtualservice.DestinationHostAnalyzer",                         \
      "Checks the destination hosts associated with each virtual service",                         \
      ANALYZE_NEEDS(SERVICE_ENTRY) | ANALYZE_NEEDS(VIRTUAL_SERVICE) | ANALYZE_NEEDS(SERVICE))      \
    X(analyze_destination_subsets, "virtualservice.DestinationRuleAnalyzer",                       \
      "Checks the destination rules associated with each virtual service",                         \
      ANALYZE_NEEDS(VIRTUAL_SERVICE) | ANALYZE_NEEDS(DESTINATION_RULE))                            \
    X(analyze_virtual_service_gateways, "virtualservice.GatewayAnalyzer",                          \
      "Checks the gateways associated with each virtual service",                                  \
      ANALYZE_NEEDS(GATEWAY) | ANALYZE_NEEDS(K8S_GATEWAY) | ANALYZE_NEEDS(VIRTUAL_SERVICE))        \
    X(analyze_jwt_claim_route, "virtualservice.JWTClaimRouteAnalyzer",                             \
      "Checks the VirtualService using JWT claim based routing has corresponding "                 \
      "RequestAuthentication",                                                                     \
      ANALYZE_NEEDS(VIRTUAL_SERVICE) | ANALYZE_NEEDS(REQUEST_AUTHENTICATION) |                     \
          ANALYZE_NEEDS(GATEWAY) | ANALYZE_NEEDS(POD))                                             \
    X(analyze_webhook, "webhook.Analyzer", "Checks the validity of Istio webhooks",                \
      ANALYZE_NEEDS(MUTATING_WEBHOOK) | ANALYZE_NEEDS(SERVICE))

#define ANALYZER_PROTOTYPE(function, ...) void function(struct analysis *analysis);
ANALYZER_MAP(ANALYZER_PROTOTYPE)
#undef ANALYZER_PROTOTYPE

size_t analyzer_count(void);
/* index below analyzer_count(). */
const struct analyzer *analyzer_get(size_t index);

#endif
