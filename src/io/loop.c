/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: see loop.h.
 *
 * A turn serves the ready list and the tasks, then expired timers, and only then waits. Timers are
 * a binary heap on `heap_ms`; putting a deadline off only writes `deadline_ms`, and the timer is
 * re-filed when its old place comes up. The mailbox is a mutex-guarded list with an eventfd; only
 * letters from other threads pass through it.
 */
#include "io/loop.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { LOOP_EVENTS_MAX = 256, LOOP_LETTERS_MAX = 65536, LOOP_READY_MAX = 1024 };

struct letter {
    void (*cb)(void *ctx);
    void *ctx;
};

struct loop {
    int epoll_fd;
    int wake_fd;
    uint64_t now_ms;
    struct list ready; /* struct loop_watch.node */
    struct list tasks; /* struct loop_task.node */
    struct loop_timer **heap;
    size_t heap_count;
    size_t heap_cap;
    struct epoll_event events[LOOP_EVENTS_MAX];
    int event_count; /* of the batch in delivery */
    int event_at;
    atomic_bool stopping;
    atomic_bool woken;    /* an eventfd write is under way or unread */
    pthread_mutex_t lock; /* guards the letters */
    struct letter *letters;
    size_t letter_count;
    size_t letter_cap;
    char *scratch;
    int signal_fd; /* -1: loop_signals_stop was not called */
    struct loop_watch signal_watch;
};

static void tasks_run(struct loop *loop);

int loop_new(struct loop **ret)
{
    struct loop *loop = MEM_NEW(struct loop);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    /* A peer that left shows as ERR_RESET of the write; the TLS library writes without
     * MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->signal_fd = -1;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    list_init(&loop->ready);
    list_init(&loop->tasks);
    pthread_mutex_init(&loop->lock, NULL);
    loop->now_ms = clock_monotonic_ms();
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
        int code = err_from_errno(errno);

        loop_free(loop);
        return code;
    }
    *ret = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    tasks_run(loop); /* releases the memory of connections that closed in the last turn */
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    pthread_mutex_destroy(&loop->lock);
    mem_free(loop->heap);
    mem_free(loop->letters);
    mem_free(loop->scratch);
    mem_free(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

char *loop_scratch(struct loop *loop)
{
    if (!loop->scratch)
        loop->scratch = mem_zalloc(LOOP_SCRATCH_SIZE);
    return loop->scratch;
}

/* --- mailbox --- */

static void wake(struct loop *loop)
{
    uint64_t one = 1;

    /* One write is enough until the loop has read it. A full counter is impossible then. */
    if (atomic_exchange(&loop->woken, true))
        return;
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

int loop_post(struct loop *loop, void (*cb)(void *ctx), void *ctx)
{
    int rc = 0;

    pthread_mutex_lock(&loop->lock);
    if (loop->letter_count == LOOP_LETTERS_MAX) {
        rc = ERR_LIMIT;
    } else {
        if (loop->letter_count == loop->letter_cap) {
            loop->letter_cap = loop->letter_cap ? loop->letter_cap * 2 : 16;
            loop->letters = mem_realloc(loop->letters, loop->letter_cap * sizeof *loop->letters);
        }
        loop->letters[loop->letter_count++] = (struct letter){cb, ctx};
    }
    pthread_mutex_unlock(&loop->lock);
    if (rc == 0)
        wake(loop);
    return rc;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    wake(loop);
}

static void on_signal(unsigned events, void *ctx)
{
    struct loop *loop = ctx;
    struct signalfd_siginfo info;

    (void)events;
    if (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop_stop(loop);
}

int loop_signals_stop(struct loop *loop)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    loop->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signal_fd < 0)
        return err_from_errno(errno);
    return loop_watch_add(loop, &loop->signal_watch, loop->signal_fd, on_signal, loop);
}

static void letters_deliver(struct loop *loop)
{
    struct letter *letters;
    size_t count;
    uint64_t value;

    while (read(loop->wake_fd, &value, sizeof value) < 0 && errno == EINTR)
        ;
    /* Cleared before the letters are taken: whoever posts after this writes the eventfd again. */
    atomic_store(&loop->woken, false);
    pthread_mutex_lock(&loop->lock);
    letters = TAKE(loop->letters);
    count = loop->letter_count;
    loop->letter_count = 0;
    loop->letter_cap = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < count; i++)
        letters[i].cb(letters[i].ctx);
    mem_free(letters);
}

/* --- descriptors --- */

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd,
                   void (*on_events)(unsigned events, void *ctx), void *ctx)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = watch};

    *watch = (struct loop_watch){.fd = fd, .on_events = on_events, .ctx = ctx};
    list_init(&watch->node);
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        watch->on_events = NULL;
        return err_from_errno(errno);
    }
    return 0;
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    if (!watch->on_events)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    list_remove(&watch->node);
    watch->on_events = NULL;
    /* Events of this batch that are still to be delivered must not find it. */
    for (int i = loop->event_at; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = &loop->events;
}

void loop_watch_again(struct loop *loop, struct loop_watch *watch, unsigned events)
{
    if (!watch->on_events)
        return;
    watch->ready |= events;
    if (list_is_empty(&watch->node))
        list_append(&loop->ready, &watch->node);
}

static unsigned events_of(uint32_t epoll_events)
{
    unsigned events = 0;

    if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        events |= LOOP_READ;
    if (epoll_events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        events |= LOOP_WRITE;
    if (epoll_events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        events |= LOOP_HANGUP;
    return events;
}

static void events_deliver(struct loop *loop)
{
    bool letters = false;

    while (loop->event_at < loop->event_count) {
        struct epoll_event *event = &loop->events[loop->event_at++];
        struct loop_watch *watch = event->data.ptr;

        if (!watch)
            letters = true;
        else if ((void *)watch != (void *)&loop->events)
            watch->on_events(events_of(event->events), watch->ctx);
    }
    loop->event_count = 0;
    loop->event_at = 0;
    if (letters)
        letters_deliver(loop);
}

/* Serves what is on the ready list now; what is added meanwhile waits for the next turn, so nobody
 * starves the rest. */
static void ready_deliver(struct loop *loop)
{
    struct list batch;

    if (list_is_empty(&loop->ready))
        return;
    batch = loop->ready;
    batch.next->prev = &batch;
    batch.prev->next = &batch;
    list_init(&loop->ready);
    while (!list_is_empty(&batch)) {
        struct loop_watch *watch = CONTAINER_OF(list_take_first(&batch), struct loop_watch, node);
        unsigned events = watch->ready;

        watch->ready = 0;
        watch->on_events(events, watch->ctx);
    }
}

/* --- timers --- */

static void heap_place(struct loop *loop, size_t index, struct loop_timer *timer)
{
    loop->heap[index - 1] = timer;
    timer->heap_index = index;
}

static void heap_up(struct loop *loop, size_t index)
{
    struct loop_timer *timer = loop->heap[index - 1];

    while (index > 1 && loop->heap[index / 2 - 1]->heap_ms > timer->heap_ms) {
        heap_place(loop, index, loop->heap[index / 2 - 1]);
        index /= 2;
    }
    heap_place(loop, index, timer);
}

static void heap_down(struct loop *loop, size_t index)
{
    struct loop_timer *timer = loop->heap[index - 1];

    for (;;) {
        size_t child = index * 2;

        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && loop->heap[child]->heap_ms < loop->heap[child - 1]->heap_ms)
            child++;
        if (loop->heap[child - 1]->heap_ms >= timer->heap_ms)
            break;
        heap_place(loop, index, loop->heap[child - 1]);
        index = child;
    }
    heap_place(loop, index, timer);
}

static void heap_add(struct loop *loop, struct loop_timer *timer)
{
    if (loop->heap_count == loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 16;
        loop->heap = mem_realloc(loop->heap, loop->heap_cap * sizeof(struct loop_timer *));
    }
    timer->heap_ms = timer->deadline_ms;
    loop->heap_count++;
    heap_place(loop, loop->heap_count, timer);
    heap_up(loop, loop->heap_count);
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
    size_t index = timer->heap_index;
    struct loop_timer *last = loop->heap[loop->heap_count - 1];

    timer->heap_index = 0;
    loop->heap_count--;
    if (last == timer)
        return;
    heap_place(loop, index, last);
    heap_up(loop, index);
    heap_down(loop, last->heap_index);
}

void loop_timer_init(struct loop_timer *timer, void (*on_expire)(void *ctx), void *ctx)
{
    *timer = (struct loop_timer){.on_expire = on_expire, .ctx = ctx};
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    timer->deadline_ms = loop->now_ms + delay_ms;
    if (timer->heap_index && timer->heap_ms <= timer->deadline_ms)
        return;
    if (timer->heap_index)
        heap_remove(loop, timer);
    heap_add(loop, timer);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timer->deadline_ms = 0;
    if (timer->heap_index)
        heap_remove(loop, timer);
}

static void timers_expire(struct loop *loop)
{
    while (loop->heap_count && loop->heap[0]->heap_ms <= loop->now_ms) {
        struct loop_timer *timer = loop->heap[0];

        heap_remove(loop, timer);
        if (timer->deadline_ms > loop->now_ms) {
            heap_add(loop, timer);
        } else if (timer->deadline_ms) {
            timer->deadline_ms = 0;
            timer->on_expire(timer->ctx);
        }
    }
}

/* --- tasks --- */

void loop_task_init(struct loop_task *task, void (*run)(void *ctx), void *ctx)
{
    *task = (struct loop_task){.run = run, .ctx = ctx};
    list_init(&task->node);
}

void loop_task_add(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->node))
        list_append(&loop->tasks, &task->node);
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->node);
}

static void tasks_run(struct loop *loop)
{
    /* Tasks may add tasks; the bound keeps a faulty one from starving the descriptors. */
    for (int i = 0; i < LOOP_READY_MAX && !list_is_empty(&loop->tasks); i++) {
        struct loop_task *task =
            CONTAINER_OF(list_take_first(&loop->tasks), struct loop_task, node);

        task->run(task->ctx);
    }
}

/* --- turns --- */

static int wait_timeout_ms(const struct loop *loop, int timeout_ms)
{
    uint64_t left;

    if (!list_is_empty(&loop->ready) || !list_is_empty(&loop->tasks))
        return 0;
    if (!loop->heap_count)
        return timeout_ms;
    left = loop->heap[0]->heap_ms > loop->now_ms ? loop->heap[0]->heap_ms - loop->now_ms : 0;
    if (timeout_ms >= 0 && left > (uint64_t)timeout_ms)
        return timeout_ms;
    return left > 60000 ? 60000 : (int)left;
}

void loop_run_once(struct loop *loop, int timeout_ms)
{
    int count;

    tasks_run(loop);
    count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_MAX,
                       wait_timeout_ms(loop, timeout_ms));
    /* From here on a watch that goes away is struck from the batch. */
    loop->event_at = 0;
    loop->event_count = MAX(count, 0);
    loop->now_ms = clock_monotonic_ms();
    ready_deliver(loop);
    tasks_run(loop);
    events_deliver(loop);
    tasks_run(loop);
    timers_expire(loop);
    tasks_run(loop);
}

void loop_run(struct loop *loop)
{
    while (!atomic_load(&loop->stopping))
        loop_run_once(loop, -1);
    atomic_store(&loop->stopping, false);
}
