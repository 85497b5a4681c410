/* SPDX-License-Identifier: Apache-2.0 */
/* What every file of weft may take for granted: integer types, attributes, a few macros.
 *
 * Place   the first include of every header and every .c file
 * Owns    nothing
 * Limits  no declaration of a subject of its own belongs here
 */
#ifndef WEFT_BASE_PRELUDE_H
#define WEFT_BASE_PRELUDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NO_RETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Runs `drop(&variable)` when the variable leaves its scope. */
#define SCOPED(drop) __attribute__((cleanup(drop)))

/* Moves a pointer out of a variable and leaves NULL behind. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* An own bug: prints where and aborts, in release builds too. */
#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (UNLIKELY(!(condition)))                                                                \
            assert_fail(#condition, __FILE__, __LINE__);                                           \
    } while (0)

NO_RETURN void assert_fail(const char *condition, const char *file, int line);

#endif
