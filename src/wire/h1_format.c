/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1 serialiser: heads, chunk lines and trailers, straight into an output buffer.
 *
 * Place   http/h1_conn
 * Owns    nothing
 * Limits  the buffer's
 * Spec    RFC 9112; what could end a line or start a field is refused, wherever it came from
 */
#include "wire/h1.h"

#include "wire/h1_scan.h"

static char *put(char *at, struct slice text)
{
    if (text.len)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

static char *put_number(char *at, uint64_t number)
{
    char digits[SLICE_U64_SIZE];

    return put(at, slice_format_u64(number, digits));
}

static char *put_field(char *at, struct slice name, struct slice value)
{
    at = put(at, name);
    *at++ = ':';
    *at++ = ' ';
    at = put(at, value);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* Headers that say how this connection goes on; the codec writes its own. */
static bool name_is_ours(struct slice name)
{
    switch (name.len) {
    case 4:
        return memcmp(name.data, "host", 4) == 0;
    case 7:
        return memcmp(name.data, "upgrade", 7) == 0;
    case 10:
        return memcmp(name.data, "connection", 10) == 0 || memcmp(name.data, "keep-alive", 10) == 0;
    case 16:
        return memcmp(name.data, "proxy-connection", 16) == 0;
    case 17:
        return memcmp(name.data, "transfer-encoding", 17) == 0;
    default:
        return false;
    }
}

static bool name_is_length(struct slice name)
{
    return name.len == 14 && memcmp(name.data, "content-length", 14) == 0;
}

/* Bytes that the fields may take at most, or -1 when one must not be sent. */
static ptrdiff_t headers_measure(const struct http_headers *headers)
{
    size_t total = 0;

    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *header = &headers->items[i];

        if (!h1_token_is_valid(header->name) || !h1_value_is_valid(header->value))
            return -1;
        total += header->name.len + header->value.len + 4;
    }
    return (ptrdiff_t)total;
}

static char *put_headers(char *at, const struct http_head *head, const struct h1_framing *framing)
{
    bool length_left_out = framing->length_forbidden || framing->body == H1_BODY_CHUNKED;
    bool length_seen = false;

    for (size_t i = 0; i < head->headers.count; i++) {
        const struct http_header *header = &head->headers.items[i];

        if (name_is_ours(header->name))
            continue;
        if (name_is_length(header->name)) {
            if (length_left_out || length_seen)
                continue;
            length_seen = true;
        }
        at = put_field(at, header->name, header->value);
    }
    if (framing->body == H1_BODY_CHUNKED)
        at = put(at, SLICE("transfer-encoding: chunked\r\n"));
    if (framing->body == H1_BODY_LENGTH && !length_seen && !length_left_out) {
        at = put(at, SLICE("content-length: "));
        at = put_number(at, framing->length);
        at = put(at, SLICE("\r\n"));
    }
    if (framing->upgrade.len) {
        at = put(at, SLICE("connection: upgrade\r\n"));
        at = put_field(at, SLICE("upgrade"), framing->upgrade);
    } else if (framing->close) {
        at = put(at, SLICE("connection: close\r\n"));
    } else if (framing->keep_alive) {
        at = put(at, SLICE("connection: keep-alive\r\n"));
    }
    return put(at, SLICE("\r\n"));
}

enum { FRAMING_SIZE_MAX = 160 }; /* all that put_headers adds by itself, but the upgrade token */

int h1_request_format(struct buf *out, const struct http_head *head,
                      const struct h1_framing *framing)
{
    bool connect = slice_eq(head->method, SLICE("CONNECT")) && head->path.len == 0;
    struct slice target = connect ? head->authority : head->path;
    ptrdiff_t fields = headers_measure(&head->headers);
    char *start;
    char *at;

    if (fields < 0 || !h1_token_is_valid(head->method) || target.len == 0 ||
        !h1_value_is_valid(target) || memchr(target.data, ' ', target.len) ||
        memchr(target.data, '\t', target.len) || !h1_value_is_valid(head->authority) ||
        !h1_value_is_valid(framing->upgrade))
        return ERR_INVALID;
    start = buf_reserve(out, (size_t)fields + head->method.len + target.len + head->authority.len +
                                 framing->upgrade.len + FRAMING_SIZE_MAX);
    if (!start)
        return ERR_LIMIT;
    at = put(start, head->method);
    *at++ = ' ';
    at = put(at, target);
    at = put(at, SLICE(" HTTP/1.1\r\n"));
    at = put_field(at, SLICE("host"), head->authority);
    at = put_headers(at, head, framing);
    buf_commit(out, (size_t)(at - start));
    return 0;
}

int h1_response_format(struct buf *out, const struct http_head *head,
                       const struct h1_framing *framing)
{
    ptrdiff_t fields = headers_measure(&head->headers);
    char *start;
    char *at;

    if (fields < 0 || head->status < 100 || head->status > 999 ||
        !h1_value_is_valid(framing->upgrade))
        return ERR_INVALID;
    start = buf_reserve(out, (size_t)fields + framing->upgrade.len + FRAMING_SIZE_MAX);
    if (!start)
        return ERR_LIMIT;
    at = put(start, SLICE("HTTP/1.1 "));
    at = put_number(at, head->status);
    *at++ = ' ';
    at = put(at, slice_str(h1_status_text(head->status)));
    at = put(at, SLICE("\r\n"));
    at = put_headers(at, head, framing);
    buf_commit(out, (size_t)(at - start));
    return 0;
}

int h1_trailers_format(struct buf *out, const struct http_headers *trailers)
{
    static const struct http_headers none;
    ptrdiff_t fields = headers_measure(trailers ? trailers : &none);
    char *start;
    char *at;

    if (fields < 0)
        return ERR_INVALID;
    start = buf_reserve(out, (size_t)fields + 5);
    if (!start)
        return ERR_LIMIT;
    at = put(start, SLICE("0\r\n"));
    for (size_t i = 0; trailers && i < trailers->count; i++)
        if (!name_is_ours(trailers->items[i].name) && !name_is_length(trailers->items[i].name))
            at = put_field(at, trailers->items[i].name, trailers->items[i].value);
    at = put(at, SLICE("\r\n"));
    buf_commit(out, (size_t)(at - start));
    return 0;
}

size_t h1_chunk_head_format(char *out, size_t size)
{
    size_t digits = 1;

    while (digits < 16 && size >> (digits * 4))
        digits++;
    for (size_t i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[size >> ((digits - 1 - i) * 4) & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
