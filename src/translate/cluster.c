/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters, in istiod's order: outbound ones by service, port and subset; BlackHoleCluster and
 * PassthroughCluster; the workload's own ports; InboundPassthroughCluster.
 *
 * Place   translate.c
 * Owns    nothing
 * Limits  plain text between workloads: no transport sockets yet
 * Spec    Istio 1.31; Envoy's cluster.v3
 */
#include "translate/build.h"
#include "translate/translate_int.h"
#include "xds/pb/cluster.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/upstream_http.h"

#define HTTP_OPTIONS "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

enum { PASSTHROUGH_IDLE_S = 300, DNS_REFRESH_S = 60, RING_SIZE_MIN = 1024 };

const char *cluster_name(struct arena *arena, uint32_t port, const char *subset, const char *host)
{
    return arena_printf(arena, "outbound|%u|%s|%s", port, subset, host);
}

static bool is_passthrough_balancer(const struct policy *policy)
{
    return policy->load_balancer && policy->load_balancer->simple &&
           strcmp(policy->load_balancer->simple, "PASSTHROUGH") == 0;
}

/* TLS to upstreams is not made yet, and plain text is not what the policy asks for. ISTIO_MUTUAL
 * between workloads is: all traffic of the mesh is plain text, and the webhook says so. */
static bool wants_tls(const struct policy *policy)
{
    const char *mode = policy->tls && policy->tls->mode ? policy->tls->mode : "";

    return strcmp(mode, "SIMPLE") == 0 || strcmp(mode, "MUTUAL") == 0;
}

enum cluster_source cluster_source(const struct translator *translator,
                                   const struct mesh_service *service, const struct policy *policy)
{
    bool is_headless = service->resolution == MESH_RESOLUTION_PASSTHROUGH &&
                       translator->scope->role == TRANSLATE_SIDECAR;

    if (wants_tls(policy))
        return CLUSTER_NOTHING;
    if (is_headless || is_passthrough_balancer(policy))
        return CLUSTER_ORIGINAL;
    if (service->resolution == MESH_RESOLUTION_DNS)
        return CLUSTER_DNS;
    return service->resolution == MESH_RESOLUTION_DNS_ROUND_ROBIN ? CLUSTER_ONE_NAME : CLUSTER_EDS;
}

/* ---- parts ---- */

static void add_http_options(struct arena *arena, struct pb_cluster *cluster,
                             const struct pb_cluster_http_options *options)
{
    struct pb_cluster_typed_extension_protocol_options_entry *entry =
        ARENA_NEW(arena, struct pb_cluster_typed_extension_protocol_options_entry);

    entry->key = SLICE(HTTP_OPTIONS);
    entry->value = proto_any_pack(arena, &pb_cluster_http_options_desc, options);
    PROTO_PUSH(arena, cluster, typed_extension_protocol_options, entry);
}

static struct pb_http2_protocol_options *new_http2(struct arena *arena,
                                                   const struct api_http_settings *http)
{
    struct pb_http2_protocol_options *out = ARENA_NEW(arena, struct pb_http2_protocol_options);
    const struct api_http2_keep_alive *keepalive = http ? http->http2_keep_alive : NULL;

    if (http && http->max_concurrent_streams > 0) {
        out->has_max_concurrent_streams = true;
        out->max_concurrent_streams = (uint32_t)http->max_concurrent_streams;
    }
    if (keepalive && keepalive->has_interval) {
        out->connection_keepalive = ARENA_NEW(arena, struct pb_keepalive_settings);
        out->connection_keepalive->has_interval = true;
        out->connection_keepalive->interval = build_duration(keepalive->interval_ns);
        out->connection_keepalive->has_timeout = keepalive->has_timeout;
        out->connection_keepalive->timeout = build_duration(keepalive->timeout_ns);
    }
    return out;
}

static void set_downstream_protocol(struct arena *arena, struct pb_cluster_http_options *options,
                                    const struct api_http_settings *http)
{
    options->upstream_protocol_options_case =
        PB_CLUSTER_HTTP_OPTIONS_CASE_USE_DOWNSTREAM_PROTOCOL_CONFIG;
    options->use_downstream_protocol_config =
        ARENA_NEW(arena, struct pb_cluster_http_options_use_downstream_http_config);
    options->use_downstream_protocol_config->http_protocol_options =
        ARENA_NEW(arena, struct pb_http1_protocol_options);
    options->use_downstream_protocol_config->http2_protocol_options = new_http2(arena, http);
}

static void set_explicit_protocol(struct arena *arena, struct pb_cluster_http_options *options,
                                  const struct api_http_settings *http, bool http2)
{
    struct pb_cluster_http_options_explicit_http_config *config =
        ARENA_NEW(arena, struct pb_cluster_http_options_explicit_http_config);

    options->upstream_protocol_options_case = PB_CLUSTER_HTTP_OPTIONS_CASE_EXPLICIT_HTTP_CONFIG;
    options->explicit_http_config = config;
    if (http2) {
        config->protocol_config_case =
            PB_CLUSTER_HTTP_OPTIONS_EXPLICIT_HTTP_CONFIG_CASE_HTTP2_PROTOCOL_OPTIONS;
        config->http2_protocol_options = new_http2(arena, http);
    } else {
        config->protocol_config_case =
            PB_CLUSTER_HTTP_OPTIONS_EXPLICIT_HTTP_CONFIG_CASE_HTTP_PROTOCOL_OPTIONS;
        config->http_protocol_options = ARENA_NEW(arena, struct pb_http1_protocol_options);
    }
}

static struct pb_circuit_breakers_thresholds *add_breakers(struct arena *arena,
                                                           struct pb_cluster *cluster)
{
    struct pb_circuit_breakers_thresholds *limits =
        ARENA_NEW(arena, struct pb_circuit_breakers_thresholds);

    limits->has_max_connections = limits->has_max_pending_requests = true;
    limits->has_max_requests = limits->has_max_retries = true;
    limits->max_connections = limits->max_pending_requests = UINT32_MAX;
    limits->max_requests = limits->max_retries = UINT32_MAX;
    limits->track_remaining = true;
    cluster->circuit_breakers = ARENA_NEW(arena, struct pb_circuit_breakers);
    PROTO_PUSH(arena, cluster->circuit_breakers, thresholds, limits);
    return limits;
}

static struct pb_cluster *new_cluster(const struct translator *translator, const char *name,
                                      int32_t type, int32_t lb_policy)
{
    struct pb_cluster *cluster = ARENA_NEW(translator->scratch, struct pb_cluster);

    cluster->name = slice_str(name);
    cluster->cluster_discovery_type_case = PB_CLUSTER_CASE_TYPE;
    cluster->type = type;
    cluster->lb_policy = lb_policy;
    cluster->has_connect_timeout = true;
    cluster->connect_timeout = build_duration(translator->config->connect_timeout_ns);
    return cluster;
}

static void add_service_metadata(struct arena *arena, struct pb_struct *fields,
                                 const struct mesh_service *service)
{
    struct pb_value *list = ARENA_NEW(arena, struct pb_value);
    struct pb_value *item = ARENA_NEW(arena, struct pb_value);

    item->kind_case = PB_VALUE_CASE_STRUCT_VALUE;
    item->struct_value = ARENA_NEW(arena, struct pb_struct);
    pb_struct_set_string(arena, item->struct_value, "host", slice_str(service->hostname));
    pb_struct_set_string(arena, item->struct_value, "name", slice_str(service->meta.name));
    pb_struct_set_string(arena, item->struct_value, "namespace",
                         slice_str(service->meta.namespace));
    list->kind_case = PB_VALUE_CASE_LIST_VALUE;
    list->list_value = ARENA_NEW(arena, struct pb_list_value);
    PROTO_PUSH(arena, list->list_value, values, item);
    build_struct_set(arena, fields, "services", list);
}

/* ---- policies ---- */

static struct pb_cluster_slow_start_config *
slow_start(struct arena *arena, const struct api_load_balancer_settings *balancer)
{
    struct pb_cluster_slow_start_config *config;
    const struct api_warmup_configuration *warmup = balancer->warmup;

    if (!warmup && !balancer->has_warmup_duration_secs)
        return NULL;
    config = ARENA_NEW(arena, struct pb_cluster_slow_start_config);
    config->has_slow_start_window = true;
    config->slow_start_window =
        build_duration(warmup ? warmup->duration_ns : balancer->warmup_duration_secs_ns);
    if (warmup && warmup->has_aggression) {
        config->aggression = ARENA_NEW(arena, struct pb_runtime_double);
        config->aggression->default_value = warmup->aggression;
        config->aggression->runtime_key = SLICE("");
    }
    config->min_weight_percent = ARENA_NEW(arena, struct pb_percent);
    config->min_weight_percent->value =
        warmup && warmup->has_minimum_percent ? warmup->minimum_percent : 10;
    return config;
}

static void set_hash_balancer(struct arena *arena, struct pb_cluster *cluster,
                              const struct api_consistent_hash_lb *hash)
{
    int64_t ring_size =
        hash->ring_hash ? hash->ring_hash->minimum_ring_size : hash->minimum_ring_size;

    if (hash->maglev) {
        cluster->lb_policy = PB_CLUSTER_LB_POLICY_MAGLEV;
        cluster->lb_config_case = PB_CLUSTER_CASE_MAGLEV_LB_CONFIG;
        cluster->maglev_lb_config = ARENA_NEW(arena, struct pb_cluster_maglev_lb_config);
        cluster->maglev_lb_config->has_table_size = hash->maglev->table_size > 0;
        cluster->maglev_lb_config->table_size = (uint64_t)hash->maglev->table_size;
        return;
    }
    cluster->lb_policy = PB_CLUSTER_LB_POLICY_RING_HASH;
    cluster->lb_config_case = PB_CLUSTER_CASE_RING_HASH_LB_CONFIG;
    cluster->ring_hash_lb_config = ARENA_NEW(arena, struct pb_cluster_ring_hash_lb_config);
    cluster->ring_hash_lb_config->has_minimum_ring_size = true;
    cluster->ring_hash_lb_config->minimum_ring_size =
        ring_size > 0 ? (uint64_t)ring_size : RING_SIZE_MIN;
}

static void set_balancer(struct arena *arena, struct pb_cluster *cluster,
                         const struct api_load_balancer_settings *balancer)
{
    struct pb_cluster_slow_start_config *warm;

    if (balancer->consistent_hash) {
        set_hash_balancer(arena, cluster, balancer->consistent_hash);
        return;
    }
    if (balancer->simple && strcmp(balancer->simple, "RANDOM") == 0)
        cluster->lb_policy = PB_CLUSTER_LB_POLICY_RANDOM;
    else if (balancer->simple && strcmp(balancer->simple, "ROUND_ROBIN") == 0)
        cluster->lb_policy = PB_CLUSTER_LB_POLICY_ROUND_ROBIN;
    warm = slow_start(arena, balancer);
    if (warm && cluster->lb_policy == PB_CLUSTER_LB_POLICY_ROUND_ROBIN) {
        cluster->lb_config_case = PB_CLUSTER_CASE_ROUND_ROBIN_LB_CONFIG;
        cluster->round_robin_lb_config = ARENA_NEW(arena, struct pb_cluster_round_robin_lb_config);
        cluster->round_robin_lb_config->slow_start_config = warm;
    } else if (warm && cluster->lb_policy == PB_CLUSTER_LB_POLICY_LEAST_REQUEST) {
        cluster->lb_config_case = PB_CLUSTER_CASE_LEAST_REQUEST_LB_CONFIG;
        cluster->least_request_lb_config =
            ARENA_NEW(arena, struct pb_cluster_least_request_lb_config);
        cluster->least_request_lb_config->slow_start_config = warm;
    }
}

static void set_limit(uint32_t *limit, int32_t configured)
{
    if (configured > 0)
        *limit = (uint32_t)configured;
}

static void set_tcp_pool(struct arena *arena, struct pb_cluster *cluster,
                         struct pb_circuit_breakers_thresholds *limits,
                         const struct api_tcp_settings *tcp)
{
    struct pb_tcp_keepalive *keepalive;

    set_limit(&limits->max_connections, tcp->max_connections);
    if (tcp->has_connect_timeout)
        cluster->connect_timeout = build_duration(tcp->connect_timeout_ns);
    if (!tcp->tcp_keepalive)
        return;
    keepalive = ARENA_NEW(arena, struct pb_tcp_keepalive);
    keepalive->has_keepalive_probes = tcp->tcp_keepalive->probes > 0;
    keepalive->keepalive_probes = tcp->tcp_keepalive->probes;
    keepalive->has_keepalive_time = tcp->tcp_keepalive->has_time;
    keepalive->keepalive_time = (uint32_t)(tcp->tcp_keepalive->time_ns / 1000000000);
    keepalive->has_keepalive_interval = tcp->tcp_keepalive->has_interval;
    keepalive->keepalive_interval = (uint32_t)(tcp->tcp_keepalive->interval_ns / 1000000000);
    cluster->upstream_connection_options = ARENA_NEW(arena, struct pb_upstream_connection_options);
    cluster->upstream_connection_options->tcp_keepalive = keepalive;
}

static bool wants_http2(const struct mesh_port *port, const struct api_http_settings *http)
{
    if (mesh_protocol_is_http2(port->protocol))
        return true;
    return http && http->h2_upgrade_policy && strcmp(http->h2_upgrade_policy, "UPGRADE") == 0 &&
           mesh_protocol_is_http(port->protocol);
}

/* What HTTP connections of either version are limited by; false when nothing is said. */
static bool set_common(struct pb_http_protocol_options *common,
                       const struct api_connection_pool_settings *pool)
{
    const struct api_http_settings *http = pool ? pool->http : NULL;
    const struct api_tcp_settings *tcp = pool ? pool->tcp : NULL;

    if (http) {
        common->has_idle_timeout = http->has_idle_timeout;
        common->idle_timeout = build_duration(http->idle_timeout_ns);
        common->has_max_requests_per_connection = http->max_requests_per_connection > 0;
        common->max_requests_per_connection = (uint32_t)http->max_requests_per_connection;
    }
    if (tcp) {
        common->has_max_connection_duration = tcp->has_max_connection_duration;
        common->max_connection_duration = build_duration(tcp->max_connection_duration_ns);
    }
    return common->has_idle_timeout || common->has_max_requests_per_connection ||
           common->has_max_connection_duration;
}

/* The protocol to the endpoints, and limits of connections and requests. */
static void set_pool(struct arena *arena, struct pb_cluster *cluster, const struct mesh_port *port,
                     const struct api_connection_pool_settings *pool)
{
    struct pb_circuit_breakers_thresholds *limits = add_breakers(arena, cluster);
    const struct api_http_settings *http = pool ? pool->http : NULL;
    struct pb_cluster_http_options options = {0};
    struct pb_http_protocol_options *common = ARENA_NEW(arena, struct pb_http_protocol_options);
    bool is_http2 = wants_http2(port, http);

    if (pool && pool->tcp)
        set_tcp_pool(arena, cluster, limits, pool->tcp);
    if (http) {
        set_limit(&limits->max_pending_requests, http->http1_max_pending_requests);
        set_limit(&limits->max_requests, http->http2_max_requests);
        set_limit(&limits->max_retries, http->max_retries);
    }
    if (set_common(common, pool))
        options.common_http_protocol_options = common;
    if (port->protocol == MESH_PROTOCOL_AUTO || (http && http->use_client_protocol))
        set_downstream_protocol(arena, &options, http);
    else if (is_http2 || options.common_http_protocol_options)
        set_explicit_protocol(arena, &options, http, is_http2);
    if (options.upstream_protocol_options_case)
        add_http_options(arena, cluster, &options);
}

static void set_outlier(struct arena *arena, struct pb_cluster *cluster,
                        const struct api_outlier_detection *from)
{
    struct pb_outlier_detection *out = ARENA_NEW(arena, struct pb_outlier_detection);

    out->has_enforcing_success_rate = true; /* 0: off */
    if (from->has_consecutive5xx_errors) {
        out->has_consecutive_5xx = out->has_enforcing_consecutive_5xx = true;
        out->consecutive_5xx = from->consecutive5xx_errors;
        out->enforcing_consecutive_5xx = from->consecutive5xx_errors ? 100 : 0;
    }
    if (from->has_consecutive_gateway_errors) {
        out->has_consecutive_gateway_failure = out->has_enforcing_consecutive_gateway_failure =
            true;
        out->consecutive_gateway_failure = from->consecutive_gateway_errors;
        out->enforcing_consecutive_gateway_failure = from->consecutive_gateway_errors ? 100 : 0;
    }
    out->has_interval = from->has_interval;
    out->interval = build_duration(from->interval_ns);
    out->has_base_ejection_time = from->has_base_ejection_time;
    out->base_ejection_time = build_duration(from->base_ejection_time_ns);
    out->has_max_ejection_percent = from->max_ejection_percent > 0;
    out->max_ejection_percent = (uint32_t)from->max_ejection_percent;
    if (from->split_external_local_origin_errors) {
        out->split_external_local_origin_errors = true;
        out->has_enforcing_local_origin_success_rate = true; /* 0: off */
        if (from->consecutive_local_origin_failures > 0) {
            out->has_consecutive_local_origin_failure = true;
            out->consecutive_local_origin_failure = from->consecutive_local_origin_failures;
            out->has_enforcing_consecutive_local_origin_failure = true;
            out->enforcing_consecutive_local_origin_failure = 100;
        }
    }
    cluster->outlier_detection = out;
    /* 0 switches Envoy's panic mode off, which few endpoints would reach at once */
    cluster->common_lb_config = ARENA_NEW(arena, struct pb_cluster_common_lb_config);
    cluster->common_lb_config->healthy_panic_threshold = ARENA_NEW(arena, struct pb_percent);
    cluster->common_lb_config->healthy_panic_threshold->value = from->min_health_percent;
}

/* ---- clusters ---- */

/* A cluster without endpoints of its own yet, made for where they come from. */
static struct pb_cluster *new_outbound(const struct translator *translator, const char *name,
                                       enum cluster_source source)
{
    static const struct {
        int32_t type, lb_policy;
    } kinds[] = {
        [CLUSTER_EDS] = {PB_CLUSTER_DISCOVERY_TYPE_EDS, PB_CLUSTER_LB_POLICY_LEAST_REQUEST},
        [CLUSTER_ORIGINAL] = {PB_CLUSTER_DISCOVERY_TYPE_ORIGINAL_DST,
                              PB_CLUSTER_LB_POLICY_CLUSTER_PROVIDED},
        [CLUSTER_DNS] = {PB_CLUSTER_DISCOVERY_TYPE_STRICT_DNS, PB_CLUSTER_LB_POLICY_LEAST_REQUEST},
        [CLUSTER_ONE_NAME] = {PB_CLUSTER_DISCOVERY_TYPE_LOGICAL_DNS,
                              PB_CLUSTER_LB_POLICY_LEAST_REQUEST},
        [CLUSTER_NOTHING] = {PB_CLUSTER_DISCOVERY_TYPE_STATIC, PB_CLUSTER_LB_POLICY_ROUND_ROBIN},
    };
    struct arena *arena = translator->scratch;
    struct pb_cluster *cluster =
        new_cluster(translator, name, kinds[source].type, kinds[source].lb_policy);

    cluster->alt_stat_name = slice_str(arena_printf(arena, "%s;", name));
    if (source == CLUSTER_EDS) {
        cluster->eds_cluster_config = ARENA_NEW(arena, struct pb_cluster_eds_cluster_config);
        cluster->eds_cluster_config->eds_config = build_ads(arena);
        cluster->eds_cluster_config->service_name = slice_str(name);
    }
    return cluster;
}

/* The names that a DNS cluster asks for. False when there are none, which Envoy would refuse. */
static bool set_names(struct translator *translator, const struct mesh_service *service,
                      const struct mesh_port *port, const struct mesh_subset *subset,
                      struct pb_cluster *cluster)
{
    struct arena *arena = translator->scratch;
    struct pb_cluster_load_assignment *out = ARENA_NEW(arena, struct pb_cluster_load_assignment);

    endpoints_fill(translator, service, port, subset, out);
    if (out->endpoints_count == 0)
        return false;
    if (cluster->type == PB_CLUSTER_DISCOVERY_TYPE_LOGICAL_DNS)
        out->endpoints_count = out->endpoints[0]->lb_endpoints_count = 1;
    cluster->load_assignment = out;
    cluster->dns_lookup_family = translate_is_dual(translator) ? PB_CLUSTER_DNS_LOOKUP_FAMILY_ALL
                                 : strcmp(translate_wildcard(translator), "::") == 0
                                     ? PB_CLUSTER_DNS_LOOKUP_FAMILY_V6_ONLY
                                     : PB_CLUSTER_DNS_LOOKUP_FAMILY_V4_ONLY;
    cluster->has_dns_refresh_rate = true;
    cluster->dns_refresh_rate.seconds = DNS_REFRESH_S;
    cluster->respect_dns_ttl = true;
    return true;
}

static void add_outbound(struct translator *translator, const struct mesh_service *service,
                         const struct mesh_port *port, const struct mesh_destination *destination,
                         const struct mesh_subset *subset)
{
    struct arena *arena = translator->scratch;
    struct policy policy = policy_find(destination, subset, port->number);
    const char *name =
        cluster_name(arena, port->number, subset ? subset->name : "", service->hostname);
    enum cluster_source source = cluster_source(translator, service, &policy);
    struct pb_cluster *cluster = new_outbound(translator, name, source);
    struct pb_struct *fields;

    if ((source == CLUSTER_DNS || source == CLUSTER_ONE_NAME) &&
        !set_names(translator, service, port, subset, cluster))
        return;
    if (source != CLUSTER_ORIGINAL && source != CLUSTER_NOTHING && policy.load_balancer)
        set_balancer(arena, cluster, policy.load_balancer);
    set_pool(arena, cluster, port, policy.pool);
    if (policy.outlier)
        set_outlier(arena, cluster, policy.outlier);
    cluster->metadata = build_metadata(arena, "istio", &fields);
    if (destination)
        build_config_path(arena, fields, "destination-rule", &destination->meta);
    build_struct_set(arena, fields, "default_original_port", build_number(arena, port->number));
    add_service_metadata(arena, fields, service);
    if (subset)
        pb_struct_set_string(arena, fields, "subset", slice_str(subset->name));
    translate_add(translator, TRANSLATE_CLUSTER, name, &pb_cluster_desc, cluster);
}

static void add_service(struct translator *translator, const struct mesh_service *service)
{
    const struct mesh_destination *destination = mesh_destination_find(
        translator->mesh, translator->scope->namespace, &translator->scope->labels, service);

    for (size_t i = 0; i < service->port_count; i++) {
        if (!scope_has_port(translator, service, &service->ports[i]))
            continue;
        add_outbound(translator, service, &service->ports[i], destination, NULL);
        for (size_t j = 0; destination && j < destination->subset_count; j++)
            add_outbound(translator, service, &service->ports[i], destination,
                         &destination->subsets[j]);
    }
}

/* Connections come to the application from an address that the interception lets by. */
static void set_source(struct translator *translator, struct pb_cluster *cluster)
{
    bool is_v6 = strcmp(translate_wildcard(translator), "::") == 0;

    cluster->upstream_bind_config = ARENA_NEW(translator->scratch, struct pb_bind_config);
    cluster->upstream_bind_config->source_address =
        build_address(translator->scratch, is_v6 ? "::6" : "127.0.0.6", 0)->socket_address;
}

/* Connections keep their original destination; from 127.0.0.6 the interception lets them by. */
static void add_passthrough(struct translator *translator, const char *name, bool is_inbound)
{
    struct arena *arena = translator->scratch;
    struct pb_cluster_http_options options = {0};
    struct pb_cluster *cluster =
        new_cluster(translator, name, PB_CLUSTER_DISCOVERY_TYPE_ORIGINAL_DST,
                    PB_CLUSTER_LB_POLICY_CLUSTER_PROVIDED);

    (void)add_breakers(arena, cluster);
    options.common_http_protocol_options = ARENA_NEW(arena, struct pb_http_protocol_options);
    options.common_http_protocol_options->has_idle_timeout = true;
    options.common_http_protocol_options->idle_timeout.seconds = PASSTHROUGH_IDLE_S;
    set_downstream_protocol(arena, &options, NULL);
    add_http_options(arena, cluster, &options);
    if (is_inbound) {
        set_source(translator, cluster);
        if (translate_is_dual(translator)) {
            struct pb_extra_source_address *extra =
                ARENA_NEW(arena, struct pb_extra_source_address);

            extra->address = build_address(arena, "::6", 0)->socket_address;
            PROTO_PUSH(arena, cluster->upstream_bind_config, extra_source_addresses, extra);
        }
    }
    translate_add(translator, TRANSLATE_CLUSTER, name, &pb_cluster_desc, cluster);
}

/* "127.0.0.1:8080", "[::1]:8080"; "0.0.0.0:8080" and "[::]:8080" mean the pod's address. */
static struct pb_address *endpoint_address(struct translator *translator, const char *text)
{
    const char *colon = strrchr(text, ':');
    struct slice host = slice_make(text, (size_t)(colon - text));
    uint64_t port = 0;
    bool is_pod = slice_eq(host, SLICE("0.0.0.0")) || slice_eq(host, SLICE("[::]"));

    (void)!slice_parse_u64(slice_str(colon + 1), UINT16_MAX, &port);
    if (host.len > 1 && host.data[0] == '[')
        host = slice_make(host.data + 1, host.len - 2);
    if (is_pod && translator->scope->address_count > 0)
        host = slice_str(translator->scope->addresses[0]);
    return build_address(translator->scratch, arena_slice_str(translator->scratch, host),
                         (uint32_t)port);
}

/* The address where a Sidecar says that the application is. */
static void set_default_endpoint(struct translator *translator, const char *text,
                                 struct pb_cluster *cluster)
{
    struct arena *arena = translator->scratch;
    struct pb_locality_lb_endpoints *group = ARENA_NEW(arena, struct pb_locality_lb_endpoints);
    struct pb_lb_endpoint *endpoint = ARENA_NEW(arena, struct pb_lb_endpoint);

    cluster->type = PB_CLUSTER_DISCOVERY_TYPE_STATIC;
    cluster->lb_policy = PB_CLUSTER_LB_POLICY_ROUND_ROBIN;
    cluster->load_assignment = ARENA_NEW(arena, struct pb_cluster_load_assignment);
    cluster->load_assignment->cluster_name = cluster->name;
    endpoint->host_identifier_case = PB_LB_ENDPOINT_CASE_ENDPOINT;
    endpoint->endpoint = ARENA_NEW(arena, struct pb_endpoint);
    endpoint->endpoint->address = endpoint_address(translator, text);
    PROTO_PUSH(arena, group, lb_endpoints, endpoint);
    PROTO_PUSH(arena, cluster->load_assignment, endpoints, group);
}

/* Limits of connections to the application: the port's, else the Sidecar's. */
static const struct api_connection_pool_settings *inbound_pool(const struct translator *translator,
                                                               const struct inbound_port *inbound)
{
    if (inbound->ingress && inbound->ingress->connection_pool)
        return inbound->ingress->connection_pool;
    return translator->sidecar ? translator->sidecar->spec->inbound_connection_pool : NULL;
}

static void add_inbound(struct translator *translator, const struct inbound_port *inbound)
{
    struct arena *arena = translator->scratch;
    const char *name = arena_printf(arena, "inbound|%u||", inbound->number);
    const char *endpoint = inbound->ingress ? inbound->ingress->default_endpoint : NULL;
    struct pb_cluster *cluster =
        new_cluster(translator, name, PB_CLUSTER_DISCOVERY_TYPE_ORIGINAL_DST,
                    PB_CLUSTER_LB_POLICY_CLUSTER_PROVIDED);
    struct pb_struct *fields;

    cluster->alt_stat_name = slice_str(arena_printf(arena, "%s;", name));
    set_pool(arena, cluster, inbound->port, inbound_pool(translator, inbound));
    if (endpoint && strrchr(endpoint, ':') && endpoint[0] != 'u')
        set_default_endpoint(translator, endpoint, cluster);
    else
        set_source(translator, cluster);
    if (inbound->service) {
        cluster->metadata = build_metadata(arena, "istio", &fields);
        add_service_metadata(arena, fields, inbound->service);
    }
    translate_add(translator, TRANSLATE_CLUSTER, name, &pb_cluster_desc, cluster);
}

void clusters_make(struct translator *translator)
{
    for (size_t i = 0; i < translator->service_count; i++)
        add_service(translator, translator->services[i]);
    translate_add(translator, TRANSLATE_CLUSTER, "BlackHoleCluster", &pb_cluster_desc,
                  new_cluster(translator, "BlackHoleCluster", PB_CLUSTER_DISCOVERY_TYPE_STATIC,
                              PB_CLUSTER_LB_POLICY_ROUND_ROBIN));
    if (translator->scope->role == TRANSLATE_SIDECAR)
        add_passthrough(translator, "PassthroughCluster", false);
}

void clusters_make_inbound(struct translator *translator)
{
    for (size_t i = 0; i < translator->inbound_count && !translator->scope->interception_none; i++)
        add_inbound(translator, &translator->inbound[i]);
    add_passthrough(translator, "InboundPassthroughCluster", true);
}
