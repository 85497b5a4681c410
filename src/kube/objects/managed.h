/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which field: metadata.managedFields, kept by every write, asked by server-side apply.
 *
 *   update   fields that changed go from their owners to the writer; fields that went, from all
 *   apply    the configuration is laid over the live object; what this manager applied before and
 *            now leaves out goes, unless others own it; a change to others' fields is a conflict
 *
 * Place   the API server's create, update and patch, before admission
 * Owns    nothing
 * Limits  KUBE_MANAGED_UPDATERS_MAX managers that update, older ones are merged as
 *         "ancient-changes"; managedFields in a request that cannot be read count as none
 * Spec    Kubernetes "Server-Side Apply", "Field Management"
 */
#ifndef WEFT_KUBE_OBJECTS_MANAGED_H
#define WEFT_KUBE_OBJECTS_MANAGED_H

#include "base/err.h"
#include "base/prelude.h"
#include "kube/objects/type.h"
#include "wire/json.h"

enum { KUBE_MANAGED_UPDATERS_MAX = 10, KUBE_MANAGED_POOL_MAX = 512 };

/* Who writes. Borrows. */
struct kube_writer {
    const char *manager;     /* the parameter fieldManager, or the user agent up to its "/" */
    const char *api_version; /* of the request: "apps/v1" */
    const char *subresource; /* "" for the object itself */
    const char *time;        /* now, RFC 3339 */
    bool force;              /* an apply: take what others own */
};

/* Conflicts of an apply. Zero-initialise; kube_conflicts_deinit frees. */
struct kube_conflicts {
    json_t *causes; /* [{reason, message, field}], as in a Status */
    char *message;  /* "Apply failed with ..." */
};

/* Sets managedFields of `object`, which replaces `live` (NULL: it is new). A list that the writer
 * put there itself counts, if it can be read and no subresource is written; [{}] empties it. */
void kube_managed_update(struct kube_type type, const json_t *live, json_t *object,
                         const struct kube_writer *writer);
/* Whether `config` is a configuration of that kind. ERR_INVALID with the sentence of a 400;
 * ERR_CONFLICT for one that names the uid of an object that is not there. */
MUST_USE int kube_managed_check(const json_t *config, const char *api_version, const char *kind,
                                bool is_new, struct error *err);
/* The part of a configuration that a write of this subresource ("" for the object itself) may
 * apply: a fresh tree. `has_status`: status is a subresource. */
json_t *kube_managed_part(const json_t *config, const char *subresource, bool has_status);
/* The state after the apply of `config` onto `live` (NULL: it is new), with its managedFields.
 * ERR_CONFLICT: others own what would change, see *ret_conflicts; never with force. ERR_INVALID:
 * a list item without its keys, err->path says where. */
MUST_USE int kube_managed_apply(struct kube_type type, const json_t *live, const json_t *config,
                                const struct kube_writer *writer, json_t **ret,
                                struct kube_conflicts *ret_conflicts, struct error *err);
/* Gives `object` the managedFields of `live` when the two differ only in times of writing: then the
 * write changed nothing. */
void kube_managed_keep_times(const json_t *live, json_t *object);
/* Lets objects that are never changed again share equal sets of fields: most objects of a kind have
 * the same. `pool` is a JSON object of the caller, text to set; it is emptied at its maximum. */
void kube_managed_share(json_t *pool, json_t *object);
void kube_conflicts_deinit(struct kube_conflicts *conflicts);

#endif
