/* SPDX-License-Identifier: Apache-2.0 */
/* See object.h. */
#include "kube/objects/object.h"

#include <stdlib.h>

#include "base/clock.h"
#include "wire/json.h"

/* --- metadata --- */

const char *kube_name(const json_t *object)
{
    return json_path_string_or(object, "metadata.name", "");
}

const char *kube_namespace(const json_t *object)
{
    return json_path_string_or(object, "metadata.namespace", "");
}

const char *kube_resource_version(const json_t *object)
{
    return json_path_string_or(object, "metadata.resourceVersion", "");
}

const char *kube_label(const json_t *object, const char *key)
{
    return json_get_string(json_path_get(object, "metadata.labels"), key);
}

const char *kube_annotation(const json_t *object, const char *key)
{
    return json_get_string(json_path_get(object, "metadata.annotations"), key);
}

const char *kube_uid(const json_t *object)
{
    return json_path_string(object, "metadata.uid");
}

bool kube_uid_equal(const json_t *object, const char *uid)
{
    return uid && json_path_is(object, "metadata.uid", uid);
}

bool kube_is_deleting(const json_t *object)
{
    return json_path_get(object, "metadata.deletionTimestamp") != NULL;
}

json_t *kube_owner(const json_t *object)
{
    json_t *owner;
    size_t i;

    json_array_foreach(json_path_get(object, "metadata.ownerReferences"), i, owner)
    {
        if (json_get_bool(owner, "controller", false))
            return owner;
    }
    return NULL;
}

bool kube_is_owned_by(const json_t *object, const json_t *owner)
{
    return kube_uid_equal(owner, json_get_string(kube_owner(object), "uid"));
}

json_t *kube_owner_refs(const json_t *owner)
{
    return json_pack("[{s:s*,s:s*,s:s,s:s*,s:b,s:b}]", "apiVersion",
                     json_get_string(owner, "apiVersion"), "kind", json_get_string(owner, "kind"),
                     "name", kube_name(owner), "uid", kube_uid(owner), "controller", 1,
                     "blockOwnerDeletion", 1);
}

int64_t kube_generation(const json_t *object)
{
    return json_path_int(object, "metadata.generation", 1);
}

/* --- conditions --- */

json_t *kube_condition(const json_t *object, const char *type)
{
    return json_array_find(json_path_get(object, "status.conditions"), "type", type);
}

bool kube_condition_is_true(const json_t *object, const char *type)
{
    return json_path_is(kube_condition(object, type), "status", "True");
}

static size_t condition_index(const json_t *conditions, const char *type)
{
    size_t i = 0;

    while (i < json_array_size(conditions) &&
           !json_path_is(json_array_get(conditions, i), "type", type))
        i++;
    return i;
}

json_t *kube_condition_set(json_t *conditions, const json_t *former,
                           const struct kube_condition *condition, int64_t now_ms)
{
    const json_t *old = json_array_find(former, "type", condition->type);
    const char *status = condition->value ? "True" : "False";
    json_t *since = json_path_is(old, "status", status)
                        ? json_incref(json_object_get(old, "lastTransitionTime"))
                        : NULL;
    json_t *entry = json_pack("{s:s,s:s,s:o,s:s*,s:s*}", "type", condition->type, "status", status,
                              "lastTransitionTime", since ? since : kube_time(now_ms), "reason",
                              condition->reason, "message", condition->message);
    size_t at = condition_index(conditions, condition->type);

    if (at < json_array_size(conditions))
        json_array_set_new(conditions, at, entry);
    else
        json_array_append_new(conditions, entry);
    return entry;
}

/* --- pods --- */

bool kube_pod_is_ready(const json_t *pod)
{
    return kube_condition_is_true(pod, "Ready");
}

int64_t kube_pod_ready_since_ms(const json_t *pod)
{
    if (!kube_pod_is_ready(pod))
        return 0;
    return kube_time_ms(json_object_get(kube_condition(pod, "Ready"), "lastTransitionTime"), 1);
}

bool kube_pod_has_ended(const json_t *pod)
{
    return json_path_is(pod, "status.phase", "Succeeded") ||
           json_path_is(pod, "status.phase", "Failed");
}

/* --- values --- */

json_t *kube_time(int64_t realtime_ms)
{
    char text[CLOCK_RFC3339_SIZE];

    return json_string(clock_format_rfc3339(realtime_ms, false, text));
}

int64_t kube_time_ms(const json_t *time, int64_t fallback_ms)
{
    int64_t at_ms;

    return clock_parse_rfc3339(json_slice(time), &at_ms) < 0 ? fallback_ms : at_ms;
}

int64_t kube_int_or_percent(const json_t *value, int64_t whole, bool round_up, const char *fallback)
{
    const char *text = value ? json_string_value(value) : fallback;

    if (json_is_integer(value))
        return json_integer_value(value);
    if (!text)
        return 0;
    return (strtoll(text, NULL, 10) * whole + (round_up ? 99 : 0)) / 100;
}
