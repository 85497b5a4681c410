/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests an entry of a webhook configuration names: rules and object selector.
 *
 * Place   the sandbox's API server, for each write
 * Owns    nothing
 * Spec    admissionregistration.k8s.io/v1; kube-api reference, section 7
 */
#ifndef WEFT_KUBE_ADMISSION_H
#define WEFT_KUBE_ADMISSION_H

#include <jansson.h>

#include "base/prelude.h"

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

#endif
