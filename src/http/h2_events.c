/* SPDX-License-Identifier: Apache-2.0 */
/* What nghttp2 tells of an HTTP/2 connection, made into events of streams.
 *
 * nghttp2 has checked the message already (order and legality of fields, lengths, states). Here
 * are our limits, the interface's form of heads, and flow control: the connection's window opens as
 * data comes, a stream's only as its user takes it.
 *
 * Place   see h2_int.h
 * Limits  head_size_max, header_count_max: the stream is reset
 * Spec    RFC 9113 sections 8.1-8.3, 6
 */
#include "http/h2_int.h"

enum { H2_FIELD_OVERHEAD = 32 }; /* RFC 9113 6.5.2: what a field costs beside its bytes */

static struct http_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* After a callback of a user: nghttp2 must stop when the connection died in it. */
static int go_on(const struct h2_conn *conn)
{
    return conn->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- heads --- */

static struct http_stream *server_stream_new(struct h2_conn *conn, int32_t id)
{
    struct http_stream *stream = stream_new(&conn->server->cache, conn->loop, &h2_server_ops, conn);

    stream->is_server = true;
    stream->id = id;
    stream->conn_reused = conn->request_count++ > 0;
    h2_stream_init(conn, stream);
    nghttp2_session_set_stream_user_data(conn->session, id, stream);
    return stream;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream;
    struct h2_stream *h2;

    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    conn->head_since_ms = loop_now_ms(conn->loop);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && conn->server)
        stream = server_stream_new(conn, frame->hd.stream_id);
    else
        stream = stream_of(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    h2 = h2_stream_of(stream);
    h2->head_size = 0;
    h2->header_count = 0;
    h2->trailer_block = stream->head_received;
    if (!h2->trailer_block)
        stream->head = (struct http_head){.version = HTTP_VERSION_2, .content_length = -1};
    return 0;
}

static void pseudo_set(struct http_head *head, struct slice name, struct slice value)
{
    uint64_t status;

    if (slice_eq(name, SLICE(":method")))
        head->method = value;
    else if (slice_eq(name, SLICE(":scheme")))
        head->scheme = value;
    else if (slice_eq(name, SLICE(":authority")))
        head->authority = value;
    else if (slice_eq(name, SLICE(":path")))
        head->path = value;
    else if (slice_eq(name, SLICE(":protocol")))
        head->protocol = value;
    else if (slice_eq(name, SLICE(":status")) && slice_parse_u64(value, 999, &status) == 0)
        head->status = (unsigned)status;
}

/* RFC 9113 8.2.3: a cookie that came in pieces is one again for everybody above. */
static bool cookie_join(struct http_stream *stream, struct slice value)
{
    struct http_headers *headers = &stream->head.headers;

    for (size_t i = 0; i < headers->count; i++) {
        struct slice old = headers->items[i].value;

        if (!slice_eq(headers->items[i].name, SLICE("cookie")))
            continue;
        headers->items[i].value =
            slice_str(arena_printf(&stream->arena, "%.*s; %.*s", SLICE_ARG(old), SLICE_ARG(value)));
        return true;
    }
    return false;
}

static void header_set(struct http_stream *stream, struct slice name, struct slice value)
{
    struct http_head *head = &stream->head;
    uint64_t length;

    if (slice_eq(name, SLICE("host"))) {
        if (!head->authority.len)
            head->authority = value;
        return;
    }
    if (slice_eq(name, SLICE("cookie")) && cookie_join(stream, value))
        return;
    if (slice_eq(name, SLICE("content-length")) && slice_parse_u64(value, INT64_MAX, &length) == 0)
        head->content_length = (int64_t)length;
    http_headers_add(&head->headers, &stream->arena, name, value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream = stream_of(session, frame->hd.stream_id);
    struct slice name_copy;
    struct slice value_copy;
    struct h2_stream *h2;

    (void)flags;
    if (!stream)
        return 0;
    h2 = h2_stream_of(stream);
    h2->head_size += name_len + value_len + H2_FIELD_OVERHEAD;
    if (h2->head_size > conn->limits.head_size_max ||
        ++h2->header_count > conn->limits.header_count_max)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the stream is reset */
    name_copy = arena_slice_dup(&stream->arena, slice_make(name, name_len));
    value_copy = arena_slice_dup(&stream->arena, slice_make(value, value_len));
    if (h2->trailer_block)
        http_headers_add(&h2->in_trailers, &stream->arena, name_copy, value_copy);
    else if (name_len && name[0] == ':')
        pseudo_set(&stream->head, name_copy, value_copy);
    else
        header_set(stream, name_copy, value_copy);
    return 0;
}

static void request_arrived(struct h2_conn *conn, struct http_stream *stream, bool end)
{
    struct http_head *head = &stream->head;
    struct slice expect = http_headers_value(&head->headers, SLICE("expect"));

    stream->asked_head = slice_eq(head->method, SLICE("HEAD"));
    stream->asked_connect = slice_eq(head->method, SLICE("CONNECT"));
    stream->asked_protocol = head->protocol;
    stream->expects_continue = !end && slice_eq_nocase(expect, SLICE("100-continue"));
    conn->server->on_stream(stream, conn->server->ctx);
    if (!conn->dead && !stream->is_reset)
        stream_on_head(stream, end);
}

static void response_arrived(struct http_stream *stream, bool end)
{
    if (stream->head.status < 200) {
        stream_on_informational(stream);
        return;
    }
    /* RFC 8441: the success of an extended CONNECT is what 101 is in HTTP/1. */
    if (stream->asked_protocol.len && stream->head.status == 200)
        stream->head.status = 101;
    stream_on_head(stream, end);
}

static int headers_arrived(struct h2_conn *conn, struct http_stream *stream, bool end)
{
    struct h2_stream *h2 = h2_stream_of(stream);

    conn->head_since_ms = 0;
    h2->in_closed = end;
    if (h2->trailer_block) {
        h2->trailers_due = true;
        h2_stream_turn(conn, stream);
    } else if (conn->server) {
        request_arrived(conn, stream, end);
    } else {
        response_arrived(stream, end);
    }
    return go_on(conn);
}

/* --- other frames --- */

static int control_arrived(struct h2_conn *conn, const nghttp2_frame *frame)
{
    bool ack = frame->hd.flags & NGHTTP2_FLAG_ACK;

    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        conn->settings_seen |= !ack;
        if (!ack && conn->pool)
            pool_h2_ready(conn->pool);
        break;
    case NGHTTP2_PING:
        if (ack)
            conn->ping_sent = false;
        break;
    case NGHTTP2_GOAWAY:
        conn->draining = true;
        break;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PRIORITY:
        break;
    default:
        return 0;
    }
    if (ack || h2_conn_calm(conn))
        return 0;
    nghttp2_session_terminate_session(conn->session, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return control_arrived(conn, frame);
    stream = stream_of(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        return headers_arrived(conn, stream, end);
    if (frame->hd.length == 0 && !end && !h2_conn_calm(conn))
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    if (!end)
        return 0;
    h2_stream_of(stream)->in_closed = true;
    h2_stream_of(stream)->in_end_due = true;
    h2_stream_turn(conn, stream);
    return go_on(conn);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream = stream_of(session, id);
    struct h2_stream *h2;

    (void)flags;
    /* A stream that its user holds up must not hold up the others. */
    nghttp2_session_consume_connection(session, len);
    if (!stream)
        return 0;
    h2 = h2_stream_of(stream);
    if (stream->is_reset) {
        nghttp2_session_consume_stream(session, id, len);
        return 0;
    }
    if (stream->read_paused || h2->in.len) {
        if (buf_append(&h2->in, slice_make(data, len)) < 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE; /* flow control makes this impossible */
        return 0;
    }
    nghttp2_session_consume_stream(session, id, len);
    stream_on_data(stream, slice_make(data, len), false);
    return go_on(conn);
}

/* A whole answer to a request that is still coming: nobody wants the rest (RFC 9113 8.1). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream;

    /* Resets that the peer provokes cost as much as those it sends (CVE-2025-8671). */
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        conn->server && !h2_conn_calm(conn))
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || !conn->server)
        return 0;
    stream = stream_of(session, frame->hd.stream_id);
    if (stream && !h2_stream_of(stream)->in_closed)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR);
    return 0;
}

static enum http_reset reason_of(uint32_t code)
{
    switch (code) {
    case NGHTTP2_REFUSED_STREAM:
        return HTTP_RESET_REFUSED;
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR:
        return HTTP_RESET_PROTOCOL;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return HTTP_RESET_LIMIT;
    default:
        return HTTP_RESET_REMOTE_RESET;
    }
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream = stream_of(session, id);
    struct h2_stream *h2;

    if (!stream)
        return 0;
    h2 = h2_stream_of(stream);
    h2->closed = true;
    h2_conn_task(conn);
    if (stream->is_reset)
        return 0;
    if (code == NGHTTP2_NO_ERROR && (conn->server ? stream->out_end : h2->in_closed)) {
        /* The answer is whole; the rest of the request concerns nobody any more. */
        stream->out_end = true;
        if (conn->server && !h2->in_closed)
            stream->in_end = true;
        return 0;
    }
    stream_on_reset(stream, reason_of(code));
    return go_on(conn);
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code,
                             void *ctx)
{
    struct h2_conn *conn = ctx;
    struct http_stream *stream;

    (void)code;
    /* A request that could not leave (GOAWAY came, ids used up) was not seen by the peer. */
    if (frame->hd.type != NGHTTP2_HEADERS || conn->server)
        return 0;
    stream = stream_of(session, frame->hd.stream_id);
    if (!stream || stream->is_reset)
        return 0;
    h2_stream_of(stream)->closed = true;
    stream_on_reset(stream, HTTP_RESET_REFUSED);
    h2_conn_task(conn);
    return go_on(conn);
}

/* --- the session --- */

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *callbacks = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

static int settings_submit(struct h2_conn *conn)
{
    nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)conn->limits.head_size_max},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conn->limits.streams_max},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };

    if (conn->pool) {
        entries[2] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
        return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, entries, 3);
    }
    return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, entries, 4);
}

int h2_events_session(struct h2_conn *conn)
{
    nghttp2_session_callbacks *callbacks = callbacks_new();
    nghttp2_option *option = NULL;
    int rc = -1;

    if (callbacks && nghttp2_option_new(&option) == 0) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        rc = conn->server ? nghttp2_session_server_new2(&conn->session, callbacks, conn, option)
                          : nghttp2_session_client_new2(&conn->session, callbacks, conn, option);
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    if (rc == 0)
        rc = settings_submit(conn);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0,
                                                   H2_CONN_WINDOW);
    return rc == 0 ? 0 : ERR_NO_MEMORY;
}
