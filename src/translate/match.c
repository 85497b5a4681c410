/* SPDX-License-Identifier: Apache-2.0 */
/* One match of a virtual service's route: is this proxy meant, and which requests.
 *
 * Place   http.c
 * Owns    nothing
 * Limits  matches on JWT claims ("@request.auth.claims") are compared as headers of that name, so
 *         they never hold
 */
#include <stdio.h>
#include <stdlib.h>

#include "translate/build.h"
#include "translate/translate_int.h"
#include "xds/pb/matcher.h"

/* ---- is this proxy meant ---- */

static bool gateway_listed(const struct route_context *context,
                           const struct api_http_match_request *match)
{
    char name[512];

    for (size_t i = 0; i < match->gateways_count; i++) {
        const char *gateway = match->gateways[i];
        bool is_full = strcmp(gateway, "mesh") == 0 || strchr(gateway, '/');

        (void)snprintf(name, sizeof(name), "%s%s%s", is_full ? "" : context->vs->meta.namespace,
                       is_full ? "" : "/", gateway);
        if (strcmp(name, context->gateway) == 0)
            return true;
    }
    return false;
}

bool match_applies(const struct translator *translator, const struct route_context *context,
                   const struct api_http_match_request *match)
{
    const struct translate_scope *scope = translator->scope;

    if (match->port && match->port != context->port)
        return false;
    if (match->gateways_count > 0)
        return gateway_listed(context, match); /* the source is not asked then */
    for (size_t i = 0; i < match->source_labels_count; i++) {
        const char *value = mesh_label_get(&scope->labels, match->source_labels[i].key);

        if (!value || strcmp(value, match->source_labels[i].value) != 0)
            return false;
    }
    return !match->source_namespace || !match->source_namespace[0] ||
           strcmp(match->source_namespace, scope->namespace) == 0;
}

/* ---- which requests ---- */

static struct pb_regex_matcher *new_regex(struct arena *arena, const char *pattern)
{
    struct pb_regex_matcher *out = ARENA_NEW(arena, struct pb_regex_matcher);

    out->regex = slice_str(pattern);
    return out;
}

/* Nothing to compare with means: must be present. */
static bool is_presence(const struct api_string_match *match)
{
    if (match->regex)
        return strcmp(match->regex, "*") == 0;
    return (!match->exact || !match->exact[0]) && (!match->prefix || !match->prefix[0]);
}

static struct pb_string_matcher *new_string(struct arena *arena,
                                            const struct api_string_match *match)
{
    struct pb_string_matcher *out = ARENA_NEW(arena, struct pb_string_matcher);

    if (match->regex) {
        out->match_pattern_case = PB_STRING_MATCHER_CASE_SAFE_REGEX;
        out->safe_regex = new_regex(arena, match->regex);
    } else if (match->exact) {
        out->match_pattern_case = PB_STRING_MATCHER_CASE_EXACT;
        out->exact = slice_str(match->exact);
    } else {
        out->match_pattern_case = PB_STRING_MATCHER_CASE_PREFIX;
        out->prefix = slice_str(match->prefix ? match->prefix : "");
    }
    return out;
}

static struct pb_header_matcher *new_header(struct arena *arena, const char *name,
                                            const struct api_string_match *match)
{
    struct pb_header_matcher *out = ARENA_NEW(arena, struct pb_header_matcher);

    out->name = slice_str(name);
    if (is_presence(match)) {
        out->header_match_specifier_case = PB_HEADER_MATCHER_CASE_PRESENT_MATCH;
        out->present_match = true;
    } else {
        out->header_match_specifier_case = PB_HEADER_MATCHER_CASE_STRING_MATCH;
        out->string_match = new_string(arena, match);
    }
    return out;
}

static int entry_cmp(const void *a, const void *b)
{
    return strcmp(((const struct api_string_match_entry *)a)->key,
                  ((const struct api_string_match_entry *)b)->key);
}

/* A copy sorted by key, so that equal configuration gives equal bytes. */
static const struct api_string_match_entry *
sorted(struct arena *arena, const struct api_string_match_entry *entries, size_t count)
{
    struct api_string_match_entry *out =
        ARENA_ARRAY(arena, struct api_string_match_entry, count + 1);

    if (count)
        memcpy(out, entries, count * sizeof(*out));
    qsort(out, count, sizeof(*out), entry_cmp);
    return out;
}

static void fill_headers(struct arena *arena, const struct api_http_match_request *match,
                         struct pb_route_match *out)
{
    const struct api_string_match_entry *entries =
        sorted(arena, match->headers, match->headers_count);
    struct pb_header_matcher *header;

    for (size_t i = 0; i < match->headers_count; i++)
        PROTO_PUSH(arena, out, headers, new_header(arena, entries[i].key, &entries[i].value));
    entries = sorted(arena, match->without_headers, match->without_headers_count);
    for (size_t i = 0; i < match->without_headers_count; i++) {
        header = new_header(arena, entries[i].key, &entries[i].value);
        header->invert_match = true;
        header->treat_missing_header_as_empty =
            header->header_match_specifier_case == PB_HEADER_MATCHER_CASE_STRING_MATCH;
        PROTO_PUSH(arena, out, headers, header);
    }
}

static void fill_pseudo_headers(struct arena *arena, const struct api_http_match_request *match,
                                struct pb_route_match *out)
{
    const struct {
        const char *name;
        const struct api_string_match *match;
    } pseudo[] = {
        {":method", match->method}, {":authority", match->authority}, {":scheme", match->scheme}};

    for (size_t i = 0; i < ARRAY_LEN(pseudo); i++)
        if (pseudo[i].match)
            PROTO_PUSH(arena, out, headers, new_header(arena, pseudo[i].name, pseudo[i].match));
}

static void fill_query(struct arena *arena, const struct api_http_match_request *match,
                       struct pb_route_match *out)
{
    const struct api_string_match_entry *entries =
        sorted(arena, match->query_params, match->query_params_count);

    for (size_t i = 0; i < match->query_params_count; i++) {
        struct pb_query_parameter_matcher *query =
            ARENA_NEW(arena, struct pb_query_parameter_matcher);

        query->name = slice_str(entries[i].key);
        if (is_presence(&entries[i].value)) {
            query->query_parameter_match_specifier_case =
                PB_QUERY_PARAMETER_MATCHER_CASE_PRESENT_MATCH;
            query->present_match = true;
        } else {
            query->query_parameter_match_specifier_case =
                PB_QUERY_PARAMETER_MATCHER_CASE_STRING_MATCH;
            query->string_match = new_string(arena, &entries[i].value);
        }
        PROTO_PUSH(arena, out, query_parameters, query);
    }
}

static void fill_path(struct arena *arena, const struct api_http_match_request *match,
                      struct pb_route_match *out)
{
    const struct api_string_match *uri = match ? match->uri : NULL;

    if (uri && uri->exact) {
        out->path_specifier_case = PB_ROUTE_MATCH_CASE_PATH;
        out->path = slice_str(uri->exact);
    } else if (uri && uri->regex) {
        out->path_specifier_case = PB_ROUTE_MATCH_CASE_SAFE_REGEX;
        out->safe_regex = new_regex(arena, uri->regex);
    } else {
        out->path_specifier_case = PB_ROUTE_MATCH_CASE_PREFIX;
        out->prefix = slice_str(uri && uri->prefix ? uri->prefix : "/");
    }
    if (match && match->ignore_uri_case && uri && !uri->regex) {
        out->has_case_sensitive = true;
        out->case_sensitive = false;
    }
}

/* The prefix "/a" or "/a/" takes "/a" and "/a/b" then; "/" goes on to take all. */
static void separate(struct arena *arena, struct pb_route_match *out)
{
    struct slice prefix = out->prefix;

    if (out->path_specifier_case != PB_ROUTE_MATCH_CASE_PREFIX || prefix.len < 2)
        return;
    if (prefix.data[prefix.len - 1] == '/')
        prefix = slice_head(prefix, prefix.len - 1);
    out->path_specifier_case = PB_ROUTE_MATCH_CASE_PATH_SEPARATED_PREFIX;
    out->path_separated_prefix = slice_str(arena_slice_str(arena, prefix));
}

void match_fill(struct arena *arena, const struct api_http_match_request *match, bool separates,
                struct pb_route *route)
{
    struct pb_route_match *out = ARENA_NEW(arena, struct pb_route_match);

    route->match = out;
    fill_path(arena, match, out);
    if (separates)
        separate(arena, out);
    if (!match)
        return;
    fill_headers(arena, match, out);
    fill_pseudo_headers(arena, match, out);
    fill_query(arena, match, out);
    if (match->stat_prefix)
        route->stat_prefix = slice_str(match->stat_prefix);
}
