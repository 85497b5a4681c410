/* SPDX-License-Identifier: Apache-2.0 */
/* runc and conmon, called as programs.
 *
 * conmon tells over a pipe (its number in _OCI_SYNCPIPE) how `runc create` went, then lives on as
 * the container's parent; so it is spawned here and not through io/process.h, which knows no extra
 * descriptors.
 */
#include "sandbox/node_runtime.h"

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
#include "io/cgroup.h"
#include "io/mounts.h"
#include "io/process.h"
#include "wire/json.h"

enum {
    RUNC_TIMEOUT_MS = 30000,
    CREATE_TIMEOUT_MS = 60000,
    MOUNT_OPTIONS_MAX = 4000, /* the kernel takes one page */
    REAP_WAIT_MS = 5000,
};

extern char **environ;

void runtime_id(const char *pod_uid, const char *name, unsigned attempt, char out[RUNTIME_ID_SIZE])
{
    snprintf(out, RUNTIME_ID_SIZE, "%.36s.%.63s.%u", pod_uid, name, attempt);
}

const char *runtime_exits_path(const struct instance *in, char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.200s/exits", in->run_path);
    return out;
}

const char *runtime_root_path(const struct instance *in, char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.200s/runc", in->run_path);
    return out;
}

int runtime_init(const struct instance *in, struct error *err)
{
    char path[INSTANCE_PATH_SIZE];
    int rc = file_make_dirs(runtime_exits_path(in, path), 0700, err);

    return rc < 0 ? rc : file_make_dirs(runtime_root_path(in, path), 0700, err);
}

static int run(const char *const *argv, char **ret_out, struct error *err)
{
    struct process_options options = {.argv = argv, .timeout_ms = RUNC_TIMEOUT_MS};

    return process_run(&options, ret_out, err);
}

/* runc prints lines of `time="..." level=error msg="..."`: takes the last message. */
static void runc_reason(const char *text, struct error *err)
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
    err_set(err, ERR_INVALID, "%s", copy);
}

/* --- root file system --- */

int runtime_rootfs_mount(const char *bundle, const struct image *image, struct error *err)
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
    runc_reason(json_path_string_or(answer, "message", "runc create failed"), err);
    return ERR_INVALID;
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

static int create(const struct instance *in, const struct runtime_create *create, struct error *err)
{
    char root[INSTANCE_PATH_SIZE], exits[INSTANCE_PATH_SIZE];
    SCOPED(mem_drop) char *root_arg = mem_printf("--root=%s", runtime_root_path(in, root));
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
                            runtime_exits_path(in, exits),
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
    if (create->tty)
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

int runtime_run(const struct instance *in, const struct runtime_create *what, struct error *err)
{
    char root[INSTANCE_PATH_SIZE];
    const char *start[] = {"runc", "--root", runtime_root_path(in, root), "start", what->id, NULL};
    const char *drop[] = {"runc", "--root", root, "delete", "--force", what->id, NULL};
    struct error why = {0};
    int rc = create(in, what, err);

    if (rc < 0)
        return rc;
    if (run(start, NULL, &why) == 0)
        return 0;
    runc_reason(why.reason, err);
    rc = run(drop, NULL, NULL);
    (void)rc;
    return ERR_INVALID;
}

/* --- signals and the end --- */

int runtime_kill(const struct instance *in, const char *id, const char *signal_name,
                 struct error *err)
{
    char root[INSTANCE_PATH_SIZE];
    const char *argv[] = {"runc",      "--root", runtime_root_path(in, root), "kill", id,
                          signal_name, NULL};
    struct error why = {0};
    int code;

    if (run(argv, NULL, &why) == 0 || runtime_exit_read(in, id, &code, NULL) ||
        !runtime_is_running(in, id))
        return 0;
    runc_reason(why.reason, err);
    return ERR_IO;
}

static void exit_path(const struct instance *in, const char *id, char *out, size_t size)
{
    char exits[INSTANCE_PATH_SIZE];

    snprintf(out, size, "%s/%s", runtime_exits_path(in, exits), id);
}

int runtime_delete(const struct instance *in, const char *id, const char *bundle, struct error *err)
{
    char root[INSTANCE_PATH_SIZE];
    char path[INSTANCE_PATH_SIZE + RUNTIME_ID_SIZE];
    SCOPED(mem_drop) char *rootfs = mem_printf("%s/rootfs", bundle);
    SCOPED(mem_drop) char *state = mem_printf("%s/%s", runtime_root_path(in, root), id);
    const char *argv[] = {"runc", "--root", root, "delete", "--force", id, NULL};
    struct error why = {0};

    if (file_exists(state) && run(argv, NULL, &why) != 0) {
        runc_reason(why.reason, err);
        return ERR_IO;
    }
    if (umount2(rootfs, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        return err_set(err, err_from_errno(errno), "cannot unmount %s: %s", rootfs,
                       strerror(errno));
    exit_path(in, id, path, sizeof path);
    unlink(path);
    return 0;
}

bool runtime_is_running(const struct instance *in, const char *id)
{
    char root[INSTANCE_PATH_SIZE];
    const char *argv[] = {"runc", "--root", runtime_root_path(in, root), "state", id, NULL};
    SCOPED(mem_drop) char *out = NULL;
    SCOPED(json_drop) json_t *state = NULL;

    if (run(argv, &out, NULL) != 0 || json_parse(slice_str(out), NULL, &state, NULL) < 0)
        return false;
    return strcmp(json_path_string_or(state, "status", ""), "running") == 0;
}

bool runtime_exit_read(const struct instance *in, const char *id, int *ret_code,
                       int64_t *ret_finished_ms)
{
    char path[INSTANCE_PATH_SIZE + RUNTIME_ID_SIZE];
    SCOPED(buf_deinit) struct buf text;
    struct stat status;
    uint64_t code;

    buf_init(&text, 64);
    exit_path(in, id, path, sizeof path);
    if (stat(path, &status) < 0 || file_read(path, &text, NULL) < 0 ||
        slice_parse_u64(slice_trim(buf_slice(&text)), 255, &code) < 0)
        return false;
    *ret_code = (int)code;
    if (ret_finished_ms)
        *ret_finished_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    return true;
}

void runtime_cgroup_remove(const struct instance *in, const char *path)
{
    SCOPED(mem_drop) char *group = mem_printf("%s%s", in->cgroup, path);

    cgroup_remove(group);
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
    SCOPED(buf_deinit) struct buf text;
    uint64_t pid;

    buf_init(&text, 64);
    if (file_read(path, &text, NULL) < 0 ||
        slice_parse_u64(slice_trim(buf_slice(&text)), INT32_MAX, &pid) < 0)
        return;
    for (int waited_ms = 0; waited_ms < REAP_WAIT_MS && !is_dead((pid_t)pid); waited_ms += 20)
        clock_sleep_ms(20);
}

int runtime_remove_all(const struct instance *in, struct error *err)
{
    char root[INSTANCE_PATH_SIZE];
    DIR *folder = opendir(runtime_root_path(in, root));
    int rc = 0;

    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *argv[] = {"runc", "--root", root, "delete", "--force", entry->d_name, NULL};
        const char *state[] = {"runc", "--root", root, "state", entry->d_name, NULL};
        SCOPED(mem_drop) char *out = NULL;
        SCOPED(json_drop) json_t *answer = NULL;

        if (entry->d_name[0] == '.')
            continue;
        if (run(state, &out, NULL) == 0 && json_parse(slice_str(out), NULL, &answer, NULL) < 0)
            answer = NULL;
        if (run(argv, NULL, err) != 0)
            rc = ERR_IO;
        if (answer)
            wait_conmon(json_path_string_or(answer, "bundle", "/nowhere"));
    }
    if (folder)
        closedir(folder);
    if (mounts_remove_below(in->state_path, err) < 0)
        rc = ERR_IO;
    runtime_cgroup_remove(in, "");
    return rc;
}
