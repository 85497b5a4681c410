/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: descriptors (epoll, edge-triggered), coarse timers, tasks, and a mailbox for
 * other threads.
 *
 *   turn:  ready list and tasks -> expired timers -> epoll_wait (0 when something is ready) ->
 * events -> mailbox
 *
 * Place   one per thread; everything asynchronous takes it as a parameter
 * Owns    the epoll descriptor, the timer heap, the mailbox; watches, timers and tasks live in
 * their owners' memory Threads all calls from the loop's thread, except loop_post and loop_stop
 * Limits  the mailbox holds 65,536 letters
 */
#ifndef WEFT_IO_LOOP_H
#define WEFT_IO_LOOP_H

#include "base/list.h"
#include "base/prelude.h"

struct loop;

MUST_USE int loop_new(struct loop **ret);
/* All watches, timers and tasks must be gone or must never be touched again. NULL is fine. */
void loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* One turn; waits at most timeout_ms (-1: until something happens). For tests and for blocking
 * clients. */
void loop_run_once(struct loop *loop, int timeout_ms);
/* Makes loop_run return after this turn. Any thread, also a signal handler. */
void loop_stop(struct loop *loop);
/* Makes SIGTERM and SIGINT stop this loop (blocks them and watches a signalfd): for a program's
 * main loop, before it
 * starts threads. Once per process. */
MUST_USE int loop_signals_stop(struct loop *loop);
/* Monotonic milliseconds, read once a turn. */
uint64_t loop_now_ms(const struct loop *loop);
/* Runs cb(ctx) on the loop's thread in order of posting. Any thread. ERR_LIMIT when the mailbox is
 * full. */
MUST_USE int loop_post(struct loop *loop, void (*cb)(void *ctx), void *ctx);
/* A scratch block of LOOP_SCRATCH_SIZE bytes that belongs to whoever runs: its content is valid
 * only until the running callback returns to the loop. Reads of the request path land here. */
enum { LOOP_SCRATCH_SIZE = 65536 };
char *loop_scratch(struct loop *loop);

/* --- descriptors --- */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct loop_watch {
    /* private */
    int fd;
    unsigned ready; /* events to deliver again before the next wait */
    void (*on_events)(unsigned events, void *ctx);
    void *ctx;
    struct list node; /* on the ready list */
};

/* Registers once for reading and writing, edge-triggered: the callback hears of changes only, so
 * the owner reads until short or until ERR_AGAIN, or asks to be called again with loop_watch_again.
 * The descriptor stays the owner's. */
MUST_USE int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd,
                            void (*on_events)(unsigned events, void *ctx), void *ctx);
/* After this the callback never runs. Harmless when not added (zeroed). Call before closing the
 * descriptor. */
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);
/* Delivers `events` again on the next turn, without waiting. */
void loop_watch_again(struct loop *loop, struct loop_watch *watch, unsigned events);

/* --- timers --- */

struct loop_timer {
    /* private */
    uint64_t deadline_ms; /* when it is to fire; 0: not armed */
    uint64_t heap_ms;     /* place in the heap: at or before the deadline */
    size_t heap_index;    /* 1-based; 0: not in the heap */
    void (*on_expire)(void *ctx);
    void *ctx;
};

void loop_timer_init(struct loop_timer *timer, void (*on_expire)(void *ctx), void *ctx);
/* (Re)arms to fire once, delay_ms from now. Putting a deadline off costs nothing; so re-arm per
 * request freely. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
/* After this the callback does not run until started again. Harmless when not armed. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_is_armed(const struct loop_timer *timer)
{
    return timer->deadline_ms != 0;
}

/* --- tasks --- */

struct loop_task {
    /* private */
    struct list node; /* must be initialised: loop_task_init */
    void (*run)(void *ctx);
    void *ctx;
};

void loop_task_init(struct loop_task *task, void (*run)(void *ctx), void *ctx);
/* Runs once, before the loop waits next, after the running callback returned. Adding twice is once.
 */
void loop_task_add(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

#endif
