/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of kubectl exec and attach: what a client asks for, and a program that answers.
 *
 *   client --kube/channels--> session --io/program--> program           exec_start
 *   client --kube/channels--> session --io/packets--> conmon --> ...    attach_start (attach.h)
 *
 * With a terminal, the program is given a pty of ours as its own, which hears of the client's size.
 *
 * Place   the node agent; `runc exec ...` is such a program
 * Owns    the stream's events and the program from the start on; frees itself at the end, and ends
 *         a program whose client is gone (SIGTERM)
 * Limits  EXEC_WORDS_MAX words a command: more is refused by name, never cut
 * Threads the loop's
 */
#ifndef WEFT_SANDBOX_NODE_EXEC_H
#define WEFT_SANDBOX_NODE_EXEC_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"
#include "io/loop.h"
#include "io/program.h"

enum { EXEC_WORDS_MAX = 4096 };

/* Of the stream's arena. */
struct exec_request {
    bool terminal;
    bool with_input;
    const char **words; /* of the command, NULL-terminated */
    size_t word_count;
};

/* Reads the query of an exec or attach ("command=A&command=B&stdin=true&tty=true"). */
void exec_request_read(struct http_stream *stream, struct slice query, struct exec_request *ret);
/* ERR_INVALID when there is no command, or one of too many words. */
MUST_USE int exec_request_check(const struct exec_request *request, struct error *err);

/* Starts a program and answers 101: its output and exit code go to the client, the client's input
 * to it. On an error nothing was answered; ERR_UNSUPPORTED: the client asks for no protocol of
 * kube/channels. */
MUST_USE int exec_start(struct loop *loop, struct http_stream *stream,
                        const struct program_options *options, struct error *err);

#endif
