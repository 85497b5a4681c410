/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch and merge patch. See patch.h; the strategic merge patch is in patch_strategic.c.
 *
 * A JSON pointer is resolved to its parent and last step, as all operations work there.
 */
#include "kube/objects/patch.h"

#include "base/buf.h"
#include "base/mem.h"

/* --- RFC 6901 --- */

struct pointer_place {
    json_t *parent; /* object or array; NULL: the root itself */
    char *step;     /* last step, unescaped; owned */
};

static void place_deinit(struct pointer_place *place)
{
    mem_free(place->step);
}

static char *step_unescape(struct slice step)
{
    struct buf out;

    buf_init(&out, 0);
    buf_append_str(&out, "");
    for (size_t i = 0; i < step.len; i++) {
        char c = step.data[i];

        if (c == '~' && i + 1 < step.len && (step.data[i + 1] == '0' || step.data[i + 1] == '1'))
            c = step.data[++i] == '0' ? '~' : '/';
        buf_append_char(&out, c);
    }
    if (out.data == NULL)
        return mem_strdup("");
    return buf_take(&out);
}

/* Index of an array; `count` itself counts as valid only with `end_allowed` ("-" too). -1: no. */
static ptrdiff_t step_index(const char *step, size_t count, bool end_allowed)
{
    uint64_t index = 0;

    if (strcmp(step, "-") == 0)
        return end_allowed ? (ptrdiff_t)count : -1;
    if (slice_parse_u64(slice_str(step), 1u << 30, &index) != 0)
        return -1;
    if (index > count || (index == count && !end_allowed))
        return -1;
    return (ptrdiff_t)index;
}

static json_t *step_get(json_t *parent, const char *step)
{
    if (json_is_object(parent))
        return json_object_get(parent, step);
    if (json_is_array(parent)) {
        ptrdiff_t index = step_index(step, json_array_size(parent), false);

        return index < 0 ? NULL : json_array_get(parent, (size_t)index);
    }
    return NULL;
}

static int pointer_missing(struct error *err, const char *path)
{
    return err_set(err, ERR_CONFLICT, "path \"%s\" does not exist in the document", path);
}

static int pointer_resolve(json_t *root, const char *path, struct pointer_place *ret,
                           struct error *err)
{
    struct slice rest = slice_str(path);
    struct slice piece;
    json_t *at = root;
    char *step = NULL;

    *ret = (struct pointer_place){0};
    if (rest.len == 0)
        return 0;
    if (rest.data[0] != '/')
        return err_set(err, ERR_INVALID, "path \"%s\" must begin with '/'", path);
    rest = slice_from(rest, 1);
    for (int depth = 0; slice_split_next(&rest, '/', &piece); depth++) {
        if (step != NULL)
            at = step_get(at, step);
        mem_free(step);
        step = step_unescape(piece);
        if (depth >= KUBE_PATCH_STEPS_MAX || (!json_is_object(at) && !json_is_array(at))) {
            mem_free(step);
            return pointer_missing(err, path);
        }
    }
    ret->parent = at;
    ret->step = step;
    return 0;
}

/* --- RFC 6902 --- */

static json_t *place_get(json_t *root, const struct pointer_place *place)
{
    return place->parent ? step_get(place->parent, place->step) : root;
}

/* Takes `value`. */
static int place_add(json_t **root, const struct pointer_place *place, json_t *value)
{
    ptrdiff_t index;

    if (place->parent == NULL) {
        json_decref(*root);
        *root = value;
        return 0;
    }
    if (json_is_object(place->parent))
        return json_object_set_new(place->parent, place->step, value) ? ERR_INVALID : 0;
    index = step_index(place->step, json_array_size(place->parent), true);
    if (index < 0) {
        json_decref(value);
        return ERR_CONFLICT;
    }
    return json_array_insert_new(place->parent, (size_t)index, value) ? ERR_INVALID : 0;
}

static int place_remove(const struct pointer_place *place)
{
    ptrdiff_t index;

    if (place->parent == NULL)
        return ERR_CONFLICT;
    if (json_is_object(place->parent))
        return json_object_del(place->parent, place->step) ? ERR_CONFLICT : 0;
    index = step_index(place->step, json_array_size(place->parent), false);
    if (index < 0)
        return ERR_CONFLICT;
    return json_array_remove(place->parent, (size_t)index) ? ERR_CONFLICT : 0;
}

/* Takes `value`. */
static int place_replace(json_t **root, const struct pointer_place *place, json_t *value)
{
    ptrdiff_t index;

    if (place->parent == NULL || json_is_object(place->parent)) {
        if (place->parent != NULL && json_object_get(place->parent, place->step) == NULL) {
            json_decref(value);
            return ERR_CONFLICT;
        }
        return place_add(root, place, value);
    }
    index = step_index(place->step, json_array_size(place->parent), false);
    if (index < 0) {
        json_decref(value);
        return ERR_CONFLICT;
    }
    return json_array_set_new(place->parent, (size_t)index, value) ? ERR_INVALID : 0;
}

static int op_from(json_t **root, const json_t *op, bool is_move, json_t **ret, struct error *err)
{
    const char *from = json_get_string(op, "from");
    struct pointer_place place;
    json_t *value;
    int rc;

    if (from == NULL)
        return err_set(err, ERR_INVALID, "operation lacks \"from\"");
    rc = pointer_resolve(*root, from, &place, err);
    if (rc != 0)
        return rc;
    value = place_get(*root, &place);
    if (value == NULL) {
        rc = pointer_missing(err, from);
    } else {
        *ret = json_deep_copy(value);
        rc = is_move ? place_remove(&place) : 0;
        if (rc != 0)
            json_decref(*ret);
    }
    place_deinit(&place);
    return rc;
}

/* The value that the operation puts, or NULL (remove). */
static int op_value(json_t **root, const char *name, const json_t *op, json_t **ret,
                    struct error *err)
{
    json_t *value = json_object_get(op, "value");

    *ret = NULL;
    if (strcmp(name, "move") == 0 || strcmp(name, "copy") == 0)
        return op_from(root, op, name[0] == 'm', ret, err);
    if (strcmp(name, "remove") == 0)
        return 0;
    if (value == NULL)
        return err_set(err, ERR_INVALID, "operation \"%s\" lacks \"value\"", name);
    *ret = json_deep_copy(value);
    return 0;
}

static int op_test(json_t *root, const struct pointer_place *place, json_t *value)
{
    json_t *found = place_get(root, place);
    bool equal = found != NULL && json_equal(found, value);

    if (found == NULL && json_is_null(value))
        equal = true;
    json_decref(value);
    return equal ? 0 : ERR_CONFLICT;
}

static int op_apply(json_t **root, const json_t *op, struct error *err)
{
    const char *name = json_path_string_or(op, "op", "");
    const char *path = json_get_string(op, "path");
    struct pointer_place place;
    json_t *value;
    int rc;

    if (path == NULL)
        return err_set(err, ERR_INVALID, "operation lacks \"path\"");
    rc = op_value(root, name, op, &value, err);
    if (rc != 0)
        return rc;
    rc = pointer_resolve(*root, path, &place, err);
    if (rc != 0) {
        json_decref(value);
        return rc;
    }
    if (strcmp(name, "add") == 0 || strcmp(name, "move") == 0 || strcmp(name, "copy") == 0)
        rc = place_add(root, &place, value);
    else if (strcmp(name, "remove") == 0)
        rc = place_remove(&place);
    else if (strcmp(name, "replace") == 0)
        rc = place_replace(root, &place, value);
    else if (strcmp(name, "test") == 0)
        rc = op_test(*root, &place, value);
    else {
        json_decref(value);
        rc = err_set(err, ERR_INVALID, "unexpected kind of operation \"%s\"", name);
    }
    place_deinit(&place);
    if (rc == ERR_CONFLICT)
        err_set(err, rc, "%s operation does not apply: path \"%s\": %s", name, path,
                strcmp(name, "test") == 0 ? "testing value failed" : "missing path");
    return rc;
}

int kube_patch_json(json_t **target, const json_t *patch, struct error *err)
{
    size_t i;
    json_t *op;

    if (!json_is_array(patch))
        return err_set(err, ERR_INVALID, "a JSON patch must be an array of operations");
    if (json_array_size(patch) > KUBE_PATCH_OPS_MAX)
        return err_set(err, ERR_LIMIT,
                       "The allowed maximum operations in a JSON patch is %d, got %zu",
                       KUBE_PATCH_OPS_MAX, json_array_size(patch));
    json_array_foreach(patch, i, op)
    {
        int rc = op_apply(target, op, err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- RFC 7386 --- */

static json_t *merge_value(const json_t *patch)
{
    json_t *value;

    if (!json_is_object(patch))
        return json_deep_copy(patch);
    value = json_object();
    kube_patch_merge(value, patch); /* drops nulls */
    return value;
}

void kube_patch_merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)patch, key, value)
    {
        json_t *old = json_object_get(target, key);

        if (json_is_null(value))
            json_object_del(target, key);
        else if (json_is_object(value) && json_is_object(old))
            kube_patch_merge(old, value);
        else
            json_object_set_new(target, key, merge_value(value));
    }
}
