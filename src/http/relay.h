/* SPDX-License-Identifier: Apache-2.0 */
/* Passes one exchange on to another server: heads, bodies, upgrades, back-pressure both ways.
 *
 *   client stream <--> relay <--> a stream of the pool
 *
 * Place   the sandbox's API server, to its node agent (logs, exec, attach, port-forward)
 * Owns    the client's events from the start on; frees itself when both streams are closed
 * Limits  64 KiB of a refusal's text
 */
#ifndef WEFT_HTTP_RELAY_H
#define WEFT_HTTP_RELAY_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/client.h"

struct http_relay_events {
    /* The other server did not agree (neither 200 nor 101), with its text; status 0: it gave no
     * answer at all. The client has had none either: give one. */
    void (*on_refused)(struct http_stream *client, unsigned status, struct slice text, void *ctx);
    /* The last callback. */
    void (*on_close)(void *ctx);
};

/* A request to pass on: what the client asked, to another authority and path (both borrowed),
 * without its credentials, which are this server's business. Headers are copied into the arena. */
struct http_head http_relay_head(const struct http_head *asked, const char *authority,
                                 struct slice path, struct arena *arena);

/* Sends `head`, and then what the client sends. On failure nothing happened and the client's events
 * are as before. `events` is kept. */
MUST_USE int http_relay_start(struct http_stream *client, struct http_pool *pool,
                              const struct http_head *head, const struct http_relay_events *events,
                              void *ctx);

#endif
