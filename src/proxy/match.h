/* SPDX-License-Identifier: Apache-2.0 */
/* Matchers of texts, headers and query parameters, compiled from Envoy's messages.
 *
 * Place   routes; later access control
 * Owns    nothing: texts lie in the configuration's arena, expressions are freed with it
 * Spec    Envoy's route.v3.HeaderMatcher and QueryParameterMatcher: a header of several values
 *         matches when one of them does; a missing header matches only present_match=false, or as
 *         an empty text when missing_as_empty is set; invert turns the result of an existing one
 */
#ifndef WEFT_PROXY_MATCH_H
#define WEFT_PROXY_MATCH_H

#include "base/arena.h"
#include "base/prelude.h"
#include "base/regex.h"
#include "base/slice.h"
#include "http/head.h"

enum match_kind {
    MATCH_PRESENT, /* any text */
    MATCH_EXACT,
    MATCH_PREFIX,
    MATCH_SUFFIX,
    MATCH_CONTAINS,
    MATCH_REGEX,
    MATCH_RANGE, /* a whole decimal number in [range_start, range_end) */
};

struct match_text {
    enum match_kind kind;
    bool ignore_case;
    struct slice text; /* lower case when ignore_case */
    const struct regex *regex;
    int64_t range_start;
    int64_t range_end;
};

struct match_header {
    struct slice name; /* lower case; may be ":method", ":path", ":authority", ":scheme" */
    struct match_text value;
    bool present_wanted; /* for MATCH_PRESENT: false asks for absence */
    bool invert;
    bool missing_as_empty;
};

struct match_query {
    struct slice name;
    struct match_text value;
    bool present_wanted;
};

/* A share of requests. */
struct match_fraction {
    uint64_t numerator;
    uint64_t denominator; /* 0: all of them */
};

/* Whether the request with that random number is one of the share. */
static inline bool match_fraction_hit(const struct match_fraction *fraction, uint64_t random)
{
    return fraction->denominator == 0 || random % fraction->denominator < fraction->numerator;
}
bool match_text_test(const struct match_text *match, struct slice text);
bool match_header_test(const struct match_header *match, const struct http_head *head);
/* `query` is what follows '?', without it. The first value of the name counts, undecoded. */
bool match_query_test(const struct match_query *match, struct slice query);

#endif
