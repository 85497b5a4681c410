/* SPDX-License-Identifier: Apache-2.0 */
/* Work inside another network namespace of this machine.
 *
 * Place   the sandbox: its DNS server, switches of its network, port-forward to a pod's loopback
 * Threads any: the work is done on a thread of its own, which ends in there
 */
#ifndef WEFT_IO_NETNS_H
#define WEFT_IO_NETNS_H

#include "base/err.h"
#include "base/prelude.h"

/* Runs run(ctx) inside the namespace that `path` names ("/run/netns/x"), and waits for it; sockets
 * that it makes stay there. Returns what it returned; the error names the namespace. */
MUST_USE int netns_run(const char *path, int (*run)(void *ctx), void *ctx, struct error *err);
/* Connects to port `port` of 127.0.0.1, else of ::1, in the namespace. *ret_fd is non-blocking,
 * close-on-exec, the caller's. A loopback that takes longer than 100 ms is ERR_TIMEOUT. The error's
 * reason is the kernel's. */
MUST_USE int netns_connect(const char *path, unsigned port, int *ret_fd, struct error *err);

#endif
