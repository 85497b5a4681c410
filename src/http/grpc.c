/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC calls over http streams: see grpc.h.
 *
 * A call lives as long as its stream: it is freed in the stream's on_close. What ends it (status
 * in trailers, a broken stream, grpc_call_cancel) only sets what on_finish will say.
 */
#include "http/grpc.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>

enum { GRPC_PREFIX_SIZE = 5, GRPC_MESSAGE_MAX = 32 * 1024 * 1024, GRPC_TEXT_SIZE = 512 };

struct grpc_call {
    struct http_stream *stream;
    const struct grpc_events *events; /* NULL once cancelled */
    void *ctx;
    struct buf in; /* bytes of messages that are not whole */
    bool is_server;
    bool half_closed; /* the peer sends no more */
    bool finishing;   /* servers: the status is on its way */
    bool has_status;
    bool answered;  /* clients: a head came */
    bool unreached; /* clients: see grpc_call_unreached() */
    enum grpc_status status;
    char text[GRPC_TEXT_SIZE];
};

/* --- status --- */

static void status_set(struct grpc_call *call, enum grpc_status status, const char *text)
{
    if (call->has_status)
        return;
    call->has_status = true;
    call->status = status;
    snprintf(call->text, sizeof call->text, "%s", text);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(struct slice text, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 1 < size; i++) {
        int high = i + 2 < text.len && text.data[i] == '%' ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;

        if (low >= 0) {
            out[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[len++] = text.data[i];
        }
    }
    out[len] = '\0';
}

struct slice grpc_message_encode(struct arena *arena, struct slice text)
{
    char *out = arena_bytes(arena, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= 0x20 && c <= 0x7e && c != '%')
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, 4, "%%%02X", c);
    }
    return slice_make(out, len);
}

static bool status_read(struct grpc_call *call, const struct http_headers *headers)
{
    struct slice value = http_headers_value(headers, SLICE("grpc-status"));
    char text[GRPC_TEXT_SIZE];
    uint64_t status;

    if (!value.data)
        return false;
    percent_decode(http_headers_value(headers, SLICE("grpc-message")), text, sizeof text);
    if (slice_parse_u64(value, 16, &status) < 0)
        status_set(call, GRPC_UNKNOWN, "the peer sent an invalid grpc-status");
    else
        status_set(call, (enum grpc_status)status, text);
    return true;
}

/* gRPC's mapping of plain HTTP answers (http-grpc-status-mapping). */
static enum grpc_status status_of_http(unsigned status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

static void end_with(struct grpc_call *call, enum grpc_status status, const char *text)
{
    status_set(call, status, text);
    if (call->is_server)
        grpc_call_finish(call, status, text);
    else
        http_stream_reset(call->stream, HTTP_RESET_LOCAL);
}

/* --- messages --- */

static void messages_deliver(struct grpc_call *call)
{
    while (call->in.len >= GRPC_PREFIX_SIZE && call->events && !call->finishing) {
        const unsigned char *prefix = (const unsigned char *)call->in.data;
        size_t len =
            (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];

        if (prefix[0] != 0) {
            end_with(call, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
            return;
        }
        if (len > GRPC_MESSAGE_MAX) {
            end_with(call, GRPC_RESOURCE_EXHAUSTED, "the message is larger than 32 MiB");
            return;
        }
        if (call->in.len - GRPC_PREFIX_SIZE < len)
            return;
        if (call->events->on_message)
            call->events->on_message(call, slice_make(call->in.data + GRPC_PREFIX_SIZE, len),
                                     call->ctx);
        buf_consume(&call->in, GRPC_PREFIX_SIZE + len);
    }
    if (call->in.len == 0)
        buf_deinit(&call->in); /* a quiet call holds no buffer */
}

static void half_close(struct grpc_call *call)
{
    if (call->half_closed)
        return;
    call->half_closed = true;
    if (call->in.len && call->is_server) {
        end_with(call, GRPC_INTERNAL, "the stream ended within a message");
        return;
    }
    if (call->in.len && !call->has_status)
        status_set(call, GRPC_INTERNAL, "the stream ended within a message");
    if (call->is_server && call->events && call->events->on_half_close)
        call->events->on_half_close(call, call->ctx);
}

/* --- the stream's events --- */

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct grpc_call *call = ctx;
    char text[64];

    (void)stream;
    call->answered = true;
    if (call->is_server || status_read(call, &head->headers))
        return;
    if (head->status == 200)
        return;
    snprintf(text, sizeof text, "the server answered with HTTP status %u", head->status);
    status_set(call, status_of_http(head->status), text);
    if (!end)
        http_stream_reset(call->stream, HTTP_RESET_LOCAL);
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct grpc_call *call = ctx;

    (void)stream;
    if (data.len && buf_append(&call->in, data) < 0) {
        end_with(call, GRPC_RESOURCE_EXHAUSTED, "the message is larger than 32 MiB");
        return;
    }
    messages_deliver(call);
    if (end)
        half_close(call);
}

static void on_trailers(struct http_stream *stream, const struct http_headers *trailers, void *ctx)
{
    struct grpc_call *call = ctx;

    (void)stream;
    if (!call->is_server)
        status_read(call, trailers);
    half_close(call);
}

/* Only who speaks HTTP/2 resets one stream; all else can come from a server of another protocol. */
static bool is_unreached(enum http_reset reason)
{
    return reason != HTTP_RESET_REMOTE_RESET && reason != HTTP_RESET_REFUSED;
}

static void on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct grpc_call *call = ctx;

    (void)stream;
    call->unreached = !call->answered && is_unreached(reason);
    status_set(call, call->is_server ? GRPC_CANCELLED : GRPC_UNAVAILABLE, http_reset_text(reason));
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct grpc_call *call = ctx;

    (void)stream;
    if (call->events && call->events->on_writable)
        call->events->on_writable(call, call->ctx);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct grpc_call *call = ctx;

    (void)stream;
    if (!call->is_server)
        status_set(call, GRPC_UNKNOWN, "the server ended the call without a status");
    else if (call->finishing && call->status != GRPC_CANCELLED)
        status_set(call, GRPC_OK, "");
    else
        status_set(call, GRPC_CANCELLED, "the client went away");
    if (call->events && call->events->on_finish)
        call->events->on_finish(call, call->status, call->text, call->ctx);
    buf_deinit(&call->in);
    mem_free(call);
}

static const struct http_stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* --- calls --- */

static struct grpc_call *call_new(const struct grpc_events *events, void *ctx, bool is_server)
{
    struct grpc_call *call = MEM_NEW(struct grpc_call);

    call->events = events;
    call->ctx = ctx;
    call->is_server = is_server;
    buf_init(&call->in, GRPC_MESSAGE_MAX + GRPC_PREFIX_SIZE + LOOP_SCRATCH_SIZE);
    return call;
}

int grpc_call_start(struct http_pool *pool, const struct grpc_method *method,
                    const struct grpc_events *events, void *ctx, struct grpc_call **ret)
{
    struct grpc_call *call = call_new(events, ctx, false);
    struct http_head head = {.version = HTTP_VERSION_2, .content_length = -1};
    struct arena *arena;
    int rc = http_pool_stream(pool, &stream_events, call, &call->stream);

    if (rc < 0) {
        mem_free(call);
        return rc;
    }
    arena = http_stream_arena(call->stream);
    head.method = SLICE("POST");
    head.scheme = SLICE("http");
    head.path = slice_str(method->path);
    head.authority = slice_str(method->authority);
    http_headers_add(&head.headers, arena, SLICE("content-type"), SLICE("application/grpc"));
    http_headers_add(&head.headers, arena, SLICE("te"), SLICE("trailers"));
    for (size_t i = 0; i < method->metadata_count; i++)
        http_headers_add(&head.headers, arena, method->metadata[i].name, method->metadata[i].value);
    rc = http_stream_send_head(call->stream, &head, false);
    if (rc < 0) {
        call->events = NULL; /* freed with the stream */
        http_stream_reset(call->stream, HTTP_RESET_LOCAL);
        return rc;
    }
    *ret = call;
    return 0;
}

int grpc_call_accept(struct http_stream *stream, const struct grpc_events *events, void *ctx,
                     struct grpc_call **ret)
{
    const struct http_head *request = http_stream_head(stream);
    struct http_head head = {.status = 200, .content_length = -1};
    struct grpc_call *call;
    int rc;

    if (!slice_starts_with_nocase(http_headers_value(&request->headers, SLICE("content-type")),
                                  SLICE("application/grpc"))) {
        http_stream_respond(stream, 415, "text/plain",
                            SLICE("this path speaks gRPC: content-type must be application/grpc"));
        return ERR_INVALID;
    }
    http_headers_add(&head.headers, http_stream_arena(stream), SLICE("content-type"),
                     SLICE("application/grpc"));
    rc = http_stream_send_head(stream, &head, false);
    if (rc < 0)
        return rc;
    call = call_new(events, ctx, true);
    call->stream = stream;
    http_stream_events_set(stream, &stream_events, call);
    *ret = call;
    return 0;
}

int grpc_call_send(struct grpc_call *call, struct slice message)
{
    unsigned char prefix[GRPC_PREFIX_SIZE] = {
        0, (unsigned char)(message.len >> 24), (unsigned char)(message.len >> 16),
        (unsigned char)(message.len >> 8), (unsigned char)message.len};
    int rc;

    if (message.len > GRPC_MESSAGE_MAX)
        return ERR_LIMIT;
    if (call->finishing)
        return ERR_CLOSED;
    rc = http_stream_send_data(call->stream, slice_make(prefix, sizeof prefix), false);
    if (rc < 0 && rc != ERR_AGAIN)
        return rc;
    return message.len ? http_stream_send_data(call->stream, message, false) : rc;
}

void grpc_call_half_close(struct grpc_call *call)
{
    /* A stream that broke tells of it in on_finish. */
    if (http_stream_send_data(call->stream, (struct slice){0}, true) < 0)
        return;
}

void grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *message)
{
    struct arena *arena = http_stream_arena(call->stream);
    struct http_headers trailers = {0};

    if (call->finishing)
        return;
    call->finishing = true;
    http_headers_add(&trailers, arena, SLICE("grpc-status"),
                     slice_str(arena_printf(arena, "%d", (int)status)));
    if (message && message[0])
        http_headers_add(&trailers, arena, SLICE("grpc-message"),
                         grpc_message_encode(arena, slice_str(message)));
    if (http_stream_send_trailers(call->stream, &trailers) < 0)
        return; /* broken: on_finish says so */
}

void grpc_call_cancel(struct grpc_call *call)
{
    if (!call)
        return;
    call->events = NULL;
    http_stream_reset(call->stream, HTTP_RESET_LOCAL);
}

struct http_stream *grpc_call_stream(struct grpc_call *call)
{
    return call->stream;
}

bool grpc_call_unreached(const struct grpc_call *call)
{
    return call->unreached;
}

const char *grpc_status_name(enum grpc_status status)
{
    static const char *const names[] = {
        "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
        "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
        "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
        "DataLoss", "Unauthenticated"};

    return status < ARRAY_LEN(names) ? names[status] : "Unknown";
}

const struct http_head *grpc_call_head(struct grpc_call *call)
{
    return http_stream_head(call->stream);
}
