/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery: which groups, versions and resources a server of the Kubernetes API has.
 *
 * They are gathered once, as the items of the aggregated document (apidiscovery.k8s.io/v2); the
 * older lists, one a group and one a version, are read off them.
 *
 *   groups = json_array()  ->  kube_discovery_add ...  ->  kube_discovery_document
 *
 * Place   a server's answers to /api, /apis and below, and the index of its OpenAPI documents
 * Owns    nothing; returns new trees
 * Limits  none of its own: as many as are added
 * Spec    meta/v1 APIResourceList, APIGroup, APIGroupList, APIVersions; KEP-3352
 */
#ifndef WEFT_KUBE_OBJECTS_DISCOVERY_H
#define WEFT_KUBE_OBJECTS_DISCOVERY_H

#include "base/prelude.h"
#include "kube/objects/path.h"
#include "wire/json.h"

/* The content type of the aggregated document, and what a client that wants it accepts. */
#define KUBE_DISCOVERY_AGGREGATED "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

/* A resource of one version. Texts are copied. */
struct kube_discovery_resource {
    const char *group; /* "" for the core group */
    const char *version;
    const char *kind;
    const char *plural;
    const char *singular;
    bool namespaced;
    json_t *verbs, *short_names, *categories; /* arrays of texts; taken */
};

/* Groups are added one after the other, each with its versions one after the other, the preferred
 * one first. Returns the resource within `groups` (borrowed), for kube_discovery_add_sub. */
json_t *kube_discovery_add(json_t *groups, const struct kube_discovery_resource *resource);
/* Adds a subresource. `group`, `version` and `kind` are of its body; `verbs` "get,patch". */
void kube_discovery_add_sub(json_t *resource, const char *name, const char *group,
                            const char *version, const char *kind, const char *verbs);

/* Whether the group has that version; version "": whether the group is there. */
bool kube_discovery_has(const json_t *groups, const char *group, const char *version);
/* Whether that is the path of a document that there is in the aggregated form too, and a client
 * which accepts that wants it so. `path` may be NULL. */
bool kube_discovery_is_aggregated(const struct kube_path *path, struct slice accept);
/* The document of a path that names no resource: the groups (aggregated, when the client accepts
 * that), a group, or a version. `address` is the server's, "host:port". NULL: there is none. */
json_t *kube_discovery_document(const json_t *groups, const struct kube_path *path,
                                bool is_aggregated, const char *address);
/* /version of a server that behaves as Kubernetes 1.MINOR and calls itself `git_version`. */
json_t *kube_discovery_version(unsigned minor, const char *git_version);
/* /openapi/v3: each version's document, its URL with `hash`, which changes when a document may. */
json_t *kube_discovery_openapi_index(const json_t *groups, uint64_t hash);

#endif
