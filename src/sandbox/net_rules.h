/* SPDX-License-Identifier: Apache-2.0 */
/* Service addresses as packet rules: each address, protocol and port leads to a chain that picks
 * one of the ready endpoints at random.
 *
 *   table ip weft (in the sandbox's namespace)
 *     map services { address . protocol . port : goto s_<hash of the three> }
 *     chain s_<hash> { dnat to numgen random mod 2 map { 0 : pod . port, 1 : pod . port } }
 *     with sessionAffinity ClientIP the choice is `jhash ip saddr mod 2`: the same endpoint for a
 *     client as long as the endpoints are the same, whatever the timeout
 *     set hairpin { pod . pod }: a pod that reaches itself through a Service is masqueraded
 *     without a ready endpoint the chain is empty, and the packet is rejected on its way
 *
 * Only chains that changed are rewritten, one transaction for all changes that came while the last
 * one was applied.
 *
 * Place   node agent, on its loop; the nft program runs in a job
 * Owns    the table
 * Limits  a transaction of 16 MiB text
 */
#ifndef WEFT_SANDBOX_NET_RULES_H
#define WEFT_SANDBOX_NET_RULES_H

#include "base/prelude.h"
#include "io/job.h"
#include "io/loop.h"
#include "sandbox/instance.h"
#include "kube/slices.h"
#include "wire/json.h"

struct net_rules;

/* Starts with an empty table. `instance` and `jobs` are kept. */
struct net_rules *net_rules_new(struct loop *loop, const struct instance *instance,
                                struct jobs *jobs);
/* The jobs must be idle. NULL is fine. */
void net_rules_free(struct net_rules *rules);

/* A Service as it is now, with its endpoints. */
void net_rules_service_set(struct net_rules *rules, const json_t *service,
                           const struct slices_source *slices);
void net_rules_service_remove(struct net_rules *rules, const json_t *service);
/* A pod's address came or went. */
void net_rules_pod_set(struct net_rules *rules, const char *ip, bool present);

/* What a Service maps to: new object {"10.0.0.1 . tcp . 80": "10.1.0.5 . 8080, 10.1.0.6 . 8080"};
 * endpoints sorted, "" for none; behind "sticky " for sessionAffinity ClientIP. Node ports are
 * those of `node_ip`. Pure. */
json_t *net_rules_targets(const json_t *service, const struct slices_source *slices,
                          const char *node_ip);

#endif
