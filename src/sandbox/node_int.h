/* SPDX-License-Identifier: Apache-2.0 */
/* The node agent's state: node > pod > container > probe. For the files node*.c alone.
 *
 *   pod:        NEW --volumes, tokens, network--> READY --deletion--> STOPPING --all ended--> gone
 *   container:  WAITING --job--> STARTING --> RUNNING --exit file--> EXITED --back-off--> WAITING
 *
 * Everything is decided by node_pod_sync, which looks at the state and starts what comes next; any
 * event (object changed, job done, exit, timer) only notes its fact and calls it.
 *
 * Threads all of it lives on the loop; jobs get copies
 */
#ifndef WEFT_SANDBOX_NODE_INT_H
#define WEFT_SANDBOX_NODE_INT_H

#include "base/err.h"
#include "base/map.h"
#include "base/prelude.h"
#include "http/client.h"
#include "io/addr_pool.h"
#include "io/cgroup.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/process.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "sandbox/node/container.h"
#include "sandbox/node/pod_probe.h"
#include "sandbox/node/pod_tokens.h"
#include "kube/objects/pod_view.h"
#include "oci/container.h"
#include "oci/record.h"
#include "sandbox/instance.h"
#include "wire/json.h"

struct node {
    struct loop *loop;
    const struct instance *instance;
    struct kube_client *client;
    struct kube_cache *pod_cache;
    struct kube_cache *service_cache;
    struct kube_cache *slice_cache;
    struct kube_cache *config_map_cache;
    struct kube_cache *secret_cache;
    struct pod_lookup lookup; /* over the caches */
    struct jobs jobs;
    struct map pods;      /* uid: struct node_pod */
    struct addr_pool ips; /* of the pods */
    struct loop_timer metrics, eviction;
    struct cgroup_rate usage; /* of the machine */
    bool orphans_checked;     /* the first list of pods was compared with the disk */
};

/* --- containers --- */

enum node_stop_stage { STOP_NONE, STOP_HOOK, STOP_TERM, STOP_KILL };

struct node_container {
    struct node_pod *pod;
    struct container *life; /* one of pod->lives: facts and words */
    bool hook_running;      /* postStart */
    enum node_stop_stage stop_stage;
    uint64_t kill_at_ms;
    struct pod_action_target target; /* of hooks and probes */
    struct pod_action *hook;         /* postStart or preStop that runs */
    struct pod_probes probes;
    struct cgroup_rate usage;
};

/* --- pods --- */

struct node_pod {
    struct node *node;
    char uid[64];
    const char *ns;            /* borrowed from first_object */
    const char *name;          /* borrowed from first_object */
    json_t *object;            /* the latest; a reference */
    json_t *first_object;      /* the first seen: containers borrow their specs from it */
    char ip[INSTANCE_IP_SIZE]; /* "" before it is assigned */
    int64_t start_ms;
    bool ready;         /* network and volumes are there */
    bool volumes_known; /* `volumes` is filled: not so after an adoption, until they are resolved */
    bool object_gone;   /* deleted from the API */
    bool stopping;
    bool torn_down;                    /* nothing is left on the machine */
    bool finished;                     /* Succeeded or Failed: never started again */
    char *evicted;                     /* why; NULL: it is not */
    size_t jobs;                       /* of this pod that run */
    struct node_container *containers; /* init containers first */
    struct container *lives;           /* of the same index */
    size_t container_count, init_count;
    json_t *volumes; /* object name: content, as written last */
    struct pod_tokens *tokens;
    char *setup_problem; /* event told last */
    uint64_t retry_at_ms;
    struct loop_timer timer;
    struct loop_task sync_task;
    json_t *status; /* as sent last */
    struct kube_call *status_call;
    bool status_dirty;
    struct kube_call *delete_call;
    bool delete_sent;
};

/* node_pod.c: a pod's life. */
struct node_pod *node_pod_new(struct node *node, json_t *object);
/* Frees; nothing of it may run any more (jobs == 0). */
void node_pod_free(struct node_pod *pod);
void node_pod_update(struct node_pod *pod, json_t *object);
/* Decides what comes next, soon (once, however often it is asked for). */
void node_pod_wake(struct node_pod *pod);
void node_pod_folder(const struct node_pod *pod, const char *leaf, char out[INSTANCE_PATH_SIZE]);
void node_pod_view(const struct node_pod *pod, struct pod_view *ret);
struct node_container *node_pod_container(const struct node_pod *pod, const char *name);
/* Wakes the pod not later than `at_ms` of loop time. */
void node_pod_wake_at(struct node_pod *pod, uint64_t at_ms);
/* Takes up a pod that an earlier agent left on the disk; NULL when its folder holds none. */
struct node_pod *node_pod_adopt(struct node *node, const char *uid);

/* "/run/netns/..." of the pod (of the sandbox, for a pod of the host's network). */
enum { NODE_NETNS_PATH_SIZE = 128 };
void node_pod_netns(const struct node_pod *pod, char out[NODE_NETNS_PATH_SIZE]);

/* node.c: the pod's address came or went, for the packet rules. */
void node_pod_address(struct node_pod *pod, bool present);

/* node_setup.c: volumes, tokens, network, /etc; teardown. */
void node_setup_sync(struct node_pod *pod);
/* Writes volumes whose content changed. */
void node_setup_refresh(struct node_pod *pod);
void node_setup_remove(struct node_pod *pod);
/* Marks the address of an adopted pod as used. False when its network is gone (the machine was
 * started anew): then it is set up again. */
bool node_setup_adopt(struct node_pod *pod);

/* node_container.c: one container's life. */
void node_container_init(struct node_container *container, struct node_pod *pod,
                         struct container *life, const json_t *spec, bool init);
void node_container_deinit(struct node_container *container);
/* Starts it when its time has come. */
void node_container_sync(struct node_container *container);
/* Asks it to end, with `grace_s`; harmless when it does not run. `reason`: static, for the
 * event. */
void node_container_stop(struct node_container *container, int64_t grace_s, const char *reason);
void node_container_exited(struct node_container *container, int exit_code, int64_t finished_ms);
/* The folder of a run. */
void node_container_bundle(const struct node_container *container, unsigned attempt,
                           char out[INSTANCE_PATH_SIZE]);
void node_container_adopt(struct node_container *container);
/* Runs an ended container again, whatever the policy: its pod's network was made anew. */
void node_container_rerun(struct node_container *container);

/* "/weft/x/<uid>/<name>.<attempt>" of the current run. mem_free it. */
char *node_container_cgroup(const struct node_container *container);
void node_container_check_exit(struct node_container *container);

/* node_start.c: gathers what a start needs and starts a job for it; node_container_started runs at
 * its end. ERR_NOT_FOUND and others when something is missing that the container refers to. */
enum node_start_stage { NODE_START_IMAGE, NODE_START_CONFIG, NODE_START_RUN };
struct node_start_result {
    enum node_start_stage stage; /* that was reached */
    bool image_was_present;
    const char *image_id;
    int64_t started_ms;
    int rc;
    const char *reason;
};
MUST_USE int node_start(struct node_container *container, struct error *err);
void node_container_started(struct node_container *container,
                            const struct node_start_result *result);

/* node_probe.c: `target` and `probes`. */
void node_probes_init(struct node_container *container);

/* node_metrics.c: looks at all that runs, again and again; what was seen (new reference). */
void node_metrics_start(struct node *node);
json_t *node_metrics_json(const struct node *node);

/* node_evict.c: looks at volumes that may not grow beyond a limit, again and again. */
void node_evict_start(struct node *node);
/* An adopted pod that was evicted stays so. */
void node_evict_adopt(struct node_pod *pod);

/* node_status.c: pushes the pod's status when it differs from what was sent. */
void node_status_push(struct node_pod *pod);
/* "Pending", "Running", "Succeeded" or "Failed". */
const char *node_status_phase(const struct node_pod *pod);

/* node_event.c: records an event about the pod (container NULL: the pod itself). */
void node_event(struct node_pod *pod, const struct node_container *container, bool warning,
                const char *reason, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Runs a program inside a container; on_done gets the exit code (-1: could not) and output. The
 * process may be killed and detached by the caller. */
MUST_USE int node_exec_start(struct node_container *container, const json_t *argv,
                             uint64_t timeout_ms,
                             void (*on_exit)(const struct process_result *result, void *ctx),
                             void *ctx, struct process **ret, struct error *err);

#endif
