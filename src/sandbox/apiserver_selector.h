/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: of query strings, and LabelSelector objects.
 *
 * Place   list, watch, deletecollection; webhooks; controllers
 * Owns    nothing: a parsed selector lives in the caller's arena
 * Limits  64 requirements, 256 values each
 * Spec    Kubernetes "Labels and Selectors", "Field Selectors"
 */
#ifndef WEFT_SANDBOX_APISERVER_SELECTOR_H
#define WEFT_SANDBOX_APISERVER_SELECTOR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { APISERVER_SELECTOR_TERMS_MAX = 64, APISERVER_SELECTOR_VALUES_MAX = 256 };

enum apiserver_selector_op { SELECTOR_IN, SELECTOR_NOT_IN, SELECTOR_EXISTS, SELECTOR_NOT_EXISTS };

struct apiserver_selector_term {
    const char *key;
    enum apiserver_selector_op op;
    const char **values;
    size_t value_count;
};

/* Zero terms match everything. */
struct apiserver_selector {
    struct apiserver_selector_term *terms;
    size_t term_count;
};

/* "a=b,c!=d,e in (x,y),f notin (z),g,!h". ERR_INVALID with the API server's text. */
MUST_USE int apiserver_selector_parse(struct slice text, struct arena *arena,
                                      struct apiserver_selector *ret, struct error *err);
/* "metadata.name=x,status.phase!=Running". ERR_INVALID with the API server's text. */
MUST_USE int apiserver_selector_parse_fields(struct slice text, struct arena *arena,
                                             struct apiserver_selector *ret, struct error *err);
/* Against metadata.labels (an object of strings, or NULL). */
bool apiserver_selector_match(const struct apiserver_selector *selector, const json_t *labels);
/* Against the whole object; an absent field is "". */
bool apiserver_selector_match_fields(const struct apiserver_selector *selector,
                                     const json_t *object);
/* A LabelSelector object ({matchLabels, matchExpressions}); NULL or empty matches everything. */
bool apiserver_selector_match_object(const json_t *selector, const json_t *labels);
/* A plain map of labels, as Service.spec.selector; empty matches everything. */
bool apiserver_selector_match_map(const json_t *map, const json_t *labels);
/* "app=web,tier in (a,b)" of a LabelSelector object, in the arena. */
const char *apiserver_selector_format(const json_t *selector, struct arena *arena);

#endif
