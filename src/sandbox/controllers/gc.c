/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection: see gc.h.
 *
 * An owner counts as gone when its deletion was seen, or when its cache still lacks it a second
 * after it was first missed:
 * two watches are not in step, so a dependent may show before its owner.
 */
#include "sandbox/controllers/gc.h"

#include "base/mem.h"
#include "kube/object.h"
#include "wire/json.h"

enum { GC_ORPHAN_MS = 20, GC_DOUBT_MS = 1000, GC_UIDS_MAX = 20000 };

enum gc_phase { GC_SURE, GC_DOUBTED };

static void gc_sync(struct work *work, json_t *object);

static const struct work_kind gc_kinds[] = {
#define GC_KIND(name) {"gc " #name, KUBE_RESOURCE_##name, gc_sync},
    WORK_CACHE_MAP(GC_KIND)
#undef GC_KIND
};

static const struct work_kind *kind_of(const struct kube_resource *resource)
{
    for (size_t i = 0; i < ARRAY_LEN(gc_kinds); i++)
        if (kube_resource_get(gc_kinds[i].resource) == resource)
            return &gc_kinds[i];
    return NULL;
}

static json_t *owner_ref_of(const json_t *object, const char *uid)
{
    return json_array_find(json_path_get(object, "metadata.ownerReferences"), "uid", uid);
}

static bool has_finalizer(const json_t *object, const char *name)
{
    return json_array_has(json_path_get(object, "metadata.finalizers"), name);
}

/* Visits the dependents of a uid in every watched kind; returns how many there are. */
static size_t dependents_visit(struct sandbox_controllers *controllers, const char *uid,
                               void (*visit)(struct sandbox_controllers *controllers,
                                             const struct work_kind *kind, json_t *dependent,
                                             void *ctx),
                               void *ctx)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(gc_kinds); i++) {
        size_t cursor = 0;
        json_t *object;

        while ((object = kube_cache_next(controllers->caches[gc_kinds[i].resource], &cursor))) {
            if (!owner_ref_of(object, uid))
                continue;
            count++;
            visit(controllers, &gc_kinds[i], object, ctx);
        }
    }
    return count;
}

static void visit_mark(struct sandbox_controllers *controllers, const struct work_kind *kind,
                       json_t *dependent, void *ctx)
{
    (void)ctx;
    work_mark(controllers, kind, kube_namespace(dependent), kube_name(dependent));
}

void gc_mark(struct sandbox_controllers *controllers, const struct kube_resource *resource,
             enum kube_change change, const json_t *object)
{
    const struct work_kind *kind = kind_of(resource);
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
        dependents_visit(controllers, uid, visit_mark, NULL);
    if (json_path_get(object, "metadata.ownerReferences") || kube_is_deleting(object))
        work_mark(controllers, kind, kube_namespace(object), kube_name(object));
    /* An owner that waits for its dependents looks again when one of them goes. */
    if (change != KUBE_DELETED)
        return;
    json_array_foreach(json_path_get(object, "metadata.ownerReferences"), i, owner)
    {
        const struct kube_resource *of = kube_resource_find(
            json_path_string_or(owner, "apiVersion", ""), json_path_string_or(owner, "kind", ""));

        if (of && kind_of(of))
            work_mark(controllers, kind_of(of), of->namespaced ? kube_namespace(object) : NULL,
                      json_path_string_or(owner, "name", ""));
    }
}

enum owner_state { OWNER_THERE, OWNER_LEAVING, OWNER_MISSED, OWNER_GONE };

static enum owner_state owner_look(const struct work *work, const json_t *ref)
{
    const char *uid = json_path_string_or(ref, "uid", "");
    const struct kube_resource *resource = kube_resource_find(
        json_path_string_or(ref, "apiVersion", ""), json_path_string_or(ref, "kind", ""));
    const struct work_kind *kind = resource ? kind_of(resource) : NULL;
    json_t *owner;

    if (!kind)
        return OWNER_THERE; /* of a kind that is not watched: believed */
    if (map_get_str(&work->controllers->deleted_uids, uid))
        return OWNER_GONE;
    owner = work_get(work, kind->resource, resource->namespaced ? work->ns : NULL,
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

static void finalizer_remove(struct work *work, const json_t *object, const char *name)
{
    json_t *kept = json_array();
    json_t *finalizer;
    size_t i;

    json_array_foreach(json_path_get(object, "metadata.finalizers"), i,
                       finalizer) if (strcmp(json_string_value(finalizer), name) != 0)
        json_array_append(kept, finalizer);
    work_call(work, KUBE_PATCH_MERGE, work->kind->resource, work->ns, work->name, NULL,
              json_pack("{s:{s:s*,s:o}}", "metadata", "resourceVersion",
                        json_path_string(object, "metadata.resourceVersion"), "finalizers", kept));
}

struct orphan {
    struct work *work;
    const char *uid;
};

static void visit_orphan(struct sandbox_controllers *controllers, const struct work_kind *kind,
                         json_t *dependent, void *ctx)
{
    const struct orphan *orphan = ctx;
    json_t *kept = json_array();
    json_t *owner;
    size_t i;

    (void)controllers;
    json_array_foreach(json_path_get(dependent, "metadata.ownerReferences"), i,
                       owner) if (!json_path_is(owner, "uid", orphan->uid))
        json_array_append(kept, owner);
    work_call(orphan->work, KUBE_PATCH_MERGE, kind->resource, kube_namespace(dependent),
              kube_name(dependent), NULL,
              json_pack("{s:{s:o}}", "metadata", "ownerReferences", kept));
}

static void gc_sync(struct work *work, json_t *object)
{
    const char *uid = kube_uid(object);
    struct orphan orphan = {work, uid};

    if (!object || !uid)
        return;
    if (!kube_is_deleting(object)) {
        dependent_check(work, object);
        return;
    }
    if (has_finalizer(object, "orphan")) {
        if (dependents_visit(work->controllers, uid, visit_orphan, &orphan) == 0)
            finalizer_remove(work, object, "orphan");
        else
            work_again(work, GC_ORPHAN_MS); /* those that were let go do not name it any more */
    } else if (has_finalizer(object, "foregroundDeletion") &&
               dependents_visit(work->controllers, uid, visit_mark, NULL) == 0)
        finalizer_remove(work, object, "foregroundDeletion");
}
