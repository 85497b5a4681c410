/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of the sandbox: everything that derives from its name.
 *
 *   --name "weft"  ->  a number k (0..31, kept in the registry)  ->  10.B.0.0/14 with B = 64 + 4k
 *
 *   STATE/run/PROCESS.pid, STATE/logs/PROCESS.log   of its four processes
 *
 *   10.B.0.0/16    pods; gateway 10.B.0.1 on the bridge
 *   10.B+1.0.0/16  Services; 10.B+1.0.1 kubernetes, 10.B+1.0.10 cluster DNS
 *   10.B+2.0.0/24  LoadBalancer addresses
 *   10.B+3.0.0/30  the link between host (.1: the API server) and sandbox (.2: the node, its ports)
 *
 *   host ---- veth "weft-k" ---- [ network namespace "weft-NAME": bridge "pods", nftables, DNS ]
 *                                     |---- veth ---- [ "weft-NAME-<pod>" ] one a pod
 *
 * Place   the command `weft sandbox`, the API server (addresses, folders), the node agent
 * Owns    ROOT/NAME (state) and its line in ROOT/.instances
 * Limits  32 instances a machine; names of at most 20 letters, digits and '-'
 */
#ifndef WEFT_SANDBOX_INSTANCE_H
#define WEFT_SANDBOX_INSTANCE_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/daemon.h"
#include "oci/container.h"
#include "oci/image.h"

enum { INSTANCE_PATH_SIZE = 256, INSTANCE_NAME_MAX = 20, INSTANCE_COUNT_MAX = 32 };
enum { INSTANCE_IP_SIZE = 16, INSTANCE_CIDR_SIZE = 24 };

/* A plain value. read-only */
struct instance {
    char name[INSTANCE_NAME_MAX + 1];
    unsigned number; /* 0..31 */
    /* folders, absolute */
    char state_path[INSTANCE_PATH_SIZE];       /* ROOT/NAME; ROOT is $WEFT_STATE or /var/lib/weft */
    char kubeconfig_path[INSTANCE_PATH_SIZE];  /* STATE/kubeconfig: admin, https://127.0.0.1:PORT */
    char pki_path[INSTANCE_PATH_SIZE];         /* STATE/pki: the API server's keys */
    char db_path[INSTANCE_PATH_SIZE];          /* STATE/store.db */
    char log_path[INSTANCE_PATH_SIZE];         /* STATE/logs: apiserver.log, node.log */
    char run_path[INSTANCE_PATH_SIZE];         /* STATE/run: pid files, node.sock */
    char pods_path[INSTANCE_PATH_SIZE];        /* STATE/pods/<uid> */
    char node_socket_path[INSTANCE_PATH_SIZE]; /* the agent's HTTP: logs, exec, attach, portforward
                                                */
    struct oci_store images; /* layout $WEFT_IMAGES or ROOT/image-store (shared by instances), cache
                                   STATE/images */
    struct oci_runtime runtime; /* STATE/run/runc, STATE/run/exits */
    /* names */
    char netns[48];      /* of the sandbox */
    char netns_path[64]; /* /run/netns/... of it */
    char host_link[16];  /* veth on the host */
    char node_name[48];  /* the Node object: "weft-NAME", or "weft" for the default name */
    char cgroup[64];     /* "/weft/NAME" */
    /* addresses */
    char pod_cidr[INSTANCE_CIDR_SIZE];
    char pod_gateway[INSTANCE_IP_SIZE];
    char service_cidr[INSTANCE_CIDR_SIZE];
    char kubernetes_ip[INSTANCE_IP_SIZE]; /* ClusterIP of Service default/kubernetes, port 443 */
    char dns_ip[INSTANCE_IP_SIZE];        /* cluster DNS */
    char lb_cidr[INSTANCE_CIDR_SIZE];     /* LoadBalancer addresses are handed out of this */
    char host_ip[INSTANCE_IP_SIZE];       /* host's end: the API server listens here too */
    char sandbox_ip[INSTANCE_IP_SIZE];    /* sandbox's end */
    char route_cidr[INSTANCE_CIDR_SIZE];  /* the one route of the host */
    unsigned api_port;                    /* 6443 + number, on 127.0.0.1 and host_ip */
};

/* Looks the name up and derives everything. With `create` an unknown name gets a free number and
 * its state folder; otherwise ERR_NOT_FOUND. ERR_INVALID for a name that is not one. */
MUST_USE int instance_open(const char *name, bool create, struct instance *ret, struct error *err);
/* Its processes, in the order of starting; the supervisor last, so that it is the first to be
 * stopped. It starts the others again when they end before their time. */
enum instance_process {
    INSTANCE_APISERVER,
    INSTANCE_CONTROLLERS,
    INSTANCE_NODE,
    INSTANCE_SUPERVISOR,
    INSTANCE_PROCESS_COUNT,
};
/* Runs as `weft sandbox run-PROCESS --name NAME`. Borrows from the instance. */
struct daemon instance_daemon(const struct instance *instance, enum instance_process process);
/* The supervisor: looks five times a second. Ends by a signal only. */
MUST_USE int instance_supervise(const struct instance *instance, struct error *err);
/* Forgets the number and removes the state folder (nothing may be mounted in it any more). */
MUST_USE int instance_remove(const struct instance *instance, struct error *err);

#endif
