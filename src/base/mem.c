/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory: see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *mem_zalloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    ASSERT(memory);
    return memory;
}

void *mem_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);

    ASSERT(memory);
    return memory;
}

void *mem_realloc(void *old, size_t size)
{
    void *memory = realloc(old, size);

    ASSERT(memory);
    return memory;
}

char *mem_slice_dup(struct slice text)
{
    char *copy = mem_zalloc(text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text ? mem_slice_dup(slice_str(text)) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    ASSERT(len >= 0);
    return text;
}

void mem_free(void *memory)
{
    free(memory);
}

void mem_drop(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;

    free(*pointer);
    *pointer = NULL;
}
