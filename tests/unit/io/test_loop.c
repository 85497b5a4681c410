/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's promises: order of tasks, timers that are put off, letters from threads, watches that
 * end. */
#include "test.h"

#include "base/clock.h"
#include "base/err.h"
#include "io/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static void count_up(void *ctx)
{
    (*(int *)ctx)++;
}

static void timers_fire_once_in_order(void **state)
{
    struct loop *loop;
    struct loop_timer timers[20];
    int fired[20] = {0};
    uint64_t start = clock_monotonic_ms();

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    for (int i = 0; i < 20; i++) {
        loop_timer_init(&timers[i], count_up, &fired[i]);
        loop_timer_start(loop, &timers[i], (uint64_t)(i * 7 % 20));
    }
    loop_timer_start(loop, &timers[3], 30); /* put off */
    loop_timer_start(loop, &timers[4], 1);  /* drawn forward */
    loop_timer_stop(loop, &timers[5]);
    while (!fired[3])
        loop_run_once(loop, -1);
    assert_true(clock_monotonic_ms() - start >= 29);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fired[i], i == 5 ? 0 : 1);
    loop_free(loop);
}

struct chain {
    struct loop *loop;
    struct loop_task task;
    int left;
};

static void chain_run(void *ctx)
{
    struct chain *chain = ctx;

    if (--chain->left)
        loop_task_add(chain->loop, &chain->task);
}

static void tasks_run_before_the_loop_waits(void **state)
{
    struct chain chain = {.left = 5};

    (void)state;
    assert_int_equal(loop_new(&chain.loop), 0);
    loop_task_init(&chain.task, chain_run, &chain);
    loop_task_add(chain.loop, &chain.task);
    loop_task_add(chain.loop, &chain.task);
    loop_run_once(chain.loop, 0);
    assert_int_equal(chain.left, 0);
    loop_free(chain.loop);
}

enum { LETTERS = 5000 };

static void *letters_post(void *arg)
{
    void **args = arg;

    for (int i = 0; i < LETTERS; i++)
        while (loop_post(args[0], count_up, args[1]) != 0)
            ;
    return NULL;
}

static void letters_of_threads_arrive(void **state)
{
    struct loop *loop;
    pthread_t threads[2];
    int count = 0;
    void *args[2];

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    args[0] = loop;
    args[1] = &count;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, letters_post, args), 0);
    while (count < 2 * LETTERS)
        loop_run_once(loop, 1000);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, 2 * LETTERS);
    loop_free(loop);
}

struct twin {
    struct loop *loop;
    struct loop_watch a;
    struct loop_watch b;
    int calls;
};

static void remove_both(unsigned events, void *ctx)
{
    struct twin *twin = ctx;

    assert_true(events & LOOP_READ);
    twin->calls++;
    loop_watch_remove(twin->loop, &twin->a);
    loop_watch_remove(twin->loop, &twin->b);
}

static void a_removed_watch_stays_silent(void **state)
{
    struct twin twin = {0};
    int one[2];
    int two[2];

    (void)state;
    assert_int_equal(loop_new(&twin.loop), 0);
    assert_int_equal(pipe2(one, O_NONBLOCK), 0);
    assert_int_equal(pipe2(two, O_NONBLOCK), 0);
    assert_int_equal(loop_watch_add(twin.loop, &twin.a, one[0], remove_both, &twin), 0);
    assert_int_equal(loop_watch_add(twin.loop, &twin.b, two[0], remove_both, &twin), 0);
    assert_int_equal(write(one[1], "x", 1), 1);
    assert_int_equal(write(two[1], "x", 1), 1);
    loop_run_once(twin.loop, 100);
    loop_run_once(twin.loop, 0);
    assert_int_equal(twin.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
    loop_free(twin.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_once_in_order),
        cmocka_unit_test(tasks_run_before_the_loop_waits),
        cmocka_unit_test(letters_of_threads_arrive),
        cmocka_unit_test(a_removed_watch_stays_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
