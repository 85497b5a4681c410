/* SPDX-License-Identifier: Apache-2.0 */
/* HttpConnectionManager -> hcm_conf, and access logs. See compile.h.
 */
#include "proxy/compile.h"

#include "base/mem.h"
#include "proxy/flags.h"
#include "xds/pb/file_access_log.h"
#include "xds/pb/grpc_stats.h"
#include "xds/pb/istio_alpn.h"
#include "xds/pb/istio_peer_metadata.h"
#include "xds/pb/istio_stats.h"
#include "xds/pb/router.h"
#include "xds/pb/stream_access_log.h"
#include "xds/pb/udpa_typed_struct.h"
#include "xds/pb/xds_typed_struct.h"

enum {
    STREAM_IDLE_DEFAULT_MS = 300000,
    CONN_IDLE_DEFAULT_MS = 3600000,
    HEADERS_KB_DEFAULT = 60,
    HEADERS_DEFAULT_MAX = 100,
};

/* --- access logs --- */

static const struct slice log_default = {format_envoy_default, 0};

static int compile_json_format(struct compiler *compiler, struct resource *resource,
                               const struct pb_struct *in, struct access_log_conf *log,
                               struct error *err)
{
    struct format_json_field *fields =
        ARENA_ARRAY(&resource->arena, struct format_json_field, in->fields_count + 1);

    for (size_t i = 0; i < in->fields_count; i++) {
        const struct pb_value *value = in->fields[i]->value;
        struct format *format;

        if (value == NULL || value->kind_case != PB_VALUE_CASE_STRING_VALUE) {
            compile_unsupported(compiler, "access_log.json_format with nested values");
            continue;
        }
        if (format_parse(&resource->arena, value->string_value, &format, err) < 0)
            return err_prefix(err, "json_format.%.*s", SLICE_ARG(in->fields[i]->key));
        fields[log->field_count].key = arena_slice_dup(&resource->arena, in->fields[i]->key);
        fields[log->field_count++].value = format;
    }
    log->fields = fields;
    return 0;
}

static int compile_text_format(struct resource *resource, struct slice text,
                               struct access_log_conf *log, struct error *err)
{
    struct format *format;

    if (format_parse(&resource->arena, text, &format, err) < 0)
        return err_prefix(err, "format");
    log->format = format;
    return 0;
}

static int compile_log_format(struct compiler *compiler, struct resource *resource,
                              const struct pb_substitution_format_string *in,
                              struct access_log_conf *log, struct error *err)
{
    struct slice text = log_default;

    text.len = strlen(format_envoy_default);
    if (in == NULL)
        return compile_text_format(resource, text, log, err);
    switch (in->format_case) {
    case PB_SUBSTITUTION_FORMAT_STRING_CASE_JSON_FORMAT:
        return compile_json_format(compiler, resource, in->json_format, log, err);
    case PB_SUBSTITUTION_FORMAT_STRING_CASE_TEXT_FORMAT:
        text = in->text_format;
        break;
    case PB_SUBSTITUTION_FORMAT_STRING_CASE_TEXT_FORMAT_SOURCE:
        if (compile_data_source(in->text_format_source, &text, err) < 0)
            return err_prefix(err, "text_format_source");
        break;
    default:
        break;
    }
    return compile_text_format(resource, text, log, err);
}

static int compile_filter(struct resource *resource, const struct pb_access_log_filter *in,
                          struct access_filter *out, struct error *err);

static int compile_filters(struct resource *resource, struct pb_access_log_filter *const *in,
                           size_t count, struct access_filter *out, struct error *err)
{
    struct access_filter *children = ARENA_ARRAY(&resource->arena, struct access_filter, count + 1);

    out->children = children;
    out->child_count = count;
    for (size_t i = 0; i < count; i++)
        if (compile_filter(resource, in[i], &children[i], err) < 0)
            return err_prefix(err, "filters[%zu]", i);
    return 0;
}

static void compile_comparison(const struct pb_comparison_filter *in, struct access_filter *out)
{
    if (in == NULL)
        return;
    out->op = in->op;
    out->value = in->value ? in->value->default_value : 0;
}

static int compile_flags(struct pb_response_flag_filter *in, struct access_filter *out,
                         struct error *err)
{
    static const char *const names[] = {
#define FLAG_SHORT(name, brief, full) brief,
        FLAG_MAP(FLAG_SHORT)
#undef FLAG_SHORT
    };

    out->kind = ACCESS_FILTER_FLAGS;
    for (size_t i = 0; i < in->flags_count; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(names) && !slice_eq_str(in->flags[i], names[k]))
            k++;
        if (k == ARRAY_LEN(names))
            return err_set_path(err, ERR_INVALID, "response_flag_filter", "unknown flag \"%.*s\"",
                                SLICE_ARG(in->flags[i]));
        out->flags |= 1U << k;
    }
    return 0;
}

static int compile_filter(struct resource *resource, const struct pb_access_log_filter *in,
                          struct access_filter *out, struct error *err)
{
    switch (in->filter_specifier_case) {
    case PB_ACCESS_LOG_FILTER_CASE_STATUS_CODE_FILTER:
        out->kind = ACCESS_FILTER_STATUS;
        compile_comparison(in->status_code_filter->comparison, out);
        return 0;
    case PB_ACCESS_LOG_FILTER_CASE_DURATION_FILTER:
        out->kind = ACCESS_FILTER_DURATION;
        compile_comparison(in->duration_filter->comparison, out);
        return 0;
    case PB_ACCESS_LOG_FILTER_CASE_RESPONSE_FLAG_FILTER:
        return compile_flags(in->response_flag_filter, out, err);
    case PB_ACCESS_LOG_FILTER_CASE_HEADER_FILTER:
        out->kind = ACCESS_FILTER_HEADER;
        if (in->header_filter->header == NULL)
            return err_set_path(err, ERR_INVALID, "header_filter", "no header");
        return compile_header_matcher(resource, in->header_filter->header, &out->header, err);
    case PB_ACCESS_LOG_FILTER_CASE_AND_FILTER:
        out->kind = ACCESS_FILTER_AND;
        return compile_filters(resource, in->and_filter->filters, in->and_filter->filters_count,
                               out, err);
    case PB_ACCESS_LOG_FILTER_CASE_OR_FILTER:
        out->kind = ACCESS_FILTER_OR;
        return compile_filters(resource, in->or_filter->filters, in->or_filter->filters_count, out,
                               err);
    default:
        return err_set(err, ERR_UNSUPPORTED, "not supported: this kind of access log filter");
    }
}

static int compile_sink(struct compiler *compiler, struct resource *resource,
                        const struct pb_any *any, struct access_log_conf *log, struct error *err)
{
    struct pb_file_access_log *file;
    struct pb_stdout_access_log *stream;
    struct slice text = SLICE("");

    if (proto_any_is(any, &pb_stdout_access_log_desc) ||
        proto_any_is(any, &pb_stderr_access_log_desc)) {
        bool out = proto_any_is(any, &pb_stdout_access_log_desc);

        /* Both messages have the same shape. */
        if (proto_any_unpack(any, out ? &pb_stdout_access_log_desc : &pb_stderr_access_log_desc,
                             &resource->arena, (void **)&stream, NULL, err) < 0)
            return err->code;
        log->sink = names_slot(&compiler->sinks, out ? SLICE("/dev/stdout") : SLICE("/dev/stderr"));
        return compile_log_format(compiler, resource,
                                  stream->access_log_format_case ? stream->log_format : NULL, log,
                                  err);
    }
    if (!proto_any_is(any, &pb_file_access_log_desc))
        return err_set_path(err, ERR_UNSUPPORTED, "typed_config", "not supported: \"%.*s\"",
                            SLICE_ARG(any ? any->type_url : SLICE("none")));
    if (proto_any_unpack(any, &pb_file_access_log_desc, &resource->arena, (void **)&file, NULL,
                         err) < 0)
        return err->code;
    log->sink = names_slot(&compiler->sinks, file->path);
    switch (file->access_log_format_case) {
    case PB_FILE_ACCESS_LOG_CASE_FORMAT:
        text = file->format;
        break;
    case PB_FILE_ACCESS_LOG_CASE_JSON_FORMAT:
        return compile_json_format(compiler, resource, file->json_format, log, err);
    default:
        break;
    }
    if (text.len > 0)
        return compile_text_format(resource, text, log, err);
    return compile_log_format(compiler, resource,
                              file->access_log_format_case == PB_FILE_ACCESS_LOG_CASE_LOG_FORMAT
                                  ? file->log_format
                                  : NULL,
                              log, err);
}

int compile_access_logs(struct compiler *compiler, struct resource *resource,
                        struct pb_access_log *const *in, size_t count, struct access_log_conf **ret,
                        size_t *ret_count, struct error *err)
{
    struct access_log_conf *logs = ARENA_ARRAY(&resource->arena, struct access_log_conf, count + 1);

    for (size_t i = 0; i < count; i++) {
        const struct pb_any *any = in[i]->config_type_case ? in[i]->typed_config : NULL;

        if (compile_sink(compiler, resource, any, &logs[i], err) < 0)
            return err_prefix(err, "access_log[%zu]", i);
        if (in[i]->filter != NULL) {
            struct access_filter *filter = ARENA_NEW(&resource->arena, struct access_filter);

            if (compile_filter(resource, in[i]->filter, filter, err) < 0)
                return err_prefix(err, "access_log[%zu].filter", i);
            logs[i].filter = filter;
        }
    }
    *ret = logs;
    *ret_count = count;
    return 0;
}

/* --- filters --- */

/* The type that an Any holds, looking into typed structs. */
static struct slice type_of(struct resource *resource, const struct pb_any *any)
{
    struct pb_xds_typed_struct *wrapped;
    struct slice url = any ? any->type_url : SLICE("");
    const struct proto_message *desc =
        proto_any_is(any, &pb_xds_typed_struct_desc)    ? &pb_xds_typed_struct_desc
        : proto_any_is(any, &pb_udpa_typed_struct_desc) ? &pb_udpa_typed_struct_desc
                                                        : NULL;

    /* Both wrappers have the same shape. */
    if (desc != NULL &&
        proto_any_unpack(any, desc, &resource->arena, (void **)&wrapped, NULL, NULL) == 0)
        url = wrapped->type_url;
    for (size_t i = url.len; i > 0; i--)
        if (url.data[i - 1] == '/')
            return slice_from(url, i);
    return url;
}

static int compile_router(struct hcm_conf *conf, const struct pb_any *any, struct error *err)
{
    struct pb_router *router;

    if (proto_any_unpack(any, &pb_router_desc, &conf->resource.arena, (void **)&router, NULL, err) <
        0)
        return err_prefix(err, "typed_config");
    conf->suppress_envoy_headers = router->suppress_envoy_headers;
    return 0;
}

static int compile_listed(struct hcm_conf *conf, const struct filter_ops *ops,
                          const struct pb_http_filter *in, struct error *err)
{
    struct filter_conf *filter = &conf->filters[conf->filter_count];
    void *message;

    if (conf->filter_count == FILTERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d filters", FILTERS_MAX);
    if (proto_any_unpack(in->typed_config, ops->message, &conf->resource.arena, &message, NULL,
                         err) < 0)
        return err_prefix(err, "typed_config");
    /* What is disabled here a route may still configure. */
    if (ops->compile != NULL && !in->disabled &&
        ops->compile(&conf->resource, message, &filter->conf, err) < 0)
        return err_prefix(err, "typed_config");
    filter->ops = ops;
    filter->name = arena_slice_dup(&conf->resource.arena, in->name);
    conf->filter_count++;
    conf->filters_general |= filter->conf != NULL;
    return 0;
}

/* Known filters; those without an effect of their own are accepted. */
static int compile_http_filter(struct compiler *compiler, struct hcm_conf *conf,
                               const struct pb_http_filter *in, bool *ret_router, struct error *err)
{
    static const struct proto_message *const inert[] = {
        &pb_grpc_stats_config_desc, &pb_istio_alpn_config_desc, &pb_peer_metadata_config_desc};
    const struct pb_any *any =
        in->config_type_case == PB_HTTP_FILTER_CASE_TYPED_CONFIG ? in->typed_config : NULL;
    struct slice type = type_of(&conf->resource, any);
    const struct filter_ops *ops = filter_find(type);

    if (ops != NULL)
        return compile_listed(conf, ops, in, err);
    if (in->disabled)
        return 0;
    if (slice_eq_str(type, pb_router_desc.name)) {
        *ret_router = true;
        return compile_router(conf, any, err);
    }
    if (slice_eq_str(type, pb_istio_stats_config_desc.name)) {
        conf->telemetry = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(inert); i++)
        if (slice_eq_str(type, inert[i]->name))
            return 0;
    if (in->is_optional) {
        compile_unsupported(compiler, "http_filters (optional ones)");
        return 0;
    }
    return err_set(err, ERR_UNSUPPORTED, "not supported: HTTP filter \"%.*s\" of type \"%.*s\"",
                   SLICE_ARG(in->name), SLICE_ARG(type));
}

static int compile_http_filters(struct compiler *compiler, const struct pb_hcm *in,
                                struct hcm_conf *conf, struct error *err)
{
    bool router = false;

    conf->filters = ARENA_ARRAY(&conf->resource.arena, struct filter_conf, FILTERS_MAX);
    for (size_t i = 0; i < in->http_filters_count; i++)
        if (compile_http_filter(compiler, conf, in->http_filters[i], &router, err) < 0)
            return err_prefix(err, "http_filters[%zu]", i);
    if (!router)
        return err_set_path(err, ERR_INVALID, "http_filters", "the router must be the last one");
    return 0;
}

/* --- the manager --- */

static void drop_routes(void *object)
{
    struct route_table *table = object;

    resource_unref(&table->resource);
}

static int compile_routes_of(struct compiler *compiler, const struct pb_hcm *in,
                             struct hcm_conf *conf, struct error *err)
{
    if (in->route_specifier_case == PB_HCM_CASE_RDS) {
        conf->route_name = arena_slice_dup(&conf->resource.arena, in->rds->route_config_name);
        conf->route_slot = names_slot(&compiler->routes, conf->route_name);
        return 0;
    }
    if (in->route_specifier_case != PB_HCM_CASE_ROUTE_CONFIG)
        return err_set(err, ERR_INVALID, "neither rds nor route_config is set");
    conf->route_name = arena_slice_dup(&conf->resource.arena, in->route_config->name);
    if (compile_route(compiler, in->route_config, &conf->routes, err) < 0)
        return err_prefix(err, "route_config");
    resource_defer(&conf->resource, drop_routes, conf->routes);
    return 0;
}

static void compile_limits(const struct pb_hcm *in, struct hcm_conf *conf)
{
    const struct pb_http_protocol_options *common = in->common_http_protocol_options;

    conf->stream_idle_timeout_ms =
        compile_ms(in->has_stream_idle_timeout, in->stream_idle_timeout, STREAM_IDLE_DEFAULT_MS);
    conf->request_timeout_ms = compile_ms(in->has_request_timeout, in->request_timeout, 0);
    conf->headers_timeout_ms =
        compile_ms(in->has_request_headers_timeout, in->request_headers_timeout, 0);
    conf->head_size_max =
        (in->has_max_request_headers_kb ? in->max_request_headers_kb : HEADERS_KB_DEFAULT) * 1024U;
    conf->header_count_max = HEADERS_DEFAULT_MAX;
    conf->idle_timeout_ms = CONN_IDLE_DEFAULT_MS;
    if (common == NULL)
        return;
    conf->idle_timeout_ms =
        compile_ms(common->has_idle_timeout, common->idle_timeout, CONN_IDLE_DEFAULT_MS);
    if (common->has_max_headers_count)
        conf->header_count_max = common->max_headers_count;
    if (common->has_max_requests_per_connection)
        conf->requests_per_conn_max = common->max_requests_per_connection;
}

static void compile_head_rules(const struct pb_hcm *in, struct hcm_conf *conf)
{
    struct arena *arena = &conf->resource.arena;

    conf->server_name =
        in->server_name.len ? arena_slice_dup(arena, in->server_name) : SLICE("envoy");
    conf->server_header = (enum hcm_server_header)in->server_header_transformation;
    conf->use_remote_address = in->has_use_remote_address && in->use_remote_address;
    conf->trusted_hops = in->xff_num_trusted_hops;
    conf->skip_xff_append = in->skip_xff_append;
    conf->append_forwarded_port = in->append_x_forwarded_port;
    conf->generate_request_id = !in->has_generate_request_id || in->generate_request_id;
    conf->preserve_request_id = in->preserve_external_request_id;
    conf->request_id_in_response = in->always_set_request_id_in_response;
    conf->strip_port =
        in->strip_matching_host_port ||
        (in->strip_port_mode_case == PB_HCM_CASE_STRIP_ANY_HOST_PORT && in->strip_any_host_port);
    conf->via = in->via.len ? arena_slice_dup(arena, in->via) : slice_make(NULL, 0);
    conf->path.normalize = in->has_normalize_path && in->normalize_path;
    conf->path.merge_slashes = in->merge_slashes;
    conf->path.escaped = (enum path_escaped)in->path_with_escaped_slashes_action;
    for (size_t i = 0; i < in->upgrade_configs_count; i++)
        if (slice_eq_nocase(in->upgrade_configs[i]->upgrade_type, SLICE("websocket")) &&
            (!in->upgrade_configs[i]->has_enabled || in->upgrade_configs[i]->enabled))
            conf->upgrade_websocket = true;
    conf->accept_http10 =
        in->http_protocol_options != NULL && in->http_protocol_options->accept_http_10;
}

static void count_unsupported(struct compiler *compiler, const struct pb_hcm *in)
{
    if (in->tracing != NULL)
        compile_unsupported(compiler, "hcm.tracing");
    if (in->local_reply_config != NULL)
        compile_unsupported(compiler, "hcm.local_reply_config");
    if (in->proxy_100_continue)
        compile_unsupported(compiler, "hcm.proxy_100_continue");
    if (in->forward_client_cert_details != 0)
        compile_unsupported(compiler, "hcm.forward_client_cert_details");
}

static void drop_scope(void *object)
{
    stats_scope_unref(object);
}

int compile_hcm(struct compiler *compiler, const struct pb_hcm *in, struct hcm_conf **ret,
                struct error *err)
{
    struct hcm_conf *conf = resource_new(sizeof *conf, 1024);
    int rc = 0;

    conf->telemetry = compiler->telemetry;
    if (in->codec_type == PB_HCM_CODEC_TYPE_HTTP3)
        rc = err_set_path(err, ERR_UNSUPPORTED, "codec_type", "not supported: HTTP3");
    conf->codec = in->codec_type == PB_HCM_CODEC_TYPE_HTTP2   ? HCM_HTTP2
                  : in->codec_type == PB_HCM_CODEC_TYPE_HTTP1 ? HCM_HTTP1
                                                              : HCM_AUTO;
    conf->stat_prefix = arena_slice_dup(&conf->resource.arena, in->stat_prefix);
    compile_limits(in, conf);
    compile_head_rules(in, conf);
    count_unsupported(compiler, in);
    if (rc == 0)
        rc = compile_routes_of(compiler, in, conf, err);
    if (rc == 0)
        rc = compile_http_filters(compiler, in, conf, err);
    if (rc == 0)
        rc = compile_access_logs(compiler, &conf->resource, in->access_log, in->access_log_count,
                                 &conf->logs, &conf->log_count, err);
    if (rc < 0) {
        resource_unref(&conf->resource);
        return rc;
    }
    conf->stats = stats_scope_get(compiler->stats, STATS_HTTP, conf->stat_prefix);
    resource_defer(&conf->resource, drop_scope, conf->stats);
    *ret = conf;
    return 0;
}
