/* SPDX-License-Identifier: Apache-2.0 */
/* Small files: see file.h. */
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct error *err, const char *path, const char *what)
{
    int saved = errno;

    return err_set_path(err, err_from_errno(saved), path, "%s: %s", what, strerror(saved));
}

void fd_drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int file_read(const char *path, struct buf *out, struct error *err)
{
    SCOPED(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, path, "cannot open");
    for (;;) {
        char chunk[8192];
        ssize_t got = read(fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, path, "cannot read");
        if (got == 0)
            return 0;
        if (buf_append(out, slice_make(chunk, (size_t)got)) < 0)
            return err_set_path(err, ERR_LIMIT, path, "file is larger than %zu bytes",
                                out->size_max);
    }
}

static int bytes_write(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t put = write(fd, bytes.data, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes = slice_from(bytes, (size_t)put);
    }
    return 0;
}

int file_write(const char *path, struct slice bytes, unsigned mode, struct error *err)
{
    SCOPED(mem_drop) char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid());
    SCOPED(fd_drop) int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    int rc;

    if (fd < 0)
        return fail(err, path, "cannot create");
    if (bytes_write(fd, bytes) < 0 || fchmod(fd, mode) < 0 || rename(temporary, path) < 0) {
        rc = fail(err, path, "cannot write");
        unlink(temporary);
        return rc;
    }
    return 0;
}

int file_open_append(const char *path, int *ret_fd, struct error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        return err_set_path(err, err_from_errno(errno), path, "cannot open for appending: %s",
                            strerror(errno));
    *ret_fd = fd;
    return 0;
}

int file_make_dirs(const char *path, unsigned mode, struct error *err)
{
    SCOPED(mem_drop) char *copy = mem_strdup(path);

    for (char *at = copy + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return fail(err, copy, "cannot create folder");
        *at = '/';
    }
    if (mkdir(copy, mode) < 0 && errno != EEXIST)
        return fail(err, copy, "cannot create folder");
    return 0;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)place;
    if (kind == FTW_DP || kind == FTW_D || kind == FTW_DNR)
        return rmdir(path);
    return unlink(path);
}

int file_remove_tree(const char *path, struct error *err)
{
    if (nftw(path, entry_remove, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
        return fail(err, path, "cannot remove");
    return 0;
}

int file_tree_size(const char *path, uint64_t *ret, struct error *err)
{
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    uint64_t size = 0;
    FTS *tree = NULL;

    if (file_exists(path)) /* else errno says it */
        tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    if (!tree)
        return fail(err, path, "cannot read");
    for (FTSENT *entry; (entry = fts_read(tree));)
        if (entry->fts_info == FTS_D || entry->fts_info == FTS_F || entry->fts_info == FTS_SL ||
            entry->fts_info == FTS_DEFAULT)
            size += (uint64_t)entry->fts_statp->st_blocks * 512;
    fts_close(tree);
    *ret = size;
    return 0;
}
