/* SPDX-License-Identifier: Apache-2.0 */
/* What of a mesh is in a cluster: objects with the label of our components.
 *
 * Place   cli/install (what a changed profile leaves behind), cli/uninstall
 * Owns    nothing
 * Spec    istioctl: label operator.istio.io/component, and istio.io/rev for one control plane
 */
#ifndef WEFT_CLI_INSTALLED_H
#define WEFT_CLI_INSTALLED_H

#include "base/err.h"
#include "base/prelude.h"
#include "kube/client.h"

/* Lists objects, in the order in which they are to be deleted, as a new array. `revision` NULL:
 * everything, also what revisions share (but no definitions of resources: see
 * installed_crds_list). */
MUST_USE int installed_list(struct kube_client *client, const char *revision, json_t **ret,
                            struct error *err);
/* The definitions of resources; a new array. */
MUST_USE int installed_crds_list(struct kube_client *client, json_t **ret, struct error *err);
/* All objects of a kind that the query selects (NULL: all), as a new array; each gets its
 * apiVersion and kind, which lists leave out. ns NULL: everywhere. */
MUST_USE int installed_query(struct kube_client *client, enum kube_resource_id id, const char *ns,
                             const char *query, json_t **ret, struct error *err);
/* Deletes the object if it is there, and says so on standard output. */
MUST_USE int installed_remove(struct kube_client *client, const json_t *object, struct error *err);

#endif
