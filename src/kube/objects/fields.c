/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields. See fields.h.
 *
 * Every operation walks trees of steps; jansson's objects are the sets of steps.
 */
#include "kube/objects/fields.h"

#include "base/mem.h"

#include <stdlib.h>

static const char self[] = ".";

/* --- nodes --- */

json_t *kube_fields_child(json_t *node, const char *step)
{
    json_t *child = json_object_get(node, step);

    if (child == NULL) {
        child = json_object();
        json_object_set_new(node, step, child);
    }
    return child;
}

json_t *kube_fields_find(const json_t *node, const char *member)
{
    SCOPED(mem_drop) char *step = mem_printf("f:%s", member);

    return json_object_get(node, step);
}

void kube_fields_mark(json_t *node)
{
    json_object_set_new(node, self, json_null());
}

bool kube_fields_is_marked(const json_t *node)
{
    return json_object_get(node, self) != NULL;
}

bool kube_fields_has_children(const json_t *node)
{
    return json_object_size(node) > (kube_fields_is_marked(node) ? 1u : 0u);
}

bool kube_fields_is_empty(const json_t *set)
{
    return json_object_size(set) == 0;
}

void kube_fields_tidy(json_t *set)
{
    const char *step;
    void *next;
    json_t *child;

    json_object_foreach_safe(set, next, step, child)
    {
        kube_fields_tidy(child);
        if (json_is_object(child) && json_object_size(child) == 0)
            json_object_del(set, step);
    }
}

/* Adds a child unless it is empty. Takes it. */
static void child_put(json_t *node, const char *step, json_t *child)
{
    if (json_object_size(child) > 0)
        json_object_set_new(node, step, child);
    else
        json_decref(child);
}

/* --- algebra --- */

json_t *kube_fields_union(const json_t *a, const json_t *b)
{
    json_t *result = json_object();
    const char *step;
    json_t *child;

    json_object_foreach((json_t *)a, step, child)
    {
        const json_t *other = json_object_get(b, step);

        if (json_is_object(child) && other != NULL)
            json_object_set_new(result, step, kube_fields_union(child, other));
        else
            json_object_set_new(result, step, json_deep_copy(child));
    }
    json_object_foreach((json_t *)b, step, child)
    {
        if (json_object_get(a, step) == NULL)
            json_object_set_new(result, step, json_deep_copy(child));
    }
    return result;
}

/* What is in `a` and also in `b` (`both`), or not in `b`. */
static json_t *select_by(const json_t *a, const json_t *b, bool both)
{
    json_t *result = json_object();
    const char *step;
    json_t *child;

    json_object_foreach((json_t *)a, step, child)
    {
        const json_t *other = json_object_get(b, step);

        if (both && other == NULL)
            continue;
        if (json_is_object(child))
            child_put(result, step, select_by(child, other, both));
        else if (both || other == NULL)
            kube_fields_mark(result);
    }
    return result;
}

json_t *kube_fields_intersect(const json_t *a, const json_t *b)
{
    return select_by(a, b, true);
}

json_t *kube_fields_subtract(const json_t *a, const json_t *b)
{
    return select_by(a, b, false);
}

/* --- FieldsV1 --- */

/* The step with its JSON in canonical form, to be freed; NULL when it is none. */
static char *step_canonical(const char *step)
{
    json_t *value = NULL;
    struct buf out;
    bool is_key = step[0] == 'k';

    if (step[0] == '\0' || step[1] != ':' || strchr("fkvi", step[0]) == NULL)
        return NULL;
    if (step[0] == 'f' || step[0] == 'i')
        return mem_strdup(step);
    if (json_parse(slice_str(step + 2), NULL, &value, NULL) != 0)
        return NULL;
    if (is_key != json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    buf_init(&out, 0);
    buf_append(&out, slice_make(step, 2));
    json_format(value, JSON_FORMAT_SORTED, &out);
    json_decref(value);
    return buf_take(&out);
}

static int node_decode(const json_t *fields, bool is_root, unsigned depth, json_t *set,
                       struct error *err)
{
    const char *step;
    json_t *child;

    if (!json_is_object(fields))
        return err_set(err, ERR_INVALID, "a set of fields must be an object, not %s",
                       json_type_name(fields));
    if (depth > KUBE_FIELDS_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "more than %d levels of fields", KUBE_FIELDS_DEPTH_MAX);
    if (!is_root && json_object_size(fields) == 0)
        kube_fields_mark(set);
    json_object_foreach((json_t *)fields, step, child)
    {
        char *canonical;
        int rc;

        if (strcmp(step, self) == 0) {
            kube_fields_mark(set);
            continue;
        }
        canonical = step_canonical(step);
        if (canonical == NULL)
            return err_set(err, ERR_INVALID, "\"%s\" is no step to a field", step);
        rc = node_decode(child, false, depth + 1, kube_fields_child(set, canonical), err);
        mem_free(canonical);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int kube_fields_decode(const json_t *fields_v1, json_t **ret, struct error *err)
{
    json_t *set = json_object();
    int rc = node_decode(fields_v1, true, 0, set, err);

    if (rc != 0)
        json_decref(set);
    else
        *ret = set;
    return rc;
}

static int step_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The steps of a node in order; the caller frees the array. Borrows the names. */
static const char **steps_sorted(const json_t *node)
{
    const char **steps = mem_calloc(json_object_size(node) + 1, sizeof *steps);
    size_t count = 0;
    const char *step;
    json_t *child;

    json_object_foreach((json_t *)node, step, child) steps[count++] = step;
    qsort(steps, count, sizeof *steps, step_cmp);
    steps[count] = NULL;
    return steps;
}

json_t *kube_fields_encode(const json_t *set)
{
    json_t *result = json_object();
    const char **steps;

    if (!kube_fields_has_children(set))
        return result;
    steps = steps_sorted(set);
    for (size_t i = 0; steps[i] != NULL; i++)
        json_object_set_new(result, steps[i],
                            steps[i][0] == self[0]
                                ? json_object()
                                : kube_fields_encode(json_object_get(set, steps[i])));
    mem_free(steps);
    return result;
}

/* --- paths --- */

static void keys_append(const char *text, struct buf *out)
{
    json_t *keys = NULL;
    const char *key;
    json_t *value;
    bool first = true;

    if (json_parse(slice_str(text), NULL, &keys, NULL) != 0)
        return; /* cannot be: the step is canonical */
    json_object_foreach(keys, key, value)
    {
        buf_printf(out, "%s%s=", first ? "[" : ",", key);
        json_format(value, JSON_FORMAT_COMPACT, out);
        first = false;
    }
    buf_append_char(out, ']');
    json_decref(keys);
}

static char *path_extend(const char *prefix, const char *step)
{
    struct buf out;

    buf_init(&out, 0);
    buf_append_str(&out, prefix);
    if (step[0] == 'k')
        keys_append(step + 2, &out);
    else if (step[0] == 'f')
        buf_printf(&out, ".%s", step + 2);
    else
        buf_printf(&out, "[%s%s]", step[0] == 'v' ? "=" : "", step + 2);
    return buf_take(&out);
}

char *kube_fields_describe(const char *step)
{
    return path_extend("", step);
}

struct path_walk {
    void (*on_path)(const char *path, void *ctx);
    void *ctx;
};

static void node_each(const json_t *node, const char *prefix, const struct path_walk *walk)
{
    const char **steps = steps_sorted(node);

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; steps[i] != NULL; i++) {
            const json_t *child = json_object_get(node, steps[i]);
            char *path;

            if (!json_is_object(child))
                continue;
            path = path_extend(prefix, steps[i]);
            if (pass == 0 && kube_fields_is_marked(child))
                walk->on_path(path, walk->ctx);
            else if (pass == 1 && kube_fields_has_children(child))
                node_each(child, path, walk);
            mem_free(path);
        }
    }
    mem_free(steps);
}

void kube_fields_each(const json_t *set, void (*on_path)(const char *path, void *ctx), void *ctx)
{
    struct path_walk walk = {on_path, ctx};

    node_each(set, "", &walk);
}
