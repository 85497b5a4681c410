/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: see addr.h. */
#include "io/addr.h"

#include <unistd.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

enum { IP6_ORIGINAL_DST = 80 }; /* IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv6/ip6_tables.h */

static struct sockaddr_in *v4(const struct addr *addr)
{
    return (struct sockaddr_in *)(void *)&addr->sa;
}

static struct sockaddr_in6 *v6(const struct addr *addr)
{
    return (struct sockaddr_in6 *)(void *)&addr->sa;
}

static struct sockaddr_un *un(const struct addr *addr)
{
    return (struct sockaddr_un *)(void *)&addr->sa;
}

int addr_family(const struct addr *addr)
{
    return addr->len ? addr->sa.generic.sa_family : AF_UNSPEC;
}

int addr_parse_ip(struct slice ip, unsigned port, struct addr *ret)
{
    char text[INET6_ADDRSTRLEN];
    struct addr addr = {0};

    if (ip.len > 2 && ip.data[0] == '[' && ip.data[ip.len - 1] == ']')
        ip = slice_make(ip.data + 1, ip.len - 2);
    if (ip.len >= sizeof text || port > 65535 || memchr(ip.data ? ip.data : "", 0, ip.len))
        return ERR_INVALID;
    memcpy(text, ip.data ? ip.data : "", ip.len);
    text[ip.len] = '\0';
    if (inet_pton(AF_INET, text, &v4(&addr)->sin_addr) == 1) {
        v4(&addr)->sin_family = AF_INET;
        addr.len = sizeof(struct sockaddr_in);
    } else if (inet_pton(AF_INET6, text, &v6(&addr)->sin6_addr) == 1) {
        v6(&addr)->sin6_family = AF_INET6;
        addr.len = sizeof(struct sockaddr_in6);
    } else {
        return ERR_INVALID;
    }
    addr_port_set(&addr, port);
    *ret = addr;
    return 0;
}

static int unix_parse(struct slice path, struct addr *ret)
{
    struct addr addr = {0};

    if (path.len == 0 || path.len >= sizeof un(&addr)->sun_path)
        return ERR_INVALID;
    un(&addr)->sun_family = AF_UNIX;
    memcpy(un(&addr)->sun_path, path.data, path.len);
    addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len);
    if (path.data[0] == '@')
        un(&addr)->sun_path[0] = '\0';
    else
        addr.len++;
    *ret = addr;
    return 0;
}

int addr_parse(struct slice text, struct addr *ret)
{
    ptrdiff_t colon = -1;
    uint64_t port;

    if (slice_starts_with(text, SLICE("unix:")))
        return unix_parse(slice_from(text, 5), ret);
    if (text.len && (text.data[0] == '/' || text.data[0] == '@'))
        return unix_parse(text, ret);
    for (size_t i = text.len; i > 0 && colon < 0; i--)
        if (text.data[i - 1] == ':')
            colon = (ptrdiff_t)i - 1;
    if (colon <= 0 || slice_parse_u64(slice_from(text, (size_t)colon + 1), 65535, &port) < 0)
        return ERR_INVALID;
    /* An IPv6 address needs its brackets here, or its last group would be taken for a port. */
    if (text.data[0] != '[' && slice_find_char(text, ':') != colon)
        return ERR_INVALID;
    return addr_parse_ip(slice_head(text, (size_t)colon), (unsigned)port, ret);
}

const char *addr_format_ip(const struct addr *addr, char *out)
{
    out[0] = '\0';
    if (addr_family(addr) == AF_INET)
        inet_ntop(AF_INET, &v4(addr)->sin_addr, out, ADDR_TEXT_SIZE);
    else if (addr_family(addr) == AF_INET6)
        inet_ntop(AF_INET6, &v6(addr)->sin6_addr, out, ADDR_TEXT_SIZE);
    return out;
}

const char *addr_format(const struct addr *addr, char *out)
{
    char ip[ADDR_TEXT_SIZE];
    size_t path_offset = offsetof(struct sockaddr_un, sun_path);

    addr_format_ip(addr, ip);
    switch (addr_family(addr)) {
    case AF_INET:
        snprintf(out, ADDR_TEXT_SIZE, "%.64s:%u", ip, addr_port(addr));
        break;
    case AF_INET6:
        snprintf(out, ADDR_TEXT_SIZE, "[%.64s]:%u", ip, addr_port(addr));
        break;
    case AF_UNIX:
        if (addr->len > path_offset && un(addr)->sun_path[0])
            snprintf(out, ADDR_TEXT_SIZE, "unix:%.*s", (int)(addr->len - path_offset),
                     un(addr)->sun_path);
        else if (addr->len > path_offset)
            snprintf(out, ADDR_TEXT_SIZE, "@%.*s", (int)(addr->len - path_offset - 1),
                     un(addr)->sun_path + 1);
        else
            snprintf(out, ADDR_TEXT_SIZE, "unix:");
        break;
    default:
        snprintf(out, ADDR_TEXT_SIZE, "-");
        break;
    }
    return out;
}

unsigned addr_port(const struct addr *addr)
{
    if (addr_family(addr) == AF_INET)
        return ntohs(v4(addr)->sin_port);
    if (addr_family(addr) == AF_INET6)
        return ntohs(v6(addr)->sin6_port);
    return 0;
}

void addr_port_set(struct addr *addr, unsigned port)
{
    if (addr_family(addr) == AF_INET)
        v4(addr)->sin_port = htons((uint16_t)port);
    else if (addr_family(addr) == AF_INET6)
        v6(addr)->sin6_port = htons((uint16_t)port);
}

size_t addr_ip_bytes(const struct addr *addr, const uint8_t **ret_bytes)
{
    if (addr_family(addr) == AF_INET) {
        *ret_bytes = (const uint8_t *)&v4(addr)->sin_addr;
        return 4;
    }
    if (addr_family(addr) != AF_INET6)
        return 0;
    *ret_bytes = v6(addr)->sin6_addr.s6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&v6(addr)->sin6_addr))
        return 16;
    *ret_bytes += 12;
    return 4;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    const uint8_t *a_bytes;
    const uint8_t *b_bytes;
    size_t len = addr_ip_bytes(a, &a_bytes);

    if (len == 0)
        return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
    return len == addr_ip_bytes(b, &b_bytes) && memcmp(a_bytes, b_bytes, len) == 0 &&
           addr_port(a) == addr_port(b);
}

bool addr_is_loopback(const struct addr *addr)
{
    const uint8_t *bytes;
    size_t len = addr_ip_bytes(addr, &bytes);

    if (len == 4)
        return bytes[0] == 127;
    return len == 16 && IN6_IS_ADDR_LOOPBACK(&v6(addr)->sin6_addr);
}

bool addr_is_any(const struct addr *addr)
{
    static const uint8_t zero[16];
    const uint8_t *bytes;
    size_t len = addr_ip_bytes(addr, &bytes);

    return len && memcmp(bytes, zero, len) == 0;
}

bool addr_in_prefix(const struct addr *addr, const struct addr *prefix, unsigned prefix_len)
{
    const uint8_t *bytes;
    const uint8_t *prefix_bytes;
    size_t len = addr_ip_bytes(addr, &bytes);
    unsigned whole = prefix_len / 8;
    unsigned rest = prefix_len % 8;

    if (len == 0 || len != addr_ip_bytes(prefix, &prefix_bytes) || prefix_len > len * 8)
        return false;
    if (memcmp(bytes, prefix_bytes, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ prefix_bytes[whole]) >> (8 - rest)) == 0;
}

typedef int socket_name_fn(int fd, struct sockaddr *sa, socklen_t *len);

static int name_get(int fd, socket_name_fn *get, struct addr *ret)
{
    struct addr addr = {.len = sizeof addr.sa};

    if (get(fd, &addr.sa.generic, &addr.len) < 0)
        return err_from_errno(errno);
    *ret = addr;
    return 0;
}

int addr_of_socket(int fd, struct addr *ret)
{
    return name_get(fd, getsockname, ret);
}

int addr_of_peer(int fd, struct addr *ret)
{
    return name_get(fd, getpeername, ret);
}

int addr_original_dst(int fd, struct addr *ret)
{
    struct addr local;
    struct addr addr = {.len = sizeof addr.sa};
    int rc = addr_of_socket(fd, &local);

    if (rc < 0)
        return rc;
    if (addr_family(&local) == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&v6(&local)->sin6_addr))
        rc = getsockopt(fd, IPPROTO_IPV6, IP6_ORIGINAL_DST, &addr.sa, &addr.len);
    else
        rc = getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &addr.sa, &addr.len);
    if (rc < 0)
        return err_from_errno(errno);
    *ret = addr;
    return 0;
}

/* What the kernel wants for SIOCSIFADDR on IPv6 (linux/ipv6.h clashes with the C library). */
struct interface_request6 {
    struct in6_addr addr;
    uint32_t prefix_len;
    int interface_index;
};

int addr_assign_loopback6(const struct addr *addr)
{
    struct interface_request6 request = {.prefix_len = 128};
    const uint8_t *bytes;
    int fd;
    int rc = 0;

    if (addr_ip_bytes(addr, &bytes) != sizeof request.addr)
        return ERR_INVALID;
    memcpy(&request.addr, bytes, sizeof request.addr);
    request.interface_index = (int)if_nametoindex("lo");
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_from_errno(errno);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0 && errno != EEXIST)
        rc = err_from_errno(errno);
    close(fd);
    return rc;
}
