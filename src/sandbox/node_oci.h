/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes says of a container, as the plan that oci/config.h takes.
 *
 * Place   node agent's container start, on a job thread; a pure function but for looking a user's
 *         name up in the image's /etc/passwd
 * Owns    nothing
 * Spec    Kubernetes' meaning of securityContext (the container's over the pod's) and of resources
 */
#ifndef WEFT_SANDBOX_NODE_OCI_H
#define WEFT_SANDBOX_NODE_OCI_H

#include "base/err.h"
#include "base/prelude.h"
#include "oci/image.h"
#include "wire/json.h"

/* What the agent resolved before. All borrowed. */
struct node_oci_plan {
    const json_t *container;    /* of the pod's spec; env, command and args are not read from it */
    const json_t *pod_security; /* spec.securityContext, or NULL */
    const json_t *env;          /* object name: value, resolved */
    const json_t *command;      /* array, expanded; NULL: the image's entrypoint */
    const json_t *args;         /* array, expanded; NULL: the image's */
    const json_t *mounts;       /* array of {source, path, readOnly} */
    const char *hostname;
    const char *netns_path;  /* NULL: a fresh one */
    const char *cgroup_path; /* from the cgroup root, "/weft-x/uid/name" */
};

/* The runtime's configuration; *ret is a new reference. ERR_INVALID with what a person must mend:
 * no command, an unknown user, root where runAsNonRoot forbids it. */
MUST_USE int node_oci_build(const struct node_oci_plan *plan, const struct oci_image *image,
                            json_t **ret, struct error *err);

#endif
