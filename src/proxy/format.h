/* SPDX-License-Identifier: Apache-2.0 */
/* Envoy's format strings: text with %OPERATORS%, compiled once, printed per request.
 *
 * Place   access logs, header values, bodies of local replies
 * Owns    nothing: the compiled form lies in the caller's arena
 * Limits  256 pieces; unknown operators are refused by name
 * Spec    docs/reference/proxy.md
 */
#ifndef WEFT_PROXY_FORMAT_H
#define WEFT_PROXY_FORMAT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "proxy/info.h"

struct format;

/* Istio's default access-log line (with its newline). */
extern const char format_istio_default[];
/* Envoy's default line, for file access logs without a format. */
extern const char format_envoy_default[];

/* Compiles; copies what it needs into the arena. ERR_INVALID with the operator's name in err. */
MUST_USE int format_parse(struct arena *arena, struct slice text, struct format **ret,
                          struct error *err);
/* Appends the text for one request. A missing value prints "-". */
void format_print(const struct format *format, const struct info *info, struct buf *out);
/* True when no operator is in it: *ret_text (borrowed) is the whole text. */
bool format_is_constant(const struct format *format, struct slice *ret_text);

/* A JSON object of compiled formats, one line a request: for json_format of access logs. */
struct format_json_field {
    struct slice key;
    const struct format *value;
};
void format_print_json(const struct format_json_field *fields, size_t count,
                       const struct info *info, struct buf *out);

#endif
