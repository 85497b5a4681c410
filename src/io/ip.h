/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces and links of this machine, made by the `ip` program: one process for a batch
 * of lines, as each costs milliseconds.
 *
 * Place   who builds networks (the sandbox's, its pods'); netns.h works inside namespaces
 * Owns    nothing; a namespace NAME is /run/netns/NAME
 * Threads blocking; any thread
 * Limits  IP_TIMEOUT_MS a call
 */
#ifndef WEFT_IO_IP_H
#define WEFT_IO_IP_H

#include "base/err.h"
#include "base/prelude.h"

enum { IP_TIMEOUT_MS = 20000 };

/* Runs lines of `ip -batch` ("link set lo up\n...") in a namespace; NULL: ours. The error holds
 * what ip said. */
MUST_USE int ip_batch(const char *netns, const char *lines, struct error *err);
/* Runs another program in a namespace, with `input` as its stdin. */
MUST_USE int ip_netns_exec(const char *netns, const char *const *argv, const char *input,
                           struct error *err);

bool ip_netns_exists(const char *netns);
MUST_USE int ip_netns_add(const char *netns, struct error *err);
/* With everything in it. Missing is fine. */
MUST_USE int ip_netns_delete(const char *netns, struct error *err);
/* All whose name starts with `prefix`; goes on after a failure, and tells the last one. When no
 * namespace is left the folder that ip mounts goes too. */
MUST_USE int ip_netns_delete_all(const char *prefix, struct error *err);

/* Missing is fine. */
MUST_USE int ip_link_delete(const char *link, struct error *err);
/* Whether packets to that address leave by that link. */
bool ip_route_is_by(const char *address, const char *link);

#endif
