/* SPDX-License-Identifier: Apache-2.0 */
/* Relays, see relay.h. */
#include "http/relay.h"

#include "base/buf.h"
#include "base/mem.h"

enum { REFUSAL_MAX = 64 * 1024 };

struct relay {
    struct http_stream *client; /* NULL once closed */
    struct http_stream *server; /* NULL once closed */
    const struct http_relay_events *events;
    void *ctx;
    bool answered;           /* the client has its head */
    unsigned refused_status; /* the server refused with this */
    struct buf refusal;
};

static void relay_check(struct relay *relay)
{
    if (relay->client != NULL || relay->server != NULL)
        return;
    buf_deinit(&relay->refusal);
    relay->events->on_close(relay->ctx);
    mem_free(relay);
}

static void refuse(struct relay *relay)
{
    relay->answered = true;
    if (relay->client != NULL)
        relay->events->on_refused(relay->client, relay->refused_status, buf_slice(&relay->refusal),
                                  relay->ctx);
}

/* --- from the server --- */

static void server_on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    struct relay *relay = ctx;
    struct http_head copy = {.status = head->status, .content_length = -1};
    struct arena *arena;

    (void)stream;
    if (relay->client == NULL)
        return;
    if (head->status != 101 && head->status != 200) {
        relay->refused_status = head->status;
        if (end)
            refuse(relay);
        return;
    }
    arena = http_stream_arena(relay->client);
    for (size_t i = 0; i < head->headers.count; i++) {
        const struct http_header *header = &head->headers.items[i];

        if (!slice_eq_str(header->name, "content-length"))
            http_headers_add(&copy.headers, arena, arena_slice_dup(arena, header->name),
                             arena_slice_dup(arena, header->value));
    }
    relay->answered = true;
    if (http_stream_send_head(relay->client, &copy, end) != 0)
        http_stream_reset(relay->client, HTTP_RESET_LOCAL);
}

static void server_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct relay *relay = ctx;

    if (relay->refused_status != 0) {
        (void)buf_append(&relay->refusal, slice_head(data, REFUSAL_MAX - relay->refusal.len));
        if (end)
            refuse(relay);
        return;
    }
    if (relay->client != NULL && http_stream_send_data(relay->client, data, end) == ERR_AGAIN)
        http_stream_read_pause(stream);
}

static void server_on_writable(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    if (relay->client != NULL)
        http_stream_read_resume(relay->client);
}

static void server_on_reset(struct http_stream *stream, enum http_reset reason, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream, (void)reason;
    if (relay->client != NULL && relay->answered)
        http_stream_reset(relay->client, HTTP_RESET_CONN_TERMINATED);
}

static void server_on_close(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    relay->server = NULL;
    if (!relay->answered)
        refuse(relay);
    relay_check(relay);
}

/* --- from the client --- */

static void client_on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct relay *relay = ctx;

    if (relay->server != NULL && (data.len > 0 || end) &&
        http_stream_send_data(relay->server, data, end) == ERR_AGAIN)
        http_stream_read_pause(stream);
}

static void client_on_writable(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    if (relay->server != NULL)
        http_stream_read_resume(relay->server);
}

static void client_on_close(struct http_stream *stream, void *ctx)
{
    struct relay *relay = ctx;

    (void)stream;
    relay->client = NULL;
    if (relay->server != NULL)
        http_stream_reset(relay->server, HTTP_RESET_LOCAL);
    relay_check(relay);
}

/* --- start --- */

struct http_head http_relay_head(const struct http_head *asked, const char *authority,
                                 struct slice path, struct arena *arena)
{
    struct http_head head = {.method = asked->method,
                             .scheme = SLICE("http"),
                             .authority = slice_str(authority),
                             .path = path,
                             .protocol = asked->protocol,
                             .content_length = -1};

    for (size_t i = 0; i < asked->headers.count; i++) {
        const struct http_header *header = &asked->headers.items[i];

        if (!slice_eq_str(header->name, "authorization"))
            http_headers_add(&head.headers, arena, header->name, header->value);
    }
    return head;
}

int http_relay_start(struct http_stream *client, struct http_pool *pool,
                     const struct http_head *head, const struct http_relay_events *events,
                     void *ctx)
{
    static const struct http_stream_events server_events = {.on_head = server_on_head,
                                                            .on_data = server_on_data,
                                                            .on_writable = server_on_writable,
                                                            .on_reset = server_on_reset,
                                                            .on_close = server_on_close};
    static const struct http_stream_events client_events = {
        .on_data = client_on_data, .on_writable = client_on_writable, .on_close = client_on_close};
    struct relay *relay = MEM_NEW(struct relay);
    int rc = http_pool_stream(pool, &server_events, relay, &relay->server);

    if (rc < 0) {
        mem_free(relay);
        return rc;
    }
    relay->client = client;
    relay->events = events;
    relay->ctx = ctx;
    buf_init(&relay->refusal, REFUSAL_MAX);
    http_stream_events_set(client, &client_events, relay);
    if (http_stream_send_head(relay->server, head, head->protocol.len == 0) < 0)
        http_stream_reset(relay->server, HTTP_RESET_LOCAL); /* then it is refused without answer */
    return 0;
}
