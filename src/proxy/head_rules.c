/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's own header rules. See head_rules.h.
 */
#include "proxy/head_rules.h"

/* Control headers that only callers inside may set; no caller counts as one, as with the default of
 * Envoy's internal_address_config. */
static const char *const internal_only[] = {
    "x-envoy-internal",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-hedge-on-per-try-timeout",
};

/* What a proxy on the way may say, and at the edge nobody. */
static const char *const hops_only[] = {
    "x-envoy-decorator-operation",     "x-envoy-original-path",
    "x-envoy-original-host",           "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
};

struct slice head_rules_uuid(struct rng *rng, struct arena *arena)
{
    uint64_t bits[2] = {rng_u64(rng), rng_u64(rng)};
    char text[RNG_UUID_SIZE];

    return slice_str(arena_strdup(arena, rng_uuid_format(bits, text)));
}

static struct slice addr_ip(const struct addr *addr, struct arena *arena)
{
    char text[ADDR_TEXT_SIZE];

    return slice_str(arena_strdup(arena, addr_format_ip(addr, text)));
}

static void append_forwarded_for(struct http_head *head, struct slice ip, struct arena *arena)
{
    struct slice old = http_headers_joined(&head->headers, arena, SLICE("x-forwarded-for"));

    if (old.len > 0)
        ip = slice_str(arena_printf(arena, "%.*s,%.*s", SLICE_ARG(old), SLICE_ARG(ip)));
    http_headers_set(&head->headers, arena, SLICE("x-forwarded-for"), ip);
}

/* The client behind the trusted proxies before us: the n-th address from the right of what they
 * forwarded, or the peer when there are not so many. */
static struct slice trusted_client(const struct hcm_conf *conf, const struct http_head *head,
                                   struct slice peer, struct arena *arena)
{
    struct slice rest = http_headers_joined(&head->headers, arena, SLICE("x-forwarded-for"));
    struct slice entry = {0};

    for (unsigned hop = 0; hop < conf->trusted_hops; hop++) {
        size_t at = rest.len;

        if (rest.len == 0)
            return peer;
        while (at > 0 && rest.data[at - 1] != ',')
            at--;
        entry = slice_trim(slice_from(rest, at));
        rest = slice_head(rest, at > 0 ? at - 1 : 0);
    }
    return conf->trusted_hops > 0 ? entry : peer;
}

/* Few requests have any of them: one pass over their own headers finds that out. */
static void remove_internal(struct http_headers *headers)
{
    bool any = false;

    for (size_t i = 0; i < headers->count && !any; i++)
        any = slice_starts_with(headers->items[i].name, SLICE("x-envoy-"));
    for (size_t i = 0; any && i < ARRAY_LEN(internal_only); i++)
        http_headers_remove(headers, slice_str(internal_only[i]));
}

static void edge_rules(const struct hcm_conf *conf, struct http_head *head, struct arena *arena,
                       const struct info *info)
{
    struct slice ip = addr_ip(&info->downstream_remote, arena);
    struct slice client = trusted_client(conf, head, ip, arena);

    if (conf->trusted_hops == 0)
        http_headers_remove(&head->headers, SLICE("x-forwarded-proto"));
    if (!conf->skip_xff_append && ip.len > 0)
        append_forwarded_for(head, ip, arena);
    for (size_t i = 0; i < ARRAY_LEN(hops_only); i++)
        http_headers_remove(&head->headers, slice_str(hops_only[i]));
    if (client.len > 0)
        http_headers_set(&head->headers, arena, SLICE("x-envoy-external-address"), client);
}

static void strip_port(struct http_head *head)
{
    for (size_t i = head->authority.len; i > 0; i--) {
        char c = head->authority.data[i - 1];

        if (c == ':') {
            head->authority = slice_head(head->authority, i - 1);
            return;
        }
        if (c < '0' || c > '9')
            return;
    }
}

/* The scheme that the request names itself, or the one that the hop before us saw. */
static void set_scheme(struct http_head *head)
{
    struct slice proto = http_headers_value(&head->headers, SLICE("x-forwarded-proto"));

    if (head->scheme.len == 0)
        head->scheme = slice_eq_nocase(proto, SLICE("https")) ? SLICE("https") : SLICE("http");
}

void head_rules_request(const struct hcm_conf *conf, struct http_head *head, struct arena *arena,
                        struct rng *rng, struct info *info)
{
    struct http_headers *headers = &head->headers;
    bool edge = conf->use_remote_address;

    http_headers_remove(headers, SLICE("expect"));
    if (conf->strip_port)
        strip_port(head);
    remove_internal(headers);
    if (edge)
        edge_rules(conf, head, arena, info);
    if (http_headers_get(headers, SLICE("x-forwarded-proto")) == NULL)
        http_headers_add(headers, arena, SLICE("x-forwarded-proto"), SLICE("http"));
    set_scheme(head);
    if (conf->append_forwarded_port && http_headers_get(headers, SLICE("x-forwarded-port")) == NULL)
        http_headers_add(headers, arena, SLICE("x-forwarded-port"),
                         slice_str(arena_printf(arena, "%u", addr_port(&info->downstream_local))));
    if (conf->generate_request_id && ((edge && !conf->preserve_request_id) ||
                                      http_headers_get(headers, SLICE("x-request-id")) == NULL))
        http_headers_set(headers, arena, SLICE("x-request-id"), head_rules_uuid(rng, arena));
    if (conf->via.data != NULL)
        http_headers_add(headers, arena, SLICE("via"), conf->via);
}

static void rewrite_host(const struct hcm_conf *conf, const struct route *route,
                         const struct route_target *target, struct http_head *head,
                         struct arena *arena)
{
    struct slice host = head->authority;

    if (target != NULL && target->host_rewrite.data != NULL)
        host = target->host_rewrite;
    else if (route->host_rewrite.data != NULL)
        host = route->host_rewrite;
    else if (route->host_rewrite_header.data != NULL &&
             http_headers_value(&head->headers, route->host_rewrite_header).len > 0)
        host = http_headers_value(&head->headers, route->host_rewrite_header);
    if (host.data == head->authority.data)
        return;
    if (route->append_forwarded_host)
        http_headers_add(&head->headers, arena, SLICE("x-forwarded-host"), head->authority);
    if (!conf->suppress_envoy_headers)
        http_headers_set(&head->headers, arena, SLICE("x-envoy-original-host"), head->authority);
    head->authority = host;
}

void head_rules_rewrite(const struct hcm_conf *conf, const struct route *route,
                        const struct route_target *target, struct http_head *head,
                        struct arena *arena)
{
    struct slice path = route_rewrite_path(route, &route->rewrite, head->path, arena);

    rewrite_host(conf, route, target, head, arena);
    if (path.data == head->path.data)
        return;
    if (!conf->suppress_envoy_headers)
        http_headers_set(&head->headers, arena, SLICE("x-envoy-original-path"), head->path);
    head->path = path;
}

static struct slice number_text(uint64_t number, struct arena *arena)
{
    char digits[SLICE_U64_SIZE];

    return arena_slice_dup(arena, slice_format_u64(number, digits));
}

void head_rules_response(const struct hcm_conf *conf, struct http_head *head, struct arena *arena,
                         const struct head_rules_facts *facts)
{
    struct http_headers *headers = &head->headers;

    if (facts->from_upstream && !conf->suppress_envoy_headers)
        http_headers_set(headers, arena, SLICE("x-envoy-upstream-service-time"),
                         number_text(facts->upstream_ms, arena));
    if (facts->attempts_wanted)
        http_headers_set(headers, arena, SLICE("x-envoy-attempt-count"),
                         number_text(facts->attempts, arena));
    if (http_headers_get(headers, SLICE("date")) == NULL)
        http_headers_add(headers, arena, SLICE("date"), facts->date);
    if (conf->server_header == HCM_SERVER_OVERWRITE)
        http_headers_set(headers, arena, SLICE("server"), conf->server_name);
    else if (conf->server_header == HCM_SERVER_APPEND &&
             http_headers_get(headers, SLICE("server")) == NULL)
        http_headers_add(headers, arena, SLICE("server"), conf->server_name);
    if (conf->via.data != NULL)
        http_headers_add(headers, arena, SLICE("via"), conf->via);
    if (conf->request_id_in_response) {
        struct slice id = http_headers_value(&facts->request->headers, SLICE("x-request-id"));

        if (id.data != NULL)
            http_headers_set(headers, arena, SLICE("x-request-id"), id);
    }
}
