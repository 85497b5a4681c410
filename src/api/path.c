/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of fields, for messages. See check_int.h.
 *
 * Place   check.c, structural.c, structural_check.c
 */
#include <stdarg.h>
#include <stdio.h>

#include "api/check_int.h"

void api_path_push(struct api_path *path, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(path->text + path->len, sizeof(path->text) - path->len, fmt, args);
    va_end(args);
    path->len = MIN(path->len + (size_t)MAX(len, 0), sizeof(path->text) - 1);
}

void api_path_cut(struct api_path *path, size_t len)
{
    path->len = len;
    path->text[len] = '\0';
}
