/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection: dependents of owners that are gone, foreground and orphan deletion.
 *
 * An owner counts as gone when its deletion was seen, or when its cache still lacks it a second
 * after it was first missed: two watches are not in step, so a dependent may show before its owner.
 *
 * Limits  owners and dependents of the watched kinds; others are left alone
 */
#include "base/mem.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

enum { GC_ORPHAN_MS = 20, GC_DOUBT_MS = 1000, GC_UIDS_MAX = 20000 };

enum gc_phase { GC_SURE, GC_DOUBTED };

static void gc_sync(struct work *work, json_t *object);

static const struct work_kind gc_kinds[] = {
#define GC_KIND(kind) {.name = "gc " #kind, .resource = KUBE_RESOURCE_##kind, .sync = gc_sync},
    CONTROLLERS_WATCHED_MAP(GC_KIND)
#undef GC_KIND
};

/* NULL for a resource that is not watched, or none. */
static const struct work_kind *kind_of(const struct kube_resource *resource)
{
    for (size_t i = 0; i < ARRAY_LEN(gc_kinds); i++)
        if (kube_resource_get(gc_kinds[i].resource) == resource)
            return &gc_kinds[i];
    return NULL;
}

/* Of an owner reference. */
static const struct work_kind *owner_kind(const json_t *ref)
{
    return kind_of(kube_resource_find(json_path_string_or(ref, "apiVersion", ""),
                                      json_path_string_or(ref, "kind", "")));
}

/* The namespace of an owner of that kind: the dependent's, or none. */
static const char *owner_ns(const struct work_kind *kind, const char *ns)
{
    return kube_resource_get(kind->resource)->namespaced ? ns : NULL;
}

static bool has_finalizer(const json_t *object, const char *name)
{
    return json_array_has(json_path_get(object, "metadata.finalizers"), name);
}

/* --- dependents --- */

/* A walk over what names the uid as an owner, in every watched kind. */
struct dependents {
    const struct work_queue *queue;
    const char *uid;
    size_t kind; /* index of the kind that the last one was of */
    size_t cursor;
};

static json_t *dependent_next(struct dependents *dependents)
{
    while (dependents->kind < ARRAY_LEN(gc_kinds)) {
        json_t *object = work_next(dependents->queue, gc_kinds[dependents->kind].resource, NULL,
                                   &dependents->cursor);

        if (!object) {
            dependents->kind++;
            dependents->cursor = 0;
        } else if (json_array_find(json_path_get(object, "metadata.ownerReferences"), "uid",
                                   dependents->uid)) {
            return object;
        }
    }
    return NULL;
}

/* Returns how many there are. */
static size_t dependents_mark(struct work_queue *queue, const char *uid)
{
    struct dependents dependents = {.queue = queue, .uid = uid};
    size_t count = 0;
    json_t *object;

    for (; (object = dependent_next(&dependents)); count++)
        work_mark(queue, &gc_kinds[dependents.kind], kube_namespace(object), kube_name(object));
    return count;
}

void gc_mark(struct sandbox_controllers *controllers, enum kube_resource_id resource,
             enum kube_change change, const json_t *object)
{
    const struct work_kind *kind = kind_of(kube_resource_get(resource));
    const json_t *owners = json_path_get(object, "metadata.ownerReferences");
    const char *uid = kube_uid(object);
    json_t *owner;
    size_t i;

    if (!kind || !uid)
        return;
    if (change == KUBE_DELETED) {
        if (controllers->deleted_uids.count >= GC_UIDS_MAX)
            map_clear(&controllers->deleted_uids);
        if (map_put(&controllers->deleted_uids, slice_str(uid), controllers, NULL) < 0)
            return;
    }
    if (change == KUBE_DELETED || kube_is_deleting(object))
        dependents_mark(controllers->queue, uid);
    if (owners || kube_is_deleting(object))
        work_mark(controllers->queue, kind, kube_namespace(object), kube_name(object));
    /* An owner that waits for its dependents looks again when one of them goes. */
    if (change != KUBE_DELETED)
        return;
    json_array_foreach(owners, i, owner)
    {
        const struct work_kind *of = owner_kind(owner);

        if (of)
            work_mark(controllers->queue, of, owner_ns(of, kube_namespace(object)),
                      json_path_string_or(owner, "name", ""));
    }
}

/* --- a dependent --- */

enum owner_state { OWNER_THERE, OWNER_LEAVING, OWNER_MISSED, OWNER_GONE };

static enum owner_state owner_look(const struct work *work, const json_t *ref)
{
    const char *uid = json_path_string_or(ref, "uid", "");
    const struct work_kind *kind = owner_kind(ref);
    const json_t *owner;

    if (!kind)
        return OWNER_THERE; /* of a kind that is not watched: believed */
    if (map_get_str(&controllers_of(work)->deleted_uids, uid))
        return OWNER_GONE;
    owner = work_get(work->queue, kind->resource, owner_ns(kind, work->ns),
                     json_path_string_or(ref, "name", ""));
    if (!kube_uid_equal(owner, uid))
        return OWNER_MISSED;
    return kube_is_deleting(owner) && has_finalizer(owner, "foregroundDeletion") ? OWNER_LEAVING
                                                                                 : OWNER_THERE;
}

static void dependent_check(struct work *work, const json_t *object)
{
    json_t *owners = json_path_get(object, "metadata.ownerReferences");
    bool doubted = false;
    bool leaving = false;
    json_t *owner;
    size_t i;

    if (json_array_size(owners) == 0)
        return;
    json_array_foreach(owners, i, owner)
    {
        enum owner_state state = owner_look(work, owner);

        if (state == OWNER_THERE)
            return;
        doubted |= state == OWNER_MISSED;
        leaving |= state == OWNER_LEAVING;
    }
    if (doubted && !leaving && work->phase == GC_SURE) {
        work->phase = GC_DOUBTED;
        work_again(work, GC_DOUBT_MS);
        return;
    }
    /* Foreground deletion reaches down: the owner waits until the whole tree is gone. */
    work_call(work, KUBE_DELETE, work->kind->resource, work->ns, work->name, NULL,
              leaving ? json_pack("{s:s,s:s,s:s}", "apiVersion", "v1", "kind", "DeleteOptions",
                                  "propagationPolicy", "Foreground")
                      : NULL);
}

/* --- an owner on its way out --- */

static void finalizer_remove(struct work *work, const json_t *object, const char *name)
{
    json_t *kept = json_array();
    json_t *finalizer;
    size_t i;

    json_array_foreach(json_path_get(object, "metadata.finalizers"), i, finalizer)
    {
        if (strcmp(json_string_value(finalizer), name) != 0)
            json_array_append(kept, finalizer);
    }
    work_call(work, KUBE_PATCH_MERGE, work->kind->resource, work->ns, work->name, NULL,
              json_pack("{s:{s:s*,s:o}}", "metadata", "resourceVersion",
                        json_path_string(object, "metadata.resourceVersion"), "finalizers", kept));
}

/* Lets the dependents of a uid go; returns how many there were. */
static size_t dependents_orphan(struct work *work, const char *uid)
{
    struct dependents dependents = {.queue = work->queue, .uid = uid};
    size_t count = 0;
    json_t *object;

    for (; (object = dependent_next(&dependents)); count++) {
        json_t *kept = json_array();
        json_t *owner;
        size_t i;

        json_array_foreach(json_path_get(object, "metadata.ownerReferences"), i, owner)
        {
            if (!json_path_is(owner, "uid", uid))
                json_array_append(kept, owner);
        }
        work_call(work, KUBE_PATCH_MERGE, gc_kinds[dependents.kind].resource,
                  kube_namespace(object), kube_name(object), NULL,
                  json_pack("{s:{s:o}}", "metadata", "ownerReferences", kept));
    }
    return count;
}

static void gc_sync(struct work *work, json_t *object)
{
    const char *uid = kube_uid(object);

    if (!uid)
        return;
    if (!kube_is_deleting(object)) {
        dependent_check(work, object);
    } else if (has_finalizer(object, "orphan")) {
        if (dependents_orphan(work, uid) == 0)
            finalizer_remove(work, object, "orphan");
        else
            work_again(work, GC_ORPHAN_MS); /* those that were let go do not name it any more */
    } else if (has_finalizer(object, "foregroundDeletion") &&
               dependents_mark(work->queue, uid) == 0) {
        finalizer_remove(work, object, "foregroundDeletion");
    }
}
