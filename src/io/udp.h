/* SPDX-License-Identifier: Apache-2.0 */
/* UDP sockets: open, receive, send. The owner watches the descriptor on its loop.
 *
 * Place   DNS servers (sandbox, later the sidecar's capture)
 * Owns    nothing: the descriptor is the caller's
 */
#ifndef WEFT_IO_UDP_H
#define WEFT_IO_UDP_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "io/addr.h"

#include <sys/types.h>

/* A non-blocking, close-on-exec socket bound to `bind_to` (NULL: any) and connected to `connect_to`
 * (NULL: not connected). The error names address and reason. */
MUST_USE int udp_open(const struct addr *bind_to, const struct addr *connect_to, int *ret_fd,
                      struct error *err);
/* Bytes of one datagram (>= 0; cut at size), ERR_AGAIN, or another error. `ret_from` may be
 * NULL. */
MUST_USE ssize_t udp_receive(int fd, void *into, size_t size, struct addr *ret_from);
/* 0 or an error; `to` NULL on a connected socket. */
MUST_USE int udp_send(int fd, struct slice bytes, const struct addr *to);

#endif
