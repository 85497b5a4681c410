/* SPDX-License-Identifier: Apache-2.0 */
/* A generation of configuration: everything that workers look up, immutable and whole.
 *
 *   config_store (main thread) --publish--> struct config, referenced by each worker
 *     current cluster, endpoints, routes, listeners by slot or name
 *
 * Place   the store is fed by the bootstrap and by xDS; workers read the struct config
 * Owns    references to the resources that it names; unchanged ones are shared between generations
 * Threads the store is the main thread's; a config may be read and dropped anywhere
 */
#ifndef WEFT_PROXY_CONFIG_H
#define WEFT_PROXY_CONFIG_H

#include "base/map.h"
#include "base/prelude.h"
#include "base/vec.h"
#include "proxy/cluster.h"
#include "proxy/listener_conf.h"
#include "proxy/resource.h"
#include "proxy/route.h"

struct config_cluster {
    struct cluster_conf *conf;      /* NULL: no such cluster (yet) */
    struct endpoint_set *endpoints; /* NULL: none known */
};

struct config {
    struct resource resource; /* first */
    uint64_t generation;
    struct config_cluster *clusters; /* by slot */
    size_t cluster_count;
    struct route_table **routes; /* by slot; NULL: none */
    size_t route_count;
    struct listener_conf **listeners;
    size_t listener_count;
    struct map by_addr; /* IP and port bytes -> listener, for handed-over connections */
};

struct config_store {
    VEC(struct config_cluster) clusters;
    VEC(struct route_table *) routes;
    struct map listeners; /* name -> listener_conf, in order of arrival */
    uint64_t generation;
    struct config *current; /* the last published; NULL before */
};

void config_store_init(struct config_store *store);
void config_store_deinit(struct config_store *store);
/* All three take the references; NULL removes. */
void config_store_cluster(struct config_store *store, uint32_t slot, struct cluster_conf *conf);
void config_store_endpoints(struct config_store *store, uint32_t slot, struct endpoint_set *set);
void config_store_route(struct config_store *store, uint32_t slot, struct route_table *table);
/* NULL conf removes the listener of that name. */
void config_store_listener(struct config_store *store, struct slice name,
                           struct listener_conf *conf);
/* What is in force (borrowed). */
struct config_cluster config_store_get_cluster(const struct config_store *store, uint32_t slot);
/* Builds the next generation of what the store holds; store->current is it (one reference kept). */
struct config *config_store_publish(struct config_store *store);

/* The listener for a connection to that address: exact address and port, else the any-address of
 * its family with that port, else NULL. */
struct listener_conf *config_listener_of(const struct config *config, const struct addr *addr);

#endif
