/* SPDX-License-Identifier: Apache-2.0 */
/* Listener -> listener_conf: addresses, listener filters, filter chains. See compile.h.
 */
#include "proxy/compile.h"

#include "base/mem.h"
#include "xds/pb/istio_metadata_exchange.h"
#include "xds/pb/istio_stats.h"
#include "xds/pb/listener_filters_dst.h"
#include "xds/pb/listener_filters_http.h"
#include "xds/pb/listener_filters_tls.h"
#include "xds/pb/raw_buffer.h"
#include "xds/pb/tcp_proxy.h"

enum {
    INSPECT_TIMEOUT_DEFAULT_MS = 15000,
    TCP_IDLE_DEFAULT_MS = 3600000,
    CHAINS_MAX = 4096,
    PREDICATE_DEPTH_MAX = 16,
};

struct listener_ctx {
    struct compiler *compiler;
    const struct listener_conf *old;
    struct listener_conf *conf;
    struct arena *arena;
    bool telemetry;
};

/* --- the match --- */

static int compile_prefixes(struct arena *arena, struct pb_cidr_range *const *in, size_t count,
                            struct chain_prefix **ret, struct error *err)
{
    *ret = ARENA_ARRAY(arena, struct chain_prefix, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (addr_parse_ip(in[i]->address_prefix, 0, &(*ret)[i].addr) < 0)
            return err_set(err, ERR_INVALID, "\"%.*s\" is no IP address",
                           SLICE_ARG(in[i]->address_prefix));
        (*ret)[i].len = in[i]->has_prefix_len ? in[i]->prefix_len : 0;
    }
    return 0;
}

static struct slice *dup_names(struct arena *arena, const struct slice *names, size_t count,
                               bool lower)
{
    struct slice *copy = ARENA_ARRAY(arena, struct slice, count + 1);

    for (size_t i = 0; i < count; i++)
        copy[i] = lower ? arena_slice_lower(arena, names[i]) : arena_slice_dup(arena, names[i]);
    return copy;
}

static int compile_chain_match(struct arena *arena, const struct pb_filter_chain_match *in,
                               struct chain_match *match, struct error *err)
{
    if (in == NULL)
        return 0;
    match->port = in->has_destination_port ? in->destination_port : 0;
    if (compile_prefixes(arena, in->prefix_ranges, in->prefix_ranges_count, &match->prefixes, err) <
        0)
        return err_prefix(err, "prefix_ranges");
    match->prefix_count = in->prefix_ranges_count;
    if (compile_prefixes(arena, in->source_prefix_ranges, in->source_prefix_ranges_count,
                         &match->source_prefixes, err) < 0)
        return err_prefix(err, "source_prefix_ranges");
    match->source_prefix_count = in->source_prefix_ranges_count;
    match->server_names = dup_names(arena, in->server_names, in->server_names_count, true);
    match->server_name_count = in->server_names_count;
    match->transport = arena_slice_dup(arena, in->transport_protocol);
    match->protocols =
        dup_names(arena, in->application_protocols, in->application_protocols_count, false);
    match->protocol_count = in->application_protocols_count;
    match->source = (enum chain_source)in->source_type;
    match->source_ports = ARENA_ARRAY(arena, uint32_t, in->source_ports_count + 1);
    match->source_port_count = in->source_ports_count;
    for (size_t i = 0; i < in->source_ports_count; i++)
        match->source_ports[i] = in->source_ports[i];
    if (in->address_suffix.len > 0 || in->has_suffix_len || in->direct_source_prefix_ranges_count)
        return err_set(err, ERR_UNSUPPORTED,
                       "not supported: address_suffix, suffix_len, direct_source_prefix_ranges");
    return 0;
}

/* --- network filters --- */

/* Whether its connections may have been meant for another address than the socket's. */
static bool redirected(const struct listener_conf *conf)
{
    return conf->original_dst || conf->hand_over || !conf->bind;
}

static int compile_tcp_targets(struct listener_ctx *ctx, const struct pb_tcp_proxy *in,
                               struct tcp_conf *conf, struct error *err)
{
    struct arena *arena = &conf->resource.arena;
    uint64_t total = 0;

    if (in->cluster_specifier_case == PB_TCP_PROXY_CASE_CLUSTER) {
        conf->targets = ARENA_NEW(arena, struct tcp_target);
        conf->target_count = 1;
        conf->targets[0].cluster_name = arena_slice_dup(arena, in->cluster);
        conf->targets[0].cluster_slot = names_slot(&ctx->compiler->clusters, in->cluster);
        conf->targets[0].weight_end = 1;
        return 0;
    }
    if (in->cluster_specifier_case != PB_TCP_PROXY_CASE_WEIGHTED_CLUSTERS)
        return err_set(err, ERR_INVALID, "a TCP proxy without a cluster");
    conf->target_count = in->weighted_clusters->clusters_count;
    conf->targets = ARENA_ARRAY(arena, struct tcp_target, conf->target_count + 1);
    for (size_t i = 0; i < conf->target_count; i++) {
        const struct pb_tcp_proxy_weighted_cluster_cluster_weight *cluster =
            in->weighted_clusters->clusters[i];

        total += cluster->weight;
        conf->targets[i].cluster_name = arena_slice_dup(arena, cluster->name);
        conf->targets[i].cluster_slot = names_slot(&ctx->compiler->clusters, cluster->name);
        conf->targets[i].weight_end = total;
    }
    if (total == 0)
        return err_set_path(err, ERR_INVALID, "weighted_clusters", "the sum of weights is 0");
    return 0;
}

static void drop_scope(void *object)
{
    stats_scope_unref(object);
}

static int compile_tcp(struct listener_ctx *ctx, const struct pb_any *any, struct tcp_conf **ret,
                       struct error *err)
{
    struct tcp_conf *conf = resource_new(sizeof *conf, 512);
    struct pb_tcp_proxy *in;
    int rc =
        proto_any_unpack(any, &pb_tcp_proxy_desc, &conf->resource.arena, (void **)&in, NULL, err);

    if (rc == 0)
        rc = compile_tcp_targets(ctx, in, conf, err);
    if (rc == 0)
        rc = compile_access_logs(ctx->compiler, &conf->resource, in->access_log,
                                 in->access_log_count, &conf->logs, &conf->log_count, err);
    if (rc < 0) {
        resource_unref(&conf->resource);
        return rc;
    }
    conf->stat_prefix = arena_slice_dup(&conf->resource.arena, in->stat_prefix);
    conf->idle_timeout_ms = compile_ms(in->has_idle_timeout, in->idle_timeout, TCP_IDLE_DEFAULT_MS);
    conf->connect_attempts_max = in->has_max_connect_attempts ? in->max_connect_attempts : 1;
    conf->duration_max_ms = compile_ms(in->has_max_downstream_connection_duration,
                                       in->max_downstream_connection_duration, 0);
    for (size_t i = 0; i < in->hash_policy_count; i++)
        if (in->hash_policy[i]->policy_specifier_case == PB_HASH_POLICY_CASE_SOURCE_IP)
            conf->hash_source_ip = true;
    conf->telemetry = ctx->compiler->telemetry || ctx->telemetry;
    conf->inbound = ctx->conf->inbound;
    conf->use_original_dst = redirected(ctx->conf);
    conf->stats = stats_scope_get(ctx->compiler->stats, STATS_TCP, conf->stat_prefix);
    resource_defer(&conf->resource, drop_scope, conf->stats);
    *ret = conf;
    return 0;
}

static void drop_resource(void *object)
{
    resource_unref(object);
}

static const struct chain_conf *old_chain(const struct listener_ctx *ctx, uint64_t hash,
                                          enum chain_kind kind)
{
    const struct listener_conf *old = ctx->old;

    for (size_t i = 0; old != NULL && i <= old->chain_count; i++) {
        const struct chain_conf *chain =
            i < old->chain_count ? &old->chains[i] : old->default_chain;

        if (chain == NULL || chain->kind != kind)
            continue;
        if ((kind == CHAIN_HTTP ? chain->hcm->hash : chain->tcp->hash) == hash)
            return chain;
    }
    return NULL;
}

/* What was compiled depends on its bytes and on these facts of the listener. */
static uint64_t content_hash(const struct listener_ctx *ctx, const struct pb_any *any)
{
    uint64_t hash = balance_hash(any->value.data, any->value.len);

    return hash ^ ((uint64_t)ctx->conf->inbound << 1) ^ ((uint64_t)ctx->conf->original_dst << 2) ^
           ((uint64_t)ctx->conf->hand_over << 3) ^ ((uint64_t)ctx->conf->bind << 4) ^
           (uint64_t)ctx->telemetry;
}

static int compile_http_chain(struct listener_ctx *ctx, const struct pb_any *any,
                              struct chain_conf *chain, struct error *err)
{
    uint64_t hash = content_hash(ctx, any);
    const struct chain_conf *same = old_chain(ctx, hash, CHAIN_HTTP);
    struct pb_hcm *in;
    struct arena scratch;
    int rc;

    chain->kind = CHAIN_HTTP;
    if (same != NULL) {
        chain->hcm = same->hcm;
        resource_ref(&chain->hcm->resource);
        resource_defer(&ctx->conf->resource, drop_resource, chain->hcm);
        return 0;
    }
    arena_init(&scratch, 0);
    rc = proto_any_unpack(any, &pb_hcm_desc, &scratch, (void **)&in, NULL, err);
    if (rc == 0)
        rc = compile_hcm(ctx->compiler, in, &chain->hcm, err);
    arena_deinit(&scratch);
    if (rc < 0)
        return rc;
    chain->hcm->hash = hash;
    chain->hcm->inbound = ctx->conf->inbound;
    chain->hcm->use_original_dst = redirected(ctx->conf);
    resource_defer(&ctx->conf->resource, drop_resource, chain->hcm);
    return 0;
}

static int compile_tcp_chain(struct listener_ctx *ctx, const struct pb_any *any,
                             struct chain_conf *chain, struct error *err)
{
    uint64_t hash = content_hash(ctx, any);
    const struct chain_conf *same = old_chain(ctx, hash, CHAIN_TCP);

    chain->kind = CHAIN_TCP;
    if (same != NULL) {
        chain->tcp = same->tcp;
        resource_ref(&chain->tcp->resource);
    } else {
        int rc = compile_tcp(ctx, any, &chain->tcp, err);

        if (rc < 0)
            return rc;
        chain->tcp->hash = hash;
    }
    resource_defer(&ctx->conf->resource, drop_resource, chain->tcp);
    return 0;
}

static int compile_filters(struct listener_ctx *ctx, const struct pb_filter_chain *in,
                           struct chain_conf *chain, struct error *err)
{
    bool done = false;

    ctx->telemetry = false;
    for (size_t i = 0; i < in->filters_count; i++) {
        const struct pb_any *any = in->filters[i]->config_type_case == PB_FILTER_CASE_TYPED_CONFIG
                                       ? in->filters[i]->typed_config
                                       : NULL;
        int rc = 0;

        if (proto_any_is(any, &pb_hcm_desc)) {
            rc = compile_http_chain(ctx, any, chain, err);
            done = true;
        } else if (proto_any_is(any, &pb_tcp_proxy_desc)) {
            rc = compile_tcp_chain(ctx, any, chain, err);
            done = true;
        } else if (proto_any_is(any, &pb_istio_stats_config_desc)) {
            ctx->telemetry = true;
        } else if (!proto_any_is(any, &pb_metadata_exchange_desc)) {
            rc = err_set(err, ERR_UNSUPPORTED, "not supported: network filter \"%.*s\"",
                         SLICE_ARG(in->filters[i]->name));
        }
        if (rc < 0)
            return err_prefix(err, "filters[%zu]", i);
    }
    if (!done)
        return err_set(err, ERR_INVALID,
                       "filters: neither an HTTP connection manager nor a TCP proxy");
    return 0;
}

static int compile_chain(struct listener_ctx *ctx, const struct pb_filter_chain *in,
                         struct chain_conf *chain, struct error *err)
{
    chain->name = arena_slice_dup(ctx->arena, in->name);
    if (compile_chain_match(ctx->arena, in->filter_chain_match, &chain->match, err) < 0)
        return err_prefix(err, "filter_chain_match");
    if (in->transport_socket != NULL && in->transport_socket->config_type_case != 0 &&
        !proto_any_is(in->transport_socket->typed_config, &pb_raw_buffer_desc)) {
        /* Connections of this chain are closed; its plaintext siblings work. */
        compile_unsupported(ctx->compiler,
                            "listener.filter_chains.transport_socket (TLS termination)");
        chain->kind = CHAIN_TLS_UNSUPPORTED;
        return 0;
    }
    return compile_filters(ctx, in, chain, err);
}

/* --- listener filters --- */

static int compile_predicate(struct arena *arena,
                             const struct pb_listener_filter_chain_match_predicate *in,
                             struct port_predicate *out, unsigned depth, struct error *err)
{
    struct pb_listener_filter_chain_match_predicate *const *rules = NULL;
    struct port_predicate *children;
    size_t count = 0;

    if (depth > PREDICATE_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "filter_disabled nests too deeply");
    switch (in->rule_case) {
    case PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_DESTINATION_PORT_RANGE:
        out->kind = PORT_RANGE;
        out->start = (unsigned)in->destination_port_range->start;
        out->end = (unsigned)in->destination_port_range->end;
        return 0;
    case PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_OR_MATCH:
        out->kind = PORT_OR;
        rules = in->or_match->rules;
        count = in->or_match->rules_count;
        break;
    case PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_AND_MATCH:
        out->kind = PORT_AND;
        rules = in->and_match->rules;
        count = in->and_match->rules_count;
        break;
    case PB_LISTENER_FILTER_CHAIN_MATCH_PREDICATE_CASE_NOT_MATCH:
        out->kind = PORT_NOT;
        rules = (struct pb_listener_filter_chain_match_predicate *const *)&in->not_match;
        count = 1;
        break;
    default:
        out->kind = PORT_ANY;
        return 0;
    }
    children = ARENA_ARRAY(arena, struct port_predicate, count + 1);
    out->children = children;
    out->child_count = count;
    for (size_t i = 0; i < count; i++)
        if (compile_predicate(arena, rules[i], &children[i], depth + 1, err) < 0)
            return err->code;
    return 0;
}

static int compile_listener_filter(struct listener_ctx *ctx, const struct pb_listener_filter *in,
                                   struct error *err)
{
    const struct pb_any *any =
        in->config_type_case == PB_LISTENER_FILTER_CASE_TYPED_CONFIG ? in->typed_config : NULL;
    struct port_predicate *predicate = NULL;

    if (in->filter_disabled != NULL) {
        predicate = ARENA_NEW(ctx->arena, struct port_predicate);
        if (compile_predicate(ctx->arena, in->filter_disabled, predicate, 0, err) < 0)
            return err->code;
    }
    if (proto_any_is(any, &pb_original_dst_desc)) {
        ctx->conf->original_dst = true;
    } else if (proto_any_is(any, &pb_tls_inspector_desc)) {
        ctx->conf->inspect_tls = true;
        ctx->conf->tls_disabled = predicate;
    } else if (proto_any_is(any, &pb_http_inspector_desc)) {
        ctx->conf->inspect_http = true;
        ctx->conf->http_disabled = predicate;
    } else {
        return err_set(err, ERR_UNSUPPORTED, "not supported: listener filter \"%.*s\"",
                       SLICE_ARG(in->name));
    }
    return 0;
}

/* --- the listener --- */

static int compile_addresses(struct listener_ctx *ctx, const struct pb_listener *in,
                             struct error *err)
{
    struct listener_conf *conf = ctx->conf;

    conf->addr_count = in->additional_addresses_count + 1;
    conf->addrs = ARENA_ARRAY(ctx->arena, struct addr, conf->addr_count);
    if (compile_address(in->address, &conf->addrs[0], err) < 0)
        return err_prefix(err, "address");
    for (size_t i = 0; i < in->additional_addresses_count; i++)
        if (compile_address(in->additional_addresses[i]->address, &conf->addrs[i + 1], err) < 0)
            return err_prefix(err, "additional_addresses[%zu]", i);
    if (in->address->address_case == PB_ADDRESS_CASE_SOCKET_ADDRESS) {
        if (in->address->socket_address->protocol == PB_SOCKET_ADDRESS_PROTOCOL_UDP)
            return err_set_path(err, ERR_UNSUPPORTED, "address", "not supported: UDP");
        conf->v4_too = in->address->socket_address->ipv4_compat;
    }
    return 0;
}

static int compile_chains(struct listener_ctx *ctx, const struct pb_listener *in, struct error *err)
{
    struct listener_conf *conf = ctx->conf;

    if (in->filter_chains_count > CHAINS_MAX)
        return err_set_path(err, ERR_LIMIT, "filter_chains", "more than %d", CHAINS_MAX);
    conf->chains = ARENA_ARRAY(ctx->arena, struct chain_conf, in->filter_chains_count + 1);
    conf->chain_count = in->filter_chains_count;
    for (size_t i = 0; i < in->filter_chains_count; i++)
        if (compile_chain(ctx, in->filter_chains[i], &conf->chains[i], err) < 0)
            return err_prefix(err, "filter_chains[%zu]", i);
    if (in->default_filter_chain != NULL) {
        conf->default_chain = ARENA_NEW(ctx->arena, struct chain_conf);
        if (compile_chain(ctx, in->default_filter_chain, conf->default_chain, err) < 0)
            return err_prefix(err, "default_filter_chain");
    }
    if (conf->chain_count == 0 && conf->default_chain == NULL)
        return err_set_path(err, ERR_INVALID, "filter_chains", "no filter chain");
    return 0;
}

static void name_stats(struct listener_ctx *ctx, const struct pb_listener *in)
{
    char text[ADDR_TEXT_SIZE];
    struct slice name = in->stat_prefix;

    if (name.len == 0) {
        addr_format(&ctx->conf->addrs[0], text);
        /* One ':' a line in /stats: those of addresses become '_'. */
        for (char *c = text; *c; c++)
            if (*c == ':')
                *c = '_';
        name = slice_str(text);
    }
    ctx->conf->stats = stats_scope_get(ctx->compiler->stats, STATS_LISTENER, name);
    resource_defer(&ctx->conf->resource, drop_scope, ctx->conf->stats);
}

static int compile_fields(struct listener_ctx *ctx, const struct pb_listener *in, struct error *err)
{
    struct listener_conf *conf = ctx->conf;
    int rc;

    conf->name = arena_slice_dup(ctx->arena, in->name);
    conf->bind = !in->has_bind_to_port || in->bind_to_port;
    conf->reuse_port = !in->has_enable_reuse_port || in->enable_reuse_port;
    conf->transparent = in->has_transparent && in->transparent;
    conf->hand_over = in->has_use_original_dst && in->use_original_dst;
    conf->inbound = in->traffic_direction == PB_TRAFFIC_DIRECTION_INBOUND;
    conf->inspect_timeout_ms = compile_ms(in->has_listener_filters_timeout,
                                          in->listener_filters_timeout, INSPECT_TIMEOUT_DEFAULT_MS);
    conf->continue_on_timeout = in->continue_on_listener_filters_timeout;
    rc = compile_addresses(ctx, in, err);
    for (size_t i = 0; rc == 0 && i < in->listener_filters_count; i++) {
        rc = compile_listener_filter(ctx, in->listener_filters[i], err);
        if (rc < 0)
            err_prefix(err, "listener_filters[%zu]", i);
    }
    if (rc == 0)
        rc = compile_chains(ctx, in, err);
    if (rc == 0)
        rc = compile_access_logs(ctx->compiler, &conf->resource, in->access_log,
                                 in->access_log_count, &conf->logs, &conf->log_count, err);
    if (rc == 0)
        name_stats(ctx, in);
    return rc;
}

int compile_listener(struct compiler *compiler, const struct pb_listener *in,
                     const struct listener_conf *old, struct listener_conf **ret, struct error *err)
{
    struct listener_conf *conf = resource_new(sizeof *conf, 2048);
    struct listener_ctx ctx = {compiler, old, conf, &conf->resource.arena, false};
    int rc = compile_fields(&ctx, in, err);

    if (rc < 0) {
        resource_unref(&conf->resource);
        return rc;
    }
    *ret = conf;
    return 0;
}
