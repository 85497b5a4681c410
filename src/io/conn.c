/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: see conn.h.
 *
 *   CONNECTING --writable--> HANDSHAKE (TLS only) --done--> OPEN --conn_close--> CLOSED --end of
 * turn--> freed
 *
 * The watch is edge-triggered, so `more` remembers that bytes may be waiting although no event will
 * tell: a read that came back full, a hang-up whose end was not read yet, TLS records already
 * decrypted.
 */
#include "io/conn_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONN_CONNECT_TIMEOUT_MS = 10000, CONN_PIECES_MAX = 64 };

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN, CONN_FAILED, CONN_CLOSED };

struct conn {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_task free_task; /* frees the memory after conn_close */
    const struct conn_events *events;
    void *ctx;
    struct tls_session *tls; /* NULL: plain */
    int fd;
    enum conn_state state;
    bool paused;
    bool more;       /* a read may give bytes without a new event */
    bool read_tried; /* during the running on_readable */
    bool hangup;     /* the peer's end (or an error) was announced */
    bool want_write; /* a write was cut short: tell when there is room */
    bool accepted;
    struct addr local;
    struct addr peer;
    struct addr original_dst;  /* len 0: not asked yet */
    struct loop_timer timeout; /* while connecting and shaking hands */
};

static void on_events(unsigned events, void *ctx);

static void on_free(void *ctx)
{
    mem_free(ctx);
}

static void fail(struct conn *conn, int code)
{
    loop_timer_stop(conn->loop, &conn->timeout);
    conn->state = CONN_FAILED;
    if (conn->tls && code == ERR_TLS)
        log_debug(tls, "handshake failed: %s", tls_session_reason(conn->tls));
    if (conn->events && conn->events->on_failed)
        conn->events->on_failed(conn, code, conn->ctx);
    else
        conn_close(conn);
}

static void on_timeout(void *ctx)
{
    fail(ctx, ERR_TIMEOUT);
}

static void option_set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static struct conn *conn_new(struct loop *loop, int fd, const struct conn_events *events, void *ctx)
{
    struct conn *conn = MEM_NEW(struct conn);

    conn->loop = loop;
    conn->fd = fd;
    conn->events = events;
    conn->ctx = ctx;
    loop_task_init(&conn->free_task, on_free, conn);
    loop_timer_init(&conn->timeout, on_timeout, conn);
    return conn;
}

/* Undoes conn_new in a call that fails: nobody has seen the connection yet. */
static void conn_drop(struct conn *conn)
{
    loop_watch_remove(conn->loop, &conn->watch);
    loop_timer_stop(conn->loop, &conn->timeout);
    tls_session_free(conn->tls);
    close(conn->fd);
    mem_free(conn);
}

static void keepalive_set(int fd, const struct conn_keepalive *keepalive)
{
    option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (keepalive->idle_s)
        option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)keepalive->idle_s);
    if (keepalive->interval_s)
        option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)keepalive->interval_s);
    if (keepalive->probes)
        option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)keepalive->probes);
}

static int socket_connect(int fd, const struct addr *to, const struct conn_options *options)
{
    if (addr_family(to) != AF_UNIX)
        option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options->mark)
        option_set(fd, SOL_SOCKET, SO_MARK, (int)options->mark);
    if (options->keepalive.on && addr_family(to) != AF_UNIX)
        keepalive_set(fd, &options->keepalive);
    if (options->bind_addr && options->bind_addr->len) {
        option_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (bind(fd, &options->bind_addr->sa.generic, options->bind_addr->len) < 0)
            return err_from_errno(errno);
    }
    if (connect(fd, &to->sa.generic, to->len) < 0 && errno != EINPROGRESS)
        return errno == EAGAIN ? ERR_LIMIT : err_from_errno(errno);
    return 0;
}

int conn_connect(struct loop *loop, const struct addr *to, const struct conn_options *options,
                 const struct conn_events *events, void *ctx, struct conn **ret)
{
    static const struct conn_options defaults;
    struct conn *conn;
    int fd = socket(addr_family(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return err_from_errno(errno);
    if (!options)
        options = &defaults;
    conn = conn_new(loop, fd, events, ctx);
    conn->peer = *to;
    conn->state = CONN_CONNECTING;
    rc = socket_connect(fd, to, options);
    if (rc == 0 && options->tls)
        rc = tls_session_new(options->tls, fd, options->server_name, &conn->tls);
    /* Watched after connect(): before it, epoll would report the idle socket as hung up. */
    if (rc == 0)
        rc = loop_watch_add(loop, &conn->watch, fd, on_events, conn);
    if (rc < 0) {
        conn_drop(conn);
        return rc;
    }
    loop_timer_start(loop, &conn->timeout,
                     options->connect_timeout_ms ? options->connect_timeout_ms
                                                 : CONN_CONNECT_TIMEOUT_MS);
    *ret = conn;
    return 0;
}

int conn_adopt(struct loop *loop, int fd, const struct tls_config *tls,
               const struct conn_events *events, void *ctx, struct conn **ret)
{
    struct conn *conn = conn_new(loop, fd, events, ctx);
    int rc = 0;

    conn->accepted = true;
    conn->state = tls ? CONN_HANDSHAKE : CONN_OPEN;
    conn->more = true; /* bytes may have come before the watch was added */
    if (addr_of_peer(fd, &conn->peer) == 0 && addr_family(&conn->peer) != AF_UNIX)
        option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (tls)
        rc = tls_session_new(tls, fd, NULL, &conn->tls);
    if (rc == 0)
        rc = loop_watch_add(loop, &conn->watch, fd, on_events, conn);
    if (rc < 0) {
        conn_drop(conn);
        return rc;
    }
    if (tls)
        loop_timer_start(loop, &conn->timeout, CONN_CONNECT_TIMEOUT_MS);
    *ret = conn;
    return 0;
}

void conn_events_set(struct conn *conn, const struct conn_events *events, void *ctx)
{
    conn->events = events;
    conn->ctx = ctx;
    if (conn->state == CONN_OPEN && conn->more && !conn->paused)
        loop_watch_again(conn->loop, &conn->watch, LOOP_READ);
}

void *conn_ctx(const struct conn *conn)
{
    return conn->ctx;
}

struct loop *conn_loop(const struct conn *conn)
{
    return conn->loop;
}

/* --- events --- */

static void opened(struct conn *conn)
{
    loop_timer_stop(conn->loop, &conn->timeout);
    conn->state = CONN_OPEN;
    conn->more = true;
    /* Bytes may have come with the last handshake message. */
    loop_watch_again(conn->loop, &conn->watch, LOOP_READ);
    if (conn->events && conn->events->on_connected)
        conn->events->on_connected(conn, conn->ctx);
}

static void handshake_step(struct conn *conn)
{
    int rc = tls_session_handshake(conn->tls);

    if (rc == 0)
        opened(conn);
    else if (rc != ERR_AGAIN)
        fail(conn, rc);
}

static void connect_step(struct conn *conn, unsigned events)
{
    int value = 0;
    socklen_t len = sizeof value;

    if (!(events & (LOOP_WRITE | LOOP_HANGUP)))
        return;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &value, &len) < 0)
        value = errno;
    if (value) {
        fail(conn, err_from_errno(value));
        return;
    }
    if (!conn->tls) {
        opened(conn);
        return;
    }
    conn->state = CONN_HANDSHAKE;
    handshake_step(conn);
}

static void readable(struct conn *conn)
{
    if (conn->paused || !conn->events || !conn->events->on_readable)
        return;
    conn->read_tried = false;
    conn->events->on_readable(conn, conn->ctx);
    /* Untouched bytes of an owner who did not read wait for resume or a new owner: no spinning. */
    if (conn->state == CONN_OPEN && conn->read_tried && conn->more && !conn->paused)
        loop_watch_again(conn->loop, &conn->watch, LOOP_READ);
}

static void on_events(unsigned events, void *ctx)
{
    struct conn *conn = ctx;

    if (events & LOOP_HANGUP)
        conn->hangup = true;
    if (conn->state == CONN_CONNECTING) {
        connect_step(conn, events);
        return;
    }
    if (conn->state == CONN_HANDSHAKE) {
        handshake_step(conn);
        return;
    }
    if (conn->state != CONN_OPEN)
        return;
    if (conn->want_write && (events & LOOP_WRITE)) {
        conn->want_write = false;
        if (conn->events && conn->events->on_writable)
            conn->events->on_writable(conn, conn->ctx);
    }
    if (conn->state == CONN_OPEN && (events & LOOP_READ)) {
        conn->more = true;
        readable(conn);
    }
}

/* --- bytes --- */

static ssize_t socket_read(struct conn *conn, void *into, size_t size, bool *ret_more)
{
    ssize_t got;

    do
        got = recv(conn->fd, into, size, 0);
    while (got < 0 && errno == EINTR);
    *ret_more = got == (ssize_t)size;
    if (got > 0)
        return got;
    return got == 0 ? ERR_EOF : err_from_errno(errno);
}

ssize_t conn_read(struct conn *conn, void *into, size_t size)
{
    bool more = false;
    ssize_t got;

    if (conn->state != CONN_OPEN)
        return conn->state < CONN_OPEN ? ERR_AGAIN : ERR_CLOSED;
    ASSERT(size > 0);
    conn->read_tried = true;
    got = conn->tls ? tls_session_read(conn->tls, into, size, &more)
                    : socket_read(conn, into, size, &more);
    /* The end that was announced has to be read although no further event will tell of it. */
    conn->more = more || (got > 0 && conn->hangup);
    return got;
}

ssize_t conn_peek(struct conn *conn, void *into, size_t size)
{
    ssize_t got;

    if (conn->state != CONN_OPEN)
        return conn->state < CONN_OPEN ? ERR_AGAIN : ERR_CLOSED;
    ASSERT(!conn->tls && size > 0);
    do
        got = recv(conn->fd, into, size, MSG_PEEK);
    while (got < 0 && errno == EINTR);
    /* What was peeked is still to be read; more bytes raise an event of their own. */
    conn->more = true;
    if (got > 0)
        return got;
    return got == 0 ? ERR_EOF : err_from_errno(errno);
}

bool conn_peer_ended(const struct conn *conn)
{
    return conn->hangup;
}

int conn_tls_start(struct conn *conn, const struct tls_config *tls)
{
    int rc;

    ASSERT(conn->state == CONN_OPEN && !conn->tls);
    rc = tls_session_new(tls, conn->fd, NULL, &conn->tls);
    if (rc < 0)
        return rc;
    conn->state = CONN_HANDSHAKE;
    loop_timer_start(conn->loop, &conn->timeout, CONN_CONNECT_TIMEOUT_MS);
    loop_watch_again(conn->loop, &conn->watch, LOOP_READ);
    return 0;
}

static ssize_t socket_writev(struct conn *conn, const struct iovec *pieces, int piece_count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)piece_count};
    ssize_t put;

    do
        put = piece_count == 1 ? send(conn->fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                               : sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    return put < 0 ? err_from_errno(errno) : put;
}

ssize_t conn_writev(struct conn *conn, const struct iovec *pieces, int piece_count)
{
    size_t total = 0;
    ssize_t put;

    if (conn->state != CONN_OPEN) {
        conn->want_write = true;
        return conn->state < CONN_OPEN ? ERR_AGAIN : ERR_CLOSED;
    }
    piece_count = MIN(piece_count, CONN_PIECES_MAX);
    for (int i = 0; i < piece_count; i++)
        total += pieces[i].iov_len;
    put = conn->tls ? tls_session_writev(conn->tls, pieces, piece_count)
                    : socket_writev(conn, pieces, piece_count);
    if (put == ERR_AGAIN || (put >= 0 && (size_t)put < total))
        conn->want_write = true;
    /* TLS writes one record at a time: the socket may have room, and then no edge would come. */
    if (conn->tls && put > 0 && (size_t)put < total)
        loop_watch_again(conn->loop, &conn->watch, LOOP_WRITE);
    return put;
}

ssize_t conn_write(struct conn *conn, struct slice bytes)
{
    struct iovec piece = {(void *)bytes.data, bytes.len};

    return conn_writev(conn, &piece, 1);
}

void conn_shutdown(struct conn *conn)
{
    if (conn->state != CONN_OPEN)
        return;
    if (conn->tls)
        tls_session_shutdown(conn->tls);
    shutdown(conn->fd, SHUT_WR);
}

void conn_read_pause(struct conn *conn)
{
    conn->paused = true;
}

void conn_read_resume(struct conn *conn)
{
    if (!conn->paused)
        return;
    conn->paused = false;
    if (conn->state == CONN_OPEN && conn->more)
        loop_watch_again(conn->loop, &conn->watch, LOOP_READ);
}

void conn_close(struct conn *conn)
{
    if (!conn || conn->state == CONN_CLOSED)
        return;
    loop_watch_remove(conn->loop, &conn->watch);
    loop_timer_stop(conn->loop, &conn->timeout);
    if (conn->tls && conn->state == CONN_OPEN)
        tls_session_shutdown(conn->tls);
    tls_session_free(TAKE(conn->tls));
    close(conn->fd);
    conn->fd = -1;
    conn->state = CONN_CLOSED;
    conn->events = NULL;
    loop_task_add(conn->loop, &conn->free_task);
}

void conn_reset(struct conn *conn)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (!conn || conn->state == CONN_CLOSED)
        return;
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    if (conn->state == CONN_OPEN)
        conn->state = CONN_FAILED; /* no close_notify before a reset */
    conn_close(conn);
}

/* --- facts --- */

const struct addr *conn_local_addr(const struct conn *conn)
{
    /* Asked lazily, most connections never need it: a cache inside a const object. */
    struct conn *cache = (struct conn *)conn;

    if (!cache->local.len && cache->fd >= 0 && addr_of_socket(cache->fd, &cache->local) < 0)
        cache->local.len = 0;
    return &cache->local;
}

const struct addr *conn_peer_addr(const struct conn *conn)
{
    return &conn->peer;
}

const struct addr *conn_original_dst(struct conn *conn)
{
    if (conn->original_dst.len)
        return &conn->original_dst;
    if (!conn->accepted || conn->fd < 0 || addr_original_dst(conn->fd, &conn->original_dst) < 0)
        conn->original_dst = *conn_local_addr(conn);
    return &conn->original_dst;
}

bool conn_is_tls(const struct conn *conn)
{
    return conn->tls != NULL;
}

struct slice conn_alpn(const struct conn *conn)
{
    return conn->tls ? tls_session_alpn(conn->tls) : SLICE("");
}

struct slice conn_sni(const struct conn *conn)
{
    return conn->tls ? tls_session_sni(conn->tls) : SLICE("");
}

struct slice conn_peer_uri_san(const struct conn *conn)
{
    return conn->tls ? tls_session_peer_uri_san(conn->tls) : SLICE("");
}

struct slice conn_peer_cert_der(const struct conn *conn)
{
    return conn->tls ? tls_session_peer_cert_der(conn->tls) : SLICE("");
}

int conn_fd(const struct conn *conn)
{
    return conn->fd;
}
