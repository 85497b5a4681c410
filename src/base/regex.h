/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions in RE2's syntax, in linear time: Istio's and Envoy's.
 *
 * Place   route and header matchers, validation
 * Owns    the compiled program
 * Limits  a program may take 8 MiB; beyond it regex_new refuses
 */
#ifndef WEFT_BASE_REGEX_H
#define WEFT_BASE_REGEX_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct regex;

/* ERR_INVALID with the parser's reason. Copies the pattern. */
int regex_new(struct slice pattern, struct regex **ret, struct error *err);
void regex_free(struct regex *regex);
/* The whole of `text` must match. Safe from any thread. */
bool regex_match_full(const struct regex *regex, struct slice text);
/* A part of `text` matches. */
bool regex_match_part(const struct regex *regex, struct slice text);
/* Replaces every match by `rewrite` (\1 .. \9 are groups); returns text that the caller frees with
 * free(). */
char *regex_replace_all(const struct regex *regex, struct slice text, struct slice rewrite);

#ifdef __cplusplus
}
#endif

#endif
