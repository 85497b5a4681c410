/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: many small allocations, one end. Pieces are never freed singly.
 *
 *   chunk -> chunk -> NULL        each chunk is one malloc; the newest is filled first
 *
 * Place   per stream, per configuration resource, per tick
 * Owns    its chunks; `arena_reset` keeps the first one, so a reused arena allocates nothing
 * Limits  `arena_limit_set` bounds the total; past it arena_alloc aborts and arena_try_alloc gives
 * NULL Threads one at a time
 */
#ifndef WEFT_BASE_ARENA_H
#define WEFT_BASE_ARENA_H

#include "base/prelude.h"
#include "base/slice.h"

struct arena_chunk;

struct arena {
    /* private */
    struct arena_chunk *chunk; /* newest, or NULL */
    size_t chunk_size;         /* bytes of a usual chunk */
    size_t used_size;          /* bytes handed out since the last reset */
    size_t size_max;           /* 0: no bound */
};

/* Caller's memory; allocates nothing yet. chunk_size 0 means 4096 bytes. */
void arena_init(struct arena *arena, size_t chunk_size);
/* Frees every chunk; the arena may be used again. */
void arena_deinit(struct arena *arena);
/* Forgets every allocation but keeps the first chunk. */
void arena_reset(struct arena *arena);
/* Bounds the total handed out (bytes; 0 for none). */
void arena_limit_set(struct arena *arena, size_t size_max);

/* Zeroed, aligned for any type. Aborts when out of memory or past the bound: for our own sizes. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))
void *arena_calloc(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
/* As arena_alloc, but NULL past the bound: for sizes that a peer chose. */
void *arena_try_alloc(struct arena *arena, size_t size) MUST_USE;
/* Unaligned, not zeroed bytes (text). */
char *arena_bytes(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* Terminated copies. arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_slice_str(struct arena *arena, struct slice text);
/* A copy as a slice (also terminated behind its end). */
struct slice arena_slice_dup(struct arena *arena, struct slice text);
/* The same with ASCII letters in lower case. */
struct slice arena_slice_lower(struct arena *arena, struct slice text);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Bytes held from the heap. */
size_t arena_heap_size(const struct arena *arena);

#endif
