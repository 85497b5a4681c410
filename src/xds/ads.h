/* SPDX-License-Identifier: Apache-2.0 */
/* An xds_client on a gRPC stream that is kept up: connects, reconnects with back-off and jitter,
 * and goes on serving what it has while the server is away.
 *
 *   wait -> resolve -> connect, stream up -> (stream ends) -> wait (longer each time)
 *
 * Place   weft-proxy's main loop
 * Owns    the client, one connection pool, the stream
 * Limits  back-off 100 ms to 10 s; one stream
 */
#ifndef WEFT_XDS_ADS_H
#define WEFT_XDS_ADS_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/rng.h"
#include "http/head.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "io/tls.h"
#include "xds/client.h"

struct ads;

struct ads_options {
    struct xds_client_options client;
    const char *host; /* name or IP literal, or "unix:/path"; copied */
    unsigned port;
    const char *authority; /* :authority and SNI; NULL: host. Copied */
    const struct tls_config
        *tls; /* kept (referenced); NULL: plain text, HTTP/2 by prior knowledge */
    const struct http_header *metadata; /* sent with each stream (authorization ...); copied */
    size_t metadata_count;
    struct resolver *resolver; /* kept; NULL only for literals */
    uint64_t seed;             /* of the jitter */
    uint64_t backoff_min_ms;   /* 0: 100 */
    uint64_t backoff_max_ms;   /* 0: 10,000 */
    /* The stream came up (reason NULL) or went away (why). May be NULL. ctx is client.ctx. */
    void (*on_state)(bool connected, const char *reason, void *ctx);
};

/* Starts connecting on the next turn. */
MUST_USE int ads_open(struct loop *loop, const struct ads_options *options, struct ads **ret,
                      struct error *err);
/* The client, for subscriptions; call ads_flush after them (within on_update it is not needed). */
struct xds_client *ads_client(struct ads *ads);
/* Sends what is due, soon. */
void ads_flush(struct ads *ads);
bool ads_is_connected(const struct ads *ads);
/* Replaces the metadata (a token that was renewed) for streams to come. Copies. */
void ads_metadata_set(struct ads *ads, const struct http_header *metadata, size_t count);
/* Ends the stream; no callback runs any more. NULL is fine. */
void ads_free(struct ads *ads);

#endif
