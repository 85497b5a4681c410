/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled route configuration: domains to virtual hosts, paths and headers to routes, routes to
 * what to do.
 *
 *   authority -> exact table | longest "*suffix" | longest "prefix*" | "*"      -> route_host
 *   path      -> candidates whose literal starts the path, tried in list order  -> route
 *
 * Place   one per RouteConfiguration; read by the HTTP connection manager on every request
 * Owns    its resource's arena
 * Limits  those of the configuration's messages; a lookup costs one pass over host and path
 * Spec    docs/reference/proxy.md, Envoy's route.v3
 */
#ifndef WEFT_PROXY_ROUTE_H
#define WEFT_PROXY_ROUTE_H

#include "base/prelude.h"
#include "proxy/filter.h"
#include "proxy/header_ops.h"
#include "proxy/lookup.h"
#include "proxy/match.h"
#include "proxy/resource.h"
#include "proxy/retry.h"

enum { ROUTE_MIRRORS_MAX = 8 };

enum route_path_kind {
    ROUTE_PATH_PREFIX,
    ROUTE_PATH_EXACT,
    ROUTE_PATH_SEPARATED, /* the literal, then the end or '/' */
    ROUTE_PATH_REGEX,
    ROUTE_PATH_CONNECT, /* CONNECT requests */
};

enum route_action { ROUTE_FORWARD, ROUTE_REDIRECT, ROUTE_DIRECT };

/* One destination of a route. */
struct route_target {
    uint32_t cluster_slot;
    struct slice cluster_name;
    uint64_t weight_end; /* sum of the weights up to and with this one */
    struct header_ops request_ops;
    struct header_ops response_ops;
    struct slice host_rewrite; /* data NULL: none */
    struct filter_overrides filters;
};

/* Where copies of a route's requests go. */
struct route_mirror {
    uint32_t cluster_slot;
    struct slice cluster_name;
    struct match_fraction fraction;
    bool keep_host; /* without "-shadow" */
};

struct route_rewrite {
    struct slice prefix;       /* replaces the matched prefix; data NULL: none */
    const struct regex *regex; /* replaces its matches in the path; NULL: none */
    struct slice substitution;
};

struct route_redirect {
    unsigned status;
    struct slice scheme; /* data NULL: keep, as below */
    struct slice host;
    unsigned port; /* 0: keep */
    struct slice path;
    struct route_rewrite rewrite;
    bool strip_query;
};

struct route_hash {
    enum { ROUTE_HASH_HEADER, ROUTE_HASH_COOKIE, ROUTE_HASH_SOURCE_IP, ROUTE_HASH_QUERY } kind;
    struct slice name;
    bool terminal;
    bool cookie_made;         /* who has no such cookie is given one */
    struct slice cookie_tail; /* of its Set-Cookie, behind the value */
};

struct route {
    struct slice name;
    /* match */
    enum route_path_kind path_kind;
    struct slice path; /* literal */
    const struct regex *path_regex;
    bool ignore_case;
    struct match_header *headers;
    size_t header_count;
    struct match_query *queries;
    size_t query_count;
    bool grpc_only;
    struct match_fraction fraction;
    /* what to do */
    enum route_action action;
    struct route_target *targets; /* ROUTE_FORWARD: one or several */
    size_t target_count;
    struct slice cluster_header; /* names the header that names the cluster; data NULL: none */
    struct route_rewrite rewrite;
    struct slice host_rewrite;        /* data NULL: none */
    struct slice host_rewrite_header; /* data NULL: none */
    bool auto_host_rewrite;
    bool append_forwarded_host;
    uint64_t timeout_ms;              /* 0: none */
    uint64_t idle_timeout_ms;         /* UINT64_MAX: the connection manager's; 0: none */
    const struct retry_policy *retry; /* NULL: none */
    unsigned cluster_not_found_status;
    struct route_hash *hashes;
    size_t hash_count;
    struct route_mirror *mirrors;
    size_t mirror_count;
    struct filter_overrides filters; /* a target has its own, with these in it */
    struct route_redirect redirect;  /* ROUTE_REDIRECT */
    unsigned direct_status;          /* ROUTE_DIRECT */
    struct slice direct_body;
    struct header_ops request_ops;
    struct header_ops response_ops;
};

struct route_host {
    struct slice name;
    struct route *routes;
    size_t route_count;
    bool require_tls;
    bool attempt_count_sent; /* x-envoy-attempt-count goes upstream */
    bool attempt_count_in_response;
    struct header_ops request_ops;
    struct header_ops response_ops;
    /* private: the index of route_host_seal */
    struct lookup literals; /* literal -> list in `lists` */
    uint32_t **lists;       /* route numbers, ascending, ended by LOOKUP_NONE */
    uint32_t *others;       /* routes without a literal that can be hashed; same form */
    bool indexed;           /* false: few routes, scanned in order */
};

struct route_table {
    struct resource resource; /* first */
    struct slice name;
    struct route_host *hosts;
    size_t host_count;
    bool ignore_port;
    bool most_specific_wins;
    struct header_ops request_ops;
    struct header_ops response_ops;
    /* private: the index of route_table_seal */
    struct lookup exact;
    struct lookup suffixes; /* "*.a.com" as ".a.com" */
    struct lookup prefixes; /* "a.*" as "a." */
    uint32_t catch_all;     /* host of "*", or LOOKUP_NONE */
};

/* One domain of one virtual host, while compiling. */
struct route_domain {
    struct slice text; /* lower case */
    uint32_t host;
};

/* Builds the index of domains. ERR_EXISTS with the domain in *ret_duplicate when one is named
 * twice. */
MUST_USE int route_table_seal(struct route_table *table, const struct route_domain *domains,
                              size_t count, struct slice *ret_duplicate);
/* Builds the index of a host's routes (done by the compiler after filling `routes`). */
void route_host_seal(struct route_host *host, struct arena *arena);

/* The virtual host of an authority, or NULL. */
const struct route_host *route_table_host(const struct route_table *table, struct slice authority);
/* The first route that the request matches, or NULL. `random` decides fractions. */
const struct route *route_host_match(const struct route_host *host, const struct http_head *head,
                                     uint64_t random);
/* The destination that `random` draws. */
const struct route_target *route_pick(const struct route *route, uint64_t random);

/* The path after the rewrite: borrows `path` when nothing is to do. `matched` is the route whose
 * literal is replaced. */
struct slice route_rewrite_path(const struct route *route, const struct route_rewrite *rewrite,
                                struct slice path, struct arena *arena);
/* The Location of a redirect. */
struct slice route_redirect_location(const struct route *route, const struct http_head *head,
                                     struct arena *arena);

#endif
