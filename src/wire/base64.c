/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 and hexadecimal text.
 *
 * Place   see base64.h
 */
#include "wire/base64.h"

static const char standard_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode(struct slice bytes, const char *alphabet, bool padded, struct buf *out)
{
    const uint8_t *in = (const uint8_t *)bytes.data;
    size_t size = (bytes.len + 2) / 3 * 4;
    size_t done = 0;
    char *to;

    if (bytes.len == 0)
        return 0;
    to = buf_reserve(out, size);
    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)in[i] << 16;

        three |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        three |= left > 2 ? (uint32_t)in[i + 2] : 0;
        to[done++] = alphabet[three >> 18];
        to[done++] = alphabet[(three >> 12) & 63];
        if (left > 1)
            to[done++] = alphabet[(three >> 6) & 63];
        else if (padded)
            to[done++] = '=';
        if (left > 2)
            to[done++] = alphabet[three & 63];
        else if (padded)
            to[done++] = '=';
    }
    buf_commit(out, done);
    return 0;
}

int base64_encode(struct slice bytes, struct buf *out)
{
    return encode(bytes, standard_alphabet, true, out);
}

int base64_url_encode(struct slice bytes, struct buf *out)
{
    return encode(bytes, url_alphabet, false, out);
}

/* 0-63, or -1 */
static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

int base64_decode(struct slice text, struct buf *out)
{
    size_t padding = 0;
    size_t done = 0;
    uint32_t bits = 0;
    char *to; /* only committed bytes count; the buffer's terminator is put back on failure */

    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    if (padding && text.len % 4 != 0)
        return ERR_INVALID;
    text.len -= padding;
    if (text.len % 4 == 1)
        return ERR_INVALID;
    if (text.len == 0)
        return 0;
    to = buf_reserve(out, text.len / 4 * 3 + 3);
    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < text.len; i++) {
        int value = letter_value(text.data[i]);

        if (value < 0) {
            *to = '\0';
            return ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            to[done++] = (char)(bits >> (6 - i % 4 * 2));
    }
    buf_commit(out, done);
    return 0;
}

int hex_encode(struct slice bytes, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char *to;

    if (bytes.len == 0)
        return 0;
    to = buf_reserve(out, bytes.len * 2);
    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = digits[(uint8_t)bytes.data[i] >> 4];
        to[2 * i + 1] = digits[(uint8_t)bytes.data[i] & 15];
    }
    buf_commit(out, bytes.len * 2);
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(struct slice text, struct buf *out)
{
    char *to;

    if (text.len % 2 != 0)
        return ERR_INVALID;
    if (text.len == 0)
        return 0;
    to = buf_reserve(out, text.len / 2);
    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(text.data[2 * i]);
        int low = hex_value(text.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            *to = '\0';
            return ERR_INVALID;
        }
        to[i] = (char)(high << 4 | low);
    }
    buf_commit(out, text.len / 2);
    return 0;
}
