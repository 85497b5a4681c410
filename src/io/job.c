/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, see job.h: a detached thread each, started when fewer than the maximum run. */
#include "io/job.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"

struct job {
    struct list node; /* in jobs->waiting */
    struct jobs *jobs;
    void (*run)(void *ctx);
    void (*on_done)(void *ctx);
    void *ctx;
};

void jobs_init(struct jobs *jobs, struct loop *loop, size_t running_max)
{
    *jobs = (struct jobs){.loop = loop, .running_max = running_max};
    list_init(&jobs->waiting);
}

static void *job_main(void *argument);
static void job_done(void *argument);

static void job_begin(struct job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rc;

    job->jobs->running++;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attributes, job_main, job);
    pthread_attr_destroy(&attributes);
    ASSERT(rc == 0);
}

void job_start(struct jobs *jobs, void (*run)(void *ctx), void (*on_done)(void *ctx), void *ctx)
{
    struct job *job = MEM_NEW(struct job);

    *job = (struct job){.jobs = jobs, .run = run, .on_done = on_done, .ctx = ctx};
    list_init(&job->node);
    if (jobs->running < jobs->running_max)
        job_begin(job);
    else
        list_append(&jobs->waiting, &job->node);
}

bool jobs_are_idle(const struct jobs *jobs)
{
    return jobs->running == 0 && list_is_empty(&jobs->waiting);
}

static void *job_main(void *argument)
{
    struct job *job = argument;

    job->run(job->ctx);
    while (loop_post(job->jobs->loop, job_done, job) < 0) /* the mailbox is full: it will empty */
        clock_sleep_ms(10);
    return NULL;
}

static void job_done(void *argument)
{
    struct job *job = argument;
    struct jobs *jobs = job->jobs;
    struct list *next;

    jobs->running--;
    next = list_take_first(&jobs->waiting);
    if (next)
        job_begin(CONTAINER_OF(next, struct job, node));
    job->on_done(job->ctx);
    mem_free(job);
}
