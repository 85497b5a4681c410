/* SPDX-License-Identifier: Apache-2.0 */
/* The larger hooks of single kinds.
 *
 * Place   apiserver_hooks.c's table
 * Owns    nothing: hooks change call->object
 */
#ifndef WEFT_SANDBOX_APISERVER_HOOKS_H
#define WEFT_SANDBOX_APISERVER_HOOKS_H

#include "sandbox/apiserver_int.h"

/* The ServiceAccount admission, tolerations, status. */
MUST_USE int apiserver_hooks_pod_admit(struct apiserver_call *call);
/* The quality-of-service class. */
void apiserver_hooks_pod_check(struct apiserver_call *call);
MUST_USE int apiserver_hooks_service_prepare(struct apiserver_call *call);
/* Validation, ClusterIP and node ports. */
void apiserver_hooks_service_check(struct apiserver_call *call);

#endif
