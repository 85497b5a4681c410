/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's status out of the states of its containers: phase, conditions, container statuses. Pure.
 *
 * Place   an agent that runs pods (see sandbox/node/container.h) and writes their status
 * Owns    nothing; all facts are borrowed for the call
 * Limits  an unready condition's message of 64 KiB
 * Spec    Kubernetes core/v1 PodStatus; the kubelet's rules for the phase
 */
#ifndef WEFT_SANDBOX_NODE_POD_STATUS_H
#define WEFT_SANDBOX_NODE_POD_STATUS_H

#include "base/prelude.h"
#include "sandbox/node/container.h"
#include "wire/json.h"

/* What an agent knows of a pod. */
struct pod_facts {
    const json_t *object; /* the latest: readiness gates, conditions that others set */
    const json_t *former; /* the status sent last, for transition times; NULL: the object's */
    const struct container *containers; /* init containers first */
    size_t container_count, init_count;
    const char *runtime; /* of container ids: "runc" */
    const char *host_ip;
    const char *ip;      /* "": none yet */
    int64_t start_ms;    /* wall clock: the agent took it up */
    bool has_network;    /* volumes and network are there, and its containers may start */
    bool is_stopping;    /* on its way out: nothing is started again */
    bool is_finished;    /* had ended before: nothing is started again */
    const char *evicted; /* why: it is Failed, whatever its containers do; NULL: it is not */
};

/* "Pending", "Running", "Succeeded" or "Failed". */
const char *pod_status_phase(const struct pod_facts *facts);
/* The whole status. A condition keeps its transition time while its status is the same. New
 * reference. */
json_t *pod_status_build(const struct pod_facts *facts, int64_t now_ms);

#endif
