/* SPDX-License-Identifier: Apache-2.0 */
/* Prefix and suffix lookup by a running hash. See lookup.h.
 */
#include "proxy/lookup.h"

enum { HASH_START = 0x811c9dc5U, HASH_STEP = 0x01000193U };

static inline uint32_t hash_byte(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * HASH_STEP;
}

static uint32_t hash_key(struct slice key, bool from_end)
{
    uint32_t hash = HASH_START;

    for (size_t i = 0; i < key.len; i++)
        hash = hash_byte(hash, key.data[from_end ? key.len - 1 - i : i]);
    return hash;
}

/* FNV's low bits are weak for short keys: fold the high ones in. */
static inline uint32_t slot_of(const struct lookup *lookup, uint32_t hash)
{
    return (hash ^ (hash >> 15)) & lookup->mask;
}

static uint32_t find(const struct lookup *lookup, struct slice key, uint32_t hash)
{
    for (uint32_t slot = slot_of(lookup, hash);; slot = (slot + 1) & lookup->mask) {
        const struct lookup_entry *entry = &lookup->slots[slot];

        if (entry->key.data == NULL)
            return LOOKUP_NONE;
        if (entry->hash == hash && slice_eq(entry->key, key))
            return entry->value;
    }
}

static void add_length(struct lookup *lookup, uint32_t length)
{
    size_t at = lookup->length_count;

    for (size_t i = 0; i < lookup->length_count; i++)
        if (lookup->lengths[i] == length)
            return;
    while (at > 0 && lookup->lengths[at - 1] > length) {
        lookup->lengths[at] = lookup->lengths[at - 1];
        at--;
    }
    lookup->lengths[at] = length;
    lookup->length_count++;
}

void lookup_build(struct lookup *lookup, struct arena *arena, const struct lookup_entry *entries,
                  size_t count, bool from_end, size_t *ret_duplicate)
{
    uint32_t size = 4;

    while (size < count * 2)
        size *= 2;
    lookup->slots = ARENA_ARRAY(arena, struct lookup_entry, size);
    lookup->lengths = ARENA_ARRAY(arena, uint32_t, count + 1);
    lookup->mask = size - 1;
    lookup->from_end = from_end;
    if (ret_duplicate)
        *ret_duplicate = count;
    for (size_t i = 0; i < count; i++) {
        struct slice key = entries[i].key.data ? entries[i].key : SLICE("");
        uint32_t hash = hash_key(key, from_end);
        uint32_t slot = slot_of(lookup, hash);

        if (find(lookup, key, hash) != LOOKUP_NONE) {
            if (ret_duplicate && *ret_duplicate == count)
                *ret_duplicate = i;
            continue;
        }
        while (lookup->slots[slot].key.data != NULL)
            slot = (slot + 1) & lookup->mask;
        lookup->slots[slot] = (struct lookup_entry){key, hash, entries[i].value};
        add_length(lookup, (uint32_t)key.len);
    }
}

uint32_t lookup_exact(const struct lookup *lookup, struct slice key)
{
    if (lookup->length_count == 0)
        return LOOKUP_NONE;
    return find(lookup, key, hash_key(key, lookup->from_end));
}

size_t lookup_walk(const struct lookup *lookup, struct slice text, uint32_t *ret_values, size_t max)
{
    uint32_t hash = HASH_START;
    size_t done = 0;
    size_t found = 0;

    for (size_t i = 0; i < lookup->length_count && lookup->lengths[i] <= text.len; i++) {
        size_t length = lookup->lengths[i];
        struct slice key;
        uint32_t value;

        for (; done < length; done++)
            hash = hash_byte(hash, text.data[lookup->from_end ? text.len - 1 - done : done]);
        key = slice_make(text.data + (lookup->from_end ? text.len - length : 0), length);
        value = find(lookup, key, hash);
        if (value == LOOKUP_NONE)
            continue;
        if (found == max) {
            memmove(ret_values, ret_values + 1, (max - 1) * sizeof *ret_values);
            found--;
        }
        ret_values[found++] = value;
    }
    return found;
}
