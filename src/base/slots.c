/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of names, as files. See slots.h. */
#include "base/slots.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SLOT_PATH_SIZE = 512, SLOT_NAME_MAX = 256 };

static const char *slot_path(const char *folder, unsigned number, char out[SLOT_PATH_SIZE])
{
    snprintf(out, SLOT_PATH_SIZE, "%s/%u", folder, number);
    return out;
}

int slots_find(const char *folder, unsigned count, const char *name, unsigned *ret)
{
    for (unsigned number = 0; number < count; number++) {
        char path[SLOT_PATH_SIZE];
        SCOPED(buf_deinit) struct buf text;

        buf_init(&text, SLOT_NAME_MAX);
        if (file_read(slot_path(folder, number, path), &text, NULL) == 0 &&
            slice_eq_str(slice_trim(buf_slice(&text)), name)) {
            *ret = number;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

int slots_take(const char *folder, unsigned count, const char *name,
               bool (*is_taken)(unsigned number), unsigned *ret, struct error *err)
{
    int rc = file_make_dirs(folder, 0755, err);

    if (rc < 0)
        return rc;
    for (unsigned number = 0; number < count; number++) {
        char path[SLOT_PATH_SIZE];
        SCOPED(fd_drop) int fd = -1;

        if (is_taken != NULL && is_taken(number))
            continue;
        fd = open(slot_path(folder, number, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0 || write(fd, name, strlen(name)) != (ssize_t)strlen(name))
            return err_set(err, err_from_errno(errno), "cannot write %s: %s", path,
                           strerror(errno));
        *ret = number;
        return 0;
    }
    return ERR_LIMIT;
}

int slots_drop(const char *folder, unsigned number, struct error *err)
{
    char path[SLOT_PATH_SIZE];

    if (unlink(slot_path(folder, number, path)) < 0 && errno != ENOENT)
        return err_set(err, err_from_errno(errno), "cannot remove %s: %s", path, strerror(errno));
    rmdir(folder); /* stays while other names hold numbers */
    return 0;
}
