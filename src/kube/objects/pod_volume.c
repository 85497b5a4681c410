/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of volumes, see pod_volume.h. */
#include "kube/objects/pod_volume.h"

#include "api/quantity.h"
#include "base/mem.h"
#include "base/slice.h"
#include "kube/objects/object.h"

enum { MODE_DEFAULT = 0644, TOKEN_EXPIRATION_S = 3600 };

struct resolve {
    const struct pod_view *view;
    pod_volume_token token;
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
    const json_t *items = json_object_get(source, "items");
    bool optional = json_get_bool(source, "optional", false);
    json_t *object = NULL;
    int rc = pod_view_object(r->view, is_secret, name, optional, &object, err);

    if (rc < 0 || !object)
        return rc;
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
            rc = pod_view_resource(r->view, NULL, resource, &text, err);
        else
            rc = pod_view_field(r->view, json_path_string_or(item, "fieldRef.fieldPath", ""), &text,
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

/* Memory is made as large as its limit; who runs the pod looks at how the disk is used. */
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

int pod_volume_resolve(const struct pod_view *view, const json_t *volume, pod_volume_token token,
                       void *token_ctx, json_t **ret, struct error *err)
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
