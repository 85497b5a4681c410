/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: see process.h.
 *
 * The end of a child is told by a pidfd on the loop; `on_exit` waits until both output pipes are at
 * their end too, or until the child is dead and a grandchild keeps the pipe open (then what is
 * there is taken).
 */
#include "io/process.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESS_OUTPUT_MAX = 1 << 20, PROCESS_CHUNK = 8192 };

extern char **environ;

struct process_pipe {
    struct process *process;
    struct loop_watch watch;
    struct buf bytes;
    int fd; /* -1: at its end */
};

struct process {
    struct loop *loop;
    pid_t pid;
    int pid_fd;
    struct loop_watch exit_watch;
    struct process_pipe out;
    struct process_pipe errout;
    struct loop_watch in_watch;
    int in_fd; /* -1: all written */
    struct buf input;
    struct loop_timer timeout;
    struct loop_task free_task;
    int exit_code;
    void (*on_exit)(const struct process_result *result, void *ctx);
    void *ctx;
};

static void fd_close(int *fd)
{
    fd_drop(fd);
}

static void on_free(void *ctx)
{
    mem_free(ctx);
}

static void process_end(struct process *process)
{
    struct process_result result = {process->exit_code, buf_slice(&process->out.bytes),
                                    buf_slice(&process->errout.bytes)};

    loop_watch_remove(process->loop, &process->exit_watch);
    loop_watch_remove(process->loop, &process->out.watch);
    loop_watch_remove(process->loop, &process->errout.watch);
    loop_watch_remove(process->loop, &process->in_watch);
    loop_timer_stop(process->loop, &process->timeout);
    fd_close(&process->pid_fd);
    fd_close(&process->out.fd);
    fd_close(&process->errout.fd);
    fd_close(&process->in_fd);
    if (process->on_exit)
        process->on_exit(&result, process->ctx);
    buf_deinit(&process->out.bytes);
    buf_deinit(&process->errout.bytes);
    buf_deinit(&process->input);
    loop_task_add(process->loop, &process->free_task);
}

/* Reads what is there. Past the maximum it reads on and drops, so the child never blocks. */
static void pipe_drain(struct process_pipe *pipe)
{
    char chunk[PROCESS_CHUNK];

    while (pipe->fd >= 0) {
        ssize_t got = read(pipe->fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            loop_watch_remove(pipe->process->loop, &pipe->watch);
            fd_close(&pipe->fd);
            return;
        }
        if (buf_append(&pipe->bytes, slice_make(chunk, (size_t)got)) < 0)
            pipe->bytes.failed = true;
    }
}

static void on_output(unsigned events, void *ctx)
{
    (void)events;
    pipe_drain(ctx);
}

static void on_input(unsigned events, void *ctx)
{
    struct process *process = ctx;

    (void)events;
    while (process->input.len) {
        ssize_t put = write(process->in_fd, process->input.data, process->input.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0)
            break; /* the child closed its input: its own decision */
        buf_consume(&process->input, (size_t)put);
    }
    loop_watch_remove(process->loop, &process->in_watch);
    fd_close(&process->in_fd);
}

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void on_exited(unsigned events, void *ctx)
{
    struct process *process = ctx;
    int status = 0;

    (void)events;
    if (waitpid(process->pid, &status, WNOHANG) == 0)
        return;
    process->exit_code = exit_code_of(status);
    process->pid = -1;
    pipe_drain(&process->out);
    pipe_drain(&process->errout);
    process_end(process);
}

static void on_timeout(void *ctx)
{
    process_kill(ctx, SIGKILL);
}

/* --- start --- */

struct child_fds {
    int child; /* the end that the child gets */
    int ours;
};

static int pair_make(struct child_fds *pair, bool child_reads)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_from_errno(errno);
    pair->child = child_reads ? fds[0] : fds[1];
    pair->ours = child_reads ? fds[1] : fds[0];
    fcntl(pair->ours, F_SETFL, O_NONBLOCK);
    return 0;
}

static int spawn(const struct process_options *options, const struct child_fds stdio[3],
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t defaults;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3; i++) {
        if (stdio[i].child >= 0)
            posix_spawn_file_actions_adddup2(&actions, stdio[i].child, i);
        else if (i == 0)
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    }
    if (options->folder)
        posix_spawn_file_actions_addchdir_np(&actions, options->folder);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (options->new_session)
        flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(&attributes, flags);
    rc =
        posix_spawnp(ret_pid, options->argv[0], &actions, &attributes, (char *const *)options->argv,
                     options->envp ? (char *const *)options->envp : environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static void pairs_close(struct child_fds stdio[3], bool ours_too)
{
    for (int i = 0; i < 3; i++) {
        fd_close(&stdio[i].child);
        if (ours_too)
            fd_close(&stdio[i].ours);
    }
}

static int pairs_open(const struct process_options *options, struct child_fds stdio[3])
{
    int rc = options->input.len ? pair_make(&stdio[0], true) : 0;

    for (int i = 1; i < 3 && rc == 0 && !options->inherit_output; i++)
        rc = pair_make(&stdio[i], false);
    return rc;
}

static void pipe_start(struct process *process, struct process_pipe *pipe, int fd, size_t size_max)
{
    pipe->process = process;
    pipe->fd = fd;
    buf_init(&pipe->bytes, size_max ? size_max : PROCESS_OUTPUT_MAX);
    if (fd >= 0 && loop_watch_add(process->loop, &pipe->watch, fd, on_output, pipe) < 0)
        fd_close(&pipe->fd);
}

static void input_start(struct process *process, int fd, struct slice input)
{
    process->in_fd = fd;
    buf_init(&process->input, input.len + 1);
    if (fd < 0)
        return;
    if (buf_append(&process->input, input) < 0 ||
        loop_watch_add(process->loop, &process->in_watch, fd, on_input, process) < 0)
        fd_close(&process->in_fd);
}

int process_start(struct loop *loop, const struct process_options *options,
                  void (*on_exit)(const struct process_result *result, void *ctx), void *ctx,
                  struct process **ret, struct error *err)
{
    struct child_fds stdio[3] = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct process *process;
    pid_t pid = -1;
    int rc = pairs_open(options, stdio);

    if (rc < 0) {
        pairs_close(stdio, true);
        return err_set_path(err, rc, options->argv[0], "cannot make pipes");
    }
    rc = spawn(options, stdio, &pid);
    if (rc != 0) {
        pairs_close(stdio, true);
        return err_set_path(err, err_from_errno(rc), options->argv[0], "cannot start: %s",
                            strerror(rc));
    }
    pairs_close(stdio, false);
    process = MEM_NEW(struct process);
    process->loop = loop;
    process->pid = pid;
    process->on_exit = on_exit;
    process->ctx = ctx;
    loop_task_init(&process->free_task, on_free, process);
    loop_timer_init(&process->timeout, on_timeout, process);
    pipe_start(process, &process->out, stdio[1].ours, options->output_size_max);
    pipe_start(process, &process->errout, stdio[2].ours, options->output_size_max);
    input_start(process, stdio[0].ours, options->input);
    process->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    ASSERT(process->pid_fd >= 0);
    rc = loop_watch_add(loop, &process->exit_watch, process->pid_fd, on_exited, process);
    ASSERT(rc == 0);
    if (options->timeout_ms)
        loop_timer_start(loop, &process->timeout, options->timeout_ms);
    *ret = process;
    return 0;
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

void process_kill(struct process *process, int signal_number)
{
    if (process && process->pid > 0)
        kill(process->pid, signal_number);
}

void process_detach(struct process *process)
{
    if (process)
        process->on_exit = NULL;
}

/* --- blocking --- */

struct run {
    struct loop *loop;
    bool done;
    int exit_code;
    char *out;
    char *errout;
};

static void on_run_exit(const struct process_result *result, void *ctx)
{
    struct run *run = ctx;

    run->done = true;
    run->exit_code = result->exit_code;
    run->out = mem_slice_dup(result->out);
    run->errout = mem_slice_dup(slice_trim(result->errout));
}

int process_run(const struct process_options *options, char **ret_out, struct error *err)
{
    struct run run = {0};
    struct process *process;
    int rc = loop_new(&run.loop);

    if (rc < 0)
        return err_set(err, rc, "cannot make a loop");
    rc = process_start(run.loop, options, on_run_exit, &run, &process, err);
    while (rc == 0 && !run.done)
        loop_run_once(run.loop, -1);
    loop_free(run.loop);
    if (rc < 0)
        return rc;
    if (run.exit_code != 0)
        err_set_path(err, ERR_IO, options->argv[0], "exit code %d: %s", run.exit_code, run.errout);
    if (ret_out)
        *ret_out = TAKE(run.out);
    mem_free(run.out);
    mem_free(run.errout);
    return run.exit_code;
}
