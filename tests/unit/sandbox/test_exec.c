/* SPDX-License-Identifier: Apache-2.0 */
/* exec and attach through a relay: a program's output, input, exit code and terminal; a conmon that
 * the test plays; requests that are refused.
 */
#include "stream_fixture.h"

#include "base/file.h"
#include "base/mem.h"
#include "sandbox/node/attach.h"
#include "sandbox/node/exec.h"

#include <stdlib.h>
#include <sys/un.h>

#define QUERY_SIZE 128

/* Answers what fails with its reason. */
static void serve_exec(struct http_stream *stream, struct streams *s)
{
    struct exec_request request;
    struct program_options options;
    struct error err = {0};
    int rc;

    exec_request_read(stream, slice_str(s->test), &request);
    rc = exec_request_check(&request, &err);
    if (rc == 0) {
        options = (struct program_options){
            .argv = request.words, .terminal = request.terminal, .with_input = request.with_input};
        rc = exec_start(s->loop, stream, &options, &err);
    }
    if (rc < 0)
        http_stream_respond(stream, 400, "text/plain", slice_str(err.reason));
}

static void ask(struct streams *s, char *query)
{
    streams_start(s, serve_exec);
    s->test = query;
    client_ask(s, "/exec", STREAM_WS_HEADERS("v5.channel.k8s.io"));
}

static void a_programs_ends_are_the_clients(void **state)
{
    char query[] = "command=sh&command=-c&command=cat%3B+echo+bad+%3E%262%3B+exit+3&stdin=true";
    struct streams s;

    (void)state;
    ask(&s, query);
    client_message(&s, SLICE("\0hello"));
    client_message(&s, SLICE("\xff\0")); /* the end of the input */
    STREAM_UNTIL(&s, s.closed);
    assert_true(slice_find(buf_slice(&s.payload), SLICE("\1hello")) >= 0);
    assert_true(slice_find(buf_slice(&s.payload), SLICE("\2bad\n")) >= 0);
    assert_true(
        slice_find(buf_slice(&s.payload), SLICE("\"reason\":\"ExitCode\",\"message\":\"3\"")) > 0);
    streams_stop(&s);
}

static void a_terminal_has_the_clients_size(void **state)
{
    char query[] = "command=sh&command=-c&command=read+x%3B+stty+size&stdin=true&tty=true";
    struct streams s;

    (void)state;
    ask(&s, query);
    client_message(&s, SLICE("\4{\"Width\":100,\"Height\":40}"));
    client_message(&s, SLICE("\0go\n"));
    STREAM_UNTIL(&s, s.closed);
    assert_true(slice_find(buf_slice(&s.payload), SLICE("40 100")) > 0);
    streams_stop(&s);
}

static void bad_requests_are_refused(void **state)
{
    static const struct {
        const char *query, *headers, *words;
    } cases[] = {
        {"stdin=true", STREAM_WS_HEADERS("v5.channel.k8s.io"), "1 to 4096 words"},
        {"command=true", "", "exec needs a WebSocket"},
        {"command=/no/such/program", STREAM_WS_HEADERS("v5.channel.k8s.io"), "cannot start"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char query[QUERY_SIZE];
        struct streams s;

        snprintf(query, sizeof query, "%s", cases[i].query);
        streams_start(&s, serve_exec);
        s.test = query;
        client_ask(&s, "/exec", cases[i].headers);
        STREAM_UNTIL(&s, slice_find(buf_slice(&s.payload), slice_str(cases[i].words)) >= 0);
        streams_stop(&s);
    }
}

/* --- attach --- */

struct conmon {
    char folder[64];
    int listener, peer;
};

static void conmon_open(struct conmon *conmon)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(conmon->folder, sizeof conmon->folder, "/tmp/weft-test-attach-%d", (int)getpid());
    assert_int_equal(file_make_dirs(conmon->folder, 0755, NULL), 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/attach", conmon->folder);
    conmon->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(conmon->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(conmon->listener, 1), 0);
}

static void resize(const char *folder, unsigned columns, unsigned rows)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/size", folder);
    SCOPED(mem_drop) char *text = mem_printf("%ux%u", columns, rows);

    assert_int_equal(file_write(path, slice_str(text), 0644, NULL), 0);
}

static void serve_attach(struct http_stream *stream, struct streams *s)
{
    struct conmon *conmon = s->test;
    const struct attach_options options = {
        .folder = conmon->folder, .with_input = true, .resize = resize};
    struct error err = {0};

    if (attach_start(s->loop, stream, &options, &err) < 0)
        http_stream_respond(stream, 500, "text/plain", slice_str(err.reason));
}

/* What the descriptor has, once it has something. */
static size_t text_read(struct streams *s, int fd, char *into, size_t size)
{
    ssize_t got = -1;

    STREAM_UNTIL(s, (got = read(fd, into, size - 1)) >= 0 || errno != EAGAIN);
    assert_true(got >= 0);
    into[got] = '\0';
    return (size_t)got;
}

static void attached_to_a_living_program(void **state)
{
    struct conmon conmon;
    struct streams s;
    SCOPED(mem_drop) char *size = NULL;
    SCOPED(buf_deinit) struct buf got;
    char text[64];

    (void)state;
    buf_init(&got, sizeof text);
    conmon_open(&conmon);
    streams_start(&s, serve_attach);
    s.test = &conmon;
    client_ask(&s, "/attach", STREAM_WS_HEADERS("v5.channel.k8s.io"));
    conmon.peer = accept4(conmon.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(conmon.peer >= 0);
    assert_int_equal(send(conmon.peer, "\2out", 4, 0), 4);
    assert_int_equal(send(conmon.peer, "\3bad", 4, 0), 4);
    STREAM_UNTIL(&s, slice_find(buf_slice(&s.payload), SLICE("\1out\2bad")) >= 0);
    client_message(&s, SLICE("\0hello"));
    assert_int_equal(text_read(&s, conmon.peer, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    client_message(&s, SLICE("\4{\"Width\":100,\"Height\":40}"));
    size = mem_printf("%s/size", conmon.folder);
    STREAM_UNTIL(&s, file_exists(size));
    assert_int_equal(file_read(size, &got, NULL), 0);
    assert_slice(buf_slice(&got), "100x40");
    client_message(&s, SLICE("\xff\0"));
    assert_int_equal(text_read(&s, conmon.peer, text, sizeof text), 0);
    close(conmon.peer);
    STREAM_UNTIL(&s, s.closed);
    streams_stop(&s);
    close(conmon.listener);
    assert_int_equal(file_remove_tree(conmon.folder, NULL), 0);
}

static void nobody_to_attach_to(void **state)
{
    struct conmon conmon = {.folder = "/tmp/no-such-folder"};
    struct streams s;

    (void)state;
    streams_start(&s, serve_attach);
    s.test = &conmon;
    client_ask(&s, "/attach", STREAM_WS_HEADERS("v5.channel.k8s.io"));
    assert_true(slice_starts_with(buf_slice(&s.head), SLICE("HTTP/1.1 500")));
    streams_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_programs_ends_are_the_clients),
        cmocka_unit_test(a_terminal_has_the_clients_size),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(attached_to_a_living_program),
        cmocka_unit_test(nobody_to_attach_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
