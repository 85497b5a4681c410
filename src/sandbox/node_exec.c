/* SPDX-License-Identifier: Apache-2.0 */
/* Programs inside containers: for probes and hooks (output kept), and for kubectl exec.
 *
 *   client --kube/channels--> session --io/program--> runc exec --> program in the container
 *
 * With a terminal, runc is given a pty of ours as its own terminal; it copies between that and the
 * container's pty, and takes over our size on SIGWINCH.
 *
 * Limits  EXEC_WORDS_MAX words a command: more is refused by name, never cut
 */
#include <stdio.h>

#include "base/mem.h"
#include "io/program.h"
#include "kube/channels.h"
#include "sandbox/node_http.h"
#include "wire/url.h"

enum { EXEC_WORDS_MAX = 4096 };

int node_exec_start(struct node_container *container, const json_t *list, uint64_t timeout_ms,
                    void (*on_exit)(const struct process_result *result, void *ctx), void *ctx,
                    struct process **ret, struct error *err)
{
    size_t count = json_array_size(list);
    SCOPED(mem_drop) const char **command = mem_calloc(count + 1, sizeof *command);
    SCOPED(mem_drop) const char **argv = NULL;
    struct process_options options = {.timeout_ms = timeout_ms, .output_size_max = 65536};
    json_t *item;
    size_t i;

    if (count == 0 || count > EXEC_WORDS_MAX)
        return err_set(err, ERR_INVALID, "a command of 1 to %d words is needed", EXEC_WORDS_MAX);
    json_array_foreach(list, i, item) command[i] =
        json_is_string(item) ? json_string_value(item) : "";
    argv = oci_exec_argv(&container->pod->node->instance->runtime, container->life->id, false,
                         command, count);
    options.argv = argv;
    return process_start(container->pod->node->loop, &options, on_exit, ctx, ret, err);
}

/* --- sessions --- */

struct session {
    struct channels *channels;
    struct program *program;
};

static void on_input(struct slice bytes, void *ctx)
{
    struct session *session = ctx;

    if (program_write(session->program, bytes) < 0)
        channels_read_pause(session->channels);
}

static void on_input_taken(void *ctx)
{
    channels_read_resume(((struct session *)ctx)->channels);
}

static void on_input_end(void *ctx)
{
    program_input_end(((struct session *)ctx)->program);
}

static void on_resize(unsigned columns, unsigned rows, void *ctx)
{
    program_resize(((struct session *)ctx)->program, columns, rows);
}

static void on_output(bool is_stderr, struct slice bytes, void *ctx)
{
    struct session *session = ctx;

    if (channels_send(session->channels, is_stderr ? CHANNELS_STDERR : CHANNELS_STDOUT, bytes) < 0)
        program_output_pause(session->program);
}

static void on_writable(void *ctx)
{
    program_output_resume(((struct session *)ctx)->program);
}

static void on_exit_code(int exit_code, void *ctx)
{
    channels_finish(((struct session *)ctx)->channels, exit_code);
}

static void on_close(void *ctx)
{
    struct session *session = ctx;

    program_free(session->program); /* runc passes the SIGTERM on */
    mem_free(session);
}

static int session_start(struct session *session, struct node_container *container, bool tty,
                         bool with_input, const char *const *command, size_t count,
                         struct error *err)
{
    static const struct program_events events = {
        .on_output = on_output, .on_input_taken = on_input_taken, .on_exit = on_exit_code};
    SCOPED(mem_drop)
    const char **argv = oci_exec_argv(&container->pod->node->instance->runtime, container->life->id,
                                      tty, command, count);
    const struct program_options options = {
        .argv = argv, .terminal = tty, .with_input = with_input};

    return program_start(container->pod->node->loop, &options, &events, session, &session->program,
                         err);
}

/* The words of the query; *ret_count above EXEC_WORDS_MAX says that there are more. */
static const char **command_read(struct arena *arena, struct slice query, size_t *ret_count)
{
    const char **command = ARENA_ARRAY(arena, const char *, EXEC_WORDS_MAX);
    struct slice name, value;
    size_t count = 0;

    while (url_query_next(arena, &query, &name, &value)) {
        if (!slice_eq_str(name, "command"))
            continue;
        if (count < EXEC_WORDS_MAX)
            command[count] = arena_slice_str(arena, value);
        count++;
    }
    *ret_count = count;
    return command;
}

void node_exec_serve(struct node *node, struct http_stream *stream,
                     struct node_container *container, struct slice query)
{
    static const struct channels_events events = {.on_input = on_input,
                                                  .on_input_end = on_input_end,
                                                  .on_resize = on_resize,
                                                  .on_writable = on_writable,
                                                  .on_close = on_close};
    struct arena *arena = http_stream_arena(stream);
    bool tty = slice_eq_str(url_query_value(arena, query, "tty"), "true");
    bool with_input = slice_eq_str(url_query_value(arena, query, "stdin"), "true");
    size_t count;
    const char **command = command_read(arena, query, &count);
    struct error err = {0};
    struct session *session;

    (void)node;
    if (count == 0 || count > EXEC_WORDS_MAX) {
        node_http_refuse(stream, 400, "a command of 1 to %d words is needed, this one has %zu",
                         EXEC_WORDS_MAX, count);
        return;
    }
    if (!channels_are_asked(stream)) {
        node_http_refuse(stream, 400, "exec needs a WebSocket with v5.channel.k8s.io");
        return;
    }
    if (container->life->state != CONTAINER_RUNNING) {
        node_http_refuse(stream, 400, "container not found (\"%s\")", container->life->name);
        return;
    }
    session = MEM_NEW(struct session);
    if (session_start(session, container, tty, with_input, command, count, &err) < 0) {
        node_http_refuse(stream, 500, "cannot start runc: %s", err.reason);
        mem_free(session);
        return;
    }
    if (channels_accept(stream, &events, session, &session->channels) < 0) {
        http_stream_reset(stream, HTTP_RESET_LOCAL);
        on_close(session);
    }
}
