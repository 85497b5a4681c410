/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of texts, headers and query parameters. See match.h.
 */
#include "proxy/match.h"

static bool ends_with_nocase(struct slice text, struct slice suffix)
{
    return text.len >= suffix.len &&
           slice_eq_nocase(slice_from(text, text.len - suffix.len), suffix);
}

static bool contains_nocase(struct slice text, struct slice needle)
{
    for (size_t i = 0; i + needle.len <= text.len; i++)
        if (slice_starts_with_nocase(slice_from(text, i), needle))
            return true;
    return false;
}

static bool in_range(const struct match_text *match, struct slice text)
{
    int64_t number;

    return slice_parse_i64(text, &number) == 0 && number >= match->range_start &&
           number < match->range_end;
}

bool match_text_test(const struct match_text *match, struct slice text)
{
    bool fold = match->ignore_case;

    switch (match->kind) {
    case MATCH_PRESENT:
        return true;
    case MATCH_EXACT:
        return fold ? slice_eq_nocase(text, match->text) : slice_eq(text, match->text);
    case MATCH_PREFIX:
        return fold ? slice_starts_with_nocase(text, match->text)
                    : slice_starts_with(text, match->text);
    case MATCH_SUFFIX:
        return fold ? ends_with_nocase(text, match->text) : slice_ends_with(text, match->text);
    case MATCH_CONTAINS:
        return fold ? contains_nocase(text, match->text) : slice_find(text, match->text) >= 0;
    case MATCH_REGEX:
        return regex_match_full(match->regex, text);
    case MATCH_RANGE:
        return in_range(match, text);
    }
    return false;
}

static struct slice pseudo_value(const struct http_head *head, struct slice name)
{
    if (slice_eq(name, SLICE(":method")))
        return head->method;
    if (slice_eq(name, SLICE(":path")))
        return head->path;
    if (slice_eq(name, SLICE(":authority")) || slice_eq(name, SLICE("host")))
        return head->authority;
    if (slice_eq(name, SLICE(":scheme")))
        return head->scheme;
    return slice_make(NULL, 0);
}

static bool is_pseudo(struct slice name)
{
    return (name.len > 0 && name.data[0] == ':') || slice_eq(name, SLICE("host"));
}

/* Whether any value of the header fits; *ret_found tells whether there is one at all. */
static bool any_value_fits(const struct match_header *match, const struct http_head *head,
                           bool *ret_found)
{
    *ret_found = false;
    if (is_pseudo(match->name)) {
        struct slice value = pseudo_value(head, match->name);

        *ret_found = value.data != NULL;
        return *ret_found && match_text_test(&match->value, value);
    }
    for (size_t i = 0; i < head->headers.count; i++) {
        const struct http_header *header = &head->headers.items[i];

        if (!slice_eq(header->name, match->name))
            continue;
        *ret_found = true;
        if (match_text_test(&match->value, header->value))
            return true;
    }
    return false;
}

bool match_header_test(const struct match_header *match, const struct http_head *head)
{
    bool found;
    bool fits = any_value_fits(match, head, &found);

    if (match->value.kind == MATCH_PRESENT)
        return ((found || match->missing_as_empty) == match->present_wanted) != match->invert;
    if (!found) {
        if (!match->missing_as_empty)
            return false;
        fits = match_text_test(&match->value, SLICE(""));
    }
    return fits != match->invert;
}

bool match_query_test(const struct match_query *match, struct slice query)
{
    struct slice rest = query;
    struct slice pair;

    while (slice_split_next(&rest, '&', &pair)) {
        ptrdiff_t mark = slice_find_char(pair, '=');
        struct slice name = mark < 0 ? pair : slice_head(pair, (size_t)mark);
        struct slice value = mark < 0 ? SLICE("") : slice_from(pair, (size_t)mark + 1);

        if (!slice_eq(name, match->name))
            continue;
        if (match->value.kind == MATCH_PRESENT)
            return match->present_wanted;
        return match_text_test(&match->value, value);
    }
    return match->value.kind == MATCH_PRESENT && !match->present_wanted;
}
