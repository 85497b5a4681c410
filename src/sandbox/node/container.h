/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one container of a pod as its node's agent tells it: what state it is in, when it may
 * start next, and in which words each step is reported.
 *
 *      ,-- container_init
 *      v            container_begin              container_run             container_exit
 *   WAITING ------------------------> STARTING -----------------> RUNNING -----------------> EXITED
 *    ^   ^                               | '----- container_run_failed -----------------------^ |
 *    |   '-- container_(pull|config)_failed                                                    |
 *    '------------------- container_restart (with back-off), container_run_again --------------'
 *
 * Place   an agent that runs pods, next to whatever starts processes; pod_status.h sums up
 * Owns    texts and ends of runs; the pod's object is borrowed. Pure: the time comes in, events go
 *         out through on_event
 * Limits  a message of an event has at most 1,023 bytes
 * Spec    the kubelet: back-off 10 s, 20 s ... 300 s between restarts (the first comes at once, ten
 *         minutes of running reset it); the same, on its own, between pulls of an image
 */
#ifndef WEFT_SANDBOX_NODE_CONTAINER_H
#define WEFT_SANDBOX_NODE_CONTAINER_H

#include "base/backoff.h"
#include "base/prelude.h"
#include "wire/json.h"

enum container_state { CONTAINER_WAITING, CONTAINER_STARTING, CONTAINER_RUNNING, CONTAINER_EXITED };

enum { CONTAINER_ID_SIZE = 160 };

/* How a run ended. */
struct container_end {
    bool valid;
    int exit_code;
    int64_t started_ms, finished_ms; /* wall clock */
    char id[CONTAINER_ID_SIZE];      /* of the run */
    char *message;                   /* termination message, or why it did not start; NULL: none */
    const char *reason;              /* "Completed", "Error", "OOMKilled" ... (static) */
};

struct container {
    /* who it is; all of it borrowed */
    const json_t *pod;
    const json_t *spec; /* in the pod's object */
    const char *name;
    bool init;
    bool sidecar; /* an init container with restartPolicy Always */
    void (*on_event)(bool is_warning, const char *reason, const char *message, void *ctx);
    void *ctx;
    /* the current run, or the next while WAITING */
    enum container_state state;
    unsigned attempt;           /* number of the run, from 0 */
    char id[CONTAINER_ID_SIZE]; /* set by the user at the start */
    char *image_id;             /* NULL: none was found yet */
    int64_t started_ms;         /* wall clock */
    bool started;               /* the startup probe passed */
    bool ready;
    const char *waiting_reason; /* static */
    char *waiting_message;      /* NULL: none */
    uint64_t start_at_ms;       /* monotonic: not before */
    uint64_t pull_told_at_ms;   /* monotonic: ErrImagePull becomes ImagePullBackOff */
    struct backoff restarts, pulls;
    /* runs that are over */
    struct container_end ended; /* of the current run, when EXITED */
    struct container_end last;  /* of the run before */
};

/* `spec` is an item of `pod`'s containers, or of its initContainers (`init`). Both are borrowed for
 * life; on_event may be NULL and is called within the steps below. */
void container_init(struct container *container, const json_t *pod, const json_t *spec, bool init,
                    void (*on_event)(bool is_warning, const char *reason, const char *message,
                                     void *ctx),
                    void *ctx);
void container_deinit(struct container *container);

/* It has a process, or gets one. */
bool container_is_active(const struct container *container);
/* It has ended with exit code 0. */
bool container_ended_well(const struct container *container);
/* Whether its policy starts it again after this end, unless its pod stops. */
bool container_is_to_restart(const struct container *container);

/* While WAITING: 0 when the time for a start has come, else when to ask again (monotonic). */
uint64_t container_wait(struct container *container, uint64_t now_ms);
/* A start is under way. */
void container_begin(struct container *container);
/* The image cannot be had: `reason` says why. It waits, longer each time. */
void container_pull_failed(struct container *container, const char *reason, uint64_t now_ms);
/* Something that the container refers to is missing or wrong. Told once as long as it stays. */
void container_config_failed(struct container *container, const char *reason, uint64_t start_at_ms);
/* Its program could not be run: EXITED with code 128. */
void container_run_failed(struct container *container, const char *reason, int64_t realtime_ms);
/* It runs. `image_was_present`: nothing had to be pulled. */
void container_run(struct container *container, const char *image_id, bool image_was_present,
                   int64_t started_ms);
/* Its process has ended; killed for want of memory, perhaps, and with last words ("": none). */
void container_exit(struct container *container, int exit_code, int64_t finished_ms,
                    bool out_of_memory, const char *message);
/* EXITED: the next run waits for its time, which comes later each time. */
void container_restart(struct container *container, uint64_t now_ms);
/* EXITED: the next run may start at `start_at_ms`, whatever the policy. */
void container_run_again(struct container *container, uint64_t start_at_ms);

/* Fills an end that was found on record; frees what it held. */
void container_end_set(struct container_end *end, int exit_code, int64_t started_ms,
                       int64_t finished_ms, bool out_of_memory, const char *message);

#endif
