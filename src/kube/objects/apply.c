/* SPDX-License-Identifier: Apache-2.0 */
/* Walks for server-side apply. See apply.h.
 *
 * Each walk goes down by shape: members of maps, items of lists found by their step. The order of a
 * merged list is the configuration's, live items that it does not name keep their neighbours:
 *
 *   live a b x, configuration c a   -->   c a b x
 */
#include "kube/objects/apply.h"

#include "base/mem.h"

/* --- lists by step --- */

/* Owned text; NULL when the item lacks a key. */
static char *item_step(struct kube_type list, const json_t *item, struct error *err)
{
    struct buf text;

    buf_init(&text, 0);
    if (kube_type_step(list, item, &text, err) == 0)
        return buf_take(&text);
    buf_deinit(&text);
    return NULL;
}

static int duplicate_fail(const char *step, struct error *err)
{
    SCOPED(mem_drop) char *text = kube_fields_describe(step);

    return err_set(err, ERR_INVALID, "duplicate entries for key %s", text);
}

/* {step: item} of a configuration's list. */
static int list_index(struct kube_type list, const json_t *items, json_t **ret, struct error *err)
{
    json_t *index = json_object();
    size_t i;
    json_t *item;
    int rc = 0;

    json_array_foreach(items, i, item)
    {
        SCOPED(mem_drop) char *step = item_step(list, item, err);

        if (step == NULL)
            rc = ERR_INVALID;
        else if (json_object_get(index, step) != NULL)
            rc = duplicate_fail(step, err);
        else
            json_object_set(index, step, item);
        if (rc != 0)
            break;
    }
    if (rc != 0)
        json_decref(index);
    else
        *ret = index;
    return rc;
}

/* The same of a list that is stored: items without a key, or there already, are passed over. */
static json_t *list_index_known(struct kube_type list, const json_t *items)
{
    json_t *index = json_object();
    size_t i;
    json_t *item;

    json_array_foreach(items, i, item)
    {
        SCOPED(mem_drop) char *step = item_step(list, item, NULL);

        if (step != NULL && json_object_get(index, step) == NULL)
            json_object_set(index, step, item);
    }
    return index;
}

/* --- fields of a configuration --- */

static int fields_walk(struct kube_type type, const json_t *value, json_t *node, struct error *err);

static int fields_of_members(struct kube_type type, const json_t *value, json_t *node,
                             struct error *err)
{
    const char *name;
    json_t *child;

    json_object_foreach((json_t *)value, name, child)
    {
        struct kube_member member = kube_type_member(type, name);
        SCOPED(mem_drop) char *step = mem_printf("f:%s", name);
        json_t *child_node = kube_fields_child(node, step);
        int rc = fields_walk(member.type, child, child_node, err);

        if (rc != 0)
            return err_prefix(err, "%s", name);
        if (!member.is_declared || (json_is_object(child) && json_object_size(child) == 0))
            kube_fields_mark(child_node);
    }
    return 0;
}

static int fields_of_items(struct kube_type type, const json_t *value, json_t *node,
                           struct error *err)
{
    json_t *index;
    const char *step;
    json_t *item;
    int rc = list_index(type, value, &index, err);

    if (rc != 0)
        return rc;
    json_object_foreach(index, step, item)
    {
        json_t *child_node = kube_fields_child(node, step);

        rc = rc ? rc : fields_walk(kube_type_item(type), item, child_node, err);
        kube_fields_mark(child_node);
    }
    json_decref(index);
    return rc;
}

static int fields_walk(struct kube_type type, const json_t *value, json_t *node, struct error *err)
{
    switch (kube_type_shape(type, value)) {
    case KUBE_SHAPE_MAP:
        return fields_of_members(type, value, node, err);
    case KUBE_SHAPE_SET:
    case KUBE_SHAPE_ITEMS:
        return fields_of_items(type, value, node, err);
    case KUBE_SHAPE_ATOMIC:
        break;
    }
    kube_fields_mark(node);
    return 0;
}

int kube_apply_fields(struct kube_type type, const json_t *value, json_t **ret, struct error *err)
{
    json_t *set = json_object();
    int rc = fields_walk(type, value, set, err);

    if (rc != 0) {
        json_decref(set);
        return rc;
    }
    kube_fields_tidy(set);
    *ret = set;
    return 0;
}

/* --- comparison --- */

struct comparison {
    json_t *changed, *removed; /* nodes at the same place */
};

static void compare_walk(struct kube_type type, const json_t *before, const json_t *after,
                         struct comparison at);

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

/* A member that is there with its parent counts as null when nobody wrote it. */
static const json_t *member_value(const json_t *parent, const char *name,
                                  const struct kube_member *member)
{
    const json_t *value = json_object_get(parent, name);

    return value == NULL && parent != NULL && member->is_present ? json_null() : value;
}

static void compare_member(struct kube_type type, const char *name, const json_t *before,
                           const json_t *after, struct comparison at)
{
    struct kube_member member = kube_type_member(type, name);
    SCOPED(mem_drop) char *step = mem_printf("f:%s", name);
    struct comparison child = {kube_fields_child(at.changed, step),
                               kube_fields_child(at.removed, step)};

    compare_walk(member.type, member_value(before, name, &member),
                 member_value(after, name, &member), child);
}

static void compare_members(struct kube_type type, const json_t *before, const json_t *after,
                            struct comparison at)
{
    const char *name;
    json_t *child;

    json_object_foreach((json_t *)before, name, child)
        compare_member(type, name, before, after, at);
    json_object_foreach((json_t *)after, name, child)
    {
        if (json_object_get(before, name) == NULL)
            compare_member(type, name, before, after, at);
    }
    for (size_t cursor = 0; (name = kube_type_next_present(type, &cursor)) != NULL;) {
        if (json_object_get(before, name) == NULL && json_object_get(after, name) == NULL)
            compare_member(type, name, before, after, at);
    }
}

static void compare_items(struct kube_type type, const json_t *before, const json_t *after,
                          struct comparison at)
{
    json_t *old_index = list_index_known(type, before);
    json_t *new_index = list_index_known(type, after);
    const char *step;
    json_t *item;

    json_object_foreach(old_index, step, item)
    {
        struct comparison child = {kube_fields_child(at.changed, step),
                                   kube_fields_child(at.removed, step)};

        compare_walk(kube_type_item(type), item, json_object_get(new_index, step), child);
    }
    json_object_foreach(new_index, step, item)
    {
        struct comparison child = {kube_fields_child(at.changed, step),
                                   kube_fields_child(at.removed, step)};

        if (json_object_get(old_index, step) == NULL)
            compare_walk(kube_type_item(type), NULL, item, child);
    }
    json_decref(old_index);
    json_decref(new_index);
}

/* The shape that both have, or atomic. */
static enum kube_shape common_shape(struct kube_type type, const json_t *a, const json_t *b)
{
    enum kube_shape shape = kube_type_shape(type, is_empty(b) ? a : b);

    if (is_empty(a) && is_empty(b))
        return KUBE_SHAPE_ATOMIC;
    if (is_empty(a) || is_empty(b) || kube_type_shape(type, a) == shape)
        return shape;
    return KUBE_SHAPE_ATOMIC;
}

static void compare_walk(struct kube_type type, const json_t *before, const json_t *after,
                         struct comparison at)
{
    enum kube_shape shape = common_shape(type, before, after);

    if (before == NULL && after != NULL)
        kube_fields_mark(at.changed);
    if (after == NULL && before != NULL)
        kube_fields_mark(at.removed);
    if (shape == KUBE_SHAPE_MAP) {
        compare_members(type, before, after, at);
    } else if (shape != KUBE_SHAPE_ATOMIC) {
        compare_items(type, before, after, at);
    } else if (before != NULL && after != NULL && !(is_empty(before) && is_empty(after)) &&
               !json_equal(before, after)) {
        kube_fields_mark(at.changed);
    }
}

void kube_apply_compare(struct kube_type type, const json_t *before, const json_t *after,
                        json_t **ret_changed, json_t **ret_removed)
{
    struct comparison at = {json_object(), json_object()};

    compare_members(type, before, after, at);
    kube_fields_tidy(at.changed);
    kube_fields_tidy(at.removed);
    *ret_changed = at.changed;
    *ret_removed = at.removed;
}

/* --- merge --- */

static int merge_walk(struct kube_type type, const json_t *live, const json_t *config, json_t **ret,
                      struct error *err);

static int merge_members(struct kube_type type, const json_t *live, const json_t *config,
                         json_t **ret, struct error *err)
{
    json_t *result = json_is_object(live) ? json_copy((json_t *)live) : json_object();
    const char *name;
    json_t *child;

    json_object_foreach((json_t *)config, name, child)
    {
        json_t *merged;
        int rc = merge_walk(kube_type_member(type, name).type, json_object_get(live, name), child,
                            &merged, err);

        if (rc != 0) {
            json_decref(result);
            return err_prefix(err, "%s", name);
        }
        json_object_set_new(result, name, merged);
    }
    *ret = result;
    return 0;
}

/* The configuration's items on their way into the result. */
struct item_merge {
    struct kube_type type; /* of the list */
    const json_t *items;   /* of the live list */
    json_t *live, *config; /* {step: item} */
    void *next;            /* iterator over `config` */
    json_t *result;
};

/* Puts the configuration's next item, merged with the live one. */
static int item_put(struct item_merge *merge, struct error *err)
{
    const char *step = json_object_iter_key(merge->next);
    json_t *merged;
    int rc = merge_walk(kube_type_item(merge->type), json_object_get(merge->live, step),
                        json_object_iter_value(merge->next), &merged, err);

    if (rc != 0)
        return rc;
    json_array_append_new(merge->result, merged);
    merge->next = json_object_iter_next(merge->config, merge->next);
    return 0;
}

/* Items up to this one, which is among them. `step` outlives the call. */
static int items_put_until(struct item_merge *merge, const char *step, struct error *err)
{
    bool is_last = false;
    int rc = 0;

    while (rc == 0 && !is_last) {
        is_last = strcmp(json_object_iter_key(merge->next), step) == 0;
        rc = item_put(merge, err);
    }
    return rc;
}

/* The step of the configuration's next item that lives already; NULL: there is none. */
static const char *next_shared(const struct item_merge *merge)
{
    for (void *at = merge->next; at != NULL; at = json_object_iter_next(merge->config, at)) {
        const char *step = json_object_iter_key(at);

        if (json_object_get(merge->live, step) != NULL)
            return step;
    }
    return NULL;
}

static int items_merge(struct item_merge *merge, struct error *err)
{
    size_t i;
    json_t *item;
    int rc = 0;

    json_array_foreach(merge->items, i, item)
    {
        SCOPED(mem_drop) char *step = item_step(merge->type, item, NULL);
        const char *shared = next_shared(merge);

        if (step == NULL || json_object_get(merge->config, step) == NULL)
            json_array_append(merge->result, item);
        else if (shared == NULL || strcmp(shared, step) != 0)
            continue; /* not here: its turn comes in the configuration's order */
        else
            rc = items_put_until(merge, step, err);
        if (rc != 0)
            return rc;
    }
    while (rc == 0 && merge->next != NULL)
        rc = item_put(merge, err);
    return rc;
}

static int merge_items(struct kube_type type, const json_t *live, const json_t *config,
                       json_t **ret, struct error *err)
{
    struct item_merge merge = {.type = type, .items = live};
    int rc = list_index(type, config, &merge.config, err);

    if (rc != 0)
        return rc;
    merge.live = list_index_known(type, live);
    merge.next = json_object_iter(merge.config);
    merge.result = json_array();
    rc = items_merge(&merge, err);
    json_decref(merge.config);
    json_decref(merge.live);
    if (rc != 0)
        json_decref(merge.result);
    else
        *ret = merge.result;
    return rc;
}

static int merge_walk(struct kube_type type, const json_t *live, const json_t *config, json_t **ret,
                      struct error *err)
{
    switch (kube_type_shape(type, config)) {
    case KUBE_SHAPE_MAP:
        return merge_members(type, live, config, ret, err);
    case KUBE_SHAPE_SET:
    case KUBE_SHAPE_ITEMS:
        return merge_items(type, live, config, ret, err);
    case KUBE_SHAPE_ATOMIC:
        break;
    }
    *ret = json_incref((json_t *)config);
    return 0;
}

int kube_apply_merge(struct kube_type type, const json_t *live, const json_t *config, json_t **ret,
                     struct error *err)
{
    json_t *shared; /* parts of it are of `live` and `config` */
    int rc = merge_walk(type, live, config, &shared, err);

    if (rc != 0)
        return rc;
    *ret = json_deep_copy(shared);
    json_decref(shared);
    return 0;
}

/* --- removal --- */

static void remove_items(struct kube_type type, json_t *list, const json_t *set)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        json_t *item = json_array_get(list, i);
        SCOPED(mem_drop) char *step = item_step(type, item, NULL);
        const json_t *node = step ? json_object_get(set, step) : NULL;

        if (node != NULL && kube_fields_is_marked(node))
            json_array_remove(list, i);
        else if (node != NULL)
            kube_apply_remove(kube_type_item(type), item, node);
    }
}

static void remove_members(struct kube_type type, json_t *object, const json_t *set)
{
    const char *name;
    void *next;
    json_t *child;

    json_object_foreach_safe(object, next, name, child)
    {
        const json_t *node = kube_fields_find(set, name);

        if (node == NULL)
            continue;
        if (!kube_fields_is_marked(node))
            kube_apply_remove(kube_type_member(type, name).type, child, node);
        if (kube_fields_is_marked(node) || is_empty(child))
            json_object_del(object, name);
    }
}

void kube_apply_remove(struct kube_type type, json_t *value, const json_t *set)
{
    switch (kube_type_shape(type, value)) {
    case KUBE_SHAPE_MAP:
        remove_members(type, value, set);
        break;
    case KUBE_SHAPE_SET:
    case KUBE_SHAPE_ITEMS:
        remove_items(type, value, set);
        break;
    case KUBE_SHAPE_ATOMIC:
        break;
    }
}

/* --- parents --- */

void kube_apply_mark_parents(struct kube_type type, json_t *set)
{
    const char *step;
    json_t *child;

    json_object_foreach(set, step, child)
    {
        struct kube_member member = {0};

        if (!json_is_object(child))
            continue;
        if (step[0] == 'f')
            member = kube_type_member(type, step + 2);
        else
            member.type = kube_type_item(type);
        kube_apply_mark_parents(member.type, child);
        if (member.is_declared)
            kube_fields_mark(child);
    }
}
