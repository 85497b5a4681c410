/* SPDX-License-Identifier: Apache-2.0 */
/* The annotations that Istio knows.
 *
 *   X(name, kinds, stage, deprecated, check)
 *
 * kinds: where it counts, as it is told ("Any": everywhere); check: what its value must be, a name
 * of enum annotation_check without its prefix.
 *
 * Place   annotations.c only
 * Owns    nothing
 * Spec    Istio 1.31's list of resource annotations
 */
#ifndef WEFT_ANALYZE_ANNOTATION_TABLE_H
#define WEFT_ANALYZE_ANNOTATION_TABLE_H

#define ANNOTATION_MAP(X)                                                                          \
    X("prometheus.istio.io/merge-metrics", "Pod", ALPHA, false, BOOL)                              \
    X("alpha.istio.io/kubernetes-serviceaccounts", "Service", ALPHA, true, NONE)                   \
    X("alpha.istio.io/canonical-serviceaccounts", "Service", ALPHA, true, NONE)                    \
    X("networking.istio.io/exportTo", "Service", ALPHA, false, NONE)                               \
    X("sidecar.istio.io/inject", "Pod", BETA, true, NONE)                                          \
    X("sidecar.istio.io/status", "Pod", ALPHA, false, NONE)                                        \
    X("sidecar.istio.io/rewriteAppHTTPProbers", "Pod", ALPHA, false, NONE)                         \
    X("sidecar.istio.io/discoveryAddress", "Pod", ALPHA, true, NONE)                               \
    X("sidecar.istio.io/proxyImage", "Pod", ALPHA, false, NONE)                                    \
    X("sidecar.istio.io/proxyImageType", "Pod", ALPHA, false, NONE)                                \
    X("sidecar.istio.io/proxyCPU", "Pod", ALPHA, false, QUANTITY)                                  \
    X("sidecar.istio.io/proxyCPULimit", "Pod", ALPHA, false, QUANTITY)                             \
    X("sidecar.istio.io/proxyMemory", "Pod", ALPHA, false, QUANTITY)                               \
    X("sidecar.istio.io/proxyMemoryLimit", "Pod", ALPHA, false, QUANTITY)                          \
    X("sidecar.istio.io/interceptionMode", "Pod", ALPHA, false, INTERCEPTION)                      \
    X("sidecar.istio.io/bootstrapOverride", "Pod", ALPHA, false, NONE)                             \
    X("sidecar.istio.io/statsInclusionPrefixes", "Pod", ALPHA, true, NONE)                         \
    X("sidecar.istio.io/statsInclusionSuffixes", "Pod", ALPHA, true, NONE)                         \
    X("sidecar.istio.io/statsInclusionRegexps", "Pod", ALPHA, true, NONE)                          \
    X("sidecar.istio.io/statsHistogramBuckets", "Pod", ALPHA, false, NONE)                         \
    X("sidecar.istio.io/statsFlushInterval", "Pod", ALPHA, false, NONE)                            \
    X("sidecar.istio.io/statsEvictionInterval", "Pod", ALPHA, false, NONE)                         \
    X("sidecar.istio.io/statsHistogramBins", "Pod", ALPHA, false, NONE)                            \
    X("sidecar.istio.io/statsCompression", "Pod", ALPHA, true, NONE)                               \
    X("sidecar.istio.io/userVolume", "Pod", ALPHA, false, NONE)                                    \
    X("sidecar.istio.io/userVolumeMount", "Pod", ALPHA, false, NONE)                               \
    X("sidecar.istio.io/extraStatTags", "Pod", ALPHA, true, NONE)                                  \
    X("sidecar.istio.io/logLevel", "Pod", ALPHA, false, NONE)                                      \
    X("sidecar.istio.io/componentLogLevel", "Pod", ALPHA, false, NONE)                             \
    X("sidecar.istio.io/agentLogLevel", "Pod", ALPHA, false, NONE)                                 \
    X("sidecar.istio.io/nativeSidecar", "Pod", ALPHA, false, NONE)                                 \
    X("status.sidecar.istio.io/port", "Pod", ALPHA, false, STATUS_PORT)                            \
    X("readiness.status.sidecar.istio.io/initialDelaySeconds", "Pod", ALPHA, false, NUMBER)        \
    X("readiness.status.sidecar.istio.io/periodSeconds", "Pod", ALPHA, false, NUMBER)              \
    X("readiness.status.sidecar.istio.io/failureThreshold", "Pod", ALPHA, false, NUMBER)           \
    X("readiness.status.sidecar.istio.io/applicationPorts", "Pod", ALPHA, false, NONE)             \
    X("traffic.istio.io/nodeSelector", "Service", STABLE, false, NONE)                             \
    X("traffic.sidecar.istio.io/includeOutboundIPRanges", "Pod", ALPHA, false, RANGES_OR_ALL)      \
    X("traffic.sidecar.istio.io/excludeOutboundIPRanges", "Pod", ALPHA, false, RANGES)             \
    X("traffic.sidecar.istio.io/includeInboundPorts", "Pod", ALPHA, false, PORTS_OR_ALL)           \
    X("traffic.sidecar.istio.io/excludeInboundPorts", "Pod", ALPHA, false, PORTS_IN)               \
    X("traffic.sidecar.istio.io/includeOutboundPorts", "Pod", ALPHA, false, NONE)                  \
    X("traffic.sidecar.istio.io/excludeOutboundPorts", "Pod", ALPHA, false, PORTS_OUT)             \
    X("traffic.sidecar.istio.io/excludeInterfaces", "Pod", ALPHA, false, INTERFACES)               \
    X("traffic.sidecar.istio.io/kubevirtInterfaces", "Pod", ALPHA, true, INTERFACES)               \
    X("kubernetes.io/ingress.class", "Ingress", STABLE, false, NONE)                               \
    X("galley.istio.io/analyze-suppress", "Any", ALPHA, false, NONE)                               \
    X("proxy.istio.io/config", "Pod", BETA, false, YAML)                                           \
    X("proxy.istio.io/overrides", "Pod", ALPHA, false, NONE)                                       \
    X("inject.istio.io/templates", "Pod", ALPHA, false, NONE)                                      \
    X("istio.io/dry-run", "AuthorizationPolicy", ALPHA, false, NONE)                               \
    X("istio.io/rev", "Pod", ALPHA, false, NONE)                                                   \
    X("istio.io/autoRegistrationGroup", "WorkloadEntry", ALPHA, false, NONE)                       \
    X("istio.io/workloadController", "WorkloadEntry", ALPHA, false, NONE)                          \
    X("istio.io/connectedAt", "WorkloadEntry", ALPHA, false, NONE)                                 \
    X("istio.io/disconnectedAt", "WorkloadEntry", ALPHA, false, NONE)                              \
    X("istio.io/use-waypoint-canary-weight", "Service, ServiceEntry, Namespace", ALPHA, false,     \
      NONE)                                                                                        \
    X("istio.io/reroute-virtual-interfaces", "Pod", ALPHA, false, INTERFACES)                      \
    X("topology.istio.io/controlPlaneClusters", "Namespace", ALPHA, false, NONE)                   \
    X("gateway.istio.io/controller-version", "Any", ALPHA, false, NONE)                            \
    X("gateway.istio.io/service-account", "Gateway", ALPHA, false, NONE)                           \
    X("gateway.istio.io/name-override", "Gateway", ALPHA, false, NONE)                             \
    X("networking.istio.io/service-type", "Gateway", ALPHA, false, NONE)                           \
    X("networking.istio.io/traffic-distribution", "Namespace, Service, ServiceEntry", ALPHA,       \
      false, NONE)                                                                                 \
    X("ambient.istio.io/redirection", "Pod", BETA, false, NONE)                                    \
    X("ambient.istio.io/waypoint-inbound-binding", "GatewayClass, Gateway", ALPHA, false, NONE)    \
    X("ambient.istio.io/bypass-inbound-capture", "Pod", ALPHA, false, NONE)                        \
    X("ambient.istio.io/dns-capture", "Pod", ALPHA, false, NONE)

#endif
