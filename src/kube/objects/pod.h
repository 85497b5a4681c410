/* SPDX-License-Identifier: Apache-2.0 */
/* Pods as trees: their containers, and what an API server's admission and binding make of them.
 *
 * Place   an API server's writes; rules, defaults and agents that go through containers
 * Owns    nothing: pods are changed in place
 * Spec    v1 Pod; the ServiceAccount, DefaultTolerationSeconds and Priority admission of Kubernetes
 */
#ifndef WEFT_KUBE_OBJECTS_POD_H
#define WEFT_KUBE_OBJECTS_POD_H

#include <jansson.h>

#include "base/prelude.h"

/* --- containers --- */

/* The n-th container of a pod's spec, those of initContainers first; NULL after the last.
 * Borrowed. */
json_t *kube_pod_container_at(const json_t *spec, size_t n);
/* Where that one stands in the spec: "containers[0]". Returns out. */
const char *kube_pod_container_path(const json_t *spec, size_t n, char *out, size_t size);

/* --- admission --- */

/* The name of the pod's ServiceAccount, "default" after this when none was given. Borrowed. */
const char *kube_pod_account(json_t *spec);
/* Gives all containers the token, CA and namespace of the account (unless they mount something in
 * their place), when the pod, or else the account, wants that. */
void kube_pod_mount_token(json_t *spec, const json_t *account);
/* What every new pod gets: tolerations of nodes that are gone for 300 s, priority 0, phase
 * Pending. */
void kube_pod_admit(json_t *pod);

/* --- binding --- */

/* The pod on that node, scheduled since `now_ms`. */
void kube_pod_bind(json_t *pod, const char *node, int64_t now_ms);

#endif
