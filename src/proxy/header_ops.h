/* SPDX-License-Identifier: Apache-2.0 */
/* Additions to and removals from heads, as routes, virtual hosts and route tables order them.
 *
 * Place   the router, on requests before they go upstream and on responses before they go down
 * Owns    nothing: compiled into the configuration's arena
 * Limits  pseudo headers and "host" are refused when compiled
 */
#ifndef WEFT_PROXY_HEADER_OPS_H
#define WEFT_PROXY_HEADER_OPS_H

#include "base/arena.h"
#include "base/prelude.h"
#include "http/head.h"
#include "proxy/format.h"
#include "proxy/info.h"

/* Envoy's append_action, same numbers. */
enum header_op_action {
    HEADER_OP_APPEND = 0,
    HEADER_OP_ADD_IF_ABSENT = 1,
    HEADER_OP_OVERWRITE = 2,
    HEADER_OP_OVERWRITE_IF_EXISTS = 3,
};

struct header_op {
    struct slice name; /* lower case */
    enum header_op_action action;
    bool keep_empty;
    bool constant;
    struct slice text;           /* when constant */
    const struct format *format; /* else */
};

struct header_ops {
    struct slice *removes; /* lower case */
    size_t remove_count;
    struct header_op *adds;
    size_t add_count;
};

/* Removals first, then overwriting, then adding; conditions see the headers after the removals, so
 * two additions "if absent" of one name both happen, as in Envoy. New text lies in `arena`. */
void header_ops_apply(const struct header_ops *ops, struct http_headers *headers,
                      struct arena *arena, const struct info *info);

#endif
