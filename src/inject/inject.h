/* SPDX-License-Identifier: Apache-2.0 */
/* Injection: (pod, configuration) -> pod with a sidecar. A pure function; the webhook and
 * `weft kube-inject` wrap it.
 *
 *   pod --- inject_required ---> no: reason
 *              | yes
 *        inject_pod: annotations checked -> labels, annotations, istio-init, istio-proxy, volumes,
 *              |     probes rewritten
 *        patch_diff(before, after) -> JSON patch for the API server
 *
 * Place   control/webhook, cli/kube_inject
 * Owns    nothing: trees are the caller's
 * Spec    Istio 1.31: what injection adds, classic sidecar; names and order as there
 */
#ifndef WEFT_INJECT_INJECT_H
#define WEFT_INJECT_INJECT_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

/* Borrowed trees. Zero-initialise; everything absent has Istio's default. */
struct inject_config {
    const json_t *values; /* key "values" of ConfigMap istio-sidecar-injector, parsed */
    const json_t *mesh;   /* key "mesh" of ConfigMap istio, parsed */
};

/* What the pod's text cannot tell. */
struct inject_scope {
    const char *ns;          /* the pod's namespace (metadata.namespace may be absent) */
    const json_t *ns_labels; /* labels of the namespace; NULL: the selectors of the webhook
                                configuration have looked at them already */
    const char *owner_kind;  /* of a template without ownerReferences: "Deployment"; or NULL */
    const char *owner_name;
};

/* Whether the pod is to be injected. *ret_reason (may be NULL) gets a fixed text that says why
 * (not). Order: host network, ignored namespaces, already injected, label, annotation, namespace,
 * policy. */
bool inject_required(const struct inject_config *config, const json_t *pod,
                     const struct inject_scope *scope, const char **ret_reason);

/* Adds the sidecar to `pod` ({metadata, spec}) in place. ERR_INVALID names the annotation and what
 * is wrong with it; ERR_UNSUPPORTED what is not supported; the tree may be half changed then. */
MUST_USE int inject_pod(const struct inject_config *config, json_t *pod,
                        const struct inject_scope *scope, struct error *err);

/* The value at the dotted path in the values, or the fallback. */
const char *inject_value(const struct inject_config *config, const char *path,
                         const char *fallback);
/* The workload that made the pod: its controller, or for a ReplicaSet of a Deployment that one.
 * Texts are borrowed from `pod` and `scope`, the name may be a part of one: mem_free(*ret_name). */
void inject_workload(const json_t *pod, const struct inject_scope *scope, const char **ret_kind,
                     const char **ret_api_version, char **ret_name);

#endif
