/* SPDX-License-Identifier: Apache-2.0 */
/* One address type for IPv4, IPv6 and Unix sockets: a plain value.
 */
#ifndef WEFT_IO_ADDR_H
#define WEFT_IO_ADDR_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

#include <sys/socket.h>

enum { ADDR_TEXT_SIZE = 128 };

struct addr {
    socklen_t len; /* 0: no address */
    union {
        struct sockaddr generic;
        struct sockaddr_storage storage;
    } sa;
};

/* From an IP literal (IPv6 with or without brackets) and a port. ERR_INVALID for names. */
MUST_USE int addr_parse_ip(struct slice ip, unsigned port, struct addr *ret);
/* "1.2.3.4:80", "[::1]:80", "unix:/path" (or a path that starts with '/', or "@abstract"). */
MUST_USE int addr_parse(struct slice text, struct addr *ret);
/* The forms of addr_parse. Returns out (ADDR_TEXT_SIZE). */
const char *addr_format(const struct addr *addr, char *out);
/* The IP alone, without brackets ("" for Unix). Returns out (ADDR_TEXT_SIZE). */
const char *addr_format_ip(const struct addr *addr, char *out);
unsigned addr_port(const struct addr *addr);
void addr_port_set(struct addr *addr, unsigned port);
int addr_family(const struct addr *addr);
bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *addr);
/* True for 0.0.0.0 and ::. */
bool addr_is_any(const struct addr *addr);
/* IP bytes: 4 or 16 at *ret_bytes (borrowed from addr), 0 for Unix. IPv4-mapped IPv6 gives its 4
 * bytes. */
size_t addr_ip_bytes(const struct addr *addr, const uint8_t **ret_bytes);
/* Whether the address lies in prefix/len (both IPs, same family after unmapping). */
bool addr_in_prefix(const struct addr *addr, const struct addr *prefix, unsigned prefix_len);

/* Gives the loopback interface one more IPv6 address (whole prefix); already there is fine.
 * Needs CAP_NET_ADMIN. */
MUST_USE int addr_assign_loopback6(const struct addr *addr);

/* The addresses of a socket. SO_ORIGINAL_DST is where a redirected connection wanted to go. */
MUST_USE int addr_of_socket(int fd, struct addr *ret);
MUST_USE int addr_of_peer(int fd, struct addr *ret);
MUST_USE int addr_original_dst(int fd, struct addr *ret);

#endif
