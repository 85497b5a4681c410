/* SPDX-License-Identifier: Apache-2.0 */
/* A child process with living input and output: through pipes, or through a terminal (pty) of ours.
 *
 *   program_write --pipe or pty--> child --pipe or pty--> on_output
 *
 * Place   the node agent (exec); process.h is for children whose output is wanted at the end
 * Owns    the descriptors; reaps the child, also after program_free
 * Limits  PROGRAM_INPUT_MAX bytes wait for a child that does not read
 * Threads the loop's
 */
#ifndef WEFT_IO_PROGRAM_H
#define WEFT_IO_PROGRAM_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "io/loop.h"

enum { PROGRAM_INPUT_MAX = 2 << 20 };

struct program;

struct program_options {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
    bool terminal;           /* stdin, stdout and stderr are one pty */
    bool with_input;         /* without a terminal: else stdin is at its end from the start */
};

struct program_events {
    /* Bytes of stdout (or of the terminal), or of stderr; borrowed. */
    void (*on_output)(bool is_stderr, struct slice bytes, void *ctx);
    /* After program_write returned ERR_AGAIN: the input has left. */
    void (*on_input_taken)(void *ctx);
    /* It ended (0-255, or 128 + signal) and its output was told; the last callback. A grandchild
     * that keeps the output open is waited for a second. */
    void (*on_exit)(int exit_code, void *ctx);
};

/* Starts. `events` is kept; nothing runs within this call. */
MUST_USE int program_start(struct loop *loop, const struct program_options *options,
                           const struct program_events *events, void *ctx, struct program **ret,
                           struct error *err);
/* 0; ERR_AGAIN: taken, but stop until on_input_taken; ERR_LIMIT: not taken. */
MUST_USE int program_write(struct program *program, struct slice bytes);
/* No more input: a pipe is closed once it is empty; a terminal stays open. */
void program_input_end(struct program *program);
/* The size of the terminal, which the child hears of (SIGWINCH). */
void program_resize(struct program *program, unsigned columns, unsigned rows);
void program_output_pause(struct program *program);
void program_output_resume(struct program *program);
/* No callback runs any more; a child that still runs is sent SIGTERM. NULL is fine. */
void program_free(struct program *program);

#endif
