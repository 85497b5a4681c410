/* SPDX-License-Identifier: Apache-2.0 */
/* Admission reviews: question in, answer out, as trees. Pure.
 *
 * Place   control/webhook (HTTP around it), tests
 * Owns    nothing
 * Spec    admission.k8s.io/v1 AdmissionReview
 */
#ifndef WEFT_CONTROL_ADMISSION_H
#define WEFT_CONTROL_ADMISSION_H

#include "base/prelude.h"
#include "inject/inject.h"
#include "wire/json.h"

enum admission_outcome {
    ADMISSION_PATCHED,
    ADMISSION_SKIPPED,
    ADMISSION_ALLOWED,
    ADMISSION_DENIED
};

/* The answer to a review of a pod: allowed, with a JSON patch when it is injected; denied when an
 * annotation is wrong. A new tree; NULL when `review` is no AdmissionReview v1. ret_* may be NULL.
 */
json_t *admission_inject(const struct inject_config *config, const json_t *review,
                         enum admission_outcome *ret_outcome);
/* The answer to a review of a configuration object: denied with every problem in the message, or
 * allowed, perhaps with warnings. NULL as above. */
json_t *admission_validate(const json_t *review, enum admission_outcome *ret_outcome);

#endif
