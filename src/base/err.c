/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and error texts: see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

NO_RETURN void assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "weft: bug: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

const char *err_text(int code)
{
    switch (code) {
    case ERR_OK:
        return "success";
#define ERR_CASE(name, value, text)                                                                \
    case ERR_##name:                                                                               \
        return text;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    default:
        return "unknown error";
    }
}

static const struct {
    int errno_value;
    int code;
} errno_codes[] = {
    {EAGAIN, ERR_AGAIN},
    {EINPROGRESS, ERR_AGAIN},
    {EINTR, ERR_AGAIN},
    {EINVAL, ERR_INVALID},
    {ENOENT, ERR_NOT_FOUND},
    {ESRCH, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ECONNREFUSED, ERR_REFUSED},
    {ECONNRESET, ERR_RESET},
    {EPIPE, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EADDRNOTAVAIL, ERR_UNREACHABLE},
    {EACCES, ERR_DENIED},
    {EPERM, ERR_DENIED},
    {ENOMEM, ERR_NO_MEMORY},
    {EADDRINUSE, ERR_IN_USE},
    {EBUSY, ERR_BUSY},
    {EMFILE, ERR_LIMIT},
    {ENFILE, ERR_LIMIT},
    {ECANCELED, ERR_CANCELED},
    {ENOTSUP, ERR_UNSUPPORTED},
};

int err_from_errno(int errno_value)
{
    for (size_t i = 0; i < ARRAY_LEN(errno_codes); i++)
        if (errno_codes[i].errno_value == errno_value)
            return errno_codes[i].code;
    return ERR_IO;
}

static void reason_set(struct error *err, int code, const char *fmt, va_list args)
{
    err->code = code;
    vsnprintf(err->reason, sizeof err->reason, fmt, args);
}

int err_set(struct error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->path[0] = '\0';
    va_start(args, fmt);
    reason_set(err, code, fmt, args);
    va_end(args);
    return code;
}

int err_set_path(struct error *err, int code, const char *path, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    snprintf(err->path, sizeof err->path, "%s", path);
    va_start(args, fmt);
    reason_set(err, code, fmt, args);
    va_end(args);
    return code;
}

int err_prefix(struct error *err, const char *fmt, ...)
{
    char prefix[ERR_PATH_SIZE];
    char old[ERR_PATH_SIZE];
    const char *dot = "";
    va_list args;

    if (!err)
        return ERR_INTERNAL;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    memcpy(old, err->path, sizeof old);
    if (old[0] && old[0] != '[')
        dot = ".";
    /* A path too long for its room loses its deepest part: the outer names find the object. */
    if ((size_t)snprintf(err->path, sizeof err->path, "%s%s%s", prefix, dot, old) >=
        sizeof err->path)
        err->path[sizeof err->path - 1] = '\0';
    return err->code;
}

const char *err_format(const struct error *err, char *out, size_t out_size)
{
    const char *reason = err->reason[0] ? err->reason : err_text(err->code);

    if (err->path[0])
        snprintf(out, out_size, "%s: %s", err->path, reason);
    else
        snprintf(out, out_size, "%s", reason);
    return out;
}
