/* SPDX-License-Identifier: Apache-2.0 */
/* What the services share in reading requests and answering JSON.
 *
 * Place   used by every service of the samples
 */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include <jansson.h>

#include "exchange.h"

/* Answers `value` and frees it. `flags` are jansson's: JSON_COMPACT or 0. */
void answer_json(struct exchange *exchange, int status, json_t *value, size_t flags);

/* Answers {"error": text}, compact. */
void answer_error(struct exchange *exchange, int status, const char *text);

/* True and the rest of the path when the request is for a path below `prefix` ("/reviews/"). */
bool answer_path(const struct exchange *exchange, const char *prefix, struct slice *ret_rest);

/* The headers that a service passes on: traces, and who asks. NULL at the end. */
extern const char *const answer_forward_all[];

/* The same for BookInfo's productpage, which sets end-user itself. */
extern const char *const answer_forward_page[];

#endif
