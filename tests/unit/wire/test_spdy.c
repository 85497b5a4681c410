/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY frames: round trips for every split of the input, a frame of another implementation's,
 * refusals.
 */
#include "test.h"

#include "wire/spdy.h"

static bool note(const struct spdy_frame *frame, void *ctx)
{
    struct buf *seen = ctx;

    buf_printf(seen, "[%d:%u%s", (int)frame->kind, frame->id, frame->fin ? " fin" : "");
    for (size_t i = 0; i < frame->header_count; i++)
        buf_printf(seen, " %.*s=%.*s", SLICE_ARG(frame->headers[i].name),
                   SLICE_ARG(frame->headers[i].value));
    buf_printf(seen, "%s%.*s]", frame->data.len ? " " : "", SLICE_ARG(frame->data));
    return true;
}

static void frames_write(struct buf *wire)
{
    struct spdy_frame syn = {.kind = SPDY_SYN_STREAM,
                             .id = 1,
                             .fin = true,
                             .header_count = 3,
                             .headers = {{SLICE("streamtype"), SLICE("error")},
                                         {SLICE("port"), SLICE("8080")},
                                         {SLICE("requestid"), SLICE("0")}}};
    struct spdy_frame reply = {.kind = SPDY_SYN_REPLY, .id = 3};
    struct spdy_writer writer;

    spdy_writer_init(&writer);
    assert_int_equal(spdy_syn_encode(&writer, &syn, wire), 0);
    syn.id = 3;
    syn.fin = false;
    assert_int_equal(spdy_syn_encode(&writer, &syn, wire), 0); /* the same compressor goes on */
    assert_int_equal(spdy_syn_encode(&writer, &reply, wire), 0);
    assert_int_equal(spdy_data_encode(3, SLICE("hello"), true, wire), 0);
    assert_int_equal(spdy_rst_encode(5, 3, wire), 0);
    buf_append(wire, SLICE("\x80\x03\x00\x04\0\0\0\x04\0\0\0\0")); /* SETTINGS: skipped */
    assert_int_equal(spdy_ping_encode(7, wire), 0);
    spdy_writer_deinit(&writer);
}

static void frames_survive_every_split(void **state)
{
    struct buf wire;

    (void)state;
    buf_init(&wire, 0);
    frames_write(&wire);
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct spdy_reader reader;
        struct buf seen;

        buf_init(&seen, 0);
        spdy_reader_init(&reader);
        assert_int_equal(spdy_reader_feed(&reader, slice_make(wire.data, cut), note, &seen), 0);
        assert_int_equal(spdy_reader_feed(&reader, slice_from(buf_slice(&wire), cut), note, &seen),
                         0);
        assert_slice(buf_slice(&seen),
                     "[1:1 fin streamtype=error port=8080 requestid=0]"
                     "[1:3 streamtype=error port=8080 requestid=0][2:3][0:3 fin hello][3:5][6:7]");
        spdy_reader_deinit(&reader);
        buf_deinit(&seen);
    }
    buf_deinit(&wire);
}

static void broken_frames_are_refused(void **state)
{
    static const struct {
        struct slice bytes;
        int code;
    } cases[] = {
        {SLICE("\x80\x02\x00\x06\0\0\0\x04\0\0\0\1"), ERR_PROTOCOL},        /* another version */
        {SLICE("\x80\x03\x00\x06\0\0\0\x02\0\0"), ERR_PROTOCOL},            /* too short a ping */
        {SLICE("\0\0\0\1\0\x20\0\0"), ERR_LIMIT},                           /* 2 MiB of data */
        {SLICE("\x80\x03\x00\x02\0\0\0\x08\0\0\0\1\1\2\3\4"), ERR_PROTOCOL} /* not zlib's */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct spdy_reader reader;
        struct buf seen;

        buf_init(&seen, 0);
        spdy_reader_init(&reader);
        assert_int_equal(spdy_reader_feed(&reader, cases[i].bytes, note, &seen), cases[i].code);
        assert_int_equal(seen.len, 0);
        spdy_reader_deinit(&reader);
        buf_deinit(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_survive_every_split),
        cmocka_unit_test(broken_frames_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
