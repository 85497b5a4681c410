/* SPDX-License-Identifier: Apache-2.0 */
/* A pod as its containers see it: its own fields (the downward API) and the objects beside it that
 * it may refer to.
 *
 * Place   pod_env.c and pod_volume.c read pods through it; whoever runs pods fills it
 * Owns    nothing; other objects come through struct pod_lookup, so tests need no API
 * Limits  1 MiB of text a field
 * Spec    Kubernetes core/v1 ObjectFieldSelector, ResourceFieldSelector
 */
#ifndef WEFT_KUBE_OBJECTS_POD_VIEW_H
#define WEFT_KUBE_OBJECTS_POD_VIEW_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

/* Other objects of the pod's namespace; NULL when absent. Borrowed results. */
struct pod_lookup {
    json_t *(*config_map)(const char *ns, const char *name, void *ctx);
    json_t *(*secret)(const char *ns, const char *name, void *ctx);
    /* all Services of all namespaces: *cursor starts with 0, NULL at the end; may be NULL */
    json_t *(*service_next)(size_t *cursor, void *ctx);
    void *ctx;
};

/* All borrowed. */
struct pod_view {
    const json_t *pod;
    const char *pod_ip;
    const char *host_ip;
    const char *node_name;
    const struct pod_lookup *lookup;
};

/* The text of "metadata.name", "metadata.labels['x']", "status.podIP" ...; mem_free it.
 * ERR_INVALID for a field that the downward API does not have. */
MUST_USE int pod_view_field(const struct pod_view *view, const char *field_path, char **ret,
                            struct error *err);
/* The number of a resourceFieldRef ("limits.cpu" by divisor); mem_free it. `container` is the one
 * meant when the reference names none. A limit that is not set is what this machine has. */
MUST_USE int pod_view_resource(const struct pod_view *view, const json_t *container,
                               const json_t *reference, char **ret, struct error *err);
/* The ConfigMap or Secret of that name (borrowed). ERR_NOT_FOUND names it, unless it is optional:
 * then *ret is NULL. */
MUST_USE int pod_view_object(const struct pod_view *view, bool is_secret, const char *name,
                             bool optional, json_t **ret, struct error *err);

#endif
