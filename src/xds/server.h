/* SPDX-License-Identifier: Apache-2.0 */
/* The server's half of an ADS stream, incremental (delta) or state of the world: messages in,
 * messages out. No I/O, no clock.
 *
 *   request bytes --xds_server_receive--> subscriptions, ACKs, NACKs of each type
 *   new set ------xds_server_update-----> every type is due
 *                 xds_server_flush -----> per type, in order: what differs from what the client has
 *
 * Order of change (make before break). Clusters, endpoints, listeners, routes. A type is sent only
 * when its last response was answered. Listeners and routes wait until clusters and endpoints are
 * answered and the client asked for the endpoints of each cluster it was sent (at most
 * XDS_SERVER_HOLD_MS). Removed clusters go last, when listeners and routes are answered; to a
 * state-of-the-world client, which deletes what a response lacks, they are sent along until then.
 *
 * Place   control/push binds one to each gRPC call
 * Owns    what the client has (names and hashes), by type, and the bytes of clusters that go (state
 *         of the world); the set is borrowed
 * Limits  XDS_SERVER_NAMES_MAX names a type; longer lists end the stream
 * Spec    xDS protocol v3: aggregated, delta and SotW; reference dataplane.md 1.3
 */
#ifndef WEFT_XDS_SERVER_H
#define WEFT_XDS_SERVER_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "xds/types.h"

enum { XDS_SERVER_NAMES_MAX = 200000, XDS_SERVER_HOLD_MS = 500 };

struct pb_node;
struct xds_server;

struct xds_server_resource {
    struct slice name;
    struct slice bytes; /* of the message: an Any's value */
    uint64_t hash;      /* of the bytes: its version */
};

struct xds_server_hooks {
    /* The set's resources; `set` is what xds_server_update got. */
    size_t (*count)(const void *set, enum xds_type type);
    void (*at)(const void *set, enum xds_type type, size_t index, struct xds_server_resource *ret);
    bool (*find)(const void *set, enum xds_type type, struct slice name,
                 struct xds_server_resource *ret);
    /* The first request came: who the client is. Call xds_server_update in it or later. A negative
     * code refuses the stream (xds_server_receive returns it). */
    int (*on_node)(struct xds_server *server, const struct pb_node *node, void *ctx);
    /* One response. 0, or ERR_AGAIN: taken, but send no more until xds_server_writable. */
    int (*send)(struct slice message, void *ctx);
    /* The client refused a response of that type. */
    void (*on_nack)(enum xds_type type, struct slice reason, void *ctx);
};

/* For proxy-status. */
struct xds_server_facts {
    bool subscribed;
    uint64_t sent_version;  /* of the last set sent; 0: nothing was */
    uint64_t acked_version; /* of the last set acknowledged */
    uint64_t nack_count;
    const char *nack_reason; /* of the last NACK that no ACK followed; NULL: none */
};

/* `hooks` is kept. */
struct xds_server *xds_server_new(bool delta, const struct xds_server_hooks *hooks, void *ctx);
/* NULL is fine. */
void xds_server_free(struct xds_server *server);
/* One request. ERR_INVALID for what is no request (end the stream with INVALID_ARGUMENT), ERR_LIMIT
 * past a limit, or on_node's code. Call xds_server_flush then. */
MUST_USE int xds_server_receive(struct xds_server *server, struct slice message, uint64_t now_ms,
                                struct error *err);
/* A new set, borrowed until the next update; `version` counts up. Call xds_server_flush then. */
void xds_server_update(struct xds_server *server, const void *set, uint64_t version);
/* There is room again after send returned ERR_AGAIN. */
void xds_server_writable(struct xds_server *server);
/* Sends what is due and may go. Returns when to call again though nothing happened (milliseconds on
 * now_ms' clock), or 0. */
uint64_t xds_server_flush(struct xds_server *server, uint64_t now_ms);
struct xds_server_facts xds_server_facts(const struct xds_server *server, enum xds_type type);
/* Everything that the client wants of the set is there and acknowledged. */
bool xds_server_is_settled(const struct xds_server *server);

#endif
