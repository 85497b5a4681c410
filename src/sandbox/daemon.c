/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the sandbox, see daemon.h. */
#include "sandbox/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slice.h"

enum {
    START_MS = 10000,
    TERM_MS = 5000,
    KILL_MS = 5000,
    STEP_MS = 10,
    LOOK_MS = 200,       /* the supervisor's rhythm */
    STEADY_MS = 10000,   /* who ran so long is started again at once */
    AGAIN_MIN_MS = 1000, /* else later and later */
    AGAIN_MAX_MS = 30000,
};

extern char **environ;

const char *const daemon_names[DAEMON_COUNT] = {"apiserver", "controllers", "node", "supervisor"};

static void pid_path(const struct instance *in, const char *name, char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.200s/%.40s.pid", in->run_path, name);
}

const char *daemon_log_path(const struct instance *in, const char *name,
                            char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.200s/%.40s.log", in->log_path, name);
    return out;
}

pid_t daemon_pid(const struct instance *in, const char *name)
{
    char path[INSTANCE_PATH_SIZE];
    SCOPED(buf_deinit) struct buf text;
    SCOPED(fd_drop) int fd = -1;
    uint64_t pid;

    buf_init(&text, 64);
    pid_path(in, name, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 0;
    if (file_read(path, &text, NULL) < 0 ||
        slice_parse_u64(slice_trim(buf_slice(&text)), INT32_MAX, &pid) < 0)
        return 0; /* it has just begun */
    return (pid_t)pid;
}

int daemon_enter(const struct instance *in, const char *name, struct error *err)
{
    char path[INSTANCE_PATH_SIZE], text[24];
    int fd; /* stays open: the lock is the process's life */
    int len;

    pid_path(in, name, path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return err_set(err, ERR_BUSY, "%s of sandbox %s runs already", name, in->name);
    }
    len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len)
        return err_set(err, err_from_errno(errno), "cannot write %s: %s", path, strerror(errno));
    return 0;
}

static int spawn(const struct instance *in, const char *name, pid_t *ret, struct error *err)
{
    SCOPED(mem_drop) char *verb = mem_printf("run-%s", name);
    const char *argv[] = {"weft", "sandbox", verb, "--name", in->name, NULL};
    char log[INSTANCE_PATH_SIZE], self[4096] = "";
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc;

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return err_set(err, err_from_errno(errno), "cannot find this program");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, daemon_log_path(in, name, log),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    rc = posix_spawn(ret, self, &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0
                   : err_set(err, err_from_errno(rc), "cannot start %s: %s", name, strerror(rc));
}

int daemon_start(const struct instance *in, const char *name, struct error *err)
{
    char log[INSTANCE_PATH_SIZE];
    pid_t pid;
    int rc;

    if (daemon_pid(in, name) > 0)
        return 0;
    rc = spawn(in, name, &pid, err);
    if (rc < 0)
        return rc;
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += STEP_MS) {
        if (daemon_pid(in, name) > 0)
            return 0;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            break;
        clock_sleep_ms(STEP_MS);
    }
    return err_set(err, ERR_INTERNAL, "%s did not start: see %s", name,
                   daemon_log_path(in, name, log));
}

/* A daemon that is our own child must be reaped to be gone; others are init's. */
static bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == pid || (kill(pid, 0) < 0 && errno == ESRCH);
}

static bool wait_gone(const struct instance *in, const char *name, pid_t pid, int limit_ms)
{
    for (int waited_ms = 0; waited_ms < limit_ms; waited_ms += STEP_MS) {
        if (is_gone(pid) || daemon_pid(in, name) != pid)
            return true;
        clock_sleep_ms(STEP_MS);
    }
    return false;
}

int daemon_stop(const struct instance *in, const char *name, struct error *err)
{
    pid_t pid = daemon_pid(in, name);

    if (pid <= 0)
        return 0;
    kill(pid, SIGTERM);
    if (wait_gone(in, name, pid, TERM_MS))
        return 0;
    kill(pid, SIGKILL);
    if (wait_gone(in, name, pid, KILL_MS))
        return 0;
    return err_set(err, ERR_TIMEOUT, "%s (process %d) does not end", name, (int)pid);
}

/* --- supervision --- */

/* Of one daemon: when to start it again, and how long to wait after the next end. */
struct watched {
    uint64_t since_ms; /* seen running, or started */
    uint64_t start_at_ms;
    struct backoff backoff;
    bool down;
};

static void look(const struct instance *in, const char *name, struct watched *watched)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct error err = {0};

    if (daemon_pid(in, name) > 0) {
        watched->down = false;
        if (now_ms - watched->since_ms > STEADY_MS)
            backoff_reset(&watched->backoff);
        return;
    }
    if (!watched->down) {
        watched->down = true;
        watched->start_at_ms = now_ms + backoff_next(&watched->backoff);
    }
    if (now_ms < watched->start_at_ms)
        return;
    log_warn(node, "%s has ended: it is started again", name);
    watched->down = false;
    watched->since_ms = clock_monotonic_ms();
    if (daemon_start(in, name, &err) < 0)
        log_error(node, "%s", err.reason);
}

int daemon_supervise(const struct instance *in, struct error *err)
{
    struct watched watched[DAEMON_SUPERVISED] = {0};

    (void)err;
    for (size_t i = 0; i < DAEMON_SUPERVISED; i++)
        watched[i].backoff =
            (struct backoff){.min_ms = AGAIN_MIN_MS, .max_ms = AGAIN_MAX_MS, .at_once = true};
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) /* those that were started from here */
            ;
        for (size_t i = 0; i < DAEMON_SUPERVISED; i++)
            look(in, daemon_names[i], &watched[i]);
        clock_sleep_ms(LOOK_MS);
    }
}
