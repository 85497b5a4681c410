/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments: one ReplicaSet a template, and the roll from the old ones to the new one.
 *
 * A sync takes one step of rollout.h: it makes the new set, or moves sizes, and writes the
 * status. The next change of a set brings the next step.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/objects/object.h"
#include "sandbox/controllers/rollout.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

#include <stdlib.h>

enum { DEPLOYMENT_SETS_MAX = 64 };

/* A Deployment with its sets, at one sync. Objects are borrowed. */
struct deployment {
    struct work *work;
    json_t *object;
    struct rollout_limits limits;
    json_t *objects[DEPLOYMENT_SETS_MAX]; /* its ReplicaSets, oldest revision first */
    struct rollout_set sets[DEPLOYMENT_SETS_MAX];
    struct rollout_set sum;
    size_t count;
    size_t current; /* index of the set of the Deployment's template; `count`: there is none */
    int64_t revision_max;
};

static int cmp_revision(const void *a, const void *b)
{
    int64_t left = rollout_revision(*(json_t *const *)a);
    int64_t right = rollout_revision(*(json_t *const *)b);

    return left < right ? -1 : left > right;
}

static void sets_collect(struct deployment *d)
{
    SCOPED(json_drop) json_t *wanted = rollout_template(d->object);
    size_t cursor = 0;
    json_t *set;

    while (d->count < DEPLOYMENT_SETS_MAX &&
           (set = work_next(d->work->queue, KUBE_RESOURCE_REPLICA_SET, d->work->ns, &cursor)))
        if (kube_is_owned_by(set, d->object) && !kube_is_deleting(set))
            d->objects[d->count++] = set;
    qsort(d->objects, d->count, sizeof d->objects[0], cmp_revision);
    d->current = d->count;
    for (size_t i = 0; i < d->count; i++) {
        SCOPED(json_drop) json_t *template = rollout_template(d->objects[i]);

        if (json_equal(template, wanted))
            d->current = i;
        d->sets[i] = rollout_set_read(d->objects[i]);
        d->revision_max = MAX(d->revision_max, rollout_revision(d->objects[i]));
    }
    d->sum = rollout_sum(d->sets, d->count);
}

/* --- writing sets --- */

/* Annotations of a set. New reference. */
static json_t *sizes_annotation(const struct rollout_limits *limits)
{
    return json_pack("{s:o,s:o}", "deployment.kubernetes.io/desired-replicas",
                     json_sprintf("%lld", (long long)limits->replicas),
                     "deployment.kubernetes.io/max-replicas",
                     json_sprintf("%lld", (long long)(limits->replicas + limits->surge)));
}

static void set_create(struct deployment *d)
{
    json_t *template = rollout_template(d->object);
    json_t *selector = json_deep_copy(json_path_get(d->object, "spec.selector"));
    json_t *annotations = sizes_annotation(&d->limits);
    int64_t size = rollout_first_size(&d->limits, d->sets, d->count);
    SCOPED(mem_drop) char *name = NULL;
    char hash[ROLLOUT_HASH_SIZE];
    json_t *body;

    rollout_hash(template, hash);
    name = mem_printf("%s-%s", d->work->name, hash);
    json_path_set(template, "metadata.labels.pod-template-hash", json_string(hash));
    json_path_set(selector, "matchLabels.pod-template-hash", json_string(hash));
    json_object_set_new(annotations, ROLLOUT_REVISION,
                        json_sprintf("%lld", (long long)d->revision_max + 1));
    body =
        json_pack("{s:s,s:s,s:{s:s,s:o,s:o,s:o},s:{s:I,s:o,s:o,s:I}}", "apiVersion", "apps/v1",
                  "kind", "ReplicaSet", "metadata", "name", name, "labels",
                  json_deep_copy(json_path_get(template, "metadata.labels")), "annotations",
                  annotations, "ownerReferences", kube_owner_refs(d->object), "spec", "replicas",
                  (json_int_t)size, "selector", selector, "template", template, "minReadySeconds",
                  (json_int_t)json_path_int(d->object, "spec.minReadySeconds", 0));
    if (work_call(d->work, KUBE_CREATE, KUBE_RESOURCE_REPLICA_SET, d->work->ns, NULL, NULL, body) &&
        size)
        work_event(d->work, d->object, false, "ScalingReplicaSet",
                   "Scaled up replica set %s from 0 to %lld", name, (long long)size);
}

static void set_scale(struct deployment *d, size_t i)
{
    const char *name = kube_name(d->objects[i]);
    long long old = d->sets[i].size;
    long long size = d->sets[i].next_size;

    if (size != old &&
        work_call(d->work, KUBE_PATCH_MERGE, KUBE_RESOURCE_REPLICA_SET, d->work->ns, name, NULL,
                  json_pack("{s:{s:o},s:{s:I}}", "metadata", "annotations",
                            sizes_annotation(&d->limits), "spec", "replicas", (json_int_t)size)))
        work_event(d->work, d->object, false, "ScalingReplicaSet",
                   "Scaled %s replica set %s from %lld to %lld", size > old ? "up" : "down", name,
                   old, size);
}

static void history_trim(struct deployment *d)
{
    int64_t keep = json_path_int(d->object, "spec.revisionHistoryLimit", 10);
    int64_t old = 0;

    for (size_t i = d->count; i-- > 0;)
        if (i != d->current && !d->sets[i].size && !d->sets[i].actual && ++old > keep)
            work_call(d->work, KUBE_DELETE, KUBE_RESOURCE_REPLICA_SET, d->work->ns,
                      kube_name(d->objects[i]), NULL, NULL);
}

/* A template that came back gets a new revision; the Deployment carries the one of its set. */
static void revision_write(struct deployment *d)
{
    const json_t *current = d->objects[d->current];
    int64_t revision = rollout_revision(current);
    bool is_old = revision < d->revision_max || revision == 0;

    if (is_old)
        revision = d->revision_max + 1;
    else if (rollout_revision(d->object) == revision)
        return;
    work_call(d->work, KUBE_PATCH_MERGE,
              is_old ? KUBE_RESOURCE_REPLICA_SET : KUBE_RESOURCE_DEPLOYMENT, d->work->ns,
              is_old ? kube_name(current) : d->work->name, NULL,
              json_pack("{s:{s:{s:o}}}", "metadata", "annotations", ROLLOUT_REVISION,
                        json_sprintf("%lld", (long long)revision)));
}

/* --- status --- */

/* A condition, which also tells when its reason changed last. */
static void condition_set(json_t *conditions, const json_t *deployment,
                          const struct kube_condition *condition)
{
    const json_t *old = kube_condition(deployment, condition->type);
    int64_t now_ms = clock_realtime_ms();
    json_t *entry = kube_condition_set(conditions, json_path_get(deployment, "status.conditions"),
                                       condition, now_ms);
    json_t *updated = json_object_get(old, "lastUpdateTime");

    if (updated && json_path_is(old, "reason", condition->reason) &&
        json_equal(json_object_get(old, "status"), json_object_get(entry, "status")))
        json_object_set(entry, "lastUpdateTime", updated);
    else
        json_object_set_new(entry, "lastUpdateTime", kube_time(now_ms));
}

/* Seconds without progress; reads the Progressing condition. */
static bool deadline_passed(const json_t *deployment)
{
    json_t *since = json_object_get(kube_condition(deployment, "Progressing"), "lastUpdateTime");

    return clock_realtime_ms() - kube_time_ms(since, INT64_MAX) >
           1000 * json_path_int(deployment, "spec.progressDeadlineSeconds", 600);
}

static void progress_set(json_t *conditions, const struct deployment *d)
{
    bool done = rollout_is_done(&d->limits, d->sets, d->count, d->current);
    int64_t known = json_path_int(d->object, "status.updatedReplicas", 0) +
                    json_path_int(d->object, "status.availableReplicas", 0);
    int64_t now = d->sets[d->current].actual + d->sum.available;
    bool late = !done && now <= known && deadline_passed(d->object);
    SCOPED(mem_drop)
    char *message = mem_printf("ReplicaSet \"%s\" %s.", kube_name(d->objects[d->current]),
                               done   ? "has successfully progressed"
                               : late ? "has timed out progressing"
                                      : "is progressing");

    condition_set(conditions, d->object,
                  &(struct kube_condition){"Progressing", !late,
                                           done   ? "NewReplicaSetAvailable"
                                           : late ? "ProgressDeadlineExceeded"
                                                  : "ReplicaSetUpdated",
                                           message});
}

static json_t *conditions_new(const struct deployment *d)
{
    bool enough = d->sum.available >= d->limits.replicas - d->limits.unavailable;
    json_t *conditions = json_array();

    condition_set(
        conditions, d->object,
        &(struct kube_condition){"Available", enough,
                                 enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                                 enough ? "Deployment has minimum availability."
                                        : "Deployment does not have minimum availability."});
    if (d->current < d->count)
        progress_set(conditions, d);
    return conditions;
}

static void status_write(struct deployment *d)
{
    const struct {
        const char *key;
        int64_t count;
    } counts[] = {{"replicas", d->sum.actual},
                  {"updatedReplicas", d->current < d->count ? d->sets[d->current].actual : 0},
                  {"readyReplicas", d->sum.ready},
                  {"availableReplicas", d->sum.available},
                  {"unavailableReplicas", MAX(d->sum.size, d->limits.replicas) - d->sum.available}};
    json_t *status =
        json_pack("{s:I,s:o}", "observedGeneration", (json_int_t)kube_generation(d->object),
                  "conditions", conditions_new(d));

    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i].count > 0)
            json_object_set_new(status, counts[i].key, json_integer((json_int_t)counts[i].count));
    work_status_write(d->work, d->object, status);
}

/* --- a sync --- */

static void step(struct deployment *d)
{
    bool paused = json_path_bool(d->object, "spec.paused", false);

    if (d->current < d->count)
        revision_write(d);
    else if (!paused)
        set_create(d);
    if (d->work->call_count == 0) {
        if (paused)
            rollout_step_paused(&d->limits, d->sets, d->count);
        else
            rollout_step(&d->limits, d->sets, d->count, d->current);
        for (size_t i = 0; i < d->count; i++)
            set_scale(d, i);
    }
    if (d->work->call_count == 0)
        history_trim(d);
    if (d->work->call_count == 0)
        status_write(d);
}

static void deployment_sync(struct work *work, json_t *object)
{
    SCOPED(mem_drop) struct deployment *d = NULL;

    if (!object || kube_is_deleting(object))
        return;
    d = MEM_NEW(struct deployment);
    d->work = work;
    d->object = object;
    d->limits = rollout_limits_read(object);
    sets_collect(d);
    step(d);
}

const struct work_kind controller_deployment = {.name = "deployment-controller",
                                                .resource = KUBE_RESOURCE_DEPLOYMENT,
                                                .sync = deployment_sync,
                                                .is_owner = true};
