/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over a WebSocket, see channels.h. */
#include "kube/channels.h"

#include "base/mem.h"
#include "http/ws.h"
#include "wire/json.h"

enum { MESSAGE_MAX = 1 << 20, COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24 };

struct channels {
    struct ws *ws;
    const struct channels_events *events;
    void *ctx;
};

static void resize(struct channels *channels, struct slice text)
{
    SCOPED(json_drop) json_t *size = NULL;

    if (json_parse(text, NULL, &size, NULL) < 0)
        return;
    channels->events->on_resize((unsigned)json_get_int(size, "Width", COLUMNS_DEFAULT),
                                (unsigned)json_get_int(size, "Height", ROWS_DEFAULT),
                                channels->ctx);
}

static void on_message(struct ws *ws, struct slice payload, void *ctx)
{
    struct channels *channels = ctx;
    struct slice body = slice_from(payload, MIN((size_t)1, payload.len));

    (void)ws;
    if (payload.len == 0)
        return;
    switch ((uint8_t)payload.data[0]) {
    case CHANNELS_STDIN:
        channels->events->on_input(body, channels->ctx);
        break;
    case CHANNELS_RESIZE:
        resize(channels, body);
        break;
    case CHANNELS_CLOSE:
        if (body.len == 1 && body.data[0] == CHANNELS_STDIN)
            channels->events->on_input_end(channels->ctx);
        break;
    default:
        break;
    }
}

static void on_end(struct ws *ws, void *ctx)
{
    struct channels *channels = ctx;

    (void)ws;
    channels->events->on_input_end(channels->ctx);
}

static void on_writable(struct ws *ws, void *ctx)
{
    struct channels *channels = ctx;

    (void)ws;
    channels->events->on_writable(channels->ctx);
}

static void on_close(struct ws *ws, void *ctx)
{
    struct channels *channels = ctx;

    (void)ws;
    channels->events->on_close(channels->ctx);
    mem_free(channels);
}

static const char *protocol_choose(struct http_stream *stream)
{
    static const char *const known[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", NULL};

    return ws_protocol_choose(stream, "sec-websocket-protocol", known);
}

bool channels_are_asked(struct http_stream *stream)
{
    return slice_eq_nocase(http_stream_head(stream)->protocol, SLICE("websocket")) &&
           protocol_choose(stream) != NULL;
}

int channels_accept(struct http_stream *stream, const struct channels_events *events, void *ctx,
                    struct channels **ret)
{
    static const struct ws_events ws_events = {.on_message = on_message,
                                               .on_end = on_end,
                                               .on_writable = on_writable,
                                               .on_close = on_close};
    const char *protocol = protocol_choose(stream);
    struct channels *channels = MEM_NEW(struct channels);
    int rc = protocol
                 ? ws_accept(stream, protocol, MESSAGE_MAX, &ws_events, channels, &channels->ws)
                 : ERR_INVALID;

    if (rc < 0) {
        mem_free(channels);
        return rc;
    }
    channels->events = events;
    channels->ctx = ctx;
    *ret = channels;
    /* as the real server begins; nobody waits for it */
    return channels_send(channels, CHANNELS_STDOUT, (struct slice){0}) == ERR_LIMIT ? ERR_LIMIT : 0;
}

int channels_send(struct channels *channels, enum channels_number channel, struct slice bytes)
{
    char number = (char)channel;

    return ws_send(channels->ws, slice_make(&number, 1), bytes);
}

static json_t *status_json(int exit_code)
{
    SCOPED(mem_drop) char *code = mem_printf("%d", exit_code);
    SCOPED(mem_drop)
    char *message =
        mem_printf("command terminated with non-zero exit code: exit status %d", exit_code);

    if (exit_code == 0)
        return json_pack("{s:{},s:s}", "metadata", "status", "Success");
    return json_pack("{s:{},s:s,s:s,s:s,s:{s:[{s:s,s:s}]}}", "metadata", "status", "Failure",
                     "message", message, "reason", "NonZeroExitCode", "details", "causes", "reason",
                     "ExitCode", "message", code);
}

void channels_finish(struct channels *channels, int exit_code)
{
    SCOPED(json_drop) json_t *status = status_json(exit_code);
    SCOPED(mem_drop) char *text = json_format_str(status, JSON_FORMAT_COMPACT);

    if (channels_send(channels, CHANNELS_STATUS, slice_str(text)) == ERR_LIMIT)
        ws_reset(channels->ws);
    else
        ws_finish(channels->ws);
}

void channels_read_pause(struct channels *channels)
{
    ws_read_pause(channels->ws);
}

void channels_read_resume(struct channels *channels)
{
    ws_read_resume(channels->ws);
}
