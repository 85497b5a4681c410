/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's controllers: what makes Pods of Deployments, endpoints of Services, and empties
 * what is deleted.
 *
 * Each is a kind of work of kube/work.h. What they decide is pure and lives in kube/ too:
 * rollout.h, replicas.h, endpoints.h, autoscale.h; here is what they read and write.
 *
 * Place   `weft sandbox` starts sandbox_controllers_run as a process of its own; it knows the API
 *         server only as a client
 * Owns    its client and queue
 * Spec    Kubernetes 1.34's controllers, as far as reference pages list them
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_H
#define WEFT_SANDBOX_CONTROLLERS_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"
#include "kube/client.h"

/* Borrowed until sandbox_controllers_run or _start returns. */
struct sandbox_controllers_options {
    const char *kubeconfig; /* file; required */
    const char *node_name;  /* where pods are bound; NULL: the first Node */
    const char
        *lb_cidr; /* addresses for Services of type LoadBalancer; NULL: none, they stay pending */
    const char
        *root_ca; /* PEM text for the ConfigMaps kube-root-ca.crt; NULL: the kubeconfig's CA */
};

/* Runs until SIGTERM or SIGINT. The error names the option or file and the reason. */
MUST_USE int sandbox_controllers_run(const struct sandbox_controllers_options *options,
                                     struct error *err);

struct sandbox_controllers;

/* The same on a given loop, for tests. */
MUST_USE int sandbox_controllers_start(struct loop *loop,
                                       const struct sandbox_controllers_options *options,
                                       struct sandbox_controllers **ret, struct error *err);
/* NULL is fine. */
void sandbox_controllers_free(struct sandbox_controllers *controllers);

#endif
