/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment, the downward API, and $(NAME) references.
 *
 * Place   node agent, on its loop, before a container starts; volumes use the downward API too
 * Owns    nothing; looks other objects up through struct node_lookup, so tests need no API
 * Spec    Kubernetes core/v1 EnvVar, EnvFromSource, ObjectFieldSelector, ResourceFieldSelector
 */
#ifndef WEFT_SANDBOX_NODE_ENV_H
#define WEFT_SANDBOX_NODE_ENV_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

/* Other objects of the pod's namespace; NULL when absent. Borrowed results. */
struct node_lookup {
    json_t *(*config_map)(const char *ns, const char *name, void *ctx);
    json_t *(*secret)(const char *ns, const char *name, void *ctx);
    /* all Services of all namespaces: *cursor starts with 0, NULL at the end */
    json_t *(*service_next)(size_t *cursor, void *ctx);
    void *ctx;
};

/* The pod as its containers see it. Borrowed. */
struct node_pod_view {
    const json_t *pod;
    const char *pod_ip;
    const char *host_ip;
    const char *node_name;
    const struct node_lookup *lookup;
};

/* *ret: new object name: value, in order of definition. ERR_NOT_FOUND when a ConfigMap, Secret or
 * key that is not optional is missing, ERR_INVALID for an unknown field; the reason names it. */
MUST_USE int node_env_build(const struct node_pod_view *view, const json_t *container, json_t **ret,
                            struct error *err);
/* Replaces $(NAME) by its value; unknown names stay, "$$" is "$". mem_free the result. */
char *node_env_expand(const char *text, const json_t *env);
/* The same for each string of an array; NULL gives NULL. New reference. */
json_t *node_env_expand_list(const json_t *list, const json_t *env);

/* The text of "metadata.name", "metadata.labels['x']", "status.podIP" ...; mem_free it. */
MUST_USE int node_field_get(const struct node_pod_view *view, const char *field_path, char **ret,
                            struct error *err);
/* The number of a resourceFieldRef ("limits.cpu" by divisor); mem_free it. `container` is the one
 * meant when the reference names none. */
MUST_USE int node_resource_get(const struct node_pod_view *view, const json_t *container,
                               const json_t *reference, char **ret, struct error *err);

#endif
