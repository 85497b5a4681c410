/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and error texts.
 *
 * A function that can fail returns int: 0 (or a count) for success, a negative code of this table
 * otherwise. Where a person must mend something, the function also fills a `struct error`: which
 * field or object, and why.
 *
 * Place   everywhere
 * Owns    nothing; a struct error is a plain value with room for its texts
 */
#ifndef WEFT_BASE_ERR_H
#define WEFT_BASE_ERR_H

#include "base/prelude.h"

/* name, value, text. Values are stable: they travel in logs. */
#define ERR_MAP(X)                                                                                 \
    X(AGAIN, -1, "try again later")                                                                \
    X(EOF, -2, "end of stream")                                                                    \
    X(INVALID, -3, "invalid input")                                                                \
    X(LIMIT, -4, "limit exceeded")                                                                 \
    X(NOT_FOUND, -5, "not found")                                                                  \
    X(EXISTS, -6, "already exists")                                                                \
    X(CONFLICT, -7, "conflict")                                                                    \
    X(UNSUPPORTED, -8, "not supported")                                                            \
    X(TIMEOUT, -9, "timed out")                                                                    \
    X(CANCELED, -10, "canceled")                                                                   \
    X(REFUSED, -11, "connection refused")                                                          \
    X(RESET, -12, "connection reset")                                                              \
    X(UNREACHABLE, -13, "unreachable")                                                             \
    X(DENIED, -14, "permission denied")                                                            \
    X(IO, -15, "input/output error")                                                               \
    X(NO_MEMORY, -16, "out of memory")                                                             \
    X(PROTOCOL, -17, "protocol violation")                                                         \
    X(TLS, -18, "TLS failure")                                                                     \
    X(CLOSED, -19, "closed")                                                                       \
    X(EXPIRED, -20, "expired")                                                                     \
    X(BUSY, -21, "busy")                                                                           \
    X(IN_USE, -22, "address in use")                                                               \
    X(INTERNAL, -23, "internal error")

enum err_code {
    ERR_OK = 0,
#define ERR_ENUM(name, value, text) ERR_##name = (value),
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
};

enum { ERR_PATH_SIZE = 256, ERR_REASON_SIZE = 512 };

/* What a person needs to mend a failure. Zero-initialise; untouched on success. */
struct error {
    int code;                 /* an ERR_ code, 0 when nothing is recorded */
    char path[ERR_PATH_SIZE]; /* object or field, e.g. "spec.http[0].route[1].weight"; may be empty
                               */
    char reason[ERR_REASON_SIZE]; /* why, without the path */
};

/* The fixed text of a code ("unknown error" for others). Never NULL. */
const char *err_text(int code);

/* The code that stands for `errno_value` (positive errno). Never 0. */
int err_from_errno(int errno_value);

/* Records code and reason in `err` (which may be NULL) and returns the code, so that
 * `return err_set(err, ERR_INVALID, "...")` works. Clears the path. */
int err_set(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, with the path of the field. */
int err_set_path(struct error *err, int code, const char *path, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Puts `prefix` before the path that is there ("spec" + "http[0]" = "spec.http[0]"); returns
 * err->code. No dot is put before "[". `err` may be NULL: returns ERR_INTERNAL then. */
int err_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "path: reason" (or the reason alone, or the code's text) into `out`; returns out. */
const char *err_format(const struct error *err, char *out, size_t out_size);

#endif
