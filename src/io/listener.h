/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket: hands accepted descriptors to its owner.
 *
 * Place   http/server, proxy/listen; one per worker and address with reuse_port
 * Owns    the socket; a Unix socket's file is removed at close
 * Limits  at most 64 accepts a turn; when descriptors run out (EMFILE) accepting rests 100 ms
 */
#ifndef WEFT_IO_LISTENER_H
#define WEFT_IO_LISTENER_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/addr.h"
#include "io/loop.h"

struct listener;

struct listener_options {
    int backlog;      /* 0: 4096 */
    bool reuse_port;  /* SO_REUSEPORT: several workers on one address */
    bool transparent; /* IP_TRANSPARENT */
    bool v4_too;      /* an IPv6 any-address also takes IPv4 (IPV6_V6ONLY off) */
    bool no_listen; /* bind only (Envoy's bind_to_port=false has no socket at all: do not use it for
                       that) */
};

/* Binds and listens. `on_accept` takes the non-blocking, close-on-exec descriptor. Error names
 * address and reason. */
MUST_USE int listener_open(struct loop *loop, const struct addr *addr,
                           const struct listener_options *options,
                           void (*on_accept)(int fd, const struct addr *peer, void *ctx), void *ctx,
                           struct listener **ret, struct error *err);
/* The bound address (the real port when 0 was asked). */
const struct addr *listener_addr(const struct listener *listener);
/* Stops and resumes accepting. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
/* NULL is fine. No callback after it. */
void listener_close(struct listener *listener);

#endif
