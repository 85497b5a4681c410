/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster's DNS zone answers: a pure function of Services and EndpointSlices.
 *
 *   SVC.NS.svc.cluster.local                 A: cluster address, or the ready endpoints (headless);
 *                                            CNAME for ExternalName
 *   _PORT._PROTO.SVC.NS.svc.cluster.local    SRV
 *   HOST.SVC.NS.svc.cluster.local            A of one endpoint (its hostname, or a-b-c-d)
 *   a-b-c-d.NS.pod.cluster.local             A
 *
 * Place   dns.c
 * Spec    Kubernetes DNS-Based Service Discovery 1.1.0
 */
#ifndef WEFT_KUBE_OBJECTS_DNS_ZONE_H
#define WEFT_KUBE_OBJECTS_DNS_ZONE_H

#include "base/arena.h"
#include "base/prelude.h"
#include "wire/dns.h"
#include "wire/json.h"

struct dns_zone {
    json_t *(*service)(const char *ns, const char *name, void *ctx); /* NULL when absent */
    json_t *(*slice_next)(size_t *cursor, void *ctx);                /* all EndpointSlices */
    void *ctx;
};

/* Whether the name belongs to the zone (then nobody else is asked). */
bool dns_zone_has(const char *name);
/* Fills answers, authority and rcode of `reply` for its question; memory comes from `arena`. */
void dns_zone_answer(const struct dns_zone *zone, struct arena *arena, struct dns_message *reply);
/* The name outside that the answer leads to, to be looked up elsewhere; NULL when it is whole. */
const char *dns_zone_alias(const struct dns_message *reply);

#endif
