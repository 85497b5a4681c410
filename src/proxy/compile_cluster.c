/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster -> cluster_conf, ClusterLoadAssignment -> endpoint_set. See compile.h.
 */
#include "proxy/compile.h"

#include "base/mem.h"
#include "xds/pb/raw_buffer.h"
#include "xds/pb/upstream_http.h"

enum {
    CONNECT_TIMEOUT_DEFAULT_MS = 5000,
    IDLE_TIMEOUT_DEFAULT_MS = 3600000,
    BREAKER_DEFAULT = 1024,
    RETRIES_DEFAULT = 3,
    ENDPOINTS_MAX = 100000,
};

static int compile_type(const struct pb_cluster *in, struct cluster_conf *conf, struct error *err)
{
    if (in->cluster_discovery_type_case == PB_CLUSTER_CASE_CLUSTER_TYPE)
        return err_set_path(err, ERR_UNSUPPORTED, "cluster_type", "not supported: \"%.*s\"",
                            SLICE_ARG(in->cluster_type->name));
    switch (in->cluster_discovery_type_case ? in->type : 0) {
    case PB_CLUSTER_DISCOVERY_TYPE_STATIC:
        conf->type = CLUSTER_STATIC;
        return 0;
    case PB_CLUSTER_DISCOVERY_TYPE_STRICT_DNS:
        conf->type = CLUSTER_STRICT_DNS;
        return 0;
    case PB_CLUSTER_DISCOVERY_TYPE_LOGICAL_DNS:
        conf->type = CLUSTER_LOGICAL_DNS;
        return 0;
    case PB_CLUSTER_DISCOVERY_TYPE_EDS:
        conf->type = CLUSTER_EDS;
        conf->eds_name = conf->name;
        if (in->eds_cluster_config != NULL && in->eds_cluster_config->service_name.len > 0)
            conf->eds_name =
                arena_slice_dup(&conf->resource.arena, in->eds_cluster_config->service_name);
        return 0;
    case PB_CLUSTER_DISCOVERY_TYPE_ORIGINAL_DST:
        conf->type = CLUSTER_ORIGINAL_DST;
        if (in->lb_config_case == PB_CLUSTER_CASE_ORIGINAL_DST_LB_CONFIG) {
            conf->use_header = in->original_dst_lb_config->use_http_header;
            conf->port_override = in->original_dst_lb_config->upstream_port_override;
        }
        return 0;
    default:
        return err_set_path(err, ERR_UNSUPPORTED, "type", "not supported: discovery type %d",
                            in->type);
    }
}

static bool is_prime(uint64_t number)
{
    for (uint64_t i = 2; i * i <= number; i++)
        if (number % i == 0)
            return false;
    return number > 2; /* a walk needs a stride */
}

static int compile_policy(const struct pb_cluster *in, struct cluster_conf *conf, struct error *err)
{
    switch (in->lb_policy) {
    case PB_CLUSTER_LB_POLICY_ROUND_ROBIN:
        conf->balance.policy = BALANCE_ROUND_ROBIN;
        break;
    case PB_CLUSTER_LB_POLICY_LEAST_REQUEST:
        conf->balance.policy = BALANCE_LEAST_REQUEST;
        if (in->lb_config_case == PB_CLUSTER_CASE_LEAST_REQUEST_LB_CONFIG)
            conf->balance.choice_count = in->least_request_lb_config->choice_count;
        break;
    case PB_CLUSTER_LB_POLICY_RANDOM:
        conf->balance.policy = BALANCE_RANDOM;
        break;
    case PB_CLUSTER_LB_POLICY_MAGLEV:
        conf->balance.policy = BALANCE_MAGLEV;
        if (in->lb_config_case == PB_CLUSTER_CASE_MAGLEV_LB_CONFIG &&
            in->maglev_lb_config->has_table_size) {
            if (in->maglev_lb_config->table_size > BALANCE_TABLE_MAX ||
                !is_prime(in->maglev_lb_config->table_size))
                return err_set_path(err, ERR_INVALID, "maglev_lb_config.table_size",
                                    "%llu is no prime of at most %d",
                                    (unsigned long long)in->maglev_lb_config->table_size,
                                    BALANCE_TABLE_MAX);
            conf->balance.table_size = (uint32_t)in->maglev_lb_config->table_size;
        }
        break;
    case PB_CLUSTER_LB_POLICY_RING_HASH:
        conf->balance.policy = BALANCE_RING_HASH;
        break;
    case PB_CLUSTER_LB_POLICY_CLUSTER_PROVIDED:
        if (conf->type != CLUSTER_ORIGINAL_DST)
            return err_set_path(err, ERR_INVALID, "lb_policy",
                                "CLUSTER_PROVIDED is for ORIGINAL_DST clusters");
        break;
    default:
        return err_set_path(err, ERR_UNSUPPORTED, "lb_policy", "not supported: policy %d",
                            in->lb_policy);
    }
    return 0;
}

static void compile_breakers(const struct pb_cluster *in, struct cluster_limits *limits)
{
    *limits = (struct cluster_limits){
        BREAKER_DEFAULT, BREAKER_DEFAULT, BREAKER_DEFAULT, RETRIES_DEFAULT, 0, 0};
    if (in->circuit_breakers == NULL)
        return;
    for (size_t i = 0; i < in->circuit_breakers->thresholds_count; i++) {
        const struct pb_circuit_breakers_thresholds *t = in->circuit_breakers->thresholds[i];

        if (t->priority != PB_ROUTING_PRIORITY_DEFAULT)
            continue;
        if (t->has_max_connections)
            limits->conns_max = t->max_connections;
        if (t->has_max_pending_requests)
            limits->pending_max = t->max_pending_requests;
        if (t->has_max_requests)
            limits->requests_max = t->max_requests;
        if (t->has_max_retries)
            limits->retries_max = t->max_retries;
        if (t->retry_budget != NULL) {
            limits->retry_budget_percent =
                t->retry_budget->budget_percent ? t->retry_budget->budget_percent->value : 20.0;
            limits->retry_budget_min = t->retry_budget->has_min_retry_concurrency
                                           ? t->retry_budget->min_retry_concurrency
                                           : 3;
        }
    }
}

static void compile_outlier(const struct pb_outlier_detection *in, struct cluster_outlier *outlier)
{
    if (in == NULL)
        return;
    outlier->enabled = true;
    outlier->consecutive_5xx = in->has_consecutive_5xx ? in->consecutive_5xx : 5;
    if (in->has_enforcing_consecutive_5xx && in->enforcing_consecutive_5xx == 0)
        outlier->consecutive_5xx = 0;
    /* Off unless enforced: Envoy's default for gateway failures. */
    if (in->has_enforcing_consecutive_gateway_failure &&
        in->enforcing_consecutive_gateway_failure > 0)
        outlier->consecutive_gateway =
            in->has_consecutive_gateway_failure ? in->consecutive_gateway_failure : 5;
    outlier->split_local = in->split_external_local_origin_errors;
    outlier->consecutive_local =
        in->has_consecutive_local_origin_failure ? in->consecutive_local_origin_failure : 5;
    if (in->has_enforcing_consecutive_local_origin_failure &&
        in->enforcing_consecutive_local_origin_failure == 0)
        outlier->consecutive_local = 0;
    outlier->interval_ms = compile_ms(in->has_interval, in->interval, 10000);
    outlier->base_ejection_ms =
        compile_ms(in->has_base_ejection_time, in->base_ejection_time, 30000);
    outlier->max_ejection_ms = compile_ms(in->has_max_ejection_time, in->max_ejection_time,
                                          MAX(300000, outlier->base_ejection_ms));
    outlier->max_ejection_percent = in->has_max_ejection_percent ? in->max_ejection_percent : 10;
}

static void apply_common(const struct pb_http_protocol_options *common, struct cluster_conf *conf)
{
    if (common == NULL)
        return;
    conf->idle_timeout_ms =
        compile_ms(common->has_idle_timeout, common->idle_timeout, IDLE_TIMEOUT_DEFAULT_MS);
    if (common->has_max_requests_per_connection)
        conf->requests_per_conn_max = common->max_requests_per_connection;
    conf->conn_duration_max_ms =
        compile_ms(common->has_max_connection_duration, common->max_connection_duration, 0);
}

static void apply_http2(const struct pb_http2_protocol_options *http2, struct cluster_conf *conf)
{
    const struct pb_keepalive_settings *keepalive = http2 ? http2->connection_keepalive : NULL;

    if (http2 == NULL)
        return;
    if (http2->has_max_concurrent_streams)
        conf->streams_max = http2->max_concurrent_streams;
    if (keepalive != NULL)
        conf->ping_interval_ms = (unsigned)MIN(
            compile_ms(keepalive->has_interval, keepalive->interval, 0), (uint64_t)UINT32_MAX);
}

static int compile_protocol(const struct pb_cluster *in, struct cluster_conf *conf,
                            struct error *err)
{
    conf->idle_timeout_ms = IDLE_TIMEOUT_DEFAULT_MS;
    if (in->has_max_requests_per_connection)
        conf->requests_per_conn_max = in->max_requests_per_connection;
    apply_common(in->common_http_protocol_options, conf);
    if (in->http2_protocol_options != NULL)
        conf->protocol = CLUSTER_HTTP2;
    apply_http2(in->http2_protocol_options, conf);
    for (size_t i = 0; i < in->typed_extension_protocol_options_count; i++) {
        struct pb_any *any = in->typed_extension_protocol_options[i]->value;
        struct pb_cluster_http_options *options;

        if (!proto_any_is(any, &pb_cluster_http_options_desc))
            return err_set_path(err, ERR_UNSUPPORTED, "typed_extension_protocol_options",
                                "not supported: \"%.*s\"",
                                SLICE_ARG(in->typed_extension_protocol_options[i]->key));
        if (proto_any_unpack(any, &pb_cluster_http_options_desc, &conf->resource.arena,
                             (void **)&options, NULL, err) < 0)
            return err_prefix(err, "typed_extension_protocol_options");
        apply_common(options->common_http_protocol_options, conf);
        switch (options->upstream_protocol_options_case) {
        case PB_CLUSTER_HTTP_OPTIONS_CASE_EXPLICIT_HTTP_CONFIG:
            conf->protocol = CLUSTER_HTTP1;
            if (options->explicit_http_config->protocol_config_case !=
                PB_CLUSTER_HTTP_OPTIONS_EXPLICIT_HTTP_CONFIG_CASE_HTTP2_PROTOCOL_OPTIONS)
                break;
            conf->protocol = CLUSTER_HTTP2;
            apply_http2(options->explicit_http_config->http2_protocol_options, conf);
            break;
        case PB_CLUSTER_HTTP_OPTIONS_CASE_USE_DOWNSTREAM_PROTOCOL_CONFIG:
            conf->protocol = CLUSTER_DOWNSTREAM;
            break;
        default:
            break;
        }
    }
    return 0;
}

static int compile_transport(struct compiler *compiler, const struct pb_cluster *in,
                             struct error *err)
{
    if (in->transport_socket != NULL &&
        in->transport_socket->config_type_case == PB_TRANSPORT_SOCKET_CASE_TYPED_CONFIG &&
        !proto_any_is(in->transport_socket->typed_config, &pb_raw_buffer_desc))
        return err_set_path(err, ERR_UNSUPPORTED, "transport_socket",
                            "not supported: \"%.*s\" (upstream TLS comes with workload identity)",
                            SLICE_ARG(in->transport_socket->name));
    if (in->transport_socket_matches_count > 0)
        compile_unsupported(compiler, "cluster.transport_socket_matches (plaintext is used)");
    if (in->filters_count > 0)
        compile_unsupported(compiler, "cluster.filters");
    if (in->health_checks_count > 0)
        compile_unsupported(compiler, "cluster.health_checks");
    return 0;
}

/* metadata.filter_metadata.istio.services[0] */
static void compile_service(const struct pb_cluster *in, struct cluster_conf *conf)
{
    struct arena *arena = &conf->resource.arena;
    const struct pb_value *services;
    const struct pb_struct *first;

    for (size_t i = 0; in->metadata != NULL && i < in->metadata->filter_metadata_count; i++) {
        if (!slice_eq(in->metadata->filter_metadata[i]->key, SLICE("istio")))
            continue;
        services = pb_struct_get(in->metadata->filter_metadata[i]->value, "services");
        if (services == NULL || services->kind_case != PB_VALUE_CASE_LIST_VALUE ||
            services->list_value->values_count == 0 ||
            services->list_value->values[0]->kind_case != PB_VALUE_CASE_STRUCT_VALUE)
            continue;
        first = services->list_value->values[0]->struct_value;
        conf->service_host = arena_slice_dup(arena, pb_struct_get_string(first, "host"));
        conf->service_name = arena_slice_dup(arena, pb_struct_get_string(first, "name"));
        conf->service_namespace = arena_slice_dup(arena, pb_struct_get_string(first, "namespace"));
    }
}

static int compile_bind(const struct pb_cluster *in, struct cluster_conf *conf, struct error *err)
{
    const struct pb_bind_config *bind = in->upstream_bind_config;
    struct addr addr;

    if (bind == NULL || bind->source_address == NULL)
        return 0;
    for (size_t i = 0; i <= bind->extra_source_addresses_count; i++) {
        const struct pb_socket_address *source =
            i == 0 ? bind->source_address : bind->extra_source_addresses[i - 1]->address;

        if (addr_parse_ip(source->address, source->port_value, &addr) < 0)
            return err_set_path(err, ERR_INVALID, "upstream_bind_config",
                                "\"%.*s\" is no IP address", SLICE_ARG(source->address));
        if (addr_family(&addr) == AF_INET)
            conf->bind_v4 = addr;
        else
            conf->bind_v6 = addr;
    }
    return 0;
}

static void compile_keepalive(const struct pb_upstream_connection_options *in,
                              struct conn_keepalive *out)
{
    const struct pb_tcp_keepalive *keepalive = in ? in->tcp_keepalive : NULL;

    if (keepalive == NULL)
        return;
    out->on = true;
    out->idle_s = keepalive->has_keepalive_time ? keepalive->keepalive_time : 0;
    out->interval_s = keepalive->has_keepalive_interval ? keepalive->keepalive_interval : 0;
    out->probes = keepalive->has_keepalive_probes ? keepalive->keepalive_probes : 0;
}

static int compile_dns_hosts(const struct pb_cluster *in, struct cluster_conf *conf,
                             struct error *err)
{
    const struct pb_cluster_load_assignment *cla = in->load_assignment;
    size_t count = 0;

    for (size_t i = 0; cla != NULL && i < cla->endpoints_count; i++)
        count += cla->endpoints[i]->lb_endpoints_count;
    if (count > ENDPOINTS_MAX)
        return err_set_path(err, ERR_LIMIT, "load_assignment", "more than %d endpoints",
                            ENDPOINTS_MAX);
    conf->dns_hosts = ARENA_ARRAY(&conf->resource.arena, struct cluster_dns_host, count + 1);
    for (size_t i = 0; cla != NULL && i < cla->endpoints_count; i++) {
        const struct pb_locality_lb_endpoints *locality = cla->endpoints[i];

        for (size_t k = 0; k < locality->lb_endpoints_count; k++) {
            const struct pb_lb_endpoint *endpoint = locality->lb_endpoints[k];
            const struct pb_address *address =
                endpoint->host_identifier_case ? endpoint->endpoint->address : NULL;
            struct cluster_dns_host *host = &conf->dns_hosts[conf->dns_host_count++];

            if (address == NULL || address->address_case != PB_ADDRESS_CASE_SOCKET_ADDRESS)
                return err_set_path(err, ERR_INVALID, "load_assignment",
                                    "a DNS endpoint needs a socket_address");
            host->host = arena_slice_dup(&conf->resource.arena, address->socket_address->address);
            host->port = address->socket_address->port_value;
            host->weight =
                endpoint->has_load_balancing_weight ? endpoint->load_balancing_weight : 1;
            host->priority = locality->priority;
        }
    }
    conf->dns_family = in->dns_lookup_family == PB_CLUSTER_DNS_LOOKUP_FAMILY_V4_ONLY   ? AF_INET
                       : in->dns_lookup_family == PB_CLUSTER_DNS_LOOKUP_FAMILY_V6_ONLY ? AF_INET6
                                                                                       : AF_UNSPEC;
    conf->dns_refresh_ms = compile_ms(in->has_dns_refresh_rate, in->dns_refresh_rate, 5000);
    return 0;
}

static void drop_shared(void *object)
{
    cluster_shared_unref(object);
}

static int compile_fields(struct compiler *compiler, const struct pb_cluster *in,
                          struct cluster_conf *conf, struct error *err)
{
    int rc;

    if (in->name.len == 0)
        return err_set_path(err, ERR_INVALID, "name", "a cluster without a name");
    conf->name = arena_slice_dup(&conf->resource.arena, in->name);
    conf->stat_name = arena_slice_dup(&conf->resource.arena,
                                      in->alt_stat_name.len ? in->alt_stat_name : in->name);
    if ((rc = compile_type(in, conf, err)) < 0 || (rc = compile_policy(in, conf, err)) < 0 ||
        (rc = compile_protocol(in, conf, err)) < 0 ||
        (rc = compile_transport(compiler, in, err)) < 0 || (rc = compile_bind(in, conf, err)) < 0)
        return rc;
    conf->connect_timeout_ms =
        compile_ms(in->has_connect_timeout, in->connect_timeout, CONNECT_TIMEOUT_DEFAULT_MS);
    compile_breakers(in, &conf->limits);
    compile_keepalive(in->upstream_connection_options, &conf->keepalive);
    compile_outlier(in->outlier_detection, &conf->outlier);
    conf->panic_percent = 50.0;
    if (in->common_lb_config != NULL && in->common_lb_config->healthy_panic_threshold != NULL)
        conf->panic_percent = in->common_lb_config->healthy_panic_threshold->value;
    if (in->common_lb_config != NULL &&
        in->common_lb_config->locality_config_specifier_case ==
            PB_CLUSTER_COMMON_LB_CONFIG_CASE_LOCALITY_WEIGHTED_LB_CONFIG)
        compile_unsupported(compiler, "cluster.locality_weighted_lb_config");
    compile_service(in, conf);
    if (conf->type == CLUSTER_STRICT_DNS || conf->type == CLUSTER_LOGICAL_DNS)
        return compile_dns_hosts(in, conf, err);
    return 0;
}

int compile_cluster(struct compiler *compiler, const struct pb_cluster *in,
                    const struct cluster_conf *old, const struct endpoint_set *old_endpoints,
                    struct cluster_conf **ret, struct endpoint_set **ret_endpoints,
                    struct error *err)
{
    struct cluster_conf *conf = resource_new(sizeof *conf, 512);
    struct endpoint_set *endpoints = NULL;
    int rc = compile_fields(compiler, in, conf, err);

    if (rc == 0 && conf->type == CLUSTER_STATIC) {
        static const struct pb_cluster_load_assignment none;

        rc = compile_endpoints(compiler, in->load_assignment ? in->load_assignment : &none,
                               old_endpoints, &endpoints, err);
        if (rc < 0)
            err_prefix(err, "load_assignment");
    }
    if (rc < 0) {
        resource_unref(&conf->resource);
        return rc;
    }
    conf->shared = old ? cluster_shared_ref(old->shared)
                       : cluster_shared_new(compiler->stats, conf->name, conf->stat_name);
    resource_defer(&conf->resource, drop_shared, conf->shared);
    *ret = conf;
    *ret_endpoints = endpoints;
    return 0;
}

/* --- endpoints --- */

static struct slice workload_of(const struct pb_metadata *metadata)
{
    for (size_t i = 0; metadata != NULL && i < metadata->filter_metadata_count; i++)
        if (slice_eq(metadata->filter_metadata[i]->key, SLICE("istio")))
            return pb_struct_get_string(metadata->filter_metadata[i]->value, "workload");
    return SLICE("");
}

static int compile_endpoint(struct endpoint_set *set, const struct pb_lb_endpoint *in,
                            const struct pb_locality_lb_endpoints *locality,
                            struct endpoint *endpoint, struct error *err)
{
    struct arena *arena = &set->resource.arena;

    if (in->host_identifier_case == 0)
        return err_set_path(err, ERR_INVALID, "endpoint", "an endpoint without an address");
    if (compile_address(in->endpoint->address, &endpoint->addr, err) < 0)
        return err_prefix(err, "endpoint.address");
    endpoint->hostname = arena_slice_dup(arena, in->endpoint->hostname);
    endpoint->weight = in->has_load_balancing_weight ? in->load_balancing_weight : 1;
    if (endpoint->weight == 0)
        return err_set_path(err, ERR_INVALID, "load_balancing_weight", "must be at least 1");
    endpoint->priority = locality->priority;
    endpoint->health = (enum endpoint_health)in->health_status;
    endpoint->workload = arena_slice_dup(arena, workload_of(in->metadata));
    if (locality->locality != NULL) {
        endpoint->region = arena_slice_dup(arena, locality->locality->region);
        endpoint->zone = arena_slice_dup(arena, locality->locality->zone);
        endpoint->sub_zone = arena_slice_dup(arena, locality->locality->sub_zone);
    }
    return 0;
}

int compile_endpoints(struct compiler *compiler, const struct pb_cluster_load_assignment *in,
                      const struct endpoint_set *old, struct endpoint_set **ret, struct error *err)
{
    struct endpoint_set *set;
    size_t count = 0;
    size_t at = 0;

    for (size_t i = 0; i < in->endpoints_count; i++)
        count += in->endpoints[i]->lb_endpoints_count;
    if (count > ENDPOINTS_MAX)
        return err_set_path(err, ERR_LIMIT, "endpoints", "more than %d", ENDPOINTS_MAX);
    set = cluster_endpoints_new(count);
    for (size_t i = 0; i < in->endpoints_count; i++) {
        const struct pb_locality_lb_endpoints *locality = in->endpoints[i];

        for (size_t k = 0; k < locality->lb_endpoints_count; k++) {
            int rc = compile_endpoint(set, locality->lb_endpoints[k], locality,
                                      &set->endpoints[at++], err);

            if (rc < 0) {
                err_prefix(err, "endpoints[%zu].lb_endpoints[%zu]", i, k);
                resource_unref(&set->resource);
                return rc;
            }
        }
    }
    if (in->policy != NULL && in->policy->drop_overloads_count > 0)
        compile_unsupported(compiler, "endpoints.policy.drop_overloads");
    cluster_endpoints_seal(set, old, compiler->worker_count);
    *ret = set;
    return 0;
}
