/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes from a client to a server that tells HTTP/1 from HTTP/2 by itself, and from a server
 * to a pool of ours: nothing may crash, leak, or keep a stream for ever. The first byte chooses the
 * side and the codec, the second how the input is cut. */
#include "http/client.h"
#include "http/server.h"
#include "io/loop.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVES_AUTO, SERVES_HTTP2, ASKS_HTTP1, ASKS_HTTP2, SIDE_COUNT };

struct world {
    struct loop *loop;
    int opened;
    int closed;
};

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    (void)ctx;
    if (head->status == 0 && (end || head->path.len % 2))
        http_stream_respond(stream, 200, "text/plain", SLICE("answer"));
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    (void)data;
    (void)ctx;
    if (end && http_stream_head(stream)->status == 0)
        http_stream_respond(stream, 200, "text/plain", SLICE("answer"));
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct world *world = ctx;

    (void)stream;
    world->closed++;
}

static const struct http_stream_events events = {
    .on_head = on_head, .on_data = on_data, .on_close = on_close};

static void on_stream(struct http_stream *stream, void *ctx)
{
    struct world *world = ctx;

    world->opened++;
    http_stream_events_set(stream, &events, world);
}

static void turns(struct world *world)
{
    for (int i = 0; i < 3; i++)
        loop_run_once(world->loop, 0);
}

/* Says the input in pieces. */
static void speak(struct world *world, int fd, const uint8_t *data, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step) {
        if (send(fd, data + at, MIN(step, size - at), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        turns(world);
    }
    close(fd);
    turns(world);
}

static void serve(struct world *world, enum http_codec codec, const uint8_t *data, size_t size,
                  size_t step)
{
    struct http_server_options options = {.codec = codec, .http10_accepted = true};
    struct http_server *server;
    int pair[2];

    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    ASSERT(http_server_new(world->loop, &options, on_stream, world, &server) == 0);
    ASSERT(http_server_adopt_fd(server, pair[0]) == 0);
    speak(world, pair[1], data, size, step);
    http_server_free(server);
}

static int listener_make(struct addr *addr)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    /* the kernel chooses an abstract name */
    ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) == 0);
    ASSERT(listen(fd, 4) == 0 && addr_of_socket(fd, addr) == 0);
    return fd;
}

static void ask(struct world *world, enum http_codec codec, const uint8_t *data, size_t size,
                size_t step)
{
    struct http_pool_options options = {.codec = codec, .conns_max = 1};
    struct http_head head = {.method = SLICE("GET"),
                             .scheme = SLICE("http"),
                             .path = SLICE("/"),
                             .authority = SLICE("h"),
                             .content_length = -1};
    int listen_fd = listener_make(&options.addr);
    struct http_stream *stream;
    struct http_pool *pool;
    int fd;

    ASSERT(http_pool_new(world->loop, &options, &pool) == 0);
    for (int i = 0; i < 2; i++) {
        ASSERT(http_pool_stream(pool, &events, world, &stream) == 0);
        world->opened++;
        ASSERT(http_stream_send_head(stream, &head, true) == 0);
    }
    turns(world);
    fd = accept(listen_fd, NULL, NULL);
    close(listen_fd);
    if (fd >= 0)
        speak(world, fd, data, size, step);
    http_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {0};
    size_t step;

    if (size < 3)
        return 0;
    ASSERT(loop_new(&world.loop) == 0);
    step = data[1] ? (size_t)data[1] * 8 : size;
    switch (data[0] % SIDE_COUNT) {
    case SERVES_AUTO:
        serve(&world, HTTP_CODEC_AUTO, data + 2, size - 2, step);
        break;
    case SERVES_HTTP2:
        serve(&world, HTTP_CODEC_HTTP2, data + 2, size - 2, step);
        break;
    case ASKS_HTTP1:
        ask(&world, HTTP_CODEC_HTTP1, data + 2, size - 2, step);
        break;
    default:
        ask(&world, HTTP_CODEC_HTTP2, data + 2, size - 2, step);
        break;
    }
    ASSERT(world.opened == world.closed);
    loop_free(world.loop);
    return 0;
}
