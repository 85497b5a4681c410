/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces, see netns.h. A socket belongs to the namespace in which it was made, for its
 * life.
 */
#include "io/netns.h"

#include "base/file.h"
#include "io/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 100 };

struct inside {
    const char *path;
    int (*run)(void *ctx);
    void *ctx;
    int rc;
};

static void *inside_main(void *argument)
{
    struct inside *inside = argument;
    SCOPED(fd_drop) int fd = open(inside->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        inside->rc = err_from_errno(errno);
    else
        inside->rc = inside->run(inside->ctx);
    return NULL;
}

int netns_run(const char *path, int (*run)(void *ctx), void *ctx, struct error *err)
{
    struct inside inside = {.path = path, .run = run, .ctx = ctx};
    pthread_t thread;

    if (pthread_create(&thread, NULL, inside_main, &inside) != 0)
        return err_set(err, ERR_INTERNAL, "cannot start a thread");
    pthread_join(thread, NULL);
    if (inside.rc < 0)
        return err_set(err, inside.rc, "inside network namespace %s: %s", path,
                       err_text(inside.rc));
    return inside.rc;
}

/* --- connections to a loopback --- */

struct connecting {
    unsigned port;
    int fd;
    int code; /* errno of 127.0.0.1; 0: connected, or not tried */
};

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

static int connect_inside(void *ctx)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    struct connecting *connecting = ctx;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct addr to;
        int code;
        int fd;

        if (addr_parse_ip(slice_str(hosts[i]), connecting->port, &to) < 0)
            return ERR_INVALID;
        fd = socket(addr_family(&to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue; /* no IPv6 here */
        code = connect_wait(fd, &to);
        if (code == 0) {
            connecting->fd = fd;
            return 0;
        }
        close(fd);
        if (i == 0)
            connecting->code = code;
    }
    return err_from_errno(connecting->code);
}

int netns_connect(const char *path, unsigned port, int *ret_fd, struct error *err)
{
    struct connecting connecting = {.port = port, .fd = -1};
    int rc = netns_run(path, connect_inside, &connecting, err);

    if (rc == 0)
        *ret_fd = connecting.fd;
    else if (connecting.code != 0)
        err_set(err, rc, "dial tcp4 127.0.0.1:%u: connect: %s", port, strerror(connecting.code));
    return rc;
}
