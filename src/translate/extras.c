/* SPDX-License-Identifier: Apache-2.0 */
/* Retries, mirrors, faults, CORS, hash policies of a route.
 *
 * Place   action.c
 * Owns    nothing
 */
#include <stdlib.h>

#include "api/check.h"
#include "translate/action.h"
#include "translate/build.h"
#include "xds/pb/cors.h"
#include "xds/pb/fault.h"
#include "xds/pb/matcher.h"
#include "xds/pb/previous_hosts.h"

enum { RETRY_ATTEMPTS = 2, RETRY_HOST_ATTEMPTS_MAX = 5 };

/* ---- retries ---- */

static void add_host_predicate(struct arena *arena, struct pb_retry_policy *policy)
{
    const struct pb_previous_hosts_predicate config = {0};
    struct pb_retry_policy_retry_host_predicate *predicate =
        ARENA_NEW(arena, struct pb_retry_policy_retry_host_predicate);

    predicate->name = SLICE("envoy.retry_host_predicates.previous_hosts");
    predicate->config_type_case = PB_RETRY_POLICY_RETRY_HOST_PREDICATE_CASE_TYPED_CONFIG;
    predicate->typed_config = proto_any_pack(arena, &pb_previous_hosts_predicate_desc, &config);
    PROTO_PUSH(arena, policy, retry_host_predicate, predicate);
    policy->host_selection_retry_max_attempts = RETRY_HOST_ATTEMPTS_MAX;
}

/* Numbers among the conditions are status codes. */
static void set_conditions(struct arena *arena, const char *text, struct pb_retry_policy *policy)
{
    struct slice rest = slice_str(text);
    struct slice piece;
    struct buf conditions;
    bool has_token = false;

    buf_init(&conditions, 4096);
    while (slice_split_next(&rest, ',', &piece)) {
        uint64_t status;

        piece = slice_trim(piece);
        if (piece.len == 0)
            continue;
        if (slice_parse_u64(piece, 599, &status) == 0) {
            PROTO_PUSH(arena, policy, retriable_status_codes, (uint32_t)status);
            continue;
        }
        has_token = has_token || slice_eq(piece, SLICE("retriable-status-codes"));
        if (conditions.len > 0)
            buf_append_char(&conditions, ',');
        buf_append(&conditions, piece);
    }
    if (policy->retriable_status_codes_count > 0 && !has_token)
        buf_printf(&conditions, "%sretriable-status-codes", conditions.len ? "," : "");
    policy->retry_on = arena_slice_dup(arena, buf_slice(&conditions));
    buf_deinit(&conditions);
}

/* Another endpoint is tried, unless the balancer's hash says which one it is. */
static bool wants_other_host(const struct api_http_retry *from, bool hashed)
{
    bool stays =
        from && from->has_retry_ignore_previous_hosts && !from->retry_ignore_previous_hosts;

    return !hashed && !stays;
}

struct pb_retry_policy *extras_retry(const struct translator *translator,
                                     const struct api_http_retry *from, bool hashed)
{
    struct arena *arena = translator->scratch;
    struct pb_retry_policy *policy;

    from = from ? from : translator->config->retry;
    if (from && from->attempts <= 0)
        return NULL;
    policy = ARENA_NEW(arena, struct pb_retry_policy);
    policy->has_num_retries = true;
    policy->num_retries = from ? (uint32_t)from->attempts : RETRY_ATTEMPTS;
    policy->retry_on = SLICE("connect-failure,refused-stream,unavailable,cancelled,"
                             "retriable-status-codes");
    if (from && from->retry_on && from->retry_on[0])
        set_conditions(arena, from->retry_on, policy);
    if (from && from->has_per_try_timeout) {
        policy->has_per_try_timeout = true;
        policy->per_try_timeout = build_duration(from->per_try_timeout_ns);
    }
    if (from && from->has_backoff) {
        policy->retry_back_off = ARENA_NEW(arena, struct pb_retry_policy_retry_back_off);
        policy->retry_back_off->has_base_interval = true;
        policy->retry_back_off->base_interval = build_duration(from->backoff_ns);
    }
    if (wants_other_host(from, hashed))
        add_host_predicate(arena, policy);
    return policy;
}

/* ---- mirrors ---- */

static void add_mirror(const struct action_context *context,
                       const struct api_destination *destination, double percent,
                       struct pb_route_action *action)
{
    struct arena *arena = context->translator->scratch;
    struct pb_route_action_request_mirror_policy *mirror;

    if (!destination || percent <= 0)
        return;
    mirror = ARENA_NEW(arena, struct pb_route_action_request_mirror_policy);
    mirror->cluster = slice_str(http_destination_cluster(context->translator, destination,
                                                         context->namespace, context->port));
    mirror->runtime_fraction = ARENA_NEW(arena, struct pb_runtime_fractional_percent);
    mirror->runtime_fraction->default_value = build_fraction(arena, percent);
    mirror->has_trace_sampled = true;
    PROTO_PUSH(arena, action, request_mirror_policies, mirror);
}

void extras_mirrors(const struct action_context *context, struct pb_route_action *action)
{
    const struct api_http_route *from = context->from;
    double percent = 100;

    if (from->mirror_percentage)
        percent = from->mirror_percentage->value;
    else if (from->has_mirror_percent)
        percent = from->mirror_percent;
    else if (from->has_mirror_percent_snake)
        percent = from->mirror_percent_snake;
    add_mirror(context, from->mirror, percent, action);
    for (size_t i = 0; i < from->mirrors_count; i++)
        add_mirror(context, from->mirrors[i].destination,
                   from->mirrors[i].percentage ? from->mirrors[i].percentage->value : 100, action);
}

/* ---- per-filter configuration ---- */

static void add_filter_config(struct arena *arena, struct pb_route *route, const char *name,
                              const struct proto_message *desc, const void *message)
{
    struct pb_route_typed_per_filter_config_entry *entry =
        ARENA_NEW(arena, struct pb_route_typed_per_filter_config_entry);

    entry->key = slice_str(name);
    entry->value = proto_any_pack(arena, desc, message);
    PROTO_PUSH(arena, route, typed_per_filter_config, entry);
}

static struct pb_fractional_percent *fault_percent(struct arena *arena,
                                                   const struct api_percent *percent)
{
    return build_fraction(arena, percent ? percent->value : 0); /* none is said: none is hit */
}

static void set_abort(struct arena *arena, const struct api_fault_abort *from,
                      struct pb_http_fault *fault)
{
    fault->abort = ARENA_NEW(arena, struct pb_fault_abort);
    fault->abort->percentage = fault_percent(arena, from->percentage);
    if (from->has_http_status) {
        fault->abort->error_type_case = PB_FAULT_ABORT_CASE_HTTP_STATUS;
        fault->abort->http_status = (uint32_t)from->http_status;
    } else {
        fault->abort->error_type_case = PB_FAULT_ABORT_CASE_GRPC_STATUS;
        fault->abort->grpc_status = (uint32_t)MAX(api_grpc_status(from->grpc_status), 0);
    }
}

void extras_fault(struct arena *arena, const struct api_http_fault_injection *from,
                  struct pb_route *route)
{
    struct pb_http_fault fault = {0};

    if (!from)
        return;
    if (from->abort && (from->abort->has_http_status || from->abort->grpc_status))
        set_abort(arena, from->abort, &fault);
    if (from->delay && from->delay->has_fixed_delay) {
        fault.delay = ARENA_NEW(arena, struct pb_fault_delay);
        fault.delay->fault_delay_secifier_case = PB_FAULT_DELAY_CASE_FIXED_DELAY;
        fault.delay->fixed_delay = build_duration(from->delay->fixed_delay_ns);
        fault.delay->percentage = from->delay->percentage || !from->delay->has_percent
                                      ? fault_percent(arena, from->delay->percentage)
                                      : build_fraction(arena, from->delay->percent);
    }
    if (fault.abort || fault.delay)
        add_filter_config(arena, route, "envoy.filters.http.fault", &pb_http_fault_desc, &fault);
}

static struct slice join(struct arena *arena, const char *const *items, size_t count)
{
    struct slice out = {0};

    for (size_t i = 0; i < count; i++)
        out = slice_str(arena_printf(arena, "%.*s%s%s", SLICE_ARG(out), i ? "," : "", items[i]));
    return out;
}

static void add_origin(struct arena *arena, const struct api_string_match *from,
                       struct pb_cors_policy *cors)
{
    struct pb_string_matcher *origin = ARENA_NEW(arena, struct pb_string_matcher);

    if (from->regex) {
        origin->match_pattern_case = PB_STRING_MATCHER_CASE_SAFE_REGEX;
        origin->safe_regex = ARENA_NEW(arena, struct pb_regex_matcher);
        origin->safe_regex->regex = slice_str(from->regex);
    } else if (from->prefix) {
        origin->match_pattern_case = PB_STRING_MATCHER_CASE_PREFIX;
        origin->prefix = slice_str(from->prefix);
    } else if (from->exact && strcmp(from->exact, "*") == 0) {
        origin->match_pattern_case = PB_STRING_MATCHER_CASE_SAFE_REGEX;
        origin->safe_regex = ARENA_NEW(arena, struct pb_regex_matcher);
        origin->safe_regex->regex = SLICE(".*");
    } else {
        origin->match_pattern_case = PB_STRING_MATCHER_CASE_EXACT;
        origin->exact = slice_str(from->exact ? from->exact : "");
    }
    PROTO_PUSH(arena, cors, allow_origin_string_match, origin);
}

void extras_cors(struct arena *arena, const struct api_cors_policy *from, struct pb_route *route)
{
    struct pb_cors_policy cors = {0};

    if (!from)
        return;
    for (size_t i = 0; i < from->allow_origins_count; i++)
        add_origin(arena, &from->allow_origins[i], &cors);
    for (size_t i = 0; i < from->allow_origin_count && from->allow_origins_count == 0; i++)
        add_origin(arena, &(struct api_string_match){.exact = from->allow_origin[i]}, &cors);
    cors.allow_methods = join(arena, from->allow_methods, from->allow_methods_count);
    cors.allow_headers = join(arena, from->allow_headers, from->allow_headers_count);
    cors.expose_headers = join(arena, from->expose_headers, from->expose_headers_count);
    if (from->has_max_age)
        cors.max_age =
            slice_str(arena_printf(arena, "%lld", (long long)(from->max_age_ns / 1000000000)));
    cors.has_allow_credentials = from->has_allow_credentials;
    cors.allow_credentials = from->allow_credentials;
    cors.filter_enabled = ARENA_NEW(arena, struct pb_runtime_fractional_percent);
    cors.filter_enabled->default_value = ARENA_NEW(arena, struct pb_fractional_percent);
    cors.filter_enabled->default_value->numerator = 100;
    if (from->unmatched_preflights && strcmp(from->unmatched_preflights, "IGNORE") == 0)
        cors.has_forward_not_matching_preflights = true; /* false */
    add_filter_config(arena, route, "envoy.filters.http.cors", &pb_cors_policy_desc, &cors);
}

/* ---- hash policies ---- */

static void set_cookie(struct arena *arena, const struct api_http_cookie *from,
                       struct pb_route_action_hash_policy *policy)
{
    policy->policy_specifier_case = PB_ROUTE_ACTION_HASH_POLICY_CASE_COOKIE;
    policy->cookie = ARENA_NEW(arena, struct pb_route_action_hash_policy_cookie);
    policy->cookie->name = slice_str(from->name);
    policy->cookie->path = slice_str(from->path ? from->path : "");
    policy->cookie->has_ttl = from->has_ttl;
    policy->cookie->ttl = build_duration(from->ttl_ns);
}

bool extras_hash(const struct action_context *context, const struct api_destination *destination,
                 struct pb_route_action *action)
{
    struct translator *translator = context->translator;
    struct arena *arena = translator->scratch;
    const char *host;
    const struct mesh_service *service =
        http_destination_resolve(translator, destination, context->namespace, &host);
    const struct mesh_destination *rule =
        service ? mesh_destination_find(translator->mesh, translator->scope->namespace,
                                        &translator->scope->labels, service)
                : NULL;
    const struct mesh_subset *subset =
        rule && destination->subset ? mesh_destination_subset(rule, destination->subset) : NULL;
    struct policy traffic = policy_find(
        rule, subset, destination && destination->port ? destination->port->number : context->port);
    const struct api_consistent_hash_lb *hash =
        traffic.load_balancer ? traffic.load_balancer->consistent_hash : NULL;
    struct pb_route_action_hash_policy *policy;

    if (!hash)
        return false;
    policy = ARENA_NEW(arena, struct pb_route_action_hash_policy);
    if (hash->http_header_name) {
        policy->policy_specifier_case = PB_ROUTE_ACTION_HASH_POLICY_CASE_HEADER;
        policy->header = ARENA_NEW(arena, struct pb_route_action_hash_policy_header);
        policy->header->header_name = slice_str(hash->http_header_name);
    } else if (hash->http_cookie) {
        set_cookie(arena, hash->http_cookie, policy);
    } else if (hash->http_query_parameter_name) {
        policy->policy_specifier_case = PB_ROUTE_ACTION_HASH_POLICY_CASE_QUERY_PARAMETER;
        policy->query_parameter =
            ARENA_NEW(arena, struct pb_route_action_hash_policy_query_parameter);
        policy->query_parameter->name = slice_str(hash->http_query_parameter_name);
    } else {
        policy->policy_specifier_case = PB_ROUTE_ACTION_HASH_POLICY_CASE_CONNECTION_PROPERTIES;
        policy->connection_properties =
            ARENA_NEW(arena, struct pb_route_action_hash_policy_connection_properties);
        policy->connection_properties->source_ip = true;
    }
    PROTO_PUSH(arena, action, hash_policy, policy);
    return true;
}
