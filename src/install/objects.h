/* SPDX-License-Identifier: Apache-2.0 */
/* Values -> the objects of a mesh, in the order in which they are to be applied. A pure function.
 *
 * Place   `weft install`, `weft manifest generate`, `weft uninstall`, `weft verify-install`
 * Owns    nothing
 * Spec    Istio's names, labels, ports and selectors (istioctl manifest generate);
 *         deploy/helm/weft makes the same objects, tests/tools/test_chart.py compares the two
 */
#ifndef WEFT_INSTALL_OBJECTS_H
#define WEFT_INSTALL_OBJECTS_H

#include "base/prelude.h"
#include "install/values.h"
#include "wire/json.h"

#define INSTALL_NAMESPACE "istio-system"
/* The label of every object of ours; the value names its part: Base, Pilot, IngressGateways,
 * EgressGateways. */
#define INSTALL_COMPONENT_LABEL "operator.istio.io/component"

/* A new array of objects: CRDs, accounts, roles, ConfigMaps, webhook configurations, Deployments,
 * Services and autoscalers. Without the Namespace. */
json_t *install_objects(const struct install_values *values);
/* The Namespace istio-system, a new object. */
json_t *install_namespace(void);

#endif
