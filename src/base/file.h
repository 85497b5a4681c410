/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: read, write atomically, folders.
 *
 * Place   configuration, certificates, state; blocking, so never on the request path
 * Limits  file_read takes a maximum
 */
#ifndef WEFT_BASE_FILE_H
#define WEFT_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"

/* Appends the file's bytes to `out` (its maximum holds). Error names the path and reason. */
MUST_USE int file_read(const char *path, struct buf *out, struct error *err);
/* Writes to a temporary name beside it, then renames: a reader sees old or new, whole. */
MUST_USE int file_write(const char *path, struct slice bytes, unsigned mode, struct error *err);
/* Opens for appending (made with mode 0644 when missing): for logs. *ret_fd is the caller's. */
MUST_USE int file_open_append(const char *path, int *ret_fd, struct error *err);
/* mkdir -p. */
MUST_USE int file_make_dirs(const char *path, unsigned mode, struct error *err);
bool file_exists(const char *path);
/* rm -rf without following links or crossing into other file systems; missing is fine. */
MUST_USE int file_remove_tree(const char *path, struct error *err);
/* What a folder takes on the disk, as `du` counts: blocks, without following links or crossing into
 * other file systems. What vanishes meanwhile does not count. */
MUST_USE int file_tree_size(const char *path, uint64_t *ret, struct error *err);
/* For SCOPED(fd_drop) on an int. */
void fd_drop(int *fd);

#endif
