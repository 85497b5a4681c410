/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment, and $(NAME) references into it.
 *
 * Place   pure functions; whoever starts a container calls them before
 * Limits  1 MiB a value
 * Spec    Kubernetes core/v1 EnvVar, EnvFromSource
 */
#ifndef WEFT_KUBE_OBJECTS_POD_ENV_H
#define WEFT_KUBE_OBJECTS_POD_ENV_H

#include "kube/objects/pod_view.h"

/* *ret: new object name: value, in order of definition. ERR_NOT_FOUND when a ConfigMap, Secret or
 * key that is not optional is missing, ERR_INVALID for an unknown field; the reason names it. */
MUST_USE int pod_env_build(const struct pod_view *view, const json_t *container, json_t **ret,
                           struct error *err);
/* Replaces $(NAME) by its value; unknown names stay, "$$" is "$". mem_free the result. */
char *pod_env_expand(const char *text, const json_t *env);
/* The same for each string of an array; NULL gives NULL. New reference. */
json_t *pod_env_expand_list(const json_t *list, const json_t *env);

#endif
