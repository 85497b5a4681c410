/* SPDX-License-Identifier: Apache-2.0 */
/* Port-forward through a relay: the SPDY tunnel of kubectl and the channels of Python's client, a
 * port that echoes, a port where nobody listens.
 */
#include "stream_fixture.h"

#include "kube/forward.h"
#include "wire/spdy.h"

struct port {
    int far; /* the port's end of the connection; -1: none */
    int dials, closes;
    struct buf frames; /* what SPDY frames came, as text */
    struct spdy_reader reader;
    size_t fed;
};

static int dial(unsigned port, int *ret_fd, struct error *err, void *ctx)
{
    struct port *p = ctx;
    int ends[2];

    p->dials++;
    if (port != 8080)
        return err_set(err, ERR_REFUSED, "nobody listens on %u", port);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    p->far = ends[0];
    *ret_fd = ends[1];
    return 0;
}

static void on_close(void *ctx)
{
    ((struct port *)ctx)->closes++;
}

static void serve(struct http_stream *stream, struct streams *s)
{
    static const struct forward_target target = {.dial = dial, .on_close = on_close};

    if (forward_accept(stream, SLICE("ports=8080,9"), &target, s->test) < 0)
        http_stream_respond(stream, 400, "text/plain", SLICE("no forward"));
}

static bool note(const struct spdy_frame *frame, void *ctx)
{
    struct buf *seen = ctx;

    buf_printf(seen, "[%d:%u%s%s%.*s]", (int)frame->kind, frame->id, frame->fin ? " fin" : "",
               frame->data.len ? " " : "", SLICE_ARG(frame->data));
    return true;
}

/* Whether the frames that came so far hold the text. */
static bool frames_hold(struct streams *s, const char *text)
{
    struct port *p = s->test;

    assert_int_equal(
        spdy_reader_feed(&p->reader, slice_from(buf_slice(&s->payload), p->fed), note, &p->frames),
        0);
    p->fed = s->payload.len;
    return slice_find(buf_slice(&p->frames), slice_str(text)) >= 0;
}

static void open_streams(struct streams *s, struct spdy_writer *writer, uint32_t first,
                         const char *port, const char *request)
{
    static const char *const types[] = {"error", "data"};

    for (uint32_t i = 0; i < 2; i++) {
        struct spdy_frame syn = {.kind = SPDY_SYN_STREAM,
                                 .id = first + 2 * i,
                                 .header_count = 3,
                                 .headers = {{SLICE("streamtype"), slice_str(types[i])},
                                             {SLICE("port"), slice_str(port)},
                                             {SLICE("requestid"), slice_str(request)}}};
        struct buf out;

        buf_init(&out, 0);
        assert_int_equal(spdy_syn_encode(writer, &syn, &out), 0);
        if (i == 0)
            assert_int_equal(spdy_data_encode(first, (struct slice){0}, true, &out), 0);
        client_message(s, slice_head(buf_slice(&out), 5)); /* borders mean nothing */
        client_message(s, slice_from(buf_slice(&out), 5));
        buf_deinit(&out);
    }
}

static void data_send(struct streams *s, uint32_t id, const char *text, bool fin)
{
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(spdy_data_encode(id, slice_str(text), fin, &out), 0);
    client_message(s, buf_slice(&out));
    buf_deinit(&out);
}

static void port_deinit(struct port *p)
{
    close(p->far);
    buf_deinit(&p->frames);
    spdy_reader_deinit(&p->reader);
    assert_int_equal(p->closes, 1);
}

static void spdy_tunnels_carry_both_ways(void **state)
{
    struct port p = {.far = -1};
    struct spdy_writer writer;
    struct streams s;
    char bytes[64];

    (void)state;
    spdy_writer_init(&writer);
    spdy_reader_init(&p.reader);
    buf_init(&p.frames, 0);
    streams_start(&s, serve);
    s.test = &p;
    client_ask(&s, "/portforward", STREAM_WS_HEADERS("SPDY/3.1+portforward.k8s.io"));
    open_streams(&s, &writer, 1, "8080", "0");
    STREAM_UNTIL(&s, frames_hold(&s, "[2:1][2:3]"));
    data_send(&s, 3, "GET", true);
    STREAM_UNTIL(&s, recv(p.far, bytes, sizeof bytes, MSG_PEEK) == 3);
    assert_int_equal(send(p.far, "answer", 6, 0), 6);
    STREAM_UNTIL(&s, frames_hold(&s, "[0:3 answer]"));
    close(p.far);
    p.far = -1;
    STREAM_UNTIL(&s, frames_hold(&s, "[0:1 fin][0:3 fin]"));
    open_streams(&s, &writer, 5, "9", "1");
    STREAM_UNTIL(&s, frames_hold(&s, "[0:5 fin nobody listens on 9][0:7 fin]"));
    assert_int_equal(p.dials, 2);
    streams_stop(&s);
    spdy_writer_deinit(&writer);
    port_deinit(&p);
}

static void channels_begin_with_the_port(void **state)
{
    struct port p = {.far = -1};
    struct streams s;
    char bytes[64];

    (void)state;
    spdy_reader_init(&p.reader);
    buf_init(&p.frames, 0);
    streams_start(&s, serve);
    s.test = &p;
    client_ask(&s, "/portforward?ports=8080,9", STREAM_WS_HEADERS("v4.channel.k8s.io"));
    STREAM_UNTIL(&s, slice_find(buf_slice(&s.payload), SLICE("nobody listens on 9")) > 0);
    assert_memory_equal(s.payload.data, "\0\x90\x1f\1\x90\x1f\2\x09\0\3\x09\0\3nobody", 19);
    client_message(&s, SLICE("\0ping"));
    STREAM_UNTIL(&s, recv(p.far, bytes, sizeof bytes, MSG_PEEK) == 4);
    assert_int_equal(send(p.far, "pong", 4, 0), 4);
    STREAM_UNTIL(&s, slice_ends_with(buf_slice(&s.payload), SLICE("\0pong")));
    close(p.far);
    p.far = -1;
    STREAM_UNTIL(&s, s.closed);
    streams_stop(&s);
    port_deinit(&p);
}

static void an_unknown_protocol_is_refused(void **state)
{
    struct port p = {.far = -1};
    struct streams s;

    (void)state;
    streams_start(&s, serve);
    s.test = &p;
    client_ask(&s, "/portforward", STREAM_WS_HEADERS("v5.channel.k8s.io"));
    assert_true(slice_starts_with(buf_slice(&s.head), SLICE("HTTP/1.1 400")));
    streams_stop(&s);
    assert_int_equal(p.closes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spdy_tunnels_carry_both_ways),
        cmocka_unit_test(channels_begin_with_the_port),
        cmocka_unit_test(an_unknown_protocol_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
