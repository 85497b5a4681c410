/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments: one ReplicaSet a template, and the roll from the old ones to the new one.
 *
 * A sync takes one step: it makes the new set, or moves sizes by what maxSurge and maxUnavailable
 * allow, and writes the
 * status. The next change of a set brings the next step.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/object.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

#include <stdlib.h>

enum { DEPLOYMENT_SETS_MAX = 64, DEPLOYMENT_HASH_SIZE = 16 };

#define REVISION "deployment.kubernetes.io/revision"

struct deployment_sets {
    json_t *all[DEPLOYMENT_SETS_MAX]; /* owned by the Deployment, oldest revision first */
    size_t count;
    json_t *current; /* of the Deployment's template, or NULL */
    int64_t revision_max;
    int64_t wanted; /* sizes summed over all sets */
    int64_t actual; /* pods that exist */
    int64_t ready;
    int64_t available;
};

static int64_t size_of(const json_t *set)
{
    return json_path_int(set, "spec.replicas", 1);
}

static int64_t available_of(const json_t *set)
{
    return json_path_int(set, "status.availableReplicas", 0);
}

static int64_t revision_of(const json_t *object)
{
    const char *text = kube_annotation(object, REVISION);

    return text ? strtoll(text, NULL, 10) : 0;
}

/* The template without the label that names the set. New reference. */
static json_t *template_plain(const json_t *object)
{
    json_t *template = json_deep_copy(json_path_get(object, "spec.template"));
    json_t *labels = json_path_get(template, "metadata.labels");

    json_object_del(labels, "pod-template-hash");
    json_object_del(json_object_get(template, "metadata"), "creationTimestamp");
    return template;
}

/* FNV-1a over the sorted text, in letters and digits that make no words. */
static void template_hash(const json_t *template, char out[DEPLOYMENT_HASH_SIZE])
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    SCOPED(mem_drop) char *text = json_format_str(template, JSON_FORMAT_SORTED);
    uint64_t hash = 0xcbf29ce484222325u;
    size_t i;

    for (const char *at = text; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    for (i = 0; i < 10; i++, hash /= sizeof alphabet - 1)
        out[i] = alphabet[hash % (sizeof alphabet - 1)];
    out[i] = '\0';
}

static int cmp_revision(const void *a, const void *b)
{
    int64_t left = revision_of(*(json_t *const *)a);
    int64_t right = revision_of(*(json_t *const *)b);

    return left < right ? -1 : left > right;
}

static void sets_collect(struct work *work, const json_t *deployment, struct deployment_sets *sets)
{
    json_t *wanted = template_plain(deployment);
    size_t cursor = 0;
    json_t *set;

    while ((set = work_next(work, KUBE_RESOURCE_REPLICA_SET, work->ns, &cursor))) {
        json_t *template;

        if (!kube_is_owned_by(set, deployment) || sets->count == DEPLOYMENT_SETS_MAX ||
            kube_is_deleting(set))
            continue;
        sets->all[sets->count++] = set;
        sets->revision_max = MAX(sets->revision_max, revision_of(set));
        sets->wanted += size_of(set);
        sets->actual += json_path_int(set, "status.replicas", 0);
        sets->ready += json_path_int(set, "status.readyReplicas", 0);
        sets->available += available_of(set);
        template = template_plain(set);
        if (json_equal(template, wanted))
            sets->current = set;
        json_decref(template);
    }
    json_decref(wanted);
    qsort(sets->all, sets->count, sizeof sets->all[0], cmp_revision);
}

/* --- limits of the roll --- */

struct deployment_limits {
    int64_t replicas;
    int64_t surge;
    int64_t unavailable;
    bool recreate;
};

static struct deployment_limits limits_of(const json_t *deployment)
{
    struct deployment_limits limits = {.replicas = json_path_int(deployment, "spec.replicas", 1)};
    json_t *rolling = json_path_get(deployment, "spec.strategy.rollingUpdate");

    limits.recreate = json_path_is(deployment, "spec.strategy.type", "Recreate");
    limits.surge =
        kube_int_or_percent(json_object_get(rolling, "maxSurge"), limits.replicas, true, "25%");
    limits.unavailable = kube_int_or_percent(json_object_get(rolling, "maxUnavailable"),
                                             limits.replicas, false, "25%");
    if (limits.surge == 0 && limits.unavailable == 0)
        limits.unavailable = 1;
    if (limits.recreate) {
        limits.surge = 0;
        limits.unavailable = limits.replicas;
    }
    return limits;
}

/* --- writing sets --- */

static void annotate_sizes(json_t *annotations, const struct deployment_limits *limits)
{
    SCOPED(mem_drop) char *desired = mem_printf("%lld", (long long)limits->replicas);
    SCOPED(mem_drop)
    char *most = mem_printf("%lld", (long long)(limits->replicas + limits->surge));

    json_set_string(annotations, "deployment.kubernetes.io/desired-replicas", desired);
    json_set_string(annotations, "deployment.kubernetes.io/max-replicas", most);
}

static void set_create(struct work *work, json_t *deployment, const struct deployment_sets *sets,
                       const struct deployment_limits *limits)
{
    json_t *template = template_plain(deployment);
    json_t *selector = json_deep_copy(json_path_get(deployment, "spec.selector"));
    json_t *annotations = json_object();
    SCOPED(mem_drop) char *name = NULL;
    SCOPED(mem_drop) char *revision = mem_printf("%lld", (long long)sets->revision_max + 1);
    char hash[DEPLOYMENT_HASH_SIZE];
    int64_t size = MIN(MAX(limits->replicas + limits->surge - sets->wanted, 0), limits->replicas);
    json_t *labels;
    json_t *body;

    if (limits->recreate && sets->actual > 0)
        size = 0;
    template_hash(template, hash);
    name = mem_printf("%s-%s", work->name, hash);
    json_path_set(template, "metadata.labels.pod-template-hash", json_string(hash));
    json_path_set(selector, "matchLabels.pod-template-hash", json_string(hash));
    labels = json_deep_copy(json_path_get(template, "metadata.labels"));
    json_set_string(annotations, REVISION, revision);
    annotate_sizes(annotations, limits);
    body =
        json_pack("{s:s,s:s,s:{s:s,s:o,s:o,s:o},s:{s:I,s:o,s:o,s:I}}", "apiVersion", "apps/v1",
                  "kind", "ReplicaSet", "metadata", "name", name, "labels", labels, "annotations",
                  annotations, "ownerReferences", kube_owner_refs(deployment), "spec", "replicas",
                  (json_int_t)size, "selector", selector, "template", template, "minReadySeconds",
                  (json_int_t)json_path_int(deployment, "spec.minReadySeconds", 0));
    if (work_call(work, KUBE_CREATE, KUBE_RESOURCE_REPLICA_SET, work->ns, NULL, NULL, body) && size)
        work_event(work, deployment, false, "ScalingReplicaSet",
                   "Scaled up replica set %s from 0 to %lld", name, (long long)size);
}

static void set_scale(struct work *work, const json_t *deployment, json_t *set, int64_t size,
                      const struct deployment_limits *limits)
{
    int64_t old = size_of(set);
    json_t *annotations;

    if (size == old)
        return;
    annotations = json_object();
    annotate_sizes(annotations, limits);
    if (!work_call(work, KUBE_PATCH_MERGE, KUBE_RESOURCE_REPLICA_SET, work->ns, kube_name(set),
                   NULL,
                   json_pack("{s:{s:o},s:{s:I}}", "metadata", "annotations", annotations, "spec",
                             "replicas", (json_int_t)size)))
        return;
    work_event(work, deployment, false, "ScalingReplicaSet",
               "Scaled %s replica set %s from %lld to %lld", size > old ? "up" : "down",
               kube_name(set), (long long)old, (long long)size);
}

/* --- steps --- */

/* The new set grows as far as the surge allows. */
static void grow(struct work *work, const json_t *deployment, const struct deployment_sets *sets,
                 const struct deployment_limits *limits)
{
    int64_t size = size_of(sets->current);
    int64_t room = limits->replicas + limits->surge - sets->wanted;

    if (size > limits->replicas) {
        set_scale(work, deployment, sets->current, limits->replicas, limits);
        return;
    }
    if (limits->recreate && sets->actual > json_path_int(sets->current, "status.replicas", 0))
        return; /* old pods are still there */
    if (size < limits->replicas && room > 0)
        set_scale(work, deployment, sets->current, MIN(size + room, limits->replicas), limits);
}

/* Old sets shrink by what may be missing: first pods that serve nobody, then the oldest sets. */
static void shrink(struct work *work, const json_t *deployment, const struct deployment_sets *sets,
                   const struct deployment_limits *limits)
{
    int64_t unready_new = size_of(sets->current) - available_of(sets->current);
    int64_t most = sets->wanted - (limits->replicas - limits->unavailable) - unready_new;
    int64_t spare = sets->available - (limits->replicas - limits->unavailable);

    for (size_t i = 0; i < sets->count; i++) {
        json_t *set = sets->all[i];
        int64_t size = size_of(set);
        int64_t idle = MIN(MAX(size - available_of(set), 0), MAX(most, 0));
        int64_t drop;

        if (set == sets->current || size == 0)
            continue;
        drop = idle + MIN(size - idle, MIN(MAX(spare, 0), MAX(most - idle, 0)));
        if (limits->recreate)
            drop = size;
        spare -= drop - idle;
        most -= drop;
        set_scale(work, deployment, set, size - drop, limits);
    }
}

static void history_trim(struct work *work, const json_t *deployment,
                         const struct deployment_sets *sets)
{
    int64_t keep = json_path_int(deployment, "spec.revisionHistoryLimit", 10);
    int64_t old = 0;

    for (size_t i = sets->count; i > 0; i--) {
        json_t *set = sets->all[i - 1];

        if (set == sets->current || size_of(set) || json_path_int(set, "status.replicas", 0))
            continue;
        if (++old > keep)
            work_call(work, KUBE_DELETE, KUBE_RESOURCE_REPLICA_SET, work->ns, kube_name(set), NULL,
                      NULL);
    }
}

/* A template that came back gets a new revision; the Deployment carries the one of its set. */
static void revision_write(struct work *work, const json_t *deployment,
                           const struct deployment_sets *sets)
{
    int64_t revision = revision_of(sets->current);
    SCOPED(mem_drop) char *text = NULL;

    if (revision < sets->revision_max || revision == 0) {
        text = mem_printf("%lld", (long long)sets->revision_max + 1);
        work_call(work, KUBE_PATCH_MERGE, KUBE_RESOURCE_REPLICA_SET, work->ns,
                  kube_name(sets->current), NULL,
                  json_pack("{s:{s:{s:s}}}", "metadata", "annotations", REVISION, text));
        return;
    }
    if (revision_of(deployment) == revision)
        return;
    text = mem_printf("%lld", (long long)revision);
    work_call(work, KUBE_PATCH_MERGE, KUBE_RESOURCE_DEPLOYMENT, work->ns, work->name, NULL,
              json_pack("{s:{s:{s:s}}}", "metadata", "annotations", REVISION, text));
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

static void progress_set(json_t *conditions, const json_t *deployment,
                         const struct deployment_sets *sets, const struct deployment_limits *limits)
{
    bool done = sets->wanted == limits->replicas && size_of(sets->current) == limits->replicas &&
                available_of(sets->current) >= limits->replicas && sets->actual == limits->replicas;
    int64_t known = json_path_int(deployment, "status.updatedReplicas", 0) +
                    json_path_int(deployment, "status.availableReplicas", 0);
    int64_t now = json_path_int(sets->current, "status.replicas", 0) + sets->available;
    bool late = !done && now <= known && deadline_passed(deployment);
    SCOPED(mem_drop)
    char *message = mem_printf("ReplicaSet \"%s\" %s.", kube_name(sets->current),
                               done   ? "has successfully progressed"
                               : late ? "has timed out progressing"
                                      : "is progressing");

    condition_set(conditions, deployment,
                  &(struct kube_condition){"Progressing", !late,
                                           done   ? "NewReplicaSetAvailable"
                                           : late ? "ProgressDeadlineExceeded"
                                                  : "ReplicaSetUpdated",
                                           message});
}

static void count_set(json_t *status, const char *key, int64_t count)
{
    if (count > 0)
        json_object_set_new(status, key, json_integer((json_int_t)count));
}

static void status_write(struct work *work, json_t *deployment, const struct deployment_sets *sets,
                         const struct deployment_limits *limits)
{
    bool enough = sets->available >= limits->replicas - limits->unavailable;
    json_t *status = json_object();
    json_t *conditions = json_array();
    json_t *body;

    json_object_set_new(status, "observedGeneration",
                        json_integer(json_path_int(deployment, "metadata.generation", 1)));
    count_set(status, "replicas", sets->actual);
    count_set(status, "updatedReplicas", json_path_int(sets->current, "status.replicas", 0));
    count_set(status, "readyReplicas", sets->ready);
    count_set(status, "availableReplicas", sets->available);
    count_set(status, "unavailableReplicas", MAX(sets->wanted, limits->replicas) - sets->available);
    condition_set(
        conditions, deployment,
        &(struct kube_condition){"Available", enough,
                                 enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                                 enough ? "Deployment has minimum availability."
                                        : "Deployment does not have minimum availability."});
    if (sets->current)
        progress_set(conditions, deployment, sets, limits);
    json_object_set_new(status, "conditions", conditions);
    if (json_equal(status, json_object_get(deployment, "status"))) {
        json_decref(status);
        return;
    }
    body = json_copy(deployment);
    json_object_set_new(body, "status", status);
    work_call(work, KUBE_UPDATE, KUBE_RESOURCE_DEPLOYMENT, work->ns, work->name, "status", body);
}

static void step(struct work *work, json_t *deployment, struct deployment_sets *sets)
{
    struct deployment_limits limits = limits_of(deployment);
    bool paused = json_path_bool(deployment, "spec.paused", false);

    if (!sets->current && !paused)
        set_create(work, deployment, sets, &limits);
    else if (sets->current) {
        revision_write(work, deployment, sets);
        if (work->call_count == 0 && !paused)
            grow(work, deployment, sets, &limits);
        if (work->call_count == 0 && !paused)
            shrink(work, deployment, sets, &limits);
        if (work->call_count == 0)
            history_trim(work, deployment, sets);
    }
    if (work->call_count == 0)
        status_write(work, deployment, sets, &limits);
}

static void deployment_sync(struct work *work, json_t *deployment)
{
    struct deployment_sets *sets;

    if (!deployment || kube_is_deleting(deployment))
        return;
    sets = MEM_NEW(struct deployment_sets);
    sets_collect(work, deployment, sets);
    step(work, deployment, sets);
    mem_free(sets);
}

const struct work_kind work_deployment = {"deployment-controller", KUBE_RESOURCE_DEPLOYMENT,
                                          deployment_sync};
