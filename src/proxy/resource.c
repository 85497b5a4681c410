/* SPDX-License-Identifier: Apache-2.0 */
/* Reference-counted arenas of compiled configuration. See resource.h.
 */
#include "proxy/resource.h"

#include "base/mem.h"

struct resource_cleanup {
    struct resource_cleanup *next;
    void (*drop)(void *object);
    void *object;
};

void *resource_new(size_t size, size_t chunk_size)
{
    struct resource *resource = mem_zalloc(size);

    arena_init(&resource->arena, chunk_size);
    atomic_init(&resource->refs, 1);
    return resource;
}

void resource_ref(struct resource *resource)
{
    /* Relaxed: whoever takes a reference already holds one. */
    atomic_fetch_add_explicit(&resource->refs, 1, memory_order_relaxed);
}

void resource_unref(struct resource *resource)
{
    struct resource_cleanup *cleanup;

    if (resource == NULL)
        return;
    /* Release our reads before the count falls; acquire all others' before freeing. */
    if (atomic_fetch_sub_explicit(&resource->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (cleanup = resource->cleanups; cleanup != NULL; cleanup = cleanup->next)
        cleanup->drop(cleanup->object);
    arena_deinit(&resource->arena);
    mem_free(resource);
}

void resource_defer(struct resource *resource, void (*drop)(void *object), void *object)
{
    struct resource_cleanup *cleanup = ARENA_NEW(&resource->arena, struct resource_cleanup);

    cleanup->drop = drop;
    cleanup->object = object;
    cleanup->next = resource->cleanups;
    resource->cleanups = cleanup;
}
