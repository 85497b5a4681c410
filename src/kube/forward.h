/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of Kubernetes' port-forward: TCP connections of a client, carried in one request
 * and made anew on our side.
 *
 *   kubectl, client-go   WebSocket "SPDY/3.1+portforward.k8s.io": SPDY frames inside the messages
 *   older client-go      Upgrade: SPDY/3.1, "portforward.k8s.io": the same frames, bare
 *     a connection is two streams that share a requestid: error (one way, a text), data (both ways)
 *   Python's client      WebSocket "v4.channel.k8s.io", ?ports=A,B: channel 2i data, 2i + 1 error
 *
 * Place   the node agent
 * Owns    the stream's events from the acceptance on, and the connections; frees itself at the end
 * Limits  FORWARD_TUNNELS_MAX connections at a time; 256 KiB wait for one that does not read, then
 *         the client is not read (SPDY/3.1 as Kubernetes uses it has no flow control)
 * Threads the loop's
 */
#ifndef WEFT_KUBE_FORWARD_H
#define WEFT_KUBE_FORWARD_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"

enum { FORWARD_TUNNELS_MAX = 128 };

struct forward_target {
    /* A connected, non-blocking socket to `port`; the error's reason goes to the client. */
    int (*dial)(unsigned port, int *ret_fd, struct error *err, void *ctx);
    /* Nothing is dialled any more: the last callback. */
    void (*on_close)(void *ctx);
};

/* Answers 101 and serves. `query` is the request's, for ports. ERR_INVALID when the client asks for
 * no protocol of ours, or for no port: nothing was answered, and on_close does not run. `target` is
 * kept. */
MUST_USE int forward_accept(struct http_stream *stream, struct slice query,
                            const struct forward_target *target, void *ctx);

#endif
