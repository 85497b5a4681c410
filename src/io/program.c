/* SPDX-License-Identifier: Apache-2.0 */
/* Programs with living ends, see program.h. */
#include "io/program.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 32768, LINGER_MS = 1000 };

extern char **environ;

struct output {
    struct program *program;
    int fd; /* -1: at its end */
    struct loop_watch watch;
    bool is_stderr;
};

struct program {
    struct loop *loop;
    const struct program_events *events; /* NULL once freed by its owner */
    void *ctx;
    pid_t pid;
    int pid_fd;
    struct loop_watch exit_watch;
    bool terminal;
    int in_fd; /* -1: none or closed; the pty itself with a terminal */
    struct loop_watch in_watch;
    struct buf input;
    bool input_ended, input_awaited;
    struct output outputs[2];
    bool paused;
    bool exited, told;
    int exit_code;
    struct loop_timer linger;
    struct loop_task check_task; /* tells the end; frees what nobody owns any more */
};

/* --- input --- */

static void input_close(struct program *program)
{
    if (program->terminal || program->in_fd < 0) /* the pty stays open for output */
        return;
    loop_watch_remove(program->loop, &program->in_watch);
    fd_drop(&program->in_fd);
}

static void input_pump(struct program *program)
{
    while (program->in_fd >= 0 && program->input.len > 0) {
        ssize_t put = write(program->in_fd, program->input.data, program->input.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0) { /* it closed its input: its own decision */
            input_close(program);
            break;
        }
        buf_consume(&program->input, (size_t)put);
    }
    buf_reset(&program->input);
    if (program->input_ended)
        input_close(program);
    if (program->input_awaited && program->events) {
        program->input_awaited = false;
        program->events->on_input_taken(program->ctx);
    }
}

static void on_input(unsigned events, void *ctx)
{
    (void)events;
    input_pump(ctx);
}

int program_write(struct program *program, struct slice bytes)
{
    if (buf_append(&program->input, bytes) < 0)
        return ERR_LIMIT;
    input_pump(program);
    program->input_awaited = program->input.len > 0;
    return program->input_awaited ? ERR_AGAIN : 0;
}

void program_input_end(struct program *program)
{
    program->input_ended = true;
    input_pump(program);
}

void program_resize(struct program *program, unsigned columns, unsigned rows)
{
    struct winsize window = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    if (program->terminal && program->in_fd >= 0 &&
        ioctl(program->in_fd, TIOCSWINSZ, &window) == 0 && !program->exited)
        kill(program->pid, SIGWINCH);
}

/* --- output --- */

static void output_end(struct output *output)
{
    struct program *program = output->program;

    loop_watch_remove(program->loop, &output->watch);
    if (program->terminal && output->fd == program->in_fd)
        program->in_fd = -1;
    fd_drop(&output->fd);
}

static void output_pump(struct output *output)
{
    struct program *program = output->program;
    char bytes[PIECE];

    while (output->fd >= 0 && !program->paused) {
        ssize_t got = read(output->fd, bytes, sizeof bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) /* a pty says EIO when the other side is closed */
            output_end(output);
        else if (program->events)
            program->events->on_output(output->is_stderr, slice_make(bytes, (size_t)got),
                                       program->ctx);
    }
}

static void outputs_pump(struct program *program)
{
    for (size_t i = 0; i < ARRAY_LEN(program->outputs); i++)
        output_pump(&program->outputs[i]);
    loop_task_add(program->loop, &program->check_task);
}

static void on_output(unsigned events, void *ctx)
{
    struct output *output = ctx;

    if (output->program->terminal && events & LOOP_WRITE)
        input_pump(output->program);
    output_pump(output);
    loop_task_add(output->program->loop, &output->program->check_task);
}

void program_output_pause(struct program *program)
{
    program->paused = true;
}

void program_output_resume(struct program *program)
{
    program->paused = false;
    outputs_pump(program);
}

/* --- the end --- */

static void program_drop(struct program *program)
{
    loop_timer_stop(program->loop, &program->linger);
    loop_watch_remove(program->loop, &program->exit_watch);
    loop_task_cancel(&program->check_task);
    input_close(program);
    for (size_t i = 0; i < ARRAY_LEN(program->outputs); i++)
        output_end(&program->outputs[i]);
    fd_drop(&program->pid_fd);
    buf_deinit(&program->input);
    mem_free(program);
}

static void on_check(void *ctx)
{
    struct program *program = ctx;
    bool drained = program->outputs[0].fd < 0 && program->outputs[1].fd < 0;

    if (!program->exited || program->told)
        return;
    if (!program->events) {
        program_drop(program);
    } else if (drained) {
        program->told = true;
        program->events->on_exit(program->exit_code, program->ctx);
    } else if (!loop_timer_is_armed(&program->linger) && !program->paused) {
        loop_timer_start(program->loop, &program->linger, LINGER_MS);
    }
}

static void on_linger(void *ctx)
{
    struct program *program = ctx;

    for (size_t i = 0; i < ARRAY_LEN(program->outputs); i++)
        output_end(&program->outputs[i]);
    loop_task_add(program->loop, &program->check_task);
}

static void on_exited(unsigned events, void *ctx)
{
    struct program *program = ctx;
    int status = 0;

    (void)events;
    if (program->exited || waitpid(program->pid, &status, WNOHANG) == 0)
        return;
    program->exited = true;
    program->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    loop_watch_remove(program->loop, &program->exit_watch);
    outputs_pump(program);
}

void program_free(struct program *program)
{
    if (!program)
        return;
    if (program->exited) {
        program_drop(program);
        return;
    }
    program->events = NULL;
    program->paused = false;
    buf_reset(&program->input);
    program_input_end(program);
    kill(program->pid, SIGTERM);
    outputs_pump(program);
}

/* --- start --- */

struct ends {
    int in[2], out[2], err[2]; /* pipes; [0] reads */
    int pty;                   /* -1: none */
    char pty_path[64];
};

static void ends_close(struct ends *ends)
{
    for (int i = 0; i < 2; i++) {
        fd_drop(&ends->in[i]);
        fd_drop(&ends->out[i]);
        fd_drop(&ends->err[i]);
    }
    fd_drop(&ends->pty);
}

static int ends_open(struct ends *ends, bool terminal)
{
    *ends = (struct ends){.in = {-1, -1}, .out = {-1, -1}, .err = {-1, -1}, .pty = -1};
    if (!terminal)
        return pipe2(ends->in, O_CLOEXEC) < 0 || pipe2(ends->out, O_CLOEXEC) < 0 ||
                       pipe2(ends->err, O_CLOEXEC) < 0
                   ? err_from_errno(errno)
                   : 0;
    ends->pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (ends->pty < 0 || grantpt(ends->pty) < 0 || unlockpt(ends->pty) < 0 ||
        ptsname_r(ends->pty, ends->pty_path, sizeof ends->pty_path) != 0)
        return err_from_errno(errno);
    return 0;
}

static int spawn(const char *const *argv, const struct ends *ends, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int rc;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&actions);
    if (ends->pty >= 0) {
        posix_spawn_file_actions_addopen(&actions, 0, ends->pty_path, O_RDWR, 0);
        posix_spawn_file_actions_adddup2(&actions, 0, 1);
        posix_spawn_file_actions_adddup2(&actions, 0, 2);
    } else {
        posix_spawn_file_actions_adddup2(&actions, ends->in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, ends->out[1], 1);
        posix_spawn_file_actions_adddup2(&actions, ends->err[1], 2);
    }
    rc = posix_spawnp(ret, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc == 0 ? 0 : err_from_errno(rc);
}

static int fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* Takes our ends out of `ends`. */
static int ends_watch(struct program *program, struct ends *ends, bool with_input)
{
    int rc = 0;

    if (program->terminal) {
        program->in_fd = program->outputs[0].fd = fd_take(&ends->pty);
    } else {
        program->in_fd = fd_take(&ends->in[1]);
        program->outputs[0].fd = fd_take(&ends->out[0]);
        program->outputs[1].fd = fd_take(&ends->err[0]);
        fcntl(program->in_fd, F_SETFL, O_NONBLOCK);
        if (!with_input)
            fd_drop(&program->in_fd);
        else
            rc = loop_watch_add(program->loop, &program->in_watch, program->in_fd, on_input,
                                program);
    }
    for (size_t i = 0; i < ARRAY_LEN(program->outputs) && rc == 0; i++) {
        struct output *output = &program->outputs[i];

        if (output->fd < 0)
            continue;
        fcntl(output->fd, F_SETFL, O_NONBLOCK);
        rc = loop_watch_add(program->loop, &output->watch, output->fd, on_output, output);
    }
    if (rc == 0)
        rc = loop_watch_add(program->loop, &program->exit_watch, program->pid_fd, on_exited,
                            program);
    return rc;
}

static struct program *program_new(struct loop *loop, const struct program_events *events,
                                   void *ctx)
{
    struct program *program = MEM_NEW(struct program);

    program->loop = loop;
    program->events = events;
    program->ctx = ctx;
    program->in_fd = program->pid_fd = -1;
    buf_init(&program->input, PROGRAM_INPUT_MAX);
    loop_timer_init(&program->linger, on_linger, program);
    loop_task_init(&program->check_task, on_check, program);
    for (size_t i = 0; i < ARRAY_LEN(program->outputs); i++)
        program->outputs[i] = (struct output){.program = program, .fd = -1, .is_stderr = i == 1};
    return program;
}

int program_start(struct loop *loop, const struct program_options *options,
                  const struct program_events *events, void *ctx, struct program **ret,
                  struct error *err)
{
    struct program *program = program_new(loop, events, ctx);
    struct ends ends;
    int rc = ends_open(&ends, options->terminal);

    program->terminal = options->terminal;
    if (rc == 0)
        rc = spawn(options->argv, &ends, &program->pid);
    if (rc == 0) {
        program->pid_fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
        rc = ends_watch(program, &ends, options->with_input);
    }
    ends_close(&ends);
    if (rc < 0) {
        program_drop(program);
        return err_set_path(err, rc, options->argv[0], "cannot start: %s", err_text(rc));
    }
    *ret = program;
    return 0;
}
