/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's links and routes, see net.h.
 *
 * The pod's veth is named after a hash of its uid, so a restarted agent finds it again.
 */
#include "sandbox/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/ip.h"
#include "io/netns.h"

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
    int rc = ip_netns_add(in->netns, err);

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
    return ip_netns_exists(in->netns) && ip_route_is_by(in->pod_gateway, in->host_link);
}

int net_down(const struct instance *in, struct error *err)
{
    SCOPED(mem_drop) char *pods = mem_printf("%s.", in->netns);
    int link_rc = ip_link_delete(in->host_link, err);
    int sandbox_rc = ip_netns_delete(in->netns, err);
    int pods_rc = ip_netns_delete_all(pods, err);

    return link_rc < 0 ? link_rc : sandbox_rc < 0 ? sandbox_rc : pods_rc;
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
    rc = ip_netns_add(netns, err);
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
        int ignored = ip_netns_delete(netns, NULL);

        (void)ignored;
    }
    return rc;
}

bool net_pod_is_there(const struct instance *in, const char *pod_uid)
{
    char netns[NET_NAME_SIZE];

    net_pod_netns(in, pod_uid, netns);
    return ip_netns_exists(netns);
}

int net_pod_remove(const struct instance *in, const char *pod_uid, struct error *err)
{
    char netns[NET_NAME_SIZE];

    net_pod_netns(in, pod_uid, netns);
    return ip_netns_delete(netns, err);
}

int net_rules_apply(const struct instance *in, const char *text, struct error *err)
{
    const char *argv[] = {"nft", "-f", "-", NULL};

    return ip_netns_exec(in->netns, argv, text, err);
}
