/* SPDX-License-Identifier: Apache-2.0 */
/* Admission webhooks as an API server sees them: which requests an entry of a webhook configuration
 * names, the question that is put to it, and what its answer says.
 *
 *   rules, selectors --> AdmissionReview with a request --(kube/webhook.h)--> response --> denial,
 *                                                                              warnings, patch
 *
 * Place   an API server, for each write
 * Owns    nothing
 * Spec    admissionregistration.k8s.io/v1, admission.k8s.io/v1; kube-api reference, section 7
 */
#ifndef WEFT_KUBE_OBJECTS_ADMISSION_H
#define WEFT_KUBE_OBJECTS_ADMISSION_H

#include <jansson.h>

#include "base/err.h"
#include "base/prelude.h"

/* --- which requests --- */

struct kube_admission_request {
    const char *operation; /* "CREATE", "UPDATE", "DELETE", "CONNECT" */
    const char *group;     /* "" for core */
    const char *version;
    const char *plural;
    const char *subresource; /* "" for none */
    bool is_namespaced;      /* the kind is */
};

/* Whether one of the webhook's rules is for the request. */
bool kube_admission_rules_match(const json_t *webhook,
                                const struct kube_admission_request *request);
/* Whether objectSelector takes the object, as it is (NULL: deleted) or as it was (NULL: new). */
bool kube_admission_object_match(const json_t *webhook, const json_t *object, const json_t *old);

/* --- the question --- */

/* A kind in one of its versions. Borrows. */
struct kube_admission_kind {
    const char *group, *version, *api_version, *kind, *plural;
};

/* Borrows. */
struct kube_admission_question {
    const char *uid;                 /* to be said again by the answer */
    const char *operation;           /* as above */
    struct kube_admission_kind seen; /* the version that the webhook's rules name */
    struct kube_admission_kind sent; /* the one of the request */
    const char *subresource;         /* "" for none */
    const char *ns;                  /* NULL for cluster-scoped kinds */
    const json_t *object, *old;      /* as it would be (NULL: deleted), as it is (NULL: new) */
    json_t *user;                    /* userInfo */
    json_t *options;                 /* CreateOptions, ... */
    bool is_dry_run;
};

/* The AdmissionReview, in the first of the webhook's admissionReviewVersions that is known here: a
 * fresh tree. */
json_t *kube_admission_review_new(const json_t *webhook,
                                  const struct kube_admission_question *question);

/* --- the answer --- */

/* How a response says no. Texts are borrowed from it. */
struct kube_admission_denial {
    unsigned status; /* of HTTP: 400 to 599 */
    const char *reason;
    const char *message; /* "" when it says nothing */
};

/* False when the response allows the request. */
bool kube_admission_is_denied(const json_t *response, struct kube_admission_denial *ret);
/* Carries the response's patch out: *object (a reference) becomes another tree, or stays when there
 * is none. `size_max` bounds the patch, in bytes. The error says what is wrong with it. */
MUST_USE int kube_admission_patch(const json_t *response, size_t size_max, json_t **object,
                                  struct error *err);

#endif
