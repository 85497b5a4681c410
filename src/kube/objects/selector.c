/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors: a small recursive-descent parser and matchers. See selector.h.
 *
 *   selector = requirement *("," requirement)
 *   requirement = ["!"] key | key ("=" | "==" | "!=") value | key ("in" | "notin") "(" values ")"
 */
#include "kube/objects/selector.h"

#include <ctype.h>

struct selector_parser {
    struct slice rest;
    struct arena *arena;
    struct error *err;
};

static void skip_space(struct selector_parser *parser)
{
    while (parser->rest.len > 0 && isspace((unsigned char)parser->rest.data[0]))
        parser->rest = slice_from(parser->rest, 1);
}

static bool take_text(struct selector_parser *parser, const char *text)
{
    skip_space(parser);
    if (!slice_starts_with(parser->rest, slice_str(text)))
        return false;
    parser->rest = slice_from(parser->rest, strlen(text));
    return true;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/';
}

/* A key or value; may be empty. */
static struct slice take_word(struct selector_parser *parser)
{
    size_t len = 0;
    struct slice word;

    skip_space(parser);
    while (len < parser->rest.len && is_word_char(parser->rest.data[len]))
        len++;
    word = slice_head(parser->rest, len);
    parser->rest = slice_from(parser->rest, len);
    return word;
}

static int parse_fail(struct selector_parser *parser, const char *expected)
{
    struct slice rest = slice_trim(slice_head(parser->rest, 40));

    return err_set(parser->err, ERR_INVALID,
                   "unable to parse requirement: found '%.*s', expected: %s", SLICE_ARG(rest),
                   expected);
}

/* "(a,b)" */
static int parse_values(struct selector_parser *parser, struct kube_selector_term *term)
{
    if (!take_text(parser, "("))
        return parse_fail(parser, "'('");
    term->values = ARENA_ARRAY(parser->arena, const char *, KUBE_SELECTOR_VALUES_MAX);
    do {
        if (term->value_count == KUBE_SELECTOR_VALUES_MAX)
            return err_set(parser->err, ERR_INVALID,
                           "unable to parse requirement: too many values");
        term->values[term->value_count++] = arena_slice_str(parser->arena, take_word(parser));
    } while (take_text(parser, ","));
    if (!take_text(parser, ")"))
        return parse_fail(parser, "',' or ')'");
    return 0;
}

static void term_value_set(struct selector_parser *parser, struct kube_selector_term *term,
                           enum kube_selector_op op, struct slice value)
{
    term->op = op;
    term->values = ARENA_ARRAY(parser->arena, const char *, 1);
    term->values[0] = arena_slice_str(parser->arena, value);
    term->value_count = 1;
}

static int parse_term(struct selector_parser *parser, struct kube_selector_term *term)
{
    bool negated = take_text(parser, "!");
    struct slice key = take_word(parser);
    struct slice before;
    struct slice word;

    if (key.len == 0)
        return parse_fail(parser, "identifier");
    term->key = arena_slice_str(parser->arena, key);
    term->op = negated ? KUBE_SELECTOR_NOT_EXISTS : KUBE_SELECTOR_EXISTS;
    skip_space(parser);
    if (negated || parser->rest.len == 0 || parser->rest.data[0] == ',')
        return 0;
    if (take_text(parser, "!=")) {
        term_value_set(parser, term, KUBE_SELECTOR_NOT_IN, take_word(parser));
        return 0;
    }
    if (take_text(parser, "==") || take_text(parser, "=")) {
        term_value_set(parser, term, KUBE_SELECTOR_IN, take_word(parser));
        return 0;
    }
    before = parser->rest;
    word = take_word(parser);
    if (slice_eq_str(word, "in"))
        term->op = KUBE_SELECTOR_IN;
    else if (slice_eq_str(word, "notin"))
        term->op = KUBE_SELECTOR_NOT_IN;
    else {
        parser->rest = before;
        return parse_fail(parser, "in, notin, =, ==, !=, gt, lt");
    }
    return parse_values(parser, term);
}

int kube_selector_parse(struct slice text, struct arena *arena, struct kube_selector *ret,
                        struct error *err)
{
    struct selector_parser parser = {text, arena, err};
    struct kube_selector selector = {0};

    skip_space(&parser);
    if (parser.rest.len == 0) {
        *ret = selector;
        return 0;
    }
    selector.terms = ARENA_ARRAY(arena, struct kube_selector_term, KUBE_SELECTOR_TERMS_MAX);
    do {
        int rc;

        if (selector.term_count == KUBE_SELECTOR_TERMS_MAX)
            return err_set(err, ERR_INVALID, "unable to parse requirement: too many requirements");
        rc = parse_term(&parser, &selector.terms[selector.term_count++]);
        if (rc != 0)
            return rc;
    } while (take_text(&parser, ","));
    skip_space(&parser);
    if (parser.rest.len > 0)
        return parse_fail(&parser, "',' or 'end of string'");
    *ret = selector;
    return 0;
}

int kube_selector_parse_fields(struct slice text, struct arena *arena, struct kube_selector *ret,
                               struct error *err)
{
    struct selector_parser parser = {text, arena, err};
    struct kube_selector selector = {0};
    struct slice rest = text;
    struct slice piece;

    selector.terms = ARENA_ARRAY(arena, struct kube_selector_term, KUBE_SELECTOR_TERMS_MAX);
    while (text.len > 0 && slice_split_next(&rest, ',', &piece)) {
        ptrdiff_t at = slice_find_char(piece, '=');
        struct kube_selector_term *term = &selector.terms[selector.term_count];
        bool negated;
        struct slice value;

        if (piece.len == 0)
            continue;
        if (at <= 0 || selector.term_count == KUBE_SELECTOR_TERMS_MAX)
            return err_set(err, ERR_INVALID, "invalid selector: '%.*s'; can't understand '%.*s'",
                           SLICE_ARG(text), SLICE_ARG(piece));
        negated = piece.data[at - 1] == '!';
        value = slice_from(piece, (size_t)at + 1);
        if (slice_starts_with(value, SLICE("=")))
            value = slice_from(value, 1);
        term->key = arena_slice_str(arena, slice_head(piece, (size_t)at - negated));
        term_value_set(&parser, term, negated ? KUBE_SELECTOR_NOT_IN : KUBE_SELECTOR_IN, value);
        selector.term_count++;
    }
    *ret = selector;
    return 0;
}

/* `value` is NULL when absent. */
static bool term_match(const struct kube_selector_term *term, const char *value)
{
    bool found = false;

    if (term->op == KUBE_SELECTOR_EXISTS || term->op == KUBE_SELECTOR_NOT_EXISTS)
        return (value != NULL) == (term->op == KUBE_SELECTOR_EXISTS);
    for (size_t i = 0; i < term->value_count && value != NULL && !found; i++)
        found = strcmp(term->values[i], value) == 0;
    return found == (term->op == KUBE_SELECTOR_IN);
}

bool kube_selector_match(const struct kube_selector *selector, const json_t *labels)
{
    for (size_t i = 0; i < selector->term_count; i++) {
        const struct kube_selector_term *term = &selector->terms[i];

        if (!term_match(term, json_get_string(labels, term->key)))
            return false;
    }
    return true;
}

bool kube_selector_match_fields(const struct kube_selector *selector, const json_t *object)
{
    for (size_t i = 0; i < selector->term_count; i++) {
        const struct kube_selector_term *term = &selector->terms[i];
        const json_t *value = json_path_get(object, term->key);
        const char *text = json_is_string(value)  ? json_string_value(value)
                           : json_is_true(value)  ? "true"
                           : json_is_false(value) ? "false"
                                                  : "";

        if (!term_match(term, text))
            return false;
    }
    return true;
}

/* --- filters --- */

static int field_check(const char *field, const char *const *known, struct error *err)
{
    if (strcmp(field, "metadata.name") == 0 || strcmp(field, "metadata.namespace") == 0)
        return 0;
    for (size_t i = 0; known[i] != NULL; i++) {
        if (strcmp(known[i], field) == 0)
            return 0;
    }
    if (known[0] != NULL)
        return err_set(err, ERR_INVALID, "field label not supported: %s", field);
    return err_set(err, ERR_INVALID,
                   "\"%s\" is not a known field selector: only \"metadata.name\", "
                   "\"metadata.namespace\"",
                   field);
}

int kube_filter_parse(struct slice labels, struct slice fields, const char *const *known,
                      struct arena *arena, struct kube_filter *ret, struct error *err)
{
    struct kube_filter filter = {0};
    int rc = kube_selector_parse(labels, arena, &filter.labels, err);

    if (rc == 0)
        rc = kube_selector_parse_fields(fields, arena, &filter.fields, err);
    for (size_t i = 0; rc == 0 && i < filter.fields.term_count; i++)
        rc = field_check(filter.fields.terms[i].key, known, err);
    if (rc == 0)
        *ret = filter;
    return rc;
}

void kube_filter_add_name(struct kube_filter *filter, const char *name, struct arena *arena)
{
    struct kube_selector *fields = &filter->fields;
    struct kube_selector_term *terms =
        ARENA_ARRAY(arena, struct kube_selector_term, fields->term_count + 1);
    const char **values = ARENA_ARRAY(arena, const char *, 1);

    if (fields->term_count > 0)
        memcpy(terms, fields->terms, fields->term_count * sizeof *terms);
    values[0] = name;
    terms[fields->term_count++] = (struct kube_selector_term){
        .key = "metadata.name", .op = KUBE_SELECTOR_IN, .values = values, .value_count = 1};
    fields->terms = terms;
}

bool kube_filter_match(const struct kube_filter *filter, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *ns = json_get_string(metadata, "namespace");

    if (filter->ns != NULL && filter->ns[0] != '\0' && (ns == NULL || strcmp(ns, filter->ns) != 0))
        return false;
    return kube_selector_match(&filter->labels, json_object_get(metadata, "labels")) &&
           kube_selector_match_fields(&filter->fields, object);
}

bool kube_filter_is_empty(const struct kube_filter *filter)
{
    return filter->labels.term_count == 0 && filter->fields.term_count == 0;
}

/* --- selectors in objects --- */

bool kube_selector_match_map(const json_t *map, const json_t *labels)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value)
    {
        const char *label = json_get_string(labels, key);

        if (label == NULL || !json_is_string(value) || strcmp(label, json_string_value(value)) != 0)
            return false;
    }
    return true;
}

static bool expression_match(const json_t *expression, const json_t *labels)
{
    const char *label = json_get_string(labels, json_path_string_or(expression, "key", ""));
    const char *op = json_path_string_or(expression, "operator", "");
    const json_t *values = json_object_get(expression, "values");
    bool found = false;
    size_t i;
    json_t *value;

    if (strcmp(op, "Exists") == 0)
        return label != NULL;
    if (strcmp(op, "DoesNotExist") == 0)
        return label == NULL;
    json_array_foreach(values, i, value) found =
        found || (label && json_is_string(value) && strcmp(json_string_value(value), label) == 0);
    return strcmp(op, "NotIn") == 0 ? !found : found;
}

bool kube_selector_match_object(const json_t *selector, const json_t *labels)
{
    size_t i;
    json_t *expression;

    if (!kube_selector_match_map(json_object_get(selector, "matchLabels"), labels))
        return false;
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, expression)
    {
        if (!expression_match(expression, labels))
            return false;
    }
    return true;
}

static void expression_format(const json_t *expression, struct buf *out)
{
    const char *op = json_path_string_or(expression, "operator", "");
    size_t i;
    json_t *value;

    if (strcmp(op, "DoesNotExist") == 0)
        buf_append_char(out, '!');
    buf_append_str(out, json_path_string_or(expression, "key", ""));
    if (strcmp(op, "In") != 0 && strcmp(op, "NotIn") != 0)
        return;
    buf_append_str(out, strcmp(op, "In") == 0 ? " in (" : " notin (");
    json_array_foreach(json_object_get(expression, "values"), i, value) buf_printf(
        out, "%s%s", i ? "," : "", json_is_string(value) ? json_string_value(value) : "");
    buf_append_char(out, ')');
}

const char *kube_selector_format(const json_t *selector, struct arena *arena)
{
    struct buf out;
    const char *key;
    const char *text;
    json_t *value;
    size_t i;

    buf_init(&out, 0);
    json_object_foreach(json_object_get(selector, "matchLabels"), key, value)
        buf_printf(&out, "%s%s=%s", out.len ? "," : "", key, json_string_value(value));
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, value)
    {
        if (out.len > 0)
            buf_append_char(&out, ',');
        expression_format(value, &out);
    }
    text = arena_slice_str(arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}
