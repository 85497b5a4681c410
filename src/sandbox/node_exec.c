/* SPDX-License-Identifier: Apache-2.0 */
/* Programs inside containers: for probes and hooks (output kept), and for kubectl exec (streams
 * over a WebSocket).
 *
 *   client --ws: 0 stdin, 4 resize, 255 close--> session --pipe or pty--> runc exec --> program
 *          <-ws: 1 stdout, 2 stderr, 3 status--          <-pipe or pty--
 *
 * With a terminal, runc is given a pty of ours as its own terminal; it copies between that and the
 * container's pty, and takes over our size on SIGWINCH.
 *
 * Limits  1 MiB of input kept for a slow program; then the client is not read
 * Spec    v5.channel.k8s.io (and v4, which has no close message)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "sandbox/node_http.h"
#include "wire/url.h"
#include "wire/websocket.h"

enum {
    CHANNEL_STDIN = 0,
    CHANNEL_STDOUT = 1,
    CHANNEL_STDERR = 2,
    CHANNEL_STATUS = 3,
    CHANNEL_RESIZE = 4,
    CHANNEL_CLOSE = 255,
};
enum {
    INPUT_MAX = 1 << 20,
    MESSAGE_MAX = 1 << 20,
    PIECE = 32768,
    LINGER_MS = 1000,
    ARGS_MAX = 256
};

extern char **environ;

/* argv of `runc exec`; the strings are borrowed. mem_free the array. */
static const char **exec_argv(const struct node_container *container, const char *root, bool tty,
                              const char *const *command, size_t count)
{
    const char **argv = mem_calloc(count + 8, sizeof *argv);
    size_t at = 0;

    argv[at++] = "runc";
    argv[at++] = "--root";
    argv[at++] = root;
    argv[at++] = "exec";
    if (tty)
        argv[at++] = "--tty";
    argv[at++] = container->id;
    for (size_t i = 0; i < count; i++)
        argv[at++] = command[i];
    return argv;
}

int node_exec_start(struct node_container *container, const json_t *list, uint64_t timeout_ms,
                    void (*on_exit)(const struct process_result *result, void *ctx), void *ctx,
                    struct process **ret, struct error *err)
{
    char root[INSTANCE_PATH_SIZE];
    const char *command[ARGS_MAX];
    const char **argv;
    struct process_options options = {.timeout_ms = timeout_ms, .output_size_max = 65536};
    json_t *item;
    size_t i;
    int rc;

    if (json_array_size(list) == 0 || json_array_size(list) > ARGS_MAX)
        return err_set(err, ERR_INVALID, "a command of 1 to %d words is needed", ARGS_MAX);
    json_array_foreach(list, i, item) command[i] =
        json_is_string(item) ? json_string_value(item) : "";
    argv = exec_argv(container, runtime_root_path(container->pod->node->instance, root), false,
                     command, json_array_size(list));
    options.argv = argv;
    rc = process_start(container->pod->node->loop, &options, on_exit, ctx, ret, err);
    mem_free(argv);
    return rc;
}

/* --- sessions --- */

/* One output of the program. */
struct output {
    struct exec_session *session;
    int fd; /* -1: at its end */
    struct loop_watch watch;
    uint8_t channel;
};

struct exec_session {
    struct loop *loop;
    struct http_stream *stream; /* NULL once closed */
    struct websocket_reader reader;
    pid_t pid;
    int pid_fd;
    struct loop_watch exit_watch;
    bool tty;
    int in_fd; /* -1: none or closed; the pty itself with a terminal */
    struct loop_watch in_watch;
    struct buf input;
    bool input_ended;
    struct output outputs[2];
    bool paused; /* the client takes no more for now */
    bool exited, finished;
    int exit_code;
    struct loop_timer linger; /* after the exit: a grandchild may hold the output open */
};

static void session_check(struct exec_session *s);

static void frame_send(struct exec_session *s, uint8_t channel, struct slice bytes)
{
    struct buf out;

    if (!s->stream)
        return;
    buf_init(&out, MESSAGE_MAX);
    if (websocket_frame_encode(WEBSOCKET_BINARY, slice_make(&channel, 1), bytes, NULL, &out) == 0 &&
        http_stream_send_data(s->stream, buf_slice(&out), false) == ERR_AGAIN)
        s->paused = true;
    buf_deinit(&out);
}

/* --- input --- */

static void input_close(struct exec_session *s)
{
    if (s->tty || s->in_fd < 0) /* the pty stays open for output */
        return;
    loop_watch_remove(s->loop, &s->in_watch);
    fd_drop(&s->in_fd);
}

static void input_pump(struct exec_session *s)
{
    while (s->in_fd >= 0 && s->input.len > 0) {
        ssize_t put = write(s->in_fd, s->input.data, s->input.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0) {
            buf_reset(&s->input);
            input_close(s);
            return;
        }
        buf_consume(&s->input, (size_t)put);
    }
    if (s->input_ended)
        input_close(s);
    if (s->stream)
        http_stream_read_resume(s->stream);
}

static void resize(struct exec_session *s, struct slice text)
{
    SCOPED(json_drop) json_t *size = NULL;
    struct winsize window = {0};

    if (!s->tty || json_parse(text, NULL, &size, NULL) < 0)
        return;
    window.ws_col = (unsigned short)json_get_int(size, "Width", 80);
    window.ws_row = (unsigned short)json_get_int(size, "Height", 24);
    if (s->in_fd >= 0 && ioctl(s->in_fd, TIOCSWINSZ, &window) == 0 && !s->exited)
        kill(s->pid, SIGWINCH);
}

static bool on_message(enum websocket_opcode opcode, struct slice payload, void *ctx)
{
    struct exec_session *s = ctx;
    uint8_t channel = payload.len ? (uint8_t)payload.data[0] : 0;
    struct slice body = slice_from(payload, 1);
    struct buf pong;

    if (opcode == WEBSOCKET_CLOSE)
        return false;
    if (opcode == WEBSOCKET_PING) {
        buf_init(&pong, 1024);
        if (websocket_frame_encode(WEBSOCKET_PONG, payload, slice_make("", 0), NULL, &pong) == 0 &&
            http_stream_send_data(s->stream, buf_slice(&pong), false) == ERR_AGAIN)
            s->paused = true;
        buf_deinit(&pong);
    }
    if (opcode != WEBSOCKET_BINARY || payload.len == 0)
        return true;
    if (channel == CHANNEL_STDIN && buf_append(&s->input, body) < 0)
        return false;
    if (channel == CHANNEL_RESIZE)
        resize(s, body);
    if (channel == CHANNEL_CLOSE && body.len == 1 && body.data[0] == CHANNEL_STDIN)
        s->input_ended = true;
    return true;
}

static void on_data(struct http_stream *stream, struct slice data, bool end, void *ctx)
{
    struct exec_session *s = ctx;

    if (websocket_reader_feed(&s->reader, data, on_message, s) < 0) {
        http_stream_reset(stream, HTTP_RESET_PROTOCOL);
        return;
    }
    if (end)
        s->input_ended = true;
    if (s->input.len > INPUT_MAX / 2)
        http_stream_read_pause(stream);
    input_pump(s);
}

static void on_input(unsigned events, void *ctx)
{
    (void)events;
    input_pump(ctx);
}

/* --- output --- */

static void output_end(struct output *output)
{
    loop_watch_remove(output->session->loop, &output->watch);
    if (output->session->tty && output->fd == output->session->in_fd)
        output->session->in_fd = -1;
    fd_drop(&output->fd);
}

static void output_pump(struct output *output)
{
    struct exec_session *s = output->session;
    char bytes[PIECE];

    while (output->fd >= 0 && !s->paused) {
        ssize_t got = read(output->fd, bytes, sizeof bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) /* a pty says EIO when the other side is closed */
            output_end(output);
        else
            frame_send(s, output->channel, slice_make(bytes, (size_t)got));
    }
}

static void on_output(unsigned events, void *ctx)
{
    struct output *output = ctx;

    if (output->session->tty && events & LOOP_WRITE)
        input_pump(output->session);
    output_pump(output);
    session_check(output->session);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct exec_session *s = ctx;

    (void)stream;
    s->paused = false;
    for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
        output_pump(&s->outputs[i]);
    session_check(s);
}

/* --- the end --- */

static json_t *status_json(int exit_code)
{
    SCOPED(mem_drop) char *code = mem_printf("%d", exit_code);
    SCOPED(mem_drop)
    char *message =
        mem_printf("command terminated with non-zero exit code: exit status %d", exit_code);

    if (exit_code == 0)
        return json_pack("{s:{},s:s}", "metadata", "status", "Success");
    return json_pack("{s:{},s:s,s:s,s:s,s:{s:[{s:s,s:s}]}}", "metadata", "status", "Failure",
                     "message", message, "reason", "NonZeroExitCode", "details", "causes", "reason",
                     "ExitCode", "message", code);
}

static void session_free(struct exec_session *s)
{
    loop_timer_stop(s->loop, &s->linger);
    loop_watch_remove(s->loop, &s->exit_watch);
    input_close(s);
    for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
        output_end(&s->outputs[i]);
    fd_drop(&s->pid_fd);
    websocket_reader_deinit(&s->reader);
    buf_deinit(&s->input);
    mem_free(s);
}

static void session_finish(struct exec_session *s)
{
    SCOPED(json_drop) json_t *status = status_json(s->exit_code);
    SCOPED(mem_drop) char *text = json_format_str(status, JSON_FORMAT_COMPACT);
    struct buf close_frame;
    int rc = 0;

    s->finished = true;
    loop_timer_stop(s->loop, &s->linger);
    frame_send(s, CHANNEL_STATUS, slice_str(text));
    buf_init(&close_frame, 64);
    if (websocket_close_encode(WEBSOCKET_CLOSE_NORMAL, NULL, &close_frame) == 0)
        rc = http_stream_send_data(s->stream, buf_slice(&close_frame), true);
    if (rc < 0 && rc != ERR_AGAIN)
        http_stream_reset(s->stream, HTTP_RESET_LOCAL);
    buf_deinit(&close_frame);
}

/* Finishes when the program ended and its output was sent; frees when the client is gone too. */
static void session_check(struct exec_session *s)
{
    bool drained = s->outputs[0].fd < 0 && s->outputs[1].fd < 0;

    if (!s->exited)
        return;
    if (!s->stream)
        session_free(s);
    else if (drained && !s->finished)
        session_finish(s);
    else if (!s->finished && !loop_timer_is_armed(&s->linger) && !s->paused)
        loop_timer_start(s->loop, &s->linger, LINGER_MS);
}

static void on_linger(void *ctx)
{
    struct exec_session *s = ctx;

    for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
        output_end(&s->outputs[i]);
    session_check(s);
}

static void on_exit_event(unsigned events, void *ctx)
{
    struct exec_session *s = ctx;
    int status = 0;

    (void)events;
    if (s->exited || waitpid(s->pid, &status, WNOHANG) == 0)
        return;
    s->exited = true;
    s->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    loop_watch_remove(s->loop, &s->exit_watch);
    for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
        output_pump(&s->outputs[i]);
    session_check(s);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct exec_session *s = ctx;

    (void)stream;
    s->stream = NULL;
    s->paused = false;
    buf_reset(&s->input);
    s->input_ended = true;
    input_close(s);
    if (!s->exited)
        kill(s->pid, SIGTERM); /* runc passes it on */
    session_check(s);
}

static const struct http_stream_events exec_events = {
    .on_data = on_data, .on_writable = on_writable, .on_close = on_close};

/* --- start --- */

struct ends {
    int in[2], out[2], err[2]; /* pipes; [0] reads */
    int pty;                   /* -1: none */
    char pty_path[64];
};

static void ends_close(struct ends *ends)
{
    for (int i = 0; i < 2; i++) {
        fd_drop(&ends->in[i]);
        fd_drop(&ends->out[i]);
        fd_drop(&ends->err[i]);
    }
    fd_drop(&ends->pty);
}

static int ends_open(struct ends *ends, bool tty)
{
    *ends = (struct ends){.in = {-1, -1}, .out = {-1, -1}, .err = {-1, -1}, .pty = -1};
    if (!tty)
        return pipe2(ends->in, O_CLOEXEC) < 0 || pipe2(ends->out, O_CLOEXEC) < 0 ||
                       pipe2(ends->err, O_CLOEXEC) < 0
                   ? err_from_errno(errno)
                   : 0;
    ends->pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (ends->pty < 0 || grantpt(ends->pty) < 0 || unlockpt(ends->pty) < 0 ||
        ptsname_r(ends->pty, ends->pty_path, sizeof ends->pty_path) != 0)
        return err_from_errno(errno);
    return 0;
}

static int spawn(const char *const *argv, const struct ends *ends, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int rc;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&actions);
    if (ends->pty >= 0) {
        posix_spawn_file_actions_addopen(&actions, 0, ends->pty_path, O_RDWR, 0);
        posix_spawn_file_actions_adddup2(&actions, 0, 1);
        posix_spawn_file_actions_adddup2(&actions, 0, 2);
    } else {
        posix_spawn_file_actions_adddup2(&actions, ends->in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, ends->out[1], 1);
        posix_spawn_file_actions_adddup2(&actions, ends->err[1], 2);
    }
    rc = posix_spawnp(ret, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc == 0 ? 0 : err_from_errno(rc);
}

/* Takes our ends out of `ends`. */
static int session_watch(struct exec_session *s, struct ends *ends, bool with_stdin)
{
    int *const taken[] = {&ends->out[0], &ends->err[0]};
    int rc = 0;

    if (s->tty) {
        s->in_fd = s->outputs[0].fd = ends->pty;
        ends->pty = -1;
    } else {
        s->in_fd = ends->in[1];
        ends->in[1] = -1;
        for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
            s->outputs[i].fd = *taken[i];
            *taken[i] = -1;
            fcntl(s->outputs[i].fd, F_SETFL, O_NONBLOCK);
        }
        fcntl(s->in_fd, F_SETFL, O_NONBLOCK);
        if (!with_stdin)
            fd_drop(&s->in_fd);
        else
            rc = loop_watch_add(s->loop, &s->in_watch, s->in_fd, on_input, s);
    }
    for (size_t i = 0; i < ARRAY_LEN(s->outputs) && rc == 0; i++)
        if (s->outputs[i].fd >= 0)
            rc = loop_watch_add(s->loop, &s->outputs[i].watch, s->outputs[i].fd, on_output,
                                &s->outputs[i]);
    if (rc == 0)
        rc = loop_watch_add(s->loop, &s->exit_watch, s->pid_fd, on_exit_event, s);
    return rc;
}

static void upgrade(struct exec_session *s, struct slice key, struct slice protocol)
{
    struct arena *arena = http_stream_arena(s->stream);
    struct http_head head = {.status = 101, .content_length = -1, .protocol = SLICE("websocket")};
    char *accept = arena_bytes(arena, WEBSOCKET_ACCEPT_SIZE);

    http_headers_add(&head.headers, arena, SLICE("sec-websocket-accept"),
                     slice_str(websocket_accept(key, accept)));
    http_headers_add(&head.headers, arena, SLICE("sec-websocket-protocol"), protocol);
    if (http_stream_send_head(s->stream, &head, false) < 0)
        http_stream_reset(s->stream, HTTP_RESET_LOCAL);
    frame_send(s, CHANNEL_STDOUT, slice_make("", 0));
}

/* The first protocol of the client's list that we speak; len 0: none. */
static struct slice protocol_choose(struct slice offered)
{
    static const char *const known[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct slice rest = offered;
        struct slice one;

        while (slice_split_next(&rest, ',', &one))
            if (slice_eq_str(slice_trim(one), known[i]))
                return slice_str(known[i]);
    }
    return (struct slice){0};
}

static struct exec_session *session_new(struct node *node, struct http_stream *stream, bool tty)
{
    struct exec_session *s = MEM_NEW(struct exec_session);

    s->loop = node->loop;
    s->stream = stream;
    s->tty = tty;
    s->in_fd = s->pid_fd = -1;
    websocket_reader_init(&s->reader, true, MESSAGE_MAX);
    buf_init(&s->input, INPUT_MAX + MESSAGE_MAX);
    loop_timer_init(&s->linger, on_linger, s);
    for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
        s->outputs[i] = (struct output){
            .session = s, .fd = -1, .channel = i == 0 ? CHANNEL_STDOUT : CHANNEL_STDERR};
    return s;
}

/* Starts the program and its session; the stream is upgraded on success. */
static int session_start(struct exec_session *s, struct node_container *container,
                         const char *const *command, size_t count, bool with_stdin)
{
    char root[INSTANCE_PATH_SIZE];
    const char **argv = exec_argv(
        container, runtime_root_path(container->pod->node->instance, root), s->tty, command, count);
    struct ends ends;
    int rc = ends_open(&ends, s->tty);

    if (rc == 0)
        rc = spawn(argv, &ends, &s->pid);
    mem_free(argv);
    if (rc == 0) {
        s->pid_fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
        rc = session_watch(s, &ends, with_stdin);
    }
    ends_close(&ends);
    return rc;
}

void node_exec_serve(struct node *node, struct http_stream *stream,
                     struct node_container *container, struct slice query)
{
    struct arena *arena = http_stream_arena(stream);
    const struct http_head *head = http_stream_head(stream);
    struct slice key = http_headers_value(&head->headers, SLICE("sec-websocket-key"));
    struct slice protocol = protocol_choose(
        http_headers_joined(&head->headers, arena, SLICE("sec-websocket-protocol")));
    bool tty = slice_eq_str(url_query_value(arena, query, "tty"), "true");
    bool with_stdin = slice_eq_str(url_query_value(arena, query, "stdin"), "true");
    const char *command[ARGS_MAX];
    struct slice rest = query, name, value;
    struct exec_session *s;
    size_t count = 0;
    int rc;

    while (count < ARGS_MAX && url_query_next(arena, &rest, &name, &value))
        if (slice_eq_str(name, "command"))
            command[count++] = arena_slice_str(arena, value);
    if (!slice_eq_nocase(head->protocol, SLICE("websocket")) || key.len == 0 || protocol.len == 0) {
        node_http_refuse(stream, 400, "exec needs a WebSocket with v5.channel.k8s.io");
        return;
    }
    if (container->state != CONTAINER_RUNNING || count == 0) {
        node_http_refuse(stream, 400, count ? "container not found (\"%s\")" : "no command given",
                         container->name);
        return;
    }
    s = session_new(node, stream, tty);
    rc = session_start(s, container, command, count, with_stdin);
    if (rc < 0) {
        session_free(s);
        node_http_refuse(stream, 500, "cannot start runc: %s", err_text(rc));
        return;
    }
    http_stream_events_set(stream, &exec_events, s);
    upgrade(s, key, protocol);
}
