/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets inside another network namespace of this machine.
 *
 * Place   the sandbox's node agent: port-forward and probes of what listens on a pod's loopback
 * Threads any: the calling thread enters the namespace and comes back before the return
 */
#ifndef WEFT_IO_NETNS_H
#define WEFT_IO_NETNS_H

#include "base/err.h"
#include "base/prelude.h"

/* Connects to port `port` of 127.0.0.1, else of ::1, in the namespace that `path` names
 * ("/run/netns/x"). *ret_fd is non-blocking, close-on-exec, the caller's. A loopback that takes
 * longer than 100 ms is ERR_TIMEOUT. The error's reason is the kernel's. */
MUST_USE int netns_connect(const char *path, unsigned port, int *ret_fd, struct error *err);

#endif
