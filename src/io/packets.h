/* SPDX-License-Identifier: Apache-2.0 */
/* A Unix socket of packets (SOCK_SEQPACKET) on the loop: the client's end.
 *
 * Place   the node agent: conmon's attach socket
 * Owns    the descriptor and what waits to be sent
 * Limits  a packet of PACKETS_SIZE_MAX comes whole, a larger one is cut; PACKETS_WAITING_MAX bytes
 *         wait for a peer that does not read
 * Threads the loop's
 */
#ifndef WEFT_IO_PACKETS_H
#define WEFT_IO_PACKETS_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "io/loop.h"

enum { PACKETS_SIZE_MAX = 16384, PACKETS_WAITING_MAX = 2 << 20 };

struct packets;

struct packets_events {
    /* Borrowed. */
    void (*on_packet)(struct slice packet, void *ctx);
    /* After packets_send returned ERR_AGAIN: all has left. */
    void (*on_sent)(void *ctx);
    /* The peer has closed: the last callback. */
    void (*on_end)(void *ctx);
};

/* Connects to the socket `leaf` in `folder`, however long its path is. `events` is kept; nothing
 * runs within this call. */
MUST_USE int packets_connect(struct loop *loop, const char *folder, const char *leaf,
                             const struct packets_events *events, void *ctx, struct packets **ret,
                             struct error *err);
/* Sends bytes as packets of at most 4 KiB. ERR_AGAIN: taken, but stop until on_sent; ERR_LIMIT: not
 * taken; ERR_CLOSED. */
MUST_USE int packets_send(struct packets *packets, struct slice bytes);
/* Our direction ends, once all has left. */
void packets_send_end(struct packets *packets);
void packets_read_pause(struct packets *packets);
void packets_read_resume(struct packets *packets);
/* No callback runs any more. NULL is fine. */
void packets_free(struct packets *packets);

#endif
