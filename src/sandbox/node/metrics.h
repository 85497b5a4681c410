/* SPDX-License-Identifier: Apache-2.0 */
/* What pods and nodes use, as objects of metrics.k8s.io. Pure.
 *
 * Place   an agent that looks at what runs (io/cgroup.h); kubectl top and autoscalers read the
 *         outcome
 * Spec    metrics.k8s.io/v1beta1 PodMetrics, NodeMetrics; names, labels, quantities as
 *         metrics-server writes them
 */
#ifndef WEFT_SANDBOX_NODE_METRICS_H
#define WEFT_SANDBOX_NODE_METRICS_H

#include "base/prelude.h"
#include "wire/json.h"

struct metrics_usage {
    uint64_t cpu_nano;    /* billionths of a core, in the mean of the window */
    uint64_t memory_size; /* bytes, at its end */
    uint64_t window_ms;   /* 0: not known yet */
};

/* A container that runs. */
struct metrics_container {
    const char *name; /* borrowed */
    struct metrics_usage usage;
};

/* PodMetrics of `pod`, an object with its labels. NULL while no container runs, or what one of them
 * uses is not known. New reference. */
json_t *metrics_pod(const json_t *pod, const struct metrics_container *containers, size_t count,
                    int64_t now_ms);
/* NodeMetrics; NULL while what the machine uses is not known. New reference. */
json_t *metrics_node(const char *name, const struct metrics_usage *usage, int64_t now_ms);

#endif
