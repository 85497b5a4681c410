/* SPDX-License-Identifier: Apache-2.0 */
/* The probes of a container: when each is tried, and when its thresholds are reached.
 *
 *   no startup probe, or it passed -> liveness and readiness are tried
 *
 * Until a startup or readiness probe passes for the first time it is tried more often than its
 * period says, so a pod that is up quickly is ready quickly; a failure still counts once a period.
 *
 * Place   who runs containers; what is tried is pod_action.h's
 * Owns    its timers and the attempts that run
 * Threads the loop's
 * Spec    Kubernetes core/v1 Probe
 */
#ifndef WEFT_SANDBOX_NODE_POD_PROBE_H
#define WEFT_SANDBOX_NODE_POD_PROBE_H

#include "sandbox/node/pod_action.h"

enum pod_probe_kind { POD_PROBE_STARTUP, POD_PROBE_LIVENESS, POD_PROBE_READINESS, POD_PROBE_COUNT };

struct pod_probes_events {
    /* The threshold of successes is reached; may come again and again. A probe that the container
     * does not have passes at the start. Liveness is never told. */
    void (*on_passed)(enum pod_probe_kind kind, void *ctx);
    /* A failure that counts; `text` (borrowed) says why. */
    void (*on_failure)(enum pod_probe_kind kind, const char *text, void *ctx);
    /* The threshold of failures is reached: readiness is gone, or the container is to end (and the
     * probes are to be stopped). `spec` is the probe's. */
    void (*on_failed)(enum pod_probe_kind kind, const json_t *spec, void *ctx);
};

struct pod_probes;

struct pod_probe {
    struct pod_probes *all;
    enum pod_probe_kind kind;
    const json_t *spec; /* NULL: no such probe */
    struct loop_timer timer;
    struct pod_action *attempt;   /* NULL: none runs */
    unsigned failures, successes; /* in a row */
    bool succeeded_once;
    uint64_t counted_ms; /* when a failure was counted last; 0: never */
};

struct pod_probes {
    const struct pod_action_target *target;
    const struct pod_probes_events *events;
    void *ctx;
    struct pod_probe one[POD_PROBE_COUNT];
};

/* For target->container; target and events are kept. */
void pod_probes_init(struct pod_probes *probes, const struct pod_action_target *target,
                     const struct pod_probes_events *events, void *ctx);
/* The container runs; with `started` its startup probe is not asked any more. on_passed may run
 * within. */
void pod_probes_start(struct pod_probes *probes, bool started);
/* No callback runs any more until the next start. Also within a callback. */
void pod_probes_stop(struct pod_probes *probes);

#endif
