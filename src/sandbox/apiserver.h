/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's API server: Kubernetes' REST interface over a store of JSON trees.
 *
 *   kubectl, weftd, node agent --TLS--> apiserver --> store (memory, SQLite log)
 *                                          +--unix socket--> node agent (logs, exec)
 *
 * Place   `weft sandbox` starts sandbox_apiserver_run as a process of its own
 * Owns    <folder>/store.db*, <folder>/pki/ (CA, server, admin and token keys), the kubeconfig
 * Limits  a request body of 3 MiB; 20,000 objects a kind; see each file
 * Spec    Kubernetes 1.34's API conventions, as far as README.md lists
 */
#ifndef WEFT_SANDBOX_APISERVER_H
#define WEFT_SANDBOX_APISERVER_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"

/* Borrowed until sandbox_apiserver_run or _start returns. NULL or 0: the default in brackets. */
struct sandbox_apiserver_options {
    const char *folder; /* state folder, made when missing; required */
    const char *listen; /* "ip:port,ip:port": addresses to serve on; the first one is written into
                           the kubeconfig [127.0.0.1:6443] */
    const char *advertise_ip; /* where pods reach the server: endpoint of Service
                                 default/kubernetes, with the port of the last `listen` entry [the
                                 first listen address] */
    const char *server_names; /* more names or IPs for the server's certificate, "," between [none]
                               */
    const char *service_cidr; /* ClusterIPs; its first address is default/kubernetes, its tenth is
                                 kube-system/kube-dns [10.96.0.0/16] */
    const char *node_socket;  /* Unix socket of the node agent [<folder>/node.sock] */
    const char *kubeconfig;   /* file to write, mode 0600 [<folder>/admin.conf] */
    const char *ready_file;   /* written (empty) once the server answers /readyz [none] */
};

/* Serves until SIGTERM or SIGINT. The error names the option, file or address and the reason. */
MUST_USE int sandbox_apiserver_run(const struct sandbox_apiserver_options *options,
                                   struct error *err);

struct sandbox_apiserver;

/* The same on a given loop, for tests: returns when it listens. */
MUST_USE int sandbox_apiserver_start(struct loop *loop,
                                     const struct sandbox_apiserver_options *options,
                                     struct sandbox_apiserver **ret, struct error *err);
/* Commits, closes every connection. NULL is fine. */
void sandbox_apiserver_free(struct sandbox_apiserver *server);

#endif
