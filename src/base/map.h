/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from byte strings to pointers: open addressing, insertion order kept for iteration.
 *
 * Place   caches and indexes everywhere but the compiled tables of the request path
 * Owns    copies of the keys; values are the caller's
 * Limits  count_max given at init (0: none): map_put of a new key past it returns ERR_LIMIT
 */
#ifndef WEFT_BASE_MAP_H
#define WEFT_BASE_MAP_H

#include "base/prelude.h"
#include "base/slice.h"

struct map_entry {
    struct slice key; /* owned by the map, terminated */
    void *value;      /* never NULL for a live entry */
    uint64_t hash;
};

struct map {
    size_t count; /* read-only: live entries */
    /* private */
    struct map_entry *entries; /* in order of insertion, holes have value NULL */
    size_t entry_count;        /* used slots of entries, holes included */
    size_t entry_cap;
    uint32_t *index; /* slot -> entry number + 1, 0 for free */
    size_t index_size;
    size_t count_max;
};

void map_init(struct map *map, size_t count_max);
/* Frees keys and tables; values are the caller's to free before. */
void map_deinit(struct map *map);
/* The value, or NULL. */
void *map_get(const struct map *map, struct slice key);
void *map_get_str(const struct map *map, const char *key);
/* Sets; copies the key. Returns 0, or ERR_LIMIT for a new key past the maximum. *ret_old (may be
 * NULL) gets the former value or NULL. value must not be NULL. */
int map_put(struct map *map, struct slice key, void *value, void **ret_old);
/* Removes; returns the former value or NULL. */
void *map_remove(struct map *map, struct slice key);
/* Removes all (values are the caller's). */
void map_clear(struct map *map);
/* Iteration in order of insertion: start with *cursor = 0; NULL at the end. Removing visited
 * entries is allowed meanwhile, adding is not. */
struct map_entry *map_next(const struct map *map, size_t *cursor);

#define MAP_EACH(entry, map)                                                                       \
    for (size_t entry##_cursor = 0, entry##_once = 1; entry##_once; entry##_once = 0)              \
        for (struct map_entry *entry = map_next((map), &entry##_cursor); entry;                    \
             entry = map_next((map), &entry##_cursor))

#endif
