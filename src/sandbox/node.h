/* SPDX-License-Identifier: Apache-2.0 */
/* The node agent: runs the pods that are bound to this node, as a kubelet would; with them the
 * packet rules for Services and the cluster's DNS.
 *
 *   API server --watch: pods, Services, EndpointSlices, ConfigMaps, Secrets--> node
 *   node --status, events, tokens, the Node object--> API server
 *   API server --Unix socket: logs, exec--> node (node_http.c)
 *
 * Place   a process of its own, started by `weft sandbox up`; pods outlive it
 * Owns    INSTANCE/pods, INSTANCE/run/node.sock, the table of packet rules
 */
#ifndef WEFT_SANDBOX_NODE_H
#define WEFT_SANDBOX_NODE_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/instance.h"

/* Runs until SIGTERM or SIGINT; pods go on. The network must be up, the kubeconfig written. */
MUST_USE int node_run(const struct instance *instance, struct error *err);

#endif
