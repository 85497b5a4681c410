/* SPDX-License-Identifier: Apache-2.0 */
/* Field ownership. See managed.h.
 *
 * managedFields is read into a list of managers with their sets in work (fields.h), changed there,
 * and written back in Kubernetes' order. A manager is known by its name, operation and subresource;
 * one that updates also by the version that it wrote.
 */
#include "kube/objects/managed.h"

#include "base/mem.h"
#include "base/vec.h"
#include "kube/objects/apply.h"

#include <stdlib.h>

static const char op_apply[] = "Apply";
static const char op_update[] = "Update";
static const char last_applied[] = "kubectl.kubernetes.io/last-applied-configuration";

struct manager {
    json_t *entry; /* of managedFields without fieldsV1; owned */
    json_t *set;   /* owned */
};

struct managers {
    VEC(struct manager) list;
};

/* --- managers --- */

static const char *entry_text(const json_t *entry, const char *name)
{
    return json_path_string_or(entry, name, "");
}

static bool is_operation(const struct manager *manager, const char *operation)
{
    return strcmp(entry_text(manager->entry, "operation"), operation) == 0;
}

static void managers_deinit(struct managers *managers)
{
    for (size_t i = 0; i < managers->list.count; i++) {
        json_decref(managers->list.items[i].entry);
        json_decref(managers->list.items[i].set);
    }
    VEC_DEINIT(&managers->list);
}

static void manager_remove(struct managers *managers, size_t at)
{
    json_decref(managers->list.items[at].entry);
    json_decref(managers->list.items[at].set);
    for (size_t i = at + 1; i < managers->list.count; i++)
        managers->list.items[i - 1] = managers->list.items[i];
    managers->list.count--;
}

/* Takes the set. */
static void set_replace(struct manager *manager, json_t *set)
{
    json_decref(manager->set);
    manager->set = set;
}

static void set_subtract(struct manager *manager, const json_t *other)
{
    set_replace(manager, kube_fields_subtract(manager->set, other));
}

static void set_add(struct manager *manager, const json_t *other)
{
    set_replace(manager, kube_fields_union(manager->set, other));
}

/* False: the entry cannot be read. */
static bool entry_read(const json_t *entry, struct manager *ret)
{
    const char *operation = entry_text(entry, "operation");
    bool known = strcmp(operation, op_apply) == 0 || strcmp(operation, op_update) == 0;
    json_t *set = NULL;

    if (!known || strcmp(entry_text(entry, "fieldsType"), "FieldsV1") != 0 ||
        kube_fields_decode(json_object_get(entry, "fieldsV1"), &set, NULL) != 0)
        return false;
    ret->set = set;
    ret->entry = json_copy((json_t *)entry);
    json_object_del(ret->entry, "fieldsV1");
    return true;
}

/* False when an entry cannot be read: nobody is known then. */
static bool managers_read(const json_t *object, struct managers *ret)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_path_get(object, "metadata.managedFields"), i, entry)
    {
        struct manager manager;

        if (!entry_read(entry, &manager)) {
            managers_deinit(ret);
            return false;
        }
        VEC_PUSH(&ret->list, manager);
    }
    return true;
}

/* Apply before Update; then by time, manager, version, subresource. */
static int manager_cmp(const void *a, const void *b)
{
    static const char *const by[] = {"operation", "time", "manager", "apiVersion", "subresource"};
    const struct manager *one = a;
    const struct manager *two = b;

    for (size_t i = 0; i < ARRAY_LEN(by); i++) {
        int order = strcmp(entry_text(one->entry, by[i]), entry_text(two->entry, by[i]));

        if (order != 0)
            return order;
    }
    return 0;
}

static void managers_write(struct managers *managers, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    json_t *list = json_array();

    if (managers->list.count > 1)
        qsort(managers->list.items, managers->list.count, sizeof *managers->list.items,
              manager_cmp);
    for (size_t i = 0; i < managers->list.count; i++) {
        const struct manager *manager = &managers->list.items[i];
        json_t *entry = json_copy(manager->entry);

        json_object_set_new(entry, "fieldsV1", kube_fields_encode(manager->set));
        json_array_append_new(list, entry);
    }
    if (json_array_size(list) > 0)
        json_object_set(metadata, "managedFields", list);
    else
        json_object_del(metadata, "managedFields");
    json_decref(list);
}

static bool manager_is(const struct manager *manager, const struct kube_writer *writer,
                       const char *operation)
{
    return is_operation(manager, operation) &&
           strcmp(entry_text(manager->entry, "manager"), writer->manager) == 0 &&
           strcmp(entry_text(manager->entry, "subresource"), writer->subresource) == 0 &&
           (strcmp(operation, op_apply) == 0 ||
            strcmp(entry_text(manager->entry, "apiVersion"), writer->api_version) == 0);
}

/* The writer's manager, made when missing. Valid until the list changes. */
static struct manager *manager_get(struct managers *managers, const struct kube_writer *writer,
                                   const char *operation)
{
    struct manager fresh;

    for (size_t i = 0; i < managers->list.count; i++) {
        if (manager_is(&managers->list.items[i], writer, operation))
            return &managers->list.items[i];
    }
    fresh.set = json_object();
    fresh.entry = json_pack("{s:s, s:s, s:s, s:s}", "manager", writer->manager, "operation",
                            operation, "apiVersion", writer->api_version, "fieldsType", "FieldsV1");
    if (writer->subresource[0])
        json_set_string(fresh.entry, "subresource", writer->subresource);
    VEC_PUSH(&managers->list, fresh);
    return &managers->list.items[managers->list.count - 1];
}

/* "" for none. */
static void time_set(struct manager *manager, const char *time)
{
    if (time[0])
        json_set_string(manager->entry, "time", time);
    else
        json_object_del(manager->entry, "time");
}

static void managers_tidy(struct managers *managers)
{
    for (size_t i = managers->list.count; i-- > 0;) {
        if (kube_fields_is_empty(managers->list.items[i].set))
            manager_remove(managers, i);
    }
}

/* --- the bound --- */

static const char ancient[] = "ancient-changes";

/* The one with the oldest time among those that update and are not of the merged ones; NULL. */
static struct manager *oldest_updater(struct managers *managers)
{
    struct manager *oldest = NULL;

    for (size_t i = 0; i < managers->list.count; i++) {
        struct manager *manager = &managers->list.items[i];

        if (is_operation(manager, op_update) &&
            strcmp(entry_text(manager->entry, "manager"), ancient) != 0 &&
            (oldest == NULL || manager_cmp(manager, oldest) < 0))
            oldest = manager;
    }
    return oldest;
}

static size_t updater_count(const struct managers *managers)
{
    size_t count = 0;

    for (size_t i = 0; i < managers->list.count; i++)
        count += is_operation(&managers->list.items[i], op_update);
    return count;
}

static void managers_cap(struct managers *managers)
{
    struct manager *oldest;

    while (updater_count(managers) > KUBE_MANAGED_UPDATERS_MAX &&
           (oldest = oldest_updater(managers)) != NULL) {
        char *version = mem_strdup(entry_text(oldest->entry, "apiVersion"));
        char *time = mem_strdup(entry_text(oldest->entry, "time"));
        struct kube_writer writer = {.manager = ancient, .api_version = version, .subresource = ""};
        json_t *set = json_incref(oldest->set);
        struct manager *merged;

        manager_remove(managers, (size_t)(oldest - managers->list.items));
        merged = manager_get(managers, &writer, op_update);
        set_add(merged, set);
        time_set(merged, time);
        json_decref(set);
        mem_free(version);
        mem_free(time);
    }
}

/* --- fields that nobody owns --- */

static void meta_strip(json_t *set)
{
    static const char *const names[] = {"name",        "namespace",     "creationTimestamp",
                                        "selfLink",    "uid",           "generation",
                                        "clusterName", "managedFields", "resourceVersion"};
    json_t *metadata = kube_fields_find(set, "metadata");

    json_object_del(set, "f:apiVersion");
    json_object_del(set, "f:kind");
    json_object_del(metadata, ".");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        SCOPED(mem_drop) char *step = mem_printf("f:%s", names[i]);

        json_object_del(metadata, step);
    }
    kube_fields_tidy(set);
}

/* --- update --- */

/* The state of a new object before its first write. */
static json_t *base_of(const json_t *object)
{
    json_t *base = json_pack("{s:{}}", "metadata");

    json_object_set(base, "apiVersion", json_object_get(object, "apiVersion"));
    json_object_set(base, "kind", json_object_get(object, "kind"));
    return base;
}

/* Changed fields go to the writer, removed ones from everybody. */
static void managers_update(struct managers *managers, struct kube_type type, const json_t *live,
                            const json_t *object, const struct kube_writer *writer)
{
    json_t *changed;
    json_t *removed;

    kube_apply_compare(type, live, object, &changed, &removed);
    meta_strip(changed);
    for (size_t i = 0; i < managers->list.count; i++) {
        set_subtract(&managers->list.items[i], changed);
        set_subtract(&managers->list.items[i], removed);
    }
    if (!kube_fields_is_empty(changed)) {
        struct manager *self = manager_get(managers, writer, op_update);

        set_add(self, changed);
        time_set(self, writer->time);
    }
    json_decref(changed);
    json_decref(removed);
    managers_tidy(managers);
    managers_cap(managers);
}

/* [{}]: forget who owned what. */
static bool is_reset(const json_t *object)
{
    const json_t *list = json_path_get(object, "metadata.managedFields");

    return json_array_size(list) == 1 && json_object_size(json_array_get(list, 0)) == 0;
}

void kube_managed_update(struct kube_type type, const json_t *live, json_t *object,
                         const struct kube_writer *writer)
{
    struct managers managers = {0};
    json_t *base = live == NULL ? base_of(object) : NULL;
    bool given = writer->subresource[0] == '\0' && managers_read(object, &managers) &&
                 managers.list.count > 0;

    /* A live object without any is written by those who do not keep track. */
    if (is_reset(object) || (live != NULL && !given && !managers_read(live, &managers))) {
        json_object_del(json_object_get(object, "metadata"), "managedFields");
        json_decref(base);
        return;
    }
    json_object_del(json_object_get(object, "metadata"), "managedFields");
    managers_update(&managers, type, live ? live : base, object, writer);
    managers_write(&managers, object);
    managers_deinit(&managers);
    json_decref(base);
}

/* --- conflicts --- */

static char *manager_describe(const struct manager *manager)
{
    const char *subresource = entry_text(manager->entry, "subresource");
    struct buf out;

    buf_init(&out, 0);
    buf_printf(&out, "\"%s\"", entry_text(manager->entry, "manager"));
    if (subresource[0])
        buf_printf(&out, " with subresource \"%s\"", subresource);
    if (is_operation(manager, op_update))
        buf_printf(&out, " using %s", entry_text(manager->entry, "apiVersion"));
    return buf_take(&out);
}

struct conflict_list {
    const char *who;
    json_t *causes;
    struct buf *lines;
};

static void conflict_on_path(const char *path, void *ctx)
{
    struct conflict_list *list = ctx;
    SCOPED(mem_drop) char *message = mem_printf("conflict with %s", list->who);

    json_array_append_new(list->causes,
                          json_pack("{s:s, s:s, s:s}", "reason", "FieldManagerConflict", "message",
                                    message, "field", path));
    buf_printf(list->lines, "\n- %s", path);
}

static void conflicts_finish(json_t *causes, const struct buf *lines, struct kube_conflicts *ret)
{
    const json_t *first = json_array_get(causes, 0);

    ret->causes = causes;
    if (json_array_size(causes) == 1)
        ret->message = mem_printf("Apply failed with 1 conflict: %s: %s",
                                  entry_text(first, "message"), entry_text(first, "field"));
    else
        ret->message = mem_printf("Apply failed with %zu conflicts: %.*s", json_array_size(causes),
                                  SLICE_ARG(buf_slice(lines)));
}

/* What others own of `changed`. ERR_CONFLICT when there is any. */
static int conflicts_find(struct managers *managers, const struct manager *self,
                          const json_t *changed, struct kube_conflicts *ret)
{
    struct buf text;
    json_t *causes = json_array();
    int rc = 0;

    buf_init(&text, 0);
    for (size_t i = 0; i < managers->list.count; i++) {
        struct manager *manager = &managers->list.items[i];
        json_t *common = manager == self ? NULL : kube_fields_intersect(manager->set, changed);
        SCOPED(mem_drop) char *who = manager_describe(manager);
        struct conflict_list list = {who, causes, &text};

        if (common != NULL && !kube_fields_is_empty(common)) {
            buf_printf(&text, "%sconflicts with %s:", text.len > 0 ? "\n" : "", who);
            kube_fields_each(common, conflict_on_path, &list);
        }
        json_decref(common);
    }
    if (json_array_size(causes) > 0) {
        conflicts_finish(causes, &text, ret);
        rc = ERR_CONFLICT;
    } else {
        json_decref(causes);
    }
    buf_deinit(&text);
    return rc;
}

void kube_conflicts_deinit(struct kube_conflicts *conflicts)
{
    json_decref(conflicts->causes);
    mem_free(conflicts->message);
    *conflicts = (struct kube_conflicts){0};
}

/* --- client-side apply of kubectl --- */

/* What kubectl applied before by itself, it may take over: the fields of its annotation that nobody
 * has changed since. */
static json_t *takeover_fields(struct kube_type type, const json_t *live,
                               const struct kube_writer *writer)
{
    const json_t *annotations = json_path_get(live, "metadata.annotations");
    const char *text = json_get_string(annotations, last_applied);
    json_t *config = NULL;
    json_t *set = NULL;
    json_t *changed;
    json_t *removed;
    json_t *same;

    if (strcmp(writer->manager, "kubectl") != 0 || text == NULL ||
        json_parse(slice_str(text), NULL, &config, NULL) != 0)
        return json_object();
    if (!json_is_object(config) || kube_apply_fields(type, config, &set, NULL) != 0) {
        json_decref(config);
        return json_object();
    }
    kube_apply_compare(type, config, live, &changed, &removed);
    same = kube_fields_subtract(set, changed);
    json_decref(config);
    json_decref(set);
    json_decref(changed);
    json_decref(removed);
    return same;
}

/* The annotation follows what kubectl applies, so that both ways can be mixed. */
static void last_applied_follow(json_t *object, const json_t *config,
                                const struct kube_writer *writer)
{
    json_t *annotations = json_path_get(object, "metadata.annotations");
    json_t *kept;
    char *text;

    if (strcmp(writer->manager, "kubectl") != 0 ||
        json_get_string(annotations, last_applied) == NULL)
        return;
    kept = json_deep_copy(config);
    json_object_del(json_path_get(kept, "metadata.annotations"), last_applied);
    text = json_format_str(kept, JSON_FORMAT_SORTED);
    json_object_set_new(annotations, last_applied,
                        json_sprintf("%s\n", text)); /* with the newline that kubectl writes */
    mem_free(text);
    json_decref(kept);
}

/* --- apply --- */

/* An object that was written before anybody kept track belongs to one manager. */
static void managers_begin(struct managers *managers, struct kube_type type, const json_t *live,
                           const struct kube_writer *writer)
{
    struct kube_writer before = *writer;
    json_t *base;

    if (live == NULL || (managers_read(live, managers) && managers->list.count > 0))
        return;
    base = base_of(live);
    before.manager = "before-first-apply";
    before.subresource = "";
    managers_update(managers, type, base, live, &before);
    json_decref(base);
}

/* An apply on its way. */
struct apply {
    struct kube_type type;
    const json_t *live;
    const struct kube_writer *writer;
    struct managers managers;
    json_t *set;    /* fields of the configuration; owned */
    json_t *object; /* the state to come; owned */
    struct kube_conflicts *conflicts;
};

static void apply_deinit(struct apply *apply)
{
    managers_deinit(&apply->managers);
    json_decref(apply->set);
    json_decref(apply->object);
}

/* What the manager applied before, does not any more, and nobody else owns. `before` is its old
 * set; the managers have the new one. */
static void prune(struct apply *apply, const json_t *before)
{
    json_t *gone = json_deep_copy(before);

    kube_apply_mark_parents(apply->type, gone);
    json_object_del(kube_fields_find(gone, "metadata"), "."); /* the server's own is in there */
    for (size_t i = 0; i < apply->managers.list.count; i++) {
        json_t *owned = json_deep_copy(apply->managers.list.items[i].set);
        json_t *rest;

        kube_apply_mark_parents(apply->type, owned);
        rest = kube_fields_subtract(gone, owned);
        json_decref(owned);
        json_decref(gone);
        gone = rest;
    }
    kube_apply_remove(apply->type, apply->object, gone);
    json_decref(gone);
}

/* Settles who owns what after the merge, or finds the conflicts. */
static int ownership_settle(struct apply *apply, const struct manager *self)
{
    const struct kube_writer *writer = apply->writer;
    json_t *changed;
    json_t *removed;
    int rc = 0;

    kube_apply_compare(apply->type, apply->live, apply->object, &changed, &removed);
    if (!writer->force) {
        json_t *takeover = takeover_fields(apply->type, apply->live, writer);
        json_t *refused = kube_fields_subtract(changed, takeover);

        rc = conflicts_find(&apply->managers, self, refused, apply->conflicts);
        json_decref(takeover);
        json_decref(refused);
    }
    for (size_t i = 0; rc == 0 && i < apply->managers.list.count; i++) {
        struct manager *manager = &apply->managers.list.items[i];

        if (manager == self)
            continue;
        set_subtract(manager, changed);
        set_subtract(manager, removed);
    }
    json_decref(changed);
    json_decref(removed);
    return rc;
}

/* A shallow copy without managedFields. */
static json_t *bare_object(const json_t *object)
{
    json_t *bare = json_copy((json_t *)object);
    json_t *metadata = json_copy(json_object_get(object, "metadata"));

    json_object_del(metadata, "managedFields");
    if (metadata != NULL)
        json_object_set_new(bare, "metadata", metadata);
    return bare;
}

static bool is_same_but_for_managers(const json_t *live, const json_t *object)
{
    json_t *a = bare_object(live);
    json_t *b = bare_object(object);
    bool same = json_equal(a, b);

    json_decref(a);
    json_decref(b);
    return same;
}

/* The steps after the merge. */
static int apply_settle(struct apply *apply)
{
    struct manager *self = manager_get(&apply->managers, apply->writer, op_apply);
    json_t *before = self->set;
    int rc;

    self->set = json_incref(apply->set);
    json_set_string(self->entry, "apiVersion", apply->writer->api_version);
    prune(apply, before);
    rc = ownership_settle(apply, self);
    if (!is_same_but_for_managers(apply->live, apply->object))
        json_set_string(self->entry, "time", apply->writer->time);
    managers_tidy(&apply->managers);
    json_decref(before);
    return rc;
}

int kube_managed_check(const json_t *config, const char *api_version, const char *kind, bool is_new,
                       struct error *err)
{
    const char *said_version = json_path_string_or(config, "apiVersion", "");
    const char *said_kind = json_path_string_or(config, "kind", "");
    const json_t *metadata = json_object_get(config, "metadata");
    const char *uid = json_get_string(metadata, "uid");

    if (!json_is_object(config))
        return err_set(err, ERR_INVALID,
                       "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: "
                       "cannot unmarshal %s into Go value of type map[string]interface {}",
                       json_type_name(config));
    if (strcmp(said_version, api_version) != 0 || strcmp(said_kind, kind) != 0)
        return err_set(err, ERR_INVALID, "invalid object type: %s%s, Kind=%s",
                       strchr(said_version, '/') ? "" : "/", said_version, said_kind);
    if (json_object_get(metadata, "managedFields") != NULL)
        return err_set(err, ERR_INVALID, "metadata.managedFields must be nil");
    if (is_new && uid != NULL)
        return err_set(err, ERR_CONFLICT,
                       "uid mismatch: the provided object specified uid %s, and no existing object "
                       "was found",
                       uid);
    return 0;
}

json_t *kube_managed_part(const json_t *config, const char *subresource, bool has_status)
{
    json_t *part = json_copy((json_t *)(uintptr_t)config);
    bool is_status = strcmp(subresource, "status") == 0;
    const char *name;
    void *next;
    json_t *value;

    json_object_foreach_safe(part, next, name, value)
    {
        bool is_envelope = strcmp(name, "kind") == 0 || strcmp(name, "apiVersion") == 0;

        if (strcmp(name, "status") == 0 ? has_status && !is_status : is_status && !is_envelope)
            json_object_del(part, name);
    }
    return part;
}

int kube_managed_apply(struct kube_type type, const json_t *live, const json_t *config,
                       const struct kube_writer *writer, json_t **ret,
                       struct kube_conflicts *ret_conflicts, struct error *err)
{
    json_t *base = live ? json_incref((json_t *)live) : base_of(config);
    struct apply apply = {.type = type, .live = base, .writer = writer, .conflicts = ret_conflicts};
    int rc = kube_apply_fields(type, config, &apply.set, err);

    if (rc == 0)
        rc = kube_apply_merge(type, base, config, &apply.object, err);
    if (rc == 0) {
        meta_strip(apply.set);
        managers_begin(&apply.managers, type, live, writer);
        rc = apply_settle(&apply);
    }
    if (rc == 0) {
        last_applied_follow(apply.object, config, writer);
        managers_write(&apply.managers, apply.object);
        *ret = TAKE(apply.object);
    }
    apply_deinit(&apply);
    json_decref(base);
    return rc;
}

/* --- times --- */

static bool is_same_but_for_times(const json_t *a, const json_t *b)
{
    size_t i;
    json_t *entry;

    if (json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach(a, i, entry)
    {
        json_t *one = json_copy(entry);
        json_t *two = json_copy(json_array_get(b, i));
        bool same;

        json_object_del(one, "time");
        json_object_del(two, "time");
        same = json_equal(one, two);
        json_decref(one);
        json_decref(two);
        if (!same)
            return false;
    }
    return true;
}

void kube_managed_keep_times(const json_t *live, json_t *object)
{
    json_t *old = json_path_get(live, "metadata.managedFields");

    if (old != NULL &&
        is_same_but_for_times(old, json_path_get(object, "metadata.managedFields")) &&
        is_same_but_for_managers(live, object))
        json_object_set(json_object_get(object, "metadata"), "managedFields", old);
}

/* --- memory --- */

void kube_managed_share(json_t *pool, json_t *object)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_path_get(object, "metadata.managedFields"), i, entry)
    {
        json_t *fields = json_object_get(entry, "fieldsV1");
        SCOPED(mem_drop) char *text = json_format_str(fields, JSON_FORMAT_COMPACT);
        json_t *known = json_object_get(pool, text);

        if (known != NULL) {
            json_object_set(entry, "fieldsV1", known);
            continue;
        }
        if (json_object_size(pool) >= KUBE_MANAGED_POOL_MAX)
            json_object_clear(pool);
        json_object_set(pool, text, fields);
    }
}
