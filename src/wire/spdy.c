/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY frames, see spdy.h. A header block is a count and as many pairs of length and text, all
 * numbers of four bytes, behind zlib with the dictionary of the protocol.
 */
#include "wire/spdy.h"

#include "base/mem.h"

#include <zlib.h>

enum { HEAD_SIZE = 8, VERSION = 3, FLAG_FIN = 1, CONTROL_BIT = 0x80, DICTIONARY_SIZE = 1423 };

struct spdy_codec {
    z_stream z;
    Bytef dictionary[DICTIONARY_SIZE];
};

/* The dictionary: these words, each behind its length in four bytes, then one text. */
static const char *const dictionary_words[] = {
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
};

static const char dictionary_text[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

static void u32_put(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t u32_get(const char *in)
{
    const uint8_t *at = (const uint8_t *)in;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void dictionary_fill(Bytef out[DICTIONARY_SIZE])
{
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(dictionary_words); i++) {
        size_t len = strlen(dictionary_words[i]);

        u32_put(out + at, (uint32_t)len);
        memcpy(out + at + 4, dictionary_words[i], len);
        at += 4 + len;
    }
    ASSERT(at + sizeof dictionary_text - 1 == DICTIONARY_SIZE);
    memcpy(out + at, dictionary_text, sizeof dictionary_text - 1);
}

static struct spdy_codec *codec_new(void)
{
    struct spdy_codec *codec = MEM_NEW(struct spdy_codec);

    dictionary_fill(codec->dictionary);
    return codec;
}

/* --- reading --- */

void spdy_reader_init(struct spdy_reader *reader)
{
    int rc;

    *reader = (struct spdy_reader){.codec = codec_new()};
    buf_init(&reader->pending, HEAD_SIZE + SPDY_FRAME_MAX);
    reader->text = mem_calloc(SPDY_HEADER_BYTES_MAX, 1);
    rc = inflateInit(&reader->codec->z);
    ASSERT(rc == Z_OK);
}

void spdy_reader_deinit(struct spdy_reader *reader)
{
    buf_deinit(&reader->pending);
    if (reader->codec)
        inflateEnd(&reader->codec->z);
    mem_free(reader->codec);
    mem_free(reader->text);
}

/* Inflates a whole block into reader->text. */
static int block_inflate(struct spdy_reader *reader, struct slice block, struct slice *ret)
{
    z_stream *z = &reader->codec->z;
    int rc;

    z->next_in = (Bytef *)block.data;
    z->avail_in = (uInt)block.len;
    z->next_out = (Bytef *)reader->text;
    z->avail_out = SPDY_HEADER_BYTES_MAX;
    rc = inflate(z, Z_SYNC_FLUSH);
    if (rc == Z_NEED_DICT &&
        inflateSetDictionary(z, reader->codec->dictionary, DICTIONARY_SIZE) == Z_OK)
        rc = inflate(z, Z_SYNC_FLUSH);
    if (z->avail_out == 0)
        return ERR_LIMIT;
    if (rc != Z_OK || z->avail_in > 0)
        return ERR_PROTOCOL;
    *ret = slice_make(reader->text, SPDY_HEADER_BYTES_MAX - z->avail_out);
    return 0;
}

static bool text_take(struct slice *rest, struct slice *ret)
{
    uint32_t len;

    if (rest->len < 4)
        return false;
    len = u32_get(rest->data);
    if (len > rest->len - 4)
        return false;
    *ret = slice_make(rest->data + 4, len);
    *rest = slice_from(*rest, 4 + (size_t)len);
    return true;
}

static int headers_read(struct spdy_reader *reader, struct slice block, struct spdy_frame *frame)
{
    struct slice rest;
    uint32_t count;
    int rc = block_inflate(reader, block, &rest);

    if (rc < 0)
        return rc;
    if (rest.len < 4)
        return ERR_PROTOCOL;
    count = u32_get(rest.data);
    rest = slice_from(rest, 4);
    if (count > SPDY_HEADERS_MAX)
        return ERR_LIMIT;
    for (; frame->header_count < count; frame->header_count++) {
        struct spdy_header *header = &frame->headers[frame->header_count];

        if (!text_take(&rest, &header->name) || !text_take(&rest, &header->value))
            return ERR_PROTOCOL;
    }
    return rest.len == 0 ? 0 : ERR_PROTOCOL;
}

/* The payload of a control frame; *ret_known is false for a kind that means nothing to us. */
static int control_read(struct spdy_reader *reader, unsigned type, struct slice payload,
                        struct spdy_frame *frame, bool *ret_known)
{
    static const size_t fixed[] = {[SPDY_SYN_STREAM] = 10,
                                   [SPDY_SYN_REPLY] = 4,
                                   [SPDY_RST_STREAM] = 8,
                                   [SPDY_PING] = 4,
                                   [SPDY_GOAWAY] = 8};

    *ret_known = type < ARRAY_LEN(fixed) && fixed[type] > 0;
    if (!*ret_known)
        return 0;
    if (payload.len < fixed[type])
        return ERR_PROTOCOL;
    frame->kind = (enum spdy_kind)type;
    frame->id = u32_get(payload.data) & INT32_MAX;
    if (type == SPDY_SYN_STREAM || type == SPDY_SYN_REPLY)
        return headers_read(reader, slice_from(payload, fixed[type]), frame);
    return 0;
}

int spdy_reader_feed(struct spdy_reader *reader, struct slice bytes,
                     bool (*on_frame)(const struct spdy_frame *frame, void *ctx), void *ctx)
{
    while (bytes.len > 0) { /* in pieces, so that the buffer's bound is one frame's */
        size_t room = HEAD_SIZE + SPDY_FRAME_MAX - reader->pending.len;
        struct slice piece = slice_head(bytes, room);

        bytes = slice_from(bytes, piece.len);
        if (buf_append(&reader->pending, piece) < 0)
            return ERR_LIMIT;
        while (reader->pending.len >= HEAD_SIZE) {
            const char *head = reader->pending.data;
            struct spdy_frame frame = {.fin = (head[4] & FLAG_FIN) != 0};
            size_t len = u32_get(head + 4) & 0xFFFFFF;
            struct slice payload = slice_make(head + HEAD_SIZE, len);
            bool known = true;
            int rc = 0;

            if (len > SPDY_FRAME_MAX)
                return ERR_LIMIT;
            if (reader->pending.len < HEAD_SIZE + len)
                break;
            if (head[0] & CONTROL_BIT) {
                if ((u32_get(head) >> 16 & 0x7FFF) != VERSION)
                    return ERR_PROTOCOL;
                rc = control_read(reader, u32_get(head) & 0xFFFF, payload, &frame, &known);
            } else {
                frame.id = u32_get(head);
                frame.data = payload;
            }
            if (rc < 0)
                return rc;
            if (known && !on_frame(&frame, ctx))
                return 0;
            buf_consume(&reader->pending, HEAD_SIZE + len);
        }
    }
    return 0;
}

struct slice spdy_frame_header(const struct spdy_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->header_count; i++)
        if (slice_eq_str(frame->headers[i].name, name))
            return frame->headers[i].value;
    return (struct slice){0};
}

/* --- writing --- */

void spdy_writer_init(struct spdy_writer *writer)
{
    z_stream *z;
    int rc;

    writer->codec = codec_new();
    z = &writer->codec->z;
    rc = deflateInit(z, Z_BEST_SPEED);
    ASSERT(rc == Z_OK);
    rc = deflateSetDictionary(z, writer->codec->dictionary, DICTIONARY_SIZE);
    ASSERT(rc == Z_OK);
}

void spdy_writer_deinit(struct spdy_writer *writer)
{
    if (writer->codec)
        deflateEnd(&writer->codec->z);
    mem_free(writer->codec);
}

static void head_put(uint8_t *out, uint32_t first, bool fin, size_t len)
{
    u32_put(out, first);
    u32_put(out + 4, (uint32_t)len | (fin ? (uint32_t)FLAG_FIN << 24 : 0));
}

static uint32_t control_word(enum spdy_kind kind)
{
    return (uint32_t)CONTROL_BIT << 24 | (uint32_t)VERSION << 16 | kind;
}

static void text_append(struct buf *out, struct slice text)
{
    uint8_t len[4];

    u32_put(len, (uint32_t)text.len);
    buf_append(out, slice_make((const char *)len, 4));
    buf_append(out, text);
}

int spdy_syn_encode(struct spdy_writer *writer, const struct spdy_frame *frame, struct buf *out)
{
    size_t fixed = frame->kind == SPDY_SYN_STREAM ? 10 : 4;
    uint8_t head[HEAD_SIZE + 10] = {0};
    char packed[SPDY_HEADER_BYTES_MAX];
    SCOPED(buf_deinit) struct buf plain;
    z_stream *z = &writer->codec->z;

    buf_init(&plain, SPDY_HEADER_BYTES_MAX / 2);
    u32_put(head, (uint32_t)frame->header_count);
    buf_append(&plain, slice_make((const char *)head, 4));
    for (size_t i = 0; i < frame->header_count; i++) {
        text_append(&plain, frame->headers[i].name);
        text_append(&plain, frame->headers[i].value);
    }
    z->next_in = (Bytef *)plain.data;
    z->avail_in = (uInt)plain.len;
    z->next_out = (Bytef *)packed;
    z->avail_out = sizeof packed;
    if (plain.failed || deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_out == 0)
        return ERR_LIMIT;
    head_put(head, control_word(frame->kind), frame->fin, fixed + sizeof packed - z->avail_out);
    u32_put(head + HEAD_SIZE, frame->id);
    buf_append(out, slice_make((const char *)head, HEAD_SIZE + fixed));
    return buf_append(out, slice_make(packed, sizeof packed - z->avail_out));
}

int spdy_data_encode(uint32_t id, struct slice data, bool fin, struct buf *out)
{
    uint8_t head[HEAD_SIZE];

    head_put(head, id & INT32_MAX, fin, data.len);
    buf_append(out, slice_make((const char *)head, sizeof head));
    return buf_append(out, data);
}

int spdy_rst_encode(uint32_t id, uint32_t status, struct buf *out)
{
    uint8_t frame[HEAD_SIZE + 8];

    head_put(frame, control_word(SPDY_RST_STREAM), false, 8);
    u32_put(frame + HEAD_SIZE, id);
    u32_put(frame + HEAD_SIZE + 4, status);
    return buf_append(out, slice_make((const char *)frame, sizeof frame));
}

int spdy_ping_encode(uint32_t id, struct buf *out)
{
    uint8_t frame[HEAD_SIZE + 4];

    head_put(frame, control_word(SPDY_PING), false, 4);
    u32_put(frame + HEAD_SIZE, id);
    return buf_append(out, slice_make((const char *)frame, sizeof frame));
}
