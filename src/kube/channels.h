/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of Kubernetes' remote command protocol (exec, attach): numbered channels over a
 * WebSocket.
 *
 *   client -> 0 stdin   4 resize {"Width","Height"}   255 close of a channel (v5)
 *   client <- 1 stdout  2 stderr  3 the final Status
 *
 * Place   the node agent
 * Owns    the stream's events from the acceptance on; frees itself after on_close
 * Limits  messages of 1 MiB
 * Spec    v5.channel.k8s.io and v4 (which has no close of a channel)
 */
#ifndef WEFT_KUBE_CHANNELS_H
#define WEFT_KUBE_CHANNELS_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"

enum channels_number {
    CHANNELS_STDIN = 0,
    CHANNELS_STDOUT = 1,
    CHANNELS_STDERR = 2,
    CHANNELS_STATUS = 3,
    CHANNELS_RESIZE = 4,
    CHANNELS_CLOSE = 255,
};

struct channels;

struct channels_events {
    void (*on_input)(struct slice bytes, void *ctx);
    /* No more input: said by the client, or it is gone. May come more than once. */
    void (*on_input_end)(void *ctx);
    void (*on_resize)(unsigned columns, unsigned rows, void *ctx);
    /* After channels_send returned ERR_AGAIN. */
    void (*on_writable)(void *ctx);
    /* The last callback. */
    void (*on_close)(void *ctx);
};

/* Whether the client asks for a protocol of ours: to be known before something is begun for it. */
bool channels_are_asked(struct http_stream *stream);
/* Answers 101. ERR_INVALID when the client asks for no protocol of ours: nothing was answered.
 * `events` is kept. */
MUST_USE int channels_accept(struct http_stream *stream, const struct channels_events *events,
                             void *ctx, struct channels **ret);
/* ERR_AGAIN: taken, but stop until on_writable; ERR_CLOSED. */
MUST_USE int channels_send(struct channels *channels, enum channels_number channel,
                           struct slice bytes);
/* The final Status by the exit code, and the end. */
void channels_finish(struct channels *channels, int exit_code);
void channels_read_pause(struct channels *channels);
void channels_read_resume(struct channels *channels);

#endif
