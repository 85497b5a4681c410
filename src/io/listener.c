/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: see listener.h. */
#include "io/listener.h"

#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTENER_BACKLOG = 4096, LISTENER_BATCH = 64, LISTENER_REST_MS = 100 };

struct listener {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_timer rest; /* runs while descriptors are short */
    struct addr addr;
    int fd;
    bool paused;
    bool *alive; /* on the stack of a running accept batch; cleared by close */
    void (*on_accept)(int fd, const struct addr *peer, void *ctx);
    void *ctx;
};

static int fail(struct error *err, const struct addr *addr, const char *what)
{
    char text[ADDR_TEXT_SIZE];
    int saved = errno;

    return err_set_path(err, err_from_errno(saved), addr_format(addr, text), "%s: %s", what,
                        strerror(saved));
}

static void option_set(int fd, int level, int name, int value)
{
    /* Options that a kernel lacks only cost what they would have given. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static bool accept_one(struct listener *listener)
{
    struct addr peer = {.len = sizeof peer.sa};
    int fd = accept4(listener->fd, &peer.sa.generic, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        listener->on_accept(fd, &peer, listener->ctx);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_timer_start(listener->loop, &listener->rest, LISTENER_REST_MS);
        return false;
    }
    /* Failures of the one connection (aborted, network down) are not the listener's. */
    return errno != EAGAIN && errno != EBADF && errno != EINVAL;
}

static void on_events(unsigned events, void *ctx)
{
    struct listener *listener = ctx;
    bool alive = true;

    (void)events;
    if (listener->paused || loop_timer_is_armed(&listener->rest))
        return;
    listener->alive = &alive;
    for (int i = 0; i < LISTENER_BATCH; i++) {
        if (!accept_one(listener))
            goto out;
        if (!alive)
            return;
        if (listener->paused)
            goto out;
    }
    loop_watch_again(listener->loop, &listener->watch, LOOP_READ);
out:
    if (alive)
        listener->alive = NULL;
}

static void on_rested(void *ctx)
{
    struct listener *listener = ctx;

    loop_watch_again(listener->loop, &listener->watch, LOOP_READ);
}

static int socket_prepare(int fd, const struct addr *addr, const struct listener_options *options,
                          struct error *err)
{
    const int backlog = options->backlog ? options->backlog : LISTENER_BACKLOG;

    if (addr_family(addr) != AF_UNIX)
        option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options->reuse_port)
        option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (addr_family(addr) == AF_INET6)
        option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->v4_too ? 0 : 1);
    if (options->transparent)
        option_set(fd, addr_family(addr) == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
                   addr_family(addr) == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1);
    if (addr_family(addr) == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&addr->sa;

        if (un->sun_path[0])
            unlink(un->sun_path);
    }
    if (bind(fd, &addr->sa.generic, addr->len) < 0)
        return fail(err, addr, "cannot bind");
    if (!options->no_listen && listen(fd, backlog) < 0)
        return fail(err, addr, "cannot listen");
    return 0;
}

int listener_open(struct loop *loop, const struct addr *addr,
                  const struct listener_options *options,
                  void (*on_accept)(int fd, const struct addr *peer, void *ctx), void *ctx,
                  struct listener **ret, struct error *err)
{
    static const struct listener_options defaults;
    struct listener *listener;
    int fd = socket(addr_family(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return fail(err, addr, "cannot make a socket");
    rc = socket_prepare(fd, addr, options ? options : &defaults, err);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    listener = MEM_NEW(struct listener);
    listener->loop = loop;
    listener->fd = fd;
    listener->on_accept = on_accept;
    listener->ctx = ctx;
    loop_timer_init(&listener->rest, on_rested, listener);
    rc = addr_of_socket(fd, &listener->addr);
    if (rc == 0)
        rc = loop_watch_add(loop, &listener->watch, fd, on_events, listener);
    if (rc < 0) {
        close(fd);
        mem_free(listener);
        return err_set(err, rc, "cannot watch the listening socket: %s", err_text(rc));
    }
    *ret = listener;
    return 0;
}

const struct addr *listener_addr(const struct listener *listener)
{
    return &listener->addr;
}

void listener_pause(struct listener *listener)
{
    listener->paused = true;
}

void listener_resume(struct listener *listener)
{
    listener->paused = false;
    loop_watch_again(listener->loop, &listener->watch, LOOP_READ);
}

void listener_close(struct listener *listener)
{
    if (!listener)
        return;
    if (listener->alive)
        *listener->alive = false;
    loop_watch_remove(listener->loop, &listener->watch);
    loop_timer_stop(listener->loop, &listener->rest);
    if (addr_family(&listener->addr) == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&listener->addr.sa;

        if (listener->addr.len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0])
            unlink(un->sun_path);
    }
    close(listener->fd);
    mem_free(listener);
}
