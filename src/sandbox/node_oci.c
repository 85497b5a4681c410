/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime configuration, part by part: process, user, capabilities, mounts, namespaces,
 * resources. Defaults follow what containerd gives a Kubernetes pod.
 */
#include "sandbox/node_oci.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/quantity.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

static const char *const default_capabilities[] = {
    "CHOWN",   "DAC_OVERRIDE", "FSETID",           "FOWNER",
    "MKNOD",   "NET_RAW",      "SETGID",           "SETUID",
    "SETFCAP", "SETPCAP",      "NET_BIND_SERVICE", "SYS_CHROOT",
    "KILL",    "AUDIT_WRITE"};

static const char *const all_capabilities[] = {"CHOWN",
                                               "DAC_OVERRIDE",
                                               "DAC_READ_SEARCH",
                                               "FOWNER",
                                               "FSETID",
                                               "KILL",
                                               "SETGID",
                                               "SETUID",
                                               "SETPCAP",
                                               "LINUX_IMMUTABLE",
                                               "NET_BIND_SERVICE",
                                               "NET_BROADCAST",
                                               "NET_ADMIN",
                                               "NET_RAW",
                                               "IPC_LOCK",
                                               "IPC_OWNER",
                                               "SYS_MODULE",
                                               "SYS_RAWIO",
                                               "SYS_CHROOT",
                                               "SYS_PTRACE",
                                               "SYS_PACCT",
                                               "SYS_ADMIN",
                                               "SYS_BOOT",
                                               "SYS_NICE",
                                               "SYS_RESOURCE",
                                               "SYS_TIME",
                                               "SYS_TTY_CONFIG",
                                               "MKNOD",
                                               "LEASE",
                                               "AUDIT_WRITE",
                                               "AUDIT_CONTROL",
                                               "SETFCAP",
                                               "MAC_OVERRIDE",
                                               "MAC_ADMIN",
                                               "SYSLOG",
                                               "WAKE_ALARM",
                                               "BLOCK_SUSPEND",
                                               "AUDIT_READ"};

/* The container's field of securityContext, else the pod's; NULL when neither has it. */
static const json_t *security_get(const struct node_oci_plan *plan, const char *key)
{
    const json_t *own = json_object_get(json_object_get(plan->container, "securityContext"), key);

    return own ? own : json_object_get(plan->pod_security, key);
}

/* --- user --- */

struct user {
    int64_t uid;
    int64_t gid;
};

/* Looks for a line "name:x:number:second" by name, or by number when name is one. */
static bool passwd_line_find(struct slice text, struct slice wanted, int64_t *ret_first,
                             int64_t *ret_second)
{
    struct slice line;

    while (slice_split_next(&text, '\n', &line)) {
        struct slice fields[4] = {0};
        size_t count = 0;

        while (count < 4 && slice_split_next(&line, ':', &fields[count]))
            count++;
        if (count < 3 || (!slice_eq(fields[0], wanted) && !slice_eq(fields[2], wanted)))
            continue;
        if (slice_parse_i64(fields[2], ret_first) < 0)
            continue;
        if (count < 4 || slice_parse_i64(fields[3], ret_second) < 0)
            *ret_second = 0;
        return true;
    }
    return false;
}

static bool image_file_find(const struct oci_image *image, const char *path, struct slice wanted,
                            int64_t *ret_first, int64_t *ret_second)
{
    for (size_t i = image->layer_count; i-- > 0;) {
        SCOPED(mem_drop) char *full = mem_printf("%s%s", image->layers[i], path);
        SCOPED(buf_deinit) struct buf text;

        buf_init(&text, 1 << 20);
        if (file_read(full, &text, NULL) == 0)
            return passwd_line_find(buf_slice(&text), wanted, ret_first, ret_second);
    }
    return false;
}

/* The image's "user[:group]", names or numbers. */
static int user_of_image(const struct oci_image *image, struct user *ret, struct error *err)
{
    struct slice rest = slice_str(json_path_string_or(image->config, "User", ""));
    struct slice user = {0};
    struct slice group = {0};
    int64_t ignored;

    if (rest.len == 0)
        return 0;
    slice_split_next(&rest, ':', &user);
    slice_split_next(&rest, ':', &group);
    if (!image_file_find(image, "/etc/passwd", user, &ret->uid, &ret->gid) &&
        slice_parse_i64(user, &ret->uid) < 0)
        return err_set(err, ERR_INVALID, "the image's user \"%.*s\" is not in its /etc/passwd",
                       SLICE_ARG(user));
    if (group.len && !image_file_find(image, "/etc/group", group, &ret->gid, &ignored) &&
        slice_parse_i64(group, &ret->gid) < 0)
        return err_set(err, ERR_INVALID, "the image's group \"%.*s\" is not in its /etc/group",
                       SLICE_ARG(group));
    return 0;
}

static int user_resolve(const struct node_oci_plan *plan, const struct oci_image *image,
                        struct user *ret, struct error *err)
{
    const json_t *uid = security_get(plan, "runAsUser");
    const json_t *gid = security_get(plan, "runAsGroup");
    int rc = user_of_image(image, ret, err);

    if (rc < 0 && !uid)
        return rc;
    if (uid) {
        char text[24];
        int64_t ignored;

        ret->uid = json_integer_value(uid);
        ret->gid = 0;
        snprintf(text, sizeof text, "%lld", (long long)ret->uid);
        image_file_find(image, "/etc/passwd", slice_str(text), &ignored, &ret->gid);
    }
    if (gid)
        ret->gid = json_integer_value(gid);
    if (json_is_true(security_get(plan, "runAsNonRoot")) && ret->uid == 0)
        return err_set(err, ERR_INVALID, "container has runAsNonRoot and image will run as root");
    return 0;
}

static json_t *user_json(const struct node_oci_plan *plan, const struct user *user)
{
    json_t *out =
        json_pack("{s:I,s:I}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid);
    json_t *groups = json_array();
    json_t *fs_group = json_object_get(plan->pod_security, "fsGroup");
    json_t *group;
    size_t i;

    if (fs_group)
        json_array_append(groups, fs_group);
    json_array_foreach(json_object_get(plan->pod_security, "supplementalGroups"), i, group)
        json_array_append(groups, group);
    json_object_set_new(out, "additionalGids", groups);
    return out;
}

/* --- process --- */

static bool list_has(const json_t *list, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);

        if (text && strncasecmp(text, "CAP_", 4) == 0)
            text += 4;
        if (text && (strcasecmp(text, name) == 0 || strcasecmp(text, "ALL") == 0))
            return true;
    }
    return false;
}

static json_t *capabilities_json(const struct node_oci_plan *plan, bool privileged)
{
    const json_t *wish = security_get(plan, "capabilities");
    const json_t *add = json_object_get(wish, "add");
    const json_t *drop = json_object_get(wish, "drop");
    json_t *names = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < ARRAY_LEN(all_capabilities); i++) {
        const char *name = all_capabilities[i];
        bool given = privileged;

        for (size_t j = 0; j < ARRAY_LEN(default_capabilities) && !given; j++)
            given = strcmp(default_capabilities[j], name) == 0;
        if (list_has(drop, name) && !privileged)
            given = false;
        if (list_has(add, name))
            given = true;
        if (given) {
            SCOPED(mem_drop) char *full = mem_printf("CAP_%s", name);

            json_array_append_new(names, json_string(full));
        }
    }
    json_object_set(out, "bounding", names);
    json_object_set(out, "effective", names);
    json_object_set_new(out, "permitted", names);
    return out;
}

/* The image's environment, overridden by the pod's. */
static json_t *env_json(const struct node_oci_plan *plan, const struct oci_image *image)
{
    json_t *out = json_array();
    const char *name;
    json_t *value;
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(image->config, "Env"), i, entry)
    {
        struct slice rest = json_slice(entry);
        struct slice key = {0};
        SCOPED(mem_drop) char *text = NULL;

        slice_split_next(&rest, '=', &key);
        text = mem_slice_dup(key);
        if (!json_object_get(plan->env, text))
            json_array_append(out, entry);
    }
    json_object_foreach((json_t *)plan->env, name, value)
    {
        SCOPED(mem_drop) char *pair = mem_printf("%s=%s", name, json_string_value(value));

        json_array_append_new(out, json_string(pair));
    }
    return out;
}

static json_t *args_json(const struct node_oci_plan *plan, const struct oci_image *image)
{
    const json_t *command = plan->command;
    const json_t *args = plan->args;
    json_t *out = json_array();

    if (json_array_size(command) == 0) {
        command = json_object_get(image->config, "Entrypoint");
        if (json_array_size(args) == 0)
            args = json_object_get(image->config, "Cmd");
    }
    json_array_extend(out, (json_t *)command);
    json_array_extend(out, (json_t *)args);
    return out;
}

static const char *work_folder(const struct node_oci_plan *plan, const struct oci_image *image)
{
    const char *own = json_get_string(plan->container, "workingDir");
    const char *of_image = json_get_string(image->config, "WorkingDir");

    if (own && own[0])
        return own;
    return of_image && of_image[0] ? of_image : "/";
}

static int process_json(const struct node_oci_plan *plan, const struct oci_image *image,
                        json_t **ret, struct error *err)
{
    SCOPED(json_drop) json_t *args = args_json(plan, image);
    bool privileged = json_is_true(security_get(plan, "privileged"));
    bool no_new = json_is_false(security_get(plan, "allowPrivilegeEscalation"));
    struct user user = {0};
    int rc = user_resolve(plan, image, &user, err);

    if (rc < 0)
        return rc;
    if (json_array_size(args) == 0)
        return err_set(err, ERR_INVALID, "no command specified: neither pod nor image has one");
    *ret = json_pack("{s:b,s:O,s:o,s:s,s:o,s:b,s:o}", "terminal",
                     (int)json_get_bool(plan->container, "tty", false), "args", args, "env",
                     env_json(plan, image), "cwd", work_folder(plan, image), "capabilities",
                     capabilities_json(plan, privileged), "noNewPrivileges", (int)no_new, "user",
                     user_json(plan, &user));
    return 0;
}

/* --- mounts --- */

static void mount_add(json_t *mounts, const char *path, const char *type, const char *source,
                      const char *options)
{
    json_t *list = json_array();
    struct slice rest = slice_str(options);
    struct slice option;

    while (slice_split_next(&rest, ',', &option))
        json_array_append_new(list, json_string_slice(option));
    json_array_append_new(mounts, json_pack("{s:s,s:s,s:s,s:o}", "destination", path, "type", type,
                                            "source", source, "options", list));
}

static json_t *mounts_json(const struct node_oci_plan *plan, bool privileged)
{
    json_t *mounts = json_array();
    json_t *mount;
    size_t i;

    mount_add(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    mount_add(mounts, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    mount_add(mounts, "/dev/pts", "devpts", "devpts",
              "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_add(mounts, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k");
    mount_add(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    mount_add(mounts, "/sys", "sysfs", "sysfs",
              privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
    mount_add(mounts, "/sys/fs/cgroup", "cgroup", "cgroup",
              privileged ? "nosuid,noexec,nodev,relatime,rw" : "nosuid,noexec,nodev,relatime,ro");
    json_array_foreach(plan->mounts, i, mount)
    {
        mount_add(mounts, json_path_string_or(mount, "path", ""), "bind",
                  json_path_string_or(mount, "source", ""),
                  json_get_bool(mount, "readOnly", false) ? "rbind,rprivate,ro"
                                                          : "rbind,rprivate,rw");
    }
    return mounts;
}

/* --- resources --- */

static json_t *devices_json(bool privileged)
{
    return privileged ? json_pack("[{s:b,s:s}]", "allow", 1, "access", "rwm")
                      : json_pack("[{s:b,s:s}]", "allow", 0, "access", "rwm");
}

static json_t *resources_json(const struct node_oci_plan *plan, bool privileged)
{
    const json_t *limits = json_path_get(plan->container, "resources.limits");
    const json_t *requests = json_path_get(plan->container, "resources.requests");
    json_t *out = json_pack("{s:o}", "devices", devices_json(privileged));
    json_t *cpu = json_object();
    int64_t milli;

    if (quantity_parse(json_object_get(requests, "cpu"), &milli) == 0)
        json_object_set_new(cpu, "shares", json_integer(MAX(milli * 1024 / 1000, 2)));
    else
        json_object_set_new(cpu, "shares", json_integer(2));
    if (quantity_parse(json_object_get(limits, "cpu"), &milli) == 0 && milli > 0) {
        json_object_set_new(cpu, "period", json_integer(100000));
        json_object_set_new(cpu, "quota", json_integer(MAX(milli * 100, 1000)));
    }
    json_object_set_new(out, "cpu", cpu);
    if (quantity_parse(json_object_get(limits, "memory"), &milli) == 0 && milli > 0)
        json_object_set_new(out, "memory", json_pack("{s:I}", "limit", (json_int_t)(milli / 1000)));
    return out;
}

/* --- linux --- */

static json_t *sysctl_json(const struct node_oci_plan *plan)
{
    json_t *out = json_object();
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(plan->pod_security, "sysctls"), i, entry)
    {
        if (json_get_string(entry, "name"))
            json_set_string(out, json_get_string(entry, "name"),
                            json_path_string_or(entry, "value", ""));
    }
    return out;
}

static json_t *linux_json(const struct node_oci_plan *plan, bool privileged)
{
    json_t *out =
        json_pack("{s:s,s:o,s:o,s:[{s:s},{s:s},{s:s},{s:s},{s:s,s:s*}]}", "cgroupsPath",
                  plan->cgroup_path, "resources", resources_json(plan, privileged), "sysctl",
                  sysctl_json(plan), "namespaces", "type", "pid", "type", "ipc", "type", "uts",
                  "type", "mount", "type", "network", "path", plan->netns_path);

    if (!privileged) {
        json_object_set_new(out, "maskedPaths",
                            json_pack("[s,s,s,s,s,s,s]", "/proc/acpi", "/proc/kcore", "/proc/keys",
                                      "/proc/latency_stats", "/proc/timer_list",
                                      "/proc/sched_debug", "/sys/firmware"));
        json_object_set_new(out, "readonlyPaths",
                            json_pack("[s,s,s,s,s]", "/proc/bus", "/proc/fs", "/proc/irq",
                                      "/proc/sys", "/proc/sysrq-trigger"));
    }
    return out;
}

int node_oci_build(const struct node_oci_plan *plan, const struct oci_image *image, json_t **ret,
                   struct error *err)
{
    bool privileged = json_is_true(security_get(plan, "privileged"));
    bool read_only = json_is_true(security_get(plan, "readOnlyRootFilesystem"));
    json_t *process = NULL;
    int rc = process_json(plan, image, &process, err);

    if (rc < 0)
        return rc;
    *ret = json_pack("{s:s,s:o,s:{s:s,s:b},s:s,s:o,s:o}", "ociVersion", "1.0.2", "process", process,
                     "root", "path", plan->rootfs_path, "readonly", (int)read_only, "hostname",
                     plan->hostname, "mounts", mounts_json(plan, privileged), "linux",
                     linux_json(plan, privileged));
    return *ret ? 0 : err_set(err, ERR_INTERNAL, "cannot build the runtime configuration");
}
