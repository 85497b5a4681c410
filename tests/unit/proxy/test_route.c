/* SPDX-License-Identifier: Apache-2.0 */
/* Domains, routes, weights, rewrites, redirects: compiled from a RouteConfiguration in YAML, so the
 * compiler is tested with them.
 */
#include "test.h"

#include "proxy/compile.h"
#include "proxy/route.h"
#include "wire/yaml.h"
#include "xds/pb/registry.h"
#include "xds/pb/route.h"

#include <stdio.h>

struct fixture {
    struct stats stats;
    struct compiler compiler;
    struct arena arena;
};

static void fixture_init(struct fixture *f)
{
    stats_init(&f->stats, 1);
    compile_init(&f->compiler, &f->stats, 1);
    arena_init(&f->arena, 0);
}

static void fixture_deinit(struct fixture *f)
{
    arena_deinit(&f->arena);
    compile_deinit(&f->compiler);
    stats_deinit(&f->stats);
}

static int compile(struct fixture *f, const char *yaml, struct route_table **ret, struct error *err)
{
    struct pb_route_configuration *message;
    json_t *json = NULL;
    int rc = yaml_parse_one(slice_str(yaml), NULL, &json, err);

    if (rc == 0)
        rc = proto_from_json(&pb_route_configuration_desc, json, &pb_registry, &f->arena,
                             (void **)&message, NULL, err);
    if (rc == 0)
        rc = compile_route(&f->compiler, message, ret, err);
    json_decref(json);
    return rc;
}

static struct route_table *must_compile(struct fixture *f, const char *yaml)
{
    struct route_table *table = NULL;
    struct error err = {0};

    if (compile(f, yaml, &table, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    return table;
}

/* The name of the route that a request gets: "vhost/route", "vhost/-", or "-". */
static const char *find(struct fixture *f, const struct route_table *table, const char *authority,
                        const char *path, struct http_headers headers)
{
    struct http_head head = {.method = SLICE("GET"),
                             .authority = slice_str(authority),
                             .path = slice_str(path),
                             .headers = headers};
    const struct route_host *host = route_table_host(table, head.authority);
    const struct route *route;

    if (host == NULL)
        return "-";
    route = route_host_match(host, &head, 0);
    return arena_printf(&f->arena, "%.*s/%.*s", SLICE_ARG(host->name),
                        SLICE_ARG(route ? route->name : SLICE("-")));
}

static void domains(void **state)
{
    static const struct {
        const char *authority;
        const char *host;
    } cases[] = {
        {"a.com", "exact/-"},      {"A.COM", "exact/-"},       {"a.com:80", "exact/-"},
        {"x.a.com", "suffix/-"},   {"y.x.a.com", "longer/-"},  {".a.com", "all/-"},
        {"other.org", "prefix/-"}, {"other.", "all/-"},        {"b.net", "all/-"},
        {"[::1]:80", "six/-"},     {"[::1]", "six/-"},         {"", "all/-"},
        {"ax.a.com", "suffix/-"},  {"z-dash.com", "hyphen/-"}, {"-dash.com", "all/-"},
    };
    struct fixture f;
    struct route_table *table;

    (void)state;
    fixture_init(&f);
    table = must_compile(&f, "name: r\n"
                             "ignore_port_in_host_matching: true\n"
                             "virtual_hosts:\n"
                             "- {name: exact, domains: [a.com]}\n"
                             "- {name: suffix, domains: ['*.a.com']}\n"
                             "- {name: longer, domains: ['*.x.a.com']}\n"
                             "- {name: prefix, domains: ['other.*']}\n"
                             "- {name: six, domains: ['[::1]']}\n"
                             "- {name: hyphen, domains: ['*-dash.com']}\n"
                             "- {name: all, domains: ['*']}\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(find(&f, table, cases[i].authority, "/", (struct http_headers){0}),
                            cases[i].host);
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static void ports_count_unless_ignored(void **state)
{
    struct fixture f;
    struct route_table *table;

    (void)state;
    fixture_init(&f);
    table = must_compile(&f, "virtual_hosts:\n- {name: v, domains: ['a.com:8080']}\n");
    assert_string_equal(find(&f, table, "a.com:8080", "/", (struct http_headers){0}), "v/-");
    assert_string_equal(find(&f, table, "a.com", "/", (struct http_headers){0}), "-");
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static const char paths_yaml[] =
    "virtual_hosts:\n"
    "- name: v\n"
    "  domains: ['*']\n"
    "  routes:\n"
    "  - {name: exact, match: {path: /exact}, direct_response: {status: 200}}\n"
    "  - {name: deep, match: {prefix: /api/v1}, direct_response: {status: 200}}\n"
    "  - {name: header, match: {prefix: /api, headers: [{name: X-User, string_match: {exact: "
    "jason}}]},"
    " direct_response: {status: 200}}\n"
    "  - {name: regex, match: {safe_regex: {regex: '/r[0-9]+'}}, direct_response: {status: 200}}\n"
    "  - {name: fold, match: {prefix: /FOLD, case_sensitive: false}, direct_response: {status: "
    "200}}\n"
    "  - {name: separated, match: {path_separated_prefix: /sep}, direct_response: {status: 200}}\n"
    "  - {name: query, match: {prefix: /q, query_parameters: [{name: k, string_match: {exact: "
    "v}}]},"
    " direct_response: {status: 200}}\n"
    "  - {name: api, match: {prefix: /api}, direct_response: {status: 200}}\n"
    "  - {name: absent, match: {prefix: /n, headers: [{name: x-n, present_match: false}]},"
    " direct_response: {status: 200}}\n"
    "  - {name: root, match: {path: /}, direct_response: {status: 200}}\n";

static void paths(void **state)
{
    static const struct {
        const char *path;
        const char *user; /* x-user header; NULL: none */
        const char *route;
    } cases[] = {
        {"/exact", NULL, "v/exact"},     {"/exact?a=b", NULL, "v/exact"},
        {"/exactly", NULL, "v/-"},       {"/api/v1/x", NULL, "v/deep"},
        {"/api/v1", "jason", "v/deep"},  {"/api/v2", "jason", "v/header"},
        {"/api/v2", "ann", "v/api"},     {"/r12", NULL, "v/regex"},
        {"/r12x", NULL, "v/-"},          {"/fold/x", NULL, "v/fold"},
        {"/sep", NULL, "v/separated"},   {"/sep/x", NULL, "v/separated"},
        {"/separate", NULL, "v/-"},      {"/q?k=v", NULL, "v/query"},
        {"/q?j=1&k=v", NULL, "v/query"}, {"/q?k=w", NULL, "v/-"},
        {"/n", NULL, "v/absent"},        {"/", NULL, "v/root"},
        {"/?x", NULL, "v/root"},
    };
    struct fixture f;
    struct route_table *table;

    (void)state;
    fixture_init(&f);
    table = must_compile(&f, paths_yaml);
    assert_true(table->hosts[0].indexed);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_headers headers = {0};

        if (cases[i].user)
            http_headers_add(&headers, &f.arena, SLICE("x-user"), slice_str(cases[i].user));
        assert_string_equal(find(&f, table, "h", cases[i].path, headers), cases[i].route);
        /* A scan must give the same answer as the index. */
        table->hosts[0].indexed = false;
        assert_string_equal(find(&f, table, "h", cases[i].path, headers), cases[i].route);
        table->hosts[0].indexed = true;
    }
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static void many_routes_equal_a_scan(void **state)
{
    struct fixture f;
    struct route_table *table;
    struct buf yaml;
    struct rng rng;

    (void)state;
    fixture_init(&f);
    rng_init(&rng, 7);
    buf_init(&yaml, 0);
    buf_append_str(&yaml, "virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n");
    for (int i = 0; i < 300; i++) {
        buf_printf(&yaml, "  - {name: r%d, match: {%s: '/", i,
                   rng_below(&rng, 3) == 0 ? "path" : "prefix");
        for (uint64_t n = rng_below(&rng, 6); n > 0; n--)
            buf_append_str(&yaml, rng_below(&rng, 2) ? "a" : "b/");
        buf_append_str(&yaml, "'}, direct_response: {status: 200}}\n");
    }
    table = must_compile(&f, yaml.data);
    for (int i = 0; i < 2000; i++) {
        char path[32] = "/";
        const char *indexed;

        for (uint64_t n = rng_below(&rng, 12), k = 1; n > 0; n--)
            path[k++] = "ab/"[rng_below(&rng, 3)];
        table->hosts[0].indexed = true;
        indexed = find(&f, table, "h", path, (struct http_headers){0});
        table->hosts[0].indexed = false;
        assert_string_equal(indexed, find(&f, table, "h", path, (struct http_headers){0}));
    }
    buf_deinit(&yaml);
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static void weights_are_kept(void **state)
{
    struct fixture f;
    struct route_table *table;
    unsigned counts[3] = {0};
    const struct route *route;

    (void)state;
    fixture_init(&f);
    table = must_compile(&f, "virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
                             "  - match: {prefix: /}\n"
                             "    route: {weighted_clusters: {clusters: [{name: a, weight: 90},"
                             " {name: b, weight: 0}, {name: c, weight: 10}]}}\n");
    route = &table->hosts[0].routes[0];
    for (uint64_t random = 0; random < 1000; random++)
        counts[route_pick(route, random)->cluster_slot]++;
    assert_int_equal(counts[0], 900);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 100);
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static void rewrites_and_redirects(void **state)
{
    struct fixture f;
    struct route_table *table;
    struct http_head head = {
        .scheme = SLICE("http"), .authority = SLICE("h.com:80"), .path = SLICE("/old/x?q=1")};
    const struct route *routes;

    (void)state;
    fixture_init(&f);
    table = must_compile(
        &f, "virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
            "  - {match: {prefix: /old/}, route: {cluster: a, prefix_rewrite: /new/}}\n"
            "  - {match: {prefix: /}, route: {cluster: a, regex_rewrite: {pattern: {regex:"
            " '^/old(/?)(.*)'}, substitution: '/\\2'}}}\n"
            "  - {match: {prefix: /old}, redirect: {https_redirect: true, response_code: FOUND}}\n"
            "  - {match: {prefix: /old}, redirect: {host_redirect: z.org, path_redirect: /p,"
            " port_redirect: 8443, strip_query: true}}\n");
    routes = table->hosts[0].routes;
    assert_slice(route_rewrite_path(&routes[0], &routes[0].rewrite, head.path, &f.arena),
                 "/new/x?q=1");
    assert_slice(route_rewrite_path(&routes[1], &routes[1].rewrite, head.path, &f.arena), "/x?q=1");
    assert_int_equal(routes[2].redirect.status, 302);
    assert_slice(route_redirect_location(&routes[2], &head, &f.arena), "https://h.com/old/x?q=1");
    assert_slice(route_redirect_location(&routes[3], &head, &f.arena), "http://z.org:8443/p");
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

static void refusals_name_the_field(void **state)
{
    static const struct {
        const char *yaml;
        const char *path;
        const char *reason;
    } cases[] = {
        {"virtual_hosts:\n- {name: v, domains: [a.com]}\n- {name: w, domains: [A.com]}\n",
         "virtual_hosts", "a.com"},
        {"virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
         "  - {match: {safe_regex: {regex: '('}}, route: {cluster: a}}\n",
         "virtual_hosts[0].routes[0].match.safe_regex", ""},
        {"virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
         "  - {match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a}]}}}\n",
         "virtual_hosts[0].routes[0].route.weighted_clusters", "weights"},
        {"virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
         "  - {match: {prefix: /}, route: {cluster: a}, request_headers_to_add:"
         " [{header: {key: x, value: '%NOPE%'}}]}\n",
         "virtual_hosts[0].routes[0].request_headers_to_add[0].header.value", "NOPE"},
        {"virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
         "  - {match: {prefix: /}, direct_response: {status: 99}}\n",
         "virtual_hosts[0].routes[0].direct_response.status", "99"},
    };
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct route_table *table;
        struct error err = {0};

        assert_true(compile(&f, cases[i].yaml, &table, &err) < 0);
        assert_string_equal(err.path, cases[i].path);
        assert_non_null(strstr(err.reason, cases[i].reason));
    }
    fixture_deinit(&f);
}

static void istio_default_retries(void **state)
{
    struct fixture f;
    struct route_table *table;
    const struct retry_policy *policy;
    struct http_head head = {.status = 503};

    (void)state;
    fixture_init(&f);
    table = must_compile(
        &f, "virtual_hosts:\n- name: v\n  domains: ['*']\n  routes:\n"
            "  - match: {prefix: /}\n"
            "    route: {cluster: a, timeout: 0s, retry_policy: {retry_on: 'connect-failure,"
            "refused-stream,unavailable,cancelled,retriable-status-codes', num_retries: 2,"
            " retriable_status_codes: [503], host_selection_retry_max_attempts: 5,"
            " retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts}]}}\n");
    policy = table->hosts[0].routes[0].retry;
    assert_int_equal(policy->retry_max, 2);
    assert_true(policy->avoid_previous_hosts);
    assert_int_equal(table->hosts[0].routes[0].timeout_ms, 0);
    assert_true(retry_wants_response(policy, &head));
    head.status = 500;
    assert_false(retry_wants_response(policy, &head));
    assert_true(retry_wants_reset(policy, HTTP_RESET_CONNECT_FAILED, false));
    assert_false(retry_wants_reset(policy, HTTP_RESET_CONN_TERMINATED, true));
    assert_false(retry_wants_reset(policy, HTTP_RESET_OVERFLOW, false));
    resource_unref(&table->resource);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(ports_count_unless_ignored),
        cmocka_unit_test(paths),
        cmocka_unit_test(many_routes_equal_a_scan),
        cmocka_unit_test(weights_are_kept),
        cmocka_unit_test(rewrites_and_redirects),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(istio_default_retries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
