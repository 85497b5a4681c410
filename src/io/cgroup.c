/* SPDX-License-Identifier: Apache-2.0 */
/* Reads cgroup files, see cgroup.h.
 *
 *            v1                                       v2
 *   cpu      cpuacct/PATH/cpuacct.usage (ns)          PATH/cpu.stat: usage_usec
 *   memory   memory/PATH/memory.usage_in_bytes        PATH/memory.current
 *   files    memory/PATH/memory.stat: total_inactive_file    PATH/memory.stat: inactive_file
 */
#include "io/cgroup.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

enum { FILE_MAX = 65536 };

/* The number after `key` and a blank at the start of a line; with key "" the file's only one. */
static int number_read(const char *path, const char *key, uint64_t *ret)
{
    SCOPED(buf_deinit) struct buf text;
    struct slice rest, line, name;
    int rc;

    buf_init(&text, FILE_MAX);
    rc = file_read(path, &text, NULL);
    if (rc < 0)
        return rc;
    rest = buf_slice(&text);
    while (slice_split_next(&rest, '\n', &line)) {
        if (key[0] && (!slice_split_next(&line, ' ', &name) || !slice_eq_str(name, key)))
            continue;
        return slice_parse_u64(slice_trim(line), UINT64_MAX, ret);
    }
    return ERR_NOT_FOUND;
}

static int group_number(const char *controller, const char *path, const char *leaf, const char *key,
                        uint64_t *ret)
{
    SCOPED(mem_drop) char *full = mem_printf("/sys/fs/cgroup%s%s/%s", controller, path, leaf);

    return number_read(full, key, ret);
}

static uint64_t without(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

int cgroup_usage_read(const char *path, struct cgroup_usage *ret)
{
    uint64_t cpu = 0, memory = 0, files = 0;
    int rc;

    if (group_number("", path, "cpu.stat", "usage_usec", &cpu) == 0) {
        rc = group_number("", path, "memory.current", "", &memory);
        if (rc == 0 && group_number("", path, "memory.stat", "inactive_file", &files) < 0)
            files = 0;
        cpu *= 1000;
    } else {
        rc = group_number("/cpuacct", path, "cpuacct.usage", "", &cpu);
        if (rc == 0)
            rc = group_number("/memory", path, "memory.usage_in_bytes", "", &memory);
        if (rc == 0 &&
            group_number("/memory", path, "memory.stat", "total_inactive_file", &files) < 0)
            files = 0;
    }
    if (rc == 0)
        *ret = (struct cgroup_usage){.cpu_ns = cpu, .memory_size = without(memory, files)};
    return rc;
}

/* The line "cpu user nice system idle iowait irq softirq steal ..." of /proc/stat, in ticks. */
static int machine_cpu(uint64_t *ret_ns)
{
    SCOPED(buf_deinit) struct buf text;
    struct slice rest, line, word;
    uint64_t ticks = 0;
    int rc;

    buf_init(&text, 1 << 20);
    rc = file_read("/proc/stat", &text, NULL);
    rest = buf_slice(&text);
    if (rc < 0 || !slice_split_next(&rest, '\n', &line))
        return rc < 0 ? rc : ERR_INVALID;
    for (int i = 0; i < 9 && slice_split_next(&line, ' ', &word);) {
        uint64_t one;

        if (slice_parse_u64(word, UINT64_MAX, &one) < 0)
            continue; /* "cpu", and the second blank behind it */
        if (i != 3 && i != 4)
            ticks += one;
        i++;
    }
    *ret_ns = ticks * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

int cgroup_machine_read(struct cgroup_usage *ret)
{
    SCOPED(buf_deinit) struct buf text;
    struct slice rest, line;
    uint64_t total = 0, available = 0;
    int rc = machine_cpu(&ret->cpu_ns);

    buf_init(&text, FILE_MAX);
    if (rc == 0)
        rc = file_read("/proc/meminfo", &text, NULL);
    rest = buf_slice(&text);
    while (rc == 0 && slice_split_next(&rest, '\n', &line)) {
        bool is_total = slice_starts_with(line, SLICE("MemTotal:"));
        struct slice number = slice_trim(slice_from(line, MIN((size_t)13, line.len)));

        if ((is_total || slice_starts_with(line, SLICE("MemAvailable:"))) &&
            slice_split_next(&number, ' ', &line))
            rc = slice_parse_u64(line, UINT64_MAX, is_total ? &total : &available);
    }
    ret->memory_size = without(total, available) * 1024;
    return rc;
}

/* --- removal --- */

static int rmdir_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)ftw;
    if (kind == FTW_DP)
        rmdir(path);
    return 0;
}

/* Every hierarchy of v1 is a folder of /sys/fs/cgroup; with v2 alone it is the hierarchy. */
void cgroup_remove(const char *path)
{
    DIR *folder = opendir("/sys/fs/cgroup");
    SCOPED(mem_drop) char *unified = mem_printf("/sys/fs/cgroup%s", path);

    nftw(unified, rmdir_one, 16, FTW_PHYS | FTW_DEPTH);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        SCOPED(mem_drop) char *tree = NULL;

        if (entry->d_name[0] == '.' || entry->d_type == DT_REG)
            continue;
        tree = mem_printf("/sys/fs/cgroup/%s%s", entry->d_name, path);
        nftw(tree, rmdir_one, 16, FTW_PHYS | FTW_DEPTH);
    }
    if (folder)
        closedir(folder);
}

void cgroup_rate_add(struct cgroup_rate *rate, const struct cgroup_usage *usage, uint64_t now_ms)
{
    if (rate->at_ms > 0 && now_ms > rate->at_ms && usage->cpu_ns >= rate->cpu_ns) {
        rate->window_ms = now_ms - rate->at_ms;
        rate->cpu_nano = (usage->cpu_ns - rate->cpu_ns) * 1000 / rate->window_ms;
    }
    rate->cpu_ns = usage->cpu_ns;
    rate->memory_size = usage->memory_size;
    rate->at_ms = now_ms;
}
