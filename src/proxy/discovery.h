/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from a control plane: subscriptions, warming, and the order of change.
 *
 *   CDS item -> cluster in the store -> EDS name wanted   \   while a name was never answered
 *   LDS item -> listener in the store -> RDS name wanted  /   nothing is published (at most 3 s)
 *
 * So workers see a change whole: a route to a new cluster never comes before its endpoints, a new
 * listener never before its routes. Removed clusters go 5 s later, when no route names them.
 *
 * Place   agent.c makes it; feeds resources.c from xds/ads.h
 * Owns    the stream and the sets of names
 * Threads the main thread's
 */
#ifndef WEFT_PROXY_DISCOVERY_H
#define WEFT_PROXY_DISCOVERY_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/resolver.h"
#include "proxy/server.h"

struct discovery;
struct pb_node;

struct discovery_options {
    struct server *server;
    const struct pb_node *node;
    const char *host;
    unsigned port;
    const char *authority; /* NULL: host */
    struct resolver *resolver;
    bool state_of_the_world;     /* instead of delta */
    void (*on_ready)(void *ctx); /* the first whole configuration was published */
    void *ctx;
};

MUST_USE int discovery_open(const struct discovery_options *options, struct discovery **ret,
                            struct error *err);
bool discovery_is_connected(const struct discovery *discovery);
/* True while changes wait for answers: server.c asks before it publishes. */
bool discovery_holds(const struct discovery *discovery);
/* NULL is fine. */
void discovery_free(struct discovery *discovery);

#endif
