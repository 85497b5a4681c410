/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's DNS server: the zone cluster.local itself, everything else from the machine's
 * resolver.
 *
 *   pod --UDP, TCP--> dns_ip:53 (in a namespace of the caller's choice)
 *                        |  *.cluster.local: dns_zone.c
 *                        +-- other names: UDP to the first nameserver of /etc/resolv.conf (in the
 *                            host's namespace); none there: NXDOMAIN; no answer: SERVFAIL
 *
 * Place   the sandbox's node agent
 * Owns    its sockets
 * Limits  512 forwarded questions at once, each for 3 s; 64 TCP connections, each for 10 s
 */
#ifndef WEFT_KUBE_DNS_SERVER_H
#define WEFT_KUBE_DNS_SERVER_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/addr.h"
#include "io/loop.h"
#include "kube/objects/dns_zone.h"

struct dns_server;

/* Serves on ip:53 inside the network namespace that `netns_path` names ("/run/netns/x"). `zone` is
 * copied. */
MUST_USE int dns_server_new(struct loop *loop, const char *ip, const char *netns_path,
                            const struct dns_zone *zone, struct dns_server **ret,
                            struct error *err);
/* As above on a given address in our own namespace (port 0: any; *ret_addr gets it), with a given
 * upstream (len 0: none). For tests. */
MUST_USE int dns_server_new_at(struct loop *loop, const struct addr *at,
                               const struct addr *upstream, const struct dns_zone *zone,
                               struct dns_server **ret, struct addr *ret_addr, struct error *err);
/* NULL is fine. */
void dns_server_free(struct dns_server *server);

#endif
