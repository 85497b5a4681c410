/* SPDX-License-Identifier: Apache-2.0 */
/* Load balancing: picks one of a set of hosts. Pure: knows weights and active requests, no sockets.
 *
 * Place   one per worker and cluster (and priority); rebuilt when hosts or their health change
 * Owns    its index arrays (allocated by rebuild, never by a pick)
 * Limits  rings of at most 65,536 points, Maglev tables of at most BALANCE_TABLE_MAX entries
 * Spec    Envoy: round robin (earliest deadline first when weights differ), least request (the
 *         better of two random hosts; deadline with weight / (active + 1) when weights differ),
 *         random, ring hash, Maglev
 */
#ifndef WEFT_PROXY_BALANCE_H
#define WEFT_PROXY_BALANCE_H

#include "base/prelude.h"
#include "base/rng.h"

enum { BALANCE_TABLE_DEFAULT = 65537, BALANCE_TABLE_MAX = 5000011 };

enum balance_policy {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_REQUEST,
    BALANCE_RANDOM,
    BALANCE_RING_HASH,
    BALANCE_MAGLEV,
};

struct balance_options {
    enum balance_policy policy;
    unsigned choice_count; /* least request: draws per pick; 0: 2 */
    uint32_t table_size;   /* Maglev: a prime; 0: BALANCE_TABLE_DEFAULT */
};

struct balance_host {
    uint32_t weight; /* at least 1 */
    uint32_t active; /* requests now; kept by the caller, read at pick time */
    uint64_t key;    /* hash of the address: its place on rings */
    bool available;  /* healthy and not ejected */
};

struct balance {
    /* private */
    struct balance_options options;
    const struct balance_host *hosts;
    uint32_t *eligible; /* indices into hosts */
    size_t eligible_count;
    bool weighted; /* weights differ */
    size_t next;   /* round robin's place */
    struct balance_deadline *heap;
    struct balance_point *ring;
    size_t ring_count;
    uint32_t *table; /* Maglev: table_size hosts */
};

void balance_init(struct balance *balance, const struct balance_options *options);
void balance_deinit(struct balance *balance);
/* Takes in hosts [0, count) (kept: borrowed until the next rebuild). With `all` unavailable hosts
 * are eligible too (panic). */
void balance_rebuild(struct balance *balance, const struct balance_host *hosts, size_t count,
                     bool all, struct rng *rng);
/* An index into hosts, or -1 when none is eligible. `hash` decides for ring hash and
 * Maglev. */
ptrdiff_t balance_pick(struct balance *balance, uint64_t hash, struct rng *rng);
/* A hash of bytes for ring keys and hash policies; the same in every process. */
uint64_t balance_hash(const void *data, size_t len);

#endif
