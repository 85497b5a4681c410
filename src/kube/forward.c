/* SPDX-License-Identifier: Apache-2.0 */
/* Port-forward, see forward.h.
 *
 *   carrier (WebSocket or bare stream) --frames--> tunnel --conn--> the port
 *                                      <--frames--        <--conn--
 */
#include "kube/forward.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/ws.h"
#include "io/conn.h"
#include "wire/spdy.h"
#include "wire/url.h"

#include <stdio.h>

enum {
    PIECE = 32768,
    WAITING_HIGH = 256 * 1024, /* bytes for a connection: above, the client is not read */
    RST_PROTOCOL = 1,
    RST_REFUSED = 3,
};

struct forward {
    struct ws *ws;              /* or */
    struct http_stream *stream; /* bare SPDY */
    const struct forward_target *target;
    void *ctx;
    struct loop *loop;
    bool spdy; /* else numbered channels */
    struct spdy_reader reader;
    struct spdy_writer writer;
    struct list tunnels; /* struct tunnel */
    size_t tunnel_count;
    bool blocked; /* the client takes no more for now */
};

struct tunnel {
    struct forward *forward;
    struct list node;
    char request_id[32];
    unsigned port;
    uint32_t data_id, error_id; /* streams (0: not opened yet), or channels */
    struct conn *conn;          /* NULL: not dialled yet, or over */
    struct buf waiting;         /* for the connection */
    bool client_ended;          /* no more bytes for the connection */
    bool port_ended;            /* no more from it */
};

/* --- to the client --- */

static void bytes_send(struct forward *forward, struct slice bytes)
{
    int rc = forward->ws ? ws_send(forward->ws, (struct slice){0}, bytes)
                         : http_stream_send_data(forward->stream, bytes, false);

    if (rc != ERR_AGAIN || forward->blocked)
        return;
    forward->blocked = true;
    LIST_EACH (node, &forward->tunnels) {
        struct tunnel *tunnel = CONTAINER_OF(node, struct tunnel, node);

        if (tunnel->conn)
            conn_read_pause(tunnel->conn);
    }
}

static void data_send(struct tunnel *tunnel, uint32_t id, struct slice bytes, bool fin)
{
    SCOPED(buf_deinit) struct buf out;
    char channel = (char)id;

    buf_init(&out, PIECE + 64);
    if (tunnel->forward->spdy) {
        if (spdy_data_encode(id, bytes, fin, &out) == 0)
            bytes_send(tunnel->forward, buf_slice(&out));
    } else if (bytes.len > 0) {
        buf_append(&out, slice_make(&channel, 1));
        buf_append(&out, bytes);
        bytes_send(tunnel->forward, buf_slice(&out));
    }
}

/* --- the end of a tunnel --- */

static void tunnel_free(struct tunnel *tunnel)
{
    conn_close(tunnel->conn);
    buf_deinit(&tunnel->waiting);
    list_remove(&tunnel->node);
    tunnel->forward->tunnel_count--;
    mem_free(tunnel);
}

/* Channels have no end of their own: the whole ends with the last connection. */
static void tunnel_check(struct tunnel *tunnel)
{
    struct forward *forward = tunnel->forward;

    if (!tunnel->port_ended || !(tunnel->client_ended || !forward->spdy))
        return;
    tunnel_free(tunnel);
    if (!forward->spdy && forward->tunnel_count == 0)
        ws_finish(forward->ws);
}

/* The port sends no more: both streams of ours end. */
static void port_end(struct tunnel *tunnel, const char *error)
{
    if (tunnel->port_ended)
        return;
    tunnel->port_ended = true;
    data_send(tunnel, tunnel->error_id, slice_str(error), true);
    data_send(tunnel, tunnel->data_id, (struct slice){0}, true);
}

static void tunnel_break(struct tunnel *tunnel, const char *error)
{
    port_end(tunnel, error);
    tunnel->client_ended = true;
    tunnel_check(tunnel);
}

/* --- the connection --- */

static bool is_crowded(const struct forward *forward)
{
    LIST_EACH (node, &forward->tunnels)
        if (CONTAINER_OF(node, struct tunnel, node)->waiting.len > WAITING_HIGH)
            return true;
    return false;
}

static void client_read_set(struct forward *forward)
{
    bool crowded = is_crowded(forward);

    if (forward->ws)
        (crowded ? ws_read_pause : ws_read_resume)(forward->ws);
    else
        (crowded ? http_stream_read_pause : http_stream_read_resume)(forward->stream);
}

static void conn_flush(struct tunnel *tunnel)
{
    while (tunnel->waiting.len > 0) {
        ssize_t put = conn_write(tunnel->conn, buf_slice(&tunnel->waiting));

        if (put == ERR_AGAIN)
            return;
        if (put < 0) { /* the end is told by on_failed or by reading */
            buf_reset(&tunnel->waiting);
            break;
        }
        buf_consume(&tunnel->waiting, (size_t)put);
    }
    if (tunnel->client_ended)
        conn_shutdown(tunnel->conn);
}

static void on_conn_writable(struct conn *conn, void *ctx)
{
    struct tunnel *tunnel = ctx;

    (void)conn;
    conn_flush(tunnel);
    client_read_set(tunnel->forward);
}

static void on_conn_readable(struct conn *conn, void *ctx)
{
    struct tunnel *tunnel = ctx;
    char bytes[PIECE];
    ssize_t got;

    while (!tunnel->forward->blocked && (got = conn_read(conn, bytes, sizeof bytes)) != ERR_AGAIN) {
        if (got < 0) {
            port_end(tunnel, "");
            tunnel_check(tunnel);
            return;
        }
        data_send(tunnel, tunnel->data_id, slice_make(bytes, (size_t)got), false);
    }
}

static void on_conn_failed(struct conn *conn, int code, void *ctx)
{
    (void)conn, (void)code;
    tunnel_break(ctx, "");
}

static const struct conn_events conn_events = {
    .on_readable = on_conn_readable, .on_writable = on_conn_writable, .on_failed = on_conn_failed};

/* Both streams are there: dials. A tunnel that cannot be is gone afterwards. */
static void tunnel_dial(struct tunnel *tunnel)
{
    struct forward *forward = tunnel->forward;
    struct error err = {0};
    int fd = -1;
    int rc = forward->target->dial(tunnel->port, &fd, &err, forward->ctx);

    if (rc == 0)
        rc = conn_adopt(forward->loop, fd, NULL, &conn_events, tunnel, &tunnel->conn);
    if (rc == 0) {
        if (forward->blocked)
            conn_read_pause(tunnel->conn);
        conn_flush(tunnel);
        return;
    }
    tunnel_break(tunnel, err.reason[0] ? err.reason : err_text(rc));
}

static struct tunnel *tunnel_new(struct forward *forward, unsigned port)
{
    struct tunnel *tunnel = MEM_NEW(struct tunnel);

    tunnel->forward = forward;
    tunnel->port = port;
    buf_init(&tunnel->waiting, WAITING_HIGH + SPDY_FRAME_MAX);
    list_append(&forward->tunnels, &tunnel->node);
    forward->tunnel_count++;
    return tunnel;
}

static void data_take(struct tunnel *tunnel, struct slice data, bool fin)
{
    if (fin)
        tunnel->client_ended = true;
    if (buf_append(&tunnel->waiting, data) < 0) {
        tunnel_break(tunnel, "too many bytes wait for the port");
        return;
    }
    if (tunnel->conn) {
        conn_flush(tunnel);
        client_read_set(tunnel->forward);
    }
    tunnel_check(tunnel);
}

/* --- SPDY --- */

static struct tunnel *tunnel_by_stream(struct forward *forward, uint32_t id)
{
    LIST_EACH (node, &forward->tunnels) {
        struct tunnel *tunnel = CONTAINER_OF(node, struct tunnel, node);

        if (tunnel->data_id == id || tunnel->error_id == id)
            return tunnel;
    }
    return NULL;
}

static struct tunnel *tunnel_by_request(struct forward *forward, struct slice request_id)
{
    LIST_EACH (node, &forward->tunnels) {
        struct tunnel *tunnel = CONTAINER_OF(node, struct tunnel, node);

        if (slice_eq_str(request_id, tunnel->request_id))
            return tunnel;
    }
    return NULL;
}

static void rst_send(struct forward *forward, uint32_t id, uint32_t status)
{
    SCOPED(buf_deinit) struct buf out;

    buf_init(&out, 64);
    if (spdy_rst_encode(id, status, &out) == 0)
        bytes_send(forward, buf_slice(&out));
}

/* A new stream joins the one of the same request, or begins a tunnel. */
static void stream_open(struct forward *forward, const struct spdy_frame *frame)
{
    struct spdy_frame reply = {.kind = SPDY_SYN_REPLY, .id = frame->id};
    struct slice request_id = spdy_frame_header(frame, "requestid");
    bool is_data = slice_eq_str(spdy_frame_header(frame, "streamtype"), "data");
    struct tunnel *tunnel = tunnel_by_request(forward, request_id);
    SCOPED(buf_deinit) struct buf out;
    uint64_t port;

    buf_init(&out, PIECE);
    if (slice_parse_u64(spdy_frame_header(frame, "port"), 65535, &port) < 0 || port == 0 ||
        request_id.len == 0 || request_id.len >= sizeof tunnel->request_id ||
        (tunnel && (is_data ? tunnel->data_id : tunnel->error_id) != 0)) {
        rst_send(forward, frame->id, RST_PROTOCOL);
        return;
    }
    if (!tunnel && forward->tunnel_count == FORWARD_TUNNELS_MAX) {
        rst_send(forward, frame->id, RST_REFUSED);
        return;
    }
    if (!tunnel) {
        tunnel = tunnel_new(forward, (unsigned)port);
        snprintf(tunnel->request_id, sizeof tunnel->request_id, "%.*s", SLICE_ARG(request_id));
    }
    *(is_data ? &tunnel->data_id : &tunnel->error_id) = frame->id;
    if (spdy_syn_encode(&forward->writer, &reply, &out) == 0)
        bytes_send(forward, buf_slice(&out));
    if (tunnel->data_id && tunnel->error_id)
        tunnel_dial(tunnel);
}

static bool on_frame(const struct spdy_frame *frame, void *ctx)
{
    struct forward *forward = ctx;
    struct tunnel *tunnel = tunnel_by_stream(forward, frame->id);
    SCOPED(buf_deinit) struct buf out;

    buf_init(&out, 64);
    switch (frame->kind) {
    case SPDY_SYN_STREAM:
        stream_open(forward, frame);
        break;
    case SPDY_DATA:
        if (tunnel && tunnel->data_id == frame->id)
            data_take(tunnel, frame->data, frame->fin);
        break;
    case SPDY_RST_STREAM:
        if (tunnel && tunnel->data_id == frame->id)
            tunnel_break(tunnel, "");
        break;
    case SPDY_PING:
        if (spdy_ping_encode(frame->id, &out) == 0)
            bytes_send(forward, buf_slice(&out));
        break;
    case SPDY_SYN_REPLY:
    case SPDY_GOAWAY:
        break;
    }
    return true;
}

/* --- carriers --- */

static void client_take(struct forward *forward, struct slice bytes)
{
    if (spdy_reader_feed(&forward->reader, bytes, on_frame, forward) == 0)
        return;
    if (forward->ws)
        ws_reset(forward->ws);
    else
        http_stream_reset(forward->stream, HTTP_RESET_PROTOCOL);
}

static void client_writable(struct forward *forward)
{
    forward->blocked = false;
    LIST_EACH (node, &forward->tunnels) {
        struct tunnel *tunnel = CONTAINER_OF(node, struct tunnel, node);

        if (tunnel->conn)
            conn_read_resume(tunnel->conn);
    }
}

static void tunnels_free(struct forward *forward)
{
    LIST_EACH (node, &forward->tunnels)
        tunnel_free(CONTAINER_OF(node, struct tunnel, node));
}

static void forward_close(struct forward *forward)
{
    tunnels_free(forward);
    if (forward->spdy) {
        spdy_reader_deinit(&forward->reader);
        spdy_writer_deinit(&forward->writer);
    }
    forward->target->on_close(forward->ctx);
    mem_free(forward);
}

static void on_ws_message(struct ws *ws, struct slice payload, void *ctx)
{
    struct forward *forward = ctx;
    struct tunnel *tunnel;

    (void)ws;
    if (forward->spdy) {
        client_take(forward, payload);
        return;
    }
    tunnel = payload.len > 0 ? tunnel_by_stream(forward, (uint8_t)payload.data[0]) : NULL;
    if (tunnel && tunnel->data_id == (uint8_t)payload.data[0])
        data_take(tunnel, slice_from(payload, 1), false);
}

static void on_ws_end(struct ws *ws, void *ctx)
{
    (void)ctx;
    ws_finish(ws);
}

static void on_ws_writable(struct ws *ws, void *ctx)
{
    (void)ws;
    client_writable(ctx);
}

static void on_ws_close(struct ws *ws, void *ctx)
{
    (void)ws;
    forward_close(ctx);
}

static const struct ws_events ws_events = {.on_message = on_ws_message,
                                           .on_end = on_ws_end,
                                           .on_writable = on_ws_writable,
                                           .on_close = on_ws_close};

static void on_bare_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    client_take(ctx, data);
    if (end && http_stream_send_data(stream, (struct slice){0}, true) == ERR_CLOSED)
        return; /* reset meanwhile: on_close comes */
}

static void on_bare_writable(struct http_stream *stream, void *ctx)
{
    (void)stream;
    client_writable(ctx);
}

static void on_bare_close(struct http_stream *stream, void *ctx)
{
    (void)stream;
    forward_close(ctx);
}

/* --- acceptance --- */

static int accept_bare(struct forward *forward, struct http_stream *stream)
{
    static const char *const known[] = {"portforward.k8s.io", NULL};
    static const struct http_stream_events events = {
        .on_data = on_bare_data, .on_writable = on_bare_writable, .on_close = on_bare_close};
    struct http_head head = {.status = 101, .content_length = -1, .protocol = SLICE("SPDY/3.1")};
    const char *protocol = ws_protocol_choose(stream, "x-stream-protocol-version", known);
    int rc;

    if (!protocol)
        return ERR_INVALID;
    http_headers_add(&head.headers, http_stream_arena(stream), SLICE("x-stream-protocol-version"),
                     slice_str(protocol));
    rc = http_stream_send_head(stream, &head, false);
    if (rc == 0)
        http_stream_events_set(stream, &events, forward);
    forward->stream = stream;
    return rc;
}

/* One tunnel a port, with the port's number as the first message of both channels. */
static int channels_open(struct forward *forward, struct arena *arena, struct slice query)
{
    struct slice name, value, one;
    uint32_t channel = 0;
    uint64_t port;

    while (url_query_next(arena, &query, &name, &value)) {
        while (slice_eq_str(name, "ports") && slice_split_next(&value, ',', &one)) {
            struct tunnel *tunnel;

            if (slice_parse_u64(one, 65535, &port) < 0 || port == 0 ||
                forward->tunnel_count == FORWARD_TUNNELS_MAX)
                return ERR_INVALID;
            tunnel = tunnel_new(forward, (unsigned)port);
            tunnel->data_id = channel++;
            tunnel->error_id = channel++;
        }
    }
    return forward->tunnel_count > 0 ? 0 : ERR_INVALID;
}

static void channels_dial(struct forward *forward)
{
    LIST_EACH (node, &forward->tunnels) {
        struct tunnel *tunnel = CONTAINER_OF(node, struct tunnel, node);
        const char number[2] = {(char)(tunnel->port & 0xFF), (char)(tunnel->port >> 8)};

        data_send(tunnel, tunnel->data_id, slice_make(number, 2), false);
        data_send(tunnel, tunnel->error_id, slice_make(number, 2), false);
        tunnel_dial(tunnel);
    }
}

static int accept_ws(struct forward *forward, struct http_stream *stream, struct slice query)
{
    static const char *const known[] = {"SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io", NULL};
    const char *protocol = ws_protocol_choose(stream, "sec-websocket-protocol", known);
    int rc = protocol ? 0 : ERR_INVALID;

    forward->spdy = protocol == known[0];
    if (rc == 0 && !forward->spdy)
        rc = channels_open(forward, http_stream_arena(stream), query);
    if (rc == 0)
        rc = ws_accept(stream, protocol, SPDY_FRAME_MAX, &ws_events, forward, &forward->ws);
    if (rc == 0 && !forward->spdy)
        channels_dial(forward);
    return rc;
}

int forward_accept(struct http_stream *stream, struct slice query,
                   const struct forward_target *target, void *ctx)
{
    struct forward *forward = MEM_NEW(struct forward);
    int rc;

    forward->target = target;
    forward->ctx = ctx;
    forward->loop = http_stream_loop(stream);
    forward->spdy = true;
    list_init(&forward->tunnels);
    if (slice_eq_nocase(http_stream_head(stream)->protocol, SLICE("SPDY/3.1")))
        rc = accept_bare(forward, stream);
    else
        rc = accept_ws(forward, stream, query);
    if (rc < 0) {
        tunnels_free(forward);
        mem_free(forward);
        return rc;
    }
    if (forward->spdy) {
        spdy_reader_init(&forward->reader);
        spdy_writer_init(&forward->writer);
    }
    return 0;
}
