/* SPDX-License-Identifier: Apache-2.0 */
/* Services as packet rules, in the language of nft: each address, protocol and port leads to a
 * chain that picks one of the ready endpoints at random.
 *
 *   table ip TABLE
 *     map services { address . protocol . port : goto s_<hash of the three> }
 *     chain s_<hash> { dnat to numgen random mod 2 map { 0 : pod . port, 1 : pod . port } }
 *     with sessionAffinity ClientIP each endpoint has a set a_<hash> of clients, with the timeout
 *     of the Service, and a chain of that name that notes the client before it sends it on
 *       chain s_<hash> { ip saddr @a_1 goto a_1; ip saddr @a_2 goto a_2;
 *                        numgen random mod 2 vmap { 0 : goto a_1, 1 : goto a_2 } }
 *       chain a_1 { update @a_1 { ip saddr }; dnat to pod:port }
 *     set hairpin { pod . pod }: a pod that reaches itself through a Service is masqueraded
 *     without a ready endpoint the chain is empty, and the packet is rejected on its way
 *
 * Only chains that changed are written: the text that is taken brings a table that has all the text
 * taken before up to date, in one transaction.
 *
 * Place   who runs a node calls it when Services, endpoints or pods change, and feeds nft; pure
 * Owns    what it was told, and the text not taken yet
 * Limits  16 MiB of text
 */
#ifndef WEFT_SANDBOX_NODE_SERVICE_RULES_H
#define WEFT_SANDBOX_NODE_SERVICE_RULES_H

#include "base/prelude.h"
#include "kube/objects/slices.h"
#include "wire/json.h"

struct service_rules;

/* Copied. */
struct service_rules_options {
    const char *table;           /* its name; what else is in a table of that name goes */
    const char *node_ip;         /* node ports are those of this address */
    const char *reject_cidrs[2]; /* where Services live: what no endpoint answers is rejected */
};

/* Starts with all of an empty table pending. */
struct service_rules *service_rules_new(const struct service_rules_options *options);
/* NULL is fine. */
void service_rules_free(struct service_rules *rules);

/* A Service as it is now, with its endpoints. */
void service_rules_set(struct service_rules *rules, const json_t *service,
                       const struct slices_source *slices);
void service_rules_remove(struct service_rules *rules, const json_t *service);
/* A pod's address came or went. */
void service_rules_pod_set(struct service_rules *rules, const char *ip, bool present);

/* Everything is pending again, from an empty table: after a transaction that failed. */
void service_rules_restart(struct service_rules *rules);
/* What is pending, as text for `nft -f -`; NULL: nothing. mem_free it. */
char *service_rules_take(struct service_rules *rules);

/* What a Service maps to: new object {"10.0.0.1 . tcp . 80": "10.1.0.5 . 8080, 10.1.0.6 . 8080"};
 * endpoints sorted, "" for none. With sessionAffinity ClientIP the value is {"endpoints": the text,
 * "owner": "NAMESPACE/SERVICE:PORT", "timeout_s"}. */
json_t *service_rules_targets(const json_t *service, const struct slices_source *slices,
                              const char *node_ip);

#endif
