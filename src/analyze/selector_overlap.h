/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one kind that select pods by labels: each must find one, and no pod may have two.
 *
 * Place   sidecar.c, telemetry.c
 * Owns    nothing
 */
#ifndef WEFT_ANALYZE_SELECTOR_OVERLAP_H
#define WEFT_ANALYZE_SELECTOR_OVERLAP_H

#include "analyze/analysis_int.h"
#include "base/prelude.h"

struct selector_overlap {
    enum analyze_kind kind;
    const char *labels_path;          /* under the object: "spec.selector.matchLabels" */
    enum analyze_message_id conflict; /* told of each object that selects a pod with others */
    bool has_sidecar_effect;          /* has no effect on pods of the ambient mode */
};

/* Objects without labels are passed over. */
void selector_overlap_check(struct analysis *analysis, const struct selector_overlap *rule);
/* "a b" of the objects' names, sorted. */
const char *selector_overlap_names(struct analysis *analysis, const analyze_object_vec *objects);

#endif
