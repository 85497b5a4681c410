/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: see arena.h. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK_DEFAULT = 4096, ARENA_ALIGN = 16 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* bytes of data */
    size_t used; /* bytes of data handed out */
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *arena, size_t chunk_size)
{
    *arena = (struct arena){.chunk_size = chunk_size ? chunk_size : ARENA_CHUNK_DEFAULT};
}

void arena_deinit(struct arena *arena)
{
    while (arena->chunk) {
        struct arena_chunk *older = arena->chunk->older;

        free(arena->chunk);
        arena->chunk = older;
    }
    arena->used_size = 0;
}

void arena_reset(struct arena *arena)
{
    while (arena->chunk && arena->chunk->older) {
        struct arena_chunk *older = arena->chunk->older;

        free(arena->chunk);
        arena->chunk = older;
    }
    if (arena->chunk)
        arena->chunk->used = 0;
    arena->used_size = 0;
}

void arena_limit_set(struct arena *arena, size_t size_max)
{
    arena->size_max = size_max;
}

static struct arena_chunk *chunk_add(struct arena *arena, size_t size)
{
    size_t room = arena->chunk_size > sizeof(struct arena_chunk)
                      ? arena->chunk_size - sizeof(struct arena_chunk)
                      : arena->chunk_size;
    struct arena_chunk *chunk;

    if (size > room)
        room = size;
    chunk = malloc(sizeof *chunk + room);
    ASSERT(chunk);
    chunk->size = room;
    chunk->used = 0;
    chunk->older = arena->chunk;
    arena->chunk = chunk;
    return chunk;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    struct arena_chunk *chunk = arena->chunk;
    size_t at;

    if (UNLIKELY(size > PTRDIFF_MAX - 64))
        return NULL;
    if (UNLIKELY(arena->size_max &&
                 size > arena->size_max - MIN(arena->used_size, arena->size_max)))
        return NULL;
    at = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;
    if (!chunk || at > chunk->size || size > chunk->size - at) {
        chunk = chunk_add(arena, size);
        at = 0;
    }
    chunk->used = at + size;
    arena->used_size += size;
    return chunk->data + at;
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
    void *memory = take(arena, size, ARENA_ALIGN);

    return memory ? memset(memory, 0, size) : NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = arena_try_alloc(arena, size);

    ASSERT(memory);
    return memory;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    ASSERT(!__builtin_mul_overflow(count, size, &total));
    return arena_alloc(arena, total);
}

char *arena_bytes(struct arena *arena, size_t size)
{
    char *memory = take(arena, size, 1);

    ASSERT(memory);
    return memory;
}

char *arena_slice_str(struct arena *arena, struct slice text)
{
    char *copy = arena_bytes(arena, text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_slice_str(arena, slice_str(text)) : NULL;
}

struct slice arena_slice_dup(struct arena *arena, struct slice text)
{
    return slice_make(arena_slice_str(arena, text), text.len);
}

struct slice arena_slice_lower(struct arena *arena, struct slice text)
{
    char *copy = arena_slice_str(arena, text);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = slice_char_lower(copy[i]);
    return slice_make(copy, text.len);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(len >= 0);
    text = arena_bytes(arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}

size_t arena_heap_size(const struct arena *arena)
{
    size_t total = 0;

    for (const struct arena_chunk *chunk = arena->chunk; chunk; chunk = chunk->older)
        total += sizeof *chunk + chunk->size;
    return total;
}
