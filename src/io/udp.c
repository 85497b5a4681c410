/* SPDX-License-Identifier: Apache-2.0 */
/* UDP sockets, see udp.h. */
#include "io/udp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

int udp_open(const struct addr *bind_to, const struct addr *connect_to, int *ret_fd,
             struct error *err)
{
    const struct addr *known = bind_to ? bind_to : connect_to;
    char text[ADDR_TEXT_SIZE];
    SCOPED(fd_drop) int fd = -1;

    ASSERT(known);
    fd = socket(addr_family(known), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, err_from_errno(errno), "cannot make a UDP socket: %s", strerror(errno));
    if (bind_to && bind(fd, &bind_to->sa.generic, bind_to->len) < 0)
        return err_set(err, err_from_errno(errno), "cannot bind UDP %s: %s",
                       addr_format(bind_to, text), strerror(errno));
    if (connect_to && connect(fd, &connect_to->sa.generic, connect_to->len) < 0)
        return err_set(err, err_from_errno(errno), "cannot connect UDP to %s: %s",
                       addr_format(connect_to, text), strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return 0;
}

ssize_t udp_receive(int fd, void *into, size_t size, struct addr *ret_from)
{
    struct addr from = {.len = sizeof from.sa.storage};
    ssize_t got;

    do
        got = recvfrom(fd, into, size, 0, &from.sa.generic, &from.len);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_from_errno(errno);
    if (ret_from)
        *ret_from = from;
    return got;
}

int udp_send(int fd, struct slice bytes, const struct addr *to)
{
    ssize_t put;

    do
        put = sendto(fd, bytes.data, bytes.len, MSG_NOSIGNAL, to ? &to->sa.generic : NULL,
                     to ? to->len : 0);
    while (put < 0 && errno == EINTR);
    return put < 0 ? err_from_errno(errno) : 0;
}
