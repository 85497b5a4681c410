/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files that changes as a whole, see file_set.h. */
#include "base/file_set.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

static int errno_set(struct error *err, const char *what, const char *path)
{
    return err_set(err, err_from_errno(errno), "cannot %s %s: %s", what, path, strerror(errno));
}

static int item_put(const char *data_folder, const struct file_set_item *item, int64_t group,
                    struct error *err)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", data_folder, item->path);
    SCOPED(mem_drop)
    char *parent = mem_slice_dup(slice_make(path, (size_t)(strrchr(path, '/') - path)));
    unsigned mode = item->mode & 07777;
    int rc = file_make_dirs(parent, 0755, err);

    if (group >= 0)
        mode |= (mode & 0400) >> 3;
    if (rc == 0)
        rc = file_write(path, item->bytes, mode, err);
    if (rc < 0)
        return rc;
    if (chmod(path, mode) < 0 || (group >= 0 && chown(path, (uid_t)-1, (gid_t)group) < 0))
        return errno_set(err, "change the owner of", path);
    return 0;
}

/* Links the first step of the item's path to ..data. */
static int link_make(const char *folder, const struct file_set_item *item, struct error *err)
{
    int first = (int)strcspn(item->path, "/");
    SCOPED(mem_drop) char *link = mem_printf("%s/%.*s", folder, first, item->path);
    SCOPED(mem_drop) char *target = mem_printf("..data/%.*s", first, item->path);

    if (symlink(target, link) < 0 && errno != EEXIST)
        return errno_set(err, "link", link);
    return 0;
}

int file_set_write(const char *folder, const struct file_set_item *items, size_t count,
                   int64_t group, struct error *err)
{
    SCOPED(mem_drop) char *stamp = mem_printf("..%llu", (unsigned long long)clock_monotonic_ns());
    SCOPED(mem_drop) char *data = mem_printf("%s/%s", folder, stamp);
    SCOPED(mem_drop) char *current = mem_printf("%s/..data", folder);
    SCOPED(mem_drop) char *next = mem_printf("%s/..data_tmp", folder);
    char old[64] = "";
    int rc = file_make_dirs(data, 0755, err);

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = item_put(data, &items[i], group, err);
    if (rc < 0)
        return rc;
    if (readlink(current, old, sizeof old - 1) < 0)
        old[0] = '\0';
    unlink(next);
    if (symlink(stamp, next) < 0 || rename(next, current) < 0)
        return errno_set(err, "swap", current);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = link_make(folder, &items[i], err);
    if (rc == 0 && old[0]) {
        SCOPED(mem_drop) char *stale = mem_printf("%s/%s", folder, old);

        rc = file_remove_tree(stale, err);
    }
    return rc;
}
