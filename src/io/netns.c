/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces, see netns.h. A socket belongs to the namespace in which it was made, for its
 * life, so the thread is inside for the call of socket() alone.
 */
#include "io/netns.h"

#include "base/file.h"
#include "io/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 100 };

static int socket_inside(const char *path, int family, struct error *err)
{
    SCOPED(fd_drop) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    SCOPED(fd_drop) int inside = open(path, O_RDONLY | O_CLOEXEC);
    int fd;
    int rc;
    int back;

    if (home < 0 || inside < 0 || setns(inside, CLONE_NEWNET) < 0)
        return err_set(err, err_from_errno(errno), "cannot enter network namespace %s: %s", path,
                       strerror(errno));
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    rc = fd < 0 ? err_set(err, err_from_errno(errno), "cannot make a socket: %s", strerror(errno))
                : fd;
    back = setns(home, CLONE_NEWNET);
    ASSERT(back == 0); /* elsewhere nothing else would work */
    return rc;
}

/* Waits for the handshake of a loopback connection, which is as good as immediate. */
static int connect_wait(int fd, const struct addr *to)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t size = sizeof code;

    if (connect(fd, &to->sa.generic, to->len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&ready, 1, CONNECT_MS) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

int netns_connect(const char *path, unsigned port, int *ret_fd, struct error *err)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    int rc = ERR_INVALID;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct addr to;
        int code;
        int fd;

        if (addr_parse_ip(slice_str(hosts[i]), port, &to) < 0)
            continue;
        fd = socket_inside(path, addr_family(&to), i == 0 ? err : NULL);
        if (fd < 0) {
            rc = i == 0 ? fd : rc;
            continue;
        }
        code = connect_wait(fd, &to);
        if (code == 0) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
        if (i == 0) /* the first one's reason is told */
            rc = err_set(err, err_from_errno(code), "dial tcp4 127.0.0.1:%u: connect: %s", port,
                         strerror(code));
    }
    return rc;
}
