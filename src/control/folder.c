/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of YAML files as a source: for tests, and to try weftd without a cluster.
 *
 * Files are looked at each half second; when names, sizes or times differ, all are read again, and
 * objects that are in none any more are removed.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "control/source_int.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PERIOD_MS = 500, FILE_SIZE_MAX = 16 * 1024 * 1024, FILES_MAX = 10000 };

struct folder {
    struct loop *loop;
    char *path;
    struct mesh_builder *builder;
    void (*on_read)(void *ctx, bool changed);
    void *ctx;
    struct loop_timer timer;
    uint64_t signature; /* of names, sizes and times */
    struct map seen;    /* "kind/ns/name" of this reading; values mean nothing */
    bool read_once;
};

static bool name_is_ours(const char *name)
{
    struct slice text = slice_str(name);

    return name[0] != '.' &&
           (slice_ends_with(text, SLICE(".yaml")) || slice_ends_with(text, SLICE(".yml")) ||
            slice_ends_with(text, SLICE(".json")));
}

/* Calls `visit` for each file in order of names. */
static int files_each(struct folder *folder, void (*visit)(struct folder *folder, const char *path))
{
    struct dirent **names = NULL;
    int count = scandir(folder->path, &names, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        if (i < FILES_MAX && name_is_ours(names[i]->d_name)) {
            char *path = mem_printf("%s/%s", folder->path, names[i]->d_name);

            visit(folder, path);
            mem_free(path);
        }
        free(names[i]);
    }
    free(names);
    return count;
}

static void signature_add(struct folder *folder, const char *path)
{
    struct stat facts;
    char *text;

    if (stat(path, &facts) < 0)
        return;
    text = mem_printf("%llu %s %lld %lld.%09ld", (unsigned long long)folder->signature, path,
                      (long long)facts.st_size, (long long)facts.st_mtim.tv_sec,
                      facts.st_mtim.tv_nsec);
    folder->signature = slice_hash(slice_str(text));
    mem_free(text);
}

static void document_put(struct folder *folder, json_t *document)
{
    int kind = mesh_kind_find(json_path_string_or(document, "apiVersion", ""),
                              json_path_string_or(document, "kind", ""));
    bool cluster_scoped = kind == MESH_NODE || kind == MESH_NAMESPACE || kind == MESH_INGRESS_CLASS;
    char *key;

    if (kind < 0)
        return;
    if (!cluster_scoped && !*kube_namespace(document))
        (void)json_path_set(document, "metadata.namespace", json_string("default"));
    key = mem_printf("%d/%s/%s", kind, kube_namespace(document), kube_name(document));
    if (source_put(folder->builder, (enum mesh_kind)kind, document) >= 0)
        (void)map_put(&folder->seen, slice_str(key), folder, NULL);
    mem_free(key);
}

static void file_take(struct folder *folder, const char *path)
{
    SCOPED(json_drop) json_t *documents = NULL;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    struct buf bytes;
    size_t i;
    json_t *document;

    buf_init(&bytes, FILE_SIZE_MAX);
    if (file_read(path, &bytes, &err) < 0 ||
        yaml_parse(buf_slice(&bytes), NULL, &documents, &err) < 0)
        log_warn(config, "%s: %s", path, err_format(&err, text, sizeof text));
    buf_deinit(&bytes);
    json_array_foreach(documents, i, document) document_put(folder, document);
}

struct sweep {
    struct folder *folder;
    enum mesh_kind kind;
};

static void on_builder_object(const char *ns, const char *name, void *ctx)
{
    struct sweep *sweep = ctx;
    char *key = mem_printf("%d/%s/%s", (int)sweep->kind, ns, name);

    if (!map_get_str(&sweep->folder->seen, key))
        mesh_builder_remove(sweep->folder->builder, sweep->kind, ns, name);
    mem_free(key);
}

static void on_timer(void *ctx)
{
    struct folder *folder = ctx;
    uint64_t before = folder->signature;

    folder->signature = 1;
    (void)files_each(folder, signature_add);
    if (folder->signature != before) {
        map_clear(&folder->seen);
        (void)files_each(folder, file_take);
        for (int kind = 0; kind < MESH_KIND_COUNT; kind++) {
            struct sweep sweep = {folder, (enum mesh_kind)kind};

            mesh_builder_each(folder->builder, sweep.kind, on_builder_object, &sweep);
        }
    }
    loop_timer_start(folder->loop, &folder->timer, PERIOD_MS);
    if (folder->signature != before || !folder->read_once) {
        folder->read_once = true;
        folder->on_read(folder->ctx, folder->signature != before);
    }
}

int folder_new(struct loop *loop, const char *path, struct mesh_builder *builder,
               void (*on_read)(void *ctx, bool changed), void *ctx, struct folder **ret,
               struct error *err)
{
    struct folder *folder;
    struct stat facts;

    if (stat(path, &facts) < 0 || !S_ISDIR(facts.st_mode))
        return err_set_path(err, ERR_NOT_FOUND, path, "is not a folder");
    folder = MEM_NEW(struct folder);
    folder->loop = loop;
    folder->path = mem_strdup(path);
    folder->builder = builder;
    folder->on_read = on_read;
    folder->ctx = ctx;
    map_init(&folder->seen, 0);
    loop_timer_init(&folder->timer, on_timer, folder);
    loop_timer_start(loop, &folder->timer, 1);
    *ret = folder;
    return 0;
}

void folder_free(struct folder *folder)
{
    if (!folder)
        return;
    loop_timer_stop(folder->loop, &folder->timer);
    map_deinit(&folder->seen);
    mem_free(folder->path);
    mem_free(folder);
}
