/* SPDX-License-Identifier: Apache-2.0 */
/* status.loadBalancer of Ingresses: the addresses of the gateway's Service.
 *
 * Place   weftd, after each new snapshot
 * Owns    its writer
 * Spec    Istio: the Service of meshConfig.ingressService, in the control plane's namespace
 */
#ifndef WEFT_CONTROL_INGRESS_STATUS_H
#define WEFT_CONTROL_INGRESS_STATUS_H

#include "base/prelude.h"
#include "control/source.h"
#include "model/mesh.h"

struct ingress_status;

/* `source` is kept. */
struct ingress_status *ingress_status_new(struct kube_client *client, const struct source *source);
/* NULL is fine. */
void ingress_status_free(struct ingress_status *status);
/* Whether this process is the one that writes; at first it is not. */
void ingress_status_lead(struct ingress_status *status, bool leads);
/* The newest snapshot (a reference is taken). */
void ingress_status_update(struct ingress_status *status, struct mesh *mesh);

/* The addresses that a Service has for the world: what its load balancer got, else its external
 * IPs, as a list for status.loadBalancer.ingress. A new array, empty when there are none. */
json_t *ingress_status_addresses(const json_t *service);

#endif
