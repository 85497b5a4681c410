/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's rules for a VirtualService.
 *
 * Place   validate.c
 * Owns    nothing
 * Spec    Istio's validation of networking.istio.io/v1 VirtualService
 */
#include "api/rules.h"
#include "base/regex.h"

enum { PATH_SIZE = ERR_PATH_SIZE };

static void check_regex(struct rules *rules, const char *path, const char *pattern)
{
    struct regex *regex = NULL;
    struct error err = {0};

    if (regex_new(slice_str(pattern), &regex, &err) < 0)
        rules_tell(rules, ERR_INVALID, path, "\"%.100s\": %.200s", pattern, err.reason);
    regex_free(regex);
}

static void check_string_match(struct rules *rules, const char *path,
                               const struct api_string_match *match)
{
    int kinds;

    if (!match)
        return;
    kinds = (match->exact != NULL) + (match->prefix != NULL) + (match->regex != NULL);
    if (kinds > 1)
        rules_tell(rules, ERR_INVALID, path, "may have one of exact, prefix and regex only");
    if (match->regex && strcmp(match->regex, "*") != 0)
        check_regex(rules, path, match->regex);
}

static void check_string_matches(struct rules *rules, const char *path, const char *field,
                                 const struct api_string_match_entry *entries, size_t count)
{
    char place[PATH_SIZE];

    for (size_t i = 0; i < count; i++) {
        rules_path(place, sizeof(place), "%s.%s[%s]", path, field, entries[i].key);
        check_string_match(rules, place, &entries[i].value);
    }
}

static void check_match(struct rules *rules, const char *path,
                        const struct api_http_match_request *match)
{
    const struct {
        const char *field;
        const struct api_string_match *match;
    } members[] = {{"uri", match->uri},
                   {"scheme", match->scheme},
                   {"method", match->method},
                   {"authority", match->authority}};
    char place[PATH_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        rules_path(place, sizeof(place), "%s.%s", path, members[i].field);
        check_string_match(rules, place, members[i].match);
    }
    check_string_matches(rules, path, "headers", match->headers, match->headers_count);
    check_string_matches(rules, path, "withoutHeaders", match->without_headers,
                         match->without_headers_count);
    check_string_matches(rules, path, "queryParams", match->query_params,
                         match->query_params_count);
    rules_path(place, sizeof(place), "%s.port", path);
    if (match->has_port && match->port != 0)
        rules_port(rules, place, match->port);
}

static void check_destination(struct rules *rules, const char *path,
                              const struct api_destination *destination)
{
    char place[PATH_SIZE];

    if (!destination)
        return;
    rules_path(place, sizeof(place), "%s.host", path);
    if (!destination->host || !destination->host[0])
        rules_tell(rules, ERR_INVALID, place, "required value");
    else if (strcmp(destination->host, "*") == 0)
        rules_tell(rules, ERR_INVALID, place, "may not be the wildcard \"*\"");
    else if (!rules_is_host(destination->host, true) && !rules_is_address(destination->host))
        rules_tell(rules, ERR_INVALID, place, "\"%.100s\" is not a host name", destination->host);
    rules_path(place, sizeof(place), "%s.subset", path);
    if (destination->subset && destination->subset[0] && !rules_is_label(destination->subset))
        rules_tell(rules, ERR_INVALID, place, "\"%.100s\" is not a name of a subset",
                   destination->subset);
    rules_path(place, sizeof(place), "%s.port.number", path);
    if (destination->port)
        rules_port(rules, place, destination->port->number);
}

static void check_percent(struct rules *rules, const char *path, const struct api_percent *percent)
{
    if (percent && percent->has_value && (percent->value < 0 || percent->value > 100))
        rules_tell(rules, ERR_INVALID, path, "percentage %g is not in range 0..100",
                   percent->value);
}

static void check_weights(struct rules *rules, const char *path, const struct api_http_route *route)
{
    int64_t total = 0;
    char place[PATH_SIZE];

    for (size_t i = 0; i < route->route_count; i++) {
        rules_path(place, sizeof(place), "%s.route[%zu].destination", path, i);
        check_destination(rules, place, route->route[i].destination);
        rules_path(place, sizeof(place), "%s.route[%zu].weight", path, i);
        if (route->route[i].weight < 0)
            rules_tell(rules, ERR_INVALID, place, "weight %d < 0", route->route[i].weight);
        total += route->route[i].weight;
    }
    rules_path(place, sizeof(place), "%s.route", path);
    if (route->route_count > 1 && total <= 0)
        rules_tell(rules, ERR_INVALID, place, "total destination weight = 0");
    if (total > UINT32_MAX)
        rules_tell(rules, ERR_INVALID, place, "total destination weight is above 4294967295");
}

static void check_fault(struct rules *rules, const char *path,
                        const struct api_http_fault_injection *fault)
{
    char place[PATH_SIZE];

    if (!fault)
        return;
    if (!fault->abort && !fault->delay)
        rules_tell(rules, ERR_INVALID, path, "must have an abort or a delay");
    if (fault->abort) {
        const struct api_fault_abort *abort_fault = fault->abort;

        rules_path(place, sizeof(place), "%s.abort.percentage", path);
        check_percent(rules, place, abort_fault->percentage);
        if (!abort_fault->percentage)
            rules_tell(rules, ERR_AGAIN, place, "without a percentage no request is aborted");
        rules_path(place, sizeof(place), "%s.abort.httpStatus", path);
        if (abort_fault->has_http_status &&
            (abort_fault->http_status < 200 || abort_fault->http_status > 599))
            rules_tell(rules, ERR_INVALID, place, "%d must be in the range 200..599",
                       abort_fault->http_status);
        rules_path(place, sizeof(place), "%s.abort.grpcStatus", path);
        if (abort_fault->grpc_status && api_grpc_status(abort_fault->grpc_status) < 0)
            rules_tell(rules, ERR_INVALID, place, "gRPC status \"%.64s\" is not supported",
                       abort_fault->grpc_status);
        rules_path(place, sizeof(place), "%s.abort.httpStatus", path);
        if (!abort_fault->has_http_status && !abort_fault->grpc_status)
            rules_tell(rules, ERR_INVALID, place, "httpStatus or grpcStatus is required");
    }
    if (fault->delay) {
        rules_path(place, sizeof(place), "%s.delay.percentage", path);
        check_percent(rules, place, fault->delay->percentage);
        rules_path(place, sizeof(place), "%s.delay.fixedDelay", path);
        if (!fault->delay->has_fixed_delay)
            rules_tell(rules, ERR_INVALID, place, "required value");
        rules_duration(rules, place, fault->delay->has_fixed_delay, fault->delay->fixed_delay_ns);
    }
}

static bool is_one_of(struct slice text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_str(text, names[i]))
            return true;
    return false;
}

/* The conditions of HTTP and gRPC, and status codes. */
static void check_retry_on(struct rules *rules, const char *path, const char *text)
{
    static const char *const names[] = {"5xx",
                                        "gateway-error",
                                        "reset",
                                        "reset-before-request",
                                        "connect-failure",
                                        "envoy-ratelimited",
                                        "retriable-4xx",
                                        "refused-stream",
                                        "retriable-status-codes",
                                        "retriable-headers",
                                        "http3-post-connect-failure",
                                        "cancelled",
                                        "deadline-exceeded",
                                        "internal",
                                        "resource-exhausted",
                                        "unavailable"};
    struct slice rest = slice_str(text);
    struct slice piece;
    uint64_t status;

    while (slice_split_next(&rest, ',', &piece)) {
        piece = slice_trim(piece);
        if (is_one_of(piece, names, ARRAY_LEN(names)) ||
            (slice_parse_u64(piece, 599, &status) == 0 && status >= 100))
            continue;
        rules_tell(rules, ERR_INVALID, path, "\"%.*s\" is not a valid retryOn policy",
                   SLICE_ARG(slice_head(piece, 64)));
    }
}

static void check_retries(struct rules *rules, const char *path, const struct api_http_retry *retry)
{
    char place[PATH_SIZE];

    if (!retry)
        return;
    rules_path(place, sizeof(place), "%s.attempts", path);
    if (retry->attempts < 0)
        rules_tell(rules, ERR_INVALID, place, "attempts cannot be negative");
    if (retry->attempts == 0 && (retry->has_per_try_timeout || retry->retry_on))
        rules_tell(rules, ERR_INVALID, place,
                   "http retry policy configured when attempts are set to 0 (disabled)");
    rules_path(place, sizeof(place), "%s.retryOn", path);
    if (retry->retry_on && retry->retry_on[0])
        check_retry_on(rules, place, retry->retry_on);
    rules_path(place, sizeof(place), "%s.perTryTimeout", path);
    rules_duration(rules, place, retry->has_per_try_timeout && retry->per_try_timeout_ns != 0,
                   retry->per_try_timeout_ns);
}

static void check_redirect(struct rules *rules, const char *path,
                           const struct api_http_redirect *redirect)
{
    char place[PATH_SIZE];

    if (!redirect)
        return;
    if (!redirect->uri && !redirect->authority && !redirect->scheme && !redirect->has_port &&
        !redirect->derive_port && !redirect->prefix_rewrite)
        rules_tell(rules, ERR_INVALID, path,
                   "must set uri, prefixRewrite, authority, scheme or port");
    rules_path(place, sizeof(place), "%s.redirectCode", path);
    if (redirect->redirect_code && (redirect->redirect_code < 300 || redirect->redirect_code > 399))
        rules_tell(rules, ERR_INVALID, place, "%u must be in the range 300..399",
                   redirect->redirect_code);
}

static void check_mirrors(struct rules *rules, const char *path, const struct api_http_route *route)
{
    char place[PATH_SIZE];

    rules_path(place, sizeof(place), "%s.mirror", path);
    check_destination(rules, place, route->mirror);
    if (route->mirror && route->mirrors_count)
        rules_tell(rules, ERR_INVALID, place, "HTTP route cannot contain both mirror and mirrors");
    rules_path(place, sizeof(place), "%s.mirrorPercentage", path);
    check_percent(rules, place, route->mirror_percentage);
    for (size_t i = 0; i < route->mirrors_count; i++) {
        rules_path(place, sizeof(place), "%s.mirrors[%zu].destination", path, i);
        check_destination(rules, place, route->mirrors[i].destination);
        rules_path(place, sizeof(place), "%s.mirrors[%zu].percentage", path, i);
        check_percent(rules, place, route->mirrors[i].percentage);
    }
}

static void check_action(struct rules *rules, const char *path, const struct api_http_route *route)
{
    bool has_route = route->route_count > 0;
    const struct {
        bool is_broken;
        const char *text;
    } cases[] = {
        {!has_route && !route->redirect && !route->direct_response && !route->delegate,
         "HTTP route, redirect or direct_response is required"},
        {has_route && route->redirect, "HTTP route cannot contain both route and redirect"},
        {route->fault && route->redirect, "HTTP route cannot contain both fault and redirect"},
        {route->rewrite && route->redirect,
         "HTTP route rule cannot contain both rewrite and redirect"},
        {route->direct_response && route->redirect,
         "HTTP route rule cannot contain both direct_response and redirect"},
        {has_route && route->direct_response,
         "HTTP route cannot contain both route and direct_response"},
        {route->fault && route->direct_response,
         "HTTP route cannot contain both fault and direct_response"},
        {route->rewrite && route->direct_response,
         "HTTP route rule cannot contain both rewrite and direct_response"},
        {route->delegate && has_route, "root HTTP route must not specify route"},
        {route->delegate && route->redirect, "root HTTP route must not specify redirect"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (cases[i].is_broken)
            rules_tell(rules, ERR_INVALID, path, "%s", cases[i].text);
}

/* Letters, digits and the signs of a token (RFC 9110, section 5.6.2). */
static void check_header_name(struct rules *rules, const char *path, const char *name)
{
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
                               "!#$%&'*+.^`|~");

    if (!name[0])
        rules_tell(rules, ERR_INVALID, path, "header name cannot be empty");
    else if (name[0] != ':' && name[good])
        rules_tell(rules, ERR_INVALID, path, "header name %.64s is not a valid header name", name);
}

static void check_operations(struct rules *rules, const char *path,
                             const struct api_header_operations *operations)
{
    if (!operations)
        return;
    for (size_t i = 0; i < operations->set_count; i++)
        check_header_name(rules, path, operations->set[i].key);
    for (size_t i = 0; i < operations->add_count; i++)
        check_header_name(rules, path, operations->add[i].key);
    for (size_t i = 0; i < operations->remove_count; i++)
        check_header_name(rules, path, operations->remove[i]);
}

static void check_headers(struct rules *rules, const char *path, const struct api_headers *headers)
{
    char place[PATH_SIZE];

    if (!headers)
        return;
    rules_path(place, sizeof(place), "%s.headers.request", path);
    check_operations(rules, place, headers->request);
    rules_path(place, sizeof(place), "%s.headers.response", path);
    check_operations(rules, place, headers->response);
}

static void check_http(struct rules *rules, const char *path, const struct api_http_route *route)
{
    char place[PATH_SIZE];

    check_action(rules, path, route);
    for (size_t i = 0; i < route->match_count; i++) {
        rules_path(place, sizeof(place), "%s.match[%zu]", path, i);
        check_match(rules, place, &route->match[i]);
    }
    check_weights(rules, path, route);
    check_mirrors(rules, path, route);
    rules_path(place, sizeof(place), "%s.fault", path);
    check_fault(rules, place, route->fault);
    rules_path(place, sizeof(place), "%s.retries", path);
    check_retries(rules, place, route->retries);
    rules_path(place, sizeof(place), "%s.redirect", path);
    check_redirect(rules, place, route->redirect);
    check_headers(rules, path, route->headers);
    for (size_t i = 0; i < route->route_count; i++) {
        rules_path(place, sizeof(place), "%s.route[%zu]", path, i);
        check_headers(rules, place, route->route[i].headers);
    }
    rules_path(place, sizeof(place), "%s.timeout", path);
    rules_duration(rules, place, route->has_timeout && route->timeout_ns != 0, route->timeout_ns);
    rules_path(place, sizeof(place), "%s.directResponse.status", path);
    if (route->direct_response &&
        (route->direct_response->status < 200 || route->direct_response->status > 599))
        rules_tell(rules, ERR_INVALID, place, "%u must be in the range 200..599",
                   route->direct_response->status);
}

static bool is_mesh_bound(const struct api_virtual_service_spec *spec)
{
    for (size_t i = 0; i < spec->gateways_count; i++)
        if (strcmp(spec->gateways[i], "mesh") == 0)
            return true;
    return spec->gateways_count == 0;
}

static void check_hosts(struct rules *rules, const struct api_virtual_service_spec *spec)
{
    bool is_mesh = is_mesh_bound(spec);
    char path[64];

    for (size_t i = 0; i < spec->hosts_count; i++) {
        const char *host = spec->hosts[i];

        rules_path(path, sizeof(path), "spec.hosts[%zu]", i);
        if (is_mesh && strcmp(host, "*") == 0)
            rules_tell(rules, ERR_INVALID, path,
                       "wildcard host * is not allowed for virtual services bound to the mesh "
                       "gateway");
        else if (!rules_is_host(host, true) && !rules_is_address(host))
            rules_tell(rules, ERR_INVALID, path, "\"%.100s\" is not a host name", host);
        for (size_t j = 0; j < i; j++)
            if (strcmp(host, spec->hosts[j]) == 0)
                rules_tell(rules, ERR_INVALID, path,
                           "duplicate hosts in virtual service: %.100s & %.100s", spec->hosts[j],
                           host);
    }
}

static void check_l4(struct rules *rules, const char *list, size_t index,
                     const struct api_route_destination *routes, size_t count)
{
    char path[PATH_SIZE];

    rules_path(path, sizeof(path), "spec.%s[%zu].route", list, index);
    if (count == 0)
        rules_tell(rules, ERR_INVALID, path, "required value");
    for (size_t i = 0; i < count; i++) {
        rules_path(path, sizeof(path), "spec.%s[%zu].route[%zu].destination", list, index, i);
        check_destination(rules, path, routes[i].destination);
    }
}

/* Without hosts it is another one's delegate, which has http routes alone. */
static void check_delegate(struct rules *rules, const struct api_virtual_service_spec *spec)
{
    if (spec->gateways_count)
        rules_tell(rules, ERR_INVALID, "spec.gateways",
                   "delegate virtual service must have no gateways specified");
    if (spec->tls_count)
        rules_tell(rules, ERR_INVALID, "spec.tls",
                   "delegate virtual service must have no tls route specified");
    if (spec->tcp_count)
        rules_tell(rules, ERR_INVALID, "spec.tcp",
                   "delegate virtual service must have no tcp route specified");
}

void rules_virtual_service(struct rules *rules, const void *object)
{
    const struct api_virtual_service_spec *spec =
        ((const struct api_virtual_service *)object)->spec;
    char path[64];

    if (!spec) {
        rules_tell(rules, ERR_INVALID, "spec", "required value");
        return;
    }
    check_hosts(rules, spec);
    if (spec->hosts_count == 0)
        check_delegate(rules, spec);
    if (spec->http_count + spec->tcp_count + spec->tls_count == 0)
        rules_tell(rules, ERR_INVALID, "spec",
                   "http, tcp or tls must be provided in virtual service");
    for (size_t i = 0; i < spec->http_count; i++) {
        rules_path(path, sizeof(path), "spec.http[%zu]", i);
        check_http(rules, path, &spec->http[i]);
    }
    for (size_t i = 0; i < spec->tls_count; i++)
        check_l4(rules, "tls", i, spec->tls[i].route, spec->tls[i].route_count);
    for (size_t i = 0; i < spec->tcp_count; i++)
        check_l4(rules, "tcp", i, spec->tcp[i].route, spec->tcp[i].route_count);
    rules_export_to(rules, spec->export_to, spec->export_to_count);
}
