/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: the parts of an absolute one, percent coding, and query parameters.
 *
 * Place   kube (server addresses), API server (query parameters), xds and CLI (addresses)
 * Owns    nothing: parts borrow from the text; decoded text lies in the caller's arena
 * Spec    RFC 3986
 */
#ifndef WEFT_WIRE_URL_H
#define WEFT_WIRE_URL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct url {
    struct slice scheme;    /* "http", as written */
    struct slice authority; /* host with port, as written: what goes into Host */
    struct slice host;      /* without brackets and port */
    unsigned port;          /* 80 and 443 are filled in for http and https; else 0 */
    struct slice path;      /* from the first '/', without the query; may be empty */
    struct slice query;     /* without '?'; data NULL when there is none */
};

/* "scheme://host[:port][/path][?query]"; a fragment is cut off. ERR_INVALID for anything else, also
 * with user information. */
MUST_USE int url_parse(struct slice text, struct url *ret);
/* The path and query of a request target ("/a?b"); query's data is NULL when there is none. */
void url_target_split(struct slice target, struct slice *ret_path, struct slice *ret_query);
/* Percent-decoded in the arena (borrowed when nothing is encoded). ERR_INVALID: a malformed
 * triplet. */
MUST_USE int url_decode(struct arena *arena, struct slice text, struct slice *ret);
/* Appends `text` with all but unreserved characters encoded. */
int url_encode(struct buf *out, struct slice text);
/* Cuts the next "name=value" off *query, decoded ('+' is a space): true when there was one. A
 * malformed triplet is kept as it stands. */
bool url_query_next(struct arena *arena, struct slice *query, struct slice *ret_name,
                    struct slice *ret_value);
/* The first value of that name, decoded; data NULL when absent. */
struct slice url_query_value(struct arena *arena, struct slice query, const char *name);
/* Whether its first value says yes, as Go's strconv.ParseBool has it ("true", "1", "t"...). */
bool url_query_is_true(struct arena *arena, struct slice query, const char *name);

#endif
