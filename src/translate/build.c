/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts of xDS messages.
 *
 * Place   all files of this folder
 * Owns    nothing; everything lies in the arena that is given
 */
#include "translate/build.h"

#include "xds/pb/cors.h"
#include "xds/pb/fault.h"
#include "xds/pb/file_access_log.h"
#include "xds/pb/grpc_stats.h"
#include "xds/pb/listener_filters_http.h"
#include "xds/pb/listener_filters_tls.h"
#include "xds/pb/router.h"
#include "xds/pb/tcp_proxy.h"

struct pb_duration build_duration(int64_t duration_ns)
{
    return (struct pb_duration){.seconds = duration_ns / 1000000000,
                                .nanos = (int32_t)(duration_ns % 1000000000)};
}

struct pb_address *build_address(struct arena *arena, const char *address, uint32_t port)
{
    struct pb_address *out = ARENA_NEW(arena, struct pb_address);

    out->address_case = PB_ADDRESS_CASE_SOCKET_ADDRESS;
    out->socket_address = ARENA_NEW(arena, struct pb_socket_address);
    out->socket_address->address = slice_str(address);
    out->socket_address->port_specifier_case = PB_SOCKET_ADDRESS_CASE_PORT_VALUE;
    out->socket_address->port_value = port;
    return out;
}

struct pb_config_source *build_ads(struct arena *arena)
{
    struct pb_config_source *out = ARENA_NEW(arena, struct pb_config_source);

    out->config_source_specifier_case = PB_CONFIG_SOURCE_CASE_ADS;
    out->ads = ARENA_NEW(arena, struct pb_aggregated_config_source);
    out->has_initial_fetch_timeout = true;
    out->resource_api_version = PB_API_VERSION_V3;
    return out;
}

struct pb_metadata *build_metadata(struct arena *arena, const char *filter,
                                   struct pb_struct **ret_fields)
{
    struct pb_metadata *out = ARENA_NEW(arena, struct pb_metadata);
    struct pb_metadata_filter_metadata_entry *entry =
        ARENA_NEW(arena, struct pb_metadata_filter_metadata_entry);

    entry->key = slice_str(filter);
    entry->value = ARENA_NEW(arena, struct pb_struct);
    PROTO_PUSH(arena, out, filter_metadata, entry);
    *ret_fields = entry->value;
    return out;
}

void build_struct_set(struct arena *arena, struct pb_struct *fields, const char *key,
                      struct pb_value *value)
{
    struct pb_struct_fields_entry *entry = ARENA_NEW(arena, struct pb_struct_fields_entry);

    entry->key = slice_str(key);
    entry->value = value;
    PROTO_PUSH(arena, fields, fields, entry);
}

struct pb_value *build_number(struct arena *arena, double number)
{
    struct pb_value *value = ARENA_NEW(arena, struct pb_value);

    value->kind_case = PB_VALUE_CASE_NUMBER_VALUE;
    value->number_value = number;
    return value;
}

void build_config_path(struct arena *arena, struct pb_struct *fields, const char *resource,
                       const struct mesh_meta *meta)
{
    const char *path = arena_printf(arena, "/apis/networking.istio.io/v1/namespaces/%s/%s/%s",
                                    meta->namespace, resource, meta->name);

    pb_struct_set_string(arena, fields, "config", slice_str(path));
}

struct pb_fractional_percent *build_fraction(struct arena *arena, double percent)
{
    struct pb_fractional_percent *out = ARENA_NEW(arena, struct pb_fractional_percent);

    out->numerator = (uint32_t)(percent * 10000 + 0.5);
    out->denominator = PB_FRACTIONAL_PERCENT_DENOMINATOR_TYPE_MILLION;
    return out;
}

struct pb_http_filter *build_http_filter(struct arena *arena, const char *name,
                                         const struct proto_message *desc, const void *message)
{
    struct pb_http_filter *out = ARENA_NEW(arena, struct pb_http_filter);

    out->name = slice_str(name);
    out->config_type_case = PB_HTTP_FILTER_CASE_TYPED_CONFIG;
    out->typed_config = proto_any_pack(arena, desc, message);
    return out;
}

struct pb_filter *build_filter(struct arena *arena, const char *name,
                               const struct proto_message *desc, const void *message)
{
    struct pb_filter *out = ARENA_NEW(arena, struct pb_filter);

    out->name = slice_str(name);
    out->config_type_case = PB_FILTER_CASE_TYPED_CONFIG;
    out->typed_config = proto_any_pack(arena, desc, message);
    return out;
}

struct pb_listener_filter *build_listener_filter(struct arena *arena, const char *name,
                                                 const struct proto_message *desc,
                                                 const void *message)
{
    struct pb_listener_filter *out = ARENA_NEW(arena, struct pb_listener_filter);

    out->name = slice_str(name);
    out->config_type_case = PB_LISTENER_FILTER_CASE_TYPED_CONFIG;
    out->typed_config = proto_any_pack(arena, desc, message);
    return out;
}

/* Istio's default line. */
static const char access_log_format[] =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% "
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

static const struct {
    const char *key;
    const char *value;
} access_log_fields[] = {
    {"authority", "%REQ(:AUTHORITY)%"},
    {"bytes_received", "%BYTES_RECEIVED%"},
    {"bytes_sent", "%BYTES_SENT%"},
    {"connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"},
    {"downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"},
    {"downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"},
    {"duration", "%DURATION%"},
    {"method", "%REQ(:METHOD)%"},
    {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"request_id", "%REQ(X-REQUEST-ID)%"},
    {"requested_server_name", "%REQUESTED_SERVER_NAME%"},
    {"response_code", "%RESPONSE_CODE%"},
    {"response_code_details", "%RESPONSE_CODE_DETAILS%"},
    {"response_flags", "%RESPONSE_FLAGS%"},
    {"route_name", "%ROUTE_NAME%"},
    {"start_time", "%START_TIME%"},
    {"upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"},
    {"upstream_host", "%UPSTREAM_HOST%"},
    {"upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"},
    {"upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
    {"upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
    {"user_agent", "%REQ(USER-AGENT)%"},
    {"x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"},
};

static void set_log_format(struct arena *arena, const struct mesh_config *config,
                           struct pb_substitution_format_string *out)
{
    struct pb_data_source *source;

    if (config->access_log_json) {
        out->format_case = PB_SUBSTITUTION_FORMAT_STRING_CASE_JSON_FORMAT;
        out->json_format = ARENA_NEW(arena, struct pb_struct);
        for (size_t i = 0; i < ARRAY_LEN(access_log_fields); i++)
            pb_struct_set_string(arena, out->json_format, access_log_fields[i].key,
                                 slice_str(access_log_fields[i].value));
        return;
    }
    source = ARENA_NEW(arena, struct pb_data_source);
    source->specifier_case = PB_DATA_SOURCE_CASE_INLINE_STRING;
    source->inline_string =
        slice_str(config->access_log_format[0] ? config->access_log_format : access_log_format);
    out->format_case = PB_SUBSTITUTION_FORMAT_STRING_CASE_TEXT_FORMAT_SOURCE;
    out->text_format_source = source;
}

void build_access_log(struct arena *arena, const struct mesh_config *config,
                      struct pb_access_log ***logs, size_t *log_count)
{
    struct pb_file_access_log file = {0};
    struct pb_access_log *log;

    if (!config->access_log_path[0])
        return;
    file.path = slice_str(config->access_log_path);
    file.access_log_format_case = PB_FILE_ACCESS_LOG_CASE_LOG_FORMAT;
    file.log_format = ARENA_NEW(arena, struct pb_substitution_format_string);
    set_log_format(arena, config, file.log_format);
    log = ARENA_NEW(arena, struct pb_access_log);
    log->name = SLICE("envoy.access_loggers.file");
    log->config_type_case = PB_ACCESS_LOG_CASE_TYPED_CONFIG;
    log->typed_config = proto_any_pack(arena, &pb_file_access_log_desc, &file);
    *logs = proto_array_grow(arena, *logs, *log_count, sizeof(**logs));
    (*logs)[(*log_count)++] = log;
}

struct pb_filter_chain *build_tcp_chain(struct arena *arena, const struct mesh_config *config,
                                        const char *name, const char *cluster)
{
    return build_tcp_chain_idle(arena, config, name, cluster, NULL);
}

struct pb_filter_chain *build_tcp_chain_idle(struct arena *arena, const struct mesh_config *config,
                                             const char *name, const char *cluster,
                                             const struct pb_duration *idle)
{
    struct pb_filter_chain *chain = ARENA_NEW(arena, struct pb_filter_chain);
    struct pb_tcp_proxy proxy = {0};

    proxy.stat_prefix = slice_str(cluster);
    build_access_log(arena, config, &proxy.access_log, &proxy.access_log_count);
    proxy.cluster_specifier_case = PB_TCP_PROXY_CASE_CLUSTER;
    proxy.cluster = slice_str(cluster);
    proxy.has_idle_timeout = idle != NULL;
    if (idle)
        proxy.idle_timeout = *idle;
    chain->name = slice_str(name);
    PROTO_PUSH(arena, chain, filters,
               build_filter(arena, "envoy.filters.network.tcp_proxy", &pb_tcp_proxy_desc, &proxy));
    return chain;
}

struct pb_filter_chain *build_http_chain(struct arena *arena, const char *name,
                                         const struct pb_hcm *hcm)
{
    struct pb_filter_chain *chain = ARENA_NEW(arena, struct pb_filter_chain);

    chain->name = slice_str(name);
    PROTO_PUSH(
        arena, chain, filters,
        build_filter(arena, "envoy.filters.network.http_connection_manager", &pb_hcm_desc, hcm));
    return chain;
}

/* In istiod's order; the router is last. */
static void add_http_filters(struct arena *arena, struct pb_hcm *hcm)
{
    const struct pb_grpc_stats_config grpc = {
        .emit_filter_state = true,
        .per_method_stat_specifier_case = PB_GRPC_STATS_CONFIG_CASE_STATS_FOR_ALL_METHODS,
    };
    const struct pb_http_fault fault = {0};
    const struct pb_cors cors = {0};
    const struct pb_router router = {0};

    PROTO_PUSH(arena, hcm, http_filters,
               build_http_filter(arena, "envoy.filters.http.grpc_stats", &pb_grpc_stats_config_desc,
                                 &grpc));
    PROTO_PUSH(arena, hcm, http_filters,
               build_http_filter(arena, "envoy.filters.http.fault", &pb_http_fault_desc, &fault));
    PROTO_PUSH(arena, hcm, http_filters,
               build_http_filter(arena, "envoy.filters.http.cors", &pb_cors_desc, &cors));
    PROTO_PUSH(arena, hcm, http_filters,
               build_http_filter(arena, "envoy.filters.http.router", &pb_router_desc, &router));
}

static void set_client_cert(struct arena *arena, struct pb_hcm *hcm, enum build_hcm_side side)
{
    struct pb_hcm_set_current_client_cert_details *details;

    if (side == BUILD_HCM_OUTBOUND)
        return;
    details = ARENA_NEW(arena, struct pb_hcm_set_current_client_cert_details);
    details->has_subject = details->subject = true;
    details->dns = true;
    details->uri = true;
    details->cert = side == BUILD_HCM_GATEWAY;
    hcm->set_current_client_cert_details = details;
    hcm->forward_client_cert_details = side == BUILD_HCM_GATEWAY
                                           ? PB_HCM_FORWARD_CLIENT_CERT_DETAILS_SANITIZE_SET
                                           : PB_HCM_FORWARD_CLIENT_CERT_DETAILS_APPEND_FORWARD;
}

struct pb_hcm *build_hcm(struct arena *arena, const struct mesh_config *config,
                         enum build_hcm_side side, const char *stat_prefix)
{
    struct pb_hcm *hcm = ARENA_NEW(arena, struct pb_hcm);
    struct pb_hcm_upgrade_config *upgrade = ARENA_NEW(arena, struct pb_hcm_upgrade_config);

    hcm->stat_prefix = slice_str(stat_prefix);
    add_http_filters(arena, hcm);
    build_access_log(arena, config, &hcm->access_log, &hcm->access_log_count);
    hcm->has_use_remote_address = true;
    hcm->use_remote_address = side == BUILD_HCM_GATEWAY;
    set_client_cert(arena, hcm, side);
    if (side != BUILD_HCM_OUTBOUND)
        hcm->server_name = SLICE("istio-envoy");
    upgrade->upgrade_type = SLICE("websocket");
    PROTO_PUSH(arena, hcm, upgrade_configs, upgrade);
    hcm->has_stream_idle_timeout = true; /* 0: off */
    hcm->has_normalize_path = hcm->normalize_path = true;
    hcm->path_with_escaped_slashes_action = PB_HCM_PATH_WITH_ESCAPED_SLASHES_ACTION_KEEP_UNCHANGED;
    return hcm;
}

void build_hcm_rds(struct arena *arena, struct pb_hcm *hcm, const char *route_name)
{
    hcm->route_specifier_case = PB_HCM_CASE_RDS;
    hcm->rds = ARENA_NEW(arena, struct pb_rds);
    hcm->rds->config_source = build_ads(arena);
    hcm->rds->route_config_name = slice_str(route_name);
}

struct pb_listener *build_listener(struct arena *arena, const char *name, const char *address,
                                   uint32_t port)
{
    struct pb_listener *listener = ARENA_NEW(arena, struct pb_listener);

    listener->name = slice_str(name);
    listener->address = build_address(arena, address, port);
    return listener;
}

void build_inspectors(struct arena *arena, struct pb_listener *listener)
{
    const struct pb_http_inspector http = {0};

    PROTO_PUSH(arena, listener, listener_filters,
               build_listener_filter(arena, "envoy.filters.listener.http_inspector",
                                     &pb_http_inspector_desc, &http));
    listener->has_listener_filters_timeout = true; /* 0: off */
    listener->continue_on_listener_filters_timeout = true;
}

void build_tls_inspector(struct arena *arena, struct pb_listener *listener)
{
    const struct pb_tls_inspector tls = {0};

    PROTO_PUSH(arena, listener, listener_filters,
               build_listener_filter(arena, "envoy.filters.listener.tls_inspector",
                                     &pb_tls_inspector_desc, &tls));
    listener->has_listener_filters_timeout = true; /* 0: off */
    listener->continue_on_listener_filters_timeout = true;
}

void build_match_name(struct arena *arena, struct pb_filter_chain *chain, const char *name)
{
    if (!chain->filter_chain_match)
        chain->filter_chain_match = ARENA_NEW(arena, struct pb_filter_chain_match);
    if (strcmp(name, "*") != 0)
        PROTO_PUSH(arena, chain->filter_chain_match, server_names, slice_str(name));
}

void build_match_http(struct arena *arena, struct pb_filter_chain *chain)
{
    if (!chain->filter_chain_match)
        chain->filter_chain_match = ARENA_NEW(arena, struct pb_filter_chain_match);
    chain->filter_chain_match->transport_protocol = SLICE("raw_buffer");
    PROTO_PUSH(arena, chain->filter_chain_match, application_protocols, SLICE("http/1.1"));
    PROTO_PUSH(arena, chain->filter_chain_match, application_protocols, SLICE("h2c"));
}
