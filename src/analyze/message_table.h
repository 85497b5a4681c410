/* SPDX-License-Identifier: Apache-2.0 */
/* The table of messages: each that an analyzer may tell, once.
 *
 *   X(name, code, level, arguments, text)      {0} {1} ... stand for the arguments, in order
 *
 * Place   message.h makes enum and table of it; nobody else includes this file
 * Owns    nothing
 * Limits  codes and levels are Istio's and never change; texts may
 * Spec    Istio 1.31's analysis messages
 */
#ifndef WEFT_ANALYZE_MESSAGE_TABLE_H
#define WEFT_ANALYZE_MESSAGE_TABLE_H

#define ANALYZE_MESSAGE_MAP(X)                                                                     \
    X(INTERNAL_ERROR, "IST0001", ERROR, 1, "Internal error: {0}")                                  \
    X(DEPRECATED, "IST0002", WARNING, 1, "Deprecated: {0}")                                        \
    X(NOT_FOUND, "IST0101", ERROR, 2, "Referenced {0} not found: \"{1}\"")                         \
    X(NAMESPACE_NOT_INJECTED, "IST0102", INFO, 1,                                                  \
      "The namespace is not enabled for Istio injection. Run 'kubectl label namespace {0} "        \
      "istio-injection=enabled' to enable it, or 'kubectl label namespace {0} "                    \
      "istio-injection=disabled' to explicitly mark it as not needing injection.")                 \
    X(POD_MISSING_PROXY, "IST0103", WARNING, 1,                                                    \
      "The pod {0} is missing the Istio proxy. Restarting or redeploying its workload usually "    \
      "resolves this.")                                                                            \
    X(SCHEMA_ERROR, "IST0106", ERROR, 1, "Schema validation error: {0}")                           \
    X(MISPLACED_ANNOTATION, "IST0107", WARNING, 2, "Misplaced annotation: {0} counts on {1} only") \
    X(UNKNOWN_ANNOTATION, "IST0108", WARNING, 1, "Unknown annotation: {0}")                        \
    X(CONFLICTING_MESH_HOSTS, "IST0109", ERROR, 2,                                                 \
      "The VirtualServices {0} are bound to the mesh gateway and claim the same host {1}; which "  \
      "of them counts is undefined. Merge them into one.")                                         \
    X(CONFLICTING_SIDECAR_SELECTORS, "IST0110", ERROR, 3,                                          \
      "The Sidecars [{0}] in namespace \"{1}\" select the same workload pod \"{2}\"; which of "    \
      "them counts is undefined.")                                                                 \
    X(SIDECARS_WITHOUT_SELECTOR, "IST0111", ERROR, 2,                                              \
      "The Sidecars [{0}] in namespace \"{1}\" have no workload selector; which of them counts "   \
      "is undefined.")                                                                             \
    X(DESTINATION_PORT_REQUIRED, "IST0112", ERROR, 2,                                              \
      "This VirtualService routes to the service \"{0}\" that has several ports [{1}]. The "       \
      "destination must name one of them.")                                                        \
    X(DEPLOYMENT_PORT_PROTOCOLS, "IST0116", WARNING, 3,                                            \
      "This deployment {0} belongs to several services that use port {1} with different "          \
      "protocols: [{2}]")                                                                          \
    X(PORT_NAME, "IST0118", INFO, 3,                                                               \
      "Port name {0} (port: {1}, targetPort: {2}) doesn't follow the naming convention of Istio "  \
      "port.")                                                                                     \
    X(NAMESPACE_MANY_LABELS, "IST0123", WARNING, 1,                                                \
      "The namespace has more than one type of injection labels [{0}]; which of them counts is "   \
      "undefined. Keep one.")                                                                      \
    X(INVALID_ANNOTATION, "IST0125", WARNING, 2, "Invalid annotation {0}: {1}")                    \
    X(UNKNOWN_SERVICE_REGISTRY, "IST0126", ERROR, 2,                                               \
      "Unknown service registry {0} in network {1}")                                               \
    X(NO_MATCHING_WORKLOADS, "IST0127", WARNING, 1,                                                \
      "No workload matches this resource's labels: {0}")                                           \
    X(NO_CA_DESTINATION, "IST0128", WARNING, 4,                                                    \
      "DestinationRule {0} in namespace {1} has TLS mode set to {2} but no caCertificates are "    \
      "set to validate server identity for host: {3}")                                             \
    X(NO_CA_PORT, "IST0129", WARNING, 5,                                                           \
      "DestinationRule {0} in namespace {1} has TLS mode set to {2} but no caCertificates are "    \
      "set to validate server identity for host: {3} at port {4}")                                 \
    X(UNREACHABLE_RULE, "IST0130", WARNING, 2, "VirtualService rule {0} not used ({1}).")          \
    X(INEFFECTIVE_MATCH, "IST0131", INFO, 3,                                                       \
      "VirtualService rule {0} match {1} is not used (duplicate/overlapping match in rule {2}).")  \
    X(HOST_NOT_IN_GATEWAY, "IST0132", WARNING, 3,                                                  \
      "one or more host [{0}] defined in VirtualService {1} not found in Gateway {2}.")            \
    X(SCHEMA_WARNING, "IST0133", WARNING, 1, "Schema validation warning: {0}")                     \
    X(ADDRESSES_REQUIRED, "IST0134", WARNING, 0,                                                   \
      "ServiceEntry addresses are required for this protocol.")                                    \
    X(DEPRECATED_ANNOTATION, "IST0135", INFO, 2,                                                   \
      "Annotation \"{0}\" is deprecated{1}; later versions may ignore it.")                        \
    X(ALPHA_ANNOTATION, "IST0136", INFO, 1,                                                        \
      "Annotation \"{0}\" belongs to an alpha feature and may be supported in part only.")         \
    X(DEPLOYMENT_TARGET_PORTS, "IST0137", WARNING, 4,                                              \
      "This deployment {0} belongs to several services [{1}] that use targetPort \"{2}\" under "   \
      "different ports: [{3}].")                                                                   \
    X(DUPLICATE_CERTIFICATE, "IST0138", WARNING, 1,                                                \
      "The gateways [{0}] share a certificate; clients that reuse HTTP/2 connections may get "     \
      "404 answers.")                                                                              \
    X(INVALID_WEBHOOK, "IST0139", ERROR, 1, "{0}")                                                 \
    X(INGRESS_RULES_NOT_AFFECTED, "IST0140", WARNING, 2,                                           \
      "The subset in VirtualService {0} has no effect on the ingress gateway's VirtualService "    \
      "{1}")                                                                                       \
    X(INSUFFICIENT_PERMISSIONS, "IST0141", ERROR, 2,                                               \
      "Missing the permission to create resource {0} ({1})")                                       \
    X(KUBERNETES_VERSION, "IST0142", ERROR, 2,                                                     \
      "The Kubernetes version \"{0}\" is below the minimum: {1}")                                  \
    X(LOCALHOST_LISTENER, "IST0143", ERROR, 1,                                                     \
      "Port {0} is exposed by a Service but listens on localhost, where other pods cannot reach "  \
      "it.")                                                                                       \
    X(APPLICATION_UID, "IST0144", WARNING, 0,                                                      \
      "User ID (UID) 1337 is reserved for the sidecar proxy.")                                     \
    X(CONFLICTING_GATEWAYS, "IST0145", ERROR, 4,                                                   \
      "Conflict with gateways {0} (workload selector {1}, port {2}, hosts {3}).")                  \
    X(IMAGE_AUTO_WARNING, "IST0146", WARNING, 2,                                                   \
      "{0} {1} contains `image: auto` but does not match any Istio injection webhook selectors.")  \
    X(IMAGE_AUTO_ERROR, "IST0147", ERROR, 2,                                                       \
      "{0} {1} contains `image: auto` but does not match any Istio injection webhook selectors.")  \
    X(NAMESPACE_INJECTED_BY_DEFAULT, "IST0148", INFO, 0,                                           \
      "is enabled for Istio injection, as Istio is installed with enableNamespacesByDefault as "   \
      "true.")                                                                                     \
    X(JWT_ROUTE_WITHOUT_AUTHN, "IST0149", ERROR, 3,                                                \
      "The virtual service routes by a JWT claim (key: {0}), but no request authentication "       \
      "applies to the pod ({2}) of gateway ({1}). Without one, claims are not available to "       \
      "routing.")                                                                                  \
    X(EXTERNAL_NAME_PORT, "IST0150", WARNING, 0,                                                   \
      "The port name is invalid for a Service of type ExternalName: its TCP traffic may not be "   \
      "forwarded")                                                                                 \
    X(ENVOY_FILTER_RELATIVE, "IST0151", WARNING, 0,                                                \
      "This EnvoyFilter has no priority and a relative patch operation, so it may not be "         \
      "applied. INSERT_FIRST or ADD, or a priority, may help.")                                    \
    X(ENVOY_FILTER_REPLACE, "IST0152", ERROR, 0,                                                   \
      "The REPLACE operation is only valid for HTTP_FILTER and NETWORK_FILTER.")                   \
    X(ENVOY_FILTER_ADD, "IST0153", ERROR, 0,                                                       \
      "The ADD operation is ignored when applyTo is ROUTE_CONFIGURATION or HTTP_ROUTE.")           \
    X(ENVOY_FILTER_REMOVE, "IST0154", ERROR, 0,                                                    \
      "The REMOVE operation is ignored when applyTo is ROUTE_CONFIGURATION or HTTP_ROUTE.")        \
    X(ENVOY_FILTER_RELATIVE_VERSION, "IST0155", WARNING, 0,                                        \
      "This EnvoyFilter has no priority, a relative patch operation and a proxyVersion, so it "    \
      "may not be applied during an upgrade. INSERT_FIRST or ADD, or a priority, may help.")       \
    X(GATEWAY_API_VERSION, "IST0156", ERROR, 2,                                                    \
      "The Gateway API CRD version {0} is below the minimum version: {1}")                         \
    X(TELEMETRY_PROVIDER, "IST0157", WARNING, 2,                                                   \
      "The Telemetry {0} in namespace \"{1}\" names no provider and is ignored.")                  \
    X(PROXY_IMAGE_MISMATCH, "IST0158", WARNING, 1,                                                 \
      "The proxy images of pods in the namespace differ from the one that injection sets (pod "    \
      "names: [{0}]). Redeploy them, for example after an upgrade of the control plane.")          \
    X(CONFLICTING_TELEMETRY_SELECTORS, "IST0159", ERROR, 3,                                        \
      "The Telemetries [{0}] in namespace \"{1}\" select the same workload pod \"{2}\"; which of " \
      "them counts is undefined.")                                                                 \
    X(TELEMETRIES_WITHOUT_SELECTOR, "IST0160", ERROR, 2,                                           \
      "The Telemetries [{0}] in namespace \"{1}\" have no workload selector; which of them "       \
      "counts is undefined.")                                                                      \
    X(GATEWAY_CREDENTIAL, "IST0161", ERROR, 2,                                                     \
      "The credential that Gateway {0} in namespace {1} names is invalid; its traffic may fail.")  \
    X(GATEWAY_PORT, "IST0162", WARNING, 2,                                                         \
      "The gateway listens on port {0}, which the Service of its pods (Pod selector {1}) does "    \
      "not expose. It cannot be reached through that Service.")                                    \
    X(EXTERNAL_CONTROL_PLANE, "IST0163", WARNING, 3,                                               \
      "The hostname ({0}) by which webhook ({1}) reaches the ingress gateway of the external "     \
      "control plane {2}. Traffic may not flow properly.")                                         \
    X(EXTERNAL_CONTROL_PLANE_ADDRESS, "IST0164", INFO, 2,                                          \
      "The address ({0}) by which webhook ({1}) reaches the ingress gateway of the external "      \
      "control plane is an IP address. A hostname is better in production.")                       \
    X(INTERNAL_GATEWAY, "IST0165", WARNING, 2,                                                     \
      "VirtualService {0} refers to a Gateway that the implementation generated: {1}.")            \
    X(INEFFECTIVE_SELECTOR, "IST0166", WARNING, 1,                                                 \
      "The selector has no effect on the Kubernetes Gateway {0}. Use targetRefs instead.")         \
    X(INEFFECTIVE_POLICY, "IST0167", WARNING, 1, "The policy has no impact: {0}.")                 \
    X(MULTI_CLUSTER_SERVICE, "IST0170", WARNING, 4,                                                \
      "The service {0} in namespace \"{1}\" differs between clusters \"{2}\": {3}.")               \
    X(NEGATIVE_CONDITION, "IST0171", WARNING, 3,                                                   \
      "A condition with a negative status is present: type={0}, reason={1}, message={2}.")         \
    X(SUBSET_WITHOUT_PODS, "IST0173", ERROR, 1,                                                    \
      "The Subset {0} defined in the DestinationRule does not select any pods; its requests may "  \
      "be answered 503 (flag UH).")                                                                \
    X(UNKNOWN_RULE_HOST, "IST0174", WARNING, 1,                                                    \
      "The host {0} defined in the DestinationRule does not match any services in the mesh.")      \
    X(JWKS_UNRESTRICTED, "IST0175", WARNING, 2,                                                    \
      "BLOCKED_CIDRS_IN_JWKS_URIS is not set but {0} RequestAuthentication resource(s) exist "     \
      "({1}). Setting it keeps fetches of keys to trusted networks.")                              \
    X(GATEWAY_CRD_BELOW_MINIMUM, "IST0176", WARNING, 3,                                            \
      "The Gateway API CRD \"{0}\" has version \"{1}\", at least \"{2}\" is needed; resources of " \
      "this kind are not processed.")                                                              \
    X(CONFLICTING_SERVICE_ENTRIES, "IST0177", WARNING, 4,                                          \
      "Several ServiceEntries ({0}) define host \"{1}\" and port {2} with different protocols "    \
      "({3}).")

#endif
