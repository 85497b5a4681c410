/* SPDX-License-Identifier: Apache-2.0 */
/* A byte-stream connection over a chain of transport filters (today: the socket, or TLS over the
 * socket).
 *
 *   codec / proxy
 *      | conn_read, conn_writev, conn_shutdown        events: connected, readable, writable, failed
 *   [ TLS ]          io/tls.c
 *      |
 *   [ socket ]       edge-triggered watch on the loop
 *
 * Place   below http/ and the TCP proxy; made by listener.c (accepted) or conn_connect
 * Owns    the descriptor and the TLS session; holds no data buffer of its own
 * Threads the loop's
 *
 * Reading: on_readable runs when bytes (or the end) may be there. The owner calls conn_read; if it
 * took less than there was (its buffer came back full), on_readable runs again on the next turn by
 * itself. Back-pressure: conn_read_pause stops on_readable, conn_read_resume starts it, and what
 * arrived meanwhile is delivered. Writing: conn_writev takes what fits; after a short or refused
 * write on_writable runs once when there is room. Closing: conn_close ends everything at once, no
 * callback runs after it, and it may be called from any callback; the memory goes at the end of the
 * turn.
 */
#ifndef WEFT_IO_CONN_H
#define WEFT_IO_CONN_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "io/addr.h"
#include "io/loop.h"

#include <sys/types.h>
#include <sys/uio.h>

struct conn;
struct tls_config;

/* Any of these may be NULL. `ctx` is conn_ctx's. */
struct conn_events {
    /* Connected, and for TLS the handshake is done. For accepted plain connections it does not run.
     */
    void (*on_connected)(struct conn *conn, void *ctx);
    void (*on_readable)(struct conn *conn, void *ctx);
    void (*on_writable)(struct conn *conn, void *ctx);
    /* Connecting or the handshake failed, or the socket broke: `code` is an ERR_ code. Call
     * conn_close then. */
    void (*on_failed)(struct conn *conn, int code, void *ctx);
};

/* TCP keep-alive probes; 0 stands for the system's value. */
struct conn_keepalive {
    bool on;
    unsigned idle_s;     /* before the first */
    unsigned interval_s; /* between two */
    unsigned probes;     /* without answer, until the connection breaks */
};

/* How to connect. Zero-initialise. */
struct conn_options {
    const struct tls_config
        *tls; /* NULL: plain. Kept: must outlive the connection's handshake (ref-counted inside) */
    const char *server_name;      /* SNI and name to verify; NULL: none. Copied */
    uint64_t connect_timeout_ms;  /* TCP connect and handshake together; 0: 10,000 */
    unsigned mark;                /* SO_MARK; 0: none */
    const struct addr *bind_addr; /* source address; NULL: any */
    struct conn_keepalive keepalive;
};

/* Starts to connect; on_connected or on_failed follows, never within this call. On failure nothing
 * was made. */
MUST_USE int conn_connect(struct loop *loop, const struct addr *to,
                          const struct conn_options *options, const struct conn_events *events,
                          void *ctx, struct conn **ret);
/* Takes an open, non-blocking stream descriptor (accepted or from socketpair; closed on failure
 * too). With `tls` it acts as TLS server and on_connected tells the end of the handshake. */
MUST_USE int conn_adopt(struct loop *loop, int fd, const struct tls_config *tls,
                        const struct conn_events *events, void *ctx, struct conn **ret);
/* Swaps owner: used when a protocol was detected, or a pool hands a connection on. `events` is
 * kept. */
void conn_events_set(struct conn *conn, const struct conn_events *events, void *ctx);
void *conn_ctx(const struct conn *conn);
struct loop *conn_loop(const struct conn *conn);

/* Bytes read (> 0), ERR_AGAIN (nothing now), ERR_EOF (clean end), or another error. */
MUST_USE ssize_t conn_read(struct conn *conn, void *into, size_t size);
/* As conn_read, but the bytes stay: protocol detection on a plain connection, before anything was
 * read. */
MUST_USE ssize_t conn_peek(struct conn *conn, void *into, size_t size);
/* Turns an open plain connection of which nothing was read into the server side of TLS;
 * on_connected or on_failed follows, never within this call. */
MUST_USE int conn_tls_start(struct conn *conn, const struct tls_config *tls);
/* Bytes taken (> 0; may be fewer than offered), ERR_AGAIN, or another error. At most 64 pieces a
 * call. */
MUST_USE ssize_t conn_writev(struct conn *conn, const struct iovec *pieces, int piece_count);
MUST_USE ssize_t conn_write(struct conn *conn, struct slice bytes);
/* The peer has sent its end (or reset): what can be read or peeked now is all that will come. */
bool conn_peer_ended(const struct conn *conn);
/* Ends our direction (FIN; close_notify for TLS); reading goes on. */
void conn_shutdown(struct conn *conn);
void conn_read_pause(struct conn *conn);
void conn_read_resume(struct conn *conn);
/* NULL is fine. */
void conn_close(struct conn *conn);
/* As conn_close, but the peer gets RST. */
void conn_reset(struct conn *conn);

/* Facts. */
const struct addr *conn_local_addr(const struct conn *conn);
const struct addr *conn_peer_addr(const struct conn *conn);
/* Where a connection redirected by nftables or iptables wanted to go; its local address when it was
 * not redirected. */
const struct addr *conn_original_dst(struct conn *conn);
bool conn_is_tls(const struct conn *conn);
/* Negotiated ALPN ("" when none), the server name the client sent, the peer certificate's first URI
 * SAN. Borrowed. */
struct slice conn_alpn(const struct conn *conn);
struct slice conn_sni(const struct conn *conn);
struct slice conn_peer_uri_san(const struct conn *conn);
/* The peer's verified leaf certificate in DER; empty when it gave none. Kept by the connection. */
struct slice conn_peer_cert_der(const struct conn *conn);
int conn_fd(const struct conn *conn);

#endif
