/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of any type: `VEC(struct slice) names = {0}; VEC_PUSH(&names, s); ...
 * VEC_DEINIT(&names);` Elements are items[0 .. count-1]. For our own sizes; a peer's sizes are
 * checked by the caller first.
 */
#ifndef WEFT_BASE_VEC_H
#define WEFT_BASE_VEC_H

#include "base/mem.h"
#include "base/prelude.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t cap;                                                                                \
    }

#define VEC_PUSH(vec, item)                                                                        \
    do {                                                                                           \
        if ((vec)->count == (vec)->cap) {                                                          \
            (vec)->cap = (vec)->cap ? (vec)->cap * 2 : 8;                                          \
            (vec)->items = mem_realloc((vec)->items, (vec)->cap * sizeof *(vec)->items);           \
        }                                                                                          \
        (vec)->items[(vec)->count++] = (item);                                                     \
    } while (0)

#define VEC_DEINIT(vec)                                                                            \
    do {                                                                                           \
        mem_free((vec)->items);                                                                    \
        (vec)->items = NULL;                                                                       \
        (vec)->count = (vec)->cap = 0;                                                             \
    } while (0)

#endif
