/* SPDX-License-Identifier: Apache-2.0 */
/* The resources of the proxy on the main thread: takes messages, compiles them, keeps what is in
 * force, asks for a new generation when something changed.
 *
 * Place   fed by the bootstrap (server.c) and by xDS (ads.c); read by admin
 * Owns    the compiler, the store, the bytes for /config_dump, DNS clusters' lookups
 * Threads the main thread's
 */
#ifndef WEFT_PROXY_RESOURCES_H
#define WEFT_PROXY_RESOURCES_H

#include "base/prelude.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "proxy/compile.h"
#include "proxy/config.h"
#include "proxy/dump.h"

struct dns_cluster;

struct resources {
    struct loop *loop;
    struct resolver *resolver; /* NULL until a DNS cluster needs it */
    struct stats *stats;
    struct compiler compiler;
    struct config_store store;
    struct dump dump;
    struct map dns;               /* cluster name -> dns_cluster */
    struct map orphans;           /* EDS names -> endpoint_set without a cluster yet */
    struct loop_task change;      /* publishes once a turn */
    struct loop_timer tick;       /* outlier detection */
    void (*on_change)(void *ctx); /* a new generation is wanted */
    void *ctx;
};

/* `on_change` runs from the loop, once for all changes of a turn. */
void resources_init(struct resources *resources, struct loop *loop, struct stats *stats,
                    unsigned worker_count, void (*on_change)(void *ctx), void *ctx);
void resources_deinit(struct resources *resources);

/* The main loop's resolver, made on first use; NULL when that fails. */
struct resolver *resources_resolver(struct resources *resources);

/* Each takes one message: 0 when it is in force (or was already), else it is refused with path and
 * reason, and what was in force stays. `bytes` is the encoding (empty: it is made). */
MUST_USE int resources_put_cluster(struct resources *resources, const struct pb_cluster *in,
                                   struct slice bytes, const char *version, bool dynamic,
                                   struct error *err);
MUST_USE int resources_put_endpoints(struct resources *resources,
                                     const struct pb_cluster_load_assignment *in,
                                     struct slice bytes, const char *version, struct error *err);
MUST_USE int resources_put_listener(struct resources *resources, const struct pb_listener *in,
                                    struct slice bytes, const char *version, bool dynamic,
                                    struct error *err);
MUST_USE int resources_put_route(struct resources *resources,
                                 const struct pb_route_configuration *in, struct slice bytes,
                                 const char *version, bool dynamic, struct error *err);
/* Removing what is not there is fine. Static ones stay. */
void resources_remove_cluster(struct resources *resources, struct slice name);
void resources_remove_endpoints(struct resources *resources, struct slice name);
void resources_remove_listener(struct resources *resources, struct slice name);
void resources_remove_route(struct resources *resources, struct slice name);

#endif
