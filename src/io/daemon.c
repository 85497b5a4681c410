/* SPDX-License-Identifier: Apache-2.0 */
/* Background programs, see daemon.h. */
#include "io/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/slice.h"

enum {
    START_MS = 10000,
    TERM_MS = 5000,
    KILL_MS = 5000,
    STEP_MS = 10,
    STEADY_MS = 10000,   /* who ran so long is started again at once */
    AGAIN_MIN_MS = 1000, /* else later and later */
    AGAIN_MAX_MS = 30000,
};

extern char **environ;

pid_t daemon_pid(const struct daemon *daemon)
{
    SCOPED(buf_deinit) struct buf text;
    SCOPED(fd_drop) int fd = -1;
    uint64_t pid;

    buf_init(&text, 64);
    fd = open(daemon->pid_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 0;
    if (file_read(daemon->pid_path, &text, NULL) < 0 ||
        slice_parse_u64(slice_trim(buf_slice(&text)), INT32_MAX, &pid) < 0)
        return 0; /* it has just begun */
    return (pid_t)pid;
}

int daemon_enter(const struct daemon *daemon, struct error *err)
{
    const char *path = daemon->pid_path;
    char text[24];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644); /* stays open: the lock is its life */
    int len;

    if (fd < 0)
        return err_set(err, err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return err_set(err, ERR_BUSY, "%s runs already: %s is locked", daemon->name, path);
    }
    len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len)
        return err_set(err, err_from_errno(errno), "cannot write %s: %s", path, strerror(errno));
    return 0;
}

static int spawn(const struct daemon *daemon, pid_t *ret, struct error *err)
{
    char self[4096] = "";
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc;

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return err_set(err, err_from_errno(errno), "cannot find this program");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, daemon->log_path, O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    rc = posix_spawn(ret, self, &actions, &attributes, (char *const *)daemon->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0
                   : err_set(err, err_from_errno(rc), "cannot start %s: %s", daemon->name,
                             strerror(rc));
}

int daemon_start(const struct daemon *daemon, struct error *err)
{
    pid_t pid;
    int rc;

    if (daemon_pid(daemon) > 0)
        return 0;
    rc = spawn(daemon, &pid, err);
    if (rc < 0)
        return rc;
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += STEP_MS) {
        if (daemon_pid(daemon) > 0)
            return 0;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            break;
        clock_sleep_ms(STEP_MS);
    }
    return err_set(err, ERR_INTERNAL, "%s did not start: see %s", daemon->name, daemon->log_path);
}

/* A daemon that is our own child must be reaped to be gone; others are init's. */
static bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == pid || (kill(pid, 0) < 0 && errno == ESRCH);
}

static bool wait_gone(const struct daemon *daemon, pid_t pid, int limit_ms)
{
    for (int waited_ms = 0; waited_ms < limit_ms; waited_ms += STEP_MS) {
        if (is_gone(pid) || daemon_pid(daemon) != pid)
            return true;
        clock_sleep_ms(STEP_MS);
    }
    return false;
}

int daemon_stop(const struct daemon *daemon, struct error *err)
{
    pid_t pid = daemon_pid(daemon);

    if (pid <= 0)
        return 0;
    kill(pid, SIGTERM);
    if (wait_gone(daemon, pid, TERM_MS))
        return 0;
    kill(pid, SIGKILL);
    if (wait_gone(daemon, pid, KILL_MS))
        return 0;
    return err_set(err, ERR_TIMEOUT, "%s (process %d) does not end", daemon->name, (int)pid);
}

/* --- supervision --- */

int daemon_watch_look(const struct daemon *daemon, struct daemon_watch *watch, uint64_t now_ms,
                      struct error *err)
{
    int rc;

    if (watch->backoff.max_ms == 0)
        watch->backoff =
            (struct backoff){.min_ms = AGAIN_MIN_MS, .max_ms = AGAIN_MAX_MS, .at_once = true};
    if (daemon_pid(daemon) > 0) {
        watch->down = false;
        if (now_ms - watch->since_ms > STEADY_MS)
            backoff_reset(&watch->backoff);
        return DAEMON_RUNS;
    }
    if (!watch->down) {
        watch->down = true;
        watch->start_at_ms = now_ms + backoff_next(&watch->backoff);
    }
    if (now_ms < watch->start_at_ms)
        return DAEMON_WAITS;
    watch->down = false;
    watch->since_ms = now_ms;
    rc = daemon_start(daemon, err);
    return rc < 0 ? rc : DAEMON_STARTED;
}
