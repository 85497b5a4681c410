/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over UDP and TCP, see dns.h. A forwarded question keeps its bytes but for the id, which is
 * our slot number mixed with random bits, so that an answer from elsewhere does not fit.
 */
#include "kube/dns_server.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/netns.h"
#include "io/udp.h"

enum {
    PORT = 53,
    FORWARDS_MAX = 512,
    FORWARD_TIMEOUT_MS = 3000,
    CONNS_MAX = 64,
    CONN_TIMEOUT_MS = 10000,
    DATAGRAM_MAX = 4096,
    SWEEP_MS = 500,
};

struct tcp_conn;

/* Where an answer goes. */
struct reply_to {
    struct addr peer;      /* UDP */
    struct tcp_conn *conn; /* TCP; NULL: UDP */
};

struct forward {
    bool used;
    uint16_t id;      /* that we sent */
    uint16_t peer_id; /* that we were asked with */
    uint64_t deadline_ms;
    struct reply_to to;
    struct slice question; /* owned: the bytes that were asked */
    struct slice
        original; /* owned: of a name that leads outside, what we were asked; empty: none */
};

struct tcp_conn {
    struct dns_server *server;
    struct conn *conn;
    struct list node;
    struct buf in;
    struct buf out;
    struct loop_timer timer;
    size_t open_count; /* forwards that answer here */
    struct loop_task free_task;
};

struct dns_server {
    struct loop *loop;
    struct dns_zone zone;
    int udp_fd;
    struct loop_watch udp_watch;
    struct listener *listener;
    struct list conns;
    size_t conn_count;
    int upstream_fd; /* -1: none */
    struct loop_watch upstream_watch;
    struct forward forwards[FORWARDS_MAX];
    struct loop_timer sweep;
    struct rng rng;
    struct arena arena; /* of one answer */
    struct buf scratch;
};

static void conn_end(struct tcp_conn *conn);
static void conn_flush(struct tcp_conn *conn);

/* --- answers --- */

static void send_bytes(struct dns_server *server, const struct reply_to *to, struct slice bytes)
{
    if (to->conn) {
        uint8_t head[2] = {(uint8_t)(bytes.len >> 8), (uint8_t)bytes.len};

        buf_append(&to->conn->out, slice_make(head, sizeof head));
        buf_append(&to->conn->out, bytes);
        conn_flush(to->conn);
    } else if (udp_send(server->udp_fd, bytes, &to->peer) < 0) {
        log_debug(dns, "an answer could not be sent");
    }
}

static void reply_send(struct dns_server *server, const struct reply_to *to,
                       const struct dns_message *query, struct dns_message *reply)
{
    size_t size_max = to->conn          ? DNS_SIZE_MAX
                      : query->udp_size ? MIN((size_t)query->udp_size, (size_t)DATAGRAM_MAX)
                                        : DNS_UDP_SIZE;

    reply->id = query->id;
    reply->response = true;
    reply->opcode = query->opcode;
    reply->recursion_desired = query->recursion_desired;
    reply->recursion_available = true;
    reply->udp_size = query->udp_size ? DATAGRAM_MAX : 0;
    buf_reset(&server->scratch);
    if (dns_message_encode(reply, size_max, &server->scratch) == 0)
        send_bytes(server, to, buf_slice(&server->scratch));
}

static void reply_code(struct dns_server *server, const struct reply_to *to,
                       const struct dns_message *query, enum dns_rcode rcode)
{
    struct dns_message reply = {.rcode = (uint8_t)rcode};

    for (; reply.question_count < query->question_count; reply.question_count++)
        reply.questions[reply.question_count] = query->questions[reply.question_count];
    reply_send(server, to, query, &reply);
}

/* --- forwarding --- */

static void forward_end(struct forward *forward)
{
    if (forward->to.conn)
        forward->to.conn->open_count--;
    mem_free((char *)forward->question.data);
    mem_free((char *)forward->original.data);
    *forward = (struct forward){0};
}

/* Asks `bytes`; `original`: what it is asked for, when that is another name. */
static void forward_start(struct dns_server *server, const struct reply_to *to,
                          const struct dns_message *query, struct slice bytes,
                          struct slice original)
{
    size_t slot = 0;
    struct forward *forward;
    char *copy;

    if (server->upstream_fd < 0) {
        reply_code(server, to, query, DNS_RCODE_NXDOMAIN);
        return;
    }
    while (slot < FORWARDS_MAX && server->forwards[slot].used)
        slot++;
    if (slot == FORWARDS_MAX) {
        reply_code(server, to, query, DNS_RCODE_SERVFAIL);
        return;
    }
    forward = &server->forwards[slot];
    copy = mem_slice_dup(bytes);
    *forward = (struct forward){
        .used = true,
        .id = (uint16_t)(slot | rng_below(&server->rng, 65536 / FORWARDS_MAX) * FORWARDS_MAX),
        .peer_id = query->id,
        .deadline_ms = loop_now_ms(server->loop) + FORWARD_TIMEOUT_MS,
        .to = *to,
        .question = slice_make(copy, bytes.len),
        .original = slice_make(original.len ? mem_slice_dup(original) : NULL, original.len)};
    copy[0] = (char)(forward->id >> 8);
    copy[1] = (char)forward->id;
    if (to->conn)
        to->conn->open_count++;
    if (!loop_timer_is_armed(&server->sweep))
        loop_timer_start(server->loop, &server->sweep, SWEEP_MS);
    if (udp_send(server->upstream_fd, forward->question, NULL) < 0)
        forward->deadline_ms = 0; /* the next sweep answers */
}

static void forward_fail(struct dns_server *server, struct forward *forward)
{
    struct reply_to to = forward->to;
    struct dns_message query;

    arena_reset(&server->arena);
    if (dns_message_decode(&server->arena, forward->question, &query) == 0) {
        query.id = forward->peer_id;
        reply_code(server, &to, &query, DNS_RCODE_SERVFAIL);
    }
    forward_end(forward);
}

static void on_sweep(void *ctx)
{
    struct dns_server *server = ctx;
    bool more = false;

    for (size_t i = 0; i < FORWARDS_MAX; i++) {
        if (!server->forwards[i].used)
            continue;
        if (server->forwards[i].deadline_ms <= loop_now_ms(server->loop))
            forward_fail(server, &server->forwards[i]);
        else
            more = true;
    }
    if (more)
        loop_timer_start(server->loop, &server->sweep, SWEEP_MS);
}

/* A Service of type ExternalName: our records, and behind them what the upstream server says. */
static void alias_reply(struct dns_server *server, struct forward *forward, struct slice bytes)
{
    struct dns_message query, theirs;
    struct dns_message reply = {.question_count = 1};
    struct reply_to to = forward->to;
    struct dns_record *all;

    arena_reset(&server->arena);
    if (dns_message_decode(&server->arena, forward->original, &query) < 0 ||
        dns_message_decode(&server->arena, bytes, &theirs) < 0) {
        forward_fail(server, forward);
        return;
    }
    reply.questions[0] = query.questions[0];
    dns_zone_answer(&server->zone, &server->arena, &reply);
    all =
        ARENA_ARRAY(&server->arena, struct dns_record, reply.answers.count + theirs.answers.count);
    memcpy(all, reply.answers.items, reply.answers.count * sizeof *all);
    memcpy(all + reply.answers.count, theirs.answers.items, theirs.answers.count * sizeof *all);
    reply.answers = (struct dns_records){all, reply.answers.count + theirs.answers.count};
    reply.rcode = theirs.rcode;
    query.id = forward->peer_id;
    reply_send(server, &to, &query, &reply);
    forward_end(forward);
}

static void alias_forward(struct dns_server *server, const struct reply_to *to,
                          const struct dns_message *query, const char *alias, struct slice bytes)
{
    struct dns_message question = {.recursion_desired = true, .question_count = 1};

    question.questions[0] = query->questions[0];
    question.questions[0].name = alias;
    buf_reset(&server->scratch);
    if (dns_message_encode(&question, DNS_UDP_SIZE, &server->scratch) < 0)
        reply_code(server, to, query, DNS_RCODE_SERVFAIL);
    else
        forward_start(server, to, query, buf_slice(&server->scratch), bytes);
}

static void on_upstream(unsigned events, void *ctx)
{
    struct dns_server *server = ctx;
    char bytes[DATAGRAM_MAX];
    ssize_t got;

    (void)events;
    while ((got = udp_receive(server->upstream_fd, bytes, sizeof bytes, NULL)) != ERR_AGAIN) {
        unsigned id;
        struct forward *forward;
        struct reply_to to;

        if (got < 12) /* an error (the resolver is not there) or no message: the sweep answers */
            continue;
        id = (unsigned)(uint8_t)bytes[0] << 8 | (uint8_t)bytes[1];
        forward = &server->forwards[id % FORWARDS_MAX];
        if (!forward->used || forward->id != id)
            continue;
        if (forward->original.len > 0) {
            alias_reply(server, forward, slice_make(bytes, (size_t)got));
            continue;
        }
        bytes[0] = (char)(forward->peer_id >> 8);
        bytes[1] = (char)forward->peer_id;
        to = forward->to;
        forward_end(forward);
        send_bytes(server, &to, slice_make(bytes, (size_t)got));
    }
}

/* --- questions --- */

static void question_take(struct dns_server *server, const struct reply_to *to, struct slice bytes)
{
    struct dns_message query = {0};
    struct dns_message reply = {.question_count = 1};
    const char *alias;
    int rc;

    arena_reset(&server->arena);
    rc = dns_message_decode(&server->arena, bytes, &query);
    if (bytes.len < 12 || query.response)
        return;
    if (rc < 0 || query.question_count != 1) {
        query.question_count = 0;
        reply_code(server, to, &query, DNS_RCODE_FORMAT);
    } else if (query.opcode != 0) {
        reply_code(server, to, &query, DNS_RCODE_UNSUPPORTED);
    } else if (!dns_zone_has(query.questions[0].name)) {
        forward_start(server, to, &query, bytes, (struct slice){0});
    } else {
        reply.questions[0] = query.questions[0];
        dns_zone_answer(&server->zone, &server->arena, &reply);
        alias = dns_zone_alias(&reply);
        if (alias && !dns_zone_has(alias) && server->upstream_fd >= 0) {
            alias_forward(server, to, &query, alias, bytes);
            return;
        }
        reply_send(server, to, &query, &reply);
    }
}

static void on_datagram(unsigned events, void *ctx)
{
    struct dns_server *server = ctx;
    char bytes[DATAGRAM_MAX];
    struct reply_to to = {0};
    ssize_t got;

    (void)events;
    while ((got = udp_receive(server->udp_fd, bytes, sizeof bytes, &to.peer)) != ERR_AGAIN)
        if (got > 0)
            question_take(server, &to, slice_make(bytes, (size_t)got));
}

/* --- TCP --- */

static void on_conn_free(void *ctx)
{
    struct tcp_conn *conn = ctx;

    buf_deinit(&conn->in);
    buf_deinit(&conn->out);
    mem_free(conn);
}

static void conn_end(struct tcp_conn *conn)
{
    struct dns_server *server = conn->server;

    for (size_t i = 0; i < FORWARDS_MAX && conn->open_count > 0; i++)
        if (server->forwards[i].used && server->forwards[i].to.conn == conn)
            forward_end(&server->forwards[i]);
    loop_timer_stop(server->loop, &conn->timer);
    conn_close(conn->conn);
    conn->conn = NULL;
    list_remove(&conn->node);
    server->conn_count--;
    loop_task_add(server->loop, &conn->free_task);
}

static void conn_flush(struct tcp_conn *conn)
{
    while (conn->conn && conn->out.len > 0) {
        ssize_t put = conn_write(conn->conn, buf_slice(&conn->out));

        if (put <= 0)
            return;
        buf_consume(&conn->out, (size_t)put);
    }
}

static void on_conn_readable(struct conn *io, void *ctx)
{
    struct tcp_conn *conn = ctx;
    struct reply_to to = {.conn = conn};
    ssize_t got;

    for (;;) {
        char *into = buf_reserve(&conn->in, DATAGRAM_MAX);

        got = into ? conn_read(io, into, DATAGRAM_MAX) : ERR_LIMIT;
        if (got <= 0)
            break;
        buf_commit(&conn->in, (size_t)got);
        while (conn->in.len >= 2) {
            size_t len = (size_t)(uint8_t)conn->in.data[0] << 8 | (uint8_t)conn->in.data[1];

            if (conn->in.len < len + 2)
                break;
            question_take(conn->server, &to, slice_make(conn->in.data + 2, len));
            buf_consume(&conn->in, len + 2);
        }
    }
    if (got != ERR_AGAIN && !(got == ERR_EOF && (conn->open_count > 0 || conn->out.len > 0)))
        conn_end(conn);
}

static void on_conn_writable(struct conn *io, void *ctx)
{
    (void)io;
    conn_flush(ctx);
}

static void on_conn_failed(struct conn *io, int code, void *ctx)
{
    (void)io;
    (void)code;
    conn_end(ctx);
}

static void on_conn_timeout(void *ctx)
{
    conn_end(ctx);
}

static const struct conn_events conn_event_table = {
    .on_readable = on_conn_readable, .on_writable = on_conn_writable, .on_failed = on_conn_failed};

static void on_accept(int fd, const struct addr *peer, void *ctx)
{
    struct dns_server *server = ctx;
    SCOPED(fd_drop) int owned = fd;
    struct tcp_conn *conn;

    (void)peer;
    if (server->conn_count >= CONNS_MAX)
        return;
    conn = MEM_NEW(struct tcp_conn);
    conn->server = server;
    owned = -1;
    if (conn_adopt(server->loop, fd, NULL, &conn_event_table, conn, &conn->conn) < 0) {
        mem_free(conn);
        return;
    }
    buf_init(&conn->in, DNS_SIZE_MAX + 2 + DATAGRAM_MAX);
    buf_init(&conn->out, 4 * DNS_SIZE_MAX);
    loop_task_init(&conn->free_task, on_conn_free, conn);
    loop_timer_init(&conn->timer, on_conn_timeout, conn);
    loop_timer_start(server->loop, &conn->timer, CONN_TIMEOUT_MS);
    list_append(&server->conns, &conn->node);
    server->conn_count++;
}

/* --- start and end --- */

/* The first nameserver of the machine; len 0 when there is none. */
static struct addr upstream_find(void)
{
    SCOPED(buf_deinit) struct buf text;
    struct slice rest, line;
    struct addr found = {0};

    buf_init(&text, 65536);
    if (file_read("/etc/resolv.conf", &text, NULL) < 0)
        return found;
    rest = buf_slice(&text);
    while (slice_split_next(&rest, '\n', &line)) {
        line = slice_trim(line);
        if (slice_starts_with(line, SLICE("nameserver ")) &&
            addr_parse_ip(slice_trim(slice_from(line, 11)), PORT, &found) == 0)
            return found;
    }
    return (struct addr){0};
}

struct opening {
    struct dns_server *server;
    struct addr at;
    struct error err;
};

static int sockets_open(void *ctx)
{
    struct opening *opening = ctx;
    struct dns_server *server = opening->server;
    const struct listener_options options = {.backlog = CONNS_MAX};
    struct addr bound;
    int rc = udp_open(&opening->at, NULL, &server->udp_fd, &opening->err);

    if (rc == 0)
        rc = addr_of_socket(server->udp_fd, &bound);
    if (rc < 0)
        return rc;
    opening->at = bound;
    return listener_open(server->loop, &bound, &options, on_accept, server, &server->listener,
                         &opening->err);
}

static struct dns_server *server_new(struct loop *loop, const struct dns_zone *zone)
{
    struct dns_server *server = MEM_NEW(struct dns_server);

    server->loop = loop;
    server->zone = *zone;
    server->udp_fd = -1;
    server->upstream_fd = -1;
    list_init(&server->conns);
    rng_init(&server->rng, rng_system_u64());
    arena_init(&server->arena, 0);
    buf_init(&server->scratch, 2 * DNS_SIZE_MAX);
    loop_timer_init(&server->sweep, on_sweep, server);
    return server;
}

/* Watches what was opened; `upstream` may be empty. */
static int server_begin(struct dns_server *server, const struct addr *upstream, struct error *err)
{
    struct error why = {0};
    int rc = loop_watch_add(server->loop, &server->udp_watch, server->udp_fd, on_datagram, server);

    if (rc < 0)
        return err_set(err, rc, "cannot watch the DNS socket");
    if (upstream->len == 0)
        return 0;
    /* A machine without a network serves the cluster's names all the same. */
    if (udp_open(NULL, upstream, &server->upstream_fd, &why) < 0) {
        log_warn(dns, "names outside of the cluster are not resolved: %s", why.reason);
        return 0;
    }
    rc = loop_watch_add(server->loop, &server->upstream_watch, server->upstream_fd, on_upstream,
                        server);
    return rc < 0 ? err_set(err, rc, "cannot watch the DNS socket") : 0;
}

int dns_server_new(struct loop *loop, const char *ip, const char *netns_path,
                   const struct dns_zone *zone, struct dns_server **ret, struct error *err)
{
    struct opening opening = {.server = server_new(loop, zone)};
    struct addr upstream = upstream_find();
    int rc = addr_parse_ip(slice_str(ip), PORT, &opening.at);

    if (rc == 0)
        rc = netns_run(netns_path, sockets_open, &opening, err);
    if (rc < 0 && opening.err.code)
        *err = opening.err;
    if (rc == 0)
        rc = server_begin(opening.server, &upstream, err);
    if (rc < 0) {
        dns_server_free(opening.server);
        return rc;
    }
    *ret = opening.server;
    return 0;
}

int dns_server_new_at(struct loop *loop, const struct addr *at, const struct addr *upstream,
                      const struct dns_zone *zone, struct dns_server **ret, struct addr *ret_addr,
                      struct error *err)
{
    struct opening opening = {.server = server_new(loop, zone), .at = *at};
    int rc = sockets_open(&opening);

    if (rc < 0 && opening.err.code)
        *err = opening.err;
    if (rc == 0)
        rc = server_begin(opening.server, upstream, err);
    if (rc < 0) {
        dns_server_free(opening.server);
        return rc;
    }
    *ret_addr = opening.at;
    *ret = opening.server;
    return 0;
}

void dns_server_free(struct dns_server *server)
{
    if (!server)
        return;
    LIST_EACH (node, &server->conns) {
        struct tcp_conn *conn = CONTAINER_OF(node, struct tcp_conn, node);

        conn_end(conn);
        loop_task_cancel(&conn->free_task);
        on_conn_free(conn);
    }
    for (size_t i = 0; i < FORWARDS_MAX; i++)
        if (server->forwards[i].used)
            forward_end(&server->forwards[i]);
    loop_timer_stop(server->loop, &server->sweep);
    loop_watch_remove(server->loop, &server->udp_watch);
    loop_watch_remove(server->loop, &server->upstream_watch);
    listener_close(server->listener);
    fd_drop(&server->udp_fd);
    fd_drop(&server->upstream_fd);
    arena_deinit(&server->arena);
    buf_deinit(&server->scratch);
    mem_free(server);
}
