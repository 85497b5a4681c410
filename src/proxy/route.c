/* SPDX-License-Identifier: Apache-2.0 */
/* Finding virtual hosts and routes. See route.h for the picture.
 *
 * Routes with a case-sensitive literal (prefix, exact, separated prefix) are found by one walk over
 * the path; the others (regular expressions, folded case) are candidates always. Candidates are
 * tried in list order, so the answer is the one a scan would give.
 */
#include "proxy/route.h"

#include "proxy/path.h"

#include <stdlib.h>

enum {
    ROUTE_SCAN_MAX = 8,   /* up to so many routes a scan is faster than the index */
    ROUTE_DEPTH_MAX = 64, /* literals of one path that are looked at (the longest) */
    ROUTE_HOST_MAX = 256, /* bytes of an authority that can match */
};

/* --- domains --- */

int route_table_seal(struct route_table *table, const struct route_domain *domains, size_t count,
                     struct slice *ret_duplicate)
{
    struct arena *arena = &table->resource.arena;
    struct lookup_entry *entries[3];
    size_t counts[3] = {0, 0, 0};
    struct lookup *lookups[3] = {&table->exact, &table->suffixes, &table->prefixes};

    table->catch_all = LOOKUP_NONE;
    for (size_t i = 0; i < 3; i++)
        entries[i] = ARENA_ARRAY(arena, struct lookup_entry, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct slice text = domains[i].text;
        size_t kind = 0;

        if (slice_eq(text, SLICE("*"))) {
            if (table->catch_all != LOOKUP_NONE) {
                *ret_duplicate = text;
                return ERR_EXISTS;
            }
            table->catch_all = domains[i].host;
            continue;
        }
        if (text.len > 0 && text.data[0] == '*') {
            kind = 1;
            text = slice_from(text, 1);
        } else if (text.len > 0 && text.data[text.len - 1] == '*') {
            kind = 2;
            text = slice_head(text, text.len - 1);
        }
        entries[kind][counts[kind]].key = text;
        entries[kind][counts[kind]++].value = domains[i].host;
    }
    for (size_t i = 0; i < 3; i++) {
        size_t duplicate;

        lookup_build(lookups[i], arena, entries[i], counts[i], i == 1, &duplicate);
        if (duplicate < counts[i]) {
            *ret_duplicate = entries[i][duplicate].key;
            return ERR_EXISTS;
        }
    }
    return 0;
}

/* The longest wildcard whose fixed part is shorter than the host, or LOOKUP_NONE. */
static uint32_t longest(const struct lookup *lookup, struct slice host)
{
    uint32_t values[ROUTE_DEPTH_MAX];
    size_t count;

    if (host.len == 0)
        return LOOKUP_NONE;
    /* A wildcard stands for at least one byte. */
    count =
        lookup_walk(lookup, lookup->from_end ? slice_from(host, 1) : slice_head(host, host.len - 1),
                    values, ROUTE_DEPTH_MAX);
    return count == 0 ? LOOKUP_NONE : values[count - 1];
}

static struct slice cut_port(struct slice host)
{
    for (size_t i = host.len; i > 0; i--) {
        char c = host.data[i - 1];

        if (c == ':')
            return slice_head(host, i - 1);
        if (c < '0' || c > '9')
            break;
    }
    return host;
}

const struct route_host *route_table_host(const struct route_table *table, struct slice authority)
{
    char lower[ROUTE_HOST_MAX];
    struct slice host = table->ignore_port ? cut_port(authority) : authority;
    uint32_t found = LOOKUP_NONE;

    if (host.len <= ROUTE_HOST_MAX && host.len > 0) {
        for (size_t i = 0; i < host.len; i++) {
            char c = host.data[i];

            lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        host = slice_make(lower, host.len);
        found = lookup_exact(&table->exact, host);
        if (found == LOOKUP_NONE && table->suffixes.length_count > 0)
            found = longest(&table->suffixes, host);
        if (found == LOOKUP_NONE && table->prefixes.length_count > 0)
            found = longest(&table->prefixes, host);
    }
    if (found == LOOKUP_NONE)
        found = table->catch_all;
    return found == LOOKUP_NONE ? NULL : &table->hosts[found];
}

/* --- routes --- */

static bool has_literal(const struct route *route)
{
    return !route->ignore_case && route->path_kind <= ROUTE_PATH_SEPARATED;
}

/* The numbers of the routes that have no literal to hash. */
static uint32_t *list_others(const struct route_host *host, struct arena *arena)
{
    uint32_t *list = ARENA_ARRAY(arena, uint32_t, host->route_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < host->route_count; i++)
        if (!has_literal(&host->routes[i]))
            list[count++] = (uint32_t)i;
    list[count] = LOOKUP_NONE;
    return list;
}

static int compare_numbers(const void *a, const void *b, void *ctx)
{
    const struct route_host *host = ctx;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    int order = slice_cmp(host->routes[left].path, host->routes[right].path);

    return order != 0 ? order : left < right ? -1 : 1;
}

void route_host_seal(struct route_host *host, struct arena *arena)
{
    uint32_t *sorted;
    struct lookup_entry *entries;
    size_t sorted_count = 0;
    size_t count = 0;

    host->indexed = host->route_count > ROUTE_SCAN_MAX;
    if (!host->indexed)
        return;
    sorted = ARENA_ARRAY(arena, uint32_t, host->route_count * 2 + 1);
    entries = ARENA_ARRAY(arena, struct lookup_entry, host->route_count);
    host->lists = ARENA_ARRAY(arena, uint32_t *, host->route_count);
    host->others = list_others(host, arena);
    for (size_t i = 0; i < host->route_count; i++)
        if (has_literal(&host->routes[i]))
            sorted[sorted_count++] = (uint32_t)i;
    qsort_r(sorted, sorted_count, sizeof *sorted, compare_numbers, host);
    /* Runs of equal literals become lists. */
    for (size_t i = 0; i < sorted_count;) {
        struct slice literal = host->routes[sorted[i]].path;
        size_t end = i;
        uint32_t *list;

        while (end < sorted_count && slice_eq(host->routes[sorted[end]].path, literal))
            end++;
        list = ARENA_ARRAY(arena, uint32_t, end - i + 1);
        memcpy(list, sorted + i, (end - i) * sizeof *list);
        list[end - i] = LOOKUP_NONE;
        host->lists[count] = list;
        entries[count].key = literal;
        entries[count].value = (uint32_t)count;
        count++;
        i = end;
    }
    lookup_build(&host->literals, arena, entries, count, false, NULL);
}

static bool path_matches(const struct route *route, const struct http_head *head, struct slice path)
{
    struct slice literal = route->path;
    bool fold = route->ignore_case;

    /* Only a connect matcher sees CONNECT; an upgrade (WebSocket) has a path and matches by it. */
    if (head->path.len == 0)
        return route->path_kind == ROUTE_PATH_CONNECT;
    switch (route->path_kind) {
    case ROUTE_PATH_PREFIX:
        return fold ? slice_starts_with_nocase(path, literal) : slice_starts_with(path, literal);
    case ROUTE_PATH_EXACT:
        return fold ? slice_eq_nocase(path, literal) : slice_eq(path, literal);
    case ROUTE_PATH_SEPARATED:
        if (!(fold ? slice_starts_with_nocase(path, literal) : slice_starts_with(path, literal)))
            return false;
        return path.len == literal.len || path.data[literal.len] == '/';
    case ROUTE_PATH_REGEX:
        return regex_match_full(route->path_regex, path);
    case ROUTE_PATH_CONNECT:
        return false;
    }
    return false;
}

static bool is_grpc(const struct http_head *head)
{
    struct slice type = http_headers_value(&head->headers, SLICE("content-type"));

    return slice_starts_with(type, SLICE("application/grpc")) &&
           (type.len == 16 || type.data[16] == '+');
}

static bool route_matches(const struct route *route, const struct http_head *head,
                          struct slice path, uint64_t random)
{
    if (!path_matches(route, head, path))
        return false;
    for (size_t i = 0; i < route->header_count; i++)
        if (!match_header_test(&route->headers[i], head))
            return false;
    if (route->query_count > 0) {
        struct slice query = path_query(head->path);

        for (size_t i = 0; i < route->query_count; i++)
            if (!match_query_test(&route->queries[i], query))
                return false;
    }
    if (route->grpc_only && !is_grpc(head))
        return false;
    return match_fraction_hit(&route->fraction, random);
}

/* Tries the candidates of several ascending lists in ascending order of all. */
static const struct route *match_indexed(const struct route_host *host,
                                         const struct http_head *head, struct slice path,
                                         uint64_t random)
{
    uint32_t found[ROUTE_DEPTH_MAX];
    const uint32_t *lists[ROUTE_DEPTH_MAX + 1];
    size_t count = lookup_walk(&host->literals, path, found, ROUTE_DEPTH_MAX);

    for (size_t i = 0; i < count; i++)
        lists[i] = host->lists[found[i]];
    lists[count++] = host->others;
    for (;;) {
        size_t best = 0;
        const struct route *route;

        for (size_t i = 1; i < count; i++)
            if (*lists[i] < *lists[best])
                best = i;
        if (*lists[best] == LOOKUP_NONE)
            return NULL;
        route = &host->routes[*lists[best]++];
        if (route_matches(route, head, path, random))
            return route;
    }
}

const struct route *route_host_match(const struct route_host *host, const struct http_head *head,
                                     uint64_t random)
{
    struct slice path = path_only(head->path);

    if (host->indexed)
        return match_indexed(host, head, path, random);
    for (size_t i = 0; i < host->route_count; i++)
        if (route_matches(&host->routes[i], head, path, random))
            return &host->routes[i];
    return NULL;
}

const struct route_target *route_pick(const struct route *route, uint64_t random)
{
    uint64_t total;
    uint64_t draw;
    size_t i = 0;

    if (route->target_count == 0)
        return NULL;
    if (route->target_count == 1)
        return &route->targets[0];
    total = route->targets[route->target_count - 1].weight_end;
    draw = total > 0 ? random % total : 0;
    while (i + 1 < route->target_count && draw >= route->targets[i].weight_end)
        i++;
    return &route->targets[i];
}

/* --- rewrites and redirects --- */

static struct slice join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t len = 0;
    char *out;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    out = arena_bytes(arena, len + 1);
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(out + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    out[len] = '\0';
    return slice_make(out, len);
}

struct slice route_rewrite_path(const struct route *route, const struct route_rewrite *rewrite,
                                struct slice path, struct arena *arena)
{
    struct slice only = path_only(path);
    struct slice query = slice_from(path, only.len);

    if (rewrite->prefix.data != NULL) {
        bool whole = route->path_kind == ROUTE_PATH_REGEX || route->path_kind == ROUTE_PATH_CONNECT;
        struct slice rest = whole ? SLICE("") : slice_from(only, route->path.len);

        return join(arena, (struct slice[]){rewrite->prefix, rest, query}, 3);
    }
    if (rewrite->regex != NULL) {
        char *changed = regex_replace_all(rewrite->regex, only, rewrite->substitution);
        struct slice result = join(arena, (struct slice[]){slice_str(changed), query}, 2);

        free(changed);
        return result;
    }
    return path;
}

/* The Host of a redirect: its port goes when the scheme changes and it was the old default. */
static struct slice redirect_host(const struct route_redirect *redirect,
                                  const struct http_head *head, struct arena *arena)
{
    struct slice host = redirect->host.data ? redirect->host : head->authority;
    struct slice bare = cut_port(host);
    bool changed = redirect->scheme.data != NULL && !slice_eq(redirect->scheme, head->scheme);
    struct slice port = slice_from(host, bare.len);

    if (redirect->port != 0)
        return slice_str(arena_printf(arena, "%.*s:%u", SLICE_ARG(bare), redirect->port));
    if (changed && redirect->host.data == NULL &&
        (slice_eq(port, SLICE(":80")) || slice_eq(port, SLICE(":443"))))
        return bare;
    return host;
}

struct slice route_redirect_location(const struct route *route, const struct http_head *head,
                                     struct arena *arena)
{
    const struct route_redirect *redirect = &route->redirect;
    struct slice scheme = redirect->scheme.data ? redirect->scheme : head->scheme;
    struct slice path = head->path;
    struct slice host;

    if (scheme.len == 0)
        scheme = SLICE("http");
    host = redirect_host(redirect, head, arena);
    if (redirect->path.data != NULL) {
        bool own_query = slice_find_char(redirect->path, '?') >= 0;
        struct slice query = slice_from(head->path, path_only(head->path).len);

        path = redirect->path;
        if (!own_query && !redirect->strip_query)
            path = join(arena, (struct slice[]){path, query}, 2);
    } else {
        if (redirect->strip_query)
            path = path_only(path);
        path = route_rewrite_path(route, &redirect->rewrite, path, arena);
    }
    return join(arena, (struct slice[]){scheme, SLICE("://"), host, path}, 4);
}
