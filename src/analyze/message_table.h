/* SPDX-License-Identifier: Apache-2.0 */
/* The table of messages: each that an analyzer may tell, once.
 *
 *   X(name, code, level, arguments, text)      {0} {1} ... stand for the arguments, in order
 *
 * Place   message.h makes enum and table of it; nobody else includes this file
 * Owns    nothing
 * Limits  codes, levels and texts are Istio's, which scripts match on
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
      "The pod {0} is missing the Istio proxy. This can often be resolved by restarting or "       \
      "redeploying the workload.")                                                                 \
    X(SCHEMA_ERROR, "IST0106", ERROR, 1, "Schema validation error: {0}")                           \
    X(MISPLACED_ANNOTATION, "IST0107", WARNING, 2,                                                 \
      "Misplaced annotation: {0} can only be applied to {1}")                                      \
    X(UNKNOWN_ANNOTATION, "IST0108", WARNING, 1, "Unknown annotation: {0}")                        \
    X(CONFLICTING_MESH_HOSTS, "IST0109", ERROR, 2,                                                 \
      "The VirtualServices {0} associated with mesh gateway define the same host {1} which can "   \
      "lead to undefined behavior. This can be fixed by merging the conflicting "                  \
      "VirtualServices into a single resource.")                                                   \
    X(CONFLICTING_SIDECAR_SELECTORS, "IST0110", ERROR, 3,                                          \
      "The Sidecars [{0}] in namespace \"{1}\" select the same workload pod \"{2}\", which can "   \
      "lead to undefined behavior.")                                                               \
    X(SIDECARS_WITHOUT_SELECTOR, "IST0111", ERROR, 2,                                              \
      "The Sidecars [{0}] in namespace \"{1}\" have no workload selector, which can lead to "      \
      "undefined behavior.")                                                                       \
    X(DESTINATION_PORT_REQUIRED, "IST0112", ERROR, 2,                                              \
      "This VirtualService routes to a service \"{0}\" that exposes multiple ports [{1}]. "        \
      "Specifying a port in the destination is required to disambiguate.")                         \
    X(DEPLOYMENT_PORT_PROTOCOLS, "IST0116", WARNING, 3,                                            \
      "This deployment {0} is associated with multiple services using port {1} but different "     \
      "protocols: [{2}]")                                                                          \
    X(PORT_NAME, "IST0118", INFO, 3,                                                               \
      "Port name {0} (port: {1}, targetPort: {2}) doesn't follow the naming convention of "        \
      "Istio port.")                                                                               \
    X(NAMESPACE_MANY_LABELS, "IST0123", WARNING, 1,                                                \
      "The namespace has more than one type of injection labels [{0}], which may lead to "         \
      "undefined behavior. Make sure only one injection label exists.")                            \
    X(INVALID_ANNOTATION, "IST0125", WARNING, 2, "Invalid annotation {0}: {1}")                    \
    X(UNKNOWN_SERVICE_REGISTRY, "IST0126", ERROR, 2,                                               \
      "Unknown service registry {0} in network {1}")                                               \
    X(NO_MATCHING_WORKLOADS, "IST0127", WARNING, 1,                                                \
      "No matching workloads for this resource with the following labels: {0}")                    \
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
      "Annotation \"{0}\" has been deprecated{1} and may not work in future Istio versions.")      \
    X(ALPHA_ANNOTATION, "IST0136", INFO, 1,                                                        \
      "Annotation \"{0}\" is part of an alpha-phase feature and may be incompletely supported.")   \
    X(DEPLOYMENT_TARGET_PORTS, "IST0137", WARNING, 4,                                              \
      "This deployment {0} is associated with multiple services [{1}] using targetPort \"{2}\" "   \
      "but different ports: [{3}].")                                                               \
    X(DUPLICATE_CERTIFICATE, "IST0138", WARNING, 1,                                                \
      "Duplicate certificate in multiple gateways [{0}] may cause 404s if clients re-use HTTP2 "   \
      "connections.")                                                                              \
    X(INVALID_WEBHOOK, "IST0139", ERROR, 1, "{0}")                                                 \
    X(INGRESS_RULES_NOT_AFFECTED, "IST0140", WARNING, 2,                                           \
      "Subset in virtual service {0} has no effect on ingress gateway {1} requests")               \
    X(INSUFFICIENT_PERMISSIONS, "IST0141", ERROR, 2,                                               \
      "Missing required permission to create resource {0} ({1})")                                  \
    X(KUBERNETES_VERSION, "IST0142", ERROR, 2,                                                     \
      "The Kubernetes Version \"{0}\" is lower than the minimum version: {1}")                     \
    X(LOCALHOST_LISTENER, "IST0143", ERROR, 1,                                                     \
      "Port {0} is exposed in a Service but listens on localhost. It will not be exposed to "      \
      "other pods.")                                                                               \
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
      "The virtual service uses the JWT claim based routing (key: {0}) but found no request "      \
      "authentication for the gateway ({1}) pod ({2}). The request authentication must first "     \
      "be applied for the gateway pods to validate the JWT token and make the claims available "   \
      "for routing.")                                                                              \
    X(EXTERNAL_NAME_PORT, "IST0150", WARNING, 0,                                                   \
      "Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and "      \
      "unmatched traffic for ports serving TCP protocol from being forwarded correctly")           \
    X(ENVOY_FILTER_RELATIVE, "IST0151", WARNING, 0,                                                \
      "This EnvoyFilter does not have a priority and has a relative patch operation set which "    \
      "can cause the EnvoyFilter not to be applied. Using the INSERT_FIRST of ADD option or "      \
      "setting the priority may help in ensuring the EnvoyFilter is applied correctly.")           \
    X(ENVOY_FILTER_REPLACE, "IST0152", ERROR, 0,                                                   \
      "The REPLACE operation is only valid for HTTP_FILTER and NETWORK_FILTER.")                   \
    X(ENVOY_FILTER_ADD, "IST0153", ERROR, 0,                                                       \
      "The ADD operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or "          \
      "HTTP_ROUTE.")                                                                               \
    X(ENVOY_FILTER_REMOVE, "IST0154", ERROR, 0,                                                    \
      "The REMOVE operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or "       \
      "HTTP_ROUTE.")                                                                               \
    X(ENVOY_FILTER_RELATIVE_VERSION, "IST0155", WARNING, 0,                                        \
      "This EnvoyFilter does not have a priority and has a relative patch operation "              \
      "(NSTERT_BEFORE/AFTER, REPLACE, MERGE, DELETE) and proxyVersion set which can cause the "    \
      "EnvoyFilter not to be applied during an upgrade. Using the INSERT_FIRST or ADD option "     \
      "or setting the priority may help in ensuring the EnvoyFilter is applied correctly.")        \
    X(GATEWAY_API_VERSION, "IST0156", ERROR, 2,                                                    \
      "The Gateway API CRD version {0} is lower than the minimum version: {1}")                    \
    X(TELEMETRY_PROVIDER, "IST0157", WARNING, 2,                                                   \
      "The Telemetry {0} in namespace \"{1}\" with empty providers will be ignored.")              \
    X(PROXY_IMAGE_MISMATCH, "IST0158", WARNING, 1,                                                 \
      "The Istio proxy images of the pods running in the namespace do not match the image "        \
      "defined in the injection configuration (pod names: [{0}]). This often happens after "       \
      "upgrading the Istio control-plane and can be fixed by redeploying the pods.")               \
    X(CONFLICTING_TELEMETRY_SELECTORS, "IST0159", ERROR, 3,                                        \
      "The Telemetries [{0}] in namespace \"{1}\" select the same workload pod \"{2}\", which "    \
      "can lead to undefined behavior.")                                                           \
    X(TELEMETRIES_WITHOUT_SELECTOR, "IST0160", ERROR, 2,                                           \
      "The Telemetries [{0}] in namespace \"{1}\" have no workload selector, which can lead to "   \
      "undefined behavior.")                                                                       \
    X(GATEWAY_CREDENTIAL, "IST0161", ERROR, 2,                                                     \
      "The credential referenced by the Gateway {0} in namespace {1} is invalid, which can "       \
      "cause the traffic not to work as expected.")                                                \
    X(GATEWAY_PORT, "IST0162", WARNING, 2,                                                         \
      "The gateway is listening on a target port (port {0}) that is not defined in the Service "   \
      "associated with its workload instances (Pod selector {1}). If you need to access the "      \
      "gateway port through the gateway Service, it will not be available.")                       \
    X(EXTERNAL_CONTROL_PLANE, "IST0163", WARNING, 3,                                               \
      "The hostname ({0}) that was provided for the webhook ({1}) to reach the ingress gateway "   \
      "on the external control plane cluster {2}. Traffic may not flow properly.")                 \
    X(EXTERNAL_CONTROL_PLANE_ADDRESS, "IST0164", INFO, 2,                                          \
      "The address ({0}) that was provided for the webhook ({1}) to reach the ingress gateway "    \
      "on the external control plane cluster is an IP address. This is not recommended for a "     \
      "production environment.")                                                                   \
    X(INTERNAL_GATEWAY, "IST0165", WARNING, 2,                                                     \
      "Gateway reference in VirtualService {0} is to an implementation-generated internal "        \
      "Gateway: {1}.")                                                                             \
    X(INEFFECTIVE_SELECTOR, "IST0166", WARNING, 1,                                                 \
      "Ineffective selector on Kubernetes Gateway {0}. Use the TargetRef field instead.")          \
    X(INEFFECTIVE_POLICY, "IST0167", WARNING, 1, "The policy has no impact: {0}.")                 \
    X(COMPATIBILITY_UNKNOWN, "IST0168", WARNING, 4,                                                \
      "The configuration \"{0}\" changed in release {1}, but compatibility cannot be "             \
      "automatically detected: {2}. Or, install with `--set compatibilityVersion={3}` to "         \
      "retain the old default.")                                                                   \
    X(INCOMPATIBLE_UPDATE, "IST0169", WARNING, 4,                                                  \
      "The configuration \"{0}\" changed in release {1}: {2}. Or, install with `--set "            \
      "compatibilityVersion={3}` to retain the old default.")                                      \
    X(MULTI_CLUSTER_SERVICE, "IST0170", WARNING, 4,                                                \
      "The service {0} in namespace \"{1}\" is inconsistent across clusters [\"{2}\"], which "     \
      "can lead to undefined behaviors. The inconsistent behaviors are: {3}.")                     \
    X(NEGATIVE_CONDITION, "IST0171", WARNING, 3,                                                   \
      "A condition with a negative status is present: type={0}, reason={1}, message={2}.")         \
    X(GATEWAY_API_VERSION_SOON, "IST0172", WARNING, 2,                                             \
      "The Gateway API CRD version {0} is lower than the minimum version: {1}")                    \
    X(SUBSET_WITHOUT_PODS, "IST0173", ERROR, 1,                                                    \
      "The Subset {0} defined in the DestinationRule does not select any pods. Which may lead "    \
      "to 503 UH (NoHealthyUpstream).")                                                            \
    X(UNKNOWN_RULE_HOST, "IST0174", WARNING, 1,                                                    \
      "The host {0} defined in the DestinationRule does not match any services in the mesh.")      \
    X(JWKS_UNRESTRICTED, "IST0175", WARNING, 2,                                                    \
      "BLOCKED_CIDRS_IN_JWKS_URIS is not configured but {0} RequestAuthentication resource(s) "    \
      "exist ({1}). Consider configuring it to restrict JWKS URI fetches to trusted networks.")    \
    X(GATEWAY_CRD_BELOW_MINIMUM, "IST0176", WARNING, 3,                                            \
      "Gateway API CRD \"{0}\" is at version \"{1}\" but Istio requires at least \"{2}\"; "        \
      "resources of this kind will not be processed. Upgrade the Gateway API CRDs to satisfy "     \
      "the minimum version.")                                                                      \
    X(CONFLICTING_SERVICE_ENTRIES, "IST0177", WARNING, 4,                                          \
      "Multiple ServiceEntries ({0}) define the same host \"{1}\" and port {2} with "              \
      "conflicting protocols ({3}).")

#endif
