/* SPDX-License-Identifier: Apache-2.0 */
/* The larger hooks of single kinds, and what workloads share with pods.
 *
 * Place   apiserver_hooks.c's table
 * Owns    nothing: hooks change call->object
 */
#ifndef WEFT_SANDBOX_APISERVER_HOOKS_H
#define WEFT_SANDBOX_APISERVER_HOOKS_H

#include "sandbox/apiserver_int.h"

/* Image pull policy by tag, security context, requests from limits, in a pod's or template's spec
 * (NULL is fine). */
void apiserver_hooks_pod_defaults(json_t *spec);
/* Containers of a spec: at least one, names, images; adds causes below `path`. */
void apiserver_hooks_containers_check(struct apiserver_call *call, const json_t *spec,
                                      const char *path);
MUST_USE int apiserver_hooks_pod_prepare(struct apiserver_call *call);
/* The ServiceAccount admission, tolerations, status. */
MUST_USE int apiserver_hooks_pod_admit(struct apiserver_call *call);
void apiserver_hooks_pod_check(struct apiserver_call *call);
MUST_USE int apiserver_hooks_service_prepare(struct apiserver_call *call);
/* Validation, ClusterIP and node ports. */
void apiserver_hooks_service_check(struct apiserver_call *call);

#endif
