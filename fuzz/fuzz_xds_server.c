/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a client's requests on a discovery stream (first byte: which protocol; then, each
 * behind its length in one byte, the messages). Whatever came, what is sent back can be read, and
 * the server comes to rest.
 */
#include "wire/proto.h"
#include "xds/pb/discovery.h"
#include "xds/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice names[] = {{"a", 1}, {"b", 1}, {"c", 1}};

struct peer {
    bool delta;
    unsigned sent;
    bool full; /* every third message meets back-pressure */
};

static size_t count(const void *set, enum xds_type type)
{
    (void)type;
    return *(const size_t *)set;
}

static void at(const void *set, enum xds_type type, size_t index, struct xds_server_resource *ret)
{
    (void)set;
    ret->name = names[index];
    ret->bytes = SLICE("\x0a\x01x");
    ret->hash = index + (unsigned)type;
}

static bool find(const void *set, enum xds_type type, struct slice name,
                 struct xds_server_resource *ret)
{
    for (size_t i = 0; i < count(set, type); i++) {
        if (!slice_eq(name, names[i]))
            continue;
        at(set, type, i, ret);
        return true;
    }
    return false;
}

static int on_node(struct xds_server *server, const struct pb_node *node, void *ctx)
{
    static const size_t two = 2;

    (void)node;
    (void)ctx;
    xds_server_update(server, &two, 1);
    return 0;
}

static int on_send(struct slice message, void *ctx)
{
    struct peer *peer = ctx;
    struct arena arena;
    struct error err = {0};
    void *decoded;

    arena_init(&arena, 0);
    ASSERT(
        proto_decode(peer->delta ? &pb_delta_discovery_response_desc : &pb_discovery_response_desc,
                     message, NULL, &arena, &decoded, NULL, &err) == 0);
    arena_deinit(&arena);
    peer->full = ++peer->sent % 3 == 0;
    return peer->full ? ERR_AGAIN : 0;
}

static void on_nack(enum xds_type type, struct slice reason, void *ctx)
{
    (void)type;
    (void)reason;
    (void)ctx;
}

/* All that is due leaves. */
static void settle(struct xds_server *server, struct peer *peer, uint64_t *now_ms)
{
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t due_ms = xds_server_flush(server, *now_ms);

        if (peer->full)
            xds_server_writable(server);
        else if (due_ms <= *now_ms)
            return;
        peer->full = false;
        *now_ms = MAX(*now_ms, due_ms);
    }
    ASSERT(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct xds_server_hooks hooks = {count, at, find, on_node, on_send, on_nack};
    static const size_t three = 3;
    struct peer peer = {0};
    struct xds_server *server;
    struct error err = {0};
    uint64_t now_ms = 1;
    uint64_t version = 2;

    if (size == 0)
        return 0;
    peer.delta = data[0] & 1;
    server = xds_server_new(peer.delta, &hooks, &peer);
    for (size_t i = 1; i < size;) {
        size_t len = MIN((size_t)data[i], size - i - 1);

        if (data[i] == 255)
            xds_server_update(server, &three, version++);
        else if (xds_server_receive(server, slice_make(data + i + 1, len), now_ms, &err) < 0)
            break; /* the stream ends */
        settle(server, &peer, &now_ms);
        i += 1 + len;
    }
    xds_server_free(server);
    return 0;
}
