/* SPDX-License-Identifier: Apache-2.0 */
/* runc and conmon, called as programs.
 *
 * conmon tells over a pipe (its number in _OCI_SYNCPIPE) how `runc create` went, then lives on as
 * the container's parent; so it is spawned here and not through io/process.h, which knows no extra
 * descriptors.
 */
#include "oci/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/process.h"
#include "wire/json.h"

enum {
    RUNC_TIMEOUT_MS = 30000,
    CREATE_TIMEOUT_MS = 60000,
    MOUNT_OPTIONS_MAX = 4000, /* the kernel takes one page */
    REAP_WAIT_MS = 5000,
};

extern char **environ;

int oci_runtime_init(const struct oci_runtime *runtime, struct error *err)
{
    int rc = file_make_dirs(runtime->exits_path, 0700, err);

    return rc < 0 ? rc : file_make_dirs(runtime->state_path, 0700, err);
}

/* runc prints lines of `time="..." level=error msg="..."`: takes the last message. */
static int runc_reason(const char *text, int rc, struct error *err)
{
    const char *last = NULL;
    SCOPED(mem_drop) char *copy = NULL;
    char *out;

    for (const char *at = strstr(text, "msg=\""); at; at = strstr(at + 1, "msg=\""))
        last = at + 5;
    if (!last)
        last = text;
    copy = mem_strdup(last);
    out = copy;
    for (char *c = copy; *c && *c != '\n' && !(*c == '"' && c[1] != '\0' && c[1] != '\\'); c++) {
        if (*c == '\\' && (c[1] == '"' || c[1] == '\\'))
            c++;
        *out++ = *c;
    }
    *out = '\0';
    return err_set(err, rc, "%s", copy);
}

/* Runs runc with up to three words; *ret_out (may be NULL) gets what it printed. ERR_IO with its
 * own message when it says no. */
static int runc(const struct oci_runtime *runtime, const char *const words[3], char **ret_out,
                struct error *err)
{
    const char *argv[] = {"runc",   "--root", runtime->state_path, words[0], words[1],
                          words[2], NULL};
    struct process_options options = {.argv = argv, .timeout_ms = RUNC_TIMEOUT_MS};
    struct error why = {0};

    return process_run(&options, ret_out, &why) == 0 ? 0 : runc_reason(why.reason, ERR_IO, err);
}

static int runc_delete(const struct oci_runtime *runtime, const char *id, struct error *err)
{
    return runc(runtime, (const char *const[3]){"delete", "--force", id}, NULL, err);
}

/* What runc knows of the container, a new reference; NULL when it does not. */
static json_t *runc_state(const struct oci_runtime *runtime, const char *id)
{
    SCOPED(mem_drop) char *out = NULL;
    json_t *state = NULL;

    if (runc(runtime, (const char *const[3]){"state", id}, &out, NULL) < 0 ||
        json_parse(slice_str(out), NULL, &state, NULL) < 0)
        return NULL;
    return state;
}

/* --- root file system --- */

static int rootfs_mount(const char *bundle, const struct oci_image *image, struct error *err)
{
    static const char *const folders[] = {"rootfs", "upper", "work"};
    SCOPED(buf_deinit) struct buf options;
    SCOPED(mem_drop) char *rootfs = mem_printf("%s/rootfs", bundle);

    buf_init(&options, MOUNT_OPTIONS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        SCOPED(mem_drop) char *path = mem_printf("%s/%s", bundle, folders[i]);
        int rc = file_make_dirs(path, 0755, err);

        if (rc < 0)
            return rc;
    }
    buf_append_str(&options, "lowerdir=");
    for (size_t i = image->layer_count; i-- > 0;)
        buf_printf(&options, "%s%s", image->layers[i], i ? ":" : "");
    buf_printf(&options, ",upperdir=%s/upper,workdir=%s/work", bundle, bundle);
    if (options.failed)
        return err_set(err, ERR_LIMIT, "the image has too many layers (%zu)", image->layer_count);
    if (mount("overlay", rootfs, "overlay", 0, options.data) < 0)
        return err_set(err, err_from_errno(errno), "cannot mount the root file system: %s",
                       strerror(errno));
    return 0;
}

/* --- create --- */

/* Reads one line that conmon writes when runc is done: {"data": pid} or {"data": -1, "message"}. */
static int sync_read(int fd, struct error *err)
{
    SCOPED(buf_deinit) struct buf line;
    SCOPED(json_drop) json_t *answer = NULL;
    uint64_t deadline_ms = clock_monotonic_ms() + CREATE_TIMEOUT_MS;

    buf_init(&line, 65536);
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        uint64_t now_ms = clock_monotonic_ms();
        char chunk[1024];
        ssize_t got;

        if (now_ms >= deadline_ms || poll(&ready, 1, (int)(deadline_ms - now_ms)) == 0)
            return err_set(err, ERR_TIMEOUT, "conmon did not answer within %d s",
                           CREATE_TIMEOUT_MS / 1000);
        got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0 && buf_append(&line, slice_make(chunk, (size_t)got)) == 0 &&
            !memchr(chunk, '\n', (size_t)got))
            continue;
        break;
    }
    if (json_parse(slice_trim(buf_slice(&line)), NULL, &answer, NULL) < 0)
        return err_set(err, ERR_INTERNAL, "conmon ended without an answer");
    if (json_get_int(answer, "data", -1) >= 0)
        return 0;
    return runc_reason(json_path_string_or(answer, "message", "runc create failed"), ERR_INVALID,
                       err);
}

/* In the bundle: conmon writes a file "oom" where it stands. */
static int spawn_conmon(const char *const *argv, const char *bundle, int sync_fd, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    size_t count = 0;
    const char **env;
    pid_t pid;
    int rc;

    while (environ[count])
        count++;
    env = mem_calloc(count + 2, sizeof *env);
    memcpy(env, environ, count * sizeof *env);
    env[count] = "_OCI_SYNCPIPE=3";
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, sync_fd, 3);
    posix_spawn_file_actions_addchdir_np(&actions, bundle);
    sigemptyset(&none); /* the agent blocks SIGTERM: the container must not */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rc =
        posix_spawnp(&pid, argv[0], &actions, &attributes, (char *const *)argv, (char *const *)env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    mem_free(env);
    if (rc != 0)
        return err_set(err, err_from_errno(rc), "cannot start %s: %s", argv[0], strerror(rc));
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* it leaves its child behind at once */
        ;
    return 0;
}

static int create(const struct oci_runtime *runtime, const struct oci_create *create,
                  struct error *err)
{
    SCOPED(mem_drop) char *root_arg = mem_printf("--root=%s", runtime->state_path);
    SCOPED(mem_drop) char *log = mem_printf("k8s-file:%s/log", create->bundle);
    SCOPED(mem_drop) char *pid = mem_printf("%s/pid", create->bundle);
    SCOPED(mem_drop) char *conmon_pid = mem_printf("%s/conmon.pid", create->bundle);
    const char *argv[40] = {"conmon",
                            "--api-version",
                            "1",
                            "-c",
                            create->id,
                            "-n",
                            create->id,
                            "-u",
                            create->id,
                            "-b",
                            create->bundle,
                            "-r",
                            "/usr/sbin/runc",
                            "--runtime-arg",
                            root_arg,
                            "-l",
                            log,
                            "-p",
                            pid,
                            "-P",
                            conmon_pid,
                            "--exit-dir",
                            runtime->exits_path,
                            "--full-attach",
                            "--log-level",
                            "error",
                            "--log-size-max",
                            "67108864",
                            "--no-sync-log"};
    size_t argc = 0;
    int ends[2];
    int rc;

    while (argv[argc])
        argc++;
    if (json_path_bool(create->config, "process.terminal", false))
        argv[argc++] = "-t";
    if (create->stdin_open)
        argv[argc++] = "-i";
    if (create->stdin_open && !create->stdin_once)
        argv[argc++] = "--leave-stdin-open";
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, err_from_errno(errno), "cannot make a pipe");
    rc = spawn_conmon(argv, create->bundle, ends[1], err);
    close(ends[1]);
    if (rc == 0)
        rc = sync_read(ends[0], err);
    close(ends[0]);
    return rc;
}

static int config_write(const struct oci_create *create, struct error *err)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/config.json", create->bundle);
    SCOPED(mem_drop) char *text = json_format_str(create->config, JSON_FORMAT_COMPACT);

    return file_write(path, slice_str(text), 0600, err);
}

int oci_container_run(const struct oci_runtime *runtime, const struct oci_create *what,
                      struct error *err)
{
    int rc = config_write(what, err);

    if (rc == 0)
        rc = rootfs_mount(what->bundle, what->image, err);
    if (rc == 0)
        rc = create(runtime, what, err);
    if (rc < 0)
        return rc;
    if (runc(runtime, (const char *const[3]){"start", what->id}, NULL, err) == 0)
        return 0;
    rc = runc_delete(runtime, what->id, NULL);
    (void)rc;
    return ERR_INVALID;
}

/* --- signals and the end --- */

int oci_container_kill(const struct oci_runtime *runtime, const char *id, const char *signal_name,
                       struct error *err)
{
    int code;

    if (runc(runtime, (const char *const[3]){"kill", id, signal_name}, NULL, err) == 0 ||
        oci_container_exit_read(runtime, id, &code, NULL) || !oci_container_is_running(runtime, id))
        return 0;
    return ERR_IO;
}

int oci_container_delete(const struct oci_runtime *runtime, const char *id, const char *bundle,
                         struct error *err)
{
    SCOPED(mem_drop) char *rootfs = mem_printf("%s/rootfs", bundle);
    SCOPED(mem_drop) char *state = mem_printf("%s/%s", runtime->state_path, id);
    SCOPED(mem_drop) char *exit_path = mem_printf("%s/%s", runtime->exits_path, id);

    if (file_exists(state) && runc_delete(runtime, id, err) < 0)
        return ERR_IO;
    if (umount2(rootfs, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        return err_set(err, err_from_errno(errno), "cannot unmount %s: %s", rootfs,
                       strerror(errno));
    unlink(exit_path);
    return 0;
}

bool oci_container_is_running(const struct oci_runtime *runtime, const char *id)
{
    SCOPED(json_drop) json_t *state = runc_state(runtime, id);

    return strcmp(json_path_string_or(state, "status", ""), "running") == 0;
}

/* The number that is all of a file. */
static bool number_read(const char *path, uint64_t max, uint64_t *ret)
{
    SCOPED(buf_deinit) struct buf text;

    buf_init(&text, 64);
    return file_read(path, &text, NULL) == 0 &&
           slice_parse_u64(slice_trim(buf_slice(&text)), max, ret) == 0;
}

bool oci_container_exit_read(const struct oci_runtime *runtime, const char *id, int *ret_code,
                             int64_t *ret_finished_ms)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", runtime->exits_path, id);
    struct stat status;
    uint64_t code;

    if (stat(path, &status) < 0 || !number_read(path, 255, &code))
        return false;
    *ret_code = (int)code;
    if (ret_finished_ms)
        *ret_finished_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    return true;
}

bool oci_container_is_lost(const char *bundle)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/pid", bundle);
    uint64_t pid;

    return number_read(path, INT32_MAX, &pid) && pid > 0 && kill((pid_t)pid, 0) < 0 &&
           errno == ESRCH;
}

/* --- while it runs --- */

void oci_container_resize(const char *bundle, unsigned columns, unsigned rows)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/ctl", bundle);
    SCOPED(fd_drop) int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        dprintf(fd, "1 %u %u\n", rows, columns);
}

const char **oci_exec_argv(const struct oci_runtime *runtime, const char *id, bool tty,
                           const char *const *command, size_t count)
{
    const char **argv = mem_calloc(count + 7, sizeof *argv);
    size_t at = 0;

    argv[at++] = "runc";
    argv[at++] = "--root";
    argv[at++] = runtime->state_path;
    argv[at++] = "exec";
    if (tty)
        argv[at++] = "--tty";
    argv[at++] = id;
    for (size_t i = 0; i < count; i++)
        argv[at++] = command[i];
    return argv;
}

/* --- all --- */

/* Gone, or dead and only waiting for init to notice. */
static bool is_dead(pid_t pid)
{
    SCOPED(mem_drop) char *path = mem_printf("/proc/%d/stat", (int)pid);
    SCOPED(buf_deinit) struct buf text;
    ptrdiff_t end;

    buf_init(&text, 4096);
    if (file_read(path, &text, NULL) < 0)
        return true;
    end = slice_find(buf_slice(&text), SLICE(") "));
    return end >= 0 && (text.data[end + 2] == 'Z' || text.data[end + 2] == 'X');
}

/* conmon ends by itself when its container has: waits for it a while. */
static void wait_conmon(const char *bundle)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/conmon.pid", bundle);
    uint64_t pid;

    if (!number_read(path, INT32_MAX, &pid))
        return;
    for (int waited_ms = 0; waited_ms < REAP_WAIT_MS && !is_dead((pid_t)pid); waited_ms += 20)
        clock_sleep_ms(20);
}

int oci_runtime_clear(const struct oci_runtime *runtime, struct error *err)
{
    DIR *folder = opendir(runtime->state_path);
    int rc = 0;

    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        SCOPED(json_drop) json_t *state = NULL;

        if (entry->d_name[0] == '.')
            continue;
        state = runc_state(runtime, entry->d_name);
        if (runc_delete(runtime, entry->d_name, err) < 0)
            rc = ERR_IO;
        if (state)
            wait_conmon(json_path_string_or(state, "bundle", "/nowhere"));
    }
    if (folder)
        closedir(folder);
    return rc;
}
