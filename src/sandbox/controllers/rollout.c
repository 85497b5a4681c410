/* SPDX-License-Identifier: Apache-2.0 */
/* See rollout.h. */
#include "sandbox/controllers/rollout.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kube/objects/object.h"
#include "wire/json.h"

/* --- what there is --- */

struct rollout_limits rollout_limits_read(const json_t *deployment)
{
    const json_t *rolling = json_path_get(deployment, "spec.strategy.rollingUpdate");
    struct rollout_limits limits = {.replicas = json_path_int(deployment, "spec.replicas", 1),
                                    .recreate =
                                        json_path_is(deployment, "spec.strategy.type", "Recreate")};

    if (limits.recreate) {
        limits.unavailable = limits.replicas;
        return limits;
    }
    limits.surge =
        kube_int_or_percent(json_object_get(rolling, "maxSurge"), limits.replicas, true, "25%");
    limits.unavailable = kube_int_or_percent(json_object_get(rolling, "maxUnavailable"),
                                             limits.replicas, false, "25%");
    if (limits.surge == 0 && limits.unavailable == 0)
        limits.unavailable = 1;
    return limits;
}

struct rollout_set rollout_set_read(const json_t *set)
{
    const json_t *status = json_object_get(set, "status");

    return (struct rollout_set){.size = json_path_int(set, "spec.replicas", 1),
                                .actual = json_get_int(status, "replicas", 0),
                                .ready = json_get_int(status, "readyReplicas", 0),
                                .available = json_get_int(status, "availableReplicas", 0)};
}

struct rollout_set rollout_sum(const struct rollout_set *sets, size_t count)
{
    struct rollout_set sum = {0};

    for (size_t i = 0; i < count; i++) {
        sum.size += sets[i].size;
        sum.actual += sets[i].actual;
        sum.ready += sets[i].ready;
        sum.available += sets[i].available;
    }
    return sum;
}

/* --- steps --- */

int64_t rollout_first_size(const struct rollout_limits *limits, const struct rollout_set *sets,
                           size_t count)
{
    struct rollout_set sum = rollout_sum(sets, count);
    int64_t room = limits->replicas + limits->surge - sum.size;

    if (limits->recreate && sum.actual > 0)
        return 0;
    return MIN(MAX(room, (int64_t)0), limits->replicas);
}

/* The new set's size: at once down to what is wanted, up as far as the surge allows. */
static int64_t grown(const struct rollout_limits *limits, const struct rollout_set *sum,
                     const struct rollout_set *current)
{
    int64_t room = limits->replicas + limits->surge - sum->size;

    if (current->size > limits->replicas)
        return limits->replicas;
    if (limits->recreate && sum->actual > current->actual)
        return current->size; /* old pods are still there */
    return MIN(current->size + MAX(room, (int64_t)0), limits->replicas);
}

/* Old sets shrink by what may be missing: first pods that serve nobody, then the oldest sets. */
static void shrink(const struct rollout_limits *limits, const struct rollout_set *sum,
                   struct rollout_set *sets, size_t count, size_t current)
{
    int64_t least = limits->replicas - limits->unavailable;
    int64_t unready_new = sets[current].size - sets[current].available;
    int64_t most = sum->size - least - unready_new;
    int64_t spare = sum->available - least;

    for (size_t i = 0; i < count; i++) {
        struct rollout_set *set = &sets[i];
        int64_t idle = MIN(MAX(set->size - set->available, (int64_t)0), MAX(most, (int64_t)0));
        int64_t drop;

        if (i == current || set->size == 0)
            continue;
        drop =
            idle + MIN(set->size - idle, MIN(MAX(spare, (int64_t)0), MAX(most - idle, (int64_t)0)));
        if (limits->recreate)
            drop = set->size;
        spare -= drop - idle;
        most -= drop;
        set->next_size = set->size - drop;
    }
}

void rollout_step(const struct rollout_limits *limits, struct rollout_set *sets, size_t count,
                  size_t current)
{
    struct rollout_set sum = rollout_sum(sets, count);

    for (size_t i = 0; i < count; i++)
        sets[i].next_size = sets[i].size;
    sets[current].next_size = grown(limits, &sum, &sets[current]);
    if (sets[current].next_size == sets[current].size)
        shrink(limits, &sum, sets, count, current);
}

void rollout_step_paused(const struct rollout_limits *limits, struct rollout_set *sets,
                         size_t count)
{
    struct rollout_set sum = rollout_sum(sets, count);

    for (size_t i = 0; i < count; i++)
        sets[i].next_size =
            sets[i].size > 0 && sets[i].size == sum.size ? limits->replicas : sets[i].size;
}

bool rollout_is_done(const struct rollout_limits *limits, const struct rollout_set *sets,
                     size_t count, size_t current)
{
    struct rollout_set sum = rollout_sum(sets, count);

    return sum.size == limits->replicas && sum.actual == limits->replicas &&
           sets[current].size == limits->replicas && sets[current].available >= limits->replicas;
}

/* --- templates --- */

json_t *rollout_template(const json_t *object)
{
    json_t *template = json_deep_copy(json_path_get(object, "spec.template"));

    json_object_del(json_path_get(template, "metadata.labels"), "pod-template-hash");
    json_object_del(json_object_get(template, "metadata"), "creationTimestamp");
    return template;
}

/* FNV-1a over the sorted text. */
void rollout_hash(const json_t *template, char out[ROLLOUT_HASH_SIZE])
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

int64_t rollout_revision(const json_t *object)
{
    const char *text = kube_annotation(object, ROLLOUT_REVISION);

    return text ? strtoll(text, NULL, 10) : 0;
}
