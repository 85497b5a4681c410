/* SPDX-License-Identifier: Apache-2.0 */
/* Programs with living ends: pipes, a terminal, the end, an owner that leaves. */
#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "io/program.h"

enum { WAIT_MS = 10000 };

struct seen {
    struct buf out, errout;
    int exit_code; /* -1: not yet */
};

static void on_output(bool is_stderr, struct slice bytes, void *ctx)
{
    struct seen *seen = ctx;

    buf_append(is_stderr ? &seen->errout : &seen->out, bytes);
}

static void on_input_taken(void *ctx)
{
    (void)ctx;
}

static void on_exit_code(int exit_code, void *ctx)
{
    ((struct seen *)ctx)->exit_code = exit_code;
}

static const struct program_events events = {
    .on_output = on_output, .on_input_taken = on_input_taken, .on_exit = on_exit_code};

static struct program *begin(struct loop *loop, struct seen *seen, const char *script,
                             bool terminal, bool with_input)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct program_options options = {
        .argv = argv, .terminal = terminal, .with_input = with_input};
    struct program *program;

    *seen = (struct seen){.exit_code = -1};
    buf_init(&seen->out, 0);
    buf_init(&seen->errout, 0);
    assert_int_equal(program_start(loop, &options, &events, seen, &program, NULL), 0);
    return program;
}

static void end(struct loop *loop, struct seen *seen, struct program *program)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;

    while (seen->exit_code < 0 && clock_monotonic_ms() < until_ms)
        loop_run_once(loop, 100);
    program_free(program);
    buf_deinit(&seen->out);
    buf_deinit(&seen->errout);
    loop_free(loop);
}

static void pipes_carry_all_three(void **state)
{
    struct loop *loop;
    struct seen seen;
    struct program *program;
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    program = begin(loop, &seen, "cat; echo oops >&2; exit 7", false, true);
    assert_int_equal(program_write(program, SLICE("hello")), 0);
    program_input_end(program);
    while (seen.exit_code < 0 && clock_monotonic_ms() < until_ms)
        loop_run_once(loop, 100);
    assert_int_equal(seen.exit_code, 7);
    assert_slice(buf_slice(&seen.out), "hello");
    assert_slice(buf_slice(&seen.errout), "oops\n");
    end(loop, &seen, program);
}

static void a_terminal_has_a_size(void **state)
{
    struct loop *loop;
    struct seen seen;
    struct program *program;
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    program = begin(loop, &seen, "read x; stty size", true, false);
    program_resize(program, 101, 41);
    assert_int_equal(program_write(program, SLICE("\n")), 0);
    while (seen.exit_code < 0 && clock_monotonic_ms() < until_ms)
        loop_run_once(loop, 100);
    assert_int_equal(seen.exit_code, 0);
    assert_true(slice_find(buf_slice(&seen.out), SLICE("41 101")) >= 0);
    end(loop, &seen, program);
}

static void paused_output_is_not_lost(void **state)
{
    struct loop *loop;
    struct seen seen;
    struct program *program;
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    program = begin(loop, &seen, "head -c 300000 /dev/zero", false, false);
    program_output_pause(program);
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 20);
    assert_int_equal(seen.out.len, 0);
    program_output_resume(program);
    while (seen.exit_code < 0 && clock_monotonic_ms() < until_ms)
        loop_run_once(loop, 100);
    assert_int_equal(seen.exit_code, 0);
    assert_int_equal(seen.out.len, 300000);
    end(loop, &seen, program);
}

static void an_owner_may_leave_early(void **state)
{
    struct loop *loop;
    struct seen seen;
    struct program *program;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    program = begin(loop, &seen, "sleep 100", false, false);
    program_free(program); /* SIGTERM; reaped by the loop */
    for (int i = 0; i < 20; i++)
        loop_run_once(loop, 20);
    assert_int_equal(seen.exit_code, -1);
    buf_deinit(&seen.out);
    buf_deinit(&seen.errout);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_carry_all_three),
        cmocka_unit_test(a_terminal_has_a_size),
        cmocka_unit_test(paused_output_is_not_lost),
        cmocka_unit_test(an_owner_may_leave_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
