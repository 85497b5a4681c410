/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's container by name. See pod_target.h. */
#include "kube/objects/pod_target.h"

#include "base/buf.h"

static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};

/* "istio-init app proxy", in the arena: what may be chosen from. */
static const char *names_join(const json_t *spec, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf names;

    buf_init(&names, 0);
    for (size_t n = 0; n < 2; n++) {
        size_t i;
        json_t *container;

        json_array_foreach(json_object_get(spec, lists[n]), i, container) buf_printf(
            &names, "%s%s", names.len ? " " : "", json_path_string_or(container, "name", ""));
    }
    return arena_slice_str(arena, buf_slice(&names));
}

int kube_pod_target(const json_t *pod, struct slice asked, struct arena *arena, const char **ret,
                    struct error *err)
{
    const json_t *spec = json_object_get(pod, "spec");
    const char *pod_name = json_path_string_or(pod, "metadata.name", "");
    const char *name;

    if (asked.len == 0 && json_array_size(json_object_get(spec, "containers")) == 1) {
        *ret = arena_strdup(arena, json_path_string_or(spec, "containers[0].name", ""));
        return 0;
    }
    if (asked.len == 0)
        return err_set(err, ERR_INVALID,
                       "a container name must be specified for pod %s, choose one of: [%s]",
                       pod_name, names_join(spec, arena));
    name = arena_slice_str(arena, asked);
    for (size_t n = 0; n < ARRAY_LEN(lists); n++) {
        if (json_array_find(json_object_get(spec, lists[n]), "name", name) != NULL) {
            *ret = name;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "container %s is not valid for pod %s", name, pod_name);
}
