/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP message as plain data: what the codecs make of bytes, and bytes of.
 *
 * Place   filled by wire/h1 and wire/h2; http/head.h has the functions that edit it
 * Owns    nothing: names, values and arrays live in an arena, for a stream its own
 * Limits  the codec's: names and values that a codec gave are checked against RFC 9110 section 5
 */
#ifndef WEFT_WIRE_MESSAGE_H
#define WEFT_WIRE_MESSAGE_H

#include "base/prelude.h"
#include "base/slice.h"

enum http_version { HTTP_VERSION_1_0, HTTP_VERSION_1_1, HTTP_VERSION_2 };

struct http_header {
    struct slice name; /* lower case */
    struct slice value;
};

/* In order of arrival. Zero-initialise; grows in the arena given to http_headers_add. */
struct http_headers {
    struct http_header *items;
    size_t count;
    size_t cap;
};

struct http_head {
    enum http_version version;
    /* requests */
    struct slice method;    /* "GET" */
    struct slice scheme;    /* "http" or "https" */
    struct slice authority; /* Host or :authority; no "host" header is kept beside it */
    struct slice path;      /* target with query: "/a?b"; "*" for OPTIONS *; empty for CONNECT */
    struct slice protocol;  /* :protocol of extended CONNECT, or the "upgrade" token of an HTTP/1
                               upgrade request (or of a 101 response) */
    /* responses */
    unsigned status; /* 100-999; 0 in requests */
    /* both; without pseudo headers, "host", and the hop-by-hop framing headers (connection and what
     * it names, keep-alive, transfer-encoding, upgrade, proxy-connection): the codec consumed
     * those. "te: trailers" is kept. */
    struct http_headers headers;
    int64_t content_length; /* bytes announced; -1 unknown. The "content-length" header is kept in
                               headers too */
};

#endif
