/* SPDX-License-Identifier: Apache-2.0 */
/* The action of a route: where to, how long, rewritten how, and what is done to headers.
 *
 * Place   http.c
 * Owns    nothing
 */
#include "translate/action.h"

#include <stdlib.h>
#include <strings.h>

#include "translate/build.h"
#include "xds/pb/matcher.h"

static int entry_cmp(const void *a, const void *b)
{
    return strcmp(((const struct api_string_entry *)a)->key,
                  ((const struct api_string_entry *)b)->key);
}

static bool is_host_header(const char *name)
{
    return strcasecmp(name, "host") == 0 || strcasecmp(name, ":authority") == 0;
}

/* Headers to set or add, by name. The host is rewritten elsewhere; other pseudo headers are
 * Envoy's own. */
static void add_headers(struct arena *arena, const struct api_string_entry *entries, size_t count,
                        int32_t append_action, struct pb_header_value_option ***items,
                        size_t *item_count)
{
    struct api_string_entry *sorted = ARENA_ARRAY(arena, struct api_string_entry, count + 1);

    if (count)
        memcpy(sorted, entries, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), entry_cmp);
    for (size_t i = 0; i < count; i++) {
        struct pb_header_value_option *option;

        if (is_host_header(sorted[i].key) || sorted[i].key[0] == ':')
            continue;
        option = ARENA_NEW(arena, struct pb_header_value_option);
        option->header = ARENA_NEW(arena, struct pb_header_value);
        option->header->key = slice_str(sorted[i].key);
        option->header->value = slice_str(sorted[i].value);
        option->append_action = append_action;
        *items = proto_array_grow(arena, *items, *item_count, sizeof(**items));
        (*items)[(*item_count)++] = option;
    }
}

/* The four header fields that routes and weighted clusters have alike. */
struct header_edits {
    struct pb_header_value_option **request_add, **response_add;
    size_t request_add_count, response_add_count;
    struct slice *request_remove, *response_remove;
    size_t request_remove_count, response_remove_count;
    const char *host; /* NULL: the host stays */
};

static void read_operations(struct arena *arena, const struct api_header_operations *from,
                            struct pb_header_value_option ***add, size_t *add_count,
                            struct slice **remove, size_t *remove_count)
{
    if (!from)
        return;
    add_headers(arena, from->set, from->set_count,
                PB_HEADER_VALUE_OPTION_HEADER_APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD, add,
                add_count);
    add_headers(arena, from->add, from->add_count,
                PB_HEADER_VALUE_OPTION_HEADER_APPEND_ACTION_APPEND_IF_EXISTS_OR_ADD, add,
                add_count);
    for (size_t i = 0; i < from->remove_count; i++) {
        *remove = proto_array_grow(arena, *remove, *remove_count, sizeof(**remove));
        (*remove)[(*remove_count)++] = slice_str(from->remove[i]);
    }
}

static const char *find_host(const struct api_string_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_host_header(entries[i].key))
            return entries[i].value;
    return NULL;
}

static struct header_edits read_headers(struct arena *arena, const struct api_headers *from)
{
    struct header_edits edits = {0};

    if (!from)
        return edits;
    read_operations(arena, from->request, &edits.request_add, &edits.request_add_count,
                    &edits.request_remove, &edits.request_remove_count);
    read_operations(arena, from->response, &edits.response_add, &edits.response_add_count,
                    &edits.response_remove, &edits.response_remove_count);
    if (from->request) {
        edits.host = find_host(from->request->set, from->request->set_count);
        if (!edits.host)
            edits.host = find_host(from->request->add, from->request->add_count);
    }
    return edits;
}

#define APPLY_HEADERS(out, edits)                                                                  \
    do {                                                                                           \
        (out)->request_headers_to_add = (edits).request_add;                                       \
        (out)->request_headers_to_add_count = (edits).request_add_count;                           \
        (out)->request_headers_to_remove = (edits).request_remove;                                 \
        (out)->request_headers_to_remove_count = (edits).request_remove_count;                     \
        (out)->response_headers_to_add = (edits).response_add;                                     \
        (out)->response_headers_to_add_count = (edits).response_add_count;                         \
        (out)->response_headers_to_remove = (edits).response_remove;                               \
        (out)->response_headers_to_remove_count = (edits).response_remove_count;                   \
    } while (0)

/* ---- forwarding ---- */

static void set_host(struct pb_route_action *action, const char *host)
{
    action->host_rewrite_specifier_case = PB_ROUTE_ACTION_CASE_HOST_REWRITE_LITERAL;
    action->host_rewrite_literal = slice_str(host);
}

static void set_rewrite(struct arena *arena, const struct api_http_rewrite *from,
                        struct pb_route_action *action)
{
    if (!from)
        return;
    if (from->uri_regex_rewrite) {
        action->regex_rewrite = ARENA_NEW(arena, struct pb_regex_match_and_substitute);
        action->regex_rewrite->pattern = ARENA_NEW(arena, struct pb_regex_matcher);
        action->regex_rewrite->pattern->regex = slice_str(from->uri_regex_rewrite->match);
        action->regex_rewrite->substitution = slice_str(from->uri_regex_rewrite->rewrite);
    } else if (from->uri) {
        action->prefix_rewrite = slice_str(from->uri);
    }
    if (from->authority)
        set_host(action, from->authority);
}

static void set_timeout(struct arena *arena, int64_t timeout_ns, struct pb_route_action *action)
{
    action->has_timeout = true; /* 0: none */
    action->timeout = build_duration(timeout_ns);
    action->max_stream_duration = ARENA_NEW(arena, struct pb_route_action_max_stream_duration);
    action->max_stream_duration->has_max_stream_duration = true;
    action->max_stream_duration->has_grpc_timeout_header_max = true;
    action->max_stream_duration->grpc_timeout_header_max = action->timeout;
}

static void add_weighted(const struct action_context *context,
                         const struct api_http_route_destination *from,
                         struct pb_weighted_cluster *out)
{
    struct arena *arena = context->translator->scratch;
    struct pb_weighted_cluster_cluster_weight *weight =
        ARENA_NEW(arena, struct pb_weighted_cluster_cluster_weight);
    struct header_edits edits = read_headers(arena, from->headers);

    weight->name = slice_str(http_destination_cluster(context->translator, from->destination,
                                                      context->namespace, context->port));
    weight->has_weight = true;
    weight->weight = (uint32_t)from->weight;
    APPLY_HEADERS(weight, edits);
    if (edits.host) {
        weight->host_rewrite_specifier_case =
            PB_WEIGHTED_CLUSTER_CLUSTER_WEIGHT_CASE_HOST_REWRITE_LITERAL;
        weight->host_rewrite_literal = slice_str(edits.host);
    }
    PROTO_PUSH(arena, out, clusters, weight);
}

/* Behind those of the route itself come those of its only destination. */
static void append_headers(struct arena *arena, struct pb_route *route,
                           const struct header_edits *edits)
{
    for (size_t i = 0; i < edits->request_add_count; i++)
        PROTO_PUSH(arena, route, request_headers_to_add, edits->request_add[i]);
    for (size_t i = 0; i < edits->response_add_count; i++)
        PROTO_PUSH(arena, route, response_headers_to_add, edits->response_add[i]);
    for (size_t i = 0; i < edits->request_remove_count; i++)
        PROTO_PUSH(arena, route, request_headers_to_remove, edits->request_remove[i]);
    for (size_t i = 0; i < edits->response_remove_count; i++)
        PROTO_PUSH(arena, route, response_headers_to_remove, edits->response_remove[i]);
}

static void set_clusters(const struct action_context *context, struct pb_route *route)
{
    struct arena *arena = context->translator->scratch;
    const struct api_http_route *from = context->from;
    struct pb_route_action *action = route->route;

    if (from->route_count == 1) {
        struct header_edits edits = read_headers(arena, from->route[0].headers);

        action->cluster_specifier_case = PB_ROUTE_ACTION_CASE_CLUSTER;
        action->cluster = slice_str(http_destination_cluster(
            context->translator, from->route[0].destination, context->namespace, context->port));
        append_headers(arena, route, &edits);
        if (edits.host)
            set_host(action, edits.host);
        return;
    }
    action->cluster_specifier_case = PB_ROUTE_ACTION_CASE_WEIGHTED_CLUSTERS;
    action->weighted_clusters = ARENA_NEW(arena, struct pb_weighted_cluster);
    for (size_t i = 0; i < from->route_count; i++)
        if (from->route[i].weight > 0)
            add_weighted(context, &from->route[i], action->weighted_clusters);
}

static void fill_forward(const struct action_context *context, struct pb_route *route)
{
    struct arena *arena = context->translator->scratch;
    const struct api_http_route *from = context->from;
    struct pb_route_action *action = ARENA_NEW(arena, struct pb_route_action);
    bool is_hashed = false;

    route->action_case = PB_ROUTE_CASE_ROUTE;
    route->route = action;
    set_rewrite(arena, from->rewrite, action);
    set_clusters(context, route);
    set_timeout(arena, from->has_timeout ? from->timeout_ns : 0, action);
    for (size_t i = 0; i < from->route_count; i++)
        is_hashed = extras_hash(context, from->route[i].destination, action) || is_hashed;
    action->retry_policy = extras_retry(context->translator, from->retries, is_hashed);
    extras_mirrors(context, action);
}

/* ---- redirect and direct answer ---- */

static void set_redirect_port(const struct action_context *context,
                              const struct api_http_redirect *from, struct pb_redirect_action *out)
{
    const char *scheme = from->scheme ? from->scheme : "http";
    uint32_t scheme_port = strcmp(scheme, "https") == 0 ? 443 : 80;

    if (from->has_port)
        out->port_redirect = from->port;
    else if (from->derive_port && strcmp(from->derive_port, "FROM_REQUEST_PORT") == 0)
        out->port_redirect = context->port;
    if (out->port_redirect == scheme_port)
        out->port_redirect = 0; /* the scheme's own port is not written */
}

static void fill_redirect(const struct action_context *context, struct pb_route *route)
{
    static const struct {
        uint32_t status;
        int32_t code;
    } codes[] = {
        {0, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_MOVED_PERMANENTLY},
        {301, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_MOVED_PERMANENTLY},
        {302, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_FOUND},
        {303, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_SEE_OTHER},
        {307, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_TEMPORARY_REDIRECT},
        {308, PB_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE_PERMANENT_REDIRECT},
    };
    const struct api_http_redirect *from = context->from->redirect;
    struct pb_redirect_action *out =
        ARENA_NEW(context->translator->scratch, struct pb_redirect_action);

    route->action_case = PB_ROUTE_CASE_REDIRECT;
    route->redirect = out;
    out->host_redirect = slice_str(from->authority ? from->authority : "");
    if (from->uri) {
        out->path_rewrite_specifier_case = PB_REDIRECT_ACTION_CASE_PATH_REDIRECT;
        out->path_redirect = slice_str(from->uri);
    } else if (from->prefix_rewrite) {
        out->path_rewrite_specifier_case = PB_REDIRECT_ACTION_CASE_PREFIX_REWRITE;
        out->prefix_rewrite = slice_str(from->prefix_rewrite);
    }
    if (from->scheme) {
        out->scheme_rewrite_specifier_case = PB_REDIRECT_ACTION_CASE_SCHEME_REDIRECT;
        out->scheme_redirect = slice_str(from->scheme);
    }
    set_redirect_port(context, from, out);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].status == from->redirect_code)
            out->response_code = codes[i].code;
}

static void fill_direct(const struct action_context *context, struct pb_route *route)
{
    struct arena *arena = context->translator->scratch;
    const struct api_http_direct_response *from = context->from->direct_response;
    struct pb_direct_response_action *out = ARENA_NEW(arena, struct pb_direct_response_action);

    route->action_case = PB_ROUTE_CASE_DIRECT_RESPONSE;
    route->direct_response = out;
    out->status = from->status;
    if (!from->body || !from->body->string)
        return;
    out->body = ARENA_NEW(arena, struct pb_data_source);
    out->body->specifier_case = PB_DATA_SOURCE_CASE_INLINE_STRING;
    out->body->inline_string = slice_str(from->body->string);
}

void action_fill(const struct action_context *context, struct pb_route *route)
{
    struct arena *arena = context->translator->scratch;
    const struct api_http_route *from = context->from;
    struct header_edits edits = read_headers(arena, from->headers);

    APPLY_HEADERS(route, edits);
    if (from->redirect) {
        fill_redirect(context, route);
    } else if (from->direct_response) {
        fill_direct(context, route);
    } else {
        fill_forward(context, route);
        if (edits.host && route->route->host_rewrite_specifier_case == 0)
            set_host(route->route, edits.host);
    }
    extras_fault(arena, from->fault, route);
    extras_cors(arena, from->cors_policy, route);
}

void action_fill_default(struct translator *translator, const struct mesh_service *service,
                         uint32_t port, struct pb_route *route)
{
    struct arena *arena = translator->scratch;
    struct api_port_selector selector = {.number = port, .has_number = true};
    struct api_destination destination = {.host = service->hostname, .port = &selector};
    const struct action_context context = {
        .translator = translator, .namespace = service->meta.namespace, .port = port};
    struct pb_route_action *action = ARENA_NEW(arena, struct pb_route_action);
    bool is_hashed;

    route->action_case = PB_ROUTE_CASE_ROUTE;
    route->route = action;
    action->cluster_specifier_case = PB_ROUTE_ACTION_CASE_CLUSTER;
    action->cluster = slice_str(cluster_name(arena, port, "", service->hostname));
    set_timeout(arena, 0, action);
    is_hashed = extras_hash(&context, &destination, action);
    action->retry_policy = extras_retry(translator, NULL, is_hashed);
}

void action_fill_cluster(struct arena *arena, const char *cluster, struct pb_route *route)
{
    struct pb_route_action *action = ARENA_NEW(arena, struct pb_route_action);

    route->action_case = PB_ROUTE_CASE_ROUTE;
    route->route = action;
    action->cluster_specifier_case = PB_ROUTE_ACTION_CASE_CLUSTER;
    action->cluster = slice_str(cluster);
    set_timeout(arena, 0, action);
}
