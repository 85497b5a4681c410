/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files that changes as a whole: a reader sees the old files or the new, never a mix.
 *
 *   FOLDER/..TIME/name   the files
 *   FOLDER/..data        a link to ..TIME, swapped by rename
 *   FOLDER/name          a link to ..data/name (of a path with folders: its first step)
 *
 * Place   what Kubernetes mounts of ConfigMaps, Secrets and tokens looks like this, and programs
 *         watch ..data; blocking
 * Owns    what is in the folder
 */
#ifndef WEFT_BASE_FILE_SET_H
#define WEFT_BASE_FILE_SET_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct file_set_item {
    const char *path; /* relative, without ".." */
    struct slice bytes;
    unsigned mode;
};

/* Makes the folder when it is missing, puts the files there in place of those of the last call, and
 * removes these. With group >= 0 files get that group, and it may read what their owner may. What
 * fails before the swap leaves the old files. A link of a name that is no more stays, dangling. */
MUST_USE int file_set_write(const char *folder, const struct file_set_item *items, size_t count,
                            int64_t group, struct error *err);

#endif
