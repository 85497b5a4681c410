/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames, for every split of the input; the handshake; refusals. */
#include "test.h"

#include "wire/websocket.h"

static bool note(enum websocket_opcode opcode, struct slice payload, void *ctx)
{
    struct buf *seen = ctx;

    buf_printf(seen, "[%d:%.*s]", (int)opcode, SLICE_ARG(payload));
    return opcode != WEBSOCKET_CLOSE;
}

static void handshake_key_of_the_rfc(void **state)
{
    char out[WEBSOCKET_ACCEPT_SIZE];

    (void)state;
    assert_string_equal(websocket_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), out),
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void messages_survive_every_split(void **state)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    char long_text[301];
    struct buf wire, expected;

    (void)state;
    memset(long_text, 'x', 300);
    long_text[300] = '\0';
    buf_init(&wire, 0);
    buf_init(&expected, 0);
    assert_int_equal(
        websocket_frame_encode(WEBSOCKET_BINARY, SLICE("\1"), SLICE("hello"), mask, &wire), 0);
    /* a message in two fragments with a ping between: unmasked payloads written by hand */
    buf_append(&wire, SLICE("\x01\x82\0\0\0\0ab\x89\x81\0\0\0\0p\x80\x81\0\0\0\0c"));
    assert_int_equal(
        websocket_frame_encode(WEBSOCKET_TEXT, SLICE(""), slice_str(long_text), mask, &wire), 0);
    assert_int_equal(websocket_close_encode(WEBSOCKET_CLOSE_NORMAL, mask, &wire), 0);
    buf_printf(&expected, "[2:\1hello][9:p][1:abc][1:%s][8:\3\xE8]", long_text);
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct websocket_reader reader;
        struct buf seen;

        buf_init(&seen, 0);
        websocket_reader_init(&reader, true, 4096);
        assert_int_equal(websocket_reader_feed(&reader, slice_make(wire.data, cut), note, &seen),
                         0);
        assert_int_equal(
            websocket_reader_feed(&reader, slice_from(buf_slice(&wire), cut), note, &seen), 0);
        assert_slice(buf_slice(&seen), expected.data);
        websocket_reader_deinit(&reader);
        buf_deinit(&seen);
    }
    buf_deinit(&wire);
    buf_deinit(&expected);
}

static void malformed_frames_are_refused(void **state)
{
    static const struct {
        struct slice bytes;
        int code;
    } cases[] = {
        {SLICE("\x82\x01z"), ERR_PROTOCOL},                     /* not masked */
        {SLICE("\xC2\x81\0\0\0\0z"), ERR_PROTOCOL},             /* reserved bit */
        {SLICE("\x83\x81\0\0\0\0z"), ERR_PROTOCOL},             /* unknown opcode */
        {SLICE("\x80\x81\0\0\0\0z"), ERR_PROTOCOL},             /* continues nothing */
        {SLICE("\x09\x81\0\0\0\0z"), ERR_PROTOCOL},             /* fragmented ping */
        {SLICE("\x89\xFE\x01\0\0\0\0\0"), ERR_PROTOCOL},        /* long ping */
        {SLICE("\x82\xFF\0\0\0\1\0\0\0\0\0\0\0\0"), ERR_LIMIT}, /* 4 GiB */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct websocket_reader reader;
        struct buf seen;

        buf_init(&seen, 0);
        websocket_reader_init(&reader, true, 4096);
        assert_int_equal(websocket_reader_feed(&reader, cases[i].bytes, note, &seen),
                         cases[i].code);
        websocket_reader_deinit(&reader);
        buf_deinit(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_key_of_the_rfc),
        cmocka_unit_test(messages_survive_every_split),
        cmocka_unit_test(malformed_frames_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
