/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes, see node_volume.h. */
#include "sandbox/node_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/file_set.h"
#include "base/mem.h"
#include "wire/base64.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static int errno_set(struct error *err, const char *what, const char *path)
{
    return err_set(err, err_from_errno(errno), "cannot %s %s: %s", what, path, strerror(errno));
}

static int empty_write(const char *folder, const json_t *content, int64_t fs_group,
                       struct error *err)
{
    bool memory = json_get_bool(content, "memory", false);
    int64_t size = json_get_int(content, "size", 0);
    char options[64] = "mode=0777";
    bool fresh = !file_exists(folder);
    int rc = file_make_dirs(folder, 0777, err);

    if (rc < 0 || !fresh)
        return rc;
    if (size > 0)
        snprintf(options, sizeof options, "mode=0777,size=%lld", (long long)size);
    if (memory && mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return errno_set(err, "mount a tmpfs at", folder);
    if (fs_group >= 0 && chown(folder, (uid_t)-1, (gid_t)fs_group) < 0)
        return errno_set(err, "change the group of", folder);
    if (chmod(folder, fs_group >= 0 ? 02777 : 0777) < 0)
        return errno_set(err, "change the mode of", folder);
    return 0;
}

static int host_write(const json_t *content, struct error *err)
{
    const char *path = json_path_string_or(content, "path", "/");
    const char *make = json_get_string(content, "create");
    SCOPED(fd_drop) int fd = -1;

    if (make && strcmp(make, "dir") == 0)
        return file_make_dirs(path, 0755, err);
    if (make) {
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        return fd < 0 ? errno_set(err, "make", path) : 0;
    }
    return file_exists(path) ? 0 : err_set(err, ERR_NOT_FOUND, "hostPath %s is not there", path);
}

static int files_write(const char *folder, const json_t *files, int64_t fs_group, struct error *err)
{
    size_t count = json_array_size(files);
    SCOPED(mem_drop) struct file_set_item *items = mem_calloc(count + 1, sizeof *items);
    SCOPED(arena_deinit) struct arena arena;
    SCOPED(buf_deinit) struct buf bytes;
    json_t *file;
    size_t i;

    arena_init(&arena, 0);
    buf_init(&bytes, FILE_MAX);
    json_array_foreach(files, i, file)
    {
        json_t *encoded = json_object_get(file, "base64");

        items[i] = (struct file_set_item){json_path_string_or(file, "path", ""),
                                          json_slice(json_object_get(file, "text")),
                                          (unsigned)json_get_int(file, "mode", 0644)};
        if (!encoded)
            continue;
        buf_reset(&bytes);
        if (base64_decode(json_slice(encoded), &bytes) < 0)
            return err_set(err, ERR_INVALID, "the content of %s cannot be decoded", items[i].path);
        items[i].bytes = arena_slice_dup(&arena, buf_slice(&bytes));
    }
    return file_set_write(folder, items, count, fs_group, err);
}

int node_volume_write(const char *folder, const json_t *content, int64_t fs_group,
                      struct error *err)
{
    const char *kind = json_path_string_or(content, "kind", "");

    if (strcmp(kind, "empty") == 0)
        return empty_write(folder, content, fs_group, err);
    if (strcmp(kind, "host") == 0)
        return host_write(content, err);
    return files_write(folder, json_object_get(content, "files"), fs_group, err);
}

char *node_volume_source(const char *folder, const json_t *content)
{
    if (strcmp(json_path_string_or(content, "kind", ""), "host") == 0)
        return mem_strdup(json_path_string_or(content, "path", "/"));
    return mem_strdup(folder);
}
