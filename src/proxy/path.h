/* SPDX-License-Identifier: Apache-2.0 */
/* Normalising request paths, once, before anything looks at them.
 *
 * Place   the HTTP connection manager, before routing
 * Spec    RFC 3986 section 6; Envoy's normalize_path, merge_slashes, escaped-slashes action
 */
#ifndef WEFT_PROXY_PATH_H
#define WEFT_PROXY_PATH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

/* Envoy's path_with_escaped_slashes_action. */
enum path_escaped {
    PATH_ESCAPED_DEFAULT = 0,
    PATH_ESCAPED_KEEP = 1,
    PATH_ESCAPED_REJECT = 2,
    PATH_ESCAPED_REDIRECT = 3,
    PATH_ESCAPED_FORWARD = 4,
};

struct path_options {
    bool normalize;
    bool merge_slashes;
    enum path_escaped escaped;
};

/* Strips a "#fragment" and applies the options to the part before '?'. *ret borrows `path` when
 * nothing changed, else lies in the arena. ERR_INVALID: answer 400. *ret_redirect: answer 307 to
 * *ret (only with PATH_ESCAPED_REDIRECT). */
MUST_USE int path_normalize(struct slice path, const struct path_options *options,
                            struct arena *arena, struct slice *ret, bool *ret_redirect);
/* The part before '?'. */
struct slice path_only(struct slice path);
/* What follows '?', without it; empty when there is none. */
struct slice path_query(struct slice path);

#endif
