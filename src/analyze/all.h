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

/* X(function, name, summary, needs), sorted by name. */
#define ANALYZER_MAP(X)                                                                            \
    X(analyze_application_uid, "applicationUID.Analyzer", "Checks invalid application UID",        \
      ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(DEPLOYMENT))                                              \
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
    X(analyze_injection, "injection.Analyzer",                                                     \
      "Checks conditions related to Istio sidecar injection",                                      \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(CONFIG_MAP))                   \
    X(analyze_image_auto, "injection.ImageAutoAnalyzer",                                           \
      "Makes sure that Pods and Deployments with `image: auto` are going to be injected",          \
      ANALYZE_NEEDS(NAMESPACE) | ANALYZE_NEEDS(POD) | ANALYZE_NEEDS(DEPLOYMENT) |                  \
          ANALYZE_NEEDS(MUTATING_WEBHOOK))                                                         \
    X(analyze_port_name, "service.PortNameAnalyzer",                                               \
      "Checks the port names associated with each service", ANALYZE_NEEDS(SERVICE))

#define ANALYZER_PROTOTYPE(function, ...) void function(struct analysis *analysis);
ANALYZER_MAP(ANALYZER_PROTOTYPE)
#undef ANALYZER_PROTOTYPE

size_t analyzer_count(void);
/* index below analyzer_count(). */
const struct analyzer *analyzer_get(size_t index);

#endif
