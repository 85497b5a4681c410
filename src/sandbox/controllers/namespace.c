/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: what every new one gets (the default account, the root certificate), and the
 * emptying of deleted ones.
 *
 * Emptying: everything is deleted kind by kind, then the Pods' end is waited for, then everything
 * once more (what was made meanwhile) until nothing waits for a finalizer, then the namespace is
 * finalized and the API server lets it go. A sweep over more kinds than an item may have calls goes
 * on with the next sync.
 */
#include "api/schema.h"
#include "base/mem.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

enum { NAMESPACE_POLL_MS = 500 };

enum namespace_phase {
    NAMESPACE_ALIVE,
    NAMESPACE_EMPTYING,
    NAMESPACE_SWEPT,
    NAMESPACE_LEFT_BEHIND, /* the sweep met objects that wait for their finalizers */
};

/* One round over all kinds; work->memory. */
struct sweep {
    size_t done; /* kinds of this round whose deletion was started */
    size_t at;   /* the kind that this sync looks at */
    bool waits;  /* no more calls in this sync */
};

static void collection_delete(struct work *work, const struct kube_resource *resource)
{
    struct sweep *sweep = work->memory;

    if (sweep->waits || sweep->at++ < sweep->done)
        return;
    sweep->waits = !work_call_any(work, KUBE_DELETE, resource, work->name, NULL, NULL, NULL);
    if (!sweep->waits)
        sweep->done = sweep->at;
}

/* A kind that the server lacks answers 404, which is as good as empty. */
static void sweep_builtin(struct work *work)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);

    for (size_t i = 0; i < count; i++)
        if ((kinds[i].flags & API_KIND_NAMESPACED) &&
            !(kinds[i].flags & (API_KIND_CRD | API_KIND_VIRTUAL)))
            collection_delete(work,
                              &(struct kube_resource){kinds[i].group, kinds[i].versions[0].name,
                                                      kinds[i].plural, kinds[i].kind, true});
}

static const char *served_version(const json_t *crd)
{
    json_t *version;
    size_t i;

    json_array_foreach(json_path_get(crd, "spec.versions"), i, version)
    {
        if (json_get_bool(version, "served", false))
            return json_get_string(version, "name");
    }
    return NULL;
}

/* False: there is more to delete than calls to start; the next sync goes on. */
static bool sweep(struct work *work)
{
    struct sweep *sweep = work->memory ? work->memory : MEM_NEW(struct sweep);
    size_t cursor = 0;
    json_t *crd;

    work->memory = sweep;
    sweep->at = 0;
    sweep->waits = false;
    sweep_builtin(work);
    while ((crd = work_next(work->queue, KUBE_RESOURCE_CRD, NULL, &cursor))) {
        struct kube_resource resource = {json_path_string(crd, "spec.group"), served_version(crd),
                                         json_path_string(crd, "spec.names.plural"),
                                         json_path_string(crd, "spec.names.kind"), true};

        if (resource.group && resource.version && resource.plural && resource.kind &&
            json_path_is(crd, "spec.scope", "Namespaced"))
            collection_delete(work, &resource);
    }
    if (sweep->waits)
        return false;
    sweep->done = 0;
    work_again(work, 0);
    return true;
}

/* Of a sweep: which objects were deleted or marked. */
static void namespace_result(struct work *work, const struct kube_result *result)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(result->object, "items"), i, item)
    {
        if (json_array_size(json_path_get(item, "metadata.finalizers")) > 0)
            work->phase = NAMESPACE_LEFT_BEHIND;
    }
}

static bool is_empty(const struct work *work)
{
    static const enum kube_resource_id shown[] = {KUBE_RESOURCE_POD, KUBE_RESOURCE_SERVICE,
                                                  KUBE_RESOURCE_DEPLOYMENT,
                                                  KUBE_RESOURCE_REPLICA_SET};

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        size_t cursor = 0;

        if (work_next(work->queue, shown[i], work->name, &cursor))
            return false;
    }
    return true;
}

static void empty(struct work *work, const json_t *ns)
{
    json_t *body;

    if (work->phase == NAMESPACE_ALIVE) {
        if (sweep(work))
            work->phase = NAMESPACE_EMPTYING;
    } else if (!is_empty(work) || work->phase == NAMESPACE_LEFT_BEHIND) {
        work->phase = NAMESPACE_EMPTYING;
        ((struct sweep *)work->memory)->done = 0; /* the next round is a whole one */
        work_again(work, NAMESPACE_POLL_MS);
    } else if (work->phase == NAMESPACE_EMPTYING) {
        if (sweep(work))
            work->phase = NAMESPACE_SWEPT;
    } else {
        body = json_deep_copy(ns);
        json_path_set(body, "spec.finalizers", json_array());
        work_call(work, KUBE_UPDATE, KUBE_RESOURCE_NAMESPACE, NULL, work->name, "finalize", body);
        work->phase = NAMESPACE_EMPTYING;
    }
}

/* Makes an object of the namespace that is missing; `data` (may be NULL) is taken. */
static void furnish(struct work *work, enum kube_resource_id id, const char *name, json_t *data)
{
    json_t *body = json_pack("{s:s,s:s,s:{s:s},s:o*}", "apiVersion", "v1", "kind",
                             kube_resource_get(id)->kind, "metadata", "name", name, "data", data);

    if (work_get(work->queue, id, work->name, name))
        json_decref(body);
    else
        work_call(work, KUBE_CREATE, id, work->name, NULL, NULL, body);
}

static void namespace_sync(struct work *work, json_t *ns)
{
    const char *root_ca = controllers_of(work)->root_ca;

    if (ns && kube_is_deleting(ns)) {
        empty(work, ns);
    } else if (ns) {
        furnish(work, KUBE_RESOURCE_SERVICE_ACCOUNT, "default", NULL);
        if (root_ca)
            furnish(work, KUBE_RESOURCE_CONFIG_MAP, "kube-root-ca.crt",
                    json_pack("{s:s}", "ca.crt", root_ca));
    }
}

const struct work_kind controller_namespace = {.name = "namespace-controller",
                                               .resource = KUBE_RESOURCE_NAMESPACE,
                                               .sync = namespace_sync,
                                               .on_result = namespace_result};
