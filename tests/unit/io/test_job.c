/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs beside the loop: each runs once, a few at a time, and ends on the loop. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/job.h"

enum { JOB_COUNT = 8, RUNNING_MAX = 3 };

struct world {
    struct jobs jobs;
    pthread_t loop_thread;
    int gate; /* a semaphore: each job takes one */
    atomic_int running, running_peak, runs;
    int ends;
};

static void run(void *ctx)
{
    struct world *w = ctx;
    int now = atomic_fetch_add(&w->running, 1) + 1;
    int peak = atomic_load(&w->running_peak);
    uint64_t one;

    while (now > peak && !atomic_compare_exchange_weak(&w->running_peak, &peak, now))
        ;
    assert_false(pthread_equal(pthread_self(), w->loop_thread));
    assert_int_equal(read(w->gate, &one, sizeof one), sizeof one);
    atomic_fetch_add(&w->runs, 1);
    atomic_fetch_sub(&w->running, 1);
}

static void on_done(void *ctx)
{
    struct world *w = ctx;

    assert_true(pthread_equal(pthread_self(), w->loop_thread));
    w->ends++;
}

static void jobs_run_a_few_at_a_time(void **state)
{
    struct world w = {.loop_thread = pthread_self(), .gate = eventfd(0, EFD_SEMAPHORE)};
    const uint64_t open = JOB_COUNT;
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    jobs_init(&w.jobs, loop, RUNNING_MAX);
    assert_true(jobs_are_idle(&w.jobs));
    for (int i = 0; i < JOB_COUNT; i++)
        job_start(&w.jobs, run, on_done, &w);
    assert_false(jobs_are_idle(&w.jobs));
    for (int turn = 0; turn < 1000 && atomic_load(&w.running) < RUNNING_MAX; turn++)
        loop_run_once(loop, 10);
    assert_int_equal(w.ends, 0);
    assert_int_equal(write(w.gate, &open, sizeof open), sizeof open);
    for (int turn = 0; turn < 1000 && !jobs_are_idle(&w.jobs); turn++)
        loop_run_once(loop, 10);
    assert_int_equal(w.ends, JOB_COUNT);
    assert_int_equal(atomic_load(&w.runs), JOB_COUNT);
    assert_int_equal(atomic_load(&w.running_peak), RUNNING_MAX);
    loop_free(loop);
    close(w.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jobs_run_a_few_at_a_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
