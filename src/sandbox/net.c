/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, links and routes, made by batches of `ip` (one process a namespace).
 *
 * The pod's veth is named after a hash of its uid, so a restarted agent finds it again.
 */
#include "sandbox/net.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <stdio.h>
#include <unistd.h>
#include <dirent.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/netns.h"
#include "io/process.h"

enum { IP_TIMEOUT_MS = 20000 };

/* Runs `ip` with a NULL-terminated list of arguments; `input` feeds "-batch -". */
static int run_ip(const char *const *argv, const char *input, struct error *err)
{
    struct process_options options = {
        .argv = argv, .input = slice_str(input), .timeout_ms = IP_TIMEOUT_MS};
    struct error why = {0};
    int rc = process_run(&options, NULL, &why);

    if (rc == 0)
        return 0;
    return err_set(err, rc < 0 ? rc : ERR_IO, "%s %s %s: %s", argv[0], argv[1],
                   argv[2] ? argv[2] : "", why.reason);
}

static int ip_batch(const char *netns, const char *lines, struct error *err)
{
    const char *inside[] = {"ip", "-n", netns, "-batch", "-", NULL};
    const char *outside[] = {"ip", "-batch", "-", NULL};

    return run_ip(netns ? inside : outside, lines, err);
}

static bool netns_exists(const char *netns)
{
    char path[128];

    snprintf(path, sizeof path, "/run/netns/%s", netns);
    return file_exists(path);
}

static int netns_add(const char *netns, struct error *err)
{
    const char *argv[] = {"ip", "netns", "add", netns, NULL};

    return run_ip(argv, "", err);
}

static int netns_delete(const char *netns, struct error *err)
{
    const char *argv[] = {"ip", "netns", "delete", netns, NULL};

    return netns_exists(netns) ? run_ip(argv, "", err) : 0;
}

/* --- the whole network --- */

/* Forwarding on; no redirects, as all pods sit behind the same interface. */
static int set_switches(void *ctx)
{
    static const char *const switches[][2] = {
        {"/proc/sys/net/ipv4/ip_forward", "1"},
        {"/proc/sys/net/ipv4/conf/all/send_redirects", "0"},
        {"/proc/sys/net/ipv4/conf/default/send_redirects", "0"},
        {"/proc/sys/net/ipv4/conf/all/rp_filter", "0"},
        {"/proc/sys/net/ipv4/conf/default/rp_filter", "0"},
    };

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        SCOPED(fd_drop) int fd = open(switches[i][0], O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, switches[i][1], 1) != 1)
            return err_from_errno(errno);
    }
    return 0;
}

static int make_sandbox(const struct instance *in, struct error *err)
{
    SCOPED(mem_drop) char *host = NULL;
    SCOPED(mem_drop) char *inside = NULL;
    int rc = netns_add(in->netns, err);

    if (rc < 0)
        return rc;
    rc = netns_run(in->netns_path, set_switches, NULL, err);
    if (rc < 0)
        return rc;
    host = mem_printf("link add %s type veth peer name host netns %s\n"
                      "addr add %s/30 dev %s\n"
                      "link set %s up\n",
                      in->host_link, in->netns, in->host_ip, in->host_link, in->host_link);
    inside = mem_printf("link set lo up\n"
                        "link add pods type bridge forward_delay 0\n"
                        "addr add %s/16 dev pods\n"
                        "link set pods up\n"
                        "addr add %s/30 dev host\n"
                        "link set host up\n"
                        "addr add %s/32 dev lo\n",
                        in->pod_gateway, in->sandbox_ip, in->dns_ip);
    rc = ip_batch(NULL, host, err);
    if (rc < 0)
        return rc;
    return ip_batch(in->netns, inside, err);
}

int net_up(const struct instance *in, struct error *err)
{
    SCOPED(mem_drop) char *route = NULL;
    int rc;

    if (net_is_up(in))
        return 0;
    rc = net_down(in, err);
    if (rc < 0)
        return rc;
    rc = make_sandbox(in, err);
    if (rc < 0) {
        int ignored = net_down(in, NULL);

        (void)ignored;
        return rc;
    }
    route = mem_printf("route replace %s via %s dev %s\n", in->route_cidr, in->sandbox_ip,
                       in->host_link);
    return ip_batch(NULL, route, err);
}

bool net_is_up(const struct instance *in)
{
    const char *argv[] = {"ip", "route", "get", in->pod_gateway, NULL};
    struct process_options options = {.argv = argv, .timeout_ms = IP_TIMEOUT_MS};
    SCOPED(mem_drop) char *out = NULL;

    if (!netns_exists(in->netns) || process_run(&options, &out, NULL) != 0)
        return false;
    return slice_find(slice_str(out), slice_str(in->host_link)) >= 0;
}

/* `ip netns` mounts /run/netns on itself with the first namespace; with the last one that goes. */
static void forget_empty_folder(void)
{
    DIR *folder = opendir("/run/netns");
    bool empty = folder != NULL;

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            empty = false;
    if (folder)
        closedir(folder);
    if (!empty)
        return;
    umount2("/run/netns", MNT_DETACH);
    rmdir("/run/netns");
}

int net_down(const struct instance *in, struct error *err)
{
    const char *unlink_argv[] = {"ip", "link", "delete", in->host_link, NULL};
    char prefix[NET_NAME_SIZE];
    char link[64];
    int rc = 0;
    DIR *folder = opendir("/run/netns");

    snprintf(prefix, sizeof prefix, "%s.", in->netns);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (slice_starts_with(slice_str(entry->d_name), slice_str(prefix)))
            rc = netns_delete(entry->d_name, err) < 0 ? ERR_IO : rc;
    if (folder)
        closedir(folder);
    snprintf(link, sizeof link, "/sys/class/net/%s", in->host_link);
    if (file_exists(link) && run_ip(unlink_argv, "", err) < 0)
        rc = ERR_IO;
    if (netns_delete(in->netns, err) < 0)
        rc = ERR_IO;
    forget_empty_folder();
    return rc;
}

/* --- pods --- */

void net_pod_netns(const struct instance *in, const char *pod_uid, char out[NET_NAME_SIZE])
{
    snprintf(out, NET_NAME_SIZE, "%s.%.36s", in->netns, pod_uid);
}

/* "v" and 12 characters of the uid without dashes: names of links hold 15. */
static void pod_link(const char *pod_uid, char out[16])
{
    size_t len = 0;

    out[len++] = 'v';
    for (const char *c = pod_uid; *c && len < 13; c++)
        if (*c != '-')
            out[len++] = *c;
    out[len] = '\0';
}

int net_pod_add(const struct instance *in, const char *pod_uid, const char *ip, struct error *err)
{
    SCOPED(mem_drop) char *sandbox = NULL;
    SCOPED(mem_drop) char *pod = NULL;
    char netns[NET_NAME_SIZE];
    char link[16];
    int rc = net_pod_remove(in, pod_uid, err);

    if (rc < 0)
        return rc;
    net_pod_netns(in, pod_uid, netns);
    pod_link(pod_uid, link);
    rc = netns_add(netns, err);
    if (rc < 0)
        return rc;
    sandbox = mem_printf("link add %s type veth peer name eth0 netns %s\n"
                         "link set %s master pods up\n",
                         link, netns, link);
    pod = mem_printf("link set lo up\n"
                     "addr add %s/32 dev eth0\n"
                     "link set eth0 up\n"
                     "route add %s dev eth0 scope link\n"
                     "route add default via %s dev eth0\n",
                     ip, in->pod_gateway, in->pod_gateway);
    rc = ip_batch(in->netns, sandbox, err);
    if (rc == 0)
        rc = ip_batch(netns, pod, err);
    if (rc < 0) {
        int ignored = netns_delete(netns, NULL);

        (void)ignored;
    }
    return rc;
}

bool net_pod_is_there(const struct instance *in, const char *pod_uid)
{
    char netns[NET_NAME_SIZE];

    net_pod_netns(in, pod_uid, netns);
    return netns_exists(netns);
}

int net_pod_remove(const struct instance *in, const char *pod_uid, struct error *err)
{
    char netns[NET_NAME_SIZE];

    net_pod_netns(in, pod_uid, netns);
    return netns_delete(netns, err);
}

int net_rules_apply(const struct instance *in, const char *text, struct error *err)
{
    const char *argv[] = {"ip", "netns", "exec", in->netns, "nft", "-f", "-", NULL};
    struct process_options options = {
        .argv = argv, .input = slice_str(text), .timeout_ms = IP_TIMEOUT_MS};
    struct error why = {0};
    int rc = process_run(&options, NULL, &why);

    return rc == 0 ? 0 : err_set(err, rc < 0 ? rc : ERR_IO, "nft: %s", why.reason);
}
