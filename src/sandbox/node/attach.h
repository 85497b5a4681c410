/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl attach: the living ends of a container's first program, by way of its conmon.
 *
 *   FOLDER/attach  packets: out of it one byte (2 stdout, 3 stderr) and text; into it the bytes of
 *                  stdin, whose end closes the program's
 *
 * What was written before the attachment is in the log, not here.
 *
 * Place   the node agent; exec.h reads the request
 * Owns    the stream's events from the start on; frees itself at the end, the program goes on
 * Threads the loop's
 */
#ifndef WEFT_SANDBOX_NODE_ATTACH_H
#define WEFT_SANDBOX_NODE_ATTACH_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"
#include "io/loop.h"

struct attach_options {
    const char *folder; /* of the conmon; borrowed */
    bool with_input;
    /* The client's terminal has that size now. */
    void (*resize)(const char *folder, unsigned columns, unsigned rows);
};

/* Connects to the conmon, and answers 101. On an error nothing was answered; ERR_UNSUPPORTED: the
 * client asks for no protocol of kube/channels. */
MUST_USE int attach_start(struct loop *loop, struct http_stream *stream,
                          const struct attach_options *options, struct error *err);

#endif
