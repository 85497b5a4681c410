/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets, see packets.h. */
#include "io/packets.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIECE = 4096 };

struct packets {
    struct loop *loop;
    const struct packets_events *events;
    void *ctx;
    int fd; /* -1: the peer has closed */
    struct loop_watch watch;
    struct buf waiting;
    bool sent_wanted, send_ended, paused;
    struct loop_task read_task; /* of a resume */
};

static void closed_tell(struct packets *packets)
{
    loop_watch_remove(packets->loop, &packets->watch);
    fd_drop(&packets->fd);
    packets->events->on_end(packets->ctx);
}

static void receive(struct packets *packets)
{
    char packet[PACKETS_SIZE_MAX];

    while (packets->fd >= 0 && !packets->paused) {
        ssize_t got = recv(packets->fd, packet, sizeof packet, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            closed_tell(packets);
            return;
        }
        packets->events->on_packet(slice_make(packet, (size_t)got), packets->ctx);
    }
}

static void pump(struct packets *packets)
{
    while (packets->fd >= 0 && packets->waiting.len > 0) {
        struct slice piece = slice_head(buf_slice(&packets->waiting), PIECE);
        ssize_t put = send(packets->fd, piece.data, piece.len, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0) { /* the end is told by reading */
            buf_reset(&packets->waiting);
            break;
        }
        buf_consume(&packets->waiting, (size_t)put);
    }
    if (packets->send_ended && packets->fd >= 0)
        shutdown(packets->fd, SHUT_WR);
    if (packets->sent_wanted) {
        packets->sent_wanted = false;
        packets->events->on_sent(packets->ctx);
    }
}

static void on_events(unsigned events, void *ctx)
{
    struct packets *packets = ctx;

    if (events & LOOP_WRITE)
        pump(packets);
    receive(packets);
}

static void on_read_task(void *ctx)
{
    receive(ctx);
}

/* Through a descriptor of the folder: the address of a socket holds 107 bytes. */
static int connect_in(const char *folder, const char *leaf, int *ret, struct error *err)
{
    SCOPED(fd_drop) int place = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    SCOPED(fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%.60s", place, leaf);
    if (place < 0 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return err_set(err, err_from_errno(errno), "cannot connect to %s/%s: %s", folder, leaf,
                       strerror(errno));
    *ret = fd;
    fd = -1;
    return 0;
}

int packets_connect(struct loop *loop, const char *folder, const char *leaf,
                    const struct packets_events *events, void *ctx, struct packets **ret,
                    struct error *err)
{
    struct packets *packets;
    int fd = -1;
    int rc = connect_in(folder, leaf, &fd, err);

    if (rc < 0)
        return rc;
    packets = MEM_NEW(struct packets);
    packets->loop = loop;
    packets->events = events;
    packets->ctx = ctx;
    packets->fd = fd;
    buf_init(&packets->waiting, PACKETS_WAITING_MAX);
    loop_task_init(&packets->read_task, on_read_task, packets);
    rc = loop_watch_add(loop, &packets->watch, fd, on_events, packets);
    if (rc < 0) {
        packets_free(packets);
        return err_set(err, rc, "cannot watch %s/%s", folder, leaf);
    }
    *ret = packets;
    return 0;
}

int packets_send(struct packets *packets, struct slice bytes)
{
    if (packets->fd < 0)
        return ERR_CLOSED;
    if (buf_append(&packets->waiting, bytes) < 0)
        return ERR_LIMIT;
    pump(packets);
    packets->sent_wanted = packets->waiting.len > 0;
    return packets->sent_wanted ? ERR_AGAIN : 0;
}

void packets_send_end(struct packets *packets)
{
    packets->send_ended = true;
    pump(packets);
}

void packets_read_pause(struct packets *packets)
{
    packets->paused = true;
}

void packets_read_resume(struct packets *packets)
{
    packets->paused = false;
    loop_task_add(packets->loop, &packets->read_task);
}

void packets_free(struct packets *packets)
{
    if (!packets)
        return;
    loop_task_cancel(&packets->read_task);
    loop_watch_remove(packets->loop, &packets->watch);
    fd_drop(&packets->fd);
    buf_deinit(&packets->waiting);
    mem_free(packets);
}
