/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a message: request line or status, and headers, the same for HTTP/1 and HTTP/2.
 *
 * Place   between the codecs and everybody who serves, calls or proxies
 * Owns    nothing: names, values and arrays live in an arena, for a stream its own
 * Limits  the codec's (http_limits): names and values here are already checked against RFC 9110
 * section 5
 */
#ifndef WEFT_HTTP_HEAD_H
#define WEFT_HTTP_HEAD_H

#include "base/arena.h"
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
                               upgrade request */
    /* responses */
    unsigned status; /* 100-999; 0 in requests */
    /* both; without pseudo headers, "host", and the hop-by-hop framing headers (connection,
     * keep-alive, transfer-encoding, upgrade, proxy-connection): the codec consumed those. "te:
     * trailers" is kept. */
    struct http_headers headers;
    int64_t content_length; /* bytes announced; -1 unknown. The "content-length" header is kept in
                               headers too */
};

/* Appends; name and value must outlive the arena or lie in it; name must be lower case. */
void http_headers_add(struct http_headers *headers, struct arena *arena, struct slice name,
                      struct slice value);
/* Sets the only one of that name: replaces the first, removes others. */
void http_headers_set(struct http_headers *headers, struct arena *arena, struct slice name,
                      struct slice value);
/* The first of that name, or NULL. */
const struct http_header *http_headers_get(const struct http_headers *headers, struct slice name);
/* Its value, or an empty slice (data NULL when absent). */
struct slice http_headers_value(const struct http_headers *headers, struct slice name);
/* All values of that name joined by ","; one value is borrowed, several are joined in the arena.
 * data NULL: absent. */
struct slice http_headers_joined(const struct http_headers *headers, struct arena *arena,
                                 struct slice name);
/* Removes all of that name; returns how many. */
size_t http_headers_remove(struct http_headers *headers, struct slice name);
/* Deep copy into another arena. */
void http_head_copy(struct http_head *to, const struct http_head *from, struct arena *arena);
/* "OK" for 200, "" for unknown. */
const char *http_status_text(unsigned status);

#endif
