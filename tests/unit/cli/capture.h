/* SPDX-License-Identifier: Apache-2.0 */
/* What a call prints: a child process runs it, with both outputs in files.
 *
 * Commands read and write standard streams and wait for their answers, so the parent is free to be
 * the server that they talk to.
 */
#ifndef WEFT_TESTS_CLI_CAPTURE_H
#define WEFT_TESTS_CLI_CAPTURE_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "io/loop.h"

struct capture {
    int code; /* exit code */
    struct buf out, err;
};

static inline void capture_read(FILE *file, struct buf *ret)
{
    char block[4096];
    size_t count;

    buf_init(ret, 0);
    rewind(file);
    while ((count = fread(block, 1, sizeof block, file)) > 0)
        (void)buf_append(ret, slice_make(block, count));
    buf_append_char(ret, 0);
    fclose(file);
}

/* Runs main_fn(argc, argv) with `input` as standard input (may be NULL); turns `loop` meanwhile
 * (may be NULL). */
static inline void capture_run(struct capture *ret, int (*main_fn)(int argc, char **argv), int argc,
                               char **argv, const char *input, struct loop *loop)
{
    FILE *out = tmpfile(), *err = tmpfile(), *in = tmpfile();
    pid_t pid;
    int status;

    assert_true(out && err && in);
    fputs(input ? input : "", in);
    rewind(in);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fileno(in), 0);
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        exit(main_fn(argc, argv));
    }
    while (waitpid(pid, &status, loop ? WNOHANG : 0) == 0)
        loop_run_once(loop, 20);
    assert_true(WIFEXITED(status));
    ret->code = WEXITSTATUS(status);
    capture_read(out, &ret->out);
    capture_read(err, &ret->err);
    fclose(in);
}

static inline void capture_deinit(struct capture *capture)
{
    buf_deinit(&capture->out);
    buf_deinit(&capture->err);
}

#endif
