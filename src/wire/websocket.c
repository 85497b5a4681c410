/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket framing. SHA-1 is here because the handshake (RFC 6455, 4.2.2) needs it, and only that:
 * it guards nothing.
 */
#include "wire/websocket.h"

#include "wire/base64.h"

enum { CONTROL_SIZE_MAX = 125, SHA1_SIZE = 20, SHA1_BLOCK = 64 };

/* --- handshake --- */

static uint32_t rotate_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t sha1_mix(unsigned round, const uint32_t s[5], uint32_t *constant)
{
    if (round < 20) {
        *constant = 0x5A827999;
        return (s[1] & s[2]) | (~s[1] & s[3]);
    }
    if (round < 40 || round >= 60) {
        *constant = round < 40 ? 0x6ED9EBA1 : 0xCA62C1D6;
        return s[1] ^ s[2] ^ s[3];
    }
    *constant = 0x8F1BBCDC;
    return (s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3]);
}

static void sha1_block(uint32_t hash[5], const uint8_t block[SHA1_BLOCK])
{
    uint32_t w[80];
    uint32_t s[5];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(s, hash, sizeof s);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t constant;
        uint32_t mixed = sha1_mix(i, s, &constant);
        uint32_t next = rotate_left(s[0], 5) + mixed + s[4] + constant + w[i];

        s[4] = s[3];
        s[3] = s[2];
        s[2] = rotate_left(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        hash[i] += s[i];
}

/* Of at most two blocks' worth of text: key (cut at 64 bytes) and the fixed id. */
static void sha1(struct slice text, uint8_t out[SHA1_SIZE])
{
    uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t padded[2 * SHA1_BLOCK] = {0};
    size_t blocks = text.len + 9 <= SHA1_BLOCK ? 1 : 2;
    uint64_t bits = (uint64_t)text.len * 8;

    ASSERT(text.len + 9 <= sizeof padded);
    memcpy(padded, text.data, text.len);
    padded[text.len] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        padded[blocks * SHA1_BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (size_t i = 0; i < blocks; i++)
        sha1_block(hash, padded + i * SHA1_BLOCK);
    for (unsigned i = 0; i < SHA1_SIZE; i++)
        out[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

const char *websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_SIZE])
{
    SCOPED(buf_deinit) struct buf text;
    uint8_t digest[SHA1_SIZE];

    buf_init(&text, 512);
    buf_append(&text, slice_head(key, 64));
    buf_append_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sha1(buf_slice(&text), digest);
    buf_reset(&text);
    base64_encode(slice_make(digest, sizeof digest), &text);
    memcpy(out, text.data, WEBSOCKET_ACCEPT_SIZE - 1);
    out[WEBSOCKET_ACCEPT_SIZE - 1] = '\0';
    return out;
}

/* --- reading --- */

struct frame {
    bool final;
    unsigned opcode;
    struct slice payload; /* unmasked, in the pending buffer */
    size_t size;          /* of the whole frame */
};

void websocket_reader_init(struct websocket_reader *reader, bool is_server, size_t message_size_max)
{
    reader->masked_expected = is_server;
    buf_init(&reader->pending, message_size_max + 14 + 65536);
    buf_init(&reader->message, message_size_max);
    reader->message_opcode = 0;
}

void websocket_reader_deinit(struct websocket_reader *reader)
{
    buf_deinit(&reader->pending);
    buf_deinit(&reader->message);
}

static bool opcode_is_control(unsigned opcode)
{
    return opcode & 8;
}

static int frame_check(const struct websocket_reader *reader, unsigned first, bool masked,
                       uint64_t len)
{
    unsigned opcode = first & 0xF;
    bool known =
        opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);

    if (first & 0x70 || !known || masked != reader->masked_expected)
        return ERR_PROTOCOL;
    if (opcode_is_control(opcode) && (!(first & 0x80) || len > CONTROL_SIZE_MAX))
        return ERR_PROTOCOL;
    if (!opcode_is_control(opcode) && (opcode == 0) != (reader->message_opcode != 0))
        return ERR_PROTOCOL; /* a continuation of nothing, or a message within a message */
    return len > reader->message.size_max ? ERR_LIMIT : 0;
}

/* Reads the frame at `at` of the pending bytes: 1, 0 when it is not whole, or an error. */
static int frame_read(struct websocket_reader *reader, size_t at, struct frame *ret)
{
    uint8_t *bytes = (uint8_t *)reader->pending.data + at;
    size_t left = reader->pending.len - at;
    size_t head = 2;
    uint64_t len;
    bool masked;
    int rc;

    if (left < head)
        return 0;
    masked = bytes[1] & 0x80;
    len = bytes[1] & 0x7F;
    if (len >= 126) {
        size_t width = len == 126 ? 2 : 8;

        head += width;
        if (left < head)
            return 0;
        len = 0;
        for (size_t i = 0; i < width; i++)
            len = len << 8 | bytes[2 + i];
    }
    rc = frame_check(reader, bytes[0], masked, len);
    if (rc < 0)
        return rc;
    head += masked ? 4 : 0;
    if (left < head || left - head < len)
        return 0;
    for (size_t i = 0; masked && i < len; i++)
        bytes[head + i] ^= bytes[head - 4 + i % 4];
    *ret = (struct frame){.final = bytes[0] & 0x80,
                          .opcode = bytes[0] & 0xF,
                          .payload = slice_make(bytes + head, (size_t)len),
                          .size = head + (size_t)len};
    return 1;
}

/* Hands a whole message on, or keeps a fragment. 1 to go on, 0 to stop, or an error. */
static int frame_take(struct websocket_reader *reader, const struct frame *frame,
                      bool (*on_message)(enum websocket_opcode, struct slice, void *), void *ctx)
{
    unsigned opcode = frame->opcode;
    bool go_on;

    if (opcode_is_control(opcode))
        return on_message(opcode, frame->payload, ctx);
    if (opcode && frame->final)
        return on_message(opcode, frame->payload, ctx);
    if (opcode)
        reader->message_opcode = opcode;
    if (buf_append(&reader->message, frame->payload) < 0)
        return ERR_LIMIT;
    if (!frame->final)
        return 1;
    opcode = reader->message_opcode;
    reader->message_opcode = 0;
    go_on = on_message(opcode, buf_slice(&reader->message), ctx);
    buf_reset(&reader->message);
    return go_on;
}

int websocket_reader_feed(struct websocket_reader *reader, struct slice bytes,
                          bool (*on_message)(enum websocket_opcode opcode, struct slice payload,
                                             void *ctx),
                          void *ctx)
{
    size_t at = 0;
    int rc;

    if (buf_append(&reader->pending, bytes) < 0)
        return ERR_LIMIT;
    for (;;) {
        struct frame frame;

        rc = frame_read(reader, at, &frame);
        if (rc <= 0)
            break;
        at += frame.size;
        rc = frame_take(reader, &frame, on_message, ctx);
        if (rc <= 0)
            break;
    }
    buf_consume(&reader->pending, at);
    return rc < 0 ? rc : 0;
}

/* --- writing --- */

int websocket_frame_encode(enum websocket_opcode opcode, struct slice head, struct slice body,
                           const uint8_t *mask, struct buf *out)
{
    uint64_t len = head.len + body.len;
    unsigned mask_bit = mask ? 0x80 : 0;
    size_t payload_at;

    buf_append_char(out, (char)(0x80 | opcode));
    if (len < 126) {
        buf_append_char(out, (char)(mask_bit | len));
    } else {
        int width = len <= UINT16_MAX ? 2 : 8;

        buf_append_char(out, (char)(mask_bit | (width == 2 ? 126 : 127)));
        for (int i = width - 1; i >= 0; i--)
            buf_append_char(out, (char)(len >> (8 * i) & 0xFF));
    }
    if (mask)
        buf_append(out, slice_make(mask, 4));
    payload_at = out->len;
    buf_append(out, head);
    buf_append(out, body);
    if (out->failed)
        return ERR_LIMIT;
    for (uint64_t i = 0; mask && i < len; i++)
        out->data[payload_at + i] = (char)(out->data[payload_at + i] ^ mask[i % 4]);
    return 0;
}

int websocket_close_encode(unsigned code, const uint8_t *mask, struct buf *out)
{
    const uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    return websocket_frame_encode(WEBSOCKET_CLOSE, slice_make(bytes, sizeof bytes),
                                  slice_make("", 0), mask, out);
}
