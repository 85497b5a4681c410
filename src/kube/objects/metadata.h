/* SPDX-License-Identifier: Apache-2.0 */
/* metadata of objects: what an API server makes up (uid, times, generation, names by prefix), what
 * it keeps from writers, and what it says of the rest, in Kubernetes' words.
 *
 * Place   an API server's writes, around the kind's own rules (kube/objects/rules.h)
 * Owns    nothing: objects are changed in place
 * Spec    Kubernetes API conventions, metadata; kube-api reference, section 5
 */
#ifndef WEFT_KUBE_OBJECTS_METADATA_H
#define WEFT_KUBE_OBJECTS_METADATA_H

#include <jansson.h>

#include "api/check.h"
#include "api/formats.h"
#include "base/err.h"
#include "base/prelude.h"

/* --- where an object is sent to --- */

/* What the path of a request says. Borrows. */
struct kube_place {
    bool is_namespaced; /* the kind is */
    bool is_update;     /* a PUT, which must name its object in the body too */
    const char *ns;     /* "" for cluster-scoped kinds */
    const char *name;   /* "" for a collection */
};

/* Puts namespace and name of the place into metadata (which must be there). ERR_INVALID with the
 * sentence of a 400 when the object says that it belongs elsewhere. */
MUST_USE int kube_metadata_place(const struct kube_place *place, json_t *object, struct error *err);

/* --- what the server makes up --- */

/* A new object: drops what no client may say, sets uid, creationTimestamp and, when the kind counts
 * it, generation. */
void kube_metadata_init(json_t *object, bool has_generation);
/* The name of a new object that has only generateName: a prefix and five letters. */
void kube_metadata_name(json_t *object);
/* Letters and digits that make no words; terminated, so `out` has len + 1 bytes. */
void kube_metadata_suffix(char *out, size_t len);
/* An update: what the server made up stays as it was in `old`. */
void kube_metadata_keep(json_t *object, const json_t *old);
/* generation counts changes of anything but metadata and status. */
void kube_metadata_count(json_t *object, const json_t *old);

/* --- what the server says of the rest --- */

/* The form of the names of a kind. */
enum format_name kube_metadata_form(const char *group, const char *plural);
/* metadata.name of a new object. */
void kube_metadata_check_name(const json_t *object, enum format_name form,
                              const struct api_cause_sink *sink);
/* Labels, annotations, owner references, finalizers; `old` (NULL: new): an object that is being
 * deleted gets no new finalizers. */
void kube_metadata_check(const json_t *object, const json_t *old,
                         const struct api_cause_sink *sink);

#endif
