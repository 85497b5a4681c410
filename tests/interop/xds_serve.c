/* SPDX-License-Identifier: Apache-2.0 */
/* xds_serve FILE.yaml: serves the resources of a YAML file over ADS, delta and state of the world.
 *
 * The file holds one document a resource: its "@type", and its fields in proto3 JSON spelling. It
 * is read again when its modification time changes. Prints "listening PORT", "node ID", "nack TYPE
 * REASON", "settled VERSION", one a line.
 *
 * Place   tests of other people's proxies and of weft-proxy, without a control plane
 */
#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "http/grpc.h"
#include "http/server.h"
#include "wire/pb_known.h"
#include "wire/proto.h"
#include "wire/yaml.h"
#include "xds/pb/core.h"
#include "xds/pb/registry.h"
#include "xds/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { POLL_MS = 20, STREAM_MAX = 16 };

struct set {
    VEC(struct xds_server_resource) kinds[XDS_TYPE_COUNT];
};

struct stream {
    struct program *program;
    struct grpc_call *call;
    struct xds_server *server;
    uint64_t settled; /* version that was last printed as settled */
};

struct program {
    struct loop *loop;
    const char *path;
    struct timespec read_time;
    struct arena arena; /* of every set so far: a test is short */
    struct set *set;
    uint64_t version;
    struct stream *streams[STREAM_MAX];
    struct loop_timer timer;
};

static size_t set_count(const void *set, enum xds_type type)
{
    return ((const struct set *)set)->kinds[type].count;
}

static void set_at(const void *set, enum xds_type type, size_t index,
                   struct xds_server_resource *ret)
{
    *ret = ((const struct set *)set)->kinds[type].items[index];
}

static bool set_find(const void *set, enum xds_type type, struct slice name,
                     struct xds_server_resource *ret)
{
    for (size_t i = 0; i < set_count(set, type); i++) {
        set_at(set, type, i, ret);
        if (slice_eq(ret->name, name))
            return true;
    }
    return false;
}

static int resource_add(struct program *program, struct set *set, const json_t *json,
                        struct error *err)
{
    struct xds_server_resource resource;
    const struct pb_any *any;
    void *message;
    int type;
    int rc =
        proto_from_json(&pb_any_desc, json, &pb_registry, &program->arena, &message, NULL, err);

    if (rc < 0)
        return rc;
    any = message;
    type = xds_type_find(any->type_url);
    if (type < 0)
        return err_set(err, ERR_INVALID, "%.*s is no resource type", SLICE_ARG(any->type_url));
    resource.bytes = any->value;
    resource.name = arena_slice_dup(&program->arena, xds_resource_name(any->value));
    resource.hash = slice_hash(any->value);
    VEC_PUSH(&set->kinds[type], resource);
    return 0;
}

static int set_read(struct program *program, struct error *err)
{
    SCOPED(buf_deinit) struct buf text = {0};
    SCOPED(json_drop) json_t *documents = NULL;
    struct set *set = MEM_NEW(struct set);
    json_t *document;
    size_t i;
    int rc;

    buf_init(&text, 0);
    rc = file_read(program->path, &text, err);
    if (rc == 0)
        rc = yaml_parse(buf_slice(&text), NULL, &documents, err);
    json_array_foreach(documents, i, document)
    {
        if (rc == 0)
            rc = resource_add(program, set, document, err);
        if (rc < 0) {
            err_prefix(err, "document %zu", i);
            break;
        }
    }
    if (rc < 0) {
        mem_free(set);
        return rc;
    }
    program->set = set;
    program->version++;
    return 0;
}

static void stream_flush(struct stream *stream)
{
    xds_server_flush(stream->server, loop_now_ms(stream->program->loop));
    if (xds_server_is_settled(stream->server) && stream->settled != stream->program->version) {
        stream->settled = stream->program->version;
        printf("settled %llu\n", (unsigned long long)stream->settled);
    }
}

static int on_node(struct xds_server *server, const struct pb_node *node, void *ctx)
{
    struct stream *stream = ctx;

    printf("node %.*s\n", SLICE_ARG(node->id));
    xds_server_update(server, stream->program->set, stream->program->version);
    return 0;
}

static int on_send(struct slice message, void *ctx)
{
    struct stream *stream = ctx;

    return grpc_call_send(stream->call, message);
}

static void on_nack(enum xds_type type, struct slice reason, void *ctx)
{
    (void)ctx;
    printf("nack %s %.*s\n", xds_type_short(type), SLICE_ARG(reason));
}

static void on_message(struct grpc_call *call, struct slice message, void *ctx)
{
    struct stream *stream = ctx;
    struct error err = {0};

    if (xds_server_receive(stream->server, message, loop_now_ms(stream->program->loop), &err) < 0)
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, err.reason);
    else
        stream_flush(stream);
}

static void on_half_close(struct grpc_call *call, void *ctx)
{
    (void)ctx;
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void on_writable(struct grpc_call *call, void *ctx)
{
    struct stream *stream = ctx;

    (void)call;
    xds_server_writable(stream->server);
    stream_flush(stream);
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx)
{
    struct stream *stream = ctx;

    (void)call;
    (void)status;
    (void)message;
    for (size_t i = 0; i < STREAM_MAX; i++)
        if (stream->program->streams[i] == stream)
            stream->program->streams[i] = NULL;
    xds_server_free(stream->server);
    mem_free(stream);
}

static void on_head(struct http_stream *http, struct http_head *head, bool end, void *ctx)
{
    static const struct grpc_events events = {on_message, on_half_close, on_writable, on_finish};
    static const struct xds_server_hooks hooks = {set_count, set_at,  set_find,
                                                  on_node,   on_send, on_nack};
    struct program *program = ctx;
    struct stream *stream;

    (void)end;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        if (program->streams[i])
            continue;
        stream = MEM_NEW(struct stream);
        stream->program = program;
        stream->server =
            xds_server_new(slice_find(head->path, SLICE("DeltaAggregated")) >= 0, &hooks, stream);
        program->streams[i] = stream;
        if (grpc_call_accept(http, &events, stream, &stream->call) < 0)
            on_finish(NULL, GRPC_OK, NULL, stream);
        return;
    }
    http_stream_respond(http, 503, NULL, SLICE(""));
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

static void on_timer(void *ctx)
{
    struct program *program = ctx;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    struct stat now;

    if (stat(program->path, &now) == 0 &&
        memcmp(&now.st_mtim, &program->read_time, sizeof now.st_mtim) != 0) {
        program->read_time = now.st_mtim;
        if (set_read(program, &err) < 0)
            printf("error %s\n", err_format(&err, text, sizeof text));
        for (size_t i = 0; i < STREAM_MAX; i++)
            if (program->streams[i])
                xds_server_update(program->streams[i]->server, program->set, program->version);
    }
    for (size_t i = 0; i < STREAM_MAX; i++)
        if (program->streams[i])
            stream_flush(program->streams[i]);
    loop_timer_start(program->loop, &program->timer, POLL_MS);
}

int main(int argc, char **argv)
{
    const struct http_server_options options = {.codec = HTTP_CODEC_HTTP2};
    struct program program = {.path = argc > 1 ? argv[1] : ""};
    struct http_server *server;
    struct error err = {0};
    struct addr addr;

    setlinebuf(stdout);
    arena_init(&program.arena, 0);
    if (loop_new(&program.loop) < 0 || addr_parse_ip(SLICE("127.0.0.1"), 0, &addr) < 0 ||
        http_server_new(program.loop, &options, on_stream, &program, &server) < 0 ||
        http_server_listen(server, &addr, &addr, &err) < 0) {
        fprintf(stderr, "xds_serve: %s\n", err.reason);
        return 1;
    }
    if (set_read(&program, &err) < 0) {
        fprintf(stderr, "xds_serve: %s: %s: %s\n", program.path, err.path, err.reason);
        return 1;
    }
    printf("listening %u\n", addr_port(&addr));
    loop_timer_init(&program.timer, on_timer, &program);
    loop_timer_start(program.loop, &program.timer, 0);
    loop_run(program.loop);
    return 0;
}
