/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes on the loop: start, feed, collect output, learn the end.
 *
 * Place   sandbox (runc, conmon, nft, ip), CLI, installer
 * Owns    the child's pipes and pidfd; the child dies with process_kill only, not with its struct
 * Limits  output_size_max bytes of stdout and stderr each are kept (the rest is read and dropped)
 */
#ifndef WEFT_IO_PROCESS_H
#define WEFT_IO_PROCESS_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "io/loop.h"

#include <sys/types.h>

struct process;

struct process_result {
    int exit_code;       /* 0-255, or 128 + signal */
    struct slice out;    /* stdout, borrowed until the callback returns */
    struct slice errout; /* stderr */
};

struct process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
    const char *const *envp; /* NULL: ours */
    struct slice input;      /* written to stdin, copied; stdin is /dev/null when empty */
    const char *folder;      /* working folder; NULL: ours */
    size_t output_size_max;  /* 0: 1 MiB */
    uint64_t timeout_ms;     /* SIGKILL then, exit code 137; 0: none */
    bool inherit_output;     /* stdout and stderr go to ours instead of being kept */
    bool new_session;        /* setsid: survives our terminal */
};

/* Starts; `on_exit` runs once, when the child ended and its output was read. It may be NULL. */
MUST_USE int process_start(struct loop *loop, const struct process_options *options,
                           void (*on_exit)(const struct process_result *result, void *ctx),
                           void *ctx, struct process **ret, struct error *err);
pid_t process_pid(const struct process *process);
void process_kill(struct process *process, int signal_number);
/* Forgets the callback; the child goes on and is reaped. */
void process_detach(struct process *process);
/* Runs to the end without a loop (for command-line programs and start-up). `ret_out` (may be NULL,
 * mem_free it) gets stdout; returns the exit code (>= 0) or an error; with stderr's text as the
 * reason when the code is not 0. */
int process_run(const struct process_options *options, char **ret_out, struct error *err);

#endif
