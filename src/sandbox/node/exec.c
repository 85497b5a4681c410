/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of exec, see exec.h: each side is read no faster than the other takes it. */
#include "sandbox/node/exec.h"

#include "base/mem.h"
#include "kube/channels.h"
#include "wire/url.h"

/* --- the request --- */

/* The words of the query; *ret_count above EXEC_WORDS_MAX says that there are more. */
static const char **words_read(struct arena *arena, struct slice query, size_t *ret_count)
{
    const char **words = ARENA_ARRAY(arena, const char *, EXEC_WORDS_MAX + 1);
    struct slice name, value;
    size_t count = 0;

    while (url_query_next(arena, &query, &name, &value)) {
        if (!slice_eq_str(name, "command"))
            continue;
        if (count < EXEC_WORDS_MAX)
            words[count] = arena_slice_str(arena, value);
        count++;
    }
    *ret_count = count;
    return words;
}

void exec_request_read(struct http_stream *stream, struct slice query, struct exec_request *ret)
{
    struct arena *arena = http_stream_arena(stream);

    ret->terminal = slice_eq_str(url_query_value(arena, query, "tty"), "true");
    ret->with_input = slice_eq_str(url_query_value(arena, query, "stdin"), "true");
    ret->words = words_read(arena, query, &ret->word_count);
}

int exec_request_check(const struct exec_request *request, struct error *err)
{
    if (request->word_count == 0 || request->word_count > EXEC_WORDS_MAX)
        return err_set(err, ERR_INVALID, "a command of 1 to %d words is needed, this one has %zu",
                       EXEC_WORDS_MAX, request->word_count);
    return 0;
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

    program_free(session->program);
    mem_free(session);
}

int exec_start(struct loop *loop, struct http_stream *stream, const struct program_options *options,
               struct error *err)
{
    static const struct program_events program_events = {
        .on_output = on_output, .on_input_taken = on_input_taken, .on_exit = on_exit_code};
    static const struct channels_events events = {.on_input = on_input,
                                                  .on_input_end = on_input_end,
                                                  .on_resize = on_resize,
                                                  .on_writable = on_writable,
                                                  .on_close = on_close};
    struct session *session;
    int rc;

    if (!channels_are_asked(stream))
        return err_set(err, ERR_UNSUPPORTED, "exec needs a WebSocket with v5.channel.k8s.io");
    session = MEM_NEW(struct session);
    rc = program_start(loop, options, &program_events, session, &session->program, err);
    if (rc == 0 && (rc = channels_accept(stream, &events, session, &session->channels)) < 0)
        err_set(err, rc, "the client's stream takes no channels");
    if (rc < 0)
        on_close(session);
    return rc;
}
