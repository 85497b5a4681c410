/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking work beside the loop: each job on a thread, a few at once, its end told on the loop.
 *
 * Place   whoever has work that blocks (programs to wait for, many files) and a loop that may not
 * Owns    the queue; a job's `ctx` belongs to run() while it runs and to the loop before and after,
 *         so nothing is shared and nothing locked
 * Limits  `running_max` threads; the queue is as long as the owner makes it: a job a thing at most
 */
#ifndef WEFT_IO_JOB_H
#define WEFT_IO_JOB_H

#include "base/list.h"
#include "base/prelude.h"
#include "io/loop.h"

struct jobs {
    struct loop *loop;
    size_t running;
    size_t running_max;
    struct list waiting;
};

void jobs_init(struct jobs *jobs, struct loop *loop, size_t running_max);
/* `run` on a thread, then `on_done` on the loop (never within this call); both get ctx. */
void job_start(struct jobs *jobs, void (*run)(void *ctx), void (*on_done)(void *ctx), void *ctx);
/* True when nothing runs or waits. */
bool jobs_are_idle(const struct jobs *jobs);

#endif
