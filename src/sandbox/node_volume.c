/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes, see node_volume.h. */
#include "sandbox/node_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/quantity.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "kube/client.h"
#include "wire/base64.h"

enum { FILE_MAX = 4 * 1024 * 1024, MODE_DEFAULT = 0644, TOKEN_EXPIRATION_S = 3600 };

/* --- resolve --- */

struct resolve {
    const struct node_pod_view *view;
    node_token_get token;
    void *token_ctx;
    int64_t mode_default;
    json_t *files; /* collected */
};

/* Relative, without ".." : what is written stays inside the volume. */
static bool path_is_inside(const char *path)
{
    struct slice rest = slice_str(path);
    struct slice step;

    if (path[0] == '\0' || path[0] == '/')
        return false;
    while (slice_split_next(&rest, '/', &step))
        if (step.len == 0 || slice_eq_str(step, "..") || slice_eq_str(step, "."))
            return false;
    return true;
}

/* `value` is taken. */
static int file_add(struct resolve *r, const char *path, const json_t *item, const char *key,
                    json_t *value, struct error *err)
{
    json_t *file;

    if (!path_is_inside(path)) {
        json_decref(value);
        return err_set(err, ERR_INVALID, "path \"%s\" must lie inside the volume", path);
    }
    file = json_pack("{s:s,s:I}", "path", path, "mode",
                     (json_int_t)json_get_int(item, "mode", r->mode_default));
    json_object_set_new(file, key, value);
    json_array_append_new(r->files, file);
    return 0;
}

/* All keys of one map of a ConfigMap or Secret, or those that `items` picks. */
static int map_add(struct resolve *r, const json_t *map, const json_t *items, const char *as,
                   struct error *err)
{
    const char *key;
    json_t *value;
    json_t *item;
    size_t i;
    int rc = 0;

    if (!items) {
        json_object_foreach((json_t *)map, key, value)
        {
            rc = file_add(r, key, NULL, as, json_incref(value), err);
            if (rc < 0)
                return rc;
        }
        return 0;
    }
    json_array_foreach(items, i, item)
    {
        value = json_object_get(map, json_path_string_or(item, "key", ""));
        if (value)
            rc = file_add(r, json_path_string_or(item, "path", ""), item, as, json_incref(value),
                          err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Every key that `items` picks must be in one of the object's maps. */
static int items_check(const json_t *object, const json_t *items, const char *name,
                       struct error *err)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        const char *key = json_path_string_or(item, "key", "");

        if (!json_object_get(json_object_get(object, "data"), key) &&
            !json_object_get(json_object_get(object, "binaryData"), key))
            return err_set(err, ERR_NOT_FOUND, "references non-existent key \"%s\" of \"%s\"", key,
                           name);
    }
    return 0;
}

/* `name_key` is "name" in projections and configMap, "secretName" in a secret volume. */
static int object_add(struct resolve *r, const json_t *source, const char *name_key, bool is_secret,
                      struct error *err)
{
    const char *name = json_path_string_or(source, name_key, "");
    const struct node_lookup *lookup = r->view->lookup;
    const char *ns = kube_namespace(r->view->pod);
    json_t *object = is_secret ? lookup->secret(ns, name, lookup->ctx)
                               : lookup->config_map(ns, name, lookup->ctx);
    const json_t *items = json_object_get(source, "items");
    bool optional = json_get_bool(source, "optional", false);
    int rc;

    if (!object && optional)
        return 0;
    if (!object)
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found",
                       is_secret ? "secret" : "configmap", name);
    rc = optional ? 0 : items_check(object, items, name, err);
    if (rc == 0)
        rc = map_add(r, json_object_get(object, "data"), items, is_secret ? "base64" : "text", err);
    if (rc == 0)
        rc = map_add(r, json_object_get(object, "binaryData"), items, "base64", err);
    return rc;
}

static int downward_add(struct resolve *r, const json_t *source, struct error *err)
{
    json_t *item;
    size_t i;
    int rc = 0;

    json_array_foreach(json_object_get(source, "items"), i, item)
    {
        SCOPED(mem_drop) char *text = NULL;
        const json_t *resource = json_object_get(item, "resourceFieldRef");

        if (resource)
            rc = node_resource_get(r->view, NULL, resource, &text, err);
        else
            rc = node_field_get(r->view, json_path_string_or(item, "fieldRef.fieldPath", ""), &text,
                                err);
        if (rc == 0)
            rc = file_add(r, json_path_string_or(item, "path", ""), item, "text",
                          json_string_slice(slice_str(text)), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int token_add(struct resolve *r, const json_t *source, struct error *err)
{
    const char *audience = json_path_string_or(source, "audience", "");
    const char *token = r->token(
        audience, json_get_int(source, "expirationSeconds", TOKEN_EXPIRATION_S), r->token_ctx);

    if (!token)
        return err_set(err, ERR_AGAIN, "no token for audience \"%s\" yet", audience);
    return file_add(r, json_path_string_or(source, "path", "token"), NULL, "text",
                    json_string(token), err);
}

static int projected_add(struct resolve *r, const json_t *projected, struct error *err)
{
    json_t *source;
    json_t *part;
    size_t i;
    int rc = 0;

    json_array_foreach(json_object_get(projected, "sources"), i, source)
    {
        if ((part = json_object_get(source, "configMap")))
            rc = object_add(r, part, "name", false, err);
        else if ((part = json_object_get(source, "secret")))
            rc = object_add(r, part, "name", true, err);
        else if ((part = json_object_get(source, "downwardAPI")))
            rc = downward_add(r, part, err);
        else if ((part = json_object_get(source, "serviceAccountToken")))
            rc = token_add(r, part, err);
        else
            rc = err_set(err, ERR_UNSUPPORTED, "not supported: projected source %s",
                         json_object_iter_key(json_object_iter(source)));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A limit of the size holds for memory alone: a folder of the disk has none here. */
static json_t *empty_content(const json_t *empty)
{
    int64_t milli = 0;
    int rc = quantity_parse(json_object_get(empty, "sizeLimit"), &milli);

    return json_pack("{s:s,s:b,s:I}", "kind", "empty", "memory",
                     strcmp(json_path_string_or(empty, "medium", ""), "Memory") == 0, "size",
                     (json_int_t)(rc == 0 ? milli / 1000 : 0));
}

static json_t *host_content(const json_t *host)
{
    const char *type = json_path_string_or(host, "type", "");
    const char *create = strcmp(type, "DirectoryOrCreate") == 0 ? "dir"
                         : strcmp(type, "FileOrCreate") == 0    ? "file"
                                                                : NULL;

    return json_pack("{s:s,s:s,s:s*}", "kind", "host", "path",
                     json_path_string_or(host, "path", "/"), "create", create);
}

/* The one member beside "name". */
static const char *volume_kind(const json_t *volume, json_t **ret_part)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)volume, key, value)
    {
        if (strcmp(key, "name") != 0) {
            *ret_part = value;
            return key;
        }
    }
    *ret_part = NULL;
    return "emptyDir";
}

int node_volume_resolve(const struct node_pod_view *view, const json_t *volume,
                        node_token_get token, void *token_ctx, json_t **ret, struct error *err)
{
    json_t *part = NULL;
    const char *kind = volume_kind(volume, &part);
    struct resolve r = {.view = view,
                        .token = token,
                        .token_ctx = token_ctx,
                        .mode_default = json_get_int(part, "defaultMode", MODE_DEFAULT),
                        .files = json_array()};
    int rc = 0;

    if (strcmp(kind, "emptyDir") == 0)
        *ret = empty_content(part);
    else if (strcmp(kind, "hostPath") == 0)
        *ret = host_content(part);
    else if (strcmp(kind, "configMap") == 0)
        rc = object_add(&r, part, "name", false, err);
    else if (strcmp(kind, "secret") == 0)
        rc = object_add(&r, part, "secretName", true, err);
    else if (strcmp(kind, "downwardAPI") == 0)
        rc = downward_add(&r, part, err);
    else if (strcmp(kind, "projected") == 0)
        rc = projected_add(&r, part, err);
    else
        rc = err_set(err, ERR_UNSUPPORTED, "not supported: volume type %s", kind);
    if (rc == 0 && strcmp(kind, "emptyDir") != 0 && strcmp(kind, "hostPath") != 0)
        *ret = json_pack("{s:s,s:O}", "kind", "files", "files", r.files);
    json_decref(r.files);
    return rc;
}

/* --- write --- */

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

static int file_put(const char *data_folder, const json_t *file, int64_t fs_group,
                    struct error *err)
{
    SCOPED(mem_drop)
    char *path = mem_printf("%s/%s", data_folder, json_path_string_or(file, "path", ""));
    unsigned mode = (unsigned)json_get_int(file, "mode", MODE_DEFAULT) & 07777;
    SCOPED(buf_deinit) struct buf bytes;
    char *slash = strrchr(path, '/');
    json_t *encoded = json_object_get(file, "base64");
    int rc;

    buf_init(&bytes, FILE_MAX);
    *slash = '\0';
    rc = file_make_dirs(path, 0755, err);
    *slash = '/';
    if (rc < 0)
        return rc;
    rc = encoded ? base64_decode(json_slice(encoded), &bytes)
                 : buf_append(&bytes, json_slice(json_object_get(file, "text")));
    if (rc < 0)
        return err_set(err, rc, "the content of %s cannot be decoded",
                       json_path_string_or(file, "path", ""));
    if (fs_group >= 0)
        mode |= (mode & 0400) >> 3;
    rc = file_write(path, buf_slice(&bytes), mode, err);
    if (rc < 0)
        return rc;
    if (chmod(path, mode) < 0 || (fs_group >= 0 && chown(path, (uid_t)-1, (gid_t)fs_group) < 0))
        return errno_set(err, "change the owner of", path);
    return 0;
}

/* Links the first step of each file's path to ..data. */
static int links_make(const char *folder, const json_t *files, struct error *err)
{
    json_t *file;
    size_t i;

    json_array_foreach(files, i, file)
    {
        const char *path = json_path_string_or(file, "path", "");
        int first = (int)strcspn(path, "/");
        SCOPED(mem_drop) char *link = mem_printf("%s/%.*s", folder, first, path);
        SCOPED(mem_drop) char *target = mem_printf("..data/%.*s", first, path);

        if (symlink(target, link) < 0 && errno != EEXIST)
            return errno_set(err, "link", link);
    }
    return 0;
}

static int files_write(const char *folder, const json_t *files, int64_t fs_group, struct error *err)
{
    SCOPED(mem_drop) char *stamp = mem_printf("..%llu", (unsigned long long)clock_monotonic_ns());
    SCOPED(mem_drop) char *data = mem_printf("%s/%s", folder, stamp);
    SCOPED(mem_drop) char *current = mem_printf("%s/..data", folder);
    SCOPED(mem_drop) char *next = mem_printf("%s/..data_tmp", folder);
    char old[64] = "";
    json_t *file;
    size_t i;
    int rc = file_make_dirs(data, 0755, err);

    json_array_foreach(files, i, file)
    {
        if (rc == 0)
            rc = file_put(data, file, fs_group, err);
    }
    if (rc < 0)
        return rc;
    if (readlink(current, old, sizeof old - 1) < 0)
        old[0] = '\0';
    unlink(next);
    if (symlink(stamp, next) < 0 || rename(next, current) < 0)
        return errno_set(err, "swap", current);
    rc = links_make(folder, files, err);
    if (rc == 0 && old[0]) {
        SCOPED(mem_drop) char *stale = mem_printf("%s/%s", folder, old);

        rc = file_remove_tree(stale, err);
    }
    return rc;
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
