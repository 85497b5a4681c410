/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of an HTTP/2 connection: what their users ask for, and what waited for them.
 *
 * Place   see h2_int.h
 * Owns    the data of a stream that nghttp2 has not taken, and what came while reading was paused
 * Limits  limits->output_high_watermark out (then ERR_AGAIN); H2_STREAM_WINDOW in, by flow control
 * Spec    RFC 9113 sections 5.1, 8.1, 8.3
 */
#include "http/h2_int.h"

enum { H2_FIELDS_EXTRA = 8, H2_NUMBER_SIZE = 24 };

static struct h2_conn *conn_of(const struct http_stream *stream)
{
    return stream->carrier;
}

void h2_stream_init(struct h2_conn *conn, struct http_stream *stream)
{
    struct h2_stream *h2 = ARENA_NEW(&stream->arena, struct h2_stream);

    stream->codec = h2;
    buf_init(&h2->out, 0);
    buf_init(&h2->in, 2 * H2_STREAM_WINDOW);
    list_append(&conn->streams, &stream->node);
    conn->stream_count++;
}

bool h2_stream_is_over(const struct http_stream *stream)
{
    if (stream->is_reset)
        return true;
    return stream->in_end && stream->out_end && h2_stream_of(stream)->closed;
}

void h2_stream_finish(struct h2_conn *conn, struct http_stream *stream)
{
    struct h2_stream *h2 = h2_stream_of(stream);
    struct http_cache *cache;

    if (stream->id && !h2->closed)
        nghttp2_session_set_stream_user_data(conn->session, stream->id, NULL);
    list_remove(&stream->node);
    conn->stream_count--;
    conn->since_ms = loop_now_ms(conn->loop);
    if (conn->pool && !conn->dead)
        pool_h2_ready(conn->pool);
    stream_on_close(stream);
    buf_deinit(&h2->out);
    buf_deinit(&h2->in);
    cache = h2_conn_cache(conn);
    stream_free(cache, stream);
}

void h2_stream_turn(struct h2_conn *conn, struct http_stream *stream)
{
    struct h2_stream *h2 = h2_stream_of(stream);

    if (stream->writable_wanted && !stream->is_reset &&
        h2->out.len - h2->out_at <= conn->limits.output_high_watermark / 2)
        stream_on_writable(stream);
    if (conn->dead || stream->is_reset || stream->read_paused)
        return;
    if (h2->in.len) {
        struct buf held = h2->in;

        /* The callback may pause again or reset; what it was given is given. */
        buf_init(&h2->in, 2 * H2_STREAM_WINDOW);
        if (!h2->closed)
            nghttp2_session_consume_stream(conn->session, stream->id, held.len);
        stream_on_data(stream, buf_slice(&held), false);
        buf_deinit(&held);
    }
    if (conn->dead || stream->is_reset || stream->read_paused || h2->in.len)
        return;
    if (h2->trailers_due) {
        h2->trailers_due = false;
        h2->in_end_due = false;
        stream_on_trailers(stream, &h2->in_trailers);
    } else if (h2->in_end_due) {
        h2->in_end_due = false;
        stream_on_data(stream, (struct slice){0}, true);
    }
}

/* --- fields --- */

static nghttp2_nv field(struct slice name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.len, value.len,
                        NGHTTP2_NV_FLAG_NONE};
}

static size_t headers_fields(const struct http_headers *headers, nghttp2_nv *fields)
{
    for (size_t i = 0; i < headers->count; i++)
        fields[i] = field(headers->items[i].name, headers->items[i].value);
    return headers->count;
}

/* content-length, when the head announces one that its headers lack. */
static size_t length_field(struct arena *arena, const struct http_head *head, nghttp2_nv *fields)
{
    char *text;

    if (head->content_length < 0 || http_headers_get(&head->headers, SLICE("content-length")))
        return 0;
    text = arena_printf(arena, "%lld", (long long)head->content_length);
    fields[0] = field(SLICE("content-length"), slice_str(text));
    return 1;
}

static size_t request_fields(const struct http_head *head, nghttp2_nv *fields)
{
    bool connect = slice_eq(head->method, SLICE("CONNECT"));
    bool tunnel = head->protocol.len > 0;
    size_t count = 0;

    /* RFC 8441: an upgrade travels as an extended CONNECT. */
    fields[count++] = field(SLICE(":method"), tunnel ? SLICE("CONNECT") : head->method);
    if (tunnel)
        fields[count++] = field(SLICE(":protocol"), head->protocol);
    if (!connect || tunnel) {
        fields[count++] = field(SLICE(":scheme"), head->scheme.len ? head->scheme : SLICE("http"));
        fields[count++] = field(SLICE(":path"), head->path.len ? head->path : SLICE("/"));
    }
    fields[count++] = field(SLICE(":authority"), head->authority);
    return count;
}

/* --- output --- */

/* nghttp2 asks for data to frame. */
static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *into, size_t size,
                              uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct http_stream *stream = source->ptr;
    struct h2_stream *h2 = h2_stream_of(stream);
    struct h2_conn *conn = ctx;
    size_t len = MIN(size, h2->out.len - h2->out_at);

    if (len == 0 && !stream->out_end) {
        h2->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len)
        memcpy(into, h2->out.data + h2->out_at, len);
    h2->out_at += len;
    if (h2->out_at == h2->out.len) {
        buf_reset(&h2->out);
        h2->out_at = 0;
        if (stream->out_end)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    if ((*flags & NGHTTP2_DATA_FLAG_EOF) && h2->out_trailers) {
        nghttp2_nv *fields = ARENA_ARRAY(&stream->arena, nghttp2_nv, h2->out_trailers->count);

        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, id, fields, headers_fields(h2->out_trailers, fields)) !=
            0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (stream->writable_wanted)
        h2_conn_task(conn);
    return (ssize_t)len;
}

static int send_head(struct http_stream *stream, const struct http_head *head, bool end)
{
    struct h2_conn *conn = conn_of(stream);
    nghttp2_nv *fields =
        ARENA_ARRAY(&stream->arena, nghttp2_nv, head->headers.count + H2_FIELDS_EXTRA);
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_data_wanted};
    size_t count = request_fields(head, fields);
    int32_t id;

    count += length_field(&stream->arena, head, fields + count);
    count += headers_fields(&head->headers, fields + count);
    stream->asked_head = slice_eq(head->method, SLICE("HEAD"));
    stream->head_sent = true;
    stream->out_end = end && !head->protocol.len;
    id = nghttp2_submit_request(conn->session, NULL, fields, count,
                                stream->out_end ? NULL : &provider, stream);
    if (id < 0) {
        stream->head_sent = false;
        stream->out_end = false;
        return id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? ERR_LIMIT : ERR_INVALID;
    }
    stream->id = id;
    h2_conn_task(conn);
    return 0;
}

/* An answer to an upgrade is 101 for a user of the interface, and 200 on the wire (RFC 8441). */
static unsigned status_on_wire(const struct http_stream *stream, unsigned status)
{
    return status == 101 && stream->asked_protocol.len ? 200 : status;
}

static int send_response(struct http_stream *stream, const struct http_head *head, bool end)
{
    struct h2_conn *conn = conn_of(stream);
    nghttp2_nv *fields =
        ARENA_ARRAY(&stream->arena, nghttp2_nv, head->headers.count + H2_FIELDS_EXTRA);
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_data_wanted};
    unsigned status = status_on_wire(stream, head->status);
    char *text = arena_printf(&stream->arena, "%u", status);
    size_t count = 0;
    int rc;

    fields[count++] = field(SLICE(":status"), slice_str(text));
    if (status >= 200 && status != 204)
        count += length_field(&stream->arena, head, fields + count);
    count += headers_fields(&head->headers, fields + count);
    if (status < 200) {
        rc = nghttp2_submit_headers(conn->session, NGHTTP2_FLAG_NONE, stream->id, NULL, fields,
                                    count, NULL);
    } else {
        stream->head_sent = true;
        stream->out_end = end;
        rc = nghttp2_submit_response(conn->session, stream->id, fields, count,
                                     end ? NULL : &provider);
    }
    h2_conn_task(conn);
    return rc == 0 ? 0 : ERR_INVALID;
}

static int send_data(struct http_stream *stream, struct slice data, bool end)
{
    struct h2_conn *conn = conn_of(stream);
    struct h2_stream *h2 = h2_stream_of(stream);

    if (buf_append(&h2->out, data) < 0)
        return ERR_LIMIT;
    stream->sent += data.len;
    stream->out_end = end;
    if (h2->deferred) {
        h2->deferred = false;
        nghttp2_session_resume_data(conn->session, stream->id);
    }
    h2_conn_task(conn);
    return h2->out.len - h2->out_at > conn->limits.output_high_watermark && !end ? ERR_AGAIN : 0;
}

static int send_trailers(struct http_stream *stream, const struct http_headers *trailers)
{
    struct http_headers *kept = ARENA_NEW(&stream->arena, struct http_headers);

    for (size_t i = 0; i < trailers->count; i++)
        http_headers_add(kept, &stream->arena,
                         arena_slice_dup(&stream->arena, trailers->items[i].name),
                         arena_slice_dup(&stream->arena, trailers->items[i].value));
    if (kept->count)
        h2_stream_of(stream)->out_trailers = kept;
    return send_data(stream, (struct slice){0}, true);
}

static void send_continue(struct http_stream *stream)
{
    struct http_head head = {.status = 100, .content_length = -1};

    if (stream->is_server && send_response(stream, &head, false) < 0)
        stream->expects_continue = false; /* the peer goes on without it, or resets */
}

static uint32_t code_of(const struct http_stream *stream, enum http_reset reason)
{
    switch (reason) {
    case HTTP_RESET_LIMIT:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case HTTP_RESET_PROTOCOL:
        return NGHTTP2_PROTOCOL_ERROR;
    case HTTP_RESET_REFUSED:
        return NGHTTP2_REFUSED_STREAM;
    default:
        return stream->is_server ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
    }
}

static void reset(struct http_stream *stream, enum http_reset reason)
{
    struct h2_conn *conn = conn_of(stream);

    if (stream->id && !h2_stream_of(stream)->closed) {
        nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream->id,
                                  code_of(stream, reason));
        nghttp2_session_set_stream_user_data(conn->session, stream->id, NULL);
        /* nghttp2 must not ask for its data any more: the stream goes in the task. */
        h2_stream_of(stream)->closed = true;
    }
    h2_conn_task(conn);
}

static void read_changed(struct http_stream *stream)
{
    if (!stream->read_paused)
        h2_conn_task(conn_of(stream));
}

static struct conn *conn_io(const struct http_stream *stream)
{
    return conn_of(stream)->io;
}

const struct stream_ops h2_client_ops = {
    .send_head = send_head,
    .send_data = send_data,
    .send_trailers = send_trailers,
    .send_continue = send_continue,
    .reset = reset,
    .read_changed = read_changed,
    .conn = conn_io,
};

const struct stream_ops h2_server_ops = {
    .send_head = send_response,
    .send_data = send_data,
    .send_trailers = send_trailers,
    .send_continue = send_continue,
    .reset = reset,
    .read_changed = read_changed,
    .conn = conn_io,
};
