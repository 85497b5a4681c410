/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the addresses of a DNS cluster's names up to date.
 *
 * Place   resources.c, main thread
 * Owns    its lookups and refresh timer; texts copied from the configuration
 * Limits  a failed lookup keeps the former addresses and is tried again after the refresh time
 */
#ifndef WEFT_PROXY_DNS_CLUSTER_H
#define WEFT_PROXY_DNS_CLUSTER_H

#include "base/prelude.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "proxy/cluster.h"

struct dns_cluster;

/* `on_resolved` gets a new, unsealed set (taken) each time that all names were looked up. */
struct dns_cluster *
dns_cluster_new(struct loop *loop, struct resolver *resolver, const struct cluster_conf *conf,
                void (*on_resolved)(void *ctx, const char *name, struct endpoint_set *set),
                void *ctx);
/* NULL is fine. */
void dns_cluster_free(struct dns_cluster *cluster);

#endif
