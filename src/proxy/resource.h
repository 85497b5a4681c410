/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled piece of configuration: immutable, one arena, reference-counted across threads.
 *
 * Place   the first member of route tables, cluster and endpoint configurations, listeners
 * Owns    its arena, and what was deferred to its end (regular expressions, TLS contexts)
 * Threads references may be taken and dropped on any thread; everything else before publication
 */
#ifndef WEFT_PROXY_RESOURCE_H
#define WEFT_PROXY_RESOURCE_H

#include "base/arena.h"
#include "base/prelude.h"

#include <stdatomic.h>

struct resource_cleanup;

struct resource {
    struct arena arena;
    /* private */
    _Atomic unsigned refs;
    struct resource_cleanup *cleanups;
};

/* A zeroed object of `size` bytes whose first member is a struct resource, with one reference. */
void *resource_new(size_t size, size_t chunk_size) __attribute__((returns_nonnull));
void resource_ref(struct resource *resource);
/* Frees with the last reference, running the deferred clean-ups in reverse order. NULL is fine. */
void resource_unref(struct resource *resource);
/* Runs drop(object) when the resource ends. */
void resource_defer(struct resource *resource, void (*drop)(void *object), void *object);

#endif
