/* SPDX-License-Identifier: Apache-2.0 */
/* The `ip` program, see ip.h. */
#include "io/ip.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/process.h"

#define NETNS_FOLDER "/run/netns"

enum { ARGV_MAX = 16 };

/* `argv` is NULL-terminated; an error is told as "ip netns add: why". */
static int program_run(const char *const *argv, const char *input, struct error *err)
{
    const struct process_options options = {
        .argv = argv, .input = slice_str(input), .timeout_ms = IP_TIMEOUT_MS};
    struct error why = {0};
    int rc = process_run(&options, NULL, &why);

    if (rc == 0)
        return 0;
    return err_set(err, rc < 0 ? rc : ERR_IO, "%s %s %s: %s", argv[0], argv[1],
                   argv[2] ? argv[2] : "", why.reason);
}

int ip_batch(const char *netns, const char *lines, struct error *err)
{
    const char *inside[] = {"ip", "-n", netns, "-batch", "-", NULL};
    const char *outside[] = {"ip", "-batch", "-", NULL};

    return program_run(netns ? inside : outside, lines, err);
}

int ip_netns_exec(const char *netns, const char *const *argv, const char *input, struct error *err)
{
    const char *all[ARGV_MAX] = {"ip", "netns", "exec", netns};
    struct process_options options = {
        .argv = all, .input = slice_str(input), .timeout_ms = IP_TIMEOUT_MS};
    struct error why = {0};
    size_t count = 4;
    int rc;

    for (size_t i = 0; argv[i] && count + 1 < ARRAY_LEN(all); i++)
        all[count++] = argv[i];
    rc = process_run(&options, NULL, &why);
    return rc == 0 ? 0 : err_set(err, rc < 0 ? rc : ERR_IO, "%s: %s", argv[0], why.reason);
}

/* --- namespaces --- */

bool ip_netns_exists(const char *netns)
{
    SCOPED(mem_drop) char *path = mem_printf(NETNS_FOLDER "/%s", netns);

    return file_exists(path);
}

int ip_netns_add(const char *netns, struct error *err)
{
    const char *argv[] = {"ip", "netns", "add", netns, NULL};

    return program_run(argv, "", err);
}

int ip_netns_delete(const char *netns, struct error *err)
{
    const char *argv[] = {"ip", "netns", "delete", netns, NULL};

    return ip_netns_exists(netns) ? program_run(argv, "", err) : 0;
}

int ip_netns_delete_all(const char *prefix, struct error *err)
{
    DIR *folder = opendir(NETNS_FOLDER);
    size_t left = 0;
    int rc = 0;

    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        bool ours = slice_starts_with(slice_str(entry->d_name), slice_str(prefix));
        int one = ours ? ip_netns_delete(entry->d_name, err) : 0;

        left += entry->d_name[0] != '.' && (!ours || one < 0);
        rc = one < 0 ? one : rc;
    }
    closedir(folder);
    if (left == 0) { /* ip has mounted it on itself for the first namespace */
        umount2(NETNS_FOLDER, MNT_DETACH);
        rmdir(NETNS_FOLDER);
    }
    return rc;
}

/* --- links and routes --- */

int ip_link_delete(const char *link, struct error *err)
{
    const char *argv[] = {"ip", "link", "delete", link, NULL};
    SCOPED(mem_drop) char *path = mem_printf("/sys/class/net/%s", link);

    return file_exists(path) ? program_run(argv, "", err) : 0;
}

bool ip_route_is_by(const char *address, const char *link)
{
    const char *argv[] = {"ip", "route", "get", address, NULL};
    struct process_options options = {.argv = argv, .timeout_ms = IP_TIMEOUT_MS};
    SCOPED(mem_drop) char *out = NULL;

    return process_run(&options, &out, NULL) == 0 &&
           slice_find(slice_str(out), slice_str(link)) >= 0;
}
