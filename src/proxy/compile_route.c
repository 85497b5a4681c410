/* SPDX-License-Identifier: Apache-2.0 */
/* RouteConfiguration -> route_table. See compile.h.
 */
#include "proxy/compile.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdio.h>

enum {
    ROUTE_TIMEOUT_DEFAULT_MS = 15000,
    RETRY_BASE_DEFAULT_MS = 25,
    DIRECT_BODY_DEFAULT_MAX = 4096,
    RETRY_CODES_MAX = 64,
};

struct route_ctx {
    struct compiler *compiler;
    struct resource *resource;
    struct arena *arena;
    const struct pb_route_configuration *in;
    const struct pb_virtual_host *host;
    struct filter_overrides filters;      /* of the table */
    struct filter_overrides host_filters; /* of the host, with the table's in them */
};

static int compile_path(struct route_ctx *ctx, const struct pb_route_match *in, struct route *route,
                        struct error *err)
{
    struct slice path = SLICE("");

    route->ignore_case = in->has_case_sensitive && !in->case_sensitive;
    switch (in->path_specifier_case) {
    case PB_ROUTE_MATCH_CASE_PREFIX:
        route->path_kind = ROUTE_PATH_PREFIX;
        path = in->prefix;
        break;
    case PB_ROUTE_MATCH_CASE_PATH:
        route->path_kind = ROUTE_PATH_EXACT;
        path = in->path;
        break;
    case PB_ROUTE_MATCH_CASE_PATH_SEPARATED_PREFIX:
        route->path_kind = ROUTE_PATH_SEPARATED;
        path = in->path_separated_prefix;
        if (slice_ends_with(path, SLICE("/")) || slice_find_char(path, '?') >= 0)
            return err_set_path(err, ERR_INVALID, "path_separated_prefix",
                                "\"%.*s\" must not end in '/' nor hold '?'", SLICE_ARG(path));
        break;
    case PB_ROUTE_MATCH_CASE_SAFE_REGEX:
        route->path_kind = ROUTE_PATH_REGEX;
        if (compile_regex(ctx->resource, in->safe_regex, &route->path_regex, err) < 0)
            return err_prefix(err, "safe_regex");
        break;
    case PB_ROUTE_MATCH_CASE_CONNECT_MATCHER:
        route->path_kind = ROUTE_PATH_CONNECT;
        break;
    default:
        return err_set(err, ERR_UNSUPPORTED, "no path matcher that is supported");
    }
    route->path = arena_slice_dup(ctx->arena, path);
    return 0;
}

static int compile_match(struct route_ctx *ctx, const struct pb_route_match *in,
                         struct route *route, struct error *err)
{
    if (in == NULL)
        return err_set(err, ERR_INVALID, "a route without a match");
    if (compile_path(ctx, in, route, err) < 0)
        return err->code;
    route->headers = ARENA_ARRAY(ctx->arena, struct match_header, in->headers_count + 1);
    route->header_count = in->headers_count;
    for (size_t i = 0; i < in->headers_count; i++)
        if (compile_header_matcher(ctx->resource, in->headers[i], &route->headers[i], err) < 0)
            return err_prefix(err, "headers[%zu]", i);
    route->queries = ARENA_ARRAY(ctx->arena, struct match_query, in->query_parameters_count + 1);
    route->query_count = in->query_parameters_count;
    for (size_t i = 0; i < in->query_parameters_count; i++) {
        const struct pb_query_parameter_matcher *query = in->query_parameters[i];
        struct match_query *out = &route->queries[i];

        out->name = arena_slice_dup(ctx->arena, query->name);
        out->present_wanted = true;
        out->value.kind = MATCH_PRESENT;
        if (query->query_parameter_match_specifier_case ==
            PB_QUERY_PARAMETER_MATCHER_CASE_PRESENT_MATCH)
            out->present_wanted = query->present_match;
        else if (query->query_parameter_match_specifier_case != 0 &&
                 compile_string_matcher(ctx->resource, query->string_match, &out->value, err) < 0)
            return err_prefix(err, "query_parameters[%zu]", i);
    }
    route->grpc_only = in->grpc != NULL;
    if (in->runtime_fraction != NULL && in->runtime_fraction->default_value != NULL)
        route->fraction = compile_fraction(in->runtime_fraction->default_value);
    if (in->dynamic_metadata_count > 0)
        return err_set_path(err, ERR_UNSUPPORTED, "dynamic_metadata",
                            "not supported: matching on metadata");
    if (in->tls_context != NULL)
        return err_set_path(err, ERR_UNSUPPORTED, "tls_context",
                            "not supported: matching on client certificates");
    return 0;
}

static struct slice optional_dup(struct arena *arena, struct slice text)
{
    return text.len > 0 ? arena_slice_dup(arena, text) : slice_make(NULL, 0);
}

/* One entry of a typed_per_filter_config, of any level. */
static int compile_override(struct route_ctx *ctx, struct slice name, const struct pb_any *value,
                            struct filter_overrides *set, struct error *err)
{
    int rc = filter_override_add(ctx->resource, set, name, value, err);

    if (rc == ERR_NOT_FOUND) {
        char feature[160];

        snprintf(feature, sizeof feature, "typed_per_filter_config.%.*s", SLICE_ARG(name));
        compile_unsupported(ctx->compiler, feature);
        return 0;
    }
    return rc < 0 ? err_prefix(err, "typed_per_filter_config[%.*s]", SLICE_ARG(name)) : 0;
}

static int compile_target(struct route_ctx *ctx,
                          const struct pb_weighted_cluster_cluster_weight *in, uint64_t *total,
                          struct route_target *target, struct error *err)
{
    if (in->name.len == 0)
        return err_set_path(err, ERR_UNSUPPORTED, "cluster_header",
                            "not supported: weighted clusters named by a header");
    target->cluster_name = arena_slice_dup(ctx->arena, in->name);
    target->cluster_slot = names_slot(&ctx->compiler->clusters, in->name);
    *total += in->has_weight ? in->weight : 0;
    target->weight_end = *total;
    if (in->host_rewrite_specifier_case ==
        PB_WEIGHTED_CLUSTER_CLUSTER_WEIGHT_CASE_HOST_REWRITE_LITERAL)
        target->host_rewrite = optional_dup(ctx->arena, in->host_rewrite_literal);
    for (size_t i = 0; i < in->typed_per_filter_config_count; i++)
        if (compile_override(ctx, in->typed_per_filter_config[i]->key,
                             in->typed_per_filter_config[i]->value, &target->filters, err) < 0)
            return err->code;
    if (compile_header_ops(ctx->resource, in->request_headers_to_add,
                           in->request_headers_to_add_count, in->request_headers_to_remove,
                           in->request_headers_to_remove_count, &target->request_ops, err) < 0)
        return compile_err_word(err, "request_");
    if (compile_header_ops(ctx->resource, in->response_headers_to_add,
                           in->response_headers_to_add_count, in->response_headers_to_remove,
                           in->response_headers_to_remove_count, &target->response_ops, err) < 0)
        return compile_err_word(err, "response_");
    return 0;
}

static int compile_targets(struct route_ctx *ctx, const struct pb_route_action *in,
                           struct route *route, struct error *err)
{
    const struct pb_weighted_cluster *weighted = in->weighted_clusters;
    uint64_t total = 0;

    switch (in->cluster_specifier_case) {
    case PB_ROUTE_ACTION_CASE_CLUSTER:
        route->targets = ARENA_NEW(ctx->arena, struct route_target);
        route->target_count = 1;
        route->targets[0].cluster_name = arena_slice_dup(ctx->arena, in->cluster);
        route->targets[0].cluster_slot = names_slot(&ctx->compiler->clusters, in->cluster);
        route->targets[0].weight_end = 1;
        route->targets[0].filters = route->filters;
        return 0;
    case PB_ROUTE_ACTION_CASE_CLUSTER_HEADER:
        route->cluster_header = arena_slice_lower(ctx->arena, in->cluster_header);
        compile_unsupported(ctx->compiler, "route.cluster_header");
        return err_set_path(err, ERR_UNSUPPORTED, "cluster_header",
                            "not supported: clusters named by a header");
    case PB_ROUTE_ACTION_CASE_WEIGHTED_CLUSTERS:
        break;
    default:
        return err_set(err, ERR_UNSUPPORTED, "no cluster that is supported");
    }
    route->targets = ARENA_ARRAY(ctx->arena, struct route_target, weighted->clusters_count + 1);
    route->target_count = weighted->clusters_count;
    for (size_t i = 0; i < weighted->clusters_count; i++)
        route->targets[i].filters = route->filters;
    for (size_t i = 0; i < weighted->clusters_count; i++)
        if (compile_target(ctx, weighted->clusters[i], &total, &route->targets[i], err) < 0)
            return err_prefix(err, "weighted_clusters.clusters[%zu]", i);
    if (total == 0 || total > UINT32_MAX)
        return err_set_path(err, ERR_INVALID, "weighted_clusters",
                            "the sum of weights must be 1 to 4294967295");
    return 0;
}

static int compile_retry(struct route_ctx *ctx, const struct pb_retry_policy *in,
                         uint64_t timeout_ms, const struct retry_policy **ret, struct error *err)
{
    struct retry_policy *policy;
    uint16_t *codes;
    size_t count;

    if (in == NULL || in->retry_on.len == 0)
        return 0;
    if (in->retriable_status_codes_count > RETRY_CODES_MAX)
        return err_set_path(err, ERR_LIMIT, "retry_policy.retriable_status_codes",
                            "more than %d codes", RETRY_CODES_MAX);
    policy = ARENA_NEW(ctx->arena, struct retry_policy);
    codes = ARENA_ARRAY(ctx->arena, uint16_t, RETRY_CODES_MAX * 2);
    policy->on = retry_on_parse(in->retry_on, codes, RETRY_CODES_MAX, &count);
    for (size_t i = 0; i < in->retriable_status_codes_count; i++)
        codes[count++] = (uint16_t)in->retriable_status_codes[i];
    policy->status_codes = codes;
    policy->status_code_count = count;
    policy->retry_max = in->has_num_retries ? in->num_retries : 1;
    policy->per_try_timeout_ms = compile_ms(in->has_per_try_timeout, in->per_try_timeout, 0);
    if (timeout_ms > 0 && policy->per_try_timeout_ms >= timeout_ms)
        policy->per_try_timeout_ms = 0; /* the whole is over by then */
    policy->backoff_base_ms = RETRY_BASE_DEFAULT_MS;
    if (in->retry_back_off != NULL)
        policy->backoff_base_ms =
            compile_ms(in->retry_back_off->has_base_interval, in->retry_back_off->base_interval,
                       RETRY_BASE_DEFAULT_MS);
    policy->backoff_max_ms = policy->backoff_base_ms * 10;
    if (in->retry_back_off != NULL)
        policy->backoff_max_ms =
            compile_ms(in->retry_back_off->has_max_interval, in->retry_back_off->max_interval,
                       policy->backoff_max_ms);
    policy->host_attempts_max = in->host_selection_retry_max_attempts > 0
                                    ? (unsigned)in->host_selection_retry_max_attempts
                                    : 1;
    for (size_t i = 0; i < in->retry_host_predicate_count; i++)
        if (slice_find(in->retry_host_predicate[i]->name, SLICE("previous_hosts")) >= 0)
            policy->avoid_previous_hosts = true;
    if (in->retriable_headers_count > 0 || in->retriable_request_headers_count > 0)
        compile_unsupported(ctx->compiler, "retry_policy.retriable_headers");
    *ret = policy;
    return 0;
}

static int compile_rewrite(struct route_ctx *ctx, struct slice prefix,
                           const struct pb_regex_match_and_substitute *regex,
                           struct route_rewrite *ret, struct error *err)
{
    ret->prefix = optional_dup(ctx->arena, prefix);
    if (regex == NULL)
        return 0;
    if (compile_regex(ctx->resource, regex->pattern, &ret->regex, err) < 0)
        return err_prefix(err, "regex_rewrite.pattern");
    ret->substitution = arena_slice_dup(ctx->arena, regex->substitution);
    return 0;
}

static void compile_cookie(struct arena *arena, const struct pb_route_action_hash_policy_cookie *in,
                           struct route_hash *hash)
{
    const char *tail = in->path.len ? arena_printf(arena, "; Path=%.*s", SLICE_ARG(in->path)) : "";

    hash->kind = ROUTE_HASH_COOKIE;
    hash->name = arena_slice_dup(arena, in->name);
    hash->cookie_made = in->has_ttl;
    if (!in->has_ttl)
        return;
    if (in->ttl.seconds > 0)
        tail = arena_printf(arena, "; Max-Age=%lld%s", (long long)in->ttl.seconds, tail);
    for (size_t i = 0; i < in->attributes_count; i++) {
        struct slice value = in->attributes[i]->value;

        tail = arena_printf(arena, "%s; %.*s%s%.*s", tail, SLICE_ARG(in->attributes[i]->name),
                            value.len ? "=" : "", SLICE_ARG(value));
    }
    hash->cookie_tail = slice_str(arena_printf(arena, "%s; HttpOnly", tail));
}

static void compile_hashes(struct route_ctx *ctx, const struct pb_route_action *in,
                           struct route *route)
{
    route->hashes = ARENA_ARRAY(ctx->arena, struct route_hash, in->hash_policy_count + 1);
    for (size_t i = 0; i < in->hash_policy_count; i++) {
        const struct pb_route_action_hash_policy *policy = in->hash_policy[i];
        struct route_hash *hash = &route->hashes[route->hash_count];

        hash->terminal = policy->terminal;
        switch (policy->policy_specifier_case) {
        case PB_ROUTE_ACTION_HASH_POLICY_CASE_HEADER:
            hash->kind = ROUTE_HASH_HEADER;
            hash->name = arena_slice_lower(ctx->arena, policy->header->header_name);
            break;
        case PB_ROUTE_ACTION_HASH_POLICY_CASE_COOKIE:
            compile_cookie(ctx->arena, policy->cookie, hash);
            break;
        case PB_ROUTE_ACTION_HASH_POLICY_CASE_CONNECTION_PROPERTIES:
            hash->kind = ROUTE_HASH_SOURCE_IP;
            break;
        case PB_ROUTE_ACTION_HASH_POLICY_CASE_QUERY_PARAMETER:
            hash->kind = ROUTE_HASH_QUERY;
            hash->name = arena_slice_dup(ctx->arena, policy->query_parameter->name);
            break;
        default:
            compile_unsupported(ctx->compiler, "route.hash_policy");
            continue;
        }
        route->hash_count++;
    }
}

/* The route's own mirrors, or the virtual host's, or the table's: levels are not added up. */
static int compile_mirrors(struct route_ctx *ctx, const struct pb_route_action *in,
                           struct route *route, struct error *err)
{
    struct pb_route_action_request_mirror_policy *const *policies = in->request_mirror_policies;
    size_t count = in->request_mirror_policies_count;

    if (count == 0) {
        policies = ctx->host->request_mirror_policies;
        count = ctx->host->request_mirror_policies_count;
    }
    if (count == 0) {
        policies = ctx->in->request_mirror_policies;
        count = ctx->in->request_mirror_policies_count;
    }
    if (count > ROUTE_MIRRORS_MAX)
        return err_set_path(err, ERR_LIMIT, "request_mirror_policies", "more than %d",
                            ROUTE_MIRRORS_MAX);
    route->mirrors = ARENA_ARRAY(ctx->arena, struct route_mirror, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct route_mirror *mirror = &route->mirrors[route->mirror_count];

        if (policies[i]->cluster.len == 0) {
            compile_unsupported(ctx->compiler, "request_mirror_policies.cluster_header");
            continue;
        }
        mirror->cluster_name = arena_slice_dup(ctx->arena, policies[i]->cluster);
        mirror->cluster_slot = names_slot(&ctx->compiler->clusters, policies[i]->cluster);
        mirror->keep_host = policies[i]->disable_shadow_host_suffix_append;
        if (policies[i]->runtime_fraction != NULL)
            mirror->fraction = compile_fraction(policies[i]->runtime_fraction->default_value);
        route->mirror_count++;
    }
    return 0;
}

static void count_unsupported_action(struct compiler *compiler, const struct pb_route_action *in)
{
    if (in->cors != NULL)
        compile_unsupported(compiler, "route.cors");
    if (in->hedge_policy != NULL)
        compile_unsupported(compiler, "route.hedge_policy");
    if (in->metadata_match != NULL)
        compile_unsupported(compiler, "route.metadata_match");
}

static int compile_forward(struct route_ctx *ctx, const struct pb_route_action *in,
                           struct route *route, struct error *err)
{
    static const unsigned not_found[] = {503, 404, 500};
    const struct pb_retry_policy *retry =
        in->retry_policy ? in->retry_policy : ctx->host->retry_policy;

    route->action = ROUTE_FORWARD;
    route->timeout_ms = compile_ms(in->has_timeout, in->timeout, ROUTE_TIMEOUT_DEFAULT_MS);
    if (compile_targets(ctx, in, route, err) < 0 ||
        compile_retry(ctx, retry, route->timeout_ms, &route->retry, err) < 0)
        return err->code;
    if (compile_rewrite(ctx, in->prefix_rewrite, in->regex_rewrite, &route->rewrite, err) < 0)
        return err->code;
    switch (in->host_rewrite_specifier_case) {
    case PB_ROUTE_ACTION_CASE_HOST_REWRITE_LITERAL:
        route->host_rewrite = optional_dup(ctx->arena, in->host_rewrite_literal);
        break;
    case PB_ROUTE_ACTION_CASE_HOST_REWRITE_HEADER:
        route->host_rewrite_header = arena_slice_lower(ctx->arena, in->host_rewrite_header);
        break;
    case PB_ROUTE_ACTION_CASE_AUTO_HOST_REWRITE:
        route->auto_host_rewrite = in->auto_host_rewrite;
        break;
    default:
        break;
    }
    route->append_forwarded_host = in->append_x_forwarded_host;
    route->idle_timeout_ms = compile_ms(in->has_idle_timeout, in->idle_timeout, UINT64_MAX);
    if ((unsigned)in->cluster_not_found_response_code < ARRAY_LEN(not_found))
        route->cluster_not_found_status = not_found[in->cluster_not_found_response_code];
    if (compile_mirrors(ctx, in, route, err) < 0)
        return err->code;
    compile_hashes(ctx, in, route);
    count_unsupported_action(ctx->compiler, in);
    return 0;
}

static int compile_redirect(struct route_ctx *ctx, const struct pb_redirect_action *in,
                            struct route *route, struct error *err)
{
    static const unsigned codes[] = {301, 302, 303, 307, 308};
    struct route_redirect *redirect = &route->redirect;

    route->action = ROUTE_REDIRECT;
    if ((unsigned)in->response_code >= ARRAY_LEN(codes))
        return err_set_path(err, ERR_INVALID, "response_code", "unknown code %d",
                            in->response_code);
    redirect->status = codes[in->response_code];
    if (in->scheme_rewrite_specifier_case == PB_REDIRECT_ACTION_CASE_HTTPS_REDIRECT &&
        in->https_redirect)
        redirect->scheme = SLICE("https");
    else if (in->scheme_rewrite_specifier_case == PB_REDIRECT_ACTION_CASE_SCHEME_REDIRECT)
        redirect->scheme = optional_dup(ctx->arena, in->scheme_redirect);
    redirect->host = optional_dup(ctx->arena, in->host_redirect);
    redirect->port = in->port_redirect;
    redirect->strip_query = in->strip_query;
    switch (in->path_rewrite_specifier_case) {
    case PB_REDIRECT_ACTION_CASE_PATH_REDIRECT:
        redirect->path = optional_dup(ctx->arena, in->path_redirect);
        break;
    case PB_REDIRECT_ACTION_CASE_PREFIX_REWRITE:
        return compile_rewrite(ctx, in->prefix_rewrite, NULL, &redirect->rewrite, err);
    case PB_REDIRECT_ACTION_CASE_REGEX_REWRITE:
        return compile_rewrite(ctx, SLICE(""), in->regex_rewrite, &redirect->rewrite, err);
    default:
        break;
    }
    return 0;
}

static int compile_direct(struct route_ctx *ctx, const struct pb_direct_response_action *in,
                          struct route *route, struct error *err)
{
    size_t max = ctx->in->has_max_direct_response_body_size_bytes
                     ? ctx->in->max_direct_response_body_size_bytes
                     : DIRECT_BODY_DEFAULT_MAX;
    struct slice body;

    route->action = ROUTE_DIRECT;
    if (in->status < 200 || in->status > 599)
        return err_set_path(err, ERR_INVALID, "direct_response.status", "%u is not 200 to 599",
                            in->status);
    route->direct_status = in->status;
    if (compile_data_source(in->body, &body, err) < 0)
        return err_prefix(err, "direct_response.body");
    if (body.len > max)
        return err_set_path(err, ERR_LIMIT, "direct_response.body", "%zu bytes, at most %zu",
                            body.len, max);
    route->direct_body = arena_slice_dup(ctx->arena, body);
    if (in->body_format != NULL)
        compile_unsupported(ctx->compiler, "route.direct_response.body_format");
    return 0;
}

static int compile_action(struct route_ctx *ctx, const struct pb_route *in, struct route *route,
                          struct error *err)
{
    switch (in->action_case) {
    case PB_ROUTE_CASE_ROUTE:
        return compile_forward(ctx, in->route, route, err) < 0 ? err_prefix(err, "route") : 0;
    case PB_ROUTE_CASE_REDIRECT:
        return compile_redirect(ctx, in->redirect, route, err) < 0 ? err_prefix(err, "redirect")
                                                                   : 0;
    case PB_ROUTE_CASE_DIRECT_RESPONSE:
        return compile_direct(ctx, in->direct_response, route, err);
    default:
        return err_set(err, ERR_UNSUPPORTED, "a route without an action that is supported");
    }
}

static int compile_one(struct route_ctx *ctx, const struct pb_route *in, struct route *route,
                       struct error *err)
{
    route->name = arena_slice_dup(ctx->arena, in->name);
    if (compile_match(ctx, in->match, route, err) < 0)
        return err_prefix(err, "match");
    route->filters = ctx->host_filters;
    for (size_t i = 0; i < in->typed_per_filter_config_count; i++)
        if (compile_override(ctx, in->typed_per_filter_config[i]->key,
                             in->typed_per_filter_config[i]->value, &route->filters, err) < 0)
            return err->code;
    if (compile_action(ctx, in, route, err) < 0)
        return err->code;
    if (compile_header_ops(ctx->resource, in->request_headers_to_add,
                           in->request_headers_to_add_count, in->request_headers_to_remove,
                           in->request_headers_to_remove_count, &route->request_ops, err) < 0)
        return compile_err_word(err, "request_");
    if (compile_header_ops(ctx->resource, in->response_headers_to_add,
                           in->response_headers_to_add_count, in->response_headers_to_remove,
                           in->response_headers_to_remove_count, &route->response_ops, err) < 0)
        return compile_err_word(err, "response_");
    return 0;
}

static int compile_host(struct route_ctx *ctx, const struct pb_virtual_host *in,
                        struct route_host *host, struct error *err)
{
    ctx->host = in;
    ctx->host_filters = ctx->filters;
    for (size_t i = 0; i < in->typed_per_filter_config_count; i++)
        if (compile_override(ctx, in->typed_per_filter_config[i]->key,
                             in->typed_per_filter_config[i]->value, &ctx->host_filters, err) < 0)
            return err->code;
    host->name = arena_slice_dup(ctx->arena, in->name);
    host->require_tls = in->require_tls != PB_VIRTUAL_HOST_TLS_REQUIREMENT_TYPE_NONE;
    host->attempt_count_sent = in->include_request_attempt_count;
    host->attempt_count_in_response = in->include_attempt_count_in_response;
    host->routes = ARENA_ARRAY(ctx->arena, struct route, in->routes_count + 1);
    host->route_count = in->routes_count;
    for (size_t i = 0; i < in->routes_count; i++)
        if (compile_one(ctx, in->routes[i], &host->routes[i], err) < 0)
            return err_prefix(err, "routes[%zu]", i);
    if (compile_header_ops(ctx->resource, in->request_headers_to_add,
                           in->request_headers_to_add_count, in->request_headers_to_remove,
                           in->request_headers_to_remove_count, &host->request_ops, err) < 0)
        return compile_err_word(err, "request_");
    if (compile_header_ops(ctx->resource, in->response_headers_to_add,
                           in->response_headers_to_add_count, in->response_headers_to_remove,
                           in->response_headers_to_remove_count, &host->response_ops, err) < 0)
        return compile_err_word(err, "response_");
    route_host_seal(host, ctx->arena);
    return 0;
}

static int compile_domains(struct route_ctx *ctx, struct route_table *table, struct error *err)
{
    VEC(struct route_domain) domains = {0};
    struct slice duplicate = SLICE("");
    int rc;

    for (size_t i = 0; i < ctx->in->virtual_hosts_count; i++) {
        const struct pb_virtual_host *host = ctx->in->virtual_hosts[i];

        for (size_t k = 0; k < host->domains_count; k++) {
            struct route_domain domain = {arena_slice_lower(ctx->arena, host->domains[k]),
                                          (uint32_t)i};
            VEC_PUSH(&domains, domain);
        }
    }
    rc = route_table_seal(table, domains.items, domains.count, &duplicate);
    VEC_DEINIT(&domains);
    if (rc < 0)
        return err_set_path(err, ERR_INVALID, "virtual_hosts",
                            "domain \"%.*s\" is named twice: only unique domains are permitted",
                            SLICE_ARG(duplicate));
    return 0;
}

static int compile_table(struct route_ctx *ctx, struct route_table *table, struct error *err)
{
    const struct pb_route_configuration *in = ctx->in;

    table->name = arena_slice_dup(ctx->arena, in->name);
    table->ignore_port = in->ignore_port_in_host_matching;
    table->most_specific_wins = in->most_specific_header_mutations_wins;
    for (size_t i = 0; i < in->typed_per_filter_config_count; i++)
        if (compile_override(ctx, in->typed_per_filter_config[i]->key,
                             in->typed_per_filter_config[i]->value, &ctx->filters, err) < 0)
            return err->code;
    table->hosts = ARENA_ARRAY(ctx->arena, struct route_host, in->virtual_hosts_count + 1);
    table->host_count = in->virtual_hosts_count;
    for (size_t i = 0; i < in->virtual_hosts_count; i++)
        if (compile_host(ctx, in->virtual_hosts[i], &table->hosts[i], err) < 0)
            return err_prefix(err, "virtual_hosts[%zu]", i);
    if (compile_header_ops(ctx->resource, in->request_headers_to_add,
                           in->request_headers_to_add_count, in->request_headers_to_remove,
                           in->request_headers_to_remove_count, &table->request_ops, err) < 0)
        return compile_err_word(err, "request_");
    if (compile_header_ops(ctx->resource, in->response_headers_to_add,
                           in->response_headers_to_add_count, in->response_headers_to_remove,
                           in->response_headers_to_remove_count, &table->response_ops, err) < 0)
        return compile_err_word(err, "response_");
    return compile_domains(ctx, table, err);
}

int compile_route(struct compiler *compiler, const struct pb_route_configuration *in,
                  struct route_table **ret, struct error *err)
{
    struct route_table *table = resource_new(sizeof *table, 4096);
    struct error scratch = {0};
    struct route_ctx ctx = {.compiler = compiler,
                            .resource = &table->resource,
                            .arena = &table->resource.arena,
                            .in = in};
    int rc = compile_table(&ctx, table, err ? err : &scratch);

    if (rc < 0) {
        resource_unref(&table->resource);
        return rc;
    }
    *ret = table;
    return 0;
}
