/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a message: request line or status, and headers, the same for HTTP/1 and HTTP/2.
 *
 * Place   between the codecs and everybody who serves, calls or proxies
 * Owns    nothing: names, values and arrays live in an arena, for a stream its own
 * Limits  the codec's (http_limits)
 *
 * The struct itself is in wire/message.h, as the codecs fill it.
 */
#ifndef WEFT_HTTP_HEAD_H
#define WEFT_HTTP_HEAD_H

#include "base/arena.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/message.h"

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
/* The token of "authorization: Bearer TOKEN"; empty when there is none. Borrowed. */
struct slice http_headers_bearer(const struct http_headers *headers);
/* Removes all of that name; returns how many. */
size_t http_headers_remove(struct http_headers *headers, struct slice name);
/* Deep copy into another arena. */
void http_head_copy(struct http_head *to, const struct http_head *from, struct arena *arena);
/* "OK" for 200, "" for unknown. */
const char *http_status_text(unsigned status);

#endif
