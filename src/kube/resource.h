/* SPDX-License-Identifier: Apache-2.0 */
/* Names of resources: group, version, plural, kind, and the REST path that they make.
 *
 * Place   every call of the client; the table knows the kinds that weft itself reads and writes
 * Owns    nothing: constants
 */
#ifndef WEFT_KUBE_RESOURCE_H
#define WEFT_KUBE_RESOURCE_H

#include "base/buf.h"
#include "base/prelude.h"
#include "base/slice.h"

struct kube_resource {
    const char *group; /* "" for the core group */
    const char *version;
    const char *plural; /* "pods" */
    const char *kind;   /* "Pod" */
    bool namespaced;
};

/* The kinds that weft uses: X(NAME, group, version, plural, kind, namespaced). */
#define KUBE_RESOURCE_MAP(X)                                                                       \
    X(NAMESPACE, "", "v1", "namespaces", "Namespace", false)                                       \
    X(POD, "", "v1", "pods", "Pod", true)                                                          \
    X(NODE, "", "v1", "nodes", "Node", false)                                                      \
    X(SERVICE, "", "v1", "services", "Service", true)                                              \
    X(ENDPOINTS, "", "v1", "endpoints", "Endpoints", true)                                         \
    X(CONFIG_MAP, "", "v1", "configmaps", "ConfigMap", true)                                       \
    X(SECRET, "", "v1", "secrets", "Secret", true)                                                 \
    X(SERVICE_ACCOUNT, "", "v1", "serviceaccounts", "ServiceAccount", true)                        \
    X(EVENT, "", "v1", "events", "Event", true)                                                    \
    X(ENDPOINT_SLICE, "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true)           \
    X(DEPLOYMENT, "apps", "v1", "deployments", "Deployment", true)                                 \
    X(REPLICA_SET, "apps", "v1", "replicasets", "ReplicaSet", true)                                \
    X(HPA, "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true)       \
    X(PDB, "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true)                    \
    X(ROLE, "rbac.authorization.k8s.io", "v1", "roles", "Role", true)                              \
    X(ROLE_BINDING, "rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true)        \
    X(CLUSTER_ROLE, "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false)       \
    X(CLUSTER_ROLE_BINDING, "rbac.authorization.k8s.io", "v1", "clusterrolebindings",              \
      "ClusterRoleBinding", false)                                                                 \
    X(CRD, "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",  \
      false)                                                                                       \
    X(MUTATING_WEBHOOK, "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations",     \
      "MutatingWebhookConfiguration", false)                                                       \
    X(VALIDATING_WEBHOOK, "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", \
      "ValidatingWebhookConfiguration", false)                                                     \
    X(LEASE, "coordination.k8s.io", "v1", "leases", "Lease", true)                                 \
    X(TOKEN_REVIEW, "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false)           \
    X(VIRTUAL_SERVICE, "networking.istio.io", "v1", "virtualservices", "VirtualService", true)     \
    X(DESTINATION_RULE, "networking.istio.io", "v1", "destinationrules", "DestinationRule", true)  \
    X(GATEWAY, "networking.istio.io", "v1", "gateways", "Gateway", true)                           \
    X(SERVICE_ENTRY, "networking.istio.io", "v1", "serviceentries", "ServiceEntry", true)          \
    X(INGRESS, "networking.k8s.io", "v1", "ingresses", "Ingress", true)                            \
    X(INGRESS_CLASS, "networking.k8s.io", "v1", "ingressclasses", "IngressClass", false)           \
    X(WORKLOAD_ENTRY, "networking.istio.io", "v1", "workloadentries", "WorkloadEntry", true)       \
    X(SIDECAR, "networking.istio.io", "v1", "sidecars", "Sidecar", true)

enum kube_resource_id {
#define KUBE_RESOURCE_ENUM(name, ...) KUBE_RESOURCE_##name,
    KUBE_RESOURCE_MAP(KUBE_RESOURCE_ENUM)
#undef KUBE_RESOURCE_ENUM
        KUBE_RESOURCE_COUNT
};

/* The table's entry; never NULL. */
const struct kube_resource *kube_resource_get(enum kube_resource_id id);
/* Of an object's apiVersion and kind; any version of the group is taken. NULL when the table does
 * not have it. */
const struct kube_resource *kube_resource_find(const char *api_version, const char *kind);
/* Appends "/api/v1/namespaces/NS/pods/NAME/SUB". `ns` is left out when NULL or the resource is not
 * namespaced (all namespaces), `name` and `subresource` when NULL. Names are percent-encoded. */
void kube_resource_path(const struct kube_resource *resource, const char *ns, const char *name,
                        const char *subresource, struct buf *out);

#endif
