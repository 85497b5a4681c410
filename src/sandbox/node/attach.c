/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of attach, see attach.h. */
#include "sandbox/node/attach.h"

#include "base/mem.h"
#include "io/packets.h"
#include "kube/channels.h"

enum { STDERR_TAG = 3 };

struct session {
    struct channels *channels;
    struct packets *packets;
    struct attach_options options;
    char *folder; /* what options.folder points to */
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

    if (session->options.with_input && packets_send(session->packets, bytes) == ERR_AGAIN)
        channels_read_pause(session->channels);
}

static void on_input_end(void *ctx)
{
    struct session *session = ctx;

    if (session->options.with_input)
        packets_send_end(session->packets);
}

static void on_resize(unsigned columns, unsigned rows, void *ctx)
{
    struct session *session = ctx;

    session->options.resize(session->options.folder, columns, rows);
}

static void on_writable(void *ctx)
{
    packets_read_resume(((struct session *)ctx)->packets);
}

static void on_close(void *ctx)
{
    struct session *session = ctx;

    packets_free(session->packets);
    mem_free(session->folder);
    mem_free(session);
}

int attach_start(struct loop *loop, struct http_stream *stream,
                 const struct attach_options *options, struct error *err)
{
    static const struct packets_events packets_events = {
        .on_packet = on_packet, .on_sent = on_sent, .on_end = on_end};
    static const struct channels_events events = {.on_input = on_input,
                                                  .on_input_end = on_input_end,
                                                  .on_resize = on_resize,
                                                  .on_writable = on_writable,
                                                  .on_close = on_close};
    struct session *session;
    int rc;

    if (!channels_are_asked(stream))
        return err_set(err, ERR_UNSUPPORTED, "attach needs a WebSocket with v5.channel.k8s.io");
    session = MEM_NEW(struct session);
    session->options = *options;
    session->options.folder = session->folder = mem_strdup(options->folder);
    rc = packets_connect(loop, options->folder, "attach", &packets_events, session,
                         &session->packets, err);
    if (rc == 0 && (rc = channels_accept(stream, &events, session, &session->channels)) < 0)
        err_set(err, rc, "the client's stream takes no channels");
    if (rc < 0)
        on_close(session);
    return rc;
}
