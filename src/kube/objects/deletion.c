/* SPDX-License-Identifier: Apache-2.0 */
/* Deletions. See deletion.h. */
#include "kube/objects/deletion.h"

#include "base/clock.h"
#include "kube/objects/object.h"
#include "wire/json.h"

enum { POD_GRACE_S = 30 };

static bool is_core(const json_t *object, const char *kind)
{
    return strcmp(json_path_string_or(object, "apiVersion", ""), "v1") == 0 &&
           strcmp(json_path_string_or(object, "kind", ""), kind) == 0;
}

static void finalizer_add(json_t *object, const char *name)
{
    json_t *list = json_member_array(json_object_get(object, "metadata"), "finalizers");

    if (!json_array_has(list, name))
        json_array_append_new(list, json_string(name));
}

static void mark(json_t *object, int64_t grace_s, int64_t now_ms)
{
    json_t *metadata = json_object_get(object, "metadata");
    const char *before = json_get_string(metadata, "deletionTimestamp");
    char text[CLOCK_RFC3339_SIZE];

    if (before != NULL && json_get_int(metadata, "deletionGracePeriodSeconds", 0) <= grace_s)
        return;
    if (before == NULL && json_object_get(metadata, "generation") != NULL)
        json_object_set_new(metadata, "generation",
                            json_integer(json_get_int(metadata, "generation", 0) + 1));
    json_set_string(metadata, "deletionTimestamp",
                    clock_format_rfc3339(now_ms + grace_s * 1000, false, text));
    json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(grace_s));
}

/* A pod that runs nowhere, or no more, needs no time to end. */
static int64_t pod_grace_s(const json_t *pod, int64_t asked_s)
{
    const char *phase = json_path_string_or(pod, "status.phase", "");

    if (json_path_string_or(pod, "spec.nodeName", "")[0] == '\0' ||
        strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
        return 0;
    return asked_s >= 0 ? asked_s
                        : json_path_int(pod, "spec.terminationGracePeriodSeconds", POD_GRACE_S);
}

json_t *kube_deletion_apply(const json_t *object, const struct kube_deletion *deletion)
{
    json_t *left = json_deep_copy(object);
    bool is_pod = is_core(object, "Pod");

    if (strcmp(deletion->policy, "Foreground") == 0)
        finalizer_add(left, "foregroundDeletion");
    else if (strcmp(deletion->policy, "Orphan") == 0)
        finalizer_add(left, "orphan");
    mark(left, is_pod ? pod_grace_s(object, deletion->grace_s) : 0, deletion->now_ms);
    if (is_core(object, "Namespace"))
        json_path_set(left, "status.phase", json_string("Terminating"));
    return left;
}

bool kube_deletion_is_due(const json_t *object)
{
    if (!kube_is_deleting(object))
        return false;
    if (is_core(object, "Namespace") &&
        json_array_size(json_path_get(object, "spec.finalizers")) > 0)
        return false;
    return json_array_size(json_path_get(object, "metadata.finalizers")) == 0 &&
           json_path_int(object, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

int kube_deletion_check(const json_t *options, const json_t *object, struct error *err)
{
    static const struct {
        const char *field, *what, *why;
    } rows[] = {
        {"uid", "UID", "deleted and then recreated"},
        {"resourceVersion", "ResourceVersion", "modified"},
    };
    const json_t *wanted = json_object_get(options, "preconditions");
    const json_t *metadata = json_object_get(object, "metadata");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *asked = json_path_string_or(wanted, rows[i].field, "");
        const char *found = json_path_string_or(metadata, rows[i].field, "");

        if (asked[0] && strcmp(asked, found) != 0)
            return err_set(err, ERR_CONFLICT,
                           "the %s in the precondition (%s) does not match the %s in record (%s). "
                           "The object might have been %s",
                           rows[i].what, asked, rows[i].what, found, rows[i].why);
    }
    return 0;
}
