/* SPDX-License-Identifier: Apache-2.0 */
/* What pods and nodes use, as objects of metrics.k8s.io. Pure.
 *
 * Place   an agent that looks at control groups; kubectl top and autoscalers read the outcome
 * Spec    metrics.k8s.io/v1beta1 PodMetrics, NodeMetrics; names, labels, quantities as
 *         metrics-server writes them
 */
#ifndef WEFT_KUBE_METRICS_H
#define WEFT_KUBE_METRICS_H

#include "base/prelude.h"
#include "io/cgroup.h"
#include "wire/json.h"

/* A container that runs; both borrowed. */
struct metrics_container {
    const char *name;
    const struct cgroup_rate *rate;
};

/* PodMetrics of `pod`, an object with its labels. NULL while no container runs, or one of them was
 * not looked at twice. New reference. */
json_t *metrics_pod(const json_t *pod, const struct metrics_container *containers, size_t count,
                    int64_t now_ms);
/* NodeMetrics; NULL while the machine was not looked at twice. New reference. */
json_t *metrics_node(const char *name, const struct cgroup_rate *rate, int64_t now_ms);

#endif
