/* SPDX-License-Identifier: Apache-2.0 */
/* What a HorizontalPodAutoscaler says of its target: the number of pods and the status that
 * explains it, out of what metrics.k8s.io tells. The arithmetic is sandbox/controllers/scale.h's.
 *
 *   pods and their metrics --> proposals, the highest counts --> windows, policies, bounds
 *
 * Place   an autoscaler's controller, which fetches the metrics and carries the outcome out
 * Owns    nothing
 * Limits  metrics are cpu and memory of pods, as utilization or average value; another one is told
 *         in the conditions. AUTOSCALE_PODS_MAX pods of a target count
 * Spec    autoscaling/v2 HorizontalPodAutoscaler
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_AUTOSCALE_H
#define WEFT_SANDBOX_CONTROLLERS_AUTOSCALE_H

#include <jansson.h>

#include "base/prelude.h"
#include "sandbox/controllers/scale.h"

enum { AUTOSCALE_PODS_MAX = 1000, AUTOSCALE_TEXT_SIZE = 160 };

/* One look; all borrowed until return. */
struct autoscale {
    const json_t *hpa;
    const json_t *target; /* of spec.scaleTargetRef; NULL: not found */
    json_t *const *pods;  /* that the target's selector finds */
    size_t pod_count;
    const json_t *metrics;         /* {items} of PodMetrics; NULL: none to be had */
    struct scale_history *history; /* of this autoscaler, from one look to the next */
    int64_t period_ms;             /* between two looks */
    int64_t now_ms;                /* since 1970 */
};

struct autoscale_outcome {
    json_t *status; /* of the autoscaler; the caller's to json_decref */
    bool is_rescale;
    int64_t replicas;                  /* of a rescale: the target's spec.replicas to be */
    char reason[AUTOSCALE_TEXT_SIZE];  /* of a rescale: why */
    const char *warning;               /* reason of a Warning Event; NULL: all is well */
    char message[AUTOSCALE_TEXT_SIZE]; /* of the warning */
};

/* A rescale is noted in the history: carry it out. */
void autoscale_look(const struct autoscale *look, struct autoscale_outcome *ret);

#endif
