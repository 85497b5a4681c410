/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe or a lifecycle hook of a container does: exec, httpGet, tcpSocket, grpc, sleep.
 *
 * Place   who runs containers; http/check does what goes over the network
 * Owns    struct pod_action until its end or cancellation
 * Limits  15 headers of an httpGet beside our user-agent; 64 KiB of a program's output
 * Threads the loop's
 * Spec    Kubernetes core/v1 Probe, LifecycleHandler
 */
#ifndef WEFT_SANDBOX_NODE_POD_ACTION_H
#define WEFT_SANDBOX_NODE_POD_ACTION_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"
#include "io/process.h"
#include "wire/json.h"

struct pod_action;

/* Whose action it is. Kept until the action's end. */
struct pod_action_target {
    struct loop *loop;
    const json_t *container; /* its spec, for named ports */
    const char *pod_ip;      /* where network actions go that name no host */
    /* Starts a program in the container, as process_start does. */
    int (*exec)(const json_t *command, uint64_t timeout_ms,
                void (*on_exit)(const struct process_result *result, void *exit_ctx),
                void *exit_ctx, struct process **ret, void *ctx);
    void *ctx;
};

/* `on_done` runs once, never within this call, with the reason of a failure (borrowed). For a hook
 * any HTTP status is fine. ERR_UNSUPPORTED: none of the kinds known; ERR_INVALID: no such port or
 * command. A timeout of 0: none, for commands. */
MUST_USE int pod_action_start(const struct pod_action_target *target, const json_t *spec,
                              uint64_t timeout_ms, bool is_hook,
                              void (*on_done)(bool fine, const char *text, void *ctx), void *ctx,
                              struct pod_action **ret);
/* on_done does not run any more. NULL is fine; not after on_done ran. */
void pod_action_cancel(struct pod_action *action);

#endif
