/* SPDX-License-Identifier: Apache-2.0 */
/* First-byte detection of TLS and HTTP. See sniff.h.
 *
 * The ClientHello may be split over several TLS records: their payloads are joined first.
 *
 *   record   = 0x16 | version 2 | length 2 | payload        (repeated)
 *   payload  = 0x01 | length 3 | version 2 | random 32 | session id <1> | suites <2> |
 *              compressions <1> | extensions <2>
 */
#include "proxy/sniff.h"

enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16, REQUEST_LINE_MAX = 8192, METHOD_MAX = 32 };

struct cursor {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static unsigned take_number(struct cursor *in, size_t bytes)
{
    unsigned number = 0;

    if (in->left < bytes) {
        in->failed = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | in->at[i];
    in->at += bytes;
    in->left -= bytes;
    return number;
}

/* A run whose length comes first, in `bytes` bytes. */
static struct cursor take_run(struct cursor *in, size_t bytes)
{
    struct cursor run = {in->at, 0, false};
    size_t len = take_number(in, bytes);

    if (in->failed || in->left < len) {
        in->failed = true;
        run.failed = true;
        return run;
    }
    run.at = in->at;
    run.left = len;
    in->at += len;
    in->left -= len;
    return run;
}

static void read_server_name(struct cursor in, struct sniff_tls *ret)
{
    struct cursor list = take_run(&in, 2);

    while (list.left > 0 && !list.failed) {
        unsigned kind = take_number(&list, 1);
        struct cursor name = take_run(&list, 2);

        if (list.failed || kind != 0 || name.left == 0 || name.left >= SNIFF_NAME_MAX)
            continue;
        for (size_t i = 0; i < name.left; i++) {
            char c = (char)name.at[i];

            /* A name is printed in logs: nothing but what host names hold. */
            if (c >= 'A' && c <= 'Z')
                c = (char)(c + 32);
            ret->server_name[i] = c > 0x20 && c < 0x7f ? c : '_';
        }
        ret->server_name[name.left] = '\0';
        return;
    }
}

static void read_alpn(struct cursor in, struct sniff_tls *ret)
{
    struct cursor list = take_run(&in, 2);
    size_t used = 0;

    while (list.left > 0 && !list.failed && ret->protocol_count < CHAIN_PROTOCOL_MAX) {
        struct cursor name = take_run(&list, 1);

        if (list.failed || used + name.left > SNIFF_ALPN_MAX)
            return;
        memcpy(ret->alpn + used, name.at, name.left);
        ret->protocols[ret->protocol_count++] = slice_make(ret->alpn + used, name.left);
        used += name.left;
    }
}

static enum sniff_result read_hello(struct cursor in, struct sniff_tls *ret)
{
    struct cursor extensions;

    take_number(&in, 2 + 1); /* version and the first byte of random */
    if (in.left < 31)
        return SNIFF_NO;
    in.at += 31;
    in.left -= 31;
    take_run(&in, 1);
    take_run(&in, 2);
    take_run(&in, 1);
    if (in.failed)
        return SNIFF_NO;
    if (in.left == 0)
        return SNIFF_YES; /* no extensions */
    extensions = take_run(&in, 2);
    while (extensions.left > 0 && !extensions.failed) {
        unsigned kind = take_number(&extensions, 2);
        struct cursor body = take_run(&extensions, 2);

        if (extensions.failed)
            return SNIFF_NO;
        if (kind == EXTENSION_SERVER_NAME)
            read_server_name(body, ret);
        else if (kind == EXTENSION_ALPN)
            read_alpn(body, ret);
    }
    return extensions.failed ? SNIFF_NO : SNIFF_YES;
}

/* The payload of the record at `at`: its length, or why not. */
static enum sniff_result next_record(struct slice bytes, size_t at, size_t *ret_len)
{
    const uint8_t *in = (const uint8_t *)bytes.data + at;

    if (bytes.len < at + 5)
        return SNIFF_MORE;
    if (in[0] != 0x16 || in[1] != 3)
        return SNIFF_NO;
    *ret_len = (size_t)in[3] << 8 | in[4];
    if (*ret_len == 0 || *ret_len > SNIFF_HELLO_MAX)
        return SNIFF_NO;
    return bytes.len < at + 5 + *ret_len ? SNIFF_MORE : SNIFF_YES;
}

enum sniff_result sniff_tls(struct slice bytes, struct sniff_tls *ret)
{
    const uint8_t *in = (const uint8_t *)bytes.data;
    uint8_t joined[SNIFF_HELLO_MAX];
    size_t joined_len = 0;
    size_t at = 0;
    size_t need = 4;

    memset(ret, 0, sizeof *ret);
    /* A first byte decides most; the sixth is the handshake's type. */
    if ((bytes.len > 0 && in[0] != 0x16) || (bytes.len > 1 && in[1] != 3) ||
        (bytes.len > 5 && in[5] != 1))
        return SNIFF_NO;
    while (joined_len < need) {
        size_t len = 0;
        enum sniff_result result = next_record(bytes, at, &len);

        if (result != SNIFF_YES)
            return result;
        if (joined_len + len > SNIFF_HELLO_MAX)
            return SNIFF_NO;
        memcpy(joined + joined_len, in + at + 5, len);
        joined_len += len;
        at += 5 + len;
        if (joined_len >= 4)
            need = 4 + ((size_t)joined[1] << 16 | (size_t)joined[2] << 8 | joined[3]);
        if (need > SNIFF_HELLO_MAX)
            return SNIFF_NO;
    }
    return read_hello((struct cursor){joined + 4, need - 4, false}, ret);
}

static bool is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '!' || c == '$' || c == '+' || c == '.';
}

/* Nothing but a method can begin like this. */
static bool begins_like_a_method(struct slice line)
{
    ptrdiff_t space = slice_find_char(line, ' ');
    size_t len = space < 0 ? line.len : (size_t)space;

    for (size_t i = 0; i < len; i++)
        if (!is_token_char(line.data[i]))
            return false;
    return space != 0 && len <= METHOD_MAX;
}

enum sniff_result sniff_http(struct slice bytes, struct slice *ret_protocol)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t preface_len = sizeof preface - 1;
    struct slice line = bytes;
    ptrdiff_t end;

    /* Empty lines before a request line are allowed. */
    while (line.len > 0 && (line.data[0] == '\r' || line.data[0] == '\n'))
        line = slice_from(line, 1);
    if (line.len == 0)
        return SNIFF_MORE;
    if (memcmp(line.data, preface, MIN(line.len, preface_len)) == 0) {
        *ret_protocol = SLICE("h2c");
        return line.len >= preface_len ? SNIFF_YES : SNIFF_MORE;
    }
    if (!begins_like_a_method(line))
        return SNIFF_NO;
    end = slice_find_char(line, '\n');
    if (end < 0)
        return line.len > REQUEST_LINE_MAX ? SNIFF_NO : SNIFF_MORE;
    line = slice_trim(slice_head(line, (size_t)end));
    if (slice_ends_with(line, SLICE(" HTTP/1.1")))
        *ret_protocol = SLICE("http/1.1");
    else if (slice_ends_with(line, SLICE(" HTTP/1.0")))
        *ret_protocol = SLICE("http/1.0");
    else
        return SNIFF_NO;
    return SNIFF_YES;
}
