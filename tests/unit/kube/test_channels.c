/* SPDX-License-Identifier: Apache-2.0 */
/* The remote command protocol through a relay: input, resize, the end of input, a large output that
 * a slow client still gets whole, the final Status, refusals.
 */
#include "stream_fixture.h"

#include "base/mem.h"
#include "kube/channels.h"

enum { PIECE = 65536, OUTPUT_SIZE = 8 << 20 };

struct session {
    struct channels *channels;
    struct buf seen;
    size_t left; /* of the output */
    int closes;
};

static void on_input(struct slice bytes, void *ctx)
{
    buf_printf(&((struct session *)ctx)->seen, "[in %.*s]", SLICE_ARG(bytes));
}

static void on_input_end(void *ctx)
{
    buf_append_str(&((struct session *)ctx)->seen, "[end]");
}

static void on_resize(unsigned columns, unsigned rows, void *ctx)
{
    buf_printf(&((struct session *)ctx)->seen, "[%ux%u]", columns, rows);
}

static void output(struct session *session)
{
    static const char zeros[PIECE];

    while (session->left > 0) {
        session->left -= PIECE;
        if (channels_send(session->channels, CHANNELS_STDOUT, slice_make(zeros, PIECE)) ==
            ERR_AGAIN)
            return;
    }
    channels_finish(session->channels, 3);
}

static void on_writable(void *ctx)
{
    output(ctx);
}

static void on_close(void *ctx)
{
    ((struct session *)ctx)->closes++;
}

static void serve(struct http_stream *stream, struct streams *s)
{
    static const struct channels_events events = {.on_input = on_input,
                                                  .on_input_end = on_input_end,
                                                  .on_resize = on_resize,
                                                  .on_writable = on_writable,
                                                  .on_close = on_close};
    struct session *session = s->test;

    if (channels_accept(stream, &events, session, &session->channels) < 0)
        http_stream_respond(stream, 400, "text/plain", SLICE("no channels"));
}

static void input_comes_in_order(void **state)
{
    struct session session = {0};
    struct streams s;

    (void)state;
    buf_init(&session.seen, 0);
    streams_start(&s, serve);
    s.test = &session;
    client_ask(&s, "/exec", STREAM_WS_HEADERS("v5.channel.k8s.io"));
    assert_true(slice_find(buf_slice(&s.head), SLICE("v5.channel.k8s.io")) > 0);
    client_message(&s, SLICE("\0hello"));
    client_message(&s, SLICE("\4{\"Width\":100,\"Height\":40}"));
    client_message(&s, SLICE("\xff\0"));
    STREAM_UNTIL(&s, slice_find(buf_slice(&session.seen), SLICE("[end]")) >= 0);
    assert_slice(buf_slice(&session.seen), "[in hello][100x40][end]");
    channels_finish(session.channels, 0);
    STREAM_UNTIL(&s, s.closed);
    /* the empty first message, then the Status */
    assert_slice(buf_slice(&s.payload), "\1\3{\"metadata\":{},\"status\":\"Success\"}");
    streams_stop(&s);
    assert_int_equal(session.closes, 1);
    assert_int_equal(s.relays, 1);
    buf_deinit(&session.seen);
}

static void a_large_output_is_whole(void **state)
{
    struct session session = {.left = OUTPUT_SIZE};
    struct streams s;

    (void)state;
    buf_init(&session.seen, 0);
    streams_start(&s, serve);
    s.test = &session;
    client_ask(&s, "/exec", STREAM_WS_HEADERS("v4.channel.k8s.io"));
    output(&session);
    for (int i = 0; i < 50; i++) /* a client that does not read for a while */
        loop_run_once(s.loop, 2);
    STREAM_UNTIL(&s, s.closed);
    assert_true(s.payload.len > OUTPUT_SIZE);
    assert_true(slice_find(slice_from(buf_slice(&s.payload), OUTPUT_SIZE),
                           SLICE("\"reason\":\"ExitCode\",\"message\":\"3\"")) > 0);
    streams_stop(&s);
    buf_deinit(&session.seen);
}

static void others_are_refused(void **state)
{
    static const char *const headers[] = {"", STREAM_WS_HEADERS("v1.channel.k8s.io"),
                                          "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct session session = {0};
        struct streams s;

        streams_start(&s, serve);
        s.test = &session;
        client_ask(&s, "/exec", headers[i]);
        assert_true(slice_starts_with(buf_slice(&s.head), SLICE("HTTP/1.1 400")));
        STREAM_UNTIL(&s, s.payload.len == 11);
        assert_slice(buf_slice(&s.payload), "no channels");
        streams_stop(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_comes_in_order),
        cmocka_unit_test(a_large_output_is_whole),
        cmocka_unit_test(others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
