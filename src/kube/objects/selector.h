/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: of query strings, and LabelSelector objects.
 *
 * Place   list, watch, deletecollection; webhooks; controllers
 * Owns    nothing: a parsed selector lives in the caller's arena
 * Limits  64 requirements, 256 values each
 * Spec    Kubernetes "Labels and Selectors", "Field Selectors"
 */
#ifndef WEFT_KUBE_OBJECTS_SELECTOR_H
#define WEFT_KUBE_OBJECTS_SELECTOR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { KUBE_SELECTOR_TERMS_MAX = 64, KUBE_SELECTOR_VALUES_MAX = 256 };

enum kube_selector_op {
    KUBE_SELECTOR_IN,
    KUBE_SELECTOR_NOT_IN,
    KUBE_SELECTOR_EXISTS,
    KUBE_SELECTOR_NOT_EXISTS,
};

struct kube_selector_term {
    const char *key;
    enum kube_selector_op op;
    const char **values;
    size_t value_count;
};

/* Zero terms match everything. */
struct kube_selector {
    struct kube_selector_term *terms;
    size_t term_count;
};

/* What a list, a watch or a deletecollection lets through. */
struct kube_filter {
    struct kube_selector labels, fields;
    const char *ns; /* borrowed; "" or NULL: of all namespaces */
};

/* "a=b,c!=d,e in (x,y),f notin (z),g,!h". ERR_INVALID with the API server's text. */
MUST_USE int kube_selector_parse(struct slice text, struct arena *arena, struct kube_selector *ret,
                                 struct error *err);
/* "metadata.name=x,status.phase!=Running". ERR_INVALID with the API server's text. */
MUST_USE int kube_selector_parse_fields(struct slice text, struct arena *arena,
                                        struct kube_selector *ret, struct error *err);
/* Against metadata.labels (an object of strings, or NULL). */
bool kube_selector_match(const struct kube_selector *selector, const json_t *labels);
/* Against the whole object; an absent field is "". */
bool kube_selector_match_fields(const struct kube_selector *selector, const json_t *object);
/* Of the parameters labelSelector and fieldSelector. A field must be metadata.name,
 * metadata.namespace or one of `known` (NULL at the end). ns is the caller's to set. ERR_INVALID
 * with the API server's text. */
MUST_USE int kube_filter_parse(struct slice labels, struct slice fields, const char *const *known,
                               struct arena *arena, struct kube_filter *ret, struct error *err);
/* One more requirement: that name alone (a request of one object is a selection too). */
void kube_filter_add_name(struct kube_filter *filter, const char *name, struct arena *arena);
bool kube_filter_match(const struct kube_filter *filter, const json_t *object);
/* No selector is given: it lets everything of its namespace through. */
bool kube_filter_is_empty(const struct kube_filter *filter);
/* A LabelSelector object ({matchLabels, matchExpressions}); NULL or empty matches everything. */
bool kube_selector_match_object(const json_t *selector, const json_t *labels);
/* A plain map of labels, as Service.spec.selector; empty matches everything. */
bool kube_selector_match_map(const json_t *map, const json_t *labels);
/* "app=web,tier in (a,b)" of a LabelSelector object, in the arena. */
const char *kube_selector_format(const json_t *selector, struct arena *arena);

#endif
