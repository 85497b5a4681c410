/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of the aggregated discovery service, without I/O: server messages in, updates
 * for the user and requests out.
 *
 *   subscribe/watch ---> [ wanted | sent | held ] ---> xds_client_request_next() ---> the stream
 *   the user <--- on_update <--- xds_client_message() <--- the stream
 *
 * Every response is answered by one request: an ACK, or a NACK with the user's reason. The state is
 * kept over reconnects: the next stream asks for what is wanted and says what is held (delta), so
 * an unchanged mesh sends nothing.
 *
 * Place   weft-proxy; xds/ads.h binds it to a gRPC stream
 * Owns    names, versions and hashes of what it holds; not the resources themselves
 * Limits  struct xds_client_options
 * Spec    xDS protocol, delta and state of the world
 */
#ifndef WEFT_XDS_CLIENT_H
#define WEFT_XDS_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "xds/types.h"

struct pb_node;
struct xds_client;

/* One resource of an update. All borrowed until on_update returns. */
struct xds_item {
    struct slice name;
    struct slice version;
    struct slice
        bytes;      /* the encoded message of the type: proto_decode(xds_type_desc(type), ...) */
    bool unchanged; /* same bytes as what is held (it was sent again) */
    bool rejected;  /* out: the user could not take it; it goes on with what it had */
};

struct xds_update {
    enum xds_type type;
    struct xds_item *items;
    size_t item_count;
    const struct slice *removed; /* gone, or asked for by name and not there */
    size_t removed_count;
};

struct xds_client_events {
    /* Apply all that can be applied. 0 acknowledges; a negative code refuses the response with
     * err->path and err->reason as text (the items that were not `rejected` count as taken).
     * Further subscriptions may be made in here. */
    int (*on_update)(const struct xds_update *update, struct error *err, void *ctx);
};

struct xds_client_options {
    const struct pb_node *node;             /* copied (as bytes) */
    bool state_of_the_world;                /* the older protocol; otherwise delta */
    size_t name_max;                        /* names held or wanted per type; 0: 100,000 */
    const struct xds_client_events *events; /* kept */
    void *ctx;
};

struct xds_client *xds_client_new(const struct xds_client_options *options);
/* NULL is fine. */
void xds_client_free(struct xds_client *client);
/* "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources" or Stream... */
const char *xds_client_path(const struct xds_client *client);

/* Subscribes to a wildcard type (CDS, LDS) as a whole; once is enough. */
void xds_client_watch(struct xds_client *client, enum xds_type type);
/* Wants one resource by name; again is the same as once. ERR_LIMIT past name_max. */
MUST_USE int xds_client_subscribe(struct xds_client *client, enum xds_type type, struct slice name);
/* Wants it no longer, and forgets what is held. */
void xds_client_unsubscribe(struct xds_client *client, enum xds_type type, struct slice name);
bool xds_client_is_subscribed(const struct xds_client *client, enum xds_type type,
                              struct slice name);

/* A new stream is up: everything wanted is asked again. */
void xds_client_stream_begin(struct xds_client *client);
/* The stream is gone: answers that were due are dropped. */
void xds_client_stream_end(struct xds_client *client);
/* Takes one message of the server; on_update runs within. ERR_INVALID for what is no response at
 * all (the stream should then end; err says why); a malformed resource in a good frame is a NACK,
 * not an error. */
MUST_USE int xds_client_message(struct xds_client *client, struct slice message, struct error *err);
/* Appends the next request that is due (answers first, then subscriptions) and returns true; false
 * when nothing is due or no stream is up. */
bool xds_client_request_next(struct xds_client *client, struct buf *out);

/* For admin and tests. */
struct xds_client_facts {
    uint64_t update_count;   /* responses taken */
    uint64_t rejected_count; /* responses refused */
    size_t held_count;       /* resources held now */
    struct slice version;    /* of the last response taken; empty before */
    struct slice error;      /* text of the last refusal since then; empty when none */
};
void xds_client_facts_get(const struct xds_client *client, enum xds_type type,
                          struct xds_client_facts *ret);
/* The version held under a name; empty when none. */
struct slice xds_client_version(const struct xds_client *client, enum xds_type type,
                                struct slice name);

#endif
