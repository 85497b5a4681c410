/* SPDX-License-Identifier: Apache-2.0 */
/* The packet rules of Services (kube/service_rules) in the sandbox's namespace: one transaction for
 * all changes that came while the last one was applied.
 *
 * Place   node agent, on its loop; the nft program runs in a job
 * Owns    the table "ip weft"
 */
#ifndef WEFT_SANDBOX_NET_RULES_H
#define WEFT_SANDBOX_NET_RULES_H

#include "io/job.h"
#include "sandbox/node/service_rules.h"
#include "sandbox/instance.h"

struct net_rules;

/* Starts with an empty table. `instance` and `jobs` are kept. */
struct net_rules *net_rules_new(struct loop *loop, const struct instance *instance,
                                struct jobs *jobs);
/* The jobs must be idle. NULL is fine. */
void net_rules_free(struct net_rules *rules);
/* The rules, to change them: what is pending then is applied soon. Borrowed. */
struct service_rules *net_rules_change(struct net_rules *rules);

#endif
