/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's rules for a DestinationRule.
 *
 * Place   validate.c
 * Owns    nothing
 * Spec    Istio's validation of networking.istio.io/v1 DestinationRule
 */
#include "api/rules.h"

enum { PATH_SIZE = ERR_PATH_SIZE };

static void check_balancer(struct rules *rules, const char *path,
                           const struct api_load_balancer_settings *balancer)
{
    const struct api_consistent_hash_lb *hash = balancer ? balancer->consistent_hash : NULL;
    int keys;

    if (!hash)
        return;
    keys = (hash->http_header_name != NULL) + (hash->http_cookie != NULL) +
           (hash->has_use_source_ip && hash->use_source_ip) +
           (hash->http_query_parameter_name != NULL);
    if (keys != 1)
        rules_tell(rules, ERR_INVALID, path,
                   "consistentHash must have one of httpHeaderName, httpCookie, useSourceIp and "
                   "httpQueryParameterName");
    if (balancer->simple)
        rules_tell(rules, ERR_INVALID, path, "may have one of simple and consistentHash only");
}

static void check_not_negative(struct rules *rules, const char *path, const char *what,
                               int64_t value)
{
    if (value < 0)
        rules_tell(rules, ERR_INVALID, path, "%s must be non-negative", what);
}

static void check_http_pool(struct rules *rules, const char *path,
                            const struct api_http_settings *http)
{
    char place[PATH_SIZE];

    check_not_negative(rules, path, "http1 max pending requests", http->http1_max_pending_requests);
    check_not_negative(rules, path, "http2 max requests", http->http2_max_requests);
    check_not_negative(rules, path, "max requests per connection",
                       http->max_requests_per_connection);
    check_not_negative(rules, path, "max retries", http->max_retries);
    check_not_negative(rules, path, "max concurrent streams", http->max_concurrent_streams);
    if (http->use_client_protocol && http->h2_upgrade_policy &&
        strcmp(http->h2_upgrade_policy, "UPGRADE") == 0)
        rules_tell(rules, ERR_INVALID, path,
                   "use client protocol must not be true when H2UpgradePolicy is UPGRADE");
    rules_path(place, sizeof(place), "%s.idleTimeout", path);
    rules_duration(rules, place, http->has_idle_timeout && http->idle_timeout_ns,
                   http->idle_timeout_ns);
}

static void check_pool(struct rules *rules, const char *path,
                       const struct api_connection_pool_settings *pool)
{
    char place[PATH_SIZE];

    if (!pool)
        return;
    if (!pool->http && !pool->tcp)
        rules_tell(rules, ERR_INVALID, path, "connection pool must have at least one field");
    if (pool->http) {
        rules_path(place, sizeof(place), "%s.http", path);
        check_http_pool(rules, place, pool->http);
    }
    if (pool->tcp) {
        rules_path(place, sizeof(place), "%s.tcp", path);
        check_not_negative(rules, place, "max connections", pool->tcp->max_connections);
        rules_path(place, sizeof(place), "%s.tcp.connectTimeout", path);
        rules_duration(rules, place, pool->tcp->has_connect_timeout, pool->tcp->connect_timeout_ns);
    }
}

static void check_outlier(struct rules *rules, const char *path,
                          const struct api_outlier_detection *outlier)
{
    char place[PATH_SIZE];

    if (!outlier)
        return;
    rules_path(place, sizeof(place), "%s.interval", path);
    rules_duration(rules, place, outlier->has_interval, outlier->interval_ns);
    rules_path(place, sizeof(place), "%s.baseEjectionTime", path);
    rules_duration(rules, place, outlier->has_base_ejection_time, outlier->base_ejection_time_ns);
}

static void check_tls(struct rules *rules, const char *path,
                      const struct api_client_tls_settings *tls)
{
    bool is_mutual = tls && tls->mode && strcmp(tls->mode, "MUTUAL") == 0;

    if (is_mutual && !tls->credential_name && !tls->client_certificate)
        rules_tell(rules, ERR_INVALID, path, "client certificate required for mutual tls");
    else if (is_mutual && !tls->credential_name && !tls->private_key)
        rules_tell(rules, ERR_INVALID, path, "private key required for mutual tls");
}

static void check_policy(struct rules *rules, const char *path,
                         const struct api_traffic_policy *policy)
{
    char place[PATH_SIZE];

    if (!policy)
        return;
    rules_path(place, sizeof(place), "%s.loadBalancer", path);
    check_balancer(rules, place, policy->load_balancer);
    rules_path(place, sizeof(place), "%s.connectionPool", path);
    check_pool(rules, place, policy->connection_pool);
    rules_path(place, sizeof(place), "%s.outlierDetection", path);
    check_outlier(rules, place, policy->outlier_detection);
    rules_path(place, sizeof(place), "%s.tls", path);
    check_tls(rules, place, policy->tls);
    for (size_t i = 0; i < policy->port_level_settings_count; i++) {
        const struct api_port_traffic_policy *port = &policy->port_level_settings[i];

        rules_path(place, sizeof(place), "%s.portLevelSettings[%zu].port", path, i);
        if (!port->port)
            rules_tell(rules, ERR_INVALID, place, "required value");
        else
            rules_port(rules, place, port->port->number);
        rules_path(place, sizeof(place), "%s.portLevelSettings[%zu].loadBalancer", path, i);
        check_balancer(rules, place, port->load_balancer);
        rules_path(place, sizeof(place), "%s.portLevelSettings[%zu].connectionPool", path, i);
        check_pool(rules, place, port->connection_pool);
        rules_path(place, sizeof(place), "%s.portLevelSettings[%zu].tls", path, i);
        check_tls(rules, place, port->tls);
    }
}

void rules_destination_rule(struct rules *rules, const void *object)
{
    const struct api_destination_rule_spec *spec =
        ((const struct api_destination_rule *)object)->spec;
    char path[64];

    if (!spec) {
        rules_tell(rules, ERR_INVALID, "spec", "required value");
        return;
    }
    if (!spec->host || (!rules_is_host(spec->host, true) && !rules_is_address(spec->host)))
        rules_tell(rules, ERR_INVALID, "spec.host", "\"%.100s\" is not a host name",
                   spec->host ? spec->host : "");
    check_policy(rules, "spec.trafficPolicy", spec->traffic_policy);
    for (size_t i = 0; i < spec->subsets_count; i++) {
        const struct api_subset *subset = &spec->subsets[i];

        rules_path(path, sizeof(path), "spec.subsets[%zu].name", i);
        if (!subset->name || !rules_is_label(subset->name))
            rules_tell(rules, ERR_INVALID, path, "\"%.100s\" is not a name of a subset",
                       subset->name ? subset->name : "");
        for (size_t j = 0; j < i && subset->name; j++)
            if (spec->subsets[j].name && strcmp(subset->name, spec->subsets[j].name) == 0)
                rules_tell(rules, ERR_INVALID, path, "duplicate subset names: %.100s",
                           subset->name);
        rules_path(path, sizeof(path), "spec.subsets[%zu].trafficPolicy", i);
        check_policy(rules, path, subset->traffic_policy);
    }
    rules_export_to(rules, spec->export_to, spec->export_to_count);
}
