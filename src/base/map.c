/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table: see map.h. `index` is a power of two in size, at most half full, linear probing; a
 * removed entry leaves a hole in `entries` and its index slot pointing at it, so probing goes on
 * past it. Holes go at rebuild. */
#include "base/map.h"

#include "base/err.h"
#include "base/mem.h"

enum { MAP_INDEX_MIN = 16 };

void map_init(struct map *map, size_t count_max)
{
    *map = (struct map){.count_max = count_max};
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->entry_count; i++)
        if (map->entries[i].value)
            mem_free((char *)map->entries[i].key.data);
    map->count = 0;
    map->entry_count = 0;
    if (map->index)
        memset(map->index, 0, map->index_size * sizeof *map->index);
}

void map_deinit(struct map *map)
{
    size_t count_max = map->count_max;

    map_clear(map);
    mem_free(map->entries);
    mem_free(map->index);
    map_init(map, count_max);
}

static struct map_entry *find(const struct map *map, struct slice key, uint64_t hash)
{
    if (!map->index_size)
        return NULL;
    for (size_t slot = hash & (map->index_size - 1); map->index[slot];
         slot = (slot + 1) & (map->index_size - 1)) {
        struct map_entry *entry = &map->entries[map->index[slot] - 1];

        if (entry->value && entry->hash == hash && slice_eq(entry->key, key))
            return entry;
    }
    return NULL;
}

void *map_get(const struct map *map, struct slice key)
{
    struct map_entry *entry = map->count ? find(map, key, slice_hash(key)) : NULL;

    return entry ? entry->value : NULL;
}

void *map_get_str(const struct map *map, const char *key)
{
    return map_get(map, slice_str(key));
}

static void index_add(struct map *map, size_t entry_number)
{
    size_t slot = map->entries[entry_number].hash & (map->index_size - 1);

    while (map->index[slot])
        slot = (slot + 1) & (map->index_size - 1);
    map->index[slot] = (uint32_t)entry_number + 1;
}

/* Closes the holes and sizes the tables for twice the live entries. */
static void rebuild(struct map *map)
{
    size_t kept = 0;
    size_t size = MAP_INDEX_MIN;

    while (size < (map->count + 1) * 4)
        size *= 2;
    for (size_t i = 0; i < map->entry_count; i++)
        if (map->entries[i].value)
            map->entries[kept++] = map->entries[i];
    map->entry_count = kept;
    map->entry_cap = size / 2;
    ASSERT(map->entry_cap < UINT32_MAX);
    map->entries = mem_realloc(map->entries, map->entry_cap * sizeof *map->entries);
    mem_free(map->index);
    map->index = mem_calloc(size, sizeof *map->index);
    map->index_size = size;
    for (size_t i = 0; i < kept; i++)
        index_add(map, i);
}

int map_put(struct map *map, struct slice key, void *value, void **ret_old)
{
    uint64_t hash = slice_hash(key);
    struct map_entry *entry = find(map, key, hash);

    ASSERT(value);
    if (entry) {
        if (ret_old)
            *ret_old = entry->value;
        entry->value = value;
        return 0;
    }
    if (map->count_max && map->count >= map->count_max)
        return ERR_LIMIT;
    if (map->entry_count == map->entry_cap)
        rebuild(map);
    map->entries[map->entry_count] =
        (struct map_entry){slice_make(mem_slice_dup(key), key.len), value, hash};
    index_add(map, map->entry_count++);
    map->count++;
    if (ret_old)
        *ret_old = NULL;
    return 0;
}

void *map_remove(struct map *map, struct slice key)
{
    struct map_entry *entry = map->count ? find(map, key, slice_hash(key)) : NULL;
    void *value;

    if (!entry)
        return NULL;
    value = TAKE(entry->value);
    mem_free((char *)entry->key.data);
    entry->key = (struct slice){NULL, 0};
    map->count--;
    return value;
}

struct map_entry *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->entry_count) {
        struct map_entry *entry = &map->entries[(*cursor)++];

        if (entry->value)
            return entry;
    }
    return NULL;
}
