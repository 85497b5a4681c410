/* SPDX-License-Identifier: Apache-2.0 */
/* An immutable table from literals to numbers that answers "which keys are a prefix (or a suffix)
 * of this text" in one pass over the text, however many keys there are.
 *
 *   keys "/", "/api", "/api/v1"  ->  lengths 1, 4, 7 and a hash table; the text is hashed byte by
 *   byte, and at each of these lengths the running hash is looked up
 *
 * Place   virtual-host domains and route paths
 * Owns    nothing: built in the caller's arena
 * Limits  keys come from configuration only, so a peer cannot make chains longer
 */
#ifndef WEFT_PROXY_LOOKUP_H
#define WEFT_PROXY_LOOKUP_H

#include "base/arena.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { LOOKUP_NONE = UINT32_MAX };

struct lookup_entry {
    struct slice key;
    uint32_t hash;
    uint32_t value;
};

struct lookup {
    /* private */
    struct lookup_entry *slots; /* key.data NULL: free */
    uint32_t mask;
    uint32_t *lengths; /* distinct key lengths, ascending */
    size_t length_count;
    bool from_end; /* hash from the last byte backwards: suffixes */
};

/* Builds from `count` entries (keys kept; key and value set). The first of equal keys wins;
 * *ret_duplicate (may be NULL) gets the index of a later equal one, or count. */
void lookup_build(struct lookup *lookup, struct arena *arena, const struct lookup_entry *entries,
                  size_t count, bool from_end, size_t *ret_duplicate);
/* The value of exactly this key, or LOOKUP_NONE. */
uint32_t lookup_exact(const struct lookup *lookup, struct slice key);
/* The values of all keys that the text starts with (ends with, for from_end), shortest first; at
 * most max of them: the longest ones are kept. Returns how many. */
size_t lookup_walk(const struct lookup *lookup, struct slice text, uint32_t *ret_values,
                   size_t max);

#endif
