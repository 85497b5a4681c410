/* SPDX-License-Identifier: Apache-2.0 */
/* Images: names, blobs, layers.
 *
 * A name matches the ref.name annotation as it stands, or after the usual completions ("nginx" is
 * docker.io/library/nginx:latest), or by its digest. Layers are unpacked by tar next to their final
 * name and renamed, so a half-unpacked layer is never used.
 */
#include "oci/image.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/process.h"

enum {
    JSON_FILE_MAX = 4 * 1024 * 1024,
    UNPACK_TIMEOUT_MS = 120000,
    PULL_TIMEOUT_MS = 120000,
    NAME_FORMS = 4,
    PATH_SIZE = 512,
};

static int json_file(const char *path, json_t **ret, struct error *err)
{
    SCOPED(buf_deinit) struct buf text;
    int rc;

    buf_init(&text, JSON_FILE_MAX);
    rc = file_read(path, &text, err);
    if (rc < 0)
        return rc;
    rc = json_parse(buf_slice(&text), NULL, ret, err);
    return rc < 0 ? err_prefix(err, "%s", path) : 0;
}

/* --- names --- */

/* Whether the part before the first '/' names a registry. */
static bool has_registry(const char *name)
{
    const char *slash = strchr(name, '/');
    struct slice host = slice_make(name, slash ? (size_t)(slash - name) : 0);

    return slash && (slice_find_char(host, '.') >= 0 || slice_find_char(host, ':') >= 0 ||
                     slice_eq_str(host, "localhost"));
}

static bool has_tag(const char *name)
{
    const char *leaf = strrchr(name, '/');

    return strpbrk(leaf ? leaf : name, ":@") != NULL;
}

/* The forms under which a store may know the name, NULL-padded. mem_free each. */
static void name_forms(const char *name, char *forms[NAME_FORMS])
{
    const char *tag = has_tag(name) ? "" : ":latest";

    memset(forms, 0, NAME_FORMS * sizeof *forms);
    forms[0] = mem_strdup(name);
    forms[1] = mem_printf("%s%s", name, tag);
    if (has_registry(name))
        return;
    forms[2] = mem_printf("docker.io/%s%s", name, tag);
    if (!strchr(name, '/'))
        forms[3] = mem_printf("docker.io/library/%s%s", name, tag);
}

static bool entry_matches(const json_t *entry, char *const forms[NAME_FORMS])
{
    const char *ref = json_path_string(entry, "annotations[\"org.opencontainers.image.ref.name\"]");
    const char *at = strrchr(forms[0], '@');

    if (at)
        return slice_eq_str(slice_str(at + 1), json_path_string_or(entry, "digest", ""));
    for (size_t i = 0; ref && i < NAME_FORMS; i++)
        if (forms[i] && strcmp(ref, forms[i]) == 0)
            return true;
    return false;
}

/* The digest of the image's manifest (the last entry of that name wins). */
static int manifest_find(const struct oci_store *store, const char *name, char ret[OCI_DIGEST_SIZE],
                         struct error *err)
{
    SCOPED(json_drop) json_t *index = NULL;
    char *forms[NAME_FORMS];
    char path[PATH_SIZE];
    json_t *entry;
    size_t i;
    int rc = ERR_NOT_FOUND;

    snprintf(path, sizeof path, "%s/index.json", store->layout_path);
    if (!file_exists(path))
        return err_set(err, ERR_NOT_FOUND, "there is no image store at %s", store->layout_path);
    if (json_file(path, &index, err) < 0)
        return ERR_INVALID;
    name_forms(name, forms);
    json_array_foreach(json_object_get(index, "manifests"), i, entry)
    {
        const char *digest = json_path_string_or(entry, "digest", "");

        if (!entry_matches(entry, forms) || strncmp(digest, "sha256:", 7) != 0 ||
            strchr(digest, '/'))
            continue;
        snprintf(ret, OCI_DIGEST_SIZE, "%s", digest);
        rc = 0;
    }
    for (i = 0; i < NAME_FORMS; i++)
        mem_free(forms[i]);
    if (rc < 0)
        err_set(err, rc, "image \"%s\" is not in the store %s", name, store->layout_path);
    return rc;
}

bool oci_image_is_present(const struct oci_store *store, const char *name)
{
    char digest[OCI_DIGEST_SIZE];

    return manifest_find(store, name, digest, NULL) == 0;
}

/* --- pull --- */

/* A registry on this machine may speak plain HTTP; any other must not. */
static bool is_local(const char *name)
{
    struct slice host = slice_make(name, strcspn(name, ":/"));

    return slice_eq_str(host, "localhost") || slice_starts_with(host, SLICE("127."));
}

static int pull(const struct oci_store *store, const char *name, struct error *err)
{
    SCOPED(mem_drop) char *from = mem_printf("docker://%s", name);
    SCOPED(mem_drop) char *to = mem_printf("oci:%s:%s", store->layout_path, name);
    const char *verify = is_local(name) ? "--src-tls-verify=false" : "--src-tls-verify=true";
    const char *argv[] = {"skopeo", "copy", "--quiet", verify, from, to, NULL};
    struct process_options options = {.argv = argv, .timeout_ms = PULL_TIMEOUT_MS};
    struct error before = *err;
    struct error why = {0};
    int rc = file_make_dirs(store->layout_path, 0755, err);

    if (rc < 0)
        return rc;
    rc = process_run(&options, NULL, &why);
    if (rc == 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "%s, and skopeo cannot pull it: %.300s", before.reason,
                   why.reason);
}

/* --- layers --- */

/* OCI marks a removed file by ".wh.NAME" and a replaced folder by ".wh..wh..opq"; overlayfs by a
 * character device 0:0 and by an attribute. */
static int whiteout_convert(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    const char *leaf = path + ftw->base;
    char target[PATH_SIZE];

    (void)status;
    (void)kind;
    if (strncmp(leaf, ".wh.", 4) != 0)
        return 0;
    if (unlink(path) < 0)
        return -1;
    snprintf(target, sizeof target, "%.*s", ftw->base, path);
    if (strcmp(leaf, ".wh..wh..opq") == 0)
        return setxattr(target, "trusted.overlay.opaque", "y", 1, 0);
    snprintf(target, sizeof target, "%.*s%s", ftw->base, path, leaf + 4);
    return mknod(target, S_IFCHR, makedev(0, 0));
}

static int unpack(const struct oci_store *store, const char *hex, const char *folder,
                  struct error *err)
{
    SCOPED(mem_drop) char *blob = mem_printf("%s/blobs/sha256/%s", store->layout_path, hex);
    SCOPED(mem_drop) char *part = mem_printf("%s.part", folder);
    const char *argv[] = {"tar", "--numeric-owner", "-x", "-p", "-f", blob, "-C", part, NULL};
    struct process_options options = {.argv = argv, .timeout_ms = UNPACK_TIMEOUT_MS};
    struct error why = {0};
    int rc = file_remove_tree(part, err);

    if (rc == 0)
        rc = file_make_dirs(part, 0755, err);
    if (rc < 0)
        return rc;
    rc = process_run(&options, NULL, &why);
    if (rc != 0)
        return err_set(err, ERR_IO, "cannot unpack layer sha256:%s: %s", hex, why.reason);
    if (nftw(part, whiteout_convert, 32, FTW_PHYS) != 0)
        return err_set(err, ERR_IO, "cannot convert the whiteouts of layer sha256:%s", hex);
    if (rename(part, folder) < 0)
        return err_set(err, err_from_errno(errno), "cannot rename %s: %s", part, strerror(errno));
    return 0;
}

/* Makes sure that the layer is unpacked; *ret_folder is the caller's. */
static int layer_prepare(const struct oci_store *store, const char *digest, char **ret_folder,
                         struct error *err)
{
    SCOPED(mem_drop) char *folder = NULL;
    SCOPED(mem_drop) char *lock = NULL;
    SCOPED(fd_drop) int fd = -1;
    const char *hex = digest + 7;
    int rc = 0;

    if (strncmp(digest, "sha256:", 7) != 0 || strlen(hex) != 64 ||
        strspn(hex, "0123456789abcdef") != 64)
        return err_set(err, ERR_INVALID, "layer digest \"%.80s\" is not a sha256", digest);
    folder = mem_printf("%s/%s", store->cache_path, hex);
    if (!file_exists(folder)) {
        lock = mem_printf("%s.lock", folder);
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
            return err_set(err, err_from_errno(errno), "cannot lock %s: %s", lock, strerror(errno));
        if (!file_exists(folder)) /* not made by another thread meanwhile */
            rc = unpack(store, hex, folder, err);
    }
    if (rc == 0)
        *ret_folder = TAKE(folder);
    return rc;
}

/* --- whole images --- */

static int blob_json(const struct oci_store *store, const char *digest, json_t **ret,
                     struct error *err)
{
    char path[PATH_SIZE];

    if (strncmp(digest, "sha256:", 7) != 0 || strchr(digest, '/'))
        return err_set(err, ERR_INVALID, "digest \"%.80s\" is not a sha256", digest);
    snprintf(path, sizeof path, "%s/blobs/sha256/%s", store->layout_path, digest + 7);
    return json_file(path, ret, err);
}

/* An index (several platforms) leads to the manifest for linux on this machine. */
static int manifest_load(const struct oci_store *store, const char *digest, json_t **ret,
                         struct error *err)
{
    SCOPED(json_drop) json_t *manifest = NULL;
    const char *machine = sizeof(void *) == 8 ? "amd64" : "386";
    json_t *entry;
    size_t i;
    int rc = blob_json(store, digest, &manifest, err);

#ifdef __aarch64__
    machine = "arm64";
#endif
    if (rc < 0)
        return rc;
    if (!json_object_get(manifest, "manifests")) {
        *ret = TAKE(manifest);
        return 0;
    }
    json_array_foreach(json_object_get(manifest, "manifests"), i, entry)
    {
        if (strcmp(json_path_string_or(entry, "platform.os", ""), "linux") == 0 &&
            strcmp(json_path_string_or(entry, "platform.architecture", ""), machine) == 0)
            return blob_json(store, json_path_string_or(entry, "digest", ""), ret, err);
    }
    return err_set(err, ERR_NOT_FOUND, "the image has no variant for linux/%s", machine);
}

static int image_load(const struct oci_store *store, struct oci_image *image, struct error *err)
{
    SCOPED(json_drop) json_t *manifest = NULL;
    SCOPED(json_drop) json_t *config = NULL;
    json_t *layer;
    size_t i;
    int rc = manifest_load(store, image->digest, &manifest, err);

    if (rc < 0)
        return rc;
    rc = blob_json(store, json_path_string_or(manifest, "config.digest", ""), &config, err);
    if (rc < 0)
        return rc;
    image->config = json_incref(json_object_get(config, "config"));
    if (!image->config)
        image->config = json_object();
    if (json_array_size(json_object_get(manifest, "layers")) > OCI_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "the image has more than %d layers", OCI_LAYERS_MAX);
    json_array_foreach(json_object_get(manifest, "layers"), i, layer)
    {
        rc = layer_prepare(store, json_path_string_or(layer, "digest", ""),
                           &image->layers[image->layer_count], err);
        if (rc < 0)
            return rc;
        image->layer_count++;
    }
    return 0;
}

int oci_image_prepare(const struct oci_store *store, const char *name, bool may_pull,
                      struct oci_image **ret, struct error *err)
{
    struct oci_image *image = MEM_NEW(struct oci_image);
    int rc = manifest_find(store, name, image->digest, err);

    if (rc == ERR_NOT_FOUND && may_pull) {
        rc = pull(store, name, err);
        if (rc == 0)
            rc = manifest_find(store, name, image->digest, err);
    }
    if (rc == 0)
        rc = image_load(store, image, err);
    if (rc < 0) {
        oci_image_free(image);
        return rc;
    }
    *ret = image;
    return 0;
}

void oci_image_free(struct oci_image *image)
{
    if (!image)
        return;
    json_decref(image->config);
    for (size_t i = 0; i < image->layer_count; i++)
        mem_free(image->layers[i]);
    mem_free(image);
}
