/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory for our own small needs: allocation failure aborts, so callers need no branch for it.
 *
 * Place   anything that is not an arena; memory sized by a peer goes through a container with a
 * maximum
 */
#ifndef WEFT_BASE_MEM_H
#define WEFT_BASE_MEM_H

#include "base/prelude.h"
#include "base/slice.h"

/* Zeroed memory; free with mem_free. */
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* A zeroed object: `struct x *x = MEM_NEW(struct x);` */
#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
/* Zeroed array; aborts when the product overflows. */
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* As realloc; size 0 is not allowed. */
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull));
/* A terminated copy. NULL gives NULL for mem_strdup. */
char *mem_strdup(const char *text);
char *mem_slice_dup(struct slice text);
/* printf into fresh memory. */
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* NULL is fine. */
void mem_free(void *memory);

/* For SCOPED(mem_drop) on any pointer variable. */
void mem_drop(void *pointer_to_pointer);

#endif
