/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses, asynchronously, by c-ares (hosts file and resolv.conf as the system has
 * them).
 *
 * Place   STRICT_DNS clusters, the xDS client, the kube client
 * Owns    one c-ares channel per loop
 * Limits  32 addresses an answer; 1,024 questions in flight
 */
#ifndef WEFT_IO_RESOLVER_H
#define WEFT_IO_RESOLVER_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/addr.h"
#include "io/loop.h"

struct resolver;
struct resolver_query;

MUST_USE int resolver_new(struct loop *loop, struct resolver **ret);
/* Open queries are cancelled without their callbacks. NULL is fine. */
void resolver_free(struct resolver *resolver);
/* `host` may be an IP literal. `family` is AF_INET, AF_INET6 or AF_UNSPEC (both). The callback runs
 * once, never within this call: code 0 with at least one address (borrowed; port set), or an error.
 * ttl_s is the smallest seen (0 unknown). */
MUST_USE int resolver_lookup(struct resolver *resolver, const char *host, unsigned port, int family,
                             void (*on_resolved)(int code, const struct addr *addrs, size_t count,
                                                 unsigned ttl_s, void *ctx),
                             void *ctx, struct resolver_query **ret);
/* After this the callback never runs. NULL is fine. */
void resolver_cancel(struct resolver_query *query);

#endif
