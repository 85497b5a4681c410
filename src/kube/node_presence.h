/* SPDX-License-Identifier: Apache-2.0 */
/* A node's presence in the API: its Node object is made when it is absent, its status is renewed
 * again and again, and its Lease is held.
 *
 *   absent --create--> there --status, every ten seconds--> there
 *      ^                           | not found
 *      '---------------------------'
 *
 * Place   the agent of a node, as long as it runs
 * Owns    its calls, its timer, the Lease; Node and Lease outlive it
 * Limits  one call at a time; after one that failed the next is half a second later
 * Spec    the kubelet's heartbeats: node status, and a Lease of 40 s in kube-node-lease
 */
#ifndef WEFT_KUBE_NODE_PRESENCE_H
#define WEFT_KUBE_NODE_PRESENCE_H

#include "base/prelude.h"
#include "kube/client.h"
#include "kube/objects/node_object.h"

struct node_presence;

/* Starts at once. The texts of `facts` are borrowed for life. `interval_ms`: of the status; 0:
 * 10,000. */
struct node_presence *node_presence_new(struct kube_client *client, const struct node_facts *facts,
                                        uint64_t interval_ms);
/* NULL is fine. */
void node_presence_free(struct node_presence *presence);

#endif
