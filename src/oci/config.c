/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime configuration, part by part: process, capabilities, mounts, resources, namespaces.
 * Defaults follow what containerd gives a Kubernetes pod.
 */
#include "oci/config.h"

#include <strings.h>

#include "base/mem.h"
#include "base/slice.h"

enum { SHARES_MIN = 2, CPU_PERIOD_US = 100000 };

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

static json_t *capabilities_json(const struct oci_plan *plan)
{
    json_t *names = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < ARRAY_LEN(all_capabilities); i++) {
        const char *name = all_capabilities[i];
        bool given = plan->privileged;

        for (size_t j = 0; j < ARRAY_LEN(default_capabilities) && !given; j++)
            given = strcmp(default_capabilities[j], name) == 0;
        if (list_has(plan->capability_drop, name) && !plan->privileged)
            given = false;
        if (list_has(plan->capability_add, name))
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

/* The image's environment, overridden by the plan's. */
static json_t *env_json(const struct oci_plan *plan, const struct oci_image *image)
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

static json_t *args_json(const struct oci_plan *plan, const struct oci_image *image)
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

static const char *work_folder(const struct oci_plan *plan, const struct oci_image *image)
{
    const char *of_image = json_path_string_or(image->config, "WorkingDir", "");

    if (plan->work_path && plan->work_path[0])
        return plan->work_path;
    return of_image[0] ? of_image : "/";
}

/* NULL without a command. */
static json_t *process_json(const struct oci_plan *plan, const struct oci_image *image)
{
    SCOPED(json_drop) json_t *args = args_json(plan, image);
    json_t *groups = plan->groups ? json_incref((json_t *)plan->groups) : json_array();

    if (json_array_size(args) == 0) {
        json_decref(groups);
        return NULL;
    }
    return json_pack("{s:b,s:O,s:o,s:s,s:o,s:b,s:{s:I,s:I,s:o}}", "terminal", (int)plan->tty,
                     "args", args, "env", env_json(plan, image), "cwd", work_folder(plan, image),
                     "capabilities", capabilities_json(plan), "noNewPrivileges",
                     (int)plan->no_new_privileges, "user", "uid", (json_int_t)plan->user.uid, "gid",
                     (json_int_t)plan->user.gid, "additionalGids", groups);
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

static json_t *mounts_json(const struct oci_plan *plan)
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
              plan->privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
    mount_add(mounts, "/sys/fs/cgroup", "cgroup", "cgroup",
              plan->privileged ? "nosuid,noexec,nodev,relatime,rw"
                               : "nosuid,noexec,nodev,relatime,ro");
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

static json_t *resources_json(const struct oci_plan *plan)
{
    json_t *cpu = json_pack("{s:I}", "shares", (json_int_t)MAX(plan->cpu_shares, SHARES_MIN));
    json_t *out = json_pack("{s:[{s:b,s:s}],s:o}", "devices", "allow", (int)plan->privileged,
                            "access", "rwm", "cpu", cpu);

    if (plan->cpu_quota_us > 0) {
        json_object_set_new(cpu, "period", json_integer(CPU_PERIOD_US));
        json_object_set_new(cpu, "quota", json_integer(plan->cpu_quota_us));
    }
    if (plan->memory_size > 0)
        json_object_set_new(out, "memory",
                            json_pack("{s:I}", "limit", (json_int_t)plan->memory_size));
    return out;
}

/* --- linux --- */

static json_t *linux_json(const struct oci_plan *plan)
{
    json_t *out = json_pack("{s:s*,s:o,s:[{s:s},{s:s},{s:s},{s:s},{s:s,s:s*}]}", "cgroupsPath",
                            plan->cgroup_path, "resources", resources_json(plan), "namespaces",
                            "type", "pid", "type", "ipc", "type", "uts", "type", "mount", "type",
                            "network", "path", plan->netns_path);

    if (plan->sysctl)
        json_object_set(out, "sysctl", (json_t *)plan->sysctl);
    if (!plan->privileged) {
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

int oci_config_build(const struct oci_plan *plan, const struct oci_image *image, json_t **ret,
                     struct error *err)
{
    json_t *process = process_json(plan, image);
    json_t *config;

    if (!process)
        return err_set(err, ERR_INVALID,
                       "no command specified: neither container nor image has one");
    config =
        json_pack("{s:s,s:o,s:{s:s,s:b},s:s*,s:o,s:o}", "ociVersion", "1.0.2", "process", process,
                  "root", "path", "rootfs", "readonly", (int)plan->read_only, "hostname",
                  plan->hostname, "mounts", mounts_json(plan), "linux", linux_json(plan));
    if (!config)
        return err_set(err, ERR_INTERNAL, "cannot build the runtime configuration");
    *ret = config;
    return 0;
}
