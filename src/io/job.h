/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking work beside the loop: each job on a thread, a few at once, its end told on the loop.
 *
 * Place   node agent: everything that calls runc, ip, tar or touches many files
 * Owns    the queue; a job's `ctx` belongs to run() while it runs and to the loop before and after,
 *         so nothing is shared and nothing locked
 * Limits  `running_max` threads; the queue is as long as there are containers
 */
#ifndef WEFT_SANDBOX_NODE_JOB_H
#define WEFT_SANDBOX_NODE_JOB_H

#include "base/list.h"
#include "base/prelude.h"
#include "io/loop.h"

struct node_jobs {
    struct loop *loop;
    size_t running;
    size_t running_max;
    struct list waiting;
};

void node_jobs_init(struct node_jobs *jobs, struct loop *loop, size_t running_max);
/* `run` on a thread, then `on_done` on the loop (never within this call); both get ctx. */
void node_job_start(struct node_jobs *jobs, void (*run)(void *ctx), void (*on_done)(void *ctx),
                    void *ctx);
/* True when nothing runs or waits. */
bool node_jobs_are_idle(const struct node_jobs *jobs);

#endif
