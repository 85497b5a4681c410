/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin rules. See cors.h.
 *
 * A policy is read from the most specific level that has one, field by field: what a route leaves
 * open its virtual host may say. Requests whose origin no rule allows pass unchanged, but for a
 * preflight when forward_not_matching_preflights is off: it is answered with 200 and no rules.
 */
#include "proxy/cors.h"

#include "proxy/compile.h"
#include "proxy/request.h"
#include "xds/pb/cors.h"

struct cors_conf {
    struct match_text *origins;
    size_t origin_count;
    struct slice methods; /* empty: not said, as with those below */
    struct slice headers;
    struct slice exposed;
    struct slice max_age;
    bool has_credentials;
    bool credentials;
    bool has_private_network;
    bool private_network;
    bool has_forward;
    bool keep_unmatched_preflights; /* forward_not_matching_preflights = false */
    struct match_fraction enabled;
    struct match_fraction shadow; /* only counted */
};

/* --- compiling --- */

static void inherit(struct cors_conf *conf, const struct cors_conf *general)
{
    if (conf->origin_count == 0) {
        conf->origins = general->origins;
        conf->origin_count = general->origin_count;
    }
    if (conf->methods.len == 0)
        conf->methods = general->methods;
    if (conf->headers.len == 0)
        conf->headers = general->headers;
    if (conf->exposed.len == 0)
        conf->exposed = general->exposed;
    if (conf->max_age.len == 0)
        conf->max_age = general->max_age;
    if (!conf->has_credentials)
        conf->credentials = general->credentials;
    if (!conf->has_private_network)
        conf->private_network = general->private_network;
    if (!conf->has_forward)
        conf->keep_unmatched_preflights = general->keep_unmatched_preflights;
}

static struct match_fraction share_of(const struct pb_runtime_fractional_percent *in,
                                      struct match_fraction fallback)
{
    return in != NULL ? compile_fraction(in->default_value) : fallback;
}

static int cors_compile_override(struct resource *resource, const void *message,
                                 const void *general, const void **ret, struct error *err)
{
    const struct pb_cors_policy *in = message;
    struct arena *arena = &resource->arena;
    struct cors_conf *conf = ARENA_NEW(arena, struct cors_conf);

    conf->origins = ARENA_ARRAY(arena, struct match_text, in->allow_origin_string_match_count + 1);
    conf->origin_count = in->allow_origin_string_match_count;
    for (size_t i = 0; i < conf->origin_count; i++)
        if (compile_string_matcher(resource, in->allow_origin_string_match[i], &conf->origins[i],
                                   err) < 0)
            return err_prefix(err, "allow_origin_string_match[%zu]", i);
    conf->methods = arena_slice_dup(arena, in->allow_methods);
    conf->headers = arena_slice_dup(arena, in->allow_headers);
    conf->exposed = arena_slice_dup(arena, in->expose_headers);
    conf->max_age = arena_slice_dup(arena, in->max_age);
    conf->has_credentials = in->has_allow_credentials;
    conf->credentials = in->allow_credentials;
    conf->has_private_network = in->has_allow_private_network_access;
    conf->private_network = in->allow_private_network_access;
    conf->has_forward = in->has_forward_not_matching_preflights;
    conf->keep_unmatched_preflights = conf->has_forward && !in->forward_not_matching_preflights;
    conf->enabled = share_of(in->filter_enabled, (struct match_fraction){1, 1});
    conf->shadow = share_of(in->shadow_enabled, (struct match_fraction){0, 1});
    if (general != NULL)
        inherit(conf, general);
    *ret = conf;
    return 0;
}

/* --- on a request --- */

static bool origin_allowed(const struct cors_conf *conf, struct slice origin)
{
    for (size_t i = 0; i < conf->origin_count; i++)
        if (match_text_test(&conf->origins[i], SLICE("*")) ||
            match_text_test(&conf->origins[i], origin))
            return true;
    return false;
}

static void set_unless_empty(struct http_head *head, struct arena *arena, struct slice name,
                             struct slice value)
{
    if (value.len > 0)
        http_headers_set(&head->headers, arena, name, value);
}

/* "*" allows what is asked for, by name: with credentials browsers take no "*". */
static void allow(struct http_head *head, struct arena *arena, struct slice name,
                  struct slice allowed, struct slice asked)
{
    if (slice_eq(allowed, SLICE("*")))
        http_headers_set(&head->headers, arena, name, asked.data ? asked : SLICE(""));
    else
        set_unless_empty(head, arena, name, allowed);
}

/* What every answer to an allowed origin carries. */
static void tell_origin(const struct cors_conf *conf, struct slice origin, struct http_head *head,
                        struct arena *arena)
{
    http_headers_set(&head->headers, arena, SLICE("access-control-allow-origin"), origin);
    if (conf->credentials)
        http_headers_set(&head->headers, arena, SLICE("access-control-allow-credentials"),
                         SLICE("true"));
    set_unless_empty(head, arena, SLICE("access-control-expose-headers"), conf->exposed);
}

static enum filter_next answer_preflight(struct request *request, const struct cors_conf *conf,
                                         bool allowed)
{
    struct http_head head = {.status = 200, .content_length = -1};
    struct http_headers *asked = &request->head->headers;
    struct arena *arena = request->arena;

    if (allowed) {
        allow(&head, arena, SLICE("access-control-allow-methods"), conf->methods,
              http_headers_value(asked, SLICE("access-control-request-method")));
        allow(&head, arena, SLICE("access-control-allow-headers"), conf->headers,
              http_headers_value(asked, SLICE("access-control-request-headers")));
        set_unless_empty(&head, arena, SLICE("access-control-max-age"), conf->max_age);
        if (conf->private_network &&
            slice_eq(http_headers_value(asked, SLICE("access-control-request-private-network")),
                     SLICE("true")))
            http_headers_set(&head.headers, arena, SLICE("access-control-allow-private-network"),
                             SLICE("true"));
    }
    request_reply_head(request, &head, SLICE("cors_response"));
    return FILTER_ANSWERED;
}

static bool is_preflight(const struct http_head *head)
{
    return slice_eq(head->method, SLICE("OPTIONS")) &&
           http_headers_value(&head->headers, SLICE("access-control-request-method")).len > 0;
}

static enum filter_next cors_on_request(struct request *request, struct filter_run *run)
{
    const struct cors_conf *conf = run->conf;
    struct slice origin = http_headers_value(&request->head->headers, SLICE("origin"));
    uint64_t random = request->random >> 32;
    bool enabled = match_fraction_hit(&conf->enabled, random);
    bool allowed;

    /* Redirects and direct responses carry no rules, as in Envoy. */
    if (request->route == NULL || request->route->action != ROUTE_FORWARD)
        return FILTER_NEXT;
    if (origin.len == 0 || (!enabled && !match_fraction_hit(&conf->shadow, random)))
        return FILTER_NEXT;
    allowed = origin_allowed(conf, origin);
    stats_inc(request->hcm->conf->stats, request->worker->index,
              allowed ? STATS_HTTP_cors__origin_valid : STATS_HTTP_cors__origin_invalid);
    if (!enabled)
        return FILTER_NEXT;
    if (allowed) {
        struct slice *kept = ARENA_NEW(request->arena, struct slice);

        *kept = origin;
        run->state = kept;
    }
    if (is_preflight(request->head) && (allowed || conf->keep_unmatched_preflights))
        return answer_preflight(request, conf, allowed);
    return FILTER_NEXT;
}

static void cors_on_response(struct request *request, struct filter_run *run,
                             struct http_head *head)
{
    const struct slice *origin = run->state;

    if (origin != NULL)
        tell_origin(run->conf, *origin, head, request->arena);
}

const struct filter_ops cors_filter = {
    .message = &pb_cors_desc,
    .override_message = &pb_cors_policy_desc,
    .compile_override = cors_compile_override,
    .on_request = cors_on_request,
    .on_response = cors_on_response,
};
