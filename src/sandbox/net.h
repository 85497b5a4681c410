/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's network: one namespace with a bridge, one namespace a pod, one link to the host.
 *
 * A pod has a /32 address and reaches everything, also its neighbours, through the gateway on the
 * bridge: so all traffic is routed (layer 3) in the sandbox's namespace, where nftables translates
 * Service addresses, and nothing depends on the br_netfilter module.
 *
 * Place   `weft sandbox up` and `down` (whole network), node agent (pods)
 * Owns    the namespaces, bridge, veth pairs, the host's one route; made and removed by `ip`
 * Threads blocking; any thread
 */
#ifndef WEFT_SANDBOX_NET_H
#define WEFT_SANDBOX_NET_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/instance.h"

/* Makes what is missing. Idempotent. */
MUST_USE int net_up(const struct instance *instance, struct error *err);
/* Whether namespace and link are there. */
bool net_is_up(const struct instance *instance);
/* Removes the pods' namespaces, the sandbox's, the link and with it the route. Idempotent. */
MUST_USE int net_down(const struct instance *instance, struct error *err);

/* Name of a pod's namespace, from its uid. */
enum { NET_NAME_SIZE = 96 };
void net_pod_netns(const struct instance *instance, const char *pod_uid, char out[NET_NAME_SIZE]);
/* Makes the pod's namespace with lo, eth0 (address ip/32) and its routes. Replaces a leftover. */
MUST_USE int net_pod_add(const struct instance *instance, const char *pod_uid, const char *ip,
                         struct error *err);
bool net_pod_is_there(const struct instance *instance, const char *pod_uid);
MUST_USE int net_pod_remove(const struct instance *instance, const char *pod_uid,
                            struct error *err);

/* Feeds rule text to `nft -f -` inside the sandbox's namespace. */
MUST_USE int net_rules_apply(const struct instance *instance, const char *text, struct error *err);

#endif
