/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl attach: the living ends of a container's first program, by way of its conmon.
 *
 *   bundle/attach  packets: out of it one byte (2 stdout, 3 stderr) and text; into it the bytes of
 *                  stdin, whose end closes the program's
 *
 * What was written before the attachment is in the log, not here.
 */
#include "base/mem.h"
#include "io/packets.h"
#include "kube/channels.h"
#include "sandbox/node_http.h"
#include "wire/url.h"

enum { STDERR_TAG = 3 };

struct session {
    struct channels *channels;
    struct packets *packets;
    bool with_input;
    char bundle[INSTANCE_PATH_SIZE];
};

/* --- from the container --- */

static void on_packet(struct slice packet, void *ctx)
{
    struct session *session = ctx;

    if (channels_send(session->channels,
                      packet.data[0] == STDERR_TAG ? CHANNELS_STDERR : CHANNELS_STDOUT,
                      slice_from(packet, 1)) < 0)
        packets_read_pause(session->packets);
}

static void on_sent(void *ctx)
{
    channels_read_resume(((struct session *)ctx)->channels);
}

static void on_end(void *ctx)
{
    channels_finish(((struct session *)ctx)->channels, 0); /* the code is in the pod's status */
}

/* --- from the client --- */

static void on_input(struct slice bytes, void *ctx)
{
    struct session *session = ctx;

    if (session->with_input && packets_send(session->packets, bytes) == ERR_AGAIN)
        channels_read_pause(session->channels);
}

static void on_input_end(void *ctx)
{
    struct session *session = ctx;

    if (session->with_input)
        packets_send_end(session->packets);
}

static void on_resize(unsigned columns, unsigned rows, void *ctx)
{
    oci_container_resize(((struct session *)ctx)->bundle, columns, rows);
}

static void on_writable(void *ctx)
{
    packets_read_resume(((struct session *)ctx)->packets);
}

static void on_close(void *ctx)
{
    struct session *session = ctx;

    packets_free(session->packets);
    mem_free(session);
}

void node_attach_serve(struct node *node, struct http_stream *stream,
                       struct node_container *container, struct slice query)
{
    static const struct channels_events events = {.on_input = on_input,
                                                  .on_input_end = on_input_end,
                                                  .on_resize = on_resize,
                                                  .on_writable = on_writable,
                                                  .on_close = on_close};
    static const struct packets_events packets_events = {
        .on_packet = on_packet, .on_sent = on_sent, .on_end = on_end};
    struct session *session;
    struct error err = {0};

    if (!channels_are_asked(stream)) {
        node_http_refuse(stream, 400, "attach needs a WebSocket with v5.channel.k8s.io");
        return;
    }
    if (container->life->state != CONTAINER_RUNNING) {
        node_http_refuse(stream, 400, "container %s is not running", container->life->name);
        return;
    }
    session = MEM_NEW(struct session);
    session->with_input =
        slice_eq_str(url_query_value(http_stream_arena(stream), query, "stdin"), "true");
    node_container_bundle(container, container->life->attempt, session->bundle);
    if (packets_connect(node->loop, session->bundle, "attach", &packets_events, session,
                        &session->packets, &err) < 0) {
        node_http_refuse(stream, 500, "%s", err.reason);
        on_close(session);
    } else if (channels_accept(stream, &events, session, &session->channels) < 0) {
        http_stream_reset(stream, HTTP_RESET_LOCAL);
        on_close(session);
    }
}
