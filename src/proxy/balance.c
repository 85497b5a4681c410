/* SPDX-License-Identifier: Apache-2.0 */
/* The balancers. See balance.h.
 *
 * Earliest deadline first: each host has the time at which it is due next; a pick takes the
 * smallest and puts it 1/weight further. That spreads a heavy host's turns among the others'.
 */
#include "proxy/balance.h"

#include "base/mem.h"

#include <stdlib.h>

enum { RING_POINTS = 256, RING_SIZE_MAX = 65536 };

struct balance_deadline {
    double due;
    uint32_t host;
};

struct balance_point {
    uint64_t hash;
    uint32_t host;
};

void balance_init(struct balance *balance, const struct balance_options *options)
{
    memset(balance, 0, sizeof *balance);
    balance->options = *options;
    if (options->choice_count == 0)
        balance->options.choice_count = 2;
    if (options->table_size == 0)
        balance->options.table_size = BALANCE_TABLE_DEFAULT;
}

void balance_deinit(struct balance *balance)
{
    mem_free(balance->eligible);
    mem_free(balance->heap);
    mem_free(balance->ring);
    mem_free(balance->table);
    balance->eligible = NULL;
    balance->table = NULL;
    balance->heap = NULL;
    balance->ring = NULL;
    balance->eligible_count = 0;
}

uint64_t balance_hash(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
    /* A finaliser: FNV alone leaves neighbouring keys near each other on the ring. */
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33);
}

static void sift_down(struct balance_deadline *heap, size_t count, size_t at)
{
    for (;;) {
        size_t child = at * 2 + 1;
        struct balance_deadline swap;

        if (child >= count)
            return;
        if (child + 1 < count && heap[child + 1].due < heap[child].due)
            child++;
        if (heap[at].due <= heap[child].due)
            return;
        swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static double step_of(const struct balance *balance, uint32_t host)
{
    const struct balance_host *h = &balance->hosts[host];
    double weight = h->weight;

    if (balance->options.policy == BALANCE_LEAST_REQUEST)
        weight /= (double)h->active + 1;
    return 1.0 / weight;
}

static void build_heap(struct balance *balance, struct rng *rng)
{
    balance->heap = mem_calloc(balance->eligible_count, sizeof *balance->heap);
    for (size_t i = 0; i < balance->eligible_count; i++) {
        uint32_t host = balance->eligible[i];

        /* Random first deadlines, so that workers do not march in step. */
        balance->heap[i].host = host;
        balance->heap[i].due =
            step_of(balance, host) * (double)(rng_u64(rng) >> 11) / (double)(1ULL << 53);
    }
    for (size_t i = balance->eligible_count / 2; i > 0; i--)
        sift_down(balance->heap, balance->eligible_count, i - 1);
}

static int compare_points(const void *a, const void *b)
{
    const struct balance_point *left = a;
    const struct balance_point *right = b;

    return left->hash < right->hash ? -1 : left->hash > right->hash;
}

static void build_ring(struct balance *balance)
{
    uint64_t total = 0;
    uint64_t scale;
    size_t size = 0;

    for (size_t i = 0; i < balance->eligible_count; i++)
        total += balance->hosts[balance->eligible[i]].weight;
    /* A fixed number of points per unit of weight, so that a host's leaving moves no other's; only
     * very large clusters halve it. */
    for (scale = RING_POINTS; total * scale > RING_SIZE_MAX && scale > 1;)
        scale /= 2;
    balance->ring =
        mem_calloc(MIN(total * scale, (uint64_t)RING_SIZE_MAX) + 1, sizeof *balance->ring);
    for (size_t i = 0; i < balance->eligible_count; i++) {
        uint32_t host = balance->eligible[i];
        uint64_t points = balance->hosts[host].weight * scale;

        for (uint64_t p = 0; p < points && size < RING_SIZE_MAX; p++) {
            uint64_t key[2] = {balance->hosts[host].key, p};

            balance->ring[size].hash = balance_hash(key, sizeof key);
            balance->ring[size++].host = host;
        }
    }
    qsort(balance->ring, size, sizeof *balance->ring, compare_points);
    balance->ring_count = size;
}

/* A host's walk over the table: its own order of all entries, as the size is a prime. */
struct walk {
    uint64_t at;
    uint64_t skip;
    uint64_t due; /* turns times weight at which it takes its next entry */
};

/* Each host in turn takes the next free entry of its walk; the heaviest in every turn, a lighter
 * one in its share of them. */
static void build_table(struct balance *balance)
{
    uint32_t size = balance->options.table_size;
    struct walk *walks = mem_calloc(balance->eligible_count, sizeof *walks);
    uint64_t heaviest = 0;
    uint32_t filled = 0;

    balance->table = mem_calloc(size, sizeof *balance->table);
    memset(balance->table, 0xff, size * sizeof *balance->table);
    for (size_t i = 0; i < balance->eligible_count; i++) {
        const struct balance_host *host = &balance->hosts[balance->eligible[i]];

        heaviest = MAX(heaviest, (uint64_t)host->weight);
        walks[i].at = host->key % size;
        walks[i].skip = balance_hash(&host->key, sizeof host->key) % (size - 1) + 1;
    }
    for (uint64_t turn = 1; filled < size; turn++) {
        for (size_t i = 0; i < balance->eligible_count && filled < size; i++) {
            struct walk *walk = &walks[i];

            if (turn * balance->hosts[balance->eligible[i]].weight < walk->due)
                continue;
            walk->due += heaviest;
            while (balance->table[walk->at] != UINT32_MAX)
                walk->at = (walk->at + walk->skip) % size;
            balance->table[walk->at] = balance->eligible[i];
            filled++;
        }
    }
    mem_free(walks);
}

void balance_rebuild(struct balance *balance, const struct balance_host *hosts, size_t count,
                     bool all, struct rng *rng)
{
    balance_deinit(balance);
    balance->hosts = hosts;
    balance->weighted = false;
    if (count == 0)
        return;
    balance->eligible = mem_calloc(count, sizeof *balance->eligible);
    for (size_t i = 0; i < count; i++) {
        if (!all && !hosts[i].available)
            continue;
        balance->eligible[balance->eligible_count++] = (uint32_t)i;
        if (hosts[i].weight != hosts[balance->eligible[0]].weight)
            balance->weighted = true;
    }
    if (balance->eligible_count == 0)
        return;
    balance->next = (size_t)rng_below(rng, balance->eligible_count);
    if (balance->options.policy == BALANCE_RING_HASH)
        build_ring(balance);
    else if (balance->options.policy == BALANCE_MAGLEV && balance->eligible_count > 1)
        build_table(balance);
    else if (balance->weighted && balance->options.policy != BALANCE_RANDOM)
        build_heap(balance, rng);
}

static uint32_t pick_deadline(struct balance *balance)
{
    uint32_t host = balance->heap[0].host;

    balance->heap[0].due += step_of(balance, host);
    sift_down(balance->heap, balance->eligible_count, 0);
    return host;
}

static uint32_t pick_random(const struct balance *balance, struct rng *rng)
{
    return balance->eligible[rng_below(rng, balance->eligible_count)];
}

static uint32_t pick_least(const struct balance *balance, struct rng *rng)
{
    uint32_t best = pick_random(balance, rng);

    for (unsigned i = 1; i < balance->options.choice_count; i++) {
        uint32_t other = pick_random(balance, rng);

        if (balance->hosts[other].active < balance->hosts[best].active)
            best = other;
    }
    return best;
}

static uint32_t pick_ring(const struct balance *balance, uint64_t hash)
{
    size_t low = 0;
    size_t high = balance->ring_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (balance->ring[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return balance->ring[low == balance->ring_count ? 0 : low].host;
}

ptrdiff_t balance_pick(struct balance *balance, uint64_t hash, struct rng *rng)
{
    if (balance->eligible_count == 0)
        return -1;
    if (balance->eligible_count == 1)
        return (ptrdiff_t)balance->eligible[0];
    switch (balance->options.policy) {
    case BALANCE_RING_HASH:
        return (ptrdiff_t)pick_ring(balance, hash);
    case BALANCE_MAGLEV:
        return (ptrdiff_t)balance->table[hash % balance->options.table_size];
    case BALANCE_RANDOM:
        return (ptrdiff_t)pick_random(balance, rng);
    case BALANCE_LEAST_REQUEST:
        return (ptrdiff_t)(balance->weighted ? pick_deadline(balance) : pick_least(balance, rng));
    case BALANCE_ROUND_ROBIN:
        break;
    }
    if (balance->weighted)
        return (ptrdiff_t)pick_deadline(balance);
    balance->next = (balance->next + 1) % balance->eligible_count;
    return (ptrdiff_t)balance->eligible[balance->next];
}
